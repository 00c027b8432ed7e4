//! Rows beside the records of a table that they name.
//!
//! In differential's terms it is the left outer join of two collections by key, of rows with records, of which
//! there is at most one a key:
//!
//! ```text
//! rows.map(|row| (row.key, row)).join_map(&records, |_, row, record| row.with(Some(record)))
//!     .concat(&rows.antijoin(&records.keys()).map(|(_, row)| row.with(None)))
//! ```
//!
//! A source that joins several tables passes through as many of them; what it says with all its records,
//! [`JoinedChanges`](super::joined_changes::JoinedChanges) evaluates. Rows that name no record go past (`parted_by_key`), so
//! that they do not all lie with one worker.

use std::sync::Arc;

use super::few;
use super::held::JoinState;
use super::joining::JoinInput;
use super::joining_row::{JoinKey, JoiningRow, values};
use crate::flow::{Diff, Emit, Keep, Keyed};
use crate::row::Joining;

/// One worker's share of a join.
#[derive(Default)]
pub struct Join {
    /// What the tick at hand changes of the key at hand.
    records: Vec<(Arc<Joining>, Diff)>,
    rows: Vec<(JoiningRow, Diff)>,
}

impl Keyed for Join {
    type Key = JoinKey;
    type Value = JoinInput;
    type State = JoinState;
    type Face = ();
    type Output = JoiningRow;

    fn route((_, key): &JoinKey) -> u64 {
        *key as u64
    }

    fn held(state: &JoinState) -> usize {
        state.held()
    }

    fn face(&self, _: &JoinKey, _: &JoinState) {}

    fn apply(&mut self, _: &JoinKey, state: &mut JoinState, input: &mut JoinInput, diff: Diff) {
        match input {
            JoinInput::Record(record) => self.records.push((Arc::clone(record), diff)),
            JoinInput::Row(row) => self.rows.push((row.clone(), diff)),
            JoinInput::Held(held) => state.put_back((**held).clone()),
        }
    }

    fn flush(
        &mut self,
        _: &JoinKey,
        state: &mut JoinState,
        (): (),
        out: &mut Emit<JoiningRow>,
    ) -> Keep {
        let before = state.record.take();
        state.record = standing(before.clone(), &mut self.records);
        if values(&before) != values(&state.record) {
            for (row, times) in state.rows() {
                out.push(row.clone().with(before.clone()), -times);
                out.push(row.clone().with(state.record.clone()), times);
            }
        }
        for (row, diff) in self.rows.drain(..) {
            out.push(row.clone().with(state.record.clone()), diff);
            state.add(row, diff);
        }
        Keep::unless(state.is_empty())
    }
}

/// The record that stands after a tick's changes, which come in any order.
fn standing(
    before: Option<Arc<Joining>>,
    changes: &mut Vec<(Arc<Joining>, Diff)>,
) -> Option<Arc<Joining>> {
    if changes.is_empty() {
        return before;
    }
    let mut sums: Vec<(Arc<Joining>, Diff)> = before.into_iter().map(|of| (of, 1)).collect();
    changes.drain(..).for_each(|(record, diff)| few::add(&mut sums, record, diff));
    sums.into_iter().find_map(|(record, sum)| (sum > 0).then_some(record))
}
