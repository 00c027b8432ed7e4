//! A run as a user starts it: sources and sinks opened first, then the workers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::Thread;
use std::time::Instant;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use timely::CommunicationConfig;

use super::Clock;
use super::latency::new_histogram;
use super::report::Report;
use super::worker::{Process, work};
use crate::sink::{Failure, SinkError, Writers};
use crate::source::{self, SourceError};
use crate::spec::plan::Plan;

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
    #[error("{0}")]
    Workers(String),
}

/// Runs a plan until its inputs end or a signal asks to stop. The first process returns the report of
/// all; the others return `None`.
pub fn run(plan: Arc<Plan>, options: &Options) -> Result<Option<Report>, RunError> {
    let started = Instant::now();
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
    let config = timely::Config {
        communication: communication(options),
        worker: timely::WorkerConfig::default(),
    };
    let guards = timely::execute(config, move |worker| {
        let local = worker.index() % process.workers;
        let _ = threads[local].set(std::thread::current());
        let handed = handed.lock().expect("no one panics with it")[local].take();
        let (feed, writers) = handed.expect("each worker starts once");
        let worked = work(worker, &process, feed, writers);
        // The others of this process may be parked.
        wake();
        worked
    })
    .map_err(RunError::Workers)?;
    let mut reports = Vec::new();
    for result in guards.join() {
        reports.extend(result.map_err(RunError::Workers)?.map_err(RunError::Workers)?);
    }
    if let Some(failure) = failure.get() {
        return Err(RunError::Workers(failure.to_owned()));
    }
    let first = options.process == 0;
    Ok(first.then(|| Report::of(&plan, &reports, started.elapsed())))
}

fn communication(options: &Options) -> CommunicationConfig {
    match options.hosts.len() {
        0 | 1 if options.workers == 1 => CommunicationConfig::Thread,
        0 | 1 => CommunicationConfig::Process(options.workers),
        _ => CommunicationConfig::Cluster {
            threads: options.workers,
            process: options.process,
            addresses: options.hosts.clone(),
            report: false,
            zerocopy: false,
        },
    }
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
