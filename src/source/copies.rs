//! Copies that lie beside their originals while files are followed. "Copy and truncate" makes one of a file, under
//! another name, and then empties that: what was read of the file is not read of its copy, and what was not is.
//!
//! A copy is known for certain once its original is cut off. So a new file that begins as one does that is being
//! read is held back while it grows, and for a while then: by then the original is cut off, or it is a file of its own.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::file::OpenFile;
use super::paths::FoundFile;
use super::piece::Patience;
use super::seen::{HEAD, Seen};
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
}

/// What is known of a new file.
pub(super) enum Suspicion {
    Waits,
    /// It has taken the place of that file, which has no name any more: it is read on behind what was read of that.
    Replaces(Box<OpenFile>, FileId),
    /// It is read by itself; here it is, if it was opened.
    ByItself(Option<Box<OpenFile>>),
}

impl Suspects {
    /// Looks at a new file, beside those that are being read, and those that will be next.
    pub fn look<'a>(
        &mut self,
        source: &Source,
        found: &FoundFile,
        read: &[OpenFile],
        ahead: impl Iterator<Item = &'a mut OpenFile>,
        patience: Patience,
    ) -> Suspicion {
        let (now, length) = (Instant::now(), found.stamp.length);
        let mut suspect = match self.held.remove(&found.id) {
            Some(suspect) => suspect,
            None => {
                let may_be = source.format != Format::Parquet && self.held.len() < MOST;
                let opened = may_be.then(|| OpenFile::new(source, 0, &found.path, TextEnd::Open));
                let Some(Ok(file)) = opened.filter(|_| !patience.copied.is_zero()) else {
                    return Suspicion::ByItself(None);
                };
                Suspect { file, length, grew: now, since: None }
            }
        };
        suspect.file.moved(&found.path);
        if suspect.length != length {
            (suspect.length, suspect.grew) = (length, now);
        }
        let head = suspect.file.trail.peek(HEAD).unwrap_or_default();
        let is_like = |own: &[u8]| begin_alike(own, &head, header_lines(source));
        let like =
            read.iter().find(|other| other.trail.seen().is_some_and(|of| is_like(of.head())));
        let will_be_like =
            |other: &mut OpenFile| is_like(&other.trail.peek(HEAD).unwrap_or_default());
        let is_like = like.is_some() || { ahead }.any(will_be_like);
        let is_replaced = |other: &&OpenFile| {
            other.gone.is_some() && other.is_read() && is_copied(other, &suspect.file)
        };
        if let Some(replaced) = read.iter().find(is_replaced) {
            return Suspicion::Replaces(Box::new(suspect.file), replaced.id);
        }
        let waits = match is_like {
            true => {
                let since = *suspect.since.get_or_insert(now);
                now.duration_since(suspect.grew) < patience.copied
                    && now.duration_since(since) < LONGEST
            }
            false => head.is_empty(),
        };
        if waits {
            self.held.insert(found.id, suspect);
            return Suspicion::Waits;
        }
        if let Some(original) = like.filter(|original| is_copied(original, &suspect.file)) {
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
        let is_row = |held: u64| seen.lines(held) > header_lines(source);
        let is_more = |held: u64| held > kept && (held == seen.length() || is_row(held));
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

    /// Those that no name leads to any more: what is in them is to be read all the same.
    pub fn take_gone(&mut self, is_there: impl Fn(FileId) -> bool) -> Vec<OpenFile> {
        let gone: Vec<FileId> = self.held.keys().copied().filter(|id| !is_there(*id)).collect();
        gone.into_iter().filter_map(|id| self.take(id)).collect()
    }
}

/// Up to where a file holds what was read of another one.
fn held_by(file: &OpenFile, seen: &Seen) -> u64 {
    seen.held_by(file.trail.file()).unwrap_or(0)
}

/// Lines with which files of a source begin that are no copies of each other: a header.
fn header_lines(source: &Source) -> usize {
    usize::from(source.format == Format::Csv && source.text.columns.is_none())
}

/// Whether files with these first bytes have a row in common, behind so many lines, or are one as far as both are known.
fn begin_alike(one: &[u8], other: &[u8], header: usize) -> bool {
    let alike = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    let lines = memchr::memchr_iter(b'\n', &one[..alike]).count();
    lines > header || (alike > 0 && alike == one.len().min(other.len()))
}

/// Whether a file holds all that was read of another one, and that is more than a header.
fn is_copied(read: &OpenFile, file: &OpenFile) -> bool {
    let is_in = |seen: &Seen| seen.is_in(file.trail.file()).unwrap_or(false);
    read.trail.seen().is_some_and(|seen| seen.lines(seen.length()) > 1 && is_in(seen))
}
