//! A back-test as text: candidates and rules side by side, then by date and by type of customer.

use std::collections::{BTreeMap, BTreeSet};

use crate::backtest::{Backtest, GradeRow, Rule};
use crate::time::Day;

/// What is shown of a model in a column: head, target, metric, whether a share is shown in percent, decimals.
type Shown = (&'static str, &'static str, &'static str, bool, usize);

/// Head and metric of what is shown of chances, whatever they are of.
const CHANCES: [(&str, &str); 5] =
    [("log-loss", "log_loss"), ("Brier", "brier"), ("AUC", "auc"), ("calibr.", "calibration_error"), ("noise", "calibration_noise")];

/// What is looked back on.
struct Of {
    /// What was foretold.
    target: &'static str,
    /// What a horizon is called, what its forecasts are, and what came of them.
    words: [&'static str; 3],
    /// What is shown beside chances.
    more: &'static [Shown],
}

/// Orders of customers.
const ORDERS: Of = Of {
    target: "return",
    words: ["within", "forecasts", "ordered"],
    more: &[
        ("MAE", "orders", "mean_error", false, 3),
        ("RMSE", "orders", "root_squared_error", false, 3),
        ("bias %", "orders", "bias", true, 1),
        ("PIT", "orders", "pit_distance", false, 3),
        ("p25-75 %", "next_order", "covered", true, 1),
        ("p50 days", "next_order", "median_error_days", false, 1),
        ("pinball", "next_order", "pinball_days", false, 2),
    ],
};

/// Who left.
const CHURN: Of = Of {
    target: "churn",
    words: ["no order within", "customers at dates", "left"],
    more: &[("profit", "churn", "expected_maximum_profit_minor", false, 1), ("contact %", "churn", "contact_share", true, 1)],
};

/// Who made no second order.
const NEWCOMERS: Of = Of {
    target: "no_second_order",
    words: ["no second order within", "newcomers at dates", "made none"],
    more: &[("profit", "no_second_order", "expected_maximum_profit_minor", false, 1), ("contact %", "no_second_order", "contact_share", true, 1)],
};

/// What is due to them.
const DUE: Of = Of { target: "due", words: ["due within", "pairs of customer and item", "bought"], more: &[] };
const NAME_WIDTH: usize = 26;
/// So many models are shown by date and type.
const SHOWN: usize = 3;

/// The figures of one horizon, by (slice, vintage, vintages), model, and (target, metric).
type Figures<'a> = BTreeMap<(&'a str, Day, i64), BTreeMap<&'a str, BTreeMap<(&'a str, &'a str), f64>>>;

impl Backtest {
    /// The back-test as lines of text.
    pub fn text(&self) -> String {
        let mut text = ORDERS.text(&self.grades);
        if let Some((name, loss)) = self.ranking.first() {
            text.push_str(&format!("\nbest by mean log-loss over all dates and horizons: {name}, {loss:.4}\n"));
        }
        text.push_str(&CHURN.text(&self.churn));
        text.push_str(&against(&self.churn, CHURN.target));
        if self.churn.iter().any(|row| row.target == NEWCOMERS.target) {
            text.push_str(&NEWCOMERS.text(&self.churn));
            text.push_str(&against(&self.churn, NEWCOMERS.target));
        }
        text.push_str(&DUE.text(&self.due));
        self.failed.iter().for_each(|why| text.push_str(&format!("not graded: {why}\n")));
        text
    }
}

impl Of {
    /// What is shown of each model.
    fn targets(&self) -> impl Iterator<Item = &'static str> {
        [self.target].into_iter().chain(self.more.iter().map(|(_, target, ..)| *target))
    }

    fn columns(&self) -> impl Iterator<Item = Shown> {
        CHANCES.into_iter().map(|(head, metric)| (head, self.target, metric, false, 4)).chain(self.more.iter().copied())
    }

    fn text(&self, grades: &[GradeRow]) -> String {
        let horizons: BTreeSet<i64> = grades.iter().filter(|row| row.target == self.target).map(|row| row.horizon_days).collect();
        horizons.iter().map(|days| self.of_horizon(grades, *days)).collect()
    }

    fn of_horizon(&self, grades: &[GradeRow], days: i64) -> String {
        let mut figures = Figures::new();
        for GradeRow { model, vintage, vintages, target, slice, metric, value, .. } in
            grades.iter().filter(|row| row.horizon_days == days && self.targets().any(|target| target == row.target))
        {
            figures.entry((slice, *vintage, *vintages)).or_default().entry(model).or_default().insert((target, metric), *value);
        }
        // All dates together; one date stands for itself.
        let Some(key) = figures.keys().filter(|(slice, ..)| *slice == "all").max_by_key(|(_, vintage, vintages)| (*vintages, *vintage)).copied() else {
            return String::new();
        };
        let all = &figures[&key];
        let loss = |model: &str| all[model].get(&(self.target, "log_loss")).copied().unwrap_or(f64::INFINITY);
        let mut models: Vec<&str> = all.keys().copied().collect();
        models.sort_by(|a, b| loss(a).total_cmp(&loss(b)));
        let of_first = |metric| all[models[0]].get(&(self.target, metric)).copied().unwrap_or_default();
        let dates: BTreeSet<Day> = figures.keys().filter(|(.., vintages)| *vintages == 1).map(|(_, vintage, _)| *vintage).collect();
        let (rate, count) = (of_first("base_rate") * 100.0, of_first("customers"));
        let span = dates.first().zip(dates.last()).map_or(String::new(), |(first, last)| format!("{first} to {last}"));
        let [within, forecasts, came] = self.words;
        let mut text = format!("\n{within} {days} days  {} dates, {span}: {count} {forecasts}, {rate:.1} % {came}\n\n", dates.len());
        text.push_str(&format!("{:<NAME_WIDTH$}", "model or rule"));
        self.columns().for_each(|(head, ..)| text.push_str(&format!("{head:>9}")));
        text.push('\n');
        for model in &models {
            text.push_str(&format!("{model:<NAME_WIDTH$}"));
            for (_, target, metric, in_percent, decimals) in self.columns() {
                text.push_str(&cell(all[model].get(&(target, metric)).map(|value| if in_percent { value * 100.0 } else { *value }), decimals));
            }
            text.push('\n');
        }
        // The best few, and the best rule, by date and type; all are in the table.
        let is_rule = |model: &&str| Rule::ALL.iter().any(|rule| rule.name() == *model);
        let best = models.iter().filter(|model| !is_rule(model)).take(SHOWN).chain(models.iter().find(|model| is_rule(model)));
        let models: Vec<&str> = best.copied().collect();
        let by_date: Vec<_> = dates.iter().map(|date| (date.to_string(), ("all", *date, 1))).collect();
        let types = figures.keys().filter(|(slice, vintage, vintages)| {
            *slice != "all" && !slice.starts_with("tenth_") && !slice.starts_with(AGAINST) && (*vintage, *vintages) == (key.1, key.2)
        });
        let by_type: Vec<_> = types.map(|key| (key.0.to_owned(), *key)).collect();
        text.push_str(&beside("log-loss by date", &by_date, &models, &figures, (self.target, "log_loss", 4)));
        if by_type.is_empty() {
            return text;
        }
        text.push_str(&beside("log-loss by type of customer", &by_type, &models, &figures, (self.target, "log_loss", 4)));
        text.push_str(&beside("bias by type of customer, %", &by_type, &models, &figures, ("orders", "bias", 1)));
        text
    }
}

