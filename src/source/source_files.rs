//! The files of one source: found, opened, read one after the other, and looked for again while they are
//! followed.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::aside::{Aside, AsideFiles, WholeFile};
use super::copies::{Suspects, Suspicion, has_row, tell_copy, tell_moved, tell_replaced};
use super::file::OpenFile;
use super::left_files::LeftFile;
use super::outlet::SourceOptions;
use super::paths::{FoundFile, PathPattern, Walk, walk};
use super::piece::{Left, Lost, Patience, Piece};
use super::positions::{FilePosition, SourcePositions};
use super::recognized::{FoundCounts, known_as, recognize};
use super::seen::Seen;
use super::text::TextEnd;
use super::unready::unread;
use super::waiting_file::{LeftBehind, WaitingFile, new_part};
use super::{Chunk, Reached, SourceError, Unread};
use crate::place::FileId;
use crate::plan::{Format, Source};

pub(super) struct SourceFiles {
    pub source: usize,
    name: Arc<str>,
    pub patterns: Vec<PathPattern>,
    /// As it was at the start.
    pub first: Walk,
    pub options: SourceOptions,
    /// Whether texts of it are unfolded from the bytes of their files, as far as was looked.
    pub has_unfolded: bool,
    patience: Patience,
    /// The part that a new file gets.
    next_part: u32,
    /// What says of files that were read before how they are known by now.
    known_anew: Vec<Chunk>,
    /// Files of this process that were not begun.
    ahead: VecDeque<WaitingFile>,
    /// Files that are being read; more than one only while they may grow.
    open: Vec<OpenFile>,
    /// Which of them is read next.
    turn: usize,
    /// Files of which nothing more is expected.
    aside: AsideFiles,
    /// New files that may be copies of others.
    suspects: Suspects,
    /// Folders of which it was said that they can't be looked into.
    complained: HashSet<PathBuf>,
}

/// Files that are held open before their turn comes: more would take too many of a process's handles.
const HELD: usize = 256;

impl SourceFiles {
    pub fn new(
        source: usize,
        of: &Source,
        patterns: Vec<PathPattern>,
        options: &SourceOptions,
        patience: Patience,
        left: Option<Vec<LeftFile>>,
    ) -> Self {
        let first = walk(&patterns);
        let (mut ahead, mut known_anew) = (VecDeque::new(), Vec::new());
        let (mut aside, mut counts) = (AsideFiles::default(), FoundCounts::default());
        let none = SourcePositions::default();
        let before = options.positions.of(&of.name).unwrap_or(&none);
        let columnar = of.format == Format::Parquet;
        // New files may be copies of those that the run before this one read: they are met as they would have been then.
        let are_met = left.is_some();
        let LeftBehind { mut there, gone, mut next_part } =
            LeftBehind::of(left.unwrap_or_default(), &first, &patterns, before, columnar);
        let taken: Vec<u32> = gone.iter().map(|gone| gone.part).collect();
        ahead.extend(gone);
        let recognized = recognize(of, &first.files, before, &taken);
        for (FoundFile { path, id, stamp }, known) in first.files.iter().zip(recognized) {
            let held = there.remove(id);
            let (part, known) = match (known, &held) {
                (Some((part, position)), _) => (part, Some(position)),
                (None, Some(held)) if !before.files.contains_key(&held.part) => (held.part, None),
                (None, _) if are_met => {
                    counts.new += 1;
                    continue;
                }
                (None, _) => {
                    next_part += 1;
                    (next_part - 1, None)
                }
            };
            let left = known.as_ref().map(|known| known.bytes_left(stamp.length));
            match left {
                None => counts.new += 1,
                Some(0) => counts.done += 1,
                Some(_) => counts.read_on += 1,
            }
            // What a file has become, and which one is another's copy, only who reads both can tell.
            let whose = if options.follow { 0 } else { part as usize % options.processes };
            let is_own = whose == options.process;
            // Said at once: it may not grow any more, and have yet another name the next time.
            let anew = known.as_ref().filter(|_| is_own);
            let anew = anew.and_then(|of| of.known_as(*id, &path.display().to_string()));
            known_anew.extend(anew.map(|span| known_as(source as u16, &of.name, part, span)));
            // A text may still grow.
            let is_whole = known.as_ref().is_some_and(FilePosition::is_whole);
            let is_done = left == Some(0) && (!options.follow || is_whole);
            if is_own && is_done {
                let left = known.map_or(Left::Nothing, |known| Left::of(&known.file));
                aside.put(*id, Aside::new(part, Some(*stamp), left));
            } else if is_own {
                let (path, id) = (path.clone(), *id);
                ahead.push_back(match held {
                    Some(left) => WaitingFile::left(left, part, known),
                    None => WaitingFile { part, path, id, known, held: None },
                });
            }
        }
        if !before.files.is_empty() && options.process == 0 {
            tracing::info!("source {}: {counts}", of.name);
        }
        SourceFiles {
            source,
            name: of.name.as_str().into(),
            patterns,
            next_part,
            first,
            options: options.clone(),
            has_unfolded: false,
            patience,
            known_anew,
            ahead,
            open: Vec::new(),
            turn: 0,
            aside,
            suspects: Suspects::default(),
            complained: HashSet::new(),
        }
    }

