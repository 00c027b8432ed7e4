//! What identifiers are told: rows, sightings, whose they are, and what was saved of them.

use std::sync::Arc;

use arcstr::ArcStr;
use serde::{Deserialize, Serialize};
use thin_vec::ThinVec;

use super::aggregate::AggregateState;
use super::led_list::LedList;
use super::sums::Words;
use crate::identity::{Component, Sighted, Sighting};
use crate::row::{Body, IdentifierHash, Input};
use crate::state::saved::saved_entries;
use crate::time::Micros;

/// What concerns an identifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum IdentifierInput {
    /// A row that stands, whose most trusted identifier it is.
    Row { time: Micros, body: Body },
    /// Another row's word for it.
    Sighting(Sighting),
    /// What a row of its gives to the aggregates of a window while it is in it.
    InWindow { time: Micros, inputs: Arc<[Input]> },
    /// It is this component's. One of which that is not said is a component by itself.
    Belongs(Component),
    /// What a run before kept of it.
    Saved(Box<SavedIdentifier>),
}

/// What is kept of an identifier, as it is saved: all but whose it is, which follows from links.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedIdentifier {
    pub hash: IdentifierHash,
    pub kind: u8,
    /// `None`: it is only remembered when it was first seen.
    pub text: Option<ArcStr>,
    pub sighted: Sighted,
    pub sums: Words,
    pub led: LedList,
    pub aggregate_states: ThinVec<(u16, AggregateState)>,
}

impl SavedIdentifier {
    /// As a change of the identifier.
    pub fn input(self) -> (IdentifierHash, IdentifierInput) {
        (self.hash, IdentifierInput::Saved(Box::new(self)))
    }
}

/// The hashes, types and texts of the identifiers of a chunk in which some are saved.
pub fn saved_names(chunk: &[u8]) -> impl Iterator<Item = (IdentifierHash, u8, ArcStr)> {
    let names = saved_entries::<(IdentifierHash, u8, Option<ArcStr>)>(chunk);
    names.filter_map(|(hash, kind, text)| Some((hash, kind, text?)))
}
