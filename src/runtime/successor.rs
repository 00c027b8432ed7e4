//! A run that is built beside the one that runs, to take its place: of another definition, or without some rows.
//!
//! 1. It reads back what is stored by now, on workers of its own, and says nothing: of each key of an output the last
//!    record is held.
//! 2. Meanwhile more was stored. That is read back, too, and so on until little is left.
//! 3. The one that runs ends with a tick: its sources stop, what it read is stored, its outputs have committed.
//! 4. What is left is read back, while the outputs are opened and what they hold is read; what differs is sent.
//! 5. The sources are read on.
//!
//! Up to the fourth step nothing was done, and if something fails then what ran before starts again. Whenever the process
//! ends, a restart with either definition comes to what that definition makes of the rows.
//!
//! Where there are several processes each has its part of it. They meet as those of a run do, the first one says up to which
//! tick what is stored is read back each time, and all take each step together (`engine::change`).

use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::greeting::MeetingPurpose;
use super::options::{RunError, RunOptions};
use super::process::Process;
use super::recovery;
use super::run::{
    LiveThreads, Run, RunningThreads, announcement, go_live, open_sources, open_writers,
};
use super::run_view::RunView;
use super::stop::StopCause;
use super::workers::{RunningWorkers, WorkerThreads};
use crate::fault;
use crate::plan::Plan;
use crate::priority;
use crate::row::Unwanted;
use crate::sink::{self, Failure, HeldRecords, Observer, OutputsAhead, Writers};
use crate::source::OpenedSources;
use crate::store::Recovered;
use crate::time::Tick;

/// How often it is looked how far it is.
const LOOK: Duration = Duration::from_millis(10);
/// What is read back in less time is little.
const LITTLE: Duration = Duration::from_millis(700);
/// How much later another machine may see what is in the folder.
const PATIENCE: Duration = Duration::from_secs(30);

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
    /// What reads what outputs hold by now.
    ahead: Mutex<Option<JoinHandle<OutputsAhead>>>,
    /// What is read back of what is stored, for as long as it may be.
    rounds: Mutex<Vec<Arc<Recovered>>>,
    given_up: Latch,
}

/// OpenedEnds once: workers that failed have not ended before, as far as other processes can tell.
#[derive(Clone, Default)]
struct Latch(Arc<(Mutex<bool>, Condvar)>);

impl Latch {
    fn open(&self) {
        *self.0.0.lock().expect("no one panics with it") = true;
        self.0.1.notify_all();
    }

    fn wait(&self) {
        let is_open = self.0.0.lock().expect("no one panics with it");
        drop(self.0.1.wait_while(is_open, |is_open| !*is_open).expect("no one panics with it"));
    }
}

/// What a successor is built of.
pub struct Blueprint {
    pub plan: Arc<Plan>,
    pub options: RunOptions,
    /// Rows that are left out.
    pub without: Unwanted,
    pub observer: Option<Arc<dyn Observer>>,
    /// What it is given up by, from elsewhere.
    pub failure: Failure,
    /// The number of the change, by which its processes meet.
    pub change: u64,
}

/// What it takes the other one's place with.
pub struct OpenedEnds {
    recovered: Arc<Recovered>,
    sources: OpenedSources,
    writers: Writers,
}

