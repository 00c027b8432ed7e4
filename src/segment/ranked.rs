//! What of each person is ranked: the values before there are ranks.

use std::sync::Arc;

use hashbrown::HashSet;
use smallvec::SmallVec;

use super::evaluate::{Evaluator, GROUP};
use super::rank_change::Ranked;
use super::sight::Sight;
use crate::columns;
use crate::flow::Update;
use crate::metrics::SharedCounts;
use crate::plan::Plan;
use crate::profile::PersonState;
use crate::row::Datum;
use crate::state::batch::{Batch, apply_prefetched};
use crate::state::held::Holds;
use crate::state::slots::{Slot, Slots};

/// One worker's share of the people, by what is ranked of them.
pub struct RankedValues {
    evaluator: Evaluator,
    /// One value a rank, of those who have any.
    people: Slots<Box<[Option<Datum>]>>,
    counts: SharedCounts,
}

impl RankedValues {
    pub fn new(plan: Arc<Plan>, counts: SharedCounts) -> Self {
        // What fails below the ranks is counted where all columns are evaluated.
        let evaluator =
            Evaluator::new(Arc::clone(&plan), Sight::of_ranks(&plan), SharedCounts::default());
        RankedValues { evaluator, people: Slots::default(), counts }
    }

    pub fn apply(&mut self, batch: Batch<Update<(Slot, PersonState)>>, ranked: &mut Batch<Ranked>) {
        let mut present: Vec<(Slot, PersonState)> = Vec::new();
        let mut gone: Vec<Slot> = Vec::new();
        for (person, _, diff) in batch {
            if diff > 0 { present.push(person) } else { gone.push(person.0) }
        }
        let stays: HashSet<Slot> = present.iter().map(|(slot, _)| *slot).collect();
        for slot in gone.into_iter().filter(|slot| !stays.contains(slot)) {
            if let Some(before) = self.people.remove(slot) {
                tell(slot, &before, &[], ranked);
            }
        }
        present.chunks(GROUP).for_each(|people| self.rank(people, ranked));
    }

    fn rank(&mut self, people: &[(Slot, PersonState)], ranked: &mut Batch<Ranked>) {
        let values = self.evaluator.ranked(people, &self.counts);
        let prefetch = |ranked: &Self, (_, slot): &(usize, Slot)| {
            ranked.people.get(*slot).map_or(0, |values| values.iter().flatten().count())
        };
        let rows: Batch<_> = people.iter().map(|(slot, _)| *slot).enumerate().collect();
        apply_prefetched(rows, self, &[prefetch], |known, (row, slot)| {
            let after: SmallVec<[Option<Datum>; 4]> =
                values.iter().map(|values| columns::datum(values, row)).collect();
            let before = match after.iter().any(Option::is_some) {
                true => known.people.insert(slot, Box::from(&after[..])),
                false => known.people.remove(slot),
            };
            tell(slot, before.as_deref().unwrap_or_default(), &after, ranked);
        });
    }
}

impl Holds for RankedValues {
    /// People.
    fn held(&self) -> usize {
        self.people.len()
    }
}

/// What is not there is null.
fn tell(slot: Slot, before: &[Option<Datum>], after: &[Option<Datum>], ranked: &mut Batch<Ranked>) {
    for rank in 0..before.len().max(after.len()) {
        let of = |values: &[Option<Datum>]| values.get(rank).cloned().flatten();
        let (before, after) = (of(before), of(after));
        if before != after {
            ranked.push(Ranked { slot, rank: rank as u16, before, after });
        }
    }
}
