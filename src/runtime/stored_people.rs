//! Who there is by the stored rows, once all of them have been read back: without sources, and telling nobody.

use std::sync::Arc;
use std::time::Instant;

use timely::WorkerConfig;
use timely::communication::Allocator;
use timely::communication::allocator::thread::Thread;
use timely::dataflow::operators::probe::Probe;
use timely::worker::Worker;

use super::Clock;
use super::dataflow::{Beside, Dataflow};
use super::replay::{Replay, ReplayLead};
use crate::metrics::SharedCounts;
use crate::plan::Plan;
use crate::profile::PersonRow;
use crate::row::IdentifierHash;
use crate::sink;
use crate::store::{Recovered, StoreError};

/// All people, as of the last durable tick.
pub struct StoredPeople {
    _worker: Worker,
    dataflow: Dataflow,
}

impl StoredPeople {
    /// Reads all stored rows back, on a worker of its own.
    pub fn read(plan: &Arc<Plan>, clock: Clock, recovered: &Recovered) -> Result<Self, StoreError> {
        let alone = Allocator::Thread(Thread::default());
        let mut worker = Worker::new(WorkerConfig::default(), alone, Some(Instant::now()));
        let end = move |inputs: sink::SinkInputs<'_>, _: &SharedCounts| {
            let (probe, _) = inputs.people.probe();
            sink::SinkProbes { handed: probe.clone(), complete: probe }
        };
        let (arrival, beside) = (clock.arrival(), Beside::default());
        let mut dataflow = Dataflow::build_up_to(&mut worker, plan, clock, arrival, beside, end);
        dataflow.inbox.borrow_mut().replay = Replay::new(plan, recovered, None, 0, 1);
        let mut last = 0;
        if let Some(mut lead) = ReplayLead::new(recovered, None, 1, Vec::new()) {
            while !lead.is_over(last) {
                if let Some(replay) = &mut dataflow.inbox.borrow_mut().replay
                    && let Some(loaded) = replay.load()?
                {
                    lead.loaded(0, loaded);
                }
                if let Some((tick, reading)) = lead.next(last)? {
                    dataflow.run_tick(&mut worker, tick, reading);
                    last = tick;
                }
            }
        }
        Ok(StoredPeople { _worker: worker, dataflow })
    }

    /// Visits each person: the id, and the row.
    pub fn for_each(&mut self, mut visit: impl FnMut(IdentifierHash, PersonRow<'_>)) {
        let people = &mut self.dataflow.arrangements.people;
        let since = people.since();
        if let Ok(mut reading) = people.at(since) {
            reading.for_each(|person, row| visit(*person, PersonRow::new(row)));
        }
    }
}
