//! The purchases of everyone by category, by shard: made by `collect`, read by whoever makes due lists.

use super::layer::{pack, unpack};
use super::partition::{Partition, Scratch, share_of};
use crate::allowance::Allowance;
use crate::error::{Error, Result};
use crate::features::Purchase;

/// Purchases, customer by customer.
pub struct Purchases(Partition);

impl Purchases {
    /// Room for the purchases of so many shards.
    pub(super) fn new(shards: usize, memory: &Allowance, scratch: Scratch<'_>) -> Self {
        Self(Partition::new("collect purchases", shards, &share_of(memory), scratch))
    }

    /// Keeps those of a shard's customers, in their order.
    pub(super) fn put(&self, shard: usize, purchases: &[Vec<Purchase>]) -> Result<()> {
        self.0.add(shard, lz4_flex::block::compress_prepend_size(&pack(&purchases)?))
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.0.shards()
    }

    /// The purchases of a shard's customers, in their order.
    ///
    /// # Errors
    /// `Limit` if scratch cannot be read.
    pub fn read(&self, shard: usize) -> Result<Vec<Vec<Purchase>>> {
        let packed = self.0.read(shard)?;
        let unpacked = lz4_flex::block::decompress_size_prepended(&packed).ok().and_then(|bytes| unpack(&bytes));
        unpacked.ok_or_else(|| Error::bug("purchases of a shard: other bytes than were written"))
    }
}
