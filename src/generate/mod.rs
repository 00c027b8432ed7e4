//! A retail history of any size, the same for the same options: for trying things out, for tests and
//! for benches.
//!
//! Every row is a function of the seed and its number, so that a million people and ten million
//! events need no more memory than ten.

mod generated_row;
mod history;
mod random;
mod row;
mod target;

use std::path::PathBuf;

use crate::time::Micros;

pub use generated_row::{GeneratedRow, RowDestination};
pub use history::{History, RowReceiver};
pub use target::{GenerateError, run};

/// What to make.
#[derive(Clone, Debug)]
pub struct GenerateOptions {
    pub people: u64,
    pub events: u64,
    pub seed: u64,
    pub start: Micros,
    pub days: u32,
    /// Without the mess of real data: no bad rows.
    pub clean: bool,
    /// How much of that mess there is: what is wrong once in so many rows is wrong so many times as
    /// often.
    pub mess: u64,
    pub to: GenerateTarget,
}

#[derive(Clone, Debug)]
pub enum GenerateTarget {
    Folder(PathBuf),
    /// `rate`: rows a second; as fast as the broker takes them unless given.
    Kafka {
        brokers: String,
        rate: Option<f64>,
        partitions: i32,
    },
}
