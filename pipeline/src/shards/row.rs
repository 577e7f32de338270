//! Order lines as bytes, between the scan of the lake and the sort of their shard: lines of an order that stand together share what they have in
//! common, so that a line takes about ten bytes.

use crate::lake::{Line, LineHead, LineItem, LineKind, NO_COST, NO_ITEM, NOT_TOLD};
use crate::time::Day;

const DAY_MICROS: i64 = 86_400_000_000;

/// What the first byte of an order says.
mod order {
    /// The time is whole seconds that fit 32 bits without sign.
    pub const SECONDS: u8 = 1;
    /// The lines are visible from their own day.
    pub const VISIBLE: u8 = 1 << 1;
    /// Something was bought.
    pub const BOUGHT: u8 = 1 << 2;
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
/// The bytes before the customer: how many follow the length itself, and how many lines there are.
const LENGTH_BYTES: usize = 2;
/// The most bytes of what lines share, and of a line.
const HEAD_MAX: usize = LENGTH_BYTES + 4 + 1 + 1 + 8 + 8 + 4 * 10;
const LINE_MAX: usize = 1 + 7 * 10 + 2 * 8;

/// The most bytes of one line and what it shares with others: what `encode` needs at least.
pub const ROOM: usize = HEAD_MAX + LINE_MAX;

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

    #[inline]
    fn varint(&mut self, mut number: u64) {
        while number > 0x7F {
            self.put([number as u8 | 0x80]);
            number >>= 7;
        }
        self.put([number as u8]);
    }

    #[inline]
    fn signed(&mut self, number: i64) {
        self.varint((number << 1 ^ number >> 63) as u64);
    }

    /// A number that may not be told: 0 where it is not, else one more than it is; the largest numbers of 64 bits cannot be told.
    #[inline]
    fn told(&mut self, number: Option<i64>) {
        self.varint(number.map_or(0, |number| ((number << 1 ^ number >> 63) as u64).saturating_add(1)));
    }

    /// What the lines of an order share; returns what its first byte says, of which not all is known yet.
    #[inline]
    fn head(&mut self, number: u32, line: &LineHead) -> u8 {
        let seconds = u32::try_from(line.ordered_at / 1_000_000).ok().filter(|seconds| i64::from(*seconds) * 1_000_000 == line.ordered_at);
        let set = |holds: bool, bit: u8| if holds { bit } else { 0 };
        let says = set(seconds.is_some(), order::SECONDS) | set(line.visible_from == line.day, order::VISIBLE);
        // Neither the length nor the number of lines is known yet.
        self.put([0; LENGTH_BYTES]);
        self.put(number.to_le_bytes());
        self.put([0; 2]);
        match seconds {
            Some(seconds) => self.put(seconds.to_le_bytes()),
            None => self.put(line.ordered_at.to_le_bytes()),
        }
        self.put(line.order.to_le_bytes());
        self.signed(i64::from(line.day.0) - line.ordered_at.div_euclid(DAY_MICROS));
        if says & order::VISIBLE == 0 {
            self.signed(line.visible_from.since(line.day));
        }
        self.varint(u64::from(line.store));
        self.varint(u64::from(line.channel));
        says
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
        if says & line::ONE == 0 {
            self.signed(i64::from(line.milli_units));
        }
        self.signed(line.amount_minor);
        self.varint(u64::from(line.product));
        if line.promotion != 0 {
            self.varint(u64::from(line.promotion));
        }
        if line.return_of != 0 {
            self.put(line.return_of.to_le_bytes());
        }
        if line.other != 0 {
            self.put(line.other.to_le_bytes());
        }
        if tells_money {
            [line.off_minor, line.coupon_minor].into_iter().for_each(|minor| self.told((minor != NOT_TOLD).then_some(i64::from(minor))));
            self.told((line.cost_minor != NO_COST).then_some(line.cost_minor));
        }
    }
}

/// Writes the head of lines of source customer `number`, and as many of its items as there is room for; returns how many these were, and how many
/// bytes were written. There is `ROOM` at least, and an item.
#[inline]
pub fn encode(room: &mut [u8], number: u32, head: &LineHead, items: &[LineItem]) -> (usize, usize) {
    let room_max = room.len().min(usize::from(u16::MAX));
    let mut out = Out { bytes: &mut room[..room_max], length: 0 };
    let mut says = out.head(number, head);
    let mut count = 0;
    for item in &items[..items.len().min(LINES_MAX)] {
        if out.length + LINE_MAX > room_max {
            break;
        }
        out.one(item);
        count += 1;
        says |= if item.is_bought { order::BOUGHT } else { 0 };
    }
    let Out { bytes, length } = out;
    bytes[..LENGTH_BYTES].copy_from_slice(&((length - LENGTH_BYTES) as u16).to_le_bytes());
    bytes[LENGTH_BYTES + 4] = count as u8;
    bytes[LENGTH_BYTES + 5] = says;
    (count, length)
}

