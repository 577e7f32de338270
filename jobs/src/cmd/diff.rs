//! `regulars diff`.

use anyhow::Context;
use regulars::job;

use super::{load, say};
use crate::args::DiffArgs;

/// Prints what changes from one run to another.
pub fn run(arguments: &DiffArgs) -> anyhow::Result<u8> {
    let (params, access) = load(&arguments.job)?;
    let found = job::diff(&params, &arguments.before, &arguments.after, &access);
    let ([before, after], diff) = found.with_context(|| format!("cannot compare runs of job `{}`", params.name))?;
    let mut text = format!("from  as of {}, run {}\nto    as of {}, run {}\n", before.as_of, before.run_id, after.as_of, after.run_id);
    text.push_str(&format!("\n{:<34}{:>10}{:>10}{:>10}{:>10}{:>10}\n", "table", "rows", "rows", "entering", "leaving", "changing"));
    for table in &diff.tables {
        let [old, new] = table.rows;
        text.push_str(&format!("{:<34}{old:>10}{new:>10}{:>10}{:>10}{:>10}\n", table.table, table.entering, table.leaving, table.changing));
        if !table.other_columns.is_empty() {
            text.push_str(&format!("  only in one of them: {}\n", table.other_columns.join(", ")));
        }
    }
    text.push_str(&format!("\n{:<34}{:>10}{:>10}{:>10}\n", "group", "before", "after", "change"));
    for (group, &[old, new]) in &diff.groups {
        text.push_str(&format!("{group:<34}{old:>10}{new:>10}{:>+10}\n", new as i64 - old as i64));
    }
    text.push_str(&format!("\n{:<34}{:>10}{:>10}{:>10}{:>32}\n", "list, customers to contact", "before", "after", "change", "value at stake"));
    for (campaign, &[old, new]) in &diff.lists {
        let [lost, won] = diff.at_stake_minor.get(campaign).copied().unwrap_or_default().map(|minor| params.currency.format(minor));
        let stake = format!("{lost} -> {won}");
        text.push_str(&format!("{campaign:<34}{old:>10}{new:>10}{:>+10}{stake:>32}\n", new as i64 - old as i64));
    }
    say(&text)
}
