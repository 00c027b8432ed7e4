//! A person's profile, found by the person's id or by any identifier.
//!
//! Whom an identifier belongs to, an output of identities says; where there is none, the profiles
//! themselves, which take longer to read.

use std::collections::BTreeMap;

use super::defined::TakeRecord;
use super::error::ChangelogError;
use super::profile::ReadProfile;
use super::reader::{Changelog, readable};
use crate::decode::identifiers::normalised;
use crate::plan::{Plan, Publish};
use crate::row::IdentifierHash;
use crate::sink::{Catalog, Record, RecordBody, RecordKey, RecordValue};

/// How many identifiers are suggested in place of one that nobody has.
const SUGGESTED: usize = 3;

/// What a lookup came to.
#[derive(Clone, Debug)]
pub enum LookupResult {
    /// The profile, and the ids that led to it, each merged into the next.
    Profile { profile: Box<ReadProfile>, merged: Vec<String> },
    /// There was such a person, and nobody took their place.
    Gone { person: String },
    /// Nobody; the identifiers that are written nearly so.
    Nobody { near: Vec<String> },
}

/// Looks for `p_…`, `type:value`, or a value of whatever type; with a plan also for what its
/// normalisations make of the value.
pub fn lookup(
    changelogs: &[Changelog],
    plan: Option<&Plan>,
    id: &str,
) -> Result<LookupResult, ChangelogError> {
    if changelogs.iter().all(|changelog| changelog.publishing(Publish::Profiles).is_none()) {
        return Err(ChangelogError::NoProfiles);
    }
    let wanted = Wanted::new(plan, id);
    let person = match wanted.person {
        Some(person) => Some(person),
        None => person_of(changelogs, &wanted)?,
    };
    let nobody = || Ok(LookupResult::Nobody { near: near(changelogs, &wanted)? });
    let Some(mut person) = person else { return nobody() };
    let mut merged = Vec::new();
    loop {
        match newest(changelogs, person)? {
            None => return nobody(),
            Some(Newest::Profile(profile)) => {
                let merged = merged.into_iter().map(IdentifierHash::person_id).collect();
                return Ok(LookupResult::Profile { profile, merged });
            }
            Some(Newest::Gone(Some(into))) if !merged.contains(&into) => {
                merged.push(std::mem::replace(&mut person, into));
            }
            Some(Newest::Gone(_)) => return Ok(LookupResult::Gone { person: person.person_id() }),
        }
    }
}

/// What is asked for.
struct Wanted<'a> {
    id: &'a str,
    /// As a person's id.
    person: Option<IdentifierHash>,
    /// As `type:value`, what it is once normalised.
    normalised: Vec<String>,
}

impl<'a> Wanted<'a> {
    fn new(plan: Option<&Plan>, id: &'a str) -> Self {
        let types = plan.map(|plan| plan.identifiers.as_slice()).unwrap_or_default();
        let named = types.iter().find_map(|of| {
            let value = id.strip_prefix(of.name.as_str())?.strip_prefix(':')?;
            Some((of, value))
        });
        let all = named.into_iter().chain(types.iter().map(|of| (of, id)));
        let normalised =
            all.filter_map(|(of, value)| Some(format!("{}:{}", of.name, normalised(of, value)?)));
        Wanted { id, person: IdentifierHash::of_person_id(id), normalised: normalised.collect() }
    }

    /// How well an identifier, as `type:value`, answers; the least is the best.
    fn rank(&self, key: &str) -> Option<u8> {
        if key == self.id {
            Some(0)
        } else if self.normalised.iter().any(|of| of == key) {
            Some(1)
        } else {
            key.split_once(':').is_some_and(|(_, value)| value == self.id).then_some(2)
        }
    }
}

/// The person whom an identifier belongs to now.
fn person_of(
    changelogs: &[Changelog],
    wanted: &Wanted,
) -> Result<Option<IdentifierHash>, ChangelogError> {
    let mut found: BTreeMap<(u8, String), Owners> = BTreeMap::new();
    each_identity(changelogs, |key, owner| {
        let Some(rank) = wanted.rank(key) else { return };
        found.entry((rank, key.to_owned())).or_default().take_in(owner);
    })?;
    Ok(found.into_values().find_map(|owners| owners.now()))
}

