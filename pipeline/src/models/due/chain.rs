//! When a category will be bought next: for each stretch of days ahead, the chance of a purchase in it of who made none before it (a discrete-time
//! hazard), logistic in what was measured. Together they are a distribution of the day: chances within any time, and its quantiles.
//!
//! Sources: Cox (1972), Regression Models and Life-Tables, Journal of the Royal Statistical Society B 34:2, section 6 (discrete time); Allison (1982),
//! Discrete-Time Methods for the Analysis of Event Histories, Sociological Methodology 13.

use ndarray::{Array1, Array2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::measure::{BOUNDS, FIGURES, Pair, STRETCHES, figure};
use crate::error::{Error, Kind, Result};
use crate::models::optimise::solved;
use crate::models::{ln_one_plus_exp, sigmoid};

/// Terms of each logistic.
pub const TERMS: usize = 34;
/// The terms of a row, and what came: they are made anew for each step, as nobody has the memory for those of all rows.
type Terms = ([f64; TERMS], bool);
/// Rows of a block of the sums: a constant, so that they have one order whatever the threads.
const BLOCK: usize = 2048;
/// Added to the curvature of each coefficient but the first.
const RIDGE: f64 = 3.0;
/// Standardised figures end here: no customer is so odd that the line should be drawn further.
const FAR: f64 = 4.0;
/// A stretch with fewer purchases, or fewer without, than this is foretold by the gaps alone.
const EVENTS_MIN: usize = 200;
/// Newton's steps.
const STEPS: usize = 50;
/// Largest component of the mean gradient of a converged fit.
const GRADIENT_TOLERANCE: f64 = 1e-8;
/// Daily chance beyond the last bound: that of its last stretches, which are so long.
const LAST_DAYS: f64 = 140.0;

/// A pair at an earlier date, and what came.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// What was known.
    pub pair: Pair,
    /// Days to the next purchase; None where none has been seen.
    pub next: Option<i32>,
    /// Days that have been seen.
    pub seen: i32,
}

/// A figure less its mean, over its deviation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Scale {
    mean: f64,
    deviation: f64,
}

impl Scale {
    fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let count = values.clone().count().max(1) as f64;
        let mean = values.clone().sum::<f64>() / count;
        let variance = values.map(|value| (value - mean) * (value - mean)).sum::<f64>() / count;
        Self { mean, deviation: if variance > 1e-12 { variance.sqrt() } else { 1.0 } }
    }

    fn apply(self, value: f64) -> f64 {
        ((value - self.mean) / self.deviation).clamp(-FAR, FAR)
    }
}

/// What is foretold of one stretch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Stretch {
    odds: Scale,
    /// None where the gaps alone foretell it.
    coefficients: Option<Vec<f64>>,
    /// Rows it was learnt from.
    rows: usize,
}

/// The fitted model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chain {
    figures: Vec<Scale>,
    stretches: Vec<Stretch>,
}

/// The day of the next purchase, as foretold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Due {
    /// By bound: the chance of no purchase up to it.
    none: [f64; BOUNDS.len()],
}

/// Terms that are the same in every stretch; those with the stretch's own odds are 0.
fn terms(z: &[f64; FIGURES]) -> [f64; TERMS] {
    use figure::*;
    let mut x = [0.0; TERMS];
    x[0] = 1.0;
    x[1] = z[RATE];
    x[2] = z[SILENT];
    x[3] = z[RISING];
    x[4] = z[RATE_WEEK] * z[RATE_WEEK] - 1.0;
    x[5] = z[RATE_WEEK] * z[ITEM_VARIANCE];
    x[6] = z[WINDOWS];
    x[7] = z[BREADTH];
    x[8] = z[ITEM_GAP];
    x[9] = z[ITEM_VARIANCE];
    x[10] = z[ITEM_VARIANCE] * z[ITEM_VARIANCE] - 1.0;
    x[11] = z[ITEM_GAP] * z[RATE_WEEK];
    x[12] = z[SEASON];
    // Out of season: far below the mean.
    x[13] = (-z[SEASON] - 0.5).max(0.0);
    x[14] = z[SEASON] * z[SILENT];
    x[15] = z[OWN_SEASON];
    x[16] = z[ITEM_VARIANCE] * z[OWN_SEASON];
    x[17] = z[TREND];
    x[18] = z[BROADER_YEAR];
    x[19] = (-z[BROADER] - 0.5).max(0.0);
    x[20] = z[RISING] * z[BROADER_YEAR];
    x[21] = z[VISIT];
    x[22] = z[SERVED];
    x[23] = z[SHARE];
    x[24] = z[SERVED] * z[SHARE];
    x[25] = z[STOCK];
    x[26] = z[STOCK] * z[SILENT];
    x[27] = z[AGAIN];
    x[28] = z[ONCE];
    x[29] = z[AGAIN] * z[ONCE];
    x
}

