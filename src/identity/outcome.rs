//! What follows from the links of a tick.

use serde::{Deserialize, Serialize};

use super::cluster::Component;
use super::conflicts::Conflict;
use super::directory::Moved;
use crate::row::IdentifierHash;

/// What a tick changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Outcome {
    /// Where an identifier is now.
    Moved(Moved),
    /// Whose an identifier is that is not alone.
    Belongs(IdentifierHash, Component),
    /// A link that is withheld.
    Conflict(Conflict),
}
