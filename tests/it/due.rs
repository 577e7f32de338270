//! The due list on a real supermarket: the task of the anchors' table.

use regulars::metrics::{Graded, grade};
use regulars::models::due::{Chain, Row};
use regulars::time::Day;
use regulars_tests::coop::Shop;
use regulars_tests::data;

/// 26 dates, 14 days apart, the last of which is 14 days before 2014-08-10; fitted on the 78 before, whose labels were over.
fn graded(digits: usize) -> Option<(Vec<Row>, Chain)> {
    let shop = Shop::read(&data("due")?, digits);
    let end = Day::parse("2014-08-10").expect("a date");
    let split = end.plus(-364);
    let at = |back: i32, seen_to: Day| shop.pairs(end.plus(-14 * back), seen_to);
    let training: Vec<Row> = (27..=104).flat_map(|back| at(back, split)).collect();
    let test: Vec<Row> = (1..=26).flat_map(|back| at(back, end)).collect();
    let chain = Chain::fit(&training).expect("it converges");
    Some((test, chain))
}

/// Log-loss, calibration error and the share of next purchases between p25 and p75.
fn figures(digits: usize, pairs: usize) -> Option<(f64, f64, f64)> {
    let (test, chain) = graded(digits)?;
    assert_eq!(test.len(), pairs, "the anchors count so many");
    let returns: Vec<Graded> = test.iter().map(|row| (chain.due(&row.pair).within(14.0), row.next.is_some_and(|next| next <= 14))).collect();
    let grade = grade(&returns);
    // Of pairs whose next purchase was seen within 364 days; a day that lies only partly between p25 and p75 counts in part.
    let seen: Vec<&Row> = test.iter().filter(|row| row.seen >= 364 && row.next.is_some()).collect();
    let between = |row: &&Row| {
        let (due, next) = (chain.due(&row.pair), f64::from(row.next.expect("it was seen")));
        let (from, to) = (due.within(next - 1.0), due.within(next));
        (to.min(0.75) - from.max(0.25)).max(0.0) / (to - from)
    };
    let coverage = seen.iter().map(between).sum::<f64>() / seen.len() as f64;
    println!("{digits} digits: {:?} {:?} {:?} {} {coverage} of {}", grade.log_loss, grade.brier, grade.auc, grade.calibration_error, seen.len());
    Some((grade.log_loss.expect("rows"), grade.calibration_error, coverage))
}

#[test]
fn categories_are_due_when_they_are_bought() {
    let (Some(upper), Some(lower)) = (figures(7, 159_848), figures(9, 283_387)) else { return };
    assert!(upper.0 < 0.297 && upper.1 < 0.005, "{upper:?}");
    assert!(lower.0 < 0.229 && lower.1 < 0.005, "{lower:?}");
    assert!((0.45..0.55).contains(&upper.2) && (0.45..0.55).contains(&lower.2), "{upper:?} {lower:?}");
}
