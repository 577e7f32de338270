//! What is known of products.

use std::collections::{BTreeMap, HashMap};

use crate::error::{Error, Result};
use crate::lake::{Counts, Cut, LineNames, OpenTable, Rows};
use crate::table::plain_word;
use crate::time::Day;

/// Texts in their order, the unknown one first: a place among them is a number that may be published.
pub type Texts = Vec<String>;

/// Attributes of products, by place of the product among the names that lines carry.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// By product: place of the category; 0 for none.
    pub category: Vec<u32>,
    /// By product: place of the brand; 0 for none.
    pub brand: Vec<u32>,
    /// By product: place of the series; 0 for none.
    pub series: Vec<u32>,
    /// By product: place of the style; 0 for none.
    pub style: Vec<u32>,
    /// By product: third of the regular price for a base unit within the category: 1 low, 3 high; 0 for none.
    pub price_tier: Vec<u8>,
    /// By product: what kind of brand it is.
    pub brand_type: Vec<BrandType>,
    /// By product: base units of a unit, in thousandths; 1000 where the lake does not say.
    pub milli_base_units: Vec<i64>,
    /// By product: what a unit costs the shop, in minor units; None where the lake does not say. Empty where it says so of no product.
    pub unit_cost_minor: Vec<Option<i64>>,
    /// By product: whether it lasts, or is no thing at all, and so is never due.
    pub lasts: Vec<bool>,
    /// By product: whether it is a fee, which is no product. Empty where none is.
    pub is_fee: Vec<bool>,
    /// By category: whether it offers a choice: 2 % of its products at least are of national brands, and 2 % of private ones.
    pub brand_choice: Vec<bool>,
    /// Names of categories.
    pub categories: Texts,
    /// Names of brands.
    pub brands: Texts,
    /// Names of series.
    pub all_series: Texts,
    /// Names of styles.
    pub styles: Texts,
}

/// What kind of brand a product has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BrandType {
    /// Not known, or neither of the two.
    #[default]
    Other,
    /// A manufacturer's.
    National,
    /// The retailer's own, exclusive ones included.
    Private,
}

/// What a row of `products` says; of several of a product the last recorded holds, of equally late ones the largest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Product {
    recorded: Option<Day>,
    category: String,
    brand: String,
    series: String,
    style: String,
    brand_type: String,
    regular_minor: Option<i64>,
    unit_cost_minor: Option<i64>,
    milli_base_units: Option<i64>,
    lasts: bool,
    is_fee: bool,
}

/// What a product may be, and whose its brand.
const KINDS: [&str; 5] = ["consumable", "replenishable_part", "durable", "service", "fee"];
const BRAND_TYPES: [&str; 4] = ["national", "private", "exclusive", "unbranded"];

/// A unit that holds more was not counted in what its category is.
const BASE_UNITS_MAX: f64 = 1e9;

/// A word of a list that the contract closes; an empty one where none is told.
fn word_of(name: &str, rows: &Rows<'_>, row: usize, words: &[&str]) -> Result<String> {
    let word = plain_word(rows.text(name, row).unwrap_or_default());
    if word.is_empty() || words.contains(&word.as_ref()) {
        return Ok(word.into_owned());
    }
    Err(Error::input(format!("column {name}: expected one of {}, got another word", words.join(", "))))
}

