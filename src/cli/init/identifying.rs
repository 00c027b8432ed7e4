//! What says who somebody is: by the shape of values, by names, and by the values that several sources share.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::belongings::is_of_somebody;
use super::names::{is_email, is_id, is_of_device, is_of_former, is_of_phone, is_phone};
use super::people::{is_of_person, whose};
use super::roles::{DraftIdentifier, DraftSource, IdentifierKind, add, are_counts};
use super::sample::{Sample, SampledColumn};
use super::staff::Staff;
use super::tally::distinct;
use super::texts::shown;
use super::{spoiled, words};
use selfsame::internals::console::{counted, grouped};

/// What says who somebody is; and of what does not, though its name says so, why.
pub fn identifiers(
    samples: &[Sample],
    sources: &[DraftSource],
    staff: &Staff,
) -> (Vec<DraftIdentifier>, Vec<String>) {
    let mut found: Vec<DraftIdentifier> = Vec::new();
    let mut people: Vec<(usize, usize, String)> = Vec::new();
    let mut told = Vec::new();
    let all = samples.iter().zip(sources).enumerate();
    for (number, (sample, source)) in all.filter(|(at, _)| !staff.tables.contains_key(at)) {
        for (at, (name, guess)) in source.fields.iter().enumerate() {
            let column = &sample.columns[at];
            let texts: Vec<&str> = column.texts().collect();
            if texts.is_empty()
                || matches!(guess.data_type.as_str(), "timestamp" | "date" | "json" | "boolean")
                || guess.data_type.contains("decimal")
            {
                continue;
            }
            let mails = texts.iter().filter(|text| is_email(text)).count();
            let evidence = |what: String| format!("{}.{name}: {what}", source.name);
            let is_by_name = is_of_phone(name) || is_of_person(&source.called(name));
            let theirs = || {
                (is_by_name || mails * 2 > texts.len())
                    .then(|| staff.told(source, at, column))
                    .flatten()
            };
            if let Some(why) = theirs() {
                told.push(why);
            } else if is_by_name && spoiled::are_spoiled(column) {
                told.push(evidence(spoiled::told(column)));
            } else if mails * 2 > texts.len() {
                let what = evidence(format!(
                    "{} of {} {} e-mail addresses{}",
                    grouped(mails),
                    counted(texts.len(), "value", "values"),
                    if mails == 1 { "is" } else { "are" },
                    others(&texts)
                ));
                add(&mut found, "email", IdentifierKind::Email, (number, at), what);
            } else if is_of_phone(name)
                && texts.iter().filter(|text| is_phone(text)).count() * 2 > texts.len()
            {
                let what = evidence("by its name".to_owned());
                add(&mut found, "phone", IdentifierKind::Phone, (number, at), what);
            } else if is_of_device(name) && is_told_apart(name, column) {
                let what =
                    evidence(format!("by its name, {} different values", distinct(column).len()));
                add(&mut found, name, IdentifierKind::Device, (number, at), what);
            } else if let Some(example) = full_name(name, &texts) {
                let example = shown(example);
                told.push(evidence(format!(
                    "names such as {example}, which several people may have"
                )));
            } else {
                let name = source.called(name);
                people.extend(is_of_person(&name).then_some((number, at, name)));
            }
        }
    }
    let holders = holders(samples, sources, &people);
    people.extend(holders.into_iter().filter(|(of, ..)| !staff.tables.contains_key(of)));
    let is_guess = people.is_empty() && found.is_empty();
    if is_guess {
        people = repeated(samples, sources);
        people.retain(|(of, ..)| !staff.tables.contains_key(of));
    }
    found.extend(persons(samples, sources, people));
    if is_guess {
        let said = "? nothing else says who somebody is, and these ids come again and again";
        found.iter_mut().for_each(|of| of.evidence.push(said.to_owned()));
    }
    take_former(samples, sources, &mut found);
    found.iter_mut().for_each(|of| ignore_nobody(samples, of));
    found.sort_by_key(|of| of.kind);
    (found, told)
}

