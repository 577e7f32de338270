//! Order lines as bytes, between the scan of the lake and the sort of their shard: lines of an order that stand together share what they have in
//! common, 24 bytes mostly, and a line takes about six more.

use crate::lake::{Line, LineHead, LineItem, LineKind, NO_COST, NO_ITEM, NOT_TOLD};
use crate::time::Day;

const DAY_MICROS: i64 = 86_400_000_000;

/// What an order says in a byte.
mod order {
    /// The time is whole seconds that fit 32 bits without sign.
    pub const SECONDS: u8 = 1;
    /// The lines are visible from their own day.
    pub const VISIBLE: u8 = 1 << 1;
    /// Something was bought.
    pub const BOUGHT: u8 = 1 << 2;
    /// The lines count to the day of their time in UTC.
    pub const SAME_DAY: u8 = 1 << 3;
}

/// What the first byte of a line says beside its kind (the lowest two bits).
mod line {
    pub const BOUGHT: u8 = 1 << 2;
    pub const RETURNS: u8 = 1 << 3;
    pub const OTHER: u8 = 1 << 4;
    pub const PROMOTED: u8 = 1 << 5;
    /// It tells what was taken off, or what it cost.
    pub const MONEY: u8 = 1 << 6;
    /// One unit.
    pub const ONE: u8 = 1 << 7;
}

const ONE_UNIT: i32 = 1000;

/// The most lines that are kept together.
const LINES_MAX: usize = 255;
/// The first bytes of lines that stand together: how many bytes follow these (two), the source customer (four), how many lines there are, and what
/// the order says.
const FIRST: usize = 8;
/// The most bytes of what lines share, and of a line; each with those that a number may be followed by before they are overwritten.
const HEAD_MAX: usize = FIRST + 8 + 8 + 1 + 2 * 4 + 2 * 8 + 7;
const LINE_MAX: usize = 2 + 8 + 3 * 4 + 2 * 8 + 1 + 2 * 4 + 8 + 7;

/// The most bytes of one line and what it shares with others: what `encode` needs at least.
pub const ROOM: usize = HEAD_MAX + LINE_MAX;

/// A number's width as two bits: 1, 2, 4 or 8 bytes.
#[inline]
fn width(number: u64) -> u8 {
    u8::from(number > 0xFF) + u8::from(number > 0xFFFF) + u8::from(number > 0xFFFF_FFFF)
}

/// The widths of four numbers as a byte.
#[inline]
fn widths(numbers: [u64; 4]) -> u8 {
    width(numbers[0]) | width(numbers[1]) << 2 | width(numbers[2]) << 4 | width(numbers[3]) << 6
}

