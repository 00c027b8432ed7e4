//! The links of one worker's clusters, as they can be walked.

use std::collections::VecDeque;

use arcstr::ArcStr;
use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::changes::LinkChange;
use super::cluster::Component;
use super::links::LinkState;
use crate::row::{Identifier, IdentifierHash};
use crate::state::entries::held_by_sample;
use crate::state::few::{FewMap, FewWithin};
use crate::state::table::Table;

/// An identifier that has links; its hash is the key that it lies under.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Node {
    pub kind: u8,
    text: ArcStr,
    /// The person as last told.
    pub component: Component,
    neighbours: FewWithin<IdentifierHash, LinkState>,
}

/// A node with its identifier.
pub(super) struct NamedNode<'graph> {
    pub identifier: Identifier,
    pub node: &'graph Node,
}

impl Node {
    pub fn neighbours(&self) -> impl Iterator<Item = (IdentifierHash, LinkState)> + '_ {
        self.neighbours.iter().map(|(hash, state)| (*hash, *state))
    }

    pub fn is_lonely(&self) -> bool {
        self.neighbours.is_empty()
    }
}

#[derive(Default)]
pub(super) struct Graph {
    nodes: Table<IdentifierHash, Node>,
}

impl Graph {
    /// About how many bytes it has: its table, and what nodes have of links beyond the first.
    pub fn bytes(&self) -> usize {
        let beyond = |node: &Node| match node.neighbours.iter().count() {
            0 | 1 => 0,
            links => links * size_of::<(IdentifierHash, LinkState)>(),
        };
        let nodes = self.nodes.iter().map(|(_, node)| node);
        self.nodes.room() + held_by_sample(nodes, self.nodes.len(), beyond)
    }

    pub fn node(&self, hash: IdentifierHash) -> &Node {
        &self.nodes[&hash]
    }

    pub fn named(&self, hash: IdentifierHash) -> NamedNode<'_> {
        let node = self.node(hash);
        let identifier = Identifier { hash, kind: node.kind, text: node.text.clone() };
        NamedNode { identifier, node }
    }

    pub fn node_mut(&mut self, hash: IdentifierHash) -> &mut Node {
        self.nodes.get_mut(&hash).expect("an identifier of a cluster has a node")
    }

    pub fn prefetch(&self, hash: IdentifierHash) -> usize {
        self.nodes.get(&hash).map_or(0, |node| node.neighbours.len())
    }

    pub fn contains(&self, hash: IdentifierHash) -> bool {
        self.nodes.contains_key(&hash)
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Gives back the memory of identifiers that are gone.
    pub fn give_back(&mut self) {
        self.nodes.give_back();
    }

    /// Adds an identifier that was alone.
    pub fn add(&mut self, identifier: &Identifier) {
        let Identifier { hash, kind, text } = identifier;
        let (component, neighbours) = (Component::alone(*hash), FewMap::default());
        self.nodes.insert(*hash, Node { kind: *kind, text: text.clone(), component, neighbours });
    }

    pub fn insert(&mut self, hash: IdentifierHash, node: Node) {
        self.nodes.insert(hash, node);
    }

    pub fn remove(&mut self, hash: IdentifierHash) -> Node {
        self.nodes.remove(&hash).expect("an identifier of a cluster has a node")
    }

    /// Changes a link between identifiers that are here; returns what stood between them.
    pub fn link(&mut self, change: &LinkChange) -> Option<LinkState> {
        let (one, other) = (change.one.hash, change.other.hash);
        self.node_mut(one).neighbours.set(other, change.state);
        self.node_mut(other).neighbours.set(one, change.state)
    }

    /// All identifiers that links tie to one, itself first.
    pub fn walk(&self, start: IdentifierHash) -> Vec<IdentifierHash> {
        let mut reached: HashSet<IdentifierHash> = HashSet::from([start]);
        let mut order = vec![start];
        let mut next = 0;
        while let Some(hash) = order.get(next) {
            next += 1;
            let neighbours = self.node(*hash).neighbours.iter();
            let fresh = neighbours.map(|(hash, _)| *hash).filter(|hash| reached.insert(*hash));
            let fresh: SmallVec<[IdentifierHash; 8]> = fresh.collect();
            order.extend(fresh);
        }
        order
    }

    /// What the ends of links that went are no longer tied to: all parts but one, which stays.
    ///
    /// Searches go out from all ends in turn, link by link, and join where they meet; when only one is
    /// left, the others have found whole parts. So links that go cost what the smaller sides hold.
    pub fn parts(&self, ends: impl Iterator<Item = IdentifierHash>) -> Vec<Vec<IdentifierHash>> {
        let mut searches = Searches { graph: self, of: HashMap::new(), searches: Vec::new() };
        ends.for_each(|end| searches.begin(end));
        let mut going: Vec<usize> = (0..searches.searches.len()).collect();
        let (mut left, mut index) = (going.len(), 0);
        let mut parts = Vec::new();
        while left > 1 {
            // Round by round, a link each.
            index = if index < going.len() { index } else { 0 };
            let search = going[index];
            if searches.searches[search].joined.is_some() {
                going.swap_remove(index);
                continue;
            }
            match searches.step(search) {
                SearchStep::On => index += 1,
                SearchStep::Joined => left -= 1,
                SearchStep::Ended => {
                    parts.push(std::mem::take(&mut searches.searches[search].reached));
                    going.swap_remove(index);
                    left -= 1;
                }
            }
        }
        parts
    }
}

