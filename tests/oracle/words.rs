//! That generated histories are about the whole language: what is never generated is never held
//! against the oracle.

use std::collections::BTreeSet;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use selfsame::internals::aggregate::{CallForm, Function};
use selfsame::internals::plan::{Attribute, Step, Unit};
use serde_json::Value;

use crate::oracle::Oracle;
use crate::oracle::histories::{Settings, histories};

const HISTORIES: usize = 1_000;

/// What no definition may say yet; what calls may make, which is tried with rows that make much; and where and how runs
/// are stored and committed, which is tried by runs that are cut off (tests/restart.rs, durable, chaos, exactly). What is
/// posted is tried by tests/collector.rs, what is asked for, with which keys and limits, by tests/serve.rs and port, outputs to services by
/// tests/services. In which characters texts are written (`encoding`), and how they are compressed, which no word says, is
/// over before rows are rows, which scripts have: tests/forms.rs reads the bytes of files plainly.
const OUTSIDE: [&str; 36] = [
    "http",
    "limits",
    "bytes",
    "steps",
    "data",
    "endpoint",
    "region",
    "access_key_id",
    "secret_access_key",
    "session_token",
    "addressing",
    "host",
    "working_folder",
    "commit_every",
    "transactions",
    "off",
    "collector",
    "listen",
    "keys",
    "read",
    "write",
    "admin",
    "tls",
    "certificate",
    "origins",
    "rate",
    "burst",
    "kept_changes_mib",
    "batch",
    "connection",
    "postgres",
    "secret",
    "table",
    "url",
    "webhook",
    "encoding",
];

/// What a definition may say in SQL, and how sources hand over their rows.
const SAID: [&str; 77] = [
    "${",
    "select: \"count(*)\"",
    "filter (where ",
    " / count(*)",
    "ntile(",
    "identifiers['",
    "now()",
    "session_start",
    "session_seconds",
    "session_events",
    "session > 1",
    "from: [",
    "mails",
    "text",
    "integer",
    "number",
    "decimal(12,2)",
    "boolean",
    "timestamp",
    "date",
    ": json",
    "[text]",
    "[integer]",
    "path: \"who.mail\"",
    "path: \"who.mails[1]\"",
    "path: \"\\\"of.n\\\"[2][0]\"",
    "path: \"'the \\\"user\\\"'\"",
    "path: \"items[0].kind\"",
    "unnest: items",
    "unnest: cart.lines",
    "%d.%m.%Y",
    "format: ['%Y/%m/%d %H:%M', '%d.%m.%Y",
    "path: \"at\", format: [",
    "\n    time_zone: Asia/Kolkata\n",
    "iso",
    "rfc3339",
    "epoch_s",
    "epoch_ms",
    "epoch_us",
    "epoch_ns",
    "default: 2.50",
    "default: 2025-07-04, format: ",
    "default: \"2025-07-04T00:00:00Z\", format: ",
    "map: {\"true\": false",
    "map: {\"2.50\": 3.75",
    "map: {\"2025-07-03\": 2025-07-05",
    "map: {\"9999-12-31",
    "}, format: ",
    "}, else: reject, format: ",
    "sql: \"identifiers",
    "not \\\"s",
    "bins: 10",
    "time_zone: Europe/Berlin",
    "count(*) by ",
    "avg(",
    " by (cast(",
    "mode(",
    "['a']",
    "map_keys(",
    "clean(",
    "nfc(",
    "nfkc(",
    "md5(",
    "sha256(",
    "ratio(count(*) filter (where ",
    "e164(",
    "hashed_email(",
    "json_get_int(",
    "json_get_str(",
    "json_get_float(",
    "json_get_bool(",
    "json_get_json(",
    "json_get_array(",
    "json_as_text(",
    "json_length(",
    "json_contains(",
    "json_object_keys(",
];

const REASONS: [&str; 12] = [
    "malformed",
    "too_many_columns",
    "too_few_columns",
    "wrong_type",
    "out_of_range",
    "unmapped",
    "missing_id",
    "missing_key",
    "missing_time",
    "time_ahead",
    "unidentified",
    "expression",
];

const CONFLICTS: [&str; 6] = [
    "\"rule\":\"at_most\",\"type\":\"",
    "\"rule\":\"at_most\",\"type\":null",
    "\"rule\":\"different\"",
    "\"conflict\":\"shared\"",
    "\"conflict\":\"disagreement\"",
    "\"conflict\":\"single_source\"",
];

/// The words of the definition file: its fields, and what they choose among.
fn words(schema: &Value, all: &mut BTreeSet<String>) {
    let Value::Object(object) = schema else { return };
    for (key, value) in object {
        match (key.as_str(), value) {
            ("properties", Value::Object(fields)) => {
                all.extend(fields.keys().cloned());
                fields.values().for_each(|field| words(field, all));
            }
            ("enum", Value::Array(choices)) => {
                all.extend(choices.iter().filter_map(Value::as_str).map(str::to_owned));
            }
            ("anyOf", Value::Array(shapes)) => shapes.iter().for_each(|shape| words(shape, all)),
            (_, value) => words(value, all),
        }
    }
}

