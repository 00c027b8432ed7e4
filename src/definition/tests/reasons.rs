//! That a function which fails on a row says why in plain words, whatever it is given: not in those of the libraries
//! that evaluate it, which speak of their inside.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::each::arguments::{NULLS, SHEETS, TYPES};
use super::each::calls::{CALLS, OPERATORS};
use super::each::{arguments, evaluated, with};
use crate::definition::sql::Dialect;
use crate::definition::sql::call::takes_null;
use crate::definition::sql::limits::bytes_of;
use crate::plan::{Expression, Limits};

/// What nobody thinks of, by type in the order of [`TYPES`]. Each has a null beside it.
const HOSTILE: [&[&str]; TYPES.len()] = [
    &[
        "''",
        "'a'",
        "'abcabc'",
        "'('",
        "'%'",
        "'é\u{301}x'",
        "'-5'",
        "'2025-07-05'",
        "'NaN'",
        "'hex'",
        "'2025-02-30T00:00:00Z'",
        "'%Q %'",
        "repeat('ab', 3000)",
        "chr(0)",
        "'a{1000}'",
        "'gg'",
        "'\\'",
        "'ff'",
    ],
    &[
        "0",
        "1",
        "-1",
        "-5",
        "3",
        "9223372036854775807",
        "-9223372036854775807 - 1",
        "2147483648",
        "-2147483649",
        "4294967296",
        "1114112",
        "55296",
        "64",
        "1000000000000",
    ],
    &[
        "cast(0 as double)",
        "cast('1e308' as double)",
        "cast('-1e308' as double)",
        "cast('5e-324' as double)",
        "cast(-1 as double)",
        "cast(2 as double)",
        "cast('9.3e18' as double)",
    ],
    &[
        "cast(0 as decimal(12,2))",
        "cast(9999999999.99 as decimal(12,2))",
        "cast(-9999999999.99 as decimal(12,2))",
        "cast(0.01 as decimal(12,2))",
    ],
    &["true", "false"],
    &[
        "timestamp '0001-01-01T00:00:00Z'",
        "timestamp '9999-12-31T22:59:59Z'",
        "timestamp '2025-10-26T01:30:00Z'",
        "timestamp '1969-12-31T23:59:59Z'",
    ],
    &["date '0001-01-01'", "date '9999-12-31'", "date '2024-02-29'"],
    &[
        "arrow_cast([], 'List(Int64)')",
        "[1]",
        "[cast(null as bigint)]",
        "[1, cast(null as bigint), 3]",
        "[9223372036854775807, 9223372036854775807]",
        "[-9223372036854775807 - 1]",
    ],
    &["arrow_cast([], 'List(Utf8)')", "['']", "['a', 'b']", "[cast(null as text), 'x']"],
    &[
        "arrow_cast([], 'List(Float64)')",
        "[cast('1e308' as double), cast('1e308' as double)]",
        "[cast(0 as double), cast(0 as double)]",
        "[cast(1 as double), cast(null as double)]",
    ],
];

/// Words that no reason has.
const NOT_PLAIN: [&str; 20] = [
    "nternal",
    "capacity",
    "panic",
    "unwrap",
    ".rs:",
    "usize",
    "i64",
    "DataFusion",
    "Arrow",
    "Utf8",
    "Int64",
    "Float64",
    "Date32",
    "Decimal128",
    "Timestamp(",
    "List(",
    "array size",
    "at row ",
    "Tried formats",
    "allocat",
];

/// Longer ones are no sentence.
const LONGEST: usize = 400;

fn batch(columns: impl Iterator<Item = ArrayRef>) -> RecordBatch {
    let row: ArrayRef = Arc::new(Int64Array::from(vec![0]));
    let columns = columns.enumerate().map(|(place, column)| (format!("c{place}"), column, true));
    let columns = columns.chain([("row".to_owned(), row, true)]);
    RecordBatch::try_from_iter_with_nullable(columns).expect("of one row")
}

/// What nobody thinks of, evaluated, by type; a null is the last of each.
fn hostile(dialect: &Dialect) -> Vec<Vec<ArrayRef>> {
    let none = batch(std::iter::empty());
    let values = HOSTILE.iter().zip(NULLS).map(|(of, null)| {
        let value =
            |sql: &&str| evaluated(dialect, sql, &none).unwrap_or_else(|e| panic!("{sql}: {e}"));
        of.iter().chain([&null]).map(value).collect()
    });
    values.collect()
}

/// Each call of a function or an operator, with the types of its arguments.
fn compiled(
    dialect: &Dialect,
    values: &[Vec<ArrayRef>],
) -> Vec<(&'static str, Vec<usize>, Expression)> {
    let calls = CALLS.iter().flat_map(|(_, calls)| calls.iter()).chain(OPERATORS);
    let compiled = calls.map(|call| {
        let types = arguments(call);
        let text = with(call, |place| format!("c{place}"));
        let schema = batch(types.iter().map(|of| Arc::clone(&values[*of][0]))).schema();
        let planned =
            dialect.plan(&text, &schema).unwrap_or_else(|e| panic!("{call}: {}", e.message));
        let compiled = dialect.compile(planned, &schema, None, &text);
        (*call, types, compiled.unwrap_or_else(|e| panic!("{call}: {}", e.message)))
    });
    compiled.collect()
}

