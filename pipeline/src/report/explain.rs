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
        if table == "churn_reasons" {
            let head = if rows.is_empty() { String::new() } else { format!("\n{table}\n") };
            text.push_str(&rows.iter().map(reason).fold(head, |text, reason| text + &reason));
            continue;
        }
        for row in rows {
            text.push_str(&format!("\n{table}\n"));
            if table == "scores" {
                text.push_str(&next_order(row));
            }
            let width = row.iter().map(|(name, _)| name.len()).max().unwrap_or_default().max(NAMES_WIDTH);
            for (name, value) in row.iter().filter(|(name, _)| name != "customer_id") {
                text.push_str(&format!("  {name:<width$} {value}\n"));
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

/// What names take in a line at least.
const NAMES_WIDTH: usize = 25;

fn cell<'a>(row: &'a Row, name: &str) -> &'a str {
    row.iter().find(|(column, _)| column == name).map_or("", |(_, value)| value.as_str())
}

/// A share as whole percents.
fn percent(share: &str) -> String {
    share.parse::<f64>().map_or("-".to_owned(), |share| format!("{:.0} %", share * 100.0))
}

/// When the next order comes, in words.
fn next_order(row: &Row) -> String {
    let [week, month, quarter] = [7, 30, 90].map(|days| percent(cell(row, &format!("return_probability_{days}d"))));
    let [p25, p50, p75] = ["p25", "p50", "p75"].map(|quantile| in_words(cell(row, &format!("next_order_date_{quantile}"))));
    let around = match (p25.as_str(), p50.as_str(), p75.as_str()) {
        (_, "", _) => "no date in sight".to_owned(),
        (_, _, "") => format!("if it comes, around {p50} (from {p25})"),
        _ => format!("if it comes, around {p50} ({p25} to {p75})"),
    };
    format!("  next order: {week} within the week, {month} within 30 days, {quarter} within 90; {around}\n")
}

/// What is due, in words.
fn due(row: &Row) -> String {
    let cell = |name: &str| cell(row, name);
    let due = match cell("due_date_p50") {
        "" => "no visit in sight at which it is due".to_owned(),
        date => format!("due at the visit around {}", in_words(date)),
    };
    let soon = percent(cell("buy_probability_7d"));
    let (state, times, last) = (cell("state").replace('_', " "), cell("purchase_days"), in_words(cell("last_purchase_date")));
    let item = match (cell("product_id"), cell("category")) {
        ("", category) => category.to_owned(),
        (product, "") => product.to_owned(),
        (product, category) => format!("{product} of {category}"),
    };
    let usual = match cell("interval_days") {
        "" => format!("{item} once, on {last}"),
        days => format!("{item} {times} times, every {days} days ({}-{}), last on {last}", cell("interval_days_p25"), cell("interval_days_p75")),
    };
    format!("  {state:<10}bought {usual}: {due}, {soon} within the week\n")
}

/// A part of the chance to leave, in words.
fn reason(row: &Row) -> String {
    let log_odds = cell(row, "log_odds").parse::<f64>().unwrap_or_default();
    format!("  {:<14}{log_odds:>+7.2}  {}\n", cell(row, "family"), cell(row, "reason"))
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
    fn the_next_order_is_said_in_words() {
        let cells = |dates: [&str; 3]| -> Row {
            let [p25, p50, p75] = dates;
            let chances = [("return_probability_7d", "0.085"), ("return_probability_30d", "0.4142"), ("return_probability_90d", "0.9")];
            let dates = [("next_order_date_p25", p25), ("next_order_date_p50", p50), ("next_order_date_p75", p75)];
            chances.iter().chain(&dates).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let said = |dates: [&str; 3]| next_order(&cells(dates));
        let chances = "  next order: 8 % within the week, 41 % within 30 days, 90 % within 90; ";
        let all = said(["2026-07-05", "2026-07-12", "2026-08-01"]);
        assert_eq!(all, format!("{chances}if it comes, around 12 July 2026 (5 July 2026 to 1 August 2026)\n"));
        assert_eq!(said(["2026-07-05", "2027-07-12", ""]), format!("{chances}if it comes, around 12 July 2027 (from 5 July 2026)\n"));
        assert_eq!(said(["2027-07-05", "", ""]), format!("{chances}no date in sight\n"));
    }

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
