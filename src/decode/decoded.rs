//! What became of a chunk.

use arrow::array::RecordBatch;

use super::early::Early;
use super::latest::Latest;
use super::named_by_row::NamedByRow;

use crate::row::{Reject, Row};
use crate::time::Micros;

/// What became of a chunk.
#[derive(Debug, Default)]
pub struct Decoded {
    pub rows: Vec<Row>,
    /// Runs of rows that arrived at one instant, with how many they are: all raw rows, whatever
    /// became of them.
    pub arrived: Vec<(Micros, u32)>,
    pub rejects: Vec<Reject>,
    /// The accepted rows as they are stored, where they are.
    pub stored: Option<RecordBatch>,
    /// Raw rows seen. Each is accepted, a reject or dropped.
    pub rows_in: u64,
    /// By the source's `where`. A record that is dropped is in `rows` too, as one that is gone: it takes the place
    /// of what its key held.
    pub dropped: u64,
    /// What rows and rejects hold, in bytes: rows themselves, what was evaluated for them, and rejects' raw rows.
    pub held: u64,
    /// What is to be stored of rows holds, in bytes.
    pub held_to_store: u64,
    /// The greatest event times of the rows, which are what `--clock event` follows.
    pub latest: Latest,
    /// The time of the newest row, none later than now; of a source whose rows have none, when they came.
    pub newest: Option<Micros>,
    /// Identifiers that rows name which do not stand or are rejects, where the decoder was asked for them.
    pub named: Vec<NamedByRow>,
    /// How early the timestamps are, while these are a source's first rows.
    pub early: Early,
}
