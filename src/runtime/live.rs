//! What the workers of a process let others see while they run: each lays down now and then what it has counted, and
//! whoever wants to know reads that, so that nobody waits for a worker.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use super::buckets::Buckets;
use super::row_times::{NewestRows, RowTimes};
use super::share::ProcessShare;
use crate::metrics::Counts;
use crate::plan::{Output, Plan};
use crate::sink::{OutputTicks, UnderWay};
use crate::source::Lags;
use crate::time::{Micros, Tick, wall_clock};

/// What is known of a process's share of a run.
pub struct Live {
    pub started: Micros,
    /// By worker of this process, as last told.
    counts: Vec<Mutex<Counts>>,
    empty: Counts,
    /// By process, as last told: where this one is the first of several.
    elsewhere: Mutex<BTreeMap<usize, ProcessShare>>,
    /// From rows' arrival to the acknowledgement of what they caused.
    pub latencies: Buckets,
    /// From a tick's opening until it is complete: where the leader is.
    pub tick_lengths: Buckets,
    /// From its opening until all its records are handed over, and until all its rows are durable: there, too.
    pub tick_handed: Buckets,
    pub tick_durable: Buckets,
    times: Mutex<RowTimes>,
    pub under_way: UnderWay,
    /// By output, who knows what it has acknowledged.
    known: Vec<KnownBy>,
    /// Before this tick, services that the first process delivers to have taken everything, as far as this process knows.
    pub settled: AtomicU64,
    /// Ticks before these are handed over, complete, and durable, on all workers of all processes.
    handed: AtomicU64,
    complete: AtomicU64,
    durable: AtomicU64,
    /// The last tick that was opened or asked for, as far as this process knows.
    opened: AtomicU64,
    /// The last tick of the history that has been read back, and the last one there is; 0 if there is none.
    pub replayed: AtomicU64,
    pub history: AtomicU64,
    /// Once sources are read.
    pub lags: OnceLock<Lags>,
    /// Where rows are stored.
    pub data: Option<PathBuf>,
}

/// Who knows what an output has acknowledged of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KnownBy {
    /// This process writes all of it.
    This,
    /// All that write it, together: a tick is not complete without it.
    All,
    /// The first process, which tells others.
    First,
}

/// How far ticks are, on all workers of all processes: the first of which something is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frontiers {
    pub handed: Tick,
    pub complete: Tick,
    /// `None` where nothing is stored.
    pub durable: Option<Tick>,
}

impl Live {
    pub fn new(plan: &Plan, workers: usize, under_way: UnderWay) -> Self {
        let (sources, segments) = (plan.sources.len(), plan.segments.len());
        let outputs = plan.outputs.len();
        let empty = Counts::new(sources, segments, outputs);
        let never = || AtomicU64::new(0);
        Live {
            started: wall_clock(),
            counts: (0..workers).map(|_| Mutex::new(empty.clone())).collect(),
            empty,
            elsewhere: Mutex::default(),
            latencies: Buckets::with(Some(plan.target_latency)),
            tick_lengths: Buckets::with(None),
            tick_handed: Buckets::with(None),
            tick_durable: Buckets::with(None),
            times: Mutex::new(RowTimes::new(sources, outputs)),
            under_way,
            known: vec![KnownBy::This; outputs],
            settled: AtomicU64::new(Tick::MAX),
            handed: never(),
            complete: never(),
            durable: never(),
            opened: never(),
            replayed: never(),
            history: never(),
            lags: OnceLock::new(),
            data: None,
        }
    }

    /// What a process among others lays down.
    pub fn among_others(self, plan: &Plan, is_first: bool) -> Self {
        let known = |output: &Output| match output.target.is_service() {
            true if is_first => KnownBy::This,
            true => KnownBy::First,
            false => KnownBy::All,
        };
        let known: Vec<KnownBy> = plan.outputs.iter().map(known).collect();
        let is_told = known.contains(&KnownBy::First);
        let settled = AtomicU64::new(if is_told { 0 } else { Tick::MAX });
        Live { known, settled, ..self }
    }

    /// A worker of this process tells what it has counted.
    pub fn lay_down(&self, worker: usize, counts: &Counts) {
        self.counts[worker].lock().expect("no one panics with it").clone_from(counts);
    }

    /// What all workers of this process have counted, as they last told it.
    pub fn counts(&self) -> Counts {
        let mut sum = self.empty.clone();
        self.counts.iter().for_each(|of| sum.add(&of.lock().expect("no one panics with it")));
        sum.outputs = self.sent();
        sum
    }

    /// By output, how many records this process has sent to it.
    pub fn sent(&self) -> Vec<u64> {
        self.under_way.iter().map(OutputTicks::sent).collect()
    }

    /// What this process knows of its own part.
    pub fn share(&self) -> ProcessShare {
        let lags = self.lags.get().map(Lags::all).filter(|lags| !lags.is_empty());
        ProcessShare {
            counts: self.counts(),
            newest: self.newest_rows(),
            latencies: self.latencies.counts(),
            pending: self.under_way.iter().map(|of| of.records()).collect(),
            lag: lags.map(|lags| lags.values().sum()),
        }
    }

