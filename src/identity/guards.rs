//! Which links of a cluster count where all of them would break a guard.
//!
//! Links are admitted one by one in a fixed order; one that would give a person more than `at_most`
//! identifiers of a type, or bring together two that someone decided to keep apart, is withheld. The
//! outcome is a function of the links and of when they were first seen.

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::graph::Node;
use super::links::Bond;
use crate::plan::Plan;
use crate::row::{Identifier, IdentifierHash};

/// Why a link does not count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Rule {
    /// A person would have too many identifiers of this type.
    AtMost(u8),
    /// It would bring together two that a decision keeps apart: of several such pairs the least.
    Different(Box<[Identifier; 2]>),
}

/// What the definition lets a person have.
#[derive(Clone, Debug, Default)]
pub(super) struct Guards {
    /// Types with `at_most`, and the number.
    limits: Vec<(u8, u32)>,
    decisions: bool,
}

/// How many identifiers of each limited type there are.
pub(super) type Counts = smallvec::SmallVec<[u32; 2]>;

impl Guards {
    pub fn new(plan: &Plan) -> Self {
        let limits = plan.identifiers.iter().enumerate();
        let limits = limits.filter_map(|(kind, of)| Some((kind as u8, of.at_most?)));
        Guards { limits: limits.collect(), decisions: plan.decisions.is_some() }
    }

    #[cfg(test)]
    pub fn of(limits: &[(u8, u32)]) -> Self {
        Guards { limits: limits.to_vec(), decisions: true }
    }

    /// Whether the order in which links were first seen may matter.
    pub fn exist(&self) -> bool {
        !self.limits.is_empty() || self.decisions
    }

    pub fn no_counts(&self) -> Counts {
        Counts::from_elem(0, self.limits.len())
    }

    /// Counts an identifier in (1) or out (-1).
    pub fn count(&self, counts: &mut Counts, kind: u8, diff: i32) {
        if let Some(index) = self.limits.iter().position(|(limited, _)| *limited == kind) {
            counts[index] = counts[index].wrapping_add_signed(diff);
        }
    }

    /// The first type of which these are too many.
    pub fn broken(&self, counts: &Counts) -> Option<u8> {
        let limits = self.limits.iter().zip(counts);
        let mut broken = limits.filter(|((_, limit), count)| *count > limit);
        broken.next().map(|((kind, _), _)| *kind)
    }
}

/// What is admitted of a cluster.
#[derive(Debug, Default)]
pub(super) struct Admitted {
    /// By node: which of the people it belongs to, as the index of one of the nodes.
    pub person: Vec<usize>,
    /// Links that do not count, by the indexes of their ends.
    pub withheld: Vec<((usize, usize), Rule)>,
}

/// Admits the links between the nodes of a cluster.
pub(super) fn admit(guards: &Guards, nodes: &[&Node]) -> Admitted {
    let indexes: HashMap<IdentifierHash, usize> =
        nodes.iter().enumerate().map(|(index, node)| (node.identifier.hash, index)).collect();
    let mut links: Vec<(usize, usize, Bond)> = Vec::new();
    let mut people = People::new(guards, nodes);
    for (index, node) in nodes.iter().enumerate() {
        for (neighbour, bond) in node.neighbours() {
            let other = indexes[&neighbour];
            if bond.apart {
                people.apart[index].push((index, other));
            }
            // Each link is told by both ends.
            if bond.linked && own_order(&node.identifier) < own_order(&nodes[other].identifier) {
                links.push((index, other, bond));
            }
        }
    }
    links.sort_unstable_by(|a, b| {
        let key = |(one, other, bond): &(usize, usize, Bond)| {
            let (one, other) = (&nodes[*one].identifier, &nodes[*other].identifier);
            // Decisions are the most trusted of all.
            (!bond.same, one.kind, other.kind, bond.first_seen)
        };
        let ends = |(one, other, _): &(usize, usize, Bond)| {
            (own_order(&nodes[*one].identifier), own_order(&nodes[*other].identifier))
        };
        key(a).cmp(&key(b)).then_with(|| ends(a).cmp(&ends(b)))
    });
    let mut withheld = Vec::new();
    for (one, other, _) in links {
        let rule = match people.admit(one, other) {
            Ok(()) => continue,
            Err(Refused::TooMany(kind)) => Rule::AtMost(kind),
            Err(Refused::Apart(pairs)) => {
                let pairs = pairs.into_iter().map(|(near, far)| {
                    let mut pair = [near, far].map(|end| &nodes[end].identifier);
                    pair.sort_unstable_by_key(|end| own_order(end));
                    pair
                });
                let least = pairs.min_by_key(|pair| pair.map(own_order));
                Rule::Different(Box::new(least.expect("some pair is kept apart").map(Clone::clone)))
            }
        };
        withheld.push(((one, other), rule));
    }
    let person = (0..nodes.len()).map(|index| people.root(index)).collect();
    Admitted { person, withheld }
}