/// Reads the table `products`; its products become names of lines, so it is read before their places are taken.
///
/// # Errors
/// Those of the lake; `Input` for a word that the contract does not have, or a product of too many base units.
pub fn read_products(table: &OpenTable, cut: &Cut, names: &LineNames) -> Result<(Products, Counts)> {
    let add = |products: &mut Products, rows: &Rows<'_>| {
        for &row in &rows.kept {
            let text = |name: &str| rows.text(name, row).unwrap_or_default().to_owned();
            let base_units = rows.column("base_units").and_then(|column| column.float(row));
            if base_units.is_some_and(|units| units > BASE_UNITS_MAX) {
                return Err(Error::input(format!("column base_units: expected at most {BASE_UNITS_MAX}, got more")));
            }
            let kind = word_of("kind", rows, row, &KINDS)?;
            let product = Product {
                recorded: rows.recorded.at(row),
                category: text("leaf_category"),
                brand: text("brand"),
                series: text("series_id"),
                style: text("style"),
                brand_type: word_of("brand_type", rows, row, &BRAND_TYPES)?,
                regular_minor: rows.column("regular_price").and_then(|column| column.int(row)),
                unit_cost_minor: rows.column("unit_cost").and_then(|column| column.int(row)),
                lasts: matches!(kind.as_str(), "durable" | "service" | "fee"),
                is_fee: kind == "fee",
                milli_base_units: base_units.filter(|units| *units > 0.0).map(|units| (units * 1000.0).round().max(1.0) as i64),
            };
            products.keep(names.products.number(rows.text("product_id", row).unwrap_or_default()), product);
        }
        Ok(())
    };
    table.scan(cut, add, |whole: &mut Products, part| {
        part.0.into_iter().for_each(|(number, product)| whole.keep(number, product));
        Ok(())
    })
}

/// Products as they were read, by number.
#[derive(Debug, Default)]
pub struct Products(HashMap<u32, Product>);

impl Products {
    /// Whether the table knows the product of this number.
    pub fn knows(&self, number: u32) -> bool {
        self.0.contains_key(&number)
    }

    fn keep(&mut self, number: u32, product: Product) {
        match self.0.get_mut(&number) {
            Some(known) if *known >= product => {}
            Some(known) => *known = product,
            None => {
                self.0.insert(number, product);
            }
        }
    }
}

/// The distinct texts, the empty one first.
fn texts<'a>(all: impl Iterator<Item = &'a String>) -> Texts {
    let mut texts: Texts = all.cloned().chain([String::new()]).collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}

fn place(texts: &[String], text: &str) -> u32 {
    texts.binary_search_by(|known| known.as_str().cmp(text)).unwrap_or_default() as u32
}

impl Catalogue {
    /// The catalogue of `products`; `places` are those of the names by number.
    pub fn of(products: &Products, places: &[u32]) -> Self {
        let all = || products.0.values();
        let mut catalogue = Self {
            categories: texts(all().map(|product| &product.category)),
            brands: texts(all().map(|product| &product.brand)),
            all_series: texts(all().map(|product| &product.series)),
            styles: texts(all().map(|product| &product.style)),
            category: vec![0; places.len()],
            brand: vec![0; places.len()],
            series: vec![0; places.len()],
            style: vec![0; places.len()],
            price_tier: vec![0; places.len()],
            brand_type: vec![BrandType::Other; places.len()],
            milli_base_units: vec![1000; places.len()],
            unit_cost_minor: if all().any(|product| product.unit_cost_minor.is_some()) { vec![None; places.len()] } else { Vec::new() },
            lasts: vec![false; places.len()],
            is_fee: if all().any(|product| product.is_fee) { vec![false; places.len()] } else { Vec::new() },
            brand_choice: Vec::new(),
        };
        // Thousandths of minor units for a base unit, by category.
        let mut prices: BTreeMap<u32, Vec<(i64, usize)>> = BTreeMap::new();
        for (number, product) in &products.0 {
            let at = places[*number as usize] as usize;
            catalogue.category[at] = place(&catalogue.categories, &product.category);
            catalogue.brand[at] = place(&catalogue.brands, &product.brand);
            catalogue.series[at] = place(&catalogue.all_series, &product.series);
            catalogue.style[at] = place(&catalogue.styles, &product.style);
            catalogue.brand_type[at] = match product.brand_type.as_str() {
                "national" => BrandType::National,
                "private" | "exclusive" => BrandType::Private,
                _ => BrandType::Other,
            };
            catalogue.lasts[at] = product.lasts;
            if let Some(is_fee) = catalogue.is_fee.get_mut(at) {
                *is_fee = product.is_fee;
            }
            if let Some(unit_cost) = catalogue.unit_cost_minor.get_mut(at) {
                *unit_cost = product.unit_cost_minor;
            }
            catalogue.milli_base_units[at] = product.milli_base_units.unwrap_or(1000);
            if let (Some(price), true) = (product.regular_minor.filter(|price| *price > 0), catalogue.category[at] > 0) {
                let for_base_unit = i128::from(price) * 1_000_000 / i128::from(catalogue.milli_base_units[at]);
                prices.entry(catalogue.category[at]).or_default().push((for_base_unit as i64, at));
            }
        }
        prices.into_values().for_each(|prices| catalogue.set_tiers(prices));
        catalogue.set_brand_choice();
        catalogue
    }

