//! Why a customer may leave: what each family of features adds to the score, the largest first, in words with the customer's own numbers.

use super::inputs::{Inputs, RETURN_LOG_ODDS};
use super::learner::Parts;
use crate::features::Facts;
use crate::models::sigmoid;

/// The family under which stands what no reason may name.
pub const OTHER: &str = "other";
/// What all customers have in common.
pub const BASE: &str = "base";
/// What calibration adds.
pub const CALIBRATION: &str = "calibration";

/// One part of a score.
#[derive(Debug, Clone, PartialEq)]
pub struct Reason {
    /// The family of features, or `base`, `calibration`, `other`.
    pub family: &'static str,
    /// What it adds to the log-odds of leaving: with all others these are those of the published probability.
    pub log_odds: f64,
    /// 1 for what speaks most for leaving; none for what is no reason of the customer's own.
    pub rank: Option<i64>,
    /// The customer's numbers, in words.
    pub words: Option<String>,
}

/// From parts of scores to reasons.
pub struct Telling<'a> {
    inputs: &'a Inputs,
    names: Vec<String>,
    /// What each input means, up to when it is unknown.
    meanings: Vec<&'a str>,
    /// By input, the family that is told; `other` where the input is sensitive.
    families: Vec<&'static str>,
    horizon_days: i32,
}

/// A change by less than this, as a logarithm, is none.
const CHANGED: f64 = 0.15;

impl<'a> Telling<'a> {
    /// Of these inputs; what is made of `sensitive` columns is told as `other`.
    pub fn new(inputs: &'a Inputs, sensitive: &[String], horizon_days: i32) -> Self {
        let family = |(family, sources): (&'static str, &[&str])| {
            let is_sensitive = sources.iter().any(|source| sensitive.iter().any(|named| named == source));
            if is_sensitive { OTHER } else { family }
        };
        Self {
            inputs,
            names: inputs.names(),
            meanings: inputs.meanings().into_iter().map(|meaning| meaning.split(';').next().unwrap_or_default()).collect(),
            families: inputs.families().into_iter().zip(inputs.sources()).map(family).collect(),
            horizon_days,
        }
    }

