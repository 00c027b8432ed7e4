//! Links between identifiers, counted by the rows that stand and carry them.

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use crate::decode::admit::RowChange;
use crate::row::IdentifierHash;

/// The more trusted end first.
pub(super) type Link = (IdentifierHash, IdentifierHash);

/// A row links its most trusted identifier with each of the others.
pub(super) fn links(row: RowChange) -> impl Iterator<Item = (Link, i8)> {
    let RowChange { diff, body, .. } = row;
    let others = if diff == 0 { 0 } else { body.identifiers.len().saturating_sub(1) };
    (0..others)
        .map(move |other| ((body.identifiers[0].hash, body.identifiers[other + 1].hash), diff))
}

#[derive(Default)]
pub(super) struct SupportedLinks {
    rows: HashMap<Link, i64>,
    /// Touched in the tick at hand, with whether they were supported before it.
    touched: HashMap<Link, bool>,
}

impl SupportedLinks {
    /// Tells which links gained (1) or lost (-1) all support.
    pub fn apply(&mut self, batch: Vec<(Link, i8)>, mut tell: impl FnMut(Link, isize)) {
        for (link, diff) in batch {
            match self.rows.entry(link) {
                Entry::Vacant(vacant) => {
                    vacant.insert(diff as i64);
                    self.touched.entry(link).or_insert(false);
                }
                Entry::Occupied(mut rows) => {
                    let before = *rows.get();
                    let after = before + diff as i64;
                    if (before > 0) != (after > 0) {
                        self.touched.entry(link).or_insert(before > 0);
                    }
                    match after {
                        0 => drop(rows.remove()),
                        _ => *rows.get_mut() = after,
                    }
                }
            }
        }
        for (link, before) in self.touched.drain() {
            let after = self.rows.get(&link).is_some_and(|rows| *rows > 0);
            match (before, after) {
                (false, true) => tell(link, 1),
                (true, false) => tell(link, -1),
                _ => (),
            }
        }
    }
}
