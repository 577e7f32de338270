//! What models.py and trees.py time: bench-models fit FILE MODEL, bench-models due FOLDER, or bench-models trees FILE COLUMNS LEAVES. Prints a JSON object; CPU seconds are those of the step alone.

use std::io::Write;
use std::path::Path;

use rayon::prelude::*;
use regulars::backtest::{Evidence, Seen, peers};
use regulars::config::RawCycleModel;
use regulars::metrics::{Grade, Graded, grade};
use regulars::models::cycle::{Cell, Cells, Gaps, fit};
use regulars::models::due::{Chain, Item, Row};
use regulars::models::trees::{self, Binned, Block, Objective, ROWS, Task, Values};
use regulars::time::Day;
use regulars_tests::coop::Shop;
use serde_json::{Value, json};

/// CPU seconds of this process so far: user and system time, in hundredths.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux tells");
    let after_name = stat.rsplit_once(')').expect("a name in brackets").1;
    let ticks = |field: usize| after_name.split_whitespace().nth(field).and_then(|ticks| ticks.parse::<f64>().ok()).expect("a number");
    (ticks(11) + ticks(12)) / 100.0
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let before = cpu_seconds();
    let done = work();
    (done, cpu_seconds() - before)
}

/// FILE holds x, t_x and T of each customer as three little-endian u32.
fn fit_of(file: &str, model: &str) -> Value {
    let model: RawCycleModel = serde_json::from_value(json!(model)).expect("a model");
    let bytes = std::fs::read(file).expect("a file of cells");
    let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
    let cells: Vec<Cell> =
        bytes.chunks_exact(12).map(|row| Cell { x: number(&row[..4]), t_x: number(&row[4..8]), observed: number(&row[8..]), cohort: 0 }).collect();
    // Gaps as even as can be: k is sought, and their sum of logarithms shifts the likelihood of each k by a constant.
    let mut gaps = Gaps::default();
    for cell in cells.iter().filter(|cell| cell.x > 0).take(20_000) {
        let days: Vec<Day> = (0..=cell.x).map(|order| Day((u64::from(cell.t_x) * u64::from(order) / u64::from(cell.x)) as i32)).collect();
        gaps.count(&days);
    }
    let (cells, cells_s) = timed(|| Cells::of(cells, gaps));
    let (fitted, fit_s) = timed(|| fit(model, &cells, None).expect("it converges"));
    json!({"model": fitted.model.name(), "cells": cells.counts().len(), "cells_s": cells_s, "fit_s": fit_s, "log_likelihood": fitted.log_likelihood, "values": fitted.model.values()})
}

/// The task of the anchors' table at one level (7 and 9 digits), or item by item (11): what it cost, and how good it is.
fn due_of(folder: &str, digits: usize) -> Value {
    let shop = Shop::read(Path::new(folder), digits);
    let end = Day::parse("2014-08-10").expect("a date");
    let known = |back: i32| (end.plus(-14 * back), shop.categories(end.plus(-14 * back)));
    let all: Vec<(Day, Vec<Item>)> = (1..=104).map(known).collect();
    let at = |(date, categories): &(Day, Vec<Item>), seen_to: Day| -> Vec<(Row, &[i32], i32)> {
        shop.pairs((*date, categories), seen_to).into_iter().map(|(row, days)| (row, days, date.0)).collect()
    };
    let seen = |rows: Vec<(Row, &[i32], i32)>| -> Vec<Seen> { rows.into_iter().map(|(row, days, today)| (row, Evidence::of(days, today))).collect() };
    let training = seen(all[26..].iter().flat_map(|known| at(known, end.plus(-364))).collect());
    let test = seen(all[..26].iter().flat_map(|known| at(known, end)).collect());
    let rows: Vec<Row> = training.iter().map(|(row, _)| *row).collect();
    let (chain, fit_s) = timed(|| Chain::fit(&rows).expect("it converges"));
    let told = |row: &Row| {
        let due = chain.due(&row.pair);
        ([7.0, 14.0, 28.0].map(|days| due.within(days)), [0.25, 0.5, 0.75].map(|share| due.days(share)))
    };
    // As a run does it: a date's pairs are measured, foretold and let go.
    let of_date = |known: &(Day, Vec<Item>)| shop.pairs((known.0, &known.1), end).iter().map(|(row, _)| told(row)).collect::<Vec<_>>();
    let (foretold, foretell_s) = timed(|| all[..26].iter().flat_map(of_date).collect::<Vec<_>>());
    let came = |(row, _): &Seen| row.next.is_some_and(|next| next <= 14);
    let figures = |grade: Grade| json!({"log_loss": grade.log_loss, "brier": grade.brier, "auc": grade.auc, "calibration_error": grade.calibration_error});
    let of_chain = figures(grade(&test.iter().zip(&foretold).map(|(row, (chances, _))| (chances[1], came(row))).collect::<Vec<Graded>>()));
    let of_peer = |foretell: &dyn Fn(&Seen) -> f64| figures(grade(&test.iter().map(|row| (foretell(row), came(row))).collect::<Vec<Graded>>()));
    let of_peers: Value = peers(&training, 14).iter().map(|(name, foretell)| ((*name).to_owned(), of_peer(foretell))).collect::<serde_json::Map<_, _>>().into();
    let a_million = 1e6 / test.len() as f64;
    json!({
        "digits": digits, "pairs": test.len(), "training_rows": training.len(), "fit_s": fit_s,
        "measure_and_foretell_s_a_million": foretell_s * a_million,
        "due_chain": of_chain, "peers": of_peers,
    })
}