    /// What it holds open, in the end.
    pub fn leave(&mut self) -> Vec<LeftFile> {
        let ahead = self.ahead.drain(..).filter_map(|ahead| ahead.held);
        self.open.drain(..).chain(ahead).map(LeftFile::of).collect()
    }

    /// How many bytes there are to read in the files that were not begun.
    pub fn bytes_ahead(&self) -> u64 {
        self.ahead.iter().filter_map(WaitingFile::bytes_left).sum()
    }

    /// The files that are to be read.
    pub fn paths_ahead(&self) -> impl Iterator<Item = &Path> {
        self.ahead.iter().map(|ahead| ahead.path.as_path())
    }

    /// The source's next chunk, if there is one now. Files are read one after the other.
    pub fn next(&mut self, source: &Source) -> Result<Option<Chunk>, SourceError> {
        if let Some(chunk) = self.known_anew.pop() {
            return Ok(Some(chunk));
        }
        loop {
            while self.turn < self.open.len() {
                let file = &mut self.open[self.turn];
                let (part, origin) = (file.part, Arc::clone(&file.origin));
                let is_new = file.is_new();
                let piece = file.next(source, self.patience)?;
                if is_new && self.was_read(source, &piece) {
                    continue;
                }
                let file = &mut self.open[self.turn];
                let (payload, span) = match piece {
                    Piece::Rows(payload, span) => {
                        // It still grows.
                        file.gone = file.gone.map(|_| Instant::now());
                        (payload, Some(span))
                    }
                    Piece::Known(span) => {
                        return Ok(Some(known_as(self.source as u16, &self.name, part, span)));
                    }
                    Piece::Waiting => {
                        self.turn += 1;
                        continue;
                    }
                    Piece::Anew(Lost { half, seen, kept }) => {
                        file.part = new_part(&mut self.next_part);
                        let goes_on =
                            seen.is_some_and(|seen| self.find_copy(source, &seen, part, kept));
                        // The copy has the rest of the row that was incomplete, or has it as well.
                        let Some(half) = half.filter(|_| !goes_on) else { continue };
                        (unread(half), None)
                    }
                    Piece::Ended => {
                        self.put_aside();
                        continue;
                    }
                    Piece::Rejected(why) => {
                        self.put_aside();
                        (unread(why), None)
                    }
                };
                let (source, name) = (self.source as u16, &self.name);
                let reached = span.map(|span| Reached { source: Arc::clone(name), part, span });
                return Ok(Some(Chunk { source, part, origin, payload, reached }));
            }
            let Some(ahead) = self.ahead.pop_front() else {
                self.turn = 0;
                return Ok(None);
            };
            let (part, origin) = (ahead.part, ahead.path.display().to_string().into());
            match ahead.open(source, TextEnd::of(self.options.follow)) {
                Ok(mut file) => {
                    file.trail.remembers = self.options.remembers;
                    self.open.push(file);
                }
                Err(why) if self.options.follow => {
                    tracing::warn!("{why}");
                    let payload = unread(Unread::file(why.about_file()));
                    let source = self.source as u16;
                    return Ok(Some(Chunk { source, part, origin, payload, reached: None }));
                }
                Err(why) => return Err(why),
            }
        }
    }

