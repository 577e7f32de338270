//! Regulars: from a Parquet lake of order lines to published customer groups and target lists.
//!
//! The modules stand in the order in which data passes them; a module may use only what stands above it.

pub mod error;
pub mod config;
pub mod time;
pub mod money;
pub mod table;
pub mod rule;
pub mod key;
pub mod allowance;
pub mod store;
pub mod columnar;
pub mod lake;
pub mod audit;
pub mod customers;
pub mod features;
pub mod labels;
pub mod metrics;
pub mod models;
pub mod shards;
pub mod backtest;
pub mod groups;
pub mod campaigns;
pub mod report;
pub mod publish;
pub mod sample;
pub mod job;
