//! A stepped run that is cut off and begun again from its store: for tests.

use std::path::Path;
use std::sync::{Arc, Barrier};

use super::Clock;
use super::dataflow::{Beside, Dataflow};
use super::durable::ProcessStore;
use super::replay::Replay;
use crate::decode::Decoder;
use crate::plan::Plan;
use crate::sink::{MemoryTarget, TextRecord, Writers};
use crate::source::{Chunk, DurableNews};
use crate::store::{self, LogHeader, Readings};
use crate::time::{Micros, Tick};

/// What a tick of a stepped run takes in.
pub type GivenTick = (Micros, Vec<Chunk>);

/// Runs some steps, each a tick, and stores what they take in, as [`super::stepped()`] runs them. A run that was cut off
/// before is read back first, in ticks that end with `stops` and with its last one. Returns what each step sent, sorted.
pub fn restarted(
    plan: &Arc<Plan>,
    workers: usize,
    clock: Clock,
    data: &Path,
    stops: &[Tick],
    steps: &Arc<Vec<GivenTick>>,
) -> Vec<Vec<TextRecord>> {
    let recovered = store::open(data, 0).expect("a data folder");
    let first = recovered.until + 1;
    let mut stops: Vec<Tick> =
        stops.iter().copied().filter(|stop| *stop < recovered.until).collect();
    stops.extend((recovered.until > 0).then_some(recovered.until));
    let mut readings = Readings::new(&recovered);
    let stops: Vec<(Tick, Micros)> =
        stops.into_iter().map(|stop| (stop, readings.at(stop).expect("a reading"))).collect();
    let run = recovered.next_run;
    let header =
        LogHeader { run, process: 0, processes: 1, workers, number: 0, fields: Default::default() };
    let (store, threads) =
        ProcessStore::start(header, recovered, DurableNews::default()).expect("it can be written");
    let memory = MemoryTarget::default();
    let sent = memory.clone();
    let (of_plan, steps, number) = (Arc::clone(plan), Arc::clone(steps), steps.len() as Tick);
    let barrier = Barrier::new(workers);
    let config =
        if workers == 1 { timely::Config::thread() } else { timely::Config::process(workers) };
    let guards = timely::execute(config, move |worker| {
        let plan = &of_plan;
        let (index, peers) = (worker.index(), worker.peers());
        let writers = Writers::all(plan, &memory);
        let beside = Beside { store: Some(&store), ..Beside::default() };
        let mut dataflow = Dataflow::build(worker, plan, clock, writers, workers, beside);
        dataflow.inbox.borrow_mut().replay = Replay::new(plan, &store.recovered, index, peers);
        for (stop, reading) in &stops {
            if let Some(replay) = &mut dataflow.inbox.borrow_mut().replay {
                while !replay.has_loaded(*stop) {
                    replay.load().expect("what was stored");
                }
            }
            barrier.wait();
            dataflow.run_tick(worker, *stop, *reading);
        }
        let decoder = |source| Decoder::new(Arc::clone(plan), source).storing();
        let mut decoders: Vec<Decoder> = (0..plan.sources.len()).map(decoder).collect();
        for (tick, (reading, chunks)) in (first..).zip(steps.iter()) {
            for chunk in chunks.iter().skip(index).step_by(peers) {
                let source = chunk.source as usize;
                let decoded = decoders[source].decode(chunk, *reading);
                dataflow.inbox.borrow_mut().add(source, decoded, &dataflow.counts);
            }
            barrier.wait();
            dataflow.run_tick(worker, tick, *reading);
        }
    });
    for ended in guards.expect("threads start").join() {
        ended.expect("workers do not panic");
    }
    threads.close();
    let mut sent = sent.take_texts(plan);
    let of_tick = |tick| {
        let mut records = sent.remove(&tick).unwrap_or_default();
        records.sort();
        records
    };
    (first..first + number).map(of_tick).collect()
}
