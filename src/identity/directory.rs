//! Where identifiers are found: one worker's share, by identifier.

use std::cell::RefCell;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::changes::LinkChange;
use super::cluster::IdentifierPlace;
use crate::row::IdentifierHash;
use crate::state::batch::{Batch, apply_prefetched};
use crate::state::table::Table;

/// An identifier has got into a cluster, or out of any.
#[derive(Copy, Clone, Debug, Serialize, Deserialize)]
pub(super) struct Moved {
    pub identifier: IdentifierHash,
    pub place: Option<IdentifierPlace>,
}

/// A link that changed, with where its ends were found when the tick began.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Found {
    pub change: LinkChange,
    pub one: Option<IdentifierPlace>,
    pub other: Option<IdentifierPlace>,
}

/// Shared by the operators that look the ends of links up and the one that learns.
#[derive(Clone, Default)]
pub(super) struct Directory {
    places: Rc<RefCell<Places>>,
}

type Places = Table<IdentifierHash, IdentifierPlace>;

impl Directory {
    /// Learns what a tick brought about.
    pub fn update(&self, moved: impl IntoIterator<Item = Moved>) {
        let mut places = self.places.borrow_mut();
        let prefetch = |places: &Places, moved: &Moved| places.prefetch(&moved.identifier);
        let moved: Batch<Moved> = moved.into_iter().collect();
        apply_prefetched(
            moved,
            &mut *places,
            &[prefetch],
            |places, Moved { identifier, place }| {
                match place {
                    Some(place) => places.insert(identifier, place),
                    None => places.remove(&identifier),
                };
            },
        );
        places.give_back();
    }

    /// Finds the links' first ends.
    pub fn find_first(&self, changes: Batch<LinkChange>, found: &mut Batch<Found>) {
        let prefetch = |places: &Places, change: &LinkChange| places.prefetch(&change.one.hash);
        apply_prefetched(changes, &mut *self.places.borrow_mut(), &[prefetch], |places, change| {
            let one = places.get(&change.one.hash).copied();
            found.push(Found { change, one, other: None });
        });
    }

    /// How many identifiers are in clusters.
    pub fn entries(&self) -> usize {
        self.places.borrow().len()
    }

    /// The bytes of their table.
    pub fn bytes(&self) -> usize {
        self.places.borrow().room()
    }

    /// Finds the links' other ends.
    pub fn find_second(&self, batch: Batch<Found>, found: &mut Batch<Found>) {
        let prefetch = |places: &Places, link: &Found| places.prefetch(&link.change.other.hash);
        apply_prefetched(batch, &mut *self.places.borrow_mut(), &[prefetch], |places, mut link| {
            link.other = places.get(&link.change.other.hash).copied();
            found.push(link);
        });
    }
}
