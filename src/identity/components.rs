//! One worker's clusters: their links, the people in them, and what a tick changes of either.
//!
//! A cluster stays whole on one worker, so that what its links come to is found by walking them. Of
//! clusters that join, the smaller moves; of a cluster that comes apart, the smaller part gets a new
//! name: so a change costs what the smaller side holds. Guards are looked at only where a cluster
//! breaks one ([`super::guarded`]).

use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};
use thin_vec::ThinVec;

use super::admission::LinkOrder;
use super::changes::LinkChange;
use super::cluster::{Cluster, Component, FreshNames, IdentifierPlace};
use super::directory::Moved;
use super::graph::{Graph, Node};
use super::guarded::{Guarded, Leaf, Names, Withheld, belongs, emit_withheld};
use super::guards::{Guards, Sums, add, subtract};
use super::joins::Order;
use super::links::Pair;
use super::outcome::Outcome;
use crate::flow::Emit;
use crate::row::IdentifierHash;
use crate::state::batch::{Batch, Prefetch, apply_prefetched};
use crate::state::entries::{StateSize, drained};
use crate::state::table::Table;

/// What arrives at a cluster's owner once it is known which clusters join.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Arrival {
    Content { to: Cluster, nodes: Vec<(IdentifierHash, Node)>, withheld: Withheld },
    Link { cluster: Cluster, change: LinkChange },
}

impl Arrival {
    pub fn route(&self) -> u64 {
        match self {
            Arrival::Content { to: cluster, .. } | Arrival::Link { cluster, .. } => {
                cluster.owner.into()
            }
        }
    }
}

struct Content {
    /// Any of its identifiers.
    anchor: IdentifierHash,
    size: u32,
    /// As last told to the directory.
    rank: u8,
    /// What guards add up over it.
    sums: Sums,
    /// `Some` while it breaks a guard. Few do, so it is apart.
    guarded: Option<Box<Guarded>>,
}

/// What a tick did to a cluster, until its consequences are drawn: of as many as the tick touches, so it is small.
#[derive(Default)]
struct Touched {
    /// Pairs between which nothing stands any more.
    parted: ThinVec<Pair>,
    /// Identifiers that were not in it before the tick.
    arrived: ThinVec<IdentifierHash>,
    /// What was withheld in clusters that went into it; mostly nothing.
    withheld: Option<Box<Withheld>>,
    /// Links to identifiers that have no other.
    leaves: ThinVec<Leaf>,
    /// Whether anything else happened.
    otherwise: bool,
}

/// More new links than these are all admitted anew.
const FEW_LEAVES: usize = 64;

pub(super) struct Components {
    guards: Guards,
    worker: u32,
    numbers: FreshNames,
    graph: Graph,
    clusters: Table<Cluster, Content>,
    touched: HashMap<Cluster, Touched>,
    /// How often what had been apart became one cluster here, and a part of one became a cluster of its own.
    pub joined: u64,
    pub parted: u64,
}

impl Components {
    pub fn new(guards: Guards, worker: usize) -> Self {
        Components {
            guards,
            worker: worker as u32,
            numbers: FreshNames::of_splits(),
            graph: Graph::default(),
            clusters: Table::default(),
            touched: HashMap::new(),
            joined: 0,
            parted: 0,
        }
    }

    /// Sends away what goes elsewhere, and the links that belong to it behind it.
    pub fn send(&mut self, batch: impl IntoIterator<Item = Order>, arrivals: &mut Batch<Arrival>) {
        let mut moves = HashMap::new();
        let mut links = Vec::new();
        for order in batch {
            match order {
                Order::Move { from, to } => drop(moves.insert(from, to)),
                Order::Link { cluster, change } => links.push((cluster, change)),
            }
        }
        self.joined += moves.len() as u64;
        for (from, to) in &moves {
            let content =
                self.clusters.remove(from).expect("an order names a cluster that is here");
            let nodes = self.graph.walk(content.anchor);
            let nodes = nodes.into_iter().map(|hash| (hash, self.graph.remove(hash))).collect();
            let withheld = content.guarded.unwrap_or_default().withheld;
            arrivals.push(Arrival::Content { to: *to, nodes, withheld });
        }
        arrivals.extend(links.into_iter().map(|(cluster, change)| {
            let cluster = moves.get(&cluster).copied().unwrap_or(cluster);
            Arrival::Link { cluster, change }
        }));
    }

    /// Takes a tick's arrivals in, and tells who is where and whose.
    pub fn apply(&mut self, batch: Batch<Arrival>, outcomes: &mut Emit<Outcome>) {
        let mut links = Vec::new();
        for arrival in batch {
            match arrival {
                Arrival::Content { to, nodes, withheld } => self.take_in(to, nodes, withheld),
                Arrival::Link { cluster, change } => links.push((cluster, change)),
            }
        }
        let prefetches: [Prefetch<Self, (Cluster, LinkChange)>; 3] = [
            |all, (cluster, _)| all.clusters.prefetch(cluster),
            |all, (_, change)| all.graph.prefetch(change.one.hash),
            |all, (_, change)| all.graph.prefetch(change.other.hash),
        ];
        apply_prefetched(links, self, &prefetches, |all, (cluster, change)| {
            all.link(cluster, &change)
        });
        let touched: Vec<_> = drained(&mut self.touched).collect();
        let prefetches: [Prefetch<Self, (Cluster, Touched)>; 2] = [
            |all, (cluster, _)| all.clusters.prefetch(cluster),
            |all, (cluster, _)| {
                all.clusters.get(cluster).map_or(0, |content| all.graph.prefetch(content.anchor))
            },
        ];
        apply_prefetched(touched, self, &prefetches, |all, (cluster, touched)| {
            all.flush(cluster, touched, outcomes);
        });
    }