impl Successor {
    /// Begins to build it, with the other processes.
    pub fn begin(of: &RunView, blueprint: Blueprint) -> Result<Self, RunError> {
        let Blueprint { plan, options, without, observer, failure, change } = blueprint;
        recovery::check(&plan)?;
        let store = of.recovered.clone().expect("only what is stored is read back");
        let threads = WorkerThreads::new(options.workers);
        let stop = of.stop.of_successor(threads.waking());
        let (recovered, peers) = (Some(Arc::clone(&store)), of.peers.clone());
        let (posts, live, left) = (None, None, of.left.clone());
        let mut view =
            RunView { plan, options, stop, failure, recovered, peers, posts, live, left };
        let watch = view.watch(threads.waking());
        let met = view.meet(&watch, MeetingPurpose::Successor(change))?;
        let timely_workers = met.ok_or_else(stopped)?;
        let RunView { plan, options, stop, failure, .. } = &view;
        let held = HeldRecords::new(plan);
        let writers = Writers::holding(plan, &held).observed(observer, options.is_served(plan));
        let process = Process::new(plan, options, (stop, failure), writers, Some(&store));
        let (without, beside) = (Arc::new(without), of.live.clone());
        let process = Arc::new(Process { without, beside, ..process });
        let given_up = Latch::default();
        let stay = (options.hosts.len() > 1).then(|| {
            let given_up = given_up.clone();
            Arc::new(move || given_up.wait()) as Arc<dyn Fn() + Send + Sync>
        });
        let workers =
            RunningWorkers::start(Arc::clone(&process), threads.clone(), timely_workers, stay);
        let workers = workers.map_err(RunError::Workers)?;
        let (predecessor, started) = (of.clone(), Instant::now());
        let (rounds, ahead) = (Mutex::default(), Mutex::new(begin_reading_ahead(&view)));
        Ok(Successor {
            view,
            predecessor,
            store,
            started,
            threads,
            process,
            workers,
            held,
            ahead,
            rounds,
            given_up,
        })
    }

    /// Reads back what is stored until little is left that is not, and has the other processes do so each time, up to a
    /// tick. Says how many rows are stored.
    pub fn catch_up<E: From<RunError>>(
        &self,
        others: impl Fn(Tick) -> Result<(), E>,
    ) -> Result<u64, E> {
        let mut before = Duration::MAX;
        loop {
            let began = Instant::now();
            let (until, rows) = self.stored()?;
            others(until)?;
            self.read_back(until)?;
            self.wait_for(until, true)?;
            self.release();
            let took = began.elapsed();
            tracing::debug!("what is stored up to tick {until} is read back in {took:?}");
            // What grows faster than it is read is not waited for.
            if took < LITTLE || took >= before {
                self.wait_while(true, || self.is_looking_ahead())?;
                return Ok(rows);
            }
            before = took;
        }
    }

    pub fn view(&self) -> &RunView {
        &self.view
    }

    /// Up to which tick all is stored by now, and how many rows.
    pub fn stored(&self) -> Result<(Tick, u64), RunError> {
        let recovered = self.store.again()?;
        Ok((recovered.until, recovered.rows.values().sum()))
    }

    /// Does something to the folder, which nobody uses.
    pub fn before_switch(
        &self,
        before: impl FnOnce(&Recovered) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        before(&self.store.again()?)
    }

    /// Has the workers read back what is stored up to a tick, which other processes may see before this one.
    pub fn read_back(&self, until: Tick) -> Result<Arc<Recovered>, RunError> {
        let began = Instant::now();
        let mut recovered = self.store.again()?;
        while recovered.until < until {
            if began.elapsed() > PATIENCE {
                let root = self.store.folder.root.display();
                return Err(RunError::Workers(format!(
                    "'{root}' has less here than the first process sees there: give all processes one data folder"
                )));
            }
            std::thread::sleep(LOOK);
            recovered = self.store.again()?;
        }
        recovered.until = until;
        let recovered = Arc::new(recovered);
        self.process.rounds.add(Arc::clone(&recovered));
        self.rounds.lock().expect("no one panics with it").push(Arc::clone(&recovered));
        self.threads.wake();
        Ok(recovered)
    }

    /// All that was read back so far is complete.
    fn release(&self) {
        let mut rounds = self.rounds.lock().expect("no one panics with it");
        rounds.drain(..).for_each(|recovered| recovered.release());
    }

    /// Waits until all that is stored up to a tick is read back. Where nothing has happened yet, it may be stopped.
    fn wait_for(&self, tick: Tick, may_stop: bool) -> Result<(), RunError> {
        self.wait_while(may_stop, || {
            self.process.complete.load(Ordering::Relaxed) <= tick && tick > 0
        })
    }

