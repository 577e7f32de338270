//! What was on deal when.

use std::collections::{BTreeMap, HashMap};

use super::catalogue::Catalogue;
use crate::error::{Error, Result};
use crate::lake::{Counts, Cut, LineNames, OpenTable, Rows};
use crate::time::Day;

/// What was on deal when: by product, and by category and day how many of its products.
#[derive(Debug, Default)]
pub struct Deals {
    /// First and last days on deal, by product, oldest first, apart from each other.
    spans: Vec<(Day, Day)>,
    /// By product: where its spans end.
    ends: Vec<u32>,
    /// By category.
    categories: Vec<OfCategory>,
    /// Products on deal, by category and day.
    on_deal: Vec<u32>,
}

/// The products of a category, and where those on deal are told: from which day on, and where that day's number and the last one's stand.
#[derive(Debug, Clone, Copy)]
struct OfCategory {
    products: u32,
    first: Day,
    start: usize,
    end: usize,
}

const NO_PRODUCT: OfCategory = OfCategory { products: 0, first: Day(0), start: 0, end: 0 };

impl Deals {
    /// The deals of `promotions` and the products in them.
    pub fn of(promotions: &Promotions, catalogue: &Catalogue, places: &[u32]) -> Self {
        let mut deals = Self { categories: vec![NO_PRODUCT; catalogue.categories.len()], ..Self::default() };
        let mut on_deal: BTreeMap<u32, (Day, Vec<u32>)> = BTreeMap::new();
        for &category in catalogue.category.iter().filter(|category| **category > 0) {
            deals.categories[category as usize].products += 1;
        }
        let mut spans: BTreeMap<u32, Vec<(Day, Day)>> = BTreeMap::new();
        for (promotion, product, recorded) in &promotions.products {
            let Some(&(starts, ends, known)) = promotions.spans.get(promotion) else { continue };
            // Nobody knew of it before it was recorded: so no snapshot sees what came later.
            let from = starts.max(known).max(*recorded);
            if from <= ends && ends.since(from) <= SPAN_DAYS_MAX {
                spans.entry(places[*product as usize]).or_default().push((from, ends));
            }
        }
        for (product, spans) in spans {
            let spans = apart(spans);
            let category = catalogue.category.get(product as usize).copied().unwrap_or_default();
            if category > 0 {
                spans.iter().for_each(|&(from, ends)| count(on_deal.entry(category).or_insert((from, Vec::new())), from, ends));
            }
            deals.ends.resize(product as usize, deals.spans.len() as u32);
            deals.spans.extend(spans);
            deals.ends.push(deals.spans.len() as u32);
        }
        for (category, (first, counts)) in on_deal {
            let start = deals.on_deal.len();
            deals.on_deal.extend(counts);
            let of = &mut deals.categories[category as usize];
            *of = OfCategory { first, start, end: deals.on_deal.len(), ..*of };
        }
        deals
    }

    /// Whether the product was on deal on `day`.
    pub fn has(&self, product: u32, day: Day) -> bool {
        let product = product as usize;
        let Some(&end) = self.ends.get(product) else { return false };
        let start = product.checked_sub(1).map_or(0, |before| self.ends[before]);
        let spans = &self.spans[start as usize..end as usize];
        let after = spans.partition_point(|(from, _)| *from <= day);
        after > 0 && day <= spans[after - 1].1
    }

    /// The share of the products of `category` that were on deal on `day`; None for who has no category.
    pub fn share(&self, category: u32, day: Day) -> Option<f64> {
        let of = self.categories.get(category as usize).filter(|of| of.products > 0)?;
        let place = usize::try_from(day.since(of.first)).ok().map(|days| of.start + days).filter(|place| *place < of.end);
        Some(place.map_or(0.0, |place| f64::from(self.on_deal[place]) / f64::from(of.products)))
    }
}

/// Counts a deal of a category, whose deals are counted from a day on.
fn count((first, counts): &mut (Day, Vec<u32>), from: Day, to: Day) {
    if from < *first {
        let missing = first.since(from) as usize;
        counts.splice(0..0, std::iter::repeat_n(0, missing));
        *first = from;
    }
    let (start, end) = (from.since(*first) as usize, to.since(*first) as usize + 1);
    counts.resize(counts.len().max(end), 0);
    counts[start..end].iter_mut().for_each(|count| *count += 1);
}

