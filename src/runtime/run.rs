//! A run: sources and sinks opened first, then the workers, then what became of it.
//!
//! What fails anywhere ends the run everywhere. A worker that failed can't bring its dataflow to an
//! end, and to the workers of other processes its silence must not look like one: where there are others it
//! stays as it is, and the connections break when the process ends.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use timely::communication::WorkerGuards;
use timely::worker::Worker;

use super::beginnings::Beginnings;
use super::dataflow::Attached;
use super::durable::{ProcessStore, StoreThreads};
use super::live::{Live, SharedLive};
use super::options::{RunError, RunOptions};
use super::processes::{self, ProcessWatch};
use super::progress::{Amounts, Telling, tell};
use super::report::Report;
use super::stop::{RunEnd, Stop, StopCause};
use super::worker::{Process, Worked, work};
use super::{Clock, overlap, recovery};
use crate::plan::{Plan, Source};
use crate::sink::{Failure, Observer, ProgramFunction, SinkError, Writers};
use crate::source::{self, Posts, ReadingThreads, said};
use crate::store::Recovered;

/// How often a process that waits for others' goodbye looks whether they are still there.
const GOODBYE: Duration = Duration::from_millis(100);

/// What became of a run.
#[derive(Clone, Debug)]
pub struct Ended {
    pub end: RunEnd,
    /// The first process has the report of all; the others have none, nor has a run that never began.
    pub report: Option<Report>,
}

/// A run that has started.
pub struct Run {
    plan: Arc<Plan>,
    options: RunOptions,
    started: Instant,
    pub stop: Stop,
    pub failure: Failure,
    /// Where rows are posted to, where some source takes any.
    pub posts: Option<Posts>,
    /// What it lets others see, once it runs.
    pub live: Option<SharedLive>,
    /// `None`: it was asked to stop before all processes were there.
    running: Option<RunningThreads>,
}

