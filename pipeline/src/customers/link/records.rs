//! Source customers as linking sees them: fingerprints of their fields, and how alike two of them are.

use super::compare;
use crate::key::fingerprint;
use crate::lake::ByFingerprint;

/// What source customers are compared by, in the order of patterns; a card or street is only ever equal or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// E-mail address.
    Email,
    /// Phone number.
    Phone,
    /// First name.
    FirstName,
    /// Last name.
    LastName,
    /// Date of birth.
    BirthDate,
    /// Postcode.
    Postcode,
    /// Loyalty card.
    CardId,
    /// Street and house number.
    Address,
    /// What the source says that members of a household share: never of one person.
    HouseholdKey,
}

/// Fields that have levels: the first ones.
pub const FIELDS: usize = 6;
/// All fields.
pub const VALUES: usize = 9;

impl Field {
    /// All fields.
    pub const ALL: [Field; VALUES] =
        [Self::Email, Self::Phone, Self::FirstName, Self::LastName, Self::BirthDate, Self::Postcode, Self::CardId, Self::Address, Self::HouseholdKey];

    /// Its name: that of the column of the table `customers`.
    pub fn name(self) -> &'static str {
        ["email", "phone", "first_name", "last_name", "birth_date", "postcode", "card_id", "address", "household_key"][self as usize]
    }

    /// What stands for a text in its one form: its fingerprint; of a date, YYYYMMDD, the number.
    pub fn value(self, text: &str) -> u64 {
        match self {
            Self::BirthDate => text.parse().unwrap_or_default(),
            _ => fingerprint(1 + self as u64, text.as_bytes()).max(1),
        }
    }

    /// Whether the texts of values are looked at again: to compare what is not equal, or since an id is made of them.
    pub fn needs_text(self) -> bool {
        !matches!(self, Self::BirthDate | Self::CardId | Self::Address)
    }

    /// The field of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }
}

/// The level that means equal, by field.
pub const EQUAL: [u8; FIELDS] = [2, 2, 3, 3, 2, 2];

/// A source customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Its number.
    pub number: u32,
    /// What stands for the same order in every run: a hash of source and source_customer_id.
    pub order: u64,
    /// By field: the fingerprint of the value, of dates YYYYMMDD itself; 0 where it is unknown.
    pub values: [u64; VALUES],
}

/// What is compared of a record: a line of a processor's cache, since the second one of a pair lies anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(align(64))]
pub struct Compared {
    values: [u64; FIELDS],
    /// Outlines of first and last name.
    outlines: [u64; 2],
}

impl Compared {
    /// That of a record, whose texts are these.
    pub fn of(record: &Record, texts: &ByFingerprint<u64, Box<str>>) -> Self {
        let outline = |field: Field| texts.get(&record.values[field as usize]).map_or(0, |name| compare::outline(name));
        let values = std::array::from_fn(|field| record.values[field]);
        Self { values, outlines: [outline(Field::FirstName), outline(Field::LastName)] }
    }

    /// What stands for the value of a field that has levels; None where it is unknown.
    pub fn value(&self, field: Field) -> Option<u64> {
        Some(self.values[field as usize]).filter(|value| *value != 0)
    }

    /// The outline of a name; of another field nothing.
    pub fn outline(&self, field: Field) -> u64 {
        (field as usize).checked_sub(Field::FirstName as usize).and_then(|place| self.outlines.get(place)).copied().unwrap_or_default()
    }
}

impl Record {
    /// The fingerprint of a field; None where it is unknown.
    pub fn value(&self, field: Field) -> Option<u64> {
        Some(self.values[field as usize]).filter(|value| *value != 0)
    }
}

/// Levels by field, each plus one; 0 where one side is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(pub [u8; FIELDS]);

impl Pattern {
    /// The level of a field; None where one side is unknown.
    pub fn level(&self, field: Field) -> Option<u8> {
        self.0[field as usize].checked_sub(1)
    }

    fn is_equal(&self, field: Field) -> bool {
        self.level(field) == Some(EQUAL[field as usize])
    }

    /// Whether two source customers are two people whatever else agrees: members of a household share address, phone, e-mail and last
    /// name, which chance does not explain. Other first names need an equal birth date, and twins an own address; other birth dates need one
    /// too.
    pub fn conflicts(&self) -> bool {
        let reached_alike = self.is_equal(Field::Email) || self.is_equal(Field::Phone);
        let other_name = self.level(Field::FirstName) == Some(0);
        other_name && !(self.is_equal(Field::BirthDate) && reached_alike) || self.level(Field::BirthDate) == Some(0) && !reached_alike
    }
}

/// Compares records; it remembers how alike two names are.
pub struct Comparison<'a> {
    /// Texts by fingerprint: e-mail addresses, phone digits, names, postcodes.
    texts: &'a ByFingerprint<u64, Box<str>>,
    names: ByFingerprint<u128, u8>,
}

impl<'a> Comparison<'a> {
    /// Compares values whose texts are these.
    pub fn new(texts: &'a ByFingerprint<u64, Box<str>>) -> Self {
        Self { texts, names: ByFingerprint::default() }
    }