    /// The place of a category that some product has.
    pub fn place_of_category(&self, category: &str) -> Option<u32> {
        self.categories.binary_search_by(|known| known.as_str().cmp(category)).ok().map(|place| place as u32)
    }

    fn set_brand_choice(&mut self) {
        let mut counts = vec![[0u32; 3]; self.categories.len()];
        self.category.iter().zip(&self.brand_type).for_each(|(category, brand)| counts[*category as usize][*brand as usize] += 1);
        let enough = |count: u32, all: u32| all > 0 && f64::from(count) >= 0.02 * f64::from(all);
        let choice = |[other, national, private]: &[u32; 3]| {
            let all = other + national + private;
            enough(*national, all) && enough(*private, all)
        };
        self.brand_choice = counts.iter().map(choice).collect();
    }

    /// Thirds by mid-rank: equal prices share one.
    fn set_tiers(&mut self, mut prices: Vec<(i64, usize)>) {
        prices.sort_unstable();
        let all = prices.len();
        let mut below = 0;
        for equal in prices.chunk_by(|a, b| a.0 == b.0) {
            let tier = (1 + 3 * (2 * below + equal.len()) / (2 * all)).min(3) as u8;
            equal.iter().for_each(|&(_, at)| self.price_tier[at] = tier);
            below += equal.len();
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn product(category: &str, regular_minor: i64, milli_base_units: i64) -> Product {
        let text = |text: &str| text.to_owned();
        let none = String::new;
        let brand_type = text("exclusive");
        Product {
            recorded: None,
            category: text(category),
            brand: none(),
            series: none(),
            style: none(),
            brand_type,
            regular_minor: Some(regular_minor),
            unit_cost_minor: None,
            milli_base_units: Some(milli_base_units),
            lasts: false,
            is_fee: false,
        }
    }

    /// Five products of tea, one of milk; numbers 1 to 6 stand at places 6 to 1.
    pub fn catalogue() -> (Catalogue, Vec<u32>) {
        let mut products = Products::default();
        let prices = [(1, "tea", 100, 1000), (2, "tea", 400, 2000), (3, "tea", 200, 1000), (4, "tea", 900, 3000), (5, "tea", 500, 1000), (6, "milk", 1, 1000)];
        prices.iter().for_each(|&(number, category, price, units)| products.keep(number, product(category, price, units)));
        let places = vec![0, 6, 5, 4, 3, 2, 1];
        (Catalogue::of(&products, &places), places)
    }

    #[test]
    fn prices_are_dear_or_cheap_within_their_category() {
        let (catalogue, _) = catalogue();
        assert_eq!(catalogue.categories, ["", "milk", "tea"]);
        assert_eq!(catalogue.category, [0, 1, 2, 2, 2, 2, 2]);
        // For a base unit, places 6 to 2: 100, 200, 200, 300, 500. Mid-ranks 0.5, 2, 2, 3.5, 4.5 of 5, thrice and floored: 0, 1, 1, 2, 2.
        assert_eq!(catalogue.price_tier, [0, 2, 3, 3, 2, 2, 1]);
        assert_eq!(catalogue.brand_type[1], BrandType::Private);
    }
}
