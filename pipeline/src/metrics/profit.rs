//! What it earns to contact those who are likeliest to leave: who would have stayed takes the offer for nothing, who would have left takes it with a
//! chance that nobody knows exactly.
//!
//! Source: Verbraken, Verbeke, Baesens (2013), A Novel Profit Maximizing Metric for Measuring Classification Performance of Customer Churn Prediction
//! Models, IEEE TKDE 25:5, equations 4 (profit), 9 and 10 (expected maximum profit, along the convex hull of the ROC curve) and 11 (the share contacted).

use serde::{Deserialize, Serialize};
use statrs::function::beta::beta_reg;

use super::Graded;

/// What contacting a customer costs and earns, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Economics {
    /// What a customer earns who is kept.
    pub margin: f64,
    /// What the offer costs, where it is taken.
    pub offer_cost: f64,
    /// What contacting costs, whatever comes of it.
    pub contact_cost: f64,
    /// The chance that the offer keeps who would have left has the density of a beta distribution: its alpha and beta.
    pub acceptance: [f64; 2],
}

/// What is earned a customer, in minor units, where those likeliest to leave are contacted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Profit {
    /// The expected maximum: the share contacted is the best for each chance of acceptance, over all of them.
    pub maximum: f64,
    /// The share contacted, over the same.
    pub share: f64,
}

/// Customers who would leave and who would stay, of those contacted so far: how many, or as shares of all.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Contacted {
    leavers: f64,
    stayers: f64,
}

/// Customers in the order of contact, those likeliest to leave first; those who are as likely are contacted together.
pub struct Order {
    /// Their rows; of those who are as likely, who would leave first.
    rows: Vec<u32>,
    runs: Vec<Run>,
}

/// Customers one after another who all would leave, who all would stay, or who are as likely: the ROC curve goes straight on while they are contacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    /// Where those begin who would stay.
    stayers_from: usize,
    /// Where it ends.
    end: usize,
}

impl Order {
    /// The order of these.
    pub fn of(graded: &[Graded]) -> Self {
        let mut rows: Vec<u32> = (0..graded.len() as u32).collect();
        let of = |row: u32| graded[row as usize];
        rows.sort_unstable_by(|a, b| of(*b).0.total_cmp(&of(*a).0).then(of(*b).1.cmp(&of(*a).1)).then(a.cmp(b)));
        let (mut runs, mut from, mut run_from): (Vec<Run>, usize, usize) = (Vec::new(), 0, 0);
        for equals in rows.chunk_by(|a, b| of(*a).0.total_cmp(&of(*b).0).is_eq()) {
            let run = Run { stayers_from: from + equals.partition_point(|row| of(*row).1), end: from + equals.len() };
            match runs.last_mut() {
                Some(last) if last.stayers_from == from && run.stayers_from == run.end => *last = run,
                Some(last) if last.stayers_from == run_from && run.stayers_from == from => last.end = run.end,
                _ => {
                    run_from = from;
                    runs.push(run);
                }
            }
            from = run.end;
        }
        Self { rows, runs }
    }

    /// Tells `visit` who is contacted in each run, and who has been by then, where each customer stands for as many as the weight of the row says;
    /// returns all.
    fn contact(&self, weights: &[u8], mut visit: impl FnMut(Contacted, Contacted)) -> Contacted {
        // By place: weights of all before it.
        let mut before = Vec::with_capacity(self.rows.len() + 1);
        let mut all = 0;
        before.push(all);
        for row in &self.rows {
            all += u32::from(weights[*row as usize]);
            before.push(all);
        }
        let (mut sum, mut from) = (Contacted::NOBODY, 0);
        for run in &self.runs {
            let [first, middle, last] = [from, run.stayers_from, run.end].map(|place| before[place]);
            let more = Contacted { leavers: f64::from(middle - first), stayers: f64::from(last - middle) };
            sum = Contacted { leavers: sum.leavers + more.leavers, stayers: sum.stayers + more.stayers };
            visit(more, sum);
            from = run.end;
        }
        sum
    }

    /// The expected maximum profit.
    pub fn profit(&self, economics: &Economics, weights: &[u8]) -> Profit {
        let mut hull = Hull::new();
        let all = self.contact(weights, |more, sum| hull.add(more, sum));
        economics.expected_maximum(&hull.shares_of(all))
    }

