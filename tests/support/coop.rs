//! The public supermarket set: purchase days by customer and category, at one of its levels.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use regulars::columnar::{Column, File};
use regulars::models::due::{Ages, Bought, Customer, GapSums, Item, Pair, Row, Trend};
use regulars::time::Day;

use crate::lake;

/// A customer: visits, how many categories were bought on each, and purchase days by category, all sorted.
#[derive(Default)]
struct Shopper {
    visits: Vec<i32>,
    breadths: Vec<u32>,
    bought: BTreeMap<usize, Vec<i32>>,
}

/// Everyone, at one level of categories.
pub struct Shop {
    shoppers: Vec<Shopper>,
    /// By category: how many customers bought it on each day since the first.
    by_day: Vec<Vec<u32>>,
    first: i32,
    last: i32,
    ages: Ages,
    trend: Trend,
}

fn rows(folder: &Path, path: &str, names: &[&str], mut each: impl FnMut(&[Column], usize)) {
    let store = lake::local(folder);
    let entry = store.head(path).expect("the store answers").expect("the file");
    let file = File::open(&store, &entry).expect("a file");
    let positions: Vec<usize> = names.iter().map(|name| file.position(name).expect("the column")).collect();
    let mut batches = file.batches(&positions);
    while let Some((rows, columns)) = batches.next_batch().expect("rows") {
        (0..rows).for_each(|row| each(&columns, row));
    }
}

/// How many of sorted days are not after a date.
fn known(days: &[i32], date: Day) -> usize {
    days.partition_point(|day| *day <= date.0)
}

impl Shop {
    /// Reads the set; categories are products whose codes begin with the same `digits` digits.
    pub fn read(data: &Path, digits: usize) -> Self {
        let folder = data.join("coop");
        let mut codes: BTreeMap<String, String> = BTreeMap::new();
        rows(&folder, "item_hierarchy.parquet", &["item_id", "cod_mkt"], |columns, row| {
            let code = columns[1].text(row).expect("a code")[..digits].to_owned();
            codes.insert(columns[0].text(row).expect("an item").to_owned(), code);
        });
        let mut bought: BTreeMap<String, BTreeMap<i32, BTreeSet<String>>> = BTreeMap::new();
        rows(&folder, "basket_items.parquet", &["customer_id", "date", "item_id"], |columns, row| {
            let (customer, item) = (columns[0].text(row).expect("a customer"), columns[2].text(row).expect("an item"));
            let day = columns[1].int(row).expect("a date") as i32;
            bought.entry(customer.to_owned()).or_default().entry(day).or_default().insert(codes[item].clone());
        });
        let categories: BTreeSet<&String> = bought.values().flat_map(|days| days.values().flatten()).collect();
        let places: BTreeMap<&String, usize> = categories.into_iter().zip(0..).collect();
        let all_days = || bought.values().flat_map(BTreeMap::keys);
        let (first, last) = (*all_days().min().expect("a day"), *all_days().max().expect("a day"));
        let ages = (last - first) as usize + 2;
        let mut by_day = vec![vec![0; ages]; places.len()];
        let mut shoppers = Vec::new();
        for days in bought.values() {
            let mut shopper = Shopper::default();
            for (day, categories) in days {
                shopper.visits.push(*day);
                shopper.breadths.push(categories.len() as u32);
                for category in categories {
                    shopper.bought.entry(places[category]).or_default().push(*day);
                    by_day[places[category]][(day - first) as usize] += 1;
                }
            }
            shoppers.push(shopper);
        }
        Self { shoppers, by_day, first, last, ages: Ages::new(), trend: Trend::new(ages) }
    }

    /// What everyone's purchases by a date say of each category.
    pub fn categories(&self, date: Day) -> Vec<Item> {
        let mut gaps = vec![GapSums::default(); self.by_day.len()];
        for (category, days) in self.shoppers.iter().flat_map(|shopper| &shopper.bought) {
            gaps[*category].add(&days[..known(days, date)]);
        }
        let upto = (date.0 - self.first + 1) as usize;
        let of = |(gaps, by_day): (&GapSums, &Vec<u32>)| Item::category(*gaps, (&by_day[..upto], self.first), date.0, &self.trend);
        gaps.iter().zip(&self.by_day).map(of).collect()
    }

    /// Every pair with three purchase days or more by a date, whose customer came in the 60 days before: what was known, and what came, as seen up to
    /// `seen_to`; and the days on which it was bought.
    pub fn pairs(&self, (date, categories): (Day, &[Item]), seen_to: Day) -> Vec<(Row, &[i32])> {
        let mut rows = Vec::new();
        for shopper in &self.shoppers {
            let visits = known(&shopper.visits, date);
            if visits == 0 || shopper.visits[visits - 1] < date.0 - 60 {
                continue;
            }
            let customer = Customer::of((&shopper.visits[..visits], &shopper.breadths[..visits]), date.0, &self.ages);
            for (category, days) in &shopper.bought {
                let bought = known(days, date);
                if bought < 3 {
                    continue;
                }
                let pair = Pair::of(Bought { days: &days[..bought], milli_units: &[] }, &customer, &categories[*category], None, &self.ages);
                let seen = seen_to.0.min(self.last) - date.0;
                let next = days.get(bought).map(|day| day - date.0).filter(|next| *next <= seen);
                rows.push((Row { pair, next, seen }, &days[..bought]));
            }
        }
        rows
    }
}
