//! Attributes as they are drafted: how many rows somebody has and when the last was, what amounts come to, and what
//! the newest row says.

use std::collections::HashSet;
use std::fmt::Write;

use selfsame::internals::definition::sql::parse::name_in_sql;

use super::names::{is_amount, is_currency, is_id};
use super::roles::{DraftIdentifier, DraftSource};
use super::sample::{Sample, SampledCell, SampledColumn};
use super::tally::distinct;

/// So many amounts of a source are summed, and so many columns' newest values are told.
const AMOUNTS: usize = 2;
const NEWEST: usize = 4;

/// A column of more different values says of nobody what they are like.
const MOST_VALUES: usize = 50;

/// A text that is longer is there to be read.
const LONGEST: usize = 60;

pub fn write_attributes(
    yaml: &mut String,
    samples: &[Sample],
    sources: &[DraftSource],
    identifiers: &[DraftIdentifier],
) {
    let mut lines = Vec::new();
    let mut taken = HashSet::new();
    for (number, (sample, source)) in samples.iter().zip(sources).enumerate() {
        let is_of_somebody = |at: Option<usize>| {
            let mut columns = identifiers.iter().flat_map(|of| &of.from);
            columns.any(|(of, column)| *of == number && at.is_none_or(|at| at == *column))
        };
        if !is_of_somebody(None) {
            continue;
        }
        let from = &source.name;
        for (what, select) in attributes(sample, source, &|at| is_of_somebody(Some(at))) {
            let name = format!("{from}_{what}");
            if taken.insert(name.clone()) {
                lines.push(format!("  {name}: {{from: {from}, select: {select}"));
            }
        }
    }
    if !lines.is_empty() {
        writeln!(yaml, "\nattributes:\n{}", lines.join("\n")).expect("to a string");
    }
}

/// What is told of a source: its name behind the source's, and the rest of its line behind `select`.
fn attributes(
    sample: &Sample,
    source: &DraftSource,
    is_identifier: &dyn Fn(usize) -> bool,
) -> Vec<(String, String)> {
    let mut told = vec![("rows".to_owned(), "count(*)}".to_owned())];
    let has_times = source.time.is_some();
    if has_times && !source.is_records {
        told.push(("last".to_owned(), "max(time)}".to_owned()));
    }
    let is_role = |at: usize| {
        let mut roles = source.key.iter().chain(&source.time);
        roles.any(|(column, _)| *column == at)
    };
    let columns: Vec<(&SampledColumn, &str, &str)> = source
        .fields
        .iter()
        .enumerate()
        .filter(|(at, _)| !is_identifier(*at) && !is_role(*at))
        .map(|(at, (name, guess))| {
            (&sample.columns[at], name.as_str(), guess.data_type.trim_matches('"'))
        })
        .collect();
    let currency = columns
        .iter()
        .find(|(column, name, of)| *of == "text" && is_currency(name) && says_what_kind(column));
    let derived: Vec<(usize, String, &str)> = source.derived().collect();
    // By an amount's name, the column that holds it.
    let amounts = source.fields.iter().enumerate().filter_map(|(at, (name, guess))| {
        let is_free = !is_identifier(at) && !is_role(at) && is_amount(name);
        let data_type = guess.data_type.trim_matches('"');
        let is_number = data_type == "integer" || data_type.starts_with("decimal");
        let made = || derived.iter().find(|(of, ..)| *of == at).map(|(_, made, _)| made.as_str());
        let column = if is_number { Some(name.as_str()) } else { made() };
        column.filter(|_| is_free).map(|column| (name.as_str(), column))
    });
    for (name, column) in amounts.take(AMOUNTS) {
        let mut select = format!("sum({})", name_in_sql(column));
        if let Some((_, currency, _)) = currency {
            write!(select, " by {}", name_in_sql(currency)).expect("to a string");
        }
        told.push((name.to_owned(), select + "}    # ? an amount, by its name"));
    }
    let newest = columns.iter().filter(|(column, name, of)| {
        (has_times || source.is_records)
            && (*of == "boolean" || *of == "text" && !is_id(name) && says_what_kind(column))
    });
    for (_, name, _) in newest.take(NEWEST) {
        told.push(((*name).to_owned(), format!("last({})}}", name_in_sql(name))));
    }
    told
}

/// Whether values are words of which there are few, so that many rows have the same.
fn says_what_kind(column: &SampledColumn) -> bool {
    let is_word =
        |cell: &SampledCell| matches!(cell, SampledCell::Text(of) if of.chars().count() <= LONGEST);
    let values = distinct(column).len();
    let is_repeated = values * 2 <= column.present() || values < 4 && values < column.present();
    values > 0
        && values <= MOST_VALUES
        && is_repeated
        && column.values.iter().flatten().all(is_word)
}
