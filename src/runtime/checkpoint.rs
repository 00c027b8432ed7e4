//! When checkpoints are made, and how: beside the ticks, which go on.
//!
//! 1. The leader opens a tick and names it to all workers; no other is opened before all have answered.
//! 2. A worker on which the tick has been applied splits its process in two (`fork`). The child has the worker's
//!    memory as it was just then, writes what operators keep, and ends. The worker answers at once. Where ticks take so
//!    long that nobody waits for one, and where none follows, the worker writes it itself, which costs a fraction of that.
//! 3. When all children of a process have ended well, and the tick is durable and committed everywhere, the process
//!    says that its part is there.
//!
//! The child does nothing but serialise and write: other threads do not live on in it, so nothing of theirs is waited for.
//! It gives way to the ticks: while it is there, each page that a tick changes is copied first, so that they take longer
//! anyway. How many pages that is depends on how many there are, and little on how long it takes.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use serde::{Deserialize, Serialize};

use crate::fault;
use crate::priority;
use crate::state::saved::Savers;
use crate::store::{CheckpointOf, Folder, checkpoint};
use crate::time::Tick;

/// Rows since the last one before another is worth its while.
const ROWS: u64 = 500_000;
/// At the end of a run this part of them is enough.
const LAST: u64 = 10;
/// One is made at most so often …
const INTERVAL: Duration = Duration::from_secs(10);
/// … and what writes it takes no more than about one part of so many of a worker's time. With what the copies of changed
/// pages take beside it, that is about three times as much.
const SHARE: u32 = 60;
/// Where ticks take longer than this, rows are brought in as fast as they can be: then a pause costs less than that every
/// page which is changed meanwhile is copied first, which are nearly all.
const LONG_TICK: Duration = Duration::from_secs(1);
/// How often it is looked whether all of a tick is durable and committed.
const LOOK: Duration = Duration::from_millis(50);

/// When the leader wants one.
pub struct Pace {
    rows: u64,
    saved: Instant,
    /// How long the last one took.
    took: Arc<AtomicU64>,
    every: u64,
}

impl Pace {
    pub fn new(took: Arc<AtomicU64>) -> Self {
        let every = fault::number("SELFSAME_CHECKPOINT_ROWS", ROWS);
        Pace { rows: 0, saved: Instant::now(), took, every }
    }

    /// Whether another is due, of so many rows in all. The last one of a run may be soon after another.
    pub fn is_due(&self, rows: u64, is_last: bool) -> bool {
        let since = rows.saturating_sub(self.rows);
        if is_last {
            return since >= self.every / LAST;
        }
        let took = Duration::from_micros(self.took.load(Ordering::Relaxed));
        let apart = INTERVAL.max(took.saturating_mul(SHARE));
        let is_patient = self.every == ROWS;
        since >= self.every && (!is_patient || self.saved.elapsed() >= apart)
    }

    pub fn saved(&mut self, rows: u64) {
        (self.rows, self.saved) = (rows, Instant::now());
    }
}

/// Who writes what a worker keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WrittenBy {
    /// A child of its process, beside the ticks that follow.
    Child,
    /// The worker, before it goes on.
    Worker,
}

impl WrittenBy {
    /// Where ticks took so long of late.
    pub fn after(tick: Duration) -> Self {
        if tick >= LONG_TICK { WrittenBy::Worker } else { WrittenBy::Child }
    }
}

/// A worker's part that is being written.
struct SavedPart {
    of: CheckpointOf,
    path: PathBuf,
    writing: PartWriting,
}

/// A part that is being written, or was: then how long that took.
enum PartWriting {
    #[cfg(unix)]
    Child(Child),
    Over(io::Result<Duration>),
}

impl PartWriting {
    #[cfg(unix)]
    fn by_child(path: &Path, savers: &Savers) -> io::Result<Self> {
        Child::write(path, savers).map(PartWriting::Child)
    }

