//! Products whose price has moved by more than anybody moves prices, and products that nobody knows.

use super::Finding;
use super::days::{LOG_UNIT, Prices, Usual};
use crate::lake::{Counts, Rejected};

/// Lines that tell of a price: of a day, and before the newest days.
const LINES_MIN: [u32; 2] = [2, 5];

/// What is usual of a product's price, in deviations of its logarithm.
const DEVIATIONS: f64 = 6.0;

/// A product, as the order lines know it.
pub struct Sold<'a> {
    /// Its product_id.
    pub product: &'a str,
    /// Whether the table `products` knows it; true where the lake has none.
    pub is_known: bool,
    /// What its lines say of its price.
    pub prices: Prices,
}

/// By how much the value of the newest days would be another one at the prices before, and the largest factor; None where no day's price is of
/// another size.
fn moved(prices: &Prices, factor_max: f64) -> Option<(f64, f64)> {
    let mean = |(lines, sum): (u32, i64)| sum as f64 / f64::from(lines) / LOG_UNIT;
    let Usual { log_price, deviation, .. } = prices.usual.filter(|usual| usual.lines >= LINES_MIN[1])?;
    let mut found: Option<(f64, f64)> = None;
    for (day, value) in prices.recent.iter().zip(prices.value_minor).filter(|(day, _)| day.0 >= LINES_MIN[0]) {
        let factor = (mean(*day) - log_price).exp2();
        // What is sold at any price (postage, corrections) has none of its own.
        let is_its_own = (mean(*day) - log_price).abs() > DEVIATIONS * deviation;
        if is_its_own && factor.max(1.0 / factor) > factor_max {
            let (sum, largest) = found.unwrap_or((0.0, 1.0));
            let is_larger = factor.ln().abs() > largest.ln().abs();
            found = Some((sum + (value as f64 - value as f64 / factor).abs(), if is_larger { factor } else { largest }));
        }
    }
    found
}

/// Checks the value of the newest days; products whose price moved are told in `counts`, those of the order lines.
pub fn moved_prices(sold: &[Sold<'_>], factor_max: f64, limits: [f64; 2], counts: &mut Counts) -> Vec<Finding> {
    let of_week = |sold: &Sold<'_>| sold.prices.value_minor.iter().map(|value| i128::from(*value)).sum::<i128>();
    let value: i128 = sold.iter().map(of_week).sum();
    let share = |part: f64| if value > 0 { part / value as f64 } else { 0.0 };
    let mut moved: Vec<(&str, f64, f64)> =
        sold.iter().filter_map(|sold| moved(&sold.prices, factor_max).map(|(value, factor)| (sold.product, factor, value))).collect();
    moved.sort_unstable_by_key(|product| product.0);
    for (product, ..) in &moved {
        counts.quarantine.add("price_moved", Rejected { source: None, key: (*product).to_owned(), day: None }, 1);
    }
    let unknown: Vec<&Sold<'_>> = sold.iter().filter(|sold| !sold.is_known && sold.prices.value_minor.iter().any(|value| *value != 0)).collect();
    for sold in &unknown {
        counts.quarantine.add("unknown_product", Rejected { source: None, key: sold.product.to_owned(), day: None }, 1);
    }
    let unknown_value: i128 = unknown.iter().map(|sold| of_week(sold)).sum();
    let dearest = moved.iter().max_by(|a, b| a.2.total_cmp(&b.2)).map(|(product, factor, _)| format!(", most of it {product}, {factor:.3} times"));
    let finding = |check: &str, value: f64, limit: f64, consequence: String| Finding::limited(check, "order_lines", (value, limit), consequence);
    let words = format!("{} products have a price of another size than before{}; quarantine names them", moved.len(), dearest.unwrap_or_default());
    let unknown_words = format!("{} products of the newest week are not in the table products; quarantine names them", unknown.len());
    vec![
        finding("moved_price_value_share", share(moved.iter().fold(0.0, |sum, moved| sum + moved.2)), limits[0], words),
        finding("unknown_product_value_share", share(unknown_value as f64), limits[1], unknown_words),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::super::days::log2;
    use super::*;

    /// A product of ten lines at 2.00 before, and of four at `price` three days before as_of.
    fn sold(product: &str, price: f64) -> Sold<'_> {
        // One of the products was sold at 0.02 and 200.00, too, before.
        let deviation = if product == "any" { 6.6 } else { 0.0 };
        let usual = Some(Usual { lines: 10, log_price: log2(200.0) as f64 / LOG_UNIT, deviation });
        let mut prices = Prices { usual, ..Prices::default() };
        (prices.recent[3], prices.value_minor[3]) = ((4, 4 * log2(price)), (4.0 * price) as i64);
        Sold { product, is_known: product != "new", prices }
    }

    /// By hand: 80,000 in place of 800 of 80,000 + 6,000 + 8 + 8: 79,200 of 86,016 are moved; at a hundredth 8 in place of 800: 792 more. Seven times and a
    /// half is no other size, and what is sold at any price has none.
    #[test]
    fn moved_prices_are_told_by_what_they_move() {
        let mut counts = Counts::default();
        let sold = [sold("a", 20_000.0), sold("new", 1500.0), sold("b", 2.0), sold("any", 2.0)];
        let found = moved_prices(&sold, 10.0, [0.01, 0.05], &mut counts);
        assert!((found[0].value - (79_200.0 + 792.0) / 86_016.0).abs() < 0.002, "{found:?}");
        assert!((found[1].value - 6000.0 / 86_016.0).abs() < 1e-12);
        assert!(found.iter().all(|finding| finding.severity == Severity::Hold) && found[0].consequence.contains("most of it a, "));
        let told: Vec<_> = counts.quarantine.rows().into_iter().map(|(rule, row, _)| (rule.to_owned(), row.key.clone())).collect();
        assert_eq!(told, [("price_moved".to_owned(), "a".to_owned()), ("price_moved".into(), "b".into()), ("unknown_product".into(), "new".into())]);
    }
}
