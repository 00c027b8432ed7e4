//! The whole dataflow, from ticks and inboxes to acknowledged records.
//!
//! A tick is opened by the leader and reaches every worker; with it each feeds what its inbox holds.
//! So whatever a worker had decoded happens at once, and the reading of the clock is part of the
//! input.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::InputHandle;
use timely::dataflow::operators::Input;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::probe::Handle;
use timely::dataflow::operators::vec::Broadcast;
use timely::worker::Worker;

use super::Clock;
use super::inbox::{Batch, Inbox};
use crate::batch::{self, look_ahead};
use crate::decode::admit::{Admission, Arrival, Fate, RowChange};
use crate::decode::join::{self, Outcome, Stage};
use crate::decode::latest::Latest;
use crate::flow::{
    AsCollection, Collection, Concat, Diff, Exchange, Map, Pipeline, Stream, keeping,
    parted_stream, whole_ticks,
};
use crate::metrics::{Counts, SharedCounts};
use crate::profile::Assembled;
use crate::row::{Row, StandingRow};
use crate::sink::{self, Writers};
use crate::spec::plan::Plan;
use crate::time::{Micros, Tick};
use crate::{identity, profile, segment};

/// One worker's handles on the dataflow.
pub struct Dataflow {
    /// Each tick, with the wall clock's reading. Only the first worker, the leader, has it.
    ticks: Option<InputHandle<Tick, CapacityContainerBuilder<Vec<Micros>>>>,
    pub inbox: Rc<RefCell<Inbox>>,
    /// Passes a tick when all that it sent is acknowledged.
    pub complete: Handle<Tick>,
    pub counts: SharedCounts,
    due: [Rc<Cell<Option<Micros>>>; 3],
}

impl Dataflow {
    /// Builds this worker's share. `local` workers are in each process.
    pub fn build(
        worker: &mut Worker,
        plan: &Arc<Plan>,
        clock: Clock,
        writers: Writers,
        local: usize,
    ) -> Self {
        let plan_of_sink = Arc::clone(plan);
        Dataflow::build_up_to(worker, plan, clock, clock.arrival(), move |inputs, counts| {
            sink::publish(&plan_of_sink, inputs, local, writers, Rc::clone(counts))
        })
    }

    /// Builds this worker's share of all stages but the last, whose place `end` takes.
    pub fn build_up_to(
        worker: &mut Worker,
        plan: &Arc<Plan>,
        clock: Clock,
        arrival: Arrival,
        end: impl for<'scope> FnOnce(sink::Inputs<'scope>, &SharedCounts) -> Handle<Tick>,
    ) -> Self {
        let inbox = Rc::new(RefCell::new(Inbox::default()));
        let counts = Rc::new(RefCell::new(Counts::new(
            plan.sources.len(),
            plan.segments.len(),
            plan.outputs.len(),
        )));
        let due = [(); 3].map(|()| Rc::new(Cell::new(None)));
        let (ticks, complete) = worker.dataflow_named("selfsame", |scope| {
            let (handle, ticks) = scope.new_input::<Vec<Micros>>();
            let ticks = ticks.broadcast();
            let rows = feed(ticks.clone(), &inbox, |batch| std::mem::take(&mut batch.rows));
            let rejects = feed(ticks.clone(), &inbox, |batch| std::mem::take(&mut batch.rejects));
            let latest =
                feed(ticks.clone(), &inbox, |batch| batch.latest.take().into_iter().collect());
            let now = read_clock(clock, ticks, latest, &counts);
            let plan = &under(plan, arrival);

            let admitted = admit(plan, arrival, rows, now.clone(), &counts);
            let (rows, seen_only) = standing(join(plan, admitted, &counts));
            let identified = identity::identify(plan, rows.clone(), seen_only.clone(), &counts);
            let Assembled { people, belongings } = profile::assemble(
                plan,
                rows,
                seen_only,
                &identified,
                now.clone(),
                [Rc::clone(&due[0]), Rc::clone(&due[1])],
                &counts,
            );
            let last_due = Rc::clone(&due[2]);
            let people = segment::evaluate(plan, people, now.clone(), last_due, &counts);
            let conflicts = identified.conflicts;
            let inputs = sink::Inputs { people, belongings, conflicts, rejects, now };
            (handle, end(inputs, &counts))
        });
        let ticks = (worker.index() == 0).then_some(ticks);
        Dataflow { ticks, inbox, complete, counts, due }
    }

    /// Opens a tick, and closes it to whatever comes later. On all workers but the leader, nothing.
    pub fn open_tick(&mut self, tick: Tick, reading: Micros) {
        if let Some(ticks) = &mut self.ticks {
            ticks.advance_to(tick);
            ticks.send(reading);
            ticks.advance_to(tick + 1);
            ticks.flush();
        }
    }

    /// Runs a tick to its end, and forgets when its rows arrived. Every worker does.
    pub fn run_tick(&mut self, worker: &mut Worker, tick: Tick, reading: Micros) {
        self.open_tick(tick, reading);
        while self.complete.less_equal(&tick) {
            worker.step_or_park(None);
        }
        while self.inbox.borrow_mut().take_complete(|taken| taken <= tick).is_some() {}
    }

    /// No tick will follow. The input stays open until this is dropped: a dataflow without any is
    /// taken apart, state and all, and who waits for the end would wait for that too.
    pub fn end(&mut self) {
        if let Some(ticks) = &mut self.ticks {
            ticks.advance_to(Tick::MAX);
        }
    }

    /// Whether every tick is complete, and none will follow.
    pub fn has_ended(&self) -> bool {
        !self.complete.less_than(&Tick::MAX)
    }

    /// The next instant at which time alone changes something on this worker.
    pub fn next_due(&self) -> Option<Micros> {
        self.due.iter().filter_map(|due| due.get()).min()
    }
}