/// The four terms with the stretch's own odds.
fn with_odds(x: &mut [f64; TERMS], odds: f64, z: &[f64; FIGURES]) {
    x[30] = odds;
    x[31] = odds * odds - 1.0;
    x[32] = odds * z[figure::ITEM_VARIANCE];
    x[33] = odds * z[figure::ITEM_GAP];
}

impl Chain {
    /// Fits each stretch to the rows of which all of it has been seen and that had bought nothing before it.
    ///
    /// # Errors
    /// `Input` where a stretch does not converge.
    pub fn fit(rows: &[Row]) -> Result<Self> {
        let figures: Vec<Scale> = (0..FIGURES).map(|place| Scale::of(rows.iter().map(|row| row.pair.figures[place]))).collect();
        let mut chain = Self { figures, stretches: Vec::new() };
        for stretch in 0..STRETCHES {
            let (from, to) = (BOUNDS[stretch], BOUNDS[stretch + 1]);
            let part: Vec<&Row> = rows.iter().filter(|row| row.seen >= to && row.next.is_none_or(|next| next > from)).collect();
            let odds = Scale::of(part.iter().map(|row| row.pair.odds[stretch]));
            let bought = |row: &Row| row.next.is_some_and(|next| next <= to);
            let events = part.iter().filter(|row| bought(row)).count();
            let enough = events.min(part.len() - events) >= EVENTS_MIN;
            let x = |row: &Row| -> Terms {
                let z = chain.scaled(&row.pair);
                let mut x = terms(&z);
                with_odds(&mut x, odds.apply(row.pair.odds[stretch]), &z);
                (x, bought(row))
            };
            let coefficients = enough.then(|| newton(&part, &x)).transpose()?;
            chain.stretches.push(Stretch { odds, coefficients, rows: part.len() });
        }
        Ok(chain)
    }

    fn scaled(&self, pair: &Pair) -> [f64; FIGURES] {
        std::array::from_fn(|place| self.figures[place].apply(pair.figures[place]))
    }

    /// When a pair is bought next.
    pub fn due(&self, pair: &Pair) -> Due {
        let z = self.scaled(pair);
        let mut x = terms(&z);
        let mut none = [1.0; BOUNDS.len()];
        for (place, stretch) in self.stretches.iter().enumerate() {
            let chance = match &stretch.coefficients {
                None => sigmoid(pair.odds[place]),
                Some(coefficients) => {
                    with_odds(&mut x, stretch.odds.apply(pair.odds[place]), &z);
                    sigmoid(x.iter().zip(coefficients).map(|(x, weight)| x * weight).sum())
                }
            };
            none[place + 1] = none[place] * (1.0 - chance.clamp(1e-9, 1.0 - 1e-9));
        }
        Due { none }
    }
}

impl Due {
    /// The chance of a purchase within `days`. Within a stretch each day has the same chance.
    pub fn within(&self, days: f64) -> f64 {
        let last = BOUNDS.len() - 1;
        let above = BOUNDS.partition_point(|bound| f64::from(*bound) <= days);
        if above > last {
            return 1.0 - self.none[last] * (-(days - f64::from(BOUNDS[last])) * self.last_rate()).exp();
        }
        let (from, to) = (f64::from(BOUNDS[above - 1]), f64::from(BOUNDS[above]));
        let fall = (self.none[above] / self.none[above - 1]).ln();
        1.0 - self.none[above - 1] * (fall * (days - from) / (to - from)).exp()
    }

