//! Days, instants, lengths of time, doubles and lists in conditions.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Float64Array, ListArray, TimestampMicrosecondArray};
use arrow::datatypes::Int64Type;
use proptest::prelude::*;

use super::{Meaning, OfNumber, OfNumbers, Row, Says, and, is_in, says};

/// 2025-01-01, and what is counted from there.
const DAY: i64 = 20_089;
const HOUR: i64 = 3_600_000_000;

type Column = fn(&Row) -> Option<i64>;

/// Values of one type, each known by a whole number that is ordered as they are.
struct Of {
    columns: [(&'static str, Column); 2],
    /// How a value is written.
    constant: fn(i64) -> String,
    values: &'static [i64],
    null: &'static str,
    /// What gives another value of the type, `{}` being the one.
    steps: &'static [(&'static str, OfNumber)],
}

const DAYS: Of = Of {
    columns: [("d", |row| row.d), ("e", |row| row.e)],
    constant: |day| format!("date '2025-01-{:02}'", day - DAY + 1),
    values: &[DAY, DAY + 1, DAY + 2],
    null: "cast(null as date)",
    steps: &[
        ("({} + interval '1 day')", |day| day + 1),
        ("({} - interval '2 days')", |day| day - 2),
        ("cast(cast({} as text) as date)", |day| day),
        ("cast(cast({} as timestamp) as date)", |day| day),
        ("cast(date_trunc('day', cast({} as timestamp)) as date)", |day| day),
    ],
};

const INSTANTS: Of = Of {
    columns: [("t", |row| row.t), ("u", |row| row.u)],
    constant: |at| format!("timestamp '2025-01-01T{:02}:00:00Z'", at / HOUR - DAY * 24),
    values: &[DAY * 24 * HOUR, (DAY * 24 + 1) * HOUR, (DAY * 24 + 5) * HOUR],
    null: "cast(null as timestamp)",
    steps: &[
        ("({} + interval '1 hour')", |at| at + HOUR),
        ("({} - interval '1 day')", |at| at - 24 * HOUR),
        ("cast(cast({} as text) as timestamp)", |at| at),
        ("date_trunc('day', {})", |at| at.div_euclid(24 * HOUR) * 24 * HOUR),
        ("to_timestamp_seconds(to_unixtime({}))", |at| at),
    ],
};

const DOUBLES: Of = Of {
    columns: [("x", |row| row.x), ("y", |row| row.y)],
    constant: |quarters| format!("cast({} as double)", quarters as f64 / 4.0),
    values: &[-2, 0, 1, 4],
    null: "cast(null as double)",
    steps: &[
        ("({} * 0)", |_| 0),
        ("({} * 1)", |it| it),
        ("({} + 0)", |it| it),
        ("({} - {})", |_| 0),
        ("(-{})", |it| -it),
        ("nanvl({}, 7)", |it| it),
        ("abs({})", i64::abs),
        ("cast(cast({} as text) as double)", |it| it),
    ],
};

/// Expressions of one type that are null where something in them is, and some that are not.
fn values(of: &'static Of) -> impl Strategy<Value = Says<i64>> {
    let column = prop::sample::select(&of.columns[..]).prop_map(|(name, of)| says(name, of));
    let constant = prop::sample::select(of.values);
    let constant = constant.prop_map(|value| says((of.constant)(value), move |_| Some(value)));
    let null = Just(says(of.null, |_| None));
    let leaf = prop_oneof![6 => column, 3 => constant, 1 => null];
    leaf.prop_recursive(2, 6, 3, move |inner| {
        let step = prop::sample::select(of.steps);
        prop_oneof![
            3 => (inner.clone(), step).prop_map(|(of, (sql, means))| {
                let sql = sql.replace("{}", &of.sql);
                says(sql, move |row| (of.means)(row).map(means))
            }),
            1 => (inner.clone(), inner.clone()).prop_map(|(one, two)| {
                says(format!("coalesce({}, {})", one.sql, two.sql), move |row| {
                    (one.means)(row).or_else(|| (two.means)(row))
                })
            }),
            1 => (inner.clone(), inner.clone()).prop_map(|(one, two)| {
                says(format!("nullif({}, {})", one.sql, two.sql), move |row| {
                    let value = (one.means)(row)?;
                    (Some(value) != (two.means)(row)).then_some(value)
                })
            }),
            1 => (inner.clone(), inner.clone()).prop_map(|(one, two)| {
                says(format!("least({}, {})", one.sql, two.sql), move |row| {
                    let both = [(one.means)(row), (two.means)(row)];
                    both.into_iter().flatten().min()
                })
            }),
            1 => (inner.clone(), inner).prop_map(|(one, two)| {
                says(format!("nvl2(f, {}, {})", one.sql, two.sql), move |row| {
                    if row.f.is_some() { (one.means)(row) } else { (two.means)(row) }
                })
            }),
        ]
    })
}

