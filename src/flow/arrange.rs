//! Arrangements: collections by key, indexed once, for whoever on the worker reads them.
//!
//! An [`Index`] is an arrangement in differential's own `OrdVal` batches; only the containers that a batch
//! keeps its keys, values and offsets in are ours ([`Pieces`], [`Packed`](super::Packed) values, [`Strides`]). Whatever
//! differential has for arrangements works on it: `join_core`, `reduce_abelian`, `as_collection`, an import
//! into another dataflow. Keys are routed as differential's `arrange_by_key` routes them, so that it joins
//! with arrangements made by that.
//!
//! [`arranged`] is differential's `arrange_core` but for one thing: every tick is a batch of its own, also
//! where several have become complete at once. So an operator behind it can take the batches of a tick as
//! the tick's changes. Since ticks arrive whole and in order, no batcher is needed that sorts updates by
//! the times at which they may become complete.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use differential_dataflow::consolidation::consolidate_updates;
use differential_dataflow::hashable::Hashable;
use differential_dataflow::logging::DifferentialEventBuilder;
use differential_dataflow::operators::arrange::{Arranged, TraceAgent};
use differential_dataflow::trace::implementations::BatchContainer;
use differential_dataflow::trace::implementations::ord_neu::{OrdValBatch, OrdValBuilder};
use differential_dataflow::trace::implementations::spine_fueled::Spine;
use differential_dataflow::trace::{
    Builder, Cursor, Description, ExertionLogic, Navigable, Span, Trace, TraceReader,
};
use timely::container::{CapacityContainerBuilder, PushInto};
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::operator::Operator;
use timely::progress::{Antichain, Stamp};

use super::pieces::Pieces;
use super::room::BatchRoom;
use super::strides::Strides;
use super::{Collection, Diff, Update};
use crate::metrics::SharedCounts;
use crate::state::batch::Batch;
use crate::state::entries::LookTimes;
use crate::time::Tick;

/// How a batch lies in memory: keys of type `K`, values in a container `V`.
pub type IndexLayout<K, V> = (Pieces<K>, V, Vec<Tick>, Vec<Diff>, Strides);

/// The changes of a stretch of time, by key.
pub type IndexBatch<K, V> = Rc<OrdValBatch<IndexLayout<K, V>>>;

/// A handle on all batches of an arrangement.
pub type IndexTrace<K, V> = TraceAgent<Spine<IndexBatch<K, V>>>;

/// What an arrangement sends on: the changes of a tick.
pub type IndexSpan<K, V> = Span<Tick, IndexBatch<K, V>>;

/// A collection arranged by key.
pub type Index<'scope, K, V> = Arranged<'scope, IndexTrace<K, V>>;

/// A key of an arrangement.
pub trait Key: Ord + Copy + Hashable<Output = u64> + timely::ExchangeData {}

impl<K: Ord + Copy + Hashable<Output = u64> + timely::ExchangeData> Key for K {}

/// A container that keeps values of type `D`.
pub trait Values<D>:
    BatchContainer<Owned = D>
    + PushInto<D>
    + BatchRoom
    + for<'a> BatchContainer<ReadItem<'a>: PartialEq<&'a D>>
{
}

impl<D, V> Values<D> for V
where
    V: BatchContainer<Owned = D> + PushInto<D> + BatchRoom,
    V: for<'a> BatchContainer<ReadItem<'a>: PartialEq<&'a D>>,
{
}

/// Updates of a tick that is still open.
type Waiting<K, D> = (Capability<Tick>, Batch<Update<(K, D)>>);

/// Updates that may wait to be merged where hardly anything stands.
const LITTLE: usize = 128;

/// How many updates are merged at once beyond what batches bring about as they come.
const EFFORT: usize = 1 << 15;