    /// Lets go of the file whose turn it is.
    fn put_aside(&mut self) {
        let file = self.open.remove(self.turn);
        if self.options.follow {
            let (part, id, stamp) = (file.part, file.id, file.stamp());
            self.aside.put(id, Aside::new(part, stamp, file.into_left()));
        }
    }

    /// Whether the file whose turn it is holds what one did that was read and is gone, or may be about to go: then it is let go.
    fn was_read(&mut self, source: &Source, piece: &Piece) -> bool {
        let file = &self.open[self.turn];
        let is_whole = matches!(piece, Piece::Rows(..)) && file.does_not_grow();
        let may_be = is_whole && self.options.follow;
        match may_be.then(|| self.aside.meet(file, self.patience, &self.patterns)) {
            None | Some(WholeFile::OfItsOwn) => return false,
            Some(WholeFile::Moved) => tell_moved(source, file),
            // It is met again.
            Some(WholeFile::Undecided) => {}
        }
        self.open.remove(self.turn);
        true
    }

    /// Opens files whose turn has not come: they may be moved or deleted before.
    pub fn hold_ahead(&mut self, source: &Source) {
        if !self.options.follow {
            return;
        }
        for ahead in self.ahead.iter_mut().take(HELD).filter(|ahead| ahead.held.is_none()) {
            ahead.hold(source);
        }
    }

    /// Finds files that are new, that have other names, and that are gone. New ones come behind all
    /// others, whatever their names.
    pub fn look_again(&mut self, source: &Source) {
        let found = walk(&self.patterns);
        for (path, why) in &found.unreadable {
            if self.complained.insert(path.clone()) {
                tracing::warn!("source {}: '{}' can't be read: {why}", source.name, path.display());
            }
        }
        let now = Instant::now();
        let present: HashMap<FileId, &FoundFile> =
            found.files.iter().map(|found| (found.id, found)).collect();
        let ahead = self.ahead.iter_mut().filter_map(|ahead| ahead.held.as_mut());
        for file in self.open.iter_mut().chain(ahead) {
            match present.get(&file.id) {
                Some(found) => file.moved(&found.path),
                None if !found.unreadable.is_empty() => {}
                None => {
                    let since = *file.gone.get_or_insert(now);
                    if now.duration_since(since) >= self.patience.gone {
                        file.end();
                    }
                }
            }
        }
        let mut known: HashSet<FileId> = self.open.iter().map(|file| file.id).collect();
        for ahead in &mut self.ahead {
            known.insert(ahead.id);
            if let Some(found) = present.get(&ahead.id) {
                ahead.path.clone_from(&found.path);
            }
        }
        // First: another one may have taken the place of these.
        if found.unreadable.is_empty() {
            self.aside.look(&present);
            for id in self.suspects.gone(|id| present.contains_key(&id)) {
                let ahead = self.ahead.iter_mut().filter_map(|ahead| ahead.held.as_mut());
                match self.suspects.look_gone(source, id, &mut self.open, ahead) {
                    Suspicion::Replaces(file, of, shared) => {
                        self.replace(source, *file, of, shared);
                    }
                    Suspicion::ByItself(Some(mut file)) => {
                        file.part = new_part(&mut self.next_part);
                        self.read_next(*file);
                    }
                    Suspicion::Waits | Suspicion::ByItself(None) => {}
                }
            }
        }
        for found in found.files.iter().filter(|found| !known.contains(&found.id)) {
            self.meet(source, found);
        }
        self.hold_ahead(source);
    }

