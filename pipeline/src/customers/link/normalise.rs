//! One form for what people write in many: e-mail addresses, phone numbers, names, postcodes. What identifies nobody is unknown.

use std::borrow::Cow;

use serde::Serialize;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// How phone numbers are dialled in the country of those that name none (ITU-T E.123, E.164).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Country {
    /// Its code, without the plus.
    pub code: String,
    /// The digits before a national number that are not part of it.
    pub trunk: String,
    /// How many digits a national number may have.
    pub lengths: Vec<u32>,
    /// What is dialled before a number of another country.
    pub international: Vec<String>,
}

/// The code of North America, whose numbers are checked further (NANP: area and exchange begin with 2 to 9).
const NORTH_AMERICA: &str = "1";

/// A trunk prefix that is not dialled from abroad, as it is written after a country's code.
const INNER_TRUNK: &str = "(0)";
/// The code of Italy, where the 0 before a number is dialled from everywhere.
const ITALY: &str = "39";

/// A text in Unicode's form NFKC, in which plain letters are already.
fn composed(written: &str) -> Cow<'_, str> {
    if written.is_ascii() { Cow::Borrowed(written) } else { Cow::Owned(written.nfkc().collect()) }
}

/// A text in lower case, without accents.
fn bare(written: &str) -> String {
    if written.is_ascii() {
        return written.to_ascii_lowercase();
    }
    written.nfkd().filter(|letter| !is_combining_mark(*letter)).flat_map(char::to_lowercase).collect()
}

/// An address in lower case, without white space around it; None for what is no address.
pub fn email(written: &str) -> Option<String> {
    let email = composed(written).trim().to_lowercase();
    let (local, domain) = email.split_once('@')?;
    let has_inner_dot = domain.trim_matches('.') == domain && domain.contains('.');
    (!local.is_empty() && has_inner_dot && !domain.contains('@') && !email.contains(char::is_whitespace)).then_some(email)
}

/// The digits of a number in E.164, country code first; None for what cannot be one.
pub fn phone(written: &str, country: &Country) -> Option<u64> {
    let text = composed(written);
    // What follows is an extension; of `ext` an e stands before the x, which is no digit.
    let text = text.trim().split([';', 'x', 'X', '#']).next().unwrap_or_default();
    let digits_of = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    // With the code of a country; None where the number names none.
    let international = |text: &str| {
        let digits = digits_of(text);
        let abroad = || country.international.iter().find_map(|prefix| digits.strip_prefix(prefix.as_str()).map(str::to_owned));
        if text.starts_with('+') { Some(digits) } else { abroad() }
    };
    let fits = |number: &&str| country.lengths.contains(&(number.len() as u32));
    // A number may be as long with the trunk prefix as another is without: that it begins with one says that it is one.
    let without_trunk = |number: &str| number.strip_prefix(country.trunk.as_str()).filter(|_| !country.trunk.is_empty()).filter(fits).map(str::to_owned);
    let at_home = |number: String| format!("{}{number}", country.code);
    let digits = match international(text) {
        None => {
            let digits = digits_of(text);
            at_home(without_trunk(&digits).or_else(|| Some(digits.as_str()).filter(fits).map(str::to_owned))?)
        }
        // After a country's code many write the trunk prefix that is dialled in the country alone.
        Some(digits) => {
            let digits = if digits.starts_with(ITALY) { digits } else { international(&text.replacen(INNER_TRUNK, "", 1)).unwrap_or(digits) };
            digits.strip_prefix(country.code.as_str()).and_then(without_trunk).map_or(digits.clone(), at_home)
        }
    };
    let bytes = digits.as_bytes();
    if !(8..=15).contains(&bytes.len()) || bytes[0] == b'0' {
        return None;
    }
    let is_north_american = digits.starts_with(NORTH_AMERICA);
    if is_north_american && (bytes.len() != 11 || bytes[1] < b'2' || bytes[4] < b'2') {
        return None;
    }
    if is_one_digit(&digits) { None } else { digits.parse().ok() }
}

