//! What happened to a customer beside orders: sends, reactions, service cases.

use crate::error::{Error, Result};
use crate::lake::{ByEntry, Counts, Cut, OpenTable, Rows, SourceKeys};
use crate::table::plain_word;
use crate::time::Day;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum EventKind {
    /// Something was sent to the customer.
    Contact,
    /// It was opened.
    Open,
    /// Something in it was clicked.
    Click,
    /// Another reaction: an order, say.
    Response,
    /// The customer complained.
    Complaint,
    /// The customer turned to service for something else.
    Case,
}

impl EventKind {
    /// All of them.
    pub const ALL: [EventKind; 6] = [Self::Contact, Self::Open, Self::Click, Self::Response, Self::Complaint, Self::Case];

    fn of_response(word: &str) -> Self {
        match plain_word(word).as_ref() {
            "open" => Self::Open,
            "click" => Self::Click,
            _ => Self::Response,
        }
    }

    fn of_case(word: &str) -> Self {
        if plain_word(word) == "complaint" { Self::Complaint } else { Self::Case }
    }
}

/// Something that happened to a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// When.
    pub day: Day,
    /// The day from which it is known.
    pub visible_from: Day,
    /// What.
    pub kind: EventKind,
    /// The day on which a case was closed; None while it is open.
    pub closed: Option<Day>,
    /// How content the customer was, in thousandths of the lake's scale.
    pub milli_rating: Option<i32>,
}

/// Bytes of an event as it waits for its shard.
const BYTES: usize = 17;

impl Event {
    /// The event as bytes.
    pub fn encode(&self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        let numbers = [(0, self.day.0), (4, self.visible_from.0), (9, self.closed.map_or(i32::MIN, |day| day.0)), (13, self.milli_rating.unwrap_or(i32::MIN))];
        numbers.into_iter().for_each(|(at, number)| bytes[at..at + 4].copy_from_slice(&number.to_le_bytes()));
        bytes[8] = self.kind as u8;
        bytes
    }

    /// The event at the start of bytes that `encode` made, and what follows it.
    pub fn decode(bytes: &[u8]) -> (Self, &[u8]) {
        let (event, rest) = bytes.split_at(BYTES);
        let number = |at: usize| i32::from_le_bytes(event[at..at + 4].try_into().expect("four bytes"));
        let known = |number: i32| Some(number).filter(|number| *number != i32::MIN);
        let kind = EventKind::ALL[usize::from(event[8])];
        (Self { day: Day(number(0)), visible_from: Day(number(4)), kind, closed: known(number(9)).map(Day), milli_rating: known(number(13)) }, rest)
    }
}

/// Where events go: the number of the source customer, and what happened; it says whether that is somebody's.
pub type Sink<'a> = &'a (dyn Fn(u32, Event) -> Result<bool> + Sync);

/// Tables of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventTable {
    /// `contacts`: the sends of the treatment arm.
    Contacts,
    /// `responses`.
    Responses,
    /// `service_cases`.
    ServiceCases,
}

impl EventTable {
    /// All of them.
    pub const ALL: [EventTable; 3] = [Self::Contacts, Self::Responses, Self::ServiceCases];

    /// The table's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Contacts => "contacts",
            Self::Responses => "responses",
            Self::ServiceCases => "service_cases",
        }
    }

    fn kind(self, kinds: &mut ByEntry<EventKind>, rows: &Rows<'_>, row: usize) -> EventKind {
        let known = |kinds: &mut ByEntry<EventKind>, make: fn(&str) -> EventKind| rows.column("kind").and_then(|column| kinds.get(column, row, make));
        match self {
            Self::Contacts => EventKind::Contact,
            Self::Responses => known(kinds, EventKind::of_response).unwrap_or(EventKind::Response),
            Self::ServiceCases => known(kinds, EventKind::of_case).unwrap_or(EventKind::Case),
        }
    }
}

/// Reads a table of events into `sink`. Those of source customers that neither customers nor lines know concern nobody.
///
/// # Errors
/// Those of the lake and of `sink`.
pub fn read_events(table: &OpenTable, cut: &Cut, which: EventTable, keys: &SourceKeys, sink: Sink<'_>) -> Result<Counts> {
    let zone = &cut.zone;
    let add = |(kinds, of_nobody): &mut (ByEntry<EventKind>, u64), rows: &Rows<'_>| {
        let arm = rows.texts("arm");
        let is_control = |row: usize| match arm(row).map(plain_word).as_deref() {
            None | Some("treatment") => Ok(false),
            Some("control") => Ok(true),
            Some(_) => Err(Error::input("column arm: expected treatment or control, got another word")),
        };
        for (&row, number) in rows.kept.iter().zip(keys.find(&rows.source_customers())) {
            // Who was kept out of a campaign was not written to.
            if which == EventTable::Contacts && is_control(row)? {
                continue;
            }
            let Some(number) = number else {
                *of_nobody += 1;
                continue;
            };
            let day = rows.days.at(row).ok_or_else(|| Error::bug(format!("{} are dated", which.name())))?;
            let closed = rows.column("closed_at").and_then(|column| column.int(row)).map(|at| zone.day(at));
            let rating = rows.column("rating").and_then(|column| column.float(row)).map(|rating| (rating * 1000.0).round());
            let event = Event {
                day,
                visible_from: rows.recorded.at(row).unwrap_or(day).max(day),
                kind: which.kind(kinds, rows, row),
                closed,
                milli_rating: rating.filter(|rating| rating.abs() < 1e9).map(|rating| rating as i32),
            };
            *of_nobody += u64::from(!sink(number, event)?);
        }
        Ok(())
    };
    let ((_, of_nobody), counts) = table.scan(cut, add, |whole: &mut (ByEntry<EventKind>, u64), part| {
        whole.1 += part.1;
        Ok(())
    })?;
    Ok(Counts { of_nobody, ..counts })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_back() {
        let open = Event { day: Day(-3), visible_from: Day(20_000), kind: EventKind::Complaint, closed: None, milli_rating: Some(-4500) };
        let closed = Event { closed: Some(Day(0)), milli_rating: None, kind: EventKind::Open, ..open };
        let mut bytes = Vec::new();
        bytes.extend(open.encode());
        bytes.extend(closed.encode());
        let (first, rest) = Event::decode(&bytes);
        let (second, rest) = Event::decode(rest);
        assert_eq!((first, second, rest.len()), (open, closed, 0));
    }
}
