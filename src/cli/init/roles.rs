//! What columns are there for: ids and keys by how unique they are, times, and deletions.

use std::collections::{HashMap, HashSet};

use selfsame::internals::console::{counted, grouped};
use selfsame::internals::time::zone::Zone;

use super::fit::Guess;
use super::names::{is_id, names_somebody_else, singular};
use super::sample::{Origin, Sample, SampledCell, SampledColumn};

/// A source as it will be written.
pub struct DraftSource {
    pub name: String,
    /// What a row is one of: `customer` in `raw_customers`.
    pub entity: String,
    /// By column: its name in the definition, and what it seems to be.
    pub fields: Vec<(String, Guess)>,
    pub is_records: bool,
    /// The column of the id or the key, and what speaks for it.
    pub key: Option<(usize, String)>,
    pub time: Option<(usize, String)>,
    /// A column and the values of it that mean that a record is gone.
    pub deleted: Option<(usize, String)>,
    /// Where its files are nearly like those of another source: in what they are not.
    pub unlike: Option<String>,
    /// Where its rows are of several kinds, which have other columns each: what tells them apart.
    pub kinds: Option<RowKinds>,
}

impl DraftSource {
    /// The id of a table of users is what others call a user's id.
    pub fn called(&self, name: &str) -> String {
        let plain =
            ["id", "record_id", "pk", "nr", "nummer", "no", "number", "key", "uuid", "guid"];
        if !plain.contains(&name) {
            return name.to_owned();
        }
        let has = |of: &&str| self.fields.iter().any(|(field, _)| field == of);
        let whole = format!("{}_id", self.entity);
        let is_first = plain.iter().find(|of| has(of)) == Some(&name);
        if is_first && !has(&whole.as_str()) { whole } else { name.to_owned() }
    }
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

/// Kind, id or key, and time of a source.
pub fn source(
    name: String,
    entity: String,
    sample: &Sample,
    mut fields: Vec<(String, Guess)>,
) -> DraftSource {
    take_a_day_for_the_time(sample, &mut fields);
    let is_time = |at: &usize| {
        fields[*at].1.data_type == "timestamp" && !says_of_another_time(&fields[*at].0)
    };
    let is_nearly =
        |at: &usize| fields[*at].1.nearly.is_some() && !says_of_another_time(&fields[*at].0);
    let times: Vec<usize> = (0..fields.len()).filter(is_time).collect();
    let nearly: Vec<usize> = (0..fields.len()).filter(is_nearly).collect();
    let named = |times: &[usize], parts: &[&str]| {
        let has = |at: &&usize| parts.iter().any(|part| fields[**at].0.contains(part));
        times.iter().find(has).copied()
    };
    let updates = ["updated", "modified", "changed"];
    let updated = named(&times, &updates).or_else(|| named(&nearly, &updates));
    let happens = ["timestamp", "time", "occurred", "created", "ordered", "_at"];
    let time = updated
        .or_else(|| named(&times, &happens))
        .or(times.first().copied())
        .or_else(|| named(&nearly, &happens))
        .or(nearly.first().copied());
    let unique = |at: usize| {
        let column = &sample.columns[at];
        let (all, present) = (distinct(column).len(), column.present());
        (present * 10 >= sample.rows * 9).then_some(all * 100 / present.max(1))
    };
    let ids: Vec<(usize, usize)> = (0..fields.len())
        .filter(|at| {
            (is_id(&fields[*at].0)
                || [entity.as_str(), &singular(&name)].contains(&fields[*at].0.as_str()))
                && !matches!(fields[*at].1.data_type.as_str(), "timestamp" | "date" | "json")
        })
        .filter_map(|at| Some((at, unique(at)?)))
        .collect();
    let best = ids
        .iter()
        .filter(|(_, share)| *share >= 85)
        .max_by_key(|(at, share)| (*share / 5, std::cmp::Reverse(*at)));
    let is_records = updated.is_some() || time.is_none() && best.is_some() || nulls(sample) > 0;
    let of_table = ids.iter().filter(|(_, share)| *share >= 20);
    let key = match is_records {
        true => {
            best.or_else(|| of_table.max_by_key(|(at, share)| (*share / 5, std::cmp::Reverse(*at))))
        }
        false => best,
    };
    let is_records = is_records && key.is_some();
    // In few rows each may be of another person; the next one of the same person is no repeat.
    let is_elses = |at: usize| !is_records && names_somebody_else(&fields[at].0, &entity);
    let of_rows = ids.iter().filter(|(at, share)| *share >= 85 && !is_elses(*at));
    let of_rows = of_rows.max_by_key(|(at, share)| (*share / 5, std::cmp::Reverse(*at)));
    let key = if is_records { key } else { of_rows.or(key) };
    let key = key.map(|(at, share)| {
        let column = &sample.columns[*at];
        let doubt = match is_elses(*at) {
            true => "; ? it says whose a row is, and not which: of each only the first row counts",
            false => "",
        };
        (
            *at,
            format!(
                "{} different in {} ({share} %){}{doubt}",
                grouped(distinct(column).len()),
                counted(column.present(), "value", "values"),
                lacking(sample.rows - column.present())
            ),
        )
    });
    let filled = |at: usize| filled(&sample.columns[at], &fields[at].1);
    let time = time.filter(|at| filled(*at) * 10 >= sample.rows * 9);
    let time = time.map(|at| {
        let which = match times.len().max(1) {
            1 => "the only timestamp".to_owned(),
            several => format!("one of {several} timestamps"),
        };
        (at, which + &lacking(sample.rows - filled(at)))
    });
    // Without its time a row is of no use, so that those are rejected which have none that can be read.
    if let Some((at, _)) = &time {
        let guess = &mut fields[*at].1;
        *guess = guess.nearly.take().map_or_else(|| guess.clone(), |nearly| *nearly);
    }
    let deleted = is_records.then(|| deletion(sample, &fields)).flatten();
    let kinds = (key.is_none() && time.is_none()).then(|| kinds(sample)).flatten();
    DraftSource { name, entity, fields, is_records, key, time, deleted, unlike: None, kinds }
}

/// How many rows have a value, and not what stands for none.
fn filled(column: &SampledColumn, guess: &Guess) -> usize {
    let is_none = |text: &str| {
        let stands_for_none = |(word, meant): &(String, &str)| word == text && *meant == "null";
        text.trim().is_empty() || guess.words.iter().any(stands_for_none)
    };
    let is_value = |cell: &&SampledCell| !matches!(cell, SampledCell::Text(text) if is_none(text));
    column.values.iter().flatten().filter(is_value).count()
}

/// What becomes of so many rows without what each row has to have.
fn lacking(rows: usize) -> String {
    match rows {
        0 => String::new(),
        _ => format!("; ? {} without one, rejected for that", counted(rows, "row is", "rows are")),
    }
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
    ["birth", "born", "dob", "geburt", "naissance", "nacimiento", "due", "until", "expir", "valid"]
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
    if column.stored.is_none() && guess.formats.is_empty() {
        guess.formats.push("%Y-%m-%d".to_owned());
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

/// Whether values are numbers as small as there are few of them: any two tables share some of those.
pub fn are_counts(values: &HashSet<&str>) -> bool {
    let numbers: Option<Vec<u64>> = values.iter().map(|text| text.parse().ok()).collect();
    let most = (values.len() as u64).saturating_mul(100).max(10_000);
    numbers.is_some_and(|numbers| numbers.iter().all(|number| *number < most))
}

pub fn add(
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
