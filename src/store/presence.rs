//! Whether what the manifests name is there, and whether what is there is named.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;

use super::entries::entries;
use super::error::StoreError;
use super::folder::Folder;
use super::manifest::{LogId, StoredSegment};

/// The log that a file of this name was made of, `RUN-p0-000001` and whatever follows.
pub fn made_of(name: &str) -> Option<LogId> {
    let (run, rest) = name.split_once("-p")?;
    let (process, rest) = rest.split_once('-')?;
    let digits = rest.find(|of: char| !of.is_ascii_digit()).unwrap_or(rest.len());
    Some((run.parse().ok()?, process.parse().ok()?, rest[..digits].parse().ok()?))
}

/// Refuses a folder that lacks a file which counts, or has files of which no manifest tells; then takes away what a
/// process that was cut off left. What is in a file is looked at when it is read.
pub fn check(
    folder: &Folder,
    process: usize,
    segments: &[StoredSegment],
    logs: &[PathBuf],
) -> Result<(), StoreError> {
    for file in segments.iter().flat_map(StoredSegment::files) {
        let path = folder.root.join(&file.path);
        match fs::metadata(&path) {
            Ok(found) if found.len() == file.bytes => {}
            Ok(found) => {
                let (found, bytes) = (found.len(), file.bytes);
                let why = format!("it has {found} bytes, not {bytes}");
                return Err(StoreError::altered(&path, why));
            }
            Err(error) => return Err(StoreError::altered(&path, error.to_string())),
        }
    }
    let mut known: BTreeSet<LogId> = segments.iter().flat_map(StoredSegment::logs).collect();
    let names = logs.iter().filter_map(|log| log.file_name().and_then(OsStr::to_str));
    known.extend(names.filter_map(made_of));
    let found = columnar(folder)?;
    for (path, of) in &found {
        if !known.contains(of) && path.extension().is_some_and(|end| end == "parquet") {
            let manifest = folder.root.join(format!("manifest-{}.json", of.1));
            let why = format!("it does not tell of '{}', or is not there", path.display());
            return Err(StoreError::altered(&manifest, why));
        }
    }
    take_away_halves(folder, process)?;
    take_away(found, process, &named(folder, segments))
}

/// Takes away small files that were written and not put in their place, since a process was cut off: one may name somebody
/// who has been forgotten since. Those that another process may be writing stay.
fn take_away_halves(folder: &Folder, process: usize) -> Result<(), StoreError> {
    for within in [folder.root.clone(), folder.root.join("outputs")] {
        for path in entries(&within)? {
            let of = path.file_name().and_then(OsStr::to_str).and_then(half_of);
            if of.and_then(writer) == Some(process) {
                fs::remove_file(&path).map_err(StoreError::io(&path, "deleted"))?;
            }
        }
    }
    Ok(())
}

/// The name of the file that one was to become, by the name that `beside` gave it.
fn half_of(name: &str) -> Option<&str> {
    let (name, id) = name.strip_suffix(".tmp")?.rsplit_once('.')?;
    id.parse::<u32>().is_ok().then_some(name)
}

/// Which process writes a small file; `None` where any may.
fn writer(name: &str) -> Option<usize> {
    match name.strip_prefix("manifest-").and_then(|name| name.strip_suffix(".json")) {
        Some(process) => process.parse().ok(),
        None => (name != "store.json").then_some(0),
    }
}

/// Takes away what a run or an erasure of a process that was cut off left beside the files that count.
pub fn clean(
    folder: &Folder,
    process: usize,
    segments: &[StoredSegment],
) -> Result<(), StoreError> {
    take_away(columnar(folder)?, process, &named(folder, segments))
}

/// The files that count, by the logs that they were made of.
fn named(folder: &Folder, segments: &[StoredSegment]) -> BTreeMap<LogId, BTreeSet<PathBuf>> {
    let mut named: BTreeMap<LogId, BTreeSet<PathBuf>> = BTreeMap::new();
    for segment in segments {
        for id in segment.logs() {
            let paths = segment.files().map(|file| folder.root.join(&file.path));
            named.entry(id).or_default().extend(paths);
        }
    }
    named
}

fn take_away(
    found: Vec<(PathBuf, LogId)>,
    process: usize,
    named: &BTreeMap<LogId, BTreeSet<PathBuf>>,
) -> Result<(), StoreError> {
    for (path, of) in found.into_iter().filter(|(_, of)| of.1 == process) {
        let is_half = path.extension().is_some_and(|end| end == "tmp");
        if is_half || named.get(&of).is_some_and(|named| !named.contains(&path)) {
            fs::remove_file(&path).map_err(StoreError::io(&path, "deleted"))?;
        }
    }
    Ok(())
}

/// All files of rows and ticks, with the logs that they were made of.
fn columnar(folder: &Folder) -> Result<Vec<(PathBuf, LogId)>, StoreError> {
    let mut folders = vec![folder.root.join("ticks")];
    folders.extend(entries(&folder.root.join("rows"))?.into_iter().filter(|path| path.is_dir()));
    let mut found = Vec::new();
    for folder in folders {
        let files = entries(&folder)?.into_iter();
        found.extend(files.filter_map(|path| {
            let of = made_of(path.file_name()?.to_str()?)?;
            Some((path, of))
        }));
    }
    Ok(found)
}
