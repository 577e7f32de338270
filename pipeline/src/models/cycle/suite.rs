//! What every model promises, and that each finds the parameters of customers who were made by it.

use rand::{Rng, RngExt, SeedableRng};
use rand_distr::{Beta, Distribution, Exp, Gamma};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::cohorts::APART;
use super::*;
use crate::config::{RawCohortsBy, RawCycleModel};
use crate::time::Day;

fn models() -> Vec<Model> {
    let cnbd = |k, from_first| Model::CnbdK(CnbdK { k, from_first, r: 0.8, alpha: 45.0, a: 0.7, b: 2.9 });
    let pareto = Model::ParetoNbd(ParetoNbd { r: 0.8, alpha: 45.0, s: 0.6, beta: 120.0 });
    let cohorts = Model::Cohorts(Box::new(Cohorts { everyone: cnbd(3, true), cohorts: vec![(2, cnbd(3, false))] }));
    vec![Model::Nbd(Nbd { r: 0.8, alpha: 45.0 }), cnbd(1, false), cnbd(1, true), cnbd(2, false), cnbd(3, true), cnbd(12, true), pareto, cohorts]
}

/// Likely and unlikely customers: new, long gone, of many orders, of one.
fn some_cells() -> Vec<Cell> {
    let cells = [(0, 0, 0), (0, 0, 1), (0, 0, 3000), (1, 1, 1), (1, 1, 730), (4, 100, 130), (40, 300, 301), (500, 700, 705), (2000, 2900, 3000)];
    cells.iter().zip(0..).map(|(&(x, t_x, observed), place)| Cell { x, t_x, observed, cohort: place % 3 }).collect()
}

/// Chances lie in 0 to 1 and rise with the horizon; expected orders are at least the chance of one and rise too; nothing is NaN, infinite or negative.
#[test]
fn promises_of_every_model() {
    for model in models() {
        for cell in some_cells() {
            let name = format!("{} {cell:?}", model.name());
            let p_alive = model.p_alive(cell);
            assert!((0.0..=1.0).contains(&p_alive), "{name}: {p_alive}");
            let (mut returns, mut orders) = (0.0, 0.0);
            for days in [1.0, 7.0, 30.0, 90.0, 730.0, 100_000.0] {
                let (next_returns, next_orders) = (model.return_probability(cell, days), Expectation::new(&model, days, &Cells::default()).orders(cell));
                assert!(next_returns >= returns && next_returns <= p_alive, "{name} {days}: {next_returns} after {returns}");
                assert!(next_orders.is_finite() && next_orders >= orders, "{name} {days}: {next_orders} after {orders}");
                assert!(next_orders >= next_returns * (1.0 - 1e-12), "{name} {days}: {next_orders} orders, {next_returns}");
                (returns, orders) = (next_returns, next_orders);
            }
            let days = [0.25, 0.5, 0.75].map(|share| model.next_order_days(cell, share));
            assert!(days[0] > 0.0 && days[0] < days[1] && days[1] < days[2] && days[2].is_finite(), "{name}: {days:?}");
        }
    }
}

/// Chances of so many orders or more fall with their number, begin with that of a return, and add up to the expected orders, which other formulas give.
#[test]
fn chances_of_counts_add_up_to_expected_orders() {
    for model in models() {
        for cell in some_cells().into_iter().filter(|cell| cell.x < 2000) {
            for days in [7.0, 90.0] {
                let name = format!("{} {cell:?} {days}", model.name());
                let (mut before, mut sum) = (1.0, 0.0);
                for count in 1..20_000 {
                    let chance = model.at_least(cell, days, count);
                    assert!((0.0..=before * (1.0 + 1e-12)).contains(&chance), "{name} {count}: {chance} after {before}");
                    (before, sum) = (chance, sum + chance);
                    if chance < 1e-12 * sum {
                        break;
                    }
                }
                let returns = model.return_probability(cell, days);
                assert!((model.at_least(cell, days, 1) - returns).abs() < 1e-12 && model.at_least(cell, days, 0) == 1.0, "{name}");
                let expected = Expectation::new(&model, days, &Cells::default()).orders(cell);
                assert!((sum - expected).abs() < 1e-8 * expected.max(1e-6), "{name}: {sum} of {expected}");
            }
        }
    }
}

