//! What is published, kept so that it can be asked for: people by id and by identifier, and who is in which segment,
//! as of one tick.
//!
//! All of it follows from profiles with every attribute: they name the identifiers and the segments of a person. What
//! is kept:
//!
//! 1. Readers see whole ticks: a tick becomes visible at once. A small one is brought in under the lock. One that
//!    changes much is first put together beside (`ahead`), becomes visible in one step, and is then moved, a part at
//!    a time, into what stands, while readers look in both: so nobody waits for it.
//! 2. A person's id is made of one of their identifiers. Who has become of an id that is no person's any more is
//!    therefore told by the identifier's hash, and nothing has to be remembered of people who are gone.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{PoisonError, RwLock};

use tokio::sync::watch;

use super::recent::RecentRecords;
use crate::plan::Plan;
use crate::row::IdentifierHash;
use crate::sink::{Catalog, PackedProfile};
use crate::state::table::Table;
use crate::time::{Micros, Tick};

/// So many profiles are brought in while readers wait.
const AT_ONCE: usize = 256;

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
    standing: RwLock<Standing>,
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
    ahead: Unsettled,
}

/// What differs from what stands, and has yet to be brought in. `None`: there is none any more.
#[derive(Default)]
struct Unsettled {
    people: HashMap<IdentifierHash, Option<PublishedProfile>>,
    whose: HashMap<IdentifierHash, Option<IdentifierHash>>,
    /// By segment, whether a person is in it.
    members: Vec<BTreeMap<IdentifierHash, bool>>,
    /// By segment, how many more there are, or fewer.
    growth: Vec<isize>,
}

/// What is published at one tick.
pub struct PublishedView<'a>(&'a Standing);

impl PublishedView<'_> {
    pub fn tick(&self) -> Tick {
        self.0.tick
    }

    /// A person's profile.
    pub fn profile(&self, person: IdentifierHash) -> Option<&PublishedProfile> {
        match self.0.ahead.people.get(&person) {
            Some(changed) => changed.as_ref(),
            None => self.0.people.get(&person),
        }
    }

    /// Whose an identifier is.
    pub fn whose(&self, identifier: IdentifierHash) -> Option<IdentifierHash> {
        match self.0.ahead.whose.get(&identifier) {
            Some(changed) => *changed,
            None => self.0.whose.get(&identifier).copied(),
        }
    }

    /// How many are in a segment.
    pub fn size(&self, segment: usize) -> usize {
        let grown = self.0.ahead.growth.get(segment).copied().unwrap_or(0);
        self.0.members[segment].len().saturating_add_signed(grown)
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
        let changed = self.0.ahead.members.get(segment);
        let stays = |person: &&IdentifierHash| {
            changed.and_then(|changed| changed.get(*person)).is_none_or(|is_in| *is_in)
        };
        let mut standing = self.0.members[segment].range(range).filter(stays).copied().peekable();
        let come = changed.into_iter().flat_map(|changed| changed.range(range));
        let mut come = come.filter(|(_, is_in)| **is_in).map(|(person, _)| *person).peekable();
        let mut found = Vec::new();
        while found.len() < most {
            let next = match (standing.peek(), come.peek()) {
                (Some(one), Some(other)) if one <= other => {
                    if one == other {
                        come.next();
                    }
                    standing.next()
                }
                (_, Some(_)) => come.next(),
                (_, None) => standing.next(),
            };
            let Some(next) = next else { break };
            found.push(next);
        }
        found
    }

    /// How many people there are.
    pub fn people(&self) -> usize {
        let standing = |person| self.0.people.contains_key(person);
        let ahead = self.0.ahead.people.iter();
        let grown = ahead.map(|(id, is)| isize::from(is.is_some()) - isize::from(standing(id)));
        self.0.people.len().saturating_add_signed(grown.sum())
    }
}

impl Published {
    /// Of a run of so many processes.
    pub fn new(plan: &Plan, processes: usize) -> Self {
        let segments = plan.segments.len();
        let members = vec![BTreeSet::new(); segments];
        let standing = Standing { members, ..Standing::default() };
        let types = Catalog::of(plan).identifiers.iter().map(str::to_owned).collect();
        let (standing, tick) = (RwLock::new(standing), watch::channel(0).0);
        let recent = RecentRecords::new();
        Published { standing, tick, types, recent, is_alone: processes <= 1 }
    }

