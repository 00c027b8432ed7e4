//! Collections, and the operators that differential lacks.
//!
//! Every edge between stages is a [`Collection`]: updates `(data, tick, diff)`, to which any operator of
//! differential's can be attached. [`keyed()`] and [`during()`] take and give collections, too; what else is here works
//! on streams of whole ticks. Ticks are totally ordered, so an operator may apply them whole and in order, and keep the
//! present state alone.

mod arrange;
mod during;
mod keyed;
mod packed;
mod pieces;
mod room;
mod saved;
mod shared;
mod strides;
#[cfg(test)]
pub mod tests;
mod ticks;

use std::rc::Rc;

use timely::dataflow::channels::pact::ParallelizationContract;
use timely::dataflow::operators::core::OkErr;

use crate::metrics::SharedCounts;
use crate::state::batch::Batch;
use crate::state::entries::{LookTimes, StateSize};
use crate::time::Tick;

pub use arrange::{Index, IndexSpan, IndexTrace, Key, SpanChanges, arranged};
pub use differential_dataflow::AsCollection;
pub use differential_dataflow::consolidation::consolidate;
#[cfg(test)]
pub use during::During;
pub use during::during;
pub use keyed::{Due, Emit, Keep, Keyed, KeyedState, keyed, keyed_in};
pub use packed::{Packed, PackedList};
pub use pieces::Pieces;
pub use saved::Saving;
pub use shared::{Imported, Reading, Shared, SnapshotError};
pub use ticks::{
    Barrier, InPortions, WholeTick, behind_barrier, each, each_exchanged, in_portions,
    pass_barrier, whole_ticks,
};
pub use timely::dataflow::channels::pact::{Exchange, Pipeline};
pub use timely::dataflow::operators::vec::Map;
pub use timely::dataflow::operators::{Concat, Concatenate};

/// How many times more, or less, something is there: the difference of an update.
pub type Diff = isize;

/// A change of a collection.
pub type Update<D> = (D, Tick, Diff);

/// What there is, as it changes from tick to tick: a multiset, told by its updates.
pub type Collection<'scope, D> = differential_dataflow::VecCollection<'scope, Tick, D, Diff>;

/// What comes with ticks and is told once, without a difference.
pub type Stream<'scope, D> = timely::dataflow::StreamVec<'scope, Tick, D>;

/// Parts a stream in two, without a copy of anything.
pub fn parted_stream<'scope, D, One, Other>(
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

/// Parts a collection in two, without a copy of anything.
pub fn parted<'scope, D, One, Other>(
    collection: Collection<'scope, D>,
    part: impl Fn(D) -> Result<One, Other> + 'static,
) -> (Collection<'scope, One>, Collection<'scope, Other>)
where
    D: Clone + 'static,
    One: Clone + 'static,
    Other: Clone + 'static,
{
    let (one, other) =
        parted_stream(collection.inner, move |(data, tick, diff)| match part(data) {
            Ok(one) => Ok((one, tick, diff)),
            Err(other) => Err((other, tick, diff)),
        });
    (one.as_collection(), other.as_collection())
}

/// As [`whole_ticks`], for an operator with a state; `counts` are told how much it holds.
pub fn keeping_whole<'scope, D, O, P, S, L>(
    stream: Stream<'scope, D>,
    pact: P,
    name: &str,
    counts: &SharedCounts,
    state: S,
    mut logic: L,
) -> Stream<'scope, O>
where
    D: 'static,
    O: Clone + 'static,
    P: ParallelizationContract<Tick, Vec<D>>,
    S: StateSize + 'static,
    L: FnMut(&mut S, WholeTick<D>, &mut Batch<O>) + 'static,
{
    let mut counted = CountedState::new(state, name, counts);
    whole_ticks(stream, pact, None, name, move |whole, results| {
        logic(&mut counted.state, whole, results);
        counted.end_tick();
    })
}

/// As [`in_portions`], for an operator with a state; `counts` are told how much it holds.
pub fn keeping_in_portions<'scope, D, O, P, S>(
    stream: Stream<'scope, D>,
    pact: P,
    name: &str,
    counts: &SharedCounts,
    state: S,
) -> Stream<'scope, O>
where
    D: 'static,
    O: Clone + 'static,
    P: ParallelizationContract<Tick, Vec<D>>,
    S: StateSize + InPortions<D, O> + 'static,
{
    in_portions(stream, pact, None, name, CountedState::new(state, name, counts))
}

/// A state of which is told how much it holds when a tick is over.
struct CountedState<S> {
    state: S,
    counts: SharedCounts,
    operator: String,
    looks: LookTimes,
}

impl<S: StateSize> CountedState<S> {
    fn new(state: S, operator: &str, counts: &SharedCounts) -> Self {
        let (operator, counts) = (operator.to_owned(), Rc::clone(counts));
        CountedState { state, counts, operator, looks: LookTimes::default() }
    }

    fn end_tick(&mut self) {
        self.state.give_back();
        let mut counts = self.counts.borrow_mut();
        let entries = self.state.entries();
        counts.note_entries(&self.operator, entries);
        if self.looks.is_next(entries) {
            counts.note_bytes(&self.operator, self.state.bytes());
        }
    }
}

impl<D, O, S: StateSize + InPortions<D, O>> InPortions<D, O> for CountedState<S> {
    fn begin(&mut self, whole: WholeTick<D>) {
        self.state.begin(whole);
    }

    fn emit(&mut self, out: &mut Batch<O>) -> bool {
        let is_told = self.state.emit(out);
        if is_told {
            self.end_tick();
        }
        is_told
    }
}

/// As [`keeping_whole`], where the tick's number does not matter.
pub fn keeping<'scope, D, O, P, S, L>(
    stream: Stream<'scope, D>,
    pact: P,
    name: &str,
    counts: &SharedCounts,
    state: S,
    mut logic: L,
) -> Stream<'scope, O>
where
    D: 'static,
    O: Clone + 'static,
    P: ParallelizationContract<Tick, Vec<D>>,
    S: StateSize + 'static,
    L: FnMut(&mut S, Batch<D>, &mut Batch<O>) + 'static,
{
    keeping_whole(stream, pact, name, counts, state, move |state, whole, results| {
        logic(state, whole.data, results)
    })
}
