//! Pure functions over predicted probabilities and what happened.

mod bootstrap;
mod figures;
mod profit;

pub use bootstrap::{Interval, intervals};
pub use figures::{Compared, Figures};
pub use profit::{Economics, Order, Profit};

use serde::{Deserialize, Serialize};

/// A prediction and whether it came true.
pub type Graded = (f64, bool);

/// Area under the ROC curve: how often a positive is ranked above a negative, ties counting half. None without both.
pub fn auc(graded: &[Graded]) -> Option<f64> {
    Order::of(graded).auc(&vec![1; graded.len()])
}

fn mean(graded: &[Graded], each: impl Fn(f64, f64) -> f64) -> Option<f64> {
    let sum: f64 = graded.iter().map(|&(p, happened)| each(p, f64::from(u8::from(happened)))).sum();
    (!graded.is_empty()).then(|| sum / graded.len() as f64)
}

/// Mean negative log-likelihood, probabilities kept 1e-15 away from 0 and 1.
pub fn log_loss(graded: &[Graded]) -> Option<f64> {
    mean(graded, |p, y| of_one(p, y > 0.5))
}

/// The negative log-likelihood of one.
fn of_one(p: f64, happened: bool) -> f64 {
    let p = p.clamp(1e-15, 1.0 - 1e-15);
    -if happened { p } else { 1.0 - p }.ln()
}

/// Mean squared error of the probability (Brier 1950).
pub fn brier(graded: &[Graded]) -> Option<f64> {
    mean(graded, |p, y| (p - y) * (p - y))
}

/// The share that happened.
pub fn base_rate(graded: &[Graded]) -> Option<f64> {
    mean(graded, |_, y| y)
}

/// Positives among the tenth with the highest predictions over the base rate; ties at the cut count in proportion.
pub fn lift_top_tenth(graded: &[Graded]) -> Option<f64> {
    let mut sorted = graded.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let base = base_rate(graded).filter(|base| *base > 0.0)?;
    let mut room = graded.len() as f64 / 10.0;
    let (size, mut hits) = (room, 0.0);
    for ties in sorted.chunk_by(|a, b| a.0 == b.0) {
        let taken = room.min(ties.len() as f64);
        hits += taken * ties.iter().filter(|(_, happened)| *happened).count() as f64 / ties.len() as f64;
        room -= taken;
        if room <= 0.0 {
            break;
        }
    }
    Some(hits / size / base)
}

/// One tenth of the customers, by prediction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tenth {
    /// Customers.
    pub count: usize,
    /// Mean prediction.
    pub predicted: f64,
    /// Share that happened.
    pub observed: f64,
}

/// Ten groups of equal size, the lowest predictions first; equal predictions stay together.
pub fn tenths(graded: &[Graded]) -> Vec<Tenth> {
    let mut sorted = graded.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut groups: Vec<Vec<Graded>> = vec![Vec::new(); 10];
    let mut before = 0;
    for ties in sorted.chunk_by(|a, b| a.0 == b.0) {
        let middle = before + ties.len() / 2;
        groups[(middle * 10 / sorted.len()).min(9)].extend_from_slice(ties);
        before += ties.len();
    }
    let tenth = |group: &Vec<Graded>| {
        let count = group.len();
        let predicted = group.iter().map(|(p, _)| p).sum::<f64>() / count as f64;
        Tenth { count, predicted, observed: base_rate(group).unwrap_or_default() }
    };
    groups.iter().filter(|group| !group.is_empty()).map(tenth).collect()
}

/// Calibration error: the mean over customers of |predicted - observed| of their tenth.
pub fn calibration_error(tenths: &[Tenth]) -> f64 {
    weighted(tenths, |tenth| (tenth.predicted - tenth.observed).abs())
}

/// The calibration error that perfectly calibrated predictions would show by chance: E|N(0, p(1-p)/n)| in each tenth.
pub fn calibration_noise(tenths: &[Tenth]) -> f64 {
    weighted(tenths, |tenth| {
        let variance = tenth.predicted * (1.0 - tenth.predicted) / tenth.count as f64;
        (variance.max(0.0) * std::f64::consts::FRAC_2_PI).sqrt()
    })
}

