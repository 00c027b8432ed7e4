//! Whatever an expression is: nothing panics, its values are of its type, and of each row the same beside others as
//! alone. The fuzz target `expression` asserts the same of any text.

#[path = "../fuzz/expression.rs"]
mod expression;

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// Functions of one argument, of two and of three, whatever these are.
const FUNCTIONS: [(usize, &[&str]); 3] = [
    (
        1,
        &[
            "abs",
            "upper",
            "lower",
            "trim",
            "ltrim",
            "reverse",
            "length",
            "octet_length",
            "ascii",
            "chr",
            "initcap",
            "round",
            "floor",
            "ceil",
            "trunc",
            "sqrt",
            "exp",
            "ln",
            "sign",
            "sum",
            "count",
            "cardinality",
            "array_length",
            "array_distinct",
            "array_sort",
            "array_max",
            "to_date",
            "to_timestamp",
            "to_unixtime",
            "from_unixtime",
            "to_timestamp_millis",
            "to_local_time",
            "md5",
            "sha256",
            "not",
            "range",
            "hex",
            "factorial",
            "character_length",
            "bit_length",
            "isnan",
            "array_to_string",
            "flatten",
            "make_array",
            "to_hex",
            "coalesce",
        ],
    ),
    (
        2,
        &[
            "left",
            "right",
            "repeat",
            "strpos",
            "starts_with",
            "ends_with",
            "contains",
            "split_part",
            "nullif",
            "coalesce",
            "nvl",
            "greatest",
            "least",
            "power",
            "log",
            "round",
            "mod",
            "array_append",
            "array_has",
            "array_element",
            "array_position",
            "array_remove",
            "array_union",
            "array_repeat",
            "range",
            "date_part",
            "date_trunc",
            "to_char",
            "date_bin",
            "regexp_like",
            "regexp_count",
            "regexp_match",
            "levenshtein",
            "concat",
            "concat_ws",
            "array_to_string",
            "string_to_array",
            "gcd",
            "lcm",
            "atan2",
            "lpad",
            "rpad",
            "trunc",
            "map",
            "since",
            "array_intersect",
            "find_in_set",
            "substr",
            "to_timestamp",
            "bool_and",
            "struct",
        ],
    ),
    (
        3,
        &[
            "replace",
            "substr",
            "translate",
            "lpad",
            "rpad",
            "split_part",
            "regexp_replace",
            "overlay",
            "nvl2",
            "date_bin",
            "range",
            "generate_series",
            "array_slice",
            "array_replace",
            "coalesce",
            "greatest",
            "concat",
            "make_date",
            "make_array",
            "regexp_instr",
            "concat_ws",
            "substr_index",
            "array_resize",
        ],
    ),
];

fn leaf() -> impl Strategy<Value = String> {
    let column = prop::sample::select(&["n", "x", "m", "s", "p", "b", "d", "t", "l", "w"][..]);
    let constant = prop::sample::select(
        &[
            "null",
            "true",
            "false",
            "0",
            "1",
            "-1",
            "2",
            "9223372036854775807",
            "0.5",
            "1e300",
            "-12.50",
            "''",
            "'a'",
            "'day'",
            "'month'",
            "'%Y-%m-%d'",
            "'.*'",
            "'('",
            "'%a_'",
            "'2025-03-30T02:30:00'",
            "'Asia/Tokyo'",
            "interval '1 month'",
            "interval '0 days'",
            "interval '90 minutes'",
            "date '2024-02-29'",
            "now()",
            "timestamp '2025-10-26T00:30:00Z'",
            "make_array(1, 2)",
            "cast(null as text)",
            "cast(null as bigint)",
        ][..],
    );
    prop_oneof![3 => column, 2 => constant].prop_map(str::to_owned)
}

fn expressions() -> impl Strategy<Value = String> {
    let types = [
        "text",
        "bigint",
        "double",
        "decimal(12,2)",
        "boolean",
        "timestamp",
        "date",
        "interval",
        "decimal(38,38)",
        "bigint[]",
        "text[]",
    ];
    let operators = [
        "+",
        "-",
        "*",
        "/",
        "%",
        "||",
        "=",
        "<>",
        "<",
        ">=",
        "and",
        "or",
        "~",
        "!~*",
        "like",
        "not ilike",
        "&",
        "|",
        "<<",
        ">>",
        "is distinct from",
        "at time zone",
    ];
    let one = [
        "-({})",
        "not ({})",
        "({}) is null",
        "({}) is not true",
        "({}) is unknown",
        "({})[1]",
        "({})['a']",
        "({}) in (1, null)",
        "({}) not in ('a', 'b')",
        "extract(year from ({}))",
        "case when {} then 1 end",
        "({}) + interval '1 month'",
        "lower(trim({}))",
        "array_length({})",
        "({}) between 0 and 5",
    ];
    leaf().prop_recursive(4, 20, 3, move |inner| {
        let call = |arguments: usize| {
            let names = FUNCTIONS.iter().find(|(of, _)| *of == arguments).expect("there are some").1;
            (prop::sample::select(names), prop::collection::vec(inner.clone(), arguments))
                .prop_map(|(name, arguments)| format!("{name}({})", arguments.join(", ")))
        };
        let cast = prop::sample::select(&["cast", "try_cast"][..]);
        prop_oneof![
            2 => call(1),
            3 => call(2),
            2 => call(3),
            4 => (inner.clone(), prop::sample::select(operators.to_vec()), inner.clone())
                .prop_map(|(one, operator, other)| format!("({one}) {operator} ({other})")),
            2 => (prop::sample::select(one.to_vec()), inner.clone()).prop_map(|(form, of)| form.replace("{}", &of)),
            2 => (cast, inner.clone(), prop::sample::select(types.to_vec()))
                .prop_map(|(cast, of, to)| format!("{cast}({of} as {to})")),
            1 => (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(when, then, other)| format!("case when {when} then {then} else {other} end")),
            1 => (inner.clone(), inner.clone(), inner)
                .prop_map(|(of, one, other)| format!("({of}) in ({one}, {other})")),
        ]
    })
}

/// Ten times as many cases as others have, since few of them mean anything.
fn runner() -> TestRunner {
    let cases = 10 * ProptestConfig::default().cases.max(1_000);
    TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    })
}

/// How many of the texts are understood, of how many.
fn check(texts: &impl Strategy<Value = String>) -> (u32, u32) {
    let (mut runner, understood) = (runner(), Cell::new(0));
    let outcome = runner.run(texts, |sql| {
        understood.set(understood.get() + u32::from(expression::check(&sql)));
        Ok(())
    });
    outcome.unwrap_or_else(|wrong| panic!("{wrong}"));
    (understood.get(), runner.config().cases)
}

#[test]
fn an_expression_is_of_each_row_what_it_is_of_that_row_alone() {
    let (understood, of) = check(&expressions());
    assert!(understood > of / 10, "{understood} of {of} mean anything");
}

#[test]
fn words_that_make_no_expression_are_told() {
    let (understood, of) = check(&r"[nxmspbdtl0-9 '(),.*/+=<>|\[\]-]{0,40}");
    assert!(understood < of, "nothing is refused");
}
