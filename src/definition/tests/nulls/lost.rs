//! Conditions that lost a null, or took for constant what is none.

use super::{Row, batch, evaluated};

#[test]
fn nulls_that_were_lost_before_are_kept() {
    let unknown = Row::default();
    for condition in [
        "i not in (1) or i not in (2)",
        "i in (1) and i in (2)",
        "not (i in (1) and i in (2))",
        "not (s ~ '.*')",
        "s !~ ''",
        "s like '%'",
        "i * 0 = 0",
        "i / i = 1",
        "i - i = 0",
        "i % 1 = 0",
        "i & 0 = 0",
        "i in (1, 2) and i not in (1, 2)",
        "i = 1 or i <> 1",
    ] {
        assert_eq!(
            evaluated(condition, &batch(std::slice::from_ref(&unknown))),
            [None],
            "{condition}"
        );
    }
}

#[test]
fn what_no_row_enters_is_no_constant() {
    let rows = [None, Some(true), Some(false)].map(|f| Row { f, i: Some(5), ..Row::default() });
    for (condition, right) in [
        ("i in (case when f then 1 else i end)", [Some(true), Some(false), Some(true)]),
        ("i not in (2, case when f then 1 else i end)", [Some(false), Some(true), Some(false)]),
        ("i in (nvl2(f, i, 1), 7)", [Some(false), Some(true), Some(true)]),
    ] {
        assert_eq!(evaluated(condition, &batch(&rows)), right, "{condition}");
    }
}
