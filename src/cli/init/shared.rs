//! Columns called as devices or people are whose values stand beside many people each: they say of what kind a row is, as
//! `device_model_id` does, or a `client` that is `web` or `ios`, and not whose.

use std::collections::{HashMap, HashSet};

use super::roles::{DraftIdentifier, DraftSource, IdentifierKind};
use super::sample::Sample;

/// More people than these do not share a device, or a name, for the most part.
const PEOPLE: usize = 3;

/// Takes such columns away. What is said of each.
pub fn take_shared(
    samples: &[Sample],
    sources: &[DraftSource],
    found: &mut Vec<DraftIdentifier>,
) -> Vec<String> {
    // Words are no ids. What several columns say is somebody's.
    let is_word = |of: &DraftIdentifier| {
        let mut texts =
            of.from.iter().flat_map(|(source, at)| samples[*source].columns[*at].texts());
        of.from.len() == 1 && !texts.any(|text| text.bytes().any(|byte| byte.is_ascii_digit()))
    };
    let may_be_kind = |of: &DraftIdentifier| match of.kind {
        IdentifierKind::Device => true,
        IdentifierKind::Person => is_word(of),
        _ => false,
    };
    let is_trusted = |of: &&DraftIdentifier| match of.kind {
        IdentifierKind::Person => !is_word(of),
        other => other == IdentifierKind::Email,
    };
    let trusted: Vec<(usize, usize)> =
        found.iter().filter(is_trusted).flat_map(|of| of.from.iter().copied()).collect();
    let mut told = Vec::new();
    for of in found.iter_mut().filter(|of| may_be_kind(of)) {
        let by = |(source, at): &(usize, usize)| {
            let mut beside = trusted.iter().filter(|(other, _)| other == source);
            let (_, who) = beside.find(|(_, who)| are_shared(&samples[*source], *at, *who))?;
            let name = |at: usize| &sources[*source].fields[at].0;
            Some(format!(
                "{}.{}: most of its values stand beside more than {PEOPLE} different {} each: it says of what kind a row is, it \
                 seems, and not whose",
                sources[*source].name,
                name(*at),
                name(*who)
            ))
        };
        let why: Vec<Option<String>> = of.from.iter().map(by).collect();
        let (mut of_from, mut of_evidence) = (why.iter(), why.iter());
        of.from.retain(|_| of_from.next().is_none_or(Option::is_none));
        of.evidence.retain(|_| of_evidence.next().is_none_or(Option::is_none));
        told.extend(why.into_iter().flatten());
    }
    found.retain(|of| !of.from.is_empty());
    told
}

/// Whether most values of a column stand beside many of another one.
fn are_shared(sample: &Sample, at: usize, who: usize) -> bool {
    let mut beside: HashMap<&str, HashSet<&str>> = HashMap::new();
    for (device, who) in sample.columns[at].texts_beside(&sample.columns[who]) {
        beside.entry(device).or_default().insert(who);
    }
    let shared = beside.values().filter(|people| people.len() > PEOPLE).count();
    shared * 2 > beside.len()
}
