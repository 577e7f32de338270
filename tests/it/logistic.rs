//! The logistic regression of churn models against scikit-learn's: `tests/reference/logistic.py` makes the same three sets by the same arithmetic.

use std::collections::BTreeMap;

use regulars::models::churn::{Example, LogisticParams, fit};
use regulars_tests::faulty::next;

/// splitmix64, as a number from 0 to 1.
fn uniform(mut key: u64) -> f64 {
    (next(&mut key) >> 11) as f64 / 2f64.powi(53)
}

/// A set: name, rows, columns, shift of the log-odds, share of unknown values in the second column, ridge.
type Set = (&'static str, u64, u64, f64, f64, f64);

const SETS: [Set; 3] = [("even", 500, 3, 0.0, 0.0, 1e-4), ("rare", 2000, 6, -2.5, 0.15, 1e-3), ("common", 800, 4, 2.0, 0.4, 1e-2)];

fn examples(number: u64, (_, rows, columns, shift, unknown, _): Set) -> Vec<Example> {
    let one = |row: u64| {
        let u = |what: u64| uniform((number << 40) + (row << 8) + what);
        let value = |column: u64| 10.0 * u(column).powi(1 + column as i32) - 3.0 + if column > 0 { 0.5 * column as f64 * u(0) } else { 0.0 };
        let values: Vec<f64> = (0..columns).map(value).collect();
        let score = values.iter().zip(0..).fold(shift, |score, (value, column)| score + (0.4 - 0.15 * f64::from(column)) * value);
        let churned = u(101) < 1.0 / (1.0 + (-score).exp());
        let hidden = u(100) < unknown;
        Example { values: values.iter().enumerate().map(|(column, value)| if column == 1 && hidden { f64::NAN } else { *value }).collect(), churned }
    };
    (0..rows).map(one).collect()
}

/// Coefficients by set, the intercept first, as scikit-learn 1.9.1 found them.
fn reference() -> BTreeMap<&'static str, Vec<f64>> {
    let mut reference: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for line in include_str!("../reference/logistic.csv").lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        reference.entry(cells[0]).or_default().push(cells[2].parse().expect("a number"));
    }
    reference
}

/// Leavers are 68 %, 26 % and 90 %: the more and the less frequent class.
#[test]
fn coefficients_are_those_of_scikit_learn() {
    let reference = reference();
    for (number, set) in (0..).zip(SETS) {
        let (name, _, columns, _, _, ridge) = set;
        let rows = examples(number, set);
        let names: Vec<String> = (0..columns).map(|column| format!("x{column}")).collect();
        let params = LogisticParams { rows_min: 1, ridge, gradient_tolerance: 1e-8, iterations_max: 1000 };
        let found = fit(&names, &rows, &params).expect("it converges");
        let all: Vec<f64> = [found.intercept].into_iter().chain(found.coefficients).collect();
        let expected = &reference[name];
        assert_eq!(all.len(), expected.len(), "{name}");
        let off = all.iter().zip(expected).fold(0.0f64, |off, (own, other)| off.max((own - other).abs()));
        assert!(off < 1e-4, "{name}: off by {off}: {all:?} {expected:?}");
        assert!(found.gradient_max < 1e-8, "{name}");
        let churned = rows.iter().filter(|row| row.churned).count() as f64 / rows.len() as f64;
        assert!((churned - [0.682, 0.256, 0.895][number as usize]).abs() < 0.01, "{name}: {churned}");
    }
}
