//! Changelogs in files: NDJSON, one thread a file, each batch written as soon as it comes.
//!
//! A run holds its files by a lock, which the system lets go of however the run ends. What an earlier run
//! left in them stays until this one has something to say: with its first record, to whichever of them,
//! all are emptied, so that no two runs ever speak at once.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::json::write_text;
use super::message::Record;
use super::write::{Receipt, SinkError};
use crate::place::FileId;

/// The files that a run writes.
#[derive(Default)]
pub struct Held {
    files: Vec<(PathBuf, File)>,
    begun: OnceLock<()>,
}

impl Held {
    /// Opens and locks them all, and creates those that are not there.
    pub fn open<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Result<Self, SinkError> {
        let mut held = Held::default();
        let mut known: Vec<FileId> = Vec::new();
        for path in paths {
            let named = |source| SinkError::File { path: path.display().to_string(), source };
            let file = open(path).map_err(named)?;
            let metadata = file.metadata().map_err(named)?;
            let id = FileId::of(&metadata);
            if let Some(other) = known.iter().position(|known| *known == id) {
                let other = held.files[other].0.display().to_string();
                return Err(SinkError::Same { path: path.display().to_string(), other });
            }
            // What is no file, as /dev/null, holds nothing that two could spoil.
            if metadata.is_file() {
                match file.try_lock() {
                    Ok(()) => {}
                    Err(TryLockError::WouldBlock) => {
                        return Err(SinkError::Held { path: path.display().to_string() });
                    }
                    Err(TryLockError::Error(error)) => tracing::warn!(
                        "'{}' can't be locked, so nothing keeps another run from writing it: {error}",
                        path.display()
                    ),
                }
            }
            known.push(id);
            held.files.push((path.to_owned(), file));
        }
        Ok(held)
    }

    /// Takes away what an earlier run left, once.
    pub fn begin(&self) {
        self.begun.get_or_init(|| {
            for (path, file) in &self.files {
                if file.metadata().is_ok_and(|metadata| metadata.is_file()) {
                    until_it_works(path, || file.set_len(0));
                }
            }
        });
    }

    fn file(&self, path: &Path) -> std::io::Result<File> {
        let of = self.files.iter().find(|(known, _)| known == path);
        of.expect("each output's file was opened").1.try_clone()
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    OpenOptions::new().append(true).create(true).open(path)
}

/// Hands records to the thread that writes a file.
#[derive(Clone)]
pub struct FileWriter {
    batches: Option<Sender<(Vec<Record>, Receipt)>>,
}

impl FileWriter {
    /// Starts the thread that writes one of the files.
    pub fn start(held: &Arc<Held>, path: &Path, output: &str) -> Result<Self, SinkError> {
        let named = |source| SinkError::File { path: path.display().to_string(), source };
        let file = held.file(path).map_err(named)?;
        let (sender, batches) = unbounded();
        let (held, path, output) = (Arc::clone(held), path.to_owned(), output.to_owned());
        std::thread::Builder::new()
            .name(format!("write {output}"))
            .spawn(move || run(&held, file, path, output, batches))
            .map_err(|source| SinkError::File { path: "thread".to_owned(), source })?;
        Ok(FileWriter { batches: Some(sender) })
    }

    /// For processes that do not write the file: no record of it reaches them.
    pub fn elsewhere() -> Self {
        FileWriter { batches: None }
    }

    pub fn send(&self, records: Vec<Record>, receipt: Receipt) {
        let batches = self.batches.as_ref().expect("files are written by the first process");
        batches.send((records, receipt)).expect("the thread runs while there are senders");
    }
}

/// Bytes that are written at once, so many that they are still in the processor's cache.
const CHUNK: usize = 1 << 17;

fn run(
    held: &Held,
    mut file: File,
    path: PathBuf,
    output: String,
    batches: Receiver<(Vec<Record>, Receipt)>,
) {
    let mut lines = String::new();
    for (records, receipt) in batches {
        held.begin();
        for record in &records {
            write_line(&output, record, &mut lines);
            if lines.len() >= CHUNK {
                write_all(&mut file, &path, lines.as_bytes());
                lines.clear();
            }
        }
        write_all(&mut file, &path, lines.as_bytes());
        lines.clear();
        drop(receipt);
    }
}

/// `{"output","key","value","merged_into"?}`
fn write_line(output: &str, record: &Record, line: &mut String) {
    line.push_str("{\"output\":");
    write_text(output, line);
    line.push_str(",\"key\":");
    write_text(&record.key, line);
    write!(line, ",\"value\":{}", record.value.as_deref().unwrap_or("null")).expect("to a string");
    if let Some(into) = &record.merged_into {
        write!(line, ",\"merged_into\":\"{into}\"").expect("to a string");
    }
    line.push_str("}\n");
}

/// Writes everything, however long the disk refuses: the receipt is held meanwhile, and with it the
/// inflow.
fn write_all(file: &mut File, path: &Path, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let written = until_it_works(path, || file.write(bytes));
        bytes = &bytes[written..];
    }
}

fn until_it_works<T>(path: &Path, mut work: impl FnMut() -> std::io::Result<T>) -> T {
    let mut pause = Duration::from_millis(10);
    loop {
        match work() {
            Ok(done) => return done,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => {
                tracing::warn!("'{}' can't be written, trying again: {error}", path.display());
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_secs(5));
            }
        }
    }
}
