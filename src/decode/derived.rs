//! The columns of a source's rows: its fields, and what is derived of them.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::SchemaRef;

use super::context::DecodeContext;
use super::evaluate::{Failures, Room, evaluate_within};
use crate::plan::Source;
use crate::time::Micros;

pub fn batch_of(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> RecordBatch {
    // A source may have no field at all: the number of rows is then known from nothing else.
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .expect("columns have the types that the plan says")
}

/// The fields and, behind them, the derived columns, with the rows on which each of these fails.
pub(super) fn derived(
    context: &DecodeContext<'_>,
    fields: &[ArrayRef],
    rows: usize,
    room: &mut Room,
) -> Option<(RecordBatch, Vec<Failures>)> {
    let source = context.source;
    let mut batch = batch_of(&context.prefixes[0], fields.to_vec(), rows);
    let mut failed = Vec::new();
    for ((_, expression), schema) in source.derived.iter().zip(&context.prefixes[1..]) {
        let (column, failures) = evaluate_within(expression, &batch, room)?;
        failed.push(failures);
        let mut columns = batch.columns().to_vec();
        columns.push(column);
        batch = batch_of(schema, columns, rows);
    }
    Some((batch, failed))
}

/// All of the source's columns: the pseudo-column `time` too, unless a field has that name.
pub(super) fn with_time(
    source: &Source,
    batch: RecordBatch,
    times: &[Option<Micros>],
) -> RecordBatch {
    let place = batch.num_columns();
    if place == source.schema.fields().len() {
        return batch;
    }
    let times = TimestampMicrosecondArray::from_iter(times.iter().copied());
    let mut columns = batch.columns().to_vec();
    let time = cast(&times.with_timezone("UTC"), source.schema.field(place).data_type());
    columns.push(time.expect("the time zone alone differs"));
    batch_of(&source.schema, columns, batch.num_rows())
}
