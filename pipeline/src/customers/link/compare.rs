//! How alike two values are: by edits, and by Jaro and Winkler's similarity of names (Jaro 1989, JASA 84; Winkler 1990).

use crate::key::fingerprint;

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
    let right = b.iter().zip(&used).filter(|(_, used)| **used).map(|(letter, _)| letter);
    let others = left.iter().zip(right).filter(|(a, b)| a != b).count();
    similarity((a.len(), b.len()), (left.len(), others), a.iter().zip(&b).take(4).take_while(|(a, b)| a == b).count())
}

/// So many letters are spelled in a number.
const SPELLED: usize = 12;

/// The letters of a name in a number, five bits each, the first one lowest; 0 for a name that has others than a to z, or more than twelve.
pub fn spelled(name: &str) -> u64 {
    let letters = name.as_bytes();
    if letters.len() > SPELLED || !letters.iter().all(u8::is_ascii_lowercase) {
        return 0;
    }
    letters.iter().rev().fold(0, |all, letter| all << 5 | u64::from(letter - b'a' + 1))
}

/// The letters of a spelled name, and how many there are.
fn letters(spelled: u64) -> ([u8; SPELLED], usize) {
    (std::array::from_fn(|place| (spelled >> (5 * place) & 31) as u8), (64 - spelled.leading_zeros() as usize).div_ceil(5))
}

/// The similarity of two spelled names.
fn jaro_winkler_of_spelled(a: u64, b: u64) -> f64 {
    let ((a, a_length), (b, b_length)) = (letters(a), letters(b));
    let (a, b) = (&a[..a_length], &b[..b_length]);
    // By letter: where it stands in `b`, as bits.
    let mut places = [0u32; 32];
    b.iter().enumerate().for_each(|(at, letter)| places[usize::from(*letter)] |= 1 << at);
    let reach = (a_length.max(b_length) / 2).saturating_sub(1);
    let (mut used, mut left, mut alike) = (0u32, [0; SPELLED], 0);
    for (at, letter) in a.iter().enumerate() {
        let near = (1u32 << (at + reach + 1)) - (1 << at.saturating_sub(reach));
        let free = places[usize::from(*letter)] & near & !used;
        if free != 0 {
            used |= free & free.wrapping_neg();
            left[alike] = *letter;
            alike += 1;
        }
    }
    let right = b.iter().enumerate().filter(|(at, _)| used >> at & 1 == 1).map(|(_, letter)| letter);
    let others = left.iter().zip(right).filter(|(a, b)| a != b).count();
    similarity((a_length, b_length), (alike, others), a.iter().zip(b).take(4).take_while(|(a, b)| a == b).count())
}

/// The similarity of names of so many letters, of which so many are alike, so many of these in other places; `prefix` letters, up to four, begin both.
fn similarity((a_length, b_length): (usize, usize), (alike, others): (usize, usize), prefix: usize) -> f64 {
    if alike == 0 {
        return 0.0;
    }
    let (alike, swapped) = (alike as f64, others / 2);
    let jaro = (alike / a_length as f64 + alike / b_length as f64 + (alike - swapped as f64) / alike) / 3.0;
    jaro + prefix as f64 * 0.1 * (1.0 - jaro)
}

/// Similarity of names from which they count as close, and as related.
const CLOSE: f64 = 0.92;
const RELATED: f64 = 0.80;

/// Names that are longer are not outlined.
const OUTLINED: u64 = 31;

/// A letter's number: of those outside of a to z, one in 26.
fn letter(letter: char) -> u64 {
    u64::from(letter as u32) % 26
}

/// Which letters a text has, as bits.
fn letters_of(text: &str) -> u64 {
    text.chars().fold(0, |letters, one| letters | 1 << letter(one))
}

/// What tells quickly that two names are not related: which letters a name has (of those outside of a to z, one in 26), its length, its first four
/// letters.
pub fn outline(name: &str) -> u64 {
    let length = (name.chars().count() as u64).min(OUTLINED);
    let first = name.chars().take(4).enumerate().fold(0, |first, (place, one)| first | (1 + letter(one)) << (5 * place));
    letters_of(name) | length << 26 | first << 31
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
    if a == b { 3 } else { level_of_similar(jaro_winkler(a, b)) }
}

