//! One worker's life: take in, request a tick, step, park.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use timely::worker::Worker;

use super::Clock;
use super::beginnings::Beginnings;
use super::checkpoint::Pace;
use super::dataflow::{Attached, Beside, Dataflow};
use super::durable::ProcessStore;
use super::latency::Latencies;
use super::leader::Leader;
use super::live::{Frontiers, SharedLive};
use super::progress::Amounts;
use super::replay::{Replay, ReplayLead};
use super::report::WorkerReport;
use super::requests::{Request, Requests};
use super::stop::Stop;
use crate::decode::Decoder;
use crate::plan::Plan;
use crate::sink::{Failure, Writers};
use crate::source::{Feed, Next, Ticket};
use crate::time::{Tick, wall_clock};

/// How long a worker may decode before it steps the dataflow.
const DECODING: Duration = Duration::from_millis(3);
/// How long an idle worker parks at most; it is woken when something arrives.
const IDLE: Duration = Duration::from_millis(500);
/// How often a worker lets others know how long its rows took.
const SHARING: Duration = Duration::from_millis(500);

/// What the workers of a process share.
pub struct Process {
    pub plan: Arc<Plan>,
    pub clock: Clock,
    pub workers: usize,
    pub stop: Stop,
    pub failure: Failure,
    pub amounts: Arc<Amounts>,
    pub live: SharedLive,
    pub beginnings: Beginnings,
    pub attached: Option<Attached>,
    pub store: Option<ProcessStore>,
    /// Ticks of the history that outputs were committed at.
    pub committed: Vec<Tick>,
    /// When all is read, it goes on until it is stopped.
    pub stays: bool,
}

impl Process {
    /// What can't be read again (standard input, rows that a program pushes) is counted anew in each run: its rows come
    /// behind those that earlier runs took.
    fn part_of_run(&self) -> u32 {
        let run = self.store.as_ref().map_or(1, |store| store.recovered.next_run);
        u32::try_from(run - 1).unwrap_or(u32::MAX)
    }
}

/// What a worker comes to.
pub struct Worked {
    /// The reports of all workers, on the first one.
    pub reports: Vec<WorkerReport>,
    /// Whether some worker stopped before it had read all that it was to read.
    pub was_cut: bool,
}

