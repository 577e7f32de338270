//! Source customers as linking sees them: what stands for the values of their fields, and the levels by which two of them agree.

use crate::key::fingerprint;

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

    /// What stands for a text in its one form: its fingerprint; of a date, YYYYMMDD, and of a phone number the number.
    pub fn value(self, text: &str) -> u64 {
        match self {
            Self::BirthDate | Self::Phone => text.parse().unwrap_or_default(),
            // Of names that stand in each other's place the values are the same.
            Self::LastName => Self::FirstName.value(text),
            _ => fingerprint(1 + self as u64, text.as_bytes()).max(1),
        }
    }

    /// Whether the texts of values are looked at again: to compare what is not equal, or since an id is made of them.
    pub fn needs_text(self) -> bool {
        !matches!(self, Self::BirthDate | Self::Phone | Self::CardId | Self::Address)
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
    /// By field: what stands for the value; 0 where it is unknown.
    pub values: [u64; VALUES],
}

impl Record {
    /// What stands for the value of a field; None where it is unknown.
    pub fn value(&self, field: Field) -> Option<u64> {
        Some(self.values[field as usize]).filter(|value| *value != 0)
    }
}

/// A pair of positions, the smaller one first.
pub type Pair = (u32, u32);

/// Levels by field, each plus one; 0 where one side is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(pub [u8; FIELDS]);

impl Pattern {
    /// The level of a field; None where one side is unknown.
    pub fn level(&self, field: Field) -> Option<u8> {
        self.0[field as usize].checked_sub(1)
    }

    /// Whether the two values of a field are equal.
    pub fn is_equal(&self, field: Field) -> bool {
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

#[cfg(test)]
pub(super) mod tests {
    use super::super::comparison::TextsOfValues;
    use super::*;

    /// A pattern of levels; None where one is unknown.
    pub fn pattern(levels: [Option<u8>; FIELDS]) -> Pattern {
        Pattern(levels.map(|level| level.map_or(0, |level| level + 1)))
    }

    /// A record of these values, whose texts are kept as they are when the table is read; an empty one is unknown.
    pub fn record<const N: usize>(texts: &mut TextsOfValues, of: [(Field, &str); N]) -> Record {
        let mut values = [0; VALUES];
        for (field, text) in of.into_iter().filter(|(_, text)| !text.is_empty()) {
            values[field as usize] = field.value(text);
            if field.needs_text() {
                texts.keep(field.value(text), text);
            }
        }
        Record { number: 0, order: 0, values }
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
}
