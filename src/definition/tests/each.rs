//! That each function and operator gives the same however it comes to its arguments: from columns, for a row
//! alone, or as constants, some of them or all; with a null at each place, and none.

pub mod arguments;
pub mod calls;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::{concat, filter_record_batch, take_record_batch};

use crate::definition::sql::Dialect;
use arguments::{NULLS, SHEETS, TYPES};
use calls::{CALLS, OPERATORS};

/// The types of a call's arguments, by place.
pub fn arguments(call: &str) -> Vec<usize> {
    let types = call.split('{').skip(1).map(|rest| rest.chars().next().expect("a type"));
    types.map(|of| TYPES.find(of).expect("a type")).collect()
}

/// The call with other words for its arguments.
pub fn with(call: &str, mut argument: impl FnMut(usize) -> String) -> String {
    let mut parts = call.split('{');
    let mut text = parts.next().expect("the first").to_owned();
    for (place, part) in parts.enumerate() {
        text += &argument(place);
        text += &part["s}".len()..];
    }
    text
}

pub fn evaluated(dialect: &Dialect, text: &str, batch: &RecordBatch) -> Result<ArrayRef, String> {
    let schema = batch.schema();
    let planned = dialect.plan(text, &schema).map_err(|error| error.message)?;
    let compiled = dialect.compile(planned, &schema, None, text);
    compiled.map_err(|error| error.message)?.evaluate(batch)
}

/// A row for each sheet and for each choice of arguments that are null; the columns are the arguments.
fn rows(types: &[usize]) -> Vec<Vec<&'static str>> {
    let choices =
        (0..SHEETS.len()).flat_map(|sheet| (0..1 << types.len()).map(move |nulls| (sheet, nulls)));
    let row = |(sheet, nulls): (usize, usize)| {
        let argument = |(place, of): (usize, &usize)| match nulls >> place & 1 {
            0 => SHEETS[sheet][*of][place],
            _ => NULLS[*of],
        };
        types.iter().enumerate().map(argument).collect()
    };
    choices.map(row).collect()
}

/// The rows as columns `c0`, `c1`, …, and one that numbers them.
fn batch(dialect: &Dialect, rows: &[Vec<&str>]) -> RecordBatch {
    let number = |rows: usize| -> ArrayRef { Arc::new(Int64Array::from_iter(0..rows as i64)) };
    let one = RecordBatch::try_from_iter([("row", number(1))]).expect("a column");
    let value =
        |sql: &&str| evaluated(dialect, sql, &one).unwrap_or_else(|why| panic!("{sql}: {why}"));
    let column = |place: usize| {
        let values: Vec<ArrayRef> = rows.iter().map(|row| value(&row[place])).collect();
        let values: Vec<&dyn Array> = values.iter().map(AsRef::as_ref).collect();
        (format!("c{place}"), concat(&values).expect("of one type"), true)
    };
    let columns = (0..rows[0].len()).map(column);
    let columns = columns.chain([("row".to_owned(), number(rows.len()), true)]);
    RecordBatch::try_from_iter_with_nullable(columns).expect("of one length")
}

/// What is wrong with a call: nothing, or how it differs from itself.
fn differs(dialect: &Dialect, call: &str, zone: &str) -> Result<(), String> {
    let types = arguments(call);
    let rows = rows(&types);
    let batch = batch(dialect, &rows);
    let column = |place: usize| format!("c{place}");
    let text = with(call, column);
    let schema = batch.schema();
    let compiled = dialect
        .plan(&text, &schema)
        .and_then(|planned| dialect.compile(planned, &schema, None, &text))
        .map_err(|error| format!("{call} is refused: {}", error.message))?;
    let mut well = 0;
    let mut alone = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        // Copied, so that nothing of the others is in it.
        let place = UInt32Array::from(vec![place as u32]);
        let batch = take_record_batch(&batch, &place).expect("of one length");
        let from_columns = compiled.evaluate(&batch);
        well += usize::from(from_columns.is_ok());
        // Each argument alone as a constant, and all of them.
        for constant in 0..=types.len() {
            let is_constant = |place: usize| place == constant || constant == types.len();
            let text =
                with(
                    call,
                    |place| if is_constant(place) { row[place].to_owned() } else { column(place) },
                );
            let from_constants = evaluated(dialect, &text, &batch);
            match (&from_columns, &from_constants) {
                (Ok(one), Ok(other)) if one == other => {}
                (Err(_), Err(_)) => {}
                // That a constant makes all other rows fail is told once, whatever the row is.
                (Ok(_), Err(why))
                    if why.ends_with("always fails: division by zero")
                        || why.starts_with("date_bin counts in")
                        || why.ends_with("leads nowhere")
                        || why.contains(": a format is as in ")
                        || why.contains(" is no country: ") => {}
                _ => {
                    return Err(format!(
                        "{zone}: {text} is {from_constants:?}, of columns {from_columns:?}, row {row:?}"
                    ));
                }
            }
        }
        alone.push(from_columns);
    }
    if well == 0 {
        return Err(format!("{call} fails for all rows: {:?}", alone[0]));
    }
    let chosen: BooleanArray = alone.iter().map(|made| Some(made.is_ok())).collect();
    let chosen = filter_record_batch(&batch, &chosen).expect("of one length");
    let together = compiled.evaluate(&chosen).map_err(|why| format!("{call} together: {why}"))?;
    let alone: Vec<&dyn Array> = alone.iter().flatten().map(AsRef::as_ref).collect();
    match concat(&alone).expect("of one type") == together {
        true => Ok(()),
        false => Err(format!("{call} is another for rows together")),
    }
}

#[test]
fn each_function_is_the_same_of_columns_of_constants_and_row_by_row() {
    let zone = "Europe/Berlin";
    let dialect = Dialect::new(zone);
    // `now()` is a column, and a rank is no function of a row.
    let known = dialect.scalar_functions().into_iter().map(|(name, _)| name);
    let known: Vec<&str> = known.filter(|name| !["now", "ntile"].contains(name)).collect();
    let mut tabled: Vec<&str> = CALLS.iter().map(|(name, _)| *name).collect();
    tabled.sort_unstable();
    assert_eq!(tabled, known, "the table has each function");
    let calls = CALLS.iter().flat_map(|(_, calls)| calls.iter()).chain(OPERATORS);
    let wrong: Vec<String> = calls.filter_map(|call| differs(&dialect, call, zone).err()).collect();
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
}