fn weighted(tenths: &[Tenth], each: impl Fn(&Tenth) -> f64) -> f64 {
    let count: usize = tenths.iter().map(|tenth| tenth.count).sum();
    tenths.iter().map(|tenth| tenth.count as f64 * each(tenth)).sum::<f64>() / (count.max(1) as f64)
}

/// All grades of a set of predictions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grade {
    /// Customers.
    pub count: usize,
    /// Share that happened.
    pub base_rate: Option<f64>,
    /// Area under the ROC curve.
    pub auc: Option<f64>,
    /// Mean negative log-likelihood.
    pub log_loss: Option<f64>,
    /// Mean squared error.
    pub brier: Option<f64>,
    /// Lift of the top tenth.
    pub lift_top_tenth: Option<f64>,
    /// Calibration error over tenths.
    pub calibration_error: f64,
    /// What chance alone would give for it.
    pub calibration_noise: f64,
    /// The tenths.
    pub tenths: Vec<Tenth>,
}

/// Grades predictions.
pub fn grade(graded: &[Graded]) -> Grade {
    let tenths = tenths(graded);
    Grade {
        count: graded.len(),
        base_rate: base_rate(graded),
        auc: auc(graded),
        log_loss: log_loss(graded),
        brier: brier(graded),
        lift_top_tenth: lift_top_tenth(graded),
        calibration_error: calibration_error(&tenths),
        calibration_noise: calibration_noise(&tenths),
        tenths,
    }
}

/// A forecast of a count, and what came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counted {
    /// The mean that was foretold.
    pub expected: f64,
    /// What came.
    pub observed: f64,
    /// The chance of less than what came, and of that or less; unknown where only a mean is foretold.
    pub chances: Option<(f64, f64)>,
}

/// Grades of forecasts of counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CountGrade {
    /// Forecasts.
    pub count: usize,
    /// Mean of what came.
    pub observed: f64,
    /// Mean absolute error.
    pub mean_error: f64,
    /// Root of the mean squared error.
    pub root_squared_error: f64,
    /// All that was foretold over all that came, less 1; none where nothing came.
    pub bias: Option<f64>,
    /// How far the probability integral transform is from level; none where chances are unknown.
    pub pit_distance: Option<f64>,
}

/// Grades forecasts of counts; None without any.
pub fn grade_counts(counted: &[Counted]) -> Option<CountGrade> {
    let count = counted.len() as f64;
    let mean = |each: &dyn Fn(&Counted) -> f64| counted.iter().map(each).sum::<f64>() / count;
    let (expected, observed) = (mean(&|one| one.expected), mean(&|one| one.observed));
    let chances: Option<Vec<(f64, f64)>> = counted.iter().map(|one| one.chances).collect();
    (!counted.is_empty()).then(|| CountGrade {
        count: counted.len(),
        observed,
        mean_error: mean(&|one| (one.expected - one.observed).abs()),
        root_squared_error: mean(&|one| (one.expected - one.observed).powi(2)).sqrt(),
        bias: (observed > 0.0).then(|| expected / observed - 1.0),
        pit_distance: chances.map(|chances| pit_distance(&chances)),
    })
}

/// The probability integral transform of counts is looked at in so many places.
const PIT_PLACES: usize = 200;

/// The largest distance between the mean probability integral transform of counts and that of perfect forecasts, which is level (Czado, Gneiting, Held
/// 2009, Predictive Model Assessment for Count Data, Biometrics 65:4, equation 2): (chance of less, chance of that or less) by forecast.
fn pit_distance(chances: &[(f64, f64)]) -> f64 {
    // Of each forecast it is 0 up to the first chance, 1 from the second on, and rises evenly between: in a place, so many are 1, and the others add up.
    let mut parts = vec![(0.0, 0.0); PIT_PLACES + 2];
    let place = |chance: f64| (chance * PIT_PLACES as f64).floor() as usize + 1;
    for &(below, up_to) in chances {
        let (first, end) = (place(below).min(PIT_PLACES + 1), place(up_to).min(PIT_PLACES + 1));
        // What rises within one place, or by less than doubles tell apart, is a step.
        let slope = if first < end && up_to - below > 1e-9 { 1.0 / (up_to - below) } else { 0.0 };
        // From `first` to before `end` it is (u - below) slope; from `end` on 1.
        let mut add = |at: usize, level: f64, slope: f64| {
            parts[at].0 += level;
            parts[at].1 += slope;
        };
        add(first, -below * slope, slope);
        add(end, 1.0 + below * slope, -slope);
    }
    let (mut level, mut slope, mut largest) = (0.0, 0.0, 0.0f64);
    for (at, part) in parts.iter().enumerate().take(PIT_PLACES) {
        (level, slope) = (level + part.0, slope + part.1);
        let u = at as f64 / PIT_PLACES as f64;
        largest = largest.max(((level + slope * u) / chances.len() as f64 - u).abs());
    }
    largest
}

