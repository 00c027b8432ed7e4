//! Links, gates and clusters beside differential's operators of the same meaning, on generated collections.

use std::collections::BTreeMap;
use std::path::Path;

use differential_dataflow::algorithms::graphs::propagate::propagate;
use differential_dataflow::operators::{CountTotal, ThresholdTotal};
use proptest::prelude::*;
use timely::dataflow::operators::vec::Filter;

use super::cluster::Component;
use super::histories::{Links, change, identifier};
use super::links::{CarriedLink, Link, LinkState, Pair, Supported, SupportedLinks};
use super::shared::SharedIdentifier;
use super::{Guards, LINKS, connect, pass_gates};
use crate::flow::tests::{both_ways, toggled};
use crate::flow::{AsCollection, Collection, Diff, Due, keyed};
use crate::plan::Plan;
use crate::property::cases;
use crate::row::{IdentifierHash, Mentioned, Verdict};
use crate::time::Micros;

const ONE: Diff = 1;

/// Two of few identifiers, in their own order; the source of a row that carries both, what it says of them, when it
/// saw them, whether it stands, and which of several such it is.
type CarryingRow = ((u32, u32), (u16, u8, i64, bool, u8));

fn carrying_row() -> impl Strategy<Value = CarryingRow> {
    let ends = (0..2u32, 2..4u32);
    (ends, (0..3u16, 0..6u8, 0..4i64, prop::bool::weighted(0.9), 0..2u8))
}

fn carried((ends, (source, verdict, seen, stands, _)): CarryingRow) -> (Pair, CarriedLink) {
    let ends = [identifier(ends.0), identifier(ends.1)];
    let (verdict, seen) = match verdict {
        0 => (Verdict::Same, Micros::MAX),
        1 => (Verdict::Different, Micros::MAX),
        _ => (Verdict::Together, seen),
    };
    let pair = ends.each_ref().map(|end| end.hash).into();
    (pair, CarriedLink { ends: Mentioned::alone(&ends), source, verdict, seen, stands })
}

/// What stands between two identifiers, or a source that says so.
type Said = (Pair, Result<LinkState, u16>);

fn said(supported: Supported) -> Said {
    match supported {
        Supported::Link(link) => (link.pair(), Ok(link.state)),
        Supported::Statement(of) => ((of.about.hash, of.says.hash), Err(of.source)),
    }
}

/// As [`SupportedLinks`]: what rows say of links, each thing once.
fn supported<'scope>(
    carried: Collection<'scope, (Pair, CarriedLink)>,
    ordered: bool,
) -> Collection<'scope, Said> {
    let standing = carried.clone().flat_map(|(pair, link)| link.stands.then_some((pair, link)));
    let verdicts = standing.clone().map(|(pair, link)| (pair, link.verdict)).distinct_total();
    let together = standing.flat_map(|(pair, link)| {
        (link.verdict == Verdict::Together).then_some((pair, link.source))
    });
    let sources = together.distinct_total().map(|(pair, source)| (pair, Err(source)));
    // Whatever ever came: what goes is left out, so that the earliest time only falls.
    let ever = carried.inner.filter(|(_, _, diff)| *diff > 0).as_collection();
    let times = ever.map(move |(pair, link)| (pair, if ordered { link.seen } else { 0 }));
    let first = times.reduce(|_, times, first| first.push((*times[0].0, ONE)));
    let states = verdicts.reduce(|_, verdicts, states| {
        let has = |verdict| verdicts.iter().any(|(of, _)| **of == verdict);
        let (same, must_not_link) = (has(Verdict::Same), has(Verdict::Different));
        states.push(((same || has(Verdict::Together), same, must_not_link), ONE));
    });
    let states = states.join_map(first, |pair, (linked, same, must_not_link), first_seen| {
        let (linked, same, must_not_link) = (*linked, *same, *must_not_link);
        (*pair, Ok(LinkState { first_seen: *first_seen, linked, same, must_not_link }))
    });
    states.concat(sources)
}

/// What becomes of links, each at most once a tick.
fn link_changes(ticks: Vec<Links<Option<LinkState>>>) -> Vec<Vec<(Link, Diff)>> {
    let mut there: Links<LinkState> = BTreeMap::new();
    let link = |(one, other), state| Link { one: identifier(one), other: identifier(other), state };
    let mut change = |(pair, to): ((u32, u32), Option<LinkState>)| {
        let before = match to {
            Some(to) => there.insert(pair, to),
            None => there.remove(&pair),
        };
        let gone = before.map(|before| (link(pair, before), -1));
        gone.into_iter().chain(to.map(|to| (link(pair, to), 1))).collect::<Vec<_>>()
    };
    let mut ticks: Vec<Vec<_>> =
        ticks.into_iter().map(|tick| tick.into_iter().flat_map(&mut change).collect()).collect();
    // One that stays as it is does not change.
    ticks.iter_mut().for_each(crate::flow::consolidate);
    ticks
}

fn ticks_of_links(identifiers: u32) -> impl Strategy<Value = Vec<Links<Option<LinkState>>>> {
    let tick = prop::collection::vec(change(identifiers), 0..8);
    let tick = tick.prop_map(|changes| changes.into_iter().collect());
    prop::collection::vec(tick, 1..12)
}

