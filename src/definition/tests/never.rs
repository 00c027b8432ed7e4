//! That what is said never to be true never is, by SQL itself; and that what is plain is found.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array,
    RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion_common::DFSchema;
use proptest::prelude::*;

use crate::definition::lint::satisfiability::{Constraint, Supposed};
use crate::definition::sql::Dialect;
use crate::definition::sql::names::NOW;

/// Not UTC: a day that meets an instant begins by its clocks.
fn dialect() -> Dialect {
    Dialect::new(&Arc::from("Europe/Berlin"))
}

fn schema() -> SchemaRef {
    let timestamp = dialect().timestamp();
    let columns = [
        ("i", DataType::Int64),
        ("j", DataType::Int64),
        ("m", DataType::Decimal128(12, 2)),
        ("x", DataType::Float64),
        ("y", DataType::Float64),
        ("s", DataType::Utf8),
        ("t", DataType::Utf8),
        ("f", DataType::Boolean),
        ("d", DataType::Date32),
        ("a", timestamp.clone()),
        ("b", timestamp.clone()),
        (NOW, timestamp),
    ];
    let columns = columns.into_iter().map(|(name, of)| Field::new(name, of, true));
    Arc::new(Schema::new(columns.collect::<Vec<_>>()))
}

/// Whether it is known that a condition is never true.
fn is_never(condition: &str) -> bool {
    let (dialect, schema) = (dialect(), schema());
    let planned = dialect.plan(condition, &schema).unwrap_or_else(|e| panic!("{condition}: {e:?}"));
    let schema = Arc::new(DFSchema::try_from(schema).expect("names differ"));
    let simple = dialect.folded(planned, &schema);
    let simple = simple.unwrap_or_else(|error| panic!("{condition}: {error}"));
    let mut supposed = Supposed::new((*schema).clone());
    supposed.require(vec![Constraint::True(simple)]).is_err()
}

#[test]
fn what_excludes_itself_is_found() {
    let all = [
        "i > 5 and i < 6",
        "i > 5 and not i > 3",
        "i > 2 and i < 2.5",
        "i not between 1 and 3 and i between 2 and 3",
        "i in (1, 2) and i not in (1, 2, 3)",
        "i > j and j > i",
        "i >= j and i <= j and i <> j",
        "i < j and j < m and m < 3 and i > 2",
        "m > 1.5 and m < 1.5",
        "x > 0.5 and x < 0.1",
        "x < y and y < x",
        "s <> s",
        "s <> 'a' and s = 'a'",
        "s > 'b' and s < 'a'",
        "s = t and t = 'a' and s = 'b'",
        "s like 'a%' and s not like 'a%'",
        "starts_with(s, 'a') and not starts_with(s, 'a')",
        "upper(s) = 'A' and upper(s) = 'B'",
        "upper(s) = 'a'",
        "'B' = lower(trim(s))",
        "trim(s) = 'a '",
        "upper(s) in ('a', 'b')",
        "s like 'a%' and s like 'b%'",
        "s like 'ab%c' and s < 'ab'",
        "s like 'a' and s = 'b'",
        "starts_with(s, 'b') and s = 'a'",
        "s like 'a_' and (s like 'b%' or s > 'b')",
        "s is null and s > 'a'",
        "f and not f",
        "f = false and f",
        "d > date '2025-01-02' and d < date '2025-01-03'",
        "a > now() and a < now()",
        "a < now() - interval '10 days' and a > now() - interval '5 days'",
        "now() - a > interval '10 days' and a > now() - interval '5 days'",
        "now() - a between interval '3 days' and interval '1 day'",
        "a > b + interval '1 day' and b > now() and a < now() + interval '1 hour'",
        "now() - a > now() - b and a >= b",
        "a > '2300-01-01' and a < '2299-01-01'",
        "a < '2025-01-01' and now() - interval '1 day' = a and now() > '2025-01-03'",
        "(i > 5 or j > 5) and i < 3 and j < 3",
        "s not like 'a%' and not (s not like 'a%')",
        "case when f then i else 7 end > 3 and false",
        "case when i > 5 then i < 3 else false end",
        "coalesce(null, i) is null and i = 3",
        "nullif(s, s) is not null",
        "(case when i > 3 and i < 2 then j end) is not null",
        "(i > 3) is true and i < 2",
        "(f or f is null) is not true and f",
    ];
    let missed: Vec<&str> = all.into_iter().filter(|condition| !is_never(condition)).collect();
    assert_eq!(missed, [""; 0]);
}

