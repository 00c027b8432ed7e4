//! What workers take chunks from.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded, unbounded};

use super::connector::Inflow;
use super::connectors::CONNECTORS;
use super::lags::Lags;
use super::outlet::{Chunks, Durable, Handed, SharedState, SourceOptions, Ticket};
use super::posts::Posts;
use super::{Chunk, Reached, SourceError, Span};
use crate::plan::Plan;

/// How long the end waits until what is durable is known elsewhere, too.
const GOODBYE: Duration = Duration::from_secs(3);

/// The running input of a process.
#[derive(Debug)]
pub struct Feeds {
    /// One a worker.
    pub workers: Vec<Feed>,
    /// What is to be read in all, where only files are read and they do not grow.
    pub bytes: Option<u64>,
    pub lags: Lags,
    /// To be kept for as long as there is something to read.
    pub readers: ReadingThreads,
}

/// The threads that read: they stop when this is dropped.
#[derive(Debug)]
pub struct ReadingThreads {
    stop: Arc<AtomicBool>,
    /// `None` only while this is dropped.
    durable: Option<Arc<Sender<Reached>>>,
    /// Disconnected once whoever listens to that has come to its end.
    listening: Receiver<()>,
}

/// Where is said what has become durable, for as long as sources are read.
#[derive(Clone, Debug, Default)]
pub struct DurableNews(Weak<Sender<Reached>>);

impl DurableNews {
    /// Says that what a chunk holds is durable: it is never read again. Topics' positions go on to their
    /// brokers, now and then, so that others see how far they are read.
    pub fn note(&self, reached: &Reached) {
        if let (Some(durable), Span::Topic { .. }) = (self.0.upgrade(), &reached.span) {
            // Nobody listens where no topic is read.
            let _ = durable.send(reached.clone());
        }
    }
}

impl ReadingThreads {
    pub fn durable(&self) -> DurableNews {
        DurableNews(self.durable.as_ref().map(Arc::downgrade).unwrap_or_default())
    }
}

impl Drop for ReadingThreads {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.durable = None;
        let _ = self.listening.recv_timeout(GOODBYE);
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
    /// Chunks that happen at once, and a ticket that is used when they have, or are kept.
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

    /// Where rows are posted to, where this process takes any.
    pub fn posts(&self) -> Option<Posts> {
        self.inflows.iter().find_map(|inflow| inflow.posts())
    }

    /// Starts reading. `wake` is called after each chunk and at the end, from the reading threads.
    pub fn start(self, wake: Arc<dyn Fn() + Send + Sync>) -> Result<Feeds, SourceError> {
        let ((durable, reached), (listens, listening)) = (unbounded(), bounded(0));
        let listener = Arc::new(Mutex::new(Some(Durable { reached, _listening: listens })));
        let shared =
            SharedState { stop: Arc::default(), wake, durable: listener, lags: Lags::default() };
        let bytes = self.inflows.iter().map(|inflow| inflow.bytes()).sum();
        let mut workers: Vec<Feed> = (0..self.workers).map(|_| Feed::default()).collect();
        for inflow in self.inflows {
            for (feed, chunks) in workers.iter_mut().zip(inflow.start(&shared)?) {
                feed.channels.extend(chunks);
            }
        }
        // If nobody has taken it, nobody listens.
        drop(shared.take_durable());
        let readers =
            ReadingThreads { stop: shared.stop, durable: Some(Arc::new(durable)), listening };
        Ok(Feeds { workers, bytes, lags: shared.lags, readers })
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
