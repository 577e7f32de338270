//! Keyed hashes: customer ids, shards, samples, arms.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

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

/// customer_id of a person whose first-seen source customer is this one: the first 16 bytes, in hex, of SHA-256 of
/// source, byte 0x1F, source_customer_id.
pub fn customer_id(source: &str, source_customer_id: &str) -> String {
    let mut bytes = source.as_bytes().to_vec();
    bytes.push(SEPARATOR);
    bytes.extend_from_slice(source_customer_id.as_bytes());
    hex(&sha256(&bytes)[..16])
}

/// household_id of a household key: the first 16 bytes, in hex, of SHA-256 of byte 0x1F, `household`, byte 0x1F, key; no
/// customer_id is made like that.
pub fn household_id(household_key: &str) -> String {
    hex(&sha256(format!("\u{1f}household\u{1f}{household_key}").as_bytes())[..16])
}

/// The number by which customers are ordered and divided into shards: the first 64 bits of SHA-256 of customer_id.
pub fn customer_hash(customer_id: &str) -> u64 {
    hash64(customer_id.as_bytes())
}

/// A number drawn for `id` in `layer`: uniform, the same in every run with the same salt, independent between layers.
pub fn draw(salt: &str, layer: &str, id: &str) -> u64 {
    let mut mac = Hmac::<Sha256>::new_from_slice(salt.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(layer.as_bytes());
    mac.update(&[SEPARATOR]);
    mac.update(id.as_bytes());
    head(&mac.finalize().into_bytes().into())
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
        assert_eq!(customer_id("shop", "42"), "c1083af6739cfe901e12463d8ac77f44");
        // printf 'arms\x1fa' | openssl dgst -sha256 -hmac salt
        assert_eq!(draw("salt", "arms", "a"), 0x13446271ff14a40a);
    }

    #[test]
    fn shares_at_their_ends() {
        assert!(!within_share(0, 0.0));
        assert!(within_share(u64::MAX / 2, 0.5));
        assert!(!within_share(u64::MAX / 2 + 1, 0.5));
    }
}
