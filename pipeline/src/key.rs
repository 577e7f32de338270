//! Keyed hashes: customer ids, shards, samples, arms.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use twox_hash::{XxHash3_64, XxHash3_128};

/// The byte between parts of a composite key; forbidden in sources.
pub const SEPARATOR: u8 = 0x1F;

/// A SHA-256 digest.
pub type Hash = [u8; 32];

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The first 64 bits of a digest, as the unsigned number that orders and cuts.
fn head(hash: &Hash) -> u64 {
    u64::from_be_bytes(hash[..8].try_into().expect("a digest has 32 bytes"))
}

/// The first 64 bits of SHA-256 of `bytes`.
pub fn hash64(bytes: &[u8]) -> u64 {
    head(&sha256(bytes))
}

/// A customer_id or household_id: 16 bytes, written as lower-case hexadecimal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub [u8; 16]);

impl Id {
    /// customer_id of a person whose first-seen source customer is this one: the first 16 bytes of SHA-256 of source, byte 0x1F,
    /// source_customer_id.
    pub fn customer(source: &str, source_customer_id: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(source.as_bytes());
        hasher.update([SEPARATOR]);
        hasher.update(source_customer_id.as_bytes());
        Self::of(&hasher.finalize().into())
    }

    /// household_id of a household key: the first 16 bytes of SHA-256 of byte 0x1F, `household`, byte 0x1F, key; no customer_id is
    /// made like that.
    pub fn household(household_key: &str) -> Self {
        Self::of(&sha256(format!("\u{1f}household\u{1f}{household_key}").as_bytes()))
    }

    /// household_id of a household of which no key is known: made of the customer_id of its oldest member, so that it tells no address.
    pub fn household_of(oldest: Id) -> Self {
        Self::of(&sha256(format!("\u{1f}household\u{1f}\u{1f}{oldest}").as_bytes()))
    }

    /// Its first and its last eight bytes, as numbers.
    pub fn halves(self) -> [u64; 2] {
        let half = |from: usize| u64::from_be_bytes(self.0[from..from + 8].try_into().expect("eight bytes"));
        [half(0), half(8)]
    }

    /// The id of these halves.
    pub fn of_halves(halves: [u64; 2]) -> Self {
        let mut bytes = [0; 16];
        bytes.chunks_exact_mut(8).zip(halves).for_each(|(bytes, half)| bytes.copy_from_slice(&half.to_be_bytes()));
        Self(bytes)
    }

    fn of(hash: &Hash) -> Self {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash[..16]);
        Self(bytes)
    }

    /// The number by which customers are ordered and divided into shards: the first 64 bits of SHA-256 of the written customer_id.
    pub fn order(self) -> u64 {
        hash64(&self.written())
    }

    /// The id as it is written.
    pub fn written(self) -> [u8; 32] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut written = [0; 32];
        for (pair, byte) in written.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        written
    }
}

impl std::str::FromStr for Id {
    type Err = ();

    /// Reads what `written` gave.
    fn from_str(text: &str) -> Result<Self, ()> {
        let digits: &[u8; 32] = text.as_bytes().try_into().map_err(drop)?;
        // What is neither 0-9 nor a-f becomes more than 15; no branch is taken, so that many digits are read at once.
        let halves = digits.map(|digit| match digit.wrapping_sub(b'0') {
            number @ 0..=9 => number,
            _ => digit.wrapping_sub(b'a').saturating_add(10),
        });
        let is_written = halves.iter().fold(true, |all, half| all & (*half < 16));
        is_written.then(|| Self(std::array::from_fn(|byte| halves[2 * byte] << 4 | halves[2 * byte + 1]))).ok_or(())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A number for `bytes` that differs for others, within what starts with `seed`: XXH3. It is for equality within a run, or to thin out, never published.
#[inline]
pub fn fingerprint(seed: u64, bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot_with_seed(seed, bytes)
}

/// As `fingerprint`, of 128 bits: no two of thousands of millions are alike.
#[inline]
pub fn wide_fingerprint(seed: u64, bytes: &[u8]) -> u128 {
    XxHash3_128::oneshot_with_seed(seed, bytes)
}

/// Many ids.
pub type Ids = HashSet<Id, BuildHasherDefault<Spread>>;

/// A hasher of fingerprints: they are spread already.
#[derive(Debug, Default, Clone, Copy)]
pub struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = fingerprint(self.0, bytes);
    }

