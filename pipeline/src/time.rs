//! Days, windows and the grid of snapshot dates: the one place where their bounds are computed.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

const DAY_MICROS: i64 = 86_400_000_000;

/// A calendar day, as days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

/// A day that may not be known, in the room of one; in the order of `Option<Day>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MaybeDay(i32);

/// Before all civil dates.
const NO_DAY: i32 = i32::MIN;

impl MaybeDay {
    /// The day, where it is known.
    pub fn get(self) -> Option<Day> {
        (self.0 != NO_DAY).then_some(Day(self.0))
    }
}

impl From<Option<Day>> for MaybeDay {
    fn from(day: Option<Day>) -> Self {
        Self(day.map_or(NO_DAY, |day| day.0))
    }
}

impl Default for MaybeDay {
    fn default() -> Self {
        None.into()
    }
}

impl Day {
    /// Reads `YYYY-MM-DD`; nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let date: Date = text.parse().ok()?;
        let day = Self::of(date);
        (day.to_string() == text).then_some(day)
    }

    /// The day that a number YYYYMMDD writes; None for what is no date.
    pub fn of_number(number: u64) -> Option<Self> {
        let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
        Some(Self::of(Date::new(i16::try_from(year).ok()?, month as i8, day as i8).ok()?))
    }

    /// The number YYYYMMDD of the day; None before the year 0.
    pub fn number(self) -> Option<u64> {
        let date = self.date();
        let year = u64::try_from(date.year()).ok()?;
        Some(year * 10_000 + date.month() as u64 * 100 + date.day() as u64)
    }

    fn of(date: Date) -> Self {
        let days = date.duration_since(Date::constant(1970, 1, 1)).as_hours() / 24;
        Self(i32::try_from(days).expect("a civil date is within 11 million days of 1970"))
    }

    /// The day `days` later.
    pub fn plus(self, days: i32) -> Self {
        Self(self.0 + days)
    }

    /// The day after; the last one there is has none.
    pub fn plus_one(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Day of the week, 1 for Monday to 7 for Sunday.
    pub fn weekday(self) -> i64 {
        // 1970-01-01 was a Thursday.
        i64::from((self.0 + 3).rem_euclid(7) + 1)
    }

    /// Easter Sunday of a year (Meeus, Astronomical Algorithms, 1991, chapter 8).
    pub fn easter(year: i32) -> Self {
        let (a, b, c) = (year % 19, year / 100, year % 100);
        let (d, e) = (b / 4, b % 4);
        let g = (8 * b + 13) / 25;
        let h = (19 * a + b - d - g + 15) % 30;
        let (i, k) = (c / 4, c % 4);
        let l = (32 + 2 * e + 2 * i - h - k) % 7;
        let m = (a + 11 * h + 22 * l) / 451;
        let n = h + l - 7 * m + 114;
        Self::parse(&format!("{year:04}-{:02}-{:02}", n / 31, n % 31 + 1)).unwrap_or(Day(0))
    }

    /// Full years from this day to a later one, as birthdays are counted.
    pub fn years_to(self, later: Day) -> i64 {
        let (from, to) = (self.date(), later.date());
        let before_birthday = (to.month(), to.day()) < (from.month(), from.day());
        i64::from(to.year()) - i64::from(from.year()) - i64::from(before_birthday)
    }

    fn date(self) -> Date {
        Date::constant(1970, 1, 1).checked_add(self.0.days()).unwrap_or(Date::MAX)
    }

    /// Whole days from `earlier` to this day.
    pub fn since(self, earlier: Day) -> i64 {
        i64::from(self.0) - i64::from(earlier.0)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Date::constant(1970, 1, 1).checked_add(self.0.days()) {
            Ok(date) => write!(f, "{date}"),
            Err(_) => write!(f, "day {}", self.0),
        }
    }
}

impl Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_i32(self.0) }
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return i32::deserialize(deserializer).map(Self);
        }
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("expected a date YYYY-MM-DD, got another text"))
    }
}

