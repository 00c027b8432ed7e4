//! The join beside differential's operators of the same meaning, on generated collections.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use differential_dataflow::input::Input;
use proptest::prelude::*;
use smallvec::smallvec;
use thin_vec::ThinVec;

use super::join::Join;
use super::joining::JoinInput;
use super::joining_row::JoiningRow;
use crate::flow::{Collection, Diff, Due, keyed};
use crate::metrics::SharedCounts;
use crate::row::{BodyBuilder, Joining, Position, Verdict};
use crate::time::Tick;

/// A change: of the record of a key, which has another value from now on or none, or of a row by its number.
#[derive(Clone, Debug)]
enum Change {
    Record(u8, Option<u8>),
    Row(u8, u8),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (0..4u8, prop::option::of(0..3u8)).prop_map(|(key, value)| Change::Record(key, value)),
        (0..4u8, 0..3u8).prop_map(|(key, row)| Change::Row(key, row)),
    ]
}

fn joining(source: u16, key: u8, offset: u8, values: &[u8]) -> Arc<Joining> {
    Arc::new(Joining {
        source,
        position: Position { part: key.into(), offset: offset.into() },
        element: 0,
        keys: smallvec![Some(key.into())],
        values: values.into(),
    })
}

fn row(key: u8, number: u8) -> JoiningRow {
    let joining = Some(joining(0, key, number, &[]));
    let body = BodyBuilder::default().build(Verdict::Together, joining, ThinVec::new());
    JoiningRow { time: 0, body, records: ThinVec::new() }
}

/// A row's key and number, and the value of its record.
type Joined = (u8, u8, Option<u8>);

/// What was seen of a collection, each change once, in order.
fn seen(collection: Collection<'_, Joined>) -> Rc<RefCell<Vec<(Joined, Tick, Diff)>>> {
    let seen: Rc<RefCell<Vec<_>>> = Rc::default();
    let seeing = Rc::clone(&seen);
    collection.consolidate().inspect(move |update| seeing.borrow_mut().push(*update));
    seen
}

proptest! {
    #![proptest_config(crate::property::cases(200))]

    #[test]
    fn a_join_says_what_an_outer_join_of_differential_says(
        ticks in prop::collection::vec(prop::collection::vec(change(), 0..10), 1..8)
    ) {
        let (ours, theirs, held) = timely::execute_directly(move |worker| {
            let counts = SharedCounts::default();
            let (mut rows, mut records, ours, theirs) = worker.dataflow::<Tick, _, _>(|scope| {
                let (rows_in, rows) = scope.new_collection::<(u8, u8), Diff>();
                let (records_in, records) = scope.new_collection::<(u8, (u8, u8)), Diff>();
                let inputs = rows.clone().map(|(key, number)| JoinInput::Row(row(key, number)));
                let of_records = records.clone().map(|(key, (value, place))| {
                    JoinInput::Record(joining(1, key, place, &[value]))
                });
                let by_key = inputs.concat(of_records).map(|input| match &input {
                    JoinInput::Row(row) => ((1, row.joining().keys[0].unwrap()), input),
                    JoinInput::Record(record) => ((1, record.keys[0].unwrap()), input),
                    JoinInput::Held(_) => unreachable!("nothing was held"),
                });
                let ours = keyed(by_key, None, "Join 0", &counts, Due::default(), Join::default());
                let ours = ours.map(|row| {
                    let of = row.joining();
                    let value = row.records[0].as_ref().map(|record| record.values[0]);
                    (of.position.part as u8, of.position.offset as u8, value)
                });
                let values = records.map(|(key, (value, _))| (key, value));
                let with = rows.clone().join_map(values.clone(), |key, number, value| {
                    (*key, *number, Some(*value))
                });
                let without = rows.antijoin(values.map(|(key, _)| key).distinct());
                let theirs = with.concat(without.map(|(key, number)| (key, number, None)));
                (rows_in, records_in, seen(ours), seen(theirs))
            });
            // A row that stands goes, one that does not comes; a record takes the place of the one before.
            let mut standing: BTreeMap<u8, (u8, u8)> = BTreeMap::new();
            let mut counted: BTreeMap<(u8, u8), Diff> = BTreeMap::new();
            let mut place = 0;
            for (tick, changes) in ticks.into_iter().enumerate() {
                for change in changes {
                    match change {
                        Change::Row(key, number) => {
                            let times = counted.entry((key, number)).or_default();
                            // Up to twice: a program may push what another run pushed.
                            let diff = if *times == 2 { -2 } else { 1 };
                            *times += diff;
                            rows.update((key, number), diff);
                        }
                        Change::Record(key, value) => {
                            place += 1;
                            let now = value.map(|value| (value, place));
                            now.into_iter().for_each(|of| records.update((key, of), 1));
                            let before = match now {
                                Some(now) => standing.insert(key, now),
                                None => standing.remove(&key),
                            };
                            before.into_iter().for_each(|of| records.update((key, of), -1));
                        }
                    }
                }
                rows.advance_to(tick as Tick + 1);
                records.advance_to(tick as Tick + 1);
                rows.flush();
                records.flush();
            }
            counted.iter().for_each(|(row, times)| rows.update(*row, -times));
            standing.iter().for_each(|(key, of)| records.update((*key, *of), -1));
            drop((rows, records));
            while worker.step() {}
            let held = counts.borrow().entries.get("Join 0").copied();
            (ours.take(), theirs.take(), held.unwrap_or(0))
        });
        let sorted = |mut seen: Vec<(Joined, Tick, Diff)>| { seen.sort(); seen };
        prop_assert_eq!(sorted(ours), sorted(theirs));
        prop_assert_eq!(held, 0);
    }
}
