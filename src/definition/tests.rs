//! What `check` says of attributes: where, what was found, what would be right.

use std::path::Path;

mod alone;
mod deep;
mod each;
mod hostile;
mod keyed;
mod never;
mod nulls;
mod numbers;
mod reasons;

use super::{Diagnostics, parse};
use crate::plan::Plan;

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
        ("median(event)", "median takes a number, found text: cast(x as double) makes one"),
        (
            "array_agg(event)",
            "array_agg takes distinct values, as in \
             array_agg(distinct category): for the newest ones, each as often as it came, there is \
             recent(category, 10)",
        ),
        (
            "mode(distinct event)",
            "mode(distinct …) is not available: count, sum, min, max, any_value, first, last, bool_and, \
             bool_or and array_agg take distinct values, as in count(distinct category)",
        ),
    ] {
        let expected = format!("in 'select' of attribute 'x': {message}");
        assert_eq!(complaint(&format!("{{from: web, select: {select}}}")), expected);
    }
}

#[test]
fn a_list_is_not_cast_to_timestamps_and_is_told_how_it_is_had() {
    for cast in ["cast", "try_cast"] {
        for wanted in ["timestamp[]", "timestamp with time zone[]"] {
            let sql = format!("{cast}(make_array(event) as {wanted})");
            let said = complaint(&format!("{{from: web, select: \"count({sql})\"}}"));
            assert!(said.contains("a list is not cast to timestamps: declare its field"), "{said}");
        }
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
        "in derived column 'pair' of source 'crm': a struct or a map is no type of a column: derive a column \
         for each of its fields"
    );
}

const FORMS: &str = "since is date_trunc of now(), and an interval if you like, as in \
                     date_trunc('month', now()), date_trunc('year', now()) - interval '1 year'";

#[test]
fn windows_say_what_they_take() {
    for since in [
        "now() - interval '1 month'",
        "date_trunc('month', now() - interval '1 month')",
        "date_trunc('month', now()) - interval '1 month' + interval '1 day'",
        "date_trunc('month', at)",
        "date_trunc('month', now()) - 1",
        "timestamp '2025-01-01'",
    ] {
        let found = complaint(&format!("{{from: web, select: count(*), since: \"{since}\"}}"));
        let expected = match since.contains("at)") {
            true => "in 'since' of attribute 'x': unknown column 'at': there is none".to_owned(),
            false => format!("in 'since' of attribute 'x': {FORMS}"),
        };
        assert_eq!(found, expected, "{since}");
    }
    for (window, message) in [
        (
            "since: \"date_trunc('fortnight', now())\"",
            "in 'since' of attribute 'x': date_trunc knows no 'fortnight': there are 'second', \
             'minute', 'hour', 'day', 'week', 'month', 'quarter', 'year'",
        ),
        (
            "since: \"date_trunc('hour', now()) - interval '1 month'\"",
            "in 'since' of attribute 'x': months are of different lengths: beside \
             date_trunc('hour', now()) the interval is one of days, hours or less",
        ),
        (
            "between: [60 days, 30 days]",
            "'between' of attribute 'x' is two durations, the shorter first, as in \
             [30 days, 60 days] ago: found [60 days, 30 days]",
        ),
        (
            "between: [1 day]",
            "'between' of attribute 'x' is two durations, the shorter first, as in \
             [30 days, 60 days] ago: found [1 day]",
        ),
        (
            "between: [1 day, 2 days], within: 1 day",
            "attribute 'x' has both 'within' and 'between': leave one",
        ),
    ] {
        let found = complaint(&format!("{{from: web, select: count(*), {window}}}"));
        assert_eq!(found, message);
    }
    assert_eq!(
        complaint("{from: crm, select: count(*), between: [1 day, 2 days]}"),
        "'between' of attribute 'x' needs the time of rows, and source 'crm' has no 'time': name \
         the column that holds it there, as in time: ordered_at"
    );
    assert_eq!(
        complaint("{sql: '1', since: \"date_trunc('day', now())\"}"),
        "'since' in attribute 'x' needs 'from'"
    );
}

