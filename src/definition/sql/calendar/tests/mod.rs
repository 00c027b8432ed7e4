//! What expressions make of instants, held against tables by Python's zoneinfo and against what is known.

mod each;
mod since;

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Date32Type, Field, Schema, TimestampMicrosecondType};
use arrow::util::display::array_value_to_string;
use proptest::prelude::*;

use crate::definition::sql::Dialect;
use crate::time::{Micros, SECOND, date, read_date, read_rfc3339, rfc3339};

/// Evaluates an expression over columns in a zone.
fn evaluate(zone: &str, text: &str, columns: &[(&str, ArrayRef)]) -> Result<ArrayRef, String> {
    let dialect = Dialect::new(zone);
    let fields = columns.iter().map(|(name, of)| Field::new(*name, of.data_type().clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let planned = dialect.plan(text, &schema).map_err(|error| error.message)?;
    let compiled = dialect.compile(planned, &schema, None, text).map_err(|error| error.message)?;
    let arrays = columns.iter().map(|(_, of)| Arc::clone(of)).collect();
    let rows = arrow::array::RecordBatchOptions::new().with_row_count(Some(1));
    let rows = if columns.is_empty() { rows } else { Default::default() };
    let batch = RecordBatch::try_new_with_options(schema, arrays, &rows).expect("columns");
    compiled.evaluate(&batch)
}

fn instants(zone: &str, of: &[Micros]) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(of.to_vec()).with_timezone(zone))
}

/// The one value of an expression over an instant `at`, as it would be sent.
fn said(zone: &str, text: &str, at: &str) -> Result<String, String> {
    let at = instants(zone, &[read_rfc3339(at).expect("an instant")]);
    let value = evaluate(zone, text, &[("at", at)])?;
    Ok(match value.data_type() {
        _ if value.is_null(0) => "null".to_owned(),
        DataType::Timestamp(..) => {
            rfc3339(value.as_primitive::<TimestampMicrosecondType>().value(0))
        }
        DataType::Date32 => date(value.as_primitive::<Date32Type>().value(0).into()),
        _ => array_value_to_string(&value, 0).expect("text"),
    })
}

#[test]
fn expressions_are_what_python_says() {
    let text = include_str!("../../../../../tests/clocks/clocks.tsv");
    let lines: Vec<Vec<&str>> =
        text.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    let mut zones: Vec<&str> = lines.iter().map(|cells| cells[0]).collect();
    zones.dedup();
    for zone in zones {
        for (expression, column) in [
            ("date_trunc('day', at)", 3),
            ("cast(cast(at as date) as timestamp)", 3),
            ("to_date(at)::timestamp", 3),
            ("date_trunc('week', at)", 4),
            ("date_trunc('month', at)", 5),
            ("date_bin(interval '1 month', at)", 5),
            ("date_trunc('quarter', at)", 6),
            ("date_bin(interval '3 months', at)", 6),
            ("date_trunc('year', at)", 7),
            ("date_bin(interval '1 year', at, date '2000-01-01')", 7),
            ("make_date(extract(year from at), 1, 1)", 7),
            ("at + interval '1 month'", 8),
            ("interval '1 month' + at", 8),
            ("at - interval '1 month'", 9),
            ("at + interval '-1 month'", 9),
            ("at + interval '1 year'", 10),
            ("at + arrow_cast('12 months', 'Interval(MonthDayNano)')", 10),
            ("shown::timestamp", 11),
            ("to_timestamp(shown)", 11),
            ("to_timestamp(shown, '%Y-%m-%dT%H:%M:%S%.f')", 11),
            ("cast(to_local_time(at) as timestamp)", 11),
            ("to_local_time(at)", 11),
            ("to_char(at, '%Y-%m-%dT%H:%M:%S.%6f')::timestamp", 11),
            ("(at at time zone 'Asia/Tokyo') at time zone 'Asia/Tokyo'", 1),
            ("at::text::timestamp", 1),
            ("to_char(at, '%Y-%m-%dT%H:%M:%S.%6f')", 2),
            ("to_char(to_local_time(at), '%Y-%m-%dT%H:%M:%S.%6f')", 2),
        ] {
            let known: Vec<&Vec<&str>> = lines
                .iter()
                .filter(|cells| cells[0] == zone && !cells[column].is_empty())
                .collect();
            let at: Vec<Micros> =
                known.iter().map(|cells| read_rfc3339(cells[1]).expect("an instant")).collect();
            let shown: StringArray = known.iter().map(|cells| Some(cells[2])).collect();
            let columns = [("at", instants(zone, &at)), ("shown", Arc::new(shown) as ArrayRef)];
            let made = evaluate(zone, expression, &columns);
            let made = made.unwrap_or_else(|error| panic!("{expression} in {zone}: {error}"));
            assert!(known.len() > 10);
            for (row, cells) in known.iter().enumerate() {
                let expected = cells[column];
                if let Some(made) = made.as_string_opt::<i32>() {
                    assert_eq!(made.value(row), expected, "{expression} of {} in {zone}", cells[1]);
                    continue;
                }
                let made = match made.as_primitive_opt::<Date32Type>() {
                    Some(days) => {
                        let zone = crate::time::zone::Zone::named(zone).expect("a zone");
                        zone.midnight(days.value(row).into())
                    }
                    None => made.as_primitive::<TimestampMicrosecondType>().value(row),
                };
                let expected = read_rfc3339(expected).expect("an instant");
                assert_eq!(
                    rfc3339(made),
                    rfc3339(expected),
                    "{expression} of {} in {zone}",
                    cells[1]
                );
            }
        }
    }
}

