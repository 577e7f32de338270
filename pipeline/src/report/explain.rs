//! One customer: the rows of every published table, and why each list took or left them.

/// A row for people: names and texts of its known values.
pub type Row = Vec<(String, String)>;

/// The text for a customer of a run, from each table's rows.
pub fn explain(customer_id: &str, run: &str, tables: &[(String, Vec<Row>)]) -> String {
    let mut text = format!("customer {customer_id}, {run}\n");
    for (table, rows) in tables {
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
        let cell = |name: &str| row.iter().find(|(column, _)| column == name).map_or("", |(_, value)| value.as_str());
        if let Some(campaign) = table.strip_prefix("target_lists/") {
            text.push_str(&format!("  {campaign}: on the list, rank {}, arm {}\n", cell("rank"), cell("arm")));
        }
        if let Some(campaign) = table.strip_prefix("exclusions/") {
            text.push_str(&format!("  {campaign}: left out, {} (all: {})\n", cell("reason"), cell("all_reasons")));
        }
    }
    text
}
