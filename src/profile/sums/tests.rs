//! Sums of identifiers and people beside differential's join and count, on generated rows.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use differential_dataflow::operators::CountTotal;
use proptest::prelude::*;

use super::Layout;
use crate::flow::tests::both_ways;
use crate::flow::{Collection, Diff, Due, keyed};
use crate::identity::Component;
use crate::metrics::SharedCounts;
use crate::plan::Plan;
use crate::profile::PersonRow;
use crate::profile::identifiers::{IDENTIFIERS, Identifiers};
use crate::profile::input::IdentifierInput;
use crate::profile::people::{Known, People};
use crate::property::cases;
use crate::row::{Body, Datum, Identifier, IdentifierHash, Input};

/// A row of an identifier, with its time and value; or whose the identifier is.
type Said = (u8, Result<(u8, i8), u8>);

/// The identifiers of a person, how many rows they have, and the sum of the values in these.
type Summed = (Vec<u8>, i64, i64);

/// A row of an identifier comes or goes, or the identifier is somebody else's.
type Step = (u8, Result<(u8, i8), Option<u8>>);

fn step() -> impl Strategy<Value = Step> {
    let row = (0..3u8, -3..4i8);
    let owner = prop::option::weighted(0.8, 0..3u8);
    (0..6u8, prop_oneof![2 => row.prop_map(Ok), 1 => owner.prop_map(Err)])
}

/// A row that stands goes, one that does not comes; of an identifier is said whose it is, or no longer.
fn changes(ticks: Vec<Vec<Step>>) -> Vec<Vec<(Said, Diff)>> {
    let mut rows: BTreeMap<(u8, u8), i8> = BTreeMap::new();
    let mut owners: BTreeMap<u8, u8> = BTreeMap::new();
    let mut changes = |(of, step): Step| {
        let mut changes: Vec<(Said, Diff)> = Vec::new();
        match step {
            Ok((time, value)) => match rows.remove(&(of, time)) {
                Some(before) => changes.push(((of, Ok((time, before))), -1)),
                None => {
                    rows.insert((of, time), value);
                    changes.push(((of, Ok((time, value))), 1));
                }
            },
            Err(owner) => {
                changes.extend(owners.remove(&of).map(|before| ((of, Err(before)), -1)));
                owners.extend(owner.map(|owner| (of, owner)));
                changes.extend(owner.map(|owner| ((of, Err(owner)), 1)));
            }
        }
        changes
    };
    let mut ticks: Vec<Vec<_>> =
        ticks.into_iter().map(|tick| tick.into_iter().flat_map(&mut changes).collect()).collect();
    // Whose an identifier is, the stage before says once a tick.
    ticks.iter_mut().for_each(crate::flow::consolidate);
    ticks
}

fn plan() -> Arc<Plan> {
    let definition = "sources:
  rows: {files: rows.ndjson, kind: events, fields: {a: text, value: integer}}
outputs: {profiles: {files: profiles.ndjson}}
identity: {a: {from: {rows: a}}}
attributes:
  number: {from: rows, select: count(*)}
  sum: {from: rows, select: sum(value)}
";
    let plan = crate::definition::parse(definition, Path::new("a"), &|_| None);
    Arc::new(plan.unwrap_or_else(|wrong| panic!("{wrong}")))
}

fn identifier(number: u8) -> Identifier {
    let text = number.to_string();
    Identifier { hash: IdentifierHash::of("a", &text), kind: 0, text: text.into() }
}

fn input((of, said): Said) -> (IdentifierHash, IdentifierInput) {
    let identifier = identifier(of);
    let hash = identifier.hash;
    let input = match said {
        Ok((time, value)) => {
            let number = Input { aggregate: 0, value: Datum::Boolean(true) };
            let sum = Input { aggregate: 1, value: Datum::Integer(value.into()) };
            let body = Body::of(&[identifier], &[number, sum]);
            IdentifierInput::Row { time: time.into(), body }
        }
        Err(owner) => IdentifierInput::Belongs(Component(owner.into())),
    };
    (hash, input)
}

fn summed(row: PersonRow<'_>) -> Summed {
    let of = row.identifiers().map(|(_, text)| text.parse().expect("a number"));
    let sums: Vec<i64> = row
        .aggregates()
        .map(|sum| match sum {
            Some(Datum::Integer(sum)) => sum,
            other => panic!("{other:?} is no integer"),
        })
        .collect();
    (of.collect(), sums[0], sums[1])
}

/// By [`Identifiers`] and [`People`].
fn kept<'scope>(
    said: Collection<'scope, Said>,
    counts: &SharedCounts,
) -> Collection<'scope, Summed> {
    let plan = plan();
    let layout = Arc::new(Layout::new(&plan));
    let identifiers = Identifiers::new(Arc::clone(&plan), Arc::clone(&layout), 0);
    let inputs = said.map(input);
    let brought = keyed(inputs, None, IDENTIFIERS, counts, Due::default(), identifiers);
    let people = People::new(plan, layout, SharedCounts::clone(counts));
    let known = keyed(brought, None, "People", counts, Due::default(), people);
    known.flat_map(|known| match known {
        Known::Person(_, row) => Some(summed(PersonRow::new(row.as_ref()))),
        Known::Belonging(_) => None,
    })
}

/// As differential would: one wide difference for each identifier, joined with whose it is and counted.
fn joined<'scope>(said: Collection<'scope, Said>) -> Collection<'scope, Summed> {
    let rows = said.clone().flat_map(|(of, said)| said.ok().map(|(_, value)| (of, value)));
    let owners = said.flat_map(|(of, said)| said.err().map(|owner| (of, owner)));
    let known = rows.clone().map(|(of, _)| of).distinct();
    let owned = owners.clone().map(|(of, _)| of);
    // Who is nobody else's is a person alone.
    let alone = known.clone().map(|of| (of, ())).antijoin(owned).map(|(of, ())| (of, 100 + of));
    let owners = owners.semijoin(known).concat(alone);
    let sums = rows.explode(|(of, value)| Some(((of, ()), (1 as Diff, value as Diff))));
    let sums = sums.join_map(owners.clone(), |_, (), owner| *owner).count_total();
    let members = owners.map(|(of, owner)| (owner, of)).reduce(|_, members, lists| {
        let list: Vec<u8> = members.iter().map(|(of, _)| **of).collect();
        lists.push((list, 1 as Diff));
    });
    sums.join_map(members, |_, (number, sum), members| {
        (members.clone(), *number as i64, *sum as i64)
    })
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn sums_are_what_joined_differences_count(
        workers in 1..4usize,
        ticks in prop::collection::vec(prop::collection::vec(step(), 0..8), 1..10),
    ) {
        let ([ours, theirs], _) = both_ways(workers, changes(ticks), |said, counts| {
            [kept(said.clone(), counts), joined(said)]
        });
        prop_assert_eq!(ours, theirs);
    }
}
