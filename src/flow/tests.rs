//! Operators of ours beside differential's of the same meaning, on generated collections.

mod arranged;
mod portions;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use differential_dataflow::input::Input;
use proptest::prelude::*;

use super::{Collection, Diff, Due, Emit, Keep, Keyed, during, keyed};
use crate::metrics::SharedCounts;
use crate::time::{Micros, Tick};
use timely::dataflow::operators::Input as _;

/// The greatest of a key's values, and how many different ones there are.
struct Greatest;

impl Keyed for Greatest {
    type Key = u8;
    type Value = u8;
    type State = BTreeMap<u8, Diff>;
    type Face = Option<(u8, usize)>;
    type Output = (u8, (u8, usize));

    fn route(key: &u8) -> u64 {
        u64::from(*key)
    }

    fn face(&self, _: &u8, values: &Self::State) -> Self::Face {
        values.last_key_value().map(|(greatest, _)| (*greatest, values.len()))
    }

    fn apply(&mut self, _: &u8, values: &mut Self::State, value: &mut u8, diff: Diff) {
        let count = values.entry(*value).or_default();
        *count += diff;
        if *count == 0 {
            values.remove(value);
        }
    }

    fn flush(
        &mut self,
        key: &u8,
        values: &mut Self::State,
        before: Self::Face,
        out: &mut Emit<Self::Output>,
    ) -> Keep {
        let after = self.face(key, values);
        if before != after {
            before.into_iter().for_each(|face| out.push((*key, face), -1));
            after.into_iter().for_each(|face| out.push((*key, face), 1));
        }
        Keep::unless(values.is_empty())
    }
}

type Seen<D> = Rc<RefCell<Vec<(D, Tick, Diff)>>>;

/// Each change of a collection once, in order.
pub type Changes<D> = Vec<(D, Tick, Diff)>;

/// What two ways to say something say of the same changes, on some workers of which each is given its share, and how many
/// entries the first of them holds in the end. After all ticks what is there is taken back.
pub fn both_ways<I, D>(
    workers: usize,
    mut ticks: Vec<Vec<(I, Diff)>>,
    ways: impl for<'scope> Fn(Collection<'scope, I>, &SharedCounts) -> [Collection<'scope, D>; 2]
    + Send
    + Sync
    + 'static,
) -> ([Changes<D>; 2], usize)
where
    I: differential_dataflow::Data + Send + Sync,
    D: Ord + Clone + Send + 'static,
{
    let mut left: Vec<(I, Diff)> = ticks.concat();
    differential_dataflow::consolidation::consolidate(&mut left);
    ticks.push(left.into_iter().map(|(data, diff)| (data, -diff)).collect());
    let all: Arc<Mutex<[Changes<D>; 2]>> = Arc::new(Mutex::new([Vec::new(), Vec::new()]));
    let seen = Arc::clone(&all);
    let guards = timely::execute(timely::Config::process(workers), move |worker| {
        let counts = SharedCounts::default();
        let mut input = worker.dataflow::<Tick, _, _>(|scope| {
            let (input, changes) = scope.new_collection::<I, Diff>();
            for (way, said) in ways(changes, &counts).into_iter().enumerate() {
                let seen = Arc::clone(&seen);
                said.inspect(move |update| {
                    seen.lock().expect("no worker panics")[way].push(update.clone());
                });
            }
            input
        });
        let (index, peers) = (worker.index(), worker.peers());
        for (next, changes) in (1..).zip(&ticks) {
            for (data, diff) in changes.iter().skip(index).step_by(peers) {
                input.update(data.clone(), *diff);
            }
            input.advance_to(next);
            input.flush();
        }
        drop(input);
        while worker.has_dataflows() {
            worker.step_or_park(None);
        }
        counts.borrow().entries.values().sum::<u64>() as usize
    });
    let held = guards.expect("threads start").join();
    let held = held.into_iter().map(|held| held.expect("no worker panics")).sum();
    let mut changes = std::mem::take(&mut *all.lock().expect("no worker panicked"));
    changes.iter_mut().for_each(differential_dataflow::consolidation::consolidate_updates);
    (changes, held)
}

/// Changes of which each brings what is not there, or takes away what is.
pub fn toggled<D: Ord + Clone>(ticks: Vec<Vec<D>>) -> Vec<Vec<(D, Diff)>> {
    let mut there = BTreeSet::new();
    let mut toggle = |data: D| {
        let comes = there.insert(data.clone());
        if !comes {
            there.remove(&data);
        }
        (data, if comes { 1 } else { -1 })
    };
    ticks.into_iter().map(|tick| tick.into_iter().map(&mut toggle).collect()).collect()
}

