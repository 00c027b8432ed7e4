//! A run in which each tick's input is given and each tick's output returned: for tests, and for
//! embedding where somebody else keeps the time.

use std::sync::{Arc, Barrier};

use super::Clock;
use super::dataflow::{Beside, Dataflow};
use crate::decode::Decoder;
use crate::metrics::Counts;
use crate::plan::Plan;
use crate::sink::{MemoryTarget, TextRecord, Writers};
use crate::source::Chunk;
use crate::time::{Micros, Tick};

/// What a stepped run came to.
pub struct Stepped {
    /// What each tick sent, sorted.
    pub sent: Vec<Vec<TextRecord>>,
    /// The counts of all workers, at the end of the run.
    pub counts: Counts,
}

/// Runs one tick a step, with the wall clock's reading and the chunks that arrive in it. Chunks are
/// dealt to workers in turn; readings must not fall.
pub fn stepped(
    plan: Arc<Plan>,
    workers: usize,
    clock: Clock,
    steps: Vec<(Micros, Vec<Chunk>)>,
) -> Stepped {
    let memory = MemoryTarget::default();
    let sent = memory.clone();
    let barrier = Barrier::new(workers);
    let steps = Arc::new(steps);
    let number = steps.len();
    let config =
        if workers == 1 { timely::Config::thread() } else { timely::Config::process(workers) };
    let of_plan = Arc::clone(&plan);
    let guards = timely::execute(config, move |worker| {
        let writers = Writers::all(&plan, &memory);
        let mut dataflow =
            Dataflow::build(worker, &plan, clock, writers, workers, Beside::default());
        let mut decoders: Vec<Decoder> =
            (0..plan.sources.len()).map(|source| Decoder::new(Arc::clone(&plan), source)).collect();
        for (step, (reading, chunks)) in steps.iter().enumerate() {
            let mine = chunks.iter().skip(worker.index()).step_by(worker.peers());
            for chunk in mine {
                let source = chunk.source as usize;
                let decoded = decoders[source].decode(chunk, *reading);
                dataflow.inbox.borrow_mut().add(source, decoded, &dataflow.counts);
            }
            barrier.wait();
            dataflow.run_tick(worker, step as Tick + 1, *reading);
        }
        dataflow.counts.borrow().clone()
    });
    let counted = guards.expect("threads start").join();
    let (sources, segments) = (of_plan.sources.len(), of_plan.segments.len());
    let mut counts = Counts::new(sources, segments, of_plan.outputs.len());
    counted.into_iter().for_each(|of| counts.add(&of.expect("workers do not panic")));
    let mut sent = sent.take_texts(&of_plan);
    let of_tick = |tick| {
        let mut records = sent.remove(&tick).unwrap_or_default();
        records.sort();
        records
    };
    Stepped { sent: (1..=number as Tick).map(of_tick).collect(), counts }
}
