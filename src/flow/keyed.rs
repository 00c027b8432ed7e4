//! The operator behind every stage that keeps state by key.
//!
//! ```text
//! (key, value) ±  →  each key's changes of a tick at once:  what it said before  ┐
//!                                                           what it says now     ┴→  output ±
//! ```
//!
//! In differential's terms it is `reduce`, where values can be folded: a [`Keyed`] keeps one state of each key, and no
//! arrangement of all its values. Taking a value back has to leave the state that was there before it came. The present
//! state is enough, since ticks are totally ordered and arrive complete. The operator owns what all such stages share: it waits until a tick is complete,
//! puts the tick's changes in the order in which their keys lie in memory, prefetches what the next keys need,
//! visits each key once, forgets keys with nothing left, gives memory back, and tells the metrics how many
//! keys there are. A stage says what a change does to a key's state, and what follows from it.

use std::cell::{Cell, RefCell};
use std::hash::Hash;
use std::hint::black_box;
use std::rc::Rc;

use differential_dataflow::AsCollection;
use timely::dataflow::channels::pact::Exchange;

use super::ticks::{WholeTick, whole_ticks};
use super::{Collection, Diff, Stream, Update};
use crate::metrics::SharedCounts;
use crate::state::batch::Batch;
use crate::state::entries::{LookTimes, held_by_sample};
use crate::state::table::Table;
use crate::time::{Micros, Tick};

/// What a stage does with the changes of one key.
pub trait Keyed: 'static {
    type Key: Copy + Ord + Hash + 'static;
    type Value: 'static;
    /// What is kept of a key. The default is what is known of a key that was never heard of.
    type State: Default + 'static;
    /// What a key said when the tick began, as far as `flush` has to know it, to take that back.
    type Face;
    type Output: Clone + 'static;

    /// Which worker holds the key: keys of one number go to one worker.
    fn route(key: &Self::Key) -> u64;

    /// What the key says at present; called before the first change of a tick is applied.
    fn face(&self, key: &Self::Key, state: &Self::State) -> Self::Face;

    /// Takes one change in. Within a tick changes come in any order and are not consolidated: a count may fall below
    /// zero before it rises, and one value may come and go. Nobody looks at the value after this, so whatever is wanted
    /// of it may be taken out.
    fn apply(
        &mut self,
        key: &Self::Key,
        state: &mut Self::State,
        value: &mut Self::Value,
        diff: Diff,
    );

    /// Tells what follows from all of a tick's changes of the key; called for keys that are due even where nothing
    /// changes them. What is told comes in no order of keys.
    fn flush(
        &mut self,
        key: &Self::Key,
        state: &mut Self::State,
        before: Self::Face,
        out: &mut Emit<Self::Output>,
    ) -> Keep;

    /// Reads what `apply` and `flush` will need beyond the state itself, and returns a number that depends on what it
    /// read, so that the compiler leaves nothing out: several keys wait for memory at once then.
    fn prefetch(_state: &Self::State) -> usize {
        0
    }

    /// Likewise, what lies behind a value.
    fn prefetch_value(_value: &Self::Value) -> usize {
        0
    }

    /// A tick begins, of which these keys are held; names those that are to be flushed even where nothing changes them.
    fn begin_tick(
        &mut self,
        _tick: Tick,
        _keys: &Table<Self::Key, Self::State>,
        _due: &mut Vec<Self::Key>,
    ) {
    }

    /// Hears the reading of `now()`, before a tick's changes, and names the keys that are to be flushed
    /// even where nothing changes them.
    fn pass_time(&mut self, _now: Micros, _due: &mut Vec<Self::Key>) {}

    /// When `pass_time` next has a key to name.
    fn next_due(&self) -> Option<Micros> {
        None
    }

    /// A tick is over.
    fn end_tick(&mut self, _keys: &Table<Self::Key, Self::State>) {}

    /// How many entries are held beside the keys.
    fn entries_beside(&self) -> usize {
        0
    }

    /// About how many bytes a key's state has outside of its place in the table.
    fn held(_state: &Self::State) -> usize {
        0
    }

    /// Likewise, what is kept beside the keys.
    fn held_beside(&self) -> usize {
        0
    }

    /// How many keys that are gone have something that is remembered for ever.
    fn remembered(&self) -> usize {
        0
    }
}

/// Whether there is anything left to know of a key: if not, its state is dropped, and the next change of it finds the
/// default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    Yes,
    No,
}

impl Keep {
    pub fn unless(is_empty: bool) -> Self {
        if is_empty { Keep::No } else { Keep::Yes }
    }
}

/// The changes of a collection that a tick brings about.
pub struct Emit<D> {
    tick: Tick,
    updates: Batch<Update<D>>,
}

impl<D> Emit<D> {
    pub fn at(tick: Tick) -> Self {
        Emit { tick, updates: Batch::default() }
    }

