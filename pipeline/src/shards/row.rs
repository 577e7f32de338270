//! An order line as bytes, between the scan of the lake and the sort of its shard: about 28 of them.

use crate::lake::{Line, LineKind, NOT_TOLD};
use crate::time::Day;

const DAY_MICROS: i64 = 86_400_000_000;

/// What the first byte says beside the kind (its lowest two bits).
const BOUGHT: u8 = 1 << 2;
const RETURNS: u8 = 1 << 3;
const OTHER: u8 = 1 << 4;
const PROMOTED: u8 = 1 << 5;
/// The time is whole seconds that fit 32 bits without sign.
const SECONDS: u8 = 1 << 6;
/// The line is visible from its own day.
const VISIBLE: u8 = 1 << 7;

/// The most bytes of a line: all of its numbers in full.
const LONGEST: usize = 2 + 4 + 8 + 8 + 3 * 8 + 10 * 8 + 2 * 5;

/// A line's bytes before they are appended.
struct Out {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Out {
    fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    fn varint(&mut self, mut number: u64) {
        while number > 0x7F {
            self.bytes[self.length] = number as u8 | 0x80;
            self.length += 1;
            number >>= 7;
        }
        self.bytes[self.length] = number as u8;
        self.length += 1;
    }

    fn signed(&mut self, number: i64) {
        self.varint((number << 1 ^ number >> 63) as u64);
    }
}

/// Appends the line of the source customer `number`: a byte that says how many follow, then these.
#[inline]
pub fn encode(buffer: &mut Vec<u8>, number: u32, line: &Line) {
    let seconds = u32::try_from(line.ordered_at / 1_000_000).ok().filter(|seconds| i64::from(*seconds) * 1_000_000 == line.ordered_at);
    let set = |holds: bool, bit: u8| if holds { bit } else { 0 };
    let says = line.kind as u8
        | set(line.is_bought, BOUGHT)
        | set(line.return_of != 0, RETURNS)
        | set(line.other != 0, OTHER)
        | set(line.promotion != 0, PROMOTED)
        | set(seconds.is_some(), SECONDS)
        | set(line.visible_from == line.day, VISIBLE);
    let mut out = Out { bytes: [0; LONGEST], length: 1 };
    out.put(&[says]);
    out.put(&number.to_le_bytes());
    match seconds {
        Some(seconds) => out.put(&seconds.to_le_bytes()),
        None => out.put(&line.ordered_at.to_le_bytes()),
    }
    out.put(&line.order.to_le_bytes());
    out.signed(i64::from(line.day.0) - line.ordered_at.div_euclid(DAY_MICROS));
    if says & VISIBLE == 0 {
        out.signed(line.visible_from.since(line.day));
    }
    out.signed(i64::from(line.milli_units));
    out.signed(line.amount_minor);
    out.varint(u64::from(line.product));
    out.varint(u64::from(line.store));
    out.varint(u64::from(line.channel));
    if line.promotion != 0 {
        out.varint(u64::from(line.promotion));
    }
    if line.return_of != 0 {
        out.put(&line.return_of.to_le_bytes());
    }
    if line.other != 0 {
        out.put(&line.other.to_le_bytes());
    }
    // At the end, so that a line that tells nothing of it takes nothing for it.
    if (line.off_minor, line.coupon_minor) != (NOT_TOLD, NOT_TOLD) {
        out.signed(i64::from(line.off_minor));
        out.signed(i64::from(line.coupon_minor));
    }
    out.bytes[0] = (out.length - 1) as u8;
    buffer.extend_from_slice(&out.bytes[..out.length]);
}

/// The bytes of one line after another, each with the number of its source customer; these bytes are what `encode` appended.
pub struct Encoded<'a>(pub &'a [u8]);

impl<'a> Iterator for Encoded<'a> {
    type Item = (u32, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&length, _) = self.0.split_first()?;
        let (row, rest) = self.0.split_at(1 + usize::from(length));
        self.0 = rest;
        Some((u32::from_le_bytes(row[2..6].try_into().expect("four bytes")), row))
    }
}

/// Takes a line's bytes apart, from the left.
struct In<'a>(&'a [u8]);

impl In<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (head, rest) = self.0.split_first_chunk::<N>().expect("encoded with them");
        self.0 = rest;
        *head
    }

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

    fn signed(&mut self) -> i64 {
        let number = self.varint();
        (number >> 1) as i64 ^ -((number & 1) as i64)
    }
}

/// The line of the bytes that `Encoded` gives.
#[inline]
pub fn decode(row: &[u8]) -> Line {
    let says = row[1];
    let mut row = In(&row[6..]);
    let ordered_at = if says & SECONDS != 0 { i64::from(u32::from_le_bytes(row.take())) * 1_000_000 } else { i64::from_le_bytes(row.take()) };
    let order = u64::from_le_bytes(row.take());
    let day = Day((ordered_at.div_euclid(DAY_MICROS) + row.signed()) as i32);
    let visible_from = if says & VISIBLE != 0 { day } else { day.plus(row.signed() as i32) };
    let (milli_units, amount_minor) = (row.signed() as i32, row.signed());
    let [product, store, channel] = std::array::from_fn(|_| row.varint() as u32);
    let promotion = if says & PROMOTED != 0 { row.varint() as u32 } else { 0 };
    let return_of = if says & RETURNS != 0 { u64::from_le_bytes(row.take()) } else { 0 };
    let other = if says & OTHER != 0 { u64::from_le_bytes(row.take()) } else { 0 };
    let mut reduction = || if row.0.is_empty() { NOT_TOLD } else { row.signed() as i32 };
    let (off_minor, coupon_minor) = (reduction(), reduction());
    let kind = LineKind::from_byte(says & 3);
    let is_bought = says & BOUGHT != 0;
    Line {
        ordered_at,
        order,
        product,
        kind,
        amount_minor,
        day,
        visible_from,
        milli_units,
        is_bought,
        return_of,
        store,
        channel,
        promotion,
        other,
        off_minor,
        coupon_minor,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back() {
        let plain = Line {
            ordered_at: 1_782_777_600_000_000,
            order: 0xFEDC_BA98_7654_3210,
            product: 300,
            kind: LineKind::Sale,
            amount_minor: 1_299,
            day: Day(20_633),
            visible_from: Day(20_633),
            milli_units: 2_500,
            is_bought: true,
            return_of: 0,
            store: 7,
            channel: 2,
            promotion: 0,
            other: 0,
            off_minor: NOT_TOLD,
            coupon_minor: NOT_TOLD,
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
            ..plain
        };
        let mut bytes = Vec::new();
        let written = [(3, plain), (u32::MAX - 1, odd), (0, Line { kind: LineKind::NoProduct, ..plain })];
        written.iter().for_each(|(number, line)| encode(&mut bytes, *number, line));
        let read: Vec<(u32, Line)> = Encoded(&bytes).map(|(number, row)| (number, decode(row))).collect();
        assert_eq!(read, written);
        // Length, what it says, customer, seconds, order, then day, units (two bytes), amount (two), product (two), store, channel.
        assert_eq!(Encoded(&bytes).next().expect("a line").1.len(), 1 + 1 + 4 + 4 + 8 + 1 + 2 + 2 + 2 + 1 + 1);
    }
}
