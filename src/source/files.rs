//! Files: NDJSON, CSV and Parquet, by patterns of paths, in the order of their names.
//!
//! One thread a process reads them all and hands its chunks to whichever worker is free, so that a
//! single large file keeps every worker busy. Sources take turns chunk by chunk: tables and events
//! arrive together. A file's place in the order of names is its part, and files are spread over
//! processes by it.

use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;

use super::feed::{self, Options, Outlet, Shared};
use super::records::{self, Ending};
use super::text::{Cut, Cutter, End};
use super::{Chunk, Payload, ROW_LIMIT, SourceError, foreign, header, parquet};
use crate::spec::plan::{Connector, Format, Plan, Source};
use crate::time::wall_clock;

/// How often growing files, and folders, are looked at.
const POLL: Duration = Duration::from_millis(150);

/// The files of all sources, found and checked.
pub(super) struct Files {
    plan: Arc<Plan>,
    options: Options,
    sources: Vec<SourceFiles>,
}

struct SourceFiles {
    source: usize,
    globs: Vec<String>,
    known: BTreeSet<PathBuf>,
    /// Parts given out so far, of this source.
    parts: u32,
    /// Files of this process that were not begun.
    ahead: VecDeque<(u32, PathBuf)>,
    /// Files that are being read; more than one only while they may grow.
    open: Vec<OpenFile>,
    /// Which of them is read next.
    turn: usize,
}

/// Finds the files of all sources and looks into each; `None` if no source is made of files.
pub(super) fn open(
    plan: &Arc<Plan>,
    options: &Options,
    wrong: &mut Vec<SourceError>,
) -> Option<Files> {
    let mut sources = Vec::new();
    for (source, of) in plan.sources.iter().enumerate() {
        let Connector::Files { globs } = &of.connector else { continue };
        let mut known = BTreeSet::new();
        for glob in globs {
            match matching(&of.name, glob) {
                Ok(paths) if paths.is_empty() => {
                    wrong.push(SourceError::NoFile { name: of.name.clone(), glob: glob.clone() });
                }
                Ok(paths) => known.extend(paths),
                Err(error) => wrong.push(error),
            }
        }
        let end = End::of(options.follow);
        wrong.extend(known.iter().filter_map(|path| OpenFile::new(of, 0, path, end).err()));
        let ahead = (0u32..).zip(known.iter().cloned());
        let ahead = ahead.filter(|(part, _)| *part as usize % options.processes == options.process);
        sources.push(SourceFiles {
            source,
            globs: globs.clone(),
            ahead: ahead.collect(),
            parts: known.len() as u32,
            known,
            open: Vec::new(),
            turn: 0,
        });
    }
    (!sources.is_empty()).then(|| Files {
        plan: Arc::clone(plan),
        options: options.clone(),
        sources,
    })
}

fn matching(name: &str, glob: &str) -> Result<Vec<PathBuf>, SourceError> {
    let paths = glob::glob(glob).map_err(|error| SourceError::Glob {
        name: name.to_owned(),
        glob: glob.to_owned(),
        why: error.to_string(),
    })?;
    let mut files = Vec::new();
    for path in paths {
        let path =
            path.map_err(|error| SourceError::unreadable(name, error.path(), error.error()))?;
        if path.is_file() {
            files.push(path);
        }
    }
    Ok(files)
}

impl Files {
    /// How many bytes there are to read in this process, where that is known and is the end.
    pub fn bytes(&self) -> Option<u64> {
        let ahead = self.sources.iter().flat_map(|files| &files.ahead);
        let bytes = ahead.filter_map(|(_, path)| std::fs::metadata(path).ok());
        (!self.options.follow).then(|| bytes.map(|file| file.len()).sum())
    }

    /// Starts the thread that reads.
    pub fn start(self, shared: &Shared) -> Receiver<Result<Chunk, SourceError>> {
        let (outlet, receiver) = shared.channel();
        shared.spawn("files", outlet, move |outlet| self.run(outlet));
        receiver
    }

    fn run(mut self, outlet: &Outlet) -> Result<(), feed::Ending> {
        loop {
            let mut read = false;
            for files in &mut self.sources {
                let source = &self.plan.sources[files.source];
                if let Some(chunk) = files.next(source, self.options.follow)? {
                    outlet.send(Ok(chunk))?;
                    read = true;
                }
            }
            if read {
                continue;
            }
            if !self.options.follow {
                return Ok(());
            }
            outlet.shared.sleep(POLL)?;
            for files in &mut self.sources {
                files.look_again(&self.plan.sources[files.source], &self.options)?;
            }
        }
    }
}

impl SourceFiles {
    /// The source's next chunk, if there is one now. Files are read one after the other.
    fn next(&mut self, source: &Source, follow: bool) -> Result<Option<Chunk>, SourceError> {
        loop {
            while self.turn < self.open.len() {
                let file = &mut self.open[self.turn];
                match file.next(source, End::of(follow))? {
                    Piece::Rows(payload) => {
                        let (part, origin) = (file.part, Arc::clone(&file.origin));
                        let source = self.source as u16;
                        return Ok(Some(Chunk { source, part, origin, payload }));
                    }
                    Piece::Waiting => self.turn += 1,
                    Piece::Ended => {
                        self.open.remove(self.turn);
                    }
                }
            }
            match self.ahead.pop_front() {
                Some((part, path)) => {
                    self.open.push(OpenFile::new(source, part, &path, End::of(follow))?);
                }
                None => {
                    self.turn = 0;
                    return Ok(None);
                }
            }
        }
    }

