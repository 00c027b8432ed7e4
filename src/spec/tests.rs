//! What `check` says of attributes: where, what was found, what would be right.

use std::path::Path;

use super::plan::Plan;
use super::{Diagnostics, parse};

const SOURCES: &str = "
sources:
  web:
    files: web.ndjson
    kind: events
    time: at
    fields: {device: text, at: timestamp, event: text, price: \"decimal(12,2)\", tags: [text]}
  crm:
    files: crm.ndjson
    kind: records
    key: user
    fields: {user: text, device: text, event: text}
identity:
  device: {from: {web: device, crm: device}}
outputs:
  profiles: {files: out.ndjson}
attributes:
";

fn check(attributes: &str) -> Result<Plan, Diagnostics> {
    parse(&format!("{SOURCES}{attributes}"), Path::new("test.yaml"), &|_| None)
}

/// The one complaint.
fn complaint(attribute: &str) -> String {
    let found = check(&format!("  x: {attribute}\n")).expect_err("it is wrong");
    match found.found() {
        [one] => one.message.clone(),
        more => panic!("{more:?}"),
    }
}

#[test]
fn aggregates_say_what_they_take() {
    for (select, message) in [
        (
            "'top(event)'",
            "top takes a value and a whole number from 1 to 1,000, \
             as in top(category, 5): found no number",
        ),
        (
            "'recent(event, 0)'",
            "recent takes a value and a whole number from 1 to \
             1,000, as in recent(category, 5): found 0",
        ),
        (
            "'recent(event, 1001)'",
            "recent takes a value and a whole number from 1 to \
             1,000, as in recent(category, 5): found 1001",
        ),
        (
            "'top(event, length(event))'",
            "top takes a value and a whole number from 1 to 1,000, \
             as in top(category, 5): found 'character_length(event)'",
        ),
        ("median(event)", "median takes a number, found text"),
        (
            "array_agg(event)",
            "array_agg takes distinct values, as in \
             array_agg(distinct category): for the newest ones, each as often as it came, there is \
             recent(category, 10)",
        ),
        (
            "mode(distinct event)",
            "mode(distinct …) is not available: only \
             count(distinct …) and array_agg(distinct …) are",
        ),
    ] {
        let expected = format!("in 'select' of attribute 'x': {message}");
        assert_eq!(complaint(&format!("{{from: web, select: {select}}}")), expected);
    }
}

#[test]
fn a_struct_is_no_column() {
    let text = SOURCES.replace(
        "    fields: {user",
        "    derive: {pair: \"named_struct('a', user)\"}\n    fields: {user",
    );
    let wrong = parse(&text, Path::new("test.yaml"), &|_| None).expect_err("it is wrong");
    assert_eq!(
        wrong.found()[0].message,
        "in derived column 'pair' of source 'crm': a struct is no type of a column: derive a column \
         for each of its fields"
    );
}
