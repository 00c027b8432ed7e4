//! One worker's life: take in, request a tick, step, park.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use timely::worker::Worker;

use super::Clock;
use super::dataflow::{Beside, Dataflow};
use super::intake::{Intake, Supply};
use super::latency::Latencies;
use super::leader::Leader;
use super::live::Frontiers;
use super::process::{HandedOver, Process};
use super::report::WorkerReport;
use super::requests::{Request, Requests};
use super::standstill::Standstill;
use super::stop::StopCause;
use crate::metrics::Counts;
use crate::source::Ticket;
use crate::time::{Tick, wall_clock};

/// How long an idle worker parks at most; it is woken when something arrives.
const IDLE: Duration = Duration::from_millis(500);
/// How often a worker lets others know how long its rows took.
const SHARING: Duration = Duration::from_millis(500);

/// What a worker comes to.
pub struct Worked {
    /// The reports of all workers, on the first one.
    pub reports: Vec<WorkerReport>,
    /// Whether some worker stopped before it had read all that it was to read.
    pub was_cut: bool,
}

/// Runs one worker until everything is read and sent.
pub fn work(worker: &mut Worker, process: &Process) -> Result<Worked, String> {
    let (plan, writers) = (&process.plan, &process.writers);
    let mut requests = Requests::build(worker);
    let (attached, store) = (process.attached.as_ref(), process.store.as_ref());
    let beginning = process.stored().and_then(|store| store.beginning.as_ref());
    let restored = beginning.map(|beginning| beginning.checkpoint.of.tick);
    let (told_from, held_until) = (process.told_from(), process.held_until());
    let beside = Beside { attached, store, restored, told_from, held_until };
    let mut dataflow =
        Dataflow::build(worker, plan, process.clock, writers.clone(), process.workers, beside);
    let (index, peers) = (worker.index(), worker.peers());
    let mut leader = (index == 0).then(|| {
        let live = Arc::clone(&process.live);
        Leader::new(peers, process.store.is_some() || writers.may_wait(), live)
    });
    dataflow.inbox.borrow_mut().live = Some(Arc::clone(&process.live));
    let mut intake = Intake::new(index, peers);
    let mut latencies = Latencies::default();
    let mut shared = Instant::now();
    // Who asks over HTTP asks the first process. One worker of each other one tells it, if there is anything new.
    let tells_first = index >= process.workers && index % process.workers == 0;
    let tells_first = tells_first && process.is_served;
    let mut told_first = None;
    let lay_down = |counts: &Counts| process.live.lay_down(index % process.workers, counts);
    let (mut told_read, mut told_before) = (0, 0);
    // The ticks that had been taken from the inbox when this worker last requested one.
    let mut requested: Option<u64> = None;
    let mut stop_told = false;
    let settled = requests.settled();
    let mut standstill = (index % process.workers == 0).then(|| Standstill::new(plan));
    while !dataflow.has_ended() {
        if let Some(failure) = process.failure.get() {
            return Err(failure.to_owned());
        }
        match (requests.stopped(), process.stop.asked()) {
            (Some(cause), None) if process.stop.ask(cause) => {
                tracing::info!("stopping, as another process was asked to");
            }
            // Each process has another run take its place by itself.
            (None, Some(cause)) if !stop_told && cause != StopCause::Replaced => {
                requests.send(Request::Stop(cause));
                stop_told = true;
            }
            _ => {}
        }
        let supply = intake.advance(process, &dataflow, &mut requests)?;
        let replaying = intake.reads_back();
        // What can be read right now goes into one tick, as long as there is room.
        let is_gathered = !replaying && supply == Supply::Enough;
        let waiting = is_gathered && dataflow.inbox.borrow().waiting() > 0;
        let due = dataflow.next_due().filter(|_| process.clock == Clock::Wall && !replaying);
        let until_due = due.map(|due| due.saturating_sub(wall_clock()));
        let ticks = dataflow.inbox.borrow().ticks();
        let wanted = waiting || until_due.is_some_and(|until| until <= 0);
        // A tick answers what was requested before it; what came after it wants another.
        if wanted && requested != Some(ticks) {
            requests.send(Request::Tick);
            requested = Some(ticks);
        }
        intake.tell_end(process, &dataflow, &mut requests);
        if tells_first {
            let parts = writers.unsent_difference(plan).into_iter();
            parts.for_each(|part| requests.send(Request::Differ(part)));
        }
        let mut timeout = match until_due {
            Some(until @ 1..) => IDLE.min(Duration::from_micros(until as u64)),
            _ => IDLE,
        };
        if let Some(leader) = &mut leader {
            leader.receive(&requests, process);
            let rest = leader.lead(&mut dataflow, process).map_err(|error| error.to_string())?;
            if let Some(rest) = rest {
                timeout = timeout.min(rest);
            }
            let was_stopped = process.stop.asked().is_some() && !process.stop.is_replaced();
            if leader.is_done() && !leader.make_checkpoint(&dataflow, process, was_stopped) {
                dataflow.end();
                timeout = Duration::ZERO;
            }
            leader.announce_settled(process, &dataflow);
            leader.announced.take().into_iter().for_each(|request| requests.send(request));
        }
        // Whoever is shown what became of a row finds it counted.
        let read = dataflow.counts.borrow().rows_read();
        if process.is_served && read > told_read {
            told_read = read;
            lay_down(&dataflow.counts.borrow());
        }
        let is_more = supply == Supply::More;
        worker.step_or_park(Some(if is_more { Duration::ZERO } else { timeout }));
        dataflow.follow();
        let (handed, complete) = (dataflow.handed_before(), dataflow.complete_before());
        let (mut committable, mut kept) = (handed, complete);
        process.complete.fetch_max(complete, Ordering::Relaxed);
        process.live.settled.fetch_max(settled.get(), Ordering::Relaxed);
        if let Some(durable) = &dataflow.durable {
            let first = durable.with_frontier(|frontier| frontier.first().copied());
            kept = first.unwrap_or(Tick::MAX);
            committable = committable.min(kept);
        }
        if let Some(store) = process.stored()
            && !process.handed.get().is_some_and(HandedOver::is_settling)
        {
            store.complete(process.settled_before(complete));
        }
        if let Some(standstill) = &mut standstill {
            let durable = if dataflow.durable.is_some() { kept } else { Tick::MAX };
            standstill.look(plan, &process.live.under_way, [handed, durable], Instant::now());
        }
        dataflow.inbox.borrow_mut().handed_over(handed);
        process.live.advance(Frontiers {
            handed,
            complete,
            durable: process.store.is_some().then_some(kept),
        });
        dataflow.inbox.borrow_mut().take_kept(kept).for_each(Ticket::used);
        if let (Some(wanted), Some(store)) = (requests.checkpoint(handed), process.stored()) {
            let of = store.checkpoints.of(wanted.tick, wanted.at);
            store.checkpoints.save(of, wanted.by, index, &dataflow.savers);
            requests.send(Request::Saved);
        }
        if process.is_served && committable > told_before {
            told_before = committable;
            lay_down(&dataflow.counts.borrow());
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
            lay_down(&dataflow.counts.borrow());
            let share = tells_first.then(|| process.live.share());
            if let Some(share) = share.filter(|share| told_first.as_ref() != Some(share)) {
                requests.send(Request::Share(index / process.workers, Box::new(share.clone())));
                told_first = Some(share);
            }
        }
    }
    if leader.is_some() && writers.delivers() {
        requests.send(Request::Settled(process.settled_before(Tick::MAX)));
    }
    let mut counts = dataflow.counts.borrow().clone();
    // What the first process has sent is asked when its outputs are closed.
    if index >= process.workers && index % process.workers == 0 {
        counts.outputs = process.live.sent();
    }
    let waits = standstill.map(|of| of.finish(plan, Instant::now())).unwrap_or_default();
    let report = WorkerReport { counts, latencies: latencies.recorded(), waits };
    requests.send(Request::Report(Box::new(report)));
    let (received, was_cut) = requests.close(|| {
        worker.step_or_park(Some(IDLE));
        process.failure.get().is_none()
    });
    process.live.settled.fetch_max(settled.get(), Ordering::Relaxed);
    let mut reports = leader.map(|leader| leader.reports).unwrap_or_default();
    reports.extend(received.into_iter().filter_map(|request| match request {
        Request::Report(report) => Some(*report),
        _ => None,
    }));
    Ok(Worked { reports, was_cut })
}
