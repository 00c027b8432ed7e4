//! What is published, kept so that it can be asked for: people by id and by identifier, and who is in which segment,
//! as of one tick.
//!
//! All of it follows from profiles with every attribute: they name the identifiers and the segments of a person. What
//! is kept:
//!
//! 1. Readers see whole ticks, and wait for nobody. There are two copies of the tables (of the tables alone: profiles
//!    are shared). One is read, and never written while it is. A tick is brought into the other, which then becomes the
//!    one that is read; whoever still reads the first one finishes, and then it is brought up to date, too. Only the
//!    thread that publishes waits, and only for that.
//! 2. A person's id is made of one of their identifiers. Who has become of an id that is no person's any more is
//!    therefore told by the identifier's hash, and nothing has to be remembered of people who are gone.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockWriteGuard, TryLockError};

use tokio::sync::watch;

use super::recent::RecentRecords;
use crate::plan::Plan;
use crate::row::IdentifierHash;
use crate::sink::{Catalog, PackedProfile};
use crate::state::table::Table;
use crate::time::{Micros, Tick};

/// What is known of a person, and since when that is so.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishedProfile {
    pub profile: PackedProfile,
    pub at: Micros,
}

/// What a tick says of a person: their profile, or that there is none any more.
pub type ProfileChange = (IdentifierHash, Option<PublishedProfile>);

/// What is published.
pub struct Published {
    copies: [RwLock<Standing>; 2],
    /// Which copy is read.
    front: AtomicUsize,
    tick: watch::Sender<Tick>,
    /// The names of types of identifiers, by number.
    types: Vec<String>,
    /// What outputs were told last.
    pub recent: RecentRecords,
    /// Whether all that outputs are told comes here: there is no other process.
    pub is_alone: bool,
}

#[derive(Default)]
struct Standing {
    tick: Tick,
    people: Table<IdentifierHash, PublishedProfile>,
    whose: Table<IdentifierHash, IdentifierHash>,
    /// By segment.
    members: Vec<BTreeSet<IdentifierHash>>,
}

/// What a tick changes. `None`: there is none any more.
#[derive(Clone)]
struct Step {
    tick: Tick,
    people: Vec<ProfileChange>,
    whose: HashMap<IdentifierHash, Option<IdentifierHash>>,
    /// Who enters which segment, or leaves it.
    moves: Vec<(u16, IdentifierHash, bool)>,
}

/// What is published at one tick.
pub struct PublishedView<'a>(&'a Standing);

impl PublishedView<'_> {
    pub fn tick(&self) -> Tick {
        self.0.tick
    }

    /// A person's profile.
    pub fn profile(&self, person: IdentifierHash) -> Option<&PublishedProfile> {
        self.0.people.get(&person)
    }

    /// Whose an identifier is.
    pub fn whose(&self, identifier: IdentifierHash) -> Option<IdentifierHash> {
        self.0.whose.get(&identifier).copied()
    }

    /// How many are in a segment.
    pub fn size(&self, segment: usize) -> usize {
        self.0.members[segment].len()
    }

    /// Who is in a segment, in the order of their ids, from behind one on: so many at most.
    pub fn members(
        &self,
        segment: usize,
        behind: Option<IdentifierHash>,
        most: usize,
    ) -> Vec<IdentifierHash> {
        use std::ops::Bound::{Excluded, Unbounded};
        let range = (behind.map_or(Unbounded, Excluded), Unbounded);
        self.0.members[segment].range(range).take(most).copied().collect()
    }

    /// How many people there are.
    pub fn people(&self) -> usize {
        self.0.people.len()
    }
}

impl Published {
    /// Of a run of so many processes.
    pub fn new(plan: &Plan, processes: usize) -> Self {
        let standing = || {
            let members = vec![BTreeSet::new(); plan.segments.len()];
            RwLock::new(Standing { members, ..Standing::default() })
        };
        Published {
            copies: [standing(), standing()],
            front: AtomicUsize::new(0),
            tick: watch::channel(0).0,
            types: Catalog::of(plan).identifiers.iter().map(str::to_owned).collect(),
            recent: RecentRecords::new(),
            is_alone: processes <= 1,
        }
    }