#[test]
fn generated_histories_use_the_whole_language() {
    let mut runner = TestRunner::deterministic();
    let strategy = histories(Settings::default());
    let (mut said, mut sent, mut reasons) = (String::new(), String::new(), BTreeSet::new());
    for _ in 0..HISTORIES {
        let case = strategy.new_tree(&mut runner).expect("a history").current().case;
        let mut oracle = Oracle::new(&case.plan, case.clock);
        for tick in &case.script.ticks {
            let expected = oracle.tick(tick);
            reasons.extend(expected.set_aside.into_iter().flat_map(|of| of.codes));
            sent.extend(
                expected
                    .sent
                    .into_iter()
                    .filter_map(|of| of.value)
                    .filter(|value| CONFLICTS.iter().any(|conflict| value.contains(conflict))),
            );
            sent.extend(
                tick.rows.iter().filter(|row| row.payload.is_none()).map(|_| "null payload"),
            );
        }
        said.push_str(&case.yaml);
    }
    let mut all = BTreeSet::new();
    words(&selfsame::internals::definition::schema(), &mut all);
    all.retain(|word| !OUTSIDE.contains(&word.as_str()));
    let is_said = |word: &String| {
        let (field, choice) = (format!("{word}: "), format!(": {word}"));
        said.contains(&field) || said.contains(&choice) || said.contains(&format!("{word}:\n"))
    };
    let unused: Vec<&String> = all.iter().filter(|word| !is_said(word)).collect();
    assert_eq!(unused, Vec::<&String>::new(), "words of the definition file");
    let unused: Vec<&str> = SAID.into_iter().filter(|of| !said.contains(of)).collect();
    assert_eq!(unused, Vec::<&str>::new(), "SQL and types");
    let called = Function::all().into_iter().filter_map(Function::called);
    // By their own names: what other names a function has does not change what it is.
    let called = called.map(|called| match called.form {
        CallForm::Distinct => format!("{}(distinct ", called.name()),
        CallForm::ByKey => "(sum(".to_owned(),
        CallForm::BySum | CallForm::NumberBySum => ", sum(".to_owned(),
        _ => format!("{}(", called.name()),
    });
    let unused: Vec<String> = called.filter(|call| !said.contains(call)).collect();
    assert_eq!(unused, Vec::<String>::new(), "aggregates");
    let units = Unit::ALL.into_iter().map(|(unit, _)| unit);
    let is_since = |unit: &&str| said.contains(&format!("since: \"date_trunc('{unit}', now())"));
    let unused: Vec<&str> = units.filter(|unit| !is_since(unit)).collect();
    assert_eq!(unused, Vec::<&str>::new(), "units of calendar windows");
    let unused: Vec<&str> = REASONS.into_iter().filter(|of| !reasons.contains(*of)).collect();
    assert_eq!(unused, Vec::<&str>::new(), "reasons");
    let conflicts = CONFLICTS.into_iter().chain(["null payload"]);
    let unused: Vec<&str> = conflicts.filter(|of| !sent.contains(of)).collect();
    assert_eq!(unused, Vec::<&str>::new(), "what is sent and received");
}

/// Sessions are of events, which go only with a record that they join.
#[test]
fn histories_that_are_taken_back_have_sessions_that_somebody_had() {
    let mut runner = TestRunner::deterministic();
    let strategy = histories(Settings { retractable: true, ..Settings::default() });
    let had = |_: &usize| {
        let case = strategy.new_tree(&mut runner).expect("a history").current().case;
        let over_sessions = |attribute: &&Attribute| {
            let Step::Aggregates(expression) = &case.plan.steps[attribute.column - 2] else {
                return false;
            };
            let aggregates = case.plan.aggregates.iter().enumerate();
            let of_sessions = aggregates.filter(|(_, of)| of.sessions.is_some());
            of_sessions.into_iter().any(|(index, _)| expression.uses(index))
        };
        let names = case.plan.attributes.iter().filter(over_sessions);
        let names: Vec<String> = names.map(|of| format!("\"{}\":", of.name)).collect();
        let mut oracle = Oracle::new(&case.plan, case.clock);
        let sent = case.script.ticks.iter().flat_map(|tick| oracle.tick(tick).sent);
        let values: Vec<String> = sent.filter_map(|of| of.value).collect();
        let has = |value: &String, name: &String| {
            let said = value.split_once(name).map(|(_, said)| said);
            said.is_some_and(|said| !said.starts_with("null") && !said.starts_with("0"))
        };
        values.iter().any(|value| names.iter().any(|name| has(value, name)))
    };
    let histories = (0..HISTORIES).filter(had).count();
    assert!(histories > HISTORIES / 100, "{histories}");
}
