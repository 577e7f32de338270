//! How alike two values are: by edits, and by Jaro and Winkler's similarity of names (Jaro 1989, JASA 84; Winkler 1990).

/// One insertion, deletion, substitution, or swap of neighbours apart (Damerau 1964).
pub fn is_one_edit(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() {
        return differ_by_one(a.as_bytes(), b.as_bytes());
    }
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    differ_by_one(&a, &b)
}

fn differ_by_one<T: PartialEq>(a: &[T], b: &[T]) -> bool {
    if a == b || a.len().abs_diff(b.len()) > 1 {
        return false;
    }
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[same..], &b[same..]);
    match a.len().cmp(&b.len()) {
        std::cmp::Ordering::Greater => a[1..] == *b,
        std::cmp::Ordering::Less => b[1..] == *a,
        std::cmp::Ordering::Equal => a[1..] == b[1..] || a.len() > 1 && a[0] == b[1] && a[1] == b[0] && a[2..] == b[2..],
    }
}

/// The similarity of two names, from 0 to 1; what they begin with alike counts more, up to four letters.
pub fn jaro_winkler(a: &str, b: &str) -> f64 {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let reach = (a.len().max(b.len()) / 2).saturating_sub(1);
    let mut used = vec![false; b.len()];
    let mut left = Vec::new();
    for (at, letter) in a.iter().enumerate() {
        let near = at.saturating_sub(reach)..(at + reach + 1).min(b.len());
        if let Some(other) = near.into_iter().find(|&other| !used[other] && b[other] == *letter) {
            used[other] = true;
            left.push(*letter);
        }
    }
    if left.is_empty() {
        return 0.0;
    }
    let right = b.iter().zip(&used).filter(|(_, used)| **used).map(|(letter, _)| letter);
    let swapped = left.iter().zip(right).filter(|(a, b)| a != b).count() / 2;
    let alike = left.len() as f64;
    let jaro = (alike / a.len() as f64 + alike / b.len() as f64 + (alike - swapped as f64) / alike) / 3.0;
    let prefix = a.iter().zip(&b).take(4).take_while(|(a, b)| a == b).count();
    jaro + prefix as f64 * 0.1 * (1.0 - jaro)
}

/// Similarity of names from which they count as close, and as related.
const CLOSE: f64 = 0.92;
const RELATED: f64 = 0.80;

/// Names that are longer are not outlined.
const OUTLINED: u64 = 31;

/// What tells quickly that two names are not related: which letters a name has (of those outside of a to z, one in 26), its length, its first four
/// letters.
pub fn outline(name: &str) -> u64 {
    let letter = |letter: char| u64::from(letter as u32) % 26;
    let letters = name.chars().fold(0, |letters, one| letters | 1 << letter(one));
    let length = (name.chars().count() as u64).min(OUTLINED);
    let first = name.chars().take(4).enumerate().fold(0, |first, (place, one)| first | (1 + letter(one)) << (5 * place));
    letters | length << 26 | first << 31
}

/// Whether names of these outlines can be related: whether the most letters that they can share, and the longest beginning, are enough.
pub fn may_relate(a: u64, b: u64) -> bool {
    let length = |outline: u64| outline >> 26 & OUTLINED;
    let without = |a: u64, b: u64| u64::from((a & !b & ((1 << 26) - 1)).count_ones());
    let (a_length, b_length) = (length(a), length(b));
    if a_length == OUTLINED || b_length == OUTLINED {
        return true;
    }
    let alike = a_length.saturating_sub(without(a, b)).min(b_length.saturating_sub(without(b, a))) as f64;
    let jaro = (alike / a_length as f64 + alike / b_length as f64 + 1.0) / 3.0;
    let prefix = ((a ^ b) >> 31).trailing_zeros().min(20) / 5;
    alike > 0.0 && jaro + f64::from(prefix) * 0.1 * (1.0 - jaro) >= RELATED - 1e-9
}

/// 3 equal, 2 close, 1 related, 0 other names.
pub fn name_level(a: &str, b: &str) -> u8 {
    if a == b {
        return 3;
    }
    match jaro_winkler(a, b) {
        similarity if similarity >= CLOSE => 2,
        similarity if similarity >= RELATED => 1,
        _ => 0,
    }
}

