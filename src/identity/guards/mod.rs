//! The guards of a definition, and what each adds up over a set of identifiers.
//!
//! To add a guard that bounds what a person may have, write one file beside `size.rs` that implements
//! [`Guard`]: what an identifier, or what stands between two, adds to the sum, the greatest sum, and how a
//! refusal is told. Then add its row to [`ALL`]; nothing else knows one guard from another. Its word in the
//! definition is a row in `fields.rs` and its value a field of the plan. `shared_after` is no such guard: it
//! looks at the links of one identifier, not at a person, and stands before clusters (`identity/shared.rs`).

mod at_most;
mod different;
mod guard;
mod size;

use std::sync::Arc;

use smallvec::SmallVec;

use super::links::LinkState;
use crate::plan::Plan;
use crate::row::IdentifierHash;

pub use guard::{Detail, Guard, Refusal};

/// Every kind of guard: those that a definition has of it. Of several that a link would break the first
/// is told.
const ALL: [OfPlan; 3] = [at_most::of, size::of, different::of];

type OfPlan = fn(&Plan) -> Vec<Box<dyn Guard>>;

/// What adds that which stands between two identifiers.
type OfLinkState = fn(LinkState) -> u32;

/// What the definition lets a person have.
#[derive(Clone, Debug, Default)]
pub struct Guards {
    all: Arc<[Box<dyn Guard>]>,
    /// By type, what an identifier adds.
    of_identifiers: Arc<[Sums]>,
    /// The greatest sums that a person may have.
    most: Sums,
    /// Guards to which what stands between two identifiers adds.
    of_link_states: SmallVec<[(u16, OfLinkState); 1]>,
}

/// By guard, what a set of identifiers comes to.
pub(super) type Sums = SmallVec<[u32; 4]>;

impl Guards {
    pub fn new(plan: &Plan) -> Self {
        let all: Arc<[_]> = ALL.iter().flat_map(|of| of(plan)).collect();
        let kinds = 0..plan.identifiers.len() as u8;
        let of_link_states =
            (0..).zip(all.iter()).filter_map(|(index, of)| Some((index, of.of_link_states()?)));
        Guards {
            of_identifiers: kinds
                .map(|kind| all.iter().map(|of| of.of_identifier(kind)).collect())
                .collect(),
            most: all.iter().map(|of| of.most()).collect(),
            of_link_states: of_link_states.collect(),
            all,
        }
    }

    /// Whether the order in which links were first seen may matter.
    pub fn exist(&self) -> bool {
        !self.all.is_empty()
    }

    /// The guard that refused a link.
    pub fn refusing(&self, refusal: &Refusal) -> &dyn Guard {
        &*self.all[usize::from(refusal.guard)]
    }

    pub(super) fn no_sums(&self) -> Sums {
        Sums::from_elem(0, self.all.len())
    }

    /// What an identifier of a type comes to.
    pub(super) fn of_identifier(&self, kind: u8) -> &Sums {
        &self.of_identifiers[usize::from(kind)]
    }

    /// Whether what stands between two identifiers matters to any guard.
    pub(super) fn look_at_states(&self) -> bool {
        !self.of_link_states.is_empty()
    }

    /// Adds what stands between two identifiers to the sums of a set that has both.
    pub(super) fn add_link(&self, sums: &mut Sums, state: LinkState) {
        for (guard, of_state) in &self.of_link_states {
            sums[usize::from(*guard)] += of_state(state);
        }
    }

    /// Adds what stands between the identifiers of a set, of which all neighbours are in it.
    pub(super) fn add_links(
        &self,
        sums: &mut Sums,
        near: IdentifierHash,
        neighbours: impl Iterator<Item = (IdentifierHash, LinkState)>,
    ) {
        if self.look_at_states() {
            // Each link is met from both of its ends.
            let once = neighbours.filter(|(far, _)| near < *far);
            once.for_each(|(_, state)| self.add_link(sums, state));
        }
    }

    /// Takes out what stood between two identifiers of a set.
    pub(super) fn subtract_link(&self, sums: &mut Sums, state: LinkState) {
        for (guard, of_state) in &self.of_link_states {
            sums[usize::from(*guard)] -= of_state(state);
        }
    }

    /// The first guard that a person of these sums would break.
    pub(super) fn broken(&self, sums: &Sums) -> Option<usize> {
        sums.iter().zip(&self.most).position(|(sum, most)| sum > most)
    }

    /// Whether what stands between two identifiers adds to the sum of any guard.
    pub(super) fn look_at(&self, state: LinkState) -> bool {
        self.of_link_states.iter().any(|(_, of_state)| of_state(state) > 0)
    }

    /// Whether it adds to the sum of this one.
    pub(super) fn looks_at(&self, guard: usize, state: LinkState) -> bool {
        let of = self.of_link_states.iter().find(|(of, _)| usize::from(*of) == guard);
        of.is_some_and(|(_, of_state)| of_state(state) > 0)
    }
}

/// Adds what one set comes to, to what another one does.
pub(super) fn add(sums: &mut Sums, more: &Sums) {
    sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
}

/// Takes what a part of a set comes to out of it.
pub(super) fn subtract(sums: &mut Sums, less: &Sums) {
    sums.iter_mut().zip(less).for_each(|(sum, less)| *sum -= less);
}
