//! The sample of a business by subscription: a run against what its maker worked out by itself, and drafted definitions
//! against those that are written by hand.

mod copied;
mod program;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use copied::copy;
use program::{State, records, selfsame};
use serde_json::{Value, json};

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dataflows").join(name)
}

/// A copy of a sample's data and definition.
fn copied(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    copy(&sample(name).join("data"), &folder.path().join("data"));
    let definition = format!("{name}.yaml");
    std::fs::copy(sample(name).join(&definition), folder.path().join(&definition)).unwrap();
    folder
}

/// The identifiers of each person, as a type and a value.
fn identified(folder: &Path) -> Vec<BTreeSet<(String, String)>> {
    let state = State::of(records(&folder.join("out/identities.ndjson")));
    let mut people: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
    for value in state.values.values() {
        let value: Value = serde_json::from_str(value).unwrap();
        let text = |name: &str| value[name].as_str().unwrap().to_owned();
        people.entry(text("person")).or_default().insert((text("type"), text("value")));
    }
    people.into_values().collect()
}

/// The identifiers of each person, without their types.
fn people(folder: &Path) -> BTreeSet<BTreeSet<String>> {
    let values = |person: BTreeSet<(String, String)>| person.into_iter().map(|(_, value)| value);
    identified(folder).into_iter().map(|person| values(person).collect()).collect()
}

/// The same with numbers that are equal wherever they are the same number, however it is written.
fn plain(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(entries) => {
            Value::Object(entries.iter().map(|(key, value)| (key.clone(), plain(value))).collect())
        }
        other => other.clone(),
    }
}

/// What is told of people, by all of their identifiers.
fn told<'a>(people: impl IntoIterator<Item = &'a Value>) -> BTreeMap<String, Value> {
    let told = |person: &Value| {
        let parts = ["identifiers", "attributes", "segments"];
        let told: Value = parts.iter().map(|part| (*part, plain(&person[*part]))).collect();
        let identifiers: BTreeMap<&String, &Value> =
            person["identifiers"].as_object().unwrap().iter().collect();
        (serde_json::to_string(&identifiers).unwrap(), told)
    };
    people.into_iter().map(told).collect()
}

#[test]
fn a_run_of_the_sample_finds_what_its_maker_worked_out_by_itself() {
    let folder = copied("saas");
    let at = folder.path();
    selfsame(
        at,
        &["run", "saas.yaml", "--clock", "event", "--summary", "s.json", "--workers", "2"],
    )
    .well();
    let state = State::of(records(&at.join("out/profiles.ndjson")));
    let found: Vec<Value> =
        state.values.values().map(|value| serde_json::from_str(value).unwrap()).collect();
    let expected = std::fs::read_to_string(sample("saas").join("expected.json")).unwrap();
    let expected: Vec<Value> = serde_json::from_str(&expected).unwrap();
    let (found, expected) = (told(&found), told(&expected));
    for (person, expected) in &expected {
        assert_eq!(found.get(person), Some(expected), "{person}");
    }
    assert_eq!(found.len(), expected.len());
    // Nothing that is asked for is of nobody, and no segment is empty.
    let known = |part: &str, name: &str| {
        let of = |person: &&Value| match &person[part] {
            Value::Array(names) => names.contains(&json!(name)),
            of => !of[name].is_null() && of[name] != json!(0.0),
        };
        expected.values().filter(of).count()
    };
    let attributes = expected.values().next().unwrap()["attributes"].as_object().unwrap();
    assert_eq!(attributes.len(), 18);
    for name in attributes.keys() {
        assert!(known("attributes", name) > 0, "{name}");
    }
    for name in ["paying", "trying", "pays_in_yen", "exporting", "at_risk"] {
        assert!(known("segments", name) > 0, "{name}");
    }
    let summary: Value =
        serde_json::from_str(&std::fs::read_to_string(at.join("s.json")).unwrap()).unwrap();
    let counted = |name: &str, what: &str| summary["sources"][name][what].as_u64().unwrap();
    let rejected = ["signups", "leads", "events", "invoices", "tickets", "workspaces"];
    let rejected = rejected.map(|name| counted(name, "rejected"));
    assert_eq!(rejected, [2, 1, 2, 0, 2, 0]);
    assert_eq!((counted("signups", "duplicates"), counted("events", "duplicates")), (6, 20));
    let codes: Vec<String> = records(&at.join("out/rejects.ndjson"))
        .iter()
        .map(|record| serde_json::from_str(record.value.as_ref().unwrap()).unwrap())
        .map(|reject: Value| format!("{} {}", reject["source"], reject["reasons"][0]["code"]))
        .map(|told| told.replace('"', ""))
        .collect();
    let codes: BTreeSet<&str> = codes.iter().map(String::as_str).collect();
    let expected = [
        "events malformed",
        "events wrong_type",
        "leads wrong_type",
        "signups out_of_range",
        "signups unmapped",
        "tickets unidentified",
        "tickets wrong_type",
    ];
    assert_eq!(codes, expected.into());
}