    fn take_in(
        &mut self,
        cluster: Cluster,
        nodes: Vec<(IdentifierHash, Node)>,
        withheld: Withheld,
    ) {
        let touched = self.touched.entry(cluster).or_default();
        if !withheld.is_empty() {
            touched.withheld.get_or_insert_default().extend(withheld);
        }
        touched.otherwise = true;
        for (hash, node) in nodes {
            self.arrive(cluster, hash, node.kind);
            let content = self.clusters.get_mut(&cluster).expect("it just arrived there");
            self.guards.add_links(&mut content.sums, hash, node.neighbours());
            self.graph.insert(hash, node);
        }
    }

    /// Counts an identifier in.
    fn arrive(&mut self, cluster: Cluster, identifier: IdentifierHash, kind: u8) {
        let content = self.clusters.entry(cluster).or_insert_with(|| Content {
            anchor: identifier,
            size: 0,
            rank: 0,
            sums: self.guards.no_sums(),
            guarded: None,
        });
        content.size += 1;
        add(&mut content.sums, self.guards.of_identifier(kind));
        self.touched.entry(cluster).or_default().arrived.push(identifier);
    }

    fn link(&mut self, cluster: Cluster, change: &LinkChange) {
        let leaf = self.leaf(cluster, change);
        let touched = self.touched.entry(cluster).or_default();
        match leaf {
            Some(leaf) => touched.leaves.push(leaf),
            None => touched.otherwise = true,
        }
        for end in [&change.one, &change.other] {
            if !self.graph.contains(end.hash) {
                self.joined += u64::from(self.clusters.get(&cluster).is_some());
                self.graph.add(end);
                self.arrive(cluster, end.hash, end.kind);
            }
        }
        let before = self.graph.link(change);
        if self.guards.look_at_states() {
            let content = self.clusters.get_mut(&cluster).expect("the link's ends are in it");
            change.state.inspect(|state| self.guards.add_link(&mut content.sums, *state));
            before.inspect(|state| self.guards.subtract_link(&mut content.sums, *state));
        }
        let touched = self.touched.entry(cluster).or_default();
        if change.state.is_none() {
            touched.parted.push((change.one.hash, change.other.hash));
        }
    }

    /// The link, if it ties an identifier that nobody knew to one of a cluster that breaks a guard.
    fn leaf(
        &self,
        cluster: Cluster,
        LinkChange { one, other, state }: &LinkChange,
    ) -> Option<Leaf> {
        self.clusters.get(&cluster)?.guarded.as_ref()?;
        let state = state.filter(|state| state.linked && !self.guards.look_at(*state))?;
        let near = match [one, other].map(|end| self.graph.contains(end.hash)) {
            [true, false] => one.hash,
            [false, true] => other.hash,
            _ => return None,
        };
        let arrived = self.touched.get(&cluster).map_or(&[][..], |touched| &touched.arrived[..]);
        let is_known = arrived.len() < FEW_LEAVES && !arrived.contains(&near);
        let link = LinkChange { one: one.clone(), other: other.clone(), state: Some(state) };
        is_known.then(|| Leaf { link, order: LinkOrder::new(one, other, state), near })
    }

    /// Admits links that come after all others, where nothing else happened to a cluster.
    fn append(
        &mut self,
        cluster: Cluster,
        touched: &mut Touched,
        outcomes: &mut Emit<Outcome>,
    ) -> bool {
        let Touched { leaves, arrived, otherwise, .. } = touched;
        let content = self.clusters.get_mut(&cluster).expect("touched");
        let grows = content.size.ilog2() > content.rank.into();
        let Some(guarded) = content.guarded.as_mut().filter(|_| !*otherwise && !grows) else {
            return false;
        };
        if !guarded.precedes(leaves) {
            return false;
        }
        leaves.sort_unstable_by(|one, other| one.order.cmp(&other.order));
        for leaf in leaves.drain(..) {
            let name = || Component::of(self.numbers.next(cluster.owner));
            guarded.append(&self.guards, &mut self.graph, leaf, name, outcomes);
        }
        let place = Some(IdentifierPlace { cluster, rank: content.rank });
        for identifier in arrived.iter().copied() {
            outcomes.push(Outcome::Moved(Moved { identifier, place }), 1);
        }
        true
    }

