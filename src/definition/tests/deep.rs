//! That long and deep expressions are planned, or told to be too deep. These run on a test's stack of 2 MiB,
//! where one that is overrun ends the program.

use std::path::Path;

use super::Plan;
use crate::definition::sql::predicate_terms;
use crate::definition::{Diagnostics, lint, parse};

fn definition(derived: &str, segments: &str) -> Result<Plan, Diagnostics> {
    parse(&text(derived, segments), Path::new("test.yaml"), &|_| None)
}

fn text(derived: &str, segments: &str) -> String {
    format!(
        "
sources:
  web:
    files: web.ndjson
    kind: events
    time: at
    fields: {{device: text, at: timestamp, s: text, i: integer}}
    derive:
      derived: |-
        {derived}
identity:
  device: {{from: {{web: device}}}}
outputs:
  profiles: {{files: out.ndjson}}
attributes:
  visits: {{from: web, select: count(*)}}
  seen: {{from: web, select: max(at)}}
  s: {{from: web, select: last(s)}}
  i: {{from: web, select: sum(i)}}
segments:
{segments}"
    )
}

fn joined(terms: usize, operator: &str, term: impl Fn(usize) -> String) -> String {
    (0..terms).map(term).collect::<Vec<_>>().join(operator)
}

fn around(times: usize, before: &str, inner: &str, behind: &str) -> String {
    format!("{}{inner}{}", before.repeat(times), behind.repeat(times))
}

#[test]
fn chains_may_be_long_where_they_can_be_bracketed_in_any_way() {
    for expression in [
        joined(4_000, " or ", |it| format!("s = 'k{it}'")),
        joined(4_000, " and ", |it| format!("(s <> 'k{it}' or i > {it})")),
        joined(4_000, " or ", |it| format!("(s = 'k{it}' and i > {it})")),
        format!("{} = 'x'", joined(4_000, " || ", |_| "s".to_owned())),
        format!("s in ({})", joined(20_000, ", ", |it| format!("'k{it}'"))),
        format!("case {} end", joined(1_000, " ", |it| format!("when i = {it} then s = '{it}'"))),
        format!("{} > 5", joined(90, " + ", |_| "i".to_owned())),
        around(20, "(", "i > 1", ")"),
        around(20, "not ", "(i > 1)", ""),
        format!("{} > 1", around(20, "coalesce(", "i", ", 1)")),
        around(15, "case when i > 1 then ", "true", " end"),
    ] {
        let plan = definition(&expression, &format!("  all: |-\n    {expression}\n"));
        assert!(plan.is_ok(), "{}", plan.unwrap_err());
    }
}

#[test]
fn what_is_too_deep_is_told() {
    for expression in [
        joined(4_000, " + ", |_| "i".to_owned()),
        joined(100_000, " + ", |_| "i".to_owned()),
        around(5_000, "(", "i", ")"),
        around(5_000, "not ", "(i > 1)", ""),
        around(5_000, "- ", "i", ""),
        around(5_000, "", "i", " is null"),
        around(5_000, "", "i", "::bigint"),
        around(5_000, "", "string_to_array(s, ',')", "[1]"),
        around(200, "case when i > 1 then ", "1", " end"),
        around(200, "lower(", "s", ")"),
        around(200, "(s = 'a' or ", "s = 'b'", ")"),
    ] {
        let told = definition(&expression, "  few: visits > 1").unwrap_err().to_string();
        assert!(told.contains("it is too deep"), "{told}");
    }
}

#[test]
fn segments_that_build_on_each_other_do_not_double_with_each() {
    let one = |it: usize| match it {
        0 => "  s0: seen < now() - interval '1 day'".to_owned(),
        _ => format!(
            "  s{it}: (s{0} and seen < now() - interval '{it} days') or (not s{0} and visits > {it})",
            it - 1
        ),
    };
    let text = text("i + 1", &joined(60, "\n", one));
    let environment = |_: &str| None;
    let mut found = Vec::new();
    let document =
        crate::definition::file::yaml::read(&text, &environment, &mut found).expect("YAML");
    let plan = parse(&text, Path::new("test.yaml"), &environment).expect("a definition");
    assert!(lint::warnings(&document, &plan).len() < 100);
    predicate_terms::terms(&plan, 59).expect("it can be taken apart");
}
