//! Which rows stand, and what they say over the columns of joined tables: the part of taking rows in that
//! keeps state.
//!
//! ```text
//! rows ──→ admission ──→ joined tables, one after the other ──→ rows that stand ±
//!          by id or key   by the key of the table's record  └──→ rows that were only seen ±
//! ```

mod admit;
mod by_hand;
mod change;
mod clock;
mod few;
mod held;
mod join;
mod joined;
mod joined_changes;
mod joining;
mod joining_row;
mod repeated_id;
mod repeats;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::vec::Broadcast;

use crate::decode::latest::Latest;
use crate::flow::{
    AsCollection, Collection, Concat, Diff, Due, Exchange, KeyedState, Map, Pipeline, Saving,
    Stream, Update, keeping, keyed_in, parted, whole_ticks,
};
use crate::metrics::SharedCounts;
use crate::plan::Plan;
use crate::row::{Row, StandingRow};
use crate::state::batch::{Batch, apply_prefetched};
use crate::time::Micros;
use held::HeldJoin;
use joined_changes::JoinedChanges;
use joining::{joining_row, joins, parted_by_key, past, record, record_key};

use admit::Remembered;
pub use admit::{Admission, ArrivalTime, EventFate};
pub use by_hand::JoinsByHand;
pub use change::{RowChange, RowStatus};
pub use clock::ArrivalClock;
pub use clock::Clock;
pub use join::Join;
pub use joining::JoinInput;
pub use joining_row::{JoinKey, JoiningRow};

/// What admission and joins come to.
pub struct StandingRows<'scope> {
    /// The rows that stand, with what they say over the columns of joined tables.
    pub rows: Collection<'scope, StandingRow>,
    /// Rows that never stood, and only say when they saw their identifiers.
    pub seen_only: Collection<'scope, StandingRow>,
}

/// Which of the rows stand, and what they say beside the records of joined tables.
pub fn standing_rows<'scope>(
    plan: &Arc<Plan>,
    arrival: ArrivalTime,
    rows: Stream<'scope, Row>,
    now: Stream<'scope, Micros>,
    counts: &SharedCounts,
    saving: &Saving<'scope>,
) -> StandingRows<'scope> {
    let admitted = admit(plan, arrival, rows, now, counts, saving);
    parted_by_admission(join(plan, admitted, counts, saving))
}

/// `now()` on every worker, for ticks in which it may have changed.
pub fn read_clock<'scope>(
    clock: Clock,
    ticks: Stream<'scope, Micros>,
    latest: Stream<'scope, Latest>,
    counts: &SharedCounts,
    saving: &Saving<'scope>,
) -> Stream<'scope, Micros> {
    match clock {
        Clock::Wall => ticks,
        Clock::Fixed(instant) => ticks.map(move |_| instant),
        Clock::Event => {
            let (known, mut now) = (Rc::new(RefCell::new(Latest::default())), Micros::MIN);
            let (counts, one) = (Rc::clone(counts), Exchange::new(|_| 0));
            let saved = Rc::clone(&known);
            saving.keep("Event clock", move |entries| entries.put(&*saved.borrow()));
            let latest = match saving.restored("Event clock") {
                Some(before) => latest.concat(before),
                None => latest,
            };
            let readings = whole_ticks(latest, one, None, "Event clock", move |whole, readings| {
                let mut known = known.borrow_mut();
                whole.data.iter().for_each(|latest| known.add_all(latest));
                counts.borrow_mut().ahead = known.ahead().map(|row| (row.source, row.time));
                // Before the first event time, it is the epoch.
                let reading = known.followed().unwrap_or(0).max(0);
                if reading > now {
                    now = reading;
                    readings.push(reading);
                }
            });
            readings.broadcast()
        }
    }
}

/// The plan for events that arrive so: where they arrive at their own times, one may give way to an earlier one of
/// its id.
pub fn plan_for(plan: &Arc<Plan>, arrival: ArrivalTime) -> Arc<Plan> {
    match arrival {
        ArrivalTime::OwnTime => Arc::new(plan.with_repeats_taken_back()),
        ArrivalTime::Now | ArrivalTime::Held => Arc::clone(plan),
    }
}

#[derive(Clone, serde::Serialize, serde::Deserialize)]
enum Arriving {
    Row(Row),
    Now(u64, Micros),
    /// What a run before remembered.
    Remembered(Box<Remembered>),
}