/// Drafts a definition of a sample's data, checks it and runs it.
fn drafted(folder: &Path) -> BTreeSet<BTreeSet<String>> {
    selfsame(folder, &["init", "data", "-o", "drafted.yaml"]).well();
    let again = selfsame(folder, &["init", "data", "-o", "drafted.yaml"]).badly();
    assert!(again.contains("is there already"), "{again}");
    let said = selfsame(folder, &["check", "drafted.yaml"]).well();
    assert!(said.contains("drafted: all is well"), "{said}");
    selfsame(folder, &["run", "drafted.yaml", "--clock", "event"]).well();
    people(folder)
}

#[test]
fn what_is_drafted_of_the_retail_sample_finds_the_people_of_the_definition_by_hand() {
    let folder = copied("retail");
    selfsame(folder.path(), &["run", "retail.yaml", "--clock", "event"]).well();
    let by_hand = people(folder.path());
    assert_eq!(drafted(folder.path()), by_hand);
}

/// Why each of them differs is told in the sample's README.
#[test]
fn what_is_drafted_of_the_other_sample_parts_from_the_people_by_hand_where_its_readme_says_so() {
    type Person = BTreeSet<(String, String)>;
    let folder = copied("saas");
    selfsame(folder.path(), &["run", "saas.yaml", "--clock", "event"]).well();
    let by_hand = identified(folder.path());
    drafted(folder.path());
    let drafted = identified(folder.path());
    let types = |people: &[Person]| -> BTreeSet<String> {
        people.iter().flatten().map(|(of, _)| of.clone()).collect()
    };
    let all = |names: &[&str]| -> BTreeSet<String> { names.iter().map(|&of| of.into()).collect() };
    let known_to_both = ["user_id", "email", "cookie"];
    assert_eq!(types(&by_hand), all(&[&known_to_both[..], &["email_hash", "phone"]].concat()));
    assert_eq!(types(&drafted), all(&[&known_to_both[..], &["email_hash", "lead"]].concat()));
    let shared = |people: &[Person]| -> BTreeSet<Person> {
        let is_shared = |of: &&(String, String)| known_to_both.contains(&of.0.as_str());
        let people = people.iter().map(|person| person.iter().filter(is_shared).cloned().collect());
        people.filter(|person: &Person| !person.is_empty()).collect()
    };
    let mut expected = shared(&by_hand);
    // By hand their rows are set aside, or say nothing: an invoice without lines.
    let only_drafted: [&[(&str, &str)]; 4] = [
        &[("cookie", "ad_9000")],
        &[("cookie", "ck_90000")],
        &[("cookie", "ck_90001")],
        &[("user_id", "U0900"), ("email", "nothing.yet@firm.example")],
    ];
    for person in only_drafted {
        let own = |(of, value): &(&str, &str)| ((*of).to_owned(), (*value).to_owned());
        let is_new = expected.insert(person.iter().map(own).collect());
        assert!(is_new, "{person:?}");
    }
    assert_eq!(shared(&drafted), expected);
    let yaml = std::fs::read_to_string(folder.path().join("drafted.yaml")).unwrap();
    for said in [
        "format: epoch_s",
        "encoding: utf-16",
        "delimiter: tab",
        "time_zone_from: zone",
        "comment: \"#\"",
        "# ? a list of objects: `unnest` makes a row of each",
        "deleted: state = 'void'",
    ] {
        assert!(yaml.contains(said), "{said}\n{yaml}");
    }
    // What can't be drafted is told, and nothing is written that `check` would refuse.
    let error = selfsame(folder.path(), &["init", "nothing-here"]).badly();
    assert!(error.contains("nothing-here"), "{error}");
    std::fs::write(folder.path().join("no.txt"), b"\x01\x02\x03").unwrap();
    std::fs::write(folder.path().join("nobody.csv"), "day,sum\n2025-01-01,3\n").unwrap();
    let error = selfsame(folder.path(), &["init", "no.txt"]).badly();
    assert!(error.contains("it is no text") && error.contains("none of these files"), "{error}");
    let error = selfsame(folder.path(), &["init", "nobody.csv"]).badly();
    assert!(error.contains("seems to say who somebody is"), "{error}");
}
