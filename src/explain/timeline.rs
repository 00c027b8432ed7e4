//! The latest rows of a person, as they are stored.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, RecordBatch};
use serde::Serialize;

use super::error::WhyError;
use super::reading::AllRows;
use super::value::ShownValue;
use crate::decode::stored::NAMES;
use crate::plan::{Field, RowPlace};
use crate::row::IdentifierHash;
use crate::store::RowInBatch;
use crate::time::{Micros, Tick, rfc3339};

/// Some of a person's rows, the newest first.
#[derive(Debug, Serialize)]
pub struct TimelinePage {
    pub rows: Vec<TimelineRow>,
    /// What is given for the next ones; null: there are none.
    pub cursor: Option<String>,
}

/// A row as it was accepted, whether it stands or not.
#[derive(Debug, Serialize)]
pub struct TimelineRow {
    pub source: String,
    /// When it happened; null where its source does not say.
    pub time: Option<String>,
    /// When it came.
    pub arrived: String,
    pub position: RowPlace,
    /// The fields of the source that are not null.
    pub fields: BTreeMap<String, ShownValue>,
}

/// What rows are sorted by, the newest last: when they happened, and then when and where they came.
type TimelineKey = (Micros, Tick, u16, u32, u64);

/// The newest of the rows that carry one of a person's identifiers: so many at most, behind a cursor.
///
/// # Errors
/// If what is stored can't be read, or the cursor is none.
pub fn timeline(
    all: &AllRows,
    identifiers: &BTreeSet<IdentifierHash>,
    cursor: Option<&str>,
    limit: usize,
) -> Result<TimelinePage, WhyError> {
    let before = cursor.map(read_cursor).transpose()?;
    let plan = &all.plan;
    // One more than wanted says whether there are more.
    let mut newest: BTreeMap<Reverse<TimelineKey>, TimelineRow> = BTreeMap::new();
    all.carrying(identifiers, |source, batch, RowInBatch { place, origin, row }| {
        let source = &plan.sources[source];
        let position = (row.position.part, row.position.offset);
        let key = (row.time, row.arrived.tick, row.source, position.0, position.1);
        let is_behind = before.is_none_or(|before| key < before);
        let is_among =
            newest.len() <= limit || newest.last_key_value().is_some_and(|(last, _)| key > last.0);
        if !is_behind || !is_among {
            return;
        }
        let said = TimelineRow {
            source: source.name.clone(),
            time: source.is_dated().then(|| rfc3339(row.time)),
            arrived: rfc3339(row.arrived.at),
            position: source.connector.place(origin, row.position),
            fields: fields(source.raw_fields(), batch, place),
        };
        newest.insert(Reverse(key), said);
        if newest.len() > limit + 1 {
            newest.pop_last();
        }
    })?;
    let more = newest.len() > limit;
    if more {
        newest.pop_last();
    }
    let last = newest.last_key_value().filter(|_| more).map(|(last, _)| write_cursor(last.0));
    Ok(TimelinePage { rows: newest.into_values().collect(), cursor: last })
}

/// What a row holds of these fields.
fn fields(of: &[Field], batch: &RecordBatch, place: usize) -> BTreeMap<String, ShownValue> {
    let value = |field: &Field| {
        let column = batch.column_by_name(&field.name)?;
        let is_own = !NAMES.contains(&field.name.as_str());
        let value = (is_own && column.is_valid(place)).then(|| column.slice(place, 1))?;
        Some((field.name.clone(), ShownValue::of_column(&value)))
    };
    of.iter().filter_map(value).collect()
}

fn write_cursor((time, tick, source, part, offset): TimelineKey) -> String {
    format!("{time}.{tick}.{source}.{part}.{offset}")
}

fn read_cursor(written: &str) -> Result<TimelineKey, WhyError> {
    let parts: Vec<&str> = written.split('.').collect();
    let read = || {
        let [time, tick, source, part, offset] = parts[..] else { return None };
        Some((
            time.parse().ok()?,
            tick.parse().ok()?,
            source.parse().ok()?,
            part.parse().ok()?,
            offset.parse().ok()?,
        ))
    };
    read().ok_or_else(|| WhyError::BadCursor(written.to_owned()))
}
