//! How alike two source customers are. What is compared of them is made once, and is asked for of many pairs at once: the second one of a pair lies
//! anywhere, and the memory's delays overlap.

use std::ops::Range;

use rayon::prelude::*;

use super::compare;
use super::records::{EQUAL, FIELDS, Field, Pattern, Record};
use crate::lake::ByFingerprint;

/// Texts by what stands for them: e-mail addresses, names, postcodes.
pub type TextsOfValues = ByFingerprint<u64, Box<str>>;

/// Pairs whose records are fetched together.
const AT_ONCE: usize = 256;
/// Of so many records a thread compares the pairs at once.
const RECORDS: u32 = 1 << 12;

/// What nearly every pair is compared by: a line of a processor's cache.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Compared {
    values: [u64; FIELDS],
    /// Outlines of first and last name.
    outlines: [u64; 2],
}

/// What few pairs are compared by.
#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
struct Details {
    /// First and last name, spelled; 0 where they cannot be.
    names: [u64; 2],
    /// The outline of the e-mail address.
    email: u64,
    /// What the postcode begins with.
    area: u64,
}

/// A pair of positions, the smaller one first.
pub type Pair = (u32, u32);

/// Pairs that are to be compared, each once, in their order.
pub struct Candidates {
    /// By position: where those begin that it is compared with, and where the last one's end.
    starts: Vec<usize>,
    others: Vec<u32>,
}

impl Candidates {
    /// These pairs of so many records; some may be there several times.
    pub fn of(pairs: &[Vec<Pair>], records: usize) -> Self {
        let mut ends = vec![0; records + 1];
        pairs.iter().flatten().for_each(|pair| ends[pair.0 as usize + 1] += 1);
        (0..records).for_each(|at| ends[at + 1] += ends[at]);
        let (mut others, mut next) = (vec![0; ends[records]], ends.clone());
        for pair in pairs.iter().flatten() {
            let next = &mut next[pair.0 as usize];
            others[*next] = pair.1;
            *next += 1;
        }
        let mut starts = Vec::with_capacity(records + 1);
        let mut kept = 0;
        for at in 0..records {
            starts.push(kept);
            let of = ends[at]..ends[at + 1];
            others[of.clone()].sort_unstable();
            let mut last = None;
            for place in of {
                if last != Some(others[place]) {
                    last = Some(others[place]);
                    others[kept] = others[place];
                    kept += 1;
                }
            }
        }
        starts.push(kept);
        others.truncate(kept);
        Self { starts, others }
    }

    /// The pairs whose first one is at these positions.
    pub fn pairs(&self, firsts: Range<u32>) -> impl Iterator<Item = Pair> {
        firsts.flat_map(|at| self.others[self.starts[at as usize]..self.starts[at as usize + 1]].iter().map(move |&other| (at, other)))
    }
}

/// Source customers that are compared, by position.
pub struct Comparison<'a> {
    texts: &'a TextsOfValues,
    compared: Vec<Compared>,
    details: Vec<Details>,
}

/// The place of a name among the two; None for another field.
fn place_of_name(field: Field) -> Option<usize> {
    (field as usize).checked_sub(Field::FirstName as usize).filter(|place| *place < 2)
}

impl<'a> Comparison<'a> {
    /// Of these records, with texts of their values.
    pub fn of(records: &[Record], texts: &'a TextsOfValues) -> Self {
        let prepare = |record: &Record| {
            let text = |field: Field| texts.get(&record.values[field as usize]).map_or("", |text| text);
            let names = [Field::FirstName, Field::LastName].map(text);
            let values = std::array::from_fn(|field| record.values[field]);
            let (email, area) = (compare::email_outline(text(Field::Email)), compare::beginning(text(Field::Postcode)));
            (Compared { values, outlines: names.map(compare::outline) }, Details { names: names.map(compare::spelled), email, area })
        };
        let (compared, details) = records.par_iter().map(prepare).unzip();
        Self { texts, compared, details }
    }

    /// How many they are.
    pub fn count(&self) -> usize {
        self.compared.len()
    }

