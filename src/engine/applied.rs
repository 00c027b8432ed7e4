//! What a definition that is applied comes to.

use serde::{Deserialize, Serialize};

use crate::plan::changes::DefinitionChanges;
use crate::runtime::Difference;

/// What became of a definition that was applied, or what would.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Applied {
    /// In what the definitions differ.
    pub changes: DefinitionChanges,
    /// Stored rows from which all was computed anew.
    pub rows: u64,
    /// Fields that stored rows do not have, or have otherwise, and sources whose older versions of records have left under
    /// another reading of them: and what can be done.
    pub fields: Vec<String>,
    /// How people differ; only where nothing was to be done but to tell it.
    pub difference: Option<Difference>,
}
