//! What is kept of one identifier.

use arcstr::ArcStr;
use thin_vec::ThinVec;

use super::aggregate::AggregateState;
use super::contribution::Member;
use super::led_list::LedList;
use super::ownership::Ownership;
use super::sums::Words;
use crate::identity::{Component, Sighted};
use crate::row::IdentifierHash;
use crate::time::Micros;

/// One is held for everyone: so its fields are few and short.
#[derive(Default)]
pub struct IdentifierState {
    /// `None` until it is sighted.
    pub text: Option<ArcStr>,
    pub kind: u8,
    pub sighted: Sighted,
    pub belongs: Belongs,
    pub sums: Words,
    /// The values, as words, of aggregates that are extremes of what may be taken back.
    pub led: LedList,
    /// What is kept for other aggregates that are in no block, in their order; those without any row are left out.
    pub aggregate_states: ThinVec<(u16, AggregateState)>,
}

/// Whose an identifier is, as far as that was said: in the place of an `Option`, a component that is nobody.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Belongs(pub Component);

impl Belongs {
    pub const UNSAID: Belongs = Belongs(Component(u128::MAX));
}

impl Default for Belongs {
    fn default() -> Self {
        Belongs::UNSAID
    }
}

impl IdentifierState {
    #[inline]
    pub fn whose(&self, hash: IdentifierHash) -> Option<Ownership> {
        let component = match self.belongs {
            Belongs::UNSAID => Component::alone(hash),
            Belongs(component) => component,
        };
        let first_seen = self.sighted.first_seen;
        self.sighted.is_known().then_some(Ownership { component, first_seen })
    }

    #[inline]
    pub fn member(&self, hash: IdentifierHash, first_seen: Micros) -> Member {
        let text = self.text.clone().expect("an identifier that is known has been seen");
        Member { kind: self.kind, text, hash, first_seen }
    }

    /// Whether nothing is left of it but when it was first seen.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.sighted.rows == 0
            && self.belongs == Belongs::UNSAID
            && self.sums.is_empty()
            && self.led.is_empty()
            && self.aggregate_states.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_an_identifier_has_no_gaps() {
        assert_eq!(size_of::<(IdentifierHash, IdentifierState)>(), 16 + 80);
    }
}
