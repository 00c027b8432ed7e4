//! Names: of clusters, which links alone tie together, and of components, which are people.
//!
//! A cluster holds one component unless a guard withholds some of its links. An identifier without
//! any link is in no cluster and a component by itself. Neither name is ever published: a person's id
//! is chosen where the person is put together, so these may depend on the order of arrival.

use serde::{Deserialize, Serialize};

use crate::row::IdentifierHash;

/// Identifiers that links tie together, whether guards withhold the links or not.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(C, packed(4))]
pub struct Cluster {
    /// The worker that has it.
    pub owner: u32,
    pub number: u64,
}

/// A person: a connected component of the links that count.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(C, packed(8))]
pub struct Component(pub u128);

impl Component {
    /// The place of an identifier that nothing ties to another.
    pub fn alone(identifier: IdentifierHash) -> Self {
        Component(identifier.0)
    }

    /// The component of a cluster that no guard concerns. Its first 32 bits are zero, a hash's are not.
    pub(super) fn of(cluster: Cluster) -> Self {
        Component(u128::from(cluster.owner) << 64 | u128::from(cluster.number))
    }

    /// Spreads people over workers. Who has one identifier is where that is, so that what it brings need not travel.
    /// Numbers of clusters differ in all bits but those that workers are told by.
    pub fn route(self) -> u64 {
        if self.0 >> 96 != 0 {
            return self.0 as u64;
        }
        let folded = self.0 as u64 ^ (self.0 >> 64) as u64;
        folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
    }

    pub(super) fn is_alone(self, identifier: IdentifierHash) -> bool {
        self == Component::alone(identifier)
    }
}

/// Where an identifier that has links is found.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct IdentifierPlace {
    pub cluster: Cluster,
    /// The binary logarithm of the cluster's size when this was last told: when clusters join, the
    /// one of the greatest rank stays.
    pub rank: u8,
}

/// Gives out names that no one else gives.
#[derive(Debug)]
pub(super) struct FreshNames {
    next: u64,
}

impl FreshNames {
    /// The names that the joining of clusters gives to new ones, wherever these are.
    pub fn of_joins() -> Self {
        FreshNames { next: 0 }
    }

    /// The names that a worker gives to what comes apart there.
    pub fn of_splits() -> Self {
        FreshNames { next: 1 }
    }

    pub fn next(&mut self, owner: u32) -> Cluster {
        let number = self.next;
        self.next += 2;
        Cluster { owner, number }
    }
}
