//! Who opens ticks: the first worker, when some worker requests a tick.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::checkpoint::{Pace, WrittenBy};
use super::dataflow::Dataflow;
use super::giving_way::GivingWay;
use super::live::SharedLive;
use super::open_ticks::OpenTicks;
use super::process::Process;
use super::replay::ReplayLead;
use super::report::WorkerReport;
use super::requests::{CheckpointWanted, Request, Requests};
use crate::console::{counted, grouped};
use crate::fault;
use crate::store::StoreError;
use crate::time::{Micros, Tick, wall_clock};

/// Ticks that may be open at once: one goes through the stages, another is taken by the targets. With more
/// each holds less, and who changes in several of them is put together, evaluated and sent in each.
const OPEN_TICKS: usize = 2;
/// Ticks that may wait for their commit, which takes many of them at once. What their records may hold is for the
/// targets to bound; for a service that takes long they do not wait.
const UNCOMMITTED_TICKS: usize = 64;
/// Ticks are no closer than this, so that what arrives together happens together.
const INTERVAL: Duration = Duration::from_millis(2);
/// How often other processes are told of services.
const SETTLING: Duration = Duration::from_millis(200);

/// The first worker's additional duty.
pub struct Leader {
    peers: usize,
    wanted: bool,
    ended: usize,
    open: OpenTicks,
    /// How many ticks there may be whose records are not all acknowledged.
    most_incomplete: usize,
    last: Tick,
    /// What was told before any new tick has this one.
    behind: Tick,
    opened: Instant,
    /// While stored rows are read back.
    replay: Option<ReplayLead>,
    /// How many they are, unless a checkpoint is put back, and since when, until what they come to is told.
    read_back: Option<(Option<u64>, Instant)>,
    giving_way: GivingWay,
    /// The round of them that comes next, and by worker up to which tick it has loaded all.
    round: usize,
    loaded: Vec<Tick>,
    /// Whether all of them are, and new ticks follow.
    has_begun: bool,
    /// When checkpoints are made, if any are.
    pace: Option<Pace>,
    /// While one is made, how many workers have yet to save their part of it.
    unsaved: usize,
    /// The tick of the latest.
    saved: Tick,
    /// What the clock read at the last tick.
    reading: Micros,
    /// Before which tick services have taken everything, as other processes were told, and when.
    settled: (Tick, Instant),
    /// To be sent to all workers.
    pub announced: Option<Request>,
    live: SharedLive,
    /// Reports that came before the leader's own end.
    pub reports: Vec<WorkerReport>,
}

impl Leader {
    /// Where targets commit ticks, these may wait for it. What is read back comes first; new ticks follow it.
    pub fn new(peers: usize, is_durable: bool, live: SharedLive) -> Self {
        let opened = Instant::now();
        let most_incomplete = if is_durable { UNCOMMITTED_TICKS } else { OPEN_TICKS };
        Leader {
            peers,
            wanted: false,
            ended: 0,
            open: OpenTicks::default(),
            most_incomplete,
            last: 0,
            behind: 0,
            opened,
            replay: None,
            read_back: None,
            giving_way: GivingWay::default(),
            round: 0,
            loaded: vec![0; peers],
            has_begun: false,
            pace: None,
            unsaved: 0,
            saved: 0,
            reading: Micros::MIN,
            settled: (0, opened),
            announced: None,
            live,
            reports: Vec::new(),
        }
    }

    pub fn receive(&mut self, requests: &Requests, process: &Process) {
        for request in requests.take() {
            match request {
                Request::Tick => self.wanted = true,
                Request::Loaded(worker, tick) => self.loaded[worker] = tick,
                Request::Ended => self.ended += 1,
                Request::Saved => self.unsaved -= 1,
                Request::Share(of, share) => self.live.take_share(of, *share),
                Request::Differ(part) => process.writers.differ_elsewhere(part),
                Request::Stop(_) | Request::Cut | Request::Checkpoint(..) | Request::Settled(_) => {
                }
                Request::Report(report) => self.reports.push(*report),
            }
        }
    }

