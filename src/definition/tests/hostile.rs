//! That no function ends a run, or takes all that there is, whatever it is given; and that each gives for a row
//! alone what it gives for it beside others.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array,
    Int64Builder, ListBuilder, RecordBatch, StringArray, StringBuilder, TimestampMicrosecondArray,
};
use arrow::compute::concat;
use arrow::datatypes::{Field, Schema};

use crate::definition::sql::Dialect;
use crate::definition::sql::limits::bytes_of;
use crate::plan::{Expression, Limits};

const LONG: usize = 20_000;

/// A column of each type, with what nobody thinks of in it. A row of each place has all of them.
fn hostile() -> RecordBatch {
    let long = "x".repeat(LONG);
    let texts: [Option<&str>; 8] = [
        Some(""),
        Some("a"),
        None,
        Some(&long),
        Some("é%_\\$1("),
        Some("day"),
        Some("-1"),
        Some("[a-z]{9}"),
    ];
    let numbers = [i64::MIN, -1, 0, 1, 7, 1_000_000_000_000, i64::MAX, 100_000_000];
    let doubles = [f64::NAN, f64::INFINITY, -0.0, 1.5, 1e308, -1e-308, 0.0, 2.0];
    let mut lists = ListBuilder::new(StringBuilder::new());
    let mut whole_lists = ListBuilder::new(Int64Builder::new());
    for place in 0..8 {
        let items = [0, 1, 3, LONG / 10, 2, 1, 5, 1][place];
        for item in 0..items {
            lists.values().append_option(texts[(place + item) % 8].filter(|text| text.len() < 99));
            whole_lists.values().append_value(numbers[(place + item) % 8]);
        }
        lists.append(place != 6);
        whole_lists.append(place != 6);
    }
    let decimals = numbers.map(|number| Some(i128::from(number) * 1_000_000_000));
    let decimals = Decimal128Array::from_iter(decimals).with_precision_and_scale(38, 10);
    let instants = [-62_135_596_800_000_000, 0, 1_751_673_600_000_000, 253_402_300_799_999_999];
    let instants: Vec<i64> = instants.iter().chain(&instants).copied().collect();
    let days = [-719_162, 0, 20_274, 2_932_896, -1, 1, i32::MAX, i32::MIN];
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("s", Arc::new(StringArray::from(texts.to_vec()))),
        ("n", Arc::new(Int64Array::from(numbers.to_vec()))),
        ("l", Arc::new(lists.finish())),
        ("li", Arc::new(whole_lists.finish())),
        ("x", Arc::new(Float64Array::from(doubles.to_vec()))),
        ("m", Arc::new(decimals.expect("they have room"))),
        ("a", Arc::new(TimestampMicrosecondArray::from(instants).with_timezone("Europe/Berlin"))),
        ("d", Arc::new(Date32Array::from(days.to_vec()))),
        (
            "f",
            Arc::new(BooleanArray::from(vec![true, false, true, false, true, false, true, true])),
        ),
    ];
    let field =
        |(name, column): &(&str, ArrayRef)| Field::new(*name, column.data_type().clone(), true);
    let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
    RecordBatch::try_new(schema, columns.into_iter().map(|(_, column)| column).collect())
        .expect("columns of one length")
}

/// Calls of a function with arguments of all types, and some constants among them.
fn calls(name: &str) -> Vec<String> {
    let all = ["s", "n", "l", "li", "x", "m", "a", "d", "f"];
    let few = ["s", "n", "l", "li", "a", "'day'"];
    let mut calls = vec![format!("{name}()")];
    calls.extend(all.iter().map(|one| format!("{name}({one})")));
    for one in all {
        calls.extend(few.iter().map(|two| format!("{name}({one}, {two})")));
    }
    for one in ["s", "n", "l", "a"] {
        for two in ["s", "n", "l", "'day'"] {
            calls.extend(
                ["s", "n", "a"].iter().map(|three| format!("{name}({one}, {two}, {three})")),
            );
        }
    }
    calls.extend(
        ["s, s, s, s", "s, s, n, s", "s, s, n, n", "s, s, s, 'g'", "l, n, n, n"]
            .map(|of| format!("{name}({of})")),
    );
    // Calls with what no column has.
    calls.extend(
        match name {
            "array_replace_n" => vec!["array_replace_n(l, s, s, n)"],
            "arrow_cast" => vec!["arrow_cast(n, 'Utf8')", "arrow_cast(s, 'Int64')"],
            "arrow_try_cast" => vec!["arrow_try_cast(s, 'Int64')"],
            "date_bin" => {
                vec!["date_bin(interval '1 hour', a)", "date_bin(interval '1 day', a, a)"]
            }
            "date_part" => vec!["date_part('year', a)", "date_part('epoch', d)"],
            "date_trunc" => vec!["date_trunc('month', a)"],
            "encode" => vec!["encode(s, 'hex')", "encode(s, 'base64')"],
            "decode" => {
                vec!["encode(decode(s, 'hex'), 'base64')", "cast(decode(s, 'base64') as text)"]
            }
            "get_field" => vec!["get_field(named_struct('a', n), 'a')"],
            "named_struct" => vec!["named_struct('a', n, 'b', s)['b']"],
            "make_time" => vec!["cast(make_time(n, n, n) as text)"],
            "to_time" => vec!["cast(to_time(s) as text)", "cast(to_time('12:' || n) as text)"],
            "map" => vec!["map(['a'], [n])['a']"],
            "map_entries" => vec!["array_length(map_entries(map(['a'], [n])))"],
            "map_extract" => vec!["map_extract(map(['a'], [n]), 'a')"],
            "map_keys" => vec!["map_keys(map([s], [n]))"],
            "map_values" => vec!["map_values(map([n], [s]))"],
            _ => Vec::new(),
        }
        .into_iter()
        .map(str::to_owned),
    );
    calls
}

