//! Copies that lie beside their originals while files are followed. "Copy and truncate" makes one of a file, under
//! another name, and then empties that: what was read of the file is not read of its copy, and what was not is.
//!
//! A file may take another one's place as well: an editor, or `rsync`, writes what was in it and more to a new file, and gives
//! that the old one's name; or it is copied to another file system, and deleted. The new one goes on behind what both
//! hold, and nothing else goes on behind the old one from then on.
//!
//! A copy is known for certain once its original is cut off. So a new file that begins as one does that is being
//! read is held back while it grows, and for a while then: by then the original is cut off, or it is a file of its own.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use super::file::OpenFile;
use super::paths::{FoundFile, Stamp};
use super::piece::Patience;
use super::seen::{HEAD, Seen, alike, read_at};
use super::text::TextEnd;
use crate::place::FileId;
use crate::plan::{Format, Source};

/// Files that are held open because they may be copies; of more, nothing is held back.
const MOST: usize = 256;
/// For how long a file that keeps growing is held back.
const LONGEST: Duration = Duration::from_secs(60);

/// New files that may be copies, or have nothing in them yet.
#[derive(Default)]
pub(super) struct Suspects {
    held: HashMap<FileId, Suspect>,
}

struct Suspect {
    file: OpenFile,
    length: u64,
    /// When it was longer than before, and when it began as another file for the first time.
    grew: Instant,
    since: Option<Instant>,
    shared: Vec<SharedBytes>,
}

/// Up to where two files of such lengths and times of change hold the same.
#[derive(Clone, Copy)]
struct SharedBytes {
    of: FileId,
    stamp: Stamp,
    others_stamp: Stamp,
    shared: u64,
}

/// A file that has no name any more, up to where another one holds what is in it, and whether that is all.
#[derive(Clone, Copy)]
struct Replaced {
    id: FileId,
    shared: u64,
    is_whole: bool,
}

/// What is known of a new file.
pub(super) enum Suspicion {
    Waits,
    /// It has taken the place of that file, which has no name any more: it is read on behind what both hold, so long.
    Replaces(Box<OpenFile>, FileId, u64),
    /// It is read by itself; here it is, if it was opened.
    ByItself(Option<Box<OpenFile>>),
}

