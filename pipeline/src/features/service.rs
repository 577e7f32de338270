//! Complaints and other service cases.

use super::events::EventKind;
use super::item::{Item, Known, Scope};
use super::seen::Seen;

const CASES: &[&str] = &["service_cases.at", "service_cases.kind"];

/// Of all history.
pub(super) const ITEMS: Known<Service> = Known {
    items: &[
        Item::<Service>::int("open_case_count", "cases", |service| Some(service.open), "service cases that are not closed")
            .from(&["service_cases.at", "service_cases.closed_at"]),
        Item::<Service>::int("case_days", "days", |service| service.case_days, "days since the last service case").unknown("without one").from(CASES),
        Item::<Service>::int("complaint_days", "days", |service| service.complaint_days, "days since the last complaint").unknown("without one").from(CASES),
    ],
    measure: |seen, _: &Scope, measured| measured.push(Service::of(seen)),
    of_orders: false,
};

/// Of windows.
pub(super) const WINDOWED: Known<Cases> = Known {
    items: &[
        Item::<Cases>::int("case_count", "cases", |cases| Some(cases.cases), "service cases").from(CASES),
        Item::<Cases>::int("complaint_count", "complaints", |cases| Some(cases.complaints), "complaints").from(CASES),
        Item::<Cases>::float(
            "rating_mean",
            "rating",
            |cases| (cases.ratings > 0).then(|| cases.milli_rating as f64 / 1000.0 / cases.ratings as f64),
            "mean rating",
        )
        .signed()
        .unknown("without one")
        .from(&["service_cases.at", "service_cases.rating"]),
    ],
    measure: cases,
    of_orders: false,
};

fn is_case(kind: EventKind) -> bool {
    matches!(kind, EventKind::Complaint | EventKind::Case)
}

/// Cases up to the date.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Service {
    open: i64,
    case_days: Option<i64>,
    complaint_days: Option<i64>,
}

impl Service {
    fn of(seen: &Seen<'_>) -> Self {
        let mut service = Self::default();
        for (age, event) in seen.events().filter(|(_, event)| is_case(event.kind)) {
            let newest = |days: Option<i64>| Some(days.map_or(age, |days| days.min(age)));
            service.case_days = newest(service.case_days);
            if event.kind == EventKind::Complaint {
                service.complaint_days = newest(service.complaint_days);
            }
            service.open += i64::from(event.closed.is_none_or(|closed| closed > seen.facts.date));
        }
        service
    }
}

/// Cases of a window.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cases {
    cases: i64,
    complaints: i64,
    ratings: i64,
    milli_rating: i64,
}

fn cases(seen: &Seen<'_>, scope: &Scope, measured: &mut Vec<Cases>) {
    measured.resize(scope.windows_days.len(), Cases::default());
    for (age, event) in seen.events().filter(|(_, event)| is_case(event.kind)) {
        for cases in scope.holding(age, measured) {
            cases.cases += 1;
            cases.complaints += i64::from(event.kind == EventKind::Complaint);
            cases.ratings += i64::from(event.milli_rating.is_some());
            cases.milli_rating += event.milli_rating.map_or(0, i64::from);
        }
    }
}
