//! The thread that writes a process's log: ticks as they come, and one sync for all that wait for it.
//!
//! A tick's frames are durable when they are synced, and then its workers hear of it. A disk that refuses is
//! tried again, for however long: ticks that are not durable hold the inflow back, and what was taken stays in
//! memory until it is written. A log that is not in its folder any more, since somebody deleted or moved that, keeps nothing,
//! though it can be written: the run ends.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

use super::error::StoreError;
use super::folder::Folder;
use super::frame::{self, LogHeader, MAGIC, TickHeader};
use super::mirror::Mirror;
use super::rejects::StoredReject;
use super::whole::sync_folder;
use crate::fault;
use crate::source::Reached;
use crate::time::{Micros, Tick};
use crate::wait::Retry;

/// A log is closed when it has so many bytes, or what it has is so old: then it becomes columnar files. Those of a log that is
/// full are too large to be merged: where rows come as fast as they can be taken, each is made columnar once.
const LARGE: u64 = 256 << 20;
const OLD: Duration = Duration::from_secs(60);

/// Between two tries at what a disk refused, at first and at most.
const PAUSES: [Duration; 2] = [Duration::from_millis(10), Duration::from_secs(5)];

/// How far apart what is put into a bucket is at least.
const APART: Duration = Duration::from_millis(50);

/// How often it is looked whether the folder is still there, while nothing is written into it.
const LOOK: Duration = Duration::from_secs(5);

/// What takes longer is told of, to whoever has the log tell everything.
const SLOW: Duration = Duration::from_millis(50);

/// Bytes that are encoded before they are written.
const TOGETHER: usize = 8 << 20;

/// Pieces that have no more bytes together are written at once.
const SMALL: usize = 1 << 20;

/// What a worker took in with a tick.
pub struct StoredTick {
    pub tick: Tick,
    pub at: Micros,
    pub worker: usize,
    pub reached: Vec<Reached>,
    pub rejects: Vec<StoredReject>,
    /// By source: its name, and accepted rows.
    pub rows: Vec<(String, VecDeque<RecordBatch>)>,
    /// Called when it is durable.
    pub durable: Box<dyn FnOnce() + Send>,
}

enum ForStore {
    Tick(StoredTick),
    /// No tick will follow.
    Close,
}

/// Where a worker hands its ticks over.
#[derive(Clone)]
pub struct StoreWriter {
    messages: Sender<ForStore>,
}

impl StoreWriter {
    pub fn write(&self, tick: StoredTick) {
        self.messages.send(ForStore::Tick(tick)).expect("the thread runs until it is closed");
    }

    /// No tick will follow: the log is closed.
    pub fn close(&self) {
        // It may have been closed already.
        let _ = self.messages.send(ForStore::Close);
    }
}

/// Is told why nothing can be stored any more.
pub type WhenGone = Box<dyn Fn(&str) + Send>;

/// A log that is complete, and the last tick in it.
pub struct ClosedLog {
    pub path: PathBuf,
    pub last: Tick,
}

/// Starts the thread, which hands over each log that it has closed. It ends when it is closed.
pub fn start(
    folder: Folder,
    header: LogHeader,
    closed: Sender<ClosedLog>,
    when_gone: WhenGone,
) -> Result<(StoreWriter, JoinHandle<()>), StoreError> {
    let (messages, waiting) = unbounded();
    let path = folder.root.clone();
    // A folder that can't be written is told before anything starts.
    let log = OpenLog::create(&folder, &header)?;
    let thread = std::thread::Builder::new()
        .name("store".to_owned())
        .spawn(move || run(&folder, log, &waiting, &closed, &when_gone))
        .map_err(StoreError::io(&path, "written"))?;
    Ok((StoreWriter { messages }, thread))
}

