//! Which definition a folder's rows are run with: for people, to tell who starts another one, and for a run whose
//! processes are started again. All processes share the folder: so what one file of it says, replaced in one step, is in
//! force for all of them.

use std::fs;
use std::path::{Path, PathBuf};

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
    /// Its text. Earlier versions noted none.
    #[serde(default)]
    pub text: String,
    /// What `now()` follows, as a command says it. Earlier versions did not note it.
    #[serde(default)]
    pub clock: String,
}

impl InForce {
    /// The file that says it.
    pub const NAME: &str = "definition.json";
    /// The file with its text, for people.
    pub const TEXT: &str = "definition.yaml";

    /// That of a folder; `None` if none is known.
    pub fn of(root: &Path) -> Result<Option<Self>, StoreError> {
        checked::read(&root.join(Self::NAME))
    }

    /// Whether the file for people has its text, as far as that is known.
    pub fn is_shown(&self, root: &Path) -> bool {
        let shows = |text: Vec<u8>| text == self.text.as_bytes();
        self.text.is_empty() || fs::read(root.join(Self::TEXT)).is_ok_and(shows)
    }

    /// Whether a file says it. Passwords may stand in those.
    pub fn is(name: &str) -> bool {
        [Self::NAME, Self::TEXT].contains(&name)
    }

    /// Notes it, and beside it its text.
    pub fn note(&self, folder: &Folder) -> Result<(), StoreError> {
        folder.replace_private(Self::NAME, &checked::json(self))?;
        folder.replace_private(Self::TEXT, self.text.as_bytes())
    }
}