/// Takes what somebody was called before, as `previousId` of Segment's `alias` says it, for what it shares values with.
fn take_former(samples: &[Sample], sources: &[DraftSource], found: &mut [DraftIdentifier]) {
    for (number, source) in sources.iter().enumerate() {
        for (at, (name, _)) in source.fields.iter().enumerate() {
            let is_known = found.iter().any(|of| of.from.contains(&(number, at)));
            let values = distinct(&samples[number].columns[at]);
            if is_known || !is_of_former(name) || values.is_empty() || are_counts(&values) {
                continue;
            }
            let shared = |of: &DraftIdentifier| {
                let columns = of.from.iter().map(|(source, at)| &samples[*source].columns[*at]);
                let all: HashSet<&str> = columns.flat_map(SampledColumn::texts).collect();
                values.intersection(&all).count()
            };
            let most = found.iter().enumerate().map(|(of, found)| (shared(found), Reverse(of)));
            let Some((shared, Reverse(of))) = most.max().filter(|(shared, _)| *shared > 0) else {
                continue;
            };
            let of = &mut found[of];
            of.from.push((number, at));
            of.evidence.push(format!(
                "{}.{name}: by its name, and {} of its {} {} one that others have",
                source.name,
                grouped(shared),
                counted(values.len(), "value", "values"),
                if shared == 1 { "is" } else { "are" }
            ));
        }
    }
}

/// Leaves out values of a type that stand for nobody, as far as a run does not know them itself.
fn ignore_nobody(samples: &[Sample], of: &mut DraftIdentifier) {
    let columns: Vec<&SampledColumn> =
        of.from.iter().map(|(source, at)| &samples[*source].columns[*at]).collect();
    let texts = || columns.iter().flat_map(|column| column.texts()).map(str::trim);
    let has_spoiled = columns.iter().any(|column| spoiled::spoiled(column) > 0);
    let nobody: BTreeSet<&str> = texts().filter(|text| words::is_nobody(text)).collect();
    match of.kind {
        IdentifierKind::Email => of.has_others = texts().any(|text| !text.contains('@')),
        IdentifierKind::Phone => {
            of.ignored.extend(has_spoiled.then(|| spoiled::PHONES.to_owned()));
        }
        IdentifierKind::Person | IdentifierKind::Device | IdentifierKind::Row => {
            of.ignored = nobody.into_iter().map(glob::Pattern::escape).collect();
            of.ignored.extend(has_spoiled.then(|| spoiled::PATTERN.to_owned()));
        }
    }
}

/// What is said of values that are no addresses in a column that has some.
fn others(texts: &[&str]) -> String {
    let others: Vec<&str> = texts.iter().copied().filter(|text| !is_email(text)).collect();
    let different: BTreeSet<&str> = others.iter().copied().collect();
    let some: Vec<String> =
        different.iter().take(3).map(|text| format!("'{}'", shown(text))).collect();
    match some.is_empty() {
        true => String::new(),
        false => format!(
            "; ? {}, such as {}, which identifies nobody",
            counted(others.len(), "is something else", "are something else"),
            some.join(" and ")
        ),
    }
}

/// One of the values, where these are names of people in full, of whom two may have the same.
fn full_name<'a>(name: &str, texts: &[&'a str]) -> Option<&'a str> {
    let is_bare = matches!(whose(name), Some((_, None)));
    let is_full = |text: &&&str| {
        let words: Vec<&str> = text.split_whitespace().collect();
        let is_word =
            |word: &&str| word.chars().all(|of| of.is_alphabetic() || "-.,'’".contains(of));
        words.len() > 1 && words.iter().all(is_word)
    };
    let full = texts.iter().filter(is_full).count();
    (is_bare && full * 2 > texts.len()).then(|| texts.iter().find(is_full).copied()).flatten()
}

/// The own ids of tables that hold all values of another table's person column: they are the same people's. What counts
/// from 1 holds whatever else does, so that there the table's name has to say that it is one of people.
fn holders(
    samples: &[Sample],
    sources: &[DraftSource],
    people: &[(usize, usize, String)],
) -> Vec<(usize, usize, String)> {
    let has_people = |number: usize| people.iter().any(|(of, ..)| *of == number);
    let own = |number: usize| {
        let (at, _) = sources[number].key.as_ref()?;
        let column = &samples[number].columns[*at];
        let values = distinct(column);
        let is_unique = values.len() == column.present() && !are_counts(&values);
        let name = &sources[number].fields[*at].0;
        (is_unique && is_id(name)).then(|| (*at, values, sources[number].called(name)))
    };
    let holds = |values: &HashSet<&str>| {
        people.iter().any(|(source, at, _)| {
            let held = distinct(&samples[*source].columns[*at]);
            held.len() > 2 && held.is_subset(values)
        })
    };
    (0..sources.len())
        .filter(|number| !has_people(*number))
        .filter_map(|number| own(number).map(|own| (number, own)))
        .filter(|(_, (_, values, _))| holds(values))
        .map(|(number, (at, _, name))| (number, at, name))
        .collect()
}

