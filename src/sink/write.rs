//! The writers of outputs, and the receipts that they hold until what they sent is acknowledged.
//!
//! Nothing here blocks a worker: writers are threads beside timely's, and what is under way is bounded
//! by the number of ticks that the runtime lets be open.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, Weak};

use super::encode::encoder;
use super::file::{FileWriter, Held};
use super::kafka::TopicWriter;
use super::message::Record;
use super::refused::Refused;
use crate::plan::{Plan, Target};
use crate::time::Tick;

/// A tick's records go to their writer by this many.
const BATCH: usize = 1_024;

/// What keeps an output from being written.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    #[error("output file '{path}' can't be written: {source}")]
    File { path: String, source: std::io::Error },
    #[error(
        "output file '{path}' is being written by another run: end that one first, or give this one \
         another file"
    )]
    Held { path: String },
    #[error("output files '{path}' and '{other}' are one file: give each output its own")]
    Same { path: String, other: String },
    #[error("Kafka at '{brokers}' can't be written to: {message}")]
    Kafka { brokers: String, message: String },
}

/// Set once, when something happened that no retry mends; every worker stops when it sees it.
#[derive(Clone, Default)]
pub struct Failure(Arc<OnceLock<String>>);

impl Failure {
    /// The first failure stands: others mostly follow from it.
    pub fn set(&self, message: String) {
        let _ = self.0.set(message);
    }

    pub fn get(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

/// Held by a writer for as long as what came with it is not acknowledged.
#[derive(Clone)]
pub struct Receipt {
    signal: Arc<Signal>,
}

/// Calls when the last receipt is gone.
struct Signal {
    when_gone: Box<dyn Fn() + Send + Sync>,
    refused: Arc<Mutex<Vec<Refused>>>,
}

impl Drop for Signal {
    fn drop(&mut self) {
        (self.when_gone)();
    }
}

/// Whether anyone still holds a receipt, and what was refused of what came with it.
pub(super) struct Awaited {
    signal: Weak<Signal>,
    refused: Arc<Mutex<Vec<Refused>>>,
}

impl Receipt {
    /// `when_gone` is called once nobody holds the receipt or a clone of it.
    pub(super) fn new(when_gone: impl Fn() + Send + Sync + 'static) -> (Self, Awaited) {
        let refused: Arc<Mutex<Vec<Refused>>> = Arc::default();
        let signal = Signal { when_gone: Box::new(when_gone), refused: Arc::clone(&refused) };
        let signal = Arc::new(signal);
        let awaited = Awaited { signal: Arc::downgrade(&signal), refused };
        (Receipt { signal }, awaited)
    }

    /// A record that came with it is not taken.
    pub(super) fn refuse(&self, refused: Refused) {
        self.signal.refused.lock().expect("no one panics with it").push(refused);
    }
}

impl Awaited {
    pub(super) fn is_held(&self) -> bool {
        self.signal.strong_count() > 0
    }

    pub fn take_refused(&self) -> Vec<Refused> {
        std::mem::take(&mut *self.refused.lock().expect("no one panics with it"))
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

impl Writer {
    fn send(&self, tick: Tick, batch: Vec<Record>, receipt: &Receipt) {
        match self {
            Writer::File(file) => file.send(batch, receipt.clone()),
            Writer::Topic(topic) => topic.send(batch, receipt.clone()),
            Writer::Memory(records) => {
                let mut records = records.lock().expect("no one panics with it");
                records.entry(tick).or_default().extend(batch);
            }
        }
    }
}

/// The writers of one process, by output.
#[derive(Clone)]
pub struct Writers {
    by_output: Vec<Writer>,
    /// The files among them.
    held: Arc<Held>,
}

impl Writers {
    /// Opens every output that this process writes: topics always, files if it is the first one.
    ///
    /// `when_left` is called when who reads standard output has left.
    pub fn open(
        plan: &Plan,
        process: usize,
        failure: &Failure,
        when_left: &Arc<dyn Fn() + Send + Sync>,
    ) -> Result<Self, SinkError> {
        let topics = super::kafka::connect(plan, process, failure)?;
        let mut by_output = Vec::new();
        let files = plan.outputs.iter().filter(|output| output.target.is_local() && process == 0);
        let files = files.map(|output| (&output.target, encoder(plan, output).head()));
        let held = Arc::new(Held::open(files)?);
        for output in &plan.outputs {
            by_output.push(match &output.target {
                Target::File { .. } | Target::StandardOutput => Writer::File(match process {
                    0 => FileWriter::start(&held, output, encoder(plan, output), when_left)?,
                    _ => FileWriter::elsewhere(),
                }),
                Target::Kafka { topic } => {
                    let topics = topics.as_ref().expect("connected, because there is a topic");
                    Writer::Topic(topics.writer(topic, output.publish))
                }
            });
        }
        Ok(Writers { by_output, held })
    }

    /// Keeps all records in memory.
    pub fn memory(plan: &Plan, records: Arc<Mutex<BTreeMap<Tick, Vec<Record>>>>) -> Self {
        let writer = Writer::Memory(records);
        Writers { by_output: vec![writer; plan.outputs.len()], held: Arc::default() }
    }

    /// Nothing more will be said: files that were not spoken to hold nothing of an earlier run either.
    pub fn finish(&self) {
        self.held.begin();
    }

    /// Hands the records of a tick over, by output.
    pub(super) fn send(
        &self,
        tick: Tick,
        records: impl IntoIterator<Item = Record>,
        receipt: &Receipt,
    ) {
        let mut batches: Vec<Vec<Record>> = vec![Vec::new(); self.by_output.len()];
        for record in records {
            let output = record.output as usize;
            let batch = &mut batches[output];
            batch.push(record);
            if batch.len() == BATCH {
                self.by_output[output].send(tick, std::mem::take(batch), receipt);
            }
        }
        for (writer, batch) in self.by_output.iter().zip(batches) {
            if !batch.is_empty() {
                writer.send(tick, batch, receipt);
            }
        }
    }
}