/// What was prepared for many cells is what each gives alone.
#[test]
fn who_else_is_scored_does_not_matter() {
    let cells = Cells::of(some_cells(), Gaps::default());
    for model in models() {
        let together = Expectation::new(&model, 90.0, &cells);
        for cell in some_cells() {
            let alone = Expectation::new(&model, 90.0, &Cells::of(vec![cell], Gaps::default()));
            assert_eq!(together.orders(cell).to_bits(), alone.orders(cell).to_bits(), "{} {cell:?}", model.name());
        }
    }
}

fn gamma(shape: f64, scale: f64, rng: &mut impl Rng) -> f64 {
    Gamma::new(shape, 1.0 / scale).expect("above 0").sample(rng)
}

/// Order days of a customer who is made by a model and seen for so many days after the first.
fn made(model: &Model, observed: f64, rng: &mut impl Rng) -> Vec<Day> {
    let (mut days, mut at) = (vec![Day(0)], 0.0);
    let (rate, k) = match model {
        Model::Nbd(model) => (gamma(model.r, model.alpha, rng), 1),
        Model::CnbdK(model) => (gamma(model.r, model.alpha, rng), model.k),
        Model::ParetoNbd(model) => (gamma(model.r, model.alpha, rng), 1),
        Model::Cohorts(cohorts) => return made(&cohorts.everyone, observed, rng),
    };
    let (lives, leaves) = match model {
        Model::ParetoNbd(model) => (Exp::new(gamma(model.s, model.beta, rng)).expect("above 0").sample(rng), 0.0),
        Model::CnbdK(model) => (f64::INFINITY, Beta::new(model.a, model.b).expect("above 0").sample(rng)),
        Model::Nbd(_) | Model::Cohorts(_) => (f64::INFINITY, 0.0),
    };
    let mut may_leave = matches!(model, Model::CnbdK(CnbdK { from_first: true, .. }));
    while !(may_leave && rng.random::<f64>() < leaves) {
        at += (0..k).map(|_| Exp::new(rate).expect("above 0").sample(rng)).sum::<f64>();
        if at > observed.min(lives) {
            break;
        }
        days.push(Day(at.round() as i32));
        may_leave = true;
    }
    days.dedup();
    days
}

/// Log parameters that a fit found, and the standard errors that it told.
struct Found {
    logs: Vec<f64>,
    told: Vec<f64>,
}

/// Over 20 seeds, the mean of each log parameter is that of the model within what chance and whole days explain, and the standard errors that are
/// told are those that are seen. Gaps are long against a day: a model of continuous time is fitted to whole days.
#[test]
fn parameters_are_found_again() {
    const SEEDS: u64 = 20;
    let cnbd = |k, from_first| Model::CnbdK(CnbdK { k, from_first, r: 1.2, alpha: 120.0 / f64::from(k), a: 0.8, b: 2.4 });
    let kinds = [
        (Model::Nbd(Nbd { r: 1.2, alpha: 120.0 }), RawCycleModel::Nbd),
        (cnbd(1, false), RawCycleModel::BgNbd),
        (cnbd(1, true), RawCycleModel::MbgNbd),
        (cnbd(3, false), RawCycleModel::BgCnbdK),
        (cnbd(2, true), RawCycleModel::MbgCnbdK),
        (Model::ParetoNbd(ParetoNbd { r: 1.2, alpha: 120.0, s: 1.1, beta: 300.0 }), RawCycleModel::ParetoNbd),
    ];
    for (model, kind) in kinds {
        let logs = |model: &Model| -> Vec<f64> { model.values().into_iter().map(f64::ln).collect() };
        let found: Vec<Found> = (0..SEEDS)
            .into_par_iter()
            .map(|seed| {
                let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
                let (mut gaps, mut cells) = (Gaps::default(), Vec::new());
                for customer in 0..1_000 {
                    let observed = 1_200 + customer % 600;
                    let days = made(&model, f64::from(observed), &mut rng);
                    gaps.count(&days);
                    cells.push(Cell { x: days.len() as u32 - 1, t_x: days[days.len() - 1].0 as u32, observed: observed as u32, cohort: 0 });
                }
                let cells = Cells::of(cells, gaps);
                let fitted = fit(kind, &cells, None).expect("it converges").with_standard_errors(&cells, None);
                assert_eq!(fitted.model.name(), model.name(), "seed {seed}");
                Found { logs: logs(&fitted.model), told: fitted.standard_errors.expect("it has a maximum") }
            })
            .collect();
        for (index, truth) in logs(&model).into_iter().enumerate() {
            let mean = |of: &dyn Fn(&Found) -> f64| found.iter().map(of).sum::<f64>() / SEEDS as f64;
            let centre = mean(&|found| found.logs[index]);
            let spread = (mean(&|found| (found.logs[index] - centre).powi(2)) * SEEDS as f64 / (SEEDS - 1) as f64).sqrt();
            let told = mean(&|found| found.told[index]);
            let name = format!("{} {index}: {centre:.4} of {truth:.4}, spread {spread:.4}, told {told:.4}", model.name());
            assert!((centre - truth).abs() < 3.5 * spread / (SEEDS as f64).sqrt() + 0.02, "{name}");
            // 20 values tell a deviation to a sixth of it.
            assert!(told > 0.55 * spread && told < 1.8 * spread, "{name}");
        }
    }
}

