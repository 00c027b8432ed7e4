//! Values in answers: as outputs publish them.

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::DataType;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::columns;
use crate::row::Datum;
use crate::sink::json::value_of_column;

/// A value as JSON, with all its digits.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct ShownValue(Box<RawValue>);

impl ShownValue {
    /// The value of a column for the person in a batch's only row.
    pub fn of(person: &RecordBatch, column: usize) -> Self {
        ShownValue::of_column(person.column(column))
    }

    pub fn of_datum(data_type: &DataType, datum: &Datum) -> Self {
        ShownValue::of_column(&columns::array(data_type, [Some(datum)]))
    }

    /// How many bytes it has.
    pub fn held(&self) -> usize {
        self.0.get().len()
    }

    /// The value of a column in its first row.
    pub fn of_column(column: &ArrayRef) -> Self {
        let json = value_of_column(column, 0);
        ShownValue(RawValue::from_string(json).expect("values are written as JSON"))
    }
}

impl std::fmt::Display for ShownValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.get())
    }
}
