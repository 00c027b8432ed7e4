//! Rows that are as many as their list has elements: the row's own columns beside those of each element.
//!
//! A row stays one row all the while: it is accepted with all of its elements or rejected with all that is wrong
//! with any of them, it is a duplicate as a whole, and when another row takes its place all that its elements said is
//! taken back. Of a row none of whose elements counts nothing counts.

use std::collections::BTreeSet;
use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray, UInt64Array};
use arrow::compute::take;
use serde_json::value::RawValue;
use thin_vec::ThinVec;

use super::column::Column;
use super::context::DecodeContext;
use super::decoded::Decoded;
use super::path::Paths;
use super::raw_row::{Flaws, RawReading, RawRow};
use super::rows::accept;
use super::scalar::shown;
use crate::console::{counted, grouped};
use crate::plan::{Kind, Unnest};
use crate::row::{Body, Reason, Row};

/// What the elements of rows may come to together, with a copy of their rows' own values each.
const TOGETHER: usize = 64 << 20;

/// How many reasons of a row are told.
const REASONS: usize = 32;

/// Adds the rows that are accepted to `decoded`; the others get their reasons. `columns` are those of the row's own
/// fields, and that of the list.
pub(super) fn accept_elements(
    context: &DecodeContext<'_>,
    unnest: &Unnest,
    raw: &mut [RawRow],
    columns: &[ArrayRef],
    decoded: &mut Decoded,
) {
    let paths = Paths::new(&unnest.element);
    for row in raw.iter_mut() {
        by_columns_of_source(unnest, &mut row.flaws);
    }
    let mut from = 0;
    while from < raw.len() {
        let (mut rows, mut bytes) = (from..from, 0);
        while rows.end < raw.len() && (rows.is_empty() || bytes < TOGETHER) {
            bytes += estimate(raw, columns, rows.end);
            rows.end += 1;
        }
        from = rows.end;
        let mut elements = Elements::of(context, unnest, &paths, raw, columns, rows);
        elements.accept(context, unnest, raw, decoded);
    }
}

/// Columns that are bad are counted as they were read: the list stands for all columns of its elements.
fn by_columns_of_source(unnest: &Unnest, flaws: &mut Flaws) {
    let read = std::mem::take(&mut flaws.columns);
    for column in read {
        match unnest.own.get(column) {
            Some(own) => flaws.columns.push(*own),
            None => flaws.columns.extend(&unnest.of_element),
        }
    }
}

/// What a row comes to, about; it gets its reason where that is too much.
fn estimate(raw: &mut [RawRow], columns: &[ArrayRef], place: usize) -> usize {
    let Some(list) = list_of(columns, place) else { return 0 };
    // There is a comma between two elements, and maybe within them.
    let most = memchr::memchr_iter(b',', list.as_bytes()).count() + 1;
    let length = |column: &ArrayRef| match column.as_string_opt::<i32>() {
        Some(texts) => texts.value(place).len(),
        None => 16,
    };
    let own: usize = columns[..columns.len() - 1].iter().map(length).sum();
    if most * own > TOGETHER {
        let elements = serde_json::from_str::<Vec<&RawValue>>(list).map_or(0, |all| all.len());
        if elements * own > TOGETHER {
            let why = format!(
                "its {} with its own values beside each would come to more than {} bytes",
                counted(elements, "element", "elements"),
                grouped(TOGETHER)
            );
            raw[place].unreadable("too_long", why);
            return 0;
        }
        return elements * own + list.len();
    }
    most * own + list.len()
}

fn list_of(columns: &[ArrayRef], place: usize) -> Option<&str> {
    let lists = columns.last()?.as_string::<i32>();
    let list = lists.is_valid(place).then(|| lists.value(place));
    // The null of JSON is none, in a cell as well.
    list.filter(|list| list.trim_ascii() != "null")
}