    /// Days until a share of such pairs has been bought again.
    pub fn days(&self, share: f64) -> f64 {
        let left = 1.0 - share;
        match self.none.iter().position(|none| *none <= left) {
            None => f64::from(BOUNDS[BOUNDS.len() - 1]) + (self.none[BOUNDS.len() - 1] / left).ln() / self.last_rate(),
            Some(to) => {
                let to = to.max(1);
                let (from, length) = (f64::from(BOUNDS[to - 1]), f64::from(BOUNDS[to] - BOUNDS[to - 1]));
                from + length * (left / self.none[to - 1]).ln() / (self.none[to] / self.none[to - 1]).ln()
            }
        }
    }

    fn last_rate(&self) -> f64 {
        let last = BOUNDS.len() - 1;
        (self.none[last - 1] / self.none[last]).ln() / LAST_DAYS
    }
}

/// Penalised log-loss over rows, its gradient and curvature.
struct Slope {
    loss: f64,
    gradient: Array1<f64>,
    curvature: Array2<f64>,
}

impl Slope {
    fn of(rows: &[&Row], terms: &(impl Fn(&Row) -> Terms + Sync), at: &[f64; TERMS]) -> Self {
        let block = |rows: &[&Row]| {
            let (mut loss, mut gradient, mut curvature) = (0.0, [0.0; TERMS], [[0.0; TERMS]; TERMS]);
            for (x, bought) in rows.iter().map(|row| terms(row)) {
                let score: f64 = x.iter().zip(at).map(|(x, weight)| x * weight).sum();
                let (chance, came) = (sigmoid(score), f64::from(u8::from(bought)));
                loss += ln_one_plus_exp(score) - score * came;
                let weight = chance * (1.0 - chance);
                for (i, (gradient, curvature)) in gradient.iter_mut().zip(&mut curvature).enumerate() {
                    *gradient += (chance - came) * x[i];
                    curvature[..=i].iter_mut().zip(&x).for_each(|(sum, other)| *sum += weight * x[i] * other);
                }
            }
            (loss, gradient, curvature)
        };
        let blocks: Vec<_> = rows.par_chunks(BLOCK).map(block).collect();
        let mut sum = Self { loss: 0.0, gradient: Array1::zeros(TERMS), curvature: Array2::zeros((TERMS, TERMS)) };
        for (loss, gradient, curvature) in blocks {
            sum.loss += loss;
            for i in 0..TERMS {
                sum.gradient[i] += gradient[i];
                (0..=i).for_each(|j| sum.curvature[[i, j]] += curvature[i][j]);
            }
        }
        for (i, coefficient) in at.iter().enumerate().skip(1) {
            sum.loss += RIDGE / 2.0 * coefficient * coefficient;
            sum.gradient[i] += RIDGE * coefficient;
            sum.curvature[[i, i]] += RIDGE;
        }
        sum
    }

    fn largest(&self) -> f64 {
        self.gradient.iter().fold(0.0, |most: f64, component| most.max(component.abs()))
    }
}

