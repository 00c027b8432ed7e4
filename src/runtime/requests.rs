//! What workers request of the first one: that it opens a tick, above all.
//!
//! Requests go through a dataflow of its own whose time never passes, so that one arrives as soon as the
//! network carries it, and wakes a leader that has parked.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::InputHandle;
use timely::dataflow::operators::probe::{Handle, Probe};
use timely::dataflow::operators::vec::{Broadcast, Filter, Map};
use timely::dataflow::operators::{Concat, Exchange, Input, Inspect};
use timely::worker::Worker;

use super::checkpoint::WrittenBy;
use super::report::WorkerReport;
use super::share::ProcessShare;
use super::stop::StopCause;
use crate::sink::DifferencePart;
use crate::time::{Micros, Tick};

/// That what operators keep at the end of this tick is to be saved, when the clock read this.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct CheckpointWanted {
    pub tick: Tick,
    pub at: Micros,
    pub by: WrittenBy,
}

/// What a worker sends to the leader.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Request {
    /// A tick is wanted: rows wait, or an instant has come.
    Tick,
    /// Stored rows are loaded by this worker up to this tick.
    Loaded(usize, Tick),
    /// The leader says that what operators keep at the end of a tick is to be saved.
    Checkpoint(CheckpointWanted),
    /// A worker has done so.
    Saved,
    /// The leader says that before this tick all outputs have committed what they were told.
    Settled(Tick),
    /// Another process than the first says what it knows of its part.
    Share(usize, Box<ProcessShare>),
    /// Another process than the first says a part of what its outputs differ by.
    Differ(DifferencePart),
    /// This worker will read no more rows, and all that it read has been given to ticks.
    Ended,
    /// This worker's process was asked to stop: every process stops.
    Stop(StopCause),
    /// This worker stopped before it had read all that it was to read.
    Cut,
    /// The last that a worker sends.
    Report(Box<WorkerReport>),
}

/// One worker's end of the requests: it sends, and the first worker receives.
pub struct Requests {
    input: InputHandle<Tick, CapacityContainerBuilder<Vec<Request>>>,
    /// On the first worker, what was sent and not yet taken.
    received: Rc<RefCell<Vec<Request>>>,
    /// On every worker, why some process was asked to stop.
    stopped: Rc<Cell<Option<StopCause>>>,
    /// On every worker, whether some worker was cut short.
    cut: Rc<Cell<bool>>,
    /// On every worker, the tick at whose end a checkpoint is wanted, until it is taken.
    checkpoint: Rc<Cell<Option<CheckpointWanted>>>,
    /// On every worker, before which tick outputs have committed everything, as far as the leader has said.
    settled: Rc<Cell<Tick>>,
    pub silent: Handle<Tick>,
}

impl Requests {
    pub fn build(worker: &mut Worker) -> Self {
        let received = Rc::new(RefCell::new(Vec::new()));
        let stopped = Rc::new(Cell::new(None));
        let cut = Rc::new(Cell::new(false));
        let checkpoint = Rc::new(Cell::new(None));
        let wanted = Rc::clone(&checkpoint);
        let settled = Rc::new(Cell::new(0));
        let settles = Rc::clone(&settled);
        let (input, silent) = worker.dataflow_named("requests", |scope| {
            let (input, requests) = scope.new_input::<Vec<Request>>();
            let (received, stopped, cut) =
                (Rc::clone(&received), Rc::clone(&stopped), Rc::clone(&cut));
            // An input's flush does not reach behind an exchange: what an operator sends does.
            let requests = requests.map(std::convert::identity);
            let for_all = |request: &Request| {
                use Request::{Checkpoint, Cut, Settled, Stop};
                matches!(request, Stop(_) | Cut | Checkpoint(..) | Settled(_))
            };
            let stops = requests.clone().filter(for_all).broadcast();
            let stops = stops.inspect(move |request| match request {
                Request::Stop(cause) => stopped.set(stopped.get().or(Some(*cause))),
                Request::Checkpoint(of) => wanted.set(Some(*of)),
                Request::Settled(tick) => settles.set(settles.get().max(*tick)),
                _ => cut.set(true),
            });
            let requests = requests
                .exchange(|_| 0)
                .inspect(move |request| received.borrow_mut().push(request.clone()));
            let (silent, _) = requests.concat(stops).probe();
            (input, silent)
        });
        Requests { input, received, stopped, cut, checkpoint, settled, silent }
    }

    /// Why some process was asked to stop.
    pub fn stopped(&self) -> Option<StopCause> {
        self.stopped.get()
    }

    /// The checkpoint that is wanted, once its tick is one before this.
    pub fn checkpoint(&self, handed_before: Tick) -> Option<CheckpointWanted> {
        let wanted = self.checkpoint.get().filter(|wanted| wanted.tick < handed_before)?;
        self.checkpoint.set(None);
        Some(wanted)
    }

    /// Before which tick services of the first process have taken everything, as it is told now and later.
    pub fn settled(&self) -> Rc<Cell<Tick>> {
        Rc::clone(&self.settled)
    }

    /// On the first worker, what has been received.
    pub fn take(&self) -> Vec<Request> {
        self.received.take()
    }

    pub fn send(&mut self, request: Request) {
        self.input.send(request);
        self.input.flush();
    }

    /// Sends nothing more. Waits until all that was sent has been received, or `wait` says that it never
    /// will be; returns it, and whether some worker was cut short.
    pub fn close(self, wait: impl FnMut() -> bool) -> (Vec<Request>, bool) {
        let Requests { input, received, cut, silent, .. } = self;
        let mut wait = wait;
        drop(input);
        while !silent.done() && wait() {}
        (received.take(), cut.get())
    }
}
