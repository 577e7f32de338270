//! Where a number stands among those of everyone: the parts of ranked features, cut anew each run.

use polars::prelude::Column as Series;

use super::item::{Cell, Feature, Ranked, UNKNOWN};
use crate::error::Result;
use crate::table::{Column, Contract, Kind, Range, Table};
use crate::time::Day;

/// What a word of a ranked feature means this time.
#[derive(Debug, Clone, PartialEq)]
pub struct WordCut {
    /// The feature.
    pub feature: String,
    /// The word.
    pub word: &'static str,
    /// Lowest number.
    pub low: f64,
    /// Highest number.
    pub high: f64,
    /// Customers.
    pub customers: i64,
}

/// The cuts of a ranked feature whose cells of everyone are these, lowest first. Equal numbers share a word: that of their mid-rank.
pub fn cut(feature: &Feature, ranked: &'static Ranked, cells: &[Cell]) -> Vec<WordCut> {
    let mut values: Vec<f64> = cells.iter().filter(|cell| **cell != UNKNOWN).map(|cell| f64::from_bits(*cell as u64)).collect();
    values.sort_unstable_by(f64::total_cmp);
    let mut cuts: Vec<WordCut> = Vec::new();
    let mut below = 0;
    for equal in values.chunk_by(PartialEq::eq) {
        let rank = (below as f64 + equal.len() as f64 / 2.0) / values.len() as f64;
        let word = ranked.words[ranked.shares.iter().filter(|share| rank >= **share).count()];
        match cuts.last_mut().filter(|cut| cut.word == word) {
            Some(cut) => {
                cut.high = equal[0];
                cut.customers += equal.len() as i64;
            }
            None => cuts.push(WordCut { feature: feature.name.clone(), word, low: equal[0], high: equal[0], customers: equal.len() as i64 }),
        }
        below += equal.len();
    }
    cuts
}

/// The contract of the table `feature_cuts`.
pub fn cuts_contract() -> Contract {
    let columns = vec![
        Column::new("feature", Kind::Text, "the feature"),
        Column::new("word", Kind::Text, "the word"),
        Column::new("low", Kind::Float, "lowest number with this word"),
        Column::new("high", Kind::Float, "highest number with this word"),
        Column::new("customers", Kind::Int, "customers with this word").within(Range::Between(1.0, f64::INFINITY)),
    ];
    let meaning = "One row a word of a feature that ranks customers: what it means in this run.";
    Contract::new("feature_cuts", meaning, &["feature", "word"], columns)
}

/// The table `feature_cuts`.
///
/// # Errors
/// `Bug` if the contract is broken.
pub fn cuts_table(cuts: &[WordCut], as_of: Day) -> Result<Table> {
    let columns = vec![
        Series::new("feature".into(), cuts.iter().map(|cut| cut.feature.as_str()).collect::<Vec<_>>()),
        Series::new("word".into(), cuts.iter().map(|cut| cut.word).collect::<Vec<_>>()),
        Series::new("low".into(), cuts.iter().map(|cut| cut.low).collect::<Vec<_>>()),
        Series::new("high".into(), cuts.iter().map(|cut| cut.high).collect::<Vec<_>>()),
        Series::new("customers".into(), cuts.iter().map(|cut| cut.customers).collect::<Vec<_>>()),
    ];
    Table::new(cuts_contract(), columns, as_of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::everything;

    #[test]
    fn equal_numbers_share_a_word() {
        let params = everything();
        let feature = params.features().iter().find(|feature| feature.ranked.is_some()).expect("one ranks");
        let ranked = feature.ranked.expect("it ranks");
        let cell = |value: f64| value.to_bits() as Cell;
        // Ten numbers: mid-ranks 0.5, 1.5, 4 (five equal), 6.5, 7.5, 8.5 of nine known: shares 0.06, 0.17, 0.44, 0.78, 0.89, 0.94.
        let cells = [cell(9.0), UNKNOWN, cell(2.0), cell(2.0), cell(0.5), cell(1.0), cell(2.0), cell(2.0), cell(3.0), cell(2.0)];
        let cuts: Vec<_> = cut(feature, ranked, &cells).into_iter().map(|cut| (cut.word, cut.low, cut.high, cut.customers)).collect();
        assert_eq!(cuts, [("light", 0.5, 1.0, 2), ("medium", 2.0, 2.0, 5), ("heavy", 3.0, 9.0, 2)]);
    }
}
