//! Types of the language, and the columns that hold them.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, TimeUnit};

/// A type of the language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    Text,
    Integer,
    Number,
    Decimal(u8, i8),
    Boolean,
    Timestamp,
    Date,
    /// JSON text as it stood, whitespace between tokens included.
    Json,
    List(Box<Type>),
}

impl Type {
    /// The Arrow type of a column. Timestamps carry the plan's time zone so that `date_trunc` and
    /// its like mean what the definition says; the value is UTC in either case.
    pub fn arrow(&self, time_zone: &Arc<str>) -> DataType {
        match self {
            Type::Text | Type::Json => DataType::Utf8,
            Type::Integer => DataType::Int64,
            Type::Number => DataType::Float64,
            Type::Decimal(precision, scale) => DataType::Decimal128(*precision, *scale),
            Type::Boolean => DataType::Boolean,
            Type::Timestamp => {
                DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::clone(time_zone)))
            }
            Type::Date => DataType::Date32,
            Type::List(item) => {
                DataType::List(Arc::new(Field::new("item", item.arrow(time_zone), true)))
            }
        }
    }

    /// As the user writes it.
    pub fn spoken(&self) -> String {
        match self {
            Type::Text => "text".to_owned(),
            Type::Integer => "integer".to_owned(),
            Type::Number => "number".to_owned(),
            Type::Decimal(precision, scale) => format!("decimal({precision},{scale})"),
            Type::Boolean => "boolean".to_owned(),
            Type::Timestamp => "timestamp".to_owned(),
            Type::Date => "date".to_owned(),
            Type::Json => "json".to_owned(),
            Type::List(item) => format!("[{}]", item.spoken()),
        }
    }
}

/// The type of a list's items, however the list is stored; `None` of what is no list.
pub fn item_type(found: &DataType) -> Option<&DataType> {
    match found {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => Some(item.data_type()),
        _ => None,
    }
}