    /// What stands for the value of a field that has levels; None where it is unknown.
    pub fn value(&self, field: Field, at: u32) -> Option<u64> {
        Some(self.compared[at as usize].values[field as usize]).filter(|value| *value != 0)
    }

    fn text(&self, field: Field, at: u32) -> &'a str {
        self.texts.get(&self.compared[at as usize].values[field as usize]).map_or("", |text| text)
    }

    /// The first three letters of a name.
    pub fn beginning(&self, name: Field, at: u32) -> u64 {
        let spelled = place_of_name(name).map_or(0, |place| self.details[at as usize].names[place]);
        if spelled == 0 { compare::beginning(self.text(name, at)) } else { compare::spelled_beginning(spelled) }
    }

    /// The level of a field of two records; None where one side is unknown.
    pub fn level(&self, field: Field, (a, b): Pair) -> Option<u8> {
        let (one, other) = (self.value(field, a)?, self.value(field, b)?);
        if one == other {
            return Some(EQUAL[field as usize]);
        }
        let details = || (&self.details[a as usize], &self.details[b as usize]);
        Some(match field {
            Field::FirstName | Field::LastName => self.name_level(field, (a, b)),
            Field::Email if compare::may_be_close(details().0.email, details().1.email) => compare::email_level(self.text(field, a), self.text(field, b)),
            Field::Phone => compare::number_level(one, other),
            Field::BirthDate => compare::date_level(one, other),
            Field::Postcode => u8::from(details().0.area == details().1.area),
            _ => 0,
        })
    }

    /// The level of two names that are not equal.
    fn name_level(&self, field: Field, (a, b): Pair) -> u8 {
        let place = place_of_name(field).unwrap_or_default();
        let outline = |at: u32| self.compared[at as usize].outlines[place];
        if !compare::may_relate(outline(a), outline(b)) {
            return 0;
        }
        // Of two orders of a pair one holds: what is alike is looked for from the first one on.
        let value = |at: u32| self.compared[at as usize].values[field as usize];
        let (a, b) = if value(a) < value(b) { (a, b) } else { (b, a) };
        let spelled = |at: u32| self.details[at as usize].names[place];
        match (spelled(a), spelled(b)) {
            (0, _) | (_, 0) => compare::name_level(self.text(field, a), self.text(field, b)),
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
        (!pattern.conflicts()).then_some(pattern)
    }

    /// The levels of a pair whose dates say this. First and last name that stand in each other's place are close.
    fn named(&self, mut pattern: Pattern, pair: Pair) -> Option<Pattern> {
        self.compare(&mut pattern, [Field::FirstName, Field::LastName], pair);
        let names = |at: u32| self.value(Field::FirstName, at).zip(self.value(Field::LastName, at));
        if let (Some(one), Some(other)) = (names(pair.0), names(pair.1))
            && one.0 != one.1
            && (one.0, one.1) == (other.1, other.0)
        {
            pattern.0[Field::FirstName as usize] = 3;
            pattern.0[Field::LastName as usize] = 3;
        }
        // Of the others most end here; what is left is worth a look at the rest.
        if pattern.conflicts() {
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
    pub fn patterns(&self, candidates: &Candidates) -> Vec<(Pair, Pattern)> {
        let count = self.count() as u32;
        let compare = |first: u32| {
            let mut pairs = candidates.pairs(first..count.min(first + RECORDS));
            let (mut some, mut near, mut compared): (Vec<Pair>, Vec<(Pair, Pattern)>, Vec<_>) = Default::default();
            loop {
                some.clear();
                some.extend(pairs.by_ref().take(AT_ONCE));
                if some.is_empty() {
                    return compared;
                }
                std::hint::black_box(some.iter().fold(0, |all, pair| all ^ self.compared[pair.1 as usize].values[0]));
                near.clear();
                near.extend(some.iter().filter_map(|&pair| Some((pair, self.dated(pair)?))));
                std::hint::black_box(near.iter().fold(0, |all, (pair, _)| all ^ self.details[pair.1 as usize].email));
                compared.extend(near.iter().filter_map(|&(pair, pattern)| Some((pair, self.named(pattern, pair)?))));
            }
        };
        let firsts: Vec<u32> = (0..count).step_by(RECORDS as usize).collect();
        firsts.into_par_iter().map(compare).collect::<Vec<_>>().concat()
    }
}

#[cfg(test)]
mod tests {
    use super::super::records::tests::pattern;
    use super::*;

    /// Records of these values, in their order, and who they are compared with.
    fn records<const N: usize>(values: [[u64; 9]; N]) -> [Record; N] {
        values.map(|values| Record { number: 0, order: 0, values })
    }

    /// Of fields whose texts are compared, and of the key of households, of which an id is made.
    #[test]
    fn texts_are_kept_that_are_looked_at_again() {
        let (none, texts) = (TextsOfValues::default(), [(11, "90210@x.de".into()), (12, "80210@x.de".into())].into_iter().collect());
        for field in Field::ALL {
            let of = |value: u64| std::array::from_fn(|place| if place == field as usize { value } else { 0 });
            let two = records([of(11), of(12)]);
            let [without, with] = [&none, &texts].map(|texts| if (field as usize) < FIELDS { Comparison::of(&two, texts).level(field, (0, 1)) } else { None });
            assert_eq!(field.needs_text(), without != with || field == Field::HouseholdKey, "{field:?}: {without:?} {with:?}");
        }
    }

    /// Other birth dates tell two people apart, but not where an address is the same: someone mistyped one. The last pair has names in each other's place.
    #[test]
    fn birth_dates_are_compared_before_names() {
        let texts: TextsOfValues = [(3, "ann".into()), (4, "lee".into()), (7, "a@b.de".into())].into_iter().collect();
        let of = |email: u64, names: (u64, u64), birth: u64| [email, 0, names.0, names.1, birth, 0, 0, 0, 0];
        let (names, swapped) = ((3, 4), (4, 3));
        let all = records([
            of(0, names, 19_800_102),
            of(0, names, 19_911_225),
            of(7, names, 19_800_102),
            of(7, names, 19_911_225),
            of(0, names, 19_800_201),
            of(0, swapped, 19_800_102),
        ]);
        let comparison = Comparison::of(&all, &texts);
        let some = |levels: [Option<u8>; 6]| Some(pattern(levels));
        let pairs = [(0, 1), (2, 3), (0, 4), (0, 5)];
        let expected = [
            None,
            some([Some(2), None, Some(3), Some(3), Some(0), None]),
            some([None, None, Some(3), Some(3), Some(1), None]),
            some([None, None, Some(2), Some(2), Some(2), None]),
        ];
        assert_eq!(pairs.map(|pair| comparison.pattern(pair)), expected);
        let told: Vec<(Pair, Pattern)> = pairs.into_iter().zip(expected).filter_map(|(pair, pattern)| Some((pair, pattern?))).collect();
        let candidates = Candidates::of(&[vec![(2, 3), (0, 4)], vec![], vec![(0, 5), (0, 1), (0, 5), (2, 3)]], all.len());
        assert_eq!(candidates.pairs(0..6).collect::<Vec<_>>(), [(0, 1), (0, 4), (0, 5), (2, 3)]);
        let mut found = comparison.patterns(&candidates);
        found.sort_unstable_by_key(|(pair, _)| pairs.iter().position(|other| other == pair));
        assert_eq!(found, told);
    }

    /// Names that cannot be spelled are looked up, and begin as others do.
    #[test]
    fn names_that_are_not_spelled_are_compared_as_texts() {
        let texts: TextsOfValues =
            [(3, "marthamarthamartha".into()), (4, "marhtamarthamartha".into()), (5, "mar".into()), (6, "zoë".into())].into_iter().collect();
        let all = records([3, 4, 5, 6].map(|first| [0, 0, first, 0, 0, 0, 0, 0, 0]));
        let comparison = Comparison::of(&all, &texts);
        assert_eq!([(0, 1), (1, 0), (0, 3)].map(|pair| comparison.level(Field::FirstName, pair)), [Some(2), Some(2), Some(0)]);
        let beginnings = [0, 1, 2, 3].map(|at| comparison.beginning(Field::FirstName, at));
        assert!(beginnings[0] == beginnings[1] && beginnings[1] == beginnings[2] && beginnings[2] != beginnings[3]);
    }
}