#[test]
fn beyond_the_years_is_an_error_and_never_another_value() {
    let (last, first) = ("9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z");
    for (expression, at) in [
        ("at + interval '1 microsecond'", last),
        ("at + interval '1 month'", last),
        ("at + interval '178000000 years'", last),
        ("at - interval '2000000 months'", last),
        ("at - interval '1 microsecond'", first),
        ("at - interval '1 year'", first),
        ("at + (at - timestamp '1000-01-01')", last),
        ("cast(at as date)", last),
        ("at::date + 3000000", "2025-07-05T00:00:00Z"),
        ("at::date + 9223372036854775807", "2025-07-05T00:00:00Z"),
        ("at::date - interval '1 year'", first),
        ("cast(date '9999-12-31' as timestamp) + (at - at) + interval '2 days'", last),
        ("to_timestamp(cast(extract(year from at) as bigint) * 1000000000000)", last),
        ("to_timestamp(cast(extract(epoch from at) as double) * 1e10)", last),
        ("to_timestamp(cast('nan' as double) + extract(year from at))", last),
        ("to_timestamp_nanos(extract(epoch from at) * 1e9 * 1e3)", last),
        ("from_unixtime(cast(extract(epoch from at) as bigint) + 10)", last),
        ("to_date(cast(extract(epoch from at) as bigint))", last),
        ("make_date(cast(extract(year from at) as int), 1, 1)", last),
        ("make_date(0 * cast(extract(year from at) as int), 1, 1)", last),
        ("date_trunc('year', at)", first),
        ("date_bin(interval '0 days', at)", last),
        ("date_bin(interval '-1 months', at)", last),
    ] {
        let said = said("Europe/Berlin", expression, at);
        assert!(said.is_err(), "{expression} of {at} is {said:?}");
    }
    // What is said of constants is said when a definition is read.
    for (expression, part) in [
        ("timestamp '2025-02-29'", "no such day"),
        ("timestamp '10000-01-01'", "no timestamp"),
        ("date '2025-02-29'", "no such day"),
        ("timestamp '9999-12-31 23:59:59-12:00'", "years 1 to 9999"),
        ("date_trunc('fortnight', at)", "date_trunc knows no 'fortnight'"),
        ("at at time zone '+02:00'", "no time zone"),
        ("at at time zone 'Mars/Olympus'", "no time zone"),
        ("from_unixtime(1, 'Asia/Tokyo')", "at time zone"),
        ("cast(5 as timestamp)", "to_timestamp_millis"),
        ("at - timestamp '2000-01-01' > interval '18 years'", "born + interval"),
        ("at - timestamp '2000-01-01' between interval '1 day' and interval '1 month'", "born"),
        ("interval '1 month' > interval '29 days'", "born"),
        ("extract(year from at) * interval '1 day' in (interval '1 year')", "born"),
        ("to_char(at, '%Q')", "'%Q'"),
        ("to_char(at, 'YYYY-MM-DD')", "this one is '%Y-%m-%d'"),
        ("to_timestamp('05.07.2025', 'DD.MM.YYYY')", "this one is '%d.%m.%Y'"),
        ("to_timestamp('5.7.', '%Y', '%d.%m.')", "'%Y' says no day"),
        ("to_unixtime('7/5', '%m/%d')", "'%m/%d' says no year"),
        ("to_date('2025-07', '%Y-%m') > at", "'%Y-%m' says no day"),
        ("to_timestamp('07/05/2025 11:30', '%m/%d/%Y %I:%M') > at", "neither am nor pm"),
        ("to_timestamp_millis('05.07.2025 30', '%d.%m.%Y %M') > at", "a minute and no hour"),
        ("to_unixtime('2025-07-05 11:30:15.5', '%Y-%m-%d %H:%M:%S.%f')", "write %.f"),
        ("generate_series(at, at, interval '0 days') is not null", "leads nowhere"),
    ] {
        let error = said("Europe/Berlin", expression, last).expect_err(expression);
        assert!(error.contains(part), "{expression}: {error}");
    }
}

