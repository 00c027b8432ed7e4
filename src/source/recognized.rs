//! Which of the files that are found were read before, and how far.
//!
//! A file is the one that it was if it begins as that did and has, before the place up to which it was read,
//! the bytes that stood there. It is looked for by its device and inode first, so that one that was renamed
//! goes on under its new name; then by its path, where it was copied or restored. Where nothing is at any of a
//! source's paths any more, its folder was moved, or lies elsewhere on another machine: then its name alone
//! has to be the same. What is left is known by what it holds: a file that was moved to another file system, or of which
//! all that was read lies in its copy, since it has begun anew itself or is gone. A file that lies there as it was has
//! copies beside it, which are files of their own.
//!
//! A part of which no row was read, but a header or nothing, tells no file from another: what such a file was may be
//! gone, and another one have its inode. So these are looked for last.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::{Display, Formatter};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::paths::FoundFile;
use super::positions::{FilePosition, SourcePositions};
use super::reached::{FileOffset, Print};
use super::{Chunk, Payload, Reached, Span};
use crate::console::counted;
use crate::place::FileId;
use crate::plan::{Format, Source};
use crate::time::wall_clock;

/// By file, the part that it is and how far that was read; `None` for a new one.
pub(super) type Recognized = Vec<Option<(u32, FilePosition)>>;

/// Lines that a file has to share with one that is gone, at least, to be taken for that.
const FEW: u64 = 2;

/// Looks for files among all parts that are known of a source, unless they are taken, and says which were replaced.
pub(super) fn recognize(
    source: &Source,
    files: &[FoundFile],
    before: &SourcePositions,
    taken: &[u32],
) -> Recognized {
    let columnar = source.format == Format::Parquet;
    let header = source.header_lines() as u64;
    let source = &*source.name;
    let known = &before.known();
    let mut search = PartSearch::new(files, known, columnar);
    search.free.retain(|part| !taken.contains(part));
    let has_row = |part: &u32| {
        let position = &known[part];
        position.is_whole() || position.read_at_most().row > FileOffset::FIRST.row + header
    };
    let (with_rows, without_rows) = search.free.iter().partition(|part| has_row(part));
    search.free = with_rows;
    search.by_id();
    let places: HashSet<(FileId, &Path)> =
        files.iter().map(|file| (file.id, &*file.path)).collect();
    let is_in_place = |part: &u32| {
        let file = &known[part].file;
        places.contains(&(file.id, Path::new(&*file.path)))
    };
    let are_others =
        search.recognized.iter().all(Option::is_none) && !without_rows.iter().any(is_in_place);
    search.by_path();
    let has_begun_anew = |part: &u32| search.present.contains(&known[part].file.id);
    // Where files are found by their paths or names alone, all were copied or restored.
    let are_copied = are_others && search.recognized.iter().any(Option::is_some);
    let tells_enough = |part: &u32| {
        let position = &known[part];
        let has_lines = position.is_whole() || position.read_at_most().row > FEW;
        are_copied || has_begun_anew(part) || has_lines
    };
    let sought: HashSet<u32> = search.free.iter().copied().filter(tells_enough).collect();
    for (file, part) in search.by_content(&sought) {
        let is_there = search.present.contains(&known[&part].file.id);
        let what = if is_there { "has begun anew since" } else { "is gone" };
        tracing::info!(
            "source {source}: '{}' holds all that was read of '{}', which {what}: it is read on behind that",
            shown(file),
            known[&part].file.path
        );
    }
    if !without_rows.is_empty() {
        search.free.extend(without_rows);
        search.leave_continued();
        search.by_id();
        search.by_path();
    }
    let PartSearch { free, recognized, present, .. } = search;
    let has_begun_anew = |part: &u32| present.contains(&known[part].file.id);
    let anew: Vec<&FilePosition> =
        free.iter().filter(|part| has_begun_anew(part)).map(|part| &known[part]).collect();
    let old: BTreeSet<&str> = free.iter().map(|part| &*known[part].file.path).collect();
    for (file, _) in files.iter().zip(&recognized).filter(|(_, of)| of.is_none()) {
        if old.contains(&*shown(file)) {
            tell_another(source, &shown(file));
        } else if let Some(original) = anew.iter().find(|position| begins_as(file, position)) {
            tracing::warn!(
                "source {source}: '{}' begins as '{}' did, which was cut off or replaced since it was read: it is read \
                 as a new file. If it is a copy of that, made when that had been cut off before, the rows of both are \
                 the same, and count twice unless rows have an 'id'",
                shown(file),
                original.file.path
            );
        }
    }
    recognized
}

