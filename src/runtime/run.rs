//! A run as a user starts it: sources and sinks opened first, then the workers.
//!
//! What fails anywhere ends the run everywhere. A worker that failed can't bring its dataflow to an
//! end, and to the workers of other processes its silence must not look like one: so it stays as it
//! is, and the connections break when the process ends.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::Thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use timely::communication::WorkerGuards;
use timely::worker::Worker;

use super::Clock;
use super::latency::new_histogram;
use super::processes::{self, Watch};
use super::report::Report;
use super::worker::{Process, work};
use crate::sink::{Failure, SinkError, Writers};
use crate::source::{self, SourceError, said};
use crate::spec::plan::{Connector, Plan, Source};

/// How often a process that waits for others' goodbye looks whether they are still there.
const GOODBYE: Duration = Duration::from_millis(100);

/// How to run a plan.
#[derive(Clone, Debug)]
pub struct Options {
    pub clock: Clock,
    /// In each process.
    pub workers: usize,
    /// This process's number, counted from 0.
    pub process: usize,
    /// One `host:port` a process; empty for a single one.
    pub hosts: Vec<String>,
    /// Stop when all that there is has been read and sent.
    pub until_end: bool,
    /// Keep reading what is appended to files.
    pub follow: bool,
}

/// Why a run could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error(
        "--clock event follows the times of rows, and the rows of no source have any: name the \
         column that says when a row happened by `time`, or run with --clock wall"
    )]
    NoEventTimes,
    #[error("{0}")]
    Workers(String),
}

/// Runs a plan until its inputs end or a signal asks to stop. The first process returns the report of
/// all; the others return `None`.
pub fn run(plan: Arc<Plan>, options: &Options) -> Result<Option<Report>, RunError> {
    let started = Instant::now();
    if options.clock == Clock::Event && !plan.sources.iter().any(Source::has_event_times) {
        return Err(RunError::NoEventTimes);
    }
    let processes = options.hosts.len().max(1);
    let threads: Arc<Vec<OnceLock<Thread>>> =
        Arc::new((0..options.workers).map(|_| OnceLock::new()).collect());
    let wake = {
        let threads = Arc::clone(&threads);
        Arc::new(move || threads.iter().filter_map(OnceLock::get).for_each(Thread::unpark))
    };
    let source_options = source::Options {
        process: options.process,
        processes,
        workers: options.workers,
        until_end: options.until_end,
        follow: options.follow,
    };
    let feeds = source::start(&plan, &source_options, wake.clone())?;
    let failure = Failure::default();
    let writers = Writers::open(&plan, options.process, &failure)?;
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signals(Arc::clone(&stop), wake.clone())?;
    let watch = Watch { failure: failure.clone(), stop: Arc::clone(&stop), wake: wake.clone() };
    let Some((builders, others)) =
        processes::connect(&plan, options, &watch).map_err(RunError::Workers)?
    else {
        return Ok(None);
    };

    tracing::info!("{}", announcement(&plan, options));

    let process = Process {
        plan: Arc::clone(&plan),
        clock: options.clock,
        workers: options.workers,
        stop,
        failure: failure.clone(),
        rows: AtomicU64::new(0),
        latencies: Arc::new(Mutex::new(new_histogram())),
    };
    let handed: Mutex<Vec<_>> =
        Mutex::new(feeds.workers.into_iter().map(|feed| Some((feed, writers.clone()))).collect());
    drop(writers);
    let (sender, ended) = crossbeam_channel::unbounded();
    let work = move |worker: &mut Worker| {
        let local = worker.index() % process.workers;
        let _ = threads[local].set(std::thread::current());
        let handed = handed.lock().expect("no one panics with it")[local].take();
        let (feed, writers) = handed.expect("each worker starts once");
        let worked = catch_unwind(AssertUnwindSafe(|| work(worker, &process, feed, writers)));
        let worked = worked.unwrap_or_else(|panic| {
            let what = format!("worker {} broke down: {}", worker.index(), said(panic.as_ref()));
            process.failure.set(what.clone());
            Err(what)
        });
        let failed = worked.is_err();
        let _ = sender.send(worked);
        // The others of this process may be parked.
        wake();
        // The process ends by what was said: a worker that failed must not let go of timely before.
        if failed {
            loop {
                std::thread::park();
            }
        }
    };
    let config = timely::WorkerConfig::default();
    let guards =
        timely::execute::execute_from(builders, others, config, work).map_err(RunError::Workers)?;
    let mut reports = Vec::new();
    for _ in 0..options.workers {
        match ended.recv().expect("a worker says how it ended") {
            Ok(of_worker) => reports.extend(of_worker),
            Err(why) => {
                std::mem::forget(guards);
                return Err(RunError::Workers(failure.get().map_or(why, str::to_owned)));
            }
        }
    }
    if processes > 1 {
        part(guards, &failure);
    } else {
        // There is nobody to say goodbye to, and what workers held need not be taken apart.
        std::mem::forget(guards);
    }
    let first = options.process == 0;
    Ok(first.then(|| Report::of(&plan, &reports, started.elapsed())))
}

/// What a run is about to do.
fn announcement(plan: &Plan, options: &Options) -> String {
    let counted = |number: usize, what: &str| match number {
        1 => format!("1 {what}"),
        number => format!("{number} {what}s"),
    };
    let process = match options.hosts.len() {
        0 | 1 => String::new(),
        processes => format!(" in process {} (of {processes})", options.process),
    };
    let is_file = |source: &Source| matches!(source.connector, Connector::Files { .. });
    let ends = options.until_end || (!options.follow && plan.sources.iter().all(is_file));
    let until = if ends { "to the end of what there is" } else { "until Ctrl-C stops it" };
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

/// The first signal ends the reading, and the run once all is sent; the second ends the process.
fn stop_on_signals(
    stop: Arc<AtomicBool>,
    wake: Arc<dyn Fn() + Send + Sync>,
) -> Result<(), RunError> {
    let mut signals = Signals::new([SIGINT, SIGTERM])
        .map_err(|error| RunError::Workers(format!("signals can't be handled: {error}")))?;
    let spawned = std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            if stop.swap(true, Ordering::Relaxed) {
                std::process::exit(128 + signal);
            }
            tracing::info!("stopping: what has been read is being sent; again to stop at once");
            wake();
        }
    });
    spawned.map_err(|error| RunError::Workers(format!("a thread can't start: {error}")))?;
    Ok(())
}