/// A number without a sign: small where it is near 0.
#[inline]
fn folded(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

#[inline]
fn unfolded(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// A number that may not be told: 0 where it is not, else one more than it is folded; the largest numbers of 64 bits cannot be told.
fn told(number: Option<i64>) -> u64 {
    number.map_or(0, |number| folded(number).saturating_add(1))
}

/// Bytes that are written one after another where they stay: what was written elsewhere and copied would wait for all that was written before.
struct Out<'a> {
    bytes: &'a mut [u8],
    length: usize,
}

impl Out<'_> {
    #[inline]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        self.bytes[self.length..self.length + N].copy_from_slice(&bytes);
        self.length += N;
    }

    /// A number of a width. Eight bytes are written at once, of which what follows overwrites those that it does not take: writing as many as it
    /// takes would be a branch that nobody can foretell.
    #[inline]
    fn number(&mut self, number: u64, width: u8) {
        self.put(number.to_le_bytes());
        self.length -= 8 - (1 << width);
    }

    /// What the lines of an order share; returns what it says, of which not all is known yet.
    #[inline]
    fn head(&mut self, line: &LineHead) -> u8 {
        let seconds = u32::try_from(line.ordered_at / 1_000_000).ok().filter(|seconds| i64::from(*seconds) * 1_000_000 == line.ordered_at);
        let set = |holds: bool, bit: u8| if holds { bit } else { 0 };
        let later = i64::from(line.day.0) - line.ordered_at.div_euclid(DAY_MICROS);
        let says = set(seconds.is_some(), order::SECONDS) | set(line.visible_from == line.day, order::VISIBLE) | set(later == 0, order::SAME_DAY);
        // The first bytes are not known yet.
        self.put([0; FIRST]);
        match seconds {
            Some(seconds) => self.put(seconds.to_le_bytes()),
            None => self.put(line.ordered_at.to_le_bytes()),
        }
        self.put(line.order.to_le_bytes());
        let numbers = [u64::from(line.store), u64::from(line.channel), folded(later), folded(line.visible_from.since(line.day))];
        let is_written = [true, true, says & order::SAME_DAY == 0, says & order::VISIBLE == 0];
        self.numbers(numbers, is_written);
        says
    }

    /// The widths of numbers, and those that are to be written.
    #[inline]
    fn numbers(&mut self, numbers: [u64; 4], is_written: [bool; 4]) {
        let widths = widths(numbers);
        self.put([widths]);
        for (place, (number, is_written)) in numbers.into_iter().zip(is_written).enumerate() {
            if is_written {
                self.number(number, widths >> (2 * place) & 3);
            }
        }
    }

    #[inline]
    fn one(&mut self, line: &LineItem) {
        let set = |holds: bool, bit: u8| if holds { bit } else { 0 };
        let tells_money = (line.off_minor, line.coupon_minor, line.cost_minor) != (NOT_TOLD, NOT_TOLD, NO_COST);
        let says = line.kind as u8
            | set(line.is_bought, line::BOUGHT)
            | set(line.return_of != 0, line::RETURNS)
            | set(line.other != 0, line::OTHER)
            | set(line.promotion != 0, line::PROMOTED)
            | set(tells_money, line::MONEY)
            | set(line.milli_units == ONE_UNIT, line::ONE);
        self.put([says]);
        let numbers = [folded(line.amount_minor), u64::from(line.product), folded(i64::from(line.milli_units)), u64::from(line.promotion)];
        self.numbers(numbers, [true, true, says & line::ONE == 0, says & line::PROMOTED != 0]);
        if line.return_of != 0 {
            self.put(line.return_of.to_le_bytes());
        }
        if line.other != 0 {
            self.put(line.other.to_le_bytes());
        }
        if tells_money {
            let minor = |minor: i32| told((minor != NOT_TOLD).then_some(i64::from(minor)));
            let cost = told((line.cost_minor != NO_COST).then_some(line.cost_minor));
            self.numbers([minor(line.off_minor), minor(line.coupon_minor), cost, 0], [true, true, true, false]);
        }
    }
}

/// Writes the head of lines of source customer `number`, and as many of its items as there is room for; returns how many these were, and how many
/// bytes were written. There is `ROOM` at least, and an item.
#[inline]
pub fn encode(room: &mut [u8], number: u32, head: &LineHead, items: &[LineItem]) -> (usize, usize) {
    let room_max = room.len().min(usize::from(u16::MAX));
    let mut out = Out { bytes: &mut room[..room_max], length: 0 };
    let mut says = out.head(head);
    let mut count = 0;
    for item in &items[..items.len().min(LINES_MAX)] {
        if out.length + LINE_MAX > room_max {
            break;
        }
        out.one(item);
        count += 1;
        says |= if item.is_bought { order::BOUGHT } else { 0 };
    }
    let length = out.length;
    out.length = 0;
    out.put(((length - FIRST) as u64 | u64::from(number) << 16 | (count as u64) << 48 | u64::from(says) << 56).to_le_bytes());
    (count, length)
}

/// Lines that stand together, as bytes: those that `encode` wrote at once.
#[derive(Debug, Clone, Copy)]
pub struct Together<'a> {
    first: u64,
    /// The bytes after the first ones, and all that follow these.
    rest: &'a [u8],
    /// All bytes.
    bytes: &'a [u8],
}

impl<'a> Together<'a> {
    /// The lines whose bytes begin at `at`.
    #[inline]
    pub fn at(bytes: &'a [u8], at: usize) -> Option<Self> {
        Encoded(&bytes[at..]).next()
    }

    /// All bytes.
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The number of the source customer.
    #[inline]
    pub fn number(self) -> u32 {
        (self.first >> 16) as u32
    }

