//! Arrangements beside differential's own, read while ticks are under way, and imported by a late dataflow.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use differential_dataflow::input::Input;
use proptest::prelude::*;
use timely::dataflow::operators::probe::{Handle, Probe};

use super::{changes, see};
use crate::flow::{Collection, Diff, Packed, PackedList, Shared, SnapshotError, arranged};
use crate::metrics::SharedCounts;
use crate::time::Tick;

/// A key, and one of few values that it gets, or none.
type Change = (u8, Option<u8>);

/// Ticks, each with what becomes of some keys in it.
fn histories() -> impl Strategy<Value = Vec<Vec<Change>>> {
    let change = (0..12u8, prop::option::weighted(0.7, 0..5u8));
    prop::collection::vec(prop::collection::vec(change, 0..8), 1..14)
}

fn value(number: u8) -> Packed {
    Packed::from(&vec![number; usize::from(number)][..])
}

/// What changes in each tick, and what is there after it.
#[derive(Clone, Debug)]
struct Tell {
    updates: Vec<(Tick, (u8, Packed), Diff)>,
    after: BTreeMap<Tick, BTreeMap<u8, Packed>>,
}

/// Ticks are three apart, the first of them 1.
fn tell(history: &[Vec<Change>]) -> Tell {
    let mut there: BTreeMap<u8, u8> = BTreeMap::new();
    let mut told = Tell { updates: Vec::new(), after: BTreeMap::new() };
    for (number, changes) in history.iter().enumerate() {
        let tick = 3 * number as Tick + 1;
        for (key, to) in changes {
            let before = match to {
                Some(to) => there.insert(*key, *to),
                None => there.remove(key),
            };
            before.iter().for_each(|v| told.updates.push((tick, (*key, value(*v)), -1)));
            to.iter().for_each(|v| told.updates.push((tick, (*key, value(*v)), 1)));
        }
        told.after.insert(tick, there.iter().map(|(key, of)| (*key, value(*of))).collect());
    }
    told
}

fn last_before(after: &BTreeMap<Tick, BTreeMap<u8, Packed>>, next: Tick) -> BTreeMap<u8, Packed> {
    after.range(..next).next_back().map_or_else(BTreeMap::new, |(_, there)| there.clone())
}

/// How often each value is there: for whoever comes late as for whoever was there all along.
fn count<'scope>(values: Collection<'scope, Packed>) -> Collection<'scope, (Packed, Diff)> {
    values.count()
}

fn up_to(updates: &[((Packed, Diff), Tick, Diff)], tick: Tick) -> BTreeMap<(Packed, Diff), Diff> {
    let mut all = BTreeMap::new();
    for (data, _, diff) in updates.iter().filter(|(_, at, _)| *at <= tick) {
        *all.entry(data.clone()).or_default() += diff;
    }
    all.retain(|_, diff| *diff != 0);
    all
}

