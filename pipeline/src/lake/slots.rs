//! A table of what fingerprints stand for.

/// A place of the table: the low half of a fingerprint, and what that stands for.
#[derive(Debug, Clone, Copy, Default)]
struct Slot<V> {
    /// 0 where the place is free.
    low: u64,
    value: V,
}

/// What fingerprints stand for. The high half of one says where it is looked for, and the low half is compared: a look-up asks the memory for one line
/// of 64 bytes, mostly, and what tells two apart are 63 bits and those by which they are looked for, of which there are more the more there are: no two
/// of thousands of millions are taken for one.
#[derive(Debug, Clone)]
pub struct Slots<V> {
    /// A power of two of them, or none.
    slots: Vec<Slot<V>>,
}

impl<V> Default for Slots<V> {
    fn default() -> Self {
        Self { slots: Vec::new() }
    }
}

/// The low bits of the high half.
pub fn high(fingerprint: u128) -> u32 {
    (fingerprint >> 64) as u32
}

fn low(fingerprint: u128) -> u64 {
    fingerprint as u64 | 1
}

impl<V: Copy + Default> Slots<V> {
    /// What a fingerprint stands for, if it is there.
    #[inline]
    pub fn find(&self, fingerprint: u128) -> Option<V> {
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = high(fingerprint) as usize & mask;
        loop {
            let slot = self.slots.get(at)?;
            if slot.low == low(fingerprint) {
                return Some(slot.value);
            }
            if slot.low == 0 {
                return None;
            }
            at = (at + 1) & mask;
        }
    }

    /// What stands at the place where a fingerprint is looked for first.
    #[inline]
    fn first(&self, fingerprint: u128) -> u64 {
        let mask = self.slots.len().wrapping_sub(1);
        self.slots.get(high(fingerprint) as usize & mask).map_or(0, |slot| slot.low)
    }

    /// Adds one that is not there; room for it was made.
    pub fn put(&mut self, fingerprint: u128, value: V) {
        self.place(high(fingerprint), Slot { low: low(fingerprint), value });
    }

    fn place(&mut self, high: u32, slot: Slot<V>) {
        let mask = self.slots.len() - 1;
        let mut at = high as usize & mask;
        while self.slots[at].low != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = slot;
    }

    /// Makes room for `count` of them together; `high_of` says of each that is there by what it is looked for.
    pub fn reserve(&mut self, count: usize, high_of: impl Fn(V) -> u32) {
        // At most two of three are taken.
        if 3 * count > 2 * self.slots.len() {
            let slots = (2 * count).next_power_of_two().max(16);
            let held = std::mem::replace(&mut self.slots, vec![Slot::default(); slots]);
            held.into_iter().filter(|slot| slot.low != 0).for_each(|slot| self.place(high_of(slot.value), slot));
        }
    }
}

/// So many places are asked for at once: what they take fits a processor's own memory.
const AT_ONCE: usize = 256;

/// What each of `fingerprints` stands for in the table that `of` names for it. The places of many are asked for before any is looked at: a comparison
/// whose outcome nobody can foretell waits for the memory, and the next one behind it.
pub fn find_all<'a, V: Copy + Default + 'a>(fingerprints: &[u128], of: impl Fn(u128) -> &'a Slots<V>) -> Vec<Option<V>> {
    let mut found = Vec::with_capacity(fingerprints.len());
    for some in fingerprints.chunks(AT_ONCE) {
        std::hint::black_box(some.iter().fold(0, |all, fingerprint| all ^ of(*fingerprint).first(*fingerprint)));
        found.extend(some.iter().map(|fingerprint| of(*fingerprint).find(*fingerprint)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fingerprints of which three are looked for at one place, and at the next ones, over the end of the table and while it grows.
    #[test]
    fn what_was_put_is_found() {
        let fingerprint = |number: u32| u128::from(number / 3) << 64 | u128::from(number) << 1;
        let mut slots = Slots::default();
        assert_eq!(slots.find(fingerprint(0)), None);
        for number in (0..3000u32).rev() {
            slots.reserve(3000 - number as usize, |number: u32| high(fingerprint(number)));
            slots.put(fingerprint(number), number);
        }
        (0..3000).for_each(|number| assert_eq!(slots.find(fingerprint(number)), Some(number)));
        assert_eq!(slots.find(fingerprint(3000)), None);
        let wanted: Vec<u128> = (2000..3001).map(fingerprint).collect();
        assert_eq!(find_all(&wanted, |_| &slots), (2000..3000).map(Some).chain([None]).collect::<Vec<_>>());
    }
}
