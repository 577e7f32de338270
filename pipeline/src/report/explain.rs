//! One customer: the rows of every published table, and why each list took or left them.

/// A row for people: names and texts of its known values.
pub type Row = Vec<(String, String)>;

/// The text for a customer of a run, from each table's rows.
pub fn explain(customer_id: &str, run: &str, tables: &[(String, Vec<Row>)]) -> String {
    let mut text = format!("customer {customer_id}, {run}\n");
    for (table, rows) in tables {
        if table == "due_products" {
            let head = if rows.is_empty() { String::new() } else { format!("\n{table}\n") };
            text.push_str(&rows.iter().map(due).fold(head, |text, due| text + &due));
            continue;
        }
        for row in rows {
            text.push_str(&format!("\n{table}\n"));
            for (name, value) in row.iter().filter(|(name, _)| name != "customer_id") {
                text.push_str(&format!("  {name:<26}{value}\n"));
            }
        }
    }
    text.push_str("\nlists\n");
    for (table, rows) in tables {
        let Some(row) = rows.first() else { continue };
        let cell = |name: &str| cell(row, name);
        if let Some(campaign) = table.strip_prefix("target_lists/") {
            text.push_str(&format!("  {campaign}: on the list, rank {}, arm {}\n", cell("rank"), cell("arm")));
        }
        if let Some(campaign) = table.strip_prefix("exclusions/") {
            text.push_str(&format!("  {campaign}: left out, {} (all: {})\n", cell("reason"), cell("all_reasons")));
        }
    }
    text
}

fn cell<'a>(row: &'a Row, name: &str) -> &'a str {
    row.iter().find(|(column, _)| column == name).map_or("", |(_, value)| value.as_str())
}

/// What is due, in words.
fn due(row: &Row) -> String {
    let cell = |name: &str| cell(row, name);
    let due = match cell("due_date_p50") {
        "" => "no visit in sight at which it is due".to_owned(),
        date => format!("due at the visit around {}", in_words(date)),
    };
    let soon = cell("buy_probability_7d").parse::<f64>().map_or("-".to_owned(), |chance| format!("{:.0} %", chance * 100.0));
    let (state, category, times, last) = (cell("state").replace('_', " "), cell("category"), cell("purchase_days"), in_words(cell("last_purchase_date")));
    let usual = format!("every {} days ({}-{})", cell("interval_days"), cell("interval_days_p25"), cell("interval_days_p75"));
    format!("  {state:<10}bought {category} {times} times, {usual}, last on {last}: {due}, {soon} within the week\n")
}

/// A date YYYY-MM-DD as people write it.
fn in_words(date: &str) -> String {
    const MONTHS: [&str; 12] = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
    let parts: Vec<usize> = date.split('-').filter_map(|part| part.parse().ok()).collect();
    match parts[..] {
        [year, month @ 1..=12, day] => format!("{day} {} {year}", MONTHS[month - 1]),
        _ => date.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_is_said_in_words() {
        let row = |due: &str| -> Row {
            let cells = [
                ("customer_id", "c"),
                ("category", "dog food"),
                ("state", "not_yet"),
                ("purchase_days", "14"),
                ("last_purchase_date", "2026-11-02"),
                ("interval_days", "19"),
                ("interval_days_p25", "16"),
                ("interval_days_p75", "24"),
                ("due_date_p50", due),
                ("buy_probability_7d", "0.6951"),
            ];
            cells.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let said = explain("c", "live", &[("due_products".to_owned(), vec![row("2026-11-21"), row("")])]);
        let words = "  not yet   bought dog food 14 times, every 19 days (16-24), last on 2 November 2026: due at the visit around 21 November 2026, 70 % within the week\n";
        assert!(said.contains(words), "{said}");
        assert!(said.contains("last on 2 November 2026: no visit in sight at which it is due, 70 % within the week"), "{said}");
    }
}
