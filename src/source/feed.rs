//! What workers take chunks from.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, TryRecvError, bounded};

use super::connectors::{CONNECTORS, Inflow};
use super::{Chunk, SourceError};
use crate::plan::Plan;

/// Chunks that wait for a worker: enough to keep it busy while the next one is read.
const WAITING: usize = 4;

/// How long a thread goes without looking whether it is to stop.
const STOP_CHECK: Duration = Duration::from_millis(50);

/// Which part of the input is read here, and until when.
#[derive(Clone, Debug)]
pub struct SourceOptions {
    /// This process among all, from 0.
    pub process: usize,
    pub processes: usize,
    /// Workers of this process.
    pub workers: usize,
    /// Topics end where they ended at the start.
    pub until_end: bool,
    /// Files go on where they end: what is appended to them, and new ones, are read too.
    pub follow: bool,
    /// A topic that is deleted and created again while it is read is read on from its start.
    pub from_start: bool,
}

/// The running input of a process.
#[derive(Debug)]
pub struct Feeds {
    /// One a worker.
    pub workers: Vec<Feed>,
    /// What is to be read in all, where only files are read and they do not grow.
    pub bytes: Option<u64>,
    /// To be kept for as long as there is something to read.
    pub readers: ReadingThreads,
}

/// The threads that read: they stop when this is dropped.
#[derive(Debug)]
pub struct ReadingThreads {
    stop: Arc<AtomicBool>,
}

impl Drop for ReadingThreads {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// One worker's input.
#[derive(Debug, Default)]
pub struct Feed {
    /// Those that have not ended; the first is asked first.
    channels: Vec<Chunks>,
}

#[derive(Debug)]
pub enum Next {
    Chunk(Chunk),
    /// Chunks that happen at once, and a ticket that is used when they have.
    Together(Vec<Chunk>, Ticket),
    /// Nothing for now.
    Empty,
    /// Nothing any more.
    Ended,
    Failed(SourceError),
}

impl Feed {
    pub fn try_next(&mut self) -> Next {
        let mut asked = 0;
        while asked < self.channels.len() {
            match self.channels[asked].try_recv() {
                Ok(result) => {
                    // The next call asks another one first.
                    self.channels.rotate_left(asked + 1);
                    return match result {
                        Ok(Handed::Chunk(chunk)) => Next::Chunk(chunk),
                        Ok(Handed::Together(chunks, ticket)) => Next::Together(chunks, ticket),
                        Err(error) => Next::Failed(error),
                    };
                }
                Err(TryRecvError::Empty) => asked += 1,
                Err(TryRecvError::Disconnected) => {
                    self.channels.remove(asked);
                }
            }
        }
        if self.channels.is_empty() { Next::Ended } else { Next::Empty }
    }
}

/// What a worker takes chunks from.
pub type Chunks = Receiver<Result<Handed, SourceError>>;

/// What is handed over at once.
#[derive(Debug)]
pub enum Handed {
    Chunk(Chunk),
    /// They happen in one tick, also if there are none, and the ticket is used when it is complete.
    Together(Vec<Chunk>, Ticket),
}

/// Lets somebody know that what came with it is acknowledged. If it is lost, it never will be.
#[derive(Debug)]
pub struct Ticket(Sender<()>);

impl Ticket {
    /// A ticket, and what to wait for.
    pub fn new() -> (Self, Receiver<()>) {
        let (sender, used) = bounded(1);
        (Ticket(sender), used)
    }

    pub fn used(self) {
        // Who waited for it may have gone.
        let _ = self.0.send(());
    }
}

/// Where a reading thread puts its chunks.
#[derive(Clone)]
pub(super) struct Outlet {
    sender: Sender<Result<Handed, SourceError>>,
    pub shared: SharedState,
}

/// What all reading threads know.
#[derive(Clone)]
pub struct SharedState {
    stop: Arc<AtomicBool>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

/// Nobody wants more.
#[derive(Debug)]
pub(super) struct Stopped;

/// Why a thread reads no more, although there may be more.
pub(super) enum ReadEnd {
    Stopped,
    Failed(SourceError),
}

impl From<Stopped> for ReadEnd {
    fn from(_: Stopped) -> Self {
        ReadEnd::Stopped
    }
}

impl From<SourceError> for ReadEnd {
    fn from(error: SourceError) -> Self {
        ReadEnd::Failed(error)
    }
}

impl SharedState {
    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// A bounded channel to a worker, or to all of them.
    pub(super) fn channel(&self) -> (Outlet, Chunks) {
        let (sender, receiver) = bounded(WAITING);
        (Outlet { sender, shared: self.clone() }, receiver)
    }

