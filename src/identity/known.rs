//! Identifiers that rows carry: how many rows that stand, and when the first valid one was dated.
//!
//! First seen only ever falls and is kept when the identifier is forgotten, so that a correction
//! renames nobody. Decisions do not count for it, since what they do has to go with them: an identifier
//! that only decisions name comes after all others.

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::Named;
use crate::batch::{Batch, look_ahead};
use crate::decode::admit::RowChange;
use crate::held::Holds;
use crate::row::{Identifier, IdentifierHash};
use crate::table::{Entry, Table};
use crate::time::Micros;

/// One row's word for an identifier.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Carried {
    pub identifier: Identifier,
    time: Micros,
    diff: i8,
}

pub(super) fn carried(row: RowChange) -> impl Iterator<Item = Carried> {
    let (time, RowChange { diff, body, .. }) = (row.seen(), row);
    (0..body.identifiers.len()).map(move |index| Carried {
        identifier: body.identifiers[index].clone(),
        time,
        diff,
    })
}

#[derive(Default)]
pub(super) struct KnownIdentifiers {
    known: Table<IdentifierHash, Known>,
    /// Touched in the tick at hand, with whether they were known before it and since when.
    touched: HashMap<IdentifierHash, (bool, Option<Micros>)>,
}

struct Known {
    /// Rows that stand and carry it.
    rows: i64,
    first_seen: Micros,
}

impl Holds for KnownIdentifiers {
    /// How many identifiers have ever been seen.
    fn held(&self) -> usize {
        self.known.len()
    }
}

impl KnownIdentifiers {
    /// How many rows that stand carry an identifier, and when it was first seen.
    pub fn of(&self, identifier: IdentifierHash) -> Option<(i64, Micros)> {
        self.known.get(&identifier).map(|known| (known.rows, known.first_seen))
    }

    pub fn apply(&mut self, batch: Batch<Carried>, named: &mut Batch<Named>) {
        let mut identifiers = Vec::new();
        let look = |known: &Self, carried: &Carried| known.known.look(&carried.identifier.hash);
        look_ahead(batch, self, &[look], |known, carried| identifiers.extend(known.count(carried)));
        for identifier in identifiers {
            let now = &self.known[&identifier.hash];
            let (was_known, was_first_seen) = self.touched[&identifier.hash];
            let known = now.rows > 0;
            if (was_known, was_first_seen) == (known, Some(now.first_seen)) || !(was_known || known)
            {
                continue;
            }
            named.push(Named {
                hash: identifier.hash,
                kind: identifier.kind,
                text: identifier.text,
                first_seen: now.first_seen,
                known,
            });
        }
        self.touched.clear();
    }

    /// Counts a row's word. Returns the identifier where that is the first to change it in the tick.
    fn count(&mut self, carried: Carried) -> Option<Identifier> {
        let Carried { identifier, time, diff } = carried;
        let before = match self.known.entry(identifier.hash) {
            Entry::Vacant(vacant) => {
                vacant.insert(Known { rows: diff as i64, first_seen: time });
                (false, None)
            }
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                let before = (known.rows > 0, Some(known.first_seen));
                known.rows += diff as i64;
                known.first_seen = known.first_seen.min(time);
                if before == (known.rows > 0, Some(known.first_seen)) {
                    return None;
                }
                before
            }
        };
        self.touched.try_insert(identifier.hash, before).is_ok().then_some(identifier)
    }
}