/// Runs one worker until everything is read and sent.
pub fn work(
    worker: &mut Worker,
    process: &Process,
    mut feed: Feed,
    writers: Writers,
) -> Result<Worked, String> {
    let plan = &process.plan;
    let mut requests = Requests::build(worker);
    let store = process.store.as_ref();
    let beginning = store.and_then(|store| store.beginning.as_ref());
    let is_restored = beginning.is_some();
    let beside = Beside { attached: process.attached.as_ref(), store, is_restored };
    let mut dataflow =
        Dataflow::build(worker, plan, process.clock, writers.clone(), process.workers, beside);
    let (index, peers) = (worker.index(), worker.peers());
    let recovered = store.map(|store| &*store.recovered);
    let mut leader = (index == 0).then(|| {
        let stops = process.committed.clone();
        let replay = recovered.and_then(|of| ReplayLead::new(of, beginning, peers, stops));
        let pace = store.map(|store| Pace::new(Arc::clone(&store.checkpoints.took)));
        Leader::new(
            peers,
            writers.may_wait(),
            recovered.map_or(0, |recovered| recovered.until),
            replay,
            pace,
            Arc::clone(&process.live),
        )
    });
    dataflow.inbox.borrow_mut().is_stored = recovered.is_some();
    dataflow.inbox.borrow_mut().live = Some(Arc::clone(&process.live));
    dataflow.inbox.borrow_mut().replay =
        recovered.and_then(|of| Replay::new(plan, of, beginning, index, peers));
    let decoder = |source| {
        let decoder = Decoder::new(Arc::clone(plan), source);
        match recovered {
            Some(recovered) => decoder.storing().without(&recovered.suppressed),
            None => decoder,
        }
    };
    let mut decoders: Vec<Decoder> = (0..plan.sources.len()).map(decoder).collect();
    let mut latencies = Latencies::default();
    let mut shared = Instant::now();
    let mut state = InputState::Open;
    // The ticks that had been taken from the inbox when this worker last requested one.
    let mut requested: Option<u64> = None;
    let mut stop_told = false;
    while !dataflow.has_ended() {
        if let Some(failure) = process.failure.get() {
            return Err(failure.to_owned());
        }
        match (requests.stopped(), process.stop.asked()) {
            (Some(cause), None) if process.stop.ask(cause) => {
                tracing::info!("stopping, as another process was asked to");
            }
            (None, Some(cause)) if !stop_told => {
                requests.send(Request::Stop(cause));
                stop_told = true;
            }
            _ => {}
        }
        let mut more = false;
        let replaying = dataflow.inbox.borrow().replay.is_some();
        if replaying {
            let mut inbox = dataflow.inbox.borrow_mut();
            let loaded = inbox.replay.as_mut().map(Replay::load).transpose();
            if let Some(tick) = loaded.map_err(|error| error.to_string())?.flatten() {
                requests.send(Request::Loaded(index, tick));
            }
        } else if state == InputState::Open {
            if process.stop.asked().is_some() {
                state = InputState::Ended;
                if !matches!(feed.try_next(), Next::Ended) {
                    requests.send(Request::Cut);
                }
            } else {
                (state, more) = take_in(process, &mut feed, &mut decoders, &dataflow);
                if state == InputState::Ended && process.stays {
                    state = InputState::Open;
                }
            }
        }
        let waiting = !replaying && dataflow.inbox.borrow().waiting() > 0;
        let due = dataflow.next_due().filter(|_| process.clock == Clock::Wall && !replaying);
        let until_due = due.map(|due| due.saturating_sub(wall_clock()));
        let ticks = dataflow.inbox.borrow().ticks();
        let wanted = waiting || until_due.is_some_and(|until| until <= 0);
        // A tick answers what was requested before it; what came after it wants another.
        if wanted && requested != Some(ticks) {
            requests.send(Request::Tick);
            requested = Some(ticks);
        }
        if state == InputState::Ended && !waiting {
            process.beginnings.end(plan);
            requests.send(Request::Ended);
            state = InputState::Told;
        }
        let mut timeout = match until_due {
            Some(until @ 1..) => IDLE.min(Duration::from_micros(until as u64)),
            _ => IDLE,
        };
        if let Some(leader) = &mut leader {
            leader.receive(&requests);
            let rest = leader.lead(&mut dataflow).map_err(|error| error.to_string())?;
            if let Some(rest) = rest {
                timeout = timeout.min(rest);
            }
            let was_stopped = process.stop.asked().is_some();
            if leader.is_done() && !leader.make_checkpoint(&dataflow, was_stopped) {
                dataflow.end();
                timeout = Duration::ZERO;
            }
            leader.announced.take().into_iter().for_each(|request| requests.send(request));
        }
        worker.step_or_park(Some(if more { Duration::ZERO } else { timeout }));
        dataflow.follow();
        let (handed, complete) = (dataflow.handed_before(), dataflow.complete_before());
        let (mut committable, mut kept) = (handed, complete);
        if let (Some(store), Some(durable)) = (&process.store, &dataflow.durable) {
            store.complete(kept);
            let first = durable.with_frontier(|frontier| frontier.first().copied());
            kept = first.unwrap_or(Tick::MAX);
            committable = committable.min(kept);
        }
        process.live.advance(Frontiers {
            handed,
            complete,
            durable: process.store.is_some().then_some(kept),
        });
        dataflow.inbox.borrow_mut().take_kept(kept).for_each(Ticket::used);
        if let (Some((tick, at)), Some(store)) =
            (requests.checkpoint(dataflow.handed_before()), store)
        {
            store.checkpoints.save(store.checkpoints.of(tick, at), index, &dataflow.savers);
            requests.send(Request::Saved);
        }
        writers.allow(committable);
        let complete = |tick| !dataflow.complete.less_equal(&tick);
        while let Some(arrivals) = dataflow.inbox.borrow_mut().take_complete(complete) {
            let done = wall_clock();
            latencies.record(&arrivals.runs, done);
            for (arrived, rows) in &arrivals.runs {
                let took = u64::try_from(done - arrived).unwrap_or(0);
                process.live.latencies.record(Duration::from_micros(took), u64::from(*rows));
            }
            arrivals.tickets.into_iter().for_each(Ticket::used);
        }
        if shared.elapsed() >= SHARING {
            shared = Instant::now();
            latencies.share(&process.amounts.latencies);
            process.live.tell(index % process.workers, &dataflow.counts.borrow());
        }
    }
    let counts = dataflow.counts.borrow().clone();
    let report = WorkerReport { counts, latencies: latencies.recorded() };
    requests.send(Request::Report(Box::new(report)));
    let (received, was_cut) = requests.close(|| {
        worker.step_or_park(Some(IDLE));
        process.failure.get().is_none()
    });
    let mut reports = leader.map(|leader| leader.reports).unwrap_or_default();
    reports.extend(received.into_iter().filter_map(|request| match request {
        Request::Report(report) => Some(*report),
        _ => None,
    }));
    Ok(Worked { reports, was_cut })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum InputState {
    Open,
    Ended,
    /// Ended, and the leader knows.
    Told,
}

/// Decodes what has arrived, up to the bounds. Says whether there may be more right now.
fn take_in(
    process: &Process,
    feed: &mut Feed,
    decoders: &mut [Decoder],
    dataflow: &Dataflow,
) -> (InputState, bool) {
    let started = Instant::now();
    while !dataflow.inbox.borrow().is_full() {
        let (chunks, mut ticket) = match feed.try_next() {
            Next::Chunk(chunk) => (vec![chunk], None),
            Next::Together(chunks, ticket) => (chunks, Some(ticket)),
            Next::Empty => return (InputState::Open, false),
            Next::Ended => return (InputState::Ended, false),
            Next::Failed(error) => {
                process.failure.set(error.to_string());
                return (InputState::Ended, false);
            }
        };
        for mut chunk in chunks {
            if chunk.reached.is_none() {
                chunk.part += process.part_of_run();
            }
            let source = chunk.source as usize;
            let decoded = decoders[source].decode(&chunk, wall_clock());
            process.amounts.rows.fetch_add(decoded.rows_in, Ordering::Relaxed);
            process.amounts.bytes.fetch_add(chunk.payload.bytes(), Ordering::Relaxed);
            process.beginnings.look(&process.plan, source, &decoded);
            ticket.iter_mut().for_each(|ticket| ticket.note(&decoded.rejects));
            let mut inbox = dataflow.inbox.borrow_mut();
            inbox.add(source, decoded, &dataflow.counts);
            inbox.reached(chunk.reached);
        }
        dataflow.inbox.borrow_mut().tickets.extend(ticket);
        if started.elapsed() > DECODING {
            return (InputState::Open, true);
        }
    }
    // Held back: the dataflow's own activity, or its receipts, wake this worker.
    (InputState::Open, false)
}
