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
use crate::state::batch::Batch;
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
    let open = Barrier { passed: Rc::new(Cell::new(Tick::MAX)), waiting: Rc::default() };
    behind_barrier(stream, pact, now, name, &open, logic)
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

/// As [`whole_ticks`], but a tick waits until all before it have passed the barrier.
pub fn behind_barrier<'scope, D, O, P, L>(
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
    L: FnMut(WholeTick<D>, &mut Batch<O>) + 'static,
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
            *barrier.waiting.borrow_mut() = Some(scope.activator_for(info.address));
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
                while let Some(earliest) = waiting.first_entry() {
                    let tick = *earliest.key();
                    let is_open = frontier.frontier().less_equal(&tick)
                        || now_frontier.frontier().less_equal(&tick);
                    if is_open || barrier.passed.get() < tick {
                        break;
                    }
                    let OpenTick { capability, now, data } = earliest.remove();
                    let mut results = Batch::default();
                    logic(WholeTick { tick, now, data }, &mut results);
                    let mut session = output.session(&capability);
                    results.into_pieces().for_each(|mut piece| session.give_container(&mut piece));
                }
            }
        },
    )
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
