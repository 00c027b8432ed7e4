//! Generated histories of links, over several simulated workers, against admitting all links anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::changes::LinkChange;
use super::cluster::Component;
use super::components::{Arrival, Components};
use super::conflicts::Conflict;
use super::directory::Directory;
use super::guards::Guards;
use super::joins::{Joins, Order, within};
use super::links::LinkState;
use super::outcome::Outcome;
use crate::flow::Emit;
use crate::row::{Identifier, IdentifierHash};
use crate::state::batch::Batch;
use crate::state::entries::StateSize;

/// The operators of some workers, less what timely does for them.
struct Workers {
    directories: Vec<Directory>,
    joins: Joins,
    components: Vec<Components>,
    belongs: BTreeMap<IdentifierHash, Component>,
    withheld: BTreeSet<(IdentifierHash, IdentifierHash)>,
}

/// Deals messages to workers by their routes.
fn dealt<M>(
    messages: impl IntoIterator<Item = M>,
    workers: usize,
    route: impl Fn(&M) -> u64,
) -> Vec<Vec<M>> {
    let mut dealt: Vec<Vec<M>> = (0..workers).map(|_| Vec::new()).collect();
    for message in messages {
        dealt[(route(&message) % workers as u64) as usize].push(message);
    }
    dealt
}

impl Workers {
    fn new(number: usize, guards: &Guards) -> Self {
        Workers {
            directories: (0..number).map(|_| Directory::default()).collect(),
            joins: Joins::new(number),
            components: (0..number).map(|worker| Components::new(guards.clone(), worker)).collect(),
            belongs: BTreeMap::new(),
            withheld: BTreeSet::new(),
        }
    }

    fn tick(&mut self, changes: Vec<LinkChange>) {
        let workers = self.directories.len();
        let mut first = Batch::default();
        let changes = dealt(changes, workers, |change| change.one.hash.0 as u64);
        for (directory, changes) in self.directories.iter().zip(changes) {
            directory.find_first(changes.into(), &mut first);
        }
        let mut found = Batch::default();
        let by_other = dealt(first, workers, |found| found.change.other.hash.0 as u64);
        for (directory, queries) in self.directories.iter().zip(by_other) {
            directory.find_second(queries.into(), &mut found);
        }
        let (mut orders, mut across) = (Batch::default(), Vec::new());
        for found in found {
            match within(found) {
                Ok(order) => orders.push(order),
                Err(found) => across.push(found),
            }
        }
        self.joins.decide(across, &mut orders);
        let mut arrivals = Batch::default();
        for (components, orders) in
            self.components.iter_mut().zip(dealt(orders, workers, Order::route))
        {
            components.send(orders, &mut arrivals);
        }
        let mut outcomes = Emit::at(0);
        let arrivals = dealt(arrivals, workers, Arrival::route);
        for (components, arrivals) in self.components.iter_mut().zip(arrivals) {
            components.apply(arrivals.into(), &mut outcomes);
        }
        for (outcome, _, diff) in outcomes.into_updates() {
            match outcome {
                Outcome::Moved(moved) => {
                    let worker = moved.identifier.0 as u64 % workers as u64;
                    self.directories[worker as usize].update([moved]);
                }
                Outcome::Belongs(identifier, component) if diff > 0 => {
                    let before = self.belongs.insert(identifier, component);
                    assert_eq!(before, None, "taken back first");
                }
                Outcome::Belongs(identifier, component) => {
                    let before = self.belongs.remove(&identifier);
                    assert_eq!(before, Some(component), "as it was said");
                }
                Outcome::Conflict(conflict) => {
                    let Conflict::Withheld { one, other, .. } = conflict else {
                        unreachable!("clusters withhold links")
                    };
                    let pair = (one.hash, other.hash);
                    match diff {
                        1 => assert!(self.withheld.insert(pair), "told twice"),
                        _ => assert!(self.withheld.remove(&pair), "taken back untold"),
                    }
                }
            }
        }
    }

    /// People of more than one identifier.
    fn people(&self) -> BTreeSet<BTreeSet<IdentifierHash>> {
        let mut people: BTreeMap<Component, BTreeSet<IdentifierHash>> = BTreeMap::new();
        for (identifier, component) in &self.belongs {
            people.entry(*component).or_default().insert(*identifier);
        }
        people.into_values().collect()
    }
}

