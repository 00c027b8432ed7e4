//! What says who somebody is: by the shape of values, by names, and by the values that several sources share.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::roles::{DraftIdentifier, DraftSource, IdentifierKind, distinct, is_id, singular};
use super::sample::Sample;
use selfsame::internals::console::{counted, grouped};

/// What ties rows to people.
pub fn identifiers(samples: &[Sample], sources: &[DraftSource]) -> Vec<DraftIdentifier> {
    let mut found: Vec<DraftIdentifier> = Vec::new();
    let mut people: Vec<(usize, usize, String)> = Vec::new();
    for (number, (sample, source)) in samples.iter().zip(sources).enumerate() {
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
            if mails * 2 > texts.len() {
                let what = evidence(format!(
                    "{} of {} {} e-mail addresses",
                    grouped(mails),
                    counted(texts.len(), "value", "values"),
                    if mails == 1 { "is" } else { "are" }
                ));
                add(&mut found, "email", IdentifierKind::Email, (number, at), what);
            } else if ["phone", "mobile", "tel", "telephone", "msisdn"].iter().any(|part| {
                name == part
                    || name.ends_with(&format!("_{part}"))
                    || name.starts_with(&format!("{part}_"))
            }) {
                add(
                    &mut found,
                    "phone",
                    IdentifierKind::Phone,
                    (number, at),
                    evidence("by its name".to_owned()),
                );
            } else if [
                "anonymous",
                "device",
                "cookie",
                "visitor",
                "browser",
                "fingerprint",
                "gaid",
                "idfa",
            ]
            .iter()
            .any(|part| name.contains(part))
                && distinct(column).len() > 1
            {
                let what =
                    evidence(format!("by its name, {} different values", distinct(column).len()));
                add(&mut found, name, IdentifierKind::Device, (number, at), what);
            } else {
                let name = called(source, name);
                people.extend(is_of_person(&name).then_some((number, at, name)));
            }
        }
    }
    let is_guess = people.is_empty() && found.is_empty();
    if is_guess {
        people = repeated(samples, sources);
    }
    found.extend(persons(samples, sources, people));
    if is_guess {
        let said = "? nothing else says who somebody is, and these ids come again and again";
        found.iter_mut().for_each(|of| of.evidence.push(said.to_owned()));
    }
    let of_rows = rows_of_rows(samples, sources, &found);
    found.extend(of_rows);
    found.sort_by_key(|of| of.kind);
    found
}

/// Sources without a column of somebody's, whose rows name the row of another one, as lines do their order: by it they
/// are whose that is.
fn rows_of_rows(
    samples: &[Sample],
    sources: &[DraftSource],
    known: &[DraftIdentifier],
) -> Vec<DraftIdentifier> {
    let is_somebodys =
        |of: usize| known.iter().any(|known| known.from.iter().any(|(source, _)| *source == of));
    let mut found: Vec<DraftIdentifier> = Vec::new();
    for (parent, source) in sources.iter().enumerate().filter(|(of, _)| is_somebodys(*of)) {
        let Some((key, _)) = &source.key else { continue };
        let keys = distinct(&samples[parent].columns[*key]);
        let name = called(source, &source.fields[*key].0);
        for (child, of_child) in sources.iter().enumerate().filter(|(of, _)| !is_somebodys(*of)) {
            let names_it = |field: &str| field == name || field == singular(&source.name);
            let column = of_child.fields.iter().position(|(field, _)| names_it(field));
            let Some(column) =
                column.filter(|at| of_child.key.as_ref().is_none_or(|(key, _)| key != at))
            else {
                continue;
            };
            let values = distinct(&samples[child].columns[column]);
            let shared = values.intersection(&keys).count();
            if shared == 0 || shared * 10 < values.len() * 8 {
                continue;
            }
            let what = format!(
                "? {}.{} names rows of {}, {} of {}: so they are whose these are",
                of_child.name,
                of_child.fields[column].0,
                source.name,
                grouped(shared),
                counted(values.len(), "value", "values")
            );
            add(&mut found, &name, IdentifierKind::Row, (parent, *key), what.clone());
            let of = found.iter_mut().find(|of| of.name == name).expect("it was added");
            of.evidence.dedup();
            of.from.retain(|from| *from != (parent, *key));
            of.from.insert(0, (parent, *key));
            of.from.push((child, column));
        }
    }
    // What has the name already says something else.
    found.retain(|of| known.iter().all(|known| known.name != of.name));
    found
}

/// The id of a table of users is what others call a user's id.
fn called(source: &DraftSource, name: &str) -> String {
    match name {
        "id" => format!("{}_id", singular(&source.name)),
        _ => name.to_owned(),
    }
}

/// Of each source the ids that most different rows share: where nothing else says who somebody is, they may.
fn repeated(samples: &[Sample], sources: &[DraftSource]) -> Vec<(usize, usize, String)> {
    let of_source = |(number, source): (usize, &DraftSource)| {
        let ids = source.fields.iter().enumerate().filter_map(|(at, (name, guess))| {
            let column = &samples[number].columns[at];
            let is_type = matches!(guess.data_type.as_str(), "text" | "integer");
            let (all, present) = (distinct(column).len(), column.present());
            let is_repeated = all > 1 && all * 100 < present * 85;
            (is_id(name) && is_type && is_repeated).then(|| (all, at, called(source, name)))
        });
        let (_, at, name) = ids.max_by_key(|(all, at, _)| (*all, std::cmp::Reverse(*at)))?;
        Some((number, at, name))
    };
    sources.iter().enumerate().filter_map(of_source).collect()
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
    for one in 0..columns.len() {
        for other in 0..one {
            let shared = values[one].intersection(&values[other]).count();
            let least = values[one].len().min(values[other].len());
            let is_one = shared >= 3.min(least.max(1)) && shared * 5 >= least
                || columns[one].2 == columns[other].2;
            if is_one {
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
            DraftIdentifier { name, kind, from, evidence, counts_from_0, has_points, has_space }
        })
        .collect()
}

fn add(
    found: &mut Vec<DraftIdentifier>,
    name: &str,
    kind: IdentifierKind,
    from: (usize, usize),
    evidence: String,
) {
    match found.iter_mut().find(|of| of.name == name) {
        Some(of) => {
            of.from.push(from);
            of.evidence.push(evidence);
        }
        None => found.push(DraftIdentifier {
            name: name.to_owned(),
            kind,
            from: vec![from],
            evidence: vec![evidence],
            has_points: false,
            has_space: false,
            counts_from_0: false,
        }),
    }
}

fn is_email(text: &str) -> bool {
    let Some((before, domain)) = text.trim().split_once('@') else { return false };
    !before.is_empty()
        && domain.contains('.')
        && !domain.contains(['@', ' '])
        && !before.contains(' ')
}

/// `17850.0` as `17850`.
fn without_point(text: &str) -> &str {
    text.strip_suffix(".0")
        .filter(|whole| whole.bytes().all(|byte| byte.is_ascii_digit()))
        .unwrap_or(text)
}

/// Whether a name is one that people are known by.
fn is_of_person(name: &str) -> bool {
    let people = [
        "user",
        "customer",
        "client",
        "member",
        "person",
        "contact",
        "profile",
        "lead",
        "subscriber",
        "buyer",
        "requester",
        "owner",
    ];
    people.iter().any(|person| {
        name == *person
            || ["id", "uuid", "key", "no", "number", "ref"]
                .iter()
                .any(|id| name == format!("{person}_{id}"))
    })
}
