//! Source customers as the lake knows them.

use serde::Serialize;

use super::link::{self, Field, TextsOfValues};
use crate::columnar::Column;
use crate::error::{Error, Result};
use crate::key::fingerprint;
use crate::lake::{ByEntry, ByFingerprint, Counts, Cut, LineNames, Names, OpenTable, Rows};
use crate::table::plain_word;
use crate::time::Day;

/// The words of `account_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountType {
    /// Someone.
    Person,
    /// A business.
    Business,
    /// Someone who works for the shop.
    Staff,
    /// A card that cashiers swipe for whoever has none.
    HouseCard,
    /// Nobody.
    Test,
}

impl AccountType {
    /// All of them.
    pub const ALL: [AccountType; 5] = [Self::Person, Self::Business, Self::Staff, Self::HouseCard, Self::Test];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Business => "business",
            Self::Staff => "staff",
            Self::HouseCard => "house_card",
            Self::Test => "test",
        }
    }

    /// The one of this word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|account| account.word() == word)
    }

    /// The words, for people.
    pub fn words() -> String {
        Self::ALL.map(Self::word).join(", ")
    }
}

/// A customer of one source.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceCustomer {
    /// When the row reached the lake, UTC microseconds: of several, the newest holds.
    pub recorded_at: Option<i64>,
    /// When the customer registered, UTC microseconds.
    pub registered_at: Option<i64>,
    /// The day of it.
    pub registered: Option<Day>,
    /// Kind of account.
    pub account_type: Option<AccountType>,
    /// By field of linking: what stands for the value in its one form; 0 where it is unknown or identifies nobody.
    pub values: [u64; link::VALUES],
    /// Store that the customer calls home.
    pub home_store: Option<Named>,
    /// Gender, in the source's word.
    pub gender: Option<Named>,
    /// The day on which the first row about the customer reached the lake, where rows say so.
    pub known_from: Option<Day>,
    /// Whether the customer died.
    pub deceased: bool,
    /// The day on which the customer moved out of reach.
    pub moved_out: Option<Day>,
}

/// A name, in an order that does not depend on its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    fingerprint: u64,
    /// Its number.
    pub number: u32,
}

impl Named {
    fn of(name: &str, names: &Names) -> Self {
        Self { fingerprint: fingerprint(0, name.as_bytes()), number: names.number(name) }
    }
}

/// Source customers of the table `customers`, by number.
#[derive(Debug, Default)]
pub struct SourceCustomers {
    rows: Vec<Option<Box<SourceCustomer>>>,
    /// The texts of the values of fields that need them.
    pub texts: TextsOfValues,
}

/// Of so many source customers the rows are fetched together.
pub const AT_ONCE: usize = 256;

impl SourceCustomers {
    /// The date of birth of a row, if it is one that identifies people.
    pub fn birth(&self, row: &SourceCustomer) -> Option<Day> {
        Day::of_number(row.values[Field::BirthDate as usize])
    }

    /// The one of this number.
    pub fn get(&self, number: u32) -> Option<&SourceCustomer> {
        self.rows.get(number as usize).and_then(Option::as_deref)
    }

    /// Asks the memory for the rows of these numbers at once: its delays overlap.
    pub fn fetch(&self, numbers: impl Iterator<Item = u32>) {
        std::hint::black_box(numbers.fold(0, |all, number| all ^ self.get(number).map_or(0, |row| row.values[0])));
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.rows.iter().flatten().count()
    }

    /// A number above all of theirs.
    pub fn end(&self) -> usize {
        self.rows.len()
    }

    /// Of several rows of a source customer the newest holds; the customer is known from the oldest.
    pub fn keep_newest(&mut self, number: u32, row: SourceCustomer) {
        let index = number as usize;
        if self.rows.len() <= index {
            self.rows.resize(index + 1, None);
        }
        let Some(known) = &mut self.rows[index] else {
            self.rows[index] = Some(Box::new(row));
            return;
        };
        let known_from = known.known_from.min(row.known_from);
        if row > **known {
            **known = row;
        }
        known.known_from = known_from;
    }
}

/// Reads the table `customers`; of several rows of a key the newest holds.
///
/// # Errors
/// Those of the lake.
pub fn read_customers(table: &OpenTable, cut: &Cut, names: &LineNames, params: &link::Params) -> Result<(SourceCustomers, Counts)> {
    let (read, counts) = table.scan(
        cut,
        |gathered: &mut Gathered, rows| gathered.add(rows, names, &Forms { params, as_of: cut.as_of }),
        |whole, part| {
            part.rows.into_iter().for_each(|(number, row)| whole.whole.keep_newest(number, row));
            whole.whole.texts.extend(&part.whole.texts);
            whole.of_nobody += part.of_nobody;
            Ok(())
        },
    )?;
    Ok((read.whole, Counts { of_nobody: read.of_nobody, ..counts }))
}

/// The longest life: the day of birth of who is older was mistyped.
const LIFE_YEARS: i64 = 120;

/// How values come to their one form.
struct Forms<'a> {
    params: &'a link::Params,
    as_of: Day,
}

