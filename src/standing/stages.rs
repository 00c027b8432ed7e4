//! All stages of a plan's joins, one after the other: for whoever reads rows without a dataflow.

use std::sync::Arc;

use super::change::RowChange;
use super::join::Stage;
use super::joining::{StageInput, StageOutput, joining_row, past, record, stages};
use crate::plan::Plan;
use crate::state::batch::Batch;

pub struct Stages {
    plan: Arc<Plan>,
    stages: Vec<Stage>,
}

impl Stages {
    pub fn new(plan: &Arc<Plan>) -> Self {
        let stages = (0..stages(plan)).map(|number| Stage::new(plan, number)).collect();
        Stages { plan: Arc::clone(plan), stages }
    }

    /// What a tick's changes come to once the joined tables are looked at.
    pub fn apply(&mut self, changes: Batch<RowChange>) -> Batch<RowChange> {
        if self.stages.is_empty() {
            return changes;
        }
        let records: Vec<StageInput> =
            changes.iter().filter_map(|change| record(&self.plan, change)).collect();
        let mut done: Batch<RowChange> =
            changes.iter().filter_map(|change| past(&self.plan, change)).collect();
        let rows = changes.into_iter().filter_map(|change| joining_row(&self.plan, change));
        let mut joining: Vec<_> = rows.collect();
        for (number, stage) in self.stages.iter_mut().enumerate() {
            let records = records.iter().filter(|of| Stage::takes(&self.plan, number, of)).cloned();
            let arrivals: Vec<_> = joining.drain(..).map(StageInput::Row).chain(records).collect();
            let mut outcomes = Batch::default();
            stage.apply(arrivals, &mut outcomes);
            for outcome in outcomes {
                match outcome {
                    StageOutput::Change(change) => done.push(change),
                    StageOutput::Row(row) => joining.push(row),
                }
            }
        }
        done
    }
}
