//! From rows with their records to what they say: evaluation by column, and consolidation.
//!
//! Nothing is kept of what was said: what a row said with the records of before is worked out again where it is
//! taken back, and where both are equal neither is told.

use std::sync::Arc;

use super::change::{RowChange, RowStatus};
use super::few;
use super::joined::{Evaluation, JoinCandidate};
use super::joining_row::JoiningRow;
use crate::flow::Diff;
use crate::plan::Plan;
use crate::row::{Body, StandingRow};
use crate::state::batch::Batch;
use crate::time::Micros;

/// Evaluates what comes out of the joins.
pub struct JoinedChanges {
    /// By source: `None` for one that joins nothing.
    evaluations: Vec<Option<Evaluation>>,
}

impl JoinedChanges {
    pub fn new(plan: &Arc<Plan>) -> Self {
        let sources = 0..plan.sources.len();
        JoinedChanges { evaluations: sources.map(|of| Evaluation::new(plan, of)).collect() }
    }

    /// What a whole tick's rows come to; how many expressions failed.
    pub fn apply(
        &self,
        rows: impl IntoIterator<Item = (JoiningRow, Diff)>,
        changes: &mut Batch<RowChange>,
    ) -> u64 {
        let mut rows: Vec<(JoiningRow, Diff)> = rows.into_iter().collect();
        rows.sort_by_cached_key(|(row, _)| row.id());
        let mut failed = 0;
        for of_source in rows.chunk_by_mut(|(one, _), (other, _)| one.source() == other.source()) {
            for of_id in of_source.chunk_by_mut(|(one, _), (other, _)| one.id() == other.id()) {
                consolidate(of_id, |(row, _)| changes.push(change(RowStatus::SeenOnly, row)));
            }
            failed += self.emit(of_source, changes);
        }
        failed
    }

    /// Tells what rows of one source say, in the order of their ids, and do no longer.
    fn emit(&self, rows: &[(JoiningRow, Diff)], changes: &mut Batch<RowChange>) -> u64 {
        let source = rows[0].0.source();
        let evaluation = self.evaluations[source].as_ref().expect("its source joins tables");
        let rows: Vec<&(JoiningRow, Diff)> = rows.iter().filter(|(_, diff)| *diff != 0).collect();
        let candidates = |stand: bool| {
            let rows = rows.iter().filter(move |(_, diff)| (*diff > 0) == stand);
            rows.map(|(row, _)| JoinCandidate::of(row)).collect::<Vec<_>>()
        };
        // What failed of a row that goes was counted when it came.
        let (gone, _) = evaluation.evaluate(&candidates(false));
        let (stand, failed) = evaluation.evaluate(&candidates(true));
        let (mut gone, mut stand) = (gone.into_iter(), stand.into_iter());
        let mut said: Vec<((Micros, Body), Diff)> = Vec::new();
        for of_id in rows.chunk_by(|(one, _), (other, _)| one.id() == other.id()) {
            for (row, diff) in of_id {
                let inputs = if *diff > 0 { stand.next() } else { gone.next() };
                let inputs = inputs.expect("each row was evaluated");
                if inputs.counts {
                    let body = evaluation.body(&row.body, inputs.inputs);
                    few::add(&mut said, (row.time, body), *diff);
                }
            }
            for ((time, body), diff) in said.drain(..) {
                let status = if diff > 0 { RowStatus::Stands } else { RowStatus::Gone };
                let row = StandingRow { source: source as u16, time, body };
                let told = RowChange { status, row };
                changes.extend(std::iter::repeat_n(told, diff.unsigned_abs()));
            }
        }
        failed
    }
}

/// Adds up the differences of equal rows, of which there are few; `passing` is told of a row that came and went.
fn consolidate(rows: &mut [(JoiningRow, Diff)], mut passing: impl FnMut(&(JoiningRow, Diff))) {
    for index in 1..rows.len() {
        let (before, rest) = rows.split_at_mut(index);
        let (row, diff) = &mut rest[0];
        if let Some(of) = before.iter_mut().find(|(of, sum)| *sum != 0 && of == row) {
            of.1 += std::mem::take(diff);
            if of.1 == 0 {
                passing(of);
            }
        }
    }
}

fn change(status: RowStatus, row: &JoiningRow) -> RowChange {
    let (source, body) = (row.joining().source, row.body.clone());
    RowChange { status, row: StandingRow { source, time: row.time, body } }
}
