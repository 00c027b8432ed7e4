//! The arrangements of a run, read at ticks while it goes on, and imported by a dataflow that comes late.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Barrier};

use differential_dataflow::Hashable;
use proptest::prelude::*;
use serde_json::{Value, json};
use timely::dataflow::operators::probe::{Handle, Probe};
use timely::worker::Worker;

use crate::decode::Decoder;
use crate::definition;
use crate::flow::Collection;
use crate::plan::{Function, Plan};
use crate::profile::PersonRow;
use crate::row::{Datum, IdentifierHash};
use crate::runtime::Clock;
use crate::runtime::dataflow::{Beside, Dataflow};
use crate::sink::{MemoryTarget, TextRecord, Writers};
use crate::source::{Chunk, Payload};
use crate::time::{SECOND, Tick};

const DEFINITION: &str = "
sources:
  crm:
    files: crm.ndjson
    kind: records
    key: id
    time: at
    deleted: gone
    fields: {id: text, at: timestamp, gone: boolean, user: text, device: text, letter: text}
identity:
  user: {from: {crm: user}, at_most: 1}
  device: {from: {crm: device}}
attributes:
  rows: {from: crm, select: count(*)}
  letter: {from: crm, select: last(letter)}
  often: {sql: rows > 2}
outputs:
  profiles: {files: profiles.ndjson}
  identities: {files: identities.ndjson}
";

/// A record's number, whether it goes, its user, its device, its letter.
type Change = (u8, bool, Option<u8>, u8, u8);

fn histories() -> impl Strategy<Value = Vec<Vec<Change>>> {
    let change =
        (0..20u8, prop::bool::weighted(0.25), prop::option::weighted(0.6, 0..6u8), 0..8u8, 0..4u8);
    prop::collection::vec(prop::collection::vec(change, 0..8), 1..10)
}

fn line((id, gone, user, device, letter): &Change, at: usize) -> String {
    let letter = char::from(b'a' + letter);
    let row = json!({"id": id.to_string(), "at": at * 1_000, "gone": gone, "letter": letter.to_string(),
                     "user": user.map(|user| user.to_string()), "device": device.to_string()});
    format!("{row}\n")
}

/// What is there of people: by id, how many rows, which letter, which identifiers.
type People = BTreeMap<IdentifierHash, (i64, Option<String>, Vec<(u8, String)>)>;

/// By identifier, the person's id.
type Whose = BTreeMap<IdentifierHash, IdentifierHash>;

/// What a worker reads at a tick.
type Readings = Vec<(Tick, usize, People, Whose)>;

/// How many people have a letter.
type Counted = Vec<((Option<String>, isize), Tick, isize)>;

/// As it is counted.
type Told = Receiver<((Option<String>, isize), Tick, isize)>;

#[derive(Default)]
struct Seen {
    readings: Readings,
    early: Counted,
    late: Counted,
    /// From where on the late one is right.
    since: Tick,
}

/// One worker of a run, and what is to be seen of it.
struct Run<'a> {
    plan: &'a Arc<Plan>,
    dataflow: Dataflow,
    decoders: Vec<Decoder>,
    read: Tick,
    seen: Seen,
}