struct RunningThreads {
    ended: Receiver<Result<Worked, String>>,
    guards: WorkerGuards<()>,
    /// Those that read stop when this is dropped.
    _reading: ReadingThreads,
    telling: Telling,
    writers: Writers,
    store: Option<StoreThreads>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Run {
    /// Starts a run. `stoppable` is given what to ask to stop, once the sources are open: before, there is
    /// nothing to bring to an end. `functions` take the records of outputs, by their numbers, that go to the
    /// program; the observer sees all records of this process.
    pub fn start(
        plan: Arc<Plan>,
        options: RunOptions,
        stoppable: impl FnOnce(&Stop) -> Result<(), String>,
        attached: Option<Attached>,
        functions: Vec<(usize, ProgramFunction)>,
        observer: Option<Arc<dyn Observer>>,
    ) -> Result<Self, RunError> {
        let started = Instant::now();
        if options.clock == Clock::Event && !plan.sources.iter().any(Source::has_event_times) {
            return Err(RunError::NoEventTimes);
        }
        let threads: Arc<Vec<OnceLock<Thread>>> =
            Arc::new((0..options.workers).map(|_| OnceLock::new()).collect());
        let wake: Arc<dyn Fn() + Send + Sync> = {
            let threads = Arc::clone(&threads);
            Arc::new(move || threads.iter().filter_map(OnceLock::get).for_each(Thread::unpark))
        };
        let mut recovered = recovery::recover(&plan, &options)?;
        if attached.is_some() {
            // What is attached may look at rows.
            recovered.iter_mut().for_each(|recovered| recovered.checkpoint = None);
        }
        let source_options = source::SourceOptions {
            process: options.process,
            processes: options.hosts.len().max(1),
            workers: options.workers,
            until_end: options.until_end,
            follow: options.follow,
            from_start: options.from_start,
            positions: recovered
                .as_ref()
                .map(|of| Arc::new(of.positions.clone()))
                .unwrap_or_default(),
        };
        let sources = source::open(&plan, &source_options)?;
        if options.process == 0 {
            overlap::check(&plan, &options, &sources)?;
        }
        let (failure, posts) = (Failure::default(), sources.posts());
        let stop = Stop::new(Arc::clone(&wake));
        stoppable(&stop).map_err(RunError::Workers)?;
        let mut run =
            Run { plan, options, started, stop, failure, posts, live: None, running: None };
        let (plan, options) = (&run.plan, &run.options);
        let watch = ProcessWatch {
            failure: run.failure.clone(),
            stop: run.stop.clone(),
            wake: Arc::clone(&wake),
            stay: options.stay,
        };
        let connected = processes::connect(plan, options, recovered.as_ref(), &watch)
            .map_err(RunError::Workers)?;
        let Some((builders, others)) = connected else { return Ok(run) };
        // Last of all: whatever fails before leaves them as they are.
        let when_left: Arc<dyn Fn() + Send + Sync> = {
            let stop = run.stop.clone();
            Arc::new(move || {
                stop.ask(StopCause::Left);
            })
        };
        let durable = recovered.as_ref().map(|of| recovery::outputs(plan, options, of));
        let opened = Writers::open(
            plan,
            options.process,
            &run.failure,
            &when_left,
            &|| run.stop.asked().is_some(),
            functions,
            durable,
        );
        let writers = match opened {
            Err(SinkError::Stopped) => return Ok(run),
            opened => opened?.observed(observer),
        };
        let feeds = sources.start(Arc::clone(&wake))?;
        recovery::announce(plan, options, recovered.as_ref());
        let header = |of: &Recovered| recovery::header(plan, options, of);
        let start = |of| {
            let definition = recovery::meaning(plan, options);
            ProcessStore::start(header(&of), definition, of, feeds.readers.durable())
        };
        let started = recovered.map(start).transpose()?;
        let (store, store_threads) = started.unzip();

        tracing::info!("{}", announcement(plan, options));

        let amounts = Arc::new(Amounts::default());
        let mut live = Live::new(plan, options.workers, Arc::clone(&writers.under_way));
        live.lags = feeds.lags.clone();
        live.data = store.as_ref().map(|store| store.recovered.folder.root.clone());
        let live = Arc::new(live);
        let history = store.as_ref().map_or(0, |store| store.recovered.until);
        live.history.store(history, Ordering::Relaxed);
        let process = Process {
            plan: Arc::clone(plan),
            clock: options.clock,
            workers: options.workers,
            stop: run.stop.clone(),
            failure: run.failure.clone(),
            amounts: Arc::clone(&amounts),
            live: Arc::clone(&live),
            beginnings: Beginnings::new(plan, options.workers),
            attached,
            store,
            committed: writers.committed(),
            stays: !options.ends(plan),
        };
        let handed = feeds.workers.into_iter().map(|feed| Some((feed, writers.clone())));
        let handed: Mutex<Vec<_>> = Mutex::new(handed.collect());
        let telling = tell(options.progress, &plan.name, amounts, feeds.bytes, plan.target_latency);
        let (sender, ended) = crossbeam_channel::unbounded();
        let stay = (options.hosts.len() > 1).then_some(options.stay);
        let wake_others = Arc::clone(&wake);
        let work = move |worker: &mut Worker| {
            let local = worker.index() % process.workers;
            let _ = threads[local].set(std::thread::current());
            let handed = handed.lock().expect("no one panics with it")[local].take();
            let (feed, writers) = handed.expect("each worker starts once");
            let worked = catch_unwind(AssertUnwindSafe(|| work(worker, &process, feed, writers)));
            let worked = worked.unwrap_or_else(|panic| {
                let what =
                    format!("worker {} broke down: {}", worker.index(), said(panic.as_ref()));
                process.failure.set(what.clone());
                Err(what)
            });
            let failed = worked.is_err();
            let _ = sender.send(worked);
            // The others of this process may be parked.
            wake_others();
            if let (true, Some(stay)) = (failed, stay) {
                stay();
            }
            // What failed has no end that could be waited for.
            if failed {
                let all = worker.installed_dataflows();
                all.into_iter().for_each(|dataflow| worker.drop_dataflow(dataflow));
            }
        };
        let config = timely::WorkerConfig::default();
        let guards = timely::execute::execute_from(builders, others, config, work)
            .map_err(RunError::Workers)?;
        let _reading = feeds.readers;
        run.live = Some(live);
        run.running = Some(RunningThreads {
            ended,
            guards,
            _reading,
            telling,
            writers,
            store: store_threads,
            wake,
        });
        Ok(run)
    }

    /// Wakes workers that wait, since there is something new for them.
    pub fn wake(&self) {
        self.running.iter().for_each(|running| (running.wake)());
    }

    /// Waits for the end, and takes apart what the workers held.
    pub fn wait(self) -> Result<Ended, RunError> {
        let (ended, guards) = self.end();
        drop(guards);
        ended
    }

    /// As [`Run::wait`], and leaves to the end of the process what the workers held: it takes long to take
    /// apart.
    pub fn wait_and_leave(self) -> Result<Ended, RunError> {
        let processes = self.options.hosts.len();
        let failure = self.failure.clone();
        let (ended, guards) = self.end();
        match (guards, &ended) {
            (Some(guards), Ok(_)) if processes > 1 => part(guards, &failure),
            (guards, _) => std::mem::forget(guards),
        }
        ended
    }

    fn end(self) -> (Result<Ended, RunError>, Option<WorkerGuards<()>>) {
        let Run { plan, options, started, stop, failure, running, .. } = self;
        let end_of = |was_cut| RunEnd::of(stop.asked(), options.ends(&plan), was_cut);
        let Some(running) = running else {
            return (Ok(Ended { end: end_of(true), report: None }), None);
        };
        let (mut reports, mut was_cut) = (Vec::new(), false);
        for _ in 0..options.workers {
            match running.ended.recv().expect("a worker says how it ended") {
                Ok(worked) => {
                    reports.extend(worked.reports);
                    was_cut |= worked.was_cut;
                }
                Err(why) => {
                    let why = failure.get().map_or(why, str::to_owned);
                    return (Err(RunError::Workers(why)), Some(running.guards));
                }
            }
        }
        drop(running.telling);
        // A run that was stopped before it said anything has not taken another's place.
        let end = end_of(was_cut);
        if end == RunEnd::Reached {
            running.writers.finish();
        }
        if let Some(store) = running.store {
            store.close();
        }
        let first = options.process == 0;
        let report = first.then(|| Report::of(&plan, &reports, started.elapsed()));
        (Ok(Ended { end, report }), Some(running.guards))
    }
}

/// What a run is about to do.
fn announcement(plan: &Plan, options: &RunOptions) -> String {
    let counted = |number: usize, what: &str| match number {
        1 => format!("1 {what}"),
        number => format!("{number} {what}s"),
    };
    let process = match options.hosts.len() {
        0 | 1 => String::new(),
        processes => format!(" in process {} (of {processes})", options.process),
    };
    let until =
        if options.ends(plan) { "to the end of what there is" } else { "until Ctrl-C stops it" };
    format!(
        "{} runs with {}{process}: {} to {}, {until}",
        plan.name,
        counted(options.workers, "worker"),
        counted(plan.sources.len(), "source"),
        counted(plan.outputs.len(), "output"),
    )
}

/// Says goodbye to the other processes. All that there was to do is done: if one is lost just now,
/// there is nobody left to say it to.
fn part(guards: WorkerGuards<()>, failure: &Failure) {
    let (sender, parted) = crossbeam_channel::bounded(0);
    std::thread::spawn(move || {
        drop(guards);
        let _ = sender.send(());
    });
    while failure.get().is_none() && parted.recv_timeout(GOODBYE).is_err() {}
}