    /// How many lines there are.
    #[inline]
    pub fn lines(self) -> usize {
        usize::from((self.first >> 48) as u8)
    }

    #[inline]
    fn says(self) -> u8 {
        (self.first >> 56) as u8
    }

    /// When these lines were ordered, UTC microseconds, if something was bought.
    pub fn bought_at(self) -> Option<i64> {
        (self.says() & order::BOUGHT != 0).then(|| self.order().0)
    }

    /// When these lines were ordered, UTC microseconds, and the fingerprint of source and order.
    #[inline]
    pub fn order(self) -> (i64, u64) {
        let mut bytes = In(self.rest);
        (bytes.time(self.says()), u64::from_le_bytes(bytes.take()))
    }

    /// Hands every line to `visit`.
    #[inline]
    pub fn each(self, mut visit: impl FnMut(Line)) {
        let mut bytes = In(self.rest);
        let shared = bytes.head(self.says());
        (0..self.lines()).for_each(|_| visit(Line::of(&shared, &bytes.one())));
    }
}

/// Encoded lines, one after another; as many as stand together at once.
pub struct Encoded<'a>(pub &'a [u8]);

impl<'a> Iterator for Encoded<'a> {
    type Item = Together<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (first, rest) = self.0.split_first_chunk::<FIRST>()?;
        let first = u64::from_le_bytes(*first);
        let (bytes, after) = self.0.split_at(FIRST + usize::from(first as u16));
        self.0 = after;
        Some(Together { first, rest, bytes })
    }
}

/// Takes bytes apart, from the left.
struct In<'a>(&'a [u8]);