/// A time zone as its list of offsets, so that converting a column costs a search each value.
#[derive(Debug, Clone)]
pub struct Zone {
    name: String,
    /// Start of each period in UTC microseconds, and its offset in microseconds.
    periods: Vec<(i64, i64)>,
    /// End of each period but the last, in local microseconds.
    local_ends: Vec<i64>,
}

impl Zone {
    /// The zone of an IANA name, from the data compiled into the program.
    pub fn parse(name: &str) -> Option<Self> {
        let zone = TimeZone::get(name).ok()?;
        let first = Timestamp::from_second(-2_208_988_800).ok()?;
        let last = Timestamp::from_second(7_258_118_400).ok()?;
        let micros = |offset: jiff::tz::Offset| i64::from(offset.seconds()) * 1_000_000;
        let mut periods = vec![(i64::MIN / 2, micros(zone.to_offset(first)))];
        let transitions = zone.following(first).take_while(|transition| transition.timestamp() < last);
        periods.extend(transitions.map(|t| (t.timestamp().as_microsecond(), micros(t.offset()))));
        let local_ends = periods.windows(2).map(|pair| pair[1].0 + pair[0].1).collect();
        Some(Self { name: name.to_owned(), periods, local_ends })
    }

    /// The IANA name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The day on which the instant (UTC microseconds) falls here.
    pub fn day(&self, utc_micros: i64) -> Day {
        self.days()(utc_micros)
    }

    /// `day`, quicker for instants of one season after another.
    pub fn days(&self) -> impl FnMut(i64) -> Day {
        let mut near = (i64::MAX, i64::MIN, 0);
        move |utc_micros| {
            if !(near.0 <= utc_micros && utc_micros < near.1) {
                let index = self.periods.partition_point(|&(start, _)| start <= utc_micros) - 1;
                near = (self.periods[index].0, self.periods.get(index + 1).map_or(i64::MAX, |next| next.0), self.periods[index].1);
            }
            let days = (utc_micros + near.2).div_euclid(DAY_MICROS);
            Day(i32::try_from(days).unwrap_or(if days < 0 { i32::MIN } else { i32::MAX }))
        }
    }

    /// Microseconds since midnight on the clocks here, at an instant.
    pub fn time_of_day(&self, utc_micros: i64) -> i64 {
        let index = self.periods.partition_point(|&(start, _)| start <= utc_micros) - 1;
        (utc_micros + self.periods[index].1).rem_euclid(DAY_MICROS)
    }

    /// The instant of a local time. A time that exists twice is the earlier one; one that does not exist is moved
    /// forward by the length of the gap (RFC 5545).
    pub fn instant(&self, local_micros: i64) -> i64 {
        self.instants()(local_micros)
    }

    /// `instant`, quicker for times of one season after another.
    pub fn instants(&self) -> impl FnMut(i64) -> i64 {
        let mut near = (i64::MAX, i64::MIN, 0);
        move |local_micros| {
            if !(near.0 <= local_micros && local_micros < near.1) {
                // Period i ends, in its own local time, where the next one starts plus its own offset: these ends rise.
                let index = self.local_ends.partition_point(|&end| local_micros >= end);
                let (start, offset) = self.periods[index];
                let in_gap = index > 0 && local_micros < start + offset;
                if in_gap {
                    return local_micros - self.periods[index - 1].1;
                }
                near = (start + offset, self.local_ends.get(index).copied().unwrap_or(i64::MAX), offset);
            }
            local_micros - near.2
        }
    }

    /// The first instant of `day` here.
    pub fn start_of(&self, day: Day) -> i64 {
        self.instant(i64::from(day.0) * DAY_MICROS)
    }
}

/// Days `(after, to]`: the first is out, the last is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The day before the first one.
    pub after: Day,
    /// The last day.
    pub to: Day,
}

impl Window {
    /// The `days` that end on `to`.
    pub fn ending(to: Day, days: i32) -> Self {
        Self { after: to.plus(-days), to }
    }