    pub fn push(&mut self, data: D, diff: Diff) {
        self.updates.push((data, self.tick, diff));
    }

    pub fn into_updates(self) -> Batch<Update<D>> {
        self.updates
    }
}

/// The next instant at which time alone changes something in an operator of this worker.
pub type Due = Rc<Cell<Option<Micros>>>;

/// The state of a [`Keyed`] operator. It can be driven by hand, as tests do.
pub struct KeyedState<L: Keyed> {
    pub logic: L,
    keys: Table<L::Key, L::State>,
}

/// Changes of keys, in a piece as they arrived.
type KeyChanges<L> = Vec<Update<(<L as Keyed>::Key, <L as Keyed>::Value)>>;

/// How many keys are read ahead.
const GROUP: usize = 32;

impl<L: Keyed> KeyedState<L> {
    pub fn new(logic: L) -> Self {
        KeyedState { logic, keys: Table::default() }
    }

    /// Every key that is held, with its state.
    pub fn keys(&self) -> impl Iterator<Item = (&L::Key, &L::State)> {
        self.keys.iter()
    }

    /// Entries held, from tick to tick.
    pub fn entries(&self) -> usize {
        self.keys.len() + self.logic.entries_beside()
    }

    /// About how many bytes that takes: the room of the table, and what states hold outside of it, by a sample.
    pub fn bytes(&self) -> usize {
        let states = self.keys.iter().map(|(_, state)| state);
        let held = held_by_sample(states, self.keys.len(), L::held);
        self.keys.room() + held + self.logic.held_beside()
    }

    /// Applies a complete tick.
    pub fn apply_tick(
        &mut self,
        now: Option<Micros>,
        changes: Batch<Update<(L::Key, L::Value)>>,
        out: &mut Emit<L::Output>,
    ) {
        let mut changes: Vec<KeyChanges<L>> = changes.into_pieces().collect();
        let mut due = Vec::new();
        self.logic.begin_tick(out.tick, &self.keys, &mut due);
        now.inspect(|now| self.logic.pass_time(*now, &mut due));
        let mut order = self.visits(&changes, &due);
        order.sort_unstable_by_key(|visit| visit.order);
        let mut empty = Vec::new();
        for group in groups(&mut order) {
            self.prefetch(group, &changes);
            for visits in group.chunk_by_mut(|one, other| one.order == other.order) {
                self.visit_place(visits, &mut changes, &due, &mut empty, out);
            }
        }
        // Nothing moves while visits say where keys lie. Keys of which nothing is left go afterwards, and the hindmost
        // first, since the last key of the table takes the place of one that goes.
        empty.sort_unstable();
        empty.into_iter().rev().for_each(|place| drop(self.keys.remove_at(place)));
        self.logic.end_tick(&self.keys);
        self.keys.give_back();
    }

    /// Everything that is to be looked at, in no order.
    fn visits(&self, changes: &[KeyChanges<L>], due: &[L::Key]) -> Vec<Visit> {
        let number = changes.iter().map(Vec::len).sum::<usize>() + due.len();
        let mut visits = Vec::with_capacity(number);
        for (piece, changes) in changes.iter().enumerate() {
            for (index, ((key, _), _, _)) in changes.iter().enumerate() {
                visits.push(self.visit_of(key, piece as u32, index as u32));
            }
        }
        for (index, key) in due.iter().enumerate() {
            visits.push(self.visit_of(key, Visit::DUE, index as u32));
        }
        visits
    }

    fn visit_of(&self, key: &L::Key, piece: u32, index: u32) -> Visit {
        let hash = self.keys.hash(key);
        let order = match self.keys.likely_place(hash) {
            Some(place) => u64::from(place),
            None => hash | Visit::NEW,
        };
        Visit { order, hash, piece, index }
    }

    fn prefetch(&self, visits: &[Visit], changes: &[KeyChanges<L>]) {
        let changed = visits.iter().filter(|visit| visit.piece != Visit::DUE);
        let value = |visit: &Visit| &changes[visit.piece as usize][visit.index as usize].0.1;
        black_box(changed.map(value).map(L::prefetch_value).sum::<usize>());
        let states = visits.iter().filter_map(|visit| self.keys.at(visit.likely_place()?));
        black_box(states.map(|(_, state)| L::prefetch(state)).sum::<usize>());
    }