/// Whether the last seven digits are one, over and over: the number is nobody's.
pub fn is_one_digit(written: &str) -> bool {
    let mut digits = written.bytes().rev().filter(u8::is_ascii_digit);
    digits.next().is_some_and(|last| digits.take(6).filter(|digit| *digit == last).count() == 6)
}

/// A card's number, without white space around it; None for what no card has: one digit, over and over.
pub fn card(written: &str) -> Option<&str> {
    let card = written.trim();
    let is_one_digit = card.len() >= ONE_DIGIT_MIN && card.bytes().all(|byte| byte.is_ascii_digit() && byte == card.as_bytes()[0]);
    (!card.is_empty() && !is_one_digit).then_some(card)
}

/// Of fewer digits, all equal, someone may have the card: numbers are given in turn.
const ONE_DIGIT_MIN: usize = 5;

/// A name's letters, without case and accents; None for what is shorter than two.
pub fn name(written: &str) -> Option<String> {
    let mut name = String::with_capacity(written.len());
    for letter in bare(written).chars() {
        match letter {
            'ø' => name.push('o'),
            'ł' => name.push('l'),
            'đ' | 'ð' => name.push('d'),
            'æ' => name.push_str("ae"),
            'œ' => name.push_str("oe"),
            'þ' => name.push_str("th"),
            'ß' => name.push_str("ss"),
            'ı' => name.push('i'),
            letter if letter.is_alphabetic() => name.push(letter),
            _ => {}
        }
    }
    (name.chars().count() >= 2).then_some(name)
}

/// Words of streets, as they are written and as they are cut short.
const STREETS: [(&str, &str); 12] = [
    ("street", "st"),
    ("avenue", "ave"),
    ("road", "rd"),
    ("drive", "dr"),
    ("lane", "ln"),
    ("court", "ct"),
    ("place", "pl"),
    ("boulevard", "blvd"),
    ("apartment", "apt"),
    ("square", "sq"),
    ("strasse", "str"),
    ("str", "str"),
];

/// A street and house number: words in lower case without accents, those of streets cut short; None without a number, which is no house.
pub fn address(written: &str) -> Option<String> {
    let plain = bare(written).replace('ß', "ss");
    let mut address = String::with_capacity(plain.len());
    for word in plain.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
        address.push_str(if address.is_empty() { "" } else { " " });
        // In some languages the street is the end of its name.
        match (STREETS.iter().find(|(long, _)| *long == word), word.strip_suffix("strasse")) {
            (Some((_, short)), _) => address.push_str(short),
            (None, Some(name)) => address.extend([name, "str"]),
            (None, None) => address.push_str(word),
        }
    }
    let has = |what: fn(char) -> bool| address.chars().any(what);
    (has(|letter| letter.is_ascii_digit()) && has(char::is_alphabetic)).then_some(address)
}

