//! Files: NDJSON, CSV and Parquet, by patterns of paths, in the order of their names.
//!
//! One thread a process reads them all and hands its chunks to whichever worker is free, so that a
//! single large file keeps every worker busy. Sources take turns chunk by chunk: tables and events
//! arrive together. A file's place in the order of names is its part, and files are spread over
//! processes by it. Those that come later are read by the first process, which knows all that there were:
//! what is a new file, and what an old one with a new name, two processes might see differently.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use super::error::near_file;
use super::feed::{Outlet, ReadEnd, SharedState, SourceOptions};
use super::file::{Left, OpenFile, Patience, Piece};
use super::paths::{FoundFile, Pattern, Stamp, Walk, walk};
use super::text::TextEnd;
use super::{Chunk, Payload, SourceError, Unread};
use crate::place::FileId;
use crate::plan::{Connector, Plan, Source};
use crate::time::wall_clock;

/// How often growing files, and folders, are looked at.
const POLL: Duration = Duration::from_millis(150);

const PATIENCE: Patience =
    Patience { unready: Duration::from_secs(10), gone: Duration::from_secs(60) };

/// The files of all sources, found and checked.
pub(super) struct Files {
    plan: Arc<Plan>,
    sources: Vec<SourceFiles>,
}

pub(super) struct SourceFiles {
    source: usize,
    patterns: Vec<Pattern>,
    /// As it was at the start.
    first: Walk,
    options: SourceOptions,
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

/// Finds the files of all sources and looks into each; `None` if no source is made of files.
pub(super) fn open(
    plan: &Arc<Plan>,
    options: &SourceOptions,
    wrong: &mut Vec<SourceError>,
) -> Option<Files> {
    let mut sources = Vec::new();
    for (source, of) in plan.sources.iter().enumerate() {
        let Connector::Files { globs } = &of.connector else { continue };
        let patterns = globs.iter().filter_map(|glob| {
            let pattern = Pattern::new(glob).map_err(|error| SourceError::Glob {
                name: of.name.clone(),
                glob: glob.clone(),
                why: error.to_string(),
            });
            pattern.map_err(|error| wrong.push(error)).ok()
        });
        let patterns: Vec<Pattern> = patterns.collect();
        for pattern in &patterns {
            let alone = walk(std::slice::from_ref(pattern));
            let failed = alone.unreadable.iter();
            wrong.extend(failed.map(|(path, why)| SourceError::unreadable(&of.name, path, why)));
            if alone.files.is_empty() && alone.unreadable.is_empty() {
                let but = alone
                    .others
                    .first()
                    .map(|(path, what)| format!(" but '{}', which is {what}", path.display()))
                    .or_else(|| {
                        near_file(&pattern.text).map(|near| format!("; did you mean {near}?"))
                    });
                let (name, glob) = (of.name.clone(), pattern.text.clone());
                wrong.push(SourceError::NoFile { name, glob, but: but.unwrap_or_default() });
            }
        }
        let files = SourceFiles::new(source, patterns, options, PATIENCE);
        // While files are followed, what can't be read yet may be unfinished.
        if !options.follow {
            let of_file = |found: &FoundFile| {
                let mut file = OpenFile::new(of, 0, &found.path, TextEnd::of(options.follow))?;
                file.begin(of).map(drop)
            };
            wrong.extend(files.first.files.iter().filter_map(|found| of_file(found).err()));
        }
        for (path, first) in &files.first.again {
            tracing::info!(
                "source {}: '{}' is '{}' by another name: it is read once",
                of.name,
                path.display(),
                first.display()
            );
        }
        sources.push(files);
    }
    (!sources.is_empty()).then(|| Files { plan: Arc::clone(plan), sources })
}

impl Files {
    /// How many bytes there are to read in this process, where that is known and is the end.
    pub fn bytes(&self) -> Option<u64> {
        let ahead = self.sources.iter().flat_map(|files| &files.ahead);
        let bytes = ahead.filter_map(|ahead| std::fs::metadata(&ahead.path).ok());
        let grow = self.sources.iter().any(|files| files.options.follow);
        (!grow).then(|| bytes.map(|file| file.len()).sum())
    }

    /// All that there are, with their sources' names.
    pub fn known(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.sources.iter().flat_map(|files| {
            let name = self.plan.sources[files.source].name.as_str();
            files.first.files.iter().map(move |file| (name, file.path.as_path()))
        })
    }

    pub fn would_read(&self, path: &Path) -> Option<(&str, &str)> {
        self.sources.iter().find_map(|files| {
            let pattern = files.first.would_match(&files.patterns, path)?;
            Some((self.plan.sources[files.source].name.as_str(), pattern.text.as_str()))
        })
    }

    /// Starts the thread that reads.
    pub fn start(self, shared: &SharedState) -> Receiver<Result<Chunk, SourceError>> {
        let (outlet, receiver) = shared.channel();
        shared.spawn("files", outlet, move |outlet| self.run(outlet));
        receiver
    }

    fn run(mut self, outlet: &Outlet) -> Result<(), ReadEnd> {
        for files in &mut self.sources {
            files.hold_ahead(&self.plan.sources[files.source]);
        }
        loop {
            let mut read = false;
            for files in &mut self.sources {
                let source = &self.plan.sources[files.source];
                if let Some(chunk) = files.next(source)? {
                    outlet.send(Ok(chunk))?;
                    read = true;
                }
            }
            if read {
                continue;
            }
            if !self.sources.iter().any(|files| files.options.follow) {
                return Ok(());
            }
            outlet.shared.sleep(POLL)?;
            for files in &mut self.sources {
                files.look_again(&self.plan.sources[files.source]);
            }
        }
    }
}

impl SourceFiles {
    pub fn new(
        source: usize,
        patterns: Vec<Pattern>,
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
    fn hold_ahead(&mut self, source: &Source) {
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
