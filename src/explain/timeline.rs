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

/// What the rows of a page hold, at most, or one of them.
const MOST_BYTES: usize = 8 << 20;

/// The newest of the rows that carry one of a person's identifiers: so many at most, behind a cursor, and fewer where they
/// are large.
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
    let mut newest: BTreeMap<Reverse<TimelineKey>, (TimelineRow, usize)> = BTreeMap::new();
    let mut held = 0;
    // The newest of those for which there is no room: it is on the next page.
    let mut next: Option<TimelineKey> = None;
    all.carrying(identifiers, |source, batch, RowInBatch { place, origin, row }| {
        let source = &plan.sources[source];
        let position = (row.position.part, row.position.offset);
        let key = (row.time, row.arrived.tick, row.source, position.0, position.1);
        let is_behind = before.is_none_or(|before| key < before);
        if !is_behind || next.is_some_and(|next| key < next) {
            return;
        }
        let said = TimelineRow {
            source: source.name.clone(),
            time: source.is_dated().then(|| rfc3339(row.time)),
            arrived: rfc3339(row.arrived.at),
            position: source.connector.place(origin, row.position),
            fields: fields(source.raw_fields(), batch, place),
        };
        let bytes = said.held();
        held += bytes;
        if let Some((_, same)) = newest.insert(Reverse(key), (said, bytes)) {
            held -= same;
        }
        while newest.len() > limit || held > MOST_BYTES && newest.len() > 1 {
            let (Reverse(last), (_, bytes)) = newest.pop_last().expect("there are some");
            held -= bytes;
            next = Some(last);
        }
    })?;
    let last = newest.last_key_value().filter(|_| next.is_some());
    let cursor = last.map(|(last, _)| write_cursor(last.0));
    Ok(TimelinePage { rows: newest.into_values().map(|(row, _)| row).collect(), cursor })
}

impl TimelineRow {
    /// About how many bytes its fields have.
    fn held(&self) -> usize {
        self.fields.values().map(ShownValue::held).sum()
    }
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