/// The time beside a day says nothing of it.
#[test]
fn a_day_is_read_by_a_format_that_says_half_a_time() {
    for format in ["%m/%d/%Y %I:%M", "%m/%d/%Y %I:%M %p", "%m/%d/%Y %H:%M"] {
        let text = if format.ends_with("%p") { "07/05/2025 11:30 PM" } else { "07/05/2025 11:30" };
        let day = format!("to_date('{text}', '{format}')");
        let read = said("Europe/Berlin", &day, "2025-07-05T00:00:00Z");
        assert_eq!(read.as_deref(), Ok("2025-07-05"), "{day}");
    }
}

#[test]
fn an_interval_of_months_is_compared_with_nothing_wherever_it_comes_from() {
    let at = "2025-07-05T00:00:00Z";
    for comparison in [
        "MONTHS > interval '29 days'",
        "interval '29 days' <= MONTHS",
        "MONTHS between interval '1 day' and interval '400 days'",
        "MONTHS not in (interval '1 day', interval '2 days')",
        "MONTHS is distinct from interval '1 day'",
        "at - timestamp '2025-01-01' > MONTHS",
        "at + greatest(MONTHS, interval '40 days') > at",
        "nullif(MONTHS, interval '1 day') is null",
    ] {
        for months in
            ["extract(month from at) * interval '1 month'", "cast('7 mo' || 'nths' as interval)"]
        {
            let said = said("Europe/Berlin", &comparison.replace("MONTHS", months), at);
            let error = said.expect_err(comparison);
            assert!(error.contains("no fixed length"), "{comparison} of {months}: {error}");
        }
    }
    for comparison in [
        "extract(day from at) * interval '6 hours' > interval '1 day'",
        "extract(day from at) * interval '6 hours' in (interval '2 days', interval '30 hours')",
        "cast('25 ho' || 'urs' as interval) > interval '1 day'",
        "at - timestamp '2025-07-01' > cast('3 da' || 'ys' as interval)",
        "at + least(interval '25 hours', interval '1 day') < at + interval '25 hours'",
    ] {
        let said = said("Europe/Berlin", comparison, at);
        assert_eq!(said.as_deref(), Ok("true"), "{comparison}");
    }
}