impl Run<'_> {
    fn feed(&mut self, changes: &[Change], number: usize, share: impl Fn(usize) -> bool) {
        let lines = changes.iter().enumerate().filter(|(index, _)| share(*index));
        let bytes: String = lines.map(|(_, change)| line(change, number)).collect();
        let first_line = 100 * number as u64 + 1;
        let (bytes, arrived) = (bytes.into_bytes(), number as i64 * SECOND);
        let payload = Payload::Lines { bytes, first_line, header: None, arrived };
        let chunk = Chunk { source: 0, part: 0, origin: "test".into(), payload, reached: None };
        let decoded = self.decoders[0].decode(&chunk, arrived);
        self.dataflow.inbox.borrow_mut().add(0, decoded, &self.dataflow.counts);
    }

    /// Steps until all up to a tick is complete, and reads whatever has just become so.
    fn step_past(&mut self, worker: &mut Worker, tick: Tick) {
        while self.dataflow.complete.less_equal(&tick) {
            worker.step_or_park(None);
            self.dataflow.follow();
            let since = self.dataflow.arrangements.people.since();
            if since > self.read {
                self.read = since;
                let reading = self.reading(worker.index());
                self.seen.readings.push(reading);
            }
        }
    }

    fn reading(&mut self, worker: usize) -> (Tick, usize, People, Whose) {
        let (mut people, mut whose) = (People::new(), Whose::new());
        let arrangements = &mut self.dataflow.arrangements;
        let mut reading = arrangements.people.at(self.read).expect("the tick is complete");
        reading.for_each(|id, row| {
            let row = PersonRow::new(row);
            let identifiers = row.identifiers().map(|(kind, text)| (kind, text.to_owned()));
            let (rows, letter) = (rows(self.plan, row), letter(self.plan, row));
            let known = people.insert(*id, (rows, letter, identifiers.collect()));
            assert!(known.is_none(), "a person has one row");
        });
        let mut reading = arrangements.whose.at(self.read).expect("the tick is complete");
        reading.for_each(|identifier, person| {
            whose.insert(*identifier, *person);
        });
        for (identifier, person) in &whose {
            assert_eq!(reading.get(identifier), Some(person));
        }
        (self.read, worker, people, whose)
    }

    /// Counts people by letter, in a dataflow of its own.
    fn attach(&mut self, worker: &mut Worker, probe: &Handle<Tick>) -> Told {
        let plan = Arc::clone(self.plan);
        let people = &mut self.dataflow.arrangements.people;
        worker.dataflow::<Tick, _, _>(|scope| {
            let (imported, _) = people.import(scope, "People");
            let letters = imported.as_collection(move |_, row| letter(&plan, PersonRow::new(row)));
            let counted: Collection<'_, (Option<String>, isize)> = letters.count();
            let (sender, told) = channel();
            let counted = counted.inspect(move |update| {
                // Whoever counted may have ended.
                let _ = sender.send(update.clone());
            });
            counted.inner.probe_with(probe);
            told
        })
    }
}

fn value(plan: &Plan, row: PersonRow<'_>, function: Function) -> Option<Datum> {
    let index = plan.aggregates.iter().position(|of| of.function == function);
    row.aggregates().nth(index.expect("the definition has one")).expect("one an aggregate")
}

fn rows(plan: &Plan, row: PersonRow<'_>) -> i64 {
    match value(plan, row, Function::Count) {
        Some(Datum::Integer(rows)) => rows,
        other => panic!("{other:?} is no count"),
    }
}

fn letter(plan: &Plan, row: PersonRow<'_>) -> Option<String> {
    match value(plan, row, Function::Last)? {
        Datum::Text(text) => Some(text.to_string()),
        other => panic!("{other:?} is no letter"),
    }
}

/// What is there by a tick, as records that were sent say.
fn published(plan: &Plan, sent: &BTreeMap<Tick, Vec<TextRecord>>, tick: Tick) -> (People, Whose) {
    let (mut people, mut whose) = (People::new(), Whose::new());
    let hash = |person: &str| IdentifierHash(u128::from_str_radix(&person[2..], 16).expect("hex"));
    for record in sent.range(..=tick).flat_map(|(_, records)| records) {
        let value = record.value.as_ref();
        let value: Option<Value> = value.map(|json| serde_json::from_str(json).expect("JSON"));
        if record.output == 1 {
            let (kind, text) = record.key.split_once(':').expect("type:value");
            let identifier = IdentifierHash::of(kind, text);
            match value {
                Some(value) => {
                    whose.insert(identifier, hash(value["person"].as_str().expect("id")))
                }
                None => whose.remove(&identifier),
            };
            continue;
        }
        let Some(value) = value else {
            people.remove(&hash(&record.key));
            continue;
        };
        let attributes = &value["attributes"];
        let mut identifiers = Vec::new();
        for (kind, of) in (0u8..).zip(&plan.identifiers) {
            let texts = value["identifiers"][&of.name].as_array();
            let texts = texts.into_iter().flatten().map(|text| text.as_str().expect("text"));
            identifiers.extend(texts.map(|text| (kind, text.to_owned())));
        }
        let letter = attributes["letter"].as_str().map(str::to_owned);
        let rows = attributes["rows"].as_i64().expect("a count");
        people.insert(hash(&record.key), (rows, letter, identifiers));
    }
    (people, whose)
}

