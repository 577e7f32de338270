//! What is measured of the lines of a day, and stays as it is from day to day: shares, prices, units, times.

use super::days::{BEFORE, DayCounts, Days, LOG_UNIT, median};
use super::history::Params;

/// Days of which a measure must be known before it is compared.
const DAYS_MIN: usize = 14;
/// What is usual, in deviations.
const DEVIATIONS: f64 = 6.0;
/// Lines of customers whom nobody knows: on a day that follows an export, or on a holiday, there may be more of them, but not most.
const NEW_SHARE: f64 = 0.8;

/// A value, its limit, and what it says.
pub type Moved = (f64, f64, String);

/// How a measure of a day moves.
enum Moves {
    /// A share of the lines: by their difference.
    Share(fn(&DayCounts) -> u32),
    /// The same, but there may be more of them at any time.
    Lost(fn(&DayCounts) -> u32),
    /// The same, but there may be fewer of them, and more up to a limit of their own.
    Repeated(fn(&DayCounts) -> u32),
    /// A mean of logarithms: by a factor.
    Factor(fn(&DayCounts) -> (i64, u32)),
    /// The time of the day: by hours.
    Hours,
}

/// Something that is measured of the lines of a day, and stays as it is from day to day.
pub struct Measure {
    /// The check.
    pub check: &'static str,
    what: &'static str,
    moves: Moves,
    /// A share up to here is never told.
    floor: f64,
}

/// The measures of a day.
pub const MEASURES: [Measure; 10] = [
    Measure { check: "day_anonymous_share", what: "lines without a customer", moves: Moves::Share(|day| day.anonymous), floor: 0.0 },
    Measure {
        check: "day_unknown_customer_share",
        what: "lines of customers that the table customers does not know",
        moves: Moves::Share(|day| day.unknown),
        floor: NEW_SHARE,
    },
    Measure { check: "day_repeated", what: "lines of customers that are there twice", moves: Moves::Repeated(|day| day.repeated), floor: 0.0 },
    Measure { check: "day_return_share", what: "returns", moves: Moves::Share(|day| day.returns), floor: 0.0 },
    Measure { check: "day_promotion_share", what: "lines with a promotion", moves: Moves::Lost(|day| day.promoted), floor: 0.0 },
    Measure { check: "day_unpriced_share", what: "lines without value or units", moves: Moves::Share(|day| day.unpriced), floor: 0.0 },
    Measure { check: "day_storeless_share", what: "lines without a store", moves: Moves::Share(|day| day.storeless), floor: 0.0 },
    Measure { check: "day_unit_price", what: "prices", moves: Moves::Factor(|day| (day.log_price, day.priced)), floor: 0.0 },
    Measure { check: "day_units", what: "units of a line", moves: Moves::Factor(|day| (day.log_units, day.priced)), floor: 0.0 },
    Measure { check: "day_hours", what: "times of the day", moves: Moves::Hours, floor: 0.0 },
];

/// The share of lines of customers on their first day; counted elsewhere.
pub const NEW_CUSTOMERS: Measure =
    Measure { check: "day_new_customer_share", what: "lines of customers who were never seen before", moves: Moves::Share(|_| 0), floor: NEW_SHARE };

impl Measure {
    /// The value of a day; None where too few lines tell.
    fn value(&self, day: &DayCounts, least: u32) -> Option<f64> {
        match self.moves {
            Moves::Share(count) | Moves::Lost(count) | Moves::Repeated(count) => (day.lines >= least).then(|| f64::from(count(day)) / f64::from(day.lines)),
            Moves::Factor(sum) => Some(sum(day)).filter(|(_, lines)| *lines * 2 >= least).map(|(sum, lines)| sum as f64 / f64::from(lines) / LOG_UNIT),
            Moves::Hours => (day.lines >= least).then(|| (day.hours[1] as f64).atan2(day.hours[0] as f64) * 12.0 / std::f64::consts::PI),
        }
    }

    /// How far one value is from another.
    fn distance(&self, value: f64, from: f64) -> f64 {
        let difference = value - from;
        match self.moves {
            Moves::Hours => (difference + 36.0).rem_euclid(24.0) - 12.0,
            _ => difference,
        }
    }

    /// What has moved, if the day is like none of those before it that are not accepted.
    pub fn moved(&self, days: &Days, age: usize, accepts: &dyn Fn(usize) -> bool, params: &Params) -> Option<Moved> {
        let before = (age + 1..=age + BEFORE).filter(|before| !accepts(*before));
        let value = self.value(&days.at(age), params.lines_min)?;
        moved(value, days.at(age).lines, before.filter_map(|before| self.value(&days.at(before), params.lines_min / 3)).collect(), self, params)
    }
}

/// Lines that should have been there, on a day that has none of them.
const LOST_LINES: f64 = 20.0;

/// What has moved, if `value`, of so many lines, is like none of those `before`.
pub fn moved(value: f64, lines: u32, before: Vec<f64>, measure: &Measure, params: &Params) -> Option<Moved> {
    if before.len() < DAYS_MIN {
        return None;
    }
    // The middle of a circle's points is looked for from one of them.
    let from = before[0];
    let usual = from + median(before.iter().map(|value| measure.distance(*value, from)).collect())?;
    let spread = 1.4826 * median(before.iter().map(|value| measure.distance(*value, usual).abs()).collect())?;
    let moved = measure.distance(value, usual);
    if moved.abs() <= DEVIATIONS * spread {
        return None;
    }
    let what = measure.what;
    match measure.moves {
        Moves::Share(_) | Moves::Lost(_) => {
            let is_lost = usual >= 0.05 && value <= usual / 10.0 || usual * f64::from(lines) >= LOST_LINES && value == 0.0;
            let is_moved = moved.abs() > params.share_move_max && matches!(measure.moves, Moves::Share(_));
            ((is_moved || is_lost) && (measure.floor == 0.0 || value > measure.floor))
                .then(|| (value, params.share_move_max, format!("{:.1} % are {what}, {:.1} % on usual days", value * 100.0, usual * 100.0)))
        }
        Moves::Repeated(_) => (moved > 0.0 && value > params.repeated_share_max)
            .then(|| (value, params.repeated_share_max, format!("{:.1} % are {what}, {:.1} % on usual days", value * 100.0, usual * 100.0))),
        Moves::Factor(_) => {
            let factor = moved.exp2();
            (factor.max(1.0 / factor) > params.factor_move_max)
                .then(|| (factor, params.factor_move_max, format!("{what} are {factor:.3} times those of usual days")))
        }
        Moves::Hours => (moved.abs() > params.hour_move_max).then(|| (moved, params.hour_move_max, format!("{what} have moved by {moved:.1} hours"))),
    }
}
