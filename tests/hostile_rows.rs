//! One row never ends a run or stalls it, nor does one person: what fails for it is set aside, or null and
//! counted.

mod program;

use program::outputs::{holds, values};
use program::{records_in, selfsame};
use serde_json::{Value, json};

const DEFINITION: &str = r#"
name: hostile
limits: {bytes: 800000}
sources:
  web:
    files: web.ndjson
    kind: events
    id: id
    fields: {id: text, s: text, n: integer, m: "decimal(38,10)", x: number}
    derive:
      fraction: x / n
      wide: lpad(s, n)
      much: repeat(s, n)
      many: array_length(range(n))
      far: levenshtein(s, reverse(s))
      like: regexp_count(s, '.*[^A-Z]|[A-Z]')
      more: n + 9223372036854775000
identity:
  person: {from: {web: s}, normalize: left(value, 10), at_most: 1}
attributes:
  n: {from: web, select: sum(n)}
  m: {from: web, select: sum(m)}
  rows: {from: web, select: count(*)}
  twice: {sql: repeat('x', n * 100000)}
  none: {sql: n / (rows - rows)}
  x: {from: web, select: sum(x)}
  mean: {from: web, select: avg(x)}
  spread: {from: web, select: var(x)}
  ratio: {sql: mean / (rows - rows)}
segments:
  listed: LISTED
  endless: ratio > 1 or mean / (rows - rows) > 1
outputs:
  profiles: {files: out/profiles.ndjson}
  rejects: {files: out/rejects.ndjson}
"#;

#[test]
fn one_row_or_person_never_ends_a_run() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let long = "x".repeat(200_000);
    let most = "99999999999999999999999999.5";
    let rows = [
        json!({"id": "good", "s": "a", "n": 3, "m": most}),
        json!({"id": "pad", "s": "b", "n": 4_000_000_000u64}),
        json!({"id": "series", "s": "c", "n": -4_000_000_000_000i64}),
        json!({"id": "overflow", "s": "d", "n": 9_000_000_000_000_000_000u64}),
        json!({"id": "long", "s": long, "n": 1}),
        json!({"id": "person", "s": "eleven", "n": 9}),
        json!({"id": "room", "s": "f", "n": 1, "m": "9999999999999999999999999999.5"}),
        json!({"id": "no room", "s": "f", "n": 1, "m": "9999999999999999999999999999.5"}),
        json!({"id": "last", "s": "a", "n": 4, "m": null}),
        json!({"id": "wide", "s": "x", "n": 1, "x": 1.5e308}),
        json!({"id": "less wide", "s": "x", "n": 1, "x": 1.25e308}),
        json!({"id": "endless", "s": "x", "n": 0, "x": 2.5}),
    ];
    let lines: Vec<String> = rows.iter().map(Value::to_string).collect();
    let listed: Vec<String> = (0..4_000).map(|place| format!("rows = {place}")).collect();
    let definition = DEFINITION.replace("LISTED", &listed.join(" or "));
    std::fs::write(folder.path().join("hostile.yaml"), definition).expect("room on the disk");
    std::fs::write(folder.path().join("web.ndjson"), lines.join("\n")).expect("room on the disk");
    let summary = selfsame(folder.path(), &["run", "hostile.yaml", "--until-end"]).well();

    let records = records_in(&folder.path().join("out"));
    let values = |output: &str| {
        let of = records.iter().filter(|record| record.output == output);
        let values = of.filter_map(|record| record.value.as_deref());
        values.map(|value| serde_json::from_str(value).expect("JSON")).collect::<Vec<Value>>()
    };
    let mut rejected: Vec<(u64, String)> = Vec::new();
    for reject in values("rejects") {
        let line = reject["position"]["line"].as_u64().expect("a line");
        for reason in reject["reasons"].as_array().expect("a list") {
            assert_eq!(reason["code"], "expression");
            let path = reason["path"].as_str().expect("a path");
            rejected.push((line, path.rsplit('.').next().expect("a name").to_owned()));
        }
    }
    rejected.sort();
    let expected = [
        (2, "many"),
        (2, "more"),
        (2, "much"),
        (2, "wide"),
        (4, "many"),
        (4, "more"),
        (4, "much"),
        (4, "wide"),
        (5, "far"),
        (5, "like"),
        (12, "fraction"),
    ];
    assert_eq!(rejected, expected.map(|(line, path)| (line, path.to_owned())));

    let of = |person: &str| {
        let profiles = values("profiles");
        let holds = |profile: &&Value| profile["identifiers"]["person"] == json!([person]);
        let profile = profiles.iter().rfind(holds).expect("somebody").clone();
        assert_eq!(profile["segments"], json!(["listed"]));
        profile["attributes"].clone()
    };
    let good = of("a");
    assert_eq!((&good["n"], &good["rows"]), (&json!(7), &json!(2)));
    assert_eq!(good["twice"].as_str().map(str::len), Some(700_000));
    assert_eq!(good["none"], Value::Null);
    assert_eq!(of("eleven")["twice"], Value::Null);
    assert_eq!(of("f")["m"], Value::Null, "the sum has no room");
    let wide = of("x");
    assert_eq!(wide["x"], Value::Null, "the sum has no room, and is not infinite");
    assert_eq!(wide["spread"], Value::Null);
    let mean = wide["mean"].as_f64().expect("a mean has room where its values have");
    assert!((mean / 1.375e308 - 1.0).abs() < 1e-15, "{mean}");
    assert_eq!(wide["ratio"], Value::Null);
    assert!(summary.contains("values are null because their expression failed, "), "{summary}");
    assert!(summary.contains("ratio"), "the attribute is named: {summary}");
}