const OPERATORS: [(&str, OfNumbers); 6] = [
    ("=", |one, two| one == two),
    ("<>", |one, two| one != two),
    ("<", |one, two| one < two),
    ("<=", |one, two| one <= two),
    (">", |one, two| one > two),
    (">=", |one, two| one >= two),
];

/// Two sides that are held against each other; `unit` times the second is what the first counts.
fn compared(
    one: Says<i64>,
    (sql, means): (&str, OfNumbers),
    two: Says<i64>,
    unit: i64,
) -> Says<bool> {
    says(format!("{} {sql} {}", one.sql, two.sql), move |row| {
        Some(means(&(one.means)(row)?, &((two.means)(row)? * unit)))
    })
}

fn relations(of: &'static Of) -> impl Strategy<Value = Says<bool>> {
    let operator = prop::sample::select(&OPERATORS[..]);
    let items = prop::collection::vec(values(of), 1..4);
    prop_oneof![
        3 => (values(of), operator, values(of)).prop_map(|(one, operator, two)| compared(one, operator, two, 1)),
        1 => (values(of), any::<bool>(), values(of), values(of)).prop_map(|(of, negated, low, high)| {
            let not = if negated { "not " } else { "" };
            let sql = format!("{} {not}between {} and {}", of.sql, low.sql, high.sql);
            says(sql, move |row| {
                let (value, low, high) = ((of.means)(row), (low.means)(row), (high.means)(row));
                let at_least = value.zip(low).map(|(value, low)| value >= low);
                let at_most = value.zip(high).map(|(value, high)| value <= high);
                and(at_least, at_most).map(|is| is != negated)
            })
        }),
        1 => (values(of), any::<bool>(), items).prop_map(|(of, negated, items)| {
            let not = if negated { "not " } else { "" };
            let list: Vec<&str> = items.iter().map(|item| item.sql.as_str()).collect();
            let sql = format!("{} {not}in ({})", of.sql, list.join(", "));
            let items: Vec<Meaning<i64>> = items.into_iter().map(|item| item.means).collect();
            says(sql, move |row| {
                let items: Vec<Option<i64>> = items.iter().map(|item| item(row)).collect();
                is_in((of.means)(row), &items).map(|is| is != negated)
            })
        }),
        1 => (values(of), values(of)).prop_map(|(one, two)| {
            says(format!("({} is distinct from {})", one.sql, two.sql), move |row| {
                Some((one.means)(row) != (two.means)(row))
            })
        }),
    ]
}

/// What lies between two instants, and between two days, which is a number of them.
fn lengths() -> impl Strategy<Value = Says<bool>> {
    let operator = || prop::sample::select(&OPERATORS[..]);
    prop_oneof![
        (values(&INSTANTS), values(&INSTANTS), operator(), -2..30i64).prop_map(
            |(one, two, operator, hours)| {
                let between = says(format!("{} - {}", one.sql, two.sql), move |row| {
                    Some((one.means)(row)? - (two.means)(row)?)
                });
                let length = says(format!("interval '{hours} hours'"), move |_| Some(hours));
                compared(between, operator, length, HOUR)
            }
        ),
        (values(&DAYS), values(&DAYS), operator(), -2..3i64).prop_map(
            |(one, two, operator, days)| {
                let between = says(format!("{} - {}", one.sql, two.sql), move |row| {
                    Some((one.means)(row)? - (two.means)(row)?)
                });
                compared(between, operator, says(days.to_string(), move |_| Some(days)), 1)
            }
        ),
        // A day that meets an instant is the one with which it begins.
        (values(&INSTANTS), operator(), values(&DAYS))
            .prop_map(|(at, operator, day)| { compared(at, operator, day, 24 * HOUR) }),
        (values(&DOUBLES), operator(), 0..3i64).prop_map(|(of, operator, whole)| {
            compared(of, operator, says(whole.to_string(), move |_| Some(whole)), 4)
        }),
    ]
}

type OfList = fn(&[i64], &[i64]) -> bool;

