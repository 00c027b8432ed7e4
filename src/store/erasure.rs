//! What is being removed from a folder, noted before it begins, so that whoever uses the folder next can finish it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::checked;
use super::error::StoreError;
use super::folder::Folder;
use crate::plan::Plan;
use crate::row::{IdentifierHash, Unwanted};

/// The file that says so, for as long as it goes on.
const NAME: &str = "forgetting.json";

/// A person who is being forgotten.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Erasure {
    /// Hashes of their identifiers, in hex digits.
    hashes: Vec<String>,
    /// Hashes of the keys of their records, in hex digits, each with its source's name.
    #[serde(default)]
    keys: Vec<(String, String)>,
    /// Their identifiers as they stand in files of outputs.
    pub texts: Vec<String>,
    /// Whether rows that come with one of them later are dropped.
    pub suppress: bool,
}

impl Erasure {
    pub fn new(plan: &Plan, unwanted: &Unwanted, texts: &[String], suppress: bool) -> Self {
        let hex = |hash: u128| const_hex::encode(hash.to_be_bytes());
        let hashes = unwanted.identifiers.iter().map(|of| hex(of.0)).collect();
        let name = |source: u16| plan.sources[usize::from(source)].name.clone();
        let keys = unwanted.keys.iter().map(|(source, key)| (name(*source), hex(*key)));
        Erasure { hashes, keys: keys.collect(), texts: texts.to_owned(), suppress }
    }

    /// That which was begun in a folder and is not finished, if any is.
    pub fn of(root: &Path) -> Result<Option<Self>, StoreError> {
        Ok(checked::read::<Option<Self>>(&root.join(NAME))?.flatten())
    }

    /// What has to leave by it, by the sources of a plan.
    pub fn unwanted(&self, plan: &Plan) -> Unwanted {
        let hash = |text: &String| u128::from_str_radix(text, 16).ok();
        let source = |name: &String| plan.sources.iter().position(|of| of.name == *name);
        let key = |(name, text): &(String, String)| Some((source(name)? as u16, hash(text)?));
        Unwanted {
            identifiers: self.hashes.iter().filter_map(hash).map(IdentifierHash).collect(),
            keys: self.keys.iter().filter_map(key).collect(),
            ..Unwanted::default()
        }
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