#[test]
fn each_function_gives_a_value_or_a_reason_in_plain_words() {
    let dialect = Dialect::new("Europe/Berlin");
    let values = hostile(&dialect);
    let compiled = compiled(&dialect, &values);
    let most = Limits::default().bytes;
    let picks = prop::collection::vec(any::<prop::sample::Index>(), 6);
    let each = |picks: Vec<prop::sample::Index>| {
        for (call, types, expression) in &compiled {
            let given = types.iter().zip(&picks).map(|(of, pick)| pick.get(&values[*of]));
            let given = batch(given.map(Arc::clone));
            match expression.evaluate(&given) {
                Ok(made) => prop_assert!(bytes_of(&made, 0) <= most, "{call} of {given:?}"),
                Err(why) => {
                    let plain = !NOT_PLAIN.iter().any(|word| why.contains(word));
                    let is_sentence = plain && why.len() <= LONGEST && !why.contains('\n');
                    prop_assert!(is_sentence, "{call} of {given:?}: {why}");
                }
            }
        }
        Ok(())
    };
    TestRunner::default().run(&picks, each).unwrap_or_else(|wrong| panic!("{wrong}"));
}

/// At which places a null makes null of a call, whatever else it is given of what is plain, nulls too; and at which it
/// does not.
fn strict(dialect: &Dialect, types: &[usize], call: &Expression) -> Vec<bool> {
    let none = batch(std::iter::empty());
    let value = |sql: &str| evaluated(dialect, sql, &none).unwrap_or_else(|e| panic!("{sql}: {e}"));
    let values: Vec<Vec<ArrayRef>> = (0..SHEETS.len() + 1)
        .map(|sheet| {
            let of = |(place, of): (usize, &usize)| match SHEETS.get(sheet) {
                Some(sheet) => value(sheet[*of][place]),
                None => value(NULLS[*of]),
            };
            types.iter().enumerate().map(of).collect()
        })
        .collect();
    let has_value = |null: usize| {
        // Each choice of a sheet, or a null, for each of the others.
        (0..values.len().pow(types.len() as u32)).any(|choice| {
            let sheet = |place: usize| choice / values.len().pow(place as u32) % values.len();
            let given = (0..types.len()).map(|place| Arc::clone(&values[sheet(place)][place]));
            sheet(null) == SHEETS.len()
                && call.evaluate(&batch(given)).is_ok_and(|made| made.is_valid(0))
        })
    };
    (0..types.len()).map(|place| !has_value(place)).collect()
}

/// Whether a call is no more than a function of its arguments, so that none of them fails by itself.
fn is_plain(call: &str) -> Option<&str> {
    let (name, rest) = call.split_once('(')?;
    let arguments = rest.strip_suffix(')')?.split(", ");
    let is_argument = |text: &str| text.len() == 3 && text.starts_with('{') && text.ends_with('}');
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (is_name && { arguments }.all(is_argument)).then_some(name)
}

#[test]
fn a_null_that_makes_null_of_a_call_does_so_whatever_else_it_is_given() {
    let dialect = Dialect::new("Europe/Berlin");
    let values = hostile(&dialect);
    // These are no calls of a function once they are compiled.
    let own = ["coalesce", "nvl"];
    let compiled =
        compiled(&dialect, &values).into_iter().filter_map(|(call, types, expression)| {
            let name = is_plain(call)?;
            (!own.contains(&name)).then_some((call, name, types, expression))
        });
    let compiled: Vec<_> = compiled.collect();
    let mut wrong: Vec<String> = Vec::new();
    for (call, name, types, expression) in &compiled {
        let strict = strict(&dialect, types, expression);
        let places = (0..strict.len()).filter(|place| !strict[*place] && !takes_null(name, *place));
        wrong.extend(places.map(|place| format!("{call} takes a null at {place}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let picks = prop::collection::vec(any::<prop::sample::Index>(), 6);
    let each = |picks: Vec<prop::sample::Index>| {
        for (call, name, types, expression) in &compiled {
            for null in (0..types.len()).filter(|place| !takes_null(name, *place)) {
                let given = types.iter().zip(&picks).enumerate().map(|(place, (of, pick))| {
                    if place == null {
                        values[*of].last().expect("a null")
                    } else {
                        pick.get(&values[*of])
                    }
                });
                let given = batch(given.map(Arc::clone));
                let made = expression.evaluate(&given);
                let is_null = match &made {
                    Ok(made) => made.is_null(0),
                    // An argument that is no number of 32 bits, where a function takes one, fails by itself.
                    Err(why) => why.ends_with("has no room in integer"),
                };
                prop_assert!(is_null, "{call} is {made:?} with a null at {null}: {given:?}");
            }
        }
        Ok(())
    };
    TestRunner::default().run(&picks, each).unwrap_or_else(|wrong| panic!("{wrong}"));
}
