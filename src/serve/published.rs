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

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockWriteGuard, TryLockError};

use tokio::sync::watch;

use super::keeping::KeptChanges;
use super::recent::{RecentRecords, ToldRecord};
use super::reject_examples::RejectExamples;
use super::sizes::SegmentSizes;
use super::standing_conflicts::StandingConflicts;
use crate::plan::{Plan, Publish};
use crate::row::IdentifierHash;
use crate::sink::{Catalog, DifferingRecords, PackedProfile, Record};
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
    /// What is kept of it beyond, in a run that outlives its process.
    pub kept: OnceLock<Arc<KeptChanges>>,
    /// What files lost before this run began to write them, which no file says: it is told with what else differs.
    withdrawn: Mutex<Vec<DifferingRecords>>,
    names: Arc<Catalog>,
    pub rejects: RejectExamples,
    pub conflicts: StandingConflicts,
    /// How large segments have been.
    pub sizes: SegmentSizes,
    /// The outputs that tell all rejects and all conflicts, where there are any.
    tells: [Option<u16>; 2],
}

#[derive(Default)]
struct Standing {
    tick: Tick,
    /// In the order of their ids, by which they are paged.
    people: BTreeMap<IdentifierHash, PublishedProfile>,
    whose: Table<IdentifierHash, IdentifierHash>,
    /// By segment.
    members: Vec<BTreeSet<IdentifierHash>>,
}

/// What a tick changes. `None`: there is none any more.
#[derive(Clone)]
struct PublishedStep {
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
        let range = (behind.map_or(Unbounded, Excluded), Unbounded);
        self.0.members[segment].range(range).take(most).copied().collect()
    }

    /// Everybody, in the order of their ids, from behind one on: so many at most.
    pub fn everybody(&self, behind: Option<IdentifierHash>, most: usize) -> Vec<IdentifierHash> {
        let range = (behind.map_or(Unbounded, Excluded), Unbounded);
        self.0.people.range(range).take(most).map(|(person, _)| *person).collect()
    }

    /// How many people there are.
    pub fn people(&self) -> usize {
        self.0.people.len()
    }
}

impl Published {
    pub fn new(plan: &Plan) -> Self {
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
            kept: OnceLock::new(),
            withdrawn: Mutex::default(),
            names: Catalog::shared(plan),
            rejects: RejectExamples::default(),
            conflicts: StandingConflicts::default(),
            sizes: SegmentSizes::new(),
            tells: [Publish::Rejects, Publish::Conflicts].map(|publish| {
                let tells = plan.outputs.iter().position(|output| output.publish == publish);
                tells.map(|output| output as u16)
            }),
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
            self.sizes.note(tick, behind.members.iter().map(BTreeSet::len));
            step
        };
        self.front.store(1 - front, Ordering::Release);
        self.tick.send_replace(tick);
        self.write(front).bring_in(step);
    }

    /// What outputs were told in a tick that is published next: notes of it what is counted and shown.
    pub fn note(&self, records: Vec<Record>) -> Vec<ToldRecord> {
        let [rejects, conflicts] = self.tells;
        if let Some(output) = rejects {
            self.rejects.note(output, &records);
        }
        if let Some(output) = conflicts {
            self.conflicts.note(output, &records);
        }
        records.into_iter().map(ToldRecord::from).collect()
    }

    /// Files have lost what they held: this is told of it.
    pub fn withdraw(&self, withdrawn: Vec<DifferingRecords>) {
        self.withdrawn.lock().expect("no one panics with it").extend(withdrawn);
    }

    /// What was told last is forgotten, where it says something.
    pub fn leave_out(&self, says: impl Fn(&Record, &str) -> bool) {
        self.recent.leave_out(&self.names, says);
    }

    /// All by which outputs differed, by output: what their files say first, in the order of keys.
    pub fn differing(&self, differing: Vec<DifferingRecords>) -> Vec<ToldRecord> {
        let withdrawn = std::mem::take(&mut *self.withdrawn.lock().expect("no one panics with it"));
        let mut told = Vec::new();
        for (is_withdrawn, of) in [(false, differing), (true, withdrawn)] {
            for DifferingRecords { records, names } in of {
                told.extend(records.into_iter().map(|record| {
                    let names = Some(Arc::clone(&names));
                    (is_withdrawn, ToldRecord { record: Arc::new(record), names })
                }));
            }
        }
        told.sort_by(|(one, of), (other, from)| {
            let (of, from) = (&of.record, &from.record);
            (of.output, one, &of.key).cmp(&(from.output, other, &from.key))
        });
        told.into_iter().map(|(_, told)| told).collect()
    }

    /// The copy that is not in front, once nobody reads it any more.
    fn write(&self, copy: usize) -> RwLockWriteGuard<'_, Standing> {
        self.copies[copy].write().unwrap_or_else(PoisonError::into_inner)
    }

    /// What changes where a tick says this.
    fn step(&self, standing: &Standing, tick: Tick, changes: Vec<ProfileChange>) -> PublishedStep {
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
        PublishedStep { tick, people: changes, whose, moves }
    }
}

impl Standing {
    fn bring_in(&mut self, step: PublishedStep) {
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
mod tests;
