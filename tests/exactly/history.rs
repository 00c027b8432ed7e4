//! What ticks say, and writers that are told it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use selfsame::internals::plan::Plan;
use selfsame::internals::row::{IdentifierHash, RawPosition};
use selfsame::internals::sink::{
    Committable, DurableOutputs, Failure, NamedIdentifier, OutputsAhead, OutputsDifference,
    ProgramFunction, Receipt, Record, RecordBody, RecordKey, RecordValue, RejectReason,
    RejectedInput, SegmentChange, Writers,
};
use selfsame::internals::store::Folder;
use selfsame::internals::time::Tick;

pub const PATIENCE: Duration = Duration::from_secs(60);

/// Users of a history.
const USERS: u64 = 40;

/// A definition with outputs of identities, segments and rejects, in this order.
pub fn plan(folder: &Path, kafka: &str, outputs: [&str; 3]) -> Arc<Plan> {
    let [identities, segments, rejects] = outputs;
    let text = format!(
        "name: shop\n{kafka}\
         sources:\n  web: {{files: web.ndjson, kind: events, fields: {{user: text}}}}\n\
         identity:\n  user: {{from: {{web: user}}}}\n\
         attributes:\n  rows: {{from: web, select: count(*)}}\n\
         segments:\n  many: rows > 3\n\
         outputs:\n  identities: {{{identities}}}\n  segments: {{{segments}}}\n  rejects: {{{rejects}}}\n"
    );
    let plan = selfsame::internals::definition::parse(&text, &folder.join("shop.yaml"), &|_| None);
    Arc::new(plan.unwrap_or_else(|wrong| panic!("{wrong}\n{text}")))
}

/// Numbers that follow from others, as by chance.
pub fn chance(of: &[u64]) -> u64 {
    let bytes: Vec<u8> = of.iter().flat_map(|number| number.to_le_bytes()).collect();
    u64::from_le_bytes(blake3::hash(&bytes).as_bytes()[..8].try_into().expect("8 bytes"))
}

fn named(user: u64) -> NamedIdentifier {
    NamedIdentifier { kind: 0, text: format!("u{user}").into() }
}

fn hash(user: u64) -> IdentifierHash {
    IdentifierHash::of("user", &format!("u{user}"))
}

/// The records of a tick, each with its route. A value tells its tick.
pub fn records(seed: u64, tick: Tick) -> Vec<(u64, Record)> {
    let at = tick as i64 * 1_000_000;
    let mut all = Vec::new();
    for user in 0..USERS {
        let bits = hash(user).0 as u64;
        if chance(&[seed, tick, user]).is_multiple_of(3) {
            let is_gone = chance(&[seed, tick, user, 1]).is_multiple_of(5);
            let body = match is_gone {
                true => RecordBody::Gone { merged_into: None },
                false => {
                    let person = IdentifierHash(u128::from(tick));
                    RecordBody::Is { value: RecordValue::Identity(person), at }
                }
            };
            all.push((bits, Record { output: 0, key: RecordKey::Identifier(named(user)), body }));
        }
        if tick % 4 == user % 4 {
            let key = RecordKey::Member { segment: 0, person: hash(user) };
            let change = match (tick / 4).is_multiple_of(2) {
                true => SegmentChange::Entered,
                false => SegmentChange::Left,
            };
            let body = RecordBody::Is { value: RecordValue::Segment(change), at };
            all.push((bits, Record { output: 1, key, body }));
        }
    }
    let rejected = RejectedInput {
        position: RawPosition::Line { file: "web.ndjson".into(), line: Some(tick) },
        reasons: vec![RejectReason {
            code: "malformed".into(),
            path: String::new(),
            message: format!("tick {tick}"),
        }],
        raw: "{".into(),
    };
    let body = RecordBody::Is { value: RecordValue::Reject(Box::new(rejected)), at };
    all.push((0, Record { output: 2, key: RecordKey::Source(0), body }));
    all
}

/// The writers of all processes of a run.
pub struct Cluster {
    pub workers: usize,
    pub writers: Vec<Writers>,
    pub failures: Vec<Failure>,
    committable: Vec<Committable>,
    awaited: Vec<Box<dyn Fn() -> bool>>,
}

/// How a run is started.
#[derive(Clone, Copy)]
pub struct Start<'a> {
    pub folder: &'a Path,
    pub store: &'a str,
    pub definition: &'a str,
    pub processes: usize,
    pub workers: usize,
    /// The last durable tick.
    pub replayed: Tick,
}

impl Cluster {
    pub fn start(plan: &Plan, start: Start<'_>) -> Self {
        Cluster::with(plan, start, Vec::new())
    }