/// Two kinds of shoppers, made by BG/NBD: those of the second cohort order three times as often. Each cohort of many finds its own rate; one of a few
/// hundred lies between its own and everyone's, one of fewer than the least has everyone's; who orders daily is fitted apart.
#[test]
fn cohorts_are_drawn_to_everyone() {
    let kind = |alpha: f64| Model::CnbdK(CnbdK { k: 1, from_first: false, r: 1.2, alpha, a: 0.8, b: 2.4 });
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
    let mut cells = Vec::new();
    for (cohort, alpha, customers) in [(1, 240.0, 4000), (2, 80.0, 4000), (3, 80.0, 250), (4, 80.0, 60), (APART, 1.5, 300)] {
        for customer in 0..customers {
            let observed = 300 + customer as u32 % 300;
            let days = made(&kind(alpha), f64::from(observed), &mut rng);
            cells.push(Cell { x: days.len() as u32 - 1, t_x: days[days.len() - 1].0 as u32, observed, cohort });
        }
    }
    let cells = Cells::of(cells, Gaps::default());
    let params = cohorts::Params { by: RawCohortsBy::FirstStore, customers_min: 100, deviation: 0.1, ..cohorts::Params::none() };
    let everyone = fit(RawCycleModel::BgNbd, &cells.only(|cell| cell.cohort != APART).pooled(), None).expect("it converges");
    let Model::Cohorts(found) = params.fit(everyone, &cells).model else { panic!("cohorts") };
    // Orders a day while active: the mean of the gamma of rates.
    let rate = |model: &Model| model.values()[0] / model.values()[1];
    let of = |cohort: u16| found.cohorts.iter().find(|(number, _)| *number == cohort).map(|(_, model)| rate(model));
    let own = |cohort: u16| rate(&fit(RawCycleModel::BgNbd, &cells.only(|cell| cell.cohort == cohort), None).expect("it converges").model);
    let all = rate(&found.everyone);
    let (first, second, third) = (of(1).expect("many"), of(2).expect("many"), of(3).expect("enough"));
    assert!((first / 0.005 - 1.0).abs() < 0.15 && (second / 0.015 - 1.0).abs() < 0.15, "{first} {second}");
    assert!(all > 1.2 * first && all < 0.9 * second, "{all}");
    assert!(third > 1.03 * all && third < 0.97 * own(3), "{third} between {all} and {}", own(3));
    assert_eq!((of(4), found.of(Cell { x: 1, t_x: 9, observed: 20, cohort: 4 })), (None, &found.everyone));
    assert!((of(APART).expect("enough") / own(APART) - 1.0).abs() < 1e-3, "{:?} alone {}", of(APART), own(APART));
}

/// The first of the fallbacks that converges scores, and why those before it do not is told; where none does, the last one's error is.
#[test]
fn a_model_that_does_not_converge_gives_way_to_the_next() {
    let models = [RawCycleModel::ParetoNbd, RawCycleModel::MbgNbd, RawCycleModel::Nbd];
    let only = |converges: Option<RawCycleModel>| {
        first_that_fits(&models, |model| match converges {
            Some(one) if one == model => Ok(model),
            _ => Err(crate::error::Error::new(crate::error::Kind::Input, format!("{}: no convergence", model.name()))),
        })
    };
    assert_eq!(only(Some(models[0])).expect("it fits"), (models[0], vec![]));
    let failed = vec!["pareto_nbd: no convergence".to_owned(), "mbg_nbd: no convergence".to_owned()];
    assert_eq!(only(Some(models[2])).expect("it fits"), (models[2], failed));
    assert_eq!(only(None).expect_err("none fits").to_string(), "nbd: no convergence");
}
