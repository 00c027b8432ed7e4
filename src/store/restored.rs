//! A working folder becomes what its bucket holds: what it has already is not read again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use super::at_once::at_once;
use super::bucket_checkpoints;
use super::bucket_log::{self, LogPiece, PieceKind};
use super::checked;
use super::columnar::checksum;
use super::entries::{self, entries};
use super::error::StoreError;
use super::folder::StoreFile;
use super::manifest::{ColumnarFile, LogId, Manifest, StoredSegment};
use super::mirror::Mirror;
use super::old_fences::{PutTimes, old_fences};
use super::presence::made_of;
use super::private::is_private;
use super::whole::{replace, replace_private};
use crate::console::counted;

/// What the names of small files begin with that no store has.
const OF_THE_LEASE: [&str; 3] = ["lease", "joined-", "probe-"];

/// By log, the keys of the pieces that are left of it.
type LogPieces = BTreeMap<String, Vec<String>>;

/// What follows from the bucket, and is not looked for elsewhere.
const COUNTING: [&str; 3] = ["log", "rows", "ticks"];

/// Makes a working folder what the bucket holds. Where it is of the run that had the bucket last, what it tells of outputs
/// is newer than what the bucket has. Returns the keys of pieces that are left, by log.
pub fn restore(mirror: &Mirror, root: &Path) -> Result<LogPieces, StoreError> {
    let is_progress = |name: &str| name.starts_with("outputs/");
    let names = [mirror.bucket.names("")?, mirror.bucket.names("outputs/")?].concat();
    // First what says which other objects count: from here on no earlier run can change that.
    let mut small = BTreeMap::new();
    for name in names.into_iter().filter(|name| is_of_store(name)) {
        small.extend(mirror.adopt(&name)?.map(|bytes| (name, bytes)));
    }
    let (mut listed, mut put) = (BTreeMap::new(), PutTimes::new());
    for (key, bytes, at) in mirror.bucket.list_with_times("")? {
        put.insert(key.clone(), at);
        listed.insert(key, bytes);
    }
    if !small.contains_key("store.json") {
        if let Some(key) = listed.keys().find(|key| key.starts_with("rows/")) {
            let url = mirror.bucket.url("store.json");
            let why = format!("it is not there, and '{key}' is");
            return Err(StoreError::altered(Path::new(&url), why));
        }
        clear(root)?;
        return Ok(BTreeMap::new());
    }
    let before = store_of(&root.join("store.json"));
    let store = root.join("store.json");
    fs::create_dir_all(root.join("outputs")).map_err(StoreError::io(root, "made"))?;
    let is_same = |json: &Vec<u8>| {
        let found: Option<StoreFile> = checked::parse(&store, json).ok();
        found.is_some_and(|found| before.as_ref() == Some(&found.store))
    };
    if !small.get("store.json").is_some_and(is_same) {
        clear(root)?;
    }
    let is_ours = mirror.was_last && store.exists();
    if !is_ours {
        remove(&root.join("outputs"))?;
    }
    for entry in entries(root)? {
        let name = entry.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        if entry.is_file() && (name.ends_with(".json") || name.ends_with(".yaml")) {
            fs::remove_file(&entry).map_err(StoreError::io(&entry, "deleted"))?;
        }
    }
    for (name, bytes) in &small {
        let path = root.join(name);
        if is_progress(name) && is_ours && path.exists() {
            continue;
        }
        let parent = path.parent().expect("it lies in a folder");
        fs::create_dir_all(parent).map_err(StoreError::io(parent, "made"))?;
        let put = if is_private(name) { replace_private } else { replace };
        put(&path, bytes).map_err(StoreError::io(&path, "written"))?;
    }
    let mut segments: Vec<StoredSegment> = Vec::new();
    for name in small.keys().filter(|name| name.starts_with("manifest-")) {
        let manifest: Option<Manifest> = checked::read(&root.join(name))?;
        segments.extend(manifest.unwrap_or_default().segments);
    }
    let files: Vec<&ColumnarFile> = segments.iter().flat_map(StoredSegment::files).collect();
    are_there(mirror, &files, &listed)?;
    let (left, gone) = logs(mirror, root, &segments, &put)?;
    let orphans = orphans(mirror, &segments, &left, &listed)?;
    // Nothing is taken away before it is known that what counts is whole.
    if mirror.is_holder() {
        let probes = listed.keys().filter(|key| key.starts_with("probe-"));
        mirror.bucket.delete(&probes.cloned().chain(orphans).chain(gone).collect::<Vec<_>>())?;
    }
    let of = store_of(&store).unwrap_or_default();
    bucket_checkpoints::clean(mirror, root, &of, listed.keys())?;
    columnar(mirror, root, &files)?;
    Ok(left)
}

