//! That a condition is, of every row, what SQL's three values say: true, false or null.
//!
//! The conditions are generated together with what they mean, which is worked out here one row at a time and
//! shares nothing with what evaluates them.

mod lost;
mod typed;

use std::fmt;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Int64Array, RecordBatch, StringArray,
};
use arrow::datatypes::{DataType, Field, Schema};
use proptest::prelude::*;

use crate::definition::sql::Dialect;

#[derive(Clone, Debug, Default)]
struct Row {
    i: Option<i64>,
    j: Option<i64>,
    /// In hundredths.
    m: Option<i64>,
    s: Option<&'static str>,
    f: Option<bool>,
    /// Days since the epoch.
    d: Option<i64>,
    e: Option<i64>,
    /// Microseconds since the epoch.
    t: Option<i64>,
    u: Option<i64>,
    /// In quarters.
    x: Option<i64>,
    y: Option<i64>,
    l: Option<Vec<i64>>,
    k: Option<Vec<i64>>,
}

type OfNumber = fn(i64) -> i64;
type OfNumbers = fn(&i64, &i64) -> bool;
type OfText = fn(&str) -> bool;
type OfTruth = fn(Option<bool>) -> bool;

type Meaning<T> = Arc<dyn Fn(&Row) -> Option<T> + Send + Sync>;

/// SQL, and what it means.
struct Says<T> {
    sql: String,
    means: Meaning<T>,
}

impl<T> Clone for Says<T> {
    fn clone(&self) -> Self {
        Says { sql: self.sql.clone(), means: Arc::clone(&self.means) }
    }
}

impl<T> fmt::Debug for Says<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sql)
    }
}

fn says<T>(
    sql: impl Into<String>,
    means: impl Fn(&Row) -> Option<T> + Send + Sync + 'static,
) -> Says<T> {
    Says { sql: sql.into(), means: Arc::new(means) }
}

/// Whole numbers that are null where something in them is.
fn numbers() -> impl Strategy<Value = Says<i64>> {
    let identities: [(&str, OfNumber); 12] = [
        ("{} * 0", |_| 0),
        ("{} * 1", |it| it),
        ("{} + 0", |it| it),
        ("0 + {}", |it| it),
        ("{} - {}", |_| 0),
        ("{} / {}", |_| 1),
        ("{} / 1", |it| it),
        ("{} % 1", |_| 0),
        ("{} & 0", |_| 0),
        ("{} | 0", |it| it),
        ("-(-{})", |it| it),
        ("cast(cast({} as text) as bigint)", |it| it),
    ];
    let column = prop_oneof![Just(says("i", |row| row.i)), Just(says("j", |row| row.j))];
    let constant = (0..5i64).prop_map(|it| says(it.to_string(), move |_| Some(it)));
    let null = Just(says("cast(null as bigint)", |_| None));
    let leaf = prop_oneof![6 => column, 3 => constant, 1 => null];
    leaf.prop_recursive(2, 6, 2, move |inner| {
        let identity = prop::sample::select(identities.to_vec());
        prop_oneof![
            3 => (inner.clone(), identity).prop_map(|(of, (sql, means))| {
                // What would divide by 0 is 0 no more.
                let divides = sql == "{} / {}";
                let text = if divides { format!("({} + 1)", of.sql) } else { format!("({})", of.sql) };
                says(format!("({})", sql.replace("{}", &text)), move |row| (of.means)(row).map(means))
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
            1 => (inner.clone(), inner).prop_map(|(one, two)| {
                says(format!("greatest({}, {})", one.sql, two.sql), move |row| {
                    (one.means)(row).max((two.means)(row))
                })
            }),
        ]
    })
}

fn compared() -> impl Strategy<Value = Says<bool>> {
    let operators: [(&str, OfNumbers); 6] = [
        ("=", |one, two| one == two),
        ("<>", |one, two| one != two),
        ("<", |one, two| one < two),
        ("<=", |one, two| one <= two),
        (">", |one, two| one > two),
        (">=", |one, two| one >= two),
    ];
    let cast = prop::sample::select(&["{}", "cast({} as double)", "cast({} as decimal(12,2))"][..]);
    (numbers(), prop::sample::select(operators.to_vec()), numbers(), cast).prop_map(
        |(one, (sql, means), two, cast)| {
            let sql = format!("{} {sql} {}", cast.replace("{}", &one.sql), two.sql);
            says(sql, move |row| Some(means(&(one.means)(row)?, &(two.means)(row)?)))
        },
    )
}

/// Whether it is one of a list, by `or`.
fn is_in(value: Option<i64>, list: &[Option<i64>]) -> Option<bool> {
    let value = value?;
    if list.contains(&Some(value)) {
        Some(true)
    } else if list.contains(&None) {
        None
    } else {
        Some(false)
    }
}

fn lists() -> impl Strategy<Value = Says<bool>> {
    let items = prop::collection::vec(prop::option::weighted(0.9, 0..5i64), 1..5);
    let text = |items: &[Option<i64>], of: fn(i64) -> String| {
        let item = |item: &Option<i64>| item.map_or("null".to_owned(), of);
        items.iter().map(item).collect::<Vec<_>>().join(", ")
    };
    let not = |not: bool| if not { "not " } else { "" };
    prop_oneof![
        3 => (numbers(), any::<bool>(), items.clone()).prop_map(move |(of, negated, items)| {
            let sql = format!("{} {}in ({})", of.sql, not(negated), text(&items, |it| it.to_string()));
            says(sql, move |row| is_in((of.means)(row), &items).map(|is| is != negated))
        }),
        1 => (any::<bool>(), items.clone()).prop_map(move |(negated, items)| {
            let sql = format!("m {}in ({})", not(negated), text(&items, |it| format!("{it}.5")));
            says(sql, move |row| {
                let cents: Vec<_> = items.iter().map(|it| it.map(|it| it * 100 + 50)).collect();
                is_in(row.m, &cents).map(|is| is != negated)
            })
        }),
        1 => (any::<bool>(), prop::collection::vec(texts(), 1..4)).prop_map(move |(negated, items)| {
            let quoted: Vec<String> = items.iter().map(|it| format!("'{it}'")).collect();
            let sql = format!("s {}in ({})", not(negated), quoted.join(", "));
            says(sql, move |row| Some(items.contains(&row.s?) != negated))
        }),
        2 => (numbers(), any::<bool>(), numbers(), numbers()).prop_map(
            move |(of, negated, low, high)| {
                let sql = format!("{} {}between {} and {}", of.sql, not(negated), low.sql, high.sql);
                says(sql, move |row| {
                    let (value, low, high) = ((of.means)(row), (low.means)(row), (high.means)(row));
                    let at_least = value.zip(low).map(|(value, low)| value >= low);
                    let at_most = value.zip(high).map(|(value, high)| value <= high);
                    and(at_least, at_most).map(|is| is != negated)
                })
            }
        ),
    ]
}

fn texts() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&["", "a", "b", "ab", "foo", "a%"][..])
}