    #[cfg(not(unix))]
    fn by_child(path: &Path, savers: &Savers) -> io::Result<Self> {
        Ok(PartWriting::by_worker(path, savers))
    }

    fn by_worker(path: &Path, savers: &Savers) -> Self {
        let began = Instant::now();
        PartWriting::Over(checkpoint::write(path, savers, || true).map(|()| began.elapsed()))
    }

    /// Waits for its end; how much of a processor's time it took.
    fn wait(self) -> io::Result<Duration> {
        match self {
            #[cfg(unix)]
            PartWriting::Child(child) => child.wait(),
            PartWriting::Over(took) => took,
        }
    }
}

/// What a process's workers give their parts to.
#[derive(Clone)]
pub struct CheckpointWriter {
    folder: Folder,
    /// What all of them are of, but for tick and reading.
    of: CheckpointOf,
    run: u64,
    parts: Sender<SavedPart>,
    pub took: Arc<AtomicU64>,
}

impl CheckpointWriter {
    /// Starts the thread that completes them. `frontier` is the first tick that may not be durable and committed.
    pub fn start(
        folder: Folder,
        of: CheckpointOf,
        (process, workers, run): (usize, usize, u64),
        frontier: Arc<AtomicU64>,
        is_ending: Arc<AtomicBool>,
    ) -> io::Result<(Self, JoinHandle<()>)> {
        let (sender, parts) = crossbeam_channel::unbounded();
        let took = Arc::new(AtomicU64::new(0));
        let completing = Completing {
            folder: folder.clone(),
            process,
            workers,
            frontier,
            is_ending,
            took: Arc::clone(&took),
        };
        let thread = std::thread::Builder::new()
            .name("checkpoints".to_owned())
            .spawn(move || completing.run(&parts))?;
        Ok((CheckpointWriter { folder, of, run, parts: sender, took }, thread))
    }

    /// Saves what a worker's operators keep at the end of a tick.
    pub fn save(&self, of: CheckpointOf, by: WrittenBy, worker: usize, savers: &Savers) {
        let began = Instant::now();
        let write = |path: &Path| match by {
            WrittenBy::Child => PartWriting::by_child(path, savers),
            WrittenBy::Worker => Ok(PartWriting::by_worker(path, savers)),
        };
        let saved = checkpoint::prepare(&self.folder, of.tick, self.run, worker)
            .and_then(|path| Ok((write(&path)?, path)));
        match saved {
            // Nobody is there any more who would complete it.
            Ok((writing, path)) => {
                tracing::debug!(
                    "a checkpoint of tick {} begins, after {:?}",
                    of.tick,
                    began.elapsed()
                );
                drop(self.parts.send(SavedPart { of, path, writing }));
            }
            Err(error) => tracing::warn!("there is no checkpoint of this moment: {error}"),
        }
    }

    /// What one of this tick and reading is of.
    pub fn of(&self, tick: Tick, at: i64) -> CheckpointOf {
        CheckpointOf { tick, at, ..self.of.clone() }
    }
}

/// Waits for children, and for ticks to be durable and committed.
struct Completing {
    folder: Folder,
    process: usize,
    workers: usize,
    frontier: Arc<AtomicU64>,
    is_ending: Arc<AtomicBool>,
    took: Arc<AtomicU64>,
}

impl Completing {
    fn run(&self, parts: &Receiver<SavedPart>) {
        let mut waiting: BTreeMap<Tick, Vec<SavedPart>> = BTreeMap::new();
        loop {
            // Set when all workers have ended, and it is known what is committed.
            let is_ending = self.is_ending.load(Ordering::Relaxed);
            let came = parts.recv_timeout(LOOK);
            if !is_ending && matches!(came, Err(RecvTimeoutError::Disconnected)) {
                std::thread::sleep(LOOK);
            }
            let came = came.map(|part| waiting.entry(part.of.tick).or_default().push(part));
            let committed = self.frontier.load(Ordering::Relaxed);
            let whole = waiting
                .iter()
                .find(|(tick, parts)| **tick < committed && parts.len() == self.workers);
            if let Some(tick) = whole.map(|(tick, _)| *tick) {
                let parts = waiting.remove(&tick).expect("just found");
                self.complete(parts);
            } else if is_ending && came.is_err() {
                for (tick, parts) in waiting {
                    parts.into_iter().for_each(|part| drop(part.writing.wait()));
                    checkpoint::discard(&self.folder, tick);
                }
                return;
            }
        }
    }

