//! Where a row stood in its source.

use serde::{Deserialize, Serialize};

/// Where a row stood, comparable within its source: the later position is the greater. Rows are many, so it is no longer
/// than what it says.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(C, packed(4))]
pub struct Position {
    /// A file's place in the order of names, or a partition.
    pub part: u32,
    /// A line counted from 1, a row of a Parquet file counted from 1, or an offset.
    pub offset: u64,
}

/// Where something that was set aside stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RawPosition {
    /// A file as a whole, or a line of it: of a Parquet file the row.
    Line {
        file: String,
        line: Option<u64>,
    },
    Offset {
        topic: String,
        partition: u32,
        offset: u64,
    },
    /// The key, as text, of a record that an output does not take.
    Key {
        topic: Option<String>,
        key: String,
    },
}
