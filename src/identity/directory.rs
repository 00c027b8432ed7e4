//! Where identifiers are found: one worker's share, by identifier.

use std::cell::RefCell;
use std::rc::Rc;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::cluster::Place;
use super::links::LinkChange;
use crate::row::IdentifierHash;

/// An identifier has got into a cluster, or out of any.
#[derive(Copy, Clone, Debug, Serialize, Deserialize)]
pub(super) struct Moved {
    pub identifier: IdentifierHash,
    pub place: Option<Place>,
}

/// A link that changed, with where its ends were found when the tick began.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Found {
    pub change: LinkChange,
    pub one: Option<Place>,
    pub other: Option<Place>,
}

/// What the directory is asked and told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Query {
    Find(LinkChange),
    Moved(Moved),
}

impl Query {
    pub fn route(&self) -> u64 {
        match self {
            Query::Find(change) => change.one.hash.0 as u64,
            Query::Moved(moved) => moved.identifier.0 as u64,
        }
    }
}

/// Shared by the two operators that look the ends of links up.
#[derive(Clone, Default)]
pub(super) struct Directory {
    places: Rc<RefCell<HashMap<IdentifierHash, Place>>>,
}

impl Directory {
    /// Learns what the tick before brought about, then finds the links' first ends.
    pub fn find_first(&self, batch: Vec<Query>, found: &mut Vec<Found>) {
        let mut places = self.places.borrow_mut();
        let mut changes = Vec::new();
        for query in batch {
            match query {
                Query::Moved(Moved { identifier, place: Some(place) }) => {
                    places.insert(identifier, place);
                }
                Query::Moved(Moved { identifier, place: None }) => {
                    places.remove(&identifier);
                }
                Query::Find(change) => changes.push(change),
            }
        }
        found.extend(changes.into_iter().map(|change| {
            let one = places.get(&change.one.hash).copied();
            Found { change, one, other: None }
        }));
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.places.borrow().is_empty()
    }

    /// Finds the links' other ends.
    pub fn find_second(&self, batch: Vec<Found>, found: &mut Vec<Found>) {
        let places = self.places.borrow();
        found.extend(batch.into_iter().map(|mut link| {
            link.other = places.get(&link.change.other.hash).copied();
            link
        }));
    }
}