struct Searches<'graph> {
    graph: &'graph Graph,
    /// Which search reached an identifier; itself where `joined` says so.
    of: HashMap<IdentifierHash, usize>,
    searches: Vec<Search<'graph>>,
}

#[derive(Default)]
struct Search<'graph> {
    /// The search that this one has become part of.
    joined: Option<usize>,
    reached: Vec<IdentifierHash>,
    /// Reached, their links not yet followed.
    waiting: VecDeque<IdentifierHash>,
    /// Links to follow.
    links: Vec<Box<dyn Iterator<Item = &'graph IdentifierHash> + 'graph>>,
}

enum SearchStep {
    On,
    /// Another search is part of this one now.
    Joined,
    /// There is nothing more to reach.
    Ended,
}

impl Searches<'_> {
    fn begin(&mut self, end: IdentifierHash) {
        let search = self.searches.len();
        if self.of.try_insert(end, search).is_ok() {
            let (reached, waiting) = (vec![end], VecDeque::from([end]));
            self.searches.push(Search { reached, waiting, ..Search::default() });
        }
    }

    /// Follows one link.
    fn step(&mut self, number: usize) -> SearchStep {
        let search = &mut self.searches[number];
        let hash = loop {
            if let Some(links) = search.links.last_mut() {
                match links.next() {
                    Some(hash) => break *hash,
                    None => drop(search.links.pop()),
                }
            } else if let Some(next) = search.waiting.pop_front() {
                search.links.push(Box::new(self.graph.node(next).neighbours.keys()));
            } else {
                return SearchStep::Ended;
            }
        };
        match self.of.get(&hash).copied() {
            None => {
                self.of.insert(hash, number);
                search.reached.push(hash);
                search.waiting.push_back(hash);
                SearchStep::On
            }
            Some(other) => match self.root(other) {
                other if other == number => SearchStep::On,
                other => self.join(number, other),
            },
        }
    }

    /// The search that one has become part of; halves the path on its way.
    fn root(&mut self, mut search: usize) -> usize {
        while let Some(joined) = self.searches[search].joined {
            if let Some(further) = self.searches[joined].joined {
                self.searches[search].joined = Some(further);
            }
            search = joined;
        }
        search
    }

    fn join(&mut self, number: usize, other: usize) -> SearchStep {
        let mut theirs = std::mem::take(&mut self.searches[other]);
        self.searches[other].joined = Some(number);
        let search = &mut self.searches[number];
        if theirs.reached.len() > search.reached.len() {
            std::mem::swap(&mut theirs.reached, &mut search.reached);
            std::mem::swap(&mut theirs.waiting, &mut search.waiting);
        }
        search.reached.append(&mut theirs.reached);
        search.waiting.append(&mut theirs.waiting);
        search.links.append(&mut theirs.links);
        SearchStep::Joined
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn identifier(number: u8) -> Identifier {
        Identifier { hash: IdentifierHash(number.into()), kind: 0, text: number.to_string().into() }
    }

    fn change((one, other): (u8, u8), linked: bool) -> LinkChange {
        let state = LinkState { first_seen: 0, linked: true, same: false, must_not_link: false };
        let (one, other) = (identifier(one), identifier(other));
        LinkChange { one, other, state: linked.then_some(state) }
    }

    #[test]
    fn a_node_has_no_gaps() {
        assert_eq!(size_of::<(IdentifierHash, Node)>(), 16 + 64);
    }

    proptest! {
        #[test]
        fn however_many_links_go_at_once_all_parts_but_one_are_found_whole(
            links in prop::collection::btree_set((0..24u8, 0..24u8), 1..40),
            goes in prop::collection::vec(any::<bool>(), 40),
        ) {
            let mut graph = Graph::default();
            (0..24).for_each(|number| graph.add(&identifier(number)));
            let links: Vec<(u8, u8)> = links.into_iter().filter(|(a, b)| a < b).collect();
            links.iter().for_each(|link| {
                let _ = graph.link(&change(*link, true));
            });
            let gone: Vec<(u8, u8)> =
                links.iter().zip(goes).filter(|(_, goes)| *goes).map(|(link, _)| *link).collect();
            gone.iter().for_each(|link| {
                let _ = graph.link(&change(*link, false));
            });
            let ends: Vec<IdentifierHash> =
                gone.iter().flat_map(|(a, b)| [a, b]).map(|end| identifier(*end).hash).collect();
            let whole = |hash| BTreeSet::from_iter(graph.walk(hash));
            let expected: BTreeSet<BTreeSet<_>> = ends.iter().map(|end| whole(*end)).collect();
            let found = graph.parts(ends.iter().copied());
            let parts: BTreeSet<BTreeSet<_>> =
                found.iter().map(|part| part.iter().copied().collect()).collect();
            prop_assert_eq!(found.len(), parts.len(), "each once");
            prop_assert!(parts.is_subset(&expected));
            prop_assert_eq!(parts.len(), expected.len().saturating_sub(1));
        }
    }
}
