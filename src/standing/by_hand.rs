//! All joins of a plan, one after the other: for whoever reads rows without a dataflow.

use std::sync::Arc;

use super::change::RowChange;
use super::join::Join;
use super::joined_changes::JoinedChanges;
use super::joining::{JoinInput, joining_row, joins, parted_by_key, past, record, record_key};
use crate::flow::{Emit, KeyedState};
use crate::plan::Plan;
use crate::state::batch::Batch;

pub struct JoinsByHand {
    plan: Arc<Plan>,
    joins: Vec<KeyedState<Join>>,
    said: JoinedChanges,
}

impl JoinsByHand {
    pub fn new(plan: &Arc<Plan>) -> Self {
        let joins = (0..joins(plan)).map(|_| KeyedState::new(Join::default()));
        JoinsByHand {
            joins: joins.collect(),
            said: JoinedChanges::new(plan),
            plan: Arc::clone(plan),
        }
    }

    /// What a tick's changes come to once the joined tables are looked at.
    pub fn apply(&mut self, changes: Batch<RowChange>) -> Batch<RowChange> {
        if self.joins.is_empty() {
            return changes;
        }
        let plan = &self.plan;
        let records: Vec<_> = changes.iter().filter_map(|change| record(plan, change)).collect();
        let mut done: Batch<RowChange> =
            changes.iter().filter_map(|change| past(plan, change)).collect();
        let rows = changes.into_iter().filter_map(|change| joining_row(plan, change));
        let mut joining: Vec<_> = rows.collect();
        for (number, join) in self.joins.iter_mut().enumerate() {
            let (mut inputs, mut passing) = (Batch::default(), Vec::new());
            for (row, diff) in joining.drain(..) {
                match parted_by_key(plan, number, row) {
                    Ok(input) => inputs.push((input, 0, diff)),
                    Err(row) => passing.push((row, diff)),
                }
            }
            for (record, diff) in &records {
                if let Some(key) = record_key(plan, number, record) {
                    inputs.push(((key, JoinInput::Record(Arc::clone(record))), 0, *diff));
                }
            }
            let mut out = Emit::at(0);
            join.apply_tick(None, inputs, &mut out);
            joining = passing;
            joining.extend(out.into_updates().into_iter().map(|(row, _, diff)| (row, diff)));
        }
        self.said.apply(joining, &mut done);
        done
    }
}
