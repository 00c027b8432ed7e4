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
use super::inbox::{Inbox, TickInput};
use crate::flow::{PackedList, Pipeline, Shared, Stream};
use crate::metrics::{Counts, SharedCounts};
use crate::plan::Plan;
use crate::profile::{self, Assembled};
use crate::row::IdentifierHash;
use crate::sink::{self, Writers};
use crate::standing::{self, ArrivalTime, StandingRows};
use crate::state::batch;
use crate::time::{Micros, Tick};
use crate::{identity, segment};

/// One worker's handles on the dataflow.
pub struct Dataflow {
    /// Each tick, with the wall clock's reading. Only the first worker, the leader, has it.
    ticks: Option<InputHandle<Tick, CapacityContainerBuilder<Vec<Micros>>>>,
    pub inbox: Rc<RefCell<Inbox>>,
    /// Passes a tick when all that it sent is acknowledged.
    pub complete: Handle<Tick>,
    pub counts: SharedCounts,
    pub arrangements: Arrangements,
    due: [Rc<Cell<Option<Micros>>>; 3],
}

/// This worker's share of what others on it may read at a tick, or bring into a dataflow of their own.
pub struct Arrangements {
    /// The id of the person whose an identifier is.
    pub whose: Shared<IdentifierHash, Vec<IdentifierHash>>,
    /// By person id, a `profile::PersonRow`.
    pub people: Shared<IdentifierHash, PackedList>,
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
        arrival: ArrivalTime,
        end: impl for<'scope> FnOnce(sink::Inputs<'scope>, &SharedCounts) -> Handle<Tick>,
    ) -> Self {
        let inbox = Rc::new(RefCell::new(Inbox::default()));
        let counts = Rc::new(RefCell::new(Counts::new(
            plan.sources.len(),
            plan.segments.len(),
            plan.outputs.len(),
        )));
        let due = [(); 3].map(|()| Rc::new(Cell::new(None)));
        let (ticks, complete, arrangements) = worker.dataflow_named("selfsame", |scope| {
            let (handle, ticks) = scope.new_input::<Vec<Micros>>();
            let ticks = ticks.broadcast();
            let rows = feed(ticks.clone(), &inbox, |batch| std::mem::take(&mut batch.rows));
            let rejects = feed(ticks.clone(), &inbox, |batch| std::mem::take(&mut batch.rejects));
            let latest =
                feed(ticks.clone(), &inbox, |batch| batch.latest.take().into_iter().collect());
            let now = standing::read_clock(clock, ticks, latest, &counts);
            let plan = &standing::under(plan, arrival);

            let StandingRows { rows, seen_only } =
                standing::stand(plan, arrival, rows, now.clone(), &counts);
            let identified = identity::identify(plan, rows.clone(), seen_only.clone(), &counts);
            let Assembled { people, belongings, rows, whose } = profile::assemble(
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
            let arrangements =
                Arrangements { whose: Shared::new(whose.trace), people: Shared::new(rows.trace) };
            (handle, end(inputs, &counts), arrangements)
        });
        let ticks = (worker.index() == 0).then_some(ticks);
        Dataflow { ticks, inbox, complete, counts, arrangements, due }
    }

    /// Lets arrangements forget what nobody can ask for any more. Called after every step.
    pub fn follow(&mut self) {
        let Arrangements { whose, people } = &mut self.arrangements;
        self.complete.with_frontier(|frontier| {
            whose.follow(frontier);
            people.follow(frontier);
        });
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
        self.follow();
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

/// Feeds a part of this worker's batch with each tick.
fn feed<'scope, D: Clone + 'static>(
    ticks: Stream<'scope, Micros>,
    inbox: &Rc<RefCell<Inbox>>,
    part: impl Fn(&mut TickInput) -> batch::Batch<D> + 'static,
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