/// Adds to the reasons of a row those of its elements, each with the element that it is of. What all of several elements
/// share is the row's own.
fn add_reasons(list: &str, elements: &[RawRow], reasons: &mut Vec<Reason>) {
    let mut shared = match elements {
        [first, _, ..] => first.flaws.reasons.clone(),
        _ => Vec::new(),
    };
    for element in elements {
        shared.retain(|reason| element.flaws.reasons.contains(reason));
    }
    for element in elements {
        for reason in &element.flaws.reasons {
            if reasons.len() == REASONS {
                return;
            }
            let is_of_element = element.element > 0
                && matches!(reason.code, "expression" | "unidentified")
                && !shared.contains(reason);
            let mut told = reason.clone();
            if is_of_element && !reasons.contains(reason) {
                let place = format!("{list}[{}]", element.element - 1);
                match told.path.is_empty() {
                    true => told.path = place,
                    false => told.message.push_str(&format!(", in {place}")),
                }
            }
            if !reasons.contains(&told) {
                reasons.push(told);
            }
        }
    }
}

/// The elements of some rows, as rows.
struct Elements {
    rows: Vec<RawRow>,
    /// By row, its elements: one that is bare where it has none.
    groups: Vec<(usize, Range<usize>)>,
    columns: Vec<ArrayRef>,
}

impl Elements {
    fn of(
        context: &DecodeContext<'_>,
        unnest: &Unnest,
        paths: &Paths,
        raw: &[RawRow],
        columns: &[ArrayRef],
        places: Range<usize>,
    ) -> Self {
        let time_zone = &context.plan.time_zone;
        let mut values: Vec<Column> =
            unnest.element.iter().map(|field| Column::of(field, time_zone)).collect();
        let (mut rows, mut groups, mut of_rows) = (Vec::new(), Vec::new(), Vec::new());
        for place in places {
            let from = rows.len();
            let row = &raw[place];
            let like = |element: u32, flaws: Flaws| RawRow {
                timestamp: row.timestamp,
                arrived: row.arrived,
                reading: row.reading.clone(),
                element,
                flaws,
                ..RawRow::at(row.offset, row.bytes.clone())
            };
            let list = list_of(columns, place).filter(|_| row.reading == RawReading::Fields);
            let elements = list.map_or(Ok(Vec::new()), serde_json::from_str::<Vec<&RawValue>>);
            let mut flaws = row.flaws.clone();
            if elements.is_err() {
                let path = super::path::shown_path(&unnest.path);
                let found = shown(list.unwrap_or_default());
                flaws.add("wrong_type", path, format!("expected a list, found {found}"));
                flaws.columns.extend(&unnest.of_element);
            }
            for (number, element) in (1..).zip(elements.into_iter().flatten()) {
                if element.get() == "null" {
                    continue;
                }
                let mut of_element = Flaws::default();
                paths.decode_element(
                    element.get(),
                    number,
                    &unnest.element,
                    &mut values,
                    &mut of_element,
                );
                let above = format!("{}[{}]", super::path::shown_path(&unnest.path), number - 1);
                for reason in &mut of_element.reasons {
                    reason.path.replace_range(..1, &above);
                }
                let of_element = Flaws {
                    reasons: [&row.flaws.reasons[..], &of_element.reasons].concat(),
                    columns: of_element
                        .columns
                        .iter()
                        .map(|column| unnest.of_element[*column])
                        .chain(row.flaws.columns.iter().copied())
                        .collect(),
                };
                rows.push(like(number as u32, of_element));
                of_rows.push(place as u64);
            }
            if rows.len() == from {
                let mut bare = like(0, flaws);
                bare.is_bare = true;
                rows.push(bare);
                of_rows.push(place as u64);
                values.iter_mut().for_each(Column::push_null);
            }
            groups.push((place, from..rows.len()));
        }
        let of_rows = UInt64Array::from(of_rows);
        let mut placed: Vec<Option<ArrayRef>> = vec![None; unnest.own.len() + values.len()];
        for (own, column) in unnest.own.iter().zip(columns) {
            placed[*own] = Some(take(column, &of_rows, None).expect("places of its rows"));
        }
        for (column, values) in unnest.of_element.iter().zip(&mut values) {
            placed[*column] = Some(values.finish());
        }
        let columns =
            placed.into_iter().map(|column| column.expect("each field is one's")).collect();
        Elements { rows, groups, columns }
    }

