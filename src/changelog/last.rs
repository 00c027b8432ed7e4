//! Which definition was last run from a folder: what `get` and its like ask of when they are not told.
//!
//! A small file for each working folder, below `XDG_STATE_HOME` or `~/.local/state`. It is a convenience
//! and nothing else: a run that can't write it runs all the same.

use std::path::{Path, PathBuf};

/// Remembers that a definition is run from the working folder.
pub fn remember_run(definition: &Path) {
    let Some(note) = note() else { return };
    let Some(definition) = definition.to_str() else { return };
    let written = note
        .parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(&note, definition));
    if let Err(error) = written {
        tracing::debug!("'{}' can't be written: {error}", note.display());
    }
}

/// The definition that was last run from the working folder, if it is still there.
pub fn last_run() -> Option<PathBuf> {
    let definition = PathBuf::from(std::fs::read_to_string(note()?).ok()?);
    definition.is_file().then_some(definition)
}

fn note() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))?;
    let folder = std::env::current_dir().ok()?;
    let name = blake3::hash(folder.as_os_str().as_encoded_bytes());
    Some(state.join("selfsame").join("last-run").join(&name.to_hex()[..16]))
}
