//! Records handed to writers, and ticks held until everything that they sent is acknowledged.
//!
//! Nothing here blocks a worker: writers are threads beside timely's, and what is under way is bounded
//! by the number of ticks that the runtime lets be open.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, OnceLock, Weak};

use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::operator::Operator;
use timely::scheduling::SyncActivator;

use super::file::FileWriter;
use super::kafka::TopicWriter;
use super::message::Record;
use crate::flow::{Pipeline, Stream};
use crate::spec::plan::{Plan, Target};
use crate::time::Tick;

/// What keeps an output from being written.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    #[error("output file '{path}' can't be written: {source}")]
    File { path: String, source: std::io::Error },
    #[error("Kafka at '{brokers}' can't be written to: {message}")]
    Kafka { brokers: String, message: String },
}

/// Set once, when something happened that no retry mends; every worker stops when it sees it.
#[derive(Clone, Default)]
pub struct Failure(Arc<OnceLock<String>>);

impl Failure {
    pub fn set(&self, message: String) {
        tracing::error!("{message}");
        let _ = self.0.set(message);
    }

    pub fn get(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

/// Held by a writer for as long as what came with it is not acknowledged.
#[derive(Clone)]
pub struct Receipt {
    _signal: Arc<Signal>,
}

struct Signal(SyncActivator);

impl Drop for Signal {
    fn drop(&mut self) {
        // The worker has ended when it can't be activated: then nobody waits for this.
        let _ = self.0.activate();
    }
}

/// Where an output's records go.
#[derive(Clone)]
pub enum Writer {
    File(FileWriter),
    Topic(TopicWriter),
    /// For tests and for embedding: what each tick sent.
    Memory(Arc<Mutex<BTreeMap<Tick, Vec<Record>>>>),
}

/// The writers of one process, by output.
#[derive(Clone)]
pub struct Writers {
    by_output: Vec<Writer>,
}

impl Writers {
    /// Opens every output that this process writes: topics always, files if it is the first one.
    pub fn open(plan: &Plan, process: usize, failure: &Failure) -> Result<Self, SinkError> {
        let topics = super::kafka::connect(plan, process, failure)?;
        let mut by_output = Vec::new();
        for output in &plan.outputs {
            by_output.push(match &output.target {
                Target::File { path } => Writer::File(match process {
                    0 => FileWriter::create(path, &output.name)?,
                    _ => FileWriter::elsewhere(),
                }),
                Target::Kafka { topic } => {
                    let topics = topics.as_ref().expect("connected, because there is a topic");
                    Writer::Topic(topics.writer(topic))
                }
            });
        }
        Ok(Writers { by_output })
    }

    /// Keeps all records in memory.
    pub fn memory(plan: &Plan, records: Arc<Mutex<BTreeMap<Tick, Vec<Record>>>>) -> Self {
        let writer = Writer::Memory(records);
        Writers { by_output: vec![writer; plan.outputs.len()] }
    }
}

/// Hands records over by output; what leaves is nothing, but its frontier follows the receipts.
pub(super) fn write<'scope>(
    records: Stream<'scope, Record>,
    writers: Writers,
) -> Stream<'scope, ()> {
    let scope = records.scope();
    records.unary::<CapacityContainerBuilder<Vec<()>>, _, _, _>(Pipeline, "Write", |_, info| {
        let mut under_way: VecDeque<(Capability<Tick>, Weak<Signal>)> = VecDeque::new();
        let activator = scope.worker().sync_activator_for(info.address.to_vec());
        move |input, output| {
            input.for_each(|capability, data| {
                let Some(capability) = capability.retain_least(output.output_index()) else {
                    return;
                };
                let signal = Arc::new(Signal(activator.clone()));
                let tick = *capability.time();
                under_way.push_back((capability, Arc::downgrade(&signal)));
                let mut batches: Vec<Vec<Record>> = vec![Vec::new(); writers.by_output.len()];
                for record in data.drain(..) {
                    batches[record.output as usize].push(record);
                }
                for (writer, batch) in writers.by_output.iter().zip(batches) {
                    if batch.is_empty() {
                        continue;
                    }
                    let receipt = Receipt { _signal: Arc::clone(&signal) };
                    match writer {
                        Writer::File(file) => file.send(batch, receipt),
                        Writer::Topic(topic) => topic.send(batch, receipt),
                        Writer::Memory(records) => {
                            let mut records = records.lock().expect("no one panics with it");
                            records.entry(tick).or_default().extend(batch);
                        }
                    }
                }
            });
            under_way.retain(|(_, signal)| signal.strong_count() > 0);
        }
    })
}