fn see<D: Clone + 'static>(collection: Collection<'_, D>) -> Seen<D> {
    let seen: Seen<D> = Rc::default();
    let seeing = Rc::clone(&seen);
    collection.inspect(move |update| seeing.borrow_mut().push(update.clone()));
    seen
}

/// What was seen, each change once, in order.
fn changes<D: Ord + Clone>(seen: &Seen<D>) -> Vec<(D, Tick, Diff)> {
    let mut changes = seen.borrow().clone();
    differential_dataflow::consolidation::consolidate_updates(&mut changes);
    changes
}

proptest! {
    #![proptest_config(crate::property::cases(200))]

    #[test]
    fn a_keyed_operator_says_what_reduce_says_of_the_same_values(
        ticks in prop::collection::vec(prop::collection::vec((0..6u8, 0..4u8), 0..12), 1..8)
    ) {
        let (ours, theirs, held) = timely::execute_directly(move |worker| {
            let counts = SharedCounts::default();
            let (mut input, ours, theirs) = worker.dataflow::<Tick, _, _>(|scope| {
                let (input, values) = scope.new_collection::<(u8, u8), Diff>();
                let ours = keyed(values.clone(), None, "Greatest", &counts, Due::default(), Greatest);
                let theirs = values.reduce(|_, values, output| {
                    let greatest = values.iter().map(|(value, _)| **value).max();
                    output.extend(greatest.map(|greatest| ((greatest, values.len()), 1)));
                });
                (input, see(ours), see(theirs))
            });
            // A pair that is there goes, one that is not comes.
            let mut there = BTreeSet::new();
            for (tick, pairs) in ticks.into_iter().enumerate() {
                for pair in pairs {
                    let comes = there.insert(pair);
                    if !comes {
                        there.remove(&pair);
                    }
                    input.update(pair, if comes { 1 } else { -1 });
                }
                input.advance_to(tick as Tick + 1);
                input.flush();
            }
            for pair in std::mem::take(&mut there) {
                input.update(pair, -1);
            }
            drop(input);
            while worker.step() {}
            let held = counts.borrow().entries.get("Greatest").copied();
            (changes(&ours), changes(&theirs), held)
        });
        prop_assert_eq!(ours, theirs);
        prop_assert_eq!(held.unwrap_or(0), 0);
    }

    #[test]
    fn what_counts_during_a_range_is_there_while_now_is_in_it(
        ticks in prop::collection::vec(
            (0..4i64, prop::collection::vec((0..9u8, -2..12i64, 0..8i64), 0..5)),
            1..10,
        )
    ) {
        let steps = ticks.clone();
        let seen = timely::execute_directly(move |worker| {
            let counts = SharedCounts::default();
            let due = Due::default();
            let (mut data, mut now, seen) = worker.dataflow::<Tick, _, _>(|scope| {
                let (data, ranged) = scope.new_collection::<(u8, Micros, Micros), Diff>();
                let ranged = ranged.map(|(datum, from, until)| (datum, from..until));
                let (now, readings) = scope.new_input::<Vec<Micros>>();
                let seen = see(during(
                    ranged,
                    readings,
                    "During",
                    &counts,
                    Rc::clone(&due),
                    &crate::flow::Saving::default(),
                ));
                (data, now, seen)
            });
            let mut reading = 0;
            for (tick, (passed, updates)) in (0..).zip(steps) {
                reading += passed;
                now.send(reading);
                for (datum, from, length) in updates {
                    data.update((datum, from, from + length), 1);
                }
                data.advance_to(tick + 1);
                data.flush();
                now.advance_to(tick + 1);
                now.flush();
            }
            drop((data, now));
            while worker.step() {}
            changes(&seen)
        });
        let mut there: BTreeMap<u8, Diff> = BTreeMap::new();
        let (mut reading, mut ranges) = (0, Vec::new());
        for (tick, (passed, updates)) in (0..).zip(ticks) {
            reading += passed;
            ranges.extend(updates.into_iter().map(|(datum, from, length)| {
                (datum, from..from + length)
            }));
            for (datum, at, diff) in &seen {
                if *at == tick {
                    *there.entry(*datum).or_default() += diff;
                }
            }
            there.retain(|_, count| *count != 0);
            let mut expected: BTreeMap<u8, Diff> = BTreeMap::new();
            for (datum, _) in ranges.iter().filter(|(_, range)| range.contains(&reading)) {
                *expected.entry(*datum).or_default() += 1;
            }
            prop_assert_eq!(&there, &expected);
        }
    }
}
