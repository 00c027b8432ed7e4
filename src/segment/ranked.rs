//! What of each person is ranked: the values before there are ranks.

use std::sync::Arc;

use super::changed::{ChangedRows, side_by_side};
use super::evaluate::Evaluator;
use super::rank_change::Ranked;
use super::sight::Sight;
use crate::columns;
use crate::metrics::SharedCounts;
use crate::plan::Plan;
use crate::state::batch::Batch;

/// What is ranked of people, worked out of their rows: nothing is kept of it.
pub struct RankedValues {
    evaluator: Evaluator,
    counts: SharedCounts,
    /// What fails of a row that is taken back was counted when it came.
    counted: SharedCounts,
}

impl RankedValues {
    pub fn new(plan: Arc<Plan>, counts: SharedCounts) -> Self {
        // What fails below the ranks is counted where all columns are evaluated.
        let evaluator =
            Evaluator::new(Arc::clone(&plan), Sight::of_ranks(&plan), SharedCounts::default());
        RankedValues { evaluator, counts, counted: SharedCounts::default() }
    }

    /// Tells whose values differ.
    pub fn compare(&self, changed: &ChangedRows, ranked: &mut Batch<Ranked>) {
        let ChangedRows { was, is } = changed;
        let before = self.evaluator.ranked(was, &self.counted);
        let after = self.evaluator.ranked(is, &self.counts);
        for (person, of_was, of_is) in side_by_side(was, is) {
            for (rank, (before, after)) in (0..).zip(before.iter().zip(&after)) {
                let value = |values, row: Option<usize>| columns::datum(values, row?);
                let (before, after) = (value(before, of_was), value(after, of_is));
                if before != after {
                    ranked.push(Ranked { person, rank, before, after });
                }
            }
        }
    }
}
