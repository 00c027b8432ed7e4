//! Which links of a cluster count where all of them would break a guard.
//!
//! Links are admitted one by one in a fixed order; one that would make a person who breaks a guard is
//! withheld. The outcome is a function of the links and of when they were first seen.

use hashbrown::HashMap;

use super::graph::Node;
use super::guards::{Guards, Refusal, Sums, add};
use super::links::Bond;
use crate::row::{Identifier, IdentifierHash};

/// What is admitted of a cluster.
#[derive(Debug, Default)]
pub(super) struct Admitted {
    /// By node: which of the people it belongs to, as the index of one of the nodes.
    pub person: Vec<usize>,
    /// Links that do not count, by the indexes of their ends.
    pub withheld: Vec<((usize, usize), Refusal)>,
}

/// Admits the links between the nodes of a cluster.
pub(super) fn admit(guards: &Guards, nodes: &[&Node]) -> Admitted {
    let indexes: HashMap<IdentifierHash, usize> =
        nodes.iter().enumerate().map(|(index, node)| (node.identifier.hash, index)).collect();
    let mut links: Vec<(usize, usize, Bond)> = Vec::new();
    let mut people = DisjointPeople::new(guards, nodes);
    for (index, node) in nodes.iter().enumerate() {
        for (neighbour, bond) in node.neighbours() {
            let other = indexes[&neighbour];
            if guards.look_at(bond) {
                people.bonds[index].push((index, other, bond));
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
        if let Err(refusal) = people.admit(one, other) {
            withheld.push(((one, other), refusal));
        }
    }
    let person = (0..nodes.len()).map(|index| people.root(index)).collect();
    Admitted { person, withheld }
}

fn own_order(identifier: &Identifier) -> (u8, &str) {
    (identifier.kind, &identifier.text)
}

/// Disjoint sets that refuse to be joined where that would break a guard.
struct DisjointPeople<'a> {
    guards: &'a Guards,
    nodes: &'a [&'a Node],
    parents: Vec<usize>,
    sizes: Vec<u32>,
    /// For each root, what its set adds up to.
    sums: Vec<Sums>,
    /// For each root, what stands between nodes of its set and others, as far as guards look at it.
    bonds: Vec<Vec<(usize, usize, Bond)>>,
}

impl<'a> DisjointPeople<'a> {
    fn new(guards: &'a Guards, nodes: &'a [&'a Node]) -> Self {
        let sums = nodes.iter().map(|node| guards.of_identifier(node.identifier.kind).clone());
        DisjointPeople {
            guards,
            nodes,
            parents: (0..nodes.len()).collect(),
            sizes: vec![1; nodes.len()],
            sums: sums.collect(),
            bonds: vec![Vec::new(); nodes.len()],
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

    fn admit(&mut self, one: usize, other: usize) -> Result<(), Refusal> {
        let (one, other) = (self.root(one), self.root(other));
        if one == other {
            return Ok(());
        }
        let across = self.across(one, other);
        let mut sums = self.sums[one].clone();
        add(&mut sums, &self.sums[other]);
        for (_, _, bond) in &across {
            self.guards.add_bond(&mut sums, *bond);
        }
        if let Some(guard) = self.guards.broken(&sums) {
            return Err(self.refusal(guard, &across));
        }
        let (root, child) =
            if self.sizes[one] >= self.sizes[other] { (one, other) } else { (other, one) };
        self.parents[child] = root;
        self.sizes[root] += self.sizes[child];
        self.sums[root] = sums;
        let mut more = std::mem::take(&mut self.bonds[child]);
        if more.len() > self.bonds[root].len() {
            std::mem::swap(&mut more, &mut self.bonds[root]);
        }
        self.bonds[root].append(&mut more);
        Ok(())
    }

    /// What guards look at between two sets.
    fn across(&mut self, one: usize, other: usize) -> Vec<(usize, usize, Bond)> {
        // Each side knows of the other: the one that knows of fewer is asked.
        let (few, opposite) = match self.bonds[one].len() <= self.bonds[other].len() {
            true => (one, other),
            false => (other, one),
        };
        let known = std::mem::take(&mut self.bonds[few]);
        let leads_over = |(_, far, _): &&(usize, usize, Bond)| self.root(*far) == opposite;
        let across = known.iter().filter(leads_over).copied().collect();
        self.bonds[few] = known;
        across
    }

    fn refusal(&self, guard: usize, across: &[(usize, usize, Bond)]) -> Refusal {
        let across = across.iter().filter(|(_, _, bond)| self.guards.looks_at(guard, *bond));
        let pairs = across.map(|(near, far, _)| {
            let mut pair = [near, far].map(|end| &self.nodes[*end].identifier);
            pair.sort_unstable_by_key(|end| own_order(end));
            pair
        });
        let least = pairs.min_by_key(|pair| pair.map(own_order));
        Refusal::new(guard, least.map(|pair| pair.map(Clone::clone)))
    }
}
