//! A stepped run that is cut off and begun again from its store: for tests.

use std::path::Path;
use std::sync::{Arc, Barrier};

use super::Clock;
use super::checkpoint::WrittenBy;
use super::dataflow::{Beside, Dataflow};
use super::durable::{ProcessStore, StorePlace};
use super::replay::Replay;
use super::restored::StartingCheckpoint;
use crate::decode::Decoder;
use crate::plan::{DataPlace, Plan, Publish};
use crate::sink::{MemoryTarget, TextRecord, Writers};
use crate::source::{Chunk, DurableNews};
use crate::store::{self, Compaction, LogHeader, Readings};
use crate::time::{Micros, Tick};

/// What a tick of a stepped run takes in.
pub type GivenTick = (Micros, Vec<Chunk>);

/// How a run goes on from where one was cut off.
#[derive(Clone, Debug, Default)]
pub struct Restart {
    pub workers: usize,
    /// The ticks that steps of the replay end with.
    pub stops: Vec<Tick>,
    /// After which of its own steps, by their places from 0, checkpoints are made.
    pub checkpoints: Vec<usize>,
    /// Whether a new tick is opened before the last one that is read back has been looked at.
    pub is_overtaken: bool,
    /// Whether older versions of records leave the store at its end.
    pub is_compacted: bool,
    /// Outputs hold all up to the tick that this step of the replay ends with, by its place from 0, over and over.
    pub held: Option<usize>,
}

/// Runs some steps, each a tick, and stores what they take in, as [`super::stepped()`] runs them. A run that was cut off
/// before is put back first, from its latest checkpoint where there is one, in ticks that end with `stops` and with its last one.
/// Returns what each step sent, sorted.
pub fn restarted(
    plan: &Arc<Plan>,
    clock: Clock,
    data: &Path,
    restart: &Restart,
    steps: &Arc<Vec<GivenTick>>,
) -> Vec<Vec<TextRecord>> {
    let Restart { workers, stops, checkpoints, is_overtaken, is_compacted, held } = restart.clone();
    let mut recovered = store::open(&DataPlace::of(data), 0, 1).expect("a data folder");
    let definition = "of the test".to_owned();
    let (folder, definition_of) = (recovered.folder.clone(), definition.clone());
    recovered.begin_with_checkpoint(&definition);
    let beginning = recovered.checkpoint.clone().map(StartingCheckpoint::new);
    let put_back = beginning.map(|of| (of.ticks(workers).0, of.checkpoint.of.at));
    let checkpoint = put_back.as_ref().map_or(0, |(ticks, _)| *ticks.end());
    // A tick in which nothing happens may be opened before the last one that is read back has been looked at.
    let overtaking = (is_overtaken && recovered.until > 0).then_some(recovered.until + 1);
    let first = overtaking.unwrap_or(recovered.until) + 1;
    let mut stops: Vec<Tick> = stops
        .iter()
        .copied()
        .filter(|stop| *stop > checkpoint && *stop < recovered.until)
        .collect();
    stops.extend((recovered.until > checkpoint).then_some(recovered.until));
    let mut readings = Readings::new(&recovered, 0);
    let put_back = put_back.into_iter().flat_map(|(ticks, at)| ticks.map(move |tick| (tick, at)));
    let mut read_back = |stop| (stop, readings.at(stop).expect("a reading"));
    let stops: Vec<(Tick, Micros)> =
        put_back.chain(stops.into_iter().map(&mut read_back)).collect();
    let held = held.and_then(|held| stops.get(held.checked_rem(stops.len())?));
    let held_until = held.map_or(0, |(tick, _)| *tick);
    let run = recovered.next_run;
    let header = LogHeader { run, processes: 1, workers, ..LogHeader::default() };
    let (recovered, news) = (Arc::new(recovered), DurableNews::default());
    let gone = Box::new(|why: &str| panic!("{why}"));
    let (store, threads) = ProcessStore::start(header, definition, plan, recovered, news, gone)
        .expect("it can be written");
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
        let beginning = store.beginning.as_ref();
        let restored = beginning.map(|beginning| beginning.checkpoint.of.tick);
        let place = StorePlace::of(store.clone());
        let (store_at, told_from) = (Some(&place), held_until);
        let beside =
            Beside { store: store_at, restored, told_from, held_until, ..Beside::default() };
        let mut dataflow = Dataflow::build(worker, plan, clock, writers, workers, beside);
        dataflow.inbox.borrow_mut().replay =
            Replay::new(plan, &store.recovered, beginning, 0, &Arc::default(), index, peers);
        for (stop, reading) in &stops {
            if let Some(replay) = &mut dataflow.inbox.borrow_mut().replay {
                while !replay.has_loaded(*stop) {
                    replay.load().expect("what was stored");
                }
            }
            barrier.wait();
            match overtaking.filter(|tick| *tick == stop + 1) {
                Some(tick) => {
                    dataflow.open_tick(*stop, *reading);
                    dataflow.run_tick(worker, tick, *reading);
                }
                None => dataflow.run_tick(worker, *stop, *reading),
            }
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
            if checkpoints.contains(&((tick - first) as usize)) {
                barrier.wait();
                let of = store.checkpoints.of(tick, *reading);
                let by = if tick % 2 == 0 { WrittenBy::Child } else { WrittenBy::Worker };
                store.checkpoints.save(of, by, index, &dataflow.savers);
            }
        }
    });
    for ended in guards.expect("threads start").join() {
        ended.expect("workers do not panic");
    }
    threads.close(Tick::MAX);
    if is_compacted {
        let compaction = Compaction::new(plan, &definition_of).of_any_size();
        compaction.run(&folder, 0, Tick::MAX, || false).expect("what was stored");
    }
    let mut sent = sent.take_texts(plan);
    let overtaken = overtaking.and_then(|tick| sent.remove(&tick)).unwrap_or_default();
    assert!(
        overtaken.is_empty(),
        "what was read back was told with a tick behind it: {overtaken:?}"
    );
    // Conflicts and rejects are told whenever they are found.
    let is_of_people = |record: &TextRecord| {
        use Publish::{Identities, Profiles, Segments};
        matches!(plan.outputs[usize::from(record.output)].publish, Profiles | Segments | Identities)
    };
    let of_people =
        sent.iter().flat_map(|(tick, records)| records.iter().map(move |of| (tick, of)));
    let mut of_people = of_people.filter(|(_, record)| is_of_people(record));
    let told = of_people.find(|(tick, _)| **tick <= held_until);
    assert!(told.is_none(), "what outputs hold up to {held_until} was told: {told:?}");
    let of_tick = |tick| {
        let mut records = sent.remove(&tick).unwrap_or_default();
        records.sort();
        records
    };
    (first..first + number).map(of_tick).collect()
}
