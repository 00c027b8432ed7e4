//! Columns of a columnar file as they are found: by their paths, and in few of the ways in which a file may
//! hold the same values.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt64Array};
use arrow::compute::{is_null, nullif, take};

use super::documents;
use super::plain::plain;
use crate::plan::{FieldPath, PathStep};

/// The column at a path, of structs, maps and lists; null where one of those around it is, and where a list has
/// no such item.
pub(super) fn find(batch: &RecordBatch, path: &FieldPath) -> Option<ArrayRef> {
    let mut column = plain(batch.column_by_name(path.root())?);
    for step in &path.steps()[1..] {
        column = match step {
            PathStep::Position => return None,
            PathStep::Item(item) => plain(&nth(&column, *item)?),
            PathStep::Key(key) => match column.as_map_opt() {
                Some(map) => plain(&documents::under(map, key)),
                None => {
                    let parent = column.as_struct_opt()?;
                    let child = parent.column_by_name(key)?;
                    plain(&nullif(child, &is_null(parent).ok()?).ok()?)
                }
            },
        };
    }
    Some(column)
}

/// So many items into each row's list.
fn nth(lists: &ArrayRef, item: usize) -> Option<ArrayRef> {
    let lists = lists.as_list_opt::<i32>()?;
    let ends = lists.value_offsets();
    let place = |row: usize| {
        let place = ends[row] as usize + item;
        (lists.is_valid(row) && place < ends[row + 1] as usize).then_some(place as u64)
    };
    let places: UInt64Array = (0..lists.len()).map(place).collect();
    take(lists.values(), &places, None).ok()
}
