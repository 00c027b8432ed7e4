//! Who opens ticks: the first worker, when some worker rings.
//!
//! Ringing goes through a dataflow of its own whose time never passes, so that a message arrives as
//! soon as the network carries it, and wakes a leader that has parked.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::InputHandle;
use timely::dataflow::operators::probe::{Handle, Probe};
use timely::dataflow::operators::vec::{Broadcast, Filter, Map};
use timely::dataflow::operators::{Concat, Exchange, Input, Inspect};
use timely::worker::Worker;

use super::dataflow::Dataflow;
use super::report::WorkerReport;
use crate::time::{Tick, wall_clock};

/// Ticks that may be open at once: one goes through the stages, another waits for its receipts. With more
/// each holds less, and who changes in several of them is put together, evaluated and sent in each.
const OPEN_TICKS: usize = 2;
/// Ticks are no closer than this, so that what arrives together happens together.
const INTERVAL: Duration = Duration::from_millis(2);

/// What a worker tells the leader.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Ring {
    /// There is something to do: rows wait, or an instant has come.
    Wanted,
    /// This worker will read no more rows, and all that it read has been given to ticks.
    Ended,
    /// This signal asked this worker's process to stop: every process stops.
    Stop(i32),
    /// This worker stopped before it had read all that it was to read.
    Cut,
    /// The last word.
    Report(WorkerReport),
}

/// One worker's end of the rope.
pub struct Bell {
    rope: InputHandle<Tick, CapacityContainerBuilder<Vec<Ring>>>,
    /// On the first worker, what was rung.
    heard: Rc<RefCell<Vec<Ring>>>,
    /// On every worker, the signal by which some process was asked to stop.
    stopped: Rc<Cell<Option<i32>>>,
    /// On every worker, whether some worker was cut short.
    cut: Rc<Cell<bool>>,
    pub silent: Handle<Tick>,
}

impl Bell {
    pub fn build(worker: &mut Worker) -> Self {
        let heard = Rc::new(RefCell::new(Vec::new()));
        let stopped = Rc::new(Cell::new(None));
        let cut = Rc::new(Cell::new(false));
        let (rope, silent) = worker.dataflow_named("bell", |scope| {
            let (rope, rings) = scope.new_input::<Vec<Ring>>();
            let (heard, stopped, cut) = (Rc::clone(&heard), Rc::clone(&stopped), Rc::clone(&cut));
            // An input's flush does not reach behind an exchange: what an operator sends does.
            let rings = rings.map(std::convert::identity);
            let for_all = |ring: &Ring| matches!(ring, Ring::Stop(_) | Ring::Cut);
            let stops = rings.clone().filter(for_all).broadcast();
            let stops = stops.inspect(move |ring| match ring {
                Ring::Stop(signal) => stopped.set(stopped.get().or(Some(*signal))),
                _ => cut.set(true),
            });
            let rings =
                rings.exchange(|_| 0).inspect(move |ring| heard.borrow_mut().push(ring.clone()));
            let (silent, _) = rings.concat(stops).probe();
            (rope, silent)
        });
        Bell { rope, heard, stopped, cut, silent }
    }

    /// The signal by which some process was asked to stop.
    pub fn stopped(&self) -> Option<i32> {
        self.stopped.get()
    }

    pub fn ring(&mut self, ring: Ring) {
        self.rope.send(ring);
        self.rope.flush();
    }

    /// Nothing more will be rung. Waits until all has been heard; says what was, and whether some
    /// worker was cut short.
    pub fn close(self, wait: impl FnMut()) -> (Vec<Ring>, bool) {
        let Bell { rope, heard, cut, silent, .. } = self;
        let mut wait = wait;
        drop(rope);
        while !silent.done() {
            wait();
        }
        (heard.take(), cut.get())
    }
}

/// The first worker's additional duty.
pub struct Leader {
    peers: usize,
    wanted: bool,
    ended: usize,
    open: VecDeque<Tick>,
    last: Tick,
    opened: Instant,
    /// Reports that came before the leader's own end.
    pub reports: Vec<WorkerReport>,
}

impl Leader {
    pub fn new(peers: usize) -> Self {
        let opened = Instant::now();
        Leader {
            peers,
            wanted: false,
            ended: 0,
            open: VecDeque::new(),
            last: 0,
            opened,
            reports: Vec::new(),
        }
    }

    pub fn hear(&mut self, bell: &Bell) {
        for ring in bell.heard.borrow_mut().drain(..) {
            match ring {
                Ring::Wanted => self.wanted = true,
                Ring::Ended => self.ended += 1,
                Ring::Stop(_) | Ring::Cut => {}
                Ring::Report(report) => self.reports.push(report),
            }
        }
    }

    /// Opens a tick if one is wanted and may be. Otherwise says how long it may not, if that is why.
    pub fn lead(&mut self, dataflow: &mut Dataflow) -> Option<Duration> {
        while self.open.front().is_some_and(|tick| !dataflow.complete.less_equal(tick)) {
            self.open.pop_front();
        }
        if !self.wanted || self.open.len() >= OPEN_TICKS {
            return None;
        }
        let rest = INTERVAL.saturating_sub(self.opened.elapsed());
        if !rest.is_zero() {
            return Some(rest);
        }
        self.wanted = false;
        self.opened = Instant::now();
        let reading = wall_clock();
        let tick = (reading as Tick / 1_000).max(self.last + 1);
        self.last = tick;
        dataflow.open_tick(tick, reading);
        self.open.push_back(tick);
        None
    }

    /// Whether every worker has read all and every tick is complete.
    pub fn is_done(&self) -> bool {
        self.ended == self.peers && !self.wanted && self.open.is_empty()
    }
}