fn up_to(counted: &Counted, tick: Tick) -> BTreeMap<(Option<String>, isize), isize> {
    let mut all = BTreeMap::new();
    for (data, _, diff) in counted.iter().filter(|(_, at, _)| *at <= tick) {
        *all.entry(data.clone()).or_default() += diff;
    }
    all.retain(|_, diff| *diff != 0);
    all
}

proptest! {
    #![proptest_config(crate::property::cases(24))]

    #[test]
    fn a_reader_sees_whole_ticks_and_who_comes_late_comes_to_the_same(
        history in histories(),
        workers in 1..4usize,
        attached_before in any::<prop::sample::Index>(),
        // Whether the next tick is opened before this one is complete.
        overlaps in prop::collection::vec(any::<bool>(), 10),
    ) {
        let plan = definition::parse(DEFINITION, Path::new("test.yaml"), &|_| None);
        let plan = Arc::new(plan.unwrap_or_else(|wrong| panic!("{wrong}")));
        let sent = MemoryTarget::default();
        let late = attached_before.index(history.len());
        let (of_workers, records) = (Arc::clone(&plan), sent.clone());
        let (steps, barrier) = (history.clone(), Barrier::new(workers));
        let guards = timely::execute(timely::Config::process(workers), move |worker| {
            let plan = &of_workers;
            let writers = Writers::all(plan, &records);
            let dataflow = Dataflow::build(worker, plan, Clock::Wall, writers, workers, Beside::default());
            let decoders = vec![Decoder::new(Arc::clone(plan), 0)];
            let mut run = Run { plan, dataflow, decoders, read: 0, seen: Seen::default() };
            let probe = Handle::new();
            let early = run.attach(worker, &probe);
            let mut attached = None;
            let (index, peers) = (worker.index(), worker.peers());
            for (number, changes) in steps.iter().enumerate() {
                let tick = 2 * number as Tick + 2;
                if number == late {
                    if number > 0 {
                        run.step_past(worker, tick - 2);
                    }
                    run.seen.since = run.dataflow.arrangements.people.since();
                    attached = Some(run.attach(worker, &probe));
                }
                run.feed(changes, number, |change| change % peers == index);
                barrier.wait();
                run.dataflow.open_tick(tick, (number as i64 + 1) * SECOND);
                if !overlaps[number] {
                    run.step_past(worker, tick);
                }
            }
            let last = 2 * steps.len() as Tick;
            run.step_past(worker, last);
            while probe.less_equal(&last) {
                worker.step_or_park(None);
            }
            run.seen.early = early.try_iter().collect();
            run.seen.late = attached.iter().flat_map(Receiver::try_iter).collect();
            barrier.wait();
            run.seen
        });
        let seen: Vec<Seen> =
            guards.expect("threads start").join().into_iter().map(|of| of.expect("no panic")).collect();
        let sent = sent.take_texts(&plan);
        prop_assert!(seen.iter().all(|seen| !seen.readings.is_empty()));
        for (tick, worker, people, whose) in seen.iter().flat_map(|seen| &seen.readings) {
            let is_here = |id: &IdentifierHash| id.hashed() % workers as u64 == *worker as u64;
            let (mut all, mut all_whose) = published(&plan, &sent, *tick);
            all.retain(|id, _| is_here(id));
            all_whose.retain(|identifier, _| is_here(identifier));
            prop_assert_eq!(people, &all, "at {} on {}", tick, worker);
            prop_assert_eq!(whose, &all_whose, "at {} on {}", tick, worker);
        }
        let all = |of: fn(&Seen) -> &Counted| seen.iter().flat_map(of).cloned().collect::<Counted>();
        let (early, late) = (all(|seen| &seen.early), all(|seen| &seen.late));
        let since = seen.iter().map(|seen| seen.since).max().expect("a worker");
        for tick in (0..2 * history.len() as Tick + 2).filter(|tick| *tick >= since) {
            prop_assert_eq!(up_to(&early, tick), up_to(&late, tick), "at {} from {}", tick, since);
        }
    }
}
