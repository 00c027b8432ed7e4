//! An identifier that a row names, whether the row stands or not.

use crate::row::IdentifierHash;

/// An identifier that a row names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedByRow {
    /// Which of the chunk's rows it is.
    pub place: usize,
    pub hash: IdentifierHash,
}

impl NamedByRow {
    /// The same of the row at another place.
    pub fn at(self, place: usize) -> Self {
        NamedByRow { place, ..self }
    }
}
