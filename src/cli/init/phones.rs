//! Sources of which nothing but a phone says whose their rows are: the phone may be that of an address, a shop or an office.

use std::collections::{BTreeMap, HashSet};

use super::people::is_people;
use super::roles::{DraftIdentifier, DraftSource, IdentifierKind};
use super::sample::Sample;

/// At least one in so many of such a source's phones is that of somebody whom others name.
const SHARED: usize = 5;

/// Takes the phones away of sources that have nothing else, where other sources name people and have other phones: each
/// shop would be a person. By source, what is said of it.
pub fn take_phones(
    samples: &[Sample],
    sources: &[DraftSource],
    identifiers: &mut Vec<DraftIdentifier>,
) -> BTreeMap<usize, String> {
    let is_phone = |of: &DraftIdentifier| of.kind == IdentifierKind::Phone;
    let names_people =
        |of: &DraftIdentifier| matches!(of.kind, IdentifierKind::Person | IdentifierKind::Email);
    let has = |of: &DraftIdentifier, source: usize| of.from.iter().any(|(one, _)| *one == source);
    let phones = |is_of: &dyn Fn(usize) -> bool| -> HashSet<String> {
        let columns = identifiers.iter().filter(|of| is_phone(of)).flat_map(|of| &of.from);
        let columns = columns.filter(|(source, _)| is_of(*source));
        columns.flat_map(|(source, at)| samples[*source].columns[*at].texts()).map(digits).collect()
    };
    let others_have = |source: usize| {
        let is_named = |other: usize| {
            other != source && identifiers.iter().any(|of| names_people(of) && has(of, other))
        };
        let own = phones(&|other| other == source);
        own.intersection(&phones(&is_named)).count() * SHARED >= own.len().max(1)
    };
    let is_of_another = |source: &usize| {
        let has_phone = identifiers.iter().any(|of| is_phone(of) && has(of, *source));
        let has_more = identifiers.iter().any(|of| !is_phone(of) && has(of, *source));
        has_phone && !has_more && !is_people(&sources[*source].entity) && !others_have(*source)
    };
    if !identifiers.iter().any(names_people) {
        return BTreeMap::new();
    }
    let told: BTreeMap<usize, String> = (0..sources.len())
        .filter(is_of_another)
        .map(|source| {
            let why = "a phone is all that could say whose its rows are, and nobody has it whom other sources name";
            (source, why.to_owned())
        })
        .collect();
    for of in identifiers.iter_mut() {
        // What is said of each column stands in their order.
        let is_kept = |(source, _): &(usize, usize)| !told.contains_key(source);
        if !is_phone(of) || of.from.iter().all(is_kept) {
            continue;
        }
        let mut kept = of.from.iter().map(is_kept).collect::<Vec<bool>>().into_iter();
        of.evidence.retain(|_| kept.next().unwrap_or(true));
        of.from.retain(is_kept);
    }
    identifiers.retain(|of| !of.from.is_empty());
    told
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}