/// Up to the last digit: a number of 64 bits that a double has not.
#[test]
fn what_one_value_meets_is_never_said_to_be_impossible() {
    for condition in [
        "i > 9007199254740992 and i < 9007199254740994",
        "i > 9007199254740992 and i <= 9007199254740993",
        "m > 1.5 and m < 1.52",
        "x >= 0.1 and x <= 0.1",
        "a > now() - interval '10 days' and a < now() - interval '5 days'",
        "a >= now() and a <= now()",
        "a > '2025-01-01T00:00:00Z' and a < '2025-01-01T00:00:00.000002Z'",
        "d = date '2025-01-02' and d = '2025-01-02'",
        // Berlin's midnight is still the day before in UTC.
        "d = date '2025-01-02' and d < timestamp '2025-01-02T00:00:00Z'",
        "s is null or s <> 'a'",
        "s like 'a%' and s like 'ab%' and s > 'abc'",
        "s like '%a' and s like 'b%'",
        "s ilike 'A%' and s like 'a%'",
        "upper(s) = 'A' and lower(s) = 'a' and trim(s) = s",
        "i + 1 < i",
        "a > now() - interval '1 month' and a < now() - interval '30 days'",
    ] {
        assert!(!is_never(condition), "{condition}");
    }
}

fn compared(sides: &'static [&'static str]) -> impl Strategy<Value = String> {
    let operators = prop::sample::select(vec!["<", "<=", ">", ">=", "=", "<>"]);
    let side = || prop::sample::select(sides);
    prop_oneof![
        6 => (side(), operators, side()).prop_map(|(one, op, two)| format!("{one} {op} {two}")),
        1 => (side(), any::<bool>(), side(), side()).prop_map(|(one, not, low, high)| {
            format!("{one} {}between {low} and {high}", if not { "not " } else { "" })
        }),
        1 => (side(), any::<bool>(), side(), side()).prop_map(|(one, not, two, three)| {
            format!("{one} {}in ({two}, {three})", if not { "not " } else { "" })
        }),
        1 => (side(), any::<bool>()).prop_map(|(one, not)| {
            format!("{one} is {}null", if not { "not " } else { "" })
        }),
        1 => (side(), side(), side()).prop_map(|(one, two, three)| {
            format!("nullif({one}, {two}) = {three}")
        }),
    ]
}

fn conditions() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        compared(&["i", "j", "m", "1", "2", "2.5", "3.00", "i + 1", "i - j"]),
        compared(&["x", "y", "0.1", "2", "i", "x * 2"]),
        compared(&["s", "t", "'a'", "'b'", "'aa'", "upper(s)", "lower(s)", "trim(t)", "s || t"]),
        compared(&[
            "a",
            "b",
            NOW,
            "now() - interval '1 day'",
            "a + interval '2 days'",
            "b - interval '36 hours'",
            "a - interval '1 month'",
            "'2025-01-03'",
            "timestamp '2025-01-05T00:00:00Z'",
            "d",
        ]),
        compared(&["now() - a", "now() - b", "a - b", "interval '1 day'", "interval '48 hours'"]),
        compared(&["d", "date '2025-01-02'", "'2025-01-03'", "d + 1"]),
        Just("f".to_owned()),
        Just("s like 'a%'".to_owned()),
        Just("s like 'a_'".to_owned()),
        Just("starts_with(s, 'A')".to_owned()),
        Just("s like ''".to_owned()),
        Just("f is not true".to_owned()),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let parts = prop::collection::vec(inner.clone(), 2..5);
        prop_oneof![
            4 => parts.clone().prop_map(|parts| format!("({})", parts.join(" and "))),
            2 => parts.prop_map(|parts| format!("({})", parts.join(" or "))),
            2 => inner.clone().prop_map(|part| format!("not ({part})")),
            1 => (inner.clone(), inner.clone(), inner).prop_map(|(when, then, or)| {
                format!("case when {when} then {then} else {or} end")
            }),
        ]
    })
}