fn own_order(identifier: &Identifier) -> (u8, &str) {
    (identifier.kind, &identifier.text)
}

/// Disjoint sets that refuse to be joined where that would break a guard.
struct People<'a> {
    guards: &'a Guards,
    parents: Vec<usize>,
    sizes: Vec<u32>,
    counts: Vec<Counts>,
    /// Of a root: nodes of its set, with those that must not come into it.
    apart: Vec<Vec<(usize, usize)>>,
}

/// Why two sets are not joined.
enum Refused {
    /// There would be too many of this type.
    TooMany(u8),
    /// These must not be in one set.
    Apart(Vec<(usize, usize)>),
}

impl<'a> People<'a> {
    fn new(guards: &'a Guards, nodes: &[&Node]) -> Self {
        let counts = nodes.iter().map(|node| {
            let mut counts = guards.no_counts();
            guards.count(&mut counts, node.identifier.kind, 1);
            counts
        });
        People {
            guards,
            parents: (0..nodes.len()).collect(),
            sizes: vec![1; nodes.len()],
            counts: counts.collect(),
            apart: vec![Vec::new(); nodes.len()],
        }
    }

    /// Halves the path on its way.
    fn root(&mut self, mut index: usize) -> usize {
        while self.parents[index] != index {
            self.parents[index] = self.parents[self.parents[index]];
            index = self.parents[index];
        }
        index
    }

    fn admit(&mut self, one: usize, other: usize) -> Result<(), Refused> {
        let (one, other) = (self.root(one), self.root(other));
        if one == other {
            return Ok(());
        }
        let mut counts = self.counts[one].clone();
        for (sum, count) in counts.iter_mut().zip(&self.counts[other]) {
            *sum += count;
        }
        if let Some(kind) = self.guards.broken(&counts) {
            return Err(Refused::TooMany(kind));
        }
        // Each side knows of the other: the one that knows of fewer is asked.
        let (few, opposite) = match self.apart[one].len() <= self.apart[other].len() {
            true => (one, other),
            false => (other, one),
        };
        let known = std::mem::take(&mut self.apart[few]);
        let leads_over = |(_, far): &&(usize, usize)| self.root(*far) == opposite;
        let pairs: Vec<_> = known.iter().filter(leads_over).copied().collect();
        self.apart[few] = known;
        if !pairs.is_empty() {
            return Err(Refused::Apart(pairs));
        }
        let (root, child) =
            if self.sizes[one] >= self.sizes[other] { (one, other) } else { (other, one) };
        self.parents[child] = root;
        self.sizes[root] += self.sizes[child];
        self.counts[root] = counts;
        let mut more = std::mem::take(&mut self.apart[child]);
        if more.len() > self.apart[root].len() {
            std::mem::swap(&mut more, &mut self.apart[root]);
        }
        self.apart[root].append(&mut more);
        Ok(())
    }
}
