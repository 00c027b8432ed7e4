//! Whole ticks, in order: what every operator of ours is built on.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::{ParallelizationContract, Pipeline};
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::operator::{Operator, empty};
use timely::scheduling::Activator;

use super::Stream;
use crate::state::batch::{Batch, BatchPortions};
use crate::time::{Micros, Tick};

/// What a tick brings to an operator of this worker.
pub struct WholeTick<D> {
    pub tick: Tick,
    /// The reading of `now()`, where the operator hears it and it may have changed.
    pub now: Option<Micros>,
    pub data: Batch<D>,
}

/// What has arrived with a tick that is still open.
struct OpenTick<D> {
    capability: Capability<Tick>,
    now: Option<Micros>,
    data: Batch<D>,
}

impl<D> OpenTick<D> {
    fn new(capability: Capability<Tick>) -> Self {
        OpenTick { capability, now: None, data: Batch::default() }
    }
}

/// A tick of which is told what follows.
struct TickTold<O> {
    capability: Capability<Tick>,
    /// What was found and is not given on.
    results: BatchPortions<O>,
    /// Whether no more will be found.
    is_all: bool,
}

impl<O> TickTold<O> {
    fn new(capability: Capability<Tick>) -> Self {
        TickTold { capability, results: Batch::default().into(), is_all: false }
    }
}

/// What tells portion by portion what follows from a tick.
///
/// Between two portions whoever is behind has its turn, so that what comes to much is in memory a portion at a time, and in
/// the processor's caches on its whole way.
pub trait InPortions<D, O> {
    /// Takes a complete tick. The one before has been told.
    fn begin(&mut self, whole: WholeTick<D>);

    /// Tells the next portion; whether it is the last one.
    fn emit(&mut self, out: &mut Batch<O>) -> bool;
}

/// Tells all that follows from a tick at once.
struct AtOnce<D, L> {
    whole: Option<WholeTick<D>>,
    logic: L,
}

impl<D, O, L> InPortions<D, O> for AtOnce<D, L>
where
    L: FnMut(WholeTick<D>, &mut Batch<O>),
{
    fn begin(&mut self, whole: WholeTick<D>) {
        self.whole = Some(whole);
    }

    fn emit(&mut self, out: &mut Batch<O>) -> bool {
        let whole = self.whole.take().expect("a tick has begun");
        (self.logic)(whole, out);
        true
    }
}

/// Applies `logic` to everything that arrives with a tick, once the tick is complete, tick by tick.
///
/// `logic` is not called for a tick with which nothing arrives.
pub fn whole_ticks<'scope, D, O, P, L>(
    stream: Stream<'scope, D>,
    pact: P,
    now: Option<Stream<'scope, Micros>>,
    name: &str,
    logic: L,
) -> Stream<'scope, O>
where
    D: 'static,
    O: Clone + 'static,
    P: ParallelizationContract<Tick, Vec<D>>,
    L: FnMut(WholeTick<D>, &mut Batch<O>) + 'static,
{
    behind_barrier(stream, pact, now, name, &Barrier::open(), logic)
}

/// As [`whole_ticks`], for what comes to much.
pub fn in_portions<'scope, D, O, P, L>(
    stream: Stream<'scope, D>,
    pact: P,
    now: Option<Stream<'scope, Micros>>,
    name: &str,
    logic: L,
) -> Stream<'scope, O>
where
    D: 'static,
    O: Clone + 'static,
    P: ParallelizationContract<Tick, Vec<D>>,
    L: InPortions<D, O> + 'static,
{
    portions_behind_barrier(stream, pact, now, name, &Barrier::open(), logic)
}

/// Lets an operator wait until all that follows from the ticks before its next one has been learned.
///
/// A cycle of timely's would say the same, but its frontier passes the milliseconds between two ticks one
/// by one.
#[derive(Clone, Default)]
pub struct Barrier {
    /// Everything below has been learned.
    passed: Rc<Cell<Tick>>,
    waiting: Rc<RefCell<Option<Activator>>>,
}

impl Barrier {
    /// A barrier that lets everything pass.
    fn open() -> Self {
        Barrier { passed: Rc::new(Cell::new(Tick::MAX)), waiting: Rc::default() }
    }
}

/// As [`whole_ticks`], but a tick waits until all before it have passed the barrier.
pub fn behind_barrier<'scope, D, O, P, L>(
    stream: Stream<'scope, D>,
    pact: P,
    now: Option<Stream<'scope, Micros>>,
    name: &str,
    barrier: &Barrier,
    logic: L,
) -> Stream<'scope, O>
where
    D: 'static,
    O: Clone + 'static,
    P: ParallelizationContract<Tick, Vec<D>>,
    L: FnMut(WholeTick<D>, &mut Batch<O>) + 'static,
{
    portions_behind_barrier(stream, pact, now, name, barrier, AtOnce { whole: None, logic })
}

