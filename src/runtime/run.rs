//! A run: sources and sinks opened first, then the workers, then what became of it.
//!
//! What fails anywhere ends the run everywhere. A worker that failed can't bring its dataflow to an
//! end, and to the workers of other processes its silence must not look like one: where there are others it
//! stays as it is, and the connections break when the process ends.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use timely::communication::WorkerGuards;

use super::dataflow::Attached;
use super::durable::{ProcessStore, StoreThreads};
use super::greeting::MeetingPurpose;
use super::leftover::Leftover;
use super::options::{RunError, RunOptions};
use super::process::{HandedOver, Process};
use super::progress::{Telling, begin};
use super::report::Report;
use super::run_view::RunView;
use super::stop::{RunEnd, Stop, StopCause};
use super::workers::{RunningWorkers, UnstartedWorkers, WorkerThreads};
use super::{Clock, overlap, recovery};
use crate::console::counted;
use crate::plan::{Plan, Source};
use crate::sink::{
    AwaitedAcknowledgement, Failure, Observer, OutputTicks, OutputsAhead, ProgramFunction,
    SinkError, Writers,
};
use crate::source::{self, Feeds, LeftFiles, OpenedSources, ReadingThreads, SourceOptions};
use crate::store::{Recovered, StoreError};
use crate::time::Tick;

/// What became of a run.
#[derive(Clone, Debug)]
pub struct Ended {
    pub end: RunEnd,
    /// The first process has the report of all; the others have none, nor has a run that never began.
    pub report: Option<Report>,
}

/// A run that has started.
pub struct Run {
    view: RunView,
    started: Instant,
    /// `None`: it was asked to stop before all processes were there.
    running: Option<RunningThreads>,
}

pub(super) struct RunningThreads {
    pub workers: RunningWorkers,
    pub threads: WorkerThreads,
    pub process: Arc<Process>,
    pub live: LiveThreads,
}

/// What a run has from when its sources are read.
pub(super) struct LiveThreads {
    telling: Telling,
    store: Option<StoreThreads>,
    /// Those that read stop when this is dropped.
    _reading: ReadingThreads,
}

impl Run {
    /// Starts a run. `stoppable` is given what to ask to stop, once the sources are open: before, there is
    /// nothing to bring to an end. `functions` take the records of outputs, by their numbers, that go to the
    /// program. `finish` brings to its end what an earlier run had begun in the folder, and says whether there was anything.
    pub fn start(
        plan: Arc<Plan>,
        options: RunOptions,
        finish: impl FnOnce(&Recovered) -> Result<bool, StoreError>,
        stoppable: impl FnOnce(&Stop) -> Result<(), String>,
        attached: Option<Attached>,
        functions: Vec<(usize, ProgramFunction)>,
        observer: Option<Arc<dyn Observer>>,
    ) -> Result<Self, RunError> {
        if options.clock == Clock::Event && !plan.sources.iter().any(Source::has_event_times) {
            return Err(RunError::NoEventTimes);
        }
        overlap::check_data(&plan, &options)?;
        let mut recovered = recovery::recover(&plan, &options, finish)?;
        if attached.is_some() {
            // What is attached may look at rows.
            recovered.iter_mut().for_each(|recovered| recovered.checkpoint = None);
        }
        let recovered = recovered.map(Arc::new);
        let threads = WorkerThreads::new(options.workers);
        let stop = Stop::new(threads.waking());
        let failure = Failure::default();
        let (peers, posts, live, left) = (None, None, None, LeftFiles::default());
        let view = RunView { plan, options, stop, failure, recovered, peers, posts, live, left };
        Run::begin(view, threads, stoppable, attached, functions, observer, MeetingPurpose::Run)
    }