/// Arranges a collection by key; `counts` are told how many updates stand.
///
/// Updates that cancel each other are in memory until their batches are merged. Batches that come merge
/// those before them, as differential has it; beyond that, more than twice as many updates as stand are
/// merged until they are no more, whether anything comes or not.
pub fn arranged<'scope, K, D, V>(
    changes: Collection<'scope, (K, D)>,
    name: &str,
    counts: &SharedCounts,
) -> Index<'scope, K, V>
where
    K: Key,
    D: timely::ExchangeData + Ord + Clone,
    V: Values<D>,
{
    let by_key = Exchange::new(|((key, _), _, _): &Update<(K, D)>| key.hashed());
    let scope = changes.inner.scope();
    let (counts, operator) = (Rc::clone(counts), name.to_owned());
    let mut reader = None;
    let made = &mut reader;
    type Spans<K, V> = CapacityContainerBuilder<Vec<IndexSpan<K, V>>>;
    let stream =
        changes.inner.unary_frontier::<Spans<K, V>, _, _, _>(by_key, name, move |_, info| {
            let logger =
                scope.worker().logger_for::<DifferentialEventBuilder>("differential/arrange");
            let logger = logger.map(Into::into);
            let activator = scope.activator_for(Rc::clone(&info.address));
            let standing = Arc::new(AtomicUsize::new(0));
            let mut trace = Spine::new(info.clone(), logger.clone(), Some(activator));
            trace.set_exert_logic(exertion(Arc::clone(&standing)));
            let (agent, mut writer) = TraceAgent::new(trace, info, logger);
            let (watched, mut looks) = (watching(&agent), LookTimes::default());
            *made = Some(agent);
            let mut waiting: BTreeMap<Tick, Waiting<K, D>> = BTreeMap::new();
            let mut upper = Antichain::from_elem(0);
            move |(input, frontier), output| {
                input.for_each(|capability, data| {
                    if let Some(capability) = capability.retain_least(output.output_index()) {
                        let waiting = waiting.entry(*capability.time());
                        let (_, updates) =
                            waiting.or_insert_with(|| (capability, Batch::default()));
                        updates.append(data);
                    }
                });
                while let Some(earliest) = waiting.first_entry() {
                    let tick = *earliest.key();
                    if frontier.frontier().less_equal(&tick) {
                        break;
                    }
                    let (capability, changes) = earliest.remove();
                    let mut updates = changes.into_vec();
                    consolidate_updates(&mut updates);
                    let sum: Diff = updates.iter().map(|(_, _, diff)| diff).sum();
                    let stand = standing.load(Ordering::Relaxed).wrapping_add_signed(sum);
                    standing.store(stand, Ordering::Relaxed);
                    let after = Antichain::from_elem(tick + 1);
                    let since = Antichain::from_elem(0);
                    let description = Description::new(upper.clone(), after.clone(), since);
                    let span = Span::new(description, batch(updates));
                    writer.insert(span.clone(), Stamp::from_elem(tick));
                    output.session(&capability).give(span);
                    upper = after;
                    let mut counts = counts.borrow_mut();
                    counts.note_entries(&operator, stand);
                    if looks.is_next(stand) {
                        counts.note_bytes(&operator, room(&watched));
                    }
                }
                if upper.borrow() != frontier.frontier() {
                    upper = frontier.frontier().to_owned();
                    writer.seal(upper.clone());
                }
                writer.exert();
            }
        });
    Arranged { stream, trace: reader.expect("the operator has been built") }
}

/// A handle that keeps nothing from being merged.
fn watching<K: Key, D: Ord + Clone + 'static, V: Values<D>>(
    agent: &IndexTrace<K, V>,
) -> IndexTrace<K, V> {
    let mut watching = agent.clone();
    watching.set_logical_compaction(Antichain::new().borrow());
    watching.set_physical_compaction(Antichain::new().borrow());
    watching
}

/// The memory of all batches.
fn room<K: Key, D: Ord + Clone + 'static, V: Values<D>>(trace: &IndexTrace<K, V>) -> usize {
    let mut all = 0;
    trace.map_spans(|span| {
        let Some(batch) = &span.inner else { return };
        let (of, upds) = (&batch.storage, &batch.storage.upds);
        all += of.keys.room() + of.vals.vals.room() + upds.times.room() + upds.diffs.room();
    });
    all
}

/// Updates that are in order, as a batch; nothing of none.
fn batch<K: Key, D: Ord + Clone + 'static, V: Values<D>>(
    mut updates: Vec<Update<(K, D)>>,
) -> Option<IndexBatch<K, V>> {
    let number = updates.len();
    let mut builder =
        OrdValBuilder::<IndexLayout<K, V>, Vec<Update<(K, D)>>>::with_capacity(number, number, 1);
    builder.push(&mut updates);
    builder.done().map(Rc::new)
}

/// What is to be merged, where of so many updates only `standing` are not cancelled by others.
fn exertion(standing: Arc<AtomicUsize>) -> ExertionLogic {
    Arc::new(move |layers| {
        let layers = layers.iter().filter(|(_, _, updates)| *updates > 0);
        let updates: usize = layers.clone().map(|(_, _, updates)| updates).sum();
        // One batch alone can be merged with nothing.
        let batches: usize = layers.map(|(_, batches, _)| batches).sum();
        let most = 2 * standing.load(Ordering::Relaxed) + LITTLE;
        (updates > most && batches > 1).then_some(EFFORT)
    })
}

/// The changes of a tick, key by key in order.
pub struct SpanChanges<K: Key, V: BatchContainer> {
    batch: Option<IndexBatch<K, V>>,
    cursor: Option<<IndexBatch<K, V> as Navigable>::Cursor>,
}

impl<K: Key, V: BatchContainer> SpanChanges<K, V> {
    /// There may be none.
    pub fn new(span: Option<&IndexSpan<K, V>>) -> Self {
        let batch = span.and_then(|span| span.inner.clone());
        SpanChanges { cursor: batch.as_ref().map(Navigable::cursor), batch }
    }

    /// Visits the changes of the next key, in the order of the values; whether there is one.
    pub fn next(&mut self, mut visit: impl FnMut(&K, V::ReadItem<'_>, Diff)) -> bool {
        let (Some(batch), Some(cursor)) = (&self.batch, &mut self.cursor) else { return false };
        let Some(key) = cursor.get_key(batch) else { return false };
        while let Some(value) = cursor.get_val(batch) {
            let mut sum = 0;
            cursor.map_times(batch, |_, diff| sum += *diff);
            visit(key, value, sum);
            cursor.step_val(batch);
        }
        cursor.step_key(batch);
        true
    }

    /// Those of some keys, which come in order, that nothing changes.
    pub fn others(&self, keys: impl Iterator<Item = K>) -> Vec<K> {
        let Some(batch) = &self.batch else { return keys.collect() };
        let mut cursor = batch.cursor();
        let mut is_changed = |key: &K| {
            cursor.seek_key(batch, key);
            cursor.get_key(batch) == Some(key)
        };
        keys.filter(|key| !is_changed(key)).collect()
    }
}
