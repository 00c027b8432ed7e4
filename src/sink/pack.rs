//! From Arrow's columns to the values of profiles.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType,
};

use super::profile::{Item, Packer};

/// Adds a column's value at a row.
///
/// # Panics
/// If the column is of a type that the language does not know: the plan admits none.
pub fn pack_value(column: &ArrayRef, row: usize, packer: &mut Packer) {
    if column.is_null(row) {
        return packer.item(Item::Null);
    }
    match column.data_type() {
        DataType::Null => packer.item(Item::Null),
        DataType::Boolean => packer.item(Item::Boolean(column.as_boolean().value(row))),
        DataType::Int64 => {
            packer.item(Item::Integer(column.as_primitive::<Int64Type>().value(row)));
        }
        DataType::Float64 => {
            packer.item(Item::Number(column.as_primitive::<Float64Type>().value(row)));
        }
        DataType::Decimal128(_, scale) => {
            let unscaled = column.as_primitive::<Decimal128Type>().value(row);
            packer.item(Item::Decimal { unscaled, scale: *scale });
        }
        DataType::Utf8 => packer.item(Item::Text(column.as_string::<i32>().value(row))),
        DataType::Timestamp(..) => {
            let instant = column.as_primitive::<TimestampMicrosecondType>().value(row);
            packer.item(Item::Timestamp(instant));
        }
        DataType::Date32 => {
            packer.item(Item::Date(column.as_primitive::<Date32Type>().value(row)));
        }
        DataType::List(_) => {
            let items = column.as_list::<i32>().value(row);
            packer.item(Item::List(items.len()));
            (0..items.len()).for_each(|item| pack_value(&items, item, packer));
        }
        // As an object, as it is one to those who read it.
        DataType::Map(..) => {
            let entries = column.as_map().value(row);
            packer.item(Item::Struct(entries.len()));
            let (keys, values) = (entries.column(0).as_string::<i32>(), entries.column(1));
            for entry in 0..entries.len() {
                packer.text(keys.value(entry));
                pack_value(values, entry, packer);
            }
        }
        DataType::Struct(fields) => {
            packer.item(Item::Struct(fields.len()));
            for (field, values) in fields.iter().zip(column.as_struct().columns()) {
                packer.text(field.name());
                pack_value(values, row, packer);
            }
        }
        other => unreachable!("the plan admits no {other}"),
    }
}