/// The spans, sorted and without what two share: a product in two promotions at once is on deal once.
fn apart(mut spans: Vec<(Day, Day)>) -> Vec<(Day, Day)> {
    spans.sort_unstable();
    let mut apart: Vec<(Day, Day)> = Vec::with_capacity(spans.len());
    for (from, ends) in spans {
        match apart.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(ends),
            _ => apart.push((from, ends)),
        }
    }
    apart
}

/// A deal that runs for longer is the product's price.
const SPAN_DAYS_MAX: i64 = 3650;

/// Promotions and their products as they were read.
#[derive(Debug, Default)]
pub struct Promotions {
    /// By number of the promotion: first and last day, and from when it is known.
    spans: HashMap<u32, (Day, Day, Day)>,
    /// Number of the promotion, number of the product, from when it is known.
    products: Vec<(u32, u32, Day)>,
}

/// Reads the tables `promotions` and `promotion_products`.
///
/// # Errors
/// Those of the lake.
pub fn read_promotions(tables: [&OpenTable; 2], cut: &Cut, names: &LineNames) -> Result<(Promotions, [Counts; 2])> {
    let number = |rows: &Rows<'_>, row: usize| names.promotions.number(rows.text("promo_id", row).unwrap_or_default());
    let known = |rows: &Rows<'_>, row: usize| rows.recorded.at(row).unwrap_or(Day(i32::MIN));
    let add_span = |spans: &mut Vec<(u32, (Day, Day, Day))>, rows: &Rows<'_>| {
        let day = |name: &str, row: usize| {
            let day = rows.column(name).and_then(|column| column.int(row)).ok_or_else(|| Error::bug(format!("promotions have a column {name}")))?;
            Ok::<Day, Error>(Day(day as i32))
        };
        for &row in &rows.kept {
            spans.push((number(rows, row), (day("starts_on", row)?, day("ends_on", row)?, known(rows, row))));
        }
        Ok(())
    };
    let (spans, first) = tables[0].scan(cut, add_span, |whole: &mut Vec<_>, part| {
        whole.extend(part);
        Ok(())
    })?;
    let add_product = |products: &mut Vec<(u32, u32, Day)>, rows: &Rows<'_>| {
        let product = |row: usize| names.products.number(rows.text("product_id", row).unwrap_or_default());
        products.extend(rows.kept.iter().map(|&row| (number(rows, row), product(row), known(rows, row))));
        Ok(())
    };
    let (products, second) = tables[1].scan(cut, add_product, |whole: &mut Vec<_>, part| {
        whole.extend(part);
        Ok(())
    })?;
    let mut promotions = Promotions { spans: HashMap::new(), products };
    for (number, span) in spans {
        // Of several rows of a promotion the last recorded holds.
        let held = promotions.spans.entry(number).or_insert(span);
        if (span.2, span) > (held.2, *held) {
            *held = span;
        }
    }
    Ok((promotions, [first, second]))
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::tests::catalogue;
    use super::*;

    #[test]
    fn deals_are_known_from_when_they_are_recorded() {
        let (catalogue, places) = catalogue();
        let never = Day(i32::MIN);
        let mut promotions = Promotions::default();
        promotions.spans.insert(1, (Day(100), Day(109), never));
        promotions.spans.insert(2, (Day(105), Day(120), Day(107)));
        promotions.spans.insert(3, (Day(50), Day(60), never));
        // Numbers 1 and 2 are tea; 2 is in both promotions, 3 was put into the second on day 119; milk, the first by place, was on deal before.
        promotions.products = vec![(1, 1, never), (1, 2, never), (2, 2, never), (2, 3, Day(119)), (9, 1, never), (3, 6, never)];
        let deals = Deals::of(&promotions, &catalogue, &places);
        let share = |day| deals.share(2, Day(day));
        assert_eq!([share(99), share(100), share(108), share(110), share(119), share(121)], [Some(0.0), Some(0.4), Some(0.4), Some(0.2), Some(0.4), Some(0.0)]);
        assert_eq!((deals.share(0, Day(100)), deals.share(1, Day(100))), (None, Some(0.0)));
        let on = |number: usize, day| deals.has(places[number], Day(day));
        assert!(on(1, 100) && on(1, 109) && !on(1, 110) && on(2, 120) && !on(2, 121) && !on(3, 118) && on(3, 119) && !on(6, 100));
        assert!(on(6, 55) && !on(1, 55) && !on(4, 55) && !on(5, 119), "each product has its own days");
    }
}