/// The rows that stand, and those that never did and only say when they saw their identifiers.
fn standing<'scope>(
    changes: Stream<'scope, RowChange>,
) -> (Collection<'scope, StandingRow>, Collection<'scope, StandingRow>) {
    let updates =
        changes.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(Pipeline, "Standing", |_, _| {
            move |input, output| {
                input.for_each_stamp(|capability, batches| {
                    let Some(tick) = capability.least().copied() else { return };
                    let mut session = output.session(&capability);
                    for RowChange { source, time, diff, body } in batches.flat_map(|b| b.drain(..))
                    {
                        session.give((StandingRow { source, time, body }, tick, Diff::from(diff)));
                    }
                });
            }
        });
    let (standing, seen_only) = parted_stream(updates, |(row, tick, diff)| match diff {
        0 => Err((row, tick, 1)),
        _ => Ok((row, tick, diff)),
    });
    (standing.as_collection(), seen_only.as_collection())
}

/// Feeds a part of this worker's batch with each tick.
fn feed<'scope, D: Clone + 'static>(
    ticks: Stream<'scope, Micros>,
    inbox: &Rc<RefCell<Inbox>>,
    part: impl Fn(&mut Batch) -> batch::Batch<D> + 'static,
) -> Stream<'scope, D> {
    let inbox = Rc::clone(inbox);
    ticks.unary::<CapacityContainerBuilder<Vec<D>>, _, _, _>(Pipeline, "Feed", |_, _| {
        move |input, output| {
            input.for_each_stamp(|capability, _| {
                let Some(tick) = capability.least() else { return };
                let data = part(inbox.borrow_mut().batch(*tick));
                let mut session = output.session(&capability);
                data.into_pieces().for_each(|mut piece| session.give_container(&mut piece));
            });
        }
    })
}

/// `now()` on every worker, for ticks in which it may have changed.
fn read_clock<'scope>(
    clock: Clock,
    ticks: Stream<'scope, Micros>,
    latest: Stream<'scope, Latest>,
    counts: &SharedCounts,
) -> Stream<'scope, Micros> {
    match clock {
        Clock::Wall => ticks,
        Clock::Fixed(instant) => ticks.map(move |_| instant),
        Clock::Event => {
            let (mut known, mut now) = (Latest::default(), Micros::MIN);
            let (counts, one) = (Rc::clone(counts), Exchange::new(|_| 0));
            let readings = whole_ticks(latest, one, None, "Event clock", move |whole, readings| {
                whole.data.iter().for_each(|latest| known.add_all(latest));
                counts.borrow_mut().ahead = known.ahead().map(|row| (row.source, row.time));
                // Before the first event time, it is the epoch.
                let reading = known.followed().unwrap_or(0).max(0);
                if reading > now {
                    now = reading;
                    readings.push(reading);
                }
            });
            readings.broadcast()
        }
    }
}

