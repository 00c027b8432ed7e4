//! What lets an output be committed: that a tick is durable, and that its records are handed over whole.
//!
//! An output of a run that outlives its process is committed by whole ticks: what a commit holds is told with it,
//! as a tick, in one step (`kafka::transactional`, `durable_stream`). A tick is committed after its rows
//! are durable: so a restart, which computes the same ticks of the same rows, knows by the number alone what was sent.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::differing::OutputsDifference;
use crate::store::Folder;
use crate::time::Tick;

/// What the targets of a process know of durability.
#[derive(Clone)]
pub struct DurableOutputs {
    /// The data folder; the progress of local targets lies in its folder `outputs`.
    pub folder: Folder,
    /// The store's id: progress of another store's run counts for nothing.
    pub store: String,
    /// What the whole checked definition comes to: progress under another one does not say what was sent.
    pub definition: String,
    /// The number of the run in the data folder: each that stores something has the next one.
    pub run: u64,
    /// The last tick whose rows were durable when the run began; 0 if none was.
    pub replayed: Tick,
    /// What is replayed comes as what it comes to, as of that tick: of a run that was built beside the one whose place
    /// it takes. What each tick would have said is not known, so that outputs are compared with it.
    pub comes_at_once: bool,
    /// Up to this tick all was committed, whatever an output's progress says: the run begins with a checkpoint of it, or
    /// versions of records have left that were known earlier; 0 if there is neither. What it comes to is told again in
    /// this tick, or shortly before.
    pub settled: Tick,
    /// What was known before this tick can't be computed any more, since versions of records have left under another
    /// definition: progress up to an earlier one does not say what was sent.
    pub known_from: Tick,
    pub process: usize,
    pub processes: usize,
    /// How many workers each process has.
    pub workers: usize,
    pub committable: Committable,
    pub difference: OutputsDifference,
    /// The tick as which it is told: behind all that is replayed, and before whatever happens next.
    pub differs_at: Tick,
}

impl DurableOutputs {
    /// The last tick of which an output has been told everything, where it was committed up to this one: the last one that
    /// held something for it may be long before.
    pub fn told_up_to(&self, committed: Tick) -> Tick {
        committed.max(self.settled)
    }

    /// Whether what was known can be computed at the last tick of which an output that was committed up to this one has
    /// been told everything.
    pub fn can_compute(&self, committed: Tick) -> bool {
        self.told_up_to(committed) >= self.known_from
    }
}

/// Which ticks may be committed: those that are durable, and handed over whole by all workers.
#[derive(Clone, Default)]
pub struct Committable(Arc<Allowed>);

#[derive(Default)]
struct Allowed {
    before: AtomicU64,
    waiting: Mutex<Vec<Sender<()>>>,
}

impl Committable {
    pub fn new() -> Self {
        Committable::default()
    }

    /// Ticks before this one may be committed from now on. It never falls.
    pub fn allow(&self, before: Tick) {
        if self.0.before.fetch_max(before, Ordering::AcqRel) < before {
            let waiting = self.0.waiting.lock().expect("no one panics with it");
            // Who has not yet looked since the last time will see this one, too.
            for waiting in &*waiting {
                let _ = waiting.try_send(());
            }
        }
    }

    /// Ticks before this one may be committed.
    pub fn before(&self) -> Tick {
        self.0.before.load(Ordering::Acquire)
    }

    /// Tells whenever more may be committed.
    pub fn watch(&self) -> Receiver<()> {
        let (sender, receiver) = bounded(1);
        self.0.waiting.lock().expect("no one panics with it").push(sender);
        receiver
    }
}