#[test]
fn rows_that_make_much_together_all_count() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let definition = r#"
name: much
sources:
  web:
    files: web.ndjson
    kind: events
    fields: {id: text, n: integer}
    derive: {much: "repeat('x', n * 1000)", length: octet_length(much), share: 1000 / n}
identity:
  person: {from: {web: id}, at_most: 1}
attributes:
  rows: {from: web, select: count(*)}
  length: {from: web, select: sum(length)}
outputs:
  profiles: {files: out/profiles.ndjson}
  rejects: {files: out/rejects.ndjson}
"#;
    let lines: Vec<String> =
        (0..400).map(|row| json!({"id": "somebody", "n": row * 2 % 800}).to_string()).collect();
    std::fs::write(folder.path().join("much.yaml"), definition).expect("room on the disk");
    std::fs::write(folder.path().join("web.ndjson"), lines.join("\n")).expect("room on the disk");
    selfsame(folder.path(), &["run", "much.yaml", "--until-end"]).well();

    let records = records_in(&folder.path().join("out"));
    let value = |output: &str| -> Value {
        let last = records.iter().rfind(|record| record.output == output);
        let last = last.and_then(|record| record.value.as_deref()).expect("a record");
        serde_json::from_str(last).expect("JSON")
    };
    let rejects = records.iter().filter(|record| record.output == "rejects").count();
    assert_eq!((rejects, &value("rejects")["position"]["line"]), (1, &json!(1)));
    assert_eq!(value("rejects")["reasons"].as_array().map(Vec::len), Some(1));
    // The first divides by zero; the others are 2 to 798, by twos.
    let attributes = &value("profiles")["attributes"];
    assert_eq!(attributes["rows"], json!(399));
    assert_eq!(attributes["length"], json!(2_000 * (399 * 400 / 2)));
}

