//! What every expression has to hold to, whoever wrote it.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array,
    Int64Array, ListArray, ListBuilder, RecordBatch, StringArray, StringBuilder,
    TimestampMicrosecondArray,
};
use arrow::compute::take;
use arrow::datatypes::{Field, Int64Type, Schema};
use selfsame::internals::decode::evaluate;
use selfsame::internals::definition::sql::Dialect;

/// Columns of every type, each with a null, of which some rows have more.
pub fn columns() -> RecordBatch {
    let zone = "Europe/Berlin";
    let lists = [
        Some(vec![Some(1), Some(2)]),
        None,
        Some(vec![]),
        Some(vec![Some(-7)]),
        Some(vec![Some(i64::MAX)]),
    ];
    let cents = [Some(150), Some(-1), None, Some(0), Some(999_999_999_999)];
    let mut texts = ListBuilder::new(StringBuilder::new());
    for list in [Some(&["1"][..]), None, Some(&[]), Some(&["x", "2"]), Some(&["2", "2025-01-01"])] {
        texts.append_option(list.map(|list| list.iter().map(|text| Some(*text))));
    }
    let columns: [(&str, ArrayRef); 10] = [
        ("n", Arc::new(Int64Array::from(vec![Some(3), None, Some(0), Some(-1), Some(i64::MIN)]))),
        (
            "x",
            Arc::new(Float64Array::from(vec![
                Some(0.5),
                None,
                Some(-0.0),
                Some(1e300),
                Some(-2.25),
            ])),
        ),
        (
            "m",
            Arc::new(
                Decimal128Array::from(cents.to_vec())
                    .with_precision_and_scale(12, 2)
                    .expect("room"),
            ),
        ),
        (
            "s",
            Arc::new(StringArray::from(vec![
                Some("Ada"),
                None,
                Some(""),
                Some("ß%_\\"),
                Some("2025-02-29"),
            ])),
        ),
        (
            "p",
            Arc::new(StringArray::from(vec![
                Some("a.*"),
                None,
                Some("("),
                Some("\\w+"),
                Some("%d%"),
            ])),
        ),
        ("b", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false), Some(true), None]))),
        (
            "d",
            Arc::new(Date32Array::from(vec![
                Some(20_000),
                None,
                Some(-719_162),
                Some(2_932_896),
                Some(0),
            ])),
        ),
        (
            "t",
            Arc::new(
                TimestampMicrosecondArray::from(vec![
                    Some(1_743_296_400_000_000),
                    None,
                    Some(-62_135_596_800_000_000),
                    Some(253_402_300_799_999_999),
                    Some(-1),
                ])
                .with_timezone(zone),
            ),
        ),
        ("l", Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(lists))),
        ("w", Arc::new(texts.finish())),
    ];
    let field =
        |(name, column): &(&str, ArrayRef)| Field::new(*name, column.data_type().clone(), true);
    let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
    RecordBatch::try_new(schema, columns.into_iter().map(|(_, column)| column).collect())
        .expect("of one length")
}

/// A row with nothing of others beside it: a slice has all elements of a list's column.
fn alone(batch: &RecordBatch, row: usize) -> RecordBatch {
    let row = Int32Array::from(vec![row as i32]);
    let columns =
        batch.columns().iter().map(|column| take(column, &row, None).expect("it is there"));
    RecordBatch::try_new(batch.schema(), columns.collect()).expect("of one length")
}

/// An expression that is understood gives one value a row, of the type that it says, and of each row the same beside
/// others as alone: the value, or why there is none. Whether it is understood is returned.
pub fn check(sql: &str) -> bool {
    let batch = columns();
    let dialect = Dialect::new("Europe/Berlin");
    let schema = batch.schema();
    let planned = dialect.plan(sql, &schema);
    let Ok(expression) = planned.and_then(|planned| dialect.compile(planned, &schema, None, sql))
    else {
        return false;
    };
    let (together, failures) = evaluate(&expression, &batch);
    assert_eq!(
        (together.len(), together.data_type()),
        (batch.num_rows(), &expression.data_type),
        "{sql}"
    );
    // Behind a batch that has other rows before it.
    let (rest, _) = evaluate(&expression, &batch.slice(1, batch.num_rows() - 1));
    assert_eq!(&rest.to_data(), &together.slice(1, rest.len()).to_data(), "{sql}");
    for row in 0..batch.num_rows() {
        let (alone, failed) = evaluate(&expression, &alone(&batch, row));
        assert_eq!(&alone.to_data(), &together.slice(row, 1).to_data(), "{sql} of row {row}");
        let why = failures.iter().find(|(place, _)| *place == row).map(|(_, why)| why);
        assert_eq!(failed.first().map(|(_, why)| why), why, "{sql} of row {row}");
        assert!(why.is_none() || together.is_null(row), "{sql} of row {row}");
    }
    true
}
