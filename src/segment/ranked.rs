//! What of each person is ranked: the values before there are ranks.

use std::sync::Arc;

use smallvec::SmallVec;

use super::borders::Held;
use super::evaluate::Evaluator;
use super::sight::Sight;
use crate::batch::{Batch, look_ahead};
use crate::columns;
use crate::held::Holds;
use crate::identity::Component;
use crate::metrics::SharedCounts;
use crate::profile::{Person, PersonState};
use crate::row::Datum;
use crate::spec::plan::Plan;
use crate::table::Table;

/// A person's value by which a rank goes has changed; `None` is null, or no such person.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    pub component: Component,
    /// Index into `Plan::ranks`.
    pub rank: u16,
    pub before: Option<Datum>,
    pub after: Option<Datum>,
}

impl Ranked {
    /// What it does to the population of the rank.
    pub fn held(self) -> impl Iterator<Item = Held> {
        let Ranked { rank, before, after, .. } = self;
        let before = before.map(|value| Held { rank, value, diff: -1 });
        before.into_iter().chain(after.map(|value| Held { rank, value, diff: 1 }))
    }
}

/// One worker's share of the people, by what is ranked of them.
pub struct RankedValues {
    evaluator: Evaluator,
    /// One value a rank, of those who have any.
    people: Table<Component, Box<[Option<Datum>]>>,
    counts: SharedCounts,
}

impl RankedValues {
    pub fn new(plan: Arc<Plan>, counts: SharedCounts) -> Self {
        // What fails below the ranks is counted where all columns are evaluated.
        let evaluator =
            Evaluator::new(Arc::clone(&plan), Sight::of_ranks(&plan), SharedCounts::default());
        RankedValues { evaluator, people: Table::default(), counts }
    }

    /// A batch names a person once.
    pub fn apply(&mut self, batch: impl IntoIterator<Item = Person>, ranked: &mut Vec<Ranked>) {
        let mut present: Vec<(Component, PersonState)> = Vec::new();
        for Person { component, state } in batch {
            match state {
                Some(state) => present.push((component, state)),
                None => {
                    if let Some(before) = self.people.remove(&component) {
                        tell(component, &before, &[], ranked);
                    }
                }
            }
        }
        if present.is_empty() {
            return;
        }
        let values = self.evaluator.ranked(&present, &self.counts);
        let look = |ranked: &Self, (_, component): &(usize, Component)| {
            ranked.people.get(component).map_or(0, |values| values.iter().flatten().count())
        };
        let rows: Batch<_> = present.iter().map(|(component, _)| *component).enumerate().collect();
        look_ahead(rows, self, &[look], |known, (row, component)| {
            let after: SmallVec<[Option<Datum>; 4]> =
                values.iter().map(|values| columns::datum(values, row)).collect();
            let before = match after.iter().any(Option::is_some) {
                true => known.people.insert(component, Box::from(&after[..])),
                false => known.people.remove(&component),
            };
            tell(component, before.as_deref().unwrap_or_default(), &after, ranked);
        });
    }
}

impl Holds for RankedValues {
    /// People.
    fn held(&self) -> usize {
        self.people.len()
    }

    fn give_back(&mut self) {
        self.people.give_back();
    }
}

/// What is not there is null.
fn tell(
    component: Component,
    before: &[Option<Datum>],
    after: &[Option<Datum>],
    ranked: &mut Vec<Ranked>,
) {
    for rank in 0..before.len().max(after.len()) {
        let of = |values: &[Option<Datum>]| values.get(rank).cloned().flatten();
        let (before, after) = (of(before), of(after));
        if before != after {
            ranked.push(Ranked { component, rank: rank as u16, before, after });
        }
    }
}
