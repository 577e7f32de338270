//! Regulars: from a Parquet lake of order lines to published customer groups and target lists.
//!
//! The modules stand in the order in which data passes them; a module may use only what stands above it. Without the feature `engine`
//! only what reads other people's bytes is built, and no Polars: for fuzzing.

pub mod error;
pub mod config;
pub mod time;
pub mod money;
pub mod key;
pub mod table;
pub mod rule;
pub mod allowance;
pub mod store;
pub mod columnar;
pub mod lake;
#[cfg(feature = "engine")]
pub mod audit;
#[cfg(feature = "engine")]
pub mod customers;
#[cfg(feature = "engine")]
pub mod features;
#[cfg(feature = "engine")]
pub mod labels;
#[cfg(feature = "engine")]
pub mod metrics;
#[cfg(feature = "engine")]
pub mod models;
#[cfg(feature = "engine")]
pub mod shards;
#[cfg(feature = "engine")]
pub mod backtest;
#[cfg(feature = "engine")]
pub mod groups;
pub mod campaigns;
pub mod report;
pub mod publish;
#[cfg(feature = "engine")]
pub mod sample;
#[cfg(feature = "engine")]
pub mod job;