/// FILE.x holds rows of little-endian f64, NaN where unknown, FILE.y a byte for each; the first four fifths are learnt from. Chances of the rest go to FILE.p.
/// `columns` has a letter for each: n for numbers, w for words.
fn trees_of(file: &str, columns: &str, leaves: usize) -> Value {
    let read = |end: &str| std::fs::read(format!("{file}.{end}")).expect("a file of rows");
    let values: Vec<f64> = read("x").chunks_exact(8).map(|value| f64::from_le_bytes(value.try_into().expect("eight bytes"))).collect();
    let targets: Vec<f64> = read("y").into_iter().map(f64::from).collect();
    let columns: Vec<Values> = columns.chars().map(|column| if column == 'w' { Values::Words } else { Values::Numbers }).collect();
    let (rows, train, width) = (targets.len(), targets.len() * 4 / 5, columns.len());
    let of_row = |row: usize| &values[row * width..(row + 1) * width];
    let params =
        trees::Params { trees: 300, leaves, rate: 0.1, l2: 0.0, word_l2: 10.0, leaf_rows_min: 20.0, leaf_curvature_min: 1e-3, gain_min: 0.0, patience: 300 };
    let (binned, bin_s) = timed(|| Binned::new(train, &columns, |row, place: &mut [f64]| place.copy_from_slice(of_row(row))));
    let training: Vec<u32> = (0..train as u32).collect();
    let task = Task { targets: &targets[..train], starts: &[], training: &training, validation: &[], monotone: &[] };
    let (model, fit_s) = timed(|| trees::fit(Objective::Chance, &binned, &task, &params).expect("a model"));
    let chances = || -> Vec<f64> {
        let all: Vec<usize> = (train..rows).collect();
        let of_block = |rows: &[usize]| {
            let mut block = Block::new(binned.bins());
            rows.iter().enumerate().for_each(|(place, row)| block.write(place, of_row(*row), binned.bins()));
            model.scores(&block, None)[..rows.len()].iter().map(|score| Objective::Chance.mean(*score)).collect::<Vec<f64>>()
        };
        all.par_chunks(ROWS).flat_map_iter(of_block).collect()
    };
    let (chances, score_s) = timed(chances);
    std::fs::write(format!("{file}.p"), chances.iter().flat_map(|chance| chance.to_le_bytes()).collect::<Vec<u8>>()).expect("a file of chances");
    let rows: Vec<usize> = (train..rows.min(train + 10_000)).collect();
    let explain = || {
        let reasons = model.reasons();
        let of_rows = |rows: &[usize]| {
            let (mut bins, mut parts) = (vec![0; rows.len() * width], vec![0.0; rows.len() * width]);
            bins.chunks_exact_mut(width).zip(rows).for_each(|(bins, row)| binned.bins().write(of_row(*row), bins));
            reasons.add(&bins, width, &mut parts);
            parts
        };
        let parts: Vec<f64> = rows.par_chunks(ROWS).flat_map_iter(of_rows).collect();
        (parts, reasons.base())
    };
    let ((parts, base), shap_s) = timed(explain);
    // Parts add up to the score.
    let off = parts.chunks_exact(width).zip(&chances).map(|(parts, chance)| {
        let score = base + parts.iter().sum::<f64>();
        (Objective::Chance.mean(score) - chance).abs()
    });
    json!({"bin_s": bin_s, "fit_s": bin_s + fit_s, "score_s": score_s, "shap_s": shap_s, "off": off.fold(0.0, f64::max), "trees": model.len()})
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let told = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["fit", file, model] => fit_of(file, model),
        ["due", folder] => json!([due_of(folder, 7), due_of(folder, 9), due_of(folder, 11)]),
        ["trees", file, columns, leaves] => trees_of(file, columns, leaves.parse().expect("a number of leaves")),
        _ => json!("usage: bench-models fit FILE MODEL, bench-models due FOLDER, or bench-models trees FILE COLUMNS LEAVES"),
    };
    writeln!(std::io::stdout(), "{told}").expect("standard output");
}
