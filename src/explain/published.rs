//! What the outputs say of a person, beside what the sources come to.
//!
//! The two differ where the run has not come so far yet or has another clock, and where it knew rows that
//! the sources hold no longer.

use std::collections::BTreeSet;

use serde::Serialize;

use super::inquiry::Inquiry;
use super::lookup::AskedPerson;
use super::value::ShownValue;
use crate::changelog::{Changelog, LookupResult, ReadProfile, changelogs_of, lookup};
use crate::plan::{Output, Publish};
use crate::row::Identifier;

/// What an output of profiles said last.
#[derive(Debug, Default, Serialize)]
pub struct PublishedSaid {
    /// Who holds the identifier; null: nobody does.
    pub person: Option<String>,
    /// What `now()` was when that was sent.
    pub at: Option<String>,
    /// How it differs from the answer: if by nothing, it says the same.
    pub differs: Vec<String>,
    /// Why it can't be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
}

/// What the outputs hold of somebody.
enum PublishedState {
    /// None of them holds everyone's profiles, or nothing was ever written.
    Nothing,
    /// They know no such person.
    Nobody,
    Somebody(Box<ReadProfile>),
    /// They can't be read, for this reason.
    Unread(String),
}

impl Inquiry {
    fn published(&self, identifier: &Identifier, person: &str) -> PublishedState {
        let written = |changelog: &Changelog| match changelog {
            Changelog::File { path, .. } => path.exists(),
            Changelog::Topic { .. } => true,
            Changelog::Unread { .. } => false,
        };
        let changelogs = changelogs_of(&self.plan);
        // Who is not in an output of some people may well be somebody.
        let of_everyone = |(output, changelog): (&Output, &Changelog)| {
            output.publish == Publish::Profiles && output.condition.is_none() && written(changelog)
        };
        if !self.plan.outputs.iter().zip(&changelogs).any(of_everyone) {
            return PublishedState::Nothing;
        }
        let changelogs: Vec<_> = changelogs.into_iter().filter(written).collect();
        // Whom an identifier belongs to, another output says.
        let says_whose =
            |changelog: &Changelog| changelog.publishing(Publish::Identities).is_some();
        let id = match changelogs.iter().any(says_whose) {
            true => self.spoken(identifier),
            false => person.to_owned(),
        };
        match lookup(&changelogs, None, &id) {
            Ok(LookupResult::Profile { profile, .. }) => PublishedState::Somebody(profile),
            Ok(LookupResult::Gone { .. } | LookupResult::Nobody { .. }) => PublishedState::Nobody,
            Err(error) => PublishedState::Unread(error.to_string()),
        }
    }

    /// What the outputs say of a person, compared with the answer by the person's id and by `more`, where it is to be.
    pub fn compared_with_published(
        &self,
        subject: &AskedPerson,
        more: impl FnOnce(&ReadProfile, &mut Vec<String>),
    ) -> Option<PublishedSaid> {
        if !self.compares {
            return None;
        }
        let id = subject.id.person_id();
        match self.published(&subject.identifier, &id) {
            PublishedState::Nothing => None,
            PublishedState::Unread(reason) => {
                Some(PublishedSaid { unread: Some(reason), ..PublishedSaid::default() })
            }
            PublishedState::Nobody => {
                let differs = vec![format!("nobody is {}", self.spoken(&subject.identifier))];
                Some(PublishedSaid { differs, ..PublishedSaid::default() })
            }
            PublishedState::Somebody(profile) => {
                let mut differs = Vec::new();
                let (person, at) = (profile.person(), profile.at());
                if person != id {
                    differs.push(format!("the person is {person}"));
                }
                more(&profile, &mut differs);
                Some(PublishedSaid { person: Some(person), at: Some(at), differs, unread: None })
            }
        }
    }
}

/// Compares whom the identifiers are.
pub fn compare_identifiers(
    profile: &ReadProfile,
    own: impl Iterator<Item = String>,
    differs: &mut Vec<String>,
) {
    let own: BTreeSet<String> = own.collect();
    let published: BTreeSet<String> = profile.identifiers().collect();
    differs.extend(own.difference(&published).map(|of| format!("without {of}")));
    differs.extend(published.difference(&own).map(|of| format!("with {of}")));
}

pub fn compare_segment(
    profile: &ReadProfile,
    segment: &str,
    is_in: bool,
    differs: &mut Vec<String>,
) {
    match (profile.is_in(segment), is_in) {
        (true, false) => differs.push(format!("they are in {segment}")),
        (false, true) => differs.push(format!("they are not in {segment}")),
        _ => {}
    }
}

pub fn compare_attribute(
    profile: &ReadProfile,
    name: &str,
    own: &ShownValue,
    differs: &mut Vec<String>,
) {
    match profile.attribute(name) {
        Some(value) if value != own.to_string() => differs.push(format!("{name} is {value}")),
        _ => {}
    }
}