/// Identifiers that are written nearly as what is asked for.
fn near(changelogs: &[Changelog], wanted: &Wanted) -> Result<Vec<String>, ChangelogError> {
    let value = wanted.id.trim().to_lowercase();
    let length = value.chars().count();
    let most = 1 + length / 8;
    let mut near: BTreeMap<String, (usize, Owners)> = BTreeMap::new();
    each_identity(changelogs, |key, owner| {
        if let Some((_, owners)) = near.get_mut(key) {
            return owners.take_in(owner);
        }
        let distance = |text: &str| {
            let may_be = text.chars().count().abs_diff(length) <= most;
            may_be.then(|| strsim::damerau_levenshtein(&value, &text.to_lowercase()))
        };
        let of_value = key.split_once(':').and_then(|(_, value)| distance(value));
        let least = distance(key).into_iter().chain(of_value).min();
        if let Some(distance) = least.filter(|distance| *distance <= most) {
            near.entry(key.to_owned()).or_insert((distance, Owners::default())).1.take_in(owner);
        }
    })?;
    near.retain(|_, (_, owners)| owners.now().is_some());
    let mut near: Vec<(usize, String)> = near.into_iter().map(|(key, (of, _))| (of, key)).collect();
    near.sort_unstable();
    let least = near.first().map(|(of, _)| *of);
    near.retain(|(of, _)| Some(*of) == least);
    Ok(near.into_iter().take(SUGGESTED).map(|(_, key)| key).collect())
}

/// Whom an identifier belongs to, as a record says.
enum IdentifierOwner {
    /// This person and nobody else.
    Only(IdentifierHash),
    /// This person, as far as their own record says.
    Also(IdentifierHash),
    NoLonger(IdentifierHash),
    Nobody,
}

/// Those whose an identifier is by the records so far, the latest last. Of profiles each person's come in order, but not
/// one person's and another's, which may stand in different partitions: the new owner's may be read before the old one's
/// come, and go.
#[derive(Default)]
struct Owners(Vec<IdentifierHash>);

impl Owners {
    fn take_in(&mut self, owner: IdentifierOwner) {
        match owner {
            IdentifierOwner::Only(person) => self.0 = vec![person],
            IdentifierOwner::Also(person) => self.0.push(person),
            IdentifierOwner::NoLonger(person) => self.0.retain(|owner| *owner != person),
            IdentifierOwner::Nobody => self.0.clear(),
        }
    }

    fn now(&self) -> Option<IdentifierHash> {
        self.0.last().copied()
    }
}

/// Every change of whom an identifier (`type:value`) belongs to, as it is read.
fn each_identity(
    changelogs: &[Changelog],
    mut take: impl FnMut(&str, IdentifierOwner),
) -> Result<(), ChangelogError> {
    let (mut is_told, mut text) = (false, String::new());
    each(changelogs, Publish::Identities, &mut |record, catalog| {
        is_told = true;
        text.clear();
        catalog.write_key(&record.key, &mut text);
        take(
            &text,
            match record.value() {
                Some(RecordValue::Identity(person)) => IdentifierOwner::Only(*person),
                _ => IdentifierOwner::Nobody,
            },
        );
    })?;
    if is_told {
        return Ok(());
    }
    let mut held: BTreeMap<IdentifierHash, Vec<String>> = BTreeMap::new();
    each(changelogs, Publish::Profiles, &mut |record, catalog| {
        let RecordKey::Person(person) = record.key else { return };
        let identifiers = match record.value() {
            Some(RecordValue::Profile(profile)) => profile
                .identifiers()
                .map(|(kind, text)| [catalog.identifiers.name(kind), ":", text].concat())
                .collect(),
            _ => Vec::new(),
        };
        // Where several outputs know a person, the one that knows more says more.
        let had = match identifiers.is_empty() {
            true => held.remove(&person),
            false => held.insert(person, identifiers),
        };
        had.iter().flatten().for_each(|key| take(key, IdentifierOwner::NoLonger(person)));
        held.get(&person)
            .into_iter()
            .flatten()
            .for_each(|key| take(key, IdentifierOwner::Also(person)));
    })
}