    /// Waits as long as something is so, and nothing fails.
    fn wait_while(&self, may_stop: bool, is_so: impl Fn() -> bool) -> Result<(), RunError> {
        while is_so() {
            if let Some(why) = self.view.failure.get() {
                return Err(RunError::Workers(why.to_owned()));
            }
            if let Some(why) = self.predecessor.failure.get() {
                return Err(RunError::Workers(format!("the run has failed: {why}")));
            }
            let asked = self.view.stop.asked().filter(|cause| *cause != StopCause::Replaced);
            if asked.is_some() && may_stop {
                return Err(stopped());
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Whether what outputs hold is being read while the other run writes them still.
    fn is_looking_ahead(&self) -> bool {
        let ahead = self.ahead.lock().expect("no one panics with it");
        ahead.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Opens what the other run had, which has made room on all processes, and reads back what is left up to a tick.
    pub fn open(&self, until: Tick) -> Result<OpenedEnds, RunError> {
        let recovered = self.read_back(until)?;
        let view = RunView { recovered: Some(Arc::clone(&recovered)), ..self.view.clone() };
        let sources = open_sources(
            &view.plan,
            &view.options,
            Some(&recovered),
            view.options.follow,
            &view.left,
        )?;
        self.wait_while(false, || self.is_looking_ahead())?;
        let looking = self.ahead.lock().expect("no one panics with it").take();
        let ahead = looking.and_then(|thread| thread.join().ok()).unwrap_or_default();
        let writers = open_writers(&view, Vec::new(), Some(ahead))?;
        fault::point("outputs opened");
        self.wait_for(until, false)?;
        self.release();
        Ok(OpenedEnds { recovered, sources, writers })
    }

    /// Takes the place of the other run. The first process is the last to do so, since it opens ticks.
    ///
    /// # Errors
    /// Then nothing is known of what outputs were told: it is given up.
    pub fn go_live(self, opened: OpenedEnds) -> Result<Run, RunError> {
        match self.try_go_live(opened) {
            Ok((view, live)) => {
                let Successor { started, threads, process, workers, .. } = self;
                let running = RunningThreads { workers, threads, process, live };
                Ok(Run::of(view, started, running))
            }
            Err(error) => {
                self.give_up();
                Err(error)
            }
        }
    }

    fn try_go_live(&self, opened: OpenedEnds) -> Result<(RunView, LiveThreads), RunError> {
        let OpenedEnds { recovered, sources, writers } = opened;
        let (until, posts) = (recovered.until, sources.posts());
        let live = Some(Arc::clone(&self.process.live));
        let recovered = Some(recovered);
        let view = RunView { recovered, posts, live, ..self.view.clone() };
        let awaited = self.process.writers.hand_over(writers, &self.held, until, &view.failure);
        let feeds = sources.start(self.threads.waking())?;
        let live = go_live(&view, &self.process, feeds, Some(awaited))?;
        fault::point("taken over");
        self.threads.wake();
        tracing::info!("{}", announcement(&view.plan, &view.options));
        Ok((view, live))
    }

    /// Ends it: everything stays as it was. Other processes have given it up, or are to.
    pub fn give_up(self) {
        self.fail("it is given up");
        self.given_up.open();
        self.process.writers.close();
        self.release();
        std::thread::spawn(move || drop(self.workers.guards));
    }

    /// Nothing comes of it here: other processes take its silence for what it is.
    pub fn fail(&self, why: &str) {
        self.process.failure.set(why.to_owned());
        self.threads.wake();
    }
}

/// Begins to read what outputs hold while the other run writes them still; where that can't be, all is read later.
fn begin_reading_ahead(view: &RunView) -> Option<JoinHandle<OutputsAhead>> {
    let view = view.clone();
    let look = move || {
        priority::give_way();
        let recovered = view.recovered.as_ref().expect("only what is stored is read back");
        let durable = recovery::outputs(&view.plan, &view.options, recovered, true);
        sink::read_ahead(&view.plan, &durable)
    };
    std::thread::Builder::new().name("outputs".to_owned()).spawn(look).ok()
}

fn stopped() -> RunError {
    RunError::Workers("the run is being stopped".to_owned())
}
