//! Lists of which each element is a row.

use arrow::datatypes::FieldRef;

use super::{Field, FieldPath};

/// The list of a source's rows whose elements are rows, with the row's own columns beside the element's.
#[derive(Clone, Debug)]
pub struct Unnest {
    pub path: FieldPath,
    /// What is read of a row: its own fields, and the list as JSON.
    pub raw: Vec<Field>,
    /// The columns that these become before the list is unnested.
    pub raw_columns: Vec<FieldRef>,
    /// The columns that the row's own fields are, in their order.
    pub own: Vec<usize>,
    /// What is read of an element, by paths from the element down.
    pub element: Vec<Field>,
    /// The columns that these are.
    pub of_element: Vec<usize>,
}

impl Unnest {
    /// The column of the list, among those that are read of a row.
    pub const LIST: &str = "__items";
}