/// Every record of the outputs that publish this, in order.
fn each(
    changelogs: &[Changelog],
    publish: Publish,
    take: &mut TakeRecord<'_>,
) -> Result<(), ChangelogError> {
    // What identities do not say, profiles do; what these do not, nobody.
    let is_wanted = |of: &Changelog| publish == Publish::Profiles || !of.is_unread();
    let holds = |of: &&Changelog| of.publishing(publish).is_some() && is_wanted(of);
    for changelog in readable(changelogs.iter().filter(holds)) {
        let Some(output) = changelog.publishing(publish) else { continue };
        changelog.scan(&mut |record, catalog| {
            if is_of(record, catalog, output) {
                take(record, catalog);
            }
        })?;
    }
    Ok(())
}

fn is_of(record: &Record, catalog: &Catalog, output: &str) -> bool {
    catalog.outputs.name(record.output) == output
}

/// What was said last of a person.
enum Newest {
    Profile(Box<ReadProfile>),
    /// With the person whom they were merged into.
    Gone(Option<IdentifierHash>),
}

/// The newest record of a person. A variant is asked after those that leave nothing out.
fn newest(
    changelogs: &[Changelog],
    person: IdentifierHash,
) -> Result<Option<Newest>, ChangelogError> {
    let holds = |changelog: &&Changelog| changelog.publishing(Publish::Profiles).is_some();
    let mut holding: Vec<(&Changelog, &str)> = readable(changelogs.iter().filter(holds))
        .into_iter()
        .filter_map(|changelog| Some((changelog, changelog.publishing(Publish::Profiles)?)))
        .collect();
    holding.sort_by_key(|(changelog, _)| changelog.is_variant());
    let mut gone = None;
    for (changelog, output) in holding {
        let mut newest: Option<Record> = None;
        let catalog = changelog.scan(&mut |record, catalog| {
            if record.key == RecordKey::Person(person) && is_of(record, catalog, output) {
                newest = Some(record.clone());
            }
        })?;
        let Some(record) = newest else { continue };
        match record.body {
            RecordBody::Is { .. } => {
                let profile = ReadProfile::new(record, catalog);
                return Ok(profile.map(|profile| Newest::Profile(Box::new(profile))));
            }
            RecordBody::Gone { merged_into } => {
                gone = gone.or(Some(Newest::Gone(merged_into)));
            }
        }
    }
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// An identifier goes from person to person, and the records of each person are in order, as in a topic's partitions.
        #[test]
        fn an_identifier_is_its_last_owners_however_the_records_of_people_are_mixed(
            owners in prop::collection::vec(0..4u128, 1..8),
            draws in prop::collection::vec(any::<prop::sample::Index>(), 16),
        ) {
            let mut owners = owners;
            owners.dedup();
            let last = IdentifierHash(owners[owners.len() - 1]);
            let mut of_people: BTreeMap<u128, Vec<bool>> = BTreeMap::new();
            for (place, owner) in owners.iter().enumerate() {
                let records = of_people.entry(*owner).or_default();
                records.push(true);
                records.extend((place + 1 < owners.len()).then_some(false));
            }
            let mut of_people: Vec<_> =
                of_people.into_iter().map(|(of, records)| (of, records.into_iter())).collect();
            let mut found = Owners::default();
            for draw in draws.iter().cycle() {
                of_people.retain(|(_, records)| records.len() > 0);
                if of_people.is_empty() {
                    break;
                }
                let place = draw.index(of_people.len());
                let (person, comes) = (IdentifierHash(of_people[place].0), of_people[place].1.next());
                found.take_in(match comes {
                    Some(true) => IdentifierOwner::Also(person),
                    _ => IdentifierOwner::NoLonger(person),
                });
            }
            prop_assert_eq!(found.now(), Some(last));
        }
    }
}