/// A postcode's letters and digits in capitals; of a ZIP+4 code the first five.
pub fn postcode(written: &str) -> Option<String> {
    let mut code: String = composed(written).chars().flat_map(char::to_uppercase).filter(|letter| letter.is_alphanumeric()).collect();
    if code.len() == 9 && code.bytes().all(|byte| byte.is_ascii_digit()) {
        code.truncate(5);
    }
    (!code.is_empty()).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn country(code: &str, trunk: &str, lengths: &[u32], international: &[&str]) -> Country {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Country { code: code.to_owned(), trunk: trunk.to_owned(), lengths: lengths.to_vec(), international: texts(international) }
    }

    #[test]
    fn addresses_names_and_postcodes() {
        assert_eq!(email(" Ann@Example.COM ").as_deref(), Some("ann@example.com"));
        for bad in ["none@", "a b@c.de", "a@b@c.de", "@c.de", "a@c.", "a@.c", "a@c", ""] {
            assert_eq!(email(bad), None, "{bad}");
        }
        assert_eq!(name("O'Brien-Núñez").as_deref(), Some("obriennunez"));
        assert_eq!(name("Søren Łukasz").as_deref(), Some("sorenlukasz"));
        assert_eq!(name("J."), None);
        assert_eq!(postcode("90210-1234").as_deref(), Some("90210"));
        assert_eq!(postcode(" sw1a 1aa ").as_deref(), Some("SW1A1AA"));
        assert_eq!(postcode("-"), None);
        assert_eq!(address("12, Elm Street Apt. 4").as_deref(), Some("12 elm st apt 4"));
        assert_eq!([address("Königstraße 7a"), address("konigstr. 7A")], [Some("konigstr 7a".to_owned()), Some("konigstr 7a".into())]);
        assert_eq!([address("Elm Street"), address("12")], [None, None]);
    }

    /// Unicode leaves plain letters as they are (UAX 15): so they need not be looked up.
    #[test]
    fn plain_letters_have_one_form() {
        let plain: String = (0..128u8).map(char::from).collect();
        assert_eq!(composed(&plain), plain.nfkc().collect::<String>());
        let bare_of_any = |text: &str| text.nfkd().filter(|letter| !is_combining_mark(*letter)).flat_map(char::to_lowercase).collect::<String>();
        assert_eq!(bare(&plain), bare_of_any(&plain));
        assert_eq!((composed("Ａ①").as_ref(), bare("ÉÅ").as_str()), ("A1", "ea"));
    }

    /// By the dialling rules of Germany, where a mobile number has ten or eleven digits without the 0 that is dialled before it.
    #[test]
    fn numbers_of_several_lengths() {
        let germany = country("49", "0", &[10, 11], &["00"]);
        for written in [
            "0171 1234567",
            "+49 171 1234567",
            "+49 (0)171 1234567",
            "0049 171/1234567",
            "0049 (0) 171-1234567",
            "(0171) 12 34 567",
            "(0)171 1234567",
            "171 1234567",
            "+49 0171 1234567",
            "0049 (0171) 1234567",
        ] {
            assert_eq!(phone(written, &germany), Some(491_711_234_567), "{written}");
        }
        assert_eq!(phone("01511 2345678", &germany), Some(4_915_112_345_678));
        assert_eq!(phone("+44 (0)20 7946 0958", &germany), Some(442_079_460_958));
        assert_eq!(phone("+39 (0)6 6982 1234", &germany), phone("+39 06 6982 1234", &germany));
        assert_eq!(["0171 9999999", "+49 171 999-9999", "999 9999", "99 9999", "0171 9999998"].map(is_one_digit), [true, true, true, false, false]);
        // In Russia, where 8 is dialled before a number, and numbers of Saint Petersburg begin with it.
        let russia = country("7", "8", &[10], &["810"]);
        assert_eq!(["8 (812) 123-45-67", "812 123-45-67"].map(|written| phone(written, &russia)), [Some(78_121_234_567); 2]);
    }

    #[test]
    fn cards_of_one_digit_are_nobodys() {
        let cards = [" 0042 ", "1111", "11111", "00000000", "11112", ""].map(card);
        assert_eq!(cards, [Some("0042"), Some("1111"), None, None, Some("11112"), None]);
    }

    /// By the dialling rules of the United States and the United Kingdom.
    #[test]
    fn numbers_of_two_countries() {
        let us = country("1", "1", &[10], &["011", "00"]);
        for written in [
            "(310) 555-0110",
            "1-310-555-0110",
            "+1 (310) 555-0110 x12",
            "001 310 555 0110",
            "310.555.0110 ext. 4",
            "310 555 0110 X4",
            "310-555-0110 EXT 4",
            "+13105550110;ext=5",
            "310 555 0110 #4",
        ] {
            assert_eq!(phone(written, &us), Some(13_105_550_110), "{written}");
        }
        let uk = country("44", "0", &[9, 10], &["00"]);
        assert_eq!(phone("011 44 20 7946 0958", &us), Some(442_079_460_958));
        assert_eq!(phone("020 7946 0958", &uk), Some(442_079_460_958));
        for bad in ["555-0110", "310 999 9999", "110 555 0110", "310 055 0110", "+0 310 555 0110", "", "call me"] {
            assert_eq!(phone(bad, &us), None, "{bad}");
        }
    }
}