    /// Area under the ROC curve; none without both leavers and stayers.
    pub fn auc(&self, weights: &[u8]) -> Option<f64> {
        let mut area = Area(0.0);
        let all = self.contact(weights, |more, sum| area.add(more, sum));
        area.share_of(all)
    }

    /// Both at once.
    pub fn auc_and_profit(&self, economics: &Economics, weights: &[u8]) -> (Option<f64>, Profit) {
        let (mut area, mut hull) = (Area(0.0), Hull::new());
        let all = self.contact(weights, |more, sum| {
            area.add(more, sum);
            hull.add(more, sum);
        });
        (area.share_of(all), economics.expected_maximum(&hull.shares_of(all)))
    }

    /// What is earned a customer at each share of customers contacted, by the mean chance of acceptance; within equals evenly.
    pub fn curve(&self, economics: &Economics, shares: &[f64]) -> Vec<f64> {
        let mut sums = vec![Contacted::NOBODY];
        let all = self.contact(&vec![1; self.rows.len()], |_, sum| sums.push(sum));
        sums.iter_mut().for_each(|sum| *sum = sum.share_of(all));
        let of = |share: &f64| {
            let reached = |sum: &Contacted| sum.leavers + sum.stayers;
            let above = sums.partition_point(|sum| reached(sum) < *share).clamp(1, sums.len().max(2) - 1);
            let Some([from, to]) = sums.get(above - 1..=above).and_then(|pair| <[Contacted; 2]>::try_from(pair).ok()) else { return 0.0 };
            let part = ((share - reached(&from)) / (reached(&to) - reached(&from))).clamp(0.0, 1.0);
            let between = |a: f64, b: f64| a + part * (b - a);
            economics.at(Contacted { leavers: between(from.leavers, to.leavers), stayers: between(from.stayers, to.stayers) })
        };
        shares.iter().map(of).collect()
    }
}

impl Contacted {
    const NOBODY: Self = Self { leavers: 0.0, stayers: 0.0 };

    /// The same as shares of all.
    fn share_of(self, all: Self) -> Self {
        let all = (all.leavers + all.stayers).max(f64::MIN_POSITIVE);
        Self { leavers: self.leavers / all, stayers: self.stayers / all }
    }
}

/// The vertices of the upper convex hull of the ROC curve, as far as it has come: exact, as they are whole numbers.
struct Hull(Vec<Contacted>);

impl Hull {
    fn new() -> Self {
        Self(vec![Contacted::NOBODY])
    }

    /// Adds a run. After one of nobody who leaves the curve never turns towards those who stay.
    fn add(&mut self, more: Contacted, sum: Contacted) {
        if more.leavers > 0.0 {
            self.push(sum);
        }
    }

    fn push(&mut self, point: Contacted) {
        while let [.., a, b] = self.0[..] {
            // b lies above the line from a to the point.
            let turns_right = (b.leavers - a.leavers) * (point.stayers - a.stayers) > (point.leavers - a.leavers) * (b.stayers - a.stayers);
            if turns_right {
                break;
            }
            self.0.pop();
        }
        self.0.push(point);
    }

    /// All vertices, now that the curve ends at `all`.
    fn shares_of(mut self, all: Contacted) -> Vec<Contacted> {
        self.push(all);
        self.0.into_iter().map(|vertex| vertex.share_of(all)).collect()
    }
}

/// The area under the ROC curve, as far as it has come: exact, as it is a half of whole numbers.
struct Area(f64);

impl Area {
    fn add(&mut self, more: Contacted, sum: Contacted) {
        self.0 += more.stayers * (sum.leavers - more.leavers / 2.0);
    }

    fn share_of(self, Contacted { leavers, stayers }: Contacted) -> Option<f64> {
        (leavers > 0.0 && stayers > 0.0).then(|| self.0 / (leavers * stayers))
    }
}

impl Economics {
    fn mean_acceptance(&self) -> f64 {
        self.acceptance[0] / (self.acceptance[0] + self.acceptance[1])
    }

    /// What is earned a customer, by the mean chance of acceptance (equation 4).
    fn at(&self, Contacted { leavers, stayers }: Contacted) -> f64 {
        leavers * (self.mean_acceptance() * (self.margin - self.offer_cost) - self.contact_cost) - stayers * (self.offer_cost + self.contact_cost)
    }

