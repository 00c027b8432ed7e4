//! The sample of a business by subscription: a run against what its maker worked out by itself, and drafted definitions
//! against those that are written by hand.

mod program;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

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

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (entry, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        match entry.is_dir() {
            true => copy(&entry, &to),
            false => assert!(std::fs::copy(&entry, &to).is_ok()),
        }
    }
}

/// The identifiers of each person, without their types.
fn people(folder: &Path) -> BTreeSet<BTreeSet<String>> {
    let state = State::of(records(&folder.join("out/identities.ndjson")));
    let mut people: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for value in state.values.values() {
        let value: Value = serde_json::from_str(value).unwrap();
        let text = |name: &str| value[name].as_str().unwrap().to_owned();
        people.entry(text("person")).or_default().insert(text("value"));
    }
    people.into_values().collect()
}

#[test]
fn a_run_of_the_sample_finds_what_its_maker_worked_out_by_itself() {
    let folder = copied("saas");
    let at = folder.path();
    let said = selfsame(
        at,
        &["run", "saas.yaml", "--clock", "event", "--summary", "s.json", "--workers", "2"],
    );
    said.well();
    let state = State::of(records(&at.join("out/profiles.ndjson")));
    let mut found: Vec<Value> = state.values.values().map(|value| {
        let value: Value = serde_json::from_str(value).unwrap();
        let mut identifiers: Vec<String> = Vec::new();
        for (kind, values) in value["identifiers"].as_object().unwrap() {
            identifiers.extend(values.as_array().unwrap().iter().map(|text| format!("{kind}:{}", text.as_str().unwrap())));
        }
        identifiers.sort();
        let of = &value["attributes"];
        let cents = |name: &str| (of[name].as_f64().unwrap_or(0.0) * 100.0).round() as u64;
        let count = |name: &str| of[name].as_u64().unwrap_or(0);
        let countries = if of["countries"].is_null() { json!([]) } else { of["countries"].clone() };
        json!({
            "identifiers": identifiers, "countries": countries, "visits": count("visits"), "lines": count("lines"),
            "seats": count("seats"), "EUR": cents("spent_eur"), "USD": cents("spent_usd"), "JPY": cents("spent_jpy"),
            "tickets": count("tickets"),
        })
    }).collect();
    found.sort_by_key(|of| of["identifiers"].to_string());
    let expected = std::fs::read_to_string(sample("saas").join("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&expected).unwrap();
    let mut expected = expected["people"].as_array().unwrap().clone();
    expected.sort_by_key(|of| of["identifiers"].to_string());
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
    let summary: Value =
        serde_json::from_str(&std::fs::read_to_string(at.join("s.json")).unwrap()).unwrap();
    let rejected = |name: &str| summary["sources"][name]["rejected"].as_u64().unwrap();
    assert_eq!((rejected("events"), rejected("tickets"), rejected("invoices")), (2, 1, 0));
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

/// By hand an invoice is its lines, so that one without any says nothing; drafted, it says who was to pay.
#[test]
fn what_is_drafted_of_the_other_sample_finds_its_people_and_those_of_invoices_without_lines() {
    let folder = copied("saas");
    selfsame(folder.path(), &["run", "saas.yaml", "--clock", "event"]).well();
    let by_hand = people(folder.path());
    let known: BTreeSet<&String> = by_hand.iter().flatten().collect();
    let drafted = drafted(folder.path());
    let of_known = |person: &BTreeSet<String>| -> BTreeSet<String> {
        person.iter().filter(|of| known.contains(of)).cloned().collect()
    };
    let kept: BTreeSet<BTreeSet<String>> =
        drafted.iter().map(of_known).filter(|person| !person.is_empty()).collect();
    assert_eq!(kept, by_hand);
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
