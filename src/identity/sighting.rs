//! What rows say of an identifier by carrying it: that it is there, and when it was seen.

use serde::{Deserialize, Serialize};

use crate::flow::Diff;
use crate::row::{Body, Mentioned, Verdict};
use crate::time::Micros;

/// One row's word for an identifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    pub identifier: Mentioned<1>,
    pub seen: Micros,
    /// Whether the row stands. One that never did, since a newer record of its key stood already, only
    /// says when it saw its identifiers.
    pub stands: bool,
}

/// When a row saw what it carries. A decision sees nothing: it is about what other rows carry.
pub fn seen(body: &Body, time: Micros) -> Micros {
    match body.verdict() {
        Verdict::Together => time,
        Verdict::Same | Verdict::Different => Micros::MAX,
    }
}

/// What sightings come to.
///
/// First seen only ever falls and is kept when the identifier is forgotten, so that a correction renames
/// nobody. Decisions do not count for it, since what they do has to go with them: an identifier that only
/// decisions name comes after all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(C, packed(4))]
pub struct Sighted {
    /// Rows that stand and carry it.
    pub rows: i32,
    /// `Micros::MAX` while only decisions name it.
    pub first_seen: Micros,
}

impl Default for Sighted {
    fn default() -> Self {
        Sighted { rows: 0, first_seen: Micros::MAX }
    }
}

impl Sighted {
    pub fn apply(&mut self, seen: Micros, stands: bool, diff: Diff) {
        if stands {
            self.rows += diff as i32;
        }
        self.first_seen = self.first_seen.min(seen);
    }

    /// Whether a row that stands carries it.
    pub fn is_known(&self) -> bool {
        self.rows > 0
    }
}
