//! Checkpoints in a bucket: each file once it is whole on this machine, and last what says that a process's part is
//! there. So one of which something is missing is none.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::checked;
use super::checkpoint_of::CompleteFile;
use super::entries::{entries, remove};
use super::error::StoreError;
use super::mirror::Mirror;
use crate::fault;
use crate::time::Tick;

/// What their keys begin with.
pub const BELOW: &str = "checkpoints/";

/// A tick's, by its name.
fn key(tick: &str, name: &str) -> String {
    format!("{BELOW}{tick}/{name}")
}

fn names(path: &Path) -> (String, String) {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    (name(path.parent().unwrap_or(Path::new(""))), name(path))
}

/// Puts a process's part, which is whole: its files, and then what says so.
pub fn put(mirror: &Mirror, files: &[PathBuf], complete: &Path) -> io::Result<()> {
    for path in files {
        let (tick, name) = names(path);
        mirror.bucket.put_file(&key(&tick, &name), path).map_err(io::Error::other)?;
    }
    fault::point("checkpoint put");
    let (tick, name) = names(complete);
    let key = key(&tick, &name);
    match mirror.bucket.put_if(&key, &fs::read(complete)?, None).map_err(io::Error::other)? {
        Some(_) => Ok(()),
        None => Err(io::Error::other(format!("'{}' is somebody else's", mirror.bucket.url(&key)))),
    }
}

/// Brings a file here, anew; `false`: it is not there.
pub fn bring(mirror: &Mirror, path: &Path) -> io::Result<bool> {
    let (tick, name) = names(path);
    fs::create_dir_all(path.parent().expect("it lies in a folder"))?;
    mirror.bucket.get_file(&key(&tick, &name), path).map_err(io::Error::other)
}

/// The ticks that there is something of.
pub fn ticks(mirror: &Mirror) -> io::Result<Vec<Tick>> {
    let listed = mirror.bucket.list(BELOW).map_err(io::Error::other)?;
    let ticks: BTreeSet<Tick> =
        listed.iter().filter_map(|(key, _)| tick_of(key)?.parse().ok()).collect();
    Ok(ticks.into_iter().collect())
}

fn tick_of(key: &str) -> Option<&str> {
    Some(key.strip_prefix(BELOW)?.split_once('/')?.0)
}

/// Takes away what there is of a tick, or of all.
pub fn discard(mirror: &Mirror, tick: Option<&str>) -> io::Result<()> {
    let below = tick.map_or(BELOW.to_owned(), |tick| format!("{BELOW}{tick}/"));
    let listed = mirror.bucket.list(&below).map_err(io::Error::other)?;
    let keys: Vec<String> = listed.into_iter().map(|(key, _)| key).collect();
    mirror.bucket.delete(&keys).map_err(io::Error::other)
}

/// Takes away what a run that was cut off left, and what is of another store: it may hold somebody who was forgotten. What
/// this machine has and the bucket has not counts for nobody else, and goes.
pub fn clean<'a>(
    mirror: &Mirror,
    root: &Path,
    store: &str,
    listed: impl Iterator<Item = &'a String>,
) -> Result<(), StoreError> {
    let mut by_tick: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for key in listed {
        if let Some(tick) = tick_of(key) {
            by_tick.entry(tick).or_default().push(key.clone());
        }
    }
    for path in entries(&root.join("checkpoints"))? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !by_tick.contains_key(&*name) {
            remove(&path).map_err(StoreError::io(&path, "deleted"))?;
        }
    }
    if !mirror.is_holder() {
        return Ok(());
    }
    for (tick, keys) in by_tick {
        let name = key(tick, "complete-0.json");
        let first = mirror.bucket.get(&name)?;
        let of = Path::new(&name);
        let first = first.and_then(|(json, _)| checked::parse::<CompleteFile>(of, &json).ok());
        if first.is_none_or(|first| first.of.store != store) {
            mirror.bucket.delete(&keys)?;
        }
    }
    Ok(())
}
