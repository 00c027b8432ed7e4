//! Columns that people are known by, of which those are one type that share values or a name.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use selfsame::internals::console::{counted, grouped};

use super::people::{is_of_person, whose};
use super::roles::{DraftIdentifier, DraftSource, IdentifierKind, are_counts};
use super::sample::Sample;

/// At most one in so many values is shared where columns are one type by their names alone.
const FEW: usize = 20;

/// Columns that people are known by are one type where they share values, and where they share a name.
pub fn persons(
    samples: &[Sample],
    sources: &[DraftSource],
    columns: Vec<(usize, usize, String)>,
) -> Vec<DraftIdentifier> {
    let all = |source: &usize, at: &usize| samples[*source].columns[*at].texts();
    let values: Vec<HashSet<&str>> = columns
        .iter()
        .map(|(source, at, _)| all(source, at).map(without_marks).map(without_point).collect())
        .collect();
    let bare: Vec<Option<HashSet<&str>>> = values.iter().map(without_zeros).collect();
    let mut group: Vec<usize> = (0..columns.len()).collect();
    let mut evidence: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let mut meet_bare: BTreeSet<usize> = BTreeSet::new();
    // Names come first: of two columns that stand side by side, one has the name of what both share values with.
    for by_name in [true, false] {
        for (one, other) in
            (0..columns.len()).flat_map(|one| (0..one).map(move |other| (one, other)))
        {
            let alike = values[one].intersection(&values[other]).count();
            let least = values[one].len().min(values[other].len());
            // Where one of the two has lost them, as spreadsheets lose them.
            let without_zeros = bare[one].as_ref().zip(bare[other].as_ref());
            let has_zeros = |of: usize| bare[of].as_ref() != Some(&values[of]);
            let without_zeros = without_zeros.filter(|_| has_zeros(one) || has_zeros(other));
            let without_zeros = without_zeros.map(|(one, other)| one.intersection(other).count());
            let without_zeros = without_zeros.filter(|of| *of > alike && *of * 5 >= least);
            let shared = without_zeros.unwrap_or(alike);
            // What counts from 1 shares values with whatever else does.
            let by_chance = || {
                !(is_of_person(&columns[one].2) && is_of_person(&columns[other].2))
                    && [one, other].into_iter().all(|of| are_counts(&values[of]))
            };
            let is_one = match by_name {
                true => are_called_alike(&columns[one].2, &columns[other].2),
                false => shared >= 3.min(least.max(1)) && shared * 5 >= least && !by_chance(),
            };
            let is_known = !by_name && are_called_alike(&columns[one].2, &columns[other].2);
            let members = |of: usize| {
                let group = &group;
                (0..columns.len()).filter(move |at| group[*at] == group[of])
            };
            let are_two = || {
                let mut pairs =
                    members(one).flat_map(|one| members(other).map(move |other| (one, other)));
                pairs.any(|(one, other)| are_beside(samples, &columns[one], &columns[other]))
            };
            if !is_one || is_known || are_two() {
                continue;
            }
            let (from, to) = (group[one], group[other]);
            group.iter_mut().filter(|of| **of == from).for_each(|of| *of = to);
            let named = |at: usize| {
                let source = &sources[columns[at].0];
                format!("{}.{}", source.name, source.fields[columns[at].1].0)
            };
            // By their names alone.
            let mark = if shared * FEW <= least { "? " } else { "" };
            let behind = match without_zeros {
                Some(shared) => format!(", and {} without the zeros before them", grouped(shared)),
                None => String::new(),
            };
            let what = format!(
                "{mark}{} and {} share {} of {}{behind}",
                named(other),
                named(one),
                grouped(alike),
                counted(least, "value", "values")
            );
            meet_bare.extend(without_zeros.map(|_| [one, other]).into_iter().flatten());
            evidence.entry(other).or_default().push(what);
        }
    }
    let groups: BTreeSet<usize> = group.iter().copied().collect();
    groups
        .into_iter()
        .map(|of| {
            let members: Vec<usize> = (0..columns.len()).filter(|at| group[*at] == of).collect();
            // Named as it is where it is a key, else as most call it.
            let key = members.iter().find(|at| {
                sources[columns[**at].0]
                    .key
                    .as_ref()
                    .is_some_and(|(key, _)| *key == columns[**at].1)
            });
            let name = columns[*key.unwrap_or(&members[0])].2.clone();
            let mut said: Vec<String> = members
                .iter()
                .flat_map(|at| evidence.get(at).cloned().unwrap_or_default())
                .collect();
            if said.is_empty() {
                said.push("by its name".to_owned());
            }
            let from: Vec<(usize, usize)> =
                members.iter().map(|at| (columns[*at].0, columns[*at].1)).collect();
            let mut texts = from.iter().flat_map(|(source, at)| all(source, at));
            let has_points =
                texts.any(|text| without_point(without_marks(text)) != without_marks(text));
            let mut texts = from.iter().flat_map(|(source, at)| all(source, at));
            let has_marks = texts.any(|text| without_marks(text) != text);
            let known: HashSet<&str> =
                members.iter().flat_map(|at| values[*at].iter().copied()).collect();
            let counts_from_0 = known.len() > 10
                && ["0", "1", "2"].iter().all(|number| known.contains(number))
                && known.iter().all(|text| text.parse::<u64>().is_ok());
            let kind = IdentifierKind::Person;
            let has_space = from
                .iter()
                .flat_map(|(source, at)| all(source, at))
                .any(|text| text.trim() != text);
            // The shortest shows the most of them.
            let padded = members.iter().filter(|at| meet_bare.contains(*at));
            let padded = padded.flat_map(|at| values[*at].iter().copied());
            let is_padded =
                |text: &&str| text.starts_with('0') && !text.trim_matches('0').is_empty();
            let zeros = padded.filter(is_padded).min().map(str::to_owned);
            let evidence = said;
            DraftIdentifier {
                name,
                kind,
                from,
                evidence,
                counts_from_0,
                has_points,
                has_marks,
                has_space,
                zeros,
                has_others: false,
                ignored: Vec::new(),
            }
        })
        .collect()
}