    /// Another process has told its part.
    pub fn take_share(&self, process: usize, share: ProcessShare) {
        self.elsewhere.lock().expect("no one panics with it").insert(process, share);
    }

    /// What is known of all processes: in the first one.
    pub fn all_shares(&self) -> ProcessShare {
        let mut sum = self.share();
        let elsewhere = self.elsewhere.lock().expect("no one panics with it");
        elsewhere.values().for_each(|share| sum.add(share));
        sum
    }

    /// Rows of a tick come, the newest of each source at these times.
    pub fn add_times(&self, tick: Tick, newest: impl IntoIterator<Item = (u16, Micros)>) {
        self.opened.fetch_max(tick, Ordering::Relaxed);
        if tick <= self.history.load(Ordering::Relaxed) {
            self.replayed.fetch_max(tick, Ordering::Relaxed);
        }
        self.times.lock().expect("no one panics with it").add(tick, newest);
    }

    /// How far the ticks are.
    pub fn advance(&self, frontiers: Frontiers) {
        self.handed.fetch_max(frontiers.handed, Ordering::Relaxed);
        self.complete.fetch_max(frontiers.complete, Ordering::Relaxed);
        self.durable.fetch_max(frontiers.durable.unwrap_or(0), Ordering::Relaxed);
    }

    /// The tick that has been under way for longest, where there is one.
    pub fn oldest_tick(&self) -> Option<Tick> {
        let complete = self.complete.load(Ordering::Relaxed);
        let opened = self.opened.load(Ordering::Relaxed);
        // A frontier stands behind the last tick, whenever that was, or else at one that is under way.
        (complete <= opened && opened > 0).then_some(complete)
    }

    /// Whether stored rows are being read back.
    pub fn is_replaying(&self) -> bool {
        let history = self.history.load(Ordering::Relaxed);
        history > 0 && self.complete.load(Ordering::Relaxed) <= history
    }

    /// Ticks before this one are durable everywhere; `None` where nothing is stored.
    pub fn durable_before(&self) -> Option<Tick> {
        self.data.as_ref().map(|_| self.durable.load(Ordering::Relaxed))
    }

    /// The times of the newest rows whose consequences can be read.
    pub fn newest_rows(&self) -> NewestRows {
        let handed = self.handed.load(Ordering::Relaxed);
        let complete = self.complete.load(Ordering::Relaxed);
        let settled = self.settled.load(Ordering::Relaxed);
        let acknowledged = self.under_way.iter().zip(&self.known).map(|(of, known)| match known {
            KnownBy::This => of.oldest().map_or(handed, |of| of.min(handed)),
            KnownBy::All => complete,
            KnownBy::First => complete.min(settled),
        });
        let acknowledged: Vec<Tick> = acknowledged.collect();
        let mut times = self.times.lock().expect("no one panics with it");
        times.newest(complete, &acknowledged)
    }
}

/// Shared by the workers and whoever looks.
pub type SharedLive = Arc<Live>;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::definition;

    #[test]
    fn of_several_processes_none_tells_that_an_output_has_what_another_has_yet_to_send_it() {
        let definition = "
sources: {web: {http: {}, kind: events, fields: {user: text}}}
identity: {user: {from: {web: user}}}
outputs:
  profiles: {files: out/profiles.ndjson}
  hook: {webhook: {url: \"http://127.0.0.1:9/\"}, publish: profiles}
";
        let plan = definition::parse(definition, Path::new("shop.yaml"), &|_| None);
        let plan = &plan.unwrap_or_else(|wrong| panic!("{wrong}"));
        let under_way =
            || -> UnderWay { plan.outputs.iter().map(|_| OutputTicks::default()).collect() };
        let live = |is_first| {
            let live = Live::new(plan, 1, under_way()).among_others(plan, is_first);
            live.add_times(5, [(0, 50)]);
            live.add_times(6, [(0, 60)]);
            live.advance(Frontiers { handed: 8, complete: 6, durable: None });
            live
        };
        let (first, other) = (live(true), live(false));
        first.under_way[1].add(5, 1);
        assert_eq!(first.newest_rows().outputs, [Some(50), None]);
        assert_eq!(other.newest_rows().outputs, [Some(50), None], "it has not been told");
        other.settled.store(6, Ordering::Relaxed);
        first.under_way[1].release(5, 1);
        assert_eq!(other.newest_rows().outputs, [Some(50), Some(50)]);
        assert_eq!(first.newest_rows().outputs, [Some(50), Some(60)]);
        let complete = Frontiers { handed: 8, complete: 8, durable: None };
        [&first, &other].iter().for_each(|live| live.advance(complete));
        assert_eq!(other.newest_rows().outputs, [Some(60), Some(50)]);
    }
}
