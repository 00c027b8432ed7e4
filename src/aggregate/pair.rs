//! Pairs of a key and a value: what functions take that add up by key.

use arrow::datatypes::{DataType, Field, Fields};

/// A key with a value. Rows that lack one of them have no pair.
pub fn pair_of(key: DataType, value: DataType) -> DataType {
    DataType::Struct(Fields::from(vec![
        Field::new("key", key, true),
        Field::new("value", value, true),
    ]))
}

/// The types of a pair's key and value.
pub fn parts(pair: &DataType) -> Option<(&DataType, &DataType)> {
    match pair {
        DataType::Struct(fields) => match &fields[..] {
            [key, value] => Some((key.data_type(), value.data_type())),
            _ => None,
        },
        _ => None,
    }
}
