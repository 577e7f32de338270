//! The summary at the end of a run: what a person can act on.

use crate::audit::{Finding, Severity};
use crate::backtest::{ChurnReport, CycleReport, DueReport, Gate};
use crate::metrics::{Compared, Grade, Interval};
use crate::money::Currency;

/// One group.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupLine {
    /// Its name.
    pub group: String,
    /// Customers in it.
    pub customers: usize,
    /// Their value in the observation window, in minor units.
    pub value_minor: i64,
}

/// One campaign's list.
#[derive(Debug, Clone, PartialEq)]
pub struct ListLine {
    /// The campaign.
    pub campaign: String,
    /// Customers to contact, and kept out to measure.
    pub arms: [usize; 2],
    /// Customers left out, by first reason, most first.
    pub reasons: Vec<(String, usize)>,
}

/// All that the summary shows.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Everyone known by as_of.
    pub customers: usize,
    /// Customers with an order.
    pub buyers: usize,
    /// Groups, largest value first.
    pub groups: Vec<GroupLine>,
    /// Lists.
    pub lists: Vec<ListLine>,
    /// Output, reason and customers withheld.
    pub withheld: Vec<(String, String, usize)>,
    /// What the checks found.
    pub findings: Vec<Finding>,
    /// The purchase-cycle model.
    pub cycle: Option<CycleReport>,
    /// The churn models, by segment.
    pub churn: [Option<ChurnReport>; 2],
    /// The artefact of due lists.
    pub due: Option<DueReport>,
    /// Why a model is missing.
    pub missing: Vec<String>,
    /// Length of the observation window, over which value is counted.
    pub window_days: i32,
}

impl Summary {
    /// The summary as lines of text.
    pub fn text(&self, currency: &Currency) -> String {
        let mut text = format!("customers  {} known, {} of them with an order\n", self.customers, self.buyers);
        let value = format!("{}, {} days", currency.code, self.window_days);
        text.push_str(&format!("\n{:<28}{:>10}{value:>20}\n", "group", "customers"));
        for line in &self.groups {
            text.push_str(&format!("{:<28}{:>10}{:>20}\n", line.group, line.customers, currency.format(line.value_minor)));
        }
        for list in &self.lists {
            let [treatment, control] = list.arms;
            text.push_str(&format!("\nlist {}  {treatment} to contact, {control} kept out as control\n", list.campaign));
            let reasons: Vec<String> = list.reasons.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
            text.push_str(&format!("  left out: {}\n", if reasons.is_empty() { "nobody".to_owned() } else { reasons.join(", ") }));
        }
        text.push_str(&self.models());
        if !self.withheld.is_empty() {
            text.push_str("\nwithheld\n");
        }
        for (output, reason, count) in &self.withheld {
            text.push_str(&format!("  {output:<20}{reason:<22}{count:>8}\n"));
        }
        let told = self.findings.iter().filter(|finding| finding.severity > Severity::Note);
        for finding in told {
            let word = if finding.severity == Severity::Hold { "HELD" } else { "note" };
            let limit = finding.limit.map_or(String::new(), |limit| format!(" (limit {limit})"));
            let Finding { check, subject, value, consequence, .. } = finding;
            text.push_str(&format!("{word}  {check} of {subject}: {value:.4}{limit}; {consequence}\n"));
        }
        text
    }

    fn models(&self) -> String {
        let mut text = String::from("\nmodels, graded on customers whose labels they had not seen\n");
        let line = |name: &str, grade: &Grade| {
            let figure = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.4}"));
            format!(
                "  {name:<26} AUC {:>6}  log-loss {:>6}  Brier {:>6}  top-tenth lift {:>6}  calibration error {:.4} (noise {:.4})\n",
                figure(grade.auc),
                figure(grade.log_loss),
                figure(grade.brier),
                figure(grade.lift_top_tenth),
                grade.calibration_error,
                grade.calibration_noise
            )
        };
        for (churn, what) in self.churn.iter().zip(["churn", "no second order"]).filter_map(|(churn, what)| Some((churn.as_ref()?, what))) {
            churn.candidates.iter().for_each(|candidate| match (&candidate.grade, &candidate.failed) {
                (Some(grade), _) => text.push_str(&line(&format!("{what}, {}", candidate.model.replace('_', " ")), grade)),
                (None, why) => text.push_str(&format!("  {what}, {}: {}\n", candidate.model, why.as_deref().unwrap_or_default())),
            });
            churn.gate.iter().for_each(|gate| text.push_str(&told(gate)));
            text.push_str(&format!("  {what} is scored by {}, trained as of {}\n", churn.model.replace('_', " "), churn.trained_on));
        }
        if let Some(cycle) = &self.cycle {
            cycle.return_grades.iter().for_each(|(days, grade)| text.push_str(&line(&format!("return in {days} days, {}", cycle.model), grade)));
            let chosen = cycle.candidates.iter().map(|candidate| {
                let figure = candidate.log_loss.map_or("did not converge".to_owned(), |loss| format!("{loss:.4}"));
                format!("  candidate {:<16} log-loss at {} earlier dates {figure}\n", candidate.model.name(), candidate.dates)
            });
            text.extend(chosen);
            for challenger in &cycle.challengers {
                let name = challenger.challenger.name();
                challenger.return_grades.iter().for_each(|(days, grade)| text.push_str(&line(&format!("return in {days} days, {name}"), grade)));
                let end = if challenger.scores { ": it scores" } else { "" };
                let compared = |loss: f64| format!("log-loss {loss:.4} against {:.4}{end}", challenger.model_log_loss);
                let told = challenger.log_loss.map_or("too little to learn from".to_owned(), compared);
                text.push_str(&format!("  challenger {name:<15} {told}\n"));
            }
            cycle.value.iter().filter_map(|valued| valued.why.as_ref()).for_each(|why| text.push_str(&format!("  {why}\n")));
            cycle.failed.iter().for_each(|why| text.push_str(&format!("  {} instead of another: {why}\n", cycle.model)));
        }
        let due = self.due.iter().flat_map(|due| due.grades.iter().map(|grades| (due.foretells.trim_start_matches("due_").replace('_', " "), grades)));
        for (name, (days, grade, own_rate)) in due {
            text.push_str(&line(&format!("due in {days} days, {name}"), grade));
            text.push_str(&line(&format!("due in {days} days, own rate"), own_rate));
        }
        self.missing.iter().for_each(|why| text.push_str(&format!("  none: {why}\n")));
        text
    }
}

/// Whether a churn model scores, and by what.
fn told(gate: &Gate) -> String {
    let Compared { log_loss, profit_minor } = gate.compared;
    let figure =
        |interval: Option<Interval>| interval.map_or("-".to_owned(), |Interval { value, low, high }| format!("{:+.4} ({:+.4} to {:+.4})", value, low, high));
    let [model, rule] = [&gate.model, &gate.rule].map(|name| name.replace('_', " "));
    let verdict = if gate.passed { "beats" } else { "does not beat" };
    format!("  {model} {verdict} {rule}: log-loss {}, profit a customer in minor units {}\n", figure(log_loss), figure(profit_minor))
}
