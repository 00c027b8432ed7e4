//! The few types that every stage speaks: data, identifiers, rows, records of a changelog.

mod body;
mod datum;
mod identifier;
mod key;
mod keyed_hashes;
mod position;
#[cfg(test)]
pub mod tests;
mod unwanted;
pub mod value_bytes;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use body::{Body, BodyBuilder, Carried, Input, Joining, Mentioned, Verdict};
pub use datum::{Datum, Items, Unscaled, canonical};
pub use identifier::{Identifier, IdentifierHash};
pub use key::OwnKey;
pub use keyed_hashes::KeyedHashes;
pub use position::{Position, RawPosition};
pub use unwanted::Unwanted;

use crate::time::{Micros, Tick};

/// An accepted row. Ticks under load are full of these, so that each has as few bytes as what it says allows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// Index into `Plan::sources`.
    pub source: u16,
    /// The id of an event, or the key of a record; `None` for events of a source without `id`.
    pub key: Option<OwnKey>,
    pub time: Micros,
    pub position: Position,
    pub arrived: RowArrival,
    /// `None` where the row says that the record is gone.
    pub body: Option<Body>,
}

/// When a row came: in the order of ticks, and by the clock that a tick carries.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RowArrival {
    pub tick: Tick,
    pub at: Micros,
}

impl RowArrival {
    /// With the tick in which it is, as most do. A stored row that is read back has an arrival of its own, since it shares
    /// its tick with rows that came before it and after.
    pub const WITH_ITS_TICK: RowArrival = RowArrival { tick: Tick::MAX, at: Micros::MIN };
}

impl Row {
    /// Whether it carries one of some identifiers.
    pub fn carries(&self, hashes: &BTreeSet<IdentifierHash>) -> bool {
        let said = self.body.iter().flat_map(Body::said);
        said.flat_map(Body::identifiers).any(|identifier| hashes.contains(&identifier.hash))
    }
}

/// A row that stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StandingRow {
    /// Index into `Plan::sources`.
    pub source: u16,
    pub time: Micros,
    pub body: Body,
}

/// The codes of reasons: a fixed set, which `docs/reference.md` explains.
pub const REASON_CODES: [&str; 16] = [
    "malformed",
    "too_many_columns",
    "too_few_columns",
    "not_utf8",
    "too_long",
    "wrong_type",
    "out_of_range",
    "unmapped",
    "missing_id",
    "missing_key",
    "missing_time",
    "time_ahead",
    "unidentified",
    "expression",
    "cut_off",
    "unreadable",
];

/// Why a row, or a field of it, is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// One of [`REASON_CODES`].
    pub code: &'static str,
    /// The field's path in the raw row, or the expression's place in the definition; may be empty.
    pub path: String,
    pub message: String,
}

/// A row that was set aside: what `rejects` publishes, less the source's name and the instant.
#[derive(Clone, Debug)]
pub struct Reject {
    pub source: u16,
    pub position: RawPosition,
    pub reasons: Vec<Reason>,
    pub raw: Vec<u8>,
}