/// Lines that stand together, as bytes: those that `encode` wrote at once.
#[derive(Debug, Clone, Copy)]
pub struct Together<'a>(&'a [u8]);

impl<'a> Together<'a> {
    /// The lines whose bytes begin at `at`.
    pub fn at(bytes: &'a [u8], at: usize) -> Option<Self> {
        Encoded(&bytes[at..]).next()
    }

    /// All bytes.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// The number of the source customer.
    #[inline]
    pub fn number(self) -> u32 {
        u32::from_le_bytes(self.0[LENGTH_BYTES..LENGTH_BYTES + 4].try_into().expect("four bytes"))
    }

    /// How many lines there are.
    #[inline]
    pub fn lines(self) -> usize {
        usize::from(self.0[LENGTH_BYTES + 4])
    }

    /// When these lines were ordered, UTC microseconds, if something was bought.
    pub fn bought_at(self) -> Option<i64> {
        let mut bytes = In(&self.0[LENGTH_BYTES + 5..]);
        let [says] = bytes.take();
        (says & order::BOUGHT != 0).then(|| bytes.time(says))
    }

    /// Hands every line to `visit`.
    #[inline]
    pub fn each(self, mut visit: impl FnMut(Line)) {
        let mut bytes = In(&self.0[LENGTH_BYTES + 5..]);
        let shared = bytes.head();
        (0..self.lines()).for_each(|_| visit(Line::of(&shared, &bytes.one())));
    }
}

/// Encoded lines, one after another; as many as stand together at once.
pub struct Encoded<'a>(pub &'a [u8]);

impl<'a> Iterator for Encoded<'a> {
    type Item = Together<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (length, _) = self.0.split_first_chunk::<LENGTH_BYTES>()?;
        let (together, rest) = self.0.split_at(LENGTH_BYTES + usize::from(u16::from_le_bytes(*length)));
        self.0 = rest;
        Some(Together(together))
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

    #[inline]
    fn varint(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let [byte] = self.take();
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return number;
            }
            shift += 7;
        }
    }

    #[inline]
    fn signed(&mut self) -> i64 {
        let number = self.varint();
        (number >> 1) as i64 ^ -((number & 1) as i64)
    }

    #[inline]
    fn told(&mut self) -> Option<i64> {
        let number = self.varint().checked_sub(1)?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    fn time(&mut self, says: u8) -> i64 {
        if says & order::SECONDS != 0 { i64::from(u32::from_le_bytes(self.take())) * 1_000_000 } else { i64::from_le_bytes(self.take()) }
    }

    /// What all lines share.
    fn head(&mut self) -> LineHead {
        let [says] = self.take();
        let ordered_at = self.time(says);
        let order = u64::from_le_bytes(self.take());
        let day = Day((ordered_at.div_euclid(DAY_MICROS) + self.signed()) as i32);
        let visible_from = if says & order::VISIBLE != 0 { day } else { day.plus(self.signed() as i32) };
        let [store, channel] = std::array::from_fn(|_| self.varint() as u32);
        LineHead { ordered_at, order, day, visible_from, store, channel }
    }

    #[inline]
    fn one(&mut self) -> LineItem {
        let [says] = self.take();
        let mut line = LineItem { kind: LineKind::from_byte(says & 3), is_bought: says & line::BOUGHT != 0, milli_units: ONE_UNIT, ..NO_ITEM };
        if says & line::ONE == 0 {
            line.milli_units = self.signed() as i32;
        }
        line.amount_minor = self.signed();
        line.product = self.varint() as u32;
        if says & line::PROMOTED != 0 {
            line.promotion = self.varint() as u32;
        }
        if says & line::RETURNS != 0 {
            line.return_of = u64::from_le_bytes(self.take());
        }
        if says & line::OTHER != 0 {
            line.other = u64::from_le_bytes(self.take());
        }
        if says & line::MONEY != 0 {
            let [off, coupon] = std::array::from_fn(|_| self.told().map_or(NOT_TOLD, |minor| minor as i32));
            (line.off_minor, line.coupon_minor, line.cost_minor) = (off, coupon, self.told().unwrap_or(NO_COST));
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
        // The oddest line takes 57 bytes after the 41 that lines share: where there is no room for another of the longest, no other is written.
        assert_eq!(encode(&mut [0; ROOM], 7, &odd.head(), &[odd.item(); 3]), (1, 41 + 57));
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
        // Length, customer, count, what it says, seconds, order, day, store, channel; then what the line says, units, amount, product.
        let head = 2 + 4 + 1 + 1 + 4 + 8 + 1 + 1 + 1;
        assert_eq!(Encoded(&bytes).next().expect("lines").bytes().len(), head + (1 + 2 + 2 + 2) + (1 + 1 + 1 + 1));
        let bought: Vec<Option<i64>> = Encoded(&bytes).take(3).map(Together::bought_at).collect();
        assert_eq!(bought, [Some(plain.ordered_at), None, None]);
        assert_eq!(Together::at(&bytes, ends[0]).expect("lines").number(), u32::MAX - 1);
    }
}
