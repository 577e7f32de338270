//! The name that someone may have meant.

/// ` (did you mean X?)` where one of `names` is close to `word`, else nothing.
pub fn hint<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, names).map_or(String::new(), |name| format!(" (did you mean `{name}`?)"))
}

/// The closest of `names`: at most one letter in three is missing, extra, another, or swapped with its neighbour; or it goes on where
/// `word` ends.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    let most = (length / 3).max(1);
    let close = names.into_iter().filter(|name| *name != word).map(|name| {
        let begins = length >= 4 && name.starts_with(word);
        (if begins { 1 } else { distance(&word.to_lowercase(), &name.to_lowercase()) }, name)
    });
    close.filter(|(distance, _)| *distance <= most).min().map(|(_, name)| name)
}

/// Edits between two words, a swap of neighbours counting as one (optimal string alignment; Damerau 1964).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let other = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + other);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_edits() {
        // By hand: kitten, sitten, sittin, sitting; and a swap.
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("chrun", "churn"), 1);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn only_a_close_name_is_meant() {
        let names = ["churn", "cycle", "customers"];
        assert_eq!(nearest("chrun", names), Some("churn"));
        assert_eq!(nearest("Customer", names), Some("customers"));
        assert_eq!(nearest("weather", names), None);
        assert_eq!(nearest("cust", names), Some("customers"));
        assert_eq!(hint("cycles", names), " (did you mean `cycle`?)");
    }
}