    /// Waits, or less when it is time to stop.
    pub(super) fn sleep(&self, duration: Duration) -> Result<(), Stopped> {
        let mut left = duration;
        while !left.is_zero() && !self.stopped() {
            let now = left.min(STOP_CHECK);
            std::thread::sleep(now);
            left -= now;
        }
        if self.stopped() { Err(Stopped) } else { Ok(()) }
    }

    /// Starts a thread that reads into an outlet. However it ends, the workers hear of it: input
    /// that stopped because of a mistake must never look like input that ended.
    pub(super) fn spawn(
        &self,
        name: &str,
        outlet: Outlet,
        read: impl FnOnce(&Outlet) -> Result<(), ReadEnd> + Send + 'static,
    ) {
        let (thread, wake) = (name.to_owned(), Arc::clone(&self.wake));
        let run = move || {
            let failed = match catch_unwind(AssertUnwindSafe(|| read(&outlet))) {
                Ok(Ok(()) | Err(ReadEnd::Stopped)) => None,
                Ok(Err(ReadEnd::Failed(error))) => Some(error),
                Err(panic) => Some(SourceError::Broken { thread, why: said(panic.as_ref()) }),
            };
            if let Some(error) = failed {
                // A worker that has gone needs no error.
                let _ = outlet.send(Err(error));
            }
            drop(outlet);
            wake();
        };
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(run)
            .expect("the operating system gives a thread");
    }
}

/// What a panic said.
pub fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
}

impl Outlet {
    /// Waits for room.
    pub fn send(&self, result: Result<Chunk, SourceError>) -> Result<(), Stopped> {
        let mut result = result.map(Handed::Chunk);
        loop {
            match self.sender.send_timeout(result, STOP_CHECK) {
                Ok(()) => {
                    (self.shared.wake)();
                    return Ok(());
                }
                Err(SendTimeoutError::Timeout(_)) if self.shared.stopped() => return Err(Stopped),
                Err(SendTimeoutError::Timeout(back)) => result = back,
                Err(SendTimeoutError::Disconnected(_)) => return Err(Stopped),
            }
        }
    }
}

/// All sources of a plan, found and looked into; nothing is read yet.
pub struct OpenedSources {
    workers: usize,
    inflows: Vec<Box<dyn Inflow>>,
}

/// Finds every source of the plan.
pub fn open(plan: &Arc<Plan>, options: &SourceOptions) -> Result<OpenedSources, SourceError> {
    let mut wrong = Vec::new();
    let opened = CONNECTORS.iter().filter_map(|of| (of.open)(plan, options, &mut wrong));
    let inflows = opened.collect();
    match wrong.len() {
        0 => Ok(OpenedSources { workers: options.workers, inflows }),
        1 => Err(wrong.remove(0)),
        _ => Err(SourceError::Several(wrong)),
    }
}

impl OpenedSources {
    /// The files that are there, each with its source's name.
    pub fn files(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.inflows.iter().flat_map(|inflow| inflow.files())
    }

    /// The source, and its glob, that would take a file of this path for one of its own. The path is
    /// resolved.
    pub fn would_read(&self, path: &Path) -> Option<(&str, &str)> {
        self.inflows.iter().find_map(|inflow| inflow.would_read(path))
    }

    /// Starts reading. `wake` is called after each chunk and at the end, from the reading threads.
    pub fn start(self, wake: Arc<dyn Fn() + Send + Sync>) -> Result<Feeds, SourceError> {
        let shared = SharedState { stop: Arc::default(), wake };
        let bytes = self.inflows.iter().map(|inflow| inflow.bytes()).sum();
        let mut workers: Vec<Feed> = (0..self.workers).map(|_| Feed::default()).collect();
        for inflow in self.inflows {
            for (feed, chunks) in workers.iter_mut().zip(inflow.start(&shared)?) {
                feed.channels.extend(chunks);
            }
        }
        Ok(Feeds { workers, bytes, readers: ReadingThreads { stop: shared.stop } })
    }
}

/// Finds every source of the plan and starts reading.
pub fn start(
    plan: &Arc<Plan>,
    options: &SourceOptions,
    wake: Arc<dyn Fn() + Send + Sync>,
) -> Result<Feeds, SourceError> {
    open(plan, options)?.start(wake)
}
