//! A column of a columnar file as a field of a type has it, for whoever drafts such a field.

use std::sync::Arc;

use arrow::array::ArrayRef;

use super::convert::convert;
use crate::plan::Type;

/// The column of such a field, and which of its rows would be rejected: those whose values the type has no room for. What clocks
/// show is read as UTC.
pub fn read_as(found: &ArrayRef, wanted: &Type) -> (ArrayRef, Vec<usize>) {
    let (column, faults) = convert(found, wanted, &Arc::from("UTC"));
    let mut rows: Vec<usize> = faults.into_iter().map(|(row, _)| row).collect();
    rows.dedup();
    (column, rows)
}