#[test]
fn a_row_that_fails_leaves_its_neighbours_alone_and_nulls_are_null() {
    let columns: [(&str, ArrayRef); 4] = [
        ("text", Arc::new(StringArray::from(vec![None::<&str>]))),
        ("number", Arc::new(Int64Array::from(vec![None::<i64>]))),
        ("double", Arc::new(Float64Array::from(vec![None::<f64>]))),
        ("day", Arc::new(Date32Array::from(vec![None::<i32>]))),
    ];
    for expression in [
        "text::timestamp",
        "text::date",
        "to_timestamp(text)",
        "to_timestamp(text, '%Y-%m-%d')",
        "to_timestamp('2025', text)",
        "to_timestamp(number)",
        "to_timestamp(double)",
        "to_timestamp_millis(number)",
        "from_unixtime(number)",
        "to_unixtime(text)",
        "to_date(number)",
        "make_date(number, 1, 1)",
        "day::timestamp",
        "day + number",
        "day + cast(text as interval)",
        "day + interval '1 month'",
        "date_trunc('month', day)",
        "date_trunc('month', text)",
        "date_trunc('month', null)",
        "date_bin(interval '1 month', day)",
        "date_part('year', day)",
        "to_char(day, '%Y')",
        "to_char(day, text)",
        "day at time zone 'UTC'",
        "timestamp '2025-01-01' at time zone text",
        "day::text",
        "null::timestamp + interval '1 month'",
    ] {
        let value = evaluate("Europe/Berlin", expression, &columns);
        let value = value.unwrap_or_else(|error| panic!("{expression}: {error}"));
        assert!(value.is_null(0), "{expression}");
    }
}

/// Around the edges, and anywhere within the years.
fn edges() -> impl Strategy<Value = Micros> {
    let near = |text: &str| {
        let at = read_rfc3339(text).expect("an instant");
        at - 40 * 3_600 * SECOND..at + 40 * 3_600 * SECOND
    };
    prop_oneof![
        near("2025-10-26T01:00:00Z"),
        near("2025-03-30T01:00:00Z"),
        near("2262-04-11T23:47:16Z"),
        near("2011-12-30T10:00:00Z"),
        -62_000_000_000i64 * SECOND..253_000_000_000 * SECOND,
    ]
}

proptest! {
    #[test]
    fn what_is_written_reads_back_and_begins_before_it(
        zone in prop::sample::select(&[
            "UTC", "Europe/Berlin", "America/Santiago", "Atlantic/Azores", "Asia/Kathmandu",
            "Pacific/Apia", "Australia/Lord_Howe",
        ][..]),
        at in prop::collection::vec(edges(), 1..20),
        months in -30i64..30,
    ) {
        let columns = [("at", instants(zone, &at))];
        let made = |text: &str| evaluate(zone, text, &columns).expect("values");
        // Chrono writes no seconds of offsets, which there were until 1972.
        let same = made(
            "at::text::timestamp = at and \
             (at = to_timestamp(to_char(at, '%+'), '%+') or at < '1972-02-01')",
        );
        let same = same.as_boolean();
        for (row, at) in at.iter().enumerate() {
            prop_assert!(same.value(row), "{}", rfc3339(*at));
        }
        for unit in ["second", "minute", "hour", "day", "week", "month", "quarter", "year"] {
            let text = format!(
                "date_trunc('{unit}', at) <= at and date_trunc('{unit}', date_trunc('{unit}', at)) = \
                 date_trunc('{unit}', at)"
            );
            prop_assert!(made(&text).as_boolean().iter().all(|it| it == Some(true)), "{}", unit);
        }
        // What is moved shows the same, but for a day that there is not and a time that never comes.
        let text = format!(
            "extract(month from at + interval '{months} months') = \
             (extract(month from at) + 11 + {months} + 120) % 12 + 1 or \
             extract(day from at + interval '{months} months') <= 2"
        );
        prop_assert!(made(&text).as_boolean().iter().all(|it| it == Some(true)));
    }

    #[test]
    fn a_day_is_the_one_that_is_written(text in "[0-9]{4}-[01][0-9]-[0-3][0-9]") {
        let column: ArrayRef = Arc::new(StringArray::from(vec![text.clone()]));
        let made = evaluate("Europe/Berlin", "text::date", &[("text", column)]);
        match read_date(&text) {
            Ok(day) => {
                let made = made.expect("a day");
                prop_assert_eq!(i64::from(made.as_primitive::<Date32Type>().value(0)), day);
            }
            Err(_) => prop_assert!(made.is_err(), "{}", text),
        }
    }
}
