//! An arrangement as others on its worker see it: imported by another dataflow, or read at a tick.
//!
//! The dataflow goes on while somebody reads, and several ticks are under way at once. A reader names one
//! that is complete, and sees exactly what is there then: no update of a later tick, though the arrangement
//! has taken it in, and no tick without all of its updates.
//!
//! An arrangement forgets which tick an update is of once nobody can ask any more. What may be asked for is
//! what the handle here keeps open: the latest tick that is complete, and all after it. It has to follow
//! ([`Shared::follow`]), or no update is ever merged with another.

use differential_dataflow::operators::arrange::{Arranged, ShutdownButton, TraceAgent};
use differential_dataflow::trace::TraceReader;
use differential_dataflow::trace::cursor::{Cursor, CursorList, Navigable, cursor_list};
use differential_dataflow::trace::implementations::BatchContainer;
use differential_dataflow::trace::implementations::spine_fueled::Spine;
use differential_dataflow::trace::wrappers::frontier::TraceFrontier;
use timely::dataflow::Scope;
use timely::dataflow::operators::CapabilitySet;
use timely::progress::Antichain;
use timely::progress::frontier::AntichainRef;

use super::arrange::{IndexBatch, IndexTrace, Key};
use crate::time::Tick;

/// A handle on an arrangement of this worker.
pub struct Shared<K: Key, V: BatchContainer> {
    trace: IndexTrace<K, V>,
    /// Ticks before are no longer told apart.
    since: Tick,
}

/// An arrangement in another dataflow.
pub type Imported<'scope, K, V> =
    Arranged<'scope, TraceFrontier<TraceAgent<Spine<IndexBatch<K, V>>>>>;

/// Why there is nothing to read at a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotError {
    /// Updates of it may still arrive.
    Open,
    /// It is no longer told apart from later ones.
    Forgotten,
}

impl<K: Key, V: BatchContainer> Shared<K, V> {
    pub fn new(trace: IndexTrace<K, V>) -> Self {
        Shared { trace, since: 0 }
    }

    /// Lets go of ticks before the latest that is complete. All before `frontier` are.
    pub fn follow(&mut self, frontier: AntichainRef<'_, Tick>) {
        // Where no tick will follow, the last one can be read for ever.
        let Some(next) = frontier.first().copied().filter(|next| *next > self.since + 1) else {
            return;
        };
        self.since = next - 1;
        self.trace.set_logical_compaction(AntichainRef::new(&[self.since]));
        self.trace.set_physical_compaction(AntichainRef::new(&[next]));
    }

    /// The earliest tick at which the arrangement can be read or imported.
    pub fn since(&self) -> Tick {
        self.since
    }

    /// What is there at a tick. Whoever asks knows that all that caused its updates is complete.
    pub fn at(&mut self, tick: Tick) -> Result<Reading<K, V>, SnapshotError> {
        if tick < self.since {
            return Err(SnapshotError::Forgotten);
        }
        let mut upper = Antichain::new();
        self.trace.read_upper(&mut upper);
        if upper.less_equal(&tick) {
            return Err(SnapshotError::Open);
        }
        Ok(self.behind(tick))
    }

    /// What is there at a tick, for an operator that stands behind the arrangement and has been told by its
    /// own frontier that the tick is complete.
    pub fn behind(&self, tick: Tick) -> Reading<K, V> {
        assert!(self.since <= tick, "ticks come in order");
        Reading::new(&self.trace, tick)
    }

    /// Lets go of ticks before the one that an operator has just been through.
    pub fn let_go(&mut self, tick: Tick) {
        self.follow(AntichainRef::new(&[tick + 1]));
    }

    /// Brings the arrangement into another dataflow of this worker, which every worker has to build. It
    /// holds there what is there at [`Shared::since`], and changes as this one does from then on; where
    /// workers are not equally far, it is right from the latest of theirs on. The button ends it.
    pub fn import<'scope>(
        &mut self,
        scope: Scope<'scope, Tick>,
        name: &str,
    ) -> (Imported<'scope, K, V>, ShutdownButton<CapabilitySet<Tick>>) {
        let since = Antichain::from_elem(self.since);
        self.trace.import_frontier_core(scope, name, since, Antichain::new())
    }
}

/// What is there at one tick, by key. It stays as it is while the dataflow goes on.
pub struct Reading<K: Key, V: BatchContainer> {
    tick: Tick,
    cursor: CursorList<<IndexBatch<K, V> as Navigable>::Cursor>,
    batches: Vec<IndexBatch<K, V>>,
    /// The key that was last looked up: the cursor only goes forward.
    last: Option<K>,
}

impl<K: Key, V: BatchContainer> Reading<K, V> {
    /// Reads a trace that is complete up to the tick, and has not forgotten it.
    fn new(trace: &IndexTrace<K, V>, tick: Tick) -> Self {
        let mut batches = Vec::new();
        trace.map_spans(|span| batches.extend(span.inner.clone()));
        let (cursor, batches) = cursor_list(batches);
        Reading { tick, cursor, batches, last: None }
    }

    /// The value of a key that has one. Keys are found sooner where they are asked for in order.
    pub fn get(&mut self, key: &K) -> Option<V::ReadItem<'_>> {
        if self.last.replace(*key).is_some_and(|last| last >= *key) {
            self.cursor.rewind_keys(&self.batches);
        }
        self.cursor.seek_key(&self.batches, key);
        if self.cursor.get_key(&self.batches) != Some(key) {
            return None;
        }
        self.value()
    }

    /// Visits all keys that are there, in order, each with its values.
    pub fn for_each(&mut self, mut visit: impl FnMut(&K, V::ReadItem<'_>)) {
        self.cursor.rewind_keys(&self.batches);
        self.last = None;
        while let Some(key) = self.cursor.get_key(&self.batches) {
            let key = *key;
            while let Some(value) = self.value() {
                visit(&key, value);
                self.cursor.step_val(&self.batches);
            }
            self.cursor.step_key(&self.batches);
        }
        self.cursor.rewind_keys(&self.batches);
    }

    /// The next value of the key at hand that is there at the tick.
    fn value(&mut self) -> Option<V::ReadItem<'_>> {
        let Reading { tick, cursor, batches, .. } = self;
        while let Some(value) = cursor.get_val(batches) {
            let mut times = 0;
            cursor.map_times(batches, |at, diff| {
                if *at <= *tick {
                    times += *diff;
                }
            });
            if times > 0 {
                return Some(value);
            }
            cursor.step_val(batches);
        }
        None
    }
}