/// Slices that set one model against another.
const AGAINST: &str = "against_";

/// Each churn model against the others, over most dates.
fn against(grades: &[GradeRow], target: &str) -> String {
    let grades: Vec<&GradeRow> = grades.iter().filter(|row| row.target == target).collect();
    let most = grades.iter().map(|row| row.vintages).max().unwrap_or_default();
    let rows = || grades.iter().filter(|row| row.vintages == most).filter_map(|row| Some((*row, row.slice.strip_prefix(AGAINST)?)));
    let figure = |row: &GradeRow, decimals: usize| {
        let [low, high] = row.interval.unwrap_or([f64::NAN; 2]);
        format!("{:>+9.decimals$} ({low:+.decimals$} to {high:+.decimals$})", row.value)
    };
    let mut text = if rows().next().is_some() {
        "\none against another: log-loss, profit a customer in minor units, each with its 90 % interval\n".to_owned()
    } else {
        String::new()
    };
    for (row, other) in rows().filter(|(row, _)| row.metric == "log_loss_difference") {
        let profit =
            rows().find(|(of, against)| (of.model.as_str(), *against, of.vintage) == (row.model.as_str(), other, row.vintage) && of.metric != row.metric);
        let names = format!("{} against {other}", row.model);
        text.push_str(&format!("{names:<40}{:<34}{}\n", figure(row, 4), profit.map_or(String::new(), |(row, _)| figure(row, 1))));
    }
    text
}

/// One metric of every model, a column a date or type.
fn beside(
    head: &str,
    columns: &[(String, (&str, Day, i64))],
    models: &[&str],
    figures: &Figures<'_>,
    (target, metric, decimals): (&str, &str, usize),
) -> String {
    let mut text = format!("\n{head:<NAME_WIDTH$}");
    columns.iter().for_each(|(name, _)| text.push_str(&format!("{name:>12}")));
    text.push('\n');
    for model in models {
        text.push_str(&format!("{model:<NAME_WIDTH$}"));
        for (_, key) in columns {
            let value = figures[key].get(model).and_then(|figures| figures.get(&(target, metric)));
            text.push_str(&format!("   {}", cell(value.map(|value| if metric == "bias" { value * 100.0 } else { *value }), decimals)));
        }
        text.push('\n');
    }
    text
}

fn cell(value: Option<f64>, decimals: usize) -> String {
    value.map_or(format!("{:>9}", "-"), |value| format!("{value:>9.decimals$}"))
}
