//! Outputs that are delivered to somebody else's service, by a medium of their own kind: in a durable run by whole ticks
//! that may be committed, else as they come.
//!
//! A service that is away or slow is waited for. Up to a bound of ticks and of memory (`backlog`) that holds nobody back
//! but this output; beyond, the inflow.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::backlog::Backlog;
use super::catalog::Catalog;
use super::durable::{self, LocalStanding, Medium, RECORD_BYTES, Readership};
use super::failure::SinkError;
use super::receipt::{Acknowledgement, Receipt};
use super::record::Record;
use super::target::{Opening, Target};
use crate::time::Tick;

/// Starts the thread of an output. `is_abandoned` is set when nobody waits for the service any more.
pub fn start<M: Medium>(
    opening: &mut Opening<'_>,
    output: &str,
    standing: LocalStanding,
    medium: M,
    is_abandoned: Arc<AtomicBool>,
) -> Result<Box<dyn Target>, SinkError> {
    let abandon = move || is_abandoned.store(true, Ordering::Relaxed);
    if let Some(durable) = opening.durable.clone() {
        if let LocalStanding::Withheld(tick) = standing {
            opening.committed.insert(tick);
        }
        let target = durable::start(opening, (&durable, output), standing, medium, abandon, || ())?;
        return Ok(Box::new(target));
    }
    let (sender, batches) = unbounded();
    let backlog: Arc<Backlog> = Arc::default();
    let (names, held) = (Arc::clone(&opening.names), Arc::clone(&backlog));
    let thread = std::thread::Builder::new()
        .name(format!("write {output}"))
        .spawn(move || deliver(medium, &names, &held, &batches))
        .map_err(|source| SinkError::Thread { output: output.to_owned(), source })?;
    let abandon = Box::new(abandon);
    Ok(Box::new(Delivering { batches: Some(sender), backlog, abandon, thread: Some(thread) }))
}

type TickRecords = (Tick, Vec<Record>, Acknowledgement);

/// Hands records to the thread that delivers them, which has ended when this is dropped.
struct Delivering {
    /// `None`: no more will come.
    batches: Option<Sender<TickRecords>>,
    backlog: Arc<Backlog>,
    abandon: Box<dyn Fn() + Send + Sync>,
    thread: Option<JoinHandle<()>>,
}

impl Target for Delivering {
    fn send(&self, tick: Tick, records: Vec<Record>, receipt: Receipt) {
        let batches = self.batches.as_ref().expect("it is not dropped");
        let (taking, acknowledgement) = receipt.taken();
        self.backlog.add(tick, records.len() * RECORD_BYTES);
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
    batches: &Receiver<TickRecords>,
) {
    while let Ok(first) = batches.recv() {
        let mut waiting: BTreeMap<Tick, (Vec<Record>, Vec<Acknowledgement>)> = BTreeMap::new();
        for (tick, records, acknowledgement) in std::iter::once(first).chain(batches.try_iter()) {
            let (all, acknowledgements) = waiting.entry(tick).or_default();
            all.extend(records);
            acknowledgements.push(acknowledgement);
        }
        let last = *waiting.last_key_value().expect("one at least").0;
        let written =
            waiting.values().all(|(records, _)| medium.write(records, names) == Readership::Stays);
        if !written || medium.settle(last).0 == Readership::Left {
            // What comes yet is taken, so that nothing waits for it.
            drop(waiting);
            backlog.release(Tick::MAX - 1);
            batches.iter().for_each(|(tick, ..)| backlog.release(tick));
            return;
        }
        drop(waiting);
        backlog.release(last);
    }
}
