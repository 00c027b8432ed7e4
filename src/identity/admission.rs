//! Which links of a cluster count where all of them would break a guard.
//!
//! Links are admitted one by one in a fixed order; one that would make a person who breaks a guard is
//! withheld. The outcome is a function of the links and of when they were first seen.

use arcstr::ArcStr;
use hashbrown::HashMap;

use super::graph::NamedNode;
use super::guards::{Guards, Refusal, Sums, add};
use super::links::LinkState;
use crate::row::{Identifier, IdentifierHash};
use crate::time::Micros;

/// A link's place in the order of admission: decisions are the most trusted of all, then the types of its
/// ends count, when it was first seen, and its ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LinkOrder {
    undecided: bool,
    kinds: [u8; 2],
    first_seen: Micros,
    texts: [ArcStr; 2],
}

impl LinkOrder {
    pub fn new(one: &Identifier, other: &Identifier, state: LinkState) -> Self {
        LinkOrder {
            undecided: !state.same,
            kinds: [one.kind, other.kind],
            first_seen: state.first_seen,
            texts: [one.text.clone(), other.text.clone()],
        }
    }
}

/// What is admitted of a cluster.
#[derive(Debug, Default)]
pub(super) struct Admitted {
    /// By node: which of the people it belongs to, as the index of one of the nodes.
    pub person: Vec<usize>,
    /// Links that do not count, by the indexes of their ends.
    pub withheld: Vec<((usize, usize), Refusal)>,
    /// By node: what guards add up over its person, where the node stands for that.
    pub sums: Vec<Sums>,
    /// The last of the links.
    pub last: Option<LinkOrder>,
}

/// Admits the links between the nodes of a cluster.
pub(super) fn admit(guards: &Guards, nodes: &[NamedNode<'_>]) -> Admitted {
    let indexes: HashMap<IdentifierHash, usize> =
        nodes.iter().enumerate().map(|(index, node)| (node.identifier.hash, index)).collect();
    let mut links: Vec<(LinkOrder, usize, usize)> = Vec::new();
    let mut people = DisjointPeople::new(guards, nodes);
    for (index, node) in nodes.iter().enumerate() {
        for (neighbour, state) in node.node.neighbours() {
            let other = indexes[&neighbour];
            if guards.look_at(state) {
                people.links[index].push((index, other, state));
            }
            // Each link is told by both ends.
            if state.linked && own_order(&node.identifier) < own_order(&nodes[other].identifier) {
                let order = LinkOrder::new(&node.identifier, &nodes[other].identifier, state);
                links.push((order, index, other));
            }
        }
    }
    links.sort_unstable();
    let last = links.last().map(|(order, _, _)| order.clone());
    let mut withheld = Vec::new();
    for (_, one, other) in links {
        if let Err(refusal) = people.admit(one, other) {
            withheld.push(((one, other), refusal));
        }
    }
    let person = (0..nodes.len()).map(|index| people.root(index)).collect();
    Admitted { person, withheld, sums: people.sums, last }
}

fn own_order(identifier: &Identifier) -> (u8, &str) {
    (identifier.kind, &identifier.text)
}

/// Disjoint sets that refuse to be joined where that would break a guard.
struct DisjointPeople<'a> {
    guards: &'a Guards,
    nodes: &'a [NamedNode<'a>],
    parents: Vec<usize>,
    sizes: Vec<u32>,
    /// For each root, what its set adds up to.
    sums: Vec<Sums>,
    /// For each root, what stands between nodes of its set and others, as far as guards look at it.
    links: Vec<Vec<(usize, usize, LinkState)>>,
}

impl<'a> DisjointPeople<'a> {
    fn new(guards: &'a Guards, nodes: &'a [NamedNode<'a>]) -> Self {
        let sums = nodes.iter().map(|node| guards.of_identifier(node.identifier.kind).clone());
        DisjointPeople {
            guards,
            nodes,
            parents: (0..nodes.len()).collect(),
            sizes: vec![1; nodes.len()],
            sums: sums.collect(),
            links: vec![Vec::new(); nodes.len()],
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
        for (_, _, state) in &across {
            self.guards.add_link(&mut sums, *state);
        }
        if let Some(guard) = self.guards.broken(&sums) {
            return Err(self.refusal(guard, &across));
        }
        let (root, child) =
            if self.sizes[one] >= self.sizes[other] { (one, other) } else { (other, one) };
        self.parents[child] = root;
        self.sizes[root] += self.sizes[child];
        self.sums[root] = sums;
        let mut more = std::mem::take(&mut self.links[child]);
        if more.len() > self.links[root].len() {
            std::mem::swap(&mut more, &mut self.links[root]);
        }
        self.links[root].append(&mut more);
        Ok(())
    }

    /// What guards look at between two sets.
    fn across(&mut self, one: usize, other: usize) -> Vec<(usize, usize, LinkState)> {
        // Each side knows of the other: the one that knows of fewer is asked.
        let (few, opposite) = match self.links[one].len() <= self.links[other].len() {
            true => (one, other),
            false => (other, one),
        };
        let known = std::mem::take(&mut self.links[few]);
        let leads_over = |(_, far, _): &&(usize, usize, LinkState)| self.root(*far) == opposite;
        let across = known.iter().filter(leads_over).copied().collect();
        self.links[few] = known;
        across
    }

    fn refusal(&self, guard: usize, across: &[(usize, usize, LinkState)]) -> Refusal {
        let across = across.iter().filter(|(_, _, state)| self.guards.looks_at(guard, *state));
        let pairs = across.map(|(near, far, _)| {
            let mut pair = [near, far].map(|end| &self.nodes[*end].identifier);
            pair.sort_unstable_by_key(|end| own_order(end));
            pair
        });
        let least = pairs.min_by_key(|pair| pair.map(own_order));
        Refusal::new(guard, least.map(|pair| pair.map(Clone::clone)))
    }
}