    /// The `days` that follow on `after`.
    pub fn following(after: Day, days: i32) -> Self {
        Self { after, to: after.plus(days) }
    }

    /// Whether all of the window counts as known on a later day, where lines may arrive so many days late.
    pub fn is_over(self, late_days: i32, by: Day) -> bool {
        self.to.plus(late_days) <= by
    }

    /// Whether `day` lies in the window.
    pub fn contains(self, day: Day) -> bool {
        self.after < day && day <= self.to
    }
}

impl Grid {
    /// The newest date whose labels are over on `day`.
    fn newest(self, day: Day) -> Day {
        Day((day.0 - self.horizon_days - self.late_days).div_euclid(self.every_days) * self.every_days)
    }

    /// The training dates, oldest first, up to `newest`.
    fn back_from(self, newest: Day) -> Vec<Day> {
        (0..self.training_dates).rev().map(|back| newest.plus(-back * self.every_days)).collect()
    }
}

/// The dates at which a run looks at its customers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dates {
    /// Dates whose labels are over on the test date, oldest first.
    pub training: Vec<Day>,
    /// The date on which models are graded; as_of where none is.
    pub test: Day,
    /// The last day that may be seen.
    pub as_of: Day,
    /// Days that lines may arrive late.
    pub late_days: i32,
}

/// How snapshot dates are chosen.
#[derive(Debug, Clone, Copy)]
pub struct Grid {
    /// Step of the grid, from 1970-01-01.
    pub every_days: i32,
    /// Length of the label window.
    pub horizon_days: i32,
    /// Days that lines may arrive late.
    pub late_days: i32,
    /// Number of training dates.
    pub training_dates: i32,
}

impl Dates {
    /// The test date is the newest grid date at least `horizon + late` before as_of; the training dates are the newest
    /// ones at least a horizon before the test date.
    pub fn choose(as_of: Day, grid: Grid) -> Self {
        let test = grid.newest(as_of);
        Self { training: grid.back_from(grid.newest(test)), test, as_of, late_days: grid.late_days }
    }

    /// The same test date, with the dates of the grid right before it.
    pub fn rolling(as_of: Day, grid: Grid) -> Self {
        let test = grid.newest(as_of);
        Self { training: grid.back_from(test.plus(-grid.every_days)), test, as_of, late_days: grid.late_days }
    }

    /// Of a run that looks back on nothing.
    pub fn only(as_of: Day) -> Self {
        Self { training: Vec::new(), test: as_of, as_of, late_days: 0 }
    }

    /// Whether the `days` after a date count as over on a later day.
    pub fn is_over(&self, date: Day, days: i32, by: Day) -> bool {
        Window::following(date, days).is_over(self.late_days, by)
    }

    /// The dates before as_of, oldest first.
    pub fn past(&self) -> Vec<Day> {
        self.training.iter().copied().chain([self.test]).filter(|date| *date < self.as_of).collect()
    }