    fn write_u32(&mut self, number: u32) {
        // Numbers that are given out in turn are not spread: the product with 2^64 over the golden ratio is, folded.
        let product = u128::from(number) * 0x9E37_79B9_7F4A_7C15;
        self.0 = product as u64 ^ (product >> 64) as u64;
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn write_u128(&mut self, number: u128) {
        self.0 = number as u64 ^ ((number >> 64) as u64).rotate_left(32);
    }
}

/// Numbers drawn in a layer: uniform, the same in every run with the same salt, independent between layers.
#[derive(Clone)]
pub struct Draws(Hmac<Sha256>);

impl Draws {
    /// Those of `layer` under `salt`.
    pub fn new(salt: &str, layer: &str) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(salt.as_bytes()).expect("HMAC takes a key of any length");
        mac.update(layer.as_bytes());
        mac.update(&[SEPARATOR]);
        Self(mac)
    }

    /// The number of `id`.
    pub fn of(&self, id: &[u8]) -> u64 {
        let mut mac = self.0.clone();
        mac.update(id);
        head(&mac.finalize().into_bytes().into())
    }
}

/// Source customers that are to be forgotten: all that is known of each is a keyed hash, of 16 bytes.
#[derive(Clone, Default)]
pub struct Erased {
    mac: Option<Hmac<Sha256>>,
    hashes: Arc<HashSet<[u8; 16]>>,
}

impl fmt::Debug for Erased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Erased({})", self.hashes.len())
    }
}

impl Erased {
    /// Those whose hashes under `key` are `hashes`.
    pub fn new(key: &str, hashes: HashSet<[u8; 16]>) -> Self {
        let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes a key of any length");
        Self { mac: Some(mac), hashes: Arc::new(hashes) }
    }

    /// The hash of a source customer; None without a key.
    pub fn hash(&self, source: &str, source_customer_id: &str) -> Option<[u8; 16]> {
        let mut mac = self.mac.clone()?;
        for part in [b"erased", source.as_bytes(), source_customer_id.as_bytes()] {
            mac.update(part);
            mac.update(&[SEPARATOR]);
        }
        let hash: Hash = mac.finalize().into_bytes().into();
        hash.first_chunk().copied()
    }

    /// Whether a source customer is to be forgotten.
    pub fn holds(&self, source: &str, source_customer_id: &str) -> bool {
        !self.is_empty() && self.hash(source, source_customer_id).is_some_and(|hash| self.hashes.contains(&hash))
    }

    /// The hash of a customer_id that such people had; None without a key.
    pub fn hash_id(&self, id: Id) -> Option<[u8; 16]> {
        // No source holds the separator.
        self.hash("\u{1f}customer_id", &id.to_string())
    }

    /// Whether people who are to be forgotten had a customer_id.
    pub fn holds_id(&self, id: Id) -> bool {
        !self.is_empty() && self.hash_id(id).is_some_and(|hash| self.hashes.contains(&hash))
    }

    /// Whether nobody is.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }
}

/// Whether a drawn number falls into the first `share` of all numbers.
pub fn within_share(drawn: u64, share: f64) -> bool {
    // 2^64 numbers; a share of them is exact in 128 bits.
    u128::from(drawn) < (share * 18_446_744_073_709_551_616.0) as u128
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_draws_are_those_of_other_programs() {
        // printf 'shop\x1f42' | sha256sum; printf %s <id> | sha256sum
        let id = Id::customer("shop", "42");
        assert_eq!(id.to_string(), "c1083af6739cfe901e12463d8ac77f44");
        assert_eq!(id.written(), *b"c1083af6739cfe901e12463d8ac77f44");
        assert_eq!(id.order(), 0x5f40_5461_56e1_edd8);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(
            ["", "c1083af6739cfe901e12463d8ac77f4", "C1083AF6739CFE901E12463D8AC77F44", "c1083af6739cfe901e12463d8ac77fé"]
                .iter()
                .all(|text| text.parse::<Id>().is_err())
        );
        // Of all that can stand at the end, the sixteen digits alone are read.
        let read: String = (0..128u8).map(char::from).filter(|last| format!("c1083af6739cfe901e12463d8ac77f4{last}").parse::<Id>().is_ok()).collect();
        assert_eq!(read, "0123456789abcdef");
        // printf 'arms\x1fa' | openssl dgst -sha256 -hmac salt
        assert_eq!(Draws::new("salt", "arms").of(b"a"), 0x13446271ff14a40a);
    }

    #[test]
    fn shares_at_their_ends() {
        assert!(!within_share(0, 0.0));
        assert!(within_share(u64::MAX / 2, 0.5));
        assert!(!within_share(u64::MAX / 2 + 1, 0.5));
    }
}
