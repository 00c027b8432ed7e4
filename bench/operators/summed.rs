//! Rows of 200,000 identifiers, two a person: who has which, how many rows that are, and what they add up to, by person;
//! and whose each identifier is. Rows come and go, and now and then an identifier is somebody else's.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use differential_dataflow::input::Input;
use differential_dataflow::operators::{CountTotal, ThresholdTotal};
use selfsame::internals::flow::{Collection, Diff, Due, Saving};
use selfsame::internals::identity::{Component, Identified};
use selfsame::internals::metrics::SharedCounts;
use selfsame::internals::plan::Plan;
use selfsame::internals::profile::{PersonRow, ProfileTimes, assemble};
use selfsame::internals::row::{Body, Datum, Input as RowInput, StandingRow};
use selfsame::internals::standing::StandingRows;
use selfsame::internals::time::{Micros, Tick};
use timely::dataflow::operators::Input as _;
use timely::dataflow::operators::probe::{Handle, Probe};

use super::supported::identifier;
use super::{Drawn, digest, feed, number_of_changes};

const IDENTIFIERS: u64 = 200_000;

/// A row of an identifier, by its number and value; or whose the identifier is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    Row(u64, u64, i64),
    Owner(u64, u64),
}

/// A person's identifiers, added up, how many rows they have, and the sum of these.
type Summed = (u64, i64, i64);

/// Of each identifier one row stands from the start.
fn changes(tick: usize) -> Vec<(Change, Diff)> {
    let (mut drawn, mut there, mut owners) = (Drawn::seeded(), Vec::new(), Vec::new());
    let mut moved = BTreeSet::new();
    let mut changes: Vec<(Change, Diff)> = Vec::with_capacity(number_of_changes() + 1);
    let mut moved_in = 0;
    while changes.len() < number_of_changes() {
        // Whose an identifier is changes once in a tick, as in the engine, and both sides of that lie in one.
        if std::mem::replace(&mut moved_in, changes.len() / tick) != changes.len() / tick {
            moved.clear();
        }
        let is_room_for_two = changes.len() % tick < tick - 1;
        let known = owners.len() as u64;
        if known < IDENTIFIERS && is_room_for_two && drawn.below(3) == 0 {
            owners.push(known / 2);
            changes.push((Change::Row(known, 0, 1), 1));
            changes.push((Change::Owner(known, known / 2), 1));
            moved.insert(known);
            continue;
        }
        if known == 0 {
            continue;
        }
        let (of, number) = (drawn.below(known), changes.len() as u64);
        match drawn.below(20) {
            0 if is_room_for_two && moved.insert(of) => {
                let owner = drawn.below(IDENTIFIERS / 2);
                let before = std::mem::replace(&mut owners[of as usize], owner);
                if before != owner {
                    changes.push((Change::Owner(of, before), -1));
                    changes.push((Change::Owner(of, owner), 1));
                }
            }
            1..5 if !there.is_empty() => {
                let row = there.swap_remove(drawn.below(there.len() as u64) as usize);
                changes.push((row, -1));
            }
            _ => {
                let row = Change::Row(of, number + 1, drawn.below(1_000) as i64);
                there.push(row);
                changes.push((row, 1));
            }
        }
    }
    changes
}

fn plan() -> Plan {
    let definition = "sources:
  rows: {files: rows.ndjson, kind: events, fields: {a: text, b: text, value: integer}}
outputs: {profiles: {files: profiles.ndjson}}
identity: {account: {from: {rows: a}}, device: {from: {rows: b}}}
attributes: {rows: {from: rows, select: count(*)}, sum: {from: rows, select: sum(value)}}
";
    let plan = selfsame::internals::definition::parse(definition, Path::new("a"), &|_| None);
    plan.unwrap_or_else(|wrong| panic!("{wrong}"))
}

fn number((members, rows, sum): &Summed) -> u64 {
    (members + 1).wrapping_mul(*rows as u64 + 3).wrapping_mul(*sum as u64 + 7)
}

fn standing(of: u64, number: u64, value: i64) -> StandingRow {
    let inputs = [
        RowInput { aggregate: 0, value: Datum::Boolean(true) },
        RowInput { aggregate: 1, value: Datum::Integer(value) },
    ];
    let body = Body::of(&[identifier(0, of)], &inputs);
    StandingRow { source: 0, time: number as i64, body }
}