impl Suspects {
    /// Looks at a new file, beside those that are being read, and those that will be next.
    pub fn look<'a>(
        &mut self,
        source: &Source,
        found: &FoundFile,
        read: &mut [OpenFile],
        ahead: impl Iterator<Item = &'a mut OpenFile>,
        patience: Patience,
    ) -> Suspicion {
        let (now, length) = (Instant::now(), found.stamp.length);
        let held = self.held.remove(&found.id);
        let is_met_again = held.is_some();
        let mut suspect = match held {
            Some(suspect) => suspect,
            None => {
                let may_be = source.format != Format::Parquet && self.held.len() < MOST;
                let opened = may_be.then(|| OpenFile::new(source, 0, &found.path, TextEnd::Open));
                let Some(Ok(file)) = opened.filter(|_| !patience.copied.is_zero()) else {
                    return Suspicion::ByItself(None);
                };
                Suspect { file, length, grew: now, since: None, shared: Vec::new() }
            }
        };
        suspect.file.moved(&found.path);
        if suspect.length != length {
            (suspect.length, suspect.grew) = (length, now);
        }
        let head = suspect.file.trail.peek(HEAD).unwrap_or_default();
        // It may have taken the place of one that is read first.
        let is_like_next = is_like_next(source, ahead, &head);
        let waits = match is_like_next || alike_of(source, read, &head).next().is_some() {
            true => {
                let since = *suspect.since.get_or_insert(now);
                now.duration_since(suspect.grew) < patience.copied
                    && now.duration_since(since) < LONGEST
            }
            false => head.is_empty(),
        };
        let replaced = suspect.replaced(source, read, &head, (is_met_again, !waits));
        let waits = waits || is_like_next || is_one_broken(source, read, &head);
        let has_rival = replaced.is_some_and(|replaced| self.has_rival(read, replaced));
        if let Some(of) = replaced.filter(|_| !has_rival) {
            return Suspicion::Replaces(Box::new(suspect.file), of.id, of.shared);
        }
        if waits || has_rival {
            self.held.insert(found.id, suspect);
            return Suspicion::Waits;
        }
        let is_copied = |original: &&OpenFile| {
            let seen = original.trail.seen().expect("it is alike");
            seen.lines(seen.length()) > 1 && seen.is_in(suspect.file.trail.file()).unwrap_or(false)
        };
        if let Some(original) = alike_of(source, read, &head).find(is_copied) {
            tracing::warn!(
                "source {}: '{}' holds all that was read of '{}', which goes on: it is read as a file of its \
                 own, and rows that stand in both count twice. If it is a copy, let 'files' leave it out, or \
                 give rows an 'id'",
                source.name,
                suspect.file.path.display(),
                original.path.display()
            );
        }
        Suspicion::ByItself(Some(Box::new(suspect.file)))
    }

    /// Whether nothing is in the files that are held back.
    #[cfg(test)]
    pub fn are_empty(&self) -> bool {
        self.held.values().all(|suspect| suspect.length == 0)
    }

    /// The new file that holds most of what was read of another one, more than that has kept itself: up to where, and
    /// the file, opened, unless it is held back. What holds more of others is a copy of one of these.
    pub fn longest_copy<'a>(
        &self,
        source: &Source,
        new: impl Iterator<Item = &'a FoundFile>,
        seen: &Seen,
        others: &[&Seen],
        kept: u64,
    ) -> Option<(u64, &'a FoundFile, Option<OpenFile>)> {
        let is_more =
            |held: u64| held > kept && (held == seen.length() || has_row(source, seen, held));
        let mut copy: Option<(u64, &FoundFile, Option<OpenFile>)> = None;
        for found in new {
            let waits = self.held.get(&found.id).map(|suspect| &suspect.file);
            let opened = match waits {
                Some(_) => None,
                None => OpenFile::new(source, 0, &found.path, TextEnd::Open).ok(),
            };
            let Some(file) = opened.as_ref().or(waits) else { continue };
            let held = held_by(file, seen);
            let is_longer = copy.as_ref().is_none_or(|(longest, ..)| held > *longest);
            let is_of_another = || {
                let longer = others.iter().filter(|other| other.length() > held);
                { longer }.any(|other| held_by(file, other) > held)
            };
            if is_longer && is_more(held) && !is_of_another() {
                copy = Some((held, found, opened));
            }
        }
        copy
    }

    /// One of those that are held back.
    pub fn take(&mut self, id: FileId) -> Option<OpenFile> {
        self.held.remove(&id).map(|suspect| suspect.file)
    }

    /// Those that no name leads to any more.
    pub fn gone(&self, is_there: impl Fn(FileId) -> bool) -> Vec<FileId> {
        self.held.keys().copied().filter(|id| !is_there(*id)).collect()
    }

    /// Looks at one that no name leads to any more: what is in it is to be read all the same, once that is read which it may
    /// have taken the place of.
    pub fn look_gone<'a>(
        &mut self,
        source: &Source,
        id: FileId,
        read: &mut [OpenFile],
        ahead: impl Iterator<Item = &'a mut OpenFile>,
    ) -> Suspicion {
        let Some(mut suspect) = self.held.remove(&id) else { return Suspicion::Waits };
        let head = suspect.file.trail.peek(HEAD).unwrap_or_default();
        let replaced = suspect.replaced(source, read, &head, (true, true));
        if let Some(of) = replaced.filter(|replaced| !self.has_rival(read, *replaced)) {
            return Suspicion::Replaces(Box::new(suspect.file), of.id, of.shared);
        }
        if is_like_next(source, ahead, &head) || is_one_broken(source, read, &head) {
            self.held.insert(id, suspect);
            return Suspicion::Waits;
        }
        Suspicion::ByItself(Some(Box::new(suspect.file)))
    }

    /// Whether another one holds more of a file that one holds a part of.
    fn has_rival(&mut self, read: &mut [OpenFile], replaced: Replaced) -> bool {
        let other = read.iter_mut().find(|other| other.id == replaced.id);
        let Some(other) = other else { return false };
        let mut shared =
            |suspect: &mut Suspect| suspect.compared(other).map_or(0, |with| with.shared);
        !replaced.is_whole && self.held.values_mut().any(|held| shared(held) > replaced.shared)
    }
}

impl Suspect {
    /// The file in whose place it goes on, of which it holds most, once that is certain.
    ///
    /// It holds all that is in the other one, to which no name leads any more. Or that is deleted, and may have been
    /// written to after it was copied: then it holds a beginning of that and nothing else, and is not expected to grow,
    /// or has its name. What else may hold more of that was met, too, once it is met again.
    fn replaced(
        &mut self,
        source: &Source,
        read: &mut [OpenFile],
        head: &[u8],
        (is_met_again, stands_still): (bool, bool),
    ) -> Option<Replaced> {
        let mut longest: Option<(Replaced, bool)> = None;
        for other in read.iter_mut().filter(|other| other.gone.is_some()) {
            if !is_alike(source, other, head) {
                continue;
            }
            let Some(compared) = self.compared(other) else { continue };
            let SharedBytes { stamp, others_stamp, shared, .. } = compared;
            let has_its_name = other.path == self.file.path;
            let lines = other.trail.seen().map_or(0, |seen| seen.lines(shared));
            let is_row = lines > if has_its_name { source.header_lines() } else { 1 };
            let is_whole = shared == others_stamp.length;
            let holds_no_more = shared == stamp.length;
            let may_be = is_whole || (holds_no_more || has_its_name) && is_deleted(other);
            let is_certain = is_whole || if holds_no_more { stands_still } else { is_met_again };
            let is_longer = longest.is_none_or(|(longest, _)| shared > longest.shared);
            if is_row && is_longer && may_be {
                longest = Some((Replaced { id: other.id, shared, is_whole }, is_certain));
            }
        }
        longest.filter(|(_, is_certain)| *is_certain).map(|(replaced, _)| replaced)
    }