fn compiled(dialect: &Dialect, call: &str, schema: &Arc<Schema>) -> Option<Expression> {
    let planned = dialect.plan(call, schema).ok()?;
    dialect.compile(planned, schema, None, call).ok()
}

#[test]
fn no_function_ends_a_run_whatever_it_is_given() {
    let (dialect, batch) = (Dialect::new("Europe/Berlin"), hostile());
    let most = Limits::default().bytes;
    let mut silent = Vec::new();
    for (name, _) in dialect.scalar_functions() {
        let mut tried = 0;
        for call in calls(name) {
            let Some(expression) = compiled(&dialect, &call, &batch.schema()) else { continue };
            let alone: Vec<Result<ArrayRef, String>> = (0..batch.num_rows())
                .map(|row| expression.evaluate(&batch.slice(row, 1)))
                .collect();
            for made in alone.iter().flatten() {
                assert_eq!(made.len(), 1, "{call}");
                assert!(bytes_of(made, 0) <= most, "{call} makes {} bytes", bytes_of(made, 0));
            }
            tried += alone.iter().flatten().count();
            // Those that are well alone are the same together.
            let well: BooleanArray = alone.iter().map(|made| Some(made.is_ok())).collect();
            let rows = arrow::compute::filter_record_batch(&batch, &well).expect("of one length");
            let made: Vec<&dyn Array> = alone.iter().flatten().map(AsRef::as_ref).collect();
            if made.is_empty() {
                continue;
            }
            let together = expression.evaluate(&rows);
            let together = together.unwrap_or_else(|error| panic!("{call} together: {error}"));
            let alone = concat(&made).expect("of one type");
            let said = |column: &ArrayRef| format!("{column:?}");
            assert_eq!(said(&alone), said(&together), "{call}");
        }
        if tried == 0 {
            silent.push(name);
        }
    }
    // `now()` is a column, and a rank is no function of a row.
    assert_eq!(
        silent,
        ["now", "ntile"],
        "a function that never works has no place in the language"
    );
}

