//! Rows without what others have left beside them.
//!
//! A column that is a part of another one still has all elements of the lists of that, and a list that is null may have
//! some. Where elements are converted, all of them are, and one that can't be spoils rows that have nothing to do with it.

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, OffsetSizeTrait, RecordBatch};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::take;
use arrow::datatypes::DataType;

/// The same rows, where a column has more than they say; `None` where none has.
pub fn own_rows(batch: &RecordBatch) -> Option<RecordBatch> {
    let mut columns = batch.columns().to_vec();
    let more: Vec<&mut ArrayRef> = columns.iter_mut().filter(|column| has_more(column)).collect();
    if more.is_empty() {
        return None;
    }
    let all = Int32Array::from_iter_values(0..i32::try_from(batch.num_rows()).ok()?);
    for column in more {
        *column = take(column, &all, None).ok()?;
    }
    RecordBatch::try_new(batch.schema(), columns).ok()
}

/// Whether there are elements that are in no row's list.
fn has_more(column: &ArrayRef) -> bool {
    match column.data_type() {
        DataType::List(_) => {
            let lists = column.as_list::<i32>();
            lies_beside(lists.offsets(), lists.nulls(), lists.values())
        }
        DataType::LargeList(_) => {
            let lists = column.as_list::<i64>();
            lies_beside(lists.offsets(), lists.nulls(), lists.values())
        }
        DataType::Map(..) => {
            let maps = column.as_map();
            let entries: ArrayRef = std::sync::Arc::new(maps.entries().clone());
            lies_beside(maps.offsets(), maps.nulls(), &entries)
        }
        DataType::Struct(_) => column.as_struct().columns().iter().any(has_more),
        DataType::Dictionary(..) => true,
        _ => false,
    }
}

fn lies_beside<O: OffsetSizeTrait>(
    offsets: &OffsetBuffer<O>,
    nulls: Option<&NullBuffer>,
    elements: &ArrayRef,
) -> bool {
    let (first, last) = (offsets[0].as_usize(), offsets[offsets.len() - 1].as_usize());
    let is_null = |list: usize| nulls.is_some_and(|nulls| nulls.is_null(list));
    let mut lengths = offsets.lengths().enumerate();
    first > 0
        || last < elements.len()
        || lengths.any(|(list, length)| length > 0 && is_null(list))
        || has_more(elements)
}
