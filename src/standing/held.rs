//! What a join keeps from tick to tick, and how it is saved.

use std::sync::Arc;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use serde::{Deserialize, Serialize};

use super::joining_row::{JoiningRow, RowId};
use crate::flow::Diff;
use crate::row::Joining;
use crate::state::table::spread;

/// A record and the rows that name it.
#[derive(Default)]
pub struct JoinState {
    pub record: Option<Arc<Joining>>,
    /// The rows that stand, by their ids, which they say themselves. Of an id there is one as a rule: within a tick,
    /// and where a program numbers rows anew, there are several.
    rows: HashTable<HeldRow>,
}

struct HeldRow {
    /// The hash of its id, so that rows are not looked at where the table grows.
    hash: u32,
    times: i32,
    row: JoiningRow,
}

/// An entry of a join, as it is saved.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum HeldJoin {
    Record(Arc<Joining>),
    Row(JoiningRow, Diff),
}

impl JoinState {
    pub fn is_empty(&self) -> bool {
        self.record.is_none() && self.rows.is_empty()
    }

    /// The rows that stand, each with how often.
    pub fn rows(&self) -> impl Iterator<Item = (&JoiningRow, Diff)> {
        self.rows.iter().map(|held| (&held.row, held.times as Diff))
    }

    /// About how many bytes it has, but for what rows and records say.
    pub fn held(&self) -> usize {
        self.rows.allocation_size()
    }

    pub fn add(&mut self, row: JoiningRow, diff: Diff) {
        let id = row.id();
        let (hash, times) = (hash(id), diff as i32);
        let is_it = |held: &HeldRow| held.hash == hash && held.row.id() == id && held.row == row;
        match self.rows.entry(spread(hash), is_it, |held| spread(held.hash)) {
            Entry::Occupied(mut held) => {
                held.get_mut().times += times;
                if held.get().times == 0 {
                    held.remove();
                }
            }
            Entry::Vacant(vacant) if times != 0 => {
                vacant.insert(HeldRow { hash, times, row });
            }
            Entry::Vacant(_) => {}
        }
    }

    pub fn put_back(&mut self, held: HeldJoin) {
        match held {
            HeldJoin::Record(record) => self.record = Some(record),
            HeldJoin::Row(row, diff) => self.add(row, diff),
        }
    }

    /// All of it, as it is saved.
    pub fn saved(&self) -> impl Iterator<Item = HeldJoin> {
        let rows = self.rows().map(|(row, diff)| HeldJoin::Row(row.clone(), diff));
        self.record.iter().cloned().map(HeldJoin::Record).chain(rows)
    }
}

/// The hash of a row's id: mostly one is a few more than another.
fn hash((source, position, element): RowId) -> u32 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let of_part = u64::from(source) << 32 | u64::from(position.part);
    let of_row = position.offset ^ u64::from(element) << 40;
    let mixed = of_part.wrapping_mul(FACTOR).rotate_left(32) ^ of_row;
    (mixed.wrapping_mul(FACTOR) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use smallvec::smallvec;
    use thin_vec::ThinVec;

    use super::*;
    use crate::row::{BodyBuilder, Position, Verdict};

    fn row(offset: u64, time: i64) -> JoiningRow {
        let position = Position { part: 0, offset };
        let (keys, values) = (smallvec![Some(1)], [].as_slice().into());
        let joining = Arc::new(Joining { source: 0, position, element: 0, keys, values });
        let body = BodyBuilder::default().build(Verdict::Together, Some(joining), ThinVec::new());
        JoiningRow { time, body, records: ThinVec::new() }
    }

    proptest! {
        #[test]
        fn rows_stand_as_often_as_they_came_less_than_they_went(
            changes in prop::collection::vec((0..40u64, 0..2i64, -2..3isize), 0..200),
        ) {
            let mut state = JoinState::default();
            let mut known = std::collections::BTreeMap::new();
            for (offset, time, diff) in changes {
                state.add(row(offset, time), diff);
                *known.entry((offset, time)).or_insert(0) += diff;
                known.retain(|_, times| *times != 0);
                let stand = state.rows().map(|(row, times)| {
                    ((row.joining().position.offset, row.time), times)
                });
                prop_assert_eq!(&stand.collect::<std::collections::BTreeMap<_, _>>(), &known);
                prop_assert_eq!(state.rows().count(), known.len());
                prop_assert_eq!(state.is_empty(), known.is_empty());
            }
            prop_assert_eq!(size_of::<HeldRow>(), 32);
        }
    }
}