/// Identifier `number`: a third each of three types.
pub(super) fn identifier(number: u32) -> Identifier {
    let kind = (number % 3) as u8;
    let text = format!("{number:03}");
    Identifier { hash: IdentifierHash::of(&kind.to_string(), &text), kind, text: text.into() }
}

/// By two identifiers, the more trusted one first.
pub(super) type Links<S = LinkState> = BTreeMap<(u32, u32), S>;

/// How many identifiers a person may have.
#[derive(Debug)]
struct PersonLimits {
    of_types: &'static [(u8, u32)],
    in_all: Option<u32>,
}

const LIMITS: [PersonLimits; 5] = [
    PersonLimits { of_types: &[], in_all: None },
    PersonLimits { of_types: &[(0, 1)], in_all: None },
    PersonLimits { of_types: &[(0, 1), (1, 2)], in_all: None },
    PersonLimits { of_types: &[], in_all: Some(4) },
    PersonLimits { of_types: &[(1, 1)], in_all: Some(3) },
];

/// By limits, the guards of a definition that has them, and a table of decisions.
static GUARDS: LazyLock<Vec<Guards>> = LazyLock::new(|| LIMITS.iter().map(guards).collect());

fn guards(limits: &PersonLimits) -> Guards {
    let mut definition = String::from(
        "sources:
  rows: {files: rows.ndjson, kind: events, fields: {a: text, b: text, c: text}}
  rulings: {files: rulings.ndjson, kind: records, key: one,
            fields: {one: text, other: text, verdict: text}}
outputs: {profiles: {files: profiles.ndjson}}
identity:
  decisions: {from: rulings, one: one, other: other, verdict: verdict}
",
    );
    for (kind, name) in (0..).zip(["a", "b", "c"]) {
        let limit = limits.of_types.iter().find(|(of, _)| *of == kind);
        let limit = limit.map_or(String::new(), |(_, most)| format!(", at_most: {most}"));
        writeln!(definition, "  {name}: {{from: {{rows: {name}}}{limit}}}").expect("to a string");
    }
    if let Some(most) = limits.in_all {
        writeln!(definition, "  at_most: {most}").expect("to a string");
    }
    Guards::new(
        &crate::definition::parse(&definition, Path::new("a"), &|_| None).expect("a definition"),
    )
}

/// Admits all links there are, one by one, and knows nothing of clusters.
fn admitted(
    links: &Links,
    limits: &PersonLimits,
) -> (BTreeSet<BTreeSet<IdentifierHash>>, BTreeSet<(IdentifierHash, IdentifierHash)>) {
    let mut people: Vec<BTreeSet<u32>> = Vec::new();
    let ends: BTreeSet<u32> = links.keys().flat_map(|(one, other)| [*one, *other]).collect();
    people.extend(ends.iter().map(|end| BTreeSet::from([*end])));
    let mut order: Vec<_> = links.iter().filter(|(_, state)| state.linked).collect();
    order.sort_by_key(|((one, other), state)| {
        (!state.same, one % 3, other % 3, state.first_seen, *one, *other)
    });
    let mut withheld = BTreeSet::new();
    for ((one, other), _) in order {
        let of = |end: &u32| people.iter().position(|person| person.contains(end)).expect("an end");
        let (of_one, of_other) = (of(one), of(other));
        if of_one == of_other {
            continue;
        }
        let both: BTreeSet<u32> = people[of_one].union(&people[of_other]).copied().collect();
        let too_many = limits.of_types.iter().any(|(kind, limit)| {
            both.iter().filter(|end| (*end % 3) as u8 == *kind).count() > *limit as usize
        });
        let too_large = limits.in_all.is_some_and(|limit| both.len() > limit as usize);
        let kept_apart = links.iter().any(|((left, right), state)| {
            state.must_not_link && both.contains(left) && both.contains(right)
        });
        if too_many || too_large || kept_apart {
            withheld.insert((identifier(*one).hash, identifier(*other).hash));
            continue;
        }
        people[of_one.min(of_other)] = both;
        people.remove(of_one.max(of_other));
    }
    let people = people.into_iter().filter(|person| person.len() > 1);
    let hashes =
        |person: BTreeSet<u32>| person.into_iter().map(|end| identifier(end).hash).collect();
    (people.map(hashes).collect(), withheld)
}

