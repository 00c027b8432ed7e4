//! Who there is by the stored rows, once all of them have been read back: without sources, and telling nobody.

use std::sync::Arc;
use std::time::Instant;

use timely::WorkerConfig;
use timely::communication::Allocator;
use timely::communication::allocator::thread::Thread;
use timely::dataflow::operators::Inspect;
use timely::dataflow::operators::probe::Probe;
use timely::worker::Worker;

use super::Clock;
use super::dataflow::{Beside, Dataflow};
use super::options::RunError;
use super::replay::{Replay, ReplayLead};
use crate::metrics::SharedCounts;
use crate::plan::Plan;
use crate::segment::Evaluated;
use crate::sink;
use crate::store::Recovered;
use crate::time::Micros;

/// All people, as of the last durable tick.
pub struct StoredPeople {
    _worker: Worker,
    _dataflow: Dataflow,
    now: Option<Micros>,
}

impl StoredPeople {
    /// Reads all stored rows back, on a worker of its own. `see` is told of people as they change; `is_stopped` says
    /// whether nobody waits for it any more.
    pub fn read(
        plan: &Arc<Plan>,
        clock: Clock,
        recovered: &Recovered,
        see: impl Fn(&Evaluated) + 'static,
        is_stopped: impl Fn() -> bool,
    ) -> Result<Self, RunError> {
        let alone = Allocator::Thread(Thread::default());
        let mut worker = Worker::new(WorkerConfig::default(), alone, Some(Instant::now()));
        let end = move |inputs: sink::SinkInputs<'_>, _: &SharedCounts| {
            let (probe, _) = inputs.people.inspect(move |evaluated| see(evaluated)).probe();
            sink::SinkProbes { handed: probe.clone(), complete: probe }
        };
        let (arrival, beside) = (clock.arrival(), Beside::default());
        let mut dataflow = Dataflow::build_up_to(&mut worker, plan, clock, arrival, beside, end);
        dataflow.inbox.borrow_mut().replay =
            Replay::new(plan, recovered, None, 0, &Arc::default(), 0, 1);
        let (mut last, mut loaded, mut now) = (0, [0], None);
        if let Some(mut lead) = ReplayLead::new(recovered, None, 0, Vec::new()) {
            while !lead.is_over(last) {
                if is_stopped() {
                    return Err(RunError::Workers("the run is being stopped".to_owned()));
                }
                if let Some(replay) = &mut dataflow.inbox.borrow_mut().replay
                    && let Some(tick) = replay.load()?
                {
                    loaded = [tick];
                }
                if let Some((tick, reading)) = lead.next(&loaded, last)? {
                    dataflow.run_tick(&mut worker, tick, reading);
                    (last, now) = (tick, Some(reading));
                }
            }
        }
        Ok(StoredPeople { _worker: worker, _dataflow: dataflow, now })
    }

    /// What the clock read at the last tick; `None` if nothing is stored.
    pub fn now(&self) -> Option<Micros> {
        self.now
    }
}
