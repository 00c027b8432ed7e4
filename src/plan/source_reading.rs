//! What a definition says of a source that decides which of its rows count, and which versions of a record have had
//! their time.

use std::collections::{BTreeMap, BTreeSet};

use super::stated::{SHOWN, Stated};
use super::{Plan, Source};

/// By what it is called in the definition, a hash of each statement.
pub type SourceReading = BTreeMap<String, String>;

/// How a source's rows are read.
pub fn source_reading(plan: &Plan, source: &str) -> SourceReading {
    let all: Vec<ReadingStatement<'_>> = plan
        .stated
        .iter()
        .filter_map(|stated| ReadingStatement::of(plan, source, stated))
        .collect();
    let mut taken: BTreeSet<usize> =
        (0..all.len()).filter(|at| all[*at].column.is_none()).collect();
    // Those of the columns that it derives that another statement looks at.
    loop {
        let is_looked_at = |column: &str| taken.iter().any(|at| all[*at].mentions(column));
        let more: Vec<usize> = (0..all.len())
            .filter(|at| !taken.contains(at) && all[*at].column.is_some_and(is_looked_at))
            .collect();
        if more.is_empty() {
            break;
        }
        taken.extend(more);
    }
    let said = |at: usize| (all[at].name.clone(), all[at].stated.value.clone());
    taken.into_iter().map(said).collect()
}

struct ReadingStatement<'a> {
    name: String,
    /// The column that it derives, if it does.
    column: Option<&'a str>,
    stated: &'a Stated,
}

impl<'a> ReadingStatement<'a> {
    /// What is stated, if it may count.
    fn of(plan: &Plan, source: &str, stated: &'a Stated) -> Option<Self> {
        let path: Vec<&str> = stated.path.iter().map(String::as_str).collect();
        let (first, column) = match path[..] {
            ["sources", of, "derive", column] if of == source => (2, Some(column)),
            [
                "sources",
                of,
                "kind" | "id" | "key" | "time" | "deleted" | "where" | "unnest",
                ..,
            ] if of == source => (2, None),
            ["identity", _, "from", of, ..] if of == source => (0, None),
            ["identity", identifier, "normalize" | "ignore" | "placeholders", ..]
                if is_carried(plan, source, identifier) =>
            {
                (0, None)
            }
            _ => return None,
        };
        let path = &stated.path[first..];
        Some(ReadingStatement { name: path.join("."), column, stated })
    }

    /// Whether it looks at a column; what is not shown whole may.
    fn mentions(&self, column: &str) -> bool {
        let is_word = |of: char| of.is_alphanumeric() || of == '_';
        let whole = self.stated.shown.as_deref().filter(|text| text.chars().count() < SHOWN);
        let words = whole.map(|text| text.split(|of| !is_word(of)));
        words.is_none_or(|mut words| words.any(|word| word.eq_ignore_ascii_case(column)))
    }
}

/// Whether rows of a source carry an identifier.
fn is_carried(plan: &Plan, source: &str, identifier: &str) -> bool {
    let number = plan.identifiers.iter().position(|of| of.name == identifier);
    let mut sources = plan.sources.iter().filter(|of| of.name == source);
    sources.any(|of| of.identifiers.iter().any(|(kind, _)| Some(usize::from(*kind)) == number))
}

/// By source that was read otherwise at some time than it is now, what is stated otherwise. `then`: as what it was read.
pub fn stated_otherwise<'plan, 'then, I: Iterator<Item = &'then SourceReading>>(
    plan: &'plan Plan,
    then: impl Fn(&'plan str) -> I,
) -> Vec<(&'plan str, BTreeSet<String>)> {
    let of_source = |source: &'plan Source| {
        let now = source_reading(plan, &source.name);
        let names: BTreeSet<String> =
            then(&source.name).flat_map(|then| differing(then, &now)).collect();
        (!names.is_empty()).then_some((source.name.as_str(), names))
    };
    plan.sources.iter().filter_map(of_source).collect()
}

/// Under which names two readings differ.
fn differing(one: &SourceReading, other: &SourceReading) -> Vec<String> {
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    names.into_iter().filter(|name| one.get(*name) != other.get(*name)).cloned().collect()
}
