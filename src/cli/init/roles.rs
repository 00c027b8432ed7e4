//! What columns are there for: ids and keys by how unique they are, times, and deletions.

use std::collections::{HashMap, HashSet};

use selfsame::internals::time::zone::Zone;

use super::deletions::deletion;
use super::fit::Guess;
use super::keys::{KeyCandidates, PLAIN};
use super::moments::{TimeCandidates, take_a_day_for_the_time};
use super::sample::{Origin, Sample, SampledCell, SampledColumn};
use super::tally::{distinct, lacking};

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
    /// Why a column that is unique is neither.
    pub no_key: Option<String>,
    pub time: Option<(usize, String)>,
    /// The condition by which a record is gone.
    pub deleted: Option<String>,
    /// Where its files are nearly like those of another source: in what they are not.
    pub unlike: Option<String>,
    /// Where its rows are of several kinds, which have other columns each: what tells them apart.
    pub kinds: Option<RowKinds>,
}

impl DraftSource {
    /// The columns that are made beside those in rows, each with its name, and what makes it.
    pub fn derived(&self) -> impl Iterator<Item = (usize, String, &str)> {
        let has = |name: &str| self.fields.iter().any(|(field, _)| field == name);
        self.fields.iter().enumerate().filter_map(move |(at, (name, guess))| {
            let derived = format!("{name}_number");
            let read = guess.read.as_deref().filter(|_| !has(&derived))?;
            Some((at, derived, read))
        })
    }

    /// The id of a table of users is what others call a user's id.
    pub fn called(&self, name: &str) -> String {
        if !PLAIN.contains(&name) {
            return name.to_owned();
        }
        let has = |of: &&str| self.fields.iter().any(|(field, _)| field == of);
        let whole = format!("{}_id", self.entity);
        let is_first = PLAIN.iter().find(|of| has(of)) == Some(&name);
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
    /// Whether some stand in marks by which Excel leaves their digits as they are.
    pub has_marks: bool,
    /// Whether some values have white space at an end.
    pub has_space: bool,
    /// Where some have zeros before them without which others have the same: one of those.
    pub zeros: Option<String>,
    /// Where they are addresses: whether some values are none.
    pub has_others: bool,
    /// Patterns of values that stand for nobody.
    pub ignored: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IdentifierKind {
    Person,
    Email,
    EmailHash,
    Phone,
    Device,
    /// A row of another source, which is somebody's.
    Row,
}

/// Kind, id or key, and time of a source.
pub fn source(
    name: String,
    entity: String,
    sample: &Sample,
    mut fields: Vec<(String, Guess)>,
) -> DraftSource {
    take_a_day_for_the_time(sample, &mut fields);
    let TimeCandidates { updated, chosen: time, number: times, are_beginnings } =
        TimeCandidates::of(sample, &fields);
    let keys = KeyCandidates::of(sample, &fields, &name, &entity);
    let unique = keys.unique;
    // A row is somebody, and says when they came: the next export has the same people again, as they are then.
    let is_somebody = match (&unique, &keys.versioned) {
        (Some(of), _) => of.is_persons && (keys.are_people || are_beginnings && time.is_some()),
        (None, Some(of)) => of.is_persons && keys.are_people && are_beginnings,
        (None, None) => false,
    };
    let is_records =
        updated.is_some() || time.is_none() && unique.is_some() || is_somebody || nulls(sample) > 0;
    let key = match is_records {
        true => unique.or(keys.versioned),
        false => unique,
    };
    let is_records = is_records && key.is_some();
    let (mut key, mut no_key) = (key, None);
    // Many rows that happened are somebody's, and each of them is one.
    if let Some(of) = key.take_if(|of| !is_records && of.is_persons) {
        no_key =
            Some(format!("{} says whose a row is, and not which one it is", fields[of.column].0));
    } else if let Some(refused) = keys.refused.filter(|_| key.is_none()) {
        no_key = Some(format!("{refused} is what somebody has, and two may have the same"));
    }
    let key = key.map(|of| (of.column, of.evidence(sample, &fields[of.column].0)));
    let filled = |at: usize| filled(&sample.columns[at], &fields[at].1);
    let is_time = |at: &usize| {
        filled(*at) * 10 >= sample.rows * 9 && (updated == Some(*at) || !is_records || !is_somebody)
    };
    let time = time.filter(is_time);
    let time = time.map(|at| {
        let which = match times.max(1) {
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
    let unlike = None;
    DraftSource { name, entity, fields, is_records, key, no_key, time, deleted, unlike, kinds }
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

/// How many messages of a topic have no payload.
pub fn nulls(sample: &Sample) -> usize {
    match &sample.origin {
        Origin::Files(_) => 0,
        Origin::Topic { nulls, .. } => *nulls,
    }
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
            has_marks: false,
            has_space: false,
            zeros: None,
            counts_from_0: false,
            has_others: false,
            ignored: Vec::new(),
        }),
    }
}
