//! What a row must have to count: a time that is not too far ahead, and an id or a key.

use arrow::array::{Array, StringArray};

use super::context::{DecodeContext, RowFate};
use super::raw_row::{RawReading, RawRow};
use super::stored::deleted_keys;
use crate::plan::{Format, Kind, Source};
use crate::source::{Chunk, Payload};
use crate::time::{Micros, in_years, rfc3339, spoken};

/// Whether a row must have a time and a key: an event that does not count needs neither.
fn matters(source: &Source, row: &RawRow, fate: RowFate) -> bool {
    row.reading != RawReading::Nothing && (fate != RowFate::Dropped || source.kind == Kind::Records)
}

/// Whether a null of a column may come from a bad value, which has been told already.
pub(super) fn excused(source: &Source, row: &RawRow, column: usize) -> bool {
    let derived = column >= source.fields.len();
    row.flaws.columns.contains(&column) || derived && !row.flaws.columns.is_empty()
}

/// Gives its reason to each row without a time, and to each that is dated too far ahead.
pub(super) fn check_time(
    context: &DecodeContext<'_>,
    raw: &mut [RawRow],
    fates: &[RowFate],
    times: &[Option<Micros>],
) {
    let source = context.source;
    let latest = context.wall.saturating_add(source.max_ahead);
    let path = source.time.map_or_else(String::new, |time| path_of(source, time));
    for (place, row) in raw.iter_mut().enumerate() {
        if !matters(source, row, fates[place]) {
            continue;
        }
        match times[place] {
            // A broker's timestamp, in milliseconds, leads further than a timestamp can.
            Some(time) if !in_years(time) => {
                let message = "the row's time lies outside of the years 1 to 9999";
                row.flaws.add("out_of_range", path.as_str(), message);
            }
            Some(time) if time > latest => {
                let message = format!(
                    "{} is more than {} ahead of the wall clock",
                    rfc3339(time),
                    spoken(source.max_ahead)
                );
                row.flaws.add("time_ahead", path.as_str(), message);
            }
            Some(_) => {}
            None if source.time.is_some_and(|time| excused(source, row, time)) => {}
            None => row.flaws.add("missing_time", path.as_str(), "the row has no time"),
        }
    }
}

/// Gives its reason to each row without an id or a key.
pub(super) fn check_key(
    context: &DecodeContext<'_>,
    raw: &mut [RawRow],
    fates: &[RowFate],
    keys: Option<&StringArray>,
) {
    let source = context.source;
    let (Some(keys), Some(column)) = (keys, source.key) else { return };
    let (code, name) = match source.kind {
        Kind::Events => ("missing_id", "id"),
        Kind::Records => ("missing_key", "key"),
    };
    for (place, row) in raw.iter_mut().enumerate() {
        if !matters(source, row, fates[place]) {
            continue;
        }
        if let RawReading::Tombstone { key } = &row.reading {
            if let Err((code, message)) = message_key(context.chunk, key.as_ref()) {
                row.flaws.add(code, "", message);
            }
        } else if keys.is_null(place) && !excused(source, row, column) {
            row.flaws.add(code, path_of(source, column), format!("the row has no {name}"));
        } else if keys.is_valid(place) && keys.value(place).trim().is_empty() {
            let message = format!("the row has no {name}: it is an empty text");
            row.flaws.add(code, path_of(source, column), message);
        }
    }
}

/// The text of a message's key: what a null payload deletes.
pub(super) fn message_key<'chunk>(
    chunk: &'chunk Chunk,
    key: Option<&std::ops::Range<usize>>,
) -> Result<&'chunk str, (&'static str, &'static str)> {
    let bytes = match &chunk.payload {
        Payload::Messages { bytes, .. } => bytes,
        Payload::Stored { batch } => deleted_keys(batch),
        _ => unreachable!("only messages have null payloads"),
    };
    let key = key.ok_or(("missing_key", "a null payload without a key deletes nothing"))?;
    match std::str::from_utf8(&bytes[key.clone()]) {
        Ok(text) if text.trim().is_empty() => {
            Err(("missing_key", "a null payload with an empty key deletes nothing"))
        }
        Ok(text) => Ok(text),
        Err(_) => Err(("not_utf8", "the message's key is not UTF-8")),
    }
}

/// Where the user finds a column: a field by its path, a derived column by its place.
fn path_of(source: &Source, column: usize) -> String {
    match source.fields.get(column) {
        Some(field) if source.format == Format::Json => super::path::shown_path(&field.path),
        Some(field) => field.path.to_string(),
        None => format!("sources.{}.derive.{}", source.name, source.schema.field(column).name()),
    }
}
