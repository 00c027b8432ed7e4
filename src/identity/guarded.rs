//! The people of a cluster that breaks a guard, and links that come to it last.
//!
//! Links are admitted in an order that any of them may stand in, so that one that comes or goes has all of
//! them admitted anew. The one exception is the one that never ends: an identifier that nobody knew is tied
//! to the cluster by a link that comes after all others, as each new cookie of a program is. It changes
//! nothing of what was admitted before it, so only its own two ends are looked at.

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};

use super::admission::{Admitted, LinkOrder, admit};
use super::changes::LinkChange;
use super::cluster::Component;
use super::conflicts::Conflict;
use super::graph::{Graph, NamedNode};
use super::guards::{Guards, Refusal, Sums, add};
use super::links::Pair;
use super::outcome::Outcome;
use crate::flow::Emit;
use crate::row::{Identifier, IdentifierHash};

/// The links of a cluster that do not count.
pub(super) type Withheld = BTreeMap<Pair, (Refusal, Identifier, Identifier)>;

/// What people of a cluster that breaks a guard are called.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(super) enum Names {
    Kept,
    New,
}

/// What is known of a cluster while it breaks a guard.
#[derive(Default)]
pub(super) struct Guarded {
    pub withheld: Withheld,
    /// What guards add up over each of its people, but for those of one identifier.
    pub people: HashMap<Component, Sums>,
    /// The link that was looked at last.
    pub last: Option<LinkOrder>,
}

/// A link to an identifier that has no other.
pub(super) struct Leaf {
    pub link: LinkChange,
    pub order: LinkOrder,
    /// The end that was there before.
    pub near: IdentifierHash,
}

impl Guarded {
    /// Finds the people of a cluster that breaks a guard. Where names are kept, whoever holds most of a
    /// known person keeps its name; `name` calls the others.
    pub fn admit(
        guards: &Guards,
        graph: &mut Graph,
        all: &[IdentifierHash],
        kept: Names,
        mut name: impl FnMut() -> Component,
        out: &mut Emit<Outcome>,
    ) -> Self {
        let nodes: Vec<NamedNode<'_>> = all.iter().map(|hash| graph.named(*hash)).collect();
        let Admitted { person, withheld, sums, last } = admit(guards, &nodes);
        let mut sizes: HashMap<usize, usize> = HashMap::new();
        let mut shares: HashMap<(usize, Component), usize> = HashMap::new();
        for (index, NamedNode { identifier, node }) in nodes.iter().enumerate() {
            *sizes.entry(person[index]).or_default() += 1;
            if kept == Names::Kept && !node.component.is_alone(identifier.hash) {
                *shares.entry((person[index], node.component)).or_default() += 1;
            }
        }
        let withheld = withheld.into_iter().map(|((one, other), refusal)| {
            let (one, other) = (&nodes[one].identifier, &nodes[other].identifier);
            ((one.hash, other.hash), (refusal, one.clone(), other.clone()))
        });
        let withheld: Withheld = withheld.collect();
        let mut names: HashMap<usize, Component> = HashMap::new();
        let mut taken = HashSet::new();
        let mut shares: Vec<_> = shares.into_iter().map(|(who, share)| (share, who)).collect();
        shares.sort_unstable_by(|one, other| other.cmp(one));
        for (_, (person, component)) in shares {
            if sizes[&person] > 1 && !names.contains_key(&person) && taken.insert(component) {
                names.insert(person, component);
            }
        }
        for (hash, person) in all.iter().zip(&person) {
            let component = match sizes[person] {
                1 => Component::alone(*hash),
                _ => *names.entry(*person).or_insert_with(&mut name),
            };
            belongs(graph, *hash, component, out);
        }
        let people = names.into_iter().map(|(person, name)| (name, sums[person].clone()));
        Guarded { withheld, people: people.collect(), last }
    }

    /// Whether all of these links come after those that were looked at.
    pub fn precedes(&self, leaves: &[Leaf]) -> bool {
        leaves.iter().all(|leaf| Some(&leaf.order) > self.last.as_ref())
    }

    /// Admits one more link, or withholds it. `name` calls a person of two who were alone.
    pub fn append(
        &mut self,
        guards: &Guards,
        graph: &mut Graph,
        Leaf { link, order, near }: Leaf,
        name: impl FnOnce() -> Component,
        out: &mut Emit<Outcome>,
    ) {
        self.last = Some(order);
        let LinkChange { one, other, .. } = link;
        let (near, far) = if near == one.hash { (&one, &other) } else { (&other, &one) };
        let component = graph.node(near.hash).component;
        let is_alone = component.is_alone(near.hash);
        let mut sums = match is_alone {
            true => guards.of_identifier(near.kind).clone(),
            false => self.people[&component].clone(),
        };
        add(&mut sums, guards.of_identifier(far.kind));
        if let Some(guard) = guards.broken(&sums) {
            let refusal = Refusal::new(guard, None);
            let pair = (one.hash, other.hash);
            self.withheld.insert(pair, (refusal.clone(), one.clone(), other.clone()));
            return out.push(Outcome::Conflict(Conflict::Withheld { one, other, refusal }), 1);
        }
        let component = if is_alone { name() } else { component };
        self.people.insert(component, sums);
        for end in [near, far] {
            belongs(graph, end.hash, component, out);
        }
    }
}

/// Says whose an identifier is, where it was another's.
pub(super) fn belongs(
    graph: &mut Graph,
    hash: IdentifierHash,
    to: Component,
    out: &mut Emit<Outcome>,
) {
    let before = std::mem::replace(&mut graph.node_mut(hash).component, to);
    if before == to {
        return;
    }
    for (component, diff) in [(before, -1), (to, 1)] {
        if !component.is_alone(hash) {
            out.push(Outcome::Belongs(hash, component), diff);
        }
    }
}

/// Tells which links are withheld that were not, and which no longer are.
pub(super) fn emit_withheld(before: Withheld, after: &Withheld, out: &mut Emit<Outcome>) {
    let mut emit = |(refusal, one, other): &(Refusal, Identifier, Identifier), diff| {
        let (one, other, refusal) = (one.clone(), other.clone(), refusal.clone());
        let conflict = Conflict::Withheld { one, other, refusal };
        out.push(Outcome::Conflict(conflict), diff);
    };
    for (pair, withheld) in &before {
        if after.get(pair).is_none_or(|now| now.0 != withheld.0) {
            emit(withheld, -1);
        }
    }
    for (pair, withheld) in after {
        if before.get(pair).is_none_or(|was| was.0 != withheld.0) {
            emit(withheld, 1);
        }
    }
}
