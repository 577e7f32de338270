//! The next gap by the gaps that were: each says that the next one may be like it, the more the younger it is, and a heavy tail says that none may
//! come. No shape is assumed; how long it has been silent already cuts off all that is shorter.

use super::decay::Decay;

/// The tail's scale is e to this share of the category's mean log gap.
const TAIL: f64 = 0.5;

/// The weights of gaps by age: a gap of a year ago says half as much.
pub fn ageing(ages: usize) -> Decay {
    Decay::new(365.0, ages)
}

/// The tail's scale for a category whose log gaps have this mean.
pub fn tail_of(mean_ln_gap: f64) -> f64 {
    (TAIL * mean_ln_gap).exp()
}

/// How likely the next gap is to be longer than each of `at`, up to a factor that all share: tail / (tail + sqrt x), and, of each of the last `most`
/// gaps g between sorted `days`, its weight times g^4 / (g^4 + x^4).
pub fn longer<const N: usize>(days: &[i32], today: i32, (tail, most): (f64, usize), at: [f64; N], ageing: &Decay) -> [f64; N] {
    let mut longer = at.map(|x| tail / (tail + x.sqrt()));
    let fourth = at.map(|x| (x * x) * (x * x));
    let first = days.len().saturating_sub(most + 1);
    for pair in days[first..].windows(2) {
        let gap = f64::from(pair[1] - pair[0]);
        let gap = (gap * gap) * (gap * gap);
        let weight = gap * ageing.at(today - pair[1]);
        longer.iter_mut().zip(&fourth).for_each(|(longer, x)| *longer += weight / (gap + x));
    }
    longer
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: gaps of 10 (ended 365 days ago: half) and 20 (today), tail 4, at 0, 10 and 16.
    #[test]
    fn gaps_by_hand() {
        let longer = longer(&[-375, -365, -20, 0], 0, (4.0, 40), [0.0, 10.0, 16.0], &ageing(100));
        let of = |x: f64| {
            let four = |gap: f64| gap.powi(4) / (gap.powi(4) + x.powi(4));
            4.0 / (4.0 + x.sqrt()) + 0.5 * four(10.0) + (-20.0f64 / 365.0).exp2() * four(345.0) + four(20.0)
        };
        for (found, x) in longer.into_iter().zip([0.0, 10.0, 16.0]) {
            assert!((found - of(x)).abs() < 1e-12, "{x}: {found}");
        }
        // Of three gaps the last two are looked at.
        let two = super::longer(&[-375, -365, -20, 0], 0, (4.0, 2), [10.0], &ageing(1000))[0];
        assert!((of(10.0) - two - 0.25).abs() < 1e-12, "{two}");
    }
}
