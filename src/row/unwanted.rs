//! Rows that are not to be there: what they are known by.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Body, IdentifierHash, KeyedHashes, Row};

/// What rows have that are not to be there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unwanted {
    /// Rows leave that carry one of these, or name one where they do not stand.
    pub identifiers: BTreeSet<IdentifierHash>,
    /// By source of the plan, keys of records of which nothing is left: rows leave that say that such a record is gone.
    pub keys: BTreeSet<(u16, u128)>,
    /// As `identifiers`, of whom nothing else is kept.
    pub suppressed: KeyedHashes,
}

impl Unwanted {
    /// Of whoever has one of these.
    pub fn of(identifiers: BTreeSet<IdentifierHash>) -> Self {
        Unwanted { identifiers, ..Unwanted::default() }
    }

    pub fn is_empty(&self) -> bool {
        self.identifiers.is_empty() && self.keys.is_empty() && self.suppressed.is_empty()
    }

    pub fn has(&self, identifier: IdentifierHash) -> bool {
        self.identifiers.contains(&identifier) || self.suppressed.has(identifier)
    }

    /// Whether a row is one of them by what it carries, or by its key.
    pub fn names(&self, row: &Row) -> bool {
        match (&row.body, row.key) {
            (Some(body), _) => {
                let carried = body.said().iter().flat_map(Body::identifiers);
                carried.into_iter().any(|identifier| self.has(identifier.hash))
            }
            (None, Some(key)) => self.keys.contains(&(row.source, key.bits())),
            (None, None) => false,
        }
    }
}
