//! A run in which each tick's input is given and each tick's output returned: for tests, and for
//! embedding where somebody else keeps the time.

use std::collections::BTreeMap;
use std::sync::{Arc, Barrier, Mutex};

use super::Clock;
use super::dataflow::Dataflow;
use crate::decode::Decoder;
use crate::sink::{Record, Writers};
use crate::source::Chunk;
use crate::spec::plan::Plan;
use crate::time::{Micros, Tick};

/// Runs one tick a step, with the wall clock's reading and the chunks that arrive in it, and returns
/// what each tick sent, sorted. Chunks are dealt to workers in turn; readings must not fall.
pub fn stepped(
    plan: Arc<Plan>,
    workers: usize,
    clock: Clock,
    steps: Vec<(Micros, Vec<Chunk>)>,
) -> Vec<Vec<Record>> {
    let sent: Arc<Mutex<BTreeMap<Tick, Vec<Record>>>> = Arc::default();
    let records = Arc::clone(&sent);
    let barrier = Barrier::new(workers);
    let steps = Arc::new(steps);
    let number = steps.len();
    let config =
        if workers == 1 { timely::Config::thread() } else { timely::Config::process(workers) };
    let guards = timely::execute(config, move |worker| {
        let writers = Writers::memory(&plan, Arc::clone(&records));
        let mut dataflow = Dataflow::build(worker, &plan, clock, writers, workers);
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
            let tick = step as Tick + 1;
            dataflow.open_tick(tick, *reading);
            while dataflow.complete.less_equal(&tick) {
                worker.step_or_park(None);
            }
        }
    });
    let results = guards.expect("threads start").join();
    results.into_iter().for_each(|result| result.expect("workers do not panic"));
    let mut sent = std::mem::take(&mut *sent.lock().expect("workers have ended"));
    (1..=number as Tick)
        .map(|tick| {
            let mut records = sent.remove(&tick).unwrap_or_default();
            records.sort();
            records
        })
        .collect()
}
