//! What joins take and give: rows of sources that join tables, and records of the tables.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thin_vec::ThinVec;

use super::change::{RowChange, RowStatus};
use super::held::HeldJoin;
use super::joining_row::{JoinKey, JoiningRow};
use crate::flow::Diff;
use crate::plan::Plan;
use crate::row::{Joining, StandingRow};

/// What a join takes of one key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum JoinInput {
    /// A record of the table.
    Record(Arc<Joining>),
    /// A row that names it.
    Row(JoiningRow),
    /// What a run before held.
    Held(Box<HeldJoin>),
}

/// How many tables a source of the plan joins at most.
pub fn joins(plan: &Plan) -> usize {
    let joined = plan.sources.iter().filter_map(|source| source.joined.as_ref());
    joined.map(|joined| joined.tables.len()).max().unwrap_or(0)
}

/// What goes past the joins: rows of sources that join nothing, rows that were evaluated already, and
/// of the others when something was first seen, which is a function of the rows and so of no record that stands beside them.
pub fn past(plan: &Plan, change: &RowChange) -> Option<RowChange> {
    let RowChange { status, row } = change;
    let joined = plan.sources[usize::from(row.source)].joined.as_ref();
    let Some(joined) = joined.filter(|_| row.body.joining().is_some()) else {
        return Some(change.clone());
    };
    let seen_now = match status {
        RowStatus::SeenOnly => true,
        // A row that counts whatever its records say is on its way anyhow.
        RowStatus::Stands => joined.condition.is_some(),
        RowStatus::Gone => false,
    };
    seen_now.then(|| RowChange { status: RowStatus::SeenOnly, row: row.clone() })
}

/// The row, if its source joins tables and it was not evaluated yet.
pub fn joining_row(plan: &Plan, change: RowChange) -> Option<(JoiningRow, Diff)> {
    let RowChange { status, row: StandingRow { source, time, body } } = change;
    plan.sources[usize::from(source)].joined.as_ref()?;
    let diff = diff_of(status)?;
    body.joining().is_some().then(|| (JoiningRow { time, body, records: ThinVec::new() }, diff))
}

/// The record, if its source is a table that others join.
pub fn record(plan: &Plan, change: &RowChange) -> Option<(Arc<Joining>, Diff)> {
    let RowChange { status, row } = change;
    let (joining, diff) = (row.body.joining()?, diff_of(*status)?);
    let is_table = plan.sources[usize::from(row.source)].joined.is_none();
    is_table.then(|| (Arc::clone(joining), diff))
}

/// The key of a record that some source joins as its table of this number.
pub fn record_key(plan: &Plan, number: usize, record: &Joining) -> Option<JoinKey> {
    let mut joined = plan.sources.iter().filter_map(|source| source.joined.as_ref());
    let is_joined = joined.any(|joined| {
        let table = joined.tables.get(number);
        table.is_some_and(|table| table.source == usize::from(record.source))
    });
    is_joined.then(|| (record.source, record.keys[0].expect("a record has a key")))
}

/// The record that a row names of the table with this number among those that its source joins; the row as
/// it goes on where it names none.
pub fn parted_by_key(
    plan: &Plan,
    number: usize,
    row: JoiningRow,
) -> Result<(JoinKey, JoinInput), JoiningRow> {
    let joined = plan.sources[row.source()].joined.as_ref().expect("it joins");
    let Some(table) = joined.tables.get(number) else { return Err(row) };
    match row.joining().keys[number] {
        Some(key) => Ok(((table.source as u16, key), JoinInput::Row(row))),
        None => Err(row.with(None)),
    }
}

fn diff_of(status: RowStatus) -> Option<Diff> {
    match status {
        RowStatus::Stands => Some(1),
        RowStatus::Gone => Some(-1),
        RowStatus::SeenOnly => None,
    }
}