#[test]
fn the_summary_tells_which_rows_count() {
    let plan = check(
        "
  total:     {from: web, select: sum(price)}
  week:      {from: web, select: sum(price), within: 7 days}
  month:     {from: web, select: sum(price), since: \"date_trunc('month', now())\"}
  last_week: {from: web, select: sum(price), between: [7 days, 14 days]}
  way:       {from: web, within: 1 day, funnel: [event = 'a', event = 'b', event = 'c']}
",
    );
    let summary = super::explain(&plan.unwrap_or_else(|wrong| panic!("{wrong}")));
    let lines = summary.lines().skip_while(|line| *line != "attributes").skip(1);
    let lines: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    assert_eq!(
        lines,
        [
            "  total               decimal(22,2)",
            "  week                decimal(22,2)   within 7 days",
            "  month               decimal(22,2)   since date_trunc('month', now())",
            "  last_week           decimal(22,2)   between 7 days and 14 days ago",
            "  way                 integer         funnel of 3 steps within 1 day",
            "  way_times           [timestamp]     when its steps were",
        ]
    );
}

#[test]
fn the_summary_tells_when_time_alone_changes_segments() {
    let of = |segments: &str| {
        let text =
            format!("{SOURCES}  seen: {{from: web, select: max(at)}}\nsegments: {segments}\n");
        let plan = parse(&text, Path::new("test.yaml"), &|_| None);
        let summary = super::explain(&plan.unwrap_or_else(|wrong| panic!("{wrong}")));
        let line =
            summary.lines().find_map(|line| line.strip_prefix("  time alone changes them at "));
        line.map(str::to_owned)
    };
    let said = |text: &str| Some(format!("{text} of instants a person"));
    assert_eq!(of("{active: seen > now() - interval '1 day'}"), said("one kind"));
    assert_eq!(of("{today: cast(now() as date) = cast(seen as date)}"), said("2 kinds"));
    assert_eq!(of("{known: seen is not null}"), None);
}

const HINT: &str = "'select' and 'where' of attributes know it, 'from' one source alone, of events \
                    with sessions: {gap: 30 minutes}";

/// The complaints about a definition whose source `web` says this too.
fn of_source(says: &str, attribute: &str) -> Vec<String> {
    let text = SOURCES.replace("    time: at\n", &format!("    time: at\n{says}"));
    let text = format!("{text}  x: {attribute}\n");
    let wrong = parse(&text, Path::new("test.yaml"), &|_| None).expect_err("it is wrong");
    wrong.found().iter().map(|found| found.message.clone()).collect()
}

#[test]
fn sessions_are_known_where_all_of_a_persons_rows_are() {
    let sessions = "    sessions: {gap: 30 minutes}\n";
    let plain = "{from: web, select: count(*)}";
    for (says, attribute, message) in [
        (
            "    derive: {first: session = 1}\n",
            plain,
            "in derived column 'first' of source 'web': unknown column 'session': ",
        ),
        (
            "    where: session_events > 1\n",
            plain,
            "in 'where' of source 'web': unknown column 'session_events': ",
        ),
        (
            "",
            "{from: [web, crm], select: max(session)}",
            "in 'select' of attribute 'x': unknown column 'session': ",
        ),
    ] {
        let found = of_source(&format!("{sessions}{says}"), attribute);
        assert_eq!(found, [format!("{message}{HINT}")]);
    }
    assert_eq!(
        of_source("", "{from: web, select: max(session)}"),
        [format!("in 'select' of attribute 'x': unknown column 'session': {HINT}")]
    );
    assert_eq!(
        of_source(&format!("{sessions}    derive: {{session: 1}}\n"), plain),
        [
            "'sessions' of source 'web' give a column 'session', and it has one: name that otherwise \
          and give its 'path'"
        ]
    );
    assert_eq!(
        of_source("    sessions: {gap: soon}\n", "{from: web, select: max(session)}"),
        ["'gap' of 'sessions' of source 'web': 'soon' is no duration: a whole number and ms, \
          seconds, minutes, hours, days or weeks, as in 30 days"]
    );
    let text = SOURCES.replace("    key: user\n", "    key: user\n    sessions: {gap: 1 hour}\n");
    let wrong = parse(&format!("{text}  x: {plain}\n"), Path::new("test.yaml"), &|_| None);
    assert_eq!(
        wrong.expect_err("it is wrong").found()[0].message,
        "'sessions' are of events, source 'crm' has records"
    );
}

#[test]
fn ranks_say_what_they_take() {
    const TAKES: &str = "ntile takes what is ranked and a whole number from 2 to 1,000, as in ntile(lifetime_value, 10)";
    let of = |sql: &str| {
        let attributes = format!(
            "  n: {{from: web, select: count(*)}}\n  tags: {{from: web, select: last(tags)}}\n  \
             rank: {{sql: 'ntile(n, 3)'}}\n  on: {{sql: rank + 1}}\n  x: {{sql: '{sql}'}}\n"
        );
        let found = check(&attributes).expect_err("it is wrong");
        let [one] = found.found() else { panic!("{found}") };
        one.message.clone()
    };
    for (sql, message) in [
        ("ntile(n, 1)", format!("{TAKES}: found 1")),
        ("ntile(n, 1001)", format!("{TAKES}: found 1001")),
        ("ntile(n, n)", format!("{TAKES}: found \'n\'")),
        ("ntile(n)", format!("{TAKES}: found one argument")),
        ("ntile(n, 2, 3)", format!("{TAKES}: found 3 arguments")),
        ("1 + ntile(ntile(n, 2), 2)", "ntile in ntile(…): ranks do not nest".to_owned()),
        (
            "ntile(on, 2)",
            "\'on\' is made with ntile(…): what is ranked has no rank in it".to_owned(),
        ),
        (
            "ntile(tags, 2)",
            "what is ranked is a number, a text or an instant, found [text]".to_owned(),
        ),
        (
            "ntile(n, 2) over (order by n)",
            "\'over\' has no place here: ntile(lifetime_value, 10) ranks over all people"
                .to_owned(),
        ),
    ] {
        assert_eq!(of(sql), format!("in \'sql\' of attribute \'x\': {message}"));
    }
    assert_eq!(
        complaint("{from: web, select: 'ntile(count(*), 2)'}"),
        "in 'select' of attribute 'x': ntile(…) has its place in 'sql' of attributes only: give it a \
         name there"
    );
    let three = "recency: 1, frequency: 2, monetary: 3";
    assert_eq!(
        complaint(&format!("{{rfm: {{{three}, bins: 1}}}}")),
        "'bins' of 'rfm' of attribute 'x': a whole number from 2 to 1,000, as in bins: 5: found 1"
    );
    assert_eq!(
        complaint(&format!("{{rfm: {{{three}}}, sql: 1}}")),
        "attribute 'x' has both 'rfm' and 'sql': leave one"
    );
    assert_eq!(
        complaint(&format!("{{rfm: {{{three}}}}}\n  x_monetary: {{sql: 1}}")),
        "attribute 'x_monetary': 'rfm' of attribute 'x' gives one of that name, choose another"
    );
}

#[test]
fn similar_to_is_refused() {
    assert_eq!(
        complaint("{sql: \"'b' similar to 'a%'\"}"),
        "in 'sql' of attribute 'x': 'similar to' has no place here: 'like' takes % and _, and '~' a \
         regular expression, as in x ~ '^(a|b)$'"
    );
}

#[test]
fn a_filter_is_a_condition() {
    for filter in ["event", "price", "1"] {
        let attribute = format!("{{from: web, select: count(*) filter (where {filter})}}");
        let told = complaint(&attribute);
        assert!(told.contains("a condition, which is true or false, found"), "{filter}: {told}");
    }
}

#[test]
fn funnels_say_what_they_take() {
    let steps = "funnel: [event = 'a', event = 'b']";
    for (attribute, message) in [
        (
            "{from: web, within: 1 day, funnel: [event = 'a']}",
            "'funnel' of attribute 'x' is a list of 2 to 32 conditions, as in [event = 'Viewed', \
             event = 'Ordered']: found 1 of them",
        ),
        (
            "{from: web, within: 1 day, funnel: event = 'a'}",
            "'funnel' of attribute 'x' is a list of 2 to 32 conditions, as in [event = 'Viewed', \
             event = 'Ordered']: found a text",
        ),
        (
            "{from: web, within: 1 day, funnel: [event = 'a', price]}",
            "in step 2 of 'funnel' of attribute 'x': a condition is true or false, found \
             decimal(12,2)",
        ),
        (
            "{from: web, STEPS}",
            "attribute 'x' lacks 'within', how long a chain may take, as in within: 1 day",
        ),
        (
            "{from: web, STEPS, within: 1 day, select: count(*)}",
            "'select' has no place in attribute 'x', a funnel: every row counts that 'where' leaves, \
             and 'within' is how long a chain may take",
        ),
        (
            "{from: crm, STEPS, within: 1 day}",
            "'funnel' of attribute 'x' needs the time of rows, and source 'crm' has no 'time': name \
         the column that holds it there, as in time: ordered_at",
        ),
        (
            "{from: web, STEPS, within: 1 day}\n  x_times: {from: web, select: count(*)}",
            "attribute 'x' is a funnel, which gives 'x_times' too, and another attribute has that \
             name: choose another",
        ),
        ("{sql: '1', STEPS}", "'funnel' in attribute 'x' needs 'from'"),
    ] {
        assert_eq!(complaint(&attribute.replace("STEPS", steps)), message);
    }
}
