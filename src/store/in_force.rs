//! Which definition a folder's rows were run with last: for people, and to tell who starts another one.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::checked;
use super::error::StoreError;
use super::folder::Folder;

/// The definition that is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InForce {
    /// Where its file was.
    pub path: PathBuf,
    /// A hash of what it comes to.
    pub meaning: String,
}

impl InForce {
    /// That of a folder; `None` if none is known.
    pub fn of(folder: &Folder) -> Result<Option<Self>, StoreError> {
        checked::read(&folder.root.join("definition.json"))
    }

    /// Notes it, with its text as `definition.yaml`.
    pub fn note(&self, folder: &Folder, text: &str) -> Result<(), StoreError> {
        let json = checked::json(self);
        for (name, bytes) in [("definition.yaml", text.as_bytes()), ("definition.json", &json)] {
            folder.replace(name, bytes)?;
        }
        Ok(())
    }
}