    /// Opens a tick if one is wanted and may be. Otherwise says how long it may not, if that is why.
    ///
    /// # Errors
    /// If the history can't be read back.
    pub fn lead(
        &mut self,
        dataflow: &mut Dataflow,
        process: &Process,
    ) -> Result<Option<Duration>, StoreError> {
        self.open.follow(dataflow, &self.live, self.has_begun);
        if self.has_begun
            && self.open.is_empty()
            && let Some((rows, began)) = self.read_back.take()
        {
            tell_read_back(rows, began.elapsed());
        }
        if self.unsaved > 0 {
            return Ok(None);
        }
        if self.open.not_handed() >= OPEN_TICKS || self.open.len() >= self.most_incomplete {
            return Ok(None);
        }
        if self.replay.is_none() && !self.has_begun {
            self.begin(process);
        }
        if let Some(replay) = &mut self.replay {
            // Once it has what the other run had, that one has ended.
            if let Some(beside) = process.beside.as_ref().filter(|_| process.handed.get().is_none())
                && let Some(rest) = self.giving_way.rest(beside, process.plan.target_latency)
            {
                return Ok(Some(rest));
            }
            if let Some((tick, reading)) = replay.next(&self.loaded, self.last)? {
                let is_over = replay.is_over(tick);
                self.open(dataflow, tick, reading);
                self.giving_way.stepped();
                fault::point("replay step");
                self.replay = self.replay.take().filter(|_| !is_over);
                if is_over {
                    self.make_checkpoint(dataflow, process, false);
                }
            }
            return Ok(None);
        }
        if !self.has_begun || !self.wanted {
            return Ok(None);
        }
        let rest = INTERVAL.saturating_sub(self.opened.elapsed());
        if !rest.is_zero() {
            return Ok(Some(rest));
        }
        self.wanted = false;
        self.opened = Instant::now();
        let reading = wall_clock();
        let tick = (reading as Tick / 1_000).max(self.last.max(self.behind) + 1);
        self.open(dataflow, tick, reading);
        self.make_checkpoint(dataflow, process, false);
        Ok(None)
    }

    /// Has a checkpoint made at the end of the last tick, if one is due: no other is opened before all workers have saved
    /// their part. `is_last`: the run was told to stop, and the next one is to begin soon.
    pub fn make_checkpoint(
        &mut self,
        dataflow: &Dataflow,
        process: &Process,
        is_last: bool,
    ) -> bool {
        // One that services lag behind counts when they have caught up: until then none follows it.
        let settled = process.settled_before(dataflow.complete_before());
        if self.saved > 0 && settled <= self.saved
            || is_last && process.writers.lags_from().is_some()
        {
            return false;
        }
        let Some(pace) = self.pace.as_mut().filter(|_| self.unsaved == 0) else { return false };
        // The other workers have about as many.
        let rows = dataflow.inbox.borrow().rows * self.peers as u64;
        let is_due = pace.is_due(rows, is_last);
        if is_due {
            pace.saved(rows);
            (self.unsaved, self.saved) = (self.peers, self.last);
            let by = match is_last {
                true => WrittenBy::Worker,
                false => WrittenBy::after(self.open.last_took()),
            };
            let (tick, at) = (self.last, self.reading);
            self.announced = Some(Request::Checkpoint(CheckpointWanted { tick, at, by }));
        }
        is_due
    }

    /// Has other processes told, every so often, what services have taken that this process delivers to.
    pub fn announce_settled(&mut self, process: &Process, dataflow: &Dataflow) {
        let (told, when) = self.settled;
        if self.peers == process.workers || self.announced.is_some() || when.elapsed() < SETTLING {
            return;
        }
        let settled = process.settled_before(dataflow.complete_before());
        self.settled = (settled.max(told), Instant::now());
        if process.writers.delivers() && settled > told {
            self.announced = Some(Request::Settled(settled));
        }
    }

    /// Begins the next round of what is stored, or with new ticks where there is none.
    fn begin(&mut self, process: &Process) {
        // Asked first: no round comes after that.
        let is_last = process.handed.get().is_some();
        let store = process.stored();
        if self.pace.is_none() {
            self.pace = store.map(|store| Pace::new(Arc::clone(&store.checkpoints.took)));
        }
        while let Some(recovered) = process.rounds.get(self.round) {
            let beginning = store.and_then(|of| of.beginning.as_ref()).filter(|_| self.round == 0);
            self.round += 1;
            let stops = process.writers.committed();
            self.replay = ReplayLead::new(&recovered, beginning, self.last, stops);
            if self.replay.is_some() {
                if self.round == 1 && process.beside.is_none() {
                    let rows = beginning.is_none().then(|| recovered.rows.values().sum());
                    self.read_back = Some((rows, Instant::now()));
                }
                return;
            }
        }
        self.has_begun = is_last;
        if is_last {
            self.behind = process.writers.differ_at();
        }
    }

    /// The clock never goes back, also where that of the machine does, or did between two runs: what was told stays true.
    fn open(&mut self, dataflow: &mut Dataflow, tick: Tick, reading: Micros) {
        let reading = reading.max(self.reading);
        (self.last, self.reading) = (tick, reading);
        dataflow.open_tick(tick, reading);
        self.open.open(tick);
    }

    /// Whether every worker has read all and every tick is complete.
    pub fn is_done(&self) -> bool {
        self.ended == self.peers && !self.wanted && self.open.is_empty() && self.unsaved == 0
    }
}

/// Says how long it took to come to where earlier runs were, by so many rows or by a checkpoint.
fn tell_read_back(rows: Option<u64>, took: Duration) {
    let seconds = took.as_secs_f64();
    let Some(rows) = rows else {
        tracing::info!("what earlier runs knew is back after {seconds:.1} s");
        return;
    };
    let each_second = grouped((rows as f64 / seconds.max(0.001)) as u64);
    tracing::info!(
        "{} read back in {seconds:.1} s ({each_second} a second)",
        counted(rows, "stored row was", "stored rows were")
    );
}
