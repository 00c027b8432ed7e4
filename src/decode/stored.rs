//! Accepted rows as the store keeps them: a source's fields, and beside them what else makes a row the row that it is.
//! Read back, they go the way of all rows from there on, by whatever the definition says by then.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, Int32Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, UInt32Array, UInt64Array, new_null_array,
};
use arrow::compute::{cast, filter_record_batch, take_record_batch};
use arrow::datatypes::{
    DataType, Field, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType, UInt32Type, UInt64Type,
};

use super::columnar::{self, or_default};
use super::raw_row::{RawReading, RawRow};
use crate::plan::Source;
use crate::row::{Row, RowArrival};
use crate::source::{Chunk, Payload};
use crate::time::Micros;

/// The tick in which a row came, and that tick's reading of the clock.
pub const TICK: &str = "__tick";
pub const AT: &str = "__at";
/// Where it stood: `Position`, and the file's path or the topic's name.
pub const PART: &str = "__part";
pub const OFFSET: &str = "__offset";
pub const ORIGIN: &str = "__origin";
/// The broker's timestamp.
pub const SENT: &str = "__sent";
/// The key of a message without a payload, which deletes the record of that key.
pub const DELETED: &str = "__deleted";

/// Names that no field of a source may have whose rows are stored.
pub const NAMES: [&str; 7] = [TICK, AT, PART, OFFSET, ORIGIN, SENT, DELETED];

/// The type of the columns that hold instants.
pub fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The type of columns of few texts.
fn names() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// The columns of a source's accepted rows, but for their ticks.
pub(super) fn schema(source: &Source) -> SchemaRef {
    let own = source.raw_columns().iter().map(|field| field.as_ref().clone());
    let beside = [
        Field::new(PART, DataType::UInt32, false),
        Field::new(OFFSET, DataType::UInt64, false),
        Field::new(ORIGIN, names(), false),
        Field::new(SENT, instant(), true),
        Field::new(DELETED, DataType::Utf8, true),
    ];
    Arc::new(Schema::new(own.chain(beside).collect::<Vec<_>>()))
}

/// Those of a chunk's rows that were accepted; `None` if none was. `rows` are what became of them, in their order.
pub(super) fn accepted(
    schema: &SchemaRef,
    chunk: &Chunk,
    raw: &[RawRow],
    fields: &[ArrayRef],
    rows: &[Row],
) -> Option<RecordBatch> {
    if rows.is_empty() {
        return None;
    }
    let mut columns = fields.to_vec();
    columns.push(Arc::new(UInt32Array::from_value(chunk.part, raw.len())));
    columns.push(Arc::new(UInt64Array::from_iter_values(raw.iter().map(|row| row.offset))));
    let origin: ArrayRef = Arc::new(StringArray::from(vec![&*chunk.origin]));
    let origins = DictionaryArray::new(Int32Array::from_value(0, raw.len()), origin);
    columns.push(Arc::new(origins));
    // A file sends nothing, and deletes nothing by its key.
    let is_sent = matches!(chunk.payload, Payload::Messages { .. });
    columns.push(match is_sent {
        false => new_null_array(&instant(), raw.len()),
        true => {
            let sent = TimestampMicrosecondArray::from_iter(raw.iter().map(|row| row.timestamp));
            Arc::new(sent.with_timezone("UTC"))
        }
    });
    columns.push(match is_sent {
        false => new_null_array(&DataType::Utf8, raw.len()),
        true => Arc::new(StringArray::from_iter(raw.iter().map(|row| deleted(chunk, row)))),
    });
    let batch = RecordBatch::try_new(Arc::clone(schema), columns).expect("columns of these types");
    if rows.len() == raw.len() {
        return Some(batch);
    }
    let mut accepted = rows.iter().map(|row| row.position.offset).peekable();
    let is_accepted: BooleanArray =
        raw.iter().map(|row| Some(accepted.next_if_eq(&row.offset).is_some())).collect();
    Some(filter_record_batch(&batch, &is_accepted).expect("a mark for each row"))
}

/// What rows hold that are stored or to be, in bytes. Columns of a file may be parts of longer ones.
pub fn held(rows: &RecordBatch) -> u64 {
    let of_column = |column: &ArrayRef| column.to_data().get_slice_memory_size();
    rows.columns().iter().map(|column| of_column(column).unwrap_or(0) as u64).sum()
}

fn deleted<'chunk>(chunk: &'chunk Chunk, row: &RawRow) -> Option<&'chunk str> {
    match (&row.reading, &chunk.payload) {
        (RawReading::Tombstone { key: Some(key) }, Payload::Messages { bytes, .. }) => {
            std::str::from_utf8(&bytes[key.clone()]).ok()
        }
        _ => None,
    }
}

