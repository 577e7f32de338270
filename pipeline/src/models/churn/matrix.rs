//! From facts to the inputs of a churn model: transformed, scaled, with an indicator where a value may be unknown.

use ndarray::{Array2, ShapeBuilder};
use serde::{Deserialize, Serialize};

use super::Example;
use crate::features::{self, Feature};
use crate::models::cycle::{Cell, Model};

/// What a churn model takes in: chosen features, and what the purchase-cycle model says.
#[derive(Clone)]
pub struct Inputs {
    /// The features, and where each stands in a row of all features.
    features: Vec<(usize, Feature)>,
    horizon_days: f64,
}

impl Inputs {
    /// The inputs of a model for `horizon_days`: those of the chosen features that models may take, and the cycle's two.
    pub fn new(features: &[Feature], horizon_days: i32) -> Self {
        let features = features.iter().cloned().enumerate().filter(|(_, feature)| feature.for_models).collect();
        Self { features, horizon_days: f64::from(horizon_days) }
    }

    /// Names, in the order of values.
    pub fn names(&self) -> Vec<String> {
        let own = self.features.iter().map(|(_, feature)| feature.name.clone());
        own.chain(["cycle_return_probability".to_owned(), "cycle_p_alive".to_owned()]).collect()
    }

    /// The values of a customer by a row of all chosen features; `cycle` is the model of that date.
    pub fn of_row(&self, row: &[features::Cell], cell: Cell, cycle: Option<&Model>) -> Vec<f64> {
        self.values(self.features.iter().map(|(place, feature)| feature.number(row[*place])), cell, cycle)
    }

    /// The values of a customer by the cells of the features that models take.
    pub fn of_cells(&self, cells: &[features::Cell], cell: Cell, cycle: Option<&Model>) -> Vec<f64> {
        self.values(self.features.iter().zip(cells).map(|((_, feature), cell)| feature.number(*cell)), cell, cycle)
    }

    fn values(&self, own: impl Iterator<Item = Option<f64>>, cell: Cell, cycle: Option<&Model>) -> Vec<f64> {
        let of_cycle = [cycle.map(|model| model.return_probability(cell, self.horizon_days)), cycle.map(|model| model.p_alive(cell))];
        let mut values = Vec::with_capacity(self.features.len() + of_cycle.len());
        values.extend(own.chain(of_cycle).map(|value| value.unwrap_or(f64::NAN)));
        values
    }
}

/// One input on its way into the matrix: sign(v) ln(1 + |v|), less its mean, over its deviation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// The input.
    pub name: String,
    /// Mean of the transformed known values.
    pub mean: f64,
    /// Their standard deviation; 1 where they do not vary.
    pub deviation: f64,
    /// Whether an indicator for unknown values follows.
    pub indicator: bool,
}

fn transform(value: f64) -> f64 {
    value.signum() * value.abs().ln_1p()
}

impl Column {
    /// Learns the columns from training rows; inputs that never vary get no deviation of their own.
    pub fn learn(names: &[String], rows: &[Example]) -> Vec<Self> {
        let column = |(index, name): (usize, &String)| {
            let known: Vec<f64> = rows.iter().map(|row| row.values[index]).filter(|value| !value.is_nan()).map(transform).collect();
            let count = known.len().max(1) as f64;
            let mean = known.iter().sum::<f64>() / count;
            let variance = known.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count;
            let deviation = if variance > 1e-12 { variance.sqrt() } else { 1.0 };
            let unknown = rows.len() - known.len();
            Self { name: name.clone(), mean, deviation, indicator: unknown > 0 && !known.is_empty() }
        };
        names.iter().enumerate().map(column).collect()
    }

    /// Width of the matrix of these columns.
    pub fn width(columns: &[Self]) -> usize {
        columns.len() + columns.iter().filter(|column| column.indicator).count()
    }

    /// One row of the matrix.
    pub fn row(columns: &[Self], values: &[f64]) -> Vec<f64> {
        let mut row = Vec::with_capacity(Self::width(columns));
        for (column, &value) in columns.iter().zip(values) {
            row.push(if value.is_nan() { 0.0 } else { (transform(value) - column.mean) / column.deviation });
            if column.indicator {
                row.push(f64::from(u8::from(value.is_nan())));
            }
        }
        row
    }

    /// The matrix of `rows`: (rows, width), column after column in memory, as the solver goes through it.
    pub fn matrix(columns: &[Self], rows: &[Example]) -> Array2<f64> {
        let mut matrix = Array2::zeros((rows.len(), Self::width(columns)).f());
        for (row, mut places) in rows.iter().zip(matrix.rows_mut()) {
            Self::row(columns, &row.values).into_iter().zip(&mut places).for_each(|(value, place)| *place = value);
        }
        matrix
    }
}