    /// Starts what ran before again, in place of a run that could not take its place in a change of this number.
    pub fn start_again(
        of: &RunView,
        change: u64,
        observer: Option<Arc<dyn Observer>>,
    ) -> Result<Self, RunError> {
        let recovered = of.recovered.as_ref().map(|recovered| recovered.again()).transpose()?;
        let threads = WorkerThreads::new(of.options.workers);
        let stop = of.stop.of_successor(threads.waking());
        let recovered = recovered.map(|mut recovered| {
            recovery::begin(&mut recovered, &of.plan, &of.options);
            // Nobody else writes into the folder.
            recovered.release();
            Arc::new(recovered)
        });
        let view = RunView { stop, failure: Failure::default(), recovered, ..of.clone() };
        let meeting = MeetingPurpose::Again(change);
        Run::begin(view, threads, |_| Ok(()), None, Vec::new(), observer, meeting)
    }

    fn begin(
        mut view: RunView,
        threads: WorkerThreads,
        stoppable: impl FnOnce(&Stop) -> Result<(), String>,
        attached: Option<Attached>,
        functions: Vec<(usize, ProgramFunction)>,
        observer: Option<Arc<dyn Observer>>,
        meeting: MeetingPurpose,
    ) -> Result<Self, RunError> {
        let started = Instant::now();
        let (plan, options) = (&view.plan, &view.options);
        let sources =
            open_sources(plan, options, view.recovered.as_deref(), options.follow, &view.left)?;
        view.posts = sources.posts();
        stoppable(&view.stop).map_err(RunError::Workers)?;
        let watch = view.watch(threads.waking());
        let Some(timely_workers) = view.meet(&watch, meeting)? else {
            return Ok(Run { view, started, running: None });
        };
        let timely_workers = UnstartedWorkers::new(timely_workers);
        let RunView { plan, options, stop, failure, recovered, .. } = &view;
        let recovered = recovered.as_deref();
        // Last of all: whatever fails before leaves them as they are.
        let writers = match open_writers(&view, functions, None) {
            Err(RunError::Sink(SinkError::Stopped)) => {
                return Ok(Run { view, started, running: None });
            }
            opened => opened?.observed(observer, view.options.is_served(&view.plan)),
        };
        let process = Process::new(plan, options, (stop, failure), writers, recovered);
        let process = Arc::new(Process { attached, ..process });
        let feeds = sources.start(threads.waking())?;
        recovery::announce(plan, options, recovered);
        let threads_of = go_live(&view, &process, feeds, None)?;
        tracing::info!("{}", announcement(plan, options));
        let stay = options.stay;
        let stay =
            (options.hosts.len() > 1).then_some(Arc::new(move || -> () { stay() }) as Arc<_>);
        let workers = RunningWorkers::start(
            Arc::clone(&process),
            threads.clone(),
            timely_workers.take(),
            stay,
        );
        let workers = workers.map_err(RunError::Workers)?;
        let live = Some(Arc::clone(&process.live));
        let running = Some(RunningThreads { workers, threads, process, live: threads_of });
        Ok(Run { view: RunView { live, ..view }, started, running })
    }

    /// A run that was built beside another one, and has taken its place.
    pub(super) fn of(view: RunView, started: Instant, running: RunningThreads) -> Self {
        Run { view, started, running: Some(running) }
    }

    pub fn view(&self) -> &RunView {
        &self.view
    }

    /// Says, whenever it is asked, whether its outputs hold what the history comes to.
    pub fn settled(&self) -> impl Fn() -> bool + Send + use<> {
        let process = self.running.as_ref().map(|running| Arc::clone(&running.process));
        move || {
            let handed = process.as_ref().and_then(|process| process.handed.get());
            !handed.is_some_and(HandedOver::is_settling)
        }
    }

    /// Wakes workers that wait, since there is something new for them.
    pub fn wake(&self) {
        self.running.iter().for_each(|running| running.threads.wake());
    }

    /// Waits for the end, and takes apart what the workers held.
    pub fn wait(self) -> Result<Ended, RunError> {
        let (ended, leftover) = self.join();
        leftover.take_apart();
        ended
    }