/// Quantiles of a time that were foretold, and the time, where it came within what was seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timed {
    /// p25, p50, p75 of all, those included to whom it will never come: infinite where it never comes to that many.
    pub of_all: [f64; 3],
    /// The same of those to whom it will come.
    pub of_returners: [f64; 3],
    /// When it came; None where it had not by `seen`.
    pub came: Option<f64>,
    /// How long was looked.
    pub seen: f64,
}

/// Grades of quantiles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimeGrade {
    /// Forecasts.
    pub count: usize,
    /// To how many it came.
    pub came: usize,
    /// Of these, the share between p25 and p75 of returners.
    pub covered: Option<f64>,
    /// Of these, the median distance from p50 of returners.
    pub median_error: Option<f64>,
    /// Mean quantile loss of p25, p50, p75 of all, over everyone, with times and quantiles cut at what was seen.
    pub pinball: f64,
}

/// Grades quantiles of times; the loss of cut quantiles at cut times is smallest for the true quantile (Powell 1986, Censored Regression Quantiles,
/// Journal of Econometrics 32:1). None without any.
pub fn grade_times(timed: &[Timed]) -> Option<TimeGrade> {
    let returners: Vec<(&Timed, f64)> = timed.iter().filter_map(|one| Some((one, one.came?))).collect();
    let mut errors: Vec<f64> = returners.iter().map(|(one, came)| (one.of_returners[1] - came).abs()).collect();
    let middle = errors.len() / 2;
    let median_error = (!errors.is_empty()).then(|| *errors.select_nth_unstable_by(middle, f64::total_cmp).1);
    let covered = returners.iter().filter(|(one, came)| (one.of_returners[0]..=one.of_returners[2]).contains(came)).count();
    let pinball = |one: &Timed| {
        let came = one.came.unwrap_or(one.seen);
        let of_quantile = |(share, quantile): (f64, f64)| {
            let missed = came - quantile.min(one.seen);
            missed * if missed > 0.0 { share } else { share - 1.0 }
        };
        [0.25, 0.5, 0.75].into_iter().zip(one.of_all).map(of_quantile).sum::<f64>() / 3.0
    };
    (!timed.is_empty()).then(|| TimeGrade {
        count: timed.len(),
        came: returners.len(),
        covered: (!returners.is_empty()).then(|| covered as f64 / returners.len() as f64),
        median_error,
        pinball: timed.iter().map(pinball).sum::<f64>() / timed.len() as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: 2 and 0.5 foretold, 3 and 0 came.
    #[test]
    fn counts_are_graded() {
        let one = |expected, observed, chances| Counted { expected, observed, chances: Some(chances) };
        let graded = grade_counts(&[one(2.0, 3.0, (0.5, 0.7)), one(0.5, 0.0, (0.0, 0.6))]).expect("two");
        assert_eq!((graded.count, graded.observed, graded.mean_error), (2, 1.5, 0.75));
        assert!((graded.root_squared_error - 0.625f64.sqrt()).abs() < 1e-12);
        assert!((graded.bias.expect("something came") - (1.25 / 1.5 - 1.0)).abs() < 1e-12);
        // The mean transform: of the first 0 to 0.5, then (u - 0.5) / 0.2; of the second u / 0.6. At 0.7 both are 1: 0.3 above u. At 0.5: 0.83 / 2 is
        // 0.083 below.
        assert!((graded.pit_distance.expect("known") - 0.3).abs() < 1e-12, "{graded:?}");
    }

    /// Chances that are those of what comes have a level transform: a coin's two sides, and a certain 0.
    #[test]
    fn perfect_forecasts_are_level() {
        let coin = [(0.0, 0.5), (0.5, 1.0), (0.0, 1.0)];
        assert!(pit_distance(&coin) < 1e-12);
        // Always the upper side of what was called even: half of u is missing in the middle.
        assert!((pit_distance(&[(0.5, 1.0)]) - 0.5).abs() < 1e-12);
        // What came was all but impossible: less than it was certain.
        let distance = pit_distance(&[(1.0 - 2e-16, 1.0 - 1e-16), (0.499_999_999_999_999_9, 0.5), (0.0, 1.0)]);
        assert!((distance - 2.0 / 3.0 * 0.495).abs() < 0.01, "{distance}");
    }

    /// By hand, over 100 days.
    #[test]
    fn times_are_graded() {
        let one = |of_all, of_returners, came| Timed { of_all, of_returners, came, seen: 100.0 };
        let graded = grade_times(&[
            one([10.0, 40.0, 200.0], [8.0, 20.0, 50.0], Some(30.0)),
            one([50.0, f64::INFINITY, f64::INFINITY], [5.0, 9.0, 12.0], None),
            one([4.0, 8.0, 20.0], [4.0, 8.0, 16.0], Some(18.0)),
        ])
        .expect("three");
        assert_eq!((graded.count, graded.came, graded.covered, graded.median_error), (3, 2, Some(0.5), Some(10.0)));
        // 5 + 5 + 17.5 of the first; 12.5, 0 and 0 of the second, cut at 100; 3.5, 5 and 0.5 of the third.
        assert!((graded.pinball - (27.5 + 12.5 + 9.0) / 9.0).abs() < 1e-12, "{graded:?}");
    }

    /// scikit-learn 1.x on y = [0,0,1,1,0,1,0], p = [.1,.4,.35,.8,.4,.4,.2]: worked by hand as the docs define them.
    const GRADED: [Graded; 7] = [(0.1, false), (0.4, false), (0.35, true), (0.8, true), (0.4, false), (0.4, true), (0.2, false)];

    #[test]
    fn known_values() {
        // Pairs (positive, negative): .35 beats .1 and .2 (2); .8 beats all (4); .4 beats .1, .2 and ties twice (3): 9 of 12.
        assert!((auc(&GRADED).expect("both") - 9.0 / 12.0).abs() < 1e-12);
        let brier_sum = 0.01 + 0.16 + 0.4225 + 0.04 + 0.16 + 0.36 + 0.04;
        assert!((brier(&GRADED).expect("some") - brier_sum / 7.0).abs() < 1e-12);
        let likelihood: f64 = 0.9 * 0.6 * 0.35 * 0.8 * 0.6 * 0.4 * 0.8;
        assert!((log_loss(&GRADED).expect("some") + likelihood.ln() / 7.0).abs() < 1e-12);
    }

    #[test]
    fn the_wrong_way_round_shows() {
        let flipped: Vec<Graded> = GRADED.iter().map(|&(p, happened)| (1.0 - p, happened)).collect();
        assert!((auc(&flipped).expect("both") - 3.0 / 12.0).abs() < 1e-12);
        assert_eq!(auc(&[(0.5, true)]), None);
    }

    #[test]
    fn lift_and_tenths() {
        let graded: Vec<Graded> = (0..40).map(|rank| (f64::from(rank) / 40.0, rank >= 30 && rank != 39)).collect();
        // The top four hold three of nine positives: 0.75 / 0.225.
        assert!((lift_top_tenth(&graded).expect("some") - 0.75 / 0.225).abs() < 1e-12);
        let tenths = tenths(&graded);
        assert_eq!((tenths.len(), tenths[9].count), (10, 4));
        assert!((tenths[9].predicted - 37.5 / 40.0).abs() < 1e-12 && (tenths[9].observed - 0.75).abs() < 1e-12);
        let constant = vec![(0.5, true); 10];
        assert!((lift_top_tenth(&constant).expect("some") - 1.0).abs() < 1e-12);
    }
}
