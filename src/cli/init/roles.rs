//! What columns are there for: ids and keys by how unique they are, times, and identifiers by their shape and by the
//! values that several sources share.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use selfsame::internals::time::zone::Zone;

use super::guess::Guess;
use super::sample::{Origin, Sample, SampledColumn};

/// A source as it will be written.
pub struct DraftSource {
    pub name: String,
    /// By column: its name in the definition, and what it seems to be.
    pub fields: Vec<(String, Guess)>,
    pub is_records: bool,
    /// The column of the id or the key, and what speaks for it.
    pub key: Option<(usize, String)>,
    pub time: Option<(usize, String)>,
    /// A column and the values of it that mean that a record is gone.
    pub deleted: Option<(usize, String)>,
}

/// A type of identifiers.
pub struct DraftIdentifier {
    pub name: String,
    pub kind: IdentifierKind,
    /// Source and column.
    pub from: Vec<(usize, usize)>,
    pub evidence: Vec<String>,
    /// Whether 0 is a number as the others are, and not what stands for none.
    pub counts_from_0: bool,
    /// Whether there are whole numbers with a point, which is how those are stored beside which some are missing.
    pub has_points: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IdentifierKind {
    Person,
    Email,
    Phone,
    Device,
}

fn distinct(column: &SampledColumn) -> HashSet<&str> {
    column.texts().collect()
}

/// `17850.0` as `17850`.
fn without_point(text: &str) -> &str {
    text.strip_suffix(".0")
        .filter(|whole| whole.bytes().all(|byte| byte.is_ascii_digit()))
        .unwrap_or(text)
}

/// A name in lower case, with underscores between words.
pub fn snake(path: &str) -> String {
    let mut steps = path.rsplit('.');
    let last = steps.next().unwrap_or(path).trim_matches('"');
    // What says little by itself says whose it is.
    let above = steps.next().filter(|_| ["id", "name", "key", "type", "number"].contains(&last));
    let last = &above.map_or(last.to_owned(), |above| format!("{above}_{last}"));
    let mut name = String::new();
    let mut before = ' ';
    for letter in last.chars() {
        if letter.is_ascii_alphanumeric() {
            if letter.is_ascii_uppercase() && before.is_ascii_lowercase() {
                name.push('_');
            }
            name.push(letter.to_ascii_lowercase());
        } else if !name.ends_with('_') {
            name.push('_');
        }
        before = letter;
    }
    let name = name.trim_matches('_').to_owned();
    match name.chars().next() {
        None => "column".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("c_{name}"),
        Some(_) => name,
    }
}

fn is_id(name: &str) -> bool {
    ["id", "uuid", "guid", "key", "sku", "code", "number", "no"]
        .iter()
        .any(|end| name == *end || name.ends_with(&format!("_{end}")))
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

/// Kind, id or key, and time of a source.
pub fn source(name: String, sample: &Sample, mut fields: Vec<(String, Guess)>) -> DraftSource {
    take_a_day_for_the_time(sample, &mut fields);
    let is_time = |at: &usize| fields[*at].1.data_type == "timestamp";
    let times: Vec<usize> = (0..fields.len()).filter(is_time).collect();
    let named = |parts: &[&str]| {
        let has = |at: &&usize| parts.iter().any(|part| fields[**at].0.contains(part));
        times.iter().find(has).copied()
    };
    let updated = named(&["updated", "modified", "changed"]);
    let unique = |at: usize| {
        let column = &sample.columns[at];
        let (all, present) = (distinct(column).len(), column.present());
        (present * 10 >= sample.rows * 9).then_some(all * 100 / present.max(1))
    };
    let ids: Vec<(usize, usize)> = (0..fields.len())
        .filter(|at| {
            (is_id(&fields[*at].0) || fields[*at].0 == singular(&name))
                && !matches!(fields[*at].1.data_type.as_str(), "timestamp" | "date" | "json")
        })
        .filter_map(|at| Some((at, unique(at)?)))
        .collect();
    let best = ids
        .iter()
        .filter(|(_, share)| *share >= 85)
        .max_by_key(|(at, share)| (*share / 5, std::cmp::Reverse(*at)));
    let is_records = updated.is_some() || times.is_empty() && best.is_some() || nulls(sample) > 0;
    let of_table = ids.iter().filter(|(_, share)| *share >= 20);
    let key = match is_records {
        true => {
            best.or_else(|| of_table.max_by_key(|(at, share)| (*share / 5, std::cmp::Reverse(*at))))
        }
        false => best,
    };
    let is_records = is_records && key.is_some();
    let key = key.map(|(at, share)| {
        let column = &sample.columns[*at];
        (
            *at,
            format!(
                "{} different in {} values ({share} %)",
                distinct(column).len(),
                column.present()
            ),
        )
    });
    let time = updated
        .or_else(|| named(&["timestamp", "time", "occurred", "created", "ordered", "_at"]))
        .or(times.first().copied());
    let time = time.filter(|at| sample.columns[*at].present() * 10 >= sample.rows * 9);
    let time = time.map(|at| {
        (
            at,
            if times.len() > 1 {
                format!("one of {} timestamps", times.len())
            } else {
                "the only timestamp".to_owned()
            },
        )
    });
    let deleted = is_records.then(|| deletion(sample, &fields)).flatten();
    DraftSource { name, fields, is_records, key, time, deleted }
}

/// Where no column is an instant, a day on which something happened is as good: its midnight.
fn take_a_day_for_the_time(sample: &Sample, fields: &mut [(String, Guess)]) {
    if fields.iter().any(|(_, guess)| guess.data_type == "timestamp") {
        return;
    }
    let happens =
        ["order", "purchase", "invoice", "transaction", "event", "visit", "payment", "sale"];
    let is_when = |name: &str| {
        let says = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
        (["date", "day"].contains(&name) || says(&happens))
            && !says(&["birth", "born", "due", "until", "expir", "valid"])
    };
    let found = fields.iter_mut().zip(&sample.columns).find(|((name, guess), column)| {
        let is_full = column.present() * 10 >= sample.rows * 9;
        guess.data_type == "date" && is_full && is_when(name)
    });
    let Some(((_, guess), column)) = found else { return };
    guess.data_type = "timestamp".to_owned();
    // What is stored as a day needs no format.
    if column.stored.is_none() {
        guess.format.get_or_insert_with(|| "%Y-%m-%d".to_owned());
    }
    guess.evidence += "; its midnight, since nothing else says when";
}

/// How many messages of a topic have no payload.
pub fn nulls(sample: &Sample) -> usize {
    match &sample.origin {
        Origin::Files(_) => 0,
        Origin::Topic { nulls, .. } => *nulls,
    }
}

fn deletion(sample: &Sample, fields: &[(String, Guess)]) -> Option<(usize, String)> {
    let gone = ["erased", "deleted", "removed", "purged", "void"];
    let found = fields
        .iter()
        .enumerate()
        .filter(|(_, (name, _))| ["status", "state", "lifecycle"].contains(&name.as_str()));
    found
        .filter_map(|(at, _)| {
            let word =
                gone.into_iter().find(|word| distinct(&sample.columns[at]).contains(word))?;
            Some((at, word.to_owned()))
        })
        .next()
}

/// The column that names the zone of a row's local times.
pub fn zone(sample: &Sample, fields: &[(String, Guess)]) -> Option<String> {
    let mut named = fields.iter().zip(&sample.columns).filter(|((name, _), column)| {
        let texts = distinct(column);
        let is_zone = !texts.is_empty() && texts.iter().all(|text| Zone::named(text).is_some());
        is_zone
            && (name.contains("zone")
                || name == "tz"
                || texts.iter().all(|text| text.contains('/')))
    });
    named.next().map(|((name, _), _)| name.clone())
}

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
                let what =
                    evidence(format!("{mails} of {} values are e-mail addresses", texts.len()));
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
            } else if is_of_person(name)
                || name == "id" && is_of_person(&format!("{}_id", singular(&source.name)))
            {
                people.push((number, at, name.clone()));
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
    found.sort_by_key(|of| of.kind);
    found
}

/// Of each source the ids that most different rows share: where nothing else says who somebody is, they may.
fn repeated(samples: &[Sample], sources: &[DraftSource]) -> Vec<(usize, usize, String)> {
    let of_source = |(number, source): (usize, &DraftSource)| {
        let ids = source.fields.iter().enumerate().filter_map(|(at, (name, guess))| {
            let column = &samples[number].columns[at];
            let is_type = matches!(guess.data_type.as_str(), "text" | "integer");
            let (all, present) = (distinct(column).len(), column.present());
            let is_repeated = all > 1 && all * 100 < present * 85;
            (is_id(name) && is_type && is_repeated).then(|| (all, at, name.clone()))
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
                let named =
                    |at: usize| format!("{}.{}", sources[columns[at].0].name, columns[at].2);
                let what =
                    format!("{} and {} share {shared} of {least} values", named(other), named(one));
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
            let mut name = columns[*key.unwrap_or(&members[0])].2.clone();
            if name == "id" {
                name = format!(
                    "{}_id",
                    singular(&sources[columns[*key.unwrap_or(&members[0])].0].name)
                );
            }
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
            DraftIdentifier { name, kind, from, evidence: said, counts_from_0, has_points }
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

fn singular(name: &str) -> &str {
    name.strip_suffix('s').unwrap_or(name)
}
