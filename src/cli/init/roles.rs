//! What columns are there for: ids and keys by how unique they are, times, and deletions.

use std::collections::{HashMap, HashSet};

use selfsame::internals::console::{counted, grouped};
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
    /// Where its rows are of several kinds, which have other columns each: what tells them apart.
    pub kinds: Option<RowKinds>,
}

/// A column, and its values, the most frequent first.
pub struct RowKinds {
    pub column: usize,
    pub values: Vec<String>,
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
    /// Whether some values have white space at an end.
    pub has_space: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IdentifierKind {
    Person,
    Email,
    Phone,
    Device,
    /// A row of another source, which is somebody's.
    Row,
}

pub fn distinct(column: &SampledColumn) -> HashSet<&str> {
    column.texts().collect()
}

/// A name in lower case, with underscores between words.
pub fn snake(path: &str) -> String {
    let mut steps = path.rsplit('.').filter(|step| step.contains(char::is_alphanumeric));
    let last = steps.next().unwrap_or_default().trim_matches(['"', '\'']);
    // What says little by itself says whose it is.
    let above = steps.next().filter(|_| ["id", "name", "key", "type", "number"].contains(&last));
    let last = &above.map_or(last.to_owned(), |above| format!("{above}_{last}"));
    let mut name = String::new();
    let mut before = ' ';
    for letter in last.chars() {
        if letter.is_alphanumeric() {
            if letter.is_uppercase() && before.is_lowercase() {
                name.push('_');
            }
            name.extend(letter.to_lowercase());
        } else if !name.ends_with('_') {
            name.push('_');
        }
        before = letter;
    }
    let name = name.trim_matches('_').to_owned();
    match name.chars().next() {
        None => "column".to_owned(),
        Some(first) if !first.is_alphabetic() => format!("c_{name}"),
        // What YAML has its own meaning for.
        Some(_) if ["null", "true", "false"].contains(&name.as_str()) => format!("c_{name}"),
        Some(_) => name,
    }
}

/// Whether a name is one of an id.
pub fn is_id(name: &str) -> bool {
    ["id", "uuid", "guid", "key", "sku", "code", "number", "no"]
        .iter()
        .any(|end| name == *end || name.ends_with(&format!("_{end}")))
}

/// Kind, id or key, and time of a source.
pub fn source(name: String, sample: &Sample, mut fields: Vec<(String, Guess)>) -> DraftSource {
    take_a_day_for_the_time(sample, &mut fields);
    let is_time = |at: &usize| {
        fields[*at].1.data_type == "timestamp" && !says_of_another_time(&fields[*at].0)
    };
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
                "{} different in {} ({share} %)",
                grouped(distinct(column).len()),
                counted(column.present(), "value", "values")
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
    let kinds = (key.is_none() && time.is_none()).then(|| kinds(sample)).flatten();
    DraftSource { name, fields, is_records, key, time, deleted, kinds }
}

/// The column whose values say which of the others a row has, as in a dump of several tables.
fn kinds(sample: &Sample) -> Option<RowKinds> {
    let partly: Vec<&SampledColumn> =
        sample.columns.iter().filter(|column| column.present() < sample.rows).collect();
    let told_by = |at: usize| {
        let column = &sample.columns[at];
        let is_whole = column.present() == sample.rows && column.texts().count() == sample.rows;
        let mut counts: HashMap<&str, usize> = HashMap::new();
        column.texts().for_each(|text| *counts.entry(text).or_default() += 1);
        if !is_whole || !(2..=50).contains(&counts.len()) || counts.len() * 3 > sample.rows {
            return None;
        }
        // So many columns only some of the kinds have, and these in nearly all of their rows.
        let is_told = |other: &&&SampledColumn| {
            let mut has: HashMap<&str, usize> = HashMap::new();
            let rows = column.texts().zip(&other.values);
            rows.filter(|(_, cell)| cell.is_some()).for_each(|(kind, _)| {
                *has.entry(kind).or_default() += 1;
            });
            has.len() < counts.len() && has.iter().any(|(kind, rows)| rows * 10 >= counts[kind] * 9)
        };
        let told = partly.iter().filter(is_told).count();
        let mut values: Vec<(&str, usize)> = counts.into_iter().collect();
        values.sort_by_key(|(value, rows)| (std::cmp::Reverse(*rows), *value));
        let values = values.into_iter().map(|(value, _)| value.to_owned()).collect();
        (told >= 4 && told * 10 >= partly.len() * 6)
            .then_some((told, RowKinds { column: at, values }))
    };
    let found = (0..sample.columns.len()).filter_map(told_by);
    found.max_by_key(|(told, of)| (*told, std::cmp::Reverse(of.column))).map(|(_, of)| of)
}

/// Whether a name says that it is not when a row happened: when somebody was born, or when something ends.
fn says_of_another_time(name: &str) -> bool {
    ["birth", "born", "dob", "due", "until", "expir", "valid"]
        .iter()
        .any(|part| name.contains(part))
}

/// Where no column is an instant, a day on which something happened is as good: its midnight.
fn take_a_day_for_the_time(sample: &Sample, fields: &mut [(String, Guess)]) {
    if fields.iter().any(|(_, guess)| guess.data_type == "timestamp") {
        return;
    }
    let happens =
        ["order", "purchase", "invoice", "transaction", "event", "visit", "payment", "sale"];
    let is_when = |name: &str| {
        let says = happens.iter().any(|part| name.contains(part));
        (["date", "day"].contains(&name) || says) && !says_of_another_time(name)
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

pub fn singular(name: &str) -> &str {
    name.strip_suffix('s').unwrap_or(name)
}
