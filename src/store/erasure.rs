//! What is being removed from a folder, noted before it begins, so that whoever uses the folder next can finish it.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::checked;
use super::error::StoreError;
use super::folder::Folder;
use crate::row::IdentifierHash;

/// The file that says so, for as long as it goes on.
const NAME: &str = "forgetting.json";

/// A person who is being forgotten.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Erasure {
    /// Hashes of their identifiers, in hex digits.
    hashes: Vec<String>,
    /// Their identifiers as they stand in files of outputs.
    pub texts: Vec<String>,
    /// Whether rows that come with one of them later are dropped.
    pub suppress: bool,
}

impl Erasure {
    pub fn new(hashes: &BTreeSet<IdentifierHash>, texts: &[String], suppress: bool) -> Self {
        let hex = |hash: &IdentifierHash| const_hex::encode(hash.0.to_be_bytes());
        let hashes = hashes.iter().map(hex).collect();
        Erasure { hashes, texts: texts.to_owned(), suppress }
    }

    /// That which was begun in a folder and is not finished, if any is.
    pub fn of(root: &Path) -> Result<Option<Self>, StoreError> {
        Ok(checked::read::<Option<Self>>(&root.join(NAME))?.flatten())
    }

    pub fn hashes(&self) -> BTreeSet<IdentifierHash> {
        let hash = |text: &String| u128::from_str_radix(text, 16).ok().map(IdentifierHash);
        self.hashes.iter().filter_map(hash).collect()
    }

    /// It begins.
    pub fn begin(&self, folder: &Folder) -> Result<(), StoreError> {
        folder.write(NAME, self)
    }

    /// It is finished: nothing of it is left in the file.
    pub fn finish(folder: &Folder) -> Result<(), StoreError> {
        folder.write(NAME, &None::<Self>)
    }
}
