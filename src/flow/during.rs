//! A filter by time: what counts only while `now()` lies in a range.
//!
//! At every tick the output holds those data of the input whose range contains the present reading of
//! `now()`. What is to come or to go waits in a queue beside the dataflow: as an update of the future in
//! an arrangement it would be looked at again at every tick.

use std::cell::{Ref, RefCell};
use std::ops::Range;
use std::rc::Rc;

use differential_dataflow::AsCollection;
use serde::{Deserialize, Serialize};
use timely::ExchangeData;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Concat;
use timely::dataflow::operators::vec::Map;

use super::saved::Saving;
use super::ticks::{WholeTick, whole_ticks};
use super::{Collection, Diff, Due, Emit, Stream, Update};
use crate::metrics::SharedCounts;
use crate::state::queue::BucketQueue;
use crate::time::Micros;

/// Lets data through while `now()` lies in their range. `due` is kept at the next instant at which that
/// changes.
pub fn during<'scope, D: ExchangeData + Clone>(
    data: Collection<'scope, (D, Range<Micros>)>,
    now: Stream<'scope, Micros>,
    name: &str,
    counts: &SharedCounts,
    due: Due,
    saving: &Saving<'scope>,
) -> Collection<'scope, D> {
    let (counts, operator) = (SharedCounts::clone(counts), name.to_owned());
    let state = Rc::new(RefCell::new(During::default()));
    let saved = Rc::clone(&state);
    saving.keep(name, move |entries| {
        let saved: Ref<'_, During<D>> = saved.borrow();
        saved.turns.iter().for_each(|(at, turn)| entries.put(&(at, turn)));
    });
    let data = data.inner.map(Waits::Datum);
    let data = match saving.restored(name) {
        Some(turns) => data.concat(turns.map(|(at, turn)| Waits::Turn(at, turn))),
        None => data,
    };
    whole_ticks(data, Pipeline, Some(now), name, move |whole, updates| {
        let WholeTick { tick, now, data } = whole;
        let mut out = Emit::at(tick);
        let mut state = state.borrow_mut();
        state.apply_tick(now, data, &mut out);
        due.set(state.turns.next());
        let mut counts = counts.borrow_mut();
        counts.note_entries(&operator, state.turns.len());
        counts.note_bytes(&operator, state.turns.bytes());
        *updates = out.into_updates();
    })
    .as_collection()
}

/// What arrives: a datum with the readings at which it counts, or what waited when it was saved.
#[derive(Clone)]
pub enum Waits<D> {
    Datum(Update<(D, Range<Micros>)>),
    Turn(Micros, Transition<D>),
}

impl<D> From<Update<(D, Range<Micros>)>> for Waits<D> {
    fn from(datum: Update<(D, Range<Micros>)>) -> Self {
        Waits::Datum(datum)
    }
}

/// What is to come in or to go out when `now()` has come so far.
pub struct During<D> {
    turns: BucketQueue<Transition<D>>,
    now: Micros,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Transition<D> {
    data: D,
    diff: Diff,
    /// It comes in, and goes out at this reading. `None`: it goes out.
    until: Option<Micros>,
}

impl<D> Default for During<D> {
    fn default() -> Self {
        During { turns: BucketQueue::default(), now: Micros::MIN }
    }
}

impl<D: Clone> During<D> {
    /// Applies a complete tick.
    pub fn apply_tick(
        &mut self,
        now: Option<Micros>,
        data: impl IntoIterator<Item = impl Into<Waits<D>>>,
        out: &mut Emit<D>,
    ) {
        self.now = now.map_or(self.now, |now| self.now.max(now));
        let mut due = Vec::new();
        self.turns.take_due(self.now, |_, turn| due.push(turn));
        due.into_iter().for_each(|turn| self.pass(turn, out));
        for waits in data {
            let ((data, range), diff) = match waits.into() {
                Waits::Datum((datum, _, diff)) => (datum, diff),
                Waits::Turn(at, turn) => {
                    self.turns.push(at, turn);
                    continue;
                }
            };
            if range.end <= self.now || range.is_empty() {
                continue;
            }
            let comes_in = Transition { data, diff, until: Some(range.end) };
            if range.start > self.now {
                self.turns.push(range.start, comes_in);
            } else {
                self.pass(comes_in, out);
            }
        }
    }

    fn pass(&mut self, turn: Transition<D>, out: &mut Emit<D>) {
        let Transition { data, diff, until } = turn;
        match until {
            None => out.push(data, -diff),
            // It has come and gone since `now()` was last read.
            Some(until) if until <= self.now => {}
            Some(Micros::MAX) => out.push(data, diff),
            Some(until) => {
                out.push(data.clone(), diff);
                self.turns.push(until, Transition { data, diff, until: None });
            }
        }
    }
}
