//! Files of which nothing more is expected: read to their ends, or rejected.
//!
//! One that does not grow (compressed, or columnar) may be moved to another file system: a new file holds the same then, and
//! the old one goes when all of it is copied. So a new one that holds the same as one which is there waits a
//! while: it is that one once the other has gone, and a file of its own if that stays.

use std::collections::HashMap;
use std::time::Instant;

use super::copies::has_row;
use super::file::OpenFile;
use super::paths::{FoundFile, PathPattern, Stamp, walk};
use super::piece::{Left, Patience};
use crate::place::FileId;
use crate::plan::Source;

/// A file that was read, or rejected.
pub(super) struct Aside {
    pub part: u32,
    pub stamp: Option<Stamp>,
    pub left: Left,
    gone: Option<Instant>,
}

impl Aside {
    pub fn new(part: u32, stamp: Option<Stamp>, left: Left) -> Self {
        Aside { part, stamp, left, gone: None }
    }

    /// Lets a file that has its inode go on behind the rows that were read, as far as they stand in it. Whether one does:
    /// else it may be any other file.
    pub fn resume(&self, source: &Source, file: &mut OpenFile) -> bool {
        let Left::Text(seen) = &self.left else { return false };
        let kept = seen.kept(file.trail.file()).unwrap_or(0);
        let stands = has_row(source, seen, kept);
        if stands {
            file.pass_over(kept, self.part);
        }
        stands
    }
}

/// What a new file is that does not grow, of which nothing was given on yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WholeFile {
    OfItsOwn,
    /// It holds the same as one that may go: it is looked at again.
    Undecided,
    /// That one, which was read.
    Moved,
}

#[derive(Default)]
pub(super) struct AsideFiles {
    files: HashMap<FileId, Aside>,
    /// New files that hold the same as one that is there, since when.
    undecided: HashMap<FileId, Instant>,
}

impl AsideFiles {
    pub fn ids(&self) -> impl Iterator<Item = &FileId> {
        self.files.keys()
    }

    pub fn put(&mut self, id: FileId, aside: Aside) {
        self.undecided.remove(&id);
        self.files.insert(id, aside);
    }

    pub fn take(&mut self, id: FileId) -> Option<Aside> {
        self.files.remove(&id)
    }

    /// Whether a file is one of them, as it was, or is not to be looked at again yet.
    pub fn leaves(&self, found: &FoundFile, patience: Patience) -> bool {
        let waits = |since: &Instant| since.elapsed() < patience.copied;
        self.files.get(&found.id).is_some_and(|aside| aside.stamp == Some(found.stamp))
            || self.undecided.get(&found.id).is_some_and(waits)
    }

    /// Hears which files there are.
    pub fn look<F>(&mut self, present: &HashMap<FileId, F>) {
        let now = Instant::now();
        for (id, aside) in &mut self.files {
            match present.contains_key(id) {
                true => aside.gone = None,
                false => drop(aside.gone.get_or_insert(now)),
            }
        }
        self.undecided.retain(|id, _| present.contains_key(id));
    }

    /// Takes a new file that was just begun, and does not grow, for one that it holds the same as and that has gone. What it
    /// is else is said.
    pub fn meet(
        &mut self,
        file: &OpenFile,
        patience: Patience,
        patterns: &[PathPattern],
    ) -> WholeFile {
        let length = file.stamp().map(|stamp| stamp.length);
        let is_long_gone =
            |aside: &Aside| aside.gone.is_some_and(|since| since.elapsed() >= patience.gone);
        let may_be = |aside: &&Aside| {
            aside.stamp.map(|stamp| stamp.length) == length
                && !is_long_gone(aside)
                && aside.left.is_whole_in(file.trail.file(), false)
        };
        let same = self.files.iter().filter(|(_, aside)| may_be(aside)).map(|(id, _)| *id);
        let same: Vec<FileId> = same.collect();
        if same.is_empty() || patience.copied.is_zero() {
            return WholeFile::OfItsOwn;
        }
        let there = walk(patterns);
        let is_gone = |id: FileId| {
            there.unreadable.is_empty() && there.files.iter().all(|found| found.id != id)
        };
        if let Some(moved) = same.iter().find(|id| is_gone(**id)) {
            let Aside { part, left, .. } = self.files.remove(moved).expect("just found");
            self.put(file.id, Aside::new(part, file.stamp(), left));
            return WholeFile::Moved;
        }
        let since = self.undecided.entry(file.id).or_insert_with(Instant::now);
        match since.elapsed() < patience.copied {
            true => WholeFile::Undecided,
            false => WholeFile::OfItsOwn,
        }
    }
}