const LIMITS: [Option<u32>; 3] = [None, Some(1), Some(2)];

/// Of the three types that identifiers have, the less trusted two are limited.
fn limited() -> Plan {
    let definition = "sources:
  rows: {files: rows.ndjson, kind: events, fields: {a: text, b: text, c: text}}
outputs: {profiles: {files: profiles.ndjson}}
identity:
  a: {from: {rows: a}}
  b: {from: {rows: b}, shared_after: 1}
  c: {from: {rows: c}, shared_after: 2}
";
    crate::definition::parse(definition, Path::new("a"), &|_| None).expect("a definition")
}

/// As [`pass_gates`]: what passes, and what is shared.
fn gated<'scope>(
    links: Collection<'scope, Link>,
) -> (Collection<'scope, Link>, Collection<'scope, SharedIdentifier>) {
    let counted = links.clone().flat_map(|Link { one, other, state }| {
        (state.linked && one.kind < other.kind).then_some((other, one.kind))
    });
    let too_many = counted.count_total().flat_map(|((identifier, by), count)| {
        let limit = LIMITS[usize::from(identifier.kind)]?;
        (count > limit as Diff).then_some((identifier, (by, count as u32)))
    });
    // The most trusted of the types.
    let shared = too_many.reduce(|_, all, first| first.push((*all[0].0, ONE)));
    let closed = shared.clone().map(|(identifier, _)| identifier.hash);
    let by_other = links.clone().map(|link| (link.other.hash, link));
    let open = by_other.antijoin(closed.clone()).map(|(_, link)| (link.one.hash, link));
    let open = open.antijoin(closed).map(|(_, link)| link);
    let held_back = links.concat(open.clone().negate());
    let kept_apart = held_back.flat_map(|Link { one, other, state }| {
        let state = LinkState { linked: false, same: false, ..state };
        state.must_not_link.then_some(Link { one, other, state })
    });
    let shared = shared.map(|(identifier, (by, count))| SharedIdentifier { identifier, by, count });
    (open.concat(kept_apart), shared)
}

/// As [`connect`] without guards: the least of a component's identifiers labels all of them.
fn labelled<'scope>(
    links: Collection<'scope, Link>,
) -> Collection<'scope, (IdentifierHash, IdentifierHash)> {
    let edges = links.map(|link| link.pair());
    let edges = edges.clone().concat(edges.map(|(one, other)| (other, one)));
    let nodes = edges.clone().map(|(one, _)| one).distinct_total();
    propagate(edges, nodes.map(|one| (one, one)))
}

/// Components by their least identifier, since what they are called depends on the order in which links came.
fn by_the_least<'scope>(
    belongs: Collection<'scope, (IdentifierHash, Component)>,
) -> Collection<'scope, (IdentifierHash, IdentifierHash)> {
    let members = belongs.map(|(identifier, component)| (component, identifier));
    let least = members.clone().reduce(|_, members, least| least.push((*members[0].0, ONE)));
    members.join_map(least, |_, identifier, least| (*identifier, *least))
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn links_are_what_distinct_rows_say(
        workers in 1..4usize,
        ordered in any::<bool>(),
        ticks in prop::collection::vec(prop::collection::vec(carrying_row(), 0..10), 1..10),
    ) {
        let ([ours, theirs], held) = both_ways(workers, toggled(ticks), move |rows, counts| {
            let carried = rows.map(carried);
            let links = SupportedLinks::new(ordered, true);
            let ours = keyed(carried.clone(), None, LINKS, counts, Due::default(), links);
            [ours.map(said), supported(carried, ordered)]
        });
        prop_assert_eq!(ours, theirs);
        // When links were first seen is remembered for ever where that matters.
        prop_assert!(ordered || held == 0, "{held} are held");
    }

    #[test]
    fn gates_let_through_what_two_antijoins_leave(
        workers in 1..4usize,
        ticks in ticks_of_links(14),
    ) {
        let ([ours, theirs], held) = both_ways(workers, link_changes(ticks), |links, counts| {
            let (passed, shared) = pass_gates(&limited(), links.clone(), counts);
            let ours = passed.map(Ok).concat(shared.expect("types are limited").map(Err));
            let (passed, shared) = gated(links);
            [ours, passed.map(Ok).concat(shared.map(Err))]
        });
        prop_assert_eq!(ours, theirs);
        prop_assert_eq!(held, 0);
    }

    #[test]
    fn components_are_those_that_propagated_labels_tell(
        workers in 1..4usize,
        mut ticks in ticks_of_links(9),
    ) {
        // Nothing is withheld from a person, and nothing decided.
        for state in ticks.iter_mut().flat_map(BTreeMap::values_mut).flatten() {
            (state.linked, state.must_not_link) = (true, false);
        }
        let ([ours, theirs], held) = both_ways(workers, link_changes(ticks), |links, counts| {
            let (belongs, _) = connect(Guards::new(&limited()), links.clone(), counts);
            [by_the_least(belongs), labelled(links)]
        });
        prop_assert_eq!(ours, theirs);
        prop_assert_eq!(held, 0);
    }
}
