//! The whole dataflow, from ticks and inboxes to acknowledged records.
//!
//! A tick is opened by the leader and reaches every worker; with it each feeds what its inbox holds.
//! So whatever a worker had decoded happens at once, and the reading of the clock is part of the
//! input.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::Input;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::probe::{Handle, Probe};
use timely::dataflow::operators::vec::Broadcast;
use timely::dataflow::{InputHandle, Scope};
use timely::progress::Antichain;
use timely::worker::Worker;

use super::Clock;
use super::collections::Collections;
use super::durable::{StorePlace, store_ticks};
use super::inbox::{COUNTS, Inbox, TickInput};
use crate::flow::{Collection, PackedList, Pieces, Pipeline, Saving, Shared, Stream};
use crate::metrics::{Counts, SharedCounts};
use crate::plan::Plan;
use crate::profile::{self, Assembled, ProfileTimes};
use crate::row::{IdentifierHash, Reject, Row, StandingRow};
use crate::sink::{self, SinkProbes, Writers};
use crate::standing::{self, ArrivalTime, StandingRows};
use crate::state::batch;
use crate::state::saved::{SavedChunk, Savers};
use crate::time::{Micros, Tick};
use crate::{identity, segment};

/// A dataflow of somebody else's on what the stages come to: every worker builds it. The tick of a run is
/// complete when it has passed the probe, too.
pub type Attached = Arc<dyn for<'scope> Fn(Collections<'scope>) -> Handle<Tick> + Send + Sync>;

/// What there is in a run beside its stages.
#[derive(Clone, Copy, Default)]
pub struct Beside<'a> {
    pub attached: Option<&'a Attached>,
    /// Where the rows are stored.
    pub store: Option<&'a StorePlace>,
    /// The tick of the checkpoint that it begins with.
    pub restored: Option<Tick>,
    /// Before this tick nothing is told of people, and with it all that there is by then.
    pub told_from: Tick,
    /// Up to this tick no record is made of what people are.
    pub held_until: Tick,
}

impl Beside<'_> {
    /// What a checkpoint puts back of what was not told is told as it comes, in ticks that are made for it, a part with each.
    fn told_from(&self) -> Tick {
        let is_behind = self.restored.is_some_and(|checkpoint| checkpoint > self.told_from);
        if is_behind { 0 } else { self.told_from }
    }
}

/// One worker's handles on the dataflow.
pub struct Dataflow {
    /// Each tick, with the wall clock's reading. Only the first worker, the leader, has it.
    ticks: Option<Ticks>,
    pub inbox: Rc<RefCell<Inbox>>,
    /// Passes a tick when all its records are handed over, on all workers.
    pub handed: Handle<Tick>,
    /// Passes a tick when all that it sent is acknowledged.
    pub complete: Complete,
    /// Passes a tick when all workers have stored it, where they do.
    pub durable: Option<Handle<Tick>>,
    pub counts: SharedCounts,
    pub arrangements: Arrangements,
    /// What a checkpoint saves, between two ticks.
    pub savers: Savers,
    /// Nothing is told of people before this tick.
    pub told_from: Tick,
    due: [Rc<Cell<Option<Micros>>>; 3],
}

/// Where each tick is put in, with the wall clock's reading.
pub type Ticks = InputHandle<Tick, CapacityContainerBuilder<Vec<Micros>>>;

/// The probes that a tick has to pass.
pub struct Complete(Vec<Handle<Tick>>);

impl Complete {
    /// Whether something of a tick, or of one before, may be under way.
    pub fn less_equal(&self, tick: &Tick) -> bool {
        self.0.iter().any(|probe| probe.less_equal(tick))
    }

    /// Whether something of a tick before may be under way.
    pub fn less_than(&self, tick: &Tick) -> bool {
        self.0.iter().any(|probe| probe.less_than(tick))
    }

    /// The first tick of which something may be under way; none, where none will follow.
    fn frontier(&self) -> Antichain<Tick> {
        let firsts =
            self.0.iter().filter_map(|probe| probe.with_frontier(|of| of.first().copied()));
        firsts.min().map_or_else(Antichain::new, Antichain::from_elem)
    }
}

/// This worker's share of what others on it may read at a tick, or bring into a dataflow of their own.
pub struct Arrangements {
    /// The id of the person whose an identifier is.
    pub whose: Shared<IdentifierHash, Pieces<IdentifierHash>>,
    /// By person id, a `profile::PersonRow`.
    pub people: Shared<IdentifierHash, PackedList>,
}

/// What the stages take in.
pub struct StageInputs<'scope> {
    rows: Stream<'scope, Row>,
    rejects: Stream<'scope, Reject>,
    now: Stream<'scope, Micros>,
    ticks: Stream<'scope, Micros>,
    saving: Saving<'scope>,
}

/// Reads an inbox of its own with each tick that is put in, with the reading of the clock. The probe passes a tick
/// when the inbox has been read.
pub fn fed<'scope>(
    scope: Scope<'scope, Tick>,
    plan: &Plan,
) -> (Rc<RefCell<Inbox>>, Ticks, Handle<Tick>, StageInputs<'scope>) {
    let (inbox, read) = (Rc::new(RefCell::new(Inbox::default())), Handle::new());
    let (handle, ticks) = ticks(scope);
    let saving = Saving::default();
    let inputs = inputs(ticks, &inbox, Clock::Wall, &counts(plan), Some(&read), saving);
    (inbox, handle, read, inputs)
}

