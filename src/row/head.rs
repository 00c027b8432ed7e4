//! What lies before the bytes of a row's body.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use thin_vec::ThinVec;

use super::position::Position;

/// What a row says of the identifiers that it carries.
#[derive(
    Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Verdict {
    /// They are one person's, as every row's are.
    #[default]
    Together,
    /// Someone decided that they are the same person's.
    Same,
    /// Someone decided that they are different people's.
    Different,
}

/// What a join needs of a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Joining {
    /// Index into `Plan::sources`.
    pub source: u16,
    pub position: Position,
    /// Which element of a row that was unnested it is.
    pub element: u32,
    /// The own key of a table's record; for a row that joins, the key that it names of each table,
    /// `None` for null.
    pub keys: SmallVec<[Option<u128>; 1]>,
    /// The values of the columns that the other side's expressions look at, or its own: packed.
    pub values: Box<[u8]>,
}

/// What lies before the bytes: 16 bytes, since ticks under load are full of rows.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Head<E> {
    /// `None` with most rows.
    rare: Option<Box<RareParts<E>>>,
    pub carries: Carries,
    /// How many bytes the identifiers take: there the inputs begin.
    pub inputs_at: u32,
}

/// What few rows have.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct RareParts<E> {
    joining: Option<Arc<Joining>>,
    elements: ThinVec<E>,
}

/// How many identifiers a row carries, and what it says of them: the lowest two bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Carries(u32);

impl Carries {
    /// There are fewer than 2³⁰: each takes 18 bytes or more, and 32 bits say how many bytes all of them take.
    pub fn new(identifiers: u32, verdict: Verdict) -> Self {
        Carries(identifiers << 2 | verdict as u32)
    }

    pub fn identifiers(self) -> u32 {
        self.0 >> 2
    }

    pub fn verdict(self) -> Verdict {
        [Verdict::Together, Verdict::Same, Verdict::Different][(self.0 & 3) as usize]
    }
}

impl<E> Head<E> {
    pub fn new(
        carries: Carries,
        inputs_at: u32,
        joining: Option<Arc<Joining>>,
        elements: ThinVec<E>,
    ) -> Self {
        let has_any = joining.is_some() || !elements.is_empty();
        let rare = has_any.then(|| Box::new(RareParts { joining, elements }));
        Head { rare, carries, inputs_at }
    }

    pub fn joining(&self) -> Option<&Arc<Joining>> {
        self.rare.as_ref()?.joining.as_ref()
    }

    pub fn elements(&self) -> &[E] {
        self.rare.as_ref().map_or(&[], |rare| &rare.elements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_short() {
        assert_eq!(size_of::<Head<String>>(), 16);
    }
}
