//! When now() turns a term or a condition.

use arrow::array::{Array, AsArray, RecordBatch};
use serde::Serialize;

#[derive(Debug, Serialize)]
pub struct TermTurn {
    pub at: String,
    pub value: Option<bool>,
}

/// Null counts as not in.
pub fn is_in(person: &RecordBatch, column: usize) -> bool {
    let values = person.column(column).as_boolean();
    values.is_valid(0) && values.value(0)
}