/// The same of names that are spelled, and not equal.
pub fn spelled_level(a: u64, b: u64) -> u8 {
    level_of_similar(jaro_winkler_of_spelled(a, b))
}

fn level_of_similar(similarity: f64) -> u8 {
    match similarity {
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

/// What tells quickly that two addresses are of other people: which letters and digits stand in front of the @ (one in 26), how many, and a part of the
/// hashes of what stands before and behind it.
pub fn email_outline(email: &str) -> u64 {
    let (local, domain) = email.split_once('@').unwrap_or_default();
    let hash = |text: &str| fingerprint(0, text.as_bytes()) >> 48;
    letters_of(local) | (local.chars().count() as u64).min(63) << 26 | hash(local) << 32 | hash(domain) << 48
}

/// Whether addresses of these outlines can have a level above 0.
pub fn may_be_close(a: u64, b: u64) -> bool {
    let part = |outline: u64, from: u32, bits: u32| outline >> from & ((1 << bits) - 1);
    let others = (part(a, 0, 26) ^ part(b, 0, 26)).count_ones();
    let longer = part(a, 26, 6).abs_diff(part(b, 26, 6));
    part(a, 32, 16) == part(b, 32, 16) || part(a, 48, 16) == part(b, 48, 16) && others <= 2 && longer <= 1
}

/// The digits of a number, the first one first, and how many there are.
fn digits(number: u64) -> ([u8; 20], usize) {
    let (mut digits, mut rest, count) = ([0; 20], number, number.checked_ilog10().map_or(1, |last| last as usize + 1));
    for digit in digits[..count].iter_mut().rev() {
        *digit = (rest % 10) as u8;
        rest /= 10;
    }
    (digits, count)
}

/// Whether two numbers, as they are written, are one edit apart.
fn is_one_digit(a: u64, b: u64) -> bool {
    // Of as many digits they differ by a digit in its place, or by nine of it: most do not.
    let mut between = a.abs_diff(b);
    while between > 0 && between.is_multiple_of(10) {
        between /= 10;
    }
    if between > 81 && a.checked_ilog10() == b.checked_ilog10() {
        return false;
    }
    let ((a_digits, a_count), (b_digits, b_count)) = (digits(a), digits(b));
    differ_by_one(&a_digits[..a_count], &b_digits[..b_count])
}

/// 2 equal, 1 one edit, 0 other numbers: for phone numbers.
pub fn number_level(a: u64, b: u64) -> u8 {
    if a == b { 2 } else { u8::from(is_one_digit(a, b)) }
}

/// 2 equal, 1 one edit or day and month swapped, 0 other dates; as numbers YYYYMMDD.
pub fn date_level(a: u64, b: u64) -> u8 {
    if a == b {
        return 2;
    }
    let swapped = a / 10_000 * 10_000 + a % 100 * 100 + a / 100 % 100;
    u8::from(swapped == b || is_one_digit(a, b))
}

/// Years between a parent's birth and a child's, at least: as numbers YYYYMMDD.
const GENERATION: u64 = 15 * 10_000;

/// Whether two days of birth, as numbers YYYYMMDD, may be those of a parent and a child.
pub fn is_generation(a: u64, b: u64) -> bool {
    a.abs_diff(b) >= GENERATION
}

/// The first three letters of a text.
pub fn beginning(text: &str) -> u64 {
    text.chars().take(3).fold(0, |beginning, letter| beginning << 21 | u64::from(letter))
}

/// The same of a spelled name.
pub fn spelled_beginning(spelled: u64) -> u64 {
    let (letters, count) = letters(spelled);
    letters[..count.min(3)].iter().fold(0, |beginning, letter| beginning << 21 | u64::from(letter + b'a' - 1))
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

    /// How many pairs outlines exclude, none of which has a level above 0.
    fn excluded(texts: &[String], may_be_alike: impl Fn(&str, &str) -> bool, level: fn(&str, &str) -> u8) -> usize {
        let pairs = texts.iter().flat_map(|a| texts.iter().map(move |b| (a, b)));
        let excluded = pairs.filter(|(a, b)| !may_be_alike(a, b));
        excluded.inspect(|(a, b)| assert_eq!(level(a, b), 0, "{a} {b}")).count()
    }

    /// No two of these names are related where their outlines say that they cannot be; and the outlines say so of most.
    #[test]
    fn outlines_exclude_no_relation() {
        let parts = ["al", "bar", "ben", "mar", "tha", "htha", "dix", "on", "son", "ø", "ski", "smith", "schmidt"];
        let names: Vec<String> = parts.iter().flat_map(|head| parts.iter().map(move |tail| format!("{head}{tail}"))).chain(parts.map(str::to_owned)).collect();
        let excluded = excluded(&names, |a, b| may_relate(outline(a), outline(b)), name_level);
        assert!(excluded * 3 > names.len() * names.len() * 2, "{excluded} of {}", names.len() * names.len());
        assert!(may_relate(outline("martha"), outline("marhta")) && may_relate(outline(&"a".repeat(40)), outline("b")));
    }

    #[test]
    fn levels_of_the_other_fields() {
        assert_eq!([19800703, 19800308, 19810308, 19800307].map(|other| date_level(19800307, other)), [1, 1, 0, 2]);
        assert_eq!(["ann@b.de", "anna@b.de", "ann@c.de", "bob@b.de"].map(|other| email_level("ann@b.de", other)), [2, 1, 1, 0]);
        assert_eq!(
            ["90210", "90299", "902", "80210", "90", "09021"].map(|other| beginning(other) == beginning("90210")),
            [true, true, true, false, false, false]
        );
        let numbers = [13_105_550_110, 13_105_550_101, 1_310_555_011, 131_055_501_100, 13_105_550_119, 13_105_551_101, 23_105_550_110];
        assert_eq!(numbers.map(|other| number_level(13_105_550_110, other)), [2, 1, 1, 1, 1, 0, 1]);
        // Neighbours that are swapped: 81 between them, and with digits behind.
        assert_eq!((number_level(13_105_550_190, 13_105_550_109), number_level(13_109_550_110, 13_190_550_110)), (1, 1));
        for (a, b) in (0..1200).flat_map(|a: u64| (0..1200).map(move |b| (a, b))) {
            assert_eq!(is_one_digit(a, b), is_one_edit(&a.to_string(), &b.to_string()), "{a} {b}");
        }
    }

    /// No two addresses are close whose outlines say that they are not; and the outlines say so of most.
    #[test]
    fn outlines_of_addresses_exclude_no_close_ones() {
        let locals =
            ["ann", "anna", "nan", "ana", "amn", "bob", "ann.lee", "ann-lee", "annlee", "müller", "muller", "x1", "1x", "lee.ann", "bob7", "dan.fox", "zoe"];
        let long: Vec<String> = [62, 63, 64, 65].map(|length| "a".repeat(length)).to_vec();
        let locals = || locals.iter().map(|local| (*local).to_owned()).chain(long.iter().cloned());
        let all: Vec<String> = locals().flat_map(|local| ["b.de", "c.de", "d.example.com"].map(|domain| format!("{local}@{domain}"))).collect();
        let excluded = excluded(&all, |a, b| may_be_close(email_outline(a), email_outline(b)), email_level);
        assert!(excluded * 5 > all.len() * all.len() * 4, "{excluded} of {}", all.len() * all.len());
    }

    /// Spelled names are as alike as their texts; what cannot be spelled is not.
    #[test]
    fn spelled_names_are_compared_as_texts_are() {
        let names =
            ["martha", "marhta", "dixon", "dicksonx", "ann", "anna", "bob", "li", "il", "aaaaaaaaaaaa", "aabaacaadaae", "abcdefghijkl", "lkjihgfedcba", "zz"];
        for (a, b) in names.iter().flat_map(|a| names.iter().map(move |b| (a, b))) {
            assert_eq!(jaro_winkler_of_spelled(spelled(a), spelled(b)), jaro_winkler(a, b), "{a} {b}");
        }
        assert_eq!(["", "abcdefghijklm", "ann lee", "Ann", "øre"].map(spelled), [0; 5]);
        for name in names {
            assert_eq!(spelled_beginning(spelled(name)), beginning(name), "{name}");
        }
    }
}