    fn flush(&mut self, cluster: Cluster, mut touched: Touched, outcomes: &mut Emit<Outcome>) {
        if self.append(cluster, &mut touched, outcomes) {
            return;
        }
        let Touched { parted, arrived, withheld, .. } = touched;
        let ends = || parted.iter().flat_map(|(one, other)| [*one, *other]);
        let parts = self.graph.parts(ends());
        let content = self.clusters.get_mut(&cluster).expect("touched");
        let guarded = content.guarded.as_mut();
        let mut before =
            guarded.map_or(Withheld::new(), |guarded| std::mem::take(&mut guarded.withheld));
        before.extend(withheld.into_iter().flat_map(|withheld| *withheld));
        let mut left: HashSet<IdentifierHash> = HashSet::new();
        for part in parts {
            left.extend(&part);
            self.split_off(cluster, part, &mut before, outcomes);
        }
        let content = self.clusters.get_mut(&cluster).expect("touched");
        if left.contains(&content.anchor) {
            content.anchor =
                ends().find(|end| !left.contains(end)).expect("one part stays, and it has an end");
        }
        let arrived = arrived.into_iter().filter(|hash| !left.contains(hash)).collect();
        self.emit(cluster, arrived, before, outcomes);
    }

    /// Makes a part that nothing ties to its cluster any more a cluster of its own.
    fn split_off(
        &mut self,
        from: Cluster,
        part: Vec<IdentifierHash>,
        before: &mut Withheld,
        outcomes: &mut Emit<Outcome>,
    ) {
        self.parted += 1;
        let to = self.numbers.next(self.worker);
        let mut sums = self.guards.no_sums();
        for hash in &part {
            let node = self.graph.node(*hash);
            add(&mut sums, self.guards.of_identifier(node.kind));
            self.guards.add_links(&mut sums, *hash, node.neighbours());
        }
        let content = self.clusters.get_mut(&from).expect("it is split");
        content.size -= part.len() as u32;
        subtract(&mut content.sums, &sums);
        let mut going = Withheld::new();
        if !before.is_empty() {
            let part: HashSet<_> = part.iter().collect();
            (going, *before) =
                std::mem::take(before).into_iter().partition(|((one, _), _)| part.contains(one));
        }
        let anchor = part[0];
        let size = part.len() as u32;
        let content = Content { anchor, size, rank: 0, sums, guarded: None };
        self.clusters.insert(to, content);
        self.emit(to, part, going, outcomes);
    }

    /// Tells where those who arrived are, whose all are, and what is withheld.
    fn emit(
        &mut self,
        cluster: Cluster,
        arrived: Vec<IdentifierHash>,
        before: Withheld,
        outcomes: &mut Emit<Outcome>,
    ) {
        let content = self.clusters.get_mut(&cluster).expect("told of");
        if content.size == 1 {
            let content = self.clusters.remove(&cluster).expect("just looked at");
            let identifier = content.anchor;
            let node = self.graph.remove(identifier);
            debug_assert!(node.is_lonely());
            outcomes.push(Outcome::Moved(Moved { identifier, place: None }), 1);
            if !node.component.is_alone(identifier) {
                outcomes.push(Outcome::Belongs(identifier, node.component), -1);
            }
            return emit_withheld(before, &Withheld::new(), outcomes);
        }
        let rank = content.size.ilog2() as u8;
        // Only what stays of a cluster that came apart may keep names: both sides might hold one.
        let names = if content.rank == 0 { Names::New } else { Names::Kept };
        let was_guarded = content.guarded.is_some() || !before.is_empty();
        let is_guarded = self.guards.broken(&content.sums).is_some();
        let everyone = rank > content.rank || is_guarded || was_guarded;
        let all = if everyone { self.graph.walk(content.anchor) } else { Vec::new() };
        let content = self.clusters.get_mut(&cluster).expect("told of");
        let moved = if rank > content.rank { &all } else { &arrived };
        content.rank = content.rank.max(rank);
        let place = Some(IdentifierPlace { cluster, rank: content.rank });
        for identifier in moved.iter().copied() {
            outcomes.push(Outcome::Moved(Moved { identifier, place }), 1);
        }
        let guarded = is_guarded.then(|| {
            let name = || Component::of(self.numbers.next(cluster.owner));
            Box::new(Guarded::admit(&self.guards, &mut self.graph, &all, names, name, outcomes))
        });
        if guarded.is_none() {
            let whose = if was_guarded { all } else { arrived };
            for hash in whose {
                belongs(&mut self.graph, hash, Component::of(cluster), outcomes);
            }
        }
        let none = Withheld::new();
        let after = guarded.as_ref().map_or(&none, |guarded| &guarded.withheld);
        emit_withheld(before, after, outcomes);
        let content = self.clusters.get_mut(&cluster).expect("told of");
        content.guarded = guarded;
    }
}

impl StateSize for Components {
    /// How many clusters there are, and identifiers in them.
    fn entries(&self) -> usize {
        self.clusters.len() + self.graph.len()
    }

    fn bytes(&self) -> usize {
        self.clusters.room() + self.graph.bytes()
    }

    fn give_back(&mut self) {
        self.clusters.give_back();
        self.graph.give_back();
    }
}