    /// Has the rows accepted whose elements all are.
    fn accept(
        &mut self,
        context: &DecodeContext<'_>,
        unnest: &Unnest,
        raw: &mut [RawRow],
        decoded: &mut Decoded,
    ) {
        let list = super::path::shown_path(&unnest.path);
        let before: Vec<Flaws> = self.rows.iter().map(|row| row.flaws.clone()).collect();
        let mut found = Decoded::default();
        accept(context, &mut self.rows, &self.columns, &mut found);
        let is_bad = |rows: &[RawRow]| rows.iter().any(|row| !row.flaws.reasons.is_empty());
        let bad: Vec<bool> =
            self.groups.iter().map(|(_, of)| is_bad(&self.rows[of.clone()])).collect();
        for ((place, of), _) in self.groups.iter().zip(&bad).filter(|(_, bad)| **bad) {
            add_reasons(&list, &self.rows[of.clone()], &mut raw[*place].flaws.reasons);
        }
        if bad.contains(&true) {
            // Nothing of a row counts one of whose elements is bad: not for the clock of events, either.
            let places = self.places();
            let is_bad: BTreeSet<usize> = self
                .groups
                .iter()
                .zip(&bad)
                .filter(|(_, bad)| **bad)
                .map(|((place, _), _)| *place)
                .collect();
            let of_bad = found.named.iter().map(|of| of.at(places[of.place]));
            decoded.named.extend(of_bad.filter(|of| is_bad.contains(&of.place)));
            self.without(&bad, before);
            found = Decoded::default();
            accept(context, &mut self.rows, &self.columns, &mut found);
        }
        self.gather(context, found, decoded);
    }

    fn without(&mut self, bad: &[bool], before: Vec<Flaws>) {
        let (mut kept, mut groups) = (Vec::new(), Vec::new());
        for ((place, of), _) in self.groups.iter().zip(bad).filter(|(_, bad)| !**bad) {
            let from = kept.len();
            kept.extend(of.clone().map(|row| row as u64));
            groups.push((*place, from..kept.len()));
        }
        let places = UInt64Array::from(kept.clone());
        for column in &mut self.columns {
            *column = take(column, &places, None).expect("places of its rows");
        }
        let mut rows: Vec<Option<RawRow>> = std::mem::take(&mut self.rows)
            .into_iter()
            .zip(before)
            .map(|(row, flaws)| Some(RawRow { flaws, ..row }))
            .collect();
        self.rows = kept.iter().map(|row| rows[*row as usize].take().expect("each once")).collect();
        self.groups = groups;
    }

    /// Of each element its row's place.
    fn places(&self) -> Vec<usize> {
        self.groups.iter().flat_map(|(place, of)| of.clone().map(move |_| *place)).collect()
    }

    /// Brings what elements say together to what their rows do.
    fn gather(&self, context: &DecodeContext<'_>, found: Decoded, decoded: &mut Decoded) {
        let mut rows = found.rows.into_iter().peekable();
        for (_, of) in &self.groups {
            let elements = &self.rows[of.clone()];
            let offset = elements[0].offset;
            let mut gathered: Option<Row> = None;
            let mut said: ThinVec<Body> = ThinVec::new();
            while let Some(mut row) = rows.next_if(|row| row.position.offset == offset) {
                said.extend(row.body.take());
                gathered.get_or_insert(row);
            }
            let counts = !said.is_empty();
            decoded.dropped += u64::from(!counts && elements.iter().any(|row| row.is_dropped));
            let Some(row) = gathered else { continue };
            let body = match said.len() {
                0 if context.source.kind == Kind::Events => continue,
                0 => None,
                1 => said.pop(),
                _ => Some(Body::of_elements(said[0].verdict(), said)),
            };
            decoded.rows.push(Row { body, ..row });
        }
        let places = self.places();
        decoded.named.extend(found.named.iter().map(|of| of.at(places[of.place])));
        decoded.latest.add_all(&found.latest);
        decoded.held += found.held;
    }
}