    /// Finds files that are new. They come behind all others, whatever their names. Processes may
    /// see them in different orders: whose they are follows from their names alone.
    fn look_again(&mut self, source: &Source, options: &Options) -> Result<(), SourceError> {
        let mut found = BTreeSet::new();
        for glob in &self.globs {
            found.extend(matching(&source.name, glob)?);
        }
        for path in found {
            if !self.known.insert(path.clone()) {
                continue;
            }
            let mut hasher = DefaultHasher::new();
            path.hash(&mut hasher);
            let process = hasher.finish() % options.processes as u64;
            if process == options.process as u64 {
                let of_this_process = self.parts * options.processes as u32 + process as u32;
                self.ahead.push_back((of_this_process, path));
                self.parts += 1;
            }
        }
        Ok(())
    }
}

/// A file that is being read.
struct OpenFile {
    name: String,
    part: u32,
    path: PathBuf,
    origin: Arc<str>,
    rows: Rows,
}

enum Rows {
    Text {
        file: File,
        cutter: Cutter,
        header: Option<Arc<[String]>>,
    },
    /// A CSV file that does not have its header yet.
    Headless {
        file: File,
    },
    Columns(Box<parquet::Rows>),
}

/// What a file gives.
enum Piece {
    Rows(Payload),
    Waiting,
    Ended,
}

impl OpenFile {
    /// Opens a file and checks that its columns, where it names them, are those that the source
    /// wants.
    fn new(source: &Source, part: u32, path: &Path, end: End) -> Result<Self, SourceError> {
        let unreadable = |why: std::io::Error| SourceError::unreadable(&source.name, path, why);
        let mut file = File::open(path).map_err(unreadable)?;
        if source.format != Format::Parquet {
            let mut head = Vec::new();
            file.by_ref()
                .take(foreign::LOOKED_AT as u64)
                .read_to_end(&mut head)
                .map_err(unreadable)?;
            let is_json = source.format == Format::Json;
            let ends = || foreign::line_ends_of_json(&head).filter(|_| is_json);
            if let Some(why) = foreign::told(&head).or_else(ends) {
                return Err(SourceError::unreadable(&source.name, path, why));
            }
        }
        let rows = match source.format {
            Format::Parquet => Rows::Columns(Box::new(parquet::Rows::open(source, path, file)?)),
            Format::Json => {
                after_byte_order_mark(&mut file).map_err(unreadable)?;
                Rows::Text { file, cutter: Cutter::new(None, 1), header: None }
            }
            Format::Csv => Rows::Headless { file },
        };
        let origin = path.display().to_string().into();
        let mut opened =
            OpenFile { name: source.name.clone(), part, path: path.to_owned(), origin, rows };
        // A file without a complete header may still be written.
        opened.read_header(source, end)?;
        Ok(opened)
    }

    fn next(&mut self, source: &Source, end: End) -> Result<Piece, SourceError> {
        if !self.read_header(source, end)? {
            return Ok(if end == End::Final { Piece::Ended } else { Piece::Waiting });
        }
        match &mut self.rows {
            Rows::Headless { .. } => unreachable!("the header was read just now"),
            Rows::Columns(rows) => {
                Ok(rows.next(&self.name, &self.path)?.map_or(Piece::Ended, Piece::Rows))
            }
            Rows::Text { file, cutter, header } => {
                let cut = cutter.next(file, end);
                match cut.map_err(|why| SourceError::unreadable(&self.name, &self.path, why))? {
                    Cut::Waiting => Ok(Piece::Waiting),
                    Cut::Ended => Ok(Piece::Ended),
                    Cut::Rows { bytes, first_line } => {
                        let (header, arrived) = (header.clone(), wall_clock());
                        Ok(Piece::Rows(Payload::Lines { bytes, first_line, header, arrived }))
                    }
                }
            }
        }
    }

    /// Whether the file has its header, or needs none.
    fn read_header(&mut self, source: &Source, end: End) -> Result<bool, SourceError> {
        let Rows::Headless { file } = &mut self.rows else { return Ok(true) };
        let unreadable = |why: String| SourceError::unreadable(&self.name, &self.path, why);
        let io = |why: std::io::Error| unreadable(why.to_string());
        let start = after_byte_order_mark(file).map_err(io)?;
        let mut head = Vec::new();
        file.take(ROW_LIMIT as u64).read_to_end(&mut head).map_err(io)?;
        // A header may have any number of columns.
        let length = match records::ending(&head, None) {
            Ending::At(length) | Ending::Broken(length, _) => length,
            // No complete line, however its lines end.
            _ if header::ends_otherwise(&head) => head.len(),
            _ if head.len() == ROW_LIMIT => {
                return Err(unreadable(format!("no header ends within {ROW_LIMIT} bytes")));
            }
            _ if head.is_empty() || end == End::Open => return Ok(false),
            Ending::Open | Ending::Quoted => head.len(),
        };
        let header = header::names(source, &self.path, &head[..length])?;
        let line = 1 + memchr::memchr_iter(b'\n', &head[..length]).count() as u64;
        file.seek(SeekFrom::Start(start + length as u64)).map_err(io)?;
        let file = file.try_clone().map_err(io)?;
        self.rows = Rows::Text {
            file,
            cutter: Cutter::new(Some(header.len()), line),
            header: Some(header.into()),
        };
        Ok(true)
    }
}

/// Goes to the first byte of the text, and says which that is.
fn after_byte_order_mark(file: &mut File) -> std::io::Result<u64> {
    file.rewind()?;
    let mut mark = Vec::new();
    file.take(3).read_to_end(&mut mark)?;
    let start = if mark == "\u{feff}".as_bytes() { 3 } else { 0 };
    file.seek(SeekFrom::Start(start))
}