    /// All dates, oldest first; as_of is the last.
    pub fn all(&self) -> Vec<Day> {
        [self.past(), vec![self.as_of]].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).expect("a date")
    }

    #[test]
    fn days_count_from_1970() {
        assert_eq!(day("1970-01-01").0, 0);
        assert_eq!(day("2000-03-01").0, 11_017); // date --date 2000-03-01 +%s / 86400
        assert_eq!(Day(11_017).to_string(), "2000-03-01");
        assert_eq!(Day::parse("2000-3-1"), None);
        assert_eq!(Day::parse("2001-02-29"), None);
        assert_eq!([20_000_301, 20_010_229, 0, 1_000_000_101].map(Day::of_number), [Some(Day(11_017)), None, None, None]);
        assert_eq!([Day(11_017), Day(-1), Day(-800_000)].map(Day::number), [Some(20_000_301), Some(19_691_231), None]);
    }

    #[test]
    fn a_day_begins_in_its_zone() {
        let new_york = Zone::parse("America/New_York").expect("a zone");
        // 2026-03-08 06:59:59 UTC is 01:59:59 EST; 2026-11-01 03:59:59 UTC is 23:59:59 EDT of the day before.
        assert_eq!(new_york.day(1_772_953_199_000_000), day("2026-03-08"));
        assert_eq!(new_york.day(1_793_505_599_000_000), day("2026-10-31"));
        assert_eq!(new_york.day(1_793_505_600_000_000), day("2026-11-01"));
    }

    #[test]
    fn local_times_that_exist_twice_or_never() {
        let new_york = Zone::parse("America/New_York").expect("a zone");
        let local = |date: &str, hours: i64| i64::from(day(date).0) * DAY_MICROS + hours * 3_600_000_000;
        // 02:00 on 2026-03-08 does not exist: 03:00 EDT = 07:00 UTC. 01:00 on 2026-11-01 is first 05:00 UTC.
        assert_eq!(new_york.instant(local("2026-03-08", 2)), local("2026-03-08", 7));
        assert_eq!(new_york.instant(local("2026-11-01", 1)), local("2026-11-01", 5));
        assert_eq!(new_york.instant(local("2026-11-01", 2)), local("2026-11-01", 7));
        // One after another, into the gap and out of it, and back to before.
        let mut instants = new_york.instants();
        let hours = [("2026-03-08", 1, 6), ("2026-03-08", 2, 7), ("2026-03-08", 3, 7), ("2026-11-01", 1, 5), ("2026-11-01", 2, 7), ("2026-03-08", 1, 6)];
        hours.into_iter().for_each(|(date, from, to)| assert_eq!(instants(local(date, from)), local(date, to)));
    }

    #[test]
    fn labels_of_training_dates_are_over_on_the_test_date() {
        let grid = Grid { every_days: 30, horizon_days: 90, late_days: 5, training_dates: 2 };
        let dates = Dates::choose(day("2026-06-30"), grid);
        // 2026-06-30 is day 20634; less 95: 20539 -> grid 20520; less 95: 20425 -> 20400, and 20370.
        assert_eq!(dates.test, Day(20_520));
        assert_eq!(dates.training, vec![Day(20_370), Day(20_400)]);
        assert!(dates.training.iter().all(|date| date.0 + 95 <= dates.test.0));
        let rolling = Dates::rolling(day("2026-06-30"), grid);
        assert_eq!((rolling.training, rolling.test), (vec![Day(20_460), Day(20_490)], Day(20_520)));
        assert_eq!(dates.all(), [20_370, 20_400, 20_520, 20_634].map(Day));
        let only = Dates::only(day("2026-06-30"));
        assert_eq!((only.past(), only.all()), (Vec::new(), vec![Day(20_634)]));
    }

    #[test]
    fn days_of_the_week_and_times_of_day() {
        // date --date 2026-06-30 +%u: 2.
        let years = |from: &str, to: &str| day(from).years_to(day(to));
        assert_eq!((years("1980-06-30", "2026-06-30"), years("1980-07-01", "2026-06-30"), years("2004-02-29", "2026-02-28")), (46, 45, 21));
        assert_eq!((day("2026-06-30").weekday(), day("2026-06-28").weekday(), day("1969-12-29").weekday()), (2, 7, 1));
        let new_york = Zone::parse("America/New_York").expect("a zone");
        // 2026-03-08 06:59:59 UTC is 01:59:59 EST, and a second later it is 03:00:00 EDT.
        assert_eq!(new_york.time_of_day(1_772_953_199_000_000), 7_199_000_000);
        assert_eq!(new_york.time_of_day(1_772_953_200_000_000), 10_800_000_000);
    }

    #[test]
    fn windows_leave_out_their_start() {
        let window = Window::ending(Day(100), 30);
        assert!(!window.contains(Day(70)) && window.contains(Day(71)) && window.contains(Day(100)));
        assert!(!Window::following(Day(100), 90).contains(Day(100)));
    }
}