/// Whether a small file says something of a store.
pub fn is_of_store(name: &str) -> bool {
    !OF_THE_LEASE.iter().any(|of| name.starts_with(of))
}

/// Which store a folder was of.
fn store_of(path: &Path) -> Option<String> {
    let found: Option<StoreFile> = checked::read(path).ok()?;
    Some(found?.store)
}

fn remove(path: &Path) -> Result<(), StoreError> {
    entries::remove(path).map_err(StoreError::io(path, "deleted"))
}

/// Leaves nothing of another store.
fn clear(root: &Path) -> Result<(), StoreError> {
    for path in entries(root)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_lock = name.starts_with("lock-") || name.starts_with("lease-");
        match path.is_dir() {
            true => remove(&path)?,
            false if is_lock => {}
            false => fs::remove_file(&path).map_err(StoreError::io(&path, "deleted"))?,
        }
    }
    Ok(())
}

/// The bucket has all columnar files that count.
fn are_there(
    mirror: &Mirror,
    files: &[&ColumnarFile],
    listed: &BTreeMap<String, u64>,
) -> Result<(), StoreError> {
    for file in files {
        let url = mirror.bucket.url(&file.path);
        let why = match listed.get(&file.path) {
            None => "it is not there".to_owned(),
            Some(bytes) if *bytes != file.bytes => {
                format!("it has {bytes} bytes, not {}", file.bytes)
            }
            Some(_) => continue,
        };
        return Err(StoreError::altered(Path::new(&url), why));
    }
    Ok(())
}

/// The columnar files that count no more, or never came to: what was made of a log that a manifest tells of by other files, or
/// that is a log still. Where nothing tells of one, the manifest that did is gone, or an older one is in its place.
fn orphans(
    mirror: &Mirror,
    segments: &[StoredSegment],
    logs: &LogPieces,
    listed: &BTreeMap<String, u64>,
) -> Result<Vec<String>, StoreError> {
    let named: BTreeSet<&str> =
        segments.iter().flat_map(StoredSegment::files).map(|file| file.path.as_str()).collect();
    let mut known: BTreeSet<LogId> = segments.iter().flat_map(StoredSegment::logs).collect();
    known.extend(logs.keys().filter_map(|log| made_of(log)));
    let is_columnar = |key: &&String| {
        (key.starts_with("rows/") || key.starts_with("ticks/")) && key.ends_with(".parquet")
    };
    let mut orphans = Vec::new();
    for key in listed.keys().filter(is_columnar).filter(|key| !named.contains(key.as_str())) {
        let name = key.rsplit('/').next().unwrap_or_default();
        let Some(of) = made_of(name) else { continue };
        if !known.contains(&of) && mirror.is_holder() {
            let manifest = mirror.bucket.url(&format!("manifest-{}.json", of.1));
            let why = format!("it does not tell of '{key}', or is not there");
            return Err(StoreError::altered(Path::new(&manifest), why));
        }
        orphans.push(key.clone());
    }
    Ok(orphans)
}

/// All columnar files that count, and no other ones, are here as they are there.
fn columnar(mirror: &Mirror, root: &Path, files: &[&ColumnarFile]) -> Result<(), StoreError> {
    let named: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let mut folders = vec![root.join("ticks")];
    folders.extend(entries(&root.join("rows"))?);
    for path in folders.iter().map(|of| entries(of)).collect::<Result<Vec<_>, _>>()?.concat() {
        let below = path.strip_prefix(root).expect("it lies there").to_string_lossy().into_owned();
        if !named.contains(below.as_str()) {
            fs::remove_file(&path).map_err(StoreError::io(&path, "deleted"))?;
        }
    }
    match fetch(mirror, root, files)? {
        None => Ok(()),
        Some(missing) => {
            let url = mirror.bucket.url(&missing);
            Err(StoreError::altered(Path::new(&url), "it is not there"))
        }
    }
}

