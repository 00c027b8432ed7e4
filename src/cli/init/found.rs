//! The files that are named, and those in the folders that are named: each once, whatever else stands there.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use selfsame::internals::place::FileId;

/// In the order of their paths; `left_out` is told why something is none.
///
/// # Errors
/// If what is named is not there, or is no file and no folder that can be read. What stands in a folder is told, and left
/// out.
pub fn files(named: &[PathBuf], left_out: &dyn Fn(&str)) -> Result<Vec<PathBuf>, String> {
    let (mut entered, mut found) = (HashSet::new(), Vec::new());
    for path in named {
        look(path, &mut entered, &mut found, left_out)?;
    }
    found.sort();
    Ok(found)
}

fn look(
    path: &Path,
    entered: &mut HashSet<FileId>,
    found: &mut Vec<PathBuf>,
    left_out: &dyn Fn(&str),
) -> Result<(), String> {
    let unreadable = |why: io::Error| format!("'{}': {why}", path.display());
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    // By links a folder may be in itself, and a file may have several names.
    if !entered.insert(FileId::of(&metadata)) {
        return Ok(());
    }
    if metadata.is_file() && path.to_str().is_none() {
        return Err(format!("'{}': its name is not in UTF-8, as a definition is", path.display()));
    }
    if metadata.is_file() {
        found.push(path.to_owned());
        return Ok(());
    }
    if !metadata.is_dir() {
        return Err(format!(
            "'{}': it is no file, so it can't be looked at and then be read: write what comes of it into a file",
            path.display()
        ));
    }
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?.path();
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_of_others = !entry.is_dir() && (name.ends_with(".md") || name.ends_with(".yaml"));
        if name.starts_with('.') || is_of_others {
            continue;
        }
        if let Err(why) = look(&entry, entered, found, left_out) {
            left_out(&why);
        }
    }
    Ok(())
}
