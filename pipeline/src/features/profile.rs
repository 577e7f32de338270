//! Who a customer is: only what the YAML names.

use super::item::{Item, Known, Scope, Words};
use super::seen::Seen;
use super::world::Person;

/// As of the date.
pub(super) const ITEMS: Known<Profile> = Known {
    items: &[
        Item::<Profile>::int("registered_days", "days", |profile| profile.registered_days, "days since the first registration")
            .unknown("without one")
            .from(&["customers.registered_at"]),
        Item::<Profile>::int(
            "age_years",
            "years",
            |profile| profile.age_years,
            "full years since the date of birth, of the source customer seen first that has one which is possible (not after as_of, of at most 120 years) and not blocked",
        )
        .unknown("without one")
        .from(&["customers.birth_date"]),
        Item::<Profile>::text("gender", Words::Genders, |profile| profile.gender, "gender, as the source says: of the source customer seen first that has one")
            .unknown("without one")
            .from(&["customers.gender"]),
    ],
    measure: |seen, _: &Scope, measured| measured.push(Profile::of(seen)),
    of_orders: false,
};

/// What is known of a person at a date.
#[derive(Debug, Clone, Copy)]
pub(super) struct Profile {
    registered_days: Option<i64>,
    age_years: Option<i64>,
    gender: Option<u32>,
}

impl Profile {
    fn of(seen: &Seen<'_>) -> Self {
        let date = seen.facts.date;
        let nobody = Person::default();
        let person = if seen.about.person.known_from.is_none_or(|from| from <= date) { seen.about.person } else { &nobody };
        let registered_days = person.registered.filter(|day| *day <= date).map(|day| date.since(day));
        let age_years = person.birth.filter(|birth| *birth <= date).map(|birth| birth.years_to(date));
        Self { registered_days, age_years, gender: Some(person.gender).filter(|gender| *gender > 0) }
    }
}