/// The texts of the keys that rows delete, one behind the other.
pub(super) fn deleted_keys(batch: &RecordBatch) -> &[u8] {
    batch.column_by_name(DELETED).map_or(&[], |keys| keys.as_string::<i32>().value_data())
}

/// The rows of a batch and the columns of the source's fields. What the source did not have when they were stored is
/// its default, or null.
pub(super) fn read(source: &Source, batch: &RecordBatch) -> (Vec<RawRow>, Vec<ArrayRef>) {
    let offsets = batch.column_by_name(OFFSET).expect("the store gives it");
    let offsets = offsets.as_primitive::<UInt64Type>();
    let instants = |name: &str| {
        let column = batch.column_by_name(name)?;
        Some(column.as_primitive::<TimestampMicrosecondType>())
    };
    let (sent, at) = (instants(SENT), instants(AT));
    let ticks = batch.column_by_name(TICK).map(|column| column.as_primitive::<UInt64Type>());
    let deleted = batch.column_by_name(DELETED).map(|keys| keys.as_string::<i32>());
    let value = |column: Option<&TimestampMicrosecondArray>, row: usize| -> Option<Micros> {
        column.filter(|column| column.is_valid(row)).map(|column| column.value(row))
    };
    let rows = (0..batch.num_rows()).map(|place| {
        let mut row = RawRow::at(offsets.value(place), place..place);
        row.timestamp = value(sent, place);
        if let (Some(ticks), Some(at)) = (ticks, value(at, place)) {
            row.arrived = RowArrival { tick: ticks.value(place), at };
        }
        if let Some(keys) = deleted.filter(|keys| keys.is_valid(place)) {
            let ends = keys.value_offsets();
            let key = ends[place] as usize..ends[place + 1] as usize;
            row.reading = RawReading::Tombstone { key: Some(key) };
        }
        row
    });
    let columns = source.raw_fields().iter().zip(source.raw_columns()).map(|(field, of)| {
        let wanted = of.data_type();
        let column = match batch.column_by_name(&field.name) {
            Some(column) => {
                cast(column, wanted).unwrap_or_else(|_| new_null_array(wanted, batch.num_rows()))
            }
            None => new_null_array(wanted, batch.num_rows()),
        };
        or_default(column, &[], field)
    });
    (rows.collect(), columns.collect())
}

/// The source's own columns of a batch.
pub(super) fn own(batch: &RecordBatch) -> RecordBatch {
    let schema = batch.schema();
    let names = schema.fields().iter().enumerate();
    let own = names.filter(|(_, field)| !NAMES.contains(&field.name().as_str()));
    let own: Vec<usize> = own.map(|(place, _)| place).collect();
    batch.project(&own).expect("columns that it has")
}

/// A row of a batch as a reject shows it, and the key of the record that it deletes, if it does.
pub fn shown(batch: &RecordBatch, row: usize) -> (String, Option<&str>) {
    let deleted = batch.column_by_name(DELETED).map(|keys| keys.as_string::<i32>());
    let deleted = deleted.filter(|keys| keys.is_valid(row)).map(|keys| keys.value(row));
    (String::from_utf8_lossy(&columnar::shown(&own(batch), row)).into_owned(), deleted)
}

/// The rows of a batch by where they stood, each with the part and its name.
pub fn by_part(batch: &RecordBatch) -> Vec<(u32, Arc<str>, RecordBatch)> {
    parts(batch).into_iter().map(|of| (of.part, of.origin, of.rows)).collect()
}

/// What stood in one part of a source.
pub struct StoredPart {
    pub part: u32,
    pub origin: Arc<str>,
    pub rows: RecordBatch,
    /// Where in the batch each of the rows is; `None`: they are all of it.
    pub places: Option<Vec<u32>>,
}

/// The rows of a batch by where they stood.
pub fn parts(batch: &RecordBatch) -> Vec<StoredPart> {
    let parts =
        batch.column_by_name(PART).expect("the store gives it").as_primitive::<UInt32Type>();
    let origins = batch.column_by_name(ORIGIN).expect("the store gives it");
    let origins = cast(origins, &DataType::Utf8).expect("texts");
    let origins = origins.as_string::<i32>();
    let mut places: BTreeMap<(u32, &str), Vec<u32>> = BTreeMap::new();
    for (place, part) in (0u32..).zip(parts.values()) {
        places.entry((*part, origins.value(place as usize))).or_default().push(place);
    }
    if let (1, Some((part, origin))) = (places.len(), places.keys().next()) {
        let (part, origin, rows) = (*part, (*origin).into(), batch.clone());
        return vec![StoredPart { part, origin, rows, places: None }];
    }
    let taken = places.into_iter().map(|((part, origin), places)| {
        let wanted = UInt32Array::from(places.clone());
        let rows = take_record_batch(batch, &wanted).expect("places of its rows");
        StoredPart { part, origin: origin.into(), rows, places: Some(places) }
    });
    taken.collect()
}
