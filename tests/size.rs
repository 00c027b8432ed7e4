//! A program that takes a new cookie with every visit does not become one person with all of them.

mod program;

use std::path::Path;

use program::{State, records_in, selfsame};
use serde_json::{Value, json};

const DEFINITION: &str = "
sources:
  web:
    files: web.ndjson
    kind: events
    time: at
    fields: {account: text, cookie: text, at: timestamp}
identity:
  at_most: 5
  account: {from: {web: account}}
  cookie: {from: {web: cookie}}
attributes:
  visits: {from: web, select: count(*)}
outputs:
  profiles: {files: out/profiles.ndjson}
  conflicts: {files: out/conflicts.ndjson}
";

/// How many cookies the account of the program takes.
const COOKIES: i64 = 40;

fn rows() -> Vec<String> {
    let row = |account: &str, cookie: &str, at: i64| {
        format!("{{\"account\":\"{account}\",\"cookie\":\"{cookie}\",\"at\":{at}}}\n")
    };
    let mut rows: Vec<String> =
        (0..COOKIES).map(|number| row("bot", &format!("c{number:02}"), 1_000 + number)).collect();
    rows.extend((0..3).map(|number| row("ada", &format!("a{number}"), 2_000 + number)));
    rows
}

fn run(folder: &Path, rows: impl Iterator<Item = String>, workers: &str) -> State {
    let _ = std::fs::remove_dir_all(folder.join("out"));
    std::fs::write(folder.join("size.yaml"), DEFINITION).expect("room on the disk");
    std::fs::write(folder.join("web.ndjson"), rows.collect::<String>()).expect("room on the disk");
    selfsame(folder, &["run", "size.yaml", "--until-end", "--workers", workers]).well();
    let state = State::of(records_in(&folder.join("out")));
    state.map(|value| value.rsplit_once(",\"at\":").expect("an instant").0.to_owned())
}

/// How many identifiers people have, sorted.
fn sizes(state: &State) -> Vec<usize> {
    let profiles = state.values.iter().filter(|((output, _), _)| output == "profiles");
    let mut sizes: Vec<usize> = profiles
        .map(|(_, value)| {
            let profile: Value = serde_json::from_str(&format!("{value}}}")).expect("JSON");
            let types = profile["identifiers"].as_object().expect("by type");
            types.values().map(|of| of.as_array().expect("a list").len()).sum()
        })
        .collect();
    sizes.sort_unstable();
    sizes
}

#[test]
fn a_person_has_so_many_identifiers_in_all_and_the_first_seen_stay() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    let state = run(path, rows().into_iter(), "1");
    // The account with the four cookies that were seen first, the other cookies each alone, and Ada.
    let mut expected = vec![1; COOKIES as usize - 4];
    expected.extend([4, 5]);
    assert_eq!(sizes(&state), expected);
    let withheld = &state.values[&("conflicts".into(), "withheld/account:bot/cookie:c04".into())];
    let withheld: Value = serde_json::from_str(&format!("{withheld}}}")).expect("JSON");
    assert_eq!(
        withheld,
        json!({"conflict": "withheld", "rule": "at_most", "type": null, "limit": 5,
               "one": "account:bot", "other": "cookie:c04"})
    );
    assert_eq!(state.count("conflicts"), COOKIES as usize - 4);

    let why = selfsame(path, &["why", "account:bot", "cookie:c39", "--spec", "size.yaml"]).well();
    let reason = "does not count (at_most): a person has at most 5 identifiers: one side has 5, the \
                  other 1";
    assert!(why.contains(reason), "{why}");
    let report = selfsame(path, &["report", "--spec", "size.yaml"]).well();
    assert!(report.contains("link withheld: at_most"), "{report}");

    let reversed = run(path, rows().into_iter().rev(), "2");
    assert_eq!(reversed.values, state.values, "the order of rows changes nothing");
}

#[test]
fn a_segment_of_people_larger_than_any_person_can_be_is_warned_of() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let segment = "segments: {crowds: \"cardinality(identifiers['cookie']) > 7\"}\n";
    let definition = format!("{DEFINITION}{segment}");
    std::fs::write(folder.path().join("size.yaml"), definition).expect("room on the disk");
    let said = selfsame(folder.path(), &["check", "size.yaml"]).well();
    assert!(said.contains("warning: ") && said.contains("crowds"), "{said}");
}
