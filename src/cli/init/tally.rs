//! How many values there are, and how many rows lack one.

use std::collections::HashSet;

use selfsame::internals::console::counted;

use super::sample::SampledColumn;

/// The different values of a column.
pub fn distinct(column: &SampledColumn) -> HashSet<&str> {
    column.texts().collect()
}

/// What becomes of so many rows without what each row has to have.
pub fn lacking(rows: usize) -> String {
    match rows {
        0 => String::new(),
        _ => format!("; ? {} without one, rejected for that", counted(rows, "row is", "rows are")),
    }
}