fn summed(row: PersonRow<'_>) -> Summed {
    let mut sums = row.aggregates().map(|sum| match sum {
        Some(Datum::Integer(sum)) => sum,
        other => panic!("{other:?} is no integer"),
    });
    let (rows, sum) = (sums.next().expect("a count"), sums.next().expect("a sum"));
    let members = row.identifiers().map(|(_, text)| text.parse::<u64>().expect("a number") + 1);
    (members.sum(), rows, sum)
}

fn measured(
    tick: usize,
    said: impl for<'scope> Fn(Parts<'scope>) -> Collection<'scope, Summed> + Send + Sync + 'static,
) -> (Duration, u64) {
    let changes = changes(tick);
    timely::execute_directly(move |worker| {
        let probe = Handle::new();
        let (mut input, digest) = worker.dataflow::<Tick, _, _>(|scope| {
            let (input, changes) = scope.new_collection::<Change, Diff>();
            let (_, seen_only) = scope.new_collection::<StandingRow, Diff>();
            let (_, now) = scope.new_input::<Vec<Micros>>();
            let (said, digest) = digest(said(Parts { changes, seen_only, now }), number);
            said.inner.probe_with(&probe);
            (input, digest)
        });
        let taken = feed(worker, &mut input, &probe, &changes, tick, |_| ());
        (taken, digest.get())
    })
}

/// What goes in.
struct Parts<'scope> {
    changes: Collection<'scope, Change>,
    seen_only: Collection<'scope, StandingRow>,
    now: selfsame::internals::flow::Stream<'scope, Micros>,
}

pub fn ours(tick: usize) -> (Duration, u64) {
    let plan = Arc::new(plan());
    measured(tick, move |Parts { changes, seen_only, now }| {
        let rows = changes.clone().flat_map(|change| match change {
            Change::Row(of, number, value) => Some(standing(of, number, value)),
            Change::Owner(..) => None,
        });
        let belongs = changes.flat_map(|change| match change {
            Change::Row(..) => None,
            Change::Owner(of, owner) => Some((identifier(0, of).hash, Component(owner.into()))),
        });
        let due = [Due::default(), Due::default()];
        let times = ProfileTimes { now: now.clone(), ticks: now, told_from: 0, due };
        let identified = Identified { belongs, conflicts: None };
        let rows = StandingRows { rows, seen_only };
        let (counts, saving) = (SharedCounts::default(), Saving::default());
        let assembled = assemble(&plan, rows, &identified, times, &counts, &saving);
        assembled.people.as_collection(|_, row| summed(PersonRow::new(row)))
    })
}

/// Whoever has identifiers is put together with their texts, and both are arranged, as ours are.
pub fn theirs(tick: usize) -> (Duration, u64) {
    measured(tick, |Parts { changes, .. }| {
        let rows = changes.clone().flat_map(|change| match change {
            Change::Row(of, _, value) => Some((identifier(0, of).hash, of, value)),
            Change::Owner(..) => None,
        });
        let whose = changes.flat_map(|change| match change {
            Change::Row(..) => None,
            Change::Owner(of, owner) => Some((identifier(0, of).hash, u128::from(owner))),
        });
        let whose = whose.arrange_by_key();
        let known = rows.clone().map(|(hash, of, _)| (hash, of.to_string())).distinct_total();
        let owned = known
            .join_core(whose.clone(), |hash, text, owner| Some((*owner, (text.clone(), *hash))));
        let pairs = owned.clone().map(|(owner, (_, hash))| (hash, owner)).arrange_by_key();
        let members = owned.reduce(|_, members, told| {
            let texts = members.iter().map(|((text, _), _)| text.clone());
            told.push((texts.collect::<Vec<String>>(), 1));
        });
        let sums = rows.explode(|(hash, _, value)| Some(((hash, ()), (1, value as Diff))));
        let sums = sums.join_core(whose, |_, (), owner| Some(*owner)).count_total();
        let people = members.join_map(sums, |owner, members, (rows, sum)| {
            (*owner, (members.clone(), *rows as i64, *sum as i64))
        });
        let people = people.arrange_by_key();
        pairs.stream.probe();
        people.as_collection(|_, (members, rows, sum)| {
            let members = members.iter().map(|text| text.parse::<u64>().expect("a number") + 1);
            (members.sum(), *rows, *sum)
        })
    })
}