    /// Waits for the end. What the workers held is left.
    pub fn join(self) -> (Result<Ended, RunError>, Leftover) {
        let processes = self.view.options.hosts.len();
        let failure = self.view.failure.clone();
        let (ended, guards) = self.end();
        let is_last = ended.is_err() || processes < 2;
        (ended, Leftover::of(guards, (!is_last).then_some(failure)))
    }

    fn end(self) -> (Result<Ended, RunError>, Option<WorkerGuards<()>>) {
        let Run { view, started, running } = self;
        let RunView { plan, options, stop, failure, recovered, .. } = view;
        let end_of = |was_cut| RunEnd::of(stop.asked(), options.ends(&plan), was_cut);
        let Some(running) = running else {
            return (Ok(Ended { end: end_of(true), report: None }), None);
        };
        let RunningThreads { workers: RunningWorkers { ended, guards }, process, live, .. } =
            running;
        let (mut reports, mut was_cut) = (Vec::new(), false);
        for _ in 0..options.workers {
            match ended.recv().expect("a worker says how it ended") {
                Ok(worked) => {
                    reports.extend(worked.reports);
                    was_cut |= worked.was_cut;
                }
                Err(why) => {
                    let why = failure.get().map_or(why, str::to_owned);
                    return (Err(RunError::Workers(why)), Some(guards));
                }
            }
        }
        let LiveThreads { telling, store, _reading } = live;
        drop(telling);
        // A run that was stopped before it said anything has not taken another's place.
        let end = end_of(was_cut);
        let writers = &process.writers;
        if end == RunEnd::Reached || store.is_none() || stop.is_replaced() {
            writers.wait_for_services(&plan, &|| failure.get().is_none());
        }
        let committed = process.settled_before(Tick::MAX);
        if end == RunEnd::Reached {
            writers.finish();
        }
        match store {
            Some(store) if stop.is_replaced() => store.leave(),
            Some(store) => store.close(committed),
            None => {}
        }
        if !stop.is_replaced() {
            recovered.iter().for_each(|of| of.folder.release());
        }
        if stop.is_replaced() {
            process.writers.close();
        }
        if let Some(why) = failure.get() {
            return (Err(RunError::Workers(why.to_owned())), Some(guards));
        }
        let first = options.process == 0;
        let pending = process.live.under_way.iter().map(OutputTicks::records).collect();
        let records = (process.live.sent(), pending);
        let report = first.then(|| Report::of(&plan, &reports, records, started.elapsed()));
        (Ok(Ended { end, report }), Some(guards))
    }
}

/// Whether a plan's sources and outputs can be opened in place of what runs, as far as that can be known while it
/// does: those that are new or another are looked for.
pub fn preflight(of: &RunView, plan: &Arc<Plan>, options: &RunOptions) -> Result<(), RunError> {
    if options.clock == Clock::Event && !plan.sources.iter().any(Source::has_event_times) {
        return Err(RunError::NoEventTimes);
    }
    recovery::check(plan)?;
    overlap::check_data(plan, options)?;
    let mut trial = Plan::clone(plan);
    trial.sources.retain(|source| {
        let before = of.plan.sources.iter().find(|before| before.name == source.name);
        before.is_none_or(|before| before.connector.to_string() != source.connector.to_string())
    });
    // Nobody looks at its log: a pattern that no file matches is taken for a mistake.
    let (trial, nothing) = (Arc::new(trial), LeftFiles::default());
    open_sources(&trial, options, of.recovered.as_deref(), false, &nothing).map(drop)
}