/// Which rows stand. An id or key is remembered by one worker.
fn admit<'scope>(
    plan: &Arc<Plan>,
    arrival: ArrivalTime,
    rows: Stream<'scope, Row>,
    now: Stream<'scope, Micros>,
    counts: &SharedCounts,
    saving: &Saving<'scope>,
) -> Stream<'scope, RowChange> {
    let worker = rows.scope().index() as u64;
    let (mut reading, mut arriving) = (Micros::MIN, ArrivalClock::new(arrival));
    let of_sources = Rc::clone(counts);
    let arrivals = rows.map(Arriving::Row).concat(now.map(move |now| Arriving::Now(worker, now)));
    let route = move |arriving: &Arriving| match arriving {
        // Nothing is remembered of a row without an id or key: it stays where it is.
        Arriving::Row(row) => row.key.map_or(worker, |key| key as u64),
        Arriving::Now(worker, _) => *worker,
        Arriving::Remembered(of) => of.key() as u64,
    };
    let arrivals = match saving.restored("Admit") {
        Some(before) => arrivals.concat(before.map(|of| Arriving::Remembered(Box::new(of)))),
        None => arrivals,
    };
    let admit = move |admission: &mut Rc<RefCell<Admission>>,
                      batch: Batch<Arriving>,
                      changes: &mut Batch<_>| {
        let admission = &mut *admission.borrow_mut();
        let mut before = Vec::new();
        let mut rows = Vec::with_capacity(batch.len());
        for of in batch {
            match of {
                Arriving::Now(_, now) => reading = reading.max(now),
                Arriving::Row(row) => rows.push(row),
                Arriving::Remembered(of) => before.push(*of),
            }
        }
        if !before.is_empty() {
            admission.put_back(before);
        }
        // What arrives with a tick arrives at once, whichever worker read it: the first of several
        // events with one id is then the one that stands first.
        rows.sort_by_key(|row| (row.arrived, row.source, row.position));
        let mut counts = of_sources.borrow_mut();
        apply_prefetched(rows, admission, &[Admission::prefetch], |admission, row| {
            let counts = &mut counts.sources[row.source as usize];
            let change = |row, status| RowChange::each(row, status, |change| changes.push(change));
            let arrived = arriving.at(&row, reading);
            match admission.admit(row, arrived, change) {
                EventFate::Counts => {}
                EventFate::Repeats | EventFate::Waits => counts.duplicates += 1,
            }
        });
        admission.end_tick(reading, |row, status| {
            let counts = &mut counts.sources[row.source as usize];
            // All rows that wait for the end of the tick were counted as duplicates.
            match status {
                RowStatus::Stands => counts.duplicates -= 1,
                RowStatus::Gone => counts.duplicates += 1,
                RowStatus::SeenOnly => {}
            }
            RowChange::each(row, status, |change| changes.push(change));
        });
    };
    let admission = Rc::new(RefCell::new(Admission::new(plan, arrival)));
    let saved = Rc::clone(&admission);
    saving.keep("Admit", move |entries| saved.borrow().remembered(|of| entries.put(&of)));
    keeping(arrivals, Exchange::new(route), "Admit", counts, admission, admit)
}

/// Rows with what they say over the columns of joined tables; those of other sources as they are.
fn join<'scope>(
    plan: &Arc<Plan>,
    rows: Stream<'scope, RowChange>,
    counts: &SharedCounts,
    saving: &Saving<'scope>,
) -> Stream<'scope, RowChange> {
    if joins(plan) == 0 {
        return rows;
    }
    let of = || Arc::clone(plan);
    let (of_records, of_rows, of_done) = (of(), of(), of());
    let records = updates(rows.clone(), move |change| record(&of_records, &change)).as_collection();
    let joining = updates(rows.clone(), move |change| joining_row(&of_rows, change));
    let done = rows.flat_map(move |change| past(&of_done, &change));
    let mut joining = joining.as_collection();
    for number in 0..joins(plan) {
        let name = format!("Join {number}");
        let state = Rc::new(RefCell::new(KeyedState::new(Join::default())));
        let saved = Rc::clone(&state);
        saving.keep(&name, move |entries| {
            for (key, state) in saved.borrow().keys() {
                state.saved().for_each(|held| entries.put(&(*key, held)));
            }
        });
        let (of_rows, of_records) = (of(), of());
        let (rows, passing) = parted(joining, move |row| parted_by_key(&of_rows, number, row));
        let records = records.clone().flat_map(move |record| {
            let key = record_key(&of_records, number, &record)?;
            Some((key, JoinInput::Record(record)))
        });
        let held = saving.put_back(&name, |(key, held): (JoinKey, HeldJoin)| {
            vec![((key, JoinInput::Held(Box::new(held))), 1)]
        });
        let inputs = rows.concat(records).concatenate(held);
        joining = passing.concat(keyed_in(inputs, None, &name, counts, Due::default(), state));
    }
    let (said, of_failures) = (JoinedChanges::new(plan), Rc::clone(counts));
    let said = whole_ticks(joining.inner, Pipeline, None, "Joined", move |whole, changes| {
        let rows = whole.data.into_iter().map(|(row, _, diff)| (row, diff));
        of_failures.borrow_mut().failed_expressions += said.apply(rows, changes);
    });
    done.concat(said)
}

/// The rows that stand, and those that never did and only say when they saw their identifiers.
fn parted_by_admission(changes: Stream<'_, RowChange>) -> StandingRows<'_> {
    let updates = updates(changes, |RowChange { status, row }| match status {
        RowStatus::Stands => Some((Ok(row), 1)),
        RowStatus::Gone => Some((Ok(row), -1)),
        RowStatus::SeenOnly => Some((Err(row), 1)),
    });
    let (rows, seen_only) = parted(updates.as_collection(), |row| row);
    StandingRows { rows, seen_only }
}

/// What changes of rows come to, at the ticks at which they come.
fn updates<'scope, D: Clone + 'static>(
    changes: Stream<'scope, RowChange>,
    update: impl Fn(RowChange) -> Option<(D, Diff)> + 'static,
) -> Stream<'scope, Update<D>> {
    changes.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(Pipeline, "Standing", |_, _| {
        move |input, output| {
            input.for_each_stamp(|capability, batches| {
                let Some(tick) = capability.least().copied() else { return };
                let mut session = output.session(&capability);
                let changes = batches.flat_map(|batch| batch.drain(..));
                for (data, diff) in changes.filter_map(&update) {
                    session.give((data, tick, diff));
                }
            });
        }
    })
}