/// What is sought, and what was found.
struct PartSearch<'a> {
    files: &'a [FoundFile],
    known: &'a BTreeMap<u32, FilePosition>,
    /// The files that are there, whatever is in them.
    present: HashSet<FileId>,
    /// The parts that go on behind one.
    behind: HashMap<u32, Vec<u32>>,
    /// Parts of which no file was found.
    free: BTreeSet<u32>,
    recognized: Recognized,
}

impl<'a> PartSearch<'a> {
    fn new(files: &'a [FoundFile], known: &'a BTreeMap<u32, FilePosition>, columnar: bool) -> Self {
        let of_kind = known.iter().filter(|(_, position)| position.is_columnar() == columnar);
        let mut behind: HashMap<u32, Vec<u32>> = HashMap::new();
        for (part, position) in known {
            if let Some(after) = position.after(*part) {
                behind.entry(after).or_default().push(*part);
            }
        }
        PartSearch {
            files,
            known,
            present: files.iter().map(|file| file.id).collect(),
            behind,
            free: of_kind.map(|(part, _)| *part).collect(),
            recognized: vec![None; files.len()],
        }
    }

    fn by_id(&mut self) {
        self.by(|position| Some(position.file.id), |file| Some(file.id));
    }

    /// By their paths, or, where nothing is at any of these any more, their names.
    fn by_path(&mut self) {
        self.by(|position| Some(position.file.path.to_string()), |file| Some(shown(file)));
        let is_there = |position: &FilePosition| Path::new(&*position.file.path).exists();
        if !self.known.values().any(is_there) {
            let name =
                |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
            let old_name = |position: &FilePosition| name(Path::new(&*position.file.path));
            self.by(old_name, |file| name(&file.path));
        }
    }

    /// Gives each file that has none the part of which it holds most, of those that are free and go by the same key.
    fn by<K: std::hash::Hash + Eq>(
        &mut self,
        of_part: impl Fn(&FilePosition) -> Option<K>,
        of_file: impl Fn(&FoundFile) -> Option<K>,
    ) {
        if self.free.is_empty() || self.recognized.iter().all(Option::is_some) {
            return;
        }
        let mut longest: Vec<u32> = self.free.iter().copied().collect();
        longest.sort_by_key(|part| Reverse((self.known[part].read_at_most().byte, *part)));
        let mut parts: HashMap<K, Vec<u32>> = HashMap::new();
        for part in longest {
            if let Some(key) = of_part(&self.known[&part]) {
                parts.entry(key).or_default().push(part);
            }
        }
        let mut found = Vec::new();
        for (place, file) in self.files.iter().enumerate() {
            if self.recognized[place].is_some() {
                continue;
            }
            let Some(parts) = of_file(file).and_then(|key| parts.get(&key)) else { continue };
            // What can't be opened is told when it is to be read.
            let Ok(open) = File::open(&file.path) else { continue };
            if let Some(part) = parts.iter().find(|part| self.stands(**part, &open)) {
                self.found(place, *part);
                found.push((place, open, *part));
            }
        }
        for (place, open, part) in found {
            self.go_behind(place, part, &open);
        }
        self.leave_continued();
    }

    /// Gives each file that has none the part of those that are sought of which it holds most, unless it holds more of one
    /// that lies there as it was: then it is a copy of that, and a file of its own. Returns which it gave.
    fn by_content(&mut self, sought: &HashSet<u32>) -> Vec<(&'a FoundFile, u32)> {
        let mut found = Vec::new();
        if sought.is_empty() || self.recognized.iter().all(Option::is_some) {
            return found;
        }
        let lie_there: HashSet<u32> =
            self.recognized.iter().flatten().map(|(part, _)| *part).collect();
        let held = HeldParts::new(self.known, sought.union(&lie_there).copied());
        for (place, file) in self.files.iter().enumerate() {
            if self.recognized[place].is_some() {
                continue;
            }
            let Ok(open) = File::open(&file.path) else { continue };
            let holds = |part: &u32| match lie_there.contains(part) {
                true => self.known[part].stands(&open).is_ok_and(|stands| stands),
                false => self.stands(*part, &open),
            };
            let part = held.begun_by(&open, &self.free).into_iter().find(holds);
            if let Some(part) = part.filter(|part| self.free.contains(part)) {
                self.found(place, part);
                found.push((file, part));
            }
        }
        self.leave_continued();
        found
    }

