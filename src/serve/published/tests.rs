//! Readers see whole ticks, wait for nobody, and see what ticks say.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::sink::Packer;

const SHOP: &str = "
sources: {rows: {files: none, kind: events, fields: {x: text, n: integer}}}
identity: {x: {from: {rows: x}}}
attributes: {n: {from: rows, select: sum(n)}}
segments: {big: n > 1, huge: n > 2}
outputs: {profiles: {files: none}}
";

fn published() -> Arc<Published> {
    let plan = crate::definition::parse(SHOP, Path::new("test.yaml"), &|_| None);
    Arc::new(Published::new(&plan.expect("it is right")))
}

fn hash(number: usize) -> IdentifierHash {
    IdentifierHash::of("x", &number.to_string())
}

/// A profile without attributes, of people who have these identifiers and are in these segments.
fn profile(identifiers: &[usize], segments: &[u16], at: Micros) -> PublishedProfile {
    let mut packer = Packer::default();
    packer.length(identifiers.len());
    for identifier in identifiers {
        packer.name(0);
        packer.text(&identifier.to_string());
    }
    packer.length(0);
    packer.length(segments.len());
    segments.iter().for_each(|segment| packer.name(*segment));
    PublishedProfile { profile: packer.profile(), at }
}

fn everybody(number: usize, at: Micros) -> Vec<ProfileChange> {
    (0..number).map(|one| (hash(one), Some(profile(&[one], &[0], at)))).collect()
}

/// Until something holds; that it never does is found out at last.
fn until(holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(120);
    while !holds() {
        assert!(Instant::now() < end, "it never comes to that");
        std::thread::yield_now();
    }
}

#[test]
fn a_reader_keeps_nobody_from_the_next_tick_and_keeps_its_own() {
    const PEOPLE: usize = 10_000;
    let published = published();
    published.publish(1, everybody(PEOPLE, 1));
    let publishing = published.read(|view| {
        let of_thread = Arc::clone(&published);
        let publishing = std::thread::spawn(move || of_thread.publish(2, everybody(PEOPLE, 2)));
        until(|| published.tick() == 2);
        // The copy that is read here has yet to be written, and the thread waits for that: others do not.
        for _ in 0..100 {
            published.read(|now| {
                let one = now.profile(hash(7)).map(|of| of.at);
                assert_eq!((now.tick(), one), (2, Some(2)));
            });
        }
        assert!(!publishing.is_finished());
        assert_eq!(view.tick(), 1);
        assert!((0..PEOPLE).all(|one| view.profile(hash(one)).is_some_and(|of| of.at == 1)));
        publishing
    });
    publishing.join().expect("it ends once nobody reads");
    published.publish(3, Vec::new());
    assert_eq!(published.read(|view| (view.tick(), view.people())), (3, PEOPLE));
}

#[test]
fn a_tick_that_is_being_brought_in_keeps_no_reader() {
    let published = published();
    published.publish(1, everybody(3, 1));
    let writing = published.write(1 - published.front.load(Ordering::Relaxed));
    assert_eq!(published.read(|view| (view.tick(), view.people())), (1, 3));
    drop(writing);
}

#[test]
fn readers_see_whole_ticks_while_they_come() {
    const PEOPLE: usize = 300;
    let published = published();
    published.publish(1, everybody(PEOPLE, 1));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut last = 0;
                while last < 200 {
                    last = published.read(|view| {
                        let tick = view.tick();
                        let is_of_tick =
                            |one| view.profile(hash(one)).is_some_and(|of| of.at as Tick == tick);
                        assert!(tick >= last && (0..PEOPLE).all(is_of_tick));
                        tick
                    });
                }
            });
        }
        (2..=200).for_each(|tick| published.publish(tick, everybody(PEOPLE, tick as Micros)));
    });
}

/// Whose each of ten identifiers is, and in which segments each person is.
type People = BTreeMap<usize, (Vec<usize>, Vec<u16>)>;

fn people() -> impl Strategy<Value = People> {
    // A person is named by one of their identifiers.
    let whose = prop::collection::vec(0usize..4, 10);
    let segments = prop::collection::vec(prop::sample::subsequence(vec![0u16, 1], 0..=2), 4);
    (whose, segments).prop_map(|(whose, segments)| {
        let mut people = BTreeMap::<usize, Vec<usize>>::new();
        for (identifier, cluster) in whose.iter().enumerate().filter(|(_, of)| **of > 0) {
            people.entry(*cluster).or_default().push(identifier);
        }
        let named = |(cluster, of): (usize, Vec<usize>)| (of[0], (of, segments[cluster].clone()));
        people.into_iter().map(named).collect()
    })
}

proptest! {
    #[test]
    fn what_is_published_is_what_ticks_say(ticks in prop::collection::vec(people(), 1..8)) {
        let published = published();
        let mut before = People::new();
        for (tick, now) in (1..).zip(ticks) {
            let gone = before.keys().filter(|person| !now.contains_key(person));
            let mut changes: Vec<ProfileChange> =
                gone.map(|person| (hash(*person), None)).collect();
            let changed = now.iter().filter(|(person, of)| before.get(person) != Some(of));
            changes.extend(changed.map(|(person, (identifiers, segments))| {
                (hash(*person), Some(profile(identifiers, segments, 0)))
            }));
            published.publish(tick, changes);
            published.read(|view| {
                assert_eq!((view.tick(), view.people()), (tick, now.len()));
                for identifier in 0..10 {
                    let whose = now.iter().find(|(_, (of, _))| of.contains(&identifier));
                    let person = whose.map(|(person, _)| hash(*person));
                    assert_eq!(view.whose(hash(identifier)), person);
                    let known = view.profile(hash(identifier)).is_some();
                    assert_eq!(known, now.contains_key(&identifier));
                }
                for segment in [0, 1] {
                    let is_in = now.iter().filter(|(_, (_, of))| of.contains(&segment));
                    let mut all: Vec<_> = is_in.map(|(person, _)| hash(*person)).collect();
                    all.sort_unstable();
                    let segment = usize::from(segment);
                    assert_eq!(view.size(segment), all.len());
                    assert_eq!(view.members(segment, None, 2), all[..all.len().min(2)]);
                    let rest = all.iter().skip(1).copied().collect::<Vec<_>>();
                    assert!(all.is_empty() || view.members(segment, Some(all[0]), 9) == rest);
                }
            });
            before = now;
        }
    }
}
