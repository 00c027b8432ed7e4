//! Which of the files that are found were read before, and how far.
//!
//! A file is the one that it was if it begins as that did and has, before the place up to which it was read,
//! the bytes that stood there. It is looked for by its device and inode first, so that one that was renamed
//! goes on under its new name; then by its path, where it was copied or restored; then, where it has begun anew
//! itself, as by "copy and truncate", among all that were not known. Where nothing is at any of a
//! source's paths any more, its folder was moved, or lies elsewhere on another machine: then its name alone
//! has to be the same. Where files are found by their paths or names alone, all were copied or restored: then one that
//! had been renamed before is told by what it holds.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::{Display, Formatter};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use super::paths::FoundFile;
use super::positions::{FilePosition, SourcePositions};
use super::{Chunk, Payload, Reached, Span};
use crate::console::counted;
use crate::place::FileId;
use crate::time::wall_clock;

/// By file, the part that it is and how far that was read; `None` for a new one.
pub(super) type Recognized = Vec<Option<(u32, FilePosition)>>;

/// Looks for files among all parts that are known of a source, and says which were replaced.
pub(super) fn recognize(
    source: &str,
    files: &[FoundFile],
    before: &SourcePositions,
    columnar: bool,
) -> Recognized {
    let positions = before.files.keys().map(|part| (*part, before.file(*part)));
    let known: BTreeMap<u32, FilePosition> =
        positions.filter_map(|(part, position)| Some((part, position?))).collect();
    let known = &known;
    let mut recognized: Recognized = vec![None; files.len()];
    let mut free: BTreeSet<u32> = known
        .iter()
        .filter(|(_, position)| position.is_columnar() == columnar)
        .map(|(part, _)| *part)
        .collect();
    let shown = |file: &FoundFile| file.path.display().to_string();
    let newest: Vec<u32> = free.iter().rev().copied().collect();
    seek(
        files,
        known,
        &newest,
        &mut free,
        &mut recognized,
        |p| Some(p.file.id),
        |file| Some(file.id),
    );
    let are_others = recognized.iter().all(Option::is_none);
    let path = |position: &FilePosition| Some(position.file.path.to_string());
    seek(files, known, &newest, &mut free, &mut recognized, path, |file| Some(shown(file)));
    if !known.values().any(|position| Path::new(&*position.file.path).exists()) {
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
        let old_name = |position: &FilePosition| name(Path::new(&*position.file.path));
        seek(files, known, &newest, &mut free, &mut recognized, old_name, |file| name(&file.path));
    }
    // Many files may hold all of a few bytes: a file is that of which it holds most.
    let by_length = |parts: &BTreeSet<u32>| {
        let mut longest: Vec<u32> = parts.iter().rev().copied().collect();
        longest.sort_by_key(|part| std::cmp::Reverse(known[part].read_to().byte));
        longest
    };
    if are_others && recognized.iter().any(Option::is_some) {
        let longest = by_length(&free);
        seek(files, known, &longest, &mut free, &mut recognized, |_| Some(()), |_| Some(()));
    }
    // What was read of a file that has begun anew since lies in its copy, where there is one.
    let present: HashSet<FileId> = files.iter().map(|file| file.id).collect();
    let has_begun_anew = |part: &u32| present.contains(&known[part].file.id);
    let mut anew: BTreeSet<u32> = free.iter().copied().filter(has_begun_anew).collect();
    let longest = by_length(&anew);
    seek(files, known, &longest, &mut anew, &mut recognized, |_| Some(()), |_| Some(()));
    free.retain(|part| !has_begun_anew(part) || anew.contains(part));
    let old: BTreeSet<&str> = free.iter().map(|part| &*known[part].file.path).collect();
    for (file, _) in files.iter().zip(&recognized).filter(|(_, of)| of.is_none()) {
        if old.contains(&*shown(file)) {
            tell_another(source, &shown(file));
        } else if let Some(part) = anew.iter().find(|part| begins_as(file, &known[part])) {
            tracing::warn!(
                "source {source}: '{}' begins as '{}' did, which was cut off or replaced since it was read: it is read \
                 as a new file. If it is a copy of that, made when that had been cut off before, the rows of both are \
                 the same, and count twice unless rows have an 'id'",
                shown(file),
                known[part].file.path
            );
        }
    }
    recognized
}

/// A chunk without a row, which says how a file is known by now.
pub(super) fn known_as(source: u16, name: &str, part: u32, span: Span) -> Chunk {
    let name: Arc<str> = name.into();
    let arrived = wall_clock();
    Chunk {
        source,
        part,
        origin: Arc::clone(&name),
        payload: Payload::Lines { bytes: Vec::new(), first_line: 1, header: None, arrived },
        reached: Some(Reached { source: name, part, span }),
    }
}

/// Whether a file begins as another one did, as far as is known of that.
fn begins_as(file: &FoundFile, position: &FilePosition) -> bool {
    let print = position.file.print;
    let stands = |open: File| print.stands_before(&open, print.length);
    print.length > 0 && File::open(&file.path).and_then(stands).is_ok_and(|stands| stands)
}

/// Gives each file that has none the first part that is free, goes by the same key, and stands in it.
fn seek<K: std::hash::Hash + Eq>(
    files: &[FoundFile],
    known: &BTreeMap<u32, FilePosition>,
    order: &[u32],
    free: &mut BTreeSet<u32>,
    recognized: &mut Recognized,
    of_part: impl Fn(&FilePosition) -> Option<K>,
    of_file: impl Fn(&FoundFile) -> Option<K>,
) {
    if free.is_empty() || recognized.iter().all(Option::is_some) {
        return;
    }
    let mut parts: HashMap<K, Vec<u32>> = HashMap::new();
    for part in order.iter().filter(|part| free.contains(part)) {
        if let Some(key) = of_part(&known[part]) {
            parts.entry(key).or_default().push(*part);
        }
    }
    for (file, known_as) in files.iter().zip(recognized).filter(|(_, known_as)| known_as.is_none())
    {
        let Some(parts) = of_file(file).and_then(|key| parts.get(&key)) else { continue };
        // What can't be opened is told when it is to be read.
        let Ok(open) = File::open(&file.path) else { continue };
        let stands = |part: &&u32| {
            free.contains(part) && known[part].stands(&open).is_ok_and(|stands| stands)
        };
        if let Some(part) = parts.iter().find(stands) {
            free.remove(part);
            *known_as = Some((*part, known[part].clone()));
        }
    }
}

/// Says that a file is not what it was.
pub(super) fn tell_another(source: &str, path: &str) {
    tracing::warn!(
        "source {source}: '{path}' was cut off or replaced since it was read: it is read as a new file, and \
         the rows of the old one stand. If more was written to that before, it is lost"
    );
}

/// What is found of a source that was read before.
#[derive(Default)]
pub(super) struct FoundCounts {
    pub done: usize,
    pub read_on: usize,
    pub new: usize,
}

impl Display for FoundCounts {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let FoundCounts { done, read_on, new } = *self;
        let files = |count: usize| counted(count, "file", "files");
        let are = |count: usize, what: &str| {
            counted(count, &format!("is {what}"), &format!("are {what}"))
        };
        match done + read_on + new {
            1 if done == 1 => write!(f, "its file was read before; nothing new"),
            all if all == done => write!(f, "its {} were read before; nothing new", files(all)),
            all => write!(
                f,
                "of its {} {}; {} and {}",
                files(all),
                counted(
                    done,
                    "was read before and has not changed",
                    "were read before and have not changed"
                ),
                are(read_on, "read on"),
                are(new, "new")
            ),
        }
    }
}