/// Whether values are those of browsers, and not of kinds of them.
fn is_told_apart(name: &str, column: &SampledColumn) -> bool {
    let all = distinct(column).len();
    all > 1 && (is_id(name) || all * 20 >= column.present())
}

/// Where nothing else says who somebody is, ids may that come again and again: those whose name most sources have, else of
/// each source those that most different rows share.
fn repeated(samples: &[Sample], sources: &[DraftSource]) -> Vec<(usize, usize, String)> {
    let mut all: Vec<(usize, usize, usize, String)> = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        for (at, (name, guess)) in source.fields.iter().enumerate() {
            let column = &samples[number].columns[at];
            let is_type = matches!(guess.data_type.as_str(), "text" | "integer");
            let (values, present) = (distinct(column).len(), column.present());
            let is_repeated = values > 1 && values * 100 < present * 85;
            if is_id(name) && !is_of_somebody(name) && is_type && is_repeated {
                all.push((values, number, at, source.called(name)));
            }
        }
    }
    let sources_with = |name: &str| {
        let has =
            |source: &&DraftSource| source.fields.iter().any(|(of, _)| source.called(of) == *name);
        sources.iter().filter(has).count()
    };
    let values_of = |name: &str| {
        all.iter().filter(|(.., of)| of == name).map(|(values, ..)| *values).max().unwrap_or(0)
    };
    let names: BTreeSet<&str> = all.iter().map(|(.., name)| name.as_str()).collect();
    let most = names.into_iter().max_by_key(|name| (sources_with(name), values_of(name)));
    if let Some(name) = most.filter(|name| sources_with(name) > 1) {
        let of_source = |(number, source): (usize, &DraftSource)| {
            let at = source.fields.iter().position(|(of, _)| source.called(of) == name)?;
            Some((number, at, name.to_owned()))
        };
        return sources.iter().enumerate().filter_map(of_source).collect();
    }
    let best = |number: usize| {
        let own = all.iter().filter(|(_, of, ..)| *of == number);
        let (_, _, at, name) = own.max_by_key(|(values, _, at, _)| (*values, Reverse(*at)))?;
        Some((number, *at, name.clone()))
    };
    (0..sources.len()).filter_map(best).collect()
}

/// Columns that people are known by are one type where they share values, and where they share a name.
fn persons(
    samples: &[Sample],
    sources: &[DraftSource],
    columns: Vec<(usize, usize, String)>,
) -> Vec<DraftIdentifier> {
    let all = |source: &usize, at: &usize| samples[*source].columns[*at].texts();
    let values: Vec<HashSet<&str>> = columns
        .iter()
        .map(|(source, at, _)| all(source, at).map(without_point).collect())
        .collect();
    let mut group: Vec<usize> = (0..columns.len()).collect();
    let mut evidence: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    // Names come first: of two columns that stand side by side, one has the name of what both share values with.
    for by_name in [true, false] {
        for (one, other) in
            (0..columns.len()).flat_map(|one| (0..one).map(move |other| (one, other)))
        {
            let shared = values[one].intersection(&values[other]).count();
            let least = values[one].len().min(values[other].len());
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
            let what = format!(
                "{} and {} share {} of {}",
                named(other),
                named(one),
                grouped(shared),
                counted(least, "value", "values")
            );
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
            let has_points = texts.any(|text| without_point(text) != text);
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
            let evidence = said;
            DraftIdentifier {
                name,
                kind,
                from,
                evidence,
                counts_from_0,
                has_points,
                has_space,
                has_others: false,
                ignored: Vec::new(),
            }
        })
        .collect()
}

/// Whether names are one, or say one thing by other words.
fn are_called_alike(one: &str, other: &str) -> bool {
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

/// `17850.0` as `17850`.
fn without_point(text: &str) -> &str {
    text.strip_suffix(".0")
        .filter(|whole| whole.bytes().all(|byte| byte.is_ascii_digit()))
        .unwrap_or(text)
}
