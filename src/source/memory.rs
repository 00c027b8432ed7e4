//! Rows that the program around the engine pushes.
//!
//! What is pushed together happens in one tick: it goes to one worker as a whole, which decodes all of it
//! before any of it counts.
//!
//! Nothing of it can be read again, so its chunks do not say how far it is read: the program pushes again what
//! did not become durable.

use std::any::Any;
use std::fmt::Display;
use std::sync::{Arc, Mutex};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::connector::{ConnectorType, Inflow};
use super::outlet::{Chunks, Handed, SharedState, SourceOptions, Ticket};
use super::{Chunk, SourceError};
use crate::plan::{Connector, Format, Plan};

pub(super) const TYPE: ConnectorType = ConnectorType { said: None, open };

/// Rows that are pushed. All sources of a run that are fed so share one.
#[derive(Clone, Debug)]
pub struct Memory {
    /// Until it is opened: then the run alone has it, and who pushes notices when that has ended.
    pushed: Arc<Mutex<Option<Chunks>>>,
}

/// Where rows are pushed into. The sources end when this is dropped.
#[derive(Debug)]
pub struct Pushes {
    sender: Sender<Result<Handed, SourceError>>,
}

impl Memory {
    pub fn new() -> (Self, Pushes) {
        // Who pushes waits for the tick, so there is one push at a time.
        let (sender, pushed) = bounded(1);
        (Memory { pushed: Arc::new(Mutex::new(Some(pushed))) }, Pushes { sender })
    }
}

impl Pushes {
    /// Hands rows over, which happen in one tick; says what to wait for. Nobody takes them once the run has
    /// ended: then the wait fails.
    pub fn push(&self, chunks: Vec<Chunk>) -> Receiver<()> {
        let (ticket, used) = Ticket::new();
        let _ = self.sender.send(Ok(Handed::Together(chunks, ticket)));
        used
    }
}

impl Connector for Memory {
    fn ends(&self, _follow: bool) -> bool {
        true
    }

    fn refuses(&self, format: Format) -> Option<&'static str> {
        (format != Format::Json).then_some("rows that are pushed are JSON")
    }

    fn again(&self) -> Option<Arc<dyn Connector>> {
        None
    }
}

impl Display for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("rows that are pushed")
    }
}

/// The first worker's, as pushed.
struct PushedRows {
    pushed: Chunks,
    workers: usize,
}

fn open(
    plan: &Arc<Plan>,
    options: &SourceOptions,
    _wrong: &mut Vec<SourceError>,
) -> Option<Box<dyn Inflow>> {
    let mut sources = plan.sources.iter();
    let memory: &Memory =
        sources.find_map(|source| (&*source.connector as &dyn Any).downcast_ref())?;
    let pushed = memory.pushed.lock().expect("no one panics with it").take()?;
    Some(Box::new(PushedRows { pushed, workers: options.workers }))
}

impl Inflow for PushedRows {
    fn start(self: Box<Self>, _shared: &SharedState) -> Result<Vec<Option<Chunks>>, SourceError> {
        let mut feeds = vec![None; self.workers];
        feeds[0] = Some(self.pushed);
        Ok(feeds)
    }
}
