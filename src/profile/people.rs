//! People: what their identifiers bring, put together, and the id they go by.

use std::sync::Arc;

use crate::flow::consolidate;
use hashbrown::HashMap;

use super::accounts::{Holding, Transfer, TransferChange};
use super::members::Members;
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

/// Who came to a component in the tick at hand, and who went.
#[derive(Default)]
struct Touched {
    joined: Vec<IdentifierHash>,
    left: Vec<Arc<Holding>>,
}

impl People {
    pub fn new(plan: Arc<Plan>, counts: SharedCounts) -> Self {
        People { plan, people: HashMap::new(), counts }
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    pub fn apply(&mut self, batch: Vec<Transfer>, changes: &mut Vec<Change>) {
        let mut all: HashMap<Component, Touched> = HashMap::new();
        let mut values = Vec::new();
        for Transfer { component, identifier, change } in batch {
            let touched = all.entry(component).or_default();
            let members = self.people.entry(component).or_default();
            match change {
                TransferChange::Value { aggregate, value, diff } => {
                    values.push(((component, aggregate, value), diff as isize));
                }
                TransferChange::Holds(holding) => {
                    if members.hold(&self.plan, identifier, holding).is_none() {
                        touched.joined.push(identifier);
                    }
                }
                TransferChange::Left => {
                    let Some(holding) = members.leave(&self.plan, identifier) else { continue };
                    let left = belonging(identifier, &holding, members.id, None);
                    changes.push(Change::Belonging(left));
                    touched.left.push(holding);
                }
            }
        }
        // What comes and what goes arrive in any order, so only the tick's outcome is taken in.
        consolidate(&mut values);
        for ((component, aggregate, value), diff) in values {
            let members = self.people.get_mut(&component).expect("touched");
            members.gather(&self.plan, aggregate, &value, diff as i64);
        }
        for (component, touched) in all {
            self.settle(component, touched, changes);
        }
    }

    /// Names the component anew, and tells what became of it.
    fn settle(&mut self, component: Component, touched: Touched, changes: &mut Vec<Change>) {
        let members = self.people.get_mut(&component).expect("touched");
        let mut counts = self.counts.borrow_mut();
        counts.identifiers += touched.joined.len() as i64 - touched.left.len() as i64;
        let before = members.id;
        if members.holdings.is_empty() {
            self.people.remove(&component);
            if before.is_some() {
                counts.people -= 1;
                changes.push(Change::Person(Person { component, state: None }));
            }
            return;
        }
        if before.is_none() {
            counts.people += 1;
        }
        members.settle(&self.plan, &touched.joined, &touched.left);
        let id = members.name();
        members.id = Some(id);
        let Touched { mut joined, .. } = touched;
        if before.is_some_and(|before| before != id) {
            joined.sort_unstable();
            let stayed =
                members.holdings.iter().filter(|(id, _)| joined.binary_search(id).is_err());
            for (identifier, holding) in stayed {
                let belonging = belonging(*identifier, holding, before, Some(id));
                changes.push(Change::Belonging(belonging));
            }
        }
        for identifier in joined {
            let belonging = belonging(identifier, &members.holdings[&identifier], None, Some(id));
            changes.push(Change::Belonging(belonging));
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