fn patterns() -> impl Strategy<Value = Says<bool>> {
    let all: [(&str, OfText); 22] = [
        ("s ~ '.*'", |_| true),
        ("s ~ ''", |_| true),
        ("s ~ '^a'", |s| s.starts_with('a')),
        ("s ~ '^ab$'", |s| s == "ab"),
        ("s ~ '^$'", |s| s.is_empty()),
        ("s ~ 'a'", |s| s.contains('a')),
        ("s ~ '^(a|b)$'", |s| s == "a" || s == "b"),
        ("s ~ 'foo|b'", |s| s.contains("foo") || s.contains('b')),
        ("s !~ '.*'", |_| false),
        ("s !~ ''", |_| false),
        ("s !~ '^a'", |s| !s.starts_with('a')),
        ("s ~* 'A'", |s| s.contains('a')),
        ("s !~* '^(A|b)$'", |s| s != "a" && s != "b"),
        ("s like '%'", |_| true),
        ("s like '%%'", |_| true),
        ("s not like '%'", |_| false),
        ("s like ''", |s| s.is_empty()),
        ("s like 'a%'", |s| s.starts_with('a')),
        ("s like '_b'", |s| s == "ab"),
        ("s ilike 'A%'", |s| s.starts_with('a')),
        ("starts_with(s, '')", |_| true),
        ("regexp_like(s, '.*')", |_| true),
    ];
    let pattern = prop::sample::select(all.to_vec());
    pattern.prop_map(|(sql, means)| says(sql, move |row| row.s.map(means)))
}