/// An expression may fail for somebody, and for nobody at all: then all others have what they have.
#[test]
fn what_fails_for_one_person_is_null_for_that_one_alone_whoever_is_evaluated_beside() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    let definition = "
sources: {s: {files: s.ndjson, kind: events, fields: {id: text, list: '[text]'}}}
identity: {id: {from: {s: id}}}
attributes:
  list: {from: s, select: any_value(list)}
  numbers: {from: s, select: max(array_length(list)), where: 'array_has(list, 1)'}
  greatest: {sql: \"array_max(identifiers['id'])\"}
  places: {sql: \"array_positions(list, '1')\"}
segments: {has: 'array_has(list, 1)'}
outputs: {profiles: {files: out/profiles.ndjson}, rejects: {files: out/rejects.ndjson}}
";
    std::fs::write(path.join("s.yaml"), definition).expect("room on the disk");
    let row = |number: usize| {
        let list = if number == 5 { "x" } else { "1" };
        format!("{{\"id\":\"i{number}\",\"list\":[\"{list}\"]}}\n")
    };
    let rows: String = (0..40).map(row).collect();
    std::fs::write(path.join("s.ndjson"), rows + "{\"id\":\"last\"}\n").expect("room on the disk");
    for workers in ["1", "3"] {
        let _ = std::fs::remove_dir_all(path.join("out"));
        selfsame(path, &["run", "s.yaml", "--until-end", "--workers", workers]).well();
        let holds = holds(path, &["profiles", "rejects"]);
        let has = holds.values().filter(|value| value["segments"][0] == "has").count();
        assert_eq!(has, 39, "{workers} workers");
        let rejects = holds.keys().filter(|(output, _)| output == "rejects").count();
        assert_eq!(rejects, 1, "{workers} workers: its row alone");
        let ids = holds.values().filter(|value| value["attributes"]["greatest"].is_string());
        // That of the row that is set aside is nobody's.
        assert_eq!(ids.count(), 40, "{workers} workers");
    }
}

/// What failed is named as it stands in the definition, be it asked of rows or taken of them.
#[test]
fn a_row_is_told_which_expression_failed_on_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let definition = r#"
name: told
sources:
  web: {files: web.ndjson, kind: events, time: at, sessions: {gap: 1 hour}, fields: {s: text, n: integer, at: timestamp}}
identity:
  person: {from: {web: s}}
attributes:
  ATTRIBUTE
outputs:
  rejects: {files: out/rejects.ndjson}
"#;
    let rows = "{\"s\":\"a\",\"n\":0,\"at\":1000}\n{\"s\":\"b\",\"n\":2,\"at\":1000}\n";
    std::fs::write(folder.path().join("web.ndjson"), rows).expect("room on the disk");
    for (attribute, told) in [
        ("a: {from: web, select: sum(n), where: 10 / n > 2}", "`10 / n > 2`"),
        ("a: {from: web, select: sum(10 / n)}", "`sum(10 / n)`"),
        (
            "a: {from: web, select: sum(n) filter (where n < 9), where: 10 / n > 2}",
            "`10 / n > 2` and `sum(n) filter (where n < 9)`",
        ),
        (
            "a: {from: web, select: count(*) filter (where 1 / n = 1)}",
            "`count(*) filter (where 1 / n = 1)`",
        ),
        (
            "a: {from: web, select: count(distinct session), where: 10 / n > 2 and session_events > 0}",
            "`10 / n > 2 and session_events > 0`",
        ),
    ] {
        let definition = definition.replace("ATTRIBUTE", attribute);
        std::fs::write(folder.path().join("told.yaml"), definition).expect("room on the disk");
        selfsame(folder.path(), &["run", "told.yaml", "--until-end"]).well();
        let rejects = values(&folder.path().join("out/rejects.ndjson"));
        let reasons: Vec<&Value> = rejects.iter().map(|it| &it["value"]["reasons"]).collect();
        assert_eq!(reasons.len(), 1, "{attribute}");
        assert_eq!(reasons[0][0]["message"], format!("{told}: division by zero"), "{attribute}");
    }
    // Where it always fails the place is that of the condition.
    let attribute = "a: {from: web, select: sum(n), where: n > 1 / 0}";
    std::fs::write(folder.path().join("told.yaml"), definition.replace("ATTRIBUTE", attribute))
        .expect("room on the disk");
    let complaint = selfsame(folder.path(), &["check", "told.yaml"]).badly();
    assert!(complaint.contains("in 'where' of attribute 'a': `1 / 0` always fails"), "{complaint}");
}
