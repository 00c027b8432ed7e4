//! Which clusters a tick's links join, and which of them stays.
//!
//! All links of a tick that reach from one cluster into another meet here, so that every cluster hears
//! once where it goes. Nothing is kept from tick to tick.

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::changes::LinkChange;
use super::cluster::{Cluster, FreshNames, IdentifierPlace};
use super::directory::Found;
use crate::row::IdentifierHash;
use crate::state::batch::Batch;

/// What a cluster's owner is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Order {
    /// Everything in `from` goes to `to`.
    Move { from: Cluster, to: Cluster },
    /// The link changes in the cluster, or where that goes.
    Link { cluster: Cluster, change: LinkChange },
}

impl Order {
    pub fn route(&self) -> u64 {
        match self {
            Order::Move { from: cluster, .. } | Order::Link { cluster, .. } => cluster.owner.into(),
        }
    }
}

/// An end of a link: what it is part of.
#[derive(Copy, Clone, PartialEq, Eq, Hash)]
enum Part {
    Alone(IdentifierHash),
    Cluster(Cluster),
}

/// A link within a cluster changes there; only what joins has to be thought about.
pub(super) fn within(found: Found) -> Result<Order, Found> {
    match (found.one, found.other) {
        (Some(one), Some(other)) if one.cluster == other.cluster => {
            Ok(Order::Link { cluster: one.cluster, change: found.change })
        }
        _ => Err(found),
    }
}

pub(super) struct Joins {
    numbers: FreshNames,
    peers: u32,
}

impl Joins {
    pub fn new(peers: usize) -> Self {
        Joins { numbers: FreshNames::of_joins(), peers: peers as u32 }
    }

    /// Decides for all links of a tick whose ends are not in one cluster.
    pub fn decide(&mut self, batch: impl IntoIterator<Item = Found>, orders: &mut Batch<Order>) {
        let mut sets = Sets::default();
        let joined: Batch<(usize, LinkChange)> = batch
            .into_iter()
            .map(|Found { change, one, other }| {
                let one = sets.part(change.one.hash, one);
                let other = sets.part(change.other.hash, other);
                (sets.union(one, other), change)
            })
            .collect();
        let mut stays: HashMap<usize, Cluster> = HashMap::new();
        for index in 0..sets.parts.len() {
            let (part, root) = (sets.parts[index], sets.root(index));
            let to = *stays.entry(root).or_insert_with(|| match sets.greatest[root] {
                Some(place) => place.cluster,
                None => {
                    let Part::Alone(identifier) = sets.parts[root] else {
                        unreachable!("a set without a cluster holds identifiers alone")
                    };
                    self.numbers.next((identifier.0 as u64 % u64::from(self.peers)) as u32)
                }
            });
            if let Part::Cluster(from) = part
                && from != to
            {
                orders.push(Order::Move { from, to });
            }
        }
        orders.extend(joined.into_iter().map(|(index, change)| {
            let cluster = stays[&sets.root(index)];
            Order::Link { cluster, change }
        }));
    }
}

/// Disjoint sets of what the links join.
#[derive(Default)]
struct Sets {
    indexes: HashMap<Part, usize>,
    parts: Vec<Part>,
    parents: Vec<usize>,
    /// For each root, the cluster of the greatest rank in its set.
    greatest: Vec<Option<IdentifierPlace>>,
}

impl Sets {
    fn part(&mut self, identifier: IdentifierHash, place: Option<IdentifierPlace>) -> usize {
        let part = place.map_or(Part::Alone(identifier), |place| Part::Cluster(place.cluster));
        *self.indexes.entry(part).or_insert_with(|| {
            self.parts.push(part);
            self.parents.push(self.parents.len());
            self.greatest.push(place);
            self.parts.len() - 1
        })
    }

    /// Halves the path on its way.
    fn root(&mut self, mut index: usize) -> usize {
        while self.parents[index] != index {
            self.parents[index] = self.parents[self.parents[index]];
            index = self.parents[index];
        }
        index
    }

    fn union(&mut self, one: usize, other: usize) -> usize {
        let (one, other) = (self.root(one), self.root(other));
        let rank = |place: Option<IdentifierPlace>| place.map(|place| (place.rank, place.cluster));
        // The set that has the greater cluster is the root, so that paths stay short.
        let (root, child) = match rank(self.greatest[one]) >= rank(self.greatest[other]) {
            true => (one, other),
            false => (other, one),
        };
        self.parents[child] = root;
        root
    }
}
