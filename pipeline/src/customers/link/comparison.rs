//! How alike two source customers are. What is compared of them is made once, and is asked for of many pairs at once: the second one of a pair lies
//! anywhere, and the memory's delays overlap.

use rayon::prelude::*;

use super::STEP;
use super::candidates::Candidates;
use super::compare;
use super::records::{EQUAL, FIELDS, Field, Pair, Pattern, Record};
use crate::allowance::{Allowance, Held};
use crate::error::Result;
use crate::lake::ByFingerprint;

/// Texts by what stands for them: e-mail addresses, names, postcodes, keys of households.
#[derive(Debug, Default)]
pub struct TextsOfValues {
    /// All texts, one after another.
    all: String,
    /// By value: where its text begins, and how long it is.
    spans: ByFingerprint<u64, (usize, u32)>,
}

impl TextsOfValues {
    /// The text of a value.
    pub fn get(&self, value: u64) -> Option<&str> {
        self.spans.get(&value).map(|&(start, length)| &self.all[start..start + length as usize])
    }

    /// Keeps the text of a value, if it is not there.
    pub fn keep(&mut self, value: u64, text: &str) {
        self.spans.entry(value).or_insert_with(|| {
            self.all.push_str(text);
            (self.all.len() - text.len(), text.len() as u32)
        });
    }

    /// Keeps all that others have.
    pub fn extend(&mut self, others: &Self) {
        others.spans.iter().for_each(|(value, &(start, length))| self.keep(*value, &others.all[start..start + length as usize]));
    }
}

/// So many pairs, or texts of so many records, are fetched together.
const AT_ONCE: usize = 256;
/// Of so many records a thread compares the pairs at once.
const RECORDS: u32 = 1 << 12;

/// What nearly every pair is compared by: a line of a processor's cache.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Compared {
    values: [u64; FIELDS],
    /// Outlines of first and last name.
    outlines: [u64; 2],
}

/// What few pairs are compared by.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(32))]
struct Details {
    /// First and last name, spelled; 0 where they cannot be.
    names: [u64; 2],
    /// The outline of the e-mail address.
    email: u64,
    /// What the postcode begins with.
    area: u64,
}

/// Pairs that may be one person, with how alike they are, part by part, and what each part takes of the memory.
pub type Patterns = Vec<(Vec<(Pair, Pattern)>, Held)>;

/// What a record takes of the memory.
pub const RECORD_BYTES: usize = size_of::<Compared>() + size_of::<Details>();

/// Source customers that are compared, by position.
pub struct Comparison<'a> {
    texts: &'a TextsOfValues,
    compared: Vec<Compared>,
    details: Vec<Details>,
}

/// Names, by their place in what is made of them.
pub const NAMES: [Field; 2] = [Field::FirstName, Field::LastName];

impl<'a> Comparison<'a> {
    /// Of these records, with texts of their values.
    pub fn of(records: &[Record], texts: &'a TextsOfValues) -> Self {
        let texts_of = |record: &Record| {
            let text = |field: Field| texts.get(record.values[field as usize]).unwrap_or_default();
            (NAMES.map(text), [Field::Email, Field::Postcode].map(text))
        };
        let prepare = |record: &Record, (names, [email, postcode]): ([&str; 2], [&str; 2])| {
            let values = std::array::from_fn(|field| record.values[field]);
            let (email, area) = (compare::email_outline(email), compare::beginning(postcode));
            (Compared { values, outlines: names.map(compare::outline) }, Details { names: names.map(compare::spelled), email, area })
        };
        let (mut compared, mut details) = (vec![Compared::default(); records.len()], vec![Details::default(); records.len()]);
        let places = compared.par_chunks_mut(AT_ONCE).zip(details.par_chunks_mut(AT_ONCE));
        records.par_chunks(AT_ONCE).zip(places).for_each(|(some, (compared, details))| {
            let found: Vec<_> = some.iter().map(texts_of).collect();
            let first = |text: &&str| text.as_bytes().first().copied().unwrap_or_default();
            std::hint::black_box(found.iter().flat_map(|(names, others)| names.iter().chain(others)).map(first).fold(0, |all, byte| all ^ byte));
            let places = compared.iter_mut().zip(details);
            some.iter().zip(found).zip(places).for_each(|((record, texts), (compared, details))| (*compared, *details) = prepare(record, texts));
        });
        Self { texts, compared, details }
    }

    /// How many they are.
    pub fn count(&self) -> usize {
        self.compared.len()
    }

