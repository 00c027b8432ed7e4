//! What a join keeps from tick to tick, and how it is saved.

use std::sync::Arc;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::few;
use super::joining_row::{JoiningRow, RowId};
use crate::flow::Diff;
use crate::row::Joining;

/// A record and the rows that name it.
#[derive(Default)]
pub struct JoinState {
    pub record: Option<Arc<Joining>>,
    /// The rows that stand, each with how often. Of an id there is one as a rule: within a tick, and where a
    /// program numbers rows anew, there are several.
    rows: HashMap<RowId, SmallVec<[(JoiningRow, Diff); 1]>>,
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
    pub fn rows(&self) -> impl Iterator<Item = &(JoiningRow, Diff)> {
        self.rows.values().flatten()
    }

    pub fn add(&mut self, row: JoiningRow, diff: Diff) {
        let id = row.id();
        let alike = self.rows.entry(id).or_default();
        few::add(alike, row, diff);
        alike.retain(|(_, times)| *times != 0);
        if alike.is_empty() {
            self.rows.remove(&id);
        }
    }

    pub fn put_back(&mut self, held: HeldJoin) {
        match held {
            HeldJoin::Record(record) => self.record = Some(record),
            HeldJoin::Row(row, diff) => self.add(row, diff),
        }
    }

    /// All of it, as it is saved.
    pub fn held(&self) -> impl Iterator<Item = HeldJoin> {
        let rows = self.rows().map(|(row, diff)| HeldJoin::Row(row.clone(), *diff));
        self.record.iter().cloned().map(HeldJoin::Record).chain(rows)
    }
}
