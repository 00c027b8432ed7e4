//! Rows whose neighbours make an expression fail: each stands for itself.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, RecordBatch, StringArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Schema};

use crate::definition::sql::Dialect;
use crate::plan::own_rows;

fn lists() -> RecordBatch {
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["1", "x", "2", "y", "3"]));
    let item = Arc::new(Field::new("item", DataType::Utf8, true));
    let offsets = OffsetBuffer::from_lengths([1, 1, 1, 1, 1, 0]);
    // The fourth is null, and has an element all the same.
    let nulls = NullBuffer::from(vec![true, true, true, false, true, true]);
    let lists: ArrayRef =
        Arc::new(ListArray::try_new(Arc::clone(&item), offsets, texts, Some(nulls)).unwrap());
    let field = Field::new("l", DataType::List(item), true);
    RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![lists]).expect("one column")
}

#[test]
fn an_element_that_can_t_be_converted_fails_its_own_row_alone() {
    let batch = lists();
    let dialect = Dialect::new(&Arc::from("UTC"));
    for sql in ["array_has(l, 1)", "array_sum(cast(l as bigint[])) = 1", "1 = any(l)"] {
        let planned = dialect.plan(sql, &batch.schema()).expect("SQL");
        let holds = dialect.compile(planned, &batch.schema(), None, "").expect("SQL");
        for row in 0..batch.num_rows() {
            let value = holds.evaluate(&batch.slice(row, 1));
            assert_eq!(value.is_err(), row == 1, "{sql} of row {row}: {value:?}");
        }
        // Those that no element of theirs spoils, together.
        let last = holds.evaluate(&batch.slice(2, 4)).expect("they are right");
        assert!(last.is_null(1) || !last.as_boolean().value(1), "{sql}: {last:?}");
    }
}

#[test]
fn rows_that_have_nothing_beside_them_are_left_as_they_are() {
    let own = own_rows(&lists()).expect("a null has an element");
    assert_eq!(own.column(0).as_list::<i32>().values().len(), 4);
    assert!(own_rows(&own).is_none());
    assert_eq!(own.slice(1, 2), own_rows(&own.slice(1, 2)).expect("there are others"));
}