proptest! {
    #![proptest_config(crate::property::cases(64))]

    #[test]
    fn an_arrangement_is_what_differential_arranges_and_is_read_a_tick_at_a_time(
        history in histories(),
        // How many steps the worker takes between two ticks: mostly too few to complete one.
        steps in prop::collection::vec(0..6usize, 14),
    ) {
        let told = tell(&history);
        let expected = told.after.clone();
        let (ours, theirs, held) = timely::execute_directly(move |worker| {
            let counts = SharedCounts::default();
            let probe = Handle::new();
            let (mut input, mut shared, ours, theirs) = worker.dataflow::<Tick, _, _>(|scope| {
                let (input, pairs) = scope.new_collection::<(u8, Packed), Diff>();
                let ours = arranged::<_, _, PackedList>(pairs.clone(), "Ours", &counts);
                let theirs = pairs.arrange_by_key();
                let shared = Shared::new(ours.trace.clone());
                let ours = ours.as_collection(|key, value| (*key, Packed::from(value)));
                ours.inner.clone().probe_with(&probe);
                let theirs = theirs.as_collection(|key, value| (*key, value.clone()));
                (input, shared, see(ours), see(theirs))
            });
            let read = |shared: &mut Shared<u8, PackedList>| {
                probe.with_frontier(|frontier| shared.follow(frontier));
                let next = probe.with_frontier(|frontier| frontier.first().copied());
                let reading = shared.at(shared.since());
                let Ok(mut reading) = reading else { return assert_eq!(next, Some(0)) };
                let mut there = BTreeMap::new();
                reading.for_each(|key, value| {
                    assert!(there.insert(*key, Packed::from(value)).is_none(), "one value a key");
                });
                let expected = last_before(&expected, shared.since() + 1);
                assert_eq!(there, expected, "at {}", shared.since());
                for key in [7, 3, 9, 9, 0, 11] {
                    let found = reading.get(&key).map(Packed::from);
                    assert_eq!(found.as_ref(), expected.get(&key));
                }
                if shared.since() > 0 {
                    assert_eq!(shared.at(0).err(), Some(SnapshotError::Forgotten));
                }
assert_eq!(shared.at(Tick::MAX - 1).err(), Some(SnapshotError::Open));
            };
            let mut updates = told.updates.iter().peekable();
            for (tick, steps) in told.after.keys().zip(steps) {
                input.advance_to(*tick);
                while let Some((_, data, diff)) = updates.next_if(|(at, _, _)| at == tick) {
                    input.update(data.clone(), *diff);
                }
                input.advance_to(tick + 1);
                input.flush();
                for _ in 0..steps {
                    worker.step();
                    read(&mut shared);
                }
            }
            let last = *input.time();
            while probe.less_than(&last) {
                worker.step();
            }
            read(&mut shared);
            drop(input);
            while worker.step() {}
            let held = counts.borrow().entries.get("Ours").copied();
            (changes(&ours), changes(&theirs), held)
        });
        let there = expected_size(&history);
        prop_assert_eq!(ours, theirs);
        prop_assert_eq!(held.unwrap_or(0) as usize, there);
    }

    #[test]
    fn a_dataflow_that_is_attached_late_comes_to_what_one_from_the_start_does(
        history in histories(),
        attached_after in any::<prop::sample::Index>(),
        workers in 1..4usize,
    ) {
        let told = Arc::new(tell(&history));
        let late = attached_after.index(history.len());
        type Seen = Vec<((Packed, Diff), Tick, Diff)>;
        let all: Arc<Mutex<(Seen, Seen, Tick)>> = Arc::default();
        let (given, seen) = (Arc::clone(&told), Arc::clone(&all));
        let guards = timely::execute(timely::Config::process(workers), move |worker| {
            let counts = SharedCounts::default();
            let probe = Handle::new();
            let (mut input, mut shared, early) = worker.dataflow::<Tick, _, _>(|scope| {
                let (input, pairs) = scope.new_collection::<(u8, Packed), Diff>();
                let index = arranged::<_, _, PackedList>(pairs.clone(), "Ours", &counts);
                let counted = count(pairs.map(|(_, value)| value));
                counted.inner.clone().probe_with(&probe);
                index.stream.clone().probe_with(&probe);
                (input, Shared::new(index.trace), see(counted))
            });
            let mut attached = None;
            let (index, peers) = (worker.index(), worker.peers());
            for (number, tick) in given.after.keys().enumerate() {
                input.advance_to(*tick);
                let of_tick = given.updates.iter().filter(|(at, _, _)| at == tick);
                for (_, data, diff) in of_tick.skip(index).step_by(peers) {
                    input.update(data.clone(), *diff);
                }
                input.advance_to(tick + 1);
                input.flush();
                while probe.less_equal(tick) {
                    worker.step_or_park(None);
                }
                probe.with_frontier(|frontier| shared.follow(frontier));
                if number == late {
                    let since = shared.since();
                    attached = Some(worker.dataflow::<Tick, _, _>(|scope| {
                        let (imported, button) = shared.import(scope, "Late");
                        let values = imported.as_collection(|_, value| Packed::from(value));
                        let counted = count(values);
                        counted.inner.clone().probe_with(&probe);
                        (see(counted), button, since)
                    }));
                }
            }
            drop((input, shared));
            while !probe.done() {
                worker.step_or_park(None);
            }
            let (late, _, since) = attached.expect("some tick is the one");
            let mut all = seen.lock().expect("no worker panics");
            all.0.extend(changes(&early));
            all.1.extend(changes(&late));
            all.2 = all.2.max(since);
        });
        for worker in guards.expect("threads start").join() {
            worker.expect("no worker panics");
        }
        let (early, late, since) = &*all.lock().expect("no worker panicked");
        for tick in told.after.keys().chain([since]).filter(|tick| *tick >= since) {
            prop_assert_eq!(up_to(early, *tick), up_to(late, *tick), "at {}", tick);
        }
    }
}

/// How many keys have a value in the end.
fn expected_size(history: &[Vec<Change>]) -> usize {
    let mut there = BTreeSet::new();
    for (key, to) in history.iter().flatten() {
        match to {
            Some(_) => there.insert(*key),
            None => there.remove(key),
        };
    }
    there.len()
}