fn run(
    folder: &Folder,
    mut log: OpenLog,
    waiting: &Receiver<ForStore>,
    closed: &Sender<ClosedLog>,
    when_gone: &WhenGone,
) {
    let mut is_closed = false;
    let large = fault::number("SELFSAME_LOG_BYTES", LARGE);
    let old = Duration::from_secs(fault::number("SELFSAME_LOG_SECONDS", OLD.as_secs()));
    while !is_closed {
        // It grows old whether more comes or not.
        let younger = log.since.map_or(LOOK, |since| old.saturating_sub(since.elapsed()));
        let first = match waiting.recv_timeout(younger.min(LOOK)) {
            Err(RecvTimeoutError::Disconnected) => break,
            first => first,
        };
        if first.is_err()
            && let Err(why) = log.is_there(folder)
        {
            return lose(why, is_closed, waiting, when_gone);
        }
        let mut frames = Frames::default();
        let (mut done, mut last) = (Vec::new(), 0);
        for message in first.into_iter().chain(waiting.try_iter()) {
            let ForStore::Tick(tick) = message else {
                is_closed = true;
                break;
            };
            last = last.max(tick.tick);
            done.push(frames.add(tick));
            if frames.length >= TOGETHER {
                break;
            }
        }
        if frames.length > 0
            && let Err(why) = log.append(folder, &frames, last)
        {
            return lose(why, is_closed, waiting, when_gone);
        }
        done.into_iter().for_each(|durable| durable());
        let is_old = log.since.is_some_and(|since| since.elapsed() >= old);
        if log.length >= large || is_old {
            let header = LogHeader { number: log.header.number + 1, ..log.header.clone() };
            let next = until_it_works(&folder.root, || OpenLog::create(folder, &header));
            let OpenLog { path, last, .. } = std::mem::replace(&mut log, next);
            fault::point("log closed");
            // Whoever makes files of them may have gone.
            let _ = closed.send(ClosedLog { path, last });
        }
    }
    if let Err(why) = log.is_there(folder) {
        return lose(why, true, waiting, when_gone);
    }
    let _ = closed.send(ClosedLog { path: log.path, last: log.last });
}

/// Another run has the folder now, or nobody has, and this one ends: nothing more is promised.
fn lose(why: StoreError, mut is_closed: bool, waiting: &Receiver<ForStore>, when_gone: &WhenGone) {
    if let StoreError::Gone { .. } = why {
        when_gone(&why.to_string());
    }
    while !is_closed && let Ok(message) = waiting.recv() {
        is_closed = matches!(message, ForStore::Close);
    }
}

/// Frames on their way to the log, in pieces: a long one is not copied once more to lie beside the others.
#[derive(Default)]
struct Frames {
    pieces: Vec<Vec<u8>>,
    length: usize,
}

impl Frames {
    /// Adds a tick's frame. Returns what is called when it is durable.
    fn add(&mut self, tick: StoredTick) -> Box<dyn FnOnce() + Send> {
        let StoredTick { tick, at, worker, reached, rejects, rows: taken, durable } = tick;
        let (mut blocks, mut rows) = (Vec::new(), Vec::new());
        for (source, batches) in taken {
            let number: usize = batches.iter().map(RecordBatch::num_rows).sum();
            let stream = frame::stream(batches).expect("Arrow writes every type of the language");
            rows.push((source, number as u64, stream.0.iter().map(|of| of.len() as u64).sum()));
            blocks.extend(stream.0);
        }
        let header = TickHeader { tick, at, worker, reached, rejects, rows };
        self.push(frame::beginning(&header, &blocks));
        blocks.into_iter().for_each(|block| self.push(block));
        durable
    }

    fn push(&mut self, piece: Vec<u8>) {
        self.length += piece.len();
        match self.pieces.last_mut() {
            // Each piece is a call to the system.
            Some(last) if last.len() + piece.len() <= SMALL => last.extend_from_slice(&piece),
            _ => self.pieces.push(piece),
        }
    }
}

struct OpenLog {
    path: PathBuf,
    file: File,
    header: LogHeader,
    /// Bytes that are durable.
    length: u64,
    last: Tick,
    /// When its first frame came.
    since: Option<Instant>,
    /// Bytes that a bucket does not have, where the folder lies in one: they go with the next ones.
    unsent: Vec<u8>,
}

