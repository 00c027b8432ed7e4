//! Columns called as people are whose values are so few beside the rows that they say of what kind a row is, as a `contact`
//! by `cellular` or `telephone` is, and not whose.

use selfsame::internals::console::{counted, grouped};

use super::people::whose;
use super::persons::are_called_alike;
use super::roles::{DraftIdentifier, DraftSource, IdentifierKind};
use super::sample::{Sample, SampledColumn};
use super::tally::distinct;
use super::texts::shown;

/// So few values are few, where each of them stands in so many rows, on average.
const VALUES: usize = 10;
const ROWS: usize = 100;

/// What tells rows apart has so many times as many values as what says of what kind they are.
const TIMES: usize = 3;

/// A column with its source, and what it is called.
type NamedColumn = (usize, usize, String);

/// Takes columns away that say of what kind a row is. What is said of each. `known`: what else is known to say whose a row
/// is. Few loyal people have many rows each, too: so a column stays whose values are ids, or whose rows happened, if nothing
/// beside it tells more people apart.
pub fn take_kinds(
    samples: &[Sample],
    sources: &[DraftSource],
    known: &[DraftIdentifier],
    people: &mut Vec<NamedColumn>,
) -> Vec<String> {
    let column = |of: &NamedColumn| &samples[of.0].columns[of.1];
    let is_kind = |of: &NamedColumn| {
        let values = distinct(column(of));
        let is_of_others = |other: &NamedColumn| {
            let holds = || values.is_subset(&distinct(column(other)));
            !are_few(column(other)) && (are_called_alike(&other.2, &of.2) || holds())
        };
        // One person may have many browsers and devices.
        let beside = known.iter().filter(|known| known.kind != IdentifierKind::Device);
        let beside = beside.flat_map(|known| known.from.iter().copied());
        let mut beside = beside.chain(people.iter().map(|(source, at, _)| (*source, *at)));
        let tells_more = |(source, at): (usize, usize)| {
            source == of.0 && distinct(&samples[source].columns[at]).len() >= values.len() * TIMES
        };
        let has_id = matches!(whose(&of.2), Some((_, Some(_))));
        let is_word = |text: &&str| {
            !text.bytes().any(|byte| byte.is_ascii_digit()) || ["0", "1"].contains(text)
        };
        let are_words = !has_id && values.iter().all(is_word) && sources[of.0].time.is_none();
        are_few(column(of))
            && !people.iter().any(is_of_others)
            && (are_words || beside.any(tells_more))
    };
    let told = people.iter().map(|of| is_kind(of).then(|| said(sources, of, column(of))));
    let told: Vec<Option<String>> = told.collect();
    let mut kept = told.iter().map(Option::is_none);
    people.retain(|_| kept.next().unwrap_or(true));
    told.into_iter().flatten().collect()
}

/// Says of identifiers whose values are few that they are.
pub fn mark(samples: &[Sample], identifiers: &mut [DraftIdentifier]) {
    for of in identifiers.iter_mut().filter(|of| of.kind == IdentifierKind::Person) {
        let columns = || of.from.iter().map(|(source, at)| &samples[*source].columns[*at]);
        if !columns().all(are_few) {
            continue;
        }
        let most = columns().map(|column| distinct(column).len()).max().unwrap_or(0);
        let values: usize = columns().map(SampledColumn::present).sum();
        of.evidence.push(format!(
            "? only {} different in {}: are there so few people?",
            grouped(most),
            counted(values, "value", "values")
        ));
    }
}

fn are_few(column: &SampledColumn) -> bool {
    let values = distinct(column).len();
    values < VALUES && values * ROWS <= column.present()
}

fn said(sources: &[DraftSource], of: &NamedColumn, column: &SampledColumn) -> String {
    let mut values: Vec<&str> = distinct(column).into_iter().collect();
    values.sort_unstable();
    let some: Vec<String> =
        values.iter().take(3).map(|text| format!("'{}'", shown(text))).collect();
    format!(
        "{}.{}: only {} different in {}, such as {}: it says of what kind a row is, it seems, and not whose",
        sources[of.0].name,
        sources[of.0].fields[of.1].0,
        grouped(values.len()),
        counted(column.present(), "value", "values"),
        some.join(" and ")
    )
}