#[test]
fn what_would_make_or_take_too_much_is_told_before_it_does() {
    let dialect = Dialect::new("UTC");
    let long: ArrayRef = Arc::new(StringArray::from(vec!["ab".repeat(LONG)]));
    let many: ArrayRef = Arc::new(Int64Array::from(vec![1i64 << 40]));
    let fields = [("s", &long), ("n", &many)];
    let fields = fields.map(|(name, column)| Field::new(name, column.data_type().clone(), true));
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields.to_vec())), vec![long, many]);
    let batch = batch.expect("two columns");
    for (call, why) in [
        ("repeat(s, n)", "make more than 1,048,576 bytes"),
        ("repeat('x', n)", "make more than 1,048,576 bytes"),
        ("repeat(repeat(s, 20), 20)", "make more than 1,048,576 bytes"),
        ("lpad(s, n)", "make more than 1,048,576 bytes"),
        ("rpad('x', n, s)", "make more than 1,048,576 bytes"),
        ("range(n)", "make more than 1,048,576 bytes"),
        ("generate_series(-n, n)", "make more than 1,048,576 bytes"),
        (
            "range(timestamp '2000-01-01', timestamp '9999-01-01', interval '1 minute')",
            "make more than 1,048,576 bytes",
        ),
        ("array_repeat(s, n)", "make more than 1,048,576 bytes"),
        ("array_resize([1], n, 2)", "make more than 1,048,576 bytes"),
        ("replace(s, 'a', s)", "make more than 1,048,576 bytes"),
        ("replace(s, '', s)", "make more than 1,048,576 bytes"),
        ("regexp_replace(s, 'a', s, 'g')", "make more than 1,048,576 bytes"),
        ("array_to_string(string_to_array(s, 'a'), s)", "make more than 1,048,576 bytes"),
        (
            "concat_ws(s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s)",
            "make more than 1,048,576 bytes",
        ),
        ("concat(repeat(s, 20), repeat(s, 20))", "make more than 1,048,576 bytes"),
        ("repeat(s, 20) || repeat(s, 20)", "make more than 1,048,576 bytes"),
        ("lpad(s, n, '')", "make more than 1,048,576 bytes"),
        ("rpad(s, n, left(s, 0))", "make more than 1,048,576 bytes"),
        ("generate_series(-n * 8000000, 8000000 * n)", "make more than 1,048,576 bytes"),
        ("array_resize([1], 9223372036854775807)", "make more than 1,048,576 bytes"),
        ("levenshtein(s, s)", "take more than 100,000,000 steps"),
        ("s ~ '(a{1,100}){1,100}b'", "take more than 100,000,000 steps"),
        ("regexp_like(s, '(\\w{1,100}){1,100}')", "take more than 100,000,000 steps"),
        ("s ~ '\\w{500}'", "'\\w{500}' would take more than 100,000,000 steps to compile"),
        ("s !~* '[^a]{200}\\pL{200}\\w{200}'", "would take more than 100,000,000 steps to compile"),
        ("s ~ ('\\w{' || (n % 100 + 400) || '}')", "take more than 100,000,000 steps"),
        ("regexp_count(s, '\\w{' || (n % 10 + 10) || '}')", "take more than 100,000,000 steps"),
        ("left(s, 100) ~ ('(a{100}){100}' || left(s, 0))", "take more than 100,000,000 steps"),
        ("regexp_count(repeat(s, 20), '.*[^A-Z]|[A-Z]')", "take more than 100,000,000 steps"),
        (
            "regexp_replace(repeat(s, 20), '.*[^A-Z]|[A-Z]', 'xx', 'g')",
            "take more than 100,000,000 steps",
        ),
        ("s like s || '_%a'", "take more than 100,000,000 steps"),
        (
            "array_has_any(string_to_array(s, 'a'), string_to_array(s, 'b'))",
            "take more than 100,000,000 steps",
        ),
    ] {
        let Some(expression) = compiled(&dialect, call, &batch.schema()) else {
            // What is constant is told by `check`.
            let told = dialect.plan(call, &batch.schema()).and_then(|planned| {
                dialect.compile(planned, &batch.schema(), None, call).map(|_| ())
            });
            assert!(told.unwrap_err().message.contains(why), "{call}");
            continue;
        };
        let told = expression.evaluate(&batch).expect_err(call);
        assert!(told.contains(why), "{call}: {told}");
    }
    // And not too soon.
    for call in [
        "repeat(s, 26)",
        "lpad(s, 1000000, 'xyz')",
        // A null makes nothing, however long it would be.
        "lpad(s, n, nullif(s, s))",
        "rpad(nullif(s, s), n)",
        "lpad(nullif(s, s), 1000000000000)",
        "lpad(s, -n)",
        "replace(s, 'a', 'xxxxxxxx')",
        "range(100000)",
        "levenshtein(left(s, 9000), left(s, 9000))",
        "s ~ '\\w{1,64}@\\w+'",
        "left(s, 100) ~ '(a{100}){100}'",
        "s ~ ('^\\w+@\\w+\\.\\w{2,3}$' || left(s, 0))",
        "regexp_replace(s, 'a+', 'b', 'g')",
        "array_to_string(string_to_array(s, 'a'), ', ')",
        "s like '%a%b%'",
    ] {
        let expression = compiled(&dialect, call, &batch.schema()).expect(call);
        assert!(expression.evaluate(&batch).is_ok(), "{call}: {:?}", expression.evaluate(&batch));
    }
}

#[test]
fn patterns_of_many_rows_are_not_held_together() {
    let dialect = Dialect::new("UTC");
    // Each takes a quarter of a megabyte once it is compiled.
    let patterns: Vec<String> = (0..400).map(|row| format!("(a{{30}}){{100}}{row}")).collect();
    let patterns: ArrayRef = Arc::new(StringArray::from(patterns));
    let schema = Arc::new(Schema::new(vec![Field::new("p", patterns.data_type().clone(), true)]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![patterns]).expect("one column");
    for call in
        ["'a' ~ p", "regexp_like('a', p)", "regexp_count('a', p)", "regexp_replace('a', p, '')"]
    {
        let expression = compiled(&dialect, call, &schema).expect(call);
        let told = expression.evaluate(&batch).expect_err(call);
        assert!(
            told.contains("its rows make more than 67,108,864 bytes together"),
            "{call}: {told}"
        );
        assert!(expression.evaluate(&batch.slice(0, 100)).is_ok(), "{call}");
    }
}
