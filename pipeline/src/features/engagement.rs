//! What was sent to a customer, and what came of it.

use super::events::EventKind;
use super::item::{Item, Known, Scope};
use super::seen::Seen;

const SENT: &[&str] = &["contacts.sent_at", "contacts.arm"];
const REACTED: &[&str] = &["contacts.sent_at", "contacts.arm", "responses.at", "responses.kind"];

/// Of all history.
pub(super) const ITEMS: Known<Contacted> = Known {
    items: &[
        Item::<Contacted>::int(
            "contact_days",
            "days",
            |contacted| contacted.contact_days,
            "days since the last contact that was sent (its arm is not control)",
        )
        .unknown("without one")
        .from(SENT),
        Item::<Contacted>::int("response_days", "days", |contacted| contacted.response_days, "days since the last open, click or other reaction")
            .unknown("without one")
            .from(&["responses.at"]),
        Item::<Contacted>::int(
            "unanswered_contact_count",
            "contacts",
            |contacted| Some(contacted.unanswered),
            "contacts that were sent on days after the last reaction, or all of them without one: fatigue",
        )
        .from(REACTED),
    ],
    measure: |seen, _: &Scope, measured| measured.push(Contacted::of(seen)),
    of_orders: false,
};

const NO_OPENS: &str = "before the lake knows of any open of anyone";
const NO_CLICKS: &str = "before the lake knows of any click of anyone";

/// Of windows.
pub(super) const WINDOWED: Known<Reactions> = Known {
    items: &[
        Item::<Reactions>::int("contact_count", "contacts", |reactions| Some(reactions.contacts), "contacts that were sent (their arm is not control)")
            .from(SENT),
        Item::<Reactions>::int("open_count", "opens", |reactions| reactions.opens, "opens").unknown(NO_OPENS).from(REACTED),
        Item::<Reactions>::int("click_count", "clicks", |reactions| reactions.clicks, "clicks").unknown(NO_CLICKS).from(REACTED),
        Item::<Reactions>::float(
            "open_rate",
            "opens a contact",
            |reactions| reactions.rate(reactions.opens),
            "opens over contacts, of whatever age the contact is that was opened",
        )
        .unknown("without a contact, or as open_count")
        .from(REACTED),
        Item::<Reactions>::float(
            "click_rate",
            "clicks a contact",
            |reactions| reactions.rate(reactions.clicks),
            "clicks over contacts, of whatever age the contact is that was clicked",
        )
        .unknown("without a contact, or as click_count")
        .from(REACTED),
    ],
    measure: reactions,
    of_orders: false,
};

/// The last contact and reaction.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Contacted {
    contact_days: Option<i64>,
    response_days: Option<i64>,
    unanswered: i64,
}

fn is_reaction(kind: EventKind) -> bool {
    matches!(kind, EventKind::Open | EventKind::Click | EventKind::Response)
}

impl Contacted {
    fn of(seen: &Seen<'_>) -> Self {
        let newest = |of: fn(EventKind) -> bool| seen.events().filter(|(_, event)| of(event.kind)).map(|(age, _)| age).min();
        let contact = |kind: EventKind| kind == EventKind::Contact;
        let response_days = newest(is_reaction);
        let unanswered = seen.events().filter(|(age, event)| contact(event.kind) && response_days.is_none_or(|days| *age < days)).count() as i64;
        Self { contact_days: newest(contact), response_days, unanswered }
    }
}

/// Contacts and reactions of a window.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reactions {
    contacts: i64,
    /// None before the lake knows of any open.
    opens: Option<i64>,
    /// None before the lake knows of any click.
    clicks: Option<i64>,
}

impl Reactions {
    fn rate(&self, reactions: Option<i64>) -> Option<f64> {
        let reactions = reactions.filter(|_| self.contacts > 0)?;
        Some(reactions as f64 / self.contacts as f64)
    }
}

fn reactions(seen: &Seen<'_>, scope: &Scope, measured: &mut Vec<Reactions>) {
    let none = |kind: EventKind| seen.knows(kind).then_some(0);
    let nothing = Reactions { contacts: 0, opens: none(EventKind::Open), clicks: none(EventKind::Click) };
    measured.resize(scope.windows_days.len(), nothing);
    for (age, event) in seen.events() {
        for reactions in scope.holding(age, measured) {
            match event.kind {
                EventKind::Contact => reactions.contacts += 1,
                EventKind::Open => reactions.opens = reactions.opens.map(|opens| opens + 1),
                EventKind::Click => reactions.clicks = reactions.clicks.map(|clicks| clicks + 1),
                _ => {}
            }
        }
    }
}
