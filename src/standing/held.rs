//! What a stage of the joins holds from tick to tick, as it is saved.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::row::{Body, Joining, Position};
use crate::time::Micros;

/// A record's table and key, or the null that a row has instead.
pub type JoinKey = (u16, Option<u128>);

/// A row's source and position, and of one that was unnested the element.
pub type RowId = (u16, Position, u32);

/// The records of the tables whose stages a row has passed.
pub type Records = Vec<Option<Arc<Joining>>>;

/// A row that stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JoinedRow {
    pub time: Micros,
    /// The body as it was last emitted, or as it came where it never was.
    pub body: Arc<Body>,
    pub records: Records,
    pub emitted: Emitted,
    /// How many times more it came: what is read twice from one position is one row.
    pub again: u32,
}

/// What the stages behind know of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Emitted {
    /// It came with the tick at hand.
    Nothing,
    /// It stands, but does not count.
    Withheld,
    Standing,
}

/// What is held of a key that rows name of a table: its record, with what was counted of it, or one of its rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum HeldJoin {
    Record(JoinKey, Option<Arc<Joining>>, i32),
    Row(JoinKey, RowId, JoinedRow),
}

impl HeldJoin {
    /// Which worker holds it.
    pub fn route(&self) -> u64 {
        match self {
            HeldJoin::Record((_, key), ..) => key.expect("a record has a key") as u64,
            HeldJoin::Row((_, key), (_, position, _), _) => {
                key.map_or(position.offset, |key| key as u64)
            }
        }
    }
}