    /// Each vertex of the hull is the best for an interval of chances.
    fn expected_maximum(&self, hull: &[Contacted]) -> Profit {
        let [alpha, beta] = self.acceptance;
        let kept = self.margin - self.offer_cost;
        if kept <= 0.0 {
            return Profit { maximum: 0.0, share: 0.0 };
        }
        // Chances below which a vertex is better than the next one.
        let next_from = |pair: &[Contacted]| {
            let (leavers, stayers) = (pair[1].leavers - pair[0].leavers, pair[1].stayers - pair[0].stayers);
            let chance = (stayers / leavers * (self.offer_cost + self.contact_cost) + self.contact_cost) / kept;
            if leavers > 0.0 { chance.clamp(0.0, 1.0) } else { 1.0 }
        };
        let bounds: Vec<f64> = hull.windows(2).map(next_from).chain([1.0]).collect();
        let below = |chance: f64| match chance {
            chance if chance <= 0.0 => [0.0, 0.0],
            chance if chance >= 1.0 => [1.0, self.mean_acceptance()],
            // The mean up to a chance is that of all times the probability by a beta distribution whose alpha is one more.
            chance => [beta_reg(alpha, beta, chance), self.mean_acceptance() * beta_reg(alpha + 1.0, beta, chance)],
        };
        let (mut profit, mut from) = (Profit { maximum: 0.0, share: 0.0 }, [0.0, 0.0]);
        for (vertex, bound) in hull.iter().zip(bounds) {
            let to = below(bound);
            let [probability, acceptance] = [to[0] - from[0], to[1] - from[1]];
            let lost = self.contact_cost * vertex.leavers + (self.offer_cost + self.contact_cost) * vertex.stayers;
            profit.maximum += kept * vertex.leavers * acceptance - lost * probability;
            profit.share += probability * (vertex.leavers + vertex.stayers);
            from = to;
        }
        profit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paper's own: 200 of margin, 10 for the offer, 1 for the contact, acceptance by alpha 6 and beta 14.
    const PAPER: Economics = Economics { margin: 200.0, offer_cost: 10.0, contact_cost: 1.0, acceptance: [6.0, 14.0] };

    fn graded() -> Vec<Graded> {
        (0..60u32).map(|row| (f64::from(row * 7 % 20) / 20.0, (row * 13 % 11) + row * 7 % 20 > 17)).collect()
    }

    /// The expected maximum by its definition (equation 9): for each chance of acceptance, the best of all cuts; chances by Simpson's rule on 20,000 steps.
    fn by_definition(graded: &[Graded], economics: &Economics, weights: &[u8]) -> Profit {
        let rows = || weights.iter().map(|weight| f64::from(*weight)).zip(graded);
        let all: f64 = rows().map(|(weight, _)| weight).sum();
        let of = |cut: f64, left: bool| rows().filter(|(_, row)| row.0 >= cut && row.1 == left).map(|(weight, _)| weight).sum::<f64>() / all;
        let cuts: Vec<[f64; 2]> = graded.iter().map(|(score, _)| *score).chain([2.0]).map(|cut| [true, false].map(|left| of(cut, left))).collect();
        let Economics { margin, offer_cost, contact_cost, acceptance } = *economics;
        let best = |chance: f64| {
            let at = |&[leavers, stayers]: &[f64; 2]| {
                let profit = leavers * (chance * (margin - offer_cost) - contact_cost) - stayers * (offer_cost + contact_cost);
                (profit, leavers + stayers)
            };
            cuts.iter().map(at).fold((0.0, 0.0), |best, next| if next.0 > best.0 { next } else { best })
        };
        let steps = 20_000;
        let density = |chance: f64| chance.powf(acceptance[0] - 1.0) * (1.0 - chance).powf(acceptance[1] - 1.0);
        let (mut sums, mut mass) = ([0.0; 2], 0.0);
        for step in 0..=steps {
            let chance = f64::from(step) / f64::from(steps);
            let weight = density(chance)
                * if step == 0 || step == steps {
                    1.0
                } else if step % 2 == 1 {
                    4.0
                } else {
                    2.0
                };
            let (profit, share) = best(chance);
            sums = [sums[0] + weight * profit, sums[1] + weight * share];
            mass += weight;
        }
        Profit { maximum: sums[0] / mass, share: sums[1] / mass }
    }

    #[test]
    fn the_expected_maximum_is_that_of_its_definition() {
        // Where scores say little and keeping someone earns little, cuts lie under the hull, and to contact nobody is best for many chances.
        let weak: Vec<Graded> = (0..60u32).map(|row| (f64::from(row * 7 % 20) / 20.0, row * 13 % 11 + row * 7 % 20 / 8 > 6)).collect();
        let thin = Economics { margin: 60.0, offer_cost: 10.0, contact_cost: 4.0, ..PAPER };
        for (graded, economics) in [(graded(), PAPER), (weak, thin)] {
            let order = Order::of(&graded);
            for weight in [|_: u8| 1, |row: u8| row % 4] {
                let weights: Vec<u8> = (0..graded.len() as u8).map(weight).collect();
                let (found, defined) = (order.profit(&economics, &weights), by_definition(&graded, &economics, &weights));
                let differ = [found.maximum - defined.maximum, found.share - defined.share];
                assert!(differ.iter().all(|differ| differ.abs() < 1e-3), "{found:?} {defined:?}");
            }
        }
    }

    /// empulse 0.13.1, `empc_score(left, scores, clv=200, incentive_cost=10, contact_cost=1, alpha=6, beta=14)` of the same 60 rows.
    #[test]
    fn the_expected_maximum_is_that_of_another_program() {
        let graded = graded();
        let found = Order::of(&graded).profit(&PAPER, &[1; 60]);
        assert!((found.maximum - 17.404_199_768_134_89).abs() < 1e-9, "{found:?}");
    }

    /// By hand: half leave. Contacting everyone earns 0.5 (0.3 x 190 - 1) - 0.5 x 11; contacting the first half, who all leave, 0.5 (0.3 x 190 - 1).
    #[test]
    fn the_curve_by_hand() {
        let graded = [(0.9, true), (0.8, true), (0.2, false), (0.1, false)];
        let curve = Order::of(&graded).curve(&PAPER, &[0.0, 0.25, 0.5, 1.0]);
        curve.iter().zip([0.0, 14.0, 28.0, 22.5]).for_each(|(found, by_hand)| assert!((found - by_hand).abs() < 1e-9, "{curve:?}"));
        // Who keeps nobody earns nothing.
        let dear = Economics { offer_cost: 300.0, ..PAPER };
        assert_eq!(Order::of(&graded).profit(&dear, &[1; 4]), Profit { maximum: 0.0, share: 0.0 });
    }

    /// Mann, Whitney (1947): the rank sum of those who left, less the least that it may be, over the pairs; equal chances share their mean rank.
    fn by_ranks(graded: &[Graded]) -> f64 {
        let mut sorted = graded.to_vec();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let left = graded.iter().filter(|(_, left)| *left).count() as f64;
        let (mut ranks, mut before) = (0.0, 0.0);
        for equal in sorted.chunk_by(|a, b| a.0 == b.0) {
            ranks += (before + (equal.len() as f64 + 1.0) / 2.0) * equal.iter().filter(|(_, left)| *left).count() as f64;
            before += equal.len() as f64;
        }
        (ranks - left * (left + 1.0) / 2.0) / (left * (graded.len() as f64 - left))
    }

    /// By hand: three leave, one stays who is likelier to than two who are as likely, of whom one leaves; then one who stays, and one who leaves.
    #[test]
    fn runs_go_straight_on() {
        let chances = [(0.9, true), (0.5, false), (0.8, true), (0.7, true), (0.5, true), (0.6, false), (0.4, false), (0.2, true)];
        let order = Order::of(&chances);
        assert_eq!(order.rows, [0, 2, 3, 5, 4, 1, 6, 7]);
        let run = |stayers_from, end| Run { stayers_from, end };
        assert_eq!(order.runs, [run(3, 3), run(3, 4), run(5, 6), run(6, 7), run(8, 8)]);
        // Two that are as likely and both stay are a run like others.
        assert_eq!(Order::of(&[(0.5, false), (0.5, false), (0.4, false), (0.6, false)]).runs, [run(0, 4)]);
    }

    #[test]
    fn the_area_is_that_of_ranks() {
        let graded = graded();
        let found = Order::of(&graded).auc(&[1; 60]).expect("both");
        assert!((found - by_ranks(&graded)).abs() < 1e-12);
        // A row of weight two is one that stands there twice.
        let twice: Vec<Graded> = graded.iter().chain(&graded[..9]).copied().collect();
        let mut weights = [1; 60];
        weights[..9].fill(2);
        let weighted = Order::of(&graded).auc(&weights).expect("both");
        assert!((weighted - by_ranks(&twice)).abs() < 1e-12);
    }
}