    /// The reasons of a customer: families in the order in which they speak for leaving, then `other`, `base` and `calibration`.
    pub fn reasons(&self, parts: &Parts, values: &[f64], facts: &Facts) -> Vec<Reason> {
        let mut own: Vec<&'static str> = self.families.iter().copied().filter(|family| *family != OTHER).collect();
        own.dedup();
        let of = |family: &str| self.families.iter().zip(&parts.inputs).filter(|(of, _)| **of == family).map(|(_, part)| part).sum::<f64>();
        let mut told: Vec<(&'static str, f64)> = own.into_iter().map(|family| (family, of(family))).collect();
        // What the model does not look at is no reason.
        told.retain(|(_, part)| *part != 0.0);
        told.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
        let reason = |(rank, (family, log_odds)): (i64, (&'static str, f64))| {
            let words = self.words(family, parts, values, facts);
            Reason { family, log_odds, rank: Some(rank), words: Some(words) }
        };
        let mut reasons: Vec<Reason> = (1..).zip(told).map(reason).collect();
        let common = [(OTHER, of(OTHER)), (BASE, parts.base), (CALIBRATION, parts.calibration)];
        let common = common.into_iter().filter(|(family, _)| *family != OTHER || self.families.contains(&OTHER));
        reasons.extend(common.map(|(family, log_odds)| Reason { family, log_odds, rank: None, words: None }));
        reasons
    }

    /// An input that is known.
    fn value(&self, name: &str, values: &[f64]) -> Option<f64> {
        let place = (0..self.names.len()).find(|place| self.names[*place] == name && self.families[*place] != OTHER)?;
        Some(values[place]).filter(|value| !value.is_nan())
    }

    /// Those of windows of an input that are known, the shortest window first: days and value.
    fn windows(&self, name: &str, values: &[f64]) -> Vec<(u32, f64)> {
        let days = |known: &str| known.strip_prefix(name)?.strip_prefix('_')?.strip_suffix('d')?.parse::<u32>().ok();
        let told = self.names.iter().zip(&self.families).zip(values).filter(|((_, family), _)| **family != OTHER);
        let mut windows: Vec<(u32, f64)> = told.filter_map(|((known, _), value)| Some((days(known)?, *value))).collect();
        windows.retain(|(_, value)| !value.is_nan());
        windows.sort_by_key(|(days, _)| *days);
        windows
    }

    /// What a family says of a customer.
    fn words(&self, family: &str, parts: &Parts, values: &[f64], facts: &Facts) -> String {
        let told = match family {
            "cadence" => self.cadence(values, facts),
            "rfm" => self.counts(values, facts),
            "trend" => self.trend(values),
            "cycle" => self.value(RETURN_LOG_ODDS, values).map(|log_odds| {
                let chance = 100.0 * sigmoid(log_odds);
                format!("by the rhythm of orders so far {chance:.0} % would order within {} days", self.horizon_days)
            }),
            _ => None,
        };
        told.unwrap_or_else(|| self.largest(family, parts, values))
    }

    /// How often, before and lately, and for how long not any more.
    fn cadence(&self, values: &[f64], facts: &Facts) -> Option<String> {
        let silent = facts.date.since(facts.last_day.get()?);
        let mean = facts.gap_days_mean()?;
        let last = format!("last order {silent} days ago");
        // The mean of two halves, whose ratio is known.
        Some(match self.value("gap_trend", values) {
            Some(trend) if trend.abs() >= CHANGED => {
                let before = 2.0 * mean / (1.0 + trend.exp());
                format!("ordered every {before:.0} days at first, every {:.0} lately; {last}", before * trend.exp())
            }
            _ => format!("orders every {mean:.0} days; {last}"),
        })
    }

    /// How many orders lately, and over a longer time.
    fn counts(&self, values: &[f64], facts: &Facts) -> Option<String> {
        let windows = self.windows("order_count", values);
        let orders = |(days, count): (u32, f64)| format!("{count:.0} {} in {days} days", if count == 1.0 { "order" } else { "orders" });
        let told = match windows[..] {
            [] => return None,
            [one] => orders(one),
            [shortest, .., longest] => format!("{}, {}", orders(shortest), orders(longest)),
        };
        Some(format!("{told}; customer for {} days", facts.date.since(facts.first_day.get()?)))
    }

    /// How much more or less than before.
    fn trend(&self, values: &[f64]) -> Option<String> {
        let of = |name: &str, what: &str| {
            let (days, change) = *self.windows(name, values).first()?;
            Some(match change {
                change if change <= -1.0 => format!("{what} nothing in {days} days, after some in the {days} before"),
                change if change >= 1.0 => format!("{what} again in {days} days, after nothing in the {days} before"),
                change if (2.0 * change / (1.0 - change)).abs() < CHANGED => format!("{what} as much in {days} days as in the {days} before"),
                change => {
                    let percent = 200.0 * change / (1.0 - change);
                    let word = if percent < 0.0 { "less" } else { "more" };
                    format!("{what} {:.0} % {word} in {days} days than in the {days} before", percent.abs())
                }
            })
        };
        of("value_change", "spent").or_else(|| of("order_change", "ordered"))
    }

    /// The value of a family that adds most either way.
    fn largest(&self, family: &str, parts: &Parts, values: &[f64]) -> String {
        let of_family = (0..self.names.len()).filter(|input| self.families[*input] == family);
        let most = of_family.max_by(|a, b| parts.inputs[*a].abs().total_cmp(&parts.inputs[*b].abs()));
        most.map_or_else(String::new, |input| {
            let number = || format!("{:.6}", values[input]).trim_end_matches('0').trim_end_matches('.').to_owned();
            let value = match self.inputs.text(input, values[input]) {
                _ if values[input].is_nan() => "unknown".to_owned(),
                text => text.map_or_else(number, str::to_owned),
            };
            format!("{}: {value}", self.meanings[input])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::churn::inputs::tests::inputs;
    use crate::time::Day;

    /// Someone who ordered every 9 days and then every 24, silent for 31.
    fn facts() -> Facts {
        let [first, last, date] = [Day(1000), Day(1165), Day(1196)];
        Facts { first_day: Some(first).into(), last_day: Some(last).into(), order_days: 11, order_count: 12, ..Facts::none(date, date) }
    }

    #[test]
    fn reasons_are_said_with_own_numbers() {
        let names = ["order_count_365d", "order_count_30d", "gap_trend", "order_value_minor_mean_90d", "value_change_90d", "age_years"];
        let inputs = inputs(&names);
        let telling = Telling::new(&inputs, &["customers.birth_date".to_owned()], 90);
        // The halves have means of 9 and 24: 165 days in ten gaps.
        let values = [12.0, 1.0, (24.0f64 / 9.0).ln(), 1250.5, -0.5, 71.0, 0.0, 0.25];
        let parts = Parts { base: -1.0, inputs: vec![0.1, 0.2, 0.9, -0.4, 0.5, 0.7, 0.15, -0.05], calibration: 0.01 };
        let reasons = telling.reasons(&parts, &values, &facts());
        let told: Vec<(&str, Option<i64>, &str)> = reasons.iter().map(|reason| (reason.family, reason.rank, reason.words.as_deref().unwrap_or(""))).collect();
        let by_hand = [
            ("cadence", Some(1), "ordered every 9 days at first, every 24 lately; last order 31 days ago"),
            ("trend", Some(2), "spent 67 % less in 90 days than in the 90 before"),
            ("rfm", Some(3), "1 order in 30 days, 12 orders in 365 days; customer for 196 days"),
            ("cycle", Some(4), "by the rhythm of orders so far 50 % would order within 90 days"),
            ("basket", Some(5), "mean value of an order, net of returns, in the 90 days to as_of: 1250.5"),
            ("other", None, ""),
            ("base", None, ""),
            ("calibration", None, ""),
        ];
        assert_eq!(told.len(), by_hand.len(), "{told:?}");
        told.iter().zip(by_hand).for_each(|(told, by_hand)| assert_eq!((told.0, told.1), (by_hand.0, by_hand.1)));
        told.iter().zip(by_hand).filter(|(_, by_hand)| by_hand.0 != "basket").for_each(|(told, by_hand)| assert_eq!(told.2, by_hand.2));
        assert!(told[4].2.ends_with(": 1250.5"), "{}", told[4].2);
        // Nobody's age is told, and all parts are there.
        let sum: f64 = reasons.iter().map(|reason| reason.log_odds).sum();
        assert!((sum - parts.score()).abs() < 1e-12 && (reasons[5].log_odds - 0.7).abs() < 1e-12, "{reasons:?}");
    }

    /// What is spent is sensitive, how often is ordered is not: both are of one family, whose words tell only the latter. Of two orders a day changed by half
    /// of their sum, three times as many came: 200 % more.
    #[test]
    fn sensitive_numbers_reach_no_words() {
        let inputs = inputs(&["value_change_90d", "order_change_90d", "value_minor_30d"]);
        let parts = Parts { base: 0.0, inputs: vec![0.3, 0.2, 0.4, 0.1, 0.0], calibration: 0.0 };
        let said = |sensitive: &[String]| {
            let reasons = Telling::new(&inputs, sensitive, 90).reasons(&parts, &[-0.5, 0.5, 777.0, 0.0, 1.0], &facts());
            reasons.into_iter().map(|reason| (reason.family, reason.log_odds, reason.words.unwrap_or_default())).collect::<Vec<_>>()
        };
        let open = said(&[]);
        assert!(open.iter().any(|reason| reason.2.contains("spent 67 % less")) && open.iter().any(|reason| reason.2.contains("777")), "{open:?}");
        let hidden = said(&["order_lines.amount".to_owned()]);
        assert!(hidden.contains(&("trend", 0.2, "ordered 200 % more in 90 days than in the 90 before".to_owned())), "{hidden:?}");
        assert!(!hidden.iter().any(|reason| reason.2.contains("spent") || reason.2.contains("777")), "{hidden:?}");
        let other = hidden.iter().find(|reason| reason.0 == OTHER).expect("told together");
        assert!((other.1 - 0.7).abs() < 1e-12, "{hidden:?}");
    }
}
