//! What aggregates by key, and by sums, take.

use super::complaint;

#[test]
fn aggregates_by_key_say_what_they_take() {
    for (select, message) in [
        (
            "min(event) by event",
            "min has no 'by': what adds up has, count, sum, avg, stddev, var, bool_and and bool_or",
        ),
        (
            "count(distinct event) by event",
            "count(distinct …) has no 'by': what adds up has, count, sum, avg, stddev, var, bool_and and bool_or",
        ),
        (
            "count(*) by",
            "what stands behind 'by' is a column, a call, or SQL in parentheses, as in sum(amount) by currency",
        ),
        (
            "count(*) by time",
            "'by' takes text, a whole number, a boolean or a date, found timestamp: make text of it, as in by \
             (cast(x as text))",
        ),
        ("sum(event) by event", "sum takes a number, found text: cast(x as double) makes one"),
        ("sum(count(*)) by event", "an aggregate in sum(…): aggregates do not nest"),
        (
            "count(*) by event by event",
            "one 'by' stands behind a call: of two keys make one, as in by (concat(one, '/', other))",
        ),
        (
            "'count(event, event) by event'",
            "what stands before 'by' takes one value, as in sum(amount) by currency: found 2",
        ),
        (
            "'top(event, 3, sum(event))'",
            "sum takes a number, found text: cast(x as double) makes one",
        ),
        (
            "'top(event, 3, avg(length(event)))'",
            "top weighs values by a sum alone, as in top(x, 5, sum(y)): a 'filter' stands behind the whole",
        ),
        (
            "'mode(event, length(event))'",
            "mode takes one argument, or a sum as a second: mode(x, sum(character_length(event)))",
        ),
    ] {
        let expected = format!("in 'select' of attribute 'x': {message}");
        assert_eq!(complaint(&format!("{{from: web, select: {select}}}")), expected);
    }
}