/// 2 equal, 1 one edit in front of the @ or the same there with another domain, 0 other addresses.
pub fn email_level(a: &str, b: &str) -> u8 {
    let ((a_local, a_domain), (b_local, b_domain)) = (a.split_once('@').unwrap_or_default(), b.split_once('@').unwrap_or_default());
    match (a_local == b_local, a_domain == b_domain) {
        (true, true) => 2,
        (true, false) => 1,
        (false, true) => u8::from(is_one_edit(a_local, b_local)),
        (false, false) => 0,
    }
}

/// 2 equal, 1 one edit, 0 other texts: for phone numbers.
pub fn digits_level(a: &str, b: &str) -> u8 {
    if a == b { 2 } else { u8::from(is_one_edit(a, b)) }
}

/// 2 equal, 1 one edit or day and month swapped, 0 other dates; as numbers YYYYMMDD.
pub fn date_level(a: u64, b: u64) -> u8 {
    if a == b {
        return 2;
    }
    let swapped = a / 10_000 * 10_000 + a % 100 * 100 + a / 100 % 100;
    let digits = |date: u64| -> [u8; 8] { std::array::from_fn(|place| (date / 10u64.pow(7 - place as u32) % 10) as u8) };
    u8::from(swapped == b || differ_by_one(&digits(a), &digits(b)))
}

/// 2 equal, 1 the first three alike, 0 other postcodes.
pub fn postcode_level(a: &str, b: &str) -> u8 {
    if a == b { 2 } else { u8::from(a.chars().take(3).eq(b.chars().take(3))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_edit_is_one() {
        for (a, b) in [("ann", "anna"), ("anna", "ann"), ("ann", "amn"), ("ann", "nan"), ("", "a")] {
            assert!(is_one_edit(a, b), "{a} {b}");
        }
        for (a, b) in [("ann", "ann"), ("ann", "annie"), ("abcd", "badc"), ("ab", "cd"), ("abc", "cba")] {
            assert!(!is_one_edit(a, b), "{a} {b}");
        }
    }

    /// By hand. martha, marhta: 6 alike, 1 swap: (1 + 1 + 5/6) / 3 = 0.944444, and 3 * 0.1 * 0.055556 more. dixon, dicksonx: 4 alike:
    /// (4/5 + 4/8 + 1) / 3 = 0.766667, and 2 * 0.1 * 0.233333 more.
    #[test]
    fn names_by_jaro_and_winkler() {
        assert!((jaro_winkler("martha", "marhta") - 0.961_111).abs() < 1e-6);
        assert!((jaro_winkler("dixon", "dicksonx") - 0.813_333).abs() < 1e-6);
        assert_eq!(jaro_winkler("ann", "bob"), 0.0);
        assert_eq!(["martha", "marhta", "dixon"].map(|other| name_level("martha", other)), [3, 2, 0]);
        assert_eq!(name_level("dixon", "dicksonx"), 1);
    }

    /// No two of these names are related where their outlines say that they cannot be; and the outlines say so of most.
    #[test]
    fn outlines_exclude_no_relation() {
        let parts = ["al", "bar", "ben", "mar", "tha", "htha", "dix", "on", "son", "ø", "ski", "smith", "schmidt"];
        let names: Vec<String> = parts.iter().flat_map(|head| parts.iter().map(move |tail| format!("{head}{tail}"))).chain(parts.map(str::to_owned)).collect();
        let mut excluded = 0;
        for (a, b) in names.iter().flat_map(|a| names.iter().map(move |b| (a, b))) {
            if !may_relate(outline(a), outline(b)) {
                assert_eq!(name_level(a, b), 0, "{a} {b}");
                excluded += 1;
            }
        }
        assert!(excluded * 3 > names.len() * names.len() * 2, "{excluded} of {}", names.len() * names.len());
        assert!(may_relate(outline("martha"), outline("marhta")) && may_relate(outline(&"a".repeat(40)), outline("b")));
    }

    #[test]
    fn levels_of_the_other_fields() {
        assert_eq!([19800703, 19800308, 19810308, 19800307].map(|other| date_level(19800307, other)), [1, 1, 0, 2]);
        assert_eq!(["ann@b.de", "anna@b.de", "ann@c.de", "bob@b.de"].map(|other| email_level("ann@b.de", other)), [2, 1, 1, 0]);
        assert_eq!(["90210", "90299", "80210"].map(|other| postcode_level("90210", other)), [2, 1, 0]);
        assert_eq!(digits_level("13105550110", "13105550101"), 1);
    }
}