/// What the stages make of what they are fed.
pub fn collections_of<'scope>(
    plan: &Arc<Plan>,
    inputs: StageInputs<'scope>,
) -> Collections<'scope> {
    let (due, counts) = ([(); 3].map(|()| Rc::default()), counts(plan));
    let StageResults { rows, results, .. } =
        stages(plan, ArrivalTime::Now, inputs, 0, &due, &counts);
    Collections::of(plan, rows, &results)
}

/// Where ticks are put in, and each of them on every worker.
fn ticks(scope: Scope<'_, Tick>) -> (Ticks, Stream<'_, Micros>) {
    let (handle, ticks) = scope.new_input::<Vec<Micros>>();
    (handle, ticks.broadcast())
}

/// Reads the inbox with each tick that is put in. A probe that is given passes a tick when it has been read.
fn inputs<'scope>(
    ticks: Stream<'scope, Micros>,
    inbox: &Rc<RefCell<Inbox>>,
    clock: Clock,
    counts: &SharedCounts,
    read: Option<&Handle<Tick>>,
    saving: Saving<'scope>,
) -> StageInputs<'scope> {
    let rows = feed(ticks.clone(), inbox, counts, |batch| std::mem::take(&mut batch.rows));
    let rejects = feed(ticks.clone(), inbox, counts, |batch| std::mem::take(&mut batch.rejects));
    let latest =
        feed(ticks.clone(), inbox, counts, |batch| batch.latest.take().into_iter().collect());
    let (rows, rejects, latest) = match read {
        Some(read) => (rows.probe_with(read), rejects.probe_with(read), latest.probe_with(read)),
        None => (rows, rejects, latest),
    };
    let now = standing::read_clock(clock, ticks.clone(), latest, counts, &saving);
    StageInputs { rows, rejects, now, ticks, saving }
}

/// What the stages up to the last come to.
struct StageResults<'scope> {
    rows: Collection<'scope, StandingRow>,
    results: sink::SinkInputs<'scope>,
    arrangements: Arrangements,
}

/// All stages but the last. People are told of from a tick on. `due` are kept at the next instants at which time alone
/// changes something.
fn stages<'scope>(
    plan: &Arc<Plan>,
    arrival: ArrivalTime,
    inputs: StageInputs<'scope>,
    told_from: Tick,
    due: &[Rc<Cell<Option<Micros>>>; 3],
    counts: &SharedCounts,
) -> StageResults<'scope> {
    let StageInputs { rows, rejects, now, ticks, saving } = inputs;
    let plan = &standing::plan_for(plan, arrival);
    let StandingRows { rows: standing_rows, seen_only } =
        standing::standing_rows(plan, arrival, rows, now.clone(), counts, &saving);
    let (of_links, of_links_seen) = (standing_rows.clone(), seen_only.clone());
    let identified = identity::identify(plan, of_links, of_links_seen, counts, &saving);
    let [windows_due, sessions_due, segments_due] = due.each_ref().map(Rc::clone);
    let Assembled { belongings, people, whose } = profile::assemble(
        plan,
        StandingRows { rows: standing_rows.clone(), seen_only },
        &identified,
        ProfileTimes { now: now.clone(), ticks, told_from, due: [windows_due, sessions_due] },
        counts,
        &saving,
    );
    let arrangements =
        Arrangements { whose: Shared::new(whose.trace), people: Shared::new(people.trace.clone()) };
    let people = segment::evaluate(plan, people, now.clone(), segments_due, counts);
    let conflicts = identified.conflicts;
    let results = sink::SinkInputs { people, belongings, conflicts, rejects, now };
    StageResults { rows: standing_rows, results, arrangements }
}

/// Counts of a plan, nothing counted yet.
fn counts(plan: &Plan) -> SharedCounts {
    let (sources, segments) = (plan.sources.len(), plan.segments.len());
    Rc::new(RefCell::new(Counts::new(sources, segments, plan.outputs.len())))
}

