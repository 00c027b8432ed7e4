//! Between the threads that read and the workers: chunks on their way, and what stops the reading.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, bounded};

use super::lags::Lags;
use super::left_files::LeftFiles;
use super::{Chunk, Positions, Reached, SourceError};
use crate::row::{RawPosition, Reason, Reject};

/// Chunks that wait for a worker: enough to keep it busy while others are read, also where the reader has to wait for a
/// processor that workers use.
pub const WAITING: usize = 32;

/// How long a thread goes without looking whether it is to stop.
pub const STOP_CHECK: Duration = Duration::from_millis(50);

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
    /// A pattern that no file matches yet is waited for, and is no mistake.
    pub awaits: bool,
    /// A topic that is deleted and created again while it is read is read on from its start.
    pub from_start: bool,
    /// What was read is looked at again, while it is followed or by another run: so what files hold is to be known.
    pub remembers: bool,
    /// Where sources are read on; empty: from where their definitions say.
    pub positions: Arc<Positions>,
    /// What the run that went before has left of files that are followed, if it was told to end, and where this one leaves them.
    pub left: LeftFiles,
}

impl Default for SourceOptions {
    /// All of the input, by one worker alone.
    fn default() -> Self {
        SourceOptions {
            process: 0,
            processes: 1,
            workers: 1,
            until_end: false,
            follow: false,
            awaits: false,
            from_start: false,
            remembers: false,
            positions: Arc::default(),
            left: LeftFiles::default(),
        }
    }
}

/// What a worker takes chunks from.
pub type Chunks = Receiver<Result<Handed, SourceError>>;

/// What is handed over at once.
#[derive(Debug)]
pub enum Handed {
    Chunk(Chunk),
    /// They happen in one tick, also if there are none, and the ticket is used when what it waits for holds.
    Together(Vec<Chunk>, Ticket),
}

/// Lets somebody know that what came with it is acknowledged. If it is lost, it never will be.
pub struct Ticket {
    pub awaits: Awaited,
    rejected: Vec<RejectedRow>,
    answer: Box<dyn FnOnce(Vec<RejectedRow>) + Send>,
}

/// What a ticket waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// That the tick is complete: all that follows from its rows is acknowledged.
    Complete,
    /// That the rows can't be lost any more: their tick is durable, or, where nothing is stored, complete.
    Kept,
}

/// A row that was rejected, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedRow {
    pub source: u16,
    /// Its `Position::offset`.
    pub offset: u64,
    pub reasons: Vec<Reason>,
}

impl Ticket {
    /// A ticket for who waits until the tick is complete, and what to wait for.
    pub fn new() -> (Self, Receiver<()>) {
        let (sender, used) = bounded(1);
        let answer = move |_| {
            // Who waited for it may have gone.
            let _ = sender.send(());
        };
        let answer = Box::new(answer);
        (Ticket { awaits: Awaited::Complete, rejected: Vec::new(), answer }, used)
    }

    /// A ticket that waits until its rows can't be lost; `answer` gets those that were rejected.
    pub fn kept(answer: impl FnOnce(Vec<RejectedRow>) + Send + 'static) -> Self {
        Ticket { awaits: Awaited::Kept, rejected: Vec::new(), answer: Box::new(answer) }
    }

    /// Notes rows that were rejected, for who is told of them.
    pub fn note(&mut self, rejects: &[Reject]) {
        if self.awaits == Awaited::Kept {
            self.rejected.extend(rejects.iter().filter_map(|reject| {
                let RawPosition::Line { line: Some(offset), .. } = reject.position else {
                    return None;
                };
                let (source, reasons) = (reject.source, reject.reasons.clone());
                Some(RejectedRow { source, offset, reasons })
            }));
        }
    }

    pub fn used(self) {
        (self.answer)(self.rejected);
    }
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket").field("awaits", &self.awaits).finish_non_exhaustive()
    }
}

/// Where a reading thread puts its chunks.
#[derive(Clone)]
pub struct Outlet {
    sender: Sender<Result<Handed, SourceError>>,
    pub shared: SharedState,
}

/// What all reading threads know.
#[derive(Clone)]
pub struct SharedState {
    pub stop: Arc<AtomicBool>,
    pub wake: Arc<dyn Fn() + Send + Sync>,
    /// What has become durable, until somebody listens.
    pub durable: Arc<Mutex<Option<Durable>>>,
    /// How far topics are ahead.
    pub lags: Lags,
}

/// What the run says has become durable, for who wants to know of it; whoever listens drops this once it has
/// seen the end.
pub struct Durable {
    pub reached: Receiver<Reached>,
    /// Who ends the reading waits, for a while, until this is dropped.
    pub _listening: Sender<()>,
}

/// Nobody wants more.
#[derive(Debug)]
pub struct Stopped;

/// Why a thread reads no more, although there may be more.
pub enum ReadEnd {
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

    /// For the one who listens to what is durable.
    pub(super) fn take_durable(&self) -> Option<Durable> {
        self.durable.lock().expect("no one panics with it").take()
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
        self.hand_over(result.map(Handed::Chunk))
    }

    /// Waits for room for chunks that happen in one tick.
    pub fn send_together(&self, chunks: Vec<Chunk>, ticket: Ticket) -> Result<(), Stopped> {
        self.hand_over(Ok(Handed::Together(chunks, ticket)))
    }

    fn hand_over(&self, mut result: Result<Handed, SourceError>) -> Result<(), Stopped> {
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
