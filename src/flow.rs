//! Local names for timely's and differential's types, and the operator that most stages are made of.
//!
//! Outside the fixpoint of identity, logical time is totally ordered, so state needs no history: an
//! operator that applies whole ticks in order to plain hash maps gives the same answers as an
//! arrangement, in a fraction of the time and memory.

use std::collections::BTreeMap;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::ParallelizationContract;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::operator::Operator;

use crate::time::Tick;

pub use timely::dataflow::channels::pact::{Exchange, Pipeline};
pub use timely::dataflow::operators::vec::Map;
pub use timely::dataflow::operators::{Concat, Concatenate};

pub type Scope<'scope> = timely::dataflow::Scope<'scope, Tick>;
pub type Stream<'scope, D> = timely::dataflow::StreamVec<'scope, Tick, D>;

/// Applies `logic` to everything that arrives with a tick, once the tick is complete, tick by tick.
///
/// `logic` is not called for a tick with which nothing arrives.
pub fn in_tick_order<'scope, D, O, P, L>(
    stream: Stream<'scope, D>,
    pact: P,
    name: &str,
    mut logic: L,
) -> Stream<'scope, O>
where
    D: 'static,
    O: Clone + 'static,
    P: ParallelizationContract<Tick, Vec<D>>,
    L: FnMut(Tick, Vec<D>, &mut Vec<O>) + 'static,
{
    stream.unary_frontier::<CapacityContainerBuilder<Vec<O>>, _, _, _>(pact, name, |_, _| {
        let mut waiting: BTreeMap<Tick, (Capability<Tick>, Vec<D>)> = BTreeMap::new();
        let mut results = Vec::new();
        move |(input, frontier), output| {
            input.for_each(|capability, data| {
                if let Some(capability) = capability.retain_least(output.output_index()) {
                    let (_, batch) = waiting
                        .entry(*capability.time())
                        .or_insert_with(|| (capability, Vec::new()));
                    if batch.is_empty() {
                        std::mem::swap(batch, data);
                    } else {
                        batch.append(data);
                    }
                }
            });
            while let Some(earliest) = waiting.first_entry() {
                if frontier.frontier().less_equal(earliest.key()) {
                    break;
                }
                let (tick, (capability, batch)) = earliest.remove_entry();
                logic(tick, batch, &mut results);
                if !results.is_empty() {
                    output.session(&capability).give_container(&mut results);
                    results.clear();
                }
            }
        }
    })
}
