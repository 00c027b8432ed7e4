//! A person's profile, found by the person's id or by any identifier.

use super::changelog::{Changelog, ChangelogError};
use crate::spec::plan::Publish;

/// What a lookup came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The profile's JSON, and the ids that led to it, each merged into the next.
    Profile {
        json: String,
        merged: Vec<String>,
    },
    /// There was such a person, and nobody took their place.
    Gone {
        person: String,
    },
    Nobody,
}

/// Looks for `p_…`, `type:value`, or a value of whatever type.
pub fn lookup(changelogs: &[Changelog], id: &str) -> Result<Found, ChangelogError> {
    let Some(mut person) = person_of(changelogs, id)? else { return Ok(Found::Nobody) };
    let mut merged = Vec::new();
    loop {
        match newest_profile(changelogs, &person)? {
            None => return Ok(Found::Nobody),
            Some((Some(json), _)) => return Ok(Found::Profile { json, merged }),
            Some((None, Some(into))) if !merged.contains(&into) => {
                merged.push(std::mem::replace(&mut person, into));
            }
            Some((None, _)) => return Ok(Found::Gone { person }),
        }
    }
}

/// The id of the person whom an identifier belongs to now.
fn person_of(changelogs: &[Changelog], id: &str) -> Result<Option<String>, ChangelogError> {
    if id.strip_prefix("p_").is_some_and(|hex| hex.len() == 32) {
        return Ok(Some(id.to_owned()));
    }
    let mut by_key: Option<String> = None;
    let mut by_value: Option<(String, String)> = None;
    for changelog in changelogs {
        let Some(output) = changelog.publishing(Publish::Identities) else { continue };
        changelog.scan(|entry| {
            if entry.output != output {
                return;
            }
            let person = entry.value.and_then(|value| {
                let value: serde_json::Value = serde_json::from_str(value).ok()?;
                Some(value["person"].as_str()?.to_owned())
            });
            if entry.key == id {
                by_key = person;
            } else if entry.key.split_once(':').is_some_and(|(_, value)| value == id) {
                match person {
                    Some(person) => by_value = Some((entry.key.into_owned(), person)),
                    None => {
                        by_value.take_if(|(key, _)| *key == entry.key);
                    }
                }
            }
        })?;
    }
    Ok(by_key.or(by_value.map(|(_, person)| person)))
}

type Newest = (Option<String>, Option<String>);

/// The newest record of a person: value, and whom they were merged into. A variant is asked after those
/// that leave nothing out.
fn newest_profile(
    changelogs: &[Changelog],
    person: &str,
) -> Result<Option<Newest>, ChangelogError> {
    let mut holding: Vec<(&Changelog, &str)> = changelogs
        .iter()
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