/// Brings those of some columnar files that are not here. Returns the path of one that the bucket does not have, if there is
/// any.
pub fn fetch(
    mirror: &Mirror,
    root: &Path,
    files: &[&ColumnarFile],
) -> Result<Option<String>, StoreError> {
    let is_here = |file: &&ColumnarFile| {
        fs::metadata(root.join(&file.path)).is_ok_and(|found| found.len() == file.bytes)
    };
    let missing: Vec<&ColumnarFile> = files.iter().filter(|file| !is_here(file)).copied().collect();
    if !missing.is_empty() {
        let bytes: u64 = missing.iter().map(|file| file.bytes).sum();
        tracing::info!(
            "{} brought here from '{}'",
            counted(
                missing.len(),
                &format!("file with {bytes} bytes is"),
                &format!("files with {bytes} bytes are")
            ),
            mirror.bucket.place.url()
        );
    }
    let brought = at_once(&missing, |file| {
        let altered =
            |why: &str| StoreError::altered(Path::new(&mirror.bucket.url(&file.path)), why);
        let path = root.join(&file.path);
        let parent = path.parent().expect("it lies in a folder");
        fs::create_dir_all(parent).map_err(StoreError::io(parent, "made"))?;
        if !mirror.bucket.get_file(&file.path, &path)? {
            return Ok(Some(file.path.clone()));
        }
        if checksum(&path)?.1 != file.checksum {
            fs::remove_file(&path).map_err(StoreError::io(&path, "deleted"))?;
            return Err(altered("its checksum differs"));
        }
        Ok(None)
    })?;
    Ok(brought.into_iter().flatten().next())
}

/// The logs that have not become columnar, put together from their pieces. Returns the keys of the pieces of each, and of
/// those that count no more.
fn logs(
    mirror: &Mirror,
    root: &Path,
    segments: &[StoredSegment],
    listed: &PutTimes,
) -> Result<(LogPieces, Vec<String>), StoreError> {
    let folder = root.join("log");
    remove(&folder)?;
    for part in COUNTING {
        let path = root.join(part);
        fs::create_dir_all(&path).map_err(StoreError::io(&path, "made"))?;
    }
    let keys: Vec<&String> = listed.keys().filter(|key| key.starts_with("log/")).collect();
    let pieces = at_once(&keys, |key| bucket_log::read(&mirror.bucket, key))?;
    let mut left: LogPieces = BTreeMap::new();
    let (mut gone, mut open): (Vec<String>, Option<(String, File, u64)>) = (Vec::new(), None);
    let (mut fences, mut last): (Vec<String>, Option<(String, u64)>) = (Vec::new(), None);
    for LogPiece { key, number, header, bytes } in pieces.into_iter().flatten() {
        let altered = |why: &str| StoreError::altered(Path::new(&mirror.bucket.url(&key)), why);
        let row = bucket_log::row_of(&key).ok_or_else(|| altered("its name is no number"))?;
        let comes_next = last.is_none_or(|(of, before)| of != row || number == before + 1);
        last = Some((row.to_owned(), number));
        let log = header.log;
        let made = made_of(&log).filter(|_| log.ends_with(".log") && !log.contains('/'));
        let is_made = made.is_some_and(|log| segments.iter().any(|of| of.has(log)));
        match header.kind {
            PieceKind::Fence => fences.push(key.clone()),
            PieceKind::Gone => gone.push(key.clone()),
            PieceKind::Frames if is_made => gone.push(key.clone()),
            PieceKind::Frames => {
                made.ok_or_else(|| altered("it names no log"))?;
                let goes_on = open.as_ref().filter(|(of, ..)| *of == log).map(|(_, _, at)| *at);
                if header.at != goes_on.unwrap_or(0) || (goes_on.is_some() && !comes_next) {
                    return Err(altered("what comes before it is missing"));
                }
                let io = || StoreError::io(&folder, "written");
                let mut file = match open.take().filter(|_| goes_on.is_some()) {
                    Some((_, file, _)) => file,
                    None => File::create(folder.join(&log)).map_err(io())?,
                };
                file.write_all(&bytes).map_err(io())?;
                left.entry(log.clone()).or_default().push(key.clone());
                open = Some((log, file, header.at + bytes.len() as u64));
                continue;
            }
        }
        // A fence comes right behind what it is to end.
        let is_end = |(log, ..): &(String, File, u64)| {
            let of = made_of(log);
            let is_later = |segment: &StoredSegment| {
                of.is_some_and(|(run, process, number)| {
                    segment.logs().any(|of| (of.0, of.1) == (run, process) && of.2 > number)
                })
            };
            !segments.iter().any(is_later)
        };
        if header.kind == PieceKind::Fence && !comes_next && open.as_ref().is_some_and(is_end) {
            return Err(altered("what comes before it is missing"));
        }
    }
    gone.extend(old_fences(&fences, listed));
    Ok((left, gone))
}
