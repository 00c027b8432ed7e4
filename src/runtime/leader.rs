//! Who opens ticks: the first worker, when some worker requests a tick.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::dataflow::Dataflow;
use super::report::WorkerReport;
use super::requests::{Request, Requests};
use crate::time::{Tick, wall_clock};

/// Ticks that may be open at once: one goes through the stages, another waits for its receipts. With more
/// each holds less, and who changes in several of them is put together, evaluated and sent in each.
const OPEN_TICKS: usize = 2;
/// Ticks are no closer than this, so that what arrives together happens together.
const INTERVAL: Duration = Duration::from_millis(2);

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

    pub fn receive(&mut self, requests: &Requests) {
        for request in requests.take() {
            match request {
                Request::Tick => self.wanted = true,
                Request::Ended => self.ended += 1,
                Request::Stop(_) | Request::Cut => {}
                Request::Report(report) => self.reports.push(report),
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