/// The coefficients of least penalised loss: Newton's steps, halved while they lead upwards.
fn newton(rows: &[&Row], terms: &(impl Fn(&Row) -> Terms + Sync)) -> Result<Vec<f64>> {
    let mut at = [0.0; TERMS];
    let mut slope = Slope::of(rows, terms, &at);
    let near = GRADIENT_TOLERANCE * rows.len() as f64;
    for _ in 0..STEPS {
        if slope.largest() < near {
            return Ok(at.to_vec());
        }
        let Some(step) = solved(slope.curvature.clone(), slope.gradient.clone()) else { break };
        let mut length = 1.0;
        let (next, next_slope) = loop {
            let next: [f64; TERMS] = std::array::from_fn(|i| at[i] - length * step[i]);
            let next_slope = Slope::of(rows, terms, &next);
            if next_slope.loss <= slope.loss || length < 1e-6 {
                break (next, next_slope);
            }
            length /= 2.0;
        };
        (at, slope) = (next, next_slope);
    }
    let largest = slope.largest() / rows.len() as f64;
    Err(Error::new(Kind::Input, format!("due list: expected a mean gradient below {GRADIENT_TOLERANCE}, got {largest:.1e} after {STEPS} steps")))
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::super::{Ages, Around, Bought, Customer, Item};
    use super::*;
    use crate::models::log_odds;

    /// By hand: half of all are bought in the first week, half of the rest in the second, and so on.
    #[test]
    fn chances_and_days_by_hand() {
        let due = Due { none: [1.0, 0.5, 0.25, 0.125, 0.1, 0.08, 0.06, 0.05] };
        assert!((due.within(7.0) - 0.5).abs() < 1e-12 && (due.within(14.0) - 0.75).abs() < 1e-12 && due.within(0.0) == 0.0);
        // Half of a week that halves: 1 - sqrt(1/2).
        assert!((due.within(3.5) - (1.0 - 0.5f64.sqrt())).abs() < 1e-12);
        // A quarter after 7 ln(4/3) / ln 2 days, 3 in 4 after 14.
        assert!((due.days(0.25) - 7.0 * (4.0f64 / 3.0).log2()).abs() < 1e-12 && (due.days(0.75) - 14.0).abs() < 1e-12);
        // Beyond the last bound: ln(6/5) in 140 days, so that half of the rest is left after 140 ln 2 / ln(6/5) more.
        let beyond = 364.0 + 140.0 * 2f64.ln() / 1.2f64.ln();
        assert!((due.within(beyond) - 0.975).abs() < 1e-12 && (due.days(0.975) - beyond).abs() < 1e-9);
    }

    /// Rows whose chance is known are foretold by it: the odds of the gaps are wrong by a constant, which the fit finds.
    #[test]
    fn a_fit_finds_what_is_off() {
        let row = |place: usize| {
            let figures = std::array::from_fn(|figure| ((place * (figure + 3)) % 17) as f64);
            // The gaps say 1 in 2; of each hundred, 20 are bought in the first week.
            let next = if place % 100 < 20 { Some(3) } else { None };
            Row { pair: Pair { figures, odds: [0.0; STRETCHES] }, next, seen: 7 }
        };
        let rows: Vec<Row> = (0..20_000).map(row).collect();
        let chain = Chain::fit(&rows).expect("it converges");
        let mean = rows.iter().map(|row| chain.due(&row.pair).within(7.0)).sum::<f64>() / rows.len() as f64;
        assert!((mean - 0.2).abs() < 1e-6, "{mean}");
        // Of later stretches nothing has been seen: the gaps speak.
        let due = chain.due(&rows[0].pair);
        assert!((due.within(14.0) - (1.0 - (1.0 - due.within(7.0)) / 2.0)).abs() < 1e-12);
        // Of nothing, nothing is learnt.
        assert_eq!(Chain::fit(&[]).expect("the gaps speak").due(&rows[0].pair).within(7.0), 0.5);
    }

    /// A customer who has long come every day, and purchases of one item by days before today.
    fn told(days: &[i32], units: &[i64], around: &[i32], again: f64) -> [Pair; 2] {
        let ages = Ages::new();
        let visits: Vec<i32> = (-400..=0).collect();
        let customer = Customer::of((&visits, &vec![1; visits.len()]), 0, &ages);
        let item = Item { mean_ln_gap: 3.0, variance_ln_gap: 0.3, again, season: 0.0, trend: 0.0 };
        let plain = Bought { days, milli_units: &vec![1000; days.len()] };
        let around = (!around.is_empty()).then(|| Around::of(around.iter().copied(), &customer, &ages));
        [Pair::of(Bought { days, milli_units: units }, &customer, &item, around, &ages), Pair::of(plain, &customer, &Item { again: 0.0, ..item }, None, &ages)]
    }

    /// Mean log-loss of a purchase within a fortnight, of the chain that sees everything, and of the one that sees days alone: learnt from the first
    /// half of the rows, on the second.
    fn losses(rows: &[[Row; 2]]) -> ([f64; 2], [Chain; 2]) {
        let (first, second) = rows.split_at(rows.len() / 2);
        let chains = [0, 1].map(|which| Chain::fit(&first.iter().map(|row| row[which]).collect::<Vec<_>>()).expect("it converges"));
        let loss = |which: usize| {
            let one = |row: &[Row; 2]| {
                let chance = chains[which].due(&row[which].pair).within(14.0);
                -if row[0].next.is_some_and(|next| next <= 14) { chance } else { 1.0 - chance }.ln()
            };
            second.iter().map(one).sum::<f64>() / second.len() as f64
        };
        ([loss(0), loss(1)], chains)
    }

    fn rows(seed: u64, mut one: impl FnMut(&mut Xoshiro256PlusPlus) -> ([Pair; 2], i32)) -> Vec<[Row; 2]> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        (0..8000).map(|_| one(&mut rng)).map(|(pairs, next)| pairs.map(|pair| Row { pair, next: Some(next), seen: 400 })).collect()
    }

    /// Who stocks up on three lasts three times as long: one in four purchases is of three, each unit lasts 16 to 24 days.
    #[test]
    fn a_stock_of_three_lasts_longer() {
        let rows = rows(1, |rng| {
            let (mut days, mut units) = (vec![-300 + rng.random_range(0..60)], Vec::new());
            loop {
                let bought = if rng.random::<f64>() < 0.25 { 3 } else { 1 };
                units.push(bought * 1000);
                let next = days[days.len() - 1] + bought as i32 * rng.random_range(16..=24);
                if next > 0 {
                    return (told(&days, &units, &[], 0.0), next);
                }
                days.push(next);
            }
        });
        let ([seen, days_alone], [chain, _]) = losses(&rows);
        assert!(seen < 0.85 * days_alone, "{seen} against {days_alone}");
        // Ten days after three units nothing is due for at least 38 more; ten days after one, it is within 14.
        let days: Vec<i32> = (0..12).map(|purchase| -230 + 20 * purchase).collect();
        let after = |units: i64| {
            let bought: Vec<i64> = (0..12).map(|purchase| if purchase == 11 { units } else { 1000 }).collect();
            chain.due(&told(&days, &bought, &[], 0.0)[0]).within(14.0)
        };
        assert!(after(3000) < 0.25 && after(1000) > 0.75, "{} {}", after(3000), after(1000));
    }

    /// Something of the category is bought every 20 days, this product half of the time: right after another one served, it is not due.
    #[test]
    fn what_another_product_served_is_not_due() {
        let rows = rows(2, |rng| {
            let (mut own, mut all, mut day) = (Vec::new(), Vec::new(), -400 + rng.random_range(0..20));
            loop {
                let is_own = rng.random::<f64>() < 0.5;
                if day > 0 && is_own && !own.is_empty() {
                    return (told(&own, &vec![1000; own.len()], &all, 0.0), day);
                }
                if day <= 0 {
                    all.push(day);
                    if is_own {
                        own.push(day);
                    }
                }
                day += rng.random_range(18..=22);
            }
        });
        let ([seen, days_alone], [chain, _]) = losses(&rows);
        assert!(seen < 0.97 * days_alone, "{seen} against {days_alone}");
        // Last bought 36 days ago: if another served two days ago, nothing comes within 14 days.
        let own = [-276, -236, -196, -156, -116, -76, -36];
        let after = |served: &[i32]| {
            let mut all = [&own[..], &[-256, -216, -176, -136, -96, -56], served].concat();
            all.sort_unstable();
            chain.due(&told(&own, &[1000; 7], &all, 0.0)[0]).within(14.0)
        };
        assert!(after(&[-2]) < 0.7 * after(&[-18]), "{} {}", after(&[-2]), after(&[-18]));
    }

    /// Bought once: of some items 8 in 10 are bought again, about 40 days later, of others 1 in 10.
    #[test]
    fn what_was_bought_once_borrows_from_who_bought_again() {
        let rows = rows(3, |rng| {
            let share = if rng.random::<f64>() < 0.5 { 0.8f64 } else { 0.1 };
            let bought = -rng.random_range(1..30);
            let next = if rng.random::<f64>() < share { bought + rng.random_range(30..50) } else { 1000 };
            (told(&[bought], &[1000], &[], log_odds(share)), next.max(1))
        });
        let ([seen, days_alone], [chain, _]) = losses(&rows);
        assert!(seen < 0.95 * days_alone, "{seen} against {days_alone}");
        let after = |share: f64| chain.due(&told(&[-20], &[1000], &[], log_odds(share))[0]).within(56.0);
        // By the 36th day from now all who buy again have.
        assert!((after(0.8) - 0.8).abs() < 0.1 && (after(0.1) - 0.1).abs() < 0.1, "{} {}", after(0.8), after(0.1));
    }
}
