//! What the workers of a process share, and what a run is handed as it begins: what is stored, in rounds, and then
//! sources, outputs and the store.
//!
//! A run has one round: what earlier runs stored. One that is built beside another has several, of what that one
//! stores meanwhile, before it is handed what the other had.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use super::Clock;
use super::beginnings::Beginnings;
use super::dataflow::Attached;
use super::durable::{ProcessStore, StorePlace};
use super::live::{Live, SharedLive};
use super::options::RunOptions;
use super::progress::Amounts;
use super::stop::Stop;
use crate::plan::Plan;
use crate::row::Unwanted;
use crate::sink::{AwaitedAcknowledgement, Failure, Writers};
use crate::source::Feed;
use crate::store::Recovered;
use crate::time::Tick;

/// What the workers of a process share.
pub struct Process {
    pub plan: Arc<Plan>,
    pub clock: Clock,
    pub workers: usize,
    /// How many processes there are.
    pub processes: usize,
    pub stop: Stop,
    pub failure: Failure,
    pub amounts: Arc<Amounts>,
    pub live: SharedLive,
    /// What the run lays down beside which it is built, and whose place it is to take.
    pub beside: Option<SharedLive>,
    pub beginnings: Beginnings,
    pub attached: Option<Attached>,
    /// When all is read, it goes on until it is stopped.
    pub stays: bool,
    /// Whether it answers over HTTP, or the first one does for it.
    pub is_served: bool,
    pub writers: Writers,
    /// `None`: nothing is stored.
    pub store: Option<StorePlace>,
    pub rounds: Rounds,
    /// Stored rows that are not read back.
    pub without: Arc<Unwanted>,
    pub handed: OnceLock<HandedOver>,
    /// The first tick that may not be complete.
    pub complete: AtomicU64,
}

/// What is stored, to be read back round by round.
#[derive(Default)]
pub struct Rounds(Mutex<Vec<Arc<Recovered>>>);

impl Rounds {
    pub fn add(&self, recovered: Arc<Recovered>) {
        self.0.lock().expect("no one panics with it").push(recovered);
    }

    pub fn get(&self, round: usize) -> Option<Arc<Recovered>> {
        self.0.lock().expect("no one panics with it").get(round).cloned()
    }
}

/// What a run has besides what was stored before it.
pub struct HandedOver {
    /// By worker of this process.
    feeds: Mutex<Vec<Option<Feed>>>,
    /// What outputs have to hold before anything counts as complete, where that came at once.
    difference: Option<AwaitedAcknowledgement>,
}

impl HandedOver {
    pub fn new(feeds: Vec<Feed>, difference: Option<AwaitedAcknowledgement>) -> Self {
        HandedOver { feeds: Mutex::new(feeds.into_iter().map(Some).collect()), difference }
    }

    /// What a worker reads. Each takes its own once.
    pub fn feed(&self, worker: usize) -> Feed {
        let mut feeds = self.feeds.lock().expect("no one panics with it");
        feeds[worker].take().expect("each worker takes its own once")
    }

    /// Whether outputs have yet to hold what the history comes to.
    pub fn is_settling(&self) -> bool {
        self.difference.as_ref().is_some_and(AwaitedAcknowledgement::is_held)
    }
}

impl Process {
    /// What the workers of a run share that nothing is attached to and that reads back all rows.
    pub fn new(
        plan: &Arc<Plan>,
        options: &RunOptions,
        (stop, failure): (&Stop, &Failure),
        writers: Writers,
        recovered: Option<&Recovered>,
    ) -> Self {
        let mut live = Live::new(plan, options.workers, writers.under_way());
        if options.hosts.len() > 1 {
            live = live.among_others(plan, options.process == 0);
        }
        live.data = recovered.map(|recovered| recovered.folder.root.clone());
        Process {
            plan: Arc::clone(plan),
            clock: options.clock,
            workers: options.workers,
            processes: options.hosts.len().max(1),
            stop: stop.clone(),
            failure: failure.clone(),
            amounts: Arc::new(Amounts::default()),
            live: Arc::new(live),
            beside: None,
            beginnings: Beginnings::new(plan, options.workers),
            attached: None,
            stays: !options.ends(plan),
            is_served: options.is_served(plan),
            writers,
            store: recovered.map(|_| StorePlace::default()),
            rounds: Rounds::default(),
            without: Arc::default(),
            handed: OnceLock::new(),
            complete: AtomicU64::new(0),
        }
    }

    /// Before which tick nothing is told of people: outputs hold all that there is up to it. What several processes have been
    /// told is known of each to itself alone, and what is attached sees people come and go as rows do.
    pub fn told_from(&self) -> Tick {
        match (&self.attached, self.processes) {
            (None, 1) => self.writers.held_until(),
            _ => 0,
        }
    }

    /// Up to which tick no record is made: outputs have it, and nobody else looks on.
    pub fn held_until(&self) -> Tick {
        if self.writers.are_observed() { 0 } else { self.told_from() }
    }

    /// Where rows are stored, once it is known.
    pub fn stored(&self) -> Option<&ProcessStore> {
        self.store.as_ref()?.get()
    }

    /// The first tick that may not be complete, or of which a service may have yet to take something, where ticks before
    /// `complete` are.
    pub fn settled_before(&self, complete: Tick) -> Tick {
        let told = self.live.settled.load(Ordering::Relaxed);
        complete.min(told).min(self.writers.lags_from().unwrap_or(Tick::MAX))
    }

    /// What can't be read again (standard input, rows that a program pushes) is counted anew in each run: its rows come
    /// behind those that earlier runs took.
    pub fn part_of_run(&self) -> u32 {
        let run = self.stored().map_or(1, |store| store.recovered.next_run);
        u32::try_from(run - 1).unwrap_or(u32::MAX)
    }
}
