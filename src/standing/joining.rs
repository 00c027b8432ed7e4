//! What joins take and give: rows of sources that join tables, and records of the tables.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::change::{RowChange, RowStatus};
use super::held::{HeldJoin, Records, RowId};
use crate::plan::Plan;
use crate::row::{Body, Joining, StandingRow};
use crate::time::Micros;

/// What arrives at a stage.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum StageInput {
    /// A table's record, which stands from now on (1) or no longer (-1).
    Record(Arc<Joining>, i8),
    Row(JoiningRow),
    /// What a run before held.
    Held(Box<HeldJoin>),
}

/// A row on its way through the stages.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JoiningRow {
    pub time: Micros,
    /// 1: it stands, with these records. -1: it does no longer.
    pub diff: i8,
    pub body: Arc<Body>,
    /// The records of the tables whose stages it has passed.
    pub records: Records,
}

/// What leaves a stage.
#[derive(Clone, Debug)]
pub enum StageOutput {
    /// For the stages behind the joins.
    Change(RowChange),
    /// For the next stage.
    Row(JoiningRow),
}

/// How many stages a plan needs.
pub fn stages(plan: &Plan) -> usize {
    let joined = plan.sources.iter().filter_map(|source| source.joined.as_ref());
    joined.map(|joined| joined.tables.len()).max().unwrap_or(0)
}

/// What goes past the joins: rows of sources that join nothing, rows that were evaluated already, and
/// of the others when something was first seen, which is a function of the rows and so of no record that stands beside them.
pub fn past(plan: &Plan, change: &RowChange) -> Option<RowChange> {
    let RowChange { status, row } = change;
    let joined = plan.sources[usize::from(row.source)].joined.as_ref();
    let Some(joined) = joined.filter(|_| row.body.joining.is_some()) else {
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
pub fn joining_row(plan: &Plan, change: RowChange) -> Option<JoiningRow> {
    let RowChange { status, row: StandingRow { source, time, body } } = change;
    plan.sources[usize::from(source)].joined.as_ref()?;
    let diff = diff_of(status)?;
    body.joining.is_some().then(|| JoiningRow { time, diff, body, records: Records::new() })
}

/// The record, if its source is a table that others join.
pub fn record(plan: &Plan, change: &RowChange) -> Option<StageInput> {
    let RowChange { status, row } = change;
    let (joining, diff) = (row.body.joining.as_ref()?, diff_of(*status)?);
    let is_table = plan.sources[usize::from(row.source)].joined.is_none();
    is_table.then(|| StageInput::Record(Arc::clone(joining), diff))
}

/// How often more a row stands; `None` for one that never did.
fn diff_of(status: RowStatus) -> Option<i8> {
    match status {
        RowStatus::Stands => Some(1),
        RowStatus::Gone => Some(-1),
        RowStatus::SeenOnly => None,
    }
}

impl JoiningRow {
    pub fn joining(&self) -> &Joining {
        joining(&self.body)
    }

    pub fn id(&self) -> RowId {
        let Joining { source, position, element, .. } = self.joining();
        (*source, *position, *element)
    }
}

pub fn joining(body: &Body) -> &Joining {
    body.joining.as_ref().expect("rows of a source that joins tables say what they ask for")
}