    /// A file that is not being read.
    fn meet(&mut self, source: &Source, found: &FoundFile) {
        if self.aside.leaves(found, self.patience) {
            return;
        }
        let mut held = None;
        if let Some(aside) = self.aside.take(found.id)
            && let Ok(mut file) = OpenFile::new(source, aside.part, &found.path, TextEnd::Open)
        {
            if aside.left.is_whole_in(file.trail.file(), true) {
                self.aside.put(found.id, Aside::new(aside.part, Some(found.stamp), aside.left));
                return;
            }
            held = aside.resume(source, &mut file).then_some(file);
        }
        // Nothing of it was read, or another file has its inode.
        if held.is_none() {
            let ahead = self.ahead.iter_mut().filter_map(|ahead| ahead.held.as_mut());
            match self.suspects.look(source, found, &mut self.open, ahead, self.patience) {
                Suspicion::Waits => return,
                Suspicion::ByItself(file) => held = file.map(|file| *file),
                Suspicion::Replaces(file, of, shared) => {
                    return self.replace(source, *file, of, shared);
                }
            }
        }
        let part = new_part(&mut self.next_part);
        held.iter_mut().for_each(|file| file.part = part);
        let FoundFile { path, id, .. } = found.clone();
        self.ahead.push_back(WaitingFile { part, path, id, known: None, held });
    }

    /// A file that goes on in the place of another one, behind what both hold.
    fn replace(&mut self, source: &Source, mut file: OpenFile, of: FileId, shared: u64) {
        let replaced = self.open.iter_mut().find(|open| open.id == of).expect("it is being read");
        tell_replaced(source, &file, replaced, shared);
        file.part = new_part(&mut self.next_part);
        file.succeed(replaced, shared);
        self.read_next(file);
    }

    /// Whether no file is held back.
    #[cfg(test)]
    pub fn is_settled(&self) -> bool {
        self.suspects.are_empty()
    }

    /// Reads a file that is open when the turn of new ones comes.
    fn read_next(&mut self, file: OpenFile) {
        self.ahead.push_back(WaitingFile::held(file));
    }

    /// Looks for a new file that holds what was read of one, under a part, before that was cut off or written anew: it
    /// is read on behind that. Whether it holds all of it.
    ///
    /// A copy may hold less than was read, where the file had been cut off before it was copied; more than the file has
    /// kept it holds, or nothing is to be gone on with.
    fn find_copy(&mut self, source: &Source, seen: &Seen, part: u32, kept: u64) -> bool {
        let read = self.open.iter().map(|file| file.id);
        let mut known: HashSet<FileId> =
            read.chain(self.ahead.iter().map(|file| file.id)).collect();
        known.extend(self.aside.ids());
        // Many files may hold all of a few bytes: a file is a copy of that of which it holds most.
        let others: Vec<&Seen> = self.open.iter().filter_map(|file| file.trail.seen()).collect();
        let found = walk(&self.patterns).files;
        let new = found.iter().filter(|found| !known.contains(&found.id));
        let copy = self.suspects.longest_copy(source, new, seen, &others, kept);
        let Some((held, found, opened)) = copy else { return false };
        // Of less than a row nothing was read that the copy could repeat, and it may be any other file's as well.
        if !has_row(source, seen, seen.length()) {
            return held == seen.length();
        }
        let Some(mut file) = opened.or_else(|| self.suspects.take(found.id)) else { return false };
        tell_copy(source, &file, held, seen.length());
        file.part = new_part(&mut self.next_part);
        let is_resumed = file.resume(seen, part).is_ok();
        self.read_next(file);
        is_resumed && held == seen.length()
    }
}
