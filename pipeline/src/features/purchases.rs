//! What a customer bought, category by category or product by product, and day by day: what due lists are made of.

use super::seen::{Bought, Seen};
use crate::config::RawDueLevel;
use crate::time::Day;

/// A day on which a customer bought an item: something of a category, or a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Purchase {
    /// Place of the category, or of the product; 0 where it is not known, and for what lasts: a visit, and nothing that is due.
    pub item: u32,
    /// The day.
    pub day: Day,
    /// The day from which it was known.
    pub known_from: Day,
    /// Units, in thousandths.
    pub milli_units: i64,
}

impl Purchase {
    /// Bytes of a purchase.
    pub const BYTES: usize = 18;

    /// Appends the purchase as bytes. What reached the lake after nine thousand weeks is said to have come then.
    pub fn encode(&self, bytes: &mut Vec<u8>) {
        let late = u16::try_from(self.known_from.since(self.day)).unwrap_or(u16::MAX);
        let mut all = [0; Self::BYTES];
        all[..4].copy_from_slice(&self.item.to_le_bytes());
        all[4..8].copy_from_slice(&self.day.0.to_le_bytes());
        all[8..10].copy_from_slice(&late.to_le_bytes());
        all[10..].copy_from_slice(&self.milli_units.to_le_bytes());
        bytes.extend_from_slice(&all);
    }

    /// Appends the purchases that so many bytes are, and tells the bytes after them; None where there are too few.
    pub fn decode<'a>(bytes: &'a [u8], count: usize, purchases: &mut Vec<Self>) -> Option<&'a [u8]> {
        let (these, rest) = bytes.split_at_checked(count.checked_mul(Self::BYTES)?)?;
        let one = |bytes: &[u8]| {
            let four = |from: usize| bytes[from..from + 4].try_into().expect("four bytes");
            let day = Day(i32::from_le_bytes(four(4)));
            let late = u16::from_le_bytes([bytes[8], bytes[9]]);
            let (item, milli_units) = (u32::from_le_bytes(four(0)), i64::from_le_bytes(bytes[10..].try_into().expect("eight bytes")));
            Self { item, day, known_from: day.plus(i32::from(late)), milli_units }
        };
        purchases.extend(these.chunks_exact(Self::BYTES).map(one));
        Some(rest)
    }
}

/// A customer's purchases at a level, by item, oldest first: several of a day are one. They take the place of what `all` held.
pub fn purchases(seen: &Seen<'_>, level: RawDueLevel, all: &mut Vec<Purchase>) {
    let (catalogue, date) = (&seen.about.world.catalogue, seen.facts.date);
    all.clear();
    all.extend(seen.bought().iter().map(|&Bought { line, age, category }| {
        let (day, product) = (date.plus(-(age as i32)), line.product as usize);
        let item = match level {
            _ if catalogue.lasts[product] => 0,
            RawDueLevel::Product => line.product,
            _ => category,
        };
        Purchase { item, day, known_from: line.visible_from.max(day), milli_units: i64::from(line.milli_units) }
    }));
    all.sort_unstable();
    all.dedup_by(|next, first| {
        let same = (next.item, next.day) == (first.item, first.day);
        // Of the lines of a day the one that was known first stands first.
        first.milli_units += if same { next.milli_units } else { 0 };
        same
    });
}

#[cfg(test)]
mod tests {
    use super::super::facts::tests::worked_lines;
    use super::super::{About, Orders, Person, View, World};
    use super::*;

    /// Orders on days 10, 20, 20 and 50, two units each; the last arrived on 55.
    #[test]
    fn lines_of_a_day_are_one_purchase() {
        let (lines, mut orders) = (worked_lines(), Orders::default());
        orders.find(&lines);
        let facts = orders.facts(&lines, View { date: Day(60), observed_to: Day(60), lookback_days: 365 });
        let (world, person) = (World::nothing(), Person::default());
        let mut found = vec![Purchase { item: 9, day: Day(0), known_from: Day(0), milli_units: 0 }];
        purchases(&orders.seen(&lines, facts, About { world: &world, person: &person, events: &[] }), RawDueLevel::Category, &mut found);
        let one = |day, known, milli_units| Purchase { item: 0, day: Day(day), known_from: Day(known), milli_units };
        assert_eq!(found, [one(10, 10, 2000), one(20, 20, 4000), one(50, 55, 2000)]);
        let mut bytes = Vec::new();
        found.iter().for_each(|purchase| purchase.encode(&mut bytes));
        bytes.push(9);
        let mut again = Vec::new();
        assert_eq!((Purchase::decode(&bytes, 3, &mut again), again), (Some(&[9][..]), found));
        assert_eq!(Purchase::decode(&bytes, 4, &mut Vec::new()), None);
    }
}
