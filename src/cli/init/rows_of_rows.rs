//! Rows that name rows of other tables.

use std::collections::{HashMap, HashSet};

use selfsame::internals::console::{counted, grouped};

use super::names::is_id;
use super::people::bare;
use super::roles::{DraftIdentifier, DraftSource, IdentifierKind, add, are_counts};
use super::sample::Sample;
use super::staff::Staff;
use super::tally::distinct;

/// A column of somebody's rows that tells nearly all of them apart.
struct TellingColumn<'a> {
    source: usize,
    column: usize,
    name: String,
    is_key: bool,
    values: HashSet<&'a str>,
}

/// Sources without a column of somebody's, whose rows name the row of another one, as lines do their order: by it they
/// are whose that is.
pub fn rows_of_rows(
    samples: &[Sample],
    sources: &[DraftSource],
    staff: &Staff,
    known: &mut Vec<DraftIdentifier>,
) {
    let is_in = |of: &DraftIdentifier, source: usize| of.from.iter().any(|(one, _)| *one == source);
    let is_somebodys: Vec<bool> =
        (0..sources.len()).map(|source| known.iter().any(|of| is_in(of, source))).collect();
    let mut found: Vec<DraftIdentifier> = Vec::new();
    // By child what its rows are known by.
    let mut tied: HashMap<usize, String> = HashMap::new();
    for of in (0..sources.len()).filter(|of| is_somebodys[*of]) {
        for telling in telling(samples, sources, of) {
            let from = (telling.source, telling.column);
            let is_child = |of: &usize| !is_somebodys[*of] && !staff.tables.contains_key(of);
            for child in (0..sources.len()).filter(is_child) {
                let Some((column, shared, all)) = names_rows(&telling, samples, sources, child)
                else {
                    continue;
                };
                let what = format!(
                    "? {}.{} names rows of {}, {} of {}: so they are whose these are",
                    sources[child].name,
                    sources[child].fields[column].0,
                    sources[of].name,
                    grouped(shared),
                    counted(all, "value", "values")
                );
                let name = tied.entry(child).or_insert_with(|| telling.name.clone());
                if *name != telling.name {
                    continue;
                }
                // A person's number may have another name there.
                if let Some(known) = known.iter_mut().find(|known| known.from.contains(&from)) {
                    if !known.from.contains(&(child, column)) {
                        known.from.push((child, column));
                        known.evidence.push(what);
                    }
                    continue;
                }
                add(&mut found, &telling.name, IdentifierKind::Row, from, what);
                let of = found.iter_mut().find(|of| of.name == telling.name).expect("it was added");
                of.from.retain(|other| *other != from);
                of.from.insert(0, from);
                if !of.from.contains(&(child, column)) {
                    of.from.push((child, column));
                }
            }
        }
    }
    // What has the name already says something else.
    found.retain(|of| known.iter().all(|known| known.name != of.name));
    known.extend(found);
    known.sort_by_key(|of| of.kind);
}

/// The key first; others where their values are ids, so that they are not shared by chance.
fn telling<'a>(
    samples: &'a [Sample],
    sources: &[DraftSource],
    number: usize,
) -> Vec<TellingColumn<'a>> {
    let (sample, source) = (&samples[number], &sources[number]);
    let key = source.key.as_ref().map(|(key, _)| *key);
    let of = |at: usize| {
        let (name, guess) = &source.fields[at];
        let (column, is_key) = (&sample.columns[at], key == Some(at));
        let values = distinct(column);
        let present = column.present();
        let is_code = |text: &&str| {
            let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
            has_digit && text.len() <= 64 && !text.contains([' ', '@'])
        };
        let tells = ["text", "integer"].contains(&guess.data_type.as_str())
            && present * 10 >= sample.rows * 9
            && values.len() * 100 >= present * 85
            && values.iter().all(is_code)
            && (!are_counts(&values) || is_id(name) && name != "id");
        let name = source.called(name);
        (is_key || tells).then_some(TellingColumn {
            source: number,
            column: at,
            name,
            is_key,
            values,
        })
    };
    let others = (0..source.fields.len()).filter(|at| key != Some(*at));
    key.into_iter().chain(others).filter_map(of).collect()
}

/// The column of another source that names those rows, by its name or by its values; how many values it shares, and has.
fn names_rows(
    telling: &TellingColumn<'_>,
    samples: &[Sample],
    sources: &[DraftSource],
    child: usize,
) -> Option<(usize, usize, usize)> {
    let (source, of_child) = (&sources[telling.source], &sources[child]);
    let by_name = |field: &str| {
        bare(field) == bare(&telling.name)
            || telling.is_key && field == source.entity
            || bare(field) == bare(&source.fields[telling.column].0) && field != "id"
    };
    let may_be = |at: &usize| {
        let is_own_key = of_child.key.as_ref().is_some_and(|(key, _)| key == at);
        let data_type = of_child.fields[*at].1.data_type.as_str();
        !is_own_key && !["timestamp", "date", "json", "boolean"].contains(&data_type)
    };
    let shares = |at: usize| {
        let values = distinct(&samples[child].columns[at]);
        let shared = values.intersection(&telling.values).count();
        let is_named = by_name(&of_child.fields[at].0);
        // What one name says may be spread over several sources.
        let least = if is_named { 4 } else { 8 };
        let is_most = shared > 0 && shared * 10 >= values.len() * least;
        let may_be_id = ["text", "integer"].contains(&of_child.fields[at].1.data_type.as_str());
        let are_few = values.len() < 3 || are_counts(&values) || are_counts(&telling.values);
        let is_by_values = may_be_id && !are_few;
        (is_most && (is_named || is_by_values)).then_some((is_named, (at, shared, values.len())))
    };
    let found = (0..of_child.fields.len()).filter(may_be).filter_map(shares);
    found.max_by_key(|(is_named, (_, shared, _))| (*is_named, *shared)).map(|(_, of)| of)
}
