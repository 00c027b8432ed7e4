//! Changelogs in files and on standard output: one thread a file, each batch written as soon as it comes.
//!
//! A run holds its files by a lock, which the system lets go of however the run ends. What an earlier run
//! left in them stays until this one has something to say: with its first record, to whichever of them,
//! all are emptied, so that no two runs ever speak at once.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::os::fd::AsFd;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::encode::Encoder;
use super::message::Record;
use super::write::{Receipt, SinkError};
use crate::place::FileId;
use crate::plan::{Output, Target};

/// The files that a run writes, standard output among them.
#[derive(Default)]
pub struct Held {
    files: Vec<Opened>,
    begun: OnceLock<()>,
}

struct Opened {
    target: Target,
    /// What its format begins with.
    head: String,
    file: File,
}

impl Held {
    /// Opens and locks them all, and creates those that are not there. Each comes with what its format begins
    /// with.
    pub fn open<'a>(
        targets: impl IntoIterator<Item = (&'a Target, String)>,
    ) -> Result<Self, SinkError> {
        let mut held = Held::default();
        let mut known: Vec<FileId> = Vec::new();
        for (target, head) in targets {
            let path = target.to_string();
            let named = |source| SinkError::File { path: path.clone(), source };
            let file = open(target).map_err(named)?;
            let metadata = file.metadata().map_err(named)?;
            let id = FileId::of(&metadata);
            if let Some(other) = known.iter().position(|known| *known == id) {
                let other = held.files[other].target.to_string();
                return Err(SinkError::Same { path, other });
            }
            // What is no file, as /dev/null, holds nothing that two could spoil; and standard output is the
            // business of whoever redirects it.
            if metadata.is_file() && target.file().is_some() {
                match file.try_lock() {
                    Ok(()) => {}
                    Err(TryLockError::WouldBlock) => return Err(SinkError::Held { path }),
                    Err(TryLockError::Error(error)) => tracing::warn!(
                        "'{path}' can't be locked, so nothing keeps another run from writing it: {error}"
                    ),
                }
            }
            known.push(id);
            held.files.push(Opened { target: target.clone(), head, file });
        }
        Ok(held)
    }

    /// Takes away what an earlier run left, once. What standard output holds stays: it may be a file to
    /// which the shell appends.
    pub fn begin(&self) {
        self.begun.get_or_init(|| {
            for Opened { target, head, file } in &self.files {
                let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
                if is_file && target.file().is_some() {
                    until_it_works(target, || file.set_len(0));
                }
                // Whether anybody reads it, the first record tells.
                let _ = write_all(file, target, head.as_bytes());
            }
        });
    }

    fn file(&self, target: &Target) -> std::io::Result<File> {
        let of = self.files.iter().find(|known| known.target == *target);
        of.expect("each output's file was opened").file.try_clone()
    }
}

fn open(target: &Target) -> std::io::Result<File> {
    let Some(path) = target.file() else {
        return Ok(File::from(std::io::stdout().as_fd().try_clone_to_owned()?));
    };
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
    ///
    /// `when_left` is called when who reads standard output has left: nothing more is written to it.
    pub fn start(
        held: &Arc<Held>,
        output: &Output,
        encoder: Box<dyn Encoder>,
        when_left: &Arc<dyn Fn() + Send + Sync>,
    ) -> Result<Self, SinkError> {
        let target = output.target.clone();
        let named = |source| SinkError::File { path: target.to_string(), source };
        let file = held.file(&target).map_err(named)?;
        let (sender, batches) = unbounded();
        let (held, output) = (Arc::clone(held), output.name.clone());
        let when_left = Arc::clone(when_left);
        std::thread::Builder::new()
            .name(format!("write {output}"))
            .spawn(move || {
                if run(&held, &file, &target, &*encoder, &batches) == Reader::Left {
                    when_left();
                    // What comes yet is taken, so that nothing waits for it.
                    batches.iter().for_each(drop);
                }
            })
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

/// Whether somebody reads what is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    Stays,
    /// Of a pipe that is standard output: it is closed.
    Left,
}

fn run(
    held: &Held,
    file: &File,
    target: &Target,
    encoder: &dyn Encoder,
    batches: &Receiver<(Vec<Record>, Receipt)>,
) -> Reader {
    let mut lines = String::new();
    for (records, receipt) in batches {
        held.begin();
        for record in &records {
            encoder.encode(record, &mut lines);
            if lines.len() >= CHUNK {
                if write_all(file, target, lines.as_bytes()) == Reader::Left {
                    return Reader::Left;
                }
                lines.clear();
            }
        }
        if write_all(file, target, lines.as_bytes()) == Reader::Left {
            return Reader::Left;
        }
        lines.clear();
        drop(receipt);
    }
    Reader::Stays
}

/// Writes everything, however long the disk refuses: the receipt is held meanwhile, and with it the
/// inflow.
fn write_all(mut file: &File, target: &Target, mut bytes: &[u8]) -> Reader {
    while !bytes.is_empty() {
        let written = until_it_works(target, || match file.write(bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe && target.file().is_none() => {
                Ok(None)
            }
            written => written.map(Some),
        });
        match written {
            Some(written) => bytes = &bytes[written..],
            None => return Reader::Left,
        }
    }
    Reader::Stays
}

fn until_it_works<T>(target: &Target, mut work: impl FnMut() -> std::io::Result<T>) -> T {
    let mut pause = Duration::from_millis(10);
    loop {
        match work() {
            Ok(done) => return done,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                tracing::warn!("'{target}' can't be written, trying again: {error}");
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_secs(5));
            }
        }
    }
}