impl OpenLog {
    fn create(folder: &Folder, header: &LogHeader) -> Result<Self, StoreError> {
        let path = folder.log(header);
        let io = || StoreError::io(&path, "written");
        let mut file =
            OpenOptions::new().create(true).write(true).truncate(true).open(&path).map_err(io())?;
        let bytes = [MAGIC, &frame::beginning(header, &[[]; 0])].concat();
        file.write_all(&bytes).map_err(io())?;
        file.sync_all().map_err(io())?;
        sync_folder(path.parent().expect("a log lies in a folder")).map_err(io())?;
        fault::point("log made");
        Ok(OpenLog {
            file,
            header: header.clone(),
            length: bytes.len() as u64,
            last: 0,
            since: None,
            path,
            unsent: if folder.mirror().is_some() { bytes } else { Vec::new() },
        })
    }

    /// Makes frames durable behind what is. After a sync that failed nothing is known of what was written since the
    /// last one that did not: all of it is written again.
    ///
    /// In a bucket they are durable once that has them, and the file is there to be read.
    fn append(&mut self, folder: &Folder, frames: &Frames, last: Tick) -> Result<(), StoreError> {
        let began = Instant::now();
        until_it_works(&self.path, || {
            let mut at = self.length;
            for piece in &frames.pieces {
                self.file.write_all_at(piece, at)?;
                at += piece.len() as u64;
            }
            fault::point("frames written");
            match folder.mirror() {
                None => self.file.sync_data(),
                Some(_) => Ok(()),
            }
        });
        match folder.mirror() {
            None => {}
            Some(mirror) => self.put(mirror, frames, began)?,
        }
        self.is_there(folder)?;
        fault::point("frames synced");
        let took = began.elapsed();
        if took > SLOW {
            tracing::debug!("{} bytes were durable after {} ms", frames.length, took.as_millis());
        }
        self.length += frames.length as u64;
        self.since.get_or_insert_with(Instant::now);
        self.last = self.last.max(last);
        Ok(())
    }

    /// Whether the folder still has what is written: a file that was deleted takes whatever is written to it. Of a bucket the
    /// folder is only a copy.
    fn is_there(&self, folder: &Folder) -> Result<(), StoreError> {
        if folder.mirror().is_some() {
            return Ok(());
        }
        let found = self.path.metadata();
        let is_other = match (&found, self.file.metadata()) {
            (Ok(found), Ok(own)) => (found.dev(), found.ino()) != (own.dev(), own.ino()),
            (Err(error), _) => error.kind() == ErrorKind::NotFound,
            // It may be told another time.
            _ => false,
        };
        match is_other {
            true => Err(StoreError::Gone { path: folder.root.clone() }),
            false => Ok(()),
        }
    }

    /// Puts frames into the bucket.
    fn put(&mut self, mirror: &Mirror, frames: &Frames, began: Instant) -> Result<(), StoreError> {
        let at = self.length - self.unsent.len() as u64;
        frames.pieces.iter().for_each(|piece| self.unsent.extend_from_slice(piece));
        mirror.append(&self.path, at, &self.unsent)?;
        self.unsent.clear();
        // Each costs something: what comes meanwhile goes with the next one.
        std::thread::sleep(APART.saturating_sub(began.elapsed()));
        Ok(())
    }
}

/// What the work gives in the end.
fn until_it_works<T, E: std::fmt::Display>(
    path: &Path,
    mut work: impl FnMut() -> Result<T, E>,
) -> T {
    let mut retry = Retry::new(PAUSES[0], PAUSES[1]);
    loop {
        match work() {
            Ok(done) => {
                retry.works(&format!("'{}' can be written", path.display()));
                return done;
            }
            Err(error) => {
                let what = format!("'{}' can't be written", path.display());
                std::thread::sleep(retry.failed(&what, &error));
            }
        }
    }
}
