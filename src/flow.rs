//! Local names for timely's and differential's types, and the operator that most stages are made of.
//!
//! Logical time is totally ordered, so state needs no history: an operator that applies whole ticks in
//! order to plain hash maps gives the same answers as an arrangement, in a fraction of the time and
//! memory.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::ParallelizationContract;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::core::OkErr;
use timely::dataflow::operators::generic::operator::Operator;
use timely::scheduling::Activator;

use crate::batch::Batch;
use crate::held::Holds;
use crate::metrics::SharedCounts;
use crate::time::Tick;

pub use differential_dataflow::consolidation::consolidate;
pub use timely::dataflow::channels::pact::{Exchange, Pipeline};
pub use timely::dataflow::operators::vec::Map;
pub use timely::dataflow::operators::{Concat, Concatenate};

pub type Stream<'scope, D> = timely::dataflow::StreamVec<'scope, Tick, D>;

/// Parts a stream in two, without a copy of anything.
pub fn parted<'scope, D, One, Other>(
    stream: Stream<'scope, D>,
    part: impl Fn(D) -> Result<One, Other> + 'static,
) -> (Stream<'scope, One>, Stream<'scope, Other>)
where
    D: Clone + 'static,
    One: Clone + 'static,
    Other: Clone + 'static,
{
    stream.ok_err(part)
}

/// Applies `logic` to everything that arrives with a tick, once the tick is complete, tick by tick.
///
/// `logic` is not called for a tick with which nothing arrives.
pub fn in_tick_order<'scope, D, O, P, L>(
    stream: Stream<'scope, D>,
    pact: P,
    name: &str,
    logic: L,
) -> Stream<'scope, O>
where
    D: 'static,
    O: Clone + 'static,
    P: ParallelizationContract<Tick, Vec<D>>,
    L: FnMut(Tick, Batch<D>, &mut Batch<O>) + 'static,
{
    let always = Turns { done: Rc::new(Cell::new(Tick::MAX)), waiting: Rc::default() };
    in_turn(stream, pact, name, &always, logic)
}

/// As [`in_tick_order`], for an operator with a state; `counts` are told how much it holds.
pub fn keeping<'scope, D, O, P, S, L>(
    stream: Stream<'scope, D>,
    pact: P,
    name: &str,
    counts: &SharedCounts,
    mut state: S,
    mut logic: L,
) -> Stream<'scope, O>
where
    D: 'static,
    O: Clone + 'static,
    P: ParallelizationContract<Tick, Vec<D>>,
    S: Holds + 'static,
    L: FnMut(&mut S, Batch<D>, &mut Batch<O>) + 'static,
{
    let (counts, operator) = (Rc::clone(counts), name.to_owned());
    in_tick_order(stream, pact, name, move |_, batch, results| {
        logic(&mut state, batch, results);
        state.give_back();
        counts.borrow_mut().hold(&operator, state.held());
    })
}

/// How far what follows from ticks has been brought about: lets an operator wait for what comes of the
/// ticks before its next one.
///
/// A cycle of timely's would say the same, but its frontier passes the instants between two ticks one
/// by one.
#[derive(Clone, Default)]
pub struct Turns {
    /// Everything below is done.
    done: Rc<Cell<Tick>>,
    waiting: Rc<RefCell<Option<Activator>>>,
}

/// As [`in_tick_order`], but a tick waits until all before it are done.
pub fn in_turn<'scope, D, O, P, L>(
    stream: Stream<'scope, D>,
    pact: P,
    name: &str,
    turns: &Turns,
    mut logic: L,
) -> Stream<'scope, O>
where
    D: 'static,
    O: Clone + 'static,
    P: ParallelizationContract<Tick, Vec<D>>,
    L: FnMut(Tick, Batch<D>, &mut Batch<O>) + 'static,
{
    let turns = turns.clone();
    let scope = stream.scope();
    stream.unary_frontier::<CapacityContainerBuilder<Vec<O>>, _, _, _>(pact, name, |_, info| {
        *turns.waiting.borrow_mut() = Some(scope.activator_for(info.address));
        let mut waiting: BTreeMap<Tick, (Capability<Tick>, Batch<D>)> = BTreeMap::new();
        move |(input, frontier), output| {
            input.for_each(|capability, data| {
                if let Some(capability) = capability.retain_least(output.output_index()) {
                    let (_, batch) = waiting
                        .entry(*capability.time())
                        .or_insert_with(|| (capability, Batch::default()));
                    batch.append(data);
                }
            });
            while let Some(earliest) = waiting.first_entry() {
                let tick = *earliest.key();
                if frontier.frontier().less_equal(&tick) || turns.done.get() < tick {
                    break;
                }
                let (capability, batch) = earliest.remove();
                let mut results = Batch::default();
                logic(tick, batch, &mut results);
                let mut session = output.session(&capability);
                results.into_pieces().for_each(|mut piece| session.give_container(&mut piece));
            }
        }
    })
}

/// Brings about what follows from a tick, and lets who waits for it have their turn.
pub fn bring_about<'scope, D, P, L>(
    stream: Stream<'scope, D>,
    pact: P,
    name: &str,
    turns: &Turns,
    mut logic: L,
) where
    D: 'static,
    P: ParallelizationContract<Tick, Vec<D>>,
    L: FnMut(std::vec::Drain<'_, D>) + 'static,
{
    let turns = turns.clone();
    stream.sink(pact, name, move |(input, frontier)| {
        input.for_each(|_, data| logic(data.drain(..)));
        let done = frontier.frontier().first().copied().unwrap_or(Tick::MAX);
        if turns.done.replace(done) < done
            && let Some(waiting) = turns.waiting.borrow().as_ref()
        {
            waiting.activate();
        }
    });
}
