//! What columns are there for: ids and keys by how unique they are, times, and deletions.

use std::collections::HashSet;

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
    /// Whether some values have white space at an end.
    pub has_space: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IdentifierKind {
    Person,
    Email,
    Phone,
    Device,
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

pub fn singular(name: &str) -> &str {
    name.strip_suffix('s').unwrap_or(name)
}
