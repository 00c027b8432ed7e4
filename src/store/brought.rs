//! What the other processes of a run have put into a bucket since it began is brought into this one's working folder: so
//! each sees all that is stored, as it would in a folder that all share.
//!
//! Pieces of logs come first and manifests behind them, since logs become other files, and not the other way round. What a
//! manifest names may be gone by then, for what took its place: it is read again.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use super::at_once::at_once;
use super::bucket_log::{self, LogPiece, PieceKind};
use super::entries::{entries, remove};
use super::error::StoreError;
use super::folder::Folder;
use super::manifest::{Manifest, StoredSegment};
use super::mirror::Mirror;
use super::presence::made_of;
use super::private::is_private;
use super::restored;
use super::whole::replace_private;

/// How often a manifest is read again at most, whose files have gone meanwhile.
const TRIES: usize = 20;

/// Brings what others have put by now.
pub fn bring(mirror: &Mirror, folder: &Folder) -> Result<(), StoreError> {
    // One at a time: what is appended to a log is told by the log's length.
    let mut seen = mirror.brought();
    let mut is_anew = false;
    for _ in 0..TRIES {
        pieces(mirror, folder, &mut seen)?;
        is_anew |= small(mirror, folder)?;
        let manifests = Manifest::all(folder)?;
        let segments: Vec<StoredSegment> =
            manifests.into_iter().flat_map(|of| of.segments).collect();
        let files: Vec<_> = segments.iter().flat_map(StoredSegment::files).collect();
        if restored::fetch(mirror, &folder.root, &files)?.is_none() {
            return clean(mirror, folder, &segments, is_anew);
        }
    }
    let why = "its files change faster than they can be read".to_owned();
    Err(StoreError::Bucket { url: mirror.bucket.place.url(), why })
}

/// Appends what is new of others' logs to these.
fn pieces(mirror: &Mirror, folder: &Folder, seen: &mut BTreeSet<String>) -> Result<(), StoreError> {
    let own = mirror.own_pieces();
    let listed = mirror.bucket.list("log/")?.into_iter().map(|(key, _)| key);
    let keys: Vec<String> =
        listed.filter(|key| !key.starts_with(&own) && !seen.contains(key)).collect();
    let found = at_once(&keys, |key| bucket_log::read(&mirror.bucket, key))?;
    for LogPiece { key, header, bytes, .. } in found.into_iter().flatten() {
        let log = header.log;
        let is_log = log.ends_with(".log") && !log.contains('/') && made_of(&log).is_some();
        if header.kind == PieceKind::Frames && is_log {
            let path = folder.root.join("log").join(&log);
            let io = || StoreError::io(&path, "written");
            let file = OpenOptions::new().create(true).append(true).open(&path);
            let mut file = file.map_err(io())?;
            let length = file.metadata().map_err(io())?.len();
            if header.at > length {
                // The first pieces of one that has become columnar are gone already.
                continue;
            }
            if header.at == length {
                file.write_all(&bytes).map_err(io())?;
            }
            mirror.know(&log, &key);
        }
        seen.insert(key);
    }
    Ok(())
}

/// Takes small files over that another process has written. Says whether that is this one's own manifest, which the first
/// process writes anew when somebody is forgotten: nobody here writes then.
fn small(mirror: &Mirror, folder: &Folder) -> Result<bool, StoreError> {
    let own = format!("manifest-{}.json", mirror.process());
    let mut is_anew = false;
    for name in mirror.bucket.names("")?.into_iter().filter(|name| restored::is_of_store(name)) {
        let Some(bytes) = mirror.changed(&name)? else { continue };
        match is_private(&name) {
            true => replace_private(&folder.root.join(&name), &bytes)
                .map_err(StoreError::io(&folder.root.join(&name), "written"))?,
            false => folder.replace_here(&name, &bytes)?,
        }
        is_anew |= name == own;
        if name == "store.json" {
            // What is known of the store that it was may be known of somebody who was forgotten.
            let checkpoints = folder.root.join("checkpoints");
            remove(&checkpoints).map_err(StoreError::io(&checkpoints, "deleted"))?;
        }
    }
    Ok(is_anew)
}

/// Takes away here what does not count any more, once nobody reads it. Of this process's own that is done where it is made.
fn clean(
    mirror: &Mirror,
    folder: &Folder,
    segments: &[StoredSegment],
    with_own: bool,
) -> Result<(), StoreError> {
    let named: BTreeSet<PathBuf> = segments
        .iter()
        .flat_map(StoredSegment::files)
        .map(|file| folder.root.join(&file.path))
        .collect();
    let of = |path: &PathBuf| made_of(path.file_name()?.to_str()?);
    let is_ours = |path: &PathBuf| {
        of(path).is_some_and(|(_, process, _)| with_own || process != mirror.process())
    };
    let mut folders = entries(&folder.root.join("rows"))?;
    folders.push(folder.root.join("ticks"));
    let found = folders.iter().map(|of| entries(of)).collect::<Result<Vec<_>, _>>()?.concat();
    let unnamed =
        found.into_iter().filter(|path| !named.contains(path) && fs::metadata(path).is_ok());
    let is_made = |log: &PathBuf| of(log).is_some_and(|id| segments.iter().any(|of| of.has(id)));
    let logs = folder.logs()?.into_iter().filter(is_made);
    unnamed.chain(logs).filter(is_ours).for_each(|path| folder.delete_here(&path));
    Ok(())
}