impl In<'_> {
    #[inline]
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (head, rest) = self.0.split_first_chunk::<N>().expect("encoded with them");
        self.0 = rest;
        *head
    }

    /// The number of a width.
    #[inline]
    fn number(&mut self, width: u8) -> u64 {
        let length = 1 << width;
        let number = match self.0.first_chunk::<8>() {
            Some(eight) => u64::from_le_bytes(*eight) & u64::MAX >> (64 - 8 * length),
            // Only at the very end.
            None => self.0[..length].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)),
        };
        self.0 = &self.0[length..];
        number
    }

    /// The numbers that were written of four; 0 for the others.
    #[inline]
    fn numbers(&mut self, is_written: [bool; 4]) -> [u64; 4] {
        let [widths] = self.take();
        let mut numbers = [0; 4];
        for (place, (number, is_written)) in numbers.iter_mut().zip(is_written).enumerate() {
            if is_written {
                *number = self.number(widths >> (2 * place) & 3);
            }
        }
        numbers
    }

    #[inline]
    fn time(&mut self, says: u8) -> i64 {
        if says & order::SECONDS != 0 { i64::from(u32::from_le_bytes(self.take())) * 1_000_000 } else { i64::from_le_bytes(self.take()) }
    }

    /// What all lines share.
    #[inline]
    fn head(&mut self, says: u8) -> LineHead {
        let ordered_at = self.time(says);
        let order = u64::from_le_bytes(self.take());
        let [store, channel, later, visible] = self.numbers([true, true, says & order::SAME_DAY == 0, says & order::VISIBLE == 0]);
        let day = Day((ordered_at.div_euclid(DAY_MICROS) + unfolded(later)) as i32);
        LineHead { ordered_at, order, day, visible_from: day.plus(unfolded(visible) as i32), store: store as u32, channel: channel as u32 }
    }

    #[inline]
    fn one(&mut self) -> LineItem {
        let [says] = self.take();
        let is_one = says & line::ONE != 0;
        let [amount, product, units, promotion] = self.numbers([true, true, !is_one, says & line::PROMOTED != 0]);
        let mut line = LineItem {
            kind: LineKind::from_byte(says & 3),
            is_bought: says & line::BOUGHT != 0,
            amount_minor: unfolded(amount),
            product: product as u32,
            milli_units: if is_one { ONE_UNIT } else { unfolded(units) as i32 },
            promotion: promotion as u32,
            ..NO_ITEM
        };
        if says & line::RETURNS != 0 {
            line.return_of = u64::from_le_bytes(self.take());
        }
        if says & line::OTHER != 0 {
            line.other = u64::from_le_bytes(self.take());
        }
        if says & line::MONEY != 0 {
            let [off, coupon, cost, _] = self.numbers([true, true, true, false]).map(|number| number.checked_sub(1).map(unfolded));
            let minor = |told: Option<i64>| told.map_or(NOT_TOLD, |minor| minor as i32);
            (line.off_minor, line.coupon_minor, line.cost_minor) = (minor(off), minor(coupon), cost.unwrap_or(NO_COST));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A plain line, and one of which all is odd.
    fn plain_and_odd() -> (Line, Line) {
        let plain = Line {
            ordered_at: 1_782_777_600_000_000,
            order: 0xFEDC_BA98_7654_3210,
            product: 300,
            amount_minor: 1_299,
            milli_units: 2_500,
            is_bought: true,
            store: 7,
            channel: 2,
            ..Line::dated(Day(20_633), None)
        };
        let odd = Line {
            ordered_at: -5,
            kind: LineKind::Return,
            amount_minor: i64::MIN / 2,
            day: Day(-719_162),
            visible_from: Day(2_932_896),
            milli_units: -1_000_000_000,
            is_bought: false,
            return_of: 1,
            product: u32::MAX,
            store: u32::MAX,
            channel: u32::MAX,
            promotion: u32::MAX,
            other: u64::MAX,
            off_minor: i32::MAX,
            cost_minor: -i64::MAX,
            ..plain
        };
        (plain, odd)
    }

    #[test]
    fn lines_come_back() {
        let (plain, odd) = plain_and_odd();
        let other = Line { product: 9, amount_minor: -1, milli_units: 1_000, promotion: 4, ..plain };
        let mut bytes = Vec::new();
        let many = vec![other; LINES_MAX + 1];
        let written = [(3, vec![plain, other, odd]), (u32::MAX - 1, vec![odd]), (0, vec![Line { kind: LineKind::NoProduct, ..plain }]), (7, many)];
        let mut ends = Vec::new();
        for (number, lines) in &written {
            for together in lines.chunk_by(|a, b| a.head() == b.head()) {
                let items: Vec<LineItem> = together.iter().map(Line::item).collect();
                let mut rest = items.as_slice();
                while !rest.is_empty() {
                    let mut room = [0; 4096];
                    let (count, length) = encode(&mut room, *number, &together[0].head(), rest);
                    bytes.extend_from_slice(&room[..length]);
                    rest = &rest[count..];
                }
            }
            ends.push(bytes.len());
        }
        // The oddest line takes 52 bytes after the 41 that lines share: where there is no room for another of the longest, no other is written.
        assert_eq!(encode(&mut [0; ROOM], 7, &odd.head(), &[odd.item(); 3]), (1, 41 + 52));
        let mut read: Vec<(u32, Vec<Line>)> = Vec::new();
        let mut counts = Vec::new();
        for together in Encoded(&bytes) {
            counts.push(together.lines());
            match read.last_mut().filter(|last| last.0 == together.number()) {
                Some((_, lines)) => together.each(|line| lines.push(line)),
                None => {
                    let mut lines = Vec::new();
                    together.each(|line| lines.push(line));
                    read.push((together.number(), lines));
                }
            }
        }
        assert_eq!(read, written);
        // Two lines of an order stand together; another order's does not; no more than 255 do.
        assert_eq!(counts, [2, 1, 1, 1, LINES_MAX, 1]);
        // The first bytes, seconds, order, widths, store, channel, day; then what the line says, widths, amount, product, units or promotion.
        let head = 8 + 4 + 8 + 1 + 1 + 1 + 1;
        assert_eq!(Encoded(&bytes).next().expect("lines").bytes().len(), head + (1 + 1 + 2 + 2 + 2) + (1 + 1 + 1 + 1 + 1));
        let bought: Vec<Option<i64>> = Encoded(&bytes).take(3).map(Together::bought_at).collect();
        assert_eq!(bought, [Some(plain.ordered_at), None, None]);
        assert_eq!(Together::at(&bytes, ends[0]).expect("lines").number(), u32::MAX - 1);
    }
}
