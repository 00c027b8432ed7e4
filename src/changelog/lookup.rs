//! A person's profile, found by the person's id or by any identifier.
//!
//! Whom an identifier belongs to, an output of identities says; where there is none, the profiles
//! themselves, which take longer to read.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::reader::{Changelog, ChangelogError, ReadRecord, readable};
use crate::decode::identifiers::normalised;
use crate::plan::{Plan, Publish};

/// How many identifiers are suggested in place of one that nobody has.
const SUGGESTED: usize = 3;

/// What a lookup came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookupResult {
    /// The profile's JSON, and the ids that led to it, each merged into the next.
    Profile { json: String, merged: Vec<String> },
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
    let person = match wanted.is_person {
        true => Some(id.to_owned()),
        false => person_of(changelogs, &wanted)?,
    };
    let nobody = || Ok(LookupResult::Nobody { near: near(changelogs, &wanted)? });
    let Some(mut person) = person else { return nobody() };
    let mut merged = Vec::new();
    loop {
        match newest_profile(changelogs, &person)? {
            None => return nobody(),
            Some((Some(json), _)) => return Ok(LookupResult::Profile { json, merged }),
            Some((None, Some(into))) if !merged.contains(&into) => {
                merged.push(std::mem::replace(&mut person, into));
            }
            Some((None, _)) => return Ok(LookupResult::Gone { person }),
        }
    }
}

/// What is asked for.
struct Wanted<'a> {
    id: &'a str,
    is_person: bool,
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
        let is_person = id.strip_prefix("p_").is_some_and(|hex| hex.len() == 32);
        Wanted { id, is_person, normalised: normalised.collect() }
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

/// The id of the person whom an identifier belongs to now.
fn person_of(changelogs: &[Changelog], wanted: &Wanted) -> Result<Option<String>, ChangelogError> {
    let mut found: BTreeMap<(u8, String), String> = BTreeMap::new();
    each_identity(changelogs, |key, person| {
        let Some(rank) = wanted.rank(key) else { return };
        match person {
            Some(person) => drop(found.insert((rank, key.to_owned()), person.to_owned())),
            None => drop(found.remove(&(rank, key.to_owned()))),
        }
    })?;
    Ok(found.into_values().next())
}

/// Identifiers that are written nearly as what is asked for.
fn near(changelogs: &[Changelog], wanted: &Wanted) -> Result<Vec<String>, ChangelogError> {
    let value = wanted.id.trim().to_lowercase();
    let length = value.chars().count();
    let most = 1 + length / 8;
    let mut near: BTreeMap<String, usize> = BTreeMap::new();
    each_identity(changelogs, |key, person| {
        if person.is_none() {
            near.remove(key);
            return;
        }
        let distance = |text: &str| {
            let may_be = text.chars().count().abs_diff(length) <= most;
            may_be.then(|| strsim::damerau_levenshtein(&value, &text.to_lowercase()))
        };
        let of_value = key.split_once(':').and_then(|(_, value)| distance(value));
        let least = distance(key).into_iter().chain(of_value).min();
        if let Some(distance) = least.filter(|distance| *distance <= most) {
            near.insert(key.to_owned(), distance);
        }
    })?;
    let mut near: Vec<(usize, String)> = near.into_iter().map(|(key, of)| (of, key)).collect();
    near.sort_unstable();
    let least = near.first().map(|(of, _)| *of);
    near.retain(|(of, _)| Some(*of) == least);
    Ok(near.into_iter().take(SUGGESTED).map(|(_, key)| key).collect())
}

/// Every change of whom an identifier (`type:value`) belongs to, in order; none: to nobody any more.
fn each_identity(
    changelogs: &[Changelog],
    mut take: impl FnMut(&str, Option<&str>),
) -> Result<(), ChangelogError> {
    #[derive(Deserialize)]
    struct Identity {
        person: String,
    }
    let mut is_told = false;
    each(changelogs, Publish::Identities, |entry| {
        is_told = true;
        let identity = entry.value.and_then(|value| serde_json::from_str::<Identity>(value).ok());
        take(&entry.key, identity.as_ref().map(|identity| identity.person.as_str()));
    })?;
    if is_told {
        return Ok(());
    }
    #[derive(Deserialize)]
    struct Profile {
        identifiers: BTreeMap<String, Vec<String>>,
    }
    let mut held: BTreeMap<String, Vec<String>> = BTreeMap::new();
    each(changelogs, Publish::Profiles, |entry| {
        let profile = entry.value.and_then(|value| serde_json::from_str::<Profile>(value).ok());
        let identifiers = profile.into_iter().flat_map(|profile| profile.identifiers);
        let keys = identifiers
            .flat_map(|(kind, values)| values.into_iter().map(move |of| format!("{kind}:{of}")));
        // Of several outputs the one that knows more of a person says more of it.
        let keys: Vec<String> = keys.collect();
        let had = match keys.is_empty() {
            true => held.remove(&*entry.key),
            false => held.insert(entry.key.clone().into_owned(), keys),
        };
        had.iter().flatten().for_each(|key| take(key, None));
        for key in held.get(&*entry.key).into_iter().flatten() {
            take(key, Some(&entry.key));
        }
    })
}

/// Every record of the outputs that publish this, in order.
fn each(
    changelogs: &[Changelog],
    publish: Publish,
    mut take: impl FnMut(ReadRecord<'_>),
) -> Result<(), ChangelogError> {
    // What identities do not say, profiles do; what these do not, nobody.
    let is_wanted = |of: &Changelog| publish == Publish::Profiles || !of.is_unread();
    let holds = |of: &&Changelog| of.publishing(publish).is_some() && is_wanted(of);
    for changelog in readable(changelogs.iter().filter(holds)) {
        let Some(output) = changelog.publishing(publish) else { continue };
        changelog.scan(|entry| {
            if entry.output == output {
                take(entry);
            }
        })?;
    }
    Ok(())
}

type Newest = (Option<String>, Option<String>);

/// The newest record of a person: value, and whom they were merged into. A variant is asked after those
/// that leave nothing out.
fn newest_profile(
    changelogs: &[Changelog],
    person: &str,
) -> Result<Option<Newest>, ChangelogError> {
    let holds = |changelog: &&Changelog| changelog.publishing(Publish::Profiles).is_some();
    let mut holding: Vec<(&Changelog, &str)> = readable(changelogs.iter().filter(holds))
        .into_iter()
        .filter_map(|changelog| Some((changelog, changelog.publishing(Publish::Profiles)?)))
        .collect();
    holding.sort_by_key(|(changelog, _)| changelog.is_variant());
    let mut gone = None;
    for (changelog, output) in holding {
        let mut newest: Option<Newest> = None;
        changelog.scan(|entry| {
            if entry.output == output && entry.key == person {
                let merged_into = entry.merged_into.map(|into| into.into_owned());
                newest = Some((entry.value.map(str::to_owned), merged_into));
            }
        })?;
        match newest {
            Some((Some(_), _)) => return Ok(newest),
            newest => gone = gone.or(newest),
        }
    }
    Ok(gone)
}