    fn stands(&self, part: u32, open: &File) -> bool {
        self.free.contains(&part) && self.known[&part].stands(open).is_ok_and(|stands| stands)
    }

    /// Gives a file the last of the parts that go on behind all of one, stand in it, and of which no file was found: one that
    /// is replaced may leave its inode to what takes its place.
    fn go_behind(&mut self, place: usize, mut part: u32, open: &File) {
        loop {
            let length = |part: &u32| self.known[part].read_at_most().byte;
            let goes_on =
                |behind: &u32| length(behind) >= length(&part) && self.stands(*behind, open);
            let behind = self.behind.get(&part).into_iter().flatten().copied();
            let Some(next) = behind.filter(goes_on).max_by_key(length) else { return };
            self.free.insert(part);
            part = next;
            self.found(place, part);
        }
    }

    fn found(&mut self, place: usize, part: u32) {
        self.free.remove(&part);
        self.recognized[place] = Some((part, self.known[&part].clone()));
    }

    /// Of parts that another one goes on behind, all that was read of them, nothing is sought any more once that is found.
    fn leave_continued(&mut self) {
        for (part, _) in self.recognized.iter().flatten() {
            let (mut part, mut continued) = (*part, u64::MAX);
            while let Some(position) = self.known.get(&part)
                && let Some(after) = position.after(part)
            {
                continued = continued.min(position.start().at.byte);
                let before = self.known.get(&after);
                if before.is_some_and(|before| before.read_at_most().byte <= continued) {
                    self.free.remove(&after);
                }
                part = after;
            }
        }
    }
}

/// Parts that files may hold all of.
struct HeldParts<'a> {
    known: &'a BTreeMap<u32, FilePosition>,
    /// By the print of their first bytes, or of all that they are.
    grown: HashMap<Print, Vec<u32>>,
    whole: HashMap<Print, Vec<u32>>,
    /// Of how many first bytes there are prints.
    lengths: BTreeSet<u64>,
}

impl<'a> HeldParts<'a> {
    fn new(known: &'a BTreeMap<u32, FilePosition>, parts: impl Iterator<Item = u32>) -> Self {
        let (mut grown, mut whole) = (HashMap::new(), HashMap::new());
        for part in parts {
            let position = &known[&part];
            let of = if position.is_whole() { &mut whole } else { &mut grown };
            let parts: &mut Vec<u32> = of.entry(position.file.print).or_default();
            parts.push(part);
        }
        let lengths = grown.keys().map(|print: &Print| print.length).collect();
        HeldParts { known, grown, whole, lengths }
    }

    /// Those that begin as a file does. Many files may hold all of a few bytes: the part that has most comes first, of
    /// such ones a free one, and of these that which was read last.
    fn begun_by(&self, file: &File, free: &BTreeSet<u32>) -> Vec<u32> {
        let mut parts = Vec::new();
        for length in &self.lengths {
            let mut head = vec![0; *length as usize];
            if file.read_exact_at(&mut head, 0).is_err() {
                break;
            }
            parts.extend(self.grown.get(&Print::of(&head)).into_iter().flatten().copied());
        }
        if !self.whole.is_empty()
            && let Ok(print) = Print::of_whole(file)
        {
            parts.extend(self.whole.get(&print).into_iter().flatten().copied());
        }
        let length = |part: &u32| self.known[part].read_at_most().byte;
        parts.sort_by_key(|part| Reverse((length(part), free.contains(part), *part)));
        parts
    }
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

fn shown(file: &FoundFile) -> String {
    file.path.display().to_string()
}

/// Whether a file begins as another one did, as far as is known of that.
fn begins_as(file: &FoundFile, position: &FilePosition) -> bool {
    let print = position.file.print;
    let stands = |open: File| print.stands_before(&open, print.length);
    print.length > 0 && File::open(&file.path).and_then(stands).is_ok_and(|stands| stands)
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
