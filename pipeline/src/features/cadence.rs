//! How often, how regularly, in which season, and how long silent against the own cycle.

use std::f64::consts::TAU;

use super::facts::Facts;
use super::item::{Item, Known, Scope};
use super::seen::Seen;

const ORDERED: &[&str] = &["order_lines.ordered_at", "order_lines.quantity"];

/// Of all history.
pub(super) const ITEMS: Known<Cadence> = Known {
    items: &[
        Item::<Cadence>::int("repeat_day_count", "days", |cadence| cadence.facts.repeat_day_count(), "distinct order days less one (x of the purchase-cycle models)").from(ORDERED),
        Item::<Cadence>::int("t_x_days", "days", |cadence| cadence.facts.t_x_days(), "days from the first order day to the last").not_for_models().from(ORDERED),
        Item::<Cadence>::float("gap_days_mean", "days", |cadence| cadence.facts.gap_days_mean(), "mean days between order days").unknown("with fewer than two").from(ORDERED),
        Item::<Cadence>::float("gap_days_deviation", "days", Cadence::deviation, "sample standard deviation (n - 1) of the days between order days")
            .unknown("with fewer than three")
            .from(ORDERED),
        Item::<Cadence>::int("gap_days_last", "days", |cadence| cadence.last_gap, "days between the last two order days").unknown("with fewer than two").from(ORDERED),
        Item::<Cadence>::float("gap_days_median", "days", |cadence| cadence.median, "median days between order days").unknown("with fewer than two").from(ORDERED),
        Item::<Cadence>::float(
            "gap_variation",
            "ratio",
            |cadence| Some(cadence.deviation()? / cadence.facts.gap_days_mean()?),
            "gap_days_deviation over gap_days_mean: 0 for a clock, near 1 for chance (below it with few order days)",
        )
        .unknown("with fewer than three")
        .from(ORDERED),
        Item::<Cadence>::float(
            "gap_trend",
            "log ratio",
            |cadence| cadence.trend,
            "log of the mean of the newer half of the days between order days over that of the older half (the middle one is in neither): above 0 for who slows down",
        )
        .signed()
        .unknown("with fewer than five order days")
        .from(ORDERED),
        Item::<Cadence>::float("silence_gaps", "gaps", Cadence::silence, "days silent, to the day observed to, over gap_days_mean").unknown("with fewer than two order days").from(ORDERED),
        Item::<Cadence>::share(
            "season_concentration",
            |cadence| cadence.season.map(|season| season.0),
            "how much order days crowd in one part of the year: length of their mean direction on a circle of 365.2425 days",
        )
        .unknown("with fewer than eight order days, or before 730 days of tenure")
        .from(ORDERED),
        Item::<Cadence>::float(
            "season_match",
            "cosine",
            |cadence| cadence.season.map(|season| season.1),
            "how near as_of is to that part of the year: season_concentration times the cosine between them",
        )
        .within(-1.0, 1.0)
        .unknown("as season_concentration")
        .from(ORDERED),
    ],
    measure: |seen, _: &Scope, measured| measured.push(Cadence::of(seen)),
    of_orders: true,
};

/// What the days between order days say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cadence {
    facts: Facts,
    gap_squares: i128,
    last_gap: Option<i64>,
    median: Option<f64>,
    trend: Option<f64>,
    season: Option<(f64, f64)>,
}

/// Fewest order days, and days of tenure, for a season to be told.
const SEASON: (usize, i64) = (8, 730);

impl Cadence {
    fn of(seen: &Seen<'_>) -> Self {
        let mut gaps: Vec<i64> = seen.days.windows(2).map(|pair| pair[1].since(pair[0])).collect();
        let half = gaps.len() / 2;
        let mean = |gaps: &[i64]| gaps.iter().sum::<i64>() as f64 / gaps.len() as f64;
        let trend = (half >= 2).then(|| (mean(&gaps[gaps.len() - half..]) / mean(&gaps[..half])).ln());
        let gap_squares = gaps.iter().map(|&gap| i128::from(gap) * i128::from(gap)).sum();
        let last_gap = gaps.last().copied();
        gaps.sort_unstable();
        let median = last_gap.map(|_| (gaps[half] + gaps[(gaps.len() - 1) / 2]) as f64 / 2.0);
        Self { facts: seen.facts, gap_squares, last_gap, median, trend, season: season(seen) }
    }

    /// Standard deviation of the gaps, from whole numbers; with one gap it is unknown.
    fn deviation(&self) -> Option<f64> {
        let gaps = i128::from(self.facts.order_days) - 1;
        let total = i128::from(self.facts.t_x_days()?);
        (gaps > 1).then(|| ((gaps * self.gap_squares - total * total) as f64 / (gaps * (gaps - 1)) as f64).sqrt())
    }

    /// Days silent over the mean gap.
    fn silence(&self) -> Option<f64> {
        let silent = self.facts.observed_days()? - self.facts.t_x_days()?;
        self.facts.gap_days_mean().map(|mean| silent as f64 / mean)
    }
}

/// Mean resultant length of the order days on the circle of the year, and it times the cosine from its direction to the date
/// (Mardia and Jupp, Directional Statistics, 2.3).
fn season(seen: &Seen<'_>) -> Option<(f64, f64)> {
    let date = seen.facts.date;
    if seen.days.len() < SEASON.0 || seen.facts.first_day.get().is_none_or(|first| date.since(first) < SEASON.1) {
        return None;
    }
    // Angles count from the date: the cosine of the mean direction is then its nearness to the date.
    let angle = |day: &crate::time::Day| date.since(*day) as f64 / 365.2425 * TAU;
    let (sin, cos) = seen.days.iter().map(angle).fold((0.0, 0.0), |(sin, cos), angle| (sin + angle.sin(), cos + angle.cos()));
    let count = seen.days.len() as f64;
    Some((sin.hypot(cos).min(count) / count, (cos / count).clamp(-1.0, 1.0)))
}
