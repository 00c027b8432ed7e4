//! Rows of a columnar file to columns of the source's fields, and to what a reject shows.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, Scalar, new_null_array};
use arrow::compute::kernels::zip::zip;
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use serde_json::value::RawValue;

use super::column::Column;
use super::convert::{Faults, convert};
use super::documents;
use super::found::find;
use super::mapped::looked_up;
use super::plain::plain;
use super::raw_row::RawRow;
use super::scalar::ScalarFault;
use crate::columns;
use crate::plan::{Field, Source, Type};

/// The columns of the source's fields; what is wrong with a row is added to its flaws.
pub(super) fn decode(
    source: &Source,
    time_zone: &Arc<str>,
    batch: &RecordBatch,
    rows: &mut [RawRow],
) -> Vec<ArrayRef> {
    let fields = source.raw_fields().iter().enumerate();
    fields
        .map(|(index, field)| {
            let found = find(batch, &field.path);
            let wanted = field.data_type.arrow(time_zone);
            let Some(found) = found else {
                return or_default(new_null_array(&wanted, rows.len()), &[], field);
            };
            let (column, faults) = match &field.written {
                Some(form) => {
                    let zones = form.zone_of.as_ref();
                    let zones =
                        zones.and_then(|of| find(batch, &source.raw_fields()[of.field].path));
                    written(&found, field, zones.as_ref(), time_zone)
                }
                None => convert(&found, &field.data_type, time_zone),
            };
            let (column, faults) = match &field.map {
                Some(map) => looked_up(&found, map, column, faults),
                None => (column, faults),
            };
            let column = or_default(column, &faults, field);
            for (row, fault) in faults {
                let path = format!("{}{}", field.path, fault.within);
                rows[row].flaws.add(fault.code, path, fault.message);
                rows[row].flaws.columns.push(index);
            }
            column
        })
        .collect()
}

/// A row as a reject shows it: an object of its columns' texts.
pub(super) fn shown(batch: &RecordBatch, row: usize) -> Vec<u8> {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns());
    let object: BTreeMap<&str, Box<RawValue>> = columns
        .filter_map(|(field, column)| {
            let value = RawValue::from_string(documents::shown(column, row)).ok()?;
            Some((field.name().as_str(), value))
        })
        .collect();
    serde_json::to_vec(&object).expect("texts")
}

pub(super) fn or_default(
    column: ArrayRef,
    faults: &[(usize, ScalarFault)],
    field: &Field,
) -> ArrayRef {
    let Some(default) = &field.default else { return column };
    let mut absent: Vec<bool> = (0..column.len()).map(|row| column.is_null(row)).collect();
    faults.iter().for_each(|(row, _)| absent[*row] = false);
    let default = Scalar::new(columns::array(column.data_type(), [Some(default)]));
    zip(&BooleanArray::from(absent), &default, &column).expect("a default has its field's type")
}

/// Timestamps and dates that the field says how to read: texts and numbers as they are written, and what a clock
/// without a zone shows by the clocks that the field names. What has a zone is the instant that it is.
fn written(
    found: &ArrayRef,
    field: &Field,
    zones: Option<&ArrayRef>,
    time_zone: &Arc<str>,
) -> (ArrayRef, Faults) {
    let found = &plain(found);
    let is_naive = matches!(found.data_type(), DataType::Timestamp(_, None));
    let is_dated =
        matches!(found.data_type(), DataType::Timestamp(..) | DataType::Date32 | DataType::Date64);
    if found.data_type() == &DataType::Null
        || is_dated && !is_naive
        || field.data_type == Type::Date && is_naive
    {
        return convert(found, &field.data_type, time_zone);
    }
    let as_read = if is_naive { Type::Timestamp } else { Type::Text };
    let (values, mut faults) = convert(found, &as_read, time_zone);
    let zones = zones.map(|zones| convert(zones, &Type::Text, time_zone).0);
    let mut column = Column::of(field, time_zone);
    for row in 0..found.len() {
        if values.is_null(row) {
            column.push_null();
            continue;
        }
        let name = zones.as_ref().map(|zones| zones.as_string::<i32>());
        let name = name.filter(|names| names.is_valid(row)).map(|names| names.value(row));
        column.set_zone(name);
        let pushed = match is_naive {
            true => column.push_shown(values.as_primitive::<TimestampMicrosecondType>().value(row)),
            false => column.push_text(values.as_string::<i32>().value(row)),
        };
        faults.extend(pushed.err().map(|fault| (row, fault)));
    }
    (column.finish(), faults)
}