    /// Reads as of one tick. Who writes waits meanwhile: so it is short.
    pub fn read<R>(&self, read: impl FnOnce(&PublishedView<'_>) -> R) -> R {
        read(&PublishedView(&self.standing.read().unwrap_or_else(PoisonError::into_inner)))
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
        if changes.len() <= AT_ONCE {
            self.write(|standing| {
                let ahead = self.ahead(standing, changes);
                standing.bring_in(ahead);
                standing.tick = tick;
            });
        } else {
            let ahead =
                self.ahead(&self.standing.read().unwrap_or_else(PoisonError::into_inner), changes);
            let parts = ahead.parts();
            self.write(|standing| {
                standing.ahead = ahead;
                standing.tick = tick;
            });
            parts.into_iter().for_each(|part| self.write(|standing| standing.settle(part)));
            self.write(|standing| standing.ahead = Unsettled::default());
        }
        self.tick.send_replace(tick);
    }

    fn write(&self, write: impl FnOnce(&mut Standing)) {
        write(&mut self.standing.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// How what stands differs once a tick has said this.
    fn ahead(&self, standing: &Standing, changes: Vec<ProfileChange>) -> Unsettled {
        let segments = standing.members.len();
        let mut ahead = Unsettled {
            members: vec![BTreeMap::new(); segments],
            growth: vec![0; segments],
            ..Unsettled::default()
        };
        let hash =
            |(kind, text): (u16, &str)| IdentifierHash::of(&self.types[usize::from(kind)], text);
        for (person, is) in changes {
            let was = standing.people.get(&person).map(|of| &of.profile);
            let is_now = is.as_ref().map(|of| &of.profile);
            let same =
                was.zip(is_now).is_some_and(|(was, is)| was.identifiers().eq(is.identifiers()));
            if !same {
                // Whoever has an identifier now says so; who had it says only that they no longer have it.
                for had in was.into_iter().flat_map(PackedProfile::identifiers).map(hash) {
                    if standing.whose.get(&had) == Some(&person) {
                        ahead.whose.entry(had).or_insert(None);
                    }
                }
                for has in is_now.into_iter().flat_map(PackedProfile::identifiers).map(hash) {
                    ahead.whose.insert(has, Some(person));
                }
            }
            let segments = |of: Option<&PackedProfile>| -> Vec<u16> {
                of.map_or_else(Vec::new, |of| of.segments().collect())
            };
            let (was_in, is_in) = (segments(was), segments(is_now));
            for left in was_in.iter().filter(|segment| !is_in.contains(segment)) {
                ahead.members[usize::from(*left)].insert(person, false);
                ahead.growth[usize::from(*left)] -= 1;
            }
            for entered in is_in.iter().filter(|segment| !was_in.contains(segment)) {
                ahead.members[usize::from(*entered)].insert(person, true);
                ahead.growth[usize::from(*entered)] += 1;
            }
            ahead.people.insert(person, is);
        }
        ahead
    }
}

impl Unsettled {
    /// The same, in parts that are brought in quickly.
    fn parts(&self) -> Vec<Unsettled> {
        let mut parts = vec![Unsettled::default()];
        let mut held = 0;
        let mut part = |parts: &mut Vec<Unsettled>| {
            held += 1;
            if held % AT_ONCE == 0 {
                parts.push(Unsettled::default());
            }
            parts.len() - 1
        };
        for (person, is) in &self.people {
            let part = part(&mut parts);
            parts[part].people.insert(*person, is.clone());
        }
        for (identifier, whose) in &self.whose {
            let part = part(&mut parts);
            parts[part].whose.insert(*identifier, *whose);
        }
        for (segment, changed) in self.members.iter().enumerate() {
            for (person, is_in) in changed {
                let part = part(&mut parts);
                parts[part].members.resize_with(self.members.len(), BTreeMap::new);
                parts[part].members[segment].insert(*person, *is_in);
            }
        }
        parts
    }
}

impl Standing {
    /// Brings in a part of what has become visible.
    fn settle(&mut self, part: Unsettled) {
        for (segment, changed) in part.members.iter().enumerate() {
            // Its size is told by both: what one gains the other loses.
            for is_in in changed.values() {
                self.ahead.growth[segment] -= if *is_in { 1 } else { -1 };
            }
        }
        self.bring_in(part);
    }

    fn bring_in(&mut self, ahead: Unsettled) {
        for (person, is) in ahead.people {
            match is {
                Some(profile) => drop(self.people.insert(person, profile)),
                None => drop(self.people.remove(&person)),
            }
        }
        for (identifier, whose) in ahead.whose {
            match whose {
                Some(person) => drop(self.whose.insert(identifier, person)),
                None => drop(self.whose.remove(&identifier)),
            }
        }
        for (members, changed) in self.members.iter_mut().zip(ahead.members) {
            for (person, is_in) in changed {
                match is_in {
                    true => members.insert(person),
                    false => members.remove(&person),
                };
            }
        }
    }
}
