//! From facts to the inputs of a churn model: transformed, scaled, with an indicator where a value may be unknown.

use ndarray::{Array2, ShapeBuilder};
use serde::{Deserialize, Serialize};

use super::Example;

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
    /// The share of rows whose value is unknown.
    pub unknown_share: f64,
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
            let unknown_share = unknown as f64 / rows.len().max(1) as f64;
            Self { name: name.clone(), mean, deviation, indicator: unknown > 0 && !known.is_empty(), unknown_share }
        };
        names.iter().enumerate().map(column).collect()
    }

    /// A value, scaled; 0 where it is unknown.
    pub fn scaled(&self, value: f64) -> f64 {
        if value.is_nan() { 0.0 } else { (transform(value) - self.mean) / self.deviation }
    }

    /// Width of the matrix of these columns.
    pub fn width(columns: &[Self]) -> usize {
        columns.len() + columns.iter().filter(|column| column.indicator).count()
    }

    /// One row of the matrix.
    pub fn row(columns: &[Self], values: &[f64]) -> Vec<f64> {
        let mut row = Vec::with_capacity(Self::width(columns));
        for (column, &value) in columns.iter().zip(values) {
            row.push(column.scaled(value));
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