fn portions_behind_barrier<'scope, D, O, P, L>(
    stream: Stream<'scope, D>,
    pact: P,
    now: Option<Stream<'scope, Micros>>,
    name: &str,
    barrier: &Barrier,
    mut logic: L,
) -> Stream<'scope, O>
where
    D: 'static,
    O: Clone + 'static,
    P: ParallelizationContract<Tick, Vec<D>>,
    L: InPortions<D, O> + 'static,
{
    let barrier = barrier.clone();
    let scope = stream.scope();
    let now = now.unwrap_or_else(|| empty(scope));
    stream.binary_frontier::<_, CapacityContainerBuilder<Vec<O>>, _, _, _, _>(
        now,
        pact,
        Pipeline,
        name,
        |_, info| {
            let activator = scope.activator_for(info.address);
            *barrier.waiting.borrow_mut() = Some(activator.clone());
            let mut under_way: Option<TickTold<O>> = None;
            let mut waiting: BTreeMap<Tick, OpenTick<D>> = BTreeMap::new();
            move |(input, frontier), (now, now_frontier), output| {
                input.for_each(|capability, data| {
                    if let Some(capability) = capability.retain_least(output.output_index()) {
                        let waiting = waiting.entry(*capability.time());
                        waiting.or_insert_with(|| OpenTick::new(capability)).data.append(data);
                    }
                });
                now.for_each(|capability, readings| {
                    let reading = readings.iter().copied().max();
                    if let Some(capability) = capability.retain_least(output.output_index()) {
                        let waiting = waiting.entry(*capability.time());
                        let waiting = waiting.or_insert_with(|| OpenTick::new(capability));
                        waiting.now = waiting.now.max(reading);
                    }
                });
                let mut next = || {
                    let earliest = waiting.first_entry()?;
                    let tick = *earliest.key();
                    let is_open = frontier.frontier().less_equal(&tick)
                        || now_frontier.frontier().less_equal(&tick);
                    (!is_open && tick <= barrier.passed.get()).then(|| earliest.remove())
                };
                loop {
                    if under_way.is_none() {
                        let Some(OpenTick { capability, now, data }) = next() else { break };
                        logic.begin(WholeTick { tick: *capability.time(), now, data });
                        under_way = Some(TickTold::new(capability));
                    }
                    let Some(told) = &mut under_way else { break };
                    if told.results.is_over() {
                        let mut results = Batch::default();
                        told.is_all = logic.emit(&mut results);
                        told.results = results.into();
                    }
                    let mut session = output.session(&told.capability);
                    told.results.give(|piece| session.give_container(piece));
                    drop(session);
                    if !told.is_all || !told.results.is_over() {
                        activator.activate();
                        break;
                    }
                    under_way = None;
                }
            }
        },
    )
}

/// Tells of each datum what follows from it alone, as it comes.
pub fn each<'scope, D, O, L>(stream: Stream<'scope, D>, name: &str, logic: L) -> Stream<'scope, O>
where
    D: 'static,
    O: Clone + 'static,
    L: FnMut(Tick, D, &mut Batch<O>) + 'static,
{
    each_exchanged(stream, Pipeline, name, logic)
}

/// As [`each`], on the worker that `pact` says.
pub fn each_exchanged<'scope, D, O, P, L>(
    stream: Stream<'scope, D>,
    pact: P,
    name: &str,
    mut logic: L,
) -> Stream<'scope, O>
where
    D: 'static,
    O: Clone + 'static,
    P: ParallelizationContract<Tick, Vec<D>>,
    L: FnMut(Tick, D, &mut Batch<O>) + 'static,
{
    stream.unary::<CapacityContainerBuilder<Vec<O>>, _, _, _>(pact, name, |_, _| {
        move |input, output| {
            input.for_each(|capability, data| {
                let Some(capability) = capability.retain_least(output.output_index()) else {
                    return;
                };
                let mut results = Batch::default();
                data.drain(..).for_each(|datum| logic(*capability.time(), datum, &mut results));
                let mut session = output.session(&capability);
                results.into_pieces().for_each(|mut piece| session.give_container(&mut piece));
            });
        }
    })
}

/// Learns what follows from a tick, and lets who waits at the barrier pass.
pub fn pass_barrier<'scope, D, P, L>(
    stream: Stream<'scope, D>,
    pact: P,
    name: &str,
    barrier: &Barrier,
    mut logic: L,
) where
    D: 'static,
    P: ParallelizationContract<Tick, Vec<D>>,
    L: FnMut(std::vec::Drain<'_, D>) + 'static,
{
    let barrier = barrier.clone();
    stream.sink(pact, name, move |(input, frontier)| {
        input.for_each(|_, data| logic(data.drain(..)));
        let passed = frontier.frontier().first().copied().unwrap_or(Tick::MAX);
        if barrier.passed.replace(passed) < passed
            && let Some(waiting) = barrier.waiting.borrow().as_ref()
        {
            waiting.activate();
        }
    });
}