    /// The level of two known values of a field.
    pub fn level(&mut self, field: Field, a: u64, b: u64) -> u8 {
        if a == b {
            return EQUAL[field as usize];
        }
        let text = |value: u64| self.texts.get(&value).map_or("", |text| text);
        match field {
            Field::FirstName | Field::LastName => {
                let key = u128::from(a.min(b)) << 64 | u128::from(a.max(b));
                *self.names.entry(key).or_insert_with(|| compare::name_level(text(a.min(b)), text(a.max(b))))
            }
            Field::Email => compare::email_level(text(a), text(b)),
            Field::Phone => compare::digits_level(text(a), text(b)),
            Field::BirthDate => compare::date_level(a, b),
            Field::Postcode => compare::postcode_level(text(a), text(b)),
            Field::CardId | Field::Address | Field::HouseholdKey => 0,
        }
    }

    /// The level of two known values of a field with the outlines of their records: most names need no look at their texts.
    pub fn outlined(&mut self, field: Field, a: (u64, u64), b: (u64, u64)) -> u8 {
        let is_name = matches!(field, Field::FirstName | Field::LastName);
        if is_name && a.0 != b.0 && !compare::may_relate(a.1, b.1) { 0 } else { self.level(field, a.0, b.0) }
    }

    /// The levels of two records; None for two who are two people for certain. First and last name that stand in each other's place are close.
    pub fn pattern(&mut self, a: &Compared, b: &Compared) -> Option<Pattern> {
        let mut pattern = Pattern([0; FIELDS]);
        for field in [Field::Email, Field::Phone] {
            if a.value(field).is_some() && a.value(field) == b.value(field) {
                pattern.0[field as usize] = 1 + EQUAL[field as usize];
            }
        }
        self.compare(&mut pattern, [Field::BirthDate], a, b);
        // Most of those who share a name end here, before their names are looked up.
        if pattern.conflicts() {
            return None;
        }
        self.compare(&mut pattern, [Field::FirstName, Field::LastName], a, b);
        let names = |record: &Compared| record.value(Field::FirstName).zip(record.value(Field::LastName));
        if let (Some(one), Some(other)) = (names(a), names(b))
            && one.0 != one.1
            && (one.0, one.1) == (other.1, other.0)
        {
            pattern.0[Field::FirstName as usize] = 3;
            pattern.0[Field::LastName as usize] = 3;
        }
        // Of the others most end here; what is left is worth a look at their texts.
        if pattern.conflicts() {
            return None;
        }
        self.compare(&mut pattern, [Field::Email, Field::Phone, Field::Postcode], a, b);
        Some(pattern)
    }

    fn compare<const N: usize>(&mut self, pattern: &mut Pattern, fields: [Field; N], a: &Compared, b: &Compared) {
        for field in fields {
            if let (Some(one), Some(other)) = (a.value(field), b.value(field)) {
                pattern.0[field as usize] = 1 + self.outlined(field, (one, a.outline(field)), (other, b.outline(field)));
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A pattern of levels; None where one is unknown.
    pub fn pattern(levels: [Option<u8>; FIELDS]) -> Pattern {
        Pattern(levels.map(|level| level.map_or(0, |level| level + 1)))
    }

    #[test]
    fn households_and_twins_are_not_one_person() {
        let unknown = None;
        let some = Some;
        // e-mail, phone, first and last name, birth date, postcode.
        assert!(pattern([some(2), some(2), some(0), some(3), unknown, some(2)]).conflicts());
        assert!(pattern([unknown, unknown, some(0), some(3), some(2), some(2)]).conflicts());
        assert!(pattern([some(0), unknown, some(3), some(3), some(0), some(2)]).conflicts());
        assert!(!pattern([some(2), unknown, some(0), some(0), some(2), some(2)]).conflicts());
        assert!(!pattern([unknown, some(2), some(3), some(3), some(0), some(2)]).conflicts());
        assert!(pattern([some(2), some(2), some(0), some(3), some(1), some(2)]).conflicts());
    }

    /// Of fields whose texts are compared, and of the key of households, of which an id is made.
    #[test]
    fn texts_are_kept_that_are_looked_at_again() {
        let (none, texts) = (ByFingerprint::default(), [(11, "90210@x.de".into()), (12, "90211@x.de".into())].into_iter().collect());
        for field in Field::ALL {
            let [without, with] = [&none, &texts].map(|texts| Comparison::new(texts).level(field, 11, 12));
            assert_eq!(field.needs_text(), without != with || field == Field::HouseholdKey, "{field:?}: {without} {with}");
        }
    }

    /// Other birth dates tell two people apart, but not where an address is the same: someone mistyped one.
    #[test]
    fn birth_dates_are_compared_before_names() {
        let texts: ByFingerprint<u64, Box<str>> = [(3, "ann".into()), (4, "lee".into())].into_iter().collect();
        let record = |email: u64, birth: u64| Record { number: 0, order: 0, values: [email, 0, 3, 4, birth, 0, 0, 0, 0] };
        let compared = |email: u64, birth: u64| Compared::of(&record(email, birth), &texts);
        let mut comparison = Comparison::new(&texts);
        let mut levels = |a: (u64, u64), b: (u64, u64)| comparison.pattern(&compared(a.0, a.1), &compared(b.0, b.1));
        assert_eq!(levels((0, 19_800_102), (0, 19_911_225)), None);
        assert_eq!(levels((7, 19_800_102), (7, 19_911_225)), Some(pattern([Some(2), None, Some(3), Some(3), Some(0), None])));
        assert_eq!(levels((0, 19_800_102), (0, 19_800_201)), Some(pattern([None, None, Some(3), Some(3), Some(1), None])));
    }
}
