//! The purchases of everyone by category, by shard: made by `collect`, read by whoever makes due lists.

use super::partition::{Partition, Scratch};
use crate::allowance::Allowance;
use crate::error::{Error, Result};
use crate::features::Purchase;

/// They may hold this part of the memory: they are written once, and read shard by shard.
const SHARE: u64 = 32;

/// Purchases, customer by customer.
pub struct Purchases(Partition);

impl Purchases {
    /// Room for the purchases of so many shards.
    pub(super) fn new(shards: usize, memory: &Allowance, scratch: Scratch<'_>) -> Self {
        Self(Partition::new("collect purchases", shards, &Allowance::memory(memory.limit() / SHARE), scratch))
    }

    /// Keeps those of a shard's customers: by customer how many they are, and they.
    pub(super) fn put(&self, shard: usize, encoded: &[u8]) -> Result<()> {
        self.0.add(shard, lz4_flex::block::compress_prepend_size(encoded))
    }

    /// Appends a customer's purchases to those of others.
    pub(super) fn encode(purchases: &[Purchase], bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&(purchases.len() as u32).to_le_bytes());
        purchases.iter().for_each(|purchase| purchase.encode(bytes));
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.0.shards()
    }

    /// The purchases of a shard's customers, in their order.
    ///
    /// # Errors
    /// `Limit` if scratch cannot be read.
    pub fn read(&self, shard: usize) -> Result<OfShard> {
        let damaged = || Error::bug("purchases of a shard: other bytes than were written");
        let bytes = lz4_flex::block::decompress_size_prepended(&self.0.read(shard)?).map_err(|_| damaged())?;
        let mut of_shard = OfShard { purchases: Vec::with_capacity(bytes.len() / Purchase::BYTES), ends: Vec::new() };
        let mut rest = bytes.as_slice();
        while let Some((count, after)) = rest.split_first_chunk::<4>() {
            rest = Purchase::decode(after, u32::from_le_bytes(*count) as usize, &mut of_shard.purchases).ok_or_else(damaged)?;
            of_shard.ends.push(of_shard.purchases.len());
        }
        Ok(of_shard)
    }
}

/// The purchases of a shard's customers, one after another.
#[derive(Debug, Default)]
pub struct OfShard {
    purchases: Vec<Purchase>,
    /// By customer: where they end.
    ends: Vec<usize>,
}

impl OfShard {
    /// How many customers there are.
    pub fn customers(&self) -> usize {
        self.ends.len()
    }

    /// Those of a customer.
    pub fn of(&self, customer: usize) -> &[Purchase] {
        let from = if customer == 0 { 0 } else { self.ends[customer - 1] };
        &self.purchases[from..self.ends[customer]]
    }
}
