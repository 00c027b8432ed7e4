//! What a checkpoint is of, and what says that a process's part of it is there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::time::{Micros, Tick};

/// The number of what operators save: one of another number is passed over.
const LAYOUT: u32 = 5;

/// What a checkpoint is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointOf {
    pub store: String,
    pub tick: Tick,
    /// The reading of the clock at the tick.
    pub at: Micros,
    /// A hash of the definition.
    pub definition: String,
    pub processes: usize,
}

/// Written when a process's part of a checkpoint is there.
#[derive(Debug, Serialize, Deserialize)]
pub struct CompleteFile {
    layout: u32,
    selfsame: String,
    #[serde(flatten)]
    pub of: CheckpointOf,
    /// By name, how long each worker's file is.
    pub files: BTreeMap<String, u64>,
}

impl CompleteFile {
    pub fn new(of: CheckpointOf, files: BTreeMap<String, u64>) -> Self {
        CompleteFile { layout: LAYOUT, selfsame: env!("CARGO_PKG_VERSION").to_owned(), of, files }
    }

    /// Whether a run of this program, a store and a definition can begin with it.
    pub fn fits(&self, store: &str, definition: &str) -> bool {
        let is_ours = self.layout == LAYOUT && self.selfsame == env!("CARGO_PKG_VERSION");
        is_ours && self.of.store == store && self.of.definition == definition
    }
}