impl Forms<'_> {
    /// What stands for a day of birth; 0 for one that identifies nobody.
    fn birth(&self, day: Day) -> u64 {
        let number = day.number().filter(|_| day <= self.as_of && day.years_to(self.as_of) <= LIFE_YEARS);
        number.and_then(|number| self.params.form(Field::BirthDate, &number.to_string())).map_or(0, |text| Field::BirthDate.value(&text))
    }

    /// What stands for a text, which is kept if it is needed again; 0 for one that identifies nobody.
    fn value(&self, field: Field, text: &str, texts: &mut TextsOfValues) -> u64 {
        let Some(text) = self.params.form(field, text) else { return 0 };
        let value = field.value(&text);
        if field.needs_text() {
            texts.keep(value, &text);
        }
        value
    }
}

/// The rows of a file; and of all files.
#[derive(Default)]
struct Gathered {
    rows: Vec<(u32, SourceCustomer)>,
    whole: SourceCustomers,
    /// By field: what stands for the texts of the file.
    values: [ByEntry<u64>; link::VALUES],
    /// What stands for days of birth.
    births: ByFingerprint<i32, u64>,
    /// Rows of ids that are nobody's.
    of_nobody: u64,
}

impl Gathered {
    /// What stands for the fields of a row: found once for a text of a dictionary, and for a day.
    fn values_of(&mut self, fields: &[Option<&Column>; link::VALUES], row: usize, forms: &Forms<'_>) -> [u64; link::VALUES] {
        std::array::from_fn(|place| {
            let field = Field::ALL[place];
            let value = match (field, fields[place]) {
                (_, None) => None,
                (Field::BirthDate, Some(column)) => column.int(row).map(|day| *self.births.entry(day as i32).or_insert_with(|| forms.birth(Day(day as i32)))),
                (field, Some(column)) => self.values[place].get(column, row, |text| forms.value(field, text, &mut self.whole.texts)),
            };
            value.unwrap_or_default()
        })
    }

    fn add(&mut self, rows: &Rows<'_>, names: &LineNames, forms: &Forms<'_>) -> Result<()> {
        let int_of = |name: &str| {
            let column = rows.column(name);
            move |row: usize| column.and_then(|column| column.int(row))
        };
        let [account_type, home_store, gender] = ["account_type", "home_store_id", "gender"].map(|name| rows.texts(name));
        let [recorded_at, registered_at, deceased, moved_out] = ["recorded_at", "registered_at", "deceased", "moved_out_on"].map(int_of);
        let fields = Field::ALL.map(|field| rows.column(field.name()));
        let customers = rows.source_customers();
        if customers.iter().any(|customer| customer.0.contains('\u{1f}')) {
            return Err(Error::input("column source: expected no byte 0x1F, got one"));
        }
        for ((&row, key), (_, id)) in rows.kept.iter().zip(names.keys.keys_of(&customers)).zip(&customers) {
            let Some(key) = key else {
                if id.trim().is_empty() {
                    return Err(Error::input("column source_customer_id: expected an id, got an empty text"));
                }
                self.of_nobody += 1;
                continue;
            };
            let account_type = account_type(row).map(|word| {
                AccountType::of(&plain_word(word))
                    .ok_or_else(|| Error::input(format!("column account_type: expected one of {}, got another word", AccountType::words())))
            });
            let customer = SourceCustomer {
                recorded_at: recorded_at(row),
                registered_at: registered_at(row),
                registered: rows.days.at(row),
                account_type: account_type.transpose()?,
                values: self.values_of(&fields, row, forms),
                home_store: home_store(row).map(|name| Named::of(name, &names.stores)),
                known_from: rows.recorded.at(row),
                gender: gender(row).map(|name| Named::of(name, &names.genders)),
                deceased: deceased(row) == Some(1),
                moved_out: moved_out(row).map(|day| Day(day as i32)),
            };
            self.rows.push((key.number, customer));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand, as of 2026-06-30: who is 119, and 120; who would be 121, and who is not born yet. A day that is blocked is nobody's.
    #[test]
    fn a_life_has_120_years() {
        let (as_of, params) = (Day::parse("2026-06-30").expect("a day"), link::Params::default());
        let forms = Forms { params: &params, as_of };
        let births = ["1906-07-01", "1905-07-01", "1905-06-30", "2026-06-30", "2026-07-01"].map(|day| forms.birth(Day::parse(day).expect("a day")));
        assert_eq!(births, [19_060_701, 19_050_701, 0, 20_260_630, 0]);
    }

    /// Of rows of which none is newer one holds, whichever was read first: that with the larger number in the first thing in which they differ. Known is the
    /// customer from the oldest on.
    #[test]
    fn which_row_holds_does_not_depend_on_their_order() {
        let row = |recorded_at: Option<i64>, phone: u64, known_from: i32| {
            let mut values = [0; link::VALUES];
            values[Field::Phone as usize] = phone;
            SourceCustomer { recorded_at, values, known_from: Some(Day(known_from)), ..SourceCustomer::default() }
        };
        let phone_of = |rows: [&SourceCustomer; 2]| {
            let mut known = SourceCustomers::default();
            rows.into_iter().for_each(|row| known.keep_newest(3, row.clone()));
            assert_eq!((known.count(), known.end()), (1, 4));
            known.get(3).map(|row| (row.values[Field::Phone as usize], row.known_from))
        };
        let (low, high, newer) = (row(None, 13_105_550_110, 7), row(None, 13_105_550_199, 9), row(Some(5), 13_105_550_110, 8));
        assert_eq!([phone_of([&low, &high]), phone_of([&high, &low])], [Some((13_105_550_199, Some(Day(7)))); 2]);
        assert_eq!([phone_of([&high, &newer]), phone_of([&newer, &high])], [Some((13_105_550_110, Some(Day(8)))); 2]);
    }
}