    fn complete(&self, parts: Vec<SavedPart>) {
        let of = parts[0].of.clone();
        let (mut files, mut failed) = (Vec::new(), None);
        let mut most = Duration::ZERO;
        for SavedPart { path, writing, .. } in parts {
            match writing.wait() {
                Ok(took) => most = most.max(took),
                Err(error) => failed = Some(error),
            }
            files.push(path);
        }
        self.took.store(most.as_micros() as u64, Ordering::Relaxed);
        fault::point("checkpoint written");
        let completed = match failed {
            None => checkpoint::complete(&self.folder, self.process, &of, &files),
            Some(error) => Err(error),
        };
        fault::point("checkpoint completed");
        if completed.is_ok() {
            tracing::debug!("the checkpoint of tick {} took {most:?} of a worker's time", of.tick);
        }
        if let Err(error) = completed {
            tracing::warn!("there is no checkpoint of this moment: {error}");
            checkpoint::discard(&self.folder, of.tick);
        }
    }
}

/// A process that writes what a worker kept when it was begun.
#[cfg(unix)]
struct Child {
    id: libc::pid_t,
}

#[cfg(unix)]
impl Child {
    fn write(path: &Path, savers: &Savers) -> io::Result<Self> {
        let parent = std::process::id();
        // SAFETY: what the child does is what this thread may do alone: it reads memory that no other thread of the child could
        // change, since there is none, allocates by a heap of this thread's own, and ends without running anything else.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                // SAFETY: as above; none of these calls waits for a thread.
                unsafe {
                    apart();
                    priority::give_way();
                    let written = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                        checkpoint::write(path, savers, || {
                            std::os::unix::process::parent_id() == parent
                        })
                    }));
                    let code = match written {
                        Ok(Ok(())) => 0,
                        Ok(Err(error)) => error.raw_os_error().unwrap_or(libc::EIO),
                        Err(_) => libc::EIO,
                    };
                    libc::_exit(code)
                }
            }
            id => Ok(Child { id }),
        }
    }

    /// Waits for its end; how much of a processor's time it took.
    fn wait(self) -> io::Result<Duration> {
        let mut status = 0;
        // SAFETY: numbers, for which zeros are right.
        let mut used: libc::rusage = unsafe { std::mem::zeroed() };
        loop {
            // SAFETY: it waits for a child of this process, which nobody else waits for.
            let waited = unsafe { libc::wait4(self.id, &mut status, 0, &mut used) };
            let error = io::Error::last_os_error();
            if waited == self.id {
                break;
            } else if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
        match libc::WIFEXITED(status) {
            true if libc::WEXITSTATUS(status) == 0 => {
                let of = |time: libc::timeval| {
                    Duration::from_micros(time.tv_sec as u64 * 1_000_000 + time.tv_usec as u64)
                };
                Ok(of(used.ru_utime) + of(used.ru_stime))
            }
            true => Err(io::Error::from_raw_os_error(libc::WEXITSTATUS(status))),
            false => Err(io::Error::other("what wrote it was ended")),
        }
    }
}

/// Parts a child from what its parent holds: it ends at a signal, and keeps no connection or lock of it open.
#[cfg(unix)]
unsafe fn apart() {
    // SAFETY: plain system calls.
    unsafe {
        #[cfg(target_os = "linux")]
        libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0);
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            libc::signal(signal, libc::SIG_DFL);
        }
    }
}
