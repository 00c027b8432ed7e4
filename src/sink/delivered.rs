//! Outputs that are delivered to somebody else's service, by a medium of their own kind: in a durable run by whole ticks
//! that may be committed, else as they come.
//!
//! A service that is away or slow is waited for, and holds nobody back but this output (`backlog`): ticks are complete
//! without it, and what a restart begins with is what it has taken (`Writers::lags_from`). Beyond a bound of memory what
//! waits for it is spilled to the disk; only where that has no room, it holds back the inflow.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::backlog::Backlog;
use super::catalog::Catalog;
use super::durable::{self, LocalStanding, TickBatch};
use super::failure::SinkError;
use super::medium::{Medium, Readership};
use super::queued::QueuedTicks;
use super::receipt::Receipt;
use super::record::Record;
use super::spill::Spill;
use super::target::{Opening, Target};
use super::under_way::UnderWay;
use crate::time::Tick;

/// How often it is looked whether a service takes long, and whether anybody still waits for it.
const LOOK: Duration = Duration::from_millis(50);

/// Who waits for a service.
#[derive(Clone)]
pub struct Awaiting {
    backlog: Arc<Backlog>,
    /// Where attempts that fail are counted: the output's place is the number.
    under_way: (UnderWay, usize),
    /// Set when nobody does any more.
    pub is_abandoned: Arc<AtomicBool>,
}

impl Awaiting {
    pub fn of(opening: &Opening<'_>, output: usize) -> Self {
        let under_way = (UnderWay::clone(&opening.under_way), output);
        // In the data folder, or where nothing outlives the run among the system's temporary files.
        let durable = opening.durable.as_ref();
        let folder = durable.map_or_else(std::env::temp_dir, |of| of.folder.root.clone());
        let name = opening.plan.outputs[output].name.clone();
        let backlog = Arc::new(Backlog::of_service(Spill::new(folder, name, under_way.clone())));
        Awaiting { backlog, under_way, is_abandoned: Arc::default() }
    }

    /// An attempt has failed, and is made again.
    pub fn note_retry(&self) {
        let (outputs, number) = &self.under_way;
        outputs[*number].note_retry();
    }

    pub fn is_over(&self) -> bool {
        self.is_abandoned.load(Ordering::Relaxed)
    }

    /// Waits for something of the service's. The run goes on where that takes long; `None`: nobody waits any more.
    pub fn wait<T>(&self, runtime: &Runtime, something: impl Future<Output = T>) -> Option<T> {
        let mut something = pin!(something);
        // What is waited for again and again may be quick, and be many.
        self.backlog.look();
        loop {
            let some = runtime.block_on(async { timeout(LOOK, something.as_mut()).await });
            if let Ok(some) = some {
                return Some(some);
            }
            self.backlog.look();
            if self.is_over() {
                return None;
            }
        }
    }

    /// Rests before it is asked again; `false`: nobody waits any more.
    pub fn rest(&self, pause: Duration) -> bool {
        let mut left = pause;
        self.backlog.look();
        while !left.is_zero() && !self.is_over() {
            self.backlog.look();
            std::thread::sleep(left.min(LOOK));
            left = left.saturating_sub(LOOK);
        }
        !self.is_over()
    }
}

/// Starts the thread of an output.
pub fn start<M: Medium>(
    opening: &mut Opening<'_>,
    output: &str,
    standing: LocalStanding,
    medium: M,
    awaiting: Awaiting,
) -> Result<Box<dyn Target>, SinkError> {
    let Awaiting { backlog, is_abandoned, under_way: (_, index_of) } = awaiting;
    let abandon = move || is_abandoned.store(true, Ordering::Relaxed);
    if let Some(durable) = opening.durable.clone() {
        if let LocalStanding::Withheld(tick) = standing {
            opening.holds(output, tick);
        }
        let medium = (medium, Some(backlog));
        let target =
            durable::start(opening, (&durable, index_of), standing, medium, abandon, || ())?;
        return Ok(Box::new(target));
    }
    let (sender, batches) = unbounded();
    let (names, held) = (Arc::clone(&opening.names), Arc::clone(&backlog));
    let thread = std::thread::Builder::new()
        .name(format!("write {output}"))
        .spawn(move || deliver(medium, &names, &held, &batches))
        .map_err(|source| SinkError::Thread { output: output.to_owned(), source })?;
    let abandon = Box::new(abandon);
    Ok(Box::new(Delivering { batches: Some(sender), backlog, abandon, thread: Some(thread) }))
}

/// Hands records to the thread that delivers them, which has ended when this is dropped.
struct Delivering {
    /// `None`: no more will come.
    batches: Option<Sender<TickBatch>>,
    backlog: Arc<Backlog>,
    abandon: Box<dyn Fn() + Send + Sync>,
    thread: Option<JoinHandle<()>>,
}

impl Target for Delivering {
    fn send(&self, tick: Tick, records: Vec<Record>, receipt: Receipt) {
        let batches = self.batches.as_ref().expect("it is not dropped");
        let (taking, mut acknowledgement) = receipt.taken();
        let records = self.backlog.keep(tick, records);
        self.backlog.hold(tick, &mut acknowledgement);
        let sent = batches.send((tick, records, acknowledgement));
        sent.expect("the thread runs while there are senders");
        self.backlog.take(tick, taking);
    }
}

impl Drop for Delivering {
    /// All that was sent has been acknowledged, or the run failed: then a service that is away holds up nobody.
    fn drop(&mut self) {
        self.batches = None;
        (self.abandon)();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Delivers what waits, the earliest tick first, as much at once as has come.
fn deliver<M: Medium>(
    mut medium: M,
    names: &Catalog,
    backlog: &Backlog,
    batches: &Receiver<TickBatch>,
) {
    let mut waiting = QueuedTicks::default();
    loop {
        if waiting.first().is_none() {
            let Ok((tick, records, acknowledgement)) = batches.recv() else { return };
            waiting.add(tick, records, acknowledgement);
        }
        for (tick, records, acknowledgement) in batches.try_iter() {
            waiting.add(tick, records, acknowledgement);
        }
        let portion = waiting.take_before(Tick::MAX);
        let last = *portion.last_key_value().expect("one at least").0;
        backlog.deliver();
        let written = portion.values().all(|of| of.write(&mut medium, names).is_some());
        if !written || medium.commit(last).0 == Readership::Left {
            // What comes yet is taken, so that nothing waits for it.
            drop((portion, waiting));
            backlog.release(Tick::MAX - 1);
            batches.iter().for_each(|(tick, ..)| backlog.release(tick));
            return;
        }
        drop(portion);
        backlog.release(last);
    }
}
