//! Where records go: a kind of target is a [`Target`], a file of its own, and a row in `writers::KINDS`.
//!
//! Nothing here blocks a worker: targets write on threads beside timely's, and what is under way is bounded
//! by the number of ticks that the runtime lets be open.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::ahead::OutputsAhead;
use super::catalog::Catalog;
use super::commit::DurableOutputs;
use super::failure::Failure;
use super::function::ProgramFunction;
use super::receipt::Receipt;
use super::record::Record;
use super::start::LocalStart;
use super::under_way::UnderWay;
use crate::plan::Plan;
use crate::time::Tick;

/// An output that has been opened.
pub trait Target: Send + Sync {
    /// Takes records of a tick, those of one key in their order. A clone of the receipt is held for as long as any
    /// of them is not acknowledged: the tick is complete when none is left, and the inflow waits for that. What
    /// can't be taken is told by [`Receipt::refuse`]; a world that fails is tried again.
    fn send(&self, tick: Tick, records: Vec<Record>, receipt: Receipt);

    /// Whether it counts what it sends (`OutputTicks::note_sent`), since it takes some records that it does not send.
    fn counts_sent(&self) -> bool {
        false
    }

    /// Nothing more will be sent: what was is acknowledged.
    fn close(&self) {}
}

/// What a kind of targets opened: those outputs that are of it and that this process writes, by their indexes.
pub type Opened = Vec<(usize, Box<dyn Target>)>;

impl Opening<'_> {
    /// An output has committed all up to a tick, and nothing of these is sent to it.
    pub fn holds(&mut self, output: &str, tick: Tick) {
        self.committed.insert(tick);
        self.held.insert(output.to_owned(), tick);
    }
}

/// What a kind of targets has at hand to open its own.
pub struct Opening<'a> {
    pub plan: &'a Plan,
    /// By output.
    pub under_way: UnderWay,
    pub names: Arc<Catalog>,
    pub process: usize,
    pub failure: &'a Failure,
    /// To be called when who reads standard output has left.
    pub when_left: &'a Arc<dyn Fn() + Send + Sync>,
    /// Whether the run is to stop: what waits to be opened waits no longer.
    pub stopped: &'a dyn Fn() -> bool,
    /// Functions that take records of outputs, by their numbers.
    pub functions: Vec<(usize, ProgramFunction)>,
    /// What is done when the first record comes, of whichever local target.
    pub beginning: LocalStart,
    /// `None`: nothing outlives the run.
    pub durable: Option<DurableOutputs>,
    /// What was read of outputs while another run wrote them.
    pub ahead: OutputsAhead,
    /// Filled in by who opens: the last ticks that its outputs have committed.
    pub committed: BTreeSet<Tick>,
    /// Likewise, by the output's name, up to which tick nothing is sent to it; of others everything may be.
    pub held: BTreeMap<String, Tick>,
}