    /// Reads as of one tick, and waits for nobody meanwhile.
    pub fn read<R>(&self, read: impl FnOnce(&PublishedView<'_>) -> R) -> R {
        loop {
            // A copy is written only while the other one is in front. So where it can't be had, a tick has been
            // published since it was looked which one is, and the next look tells the other.
            match self.copies[self.front.load(Ordering::Acquire)].try_read() {
                Ok(standing) => return read(&PublishedView(&standing)),
                Err(TryLockError::Poisoned(standing)) => {
                    return read(&PublishedView(&standing.into_inner()));
                }
                Err(TryLockError::WouldBlock) => std::hint::spin_loop(),
            }
        }
    }

    /// The tick that is published.
    pub fn tick(&self) -> Tick {
        *self.tick.borrow()
    }

    /// Follows the tick that is published.
    pub fn ticks(&self) -> watch::Receiver<Tick> {
        self.tick.subscribe()
    }

    /// Publishes what a tick says. Only one thread does.
    pub fn publish(&self, tick: Tick, changes: Vec<ProfileChange>) {
        let front = self.front.load(Ordering::Relaxed);
        let step = {
            let mut behind = self.write(1 - front);
            let step = self.step(&behind, tick, changes);
            behind.bring_in(step.clone());
            step
        };
        self.front.store(1 - front, Ordering::Release);
        self.tick.send_replace(tick);
        self.write(front).bring_in(step);
    }

    /// The copy that is not in front, once nobody reads it any more.
    fn write(&self, copy: usize) -> RwLockWriteGuard<'_, Standing> {
        self.copies[copy].write().unwrap_or_else(PoisonError::into_inner)
    }

    /// What changes where a tick says this.
    fn step(&self, standing: &Standing, tick: Tick, changes: Vec<ProfileChange>) -> Step {
        let mut whose = HashMap::new();
        let mut moves = Vec::new();
        let hash =
            |(kind, text): (u16, &str)| IdentifierHash::of(&self.types[usize::from(kind)], text);
        for (person, is) in &changes {
            let was = standing.people.get(person).map(|of| &of.profile);
            let is = is.as_ref().map(|of| &of.profile);
            let same = was.zip(is).is_some_and(|(was, is)| was.identifiers().eq(is.identifiers()));
            if !same {
                // Whoever has an identifier now says so; who had it says only that they no longer have it.
                for had in was.into_iter().flat_map(PackedProfile::identifiers).map(hash) {
                    if standing.whose.get(&had) == Some(person) {
                        whose.entry(had).or_insert(None);
                    }
                }
                for has in is.into_iter().flat_map(PackedProfile::identifiers).map(hash) {
                    whose.insert(has, Some(*person));
                }
            }
            let segments = |of: Option<&PackedProfile>| -> Vec<u16> {
                of.map_or_else(Vec::new, |of| of.segments().collect())
            };
            let (was_in, is_in) = (segments(was), segments(is));
            let left = was_in.iter().filter(|segment| !is_in.contains(segment));
            moves.extend(left.map(|segment| (*segment, *person, false)));
            let entered = is_in.iter().filter(|segment| !was_in.contains(segment));
            moves.extend(entered.map(|segment| (*segment, *person, true)));
        }
        Step { tick, people: changes, whose, moves }
    }
}

impl Standing {
    fn bring_in(&mut self, step: Step) {
        for (person, is) in step.people {
            match is {
                Some(profile) => drop(self.people.insert(person, profile)),
                None => drop(self.people.remove(&person)),
            }
        }
        for (identifier, whose) in step.whose {
            match whose {
                Some(person) => drop(self.whose.insert(identifier, person)),
                None => drop(self.whose.remove(&identifier)),
            }
        }
        for (segment, person, enters) in step.moves {
            let members = &mut self.members[usize::from(segment)];
            match enters {
                true => members.insert(person),
                false => members.remove(&person),
            };
        }
        self.tick = step.tick;
    }
}

#[cfg(test)]
mod tests {
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
        Arc::new(Published::new(&plan.expect("it is right"), 1))
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
                            let is_of_tick = |one| {
                                view.profile(hash(one)).is_some_and(|of| of.at as Tick == tick)
                            };
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
            let named =
                |(cluster, of): (usize, Vec<usize>)| (of[0], (of, segments[cluster].clone()));
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
}