    /// What stands for the value of a field, which has levels; None where it is unknown.
    pub fn value(&self, field: Field, at: u32) -> Option<u64> {
        Some(self.compared[at as usize].values[field as usize]).filter(|value| *value != 0)
    }

    fn text(&self, field: Field, at: u32) -> &'a str {
        self.texts.get(self.compared[at as usize].values[field as usize]).unwrap_or_default()
    }

    /// The first three letters of first and last name.
    pub fn beginnings(&self, at: u32) -> [u64; 2] {
        std::array::from_fn(|place| match self.details[at as usize].names[place] {
            0 => compare::beginning(self.text(NAMES[place], at)),
            spelled => compare::spelled_beginning(spelled),
        })
    }

    /// The level of a field of two records; None where one side is unknown.
    pub fn level(&self, field: Field, (a, b): Pair) -> Option<u8> {
        let (one, other) = (self.value(field, a)?, self.value(field, b)?);
        if one == other {
            return Some(EQUAL[field as usize]);
        }
        let details = || (&self.details[a as usize], &self.details[b as usize]);
        Some(match field {
            Field::FirstName => self.name_level(0, (a, b)),
            Field::LastName => self.name_level(1, (a, b)),
            Field::Email if compare::may_be_close(details().0.email, details().1.email) => compare::email_level(self.text(field, a), self.text(field, b)),
            Field::Phone => compare::number_level(one, other),
            Field::BirthDate => compare::date_level(one, other),
            Field::Postcode => u8::from(details().0.area == details().1.area),
            _ => 0,
        })
    }

    /// The level of two first or last names that are not equal.
    fn name_level(&self, place: usize, (a, b): Pair) -> u8 {
        let outline = |at: u32| self.compared[at as usize].outlines[place];
        if !compare::may_relate(outline(a), outline(b)) {
            return 0;
        }
        // Of two orders of a pair one holds: what is alike is looked for from the first one on.
        let value = |at: u32| self.compared[at as usize].values[NAMES[place] as usize];
        let (a, b) = if value(a) < value(b) { (a, b) } else { (b, a) };
        let spelled = |at: u32| self.details[at as usize].names[place];
        match (spelled(a), spelled(b)) {
            (0, _) | (_, 0) => compare::name_level(self.text(NAMES[place], a), self.text(NAMES[place], b)),
            (a, b) => compare::spelled_level(a, b),
        }
    }

    fn compare<const N: usize>(&self, pattern: &mut Pattern, fields: [Field; N], pair: Pair) {
        for field in fields {
            pattern.0[field as usize] = self.level(field, pair).map_or(0, |level| 1 + level);
        }
    }

    /// What equal e-mail addresses and phone numbers, and birth dates say; None where that makes two people for certain, as of most who share a name.
    fn dated(&self, pair: Pair) -> Option<Pattern> {
        let mut pattern = Pattern([0; FIELDS]);
        for field in [Field::Email, Field::Phone] {
            if self.value(field, pair.0).is_some_and(|value| self.value(field, pair.1) == Some(value)) {
                pattern.0[field as usize] = 1 + EQUAL[field as usize];
            }
        }
        self.compare(&mut pattern, [Field::BirthDate], pair);
        (!self.are_two(pattern, pair)).then_some(pattern)
    }

    /// Whether it is certain that two are two people: by the pattern so far, or by what levels do not say. A phone is a family's: father and son of one name
    /// share it, and so do twins, who have an address each.
    fn are_two(&self, pattern: Pattern, pair: Pair) -> bool {
        let both = |field: Field| self.value(field, pair.0).zip(self.value(field, pair.1));
        let are_generations = || both(Field::BirthDate).is_some_and(|(one, other)| compare::is_generation(one, other));
        let other_birth = pattern.level(Field::BirthDate) == Some(0) && are_generations();
        let other_name = pattern.level(Field::FirstName) == Some(0) && both(Field::Email).is_some();
        pattern.conflicts() || !pattern.is_equal(Field::Email) && (other_birth || other_name)
    }

    /// The levels of a pair whose dates say this. First and last name that stand in each other's place are close.
    fn named(&self, mut pattern: Pattern, pair: Pair) -> Option<Pattern> {
        self.compare(&mut pattern, NAMES, pair);
        let names = |at: u32| self.value(Field::FirstName, at).zip(self.value(Field::LastName, at));
        if let (Some(one), Some(other)) = (names(pair.0), names(pair.1))
            && one.0 != one.1
            && (one.0, one.1) == (other.1, other.0)
        {
            pattern.0[Field::FirstName as usize] = 3;
            pattern.0[Field::LastName as usize] = 3;
        }
        // Of the others most end here; what is left is worth a look at the rest.
        if self.are_two(pattern, pair) {
            return None;
        }
        self.compare(&mut pattern, [Field::Email, Field::Phone, Field::Postcode], pair);
        Some(pattern)
    }

    /// The levels of two records; None for two who are two people for certain.
    pub fn pattern(&self, pair: Pair) -> Option<Pattern> {
        self.dated(pair).and_then(|pattern| self.named(pattern, pair))
    }

    /// The patterns of all pairs, in their order; those that are two people for certain are left out.
    ///
    /// # Errors
    /// `Limit` if `memory` does not hold them.
    pub fn patterns(&self, candidates: &Candidates, memory: &Allowance) -> Result<Patterns> {
        let count = self.count() as u32;
        let compare = |first: u32| -> Result<(Vec<(Pair, Pattern)>, Held)> {
            let mut pairs = candidates.pairs(first..count.min(first + RECORDS));
            let (mut some, mut near, mut compared): (Vec<Pair>, Vec<(Pair, Pattern)>, Vec<_>) = Default::default();
            loop {
                some.clear();
                some.extend(pairs.by_ref().take(AT_ONCE));
                if some.is_empty() {
                    compared.shrink_to_fit();
                    let held = memory.take(STEP, size_of_val(&compared[..]) as u64)?;
                    return Ok((compared, held));
                }
                std::hint::black_box(some.iter().fold(0, |all, pair| all ^ self.compared[pair.1 as usize].values[0]));
                near.clear();
                near.extend(some.iter().filter_map(|&pair| Some((pair, self.dated(pair)?))));
                std::hint::black_box(near.iter().fold(0, |all, (pair, _)| all ^ self.details[pair.1 as usize].email));
                compared.extend(near.iter().filter_map(|&(pair, pattern)| Some((pair, self.named(pattern, pair)?))));
            }
        };
        let firsts: Vec<u32> = (0..count).step_by(RECORDS as usize).collect();
        firsts.into_par_iter().map(compare).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::params::{Params, Probabilistic};
    use super::super::records::tests::{pattern, record};
    use super::*;

    fn memory() -> Allowance {
        Allowance::memory(1 << 24)
    }

    fn all_of(patterns: Patterns) -> Vec<(Pair, Pattern)> {
        patterns.into_iter().flat_map(|(part, _)| part).collect()
    }

    /// Of fields whose texts are compared, and of the key of households, of which an id is made.
    #[test]
    fn texts_are_kept_that_are_looked_at_again() {
        let (none, mut texts, mut others) = <(TextsOfValues, TextsOfValues, TextsOfValues)>::default();
        texts.keep(11, "90210@x.de");
        others.keep(12, "80210@x.de");
        others.keep(11, "the first one stays");
        texts.extend(&others);
        assert_eq!([11, 12, 13].map(|value| texts.get(value)), [Some("90210@x.de"), Some("80210@x.de"), None]);
        for field in Field::ALL {
            let of = |value: u64| std::array::from_fn(|place| if place == field as usize { value } else { 0 });
            let two = [of(11), of(12)].map(|values| Record { number: 0, order: 0, values });
            let [without, with] = [&none, &texts].map(|texts| if (field as usize) < FIELDS { Comparison::of(&two, texts).level(field, (0, 1)) } else { None });
            assert_eq!(field.needs_text(), without != with || field == Field::HouseholdKey, "{field:?}: {without:?} {with:?}");
        }
    }

    /// Other birth dates tell two people apart, but not where an address is the same: someone mistyped one. The last one's names stand in each other's place.
    #[test]
    fn birth_dates_are_compared_before_names() {
        let mut texts = TextsOfValues::default();
        let people = [
            ("", "ann", "lee", "19800102"),
            ("", "ann", "lee", "19911225"),
            ("a@b.de", "ann", "lee", "19800102"),
            ("a@b.de", "ann", "lee", "19911225"),
            ("", "ann", "lee", "19800201"),
            ("", "lee", "ann", "19800102"),
        ];
        let all = people.map(|(email, first, last, birth)| {
            record(&mut texts, [(Field::Email, email), (Field::FirstName, first), (Field::LastName, last), (Field::BirthDate, birth)])
        });
        let comparison = Comparison::of(&all, &texts);
        let some = |levels: [Option<u8>; FIELDS]| Some(pattern(levels));
        let expected = [
            ((0, 1), None),
            ((0, 4), some([None, None, Some(3), Some(3), Some(1), None])),
            ((0, 5), some([None, None, Some(2), Some(2), Some(2), None])),
            ((2, 3), some([Some(2), None, Some(3), Some(3), Some(0), None])),
        ];
        assert_eq!(expected.map(|(pair, _)| (pair, comparison.pattern(pair))), expected);
        let probabilistic = Some(Probabilistic { from: 0.99, bridge_from: 0.9999 });
        let params = Params { probabilistic, block_max: 6, ..Params::default() };
        let candidates = Candidates::of(&all, &comparison, &params, &memory()).expect("there is memory");
        assert_eq!(candidates.pairs(0..6).count(), 15, "all share their names");
        let found = all_of(comparison.patterns(&candidates, &memory()).expect("there is memory"));
        let told: Vec<(Pair, Pattern)> = candidates.pairs(0..6).filter_map(|pair| Some((pair, comparison.pattern(pair)?))).collect();
        assert_eq!(found, told);
        assert_eq!(told.iter().filter(|(pair, _)| expected.iter().any(|(other, _)| other == pair)).count(), 3);
    }

    /// By hand: who share a phone and a last name. Father and son of one name; a year that was mistyped; twins with an address each, and one person of whose two
    /// addresses one is not known.
    #[test]
    fn families_share_a_phone() {
        let mut texts = TextsOfValues::default();
        let people = [
            ("", "ann", "19500312"),
            ("", "ann", "19780825"),
            ("", "ann", "19620713"),
            ("lisa@x.de", "lisa", "19910405"),
            ("lena@x.de", "mary", "19910405"),
            ("", "mary", "19910405"),
            ("a@b.de", "ann", "19500312"),
            ("a@b.de", "ann", "19780825"),
        ];
        let all = people.map(|(email, first, birth)| {
            let fields = [(Field::Email, email), (Field::Phone, "13105550110"), (Field::FirstName, first), (Field::LastName, "lee"), (Field::BirthDate, birth)];
            record(&mut texts, fields)
        });
        let comparison = Comparison::of(&all, &texts);
        let may_be_one = [(0, 1), (0, 2), (3, 4), (3, 5), (6, 7)].map(|pair| comparison.pattern(pair).is_some());
        assert_eq!(may_be_one, [false, true, false, true, true]);
    }

    /// More records than a thread takes at once, the last of which have pairs too, and of one of them more pairs than are fetched together: all pairs are found,
    /// in their order.
    #[test]
    fn many_pairs_are_compared_in_their_order() {
        let mut texts = TextsOfValues::default();
        let crowd = AT_ONCE + 11;
        let card = |at: usize| if at < crowd { 0 } else { at.div_ceil(2) };
        let all: Vec<Record> = (0..2 * RECORDS as usize + 7).map(|at| record(&mut texts, [(Field::CardId, card(at).to_string().as_str())])).collect();
        let comparison = Comparison::of(&all, &texts);
        let params = Params { rules: vec![vec![Field::CardId]], block_max: crowd, ..Params::default() };
        let candidates = Candidates::of(&all, &comparison, &params, &memory()).expect("there is memory");
        let (memory, before) = (memory(), 64);
        let found = comparison.patterns(&candidates, &memory).expect("there is memory");
        let held: u64 = found.iter().map(|(_, held)| held.bytes()).sum();
        let pairs: Vec<Pair> = all_of(found).iter().map(|(pair, _)| *pair).collect();
        assert_eq!(held, (pairs.len() * size_of::<(Pair, Pattern)>()) as u64);
        assert!(memory.nothing().try_grow((1 << 24) - before), "all is given back");
        let of_crowd = (0..crowd as u32).flat_map(|a| (a + 1..crowd as u32).map(move |b| (a, b)));
        let others = (crowd as u32..all.len() as u32).step_by(2).map(|at| (at, at + 1));
        assert_eq!(pairs, of_crowd.chain(others).collect::<Vec<_>>());
        assert!(comparison.patterns(&candidates, &Allowance::memory(100)).is_err());
    }

    /// Names that cannot be spelled are looked up, and begin as others do.
    #[test]
    fn names_that_are_not_spelled_are_compared_as_texts() {
        let mut texts = TextsOfValues::default();
        let all = ["marthamarthamartha", "marhtamarthamartha", "mar", "zoë"].map(|first| record(&mut texts, [(Field::FirstName, first)]));
        let comparison = Comparison::of(&all, &texts);
        assert_eq!([(0, 1), (1, 0), (0, 3)].map(|pair| comparison.level(Field::FirstName, pair)), [Some(2), Some(2), Some(0)]);
        let [one, two, three, four] = [0, 1, 2, 3].map(|at| comparison.beginnings(at)[0]);
        assert!(one == two && two == three && three != four);
    }
}