/// The plan where events arrive so: at their own times, one may give way to an earlier one of its id.
fn under(plan: &Arc<Plan>, arrival: Arrival) -> Arc<Plan> {
    match arrival {
        Arrival::OwnTime => Arc::new(plan.with_repeats_taken_back()),
        Arrival::Now => Arc::clone(plan),
    }
}

#[derive(Clone, serde::Serialize, serde::Deserialize)]
enum Arriving {
    Row(Row),
    Now(u64, Micros),
}

/// Which rows stand. An id or key is remembered by one worker.
fn admit<'scope>(
    plan: &Arc<Plan>,
    arrival: Arrival,
    rows: Stream<'scope, Row>,
    now: Stream<'scope, Micros>,
    counts: &SharedCounts,
) -> Stream<'scope, RowChange> {
    let worker = rows.scope().index() as u64;
    let mut reading = Micros::MIN;
    let of_sources = Rc::clone(counts);
    let arrivals = rows.map(Arriving::Row).concat(now.map(move |now| Arriving::Now(worker, now)));
    let route = |arriving: &Arriving| match arriving {
        Arriving::Row(row) => row.key.unwrap_or(row.position.offset as u128) as u64,
        Arriving::Now(worker, _) => *worker,
    };
    let admit = move |admission: &mut Admission,
                      batch: batch::Batch<Arriving>,
                      changes: &mut batch::Batch<_>| {
        let mut rows = Vec::new();
        for arriving in batch {
            match arriving {
                Arriving::Now(_, now) => reading = reading.max(now),
                Arriving::Row(row) => rows.push(row),
            }
        }
        // What arrives with a tick arrives at once, whichever worker read it: the first of several
        // events with one id is then the one that stands first.
        rows.sort_by_key(|row| (row.source, row.position));
        let mut counts = of_sources.borrow_mut();
        look_ahead(rows, admission, &[Admission::look], |admission, row| {
            let counts = &mut counts.sources[row.source as usize];
            let change = |row, diff| changes.push(RowChange::of(row, diff));
            match admission.admit(row, reading, change) {
                Fate::Counts => counts.accepted += 1,
                Fate::Repeats | Fate::Waits => counts.duplicates += 1,
            }
        });
        admission.end_tick(reading, |row, diff| {
            let counts = &mut counts.sources[row.source as usize];
            counts.accepted = counts.accepted.wrapping_add_signed(diff.into());
            counts.duplicates = counts.duplicates.wrapping_add_signed(-i64::from(diff));
            changes.push(RowChange::of(row, diff));
        });
    };
    let admission = Admission::new(plan, arrival);
    keeping(arrivals, Exchange::new(route), "Admit", counts, admission, admit)
}

/// Rows with what they say over the columns of joined tables; those of other sources as they are.
fn join<'scope>(
    plan: &Arc<Plan>,
    rows: Stream<'scope, RowChange>,
    counts: &SharedCounts,
) -> Stream<'scope, RowChange> {
    let stages = join::stages(plan);
    if stages == 0 {
        return rows;
    }
    let plan = Arc::clone(plan);
    let records = {
        let plan = Arc::clone(&plan);
        rows.clone().flat_map(move |row| join::record(&plan, &row))
    };
    let (mut done, mut joining) = {
        let (of_done, of_joining) = (Arc::clone(&plan), Arc::clone(&plan));
        let done = rows.clone().flat_map(move |row| join::past(&of_done, &row));
        (done, rows.flat_map(move |row| join::joining_row(&of_joining, row)))
    };
    for number in 0..stages {
        let stage = Stage::new(&plan, number);
        let of_stage = Arc::clone(&plan);
        let records = records
            .clone()
            .flat_map(move |arrival| Stage::takes(&of_stage, number, &arrival).then_some(arrival));
        let of_failures = Rc::clone(counts);
        let outcomes = keeping(
            joining.map(join::Arrival::Row).concat(records),
            Exchange::new(move |arrival: &join::Arrival| Stage::route(number, arrival)),
            &format!("Join {number}"),
            counts,
            stage,
            move |stage, batch, outcomes| {
                of_failures.borrow_mut().failed_expressions += stage.apply(batch, outcomes);
            },
        );
        let (changes, rows) = parted_stream(outcomes, |outcome| match outcome {
            Outcome::Change(change) => Ok(change),
            Outcome::Row(row) => Err(row),
        });
        done = done.concat(changes);
        joining = rows;
    }
    done
}
