//! What was foretold of pairs of customer and item, by the model and by its peers, and what came.

use rayon::prelude::*;

use super::grades::{About, GradeRow, rows};
use super::peers::{GAPS_ALONE, OWN_RATE, Seen, peers};
use crate::metrics::{Grade, Graded, grade};
use crate::models::due::Chain;
use crate::shards::DUE_DAYS;
use crate::time::Day;

/// What the chain is called in grades.
pub const CHAIN: &str = "due_chain";

/// Forecasts of a model or a peer for so many days.
pub struct Judged {
    model: &'static str,
    days: i32,
    graded: Vec<Graded>,
}

/// Their grades.
pub struct DueGrade {
    model: &'static str,
    days: i32,
    grade: Grade,
}

/// Foretells rows whose labels are over, within each of `DUE_DAYS`; peers learn what they take from other rows. Nothing where there is no row.
pub fn judge(chain: &Chain, learnt_from: &[Seen], judged: &[Seen]) -> Vec<Judged> {
    let of_horizon = |days: i32| -> Vec<Judged> {
        let graded = |foretell: &(dyn Fn(&Seen) -> f64 + Sync)| -> Vec<Graded> {
            judged.par_iter().map(|row| (foretell(row), row.0.next.is_some_and(|next| next <= days))).collect()
        };
        let of_chain = Judged { model: CHAIN, days, graded: graded(&|(row, _)| chain.due(&row.pair).within(f64::from(days))) };
        let of_peers = peers(learnt_from, days).into_iter().map(|(model, foretell)| Judged { model, days, graded: graded(&*foretell) });
        std::iter::once(of_chain).chain(of_peers).collect()
    };
    DUE_DAYS.into_iter().filter(|_| !judged.is_empty()).flat_map(of_horizon).collect()
}

/// Adds the forecasts of another date.
pub fn pool(all: &mut Vec<Judged>, more: Vec<Judged>) {
    for more in more {
        match all.iter_mut().find(|known| (known.model, known.days) == (more.model, more.days)) {
            Some(known) => known.graded.extend(more.graded),
            None => all.push(more),
        }
    }
}

/// The grades of all.
pub fn graded(all: &[Judged]) -> Vec<DueGrade> {
    all.par_iter().map(|judged| DueGrade { model: judged.model, days: judged.days, grade: grade(&judged.graded) }).collect()
}

/// Their rows, beside each pair's own rate.
pub fn grade_rows(grades: &[DueGrade], (vintage, vintages): (Day, i64)) -> Vec<GradeRow> {
    let of_one = |of: &DueGrade| {
        let about = About { vintages, ..About::all(of.model, vintage, "due", of.days) };
        rows(&about, &of.grade, of_model(grades, OWN_RATE, of.days))
    };
    grades.iter().flat_map(of_one).collect()
}

/// By days: the grade of a model, and that of each pair's own rate.
pub fn beside_own_rate(grades: &[DueGrade], model: &str) -> Vec<(i32, Grade, Grade)> {
    let at = |days: i32| Some((days, of_model(grades, model, days)?.clone(), of_model(grades, OWN_RATE, days)?.clone()));
    DUE_DAYS.into_iter().filter_map(at).collect()
}

/// What a model lost on average, over pairs and days; none where it was not graded.
pub fn mean_loss(grades: &[DueGrade], model: &str) -> Option<f64> {
    let losses: Option<Vec<f64>> = DUE_DAYS.into_iter().map(|days| of_model(grades, model, days)?.log_loss).collect();
    losses.map(|losses| losses.iter().sum::<f64>() / losses.len() as f64)
}

/// Which of the two foretells: the chain, or the gaps alone where that lost less.
pub fn better(grades: &[DueGrade]) -> &'static str {
    let worse = mean_loss(grades, CHAIN).zip(mean_loss(grades, GAPS_ALONE)).is_some_and(|(of_chain, of_gaps)| of_chain > of_gaps);
    if worse { GAPS_ALONE } else { CHAIN }
}

fn of_model<'a>(grades: &'a [DueGrade], model: &str, days: i32) -> Option<&'a Grade> {
    grades.iter().find(|of| of.model == model && of.days == days).map(|of| &of.grade)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two dates' forecasts are graded together; by hand, of one that came and one that did not: the chain is sure and right, the gaps toss a coin.
    #[test]
    fn the_better_one_foretells() {
        let judged = |chances: [[f64; 2]; 2]| -> Vec<Judged> {
            let of =
                |(model, chances): (&'static str, [f64; 2])| DUE_DAYS.map(|days| Judged { model, days, graded: vec![(chances[0], true), (chances[1], false)] });
            [(CHAIN, chances[0]), (GAPS_ALONE, chances[1]), (OWN_RATE, [0.5, 0.5])].into_iter().flat_map(of).collect()
        };
        let good = judged([[0.9, 0.1], [0.5, 0.5]]);
        assert_eq!(better(&graded(&good)), CHAIN);
        assert!((mean_loss(&graded(&good), CHAIN).expect("graded") + 0.9f64.ln()).abs() < 1e-12);
        let bad = judged([[0.01, 0.99], [0.5, 0.5]]);
        assert_eq!(better(&graded(&bad)), GAPS_ALONE);
        let mut both = good;
        pool(&mut both, bad);
        assert_eq!((both.len(), both[0].graded.len()), (3 * DUE_DAYS.len(), 4));
        let grades = graded(&both);
        assert_eq!(better(&grades), GAPS_ALONE);
        let beside = beside_own_rate(&grades, GAPS_ALONE);
        assert_eq!(beside.iter().map(|(days, ..)| *days).collect::<Vec<_>>(), DUE_DAYS);
        assert_eq!(beside[0].1, beside[0].2);
        // Where nothing was graded, the chain stays.
        assert_eq!(better(&[]), CHAIN);
    }
}
