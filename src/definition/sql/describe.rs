//! Types as users write them.

use arrow::datatypes::{DataType, FieldRef};

use crate::aggregate::parts_of_pair;

/// A type as users write it.
pub fn describe(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 => "text".to_owned(),
        of if of.is_integer() => "integer".to_owned(),
        of if of.is_floating() => "number".to_owned(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Timestamp(..) => "timestamp".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Interval(_) | DataType::Duration(_) => "interval".to_owned(),
        DataType::List(item) => format!("[{}]", describe(item.data_type())),
        DataType::Struct(fields) => {
            let field =
                |field: &FieldRef| format!("{}: {}", field.name(), describe(field.data_type()));
            format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
        DataType::Map(entries, _) => match parts_of_pair(entries.data_type()) {
            Some((_, value)) => format!("map of {}", describe(value)),
            None => "map".to_owned(),
        },
        other => other.to_string().to_lowercase(),
    }
}