impl Dataflow {
    /// Builds this worker's share. `local` workers are in each process.
    pub fn build(
        worker: &mut Worker,
        plan: &Arc<Plan>,
        clock: Clock,
        writers: Writers,
        local: usize,
        beside: Beside<'_>,
    ) -> Self {
        let (plan_of_sink, held_until) = (Arc::clone(plan), beside.held_until);
        let end = move |inputs: sink::SinkInputs<'_>, counts: &SharedCounts| {
            sink::publish(&plan_of_sink, inputs, local, writers, held_until, Rc::clone(counts))
        };
        Dataflow::build_up_to(worker, plan, clock, clock.arrival(), beside, end)
    }

    /// Builds this worker's share of all stages but the last, whose place `end` takes.
    pub fn build_up_to(
        worker: &mut Worker,
        plan: &Arc<Plan>,
        clock: Clock,
        arrival: ArrivalTime,
        beside: Beside<'_>,
        end: impl for<'scope> FnOnce(sink::SinkInputs<'scope>, &SharedCounts) -> SinkProbes,
    ) -> Self {
        let inbox = Rc::new(RefCell::new(Inbox::default()));
        let counts = counts(plan);
        let due = [(); 3].map(|()| Rc::new(Cell::new(None)));
        let told_from = beside.told_from();
        let Beside { attached, store, restored, .. } = beside;
        let savers = Savers::default();
        let (ticks, durable, handed, complete, arrangements) =
            worker.dataflow_named("selfsame", |scope| {
                let (handle, ticks) = ticks(scope);
                let durable =
                    store.map(|store| store_ticks(ticks.clone(), &inbox, plan, store, &counts));
                let restore = restored.map(|_| restore(ticks.clone(), &inbox, &counts));
                let saving = Saving::new(store.map(|_| savers.clone()), restore);
                let (of_rows, taken) = (SharedCounts::clone(&counts), Rc::clone(&inbox));
                saving.keep(COUNTS, move |entries| {
                    entries.put(&of_rows.borrow().of_ticks(&taken.borrow().read));
                });
                let inputs = inputs(ticks, &inbox, clock, &counts, None, saving);
                let StageResults { rows, results, arrangements } =
                    stages(plan, arrival, inputs, told_from, &due, &counts);
                let attached = attached.map(|attach| attach(Collections::of(plan, rows, &results)));
                let SinkProbes { handed, complete } = end(results, &counts);
                let complete = [complete].into_iter().chain(attached).chain(durable.clone());
                (handle, durable, handed, Complete(complete.collect()), arrangements)
            });
        let ticks = (worker.index() == 0).then_some(ticks);
        Dataflow {
            ticks,
            inbox,
            handed,
            complete,
            durable,
            counts,
            arrangements,
            savers,
            told_from,
            due,
        }
    }

    /// Lets arrangements forget what nobody can ask for any more. Called after every step.
    pub fn follow(&mut self) {
        let Arrangements { whose, people } = &mut self.arrangements;
        let frontier = self.complete.frontier();
        whose.follow(frontier.borrow());
        people.follow(frontier.borrow());
    }

    /// Opens a tick, and closes it to whatever comes later. On all workers but the leader, nothing.
    pub fn open_tick(&mut self, tick: Tick, reading: Micros) {
        if let Some(ticks) = &mut self.ticks {
            put_in(ticks, tick, reading);
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

    /// The first tick of which something may be under way, on whichever worker.
    pub fn complete_before(&self) -> Tick {
        self.complete.frontier().as_option().copied().unwrap_or(Tick::MAX)
    }

    /// The first tick of which a record may yet have to be handed over, on whichever worker.
    pub fn handed_before(&self) -> Tick {
        self.handed.with_frontier(|frontier| frontier.first().copied().unwrap_or(Tick::MAX))
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

/// Opens a tick, and closes it to whatever comes later.
pub fn put_in(ticks: &mut Ticks, tick: Tick, reading: Micros) {
    ticks.advance_to(tick);
    ticks.send(reading);
    ticks.advance_to(tick + 1);
    ticks.flush();
}

/// The chunks of a checkpoint's sections, with the ticks in which they are put back.
fn restore<'scope>(
    ticks: Stream<'scope, Micros>,
    inbox: &Rc<RefCell<Inbox>>,
    counts: &SharedCounts,
) -> impl Fn(&str) -> Stream<'scope, SavedChunk> + 'scope {
    let (inbox, counts) = (Rc::clone(inbox), Rc::clone(counts));
    move |section| {
        let section = section.to_owned();
        let take =
            move |batch: &mut TickInput| batch.saved.remove(&section).unwrap_or_default().into();
        feed(ticks.clone(), &inbox, &counts, take)
    }
}

/// Feeds a part of this worker's batch with each tick.
fn feed<'scope, D: Clone + 'static>(
    ticks: Stream<'scope, Micros>,
    inbox: &Rc<RefCell<Inbox>>,
    counts: &SharedCounts,
    part: impl Fn(&mut TickInput) -> batch::Batch<D> + 'static,
) -> Stream<'scope, D> {
    let (inbox, counts) = (Rc::clone(inbox), Rc::clone(counts));
    let scope = ticks.scope();
    ticks.unary::<CapacityContainerBuilder<Vec<D>>, _, _, _>(Pipeline, "Feed", |_, info| {
        let activator = scope.activator_for(info.address);
        let mut under_way = VecDeque::new();
        move |input, output| {
            input.for_each(|capability, _| {
                let Some(capability) = capability.retain_least(output.output_index()) else {
                    return;
                };
                let data = part(inbox.borrow_mut().batch(*capability.time(), &counts));
                under_way.push_back((capability, batch::BatchPortions::from(data)));
            });
            let Some((capability, data)) = under_way.front_mut() else { return };
            let mut session = output.session(&*capability);
            data.give(|piece| session.give_container(piece));
            drop(session);
            if data.is_over() {
                under_way.pop_front();
            }
            if !under_way.is_empty() {
                activator.activate();
            }
        }
    })
}
