//! A run as a user starts it: sources and sinks opened first, then the workers.
//!
//! What fails anywhere ends the run everywhere. A worker that failed can't bring its dataflow to an
//! end, and to the workers of other processes its silence must not look like one: so it stays as it
//! is, and the connections break when the process ends.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::Thread;
use std::time::{Duration, Instant};

use signal_hook::consts::SIGPIPE;
use timely::communication::WorkerGuards;
use timely::worker::Worker;

use super::beginnings::Beginnings;
use super::options::{RunError, RunOptions};
use super::processes::{self, ProcessWatch};
use super::progress::{Amounts, tell};
use super::report::Report;
use super::stop::{RunEnd, Stop};
use super::worker::{Process, work};
use super::{Clock, apart};
use crate::plan::{Plan, Source};
use crate::sink::{Failure, Writers};
use crate::source::{self, said};

/// How often a process that waits for others' goodbye looks whether they are still there.
const GOODBYE: Duration = Duration::from_millis(100);

/// What became of a run.
#[derive(Debug)]
pub struct Ended {
    pub end: RunEnd,
    /// The first process has the report of all; the others have none, nor has a run that never began.
    pub report: Option<Report>,
}

/// Runs a plan until its inputs end or somebody asks to stop. `stoppable` is given what to ask, once the
/// sources are open: before, there is nothing to bring to an end.
pub fn run(
    plan: Arc<Plan>,
    options: &RunOptions,
    stoppable: impl FnOnce(&Stop) -> Result<(), String>,
) -> Result<Ended, RunError> {
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
    let source_options = source::SourceOptions {
        process: options.process,
        processes,
        workers: options.workers,
        until_end: options.until_end,
        follow: options.follow,
        from_start: options.from_start,
    };
    let sources = source::open(&plan, &source_options)?;
    if options.process == 0 {
        apart::check(&plan, options, &sources)?;
    }
    let failure = Failure::default();
    let stop = Stop::new(wake.clone());
    stoppable(&stop).map_err(RunError::Workers)?;
    let end = |was_cut: bool| match (stop.asked(), options.ends(&plan)) {
        // What was yet to be sent has nobody to go to, whether all was read or not.
        (Some(SIGPIPE), _) => RunEnd::Interrupted(SIGPIPE),
        (Some(signal), false) => RunEnd::Stopped(signal),
        (Some(signal), true) if was_cut => RunEnd::Interrupted(signal),
        _ => RunEnd::Reached,
    };
    let watch = ProcessWatch { failure: failure.clone(), stop: stop.clone(), wake: wake.clone() };
    let Some((builders, others)) =
        processes::connect(&plan, options, &watch).map_err(RunError::Workers)?
    else {
        return Ok(Ended { end: end(true), report: None });
    };
    // Last of all: whatever fails before leaves them as they are.
    let when_left: Arc<dyn Fn() + Send + Sync> = {
        let stop = stop.clone();
        Arc::new(move || {
            stop.ask(SIGPIPE);
        })
    };
    let writers = Writers::open(&plan, options.process, &failure, &when_left)?;
    let feeds = sources.start(wake.clone())?;

    tracing::info!("{}", announcement(&plan, options));

    let amounts = Arc::new(Amounts::default());
    let process = Process {
        plan: Arc::clone(&plan),
        clock: options.clock,
        workers: options.workers,
        stop: stop.clone(),
        failure: failure.clone(),
        amounts: Arc::clone(&amounts),
        beginnings: Beginnings::new(&plan, options.workers),
    };
    let handed: Mutex<Vec<_>> =
        Mutex::new(feeds.workers.into_iter().map(|feed| Some((feed, writers.clone()))).collect());
    let telling = tell(options.progress, &plan.name, amounts, feeds.bytes, plan.target_latency);
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
    let (mut reports, mut was_cut) = (Vec::new(), false);
    for _ in 0..options.workers {
        match ended.recv().expect("a worker says how it ended") {
            Ok(worked) => {
                reports.extend(worked.reports);
                was_cut |= worked.was_cut;
            }
            Err(why) => {
                std::mem::forget(guards);
                return Err(RunError::Workers(failure.get().map_or(why, str::to_owned)));
            }
        }
    }
    drop(telling);
    if processes > 1 {
        part(guards, &failure);
    } else {
        // There is nobody to say goodbye to, and what workers held need not be taken apart.
        std::mem::forget(guards);
    }
    // A run that was stopped before it said anything has not taken another's place.
    let end = end(was_cut);
    if end == RunEnd::Reached {
        writers.finish();
    }
    let first = options.process == 0;
    let report = first.then(|| Report::of(&plan, &reports, started.elapsed()));
    Ok(Ended { end, report })
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
