//! People: what their identifiers bring, put together, and the id they go by.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::accounts::{Holding, Transfer, TransferChange};
use super::aggregate::Partial;
use crate::identity::Component;
use crate::metrics::SharedCounts;
use crate::row::{Datum, IdentifierHash};
use crate::spec::plan::Plan;

/// A person after a tick in which something of theirs changed.
#[derive(Clone, Debug)]
pub struct Person {
    pub component: Component,
    /// `None`: there is no such component any more.
    pub state: Option<PersonState>,
}

#[derive(Clone, Debug)]
pub struct PersonState {
    pub id: IdentifierHash,
    /// Sorted: by type, then text.
    pub identifiers: Arc<[(u8, Arc<str>)]>,
    /// One value an aggregate, in the plan's order; `None` is null.
    pub aggregates: Arc<[Option<Datum>]>,
}

/// Which person's an identifier was before a tick and is after it, as far as one component knows:
/// when it moves, the component it left tells the one and the component it joined the other.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Belonging {
    pub identifier: IdentifierHash,
    pub kind: u8,
    pub text: Arc<str>,
    pub before: Option<IdentifierHash>,
    pub after: Option<IdentifierHash>,
}

/// What a tick changed.
#[derive(Clone, Debug)]
pub enum Change {
    Person(Person),
    Belonging(Belonging),
}

/// One worker's share of the components.
pub struct People {
    plan: Arc<Plan>,
    people: HashMap<Component, Members>,
    counts: SharedCounts,
}

#[derive(Default)]
struct Members {
    id: Option<IdentifierHash>,
    /// Sorted; rebuilt when members come or go.
    identifiers: Option<Arc<[(u8, Arc<str>)]>>,
    holdings: BTreeMap<IdentifierHash, Arc<Holding>>,
    /// By aggregate and distinct value, how many identifiers bring it.
    values: HashMap<(u16, Datum), u32>,
    distinct: BTreeMap<u16, i64>,
}

impl People {
    pub fn new(plan: Arc<Plan>, counts: SharedCounts) -> Self {
        People { plan, people: HashMap::new(), counts }
    }

    pub fn apply(&mut self, batch: Vec<Transfer>, changes: &mut Vec<Change>) {
        let mut touched = HashSet::new();
        let mut joined = HashSet::new();
        for Transfer { component, identifier, change } in batch {
            touched.insert(component);
            let members = self.people.entry(component).or_default();
            match change {
                TransferChange::Value { aggregate, value, diff } => {
                    members.count_value(aggregate, value, diff)
                }
                TransferChange::Holds(holding) => {
                    if members.holdings.insert(identifier, holding).is_none() {
                        members.identifiers = None;
                        joined.insert((component, identifier));
                    }
                }
                TransferChange::Left => {
                    let Some(holding) = members.holdings.remove(&identifier) else { continue };
                    members.identifiers = None;
                    let left = belonging(identifier, &holding, members.id, None);
                    changes.push(Change::Belonging(left));
                    self.counts.borrow_mut().identifiers -= 1;
                }
            }
        }
        self.counts.borrow_mut().identifiers += joined.len() as i64;
        for component in touched {
            self.settle(component, &joined, changes);
        }
    }

    /// Names the component anew, and tells what became of it.
    fn settle(
        &mut self,
        component: Component,
        joined: &HashSet<(Component, IdentifierHash)>,
        changes: &mut Vec<Change>,
    ) {
        let members = self.people.get_mut(&component).expect("touched");
        let before = members.id;
        if members.holdings.is_empty() {
            self.people.remove(&component);
            if before.is_some() {
                self.counts.borrow_mut().people -= 1;
                changes.push(Change::Person(Person { component, state: None }));
            }
            return;
        }
        if before.is_none() {
            self.counts.borrow_mut().people += 1;
        }
        let id = members.name();
        members.id = Some(id);
        for (identifier, holding) in &members.holdings {
            let before = before.filter(|_| !joined.contains(&(component, *identifier)));
            if before != Some(id) {
                let belonging = belonging(*identifier, holding, before, Some(id));
                changes.push(Change::Belonging(belonging));
            }
        }
        let state = PersonState {
            id,
            identifiers: members.identifiers(),
            aggregates: members.aggregates(&self.plan),
        };
        changes.push(Change::Person(Person { component, state: Some(state) }));
    }
}

fn belonging(
    identifier: IdentifierHash,
    holding: &Holding,
    before: Option<IdentifierHash>,
    after: Option<IdentifierHash>,
) -> Belonging {
    let Holding { kind, text, .. } = holding;
    Belonging { identifier, kind: *kind, text: Arc::clone(text), before, after }
}

impl Members {
    fn count_value(&mut self, aggregate: u16, value: Datum, diff: i8) {
        use hashbrown::hash_map::Entry;
        // Of a tick, what comes and what goes arrive in any order: below zero is a wrapped count.
        let (before, after) = match self.values.entry((aggregate, value)) {
            Entry::Vacant(vacant) => {
                let after = 0u32.wrapping_add_signed(diff as i32);
                (0, *vacant.insert(after))
            }
            Entry::Occupied(mut count) => {
                let before = *count.get();
                let after = before.wrapping_add_signed(diff as i32);
                match after {
                    0 => drop(count.remove()),
                    _ => *count.get_mut() = after,
                }
                (before, after)
            }
        };
        let positive = |count: u32| (count as i32 > 0) as i64;
        *self.distinct.entry(aggregate).or_default() += positive(after) - positive(before);
    }

    /// The most trusted type it has, of that the one first seen, of those the least text.
    fn name(&self) -> IdentifierHash {
        let (hash, _) = self
            .holdings
            .iter()
            .min_by_key(|(_, holding)| (holding.kind, holding.first_seen, &holding.text))
            .expect("a person has an identifier");
        *hash
    }

    fn identifiers(&mut self) -> Arc<[(u8, Arc<str>)]> {
        let sorted = self.identifiers.get_or_insert_with(|| {
            let mut identifiers: Vec<_> = self
                .holdings
                .values()
                .map(|holding| (holding.kind, Arc::clone(&holding.text)))
                .collect();
            identifiers.sort_unstable();
            identifiers.into()
        });
        Arc::clone(sorted)
    }

    fn aggregates(&self, plan: &Plan) -> Arc<[Option<Datum>]> {
        let mut merged: Vec<Option<Partial>> = vec![None; plan.aggregates.len()];
        for holding in self.holdings.values() {
            for (number, partial) in &holding.partials {
                let function = plan.aggregates[*number as usize].function;
                match &mut merged[*number as usize] {
                    Some(sum) => sum.merge(function, partial),
                    nothing => *nothing = Some(partial.clone()),
                }
            }
        }
        for (number, count) in &self.distinct {
            merged[*number as usize] = Some(Partial::Count(*count));
        }
        let finished =
            plan.aggregates.iter().zip(&merged).map(|(aggregate, merged)| match merged {
                Some(partial) => partial.finish(aggregate),
                None => Partial::of_nothing(aggregate),
            });
        finished.collect()
    }
}
