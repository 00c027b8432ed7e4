//! A batch on which an expression fails is split until the rows that make it fail stand alone.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, new_null_array};
use arrow::compute::{cast, concat};
use arrow::datatypes::DataType;

use crate::spec::sql::Expression;

/// Rows that made an expression fail, with its message.
pub type Failures = Vec<(usize, String)>;

/// One value a row, null where the expression fails.
pub fn evaluate(expression: &Expression, batch: &RecordBatch) -> (ArrayRef, Failures) {
    let mut failures = Failures::new();
    let column =
        split(&|batch| expression.evaluate(batch), &expression.data_type, batch, 0, &mut failures);
    (column, failures)
}

/// Which rows the expression holds for; null counts as false, and so does a failure.
pub fn matches(expression: &Expression, batch: &RecordBatch) -> (BooleanArray, Failures) {
    let mut failures = Failures::new();
    let matches = |batch: &RecordBatch| {
        expression.matches(batch).map(|matches| std::sync::Arc::new(matches) as ArrayRef)
    };
    let column = split(&matches, &DataType::Boolean, batch, 0, &mut failures);
    (column.as_boolean().clone(), failures)
}

/// The values of the given rows only, null for the others: an expression need not be fit for rows
/// that it is not asked about.
pub fn evaluate_where(
    expression: &Expression,
    batch: &RecordBatch,
    chosen: &BooleanArray,
) -> (ArrayRef, Failures) {
    // Rows that nobody asks about seldom fail, and leaving them out costs a copy of every column.
    let (column, mut failures) = evaluate(expression, batch);
    failures.retain(|(row, _)| chosen.value(*row));
    (column, failures)
}

fn split(
    evaluate: &dyn Fn(&RecordBatch) -> Result<ArrayRef, String>,
    data_type: &DataType,
    batch: &RecordBatch,
    first: usize,
    failures: &mut Failures,
) -> ArrayRef {
    let rows = batch.num_rows();
    match evaluate(batch) {
        Ok(column) if column.data_type() == data_type => column,
        Ok(column) => cast(&column, data_type).expect("the plan knows what its expressions give"),
        Err(message) if rows <= 1 => {
            failures.extend((0..rows).map(|_| (first, message.clone())));
            new_null_array(data_type, rows)
        }
        Err(_) => {
            let half = rows / 2;
            let left = split(evaluate, data_type, &batch.slice(0, half), first, failures);
            let right =
                split(evaluate, data_type, &batch.slice(half, rows - half), first + half, failures);
            concat(&[left.as_ref(), right.as_ref()]).expect("both halves have one type")
        }
    }
}
