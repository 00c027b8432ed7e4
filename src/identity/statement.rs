//! What a row says of two identifiers that is no link.

use serde::{Deserialize, Serialize};

use crate::row::Identifier;

/// What a source says of an identifier, that another one is the same person's: some row of it has the two,
/// the first one as its most trusted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Statement {
    pub about: Identifier,
    pub source: u16,
    pub says: Identifier,
}