    /// Visits the keys of one place, mostly one key. Notes of which nothing is left.
    fn visit_place(
        &mut self,
        visits: &mut [Visit],
        changes: &mut [KeyChanges<L>],
        due: &[L::Key],
        empty: &mut Vec<u32>,
        out: &mut Emit<L::Output>,
    ) {
        let first = *visits[0].key(changes, due);
        if visits.iter().any(|visit| *visit.key(changes, due) != first) {
            visits.sort_unstable_by_key(|visit| *visit.key(changes, due));
        }
        let mut rest = &*visits;
        while let Some(visit) = rest.first() {
            let key = *visit.key(changes, due);
            let number = rest.partition_point(|visit| *visit.key(changes, due) == key);
            let of_key;
            (of_key, rest) = rest.split_at(number);
            match self.keys.place(visit.hash, &key, visit.likely_place()) {
                Some(place) => {
                    let state = self.keys.value_mut(place);
                    if visit_key(&mut self.logic, key, state, of_key, changes, out) == Keep::No {
                        empty.push(place);
                    }
                }
                None => {
                    let mut state = L::State::default();
                    if visit_key(&mut self.logic, key, &mut state, of_key, changes, out)
                        == Keep::Yes
                    {
                        self.keys.insert_new(visit.hash, key, state);
                    }
                }
            }
        }
    }
}

/// Visits one key.
fn visit_key<L: Keyed>(
    logic: &mut L,
    key: L::Key,
    state: &mut L::State,
    visits: &[Visit],
    changes: &mut [KeyChanges<L>],
    out: &mut Emit<L::Output>,
) -> Keep {
    let before = logic.face(&key, state);
    for visit in visits.iter().filter(|visit| visit.piece != Visit::DUE) {
        let ((_, value), _, diff) = &mut changes[visit.piece as usize][visit.index as usize];
        logic.apply(&key, state, value, *diff);
    }
    logic.flush(&key, state, before, out)
}

/// Where a change of a tick is, with the hash of its key.
struct Visit {
    /// By this visits are sorted: the place where the key probably lies; of a key that is new, its hash with the highest
    /// bit set, which puts it behind all others.
    order: u64,
    hash: u64,
    piece: u32,
    index: u32,
}

impl Visit {
    /// In the place of a piece: no change, but a key that time alone concerns.
    const DUE: u32 = u32::MAX;
    /// No key lies so far behind.
    const NEW: u64 = 1 << 63;

    fn key<'a, K, V>(&self, changes: &'a [Vec<Update<(K, V)>>], due: &'a [K]) -> &'a K {
        match self.piece {
            Visit::DUE => &due[self.index as usize],
            piece => &changes[piece as usize][self.index as usize].0.0,
        }
    }

    fn likely_place(&self) -> Option<u32> {
        (self.order < Visit::NEW).then_some(self.order as u32)
    }
}

/// Stretches of about [`GROUP`] visits, none of which ends within a place.
fn groups(mut rest: &mut [Visit]) -> impl Iterator<Item = &mut [Visit]> {
    std::iter::from_fn(move || {
        let mut end = GROUP.min(rest.len());
        while end > 0 && end < rest.len() && rest[end].order == rest[end - 1].order {
            end += 1;
        }
        let (group, others) = std::mem::take(&mut rest).split_at_mut(end);
        rest = others;
        (!group.is_empty()).then_some(group)
    })
}

/// Keeps a state by key: see the module. `now` is needed where the stage looks at time, and `due` is kept at the next
/// instant at which time alone changes something in it.
pub fn keyed<'scope, L: Keyed>(
    changes: Collection<'scope, (L::Key, L::Value)>,
    now: Option<Stream<'scope, Micros>>,
    name: &str,
    counts: &SharedCounts,
    due: Due,
    logic: L,
) -> Collection<'scope, L::Output>
where
    L::Key: timely::ExchangeData,
    L::Value: timely::ExchangeData,
{
    let state = Rc::new(RefCell::new(KeyedState::new(logic)));
    keyed_in(changes, now, name, counts, due, state)
}

/// As [`keyed`], with a state that others look at between ticks.
pub fn keyed_in<'scope, L: Keyed>(
    changes: Collection<'scope, (L::Key, L::Value)>,
    now: Option<Stream<'scope, Micros>>,
    name: &str,
    counts: &SharedCounts,
    due: Due,
    state: Rc<RefCell<KeyedState<L>>>,
) -> Collection<'scope, L::Output>
where
    L::Key: timely::ExchangeData,
    L::Value: timely::ExchangeData,
{
    let (counts, operator) = (Rc::clone(counts), name.to_owned());
    let remembering = format!("{name}, remembered");
    let mut looks = LookTimes::default();
    let by_key = Exchange::new(|((key, _), _, _): &Update<(L::Key, L::Value)>| L::route(key));
    whole_ticks(changes.inner, by_key, now, name, move |WholeTick { tick, now, data }, updates| {
        let mut out = Emit::at(tick);
        let mut state = state.borrow_mut();
        state.apply_tick(now, data, &mut out);
        due.set(state.logic.next_due());
        let mut counts = counts.borrow_mut();
        counts.note_entries(&operator, state.entries());
        if looks.is_next(state.entries()) {
            counts.note_bytes(&operator, state.bytes());
        }
        if state.logic.remembered() > 0 {
            counts.note_entries(&remembering, state.logic.remembered());
        }
        *updates = out.into_updates();
    })
    .as_collection()
}
