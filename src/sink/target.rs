//! Where records go: a kind of target is a [`Target`], a file of its own, and a row in `KINDS`.
//!
//! Nothing here blocks a worker: targets write on threads beside timely's, and what is under way is bounded
//! by the number of ticks that the runtime lets be open.

use std::sync::{Arc, OnceLock};

use super::catalog::Catalog;
use super::program::{self, ProgramFunction};
use super::receipt::Receipt;
use super::record::Record;
use super::start::LocalStart;
use super::{file, kafka, standard};
use crate::plan::Plan;
use crate::time::Tick;

/// An output that has been opened.
pub trait Target: Send + Sync {
    /// Takes records of a tick, those of one key in their order. A clone of the receipt is held for as long as any
    /// of them is not acknowledged: the tick is complete when none is left, and the inflow waits for that. What
    /// can't be taken is told by [`Receipt::refuse`]; a world that fails is tried again.
    fn send(&self, tick: Tick, records: Vec<Record>, receipt: Receipt);

    /// Nothing more will be sent: what was is acknowledged.
    fn close(&self) {}
}

/// A kind of targets: opens those outputs of a plan that are of it and that this process writes, each with its
/// index. Whatever can fail later than at the first record fails here, and nothing of an earlier run is touched.
type OpenKind = fn(&mut Opening<'_>) -> Result<Opened, SinkError>;

pub type Opened = Vec<(usize, Box<dyn Target>)>;

/// Every kind of targets. Of the local ones the files come first, as they can be held by another run.
const KINDS: [OpenKind; 4] = [kafka::open, file::open, standard::open, program::open];

/// What a kind of targets has at hand to open its own.
pub struct Opening<'a> {
    pub plan: &'a Plan,
    pub names: Arc<Catalog>,
    pub process: usize,
    pub failure: &'a Failure,
    /// To be called when who reads standard output has left.
    pub when_left: &'a Arc<dyn Fn() + Send + Sync>,
    /// Functions that take records of outputs, by their numbers.
    pub functions: Vec<(usize, ProgramFunction)>,
    /// What is done when the first record comes, of whichever local target.
    pub beginning: LocalStart,
}

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
    #[error("a thread for output {output} can't start: {source}")]
    Thread { output: String, source: std::io::Error },
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

/// A tick's records go to their target by this many.
const BATCH: usize = 1_024;

/// The targets of one process, by output.
#[derive(Clone)]
pub struct Writers {
    /// `None`: another process writes it.
    by_output: Arc<[Option<Box<dyn Target>>]>,
}

impl Writers {
    /// Opens every output that this process writes: topics always, local targets if it is the first one.
    ///
    /// `when_left` is called when who reads standard output has left; `functions` take the records of outputs,
    /// by their numbers, that go to the program.
    pub fn open(
        plan: &Plan,
        process: usize,
        failure: &Failure,
        when_left: &Arc<dyn Fn() + Send + Sync>,
        functions: Vec<(usize, ProgramFunction)>,
    ) -> Result<Self, SinkError> {
        let names = Catalog::shared(plan);
        let beginning = LocalStart::default();
        let mut opening =
            Opening { plan, names, process, failure, when_left, functions, beginning };
        let mut by_output: Vec<Option<Box<dyn Target>>> = Vec::new();
        by_output.resize_with(plan.outputs.len(), || None);
        for open in KINDS {
            for (output, target) in open(&mut opening)? {
                by_output[output] = Some(target);
            }
        }
        Ok(Writers { by_output: by_output.into() })
    }

    /// The same target for every output, such as one that keeps all in memory.
    pub fn all<T: Target + Clone + 'static>(plan: &Plan, target: &T) -> Self {
        let target = || Some(Box::new(target.clone()) as Box<dyn Target>);
        Writers { by_output: plan.outputs.iter().map(|_| target()).collect() }
    }

    /// Nothing more will be said.
    pub fn finish(&self) {
        self.by_output.iter().flatten().for_each(|target| target.close());
    }

    /// Hands the records of a tick over, by output.
    pub(super) fn send(
        &self,
        tick: Tick,
        records: impl IntoIterator<Item = Record>,
        receipt: &Receipt,
    ) {
        let mut batches: Vec<Vec<Record>> = vec![Vec::new(); self.by_output.len()];
        let hand_over = |output: usize, batch: Vec<Record>| {
            let target = self.by_output[output].as_ref();
            let target = target.expect("records are routed to a process that writes the output");
            target.send(tick, batch, receipt.clone());
        };
        for record in records {
            let output = usize::from(record.output);
            let batch = &mut batches[output];
            batch.push(record);
            if batch.len() == BATCH {
                hand_over(output, std::mem::take(batch));
            }
        }
        for (output, batch) in batches.into_iter().enumerate().filter(|(_, of)| !of.is_empty()) {
            hand_over(output, batch);
        }
    }
}
