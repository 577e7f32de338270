//! Minimising a smooth function of a few variables (BFGS with a backtracking line search), and small systems of equations.

use ndarray::{Array1, Array2};

/// Most iterations.
const ITERATIONS: usize = 300;
/// Largest component of the gradient, per observation, at which a point counts as a minimum.
const GRADIENT_TOLERANCE: f64 = 1e-7;
/// The same where the value no longer falls in double precision.
const GRADIENT_FLAT: f64 = 1e-5;

/// Where a minimisation starts.
#[derive(Debug, Clone)]
pub struct Start {
    at: Array1<f64>,
    /// What is thought of the inverse of the curvature.
    inverse: Array2<f64>,
}

impl Start {
    /// A point of which nothing else is known.
    pub fn at(at: Array1<f64>) -> Self {
        Self { inverse: Array2::eye(at.len()), at }
    }
}

/// Where a minimisation ended.
#[derive(Debug, Clone)]
pub struct Minimum {
    /// The point.
    pub at: Array1<f64>,
    /// The function's value there.
    pub value: f64,
    /// Largest component of the gradient there.
    pub gradient_max: f64,
    /// Whether the gradient is small enough.
    pub converged: bool,
    /// Whether a component ran past the bound: the minimum, if any, is not held by the data.
    pub at_boundary: bool,
    inverse: Array2<f64>,
}

impl Minimum {
    /// Where the minimum of a function that is nearly the same is sought.
    pub fn start(self) -> Start {
        Start { at: self.at, inverse: self.inverse }
    }
}

fn norm_max(gradient: &Array1<f64>) -> f64 {
    gradient.iter().fold(0.0, |max: f64, component| max.max(component.abs()))
}

/// Minimises `function` (value and gradient, both per observation) from `start`, while no component leaves `-bound..=bound`.
pub fn minimise(start: Start, bound: f64, function: impl Fn(&Array1<f64>) -> (f64, Array1<f64>)) -> Minimum {
    let Start { mut at, mut inverse } = start;
    let count = at.len();
    let (mut value, mut gradient) = function(&at);
    for _ in 0..ITERATIONS {
        if norm_max(&gradient) < GRADIENT_TOLERANCE || norm_max(&at) > bound || !value.is_finite() {
            break;
        }
        let mut direction = -inverse.dot(&gradient);
        if direction.dot(&gradient) >= 0.0 {
            inverse = Array2::eye(count);
            direction = -&gradient;
        }
        // A step of more than e^2 in one parameter is a leap in the dark.
        let longest = norm_max(&direction);
        if longest > 2.0 {
            direction *= 2.0 / longest;
        }
        let Some((next, next_value, next_gradient)) = step(&at, value, &gradient, &direction, &function) else { break };
        let moved = &next - &at;
        let turned = &next_gradient - &gradient;
        update(&mut inverse, &moved, &turned);
        (at, value, gradient) = (next, next_value, next_gradient);
    }
    let gradient_max = norm_max(&gradient);
    let at_boundary = norm_max(&at) > bound;
    let converged = value.is_finite() && gradient_max < GRADIENT_FLAT;
    Minimum { at, value, gradient_max, converged, at_boundary, inverse }
}

type Point = (Array1<f64>, f64, Array1<f64>);

/// The first of 1, 1/2, 1/4, ... of `direction` that lowers the value enough (Armijo).
fn step(
    at: &Array1<f64>,
    value: f64,
    gradient: &Array1<f64>,
    direction: &Array1<f64>,
    function: &impl Fn(&Array1<f64>) -> (f64, Array1<f64>),
) -> Option<Point> {
    let slope = direction.dot(gradient);
    let mut length = 1.0;
    for _ in 0..50 {
        let next = at + &(direction * length);
        let (next_value, next_gradient) = function(&next);
        if next_value.is_finite() && next_value <= value + 1e-4 * length * slope {
            return Some((next, next_value, next_gradient));
        }
        length *= 0.5;
    }
    None
}

/// The BFGS update of the inverse Hessian (Nocedal, Wright 2006, equation 6.17).
fn update(inverse: &mut Array2<f64>, moved: &Array1<f64>, turned: &Array1<f64>) {
    let curvature = moved.dot(turned);
    if curvature <= 1e-14 {
        return;
    }
    let count = moved.len();
    let outer = |a: &Array1<f64>, b: &Array1<f64>| Array2::from_shape_fn((count, count), |(i, j)| a[i] * b[j] / curvature);
    let left = Array2::<f64>::eye(count) - outer(moved, turned);
    *inverse = left.dot(inverse).dot(&left.t()) + outer(moved, moved);
}

/// x of A x = b for a symmetric, positive A, by Cholesky's factors; None where it is not positive.
pub fn solved(mut a: Array2<f64>, mut b: Array1<f64>) -> Option<Array1<f64>> {
    let count = b.len();
    for column in 0..count {
        for row in column..count {
            let before: f64 = (0..column).map(|k| a[[row, k]] * a[[column, k]]).sum();
            a[[row, column]] -= before;
            if row > column {
                a[[row, column]] /= a[[column, column]];
            } else if a[[row, row]].is_nan() || a[[row, row]] <= 0.0 {
                return None;
            } else {
                a[[row, row]] = a[[row, row]].sqrt();
            }
        }
    }
    for row in 0..count {
        let before: f64 = (0..row).map(|k| a[[row, k]] * b[k]).sum();
        b[row] = (b[row] - before) / a[[row, row]];
    }
    for row in (0..count).rev() {
        let after: f64 = (row + 1..count).map(|k| a[[k, row]] * b[k]).sum();
        b[row] = (b[row] - after) / a[[row, row]];
    }
    Some(b)
}

/// The inverse of a symmetric, positive matrix; None where it is not positive.
pub fn inverse(a: &Array2<f64>) -> Option<Array2<f64>> {
    let count = a.nrows();
    let mut inverse = Array2::zeros((count, count));
    for column in 0..count {
        let unit = Array1::from_shape_fn(count, |row| f64::from(u8::from(row == column)));
        inverse.column_mut(column).assign(&solved(a.clone(), unit)?);
    }
    Some(inverse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn rosenbrock() {
        // Rosenbrock (1960): minimum 0 at (1, 1).
        let banana = |point: &Array1<f64>| {
            let (x, y) = (point[0], point[1]);
            let value = (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2);
            (value, array![-2.0 * (1.0 - x) - 400.0 * x * (y - x * x), 200.0 * (y - x * x)])
        };
        let found = minimise(Start::at(array![-1.2, 1.0]), 10.0, banana);
        assert!(found.converged && (found.at[0] - 1.0).abs() < 1e-5 && (found.at[1] - 1.0).abs() < 1e-5);
    }

    /// By hand: 4 x + 2 y = 2, 2 x + 3 y = 5 gives x = -1/2, y = 2.
    #[test]
    fn a_symmetric_system_is_solved() {
        let solution = solved(array![[4.0, 2.0], [2.0, 3.0]], array![2.0, 5.0]).expect("it is positive");
        assert!((&solution - &array![-0.5, 2.0]).iter().all(|off| off.abs() < 1e-12), "{solution}");
        assert_eq!(solved(array![[1.0, 2.0], [2.0, 1.0]], array![1.0, 1.0]), None);
    }
}
