//! A batch on which an expression fails is split until the rows that make it fail stand alone, and rows whose
//! expressions would make too much together are evaluated in parts.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, new_null_array};
use arrow::compute::{cast, concat};
use arrow::datatypes::DataType;

use crate::definition::sql::limits::{TOGETHER, all_bytes};
use crate::plan::Expression;

/// Rows that made an expression fail, with its message.
pub type Failures = Vec<(usize, String)>;

/// What is left of the bytes that rows may make together. Rows that would make more are evaluated in parts, so
/// that what a chunk takes meanwhile is bounded, whatever its expressions make of little.
#[derive(Debug)]
pub struct Room {
    left: u64,
    taken: u64,
}

#[cfg(test)]
thread_local! {
    /// How often rows were evaluated together on this thread.
    pub static ROOMS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

impl Room {
    /// For so many rows. One row alone makes no more than each of its calls may.
    pub fn of(rows: usize) -> Self {
        #[cfg(test)]
        ROOMS.set(ROOMS.get() + 1);
        if rows > 1 { Room::with(TOGETHER) } else { Room::unbounded() }
    }

    fn with(left: u64) -> Self {
        Room { left, taken: 0 }
    }

    fn unbounded() -> Self {
        Room::with(u64::MAX)
    }

    /// Nothing, if there is not so much left.
    pub fn take(&mut self, bytes: u64) -> Option<()> {
        self.left = self.left.checked_sub(bytes)?;
        self.taken += bytes;
        Some(())
    }

    /// What was taken of it.
    pub fn taken(&self) -> u64 {
        self.taken
    }
}

/// How many rows are evaluated at once: what is made of each is held, and so what is made of all.
const AT_ONCE: usize = 1_000;

/// Evaluates so many rows, in their order and in parts: in halves, where `together` says that there is no room for
/// a part, in which case it has left nothing behind.
pub fn in_parts(rows: usize, together: &mut impl FnMut(Range<usize>, &mut Room) -> Option<()>) {
    for first in (0..rows).step_by(AT_ONCE) {
        in_halves(first..rows.min(first + AT_ONCE), together);
    }
}

fn in_halves(rows: Range<usize>, together: &mut impl FnMut(Range<usize>, &mut Room) -> Option<()>) {
    if rows.is_empty() || together(rows.clone(), &mut Room::of(rows.len())).is_some() {
        return;
    }
    let half = rows.start + rows.len() / 2;
    in_halves(rows.start..half, together);
    in_halves(half..rows.end, together);
}

/// One value a row, null where the expression fails.
pub fn evaluate(expression: &Expression, batch: &RecordBatch) -> (ArrayRef, Failures) {
    evaluate_within(expression, batch, &mut Room::unbounded()).expect("there is room for all")
}

/// The same, if there is room for it. It stops soon where there is none.
pub fn evaluate_within(
    expression: &Expression,
    batch: &RecordBatch,
    room: &mut Room,
) -> Option<(ArrayRef, Failures)> {
    let mut failures = Failures::new();
    let evaluate = |batch: &RecordBatch| expression.evaluate(batch);
    let column = split(&evaluate, &expression.data_type, batch, 0, &mut failures, room)?;
    Some((column, failures))
}

/// Which rows the expression holds for; null counts as false, and so does a failure.
pub fn matches(expression: &Expression, batch: &RecordBatch) -> (BooleanArray, Failures) {
    let mut failures = Failures::new();
    let matches = |batch: &RecordBatch| {
        expression.matches(batch).map(|matches| std::sync::Arc::new(matches) as ArrayRef)
    };
    let room = &mut Room::unbounded();
    let column = split(&matches, &DataType::Boolean, batch, 0, &mut failures, room);
    let column = column.expect("there is room for all");
    (column.as_boolean().clone(), failures)
}

/// The values of the given rows only, null for the others: an expression need not be fit for rows
/// that it is not asked about.
pub fn evaluate_where(
    expression: &Expression,
    batch: &RecordBatch,
    chosen: &BooleanArray,
    room: &mut Room,
) -> Option<(ArrayRef, Failures)> {
    // Rows that nobody asks about seldom fail, and leaving them out costs a copy of every column.
    let (column, mut failures) = evaluate_within(expression, batch, room)?;
    failures.retain(|(row, _)| chosen.value(*row));
    Some((column, failures))
}

fn split(
    evaluate: &dyn Fn(&RecordBatch) -> Result<ArrayRef, String>,
    data_type: &DataType,
    batch: &RecordBatch,
    first: usize,
    failures: &mut Failures,
    room: &mut Room,
) -> Option<ArrayRef> {
    let rows = batch.num_rows();
    Some(match evaluate(batch) {
        Ok(column) => {
            room.take(all_bytes(&column))?;
            match column.data_type() == data_type {
                true => column,
                false => {
                    cast(&column, data_type).expect("the plan knows what its expressions give")
                }
            }
        }
        Err(message) if rows <= 1 => {
            failures.extend((0..rows).map(|_| (first, message.clone())));
            new_null_array(data_type, rows)
        }
        Err(_) => {
            let half = rows / 2;
            let (one, other) = (batch.slice(0, half), batch.slice(half, rows - half));
            let left = split(evaluate, data_type, &one, first, failures, room)?;
            let right = split(evaluate, data_type, &other, first + half, failures, room)?;
            concat(&[left.as_ref(), right.as_ref()]).expect("both halves have one type")
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Int64Array;
    use arrow::datatypes::{Field, Schema};
    use proptest::prelude::*;

    use super::*;
    use crate::definition::sql::Dialect;

    #[test]
    fn it_stops_where_the_values_take_more_than_there_is_room_for() {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]));
        let lengths: ArrayRef = Arc::new(Int64Array::from(vec![1_000_000; 200]));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![lengths]).expect("one column");
        let dialect = Dialect::new(&Arc::from("UTC"));
        let planned = dialect.plan("repeat('x', n)", &schema).expect("SQL");
        let repeated = dialect.compile(planned, &schema, None, "").expect("SQL");
        assert!(evaluate_within(&repeated, &batch, &mut Room::with(150_000_000)).is_none());
        let mut room = Room::with(250_000_000);
        let (made, failures) = evaluate_within(&repeated, &batch, &mut room).expect("room");
        assert_eq!((made.len(), made.null_count(), failures.len()), (200, 0, 0));
        assert!((49_000_000..=50_000_000).contains(&room.left), "{room:?}");
        assert_eq!(room.left + room.taken(), 250_000_000);
    }

    proptest! {
        #[test]
        fn rows_are_evaluated_in_order_each_once_and_no_more_together_than_there_is_room_for(
            sizes in prop::collection::vec(prop_oneof![0u64..10, 0..TOGETHER / 2, 0..TOGETHER * 2], 0..2_500),
        ) {
            let mut seen = Vec::new();
            in_parts(sizes.len(), &mut |rows, room| {
                let alone = rows.len() == 1;
                rows.clone().try_for_each(|row| room.take(sizes[row]))?;
                let made: u64 = sizes[rows.clone()].iter().sum();
                assert!(rows.len() <= AT_ONCE && (alone || made <= TOGETHER));
                assert_eq!(room.taken(), made);
                seen.extend(rows);
                Some(())
            });
            prop_assert_eq!(seen, (0..sizes.len()).collect::<Vec<_>>());
        }
    }
}