    /// With functions for outputs of the first process.
    pub fn with(
        plan: &Plan,
        start: Start<'_>,
        mut functions: Vec<(usize, ProgramFunction)>,
    ) -> Self {
        let mut cluster = Cluster {
            workers: start.workers,
            writers: Vec::new(),
            failures: Vec::new(),
            committable: Vec::new(),
            awaited: Vec::new(),
        };
        for process in 0..start.processes {
            let (failure, committable) = (Failure::default(), Committable::new());
            let durable = DurableOutputs {
                folder: Folder::open(start.folder, None).expect("a folder").0,
                store: start.store.to_owned(),
                definition: start.definition.to_owned(),
                run: 1,
                replayed: start.replayed,
                comes_at_once: false,
                settled: 0,
                known_from: 0,
                process,
                processes: start.processes,
                workers: start.workers,
                committable: committable.clone(),
                difference: OutputsDifference::default(),
                differs_at: start.replayed + 1,
            };
            let nobody: Arc<dyn Fn() + Send + Sync> = Arc::new(|| ());
            let writers = Writers::open(
                plan,
                process,
                &failure,
                &nobody,
                &|| false,
                std::mem::take(&mut functions),
                Some((durable, OutputsAhead::default())),
            );
            cluster.writers.push(writers.unwrap_or_else(|error| panic!("{error}")));
            cluster.failures.push(failure);
            cluster.committable.push(committable);
        }
        cluster
    }

    /// Hands a tick over, and waits until all of it is taken; it may be committed when that is allowed.
    pub fn hand_over(&mut self, plan: &Plan, tick: Tick, records: &[(u64, Record)]) {
        let processes = self.writers.len() as u64;
        let workers = processes * self.workers as u64;
        let mut takings = Vec::new();
        for worker in 0..workers {
            let owned = records.iter().filter(|(route, record)| {
                let is_local = plan.outputs[usize::from(record.output)].target.is_local();
                // Local targets are the first process's, whose workers are the first ones.
                let among = if is_local { self.workers as u64 } else { workers };
                route % among == worker
            });
            let owned: Vec<Record> = owned.map(|(_, record)| record.clone()).collect();
            if owned.is_empty() {
                continue;
            }
            let (receipt, taking, acknowledged) = Receipt::new(|| ());
            self.writers[worker as usize / self.workers].send(tick, owned, &receipt);
            drop(receipt);
            takings.push(taking);
            self.awaited.push(Box::new(move || acknowledged.is_held()));
        }
        self.wait("it is taken", || takings.iter().all(|taking| !taking.is_held()));
    }

    pub fn allow(&self, before: Tick) {
        self.committable.iter().for_each(|of| of.allow(before));
    }

    /// Waits until all that was handed over is acknowledged.
    pub fn settle(&mut self) {
        let awaited = std::mem::take(&mut self.awaited);
        self.wait("it is acknowledged", || awaited.iter().all(|is_held| !is_held()));
    }

    fn wait(&self, what: &str, holds: impl Fn() -> bool) {
        let start = Instant::now();
        while !holds() {
            let failed: Vec<&str> = self.failures.iter().filter_map(Failure::get).collect();
            assert!(failed.is_empty(), "{what}: {failed:?}");
            assert!(start.elapsed() < PATIENCE, "never: {what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Tells ticks, which may be committed at once.
    pub fn tell(&mut self, plan: &Plan, seed: u64, ticks: impl Iterator<Item = Tick>) {
        for tick in ticks {
            self.hand_over(plan, tick, &records(seed, tick));
            self.allow(tick + 1);
        }
    }

    /// The end of a run that is not killed.
    pub fn finish(mut self) {
        self.allow(Tick::MAX);
        self.settle();
        self.writers.iter().for_each(Writers::finish);
    }
}

/// What an output's records come to: of each key what was said of it, in order.
pub type Said = BTreeMap<String, Vec<Option<String>>>;

/// What ticks say of the keys of an output, as changelogs have it.
pub fn said(plan: &Plan, seed: u64, output: u16, ticks: impl Iterator<Item = Tick>) -> Said {
    let memory = selfsame::internals::sink::MemoryTarget::default();
    let writers = Writers::all(plan, &memory);
    let mut said = Said::new();
    for tick in ticks {
        let (receipt, _, _) = Receipt::new(|| ());
        let records = records(seed, tick).into_iter().map(|(_, record)| record);
        writers.send(tick, records.filter(|record| record.output == output), &receipt);
        for (_, texts) in memory.take_texts(plan) {
            texts.into_iter().for_each(|of| said.entry(of.key).or_default().push(of.value));
        }
    }
    said
}

/// What holds of each key, as texts less their instants.
pub fn holding(said: &Said) -> BTreeMap<String, String> {
    let last = said.iter().filter_map(|(key, said)| Some((key, said.last()?.as_ref()?)));
    let holds = last.filter_map(|(key, value)| {
        let mut value: serde_json::Value = serde_json::from_str(value).expect("JSON");
        value.as_object_mut().expect("an object").remove("at");
        (value["change"] != "left").then(|| (key.clone(), value.to_string()))
    });
    holds.collect()
}
