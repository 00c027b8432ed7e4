//! Columns of a columnar file as they are found: by their paths, and in few of the ways in which a file may
//! hold the same values.

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::compute::{is_null, nullif};

use super::documents;
use super::plain::plain;

/// The column at a path, of structs and maps; null where one of those around it is.
pub(super) fn find(batch: &RecordBatch, path: &[String]) -> Option<ArrayRef> {
    let (root, inner) = path.split_first()?;
    let mut column = plain(batch.column_by_name(root)?);
    for key in inner {
        if let Some(map) = column.as_map_opt() {
            column = plain(&documents::under(map, key));
            continue;
        }
        let parent = column.as_struct_opt()?;
        let child = parent.column_by_name(key)?;
        column = plain(&nullif(child, &is_null(parent).ok()?).ok()?);
    }
    Some(column)
}