/// Finds the sources of a run, from where they are read on; `awaits`: patterns that no file matches yet are waited for.
pub(super) fn open_sources(
    plan: &Arc<Plan>,
    options: &RunOptions,
    recovered: Option<&Recovered>,
    awaits: bool,
    left: &LeftFiles,
) -> Result<OpenedSources, RunError> {
    let source_options = SourceOptions {
        process: options.process,
        processes: options.hosts.len().max(1),
        workers: options.workers,
        until_end: options.until_end,
        follow: options.follow,
        awaits,
        from_start: options.from_start,
        remembers: options.follow || options.data.is_some(),
        positions: recovered.map(|of| Arc::new(of.positions.clone())).unwrap_or_default(),
        left: left.clone(),
    };
    let sources = source::open(plan, &source_options)?;
    if options.process == 0 {
        overlap::check(plan, options, &sources)?;
    }
    Ok(sources)
}

/// Opens the outputs of a run. What the history comes to may come to them at once.
pub(super) fn open_writers(
    view: &RunView,
    functions: Vec<(usize, ProgramFunction)>,
    ahead: Option<OutputsAhead>,
) -> Result<Writers, RunError> {
    let RunView { plan, options, stop, failure, recovered, .. } = view;
    let when_left: Arc<dyn Fn() + Send + Sync> = {
        let stop = stop.clone();
        Arc::new(move || {
            stop.ask(StopCause::Left);
        })
    };
    let comes_at_once = ahead.is_some();
    let durable = recovered.as_ref().map(|of| recovery::outputs(plan, options, of, comes_at_once));
    let durable = durable.map(|durable| (durable, ahead.unwrap_or_default()));
    let stopped = || stop.asked().is_some();
    let (process, when_left) = (options.process, &when_left);
    Ok(Writers::open(plan, process, failure, when_left, &stopped, functions, durable)?)
}

/// Hands a run its sources and its store.
pub(super) fn go_live(
    view: &RunView,
    process: &Process,
    feeds: Feeds,
    difference: Option<AwaitedAcknowledgement>,
) -> Result<LiveThreads, RunError> {
    let RunView { plan, options, recovered, .. } = view;
    let Feeds { workers, bytes, lags, readers } = feeds;
    // It comes once.
    let _ = process.live.lags.set(lags);
    let when_lost = || {
        let (failure, stop) = (view.failure.clone(), view.stop.clone());
        Box::new(move |why: &str| {
            failure.set(why.to_owned());
            stop.wake();
        })
    };
    let start = |of: &Arc<Recovered>| {
        let header = recovery::header(plan, options, of);
        let definition = recovery::meaning(plan, options);
        let (of, news) = (Arc::clone(of), readers.durable());
        ProcessStore::start(header, definition, plan, of, news, when_lost())
    };
    if let Some(mirror) = recovered.as_ref().and_then(|of| of.folder.mirror()) {
        mirror.when_lost(when_lost());
    }
    let (store, threads) = recovered.as_ref().map(start).transpose()?.unzip();
    if let (Some(place), Some(store)) = (&process.store, store) {
        place.set(store);
    }
    if let Some(recovered) = recovered {
        // What a checkpoint holds is not read back row by row.
        let begins = recovered.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.of.tick);
        process.live.replayed.store(begins, Ordering::Relaxed);
        process.live.history.store(recovered.until, Ordering::Relaxed);
        process.rounds.add(Arc::clone(recovered));
    }
    assert!(process.handed.set(HandedOver::new(workers, difference)).is_ok(), "handed over once");
    let amounts = Arc::clone(&process.amounts);
    let telling = begin(options.progress, &plan.name, amounts, bytes, plan.target_latency);
    Ok(LiveThreads { telling, store: threads, _reading: readers })
}

/// What a run is about to do.
pub(super) fn announcement(plan: &Plan, options: &RunOptions) -> String {
    let process = match options.hosts.len() {
        0 | 1 => String::new(),
        processes => format!(" in process {} (of {processes})", options.process),
    };
    let until =
        if options.ends(plan) { "to the end of what there is" } else { "until Ctrl-C stops it" };
    format!(
        "{} runs with {}{process}: {} to {}, {until}",
        plan.name,
        counted(options.workers, "worker", "workers"),
        counted(plan.sources.len(), "source", "sources"),
        counted(plan.outputs.len(), "output", "outputs"),
    )
}
