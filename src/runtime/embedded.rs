//! An embedded run: the stages themselves on a worker of their own, which say what some rows come to, now and as
//! time passes.

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
use crate::decode::Decoded;
use crate::metrics::SharedCounts;
use crate::plan::Plan;
use crate::segment::Evaluated;
use crate::sink;
use crate::standing::ArrivalTime;
use crate::time::{Micros, Tick};

/// All stages up to what people come to, on a worker of their own.
pub struct EmbeddedRun {
    worker: Worker,
    dataflow: Dataflow,
    tick: Tick,
    now: Micros,
}

impl EmbeddedRun {
    /// `see` is told of people after each tick in which something of theirs changed or might have.
    pub fn new(plan: &Arc<Plan>, arrival: ArrivalTime, see: impl Fn(&Evaluated) + 'static) -> Self {
        let alone = Allocator::Thread(Thread::default());
        let mut worker = Worker::new(WorkerConfig::default(), alone, Some(Instant::now()));
        // Readings of the clock are given.
        let end = move |inputs: sink::SinkInputs<'_>, _: &SharedCounts| {
            let (probe, _) = inputs.people.inspect(move |evaluated| see(evaluated)).probe();
            sink::SinkProbes { handed: probe.clone(), complete: probe }
        };
        let dataflow =
            Dataflow::build_up_to(&mut worker, plan, Clock::Wall, arrival, Beside::default(), end);
        EmbeddedRun { worker, dataflow, tick: 0, now: Micros::MIN }
    }

    /// Lets rows of sources arrive together, at a reading of `now()` that does not fall.
    pub fn arrive(&mut self, together: Vec<(usize, Decoded)>, now: Micros) {
        for (source, decoded) in together {
            self.dataflow.inbox.borrow_mut().add(source, decoded, &self.dataflow.counts);
        }
        self.step(now);
    }

    /// Lets time pass to the next instant at which it may change something, if there is one.
    pub fn pass(&mut self) -> Option<Micros> {
        let due = self.dataflow.next_due().filter(|due| *due > self.now)?;
        self.step(due);
        Some(due)
    }

    fn step(&mut self, now: Micros) {
        self.tick += 1;
        self.now = now;
        self.dataflow.run_tick(&mut self.worker, self.tick, now);
    }
}
