//! Other programs' and the simplest ways to foretell when an item is bought again, beside which due lists are graded.

use rayon::prelude::*;

use crate::config::RawCycleModel;
use crate::models::churn::{self, Example, LogisticParams};
use crate::models::cycle::{self, Cell, Cells, Gaps, Model};
use crate::models::due::Row;

/// Each pair's own rate: the first of the peers.
pub const OWN_RATE: &str = "own_rate";
/// The gaps alone, from which the chain starts.
pub const GAPS_ALONE: &str = "gaps_alone";

/// What these look at of a customer and an item at a date.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    /// Purchase days less one, days from the first to the last, and from the first to the date.
    cell: Cell,
    /// Median of the gaps; none where it was bought once.
    median_gap: Option<i32>,
}

impl Evidence {
    /// By the days on which it was bought, oldest first, up to a day.
    pub fn of(days: &[i32], today: i32) -> Self {
        let mut gaps: Vec<i32> = days.windows(2).map(|pair| pair[1] - pair[0]).collect();
        gaps.sort_unstable();
        let (first, last) = (days[0], days[days.len() - 1]);
        let cell = Cell { x: days.len() as u32 - 1, t_x: (last - first) as u32, observed: (today - first).max(1) as u32, cohort: 0 };
        Self { cell, median_gap: gaps.get(gaps.len() / 2).copied() }
    }

    /// Purchases a day since the first.
    fn rate(&self) -> f64 {
        f64::from(self.cell.x) / f64::from(self.cell.observed)
    }

    fn silent(&self) -> f64 {
        f64::from(self.cell.observed - self.cell.t_x)
    }
}

/// A row, and what peers look at.
pub type Seen = (Row, Evidence);
/// What a peer foretells of a row.
type Foretell = Box<dyn Fn(&Seen) -> f64 + Sync>;

/// The chance of a purchase within `days`, as each peer foretells it who could learn what it takes.
pub fn peers(learnt_from: &[Seen], days: i32) -> Vec<(&'static str, Foretell)> {
    let within = f64::from(days);
    let at_least_one = move |rate: f64| -(-rate * within).exp_m1();
    let mut peers: Vec<(&'static str, Foretell)> = vec![
        (OWN_RATE, Box::new(move |(_, evidence)| at_least_one(evidence.rate()))),
        // The gaps alone, of which the chain starts: a renewal that nothing was fitted to.
        (GAPS_ALONE, Box::new(move |(row, _)| row.pair.by_gaps(days))),
    ];
    if let Some(logistic) = median_gap(learnt_from, days) {
        peers.push(("median_gap", logistic));
    }
    let cells = Cells::of(learnt_from.par_iter().map(|(_, evidence)| evidence.cell).collect(), Gaps::default());
    if let Ok(Model::Nbd(nbd)) = cycle::fit(RawCycleModel::Nbd, &cells, None).map(|fit| fit.model) {
        peers.push(("poisson_gamma", Box::new(move |(_, evidence)| nbd.return_probability(evidence.cell, within))));
        // Bhagat et al. (2018), Buy It Again, KDD, equation 10.
        let modified = move |(_, evidence): &Seen| {
            let Cell { x, t_x, observed, .. } = evidence.cell;
            let (count, mean_gap) = (f64::from(x) + nbd.r, f64::from(t_x) / f64::from(x.max(1)));
            let is_near = x > 0 && evidence.silent() < 2.0 * mean_gap;
            let time = if is_near { f64::from(t_x) + 2.0 * (mean_gap - evidence.silent()).abs() } else { f64::from(observed) };
            at_least_one(count / (time + nbd.alpha))
        };
        peers.push(("modified_poisson_gamma", Box::new(modified)));
    }
    peers
}

/// A logistic in the median gap and the days since the last purchase.
fn median_gap(learnt_from: &[Seen], days: i32) -> Option<Foretell> {
    const NAMES: [&str; 3] = ["median_gap", "silent", "silent_gaps"];
    let values = |evidence: &Evidence| {
        let gap = evidence.median_gap.map_or(f64::NAN, f64::from);
        vec![gap, evidence.silent(), evidence.silent() / gap]
    };
    let of_row = |(row, evidence): &Seen| {
        let bought = row.next.is_some_and(|next| next <= days);
        (row.seen >= days || bought).then(|| Example { values: values(evidence), churned: bought })
    };
    let examples: Vec<Example> = learnt_from.iter().filter_map(of_row).collect();
    let fit = churn::fit(&NAMES.map(str::to_owned), &examples, &LogisticParams::FEW_COLUMNS).ok()?;
    Some(Box::new(move |(_, evidence)| fit.probability(&values(evidence))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::due::{Ages, Bought, Customer, GapSums, Item, Pair, Trend};

    /// Bought on days 0, 10, 20 and 40 of 50: 3 in 50 days; the median gap is 10, the last 10 days ago.
    #[test]
    fn peers_by_hand() {
        let days = [0, 10, 20, 40];
        let evidence = Evidence::of(&days, 50);
        assert_eq!(evidence, Evidence { cell: Cell { x: 3, t_x: 40, observed: 50, cohort: 0 }, median_gap: Some(10) });
        assert_eq!(Evidence::of(&[7], 7), Evidence { cell: Cell { x: 0, t_x: 0, observed: 1, cohort: 0 }, median_gap: None });
        let ages = Ages::new();
        let customer = Customer::of((&days, &[1; 4]), 50, &ages);
        let item = Item::category(GapSums::default(), (&[], 0), 50, &Trend::new(10));
        let pair = Pair::of(Bought { days: &days, milli_units: &[1000; 4] }, &customer, &item, None, &ages);
        let seen: Seen = (Row { pair, next: None, seen: 100 }, evidence);
        let others =
            (1..400).map(|place: i32| Evidence { cell: Cell { x: (place % 7) as u32, t_x: (place % 31) as u32, observed: 40, cohort: 0 }, ..evidence });
        let rows: Vec<Seen> = others.enumerate().map(|(place, other)| (Row { next: (place % 3 == 0).then_some(3), ..seen.0 }, other)).collect();
        let found: std::collections::BTreeMap<&str, f64> = peers(&rows, 14).iter().map(|(name, foretell)| (*name, foretell(&seen))).collect();
        assert_eq!(found.len(), 5, "{found:?}");
        assert!((found["own_rate"] - (1.0 - (-0.06f64 * 14.0).exp())).abs() < 1e-12);
        let Model::Nbd(nbd) =
            cycle::fit(RawCycleModel::Nbd, &Cells::of(rows.iter().map(|row| row.1.cell).collect(), Gaps::default()), None).expect("a fit").model
        else {
            panic!("an NBD")
        };
        let gamma = 1.0 - ((50.0 + nbd.alpha) / (64.0 + nbd.alpha)).powf(3.0 + nbd.r);
        assert!((found["poisson_gamma"] - gamma).abs() < 1e-12);
        // Silent for 10 days, less than two mean gaps of 40/3: the time is 40 + 2 |40/3 - 10|.
        let modified = 1.0 - (-(3.0 + nbd.r) / (40.0 + 20.0 / 3.0 + nbd.alpha) * 14.0).exp();
        assert!((found["modified_poisson_gamma"] - modified).abs() < 1e-12);
        // A third was bought, whatever the gaps.
        assert!((found["median_gap"] - 1.0 / 3.0).abs() < 0.1, "{found:?}");
    }
}
