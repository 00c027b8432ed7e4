//! The files of one source: found, opened, read one after the other, and looked for again while they are
//! followed.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::file::{Left, OpenFile, Patience, Piece};
use super::outlet::SourceOptions;
use super::paths::{FoundFile, PathPattern, Stamp, Walk, walk};
use super::text::TextEnd;
use super::{Chunk, Payload, SourceError, Unread};
use crate::place::FileId;
use crate::plan::Source;
use crate::time::wall_clock;

pub(super) struct SourceFiles {
    pub source: usize,
    pub patterns: Vec<PathPattern>,
    /// As it was at the start.
    pub first: Walk,
    pub options: SourceOptions,
    patience: Patience,
    /// Parts given out so far, of this source.
    parts: u32,
    /// Files of this process that were not begun.
    ahead: VecDeque<WaitingFile>,
    /// Files that are being read; more than one only while they may grow.
    open: Vec<OpenFile>,
    /// Which of them is read next.
    turn: usize,
    /// Files of which nothing more is expected.
    aside: HashMap<FileId, Aside>,
    /// Files of other processes, each held so that no other file gets its identity.
    of_others: HashMap<FileId, Option<File>>,
    /// Folders of which it was said that they can't be looked into.
    complained: HashSet<PathBuf>,
}

struct WaitingFile {
    part: u32,
    path: PathBuf,
    id: FileId,
    /// Held while it may be moved or deleted before its turn comes.
    held: Option<OpenFile>,
}

/// A file that was read, or rejected.
struct Aside {
    stamp: Option<Stamp>,
    left: Left,
}

/// Files that are held open before their turn comes: more would take too many of a process's handles.
const HELD: usize = 256;

impl SourceFiles {
    pub fn new(
        source: usize,
        patterns: Vec<PathPattern>,
        options: &SourceOptions,
        patience: Patience,
    ) -> Self {
        let first = walk(&patterns);
        let (mut ahead, mut of_others) = (VecDeque::new(), HashMap::new());
        for (part, FoundFile { path, id, .. }) in (0u32..).zip(&first.files) {
            if part as usize % options.processes == options.process {
                ahead.push_back(WaitingFile { part, path: path.clone(), id: *id, held: None });
            } else if options.follow && options.process == 0 {
                of_others
                    .insert(*id, (of_others.len() < HELD).then(|| File::open(path).ok()).flatten());
            }
        }
        SourceFiles {
            source,
            patterns,
            parts: first.files.len() as u32,
            first,
            options: options.clone(),
            patience,
            ahead,
            open: Vec::new(),
            turn: 0,
            aside: HashMap::new(),
            of_others,
            complained: HashSet::new(),
        }
    }

    /// How many bytes the files have that were not begun.
    pub fn bytes_ahead(&self) -> u64 {
        let files = self.ahead.iter().filter_map(|ahead| std::fs::metadata(&ahead.path).ok());
        files.map(|file| file.len()).sum()
    }

    /// The source's next chunk, if there is one now. Files are read one after the other.
    pub fn next(&mut self, source: &Source) -> Result<Option<Chunk>, SourceError> {
        loop {
            while self.turn < self.open.len() {
                let file = &mut self.open[self.turn];
                let (part, origin) = (file.part, Arc::clone(&file.origin));
                let payload = match file.next(source, self.patience)? {
                    Piece::Rows(payload) => {
                        // It still grows.
                        file.gone = file.gone.map(|_| Instant::now());
                        payload
                    }
                    Piece::Waiting => {
                        self.turn += 1;
                        continue;
                    }
                    Piece::Anew(half) => {
                        file.part = new_part(&mut self.parts, &self.options);
                        let Some(half) = half else { continue };
                        unread(half)
                    }
                    Piece::Ended => {
                        self.put_aside();
                        continue;
                    }
                    Piece::Rejected(why) => {
                        self.put_aside();
                        unread(why)
                    }
                };
                let source = self.source as u16;
                return Ok(Some(Chunk { source, part, origin, payload }));
            }
            let Some(WaitingFile { part, path, held, id: _ }) = self.ahead.pop_front() else {
                self.turn = 0;
                return Ok(None);
            };
            let file = match held {
                Some(file) => Ok(file),
                None => OpenFile::new(source, part, &path, TextEnd::of(self.options.follow)),
            };
            match file {
                Ok(file) => self.open.push(file),
                Err(why) if self.options.follow => {
                    tracing::warn!("{why}");
                    let payload = unread(Unread::file(why.about_file()));
                    let (source, origin) = (self.source as u16, path.display().to_string().into());
                    return Ok(Some(Chunk { source, part, origin, payload }));
                }
                Err(why) => return Err(why),
            }
        }
    }

    /// Lets go of the file whose turn it is.
    fn put_aside(&mut self) {
        let file = self.open.remove(self.turn);
        if self.options.follow {
            let (id, stamp) = (file.id, file.stamp());
            self.aside.insert(id, Aside { stamp, left: file.into_left() });
        }
    }

    /// Opens files whose turn has not come: they may be moved or deleted before.
    pub fn hold_ahead(&mut self, source: &Source) {
        if !self.options.follow {
            return;
        }
        for ahead in self.ahead.iter_mut().take(HELD).filter(|ahead| ahead.held.is_none()) {
            if let Ok(mut file) = OpenFile::new(source, ahead.part, &ahead.path, TextEnd::Open) {
                ahead.id = file.id;
                file.part = ahead.part;
                ahead.held = Some(file);
            }
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
        for found in found.files.iter().filter(|found| !known.contains(&found.id)) {
            self.meet(source, found);
        }
        self.hold_ahead(source);
        // What is nowhere any more need not be held.
        self.of_others.retain(|_, held| {
            let links = held.as_ref().and_then(|file| file.metadata().ok()).map(|of| of.nlink());
            links != Some(0)
        });
    }

    /// A file that is not being read.
    fn meet(&mut self, source: &Source, found: &FoundFile) {
        if self.of_others.contains_key(&found.id) {
            return;
        }
        let aside = match self.aside.get(&found.id) {
            Some(aside) if aside.stamp == Some(found.stamp) => return,
            Some(_) => self.aside.remove(&found.id),
            None if self.options.process > 0 => return,
            None => None,
        };
        let part = new_part(&mut self.parts, &self.options);
        let mut held = None;
        if let Some(Aside { left, .. }) = aside
            && let Ok(mut file) = OpenFile::new(source, part, &found.path, TextEnd::Open)
        {
            if file.is_whole(&left) {
                self.aside.insert(found.id, Aside { stamp: Some(found.stamp), left });
                return;
            }
            held = match &left {
                Left::Text(seen) => file.resume(seen).ok().map(|()| file),
                _ => Some(file),
            };
        }
        let FoundFile { path, id, .. } = found.clone();
        self.ahead.push_back(WaitingFile { part, path, id, held });
    }
}

fn unread(unread: Unread) -> Payload {
    Payload::Unread { unread, arrived: wall_clock() }
}

/// Behind all parts that any process has given out.
fn new_part(parts: &mut u32, options: &SourceOptions) -> u32 {
    let part = *parts * options.processes as u32 + options.process as u32;
    *parts += 1;
    part
}
