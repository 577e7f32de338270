//! When a shop is busy: weekdays, the year, and holidays, on which its stores are closed. People's clocks run by how busy the shop is, so a renewal
//! process stays one.

use crate::time::Day;

/// How busy Monday to Sunday are.
const WEEKDAYS: [f64; 7] = [0.8, 0.8, 0.85, 0.95, 1.25, 1.45, 0.9];
/// How busy the web alone is while stores are closed.
const CLOSED: f64 = 0.35;
/// How much the busiest season is above the mean.
const YEARLY: f64 = 0.12;

/// The seasons of a shop's history.
#[derive(Debug, Clone)]
pub struct Seasons {
    /// By day: how busy all days before it were together, where the mean day is 1.
    before: Vec<f64>,
    closed: Vec<bool>,
}

impl Seasons {
    /// Those of so many days from `start` on.
    pub fn of(start: Day, days: i32) -> Self {
        let busy: Vec<f64> = (0..days).map(|day| busy(start.plus(day))).collect();
        let mean = busy.iter().sum::<f64>() / busy.len().max(1) as f64;
        let mut before = vec![0.0];
        busy.iter().for_each(|busy| before.push(before[before.len() - 1] + busy / mean));
        Self { before, closed: (0..days).map(|day| is_closed(start.plus(day))).collect() }
    }

    /// How busy the shop was before an instant, in days of the mean.
    pub fn clock(&self, at: f64) -> f64 {
        let day = (at as usize).min(self.before.len() - 2);
        self.before[day] + (at - day as f64) * (self.before[day + 1] - self.before[day])
    }

    /// The instant before which it was as busy as that.
    pub fn instant(&self, clock: f64) -> f64 {
        let day = (self.before.partition_point(|before| *before <= clock).max(1) - 1).min(self.before.len() - 2);
        day as f64 + (clock - self.before[day]) / (self.before[day + 1] - self.before[day])
    }

    /// The day itself, or the next one on which stores are open.
    pub fn open_day(&self, day: i32) -> i32 {
        (day..).find(|day| !self.closed.get(*day as usize).copied().unwrap_or_default()).unwrap_or(day)
    }
}

fn busy(day: Day) -> f64 {
    let (year, month, date) = civil(day);
    let year_start = Day::parse(&format!("{year:04}-01-01")).unwrap_or(day);
    let yearly = 1.0 - YEARLY * (day.since(year_start) as f64 / 365.25 * std::f64::consts::TAU).cos() * if month < 11 { 1.0 } else { -1.0 };
    let usual = WEEKDAYS[day.weekday() as usize - 1] * yearly;
    let next_is = |days: i32| is_closed(day.plus(days));
    match (month, date) {
        _ if is_closed(day) => CLOSED * usual,
        (12, 24 | 31) => 0.6 * usual,
        (12, 17..=23) => 1.7 * usual,
        (12, 1..=16) => 1.25 * usual,
        // The day after Thanksgiving.
        (11, _) if is_closed(day.plus(-1)) => 2.0 * usual,
        _ if next_is(1) => 1.5 * usual,
        _ => usual,
    }
}

/// New Year, Easter Sunday, Independence Day, Thanksgiving and Christmas.
fn is_closed(day: Day) -> bool {
    let (year, month, date) = civil(day);
    let is_thanksgiving = month == 11 && day.weekday() == 4 && (22..=28).contains(&date);
    matches!((month, date), (1, 1) | (7, 4) | (12, 25)) || is_thanksgiving || day == Day::easter(year)
}

fn civil(day: Day) -> (i32, i32, i32) {
    let text = day.to_string();
    let part = |range: std::ops::Range<usize>| text.get(range).and_then(|text| text.parse().ok()).unwrap_or_default();
    (part(0..4), part(5..7), part(8..10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holidays_are_those_of_the_calendar() {
        let closed: Vec<String> =
            (0..365).map(|day| Day::parse("2025-01-01").expect("a date").plus(day)).filter(|day| is_closed(*day)).map(|day| day.to_string()).collect();
        assert_eq!(closed, ["2025-01-01", "2025-04-20", "2025-07-04", "2025-11-27", "2025-12-25"]);
    }

    #[test]
    fn the_clock_runs_both_ways() {
        let seasons = Seasons::of(Day::parse("2025-06-01").expect("a date"), 100);
        for at in [0.0, 0.5, 33.25, 34.0, 99.75] {
            assert!((seasons.instant(seasons.clock(at)) - at).abs() < 1e-9);
        }
        assert!((seasons.clock(100.0) - 100.0).abs() < 1e-9);
        // 4 July is the 33rd day: stores open again on the 34th.
        assert_eq!([32, 33, 34].map(|day| seasons.open_day(day)), [32, 34, 34]);
    }
}