/// Whether names are one, or say one thing by other words.
pub fn are_called_alike(one: &str, other: &str) -> bool {
    let has_id = |of: &(usize, Option<usize>)| of.1.is_some();
    one == other || whose(one).filter(has_id).is_some_and(|one| whose(other) == Some(one))
}

/// Whether columns stand side by side in rows and mostly say different people, as of a buyer and a seller.
fn are_beside(
    samples: &[Sample],
    one: &(usize, usize, String),
    other: &(usize, usize, String),
) -> bool {
    if one.0 != other.0 || one.1 == other.1 {
        return false;
    }
    let columns = &samples[one.0].columns;
    let rows = columns[one.1].values.iter().zip(&columns[other.1].values);
    let both: Vec<bool> =
        rows.filter_map(|(one, other)| Some(one.as_ref()? == other.as_ref()?)).collect();
    both.iter().filter(|are_equal| !**are_equal).count() * 2 > both.len()
}

/// A text without the marks by which Excel leaves its digits as they are: `="00017"`, and `'00017`.
fn without_marks(text: &str) -> &str {
    let formula = text.strip_prefix("=\"").and_then(|text| text.strip_suffix('"'));
    formula.or_else(|| text.strip_prefix('\'')).unwrap_or(text)
}

/// `17850.0` as `17850`.
pub fn without_point(text: &str) -> &str {
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once('.') {
        Some((whole, zeros))
            if is_digits(whole) && !zeros.is_empty() && zeros.bytes().all(|of| of == b'0') =>
        {
            whole
        }
        _ => text,
    }
}

/// Numbers without the zeros before them, if those are all that tells some of them from the numbers of others: these have
/// as many digits each, or none has zeros before it.
fn without_zeros<'a>(values: &HashSet<&'a str>) -> Option<HashSet<&'a str>> {
    let is_number = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_padded = |text: &&str| text.len() > 1 && text.starts_with('0');
    let first = values.iter().next()?.len();
    let are_padded = values.iter().any(is_padded);
    let are_as_long = values.iter().all(|text| text.len() == first);
    let bare = |text: &&'a str| match text.trim_start_matches('0') {
        "" => *text,
        bare => bare,
    };
    (values.iter().all(is_number) && (!are_padded || are_as_long))
        .then(|| values.iter().map(bare).collect())
}
