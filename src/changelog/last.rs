//! How a definition was last run from a folder: what `get` and its like ask of when they are not told.
//!
//! A small file for each working folder, below `XDG_STATE_HOME` or `~/.local/state`. It is a convenience
//! and nothing else: a run that can't write it runs all the same.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::plan::DataPlace;
use crate::standing::Clock;

/// A run, as it was started.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LastRun {
    pub definition: PathBuf,
    /// The data folder that its command named.
    data: Option<PathBuf>,
    /// As its command said it.
    clock: String,
}

impl LastRun {
    /// `data` as the command names it.
    pub fn new(definition: &Path, data: Option<&Path>, clock: Clock) -> Self {
        let data = data.map(|data| match DataPlace::of(data) {
            DataPlace::Folder(folder) => std::path::absolute(&folder).unwrap_or(folder),
            DataPlace::Bucket(_) => data.to_owned(),
        });
        LastRun { definition: definition.to_owned(), data, clock: clock.to_string() }
    }

    /// The one that was last started from the working folder, if its definition is still there.
    pub fn of_folder() -> Option<Self> {
        let note = std::fs::read_to_string(note()?).ok()?;
        let last: LastRun = serde_json::from_str(&note).ok()?;
        last.definition.is_file().then_some(last)
    }

    /// The same, if it was one of this definition, where any is named.
    pub fn of(definition: Option<&Path>) -> Option<Self> {
        let last = LastRun::of_folder()?;
        let is_it = |definition: &Path| {
            let paths = [definition, &last.definition].map(std::fs::canonicalize);
            matches!(paths, [Ok(one), Ok(other)] if one == other)
        };
        definition.is_none_or(is_it).then_some(last)
    }

    /// The data folder that its command named.
    pub fn data(&self) -> Option<DataPlace> {
        self.data.as_deref().map(DataPlace::of)
    }

    /// What now() followed in it.
    pub fn clock(&self) -> Option<Clock> {
        self.clock.parse().ok()
    }

    /// The same with another definition, which was applied to it.
    pub fn with(self, definition: &Path) -> Self {
        LastRun { definition: definition.to_owned(), ..self }
    }

    /// Remembers that it was started from the working folder.
    pub fn remember(&self) {
        let Some(note) = note() else { return };
        let Ok(text) = serde_json::to_string(self) else { return };
        let written = note
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(&note, text));
        if let Err(error) = written {
            tracing::debug!("'{}' can't be written: {error}", note.display());
        }
    }
}

fn note() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))?;
    let folder = std::env::current_dir().ok()?;
    let name = blake3::hash(folder.as_os_str().as_encoded_bytes());
    Some(state.join("selfsame").join("last-run").join(&name.to_hex()[..16]))
}
