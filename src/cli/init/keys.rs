//! Which column tells the rows of a source apart: by how unique it is, and by what its name says.

use std::cmp::Reverse;

use selfsame::internals::console::{counted, grouped};

use super::belongings::is_of_somebody;
use super::fit::Guess;
use super::names::{is_amount, is_id, singular};
use super::people::{is_id_of, is_of_person, is_of_person_elsewhere, is_people, whose};
use super::sample::{Sample, SampledColumn};
use super::spoiled;
use super::tally::{distinct, lacking};

/// Names that are one of a table's own id.
pub const PLAIN: [&str; 10] =
    ["id", "record_id", "pk", "nr", "nummer", "no", "number", "key", "uuid", "guid"];

/// So many of a hundred values are different at least, where rows are told apart by them.
const UNIQUE: usize = 85;
/// And where of each of them several versions are there.
const OF_VERSIONS: usize = 20;

/// How well a name goes with what tells rows apart, the best last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum KeyFitness {
    /// An article's number, a code, or an id in another system: rows may share it.
    Doubtful,
    Likely,
    /// What the table's own ids are called.
    Own,
}

/// A column that tells rows apart.
#[derive(Clone)]
pub struct KeyCandidate {
    pub column: usize,
    /// So many of a hundred values are different.
    share: usize,
    fitness: KeyFitness,
    /// Whether it is somebody's id, and none of something that they did.
    pub is_persons: bool,
}

/// What may tell the rows of a source apart.
pub struct KeyCandidates {
    /// The best of those that are nearly unique.
    pub unique: Option<KeyCandidate>,
    /// The best of those of which rows may be versions.
    pub versioned: Option<KeyCandidate>,
    /// Whether rows are people, by the table's name.
    pub are_people: bool,
    /// The name of a unique column that somebody has, and is not known by.
    pub refused: Option<String>,
}

impl KeyCandidates {
    /// `entity`: what a row is one of, by the name of the source.
    pub fn of(sample: &Sample, fields: &[(String, Guess)], name: &str, entity: &str) -> Self {
        let unique = |at: usize| {
            let column = &sample.columns[at];
            let (all, present) = (distinct(column).len(), column.present());
            (present * 10 >= sample.rows * 9).then_some(all * 100 / present.max(1))
        };
        let are_people = is_people(entity);
        // What has a point in it is an amount, and two rows may come to the same.
        let is_type = |guess: &Guess| {
            let data_type = guess.data_type.trim_matches('"');
            !matches!(data_type, "timestamp" | "date" | "json" | "number")
                && (!data_type.starts_with("decimal") || data_type.ends_with(",0)"))
        };
        let mut all: Vec<KeyCandidate> = Vec::new();
        let mut refused = None;
        for (column, (field, guess)) in fields.iter().enumerate() {
            let is_table_s =
                [entity, &singular(name)].contains(&field.as_str()) && !is_amount(field);
            if !(is_id(field) || is_table_s) || !is_type(guess) {
                continue;
            }
            let Some(share) = unique(column) else { continue };
            if spoiled::are_spoiled(&sample.columns[column]) {
                continue;
            }
            let fitness = match () {
                () if is_table_s || is_own(field, entity) => KeyFitness::Own,
                () if is_of_somebody(field) => {
                    refused = refused.or((share >= UNIQUE).then(|| field.clone()));
                    continue;
                }
                () if is_doubtful(field) => KeyFitness::Doubtful,
                () => KeyFitness::Likely,
            };
            let is_plain = PLAIN.contains(&field.as_str());
            let is_persons = is_of_person(field) || are_people && (is_plain || is_table_s);
            all.push(KeyCandidate { column, share, fitness, is_persons });
        }
        // One that is in doubt comes after all others; of those the most different goes first, then the best name.
        let order = |of: &&KeyCandidate| {
            let is_sure = of.fitness > KeyFitness::Doubtful;
            (is_sure, of.share / 5, of.fitness, Reverse(of.column))
        };
        let best = |least: usize| all.iter().filter(|of| of.share >= least).max_by_key(order);
        let (unique, versioned) = (best(UNIQUE).cloned(), best(OF_VERSIONS).cloned());
        KeyCandidates { unique, versioned, are_people, refused }
    }
}

impl KeyCandidate {
    /// What speaks for it, and against it.
    pub fn evidence(&self, sample: &Sample, field: &str) -> String {
        let column: &SampledColumn = &sample.columns[self.column];
        let (mark, doubt) = match self.fitness {
            KeyFitness::Doubtful => {
                ("? ", format!("; by its name several rows may have one {field}"))
            }
            KeyFitness::Likely | KeyFitness::Own => ("", String::new()),
        };
        format!(
            "{mark}{} different in {} ({} %){}{doubt}",
            grouped(distinct(column).len()),
            counted(column.present(), "value", "values"),
            self.share,
            lacking(sample.rows - column.present())
        )
    }
}

/// Whether a name is one of the table's own ids.
fn is_own(field: &str, entity: &str) -> bool {
    let last = entity.rsplit('_').next().unwrap_or(entity);
    let is_of_people = || {
        let of = |name: &str| whose(name).map(|(word, _)| word);
        is_people(entity) && of(field).is_some() && of(field) == of(last)
    };
    PLAIN.contains(&field) || is_id_of(field, entity) || is_id_of(field, last) || is_of_people()
}

/// Whether a name is one of what rows may share.
fn is_doubtful(field: &str) -> bool {
    let is_code =
        ["sku", "code"].iter().any(|end| field == *end || field.ends_with(&format!("_{end}")));
    is_code && !is_of_person(field) || is_of_person_elsewhere(field)
}