fn and(one: Option<bool>, two: Option<bool>) -> Option<bool> {
    match (one, two) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn or(one: Option<bool>, two: Option<bool>) -> Option<bool> {
    and(one.map(|one| !one), two.map(|two| !two)).map(|neither| !neither)
}

fn conditions() -> impl Strategy<Value = Says<bool>> {
    let leaf = prop_oneof![
        3 => compared(),
        3 => lists(),
        2 => patterns(),
        6 => typed::conditions(),
        1 => Just(says("f", |row: &Row| row.f)),
        1 => prop::sample::select(&["true", "false", "null"][..]).prop_map(|it| {
            says(it, move |_| match it {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            })
        }),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let pair = (inner.clone(), inner.clone());
        let is: [(&str, OfTruth); 8] = [
            ("is null", |it| it.is_none()),
            ("is not null", |it| it.is_some()),
            ("is true", |it| it == Some(true)),
            ("is not true", |it| it != Some(true)),
            ("is false", |it| it == Some(false)),
            ("is not false", |it| it != Some(false)),
            ("is unknown", |it| it.is_none()),
            ("is not unknown", |it| it.is_some()),
        ];
        prop_oneof![
            4 => pair.clone().prop_map(|(one, two)| {
                says(format!("({} and {})", one.sql, two.sql), move |row| {
                    and((one.means)(row), (two.means)(row))
                })
            }),
            4 => pair.clone().prop_map(|(one, two)| {
                says(format!("({} or {})", one.sql, two.sql), move |row| {
                    or((one.means)(row), (two.means)(row))
                })
            }),
            3 => inner.clone().prop_map(|of| {
                says(format!("not ({})", of.sql), move |row| (of.means)(row).map(|it| !it))
            }),
            2 => (inner.clone(), prop::sample::select(is.to_vec())).prop_map(|(of, (sql, means))| {
                says(format!("(({}) {sql})", of.sql), move |row| Some(means((of.means)(row))))
            }),
            1 => pair.clone().prop_map(|(one, two)| {
                says(format!("(({}) = ({}))", one.sql, two.sql), move |row| {
                    Some((one.means)(row)? == (two.means)(row)?)
                })
            }),
            1 => pair.clone().prop_map(|(one, two)| {
                says(format!("(({}) is distinct from ({}))", one.sql, two.sql), move |row| {
                    Some((one.means)(row) != (two.means)(row))
                })
            }),
            1 => pair.clone().prop_map(|(one, two)| {
                says(format!("coalesce({}, {})", one.sql, two.sql), move |row| {
                    (one.means)(row).or_else(|| (two.means)(row))
                })
            }),
            2 => (inner.clone(), inner.clone(), inner.clone()).prop_map(|(when, then, other)| {
                let sql = format!("case when {} then {} else {} end", when.sql, then.sql, other.sql);
                says(sql, move |row| match (when.means)(row) {
                    Some(true) => (then.means)(row),
                    _ => (other.means)(row),
                })
            }),
            1 => (numbers(), 0..5i64, inner.clone(), inner).prop_map(|(of, when, then, other)| {
                let sql = format!(
                    "case {} when {when} then {} when null then {} end",
                    of.sql, then.sql, other.sql
                );
                says(sql, move |row| {
                    if (of.means)(row) == Some(when) { (then.means)(row) } else { None }
                })
            }),
        ]
    })
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let number = || prop::option::weighted(0.7, 0..5i64);
    let row = (
        number(),
        number(),
        prop::option::weighted(0.7, prop::sample::select(&[50i64, 150, 200, 0][..])),
        prop::option::weighted(0.7, texts()),
        prop::option::weighted(0.7, any::<bool>()),
        typed::columns(),
    );
    let row = row.prop_map(|(i, j, m, s, f, typed)| Row { i, j, m, s, f, ..typed });
    prop::collection::vec(row, 1..40)
}

fn batch(rows: &[Row]) -> RecordBatch {
    let cents = Decimal128Array::from_iter(rows.iter().map(|row| row.m.map(i128::from)));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("i", Arc::new(rows.iter().map(|row| row.i).collect::<Int64Array>())),
        ("j", Arc::new(rows.iter().map(|row| row.j).collect::<Int64Array>())),
        ("m", Arc::new(cents.with_precision_and_scale(12, 2).expect("they have room"))),
        ("s", Arc::new(rows.iter().map(|row| row.s).collect::<StringArray>())),
        ("f", Arc::new(rows.iter().map(|row| row.f).collect::<BooleanArray>())),
    ];
    let columns = columns.into_iter().chain(typed::arrays(rows)).collect::<Vec<_>>();
    let field =
        |(name, column): &(&str, ArrayRef)| Field::new(*name, column.data_type().clone(), true);
    let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
    RecordBatch::try_new(schema, columns.into_iter().map(|(_, column)| column).collect())
        .expect("columns of one length")
}

/// What a condition is of each row of a batch.
fn evaluated(condition: &str, batch: &RecordBatch) -> Vec<Option<bool>> {
    let dialect = Dialect::new(&Arc::from("UTC"));
    let schema = batch.schema();
    let planned = dialect.plan(condition, &schema);
    let planned = planned.unwrap_or_else(|error| panic!("{condition}: {error:?}"));
    let boolean = Some(&DataType::Boolean);
    let compiled = dialect.compile(planned, &schema, boolean, condition);
    let compiled = compiled.unwrap_or_else(|error| panic!("{condition}: {error:?}"));
    let values = compiled.evaluate(batch).unwrap_or_else(|error| panic!("{condition}: {error}"));
    values.as_boolean().iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000, ..crate::property::cases(1_000) })]

    #[test]
    fn a_condition_is_what_sql_says_of_every_row(condition in conditions(), rows in rows()) {
        let batch = batch(&rows);
        let right: Vec<Option<bool>> = rows.iter().map(|row| (condition.means)(row)).collect();
        prop_assert_eq!(&evaluated(&condition.sql, &batch), &right);
        // Beside others or alone.
        for (place, right) in right.iter().enumerate().take(5) {
            prop_assert_eq!(&evaluated(&condition.sql, &batch.slice(place, 1)), &[*right]);
        }
    }
}