/// Rows of few values, so that many conditions hold for some.
fn rows() -> impl Strategy<Value = RecordBatch> {
    let picked = prop::collection::vec(prop::option::weighted(0.85, 0..5i64), 300 * 12);
    picked.prop_map(|picked| {
        let of = |column: usize| picked[300 * column..300 * (column + 1)].iter().copied();
        let instant = |of: i64| 1_735_689_600_000_000 + of * 43_200_000_000;
        let instants = |column: usize| -> ArrayRef {
            let values = of(column).map(|value| value.map(instant));
            Arc::new(TimestampMicrosecondArray::from_iter(values).with_timezone("Europe/Berlin"))
        };
        let texts = |column: usize| -> ArrayRef {
            let text = |of: i64| ["a", "b", "aa", "A", ""][of as usize];
            Arc::new(of(column).map(|value| value.map(text)).collect::<StringArray>())
        };
        let number = |column: usize| -> ArrayRef {
            let number = |of: i64| [0.1, 2.0, f64::NAN, -0.0, 0.2][of as usize];
            Arc::new(of(column).map(|value| value.map(number)).collect::<Float64Array>())
        };
        let decimals = of(2).map(|value| value.map(|of| i128::from(of) * 50 + 100));
        let decimals = Decimal128Array::from_iter(decimals);
        let days = of(8).map(|value| value.map(|of| 20_089 + of as i32));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter(of(0))),
            Arc::new(Int64Array::from_iter(of(1))),
            Arc::new(decimals.with_precision_and_scale(12, 2).expect("they have room")),
            number(3),
            number(4),
            texts(5),
            texts(6),
            Arc::new(BooleanArray::from_iter(of(7).map(|value| value.map(|of| of > 2)))),
            Arc::new(Date32Array::from_iter(days)),
            instants(9),
            instants(10),
            instants(11),
        ];
        RecordBatch::try_new(schema(), columns).expect("the schema's columns")
    })
}

proptest! {
    #![proptest_config(crate::property::cases(1_500))]

    #[test]
    fn what_is_said_to_be_never_true_never_is(condition in conditions(), rows in rows()) {
        let dialect = dialect();
        let Ok(planned) = dialect.plan(&condition, &rows.schema()) else { return Ok(()) };
        let boolean = Some(&DataType::Boolean);
        let compiled = dialect.compile(planned, &rows.schema(), boolean, &condition);
        let Ok(compiled) = compiled else { return Ok(()) };
        if is_never(&condition) {
            // Where it fails for one row, it may hold for others.
            for row in 0..rows.num_rows() {
                if let Ok(value) = compiled.evaluate(&rows.slice(row, 1)) {
                    let holds = value.as_boolean().iter().next().flatten();
                    prop_assert_ne!(holds, Some(true), "{:?}", rows.slice(row, 1));
                }
            }
        }
    }

    #[test]
    fn comparisons_of_one_value_that_rule_each_other_out_are_found(
        (low, high) in (0..5i64, 0..5i64),
        (above, below) in prop::sample::select(vec![(">", "<"), (">", "<="), (">=", "<"), (">=", "<=")]),
    ) {
        let condition = format!("i {above} {low} and i {below} {high}");
        let least = low + i64::from(above == ">");
        let most = high - i64::from(below == "<");
        prop_assert_eq!(is_never(&condition), least > most, "{}", condition);
    }
}
