//! A run that is built beside the one that runs, to take its place: of another definition, or without some rows.
//!
//! 1. It reads back what is stored by now, on workers of its own, and says nothing: of each key of an output the last
//!    record is held.
//! 2. Meanwhile more was stored. That is read back, too, and so on until little is left.
//! 3. The one that runs ends with a tick: its sources stop, what it read is stored, its outputs have committed.
//! 4. What is left is read back, while the outputs are opened and what they hold is read; what differs is sent.
//! 5. The sources are read on.
//!
//! Up to the third step nothing was done, and if something fails then what ran before starts again. Whenever the process
//! ends, a restart with either definition comes to what that definition makes of the rows.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::options::{RunError, RunOptions};
use super::process::Process;
use super::recovery;
use super::run::{
    LiveThreads, Run, RunView, RunningThreads, announcement, go_live, open_sources, open_writers,
};
use super::stop::StopCause;
use super::workers::{self, RunningWorkers, WorkerThreads};
use crate::fault;
use crate::plan::Plan;
use crate::row::IdentifierHash;
use crate::sink::{Failure, HeldRecords, Observer, Writers};
use crate::source::Posts;
use crate::store::Recovered;
use crate::time::Tick;

/// How often it is looked how far it is.
const LOOK: Duration = Duration::from_millis(10);
/// What is read back in less time is little.
const LITTLE: Duration = Duration::from_millis(700);

/// A run that is built beside another one.
pub struct Successor {
    view: RunView,
    /// Whose place it takes.
    predecessor: RunView,
    /// What the other one's folder held as it began.
    store: Arc<Recovered>,
    started: Instant,
    threads: WorkerThreads,
    process: Arc<Process>,
    workers: RunningWorkers,
    held: HeldRecords,
}

impl Successor {
    /// Begins to build it. Rows that carry an identifier of `without` are left out.
    pub fn begin(
        of: &RunView,
        plan: Arc<Plan>,
        options: RunOptions,
        without: BTreeSet<IdentifierHash>,
        observer: Option<Arc<dyn Observer>>,
    ) -> Result<Self, RunError> {
        let store = of.recovered.clone().expect("only what is stored is read back");
        let threads = WorkerThreads::new(options.workers);
        let failure = Failure::default();
        let stop = of.stop.of_successor(threads.waking());
        let recovered = Some(Arc::clone(&store));
        let view = RunView { plan, options, stop, failure, recovered, posts: None, live: None };
        let RunView { plan, options, stop, failure, .. } = &view;
        recovery::check(plan)?;
        let held = HeldRecords::new(plan);
        let writers = Writers::holding(plan, &held).observed(observer);
        let process = Process::new(plan, options, (stop, failure), writers, Some(&store));
        let process = Arc::new(Process { without: Arc::new(without), ..process });
        let timely_workers = workers::alone(options.workers).map_err(RunError::Workers)?;
        let workers =
            RunningWorkers::start(Arc::clone(&process), threads.clone(), timely_workers, None);
        let workers = workers.map_err(RunError::Workers)?;
        let (predecessor, started) = (of.clone(), Instant::now());
        Ok(Successor { view, predecessor, store, started, threads, process, workers, held })
    }

    /// Reads back what is stored until little is left that is not. Says up to which tick, and how many rows are stored.
    pub fn catch_up(&self) -> Result<(Tick, u64), RunError> {
        let mut before = Duration::MAX;
        loop {
            let began = Instant::now();
            let recovered = self.store.again()?;
            let (until, rows) = (recovered.until, recovered.rows.values().sum());
            let recovered = Arc::new(recovered);
            self.read_back(Arc::clone(&recovered))?;
            self.wait_for(until)?;
            recovered.release();
            let took = began.elapsed();
            tracing::debug!("what is stored up to tick {until} is read back in {took:?}");
            // What grows faster than it is read is not waited for.
            if took < LITTLE || took >= before {
                return Ok((until, rows));
            }
            before = took;
        }
    }

    fn read_back(&self, recovered: Arc<Recovered>) -> Result<(), RunError> {
        self.process.rounds.add(recovered);
        self.threads.wake();
        Ok(())
    }

    fn wait_for(&self, tick: Tick) -> Result<(), RunError> {
        while self.process.complete.load(Ordering::Relaxed) <= tick && tick > 0 {
            if let Some(why) = self.view.failure.get() {
                return Err(RunError::Workers(why.to_owned()));
            }
            if let Some(why) = self.predecessor.failure.get() {
                return Err(RunError::Workers(format!("the run has failed: {why}")));
            }
            if matches!(self.view.stop.asked(), Some(cause) if cause != StopCause::Replaced) {
                return Err(RunError::Workers("the run is being stopped".to_owned()));
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Takes the place of the other run, which has made room. `before` is done to the folder first, which nobody uses
    /// then.
    ///
    /// # Errors
    /// Then it is given up, and the other one may be started again.
    pub fn take_over(
        self,
        before: impl FnOnce(&Recovered) -> Result<(), RunError>,
    ) -> Result<Run, RunError> {
        match self.try_take_over(before) {
            Ok(live) => {
                let Successor { view, started, threads, process, workers, .. } = self;
                let TakenOver { live, recovered, posts } = live;
                let (recovered, of_process) = (Some(recovered), Some(Arc::clone(&process.live)));
                let view = RunView { recovered, posts, live: of_process, ..view };
                let running = RunningThreads { workers, threads, process, live };
                Ok(Run::of(view, started, running))
            }
            Err(error) => {
                self.give_up();
                Err(error)
            }
        }
    }

    fn try_take_over(
        &self,
        before: impl FnOnce(&Recovered) -> Result<(), RunError>,
    ) -> Result<TakenOver, RunError> {
        fault::point("room made");
        before(&self.store.again()?)?;
        let recovered = Arc::new(self.store.again()?);
        let view = RunView { recovered: Some(Arc::clone(&recovered)), ..self.view.clone() };
        let RunView { plan, options, failure, .. } = &view;
        let until = recovered.until;
        self.read_back(Arc::clone(&recovered))?;
        let sources = open_sources(plan, options, Some(&recovered))?;
        let posts = sources.posts();
        let writers = open_writers(&view, Vec::new(), true)?;
        fault::point("outputs opened");
        self.wait_for(until)?;
        recovered.release();
        let awaited = self.process.writers.hand_over(writers, &self.held, until, failure);
        let feeds = sources.start(self.threads.waking())?;
        let live = go_live(&view, &self.process, feeds, Some(awaited))?;
        fault::point("taken over");
        self.threads.wake();
        tracing::info!("{}", announcement(plan, options));
        Ok(TakenOver { live, recovered, posts })
    }

    /// Ends it: everything stays as it was.
    pub fn give_up(self) {
        self.process.failure.set("it is given up".to_owned());
        self.threads.wake();
        self.process.writers.close();
        std::thread::spawn(move || drop(self.workers.guards));
    }
}

/// What it has of the other one from then on.
struct TakenOver {
    live: LiveThreads,
    recovered: Arc<Recovered>,
    posts: Option<Posts>,
}