/// What may happen between two of `identifiers`.
pub(super) fn change(identifiers: u32) -> impl Strategy<Value = ((u32, u32), Option<LinkState>)> {
    let state = (0..6i64, 0..20u8).prop_map(|(first_seen, draw)| {
        let (same, must_not_link) = (draw == 19, draw == 18);
        let state = LinkState { first_seen, linked: draw != 18, same, must_not_link };
        (draw >= 6).then_some(state)
    });
    let pair = (0..identifiers, 0..identifiers).prop_filter_map("two ends", |(one, other)| {
        let own_order = |end: u32| (end % 3, end);
        (one != other).then(|| match own_order(one) < own_order(other) {
            true => (one, other),
            false => (other, one),
        })
    });
    (pair, state)
}

fn link_change((one, other): (u32, u32), state: Option<LinkState>) -> LinkChange {
    LinkChange { one: identifier(one), other: identifier(other), state }
}

proptest! {
    #![proptest_config(crate::property::cases(1_000))]

    #[test]
    fn people_are_a_function_of_the_links_that_stand(
        number in 1..4usize,
        limits in 0..LIMITS.len(),
        ticks in prop::collection::vec(prop::collection::vec(change(14), 1..8), 1..20),
    ) {
        let mut workers = Workers::new(number, &GUARDS[limits]);
        let mut links = Links::new();
        for tick in ticks {
            let tick: BTreeMap<_, _> = tick.into_iter().collect();
            let mut changes = Vec::new();
            for (pair, state) in tick {
                let before = match state {
                    Some(state) => links.insert(pair, state),
                    None => links.remove(&pair),
                };
                if before != state {
                    changes.push(link_change(pair, state));
                }
            }
            workers.tick(changes);
            let (people, withheld) = admitted(&links, &LIMITS[limits]);
            prop_assert_eq!(workers.people(), people);
            prop_assert_eq!(&workers.withheld, &withheld);
        }
        let all = std::mem::take(&mut links);
        workers.tick(all.keys().map(|pair| link_change(*pair, None)).collect());
        prop_assert!(workers.belongs.is_empty() && workers.withheld.is_empty());
        prop_assert!(workers.components.iter().all(|components| components.entries() == 0));
        prop_assert!(workers.directories.iter().all(|directory| directory.entries() == 0));
    }

    /// A program takes a new cookie with every visit, and each time only that one's link is looked at.
    #[test]
    fn identifiers_that_come_one_after_the_other_are_admitted_as_all_at_once(
        number in 1..4usize,
        limits in 0..LIMITS.len(),
        visits in prop::collection::vec((0..4u32, 0..12u32, any::<bool>()), 1..40),
    ) {
        let mut workers = Workers::new(number, &GUARDS[limits]);
        let mut links = Links::new();
        let mut changes = Vec::new();
        for (visit, (near, draw, ends_tick)) in (0..).zip(visits) {
            // Mostly of the least trusted type, so that its link comes after all others.
            let kind = if draw < 3 { draw } else { 2 };
            let cookie = 3 * (visit + 2) + kind;
            let pair = if (near % 3, near) < (kind, cookie) { (near, cookie) } else { (cookie, near) };
            let first_seen = visit.into();
            let state = LinkState { first_seen, linked: true, same: false, must_not_link: false };
            links.insert(pair, state);
            changes.push(link_change(pair, Some(state)));
            if ends_tick {
                workers.tick(std::mem::take(&mut changes));
                let (people, withheld) = admitted(&links, &LIMITS[limits]);
                prop_assert_eq!(workers.people(), people);
                prop_assert_eq!(&workers.withheld, &withheld);
            }
        }
        workers.tick(changes);
        workers.tick(links.keys().map(|pair| link_change(*pair, None)).collect());
        prop_assert!(workers.belongs.is_empty() && workers.withheld.is_empty());
    }
}
