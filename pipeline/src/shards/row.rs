//! An order line as bytes, between the scan of the lake and the sort of its shard.

use crate::lake::{Line, LineKind};
use crate::time::Day;

const FIXED: usize = 4 + 4 + 8 + 4 + 4 + 1 + 8 + 8 + 4 * 4;

/// Appends the line of the customer at position `customer`.
pub fn encode(buffer: &mut Vec<u8>, customer: u32, line: &Line<'_>) {
    let texts = [line.order_id, line.product_id, line.return_of, line.rest];
    let length = FIXED + texts.iter().map(|text| text.len()).sum::<usize>();
    buffer.reserve(length);
    buffer.extend_from_slice(&(length as u32).to_le_bytes());
    buffer.extend_from_slice(&customer.to_le_bytes());
    buffer.extend_from_slice(&line.ordered_at.to_le_bytes());
    buffer.extend_from_slice(&line.day.0.to_le_bytes());
    buffer.extend_from_slice(&line.visible_from.0.to_le_bytes());
    buffer.push(line.kind as u8);
    buffer.extend_from_slice(&line.quantity.to_le_bytes());
    buffer.extend_from_slice(&line.amount_minor.to_le_bytes());
    texts.iter().for_each(|text| buffer.extend_from_slice(&(text.len() as u32).to_le_bytes()));
    texts.iter().for_each(|text| buffer.extend_from_slice(text.as_bytes()));
}

/// Reads what `encode` wrote, in its order: customer and line.
pub fn decode(mut bytes: &[u8]) -> Vec<(u32, Line<'_>)> {
    let mut rows = Vec::new();
    while !bytes.is_empty() {
        let length = u32::from_le_bytes(take(&mut &bytes[..])) as usize;
        let (row, rest) = bytes.split_at(length);
        rows.push(decode_one(&row[4..]));
        bytes = rest;
    }
    rows
}

fn take<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    let (head, rest) = bytes.split_at(N);
    *bytes = rest;
    head.try_into().expect("split at its length")
}

fn decode_one(mut row: &[u8]) -> (u32, Line<'_>) {
    let customer = u32::from_le_bytes(take(&mut row));
    let ordered_at = i64::from_le_bytes(take(&mut row));
    let day = Day(i32::from_le_bytes(take(&mut row)));
    let visible_from = Day(i32::from_le_bytes(take(&mut row)));
    let [kind] = take::<1>(&mut row);
    let quantity = f64::from_le_bytes(take(&mut row));
    let amount_minor = i64::from_le_bytes(take(&mut row));
    let lengths: [usize; 4] = std::array::from_fn(|_| u32::from_le_bytes(take(&mut row)) as usize);
    let mut texts = lengths.iter().map(|&length| {
        let (text, rest) = row.split_at(length);
        row = rest;
        std::str::from_utf8(text).expect("encoded from text")
    });
    let mut text = || texts.next().expect("four texts");
    let (order_id, product_id, return_of, rest) = (text(), text(), text(), text());
    let kind = LineKind::from_byte(kind);
    (customer, Line { ordered_at, day, visible_from, kind, quantity, amount_minor, order_id, product_id, return_of, rest })
}

/// The total order of lines: customer, time, order, product, then every other used column.
pub fn sort(rows: &mut [(u32, Line<'_>)]) {
    rows.sort_unstable_by(|(a_customer, a), (b_customer, b)| {
        let key = |customer: u32, line: &Line<'_>| (customer, line.ordered_at);
        let tie = |line: &Line<'_>| (line.kind, line.amount_minor, line.day, line.visible_from);
        key(*a_customer, a)
            .cmp(&key(*b_customer, b))
            .then_with(|| a.order_id.cmp(b.order_id))
            .then_with(|| a.product_id.cmp(b.product_id))
            .then_with(|| tie(a).cmp(&tie(b)))
            .then_with(|| a.quantity.total_cmp(&b.quantity))
            .then_with(|| (a.return_of, a.rest).cmp(&(b.return_of, b.rest)))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_and_sort_totally() {
        let line = |order_id: &'static str, amount_minor: i64, rest: &'static str| Line {
            ordered_at: -5,
            day: Day(-1),
            visible_from: Day(7),
            kind: LineKind::Return,
            quantity: -1.5,
            amount_minor,
            order_id,
            product_id: "Käse",
            return_of: "",
            rest,
        };
        let mut bytes = Vec::new();
        let written = [(3, line("b", 1, "x")), (3, line("a", 9, "")), (1, line("z", 0, "")), (3, line("b", 1, "w"))];
        written.iter().for_each(|(customer, line)| encode(&mut bytes, *customer, line));
        let mut read = decode(&bytes);
        assert_eq!(read, written);
        sort(&mut read);
        let order: Vec<_> = read.iter().map(|(customer, line)| (*customer, line.order_id, line.rest)).collect();
        assert_eq!(order, [(1, "z", ""), (3, "a", ""), (3, "b", "w"), (3, "b", "x")]);
    }
}