/// What is null where one of the lists is.
const OF_LISTS: [(&str, OfList); 7] = [
    ("{} = {}", |one, two| one == two),
    ("{} <> {}", |one, two| one != two),
    ("array_has_all({}, {})", |one, two| two.iter().all(|item| one.contains(item))),
    ("array_has_any({}, {})", |one, two| two.iter().any(|item| one.contains(item))),
    ("array_has({}, 2) = array_has({}, 2)", |one, two| one.contains(&2) == two.contains(&2)),
    ("cardinality({}) > cardinality({})", |one, two| one.len() > two.len()),
    ("empty({}) = empty({})", |one, two| one.is_empty() == two.is_empty()),
];

fn lists() -> impl Strategy<Value = Says<Vec<i64>>> {
    prop_oneof![
        3 => Just(says("l", |row: &Row| row.l.clone())),
        3 => Just(says("k", |row: &Row| row.k.clone())),
        1 => Just(says("[1, 2]", |_| Some(vec![1, 2]))),
        1 => Just(says("arrow_cast(null, 'List(Int64)')", |_| None)),
        1 => Just(says("coalesce(l, k)", |row: &Row| row.l.clone().or_else(|| row.k.clone()))),
        1 => Just(says("array_reverse(l)", |row: &Row| {
            row.l.as_ref().map(|list| list.iter().rev().copied().collect())
        })),
    ]
}

fn of_lists() -> impl Strategy<Value = Says<bool>> {
    prop_oneof![
        4 => (lists(), prop::sample::select(&OF_LISTS[..]), lists()).prop_map(|(one, (sql, means), two)| {
            let sql = sql.replacen("{}", &one.sql, 1).replacen("{}", &two.sql, 1);
            says(sql, move |row| Some(means(&(one.means)(row)?, &(two.means)(row)?)))
        }),
        1 => (lists(), 1..3usize, 0..4i64).prop_map(|(list, place, value)| {
            says(format!("{}[{place}] = {value}", list.sql), move |row| {
                (list.means)(row)?.get(place - 1).map(|item| *item == value)
            })
        }),
        1 => lists().prop_map(|list| {
            says(format!("{} is null", list.sql), move |row| Some((list.means)(row).is_none()))
        }),
    ]
}

pub fn conditions() -> impl Strategy<Value = Says<bool>> {
    prop_oneof![
        2 => relations(&DAYS),
        2 => relations(&INSTANTS),
        2 => relations(&DOUBLES),
        2 => lengths(),
        2 => of_lists(),
    ]
}

/// What these look at; the rest is null.
pub fn columns() -> impl Strategy<Value = Row> {
    let one = |of: &'static Of| prop::option::weighted(0.7, prop::sample::select(of.values));
    let list = || prop::option::weighted(0.7, prop::collection::vec(1..4i64, 0..3));
    let columns = (
        one(&DAYS),
        one(&DAYS),
        one(&INSTANTS),
        one(&INSTANTS),
        one(&DOUBLES),
        one(&DOUBLES),
        list(),
        list(),
    );
    columns.prop_map(|(d, e, t, u, x, y, l, k)| Row { d, e, t, u, x, y, l, k, ..Row::default() })
}

pub fn arrays(rows: &[Row]) -> Vec<(&'static str, ArrayRef)> {
    let day = |of: Column| -> ArrayRef {
        Arc::new(rows.iter().map(|row| of(row).map(|day| day as i32)).collect::<Date32Array>())
    };
    let instant = |of: Column| -> ArrayRef {
        let instants = rows.iter().map(of).collect::<TimestampMicrosecondArray>();
        Arc::new(instants.with_timezone("UTC"))
    };
    let double = |of: Column| -> ArrayRef {
        let doubles = rows.iter().map(|row| of(row).map(|quarters| quarters as f64 / 4.0));
        Arc::new(doubles.collect::<Float64Array>())
    };
    let list = |of: fn(&Row) -> &Option<Vec<i64>>| -> ArrayRef {
        let lists =
            rows.iter().map(|row| of(row).as_ref().map(|list| list.iter().copied().map(Some)));
        Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(lists))
    };
    vec![
        ("d", day(|row| row.d)),
        ("e", day(|row| row.e)),
        ("t", instant(|row| row.t)),
        ("u", instant(|row| row.u)),
        ("x", double(|row| row.x)),
        ("y", double(|row| row.y)),
        ("l", list(|row| &row.l)),
        ("k", list(|row| &row.k)),
    ]
}