    /// What it has in common with a file, from the beginning on: compared once as long as neither is changed. One that has
    /// been written anew is read first.
    fn compared(&mut self, other: &mut OpenFile) -> Option<SharedBytes> {
        let (stamp, others_stamp) = (self.file.stamp()?, other.stamp()?);
        let is_same = |known: &&SharedBytes| {
            (known.of, known.stamp, known.others_stamp) == (other.id, stamp, others_stamp)
        };
        if let Some(known) = self.shared.iter().find(is_same) {
            return Some(*known);
        }
        other.trail.verify().ok()?;
        let seen = other.trail.seen().filter(|seen| seen.length() > 0)?;
        if other.trail.is_broken() {
            return None;
        }
        let (own, others) = (self.file.trail.file(), other.trail.file());
        let shared = alike(others, own, seen.kept(own).ok()?).ok()?;
        self.shared.retain(|known| known.of != other.id);
        self.shared.push(SharedBytes { of: other.id, stamp, others_stamp, shared });
        self.shared.last().copied()
    }
}

/// Those that are being read and begin as another one does. One that is gone may have been written anew before.
fn alike_of<'a>(
    source: &'a Source,
    read: &'a [OpenFile],
    head: &'a [u8],
) -> impl Iterator<Item = &'a OpenFile> {
    read.iter().filter(move |other| is_alike(source, other, head))
}

/// Whether a file that is being read, unless another one goes on in its place, begins as another one does.
fn is_alike(source: &Source, other: &OpenFile, head: &[u8]) -> bool {
    let Some(seen) = other.trail.seen().filter(|_| other.succeeded.is_none()) else { return false };
    let begins = |other: &[u8]| begin_alike(other, head, source.header_lines());
    let begins_now = || {
        let mut now = vec![0; HEAD];
        let length = read_at(other.trail.file(), &mut now, 0).unwrap_or(0);
        begins(&now[..length])
    };
    begins(seen.head()) || other.gone.is_some() && begins_now()
}

/// Whether one whose place another one may have taken has been written anew, and is to be read first.
fn is_one_broken(source: &Source, read: &[OpenFile], head: &[u8]) -> bool {
    let mut gone = alike_of(source, read, head).filter(|other| other.gone.is_some());
    gone.any(|other| other.trail.is_broken())
}

/// Whether a file that is read next begins as another one does.
fn is_like_next<'a>(
    source: &Source,
    mut next: impl Iterator<Item = &'a mut OpenFile>,
    head: &[u8],
) -> bool {
    let header = source.header_lines();
    next.any(|other| begin_alike(&other.trail.peek(HEAD).unwrap_or_default(), head, header))
}

/// Whether a file has no name any more, wherever one may look.
fn is_deleted(file: &OpenFile) -> bool {
    file.trail.file().metadata().is_ok_and(|metadata| metadata.nlink() == 0)
}

/// Says that a file goes on in the place of another one, and behind what.
pub(super) fn tell_replaced(source: &Source, file: &OpenFile, replaced: &OpenFile, shared: u64) {
    let (name, path, of) = (&source.name, file.path.display(), replaced.path.display());
    match replaced.trail.at() {
        read if read <= shared => tracing::info!(
            "source {name}: '{of}' was replaced by '{path}', which holds all that was read of it: it is read on behind \
             that"
        ),
        read => tracing::warn!(
            "source {name}: '{of}' was replaced by '{path}', which holds the first {shared} of the {read} bytes that \
             were read of it: it is read on behind these"
        ),
    }
}

/// Says that a file that does not grow was read under another name.
pub(super) fn tell_moved(source: &Source, file: &OpenFile) {
    tracing::info!(
        "source {}: '{}' holds what one did that is gone, and that was read: it was moved",
        source.name,
        file.path.display()
    );
}

/// Says that a file is taken for the copy of one that has begun anew.
pub(super) fn tell_copy(source: &Source, file: &OpenFile, held: u64, read: u64) {
    let (name, path) = (&source.name, file.path.display());
    match held == read {
        true => tracing::info!(
            "source {name}: '{path}' is a copy of it, as it was: it is read on behind what had been read"
        ),
        false => tracing::warn!(
            "source {name}: '{path}' holds the first {held} of the {read} bytes that had been read of it, and is \
             taken for its copy: it is read on behind these"
        ),
    }
}

/// Up to where a file holds what was read of another one.
fn held_by(file: &OpenFile, seen: &Seen) -> u64 {
    seen.held_by(file.trail.file()).unwrap_or(0)
}

/// Whether there is a row in so many bytes that were read of a file, and not only what comes before the first one, or a
/// part of it.
pub(super) fn has_row(source: &Source, seen: &Seen, to: u64) -> bool {
    seen.lines(to) > source.header_lines()
}

/// Whether files with these first bytes have a row in common, behind so many lines, or are one as far as both are known.
fn begin_alike(one: &[u8], other: &[u8], header: usize) -> bool {
    let alike = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    let lines = memchr::memchr_iter(b'\n', &one[..alike]).count();
    lines > header || (alike > 0 && alike == one.len().min(other.len()))
}
