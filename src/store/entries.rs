//! What a folder has in it.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::error::StoreError;

/// All that is in a folder; nothing where there is none.
pub fn entries(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(StoreError::io(folder, "read"))?,
    };
    entries.map(|entry| Ok(entry.map_err(StoreError::io(folder, "read"))?.path())).collect()
}

/// Takes a folder away with all that is in it, if there is one.
pub fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
