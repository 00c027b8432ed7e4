//! The data folder holds what stands of `records`, and not all that was ever said: a source of which each key was told
//! a hundred times takes no more room than one of which each was told twice, and all comes out as if nothing had left.

mod program;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use arrow::array::AsArray;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use program::outputs::{Holds, holds};
use program::{Running, selfsame};
use serde_json::json;

const KEYS: usize = 20;

/// With these outputs.
fn definition(outputs: &[&str]) -> String {
    let outputs: String =
        outputs.iter().map(|of| format!("  {of}: {{files: out/{of}.ndjson}}\n")).collect();
    format!(
        "
sources:
  crm:
    files: in/crm*.ndjson
    kind: records
    key: id
    time: at
    fields: {{id: text, at: timestamp, mail: text, phone: text, name: text, plan: text}}
identity:
  mail: {{from: {{crm: mail}}}}
  phone: {{from: {{crm: phone}}}}
attributes:
  name: {{from: crm, select: last(name)}}
outputs:
{outputs}"
    )
}

const ALL: [&str; 2] = ["profiles", "identities"];

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("in")).expect("a folder");
    fs::write(folder.path().join("crm.yaml"), definition(&ALL)).expect("it is written");
    folder
}

/// Tells of every record again, as of a minute.
fn tell(folder: &Path, minute: usize, name: impl Fn(usize) -> String) {
    let at = format!("2026-03-01T{:02}:{:02}:00Z", minute / 60, minute % 60);
    let row = |key| {
        // Who is known by a phone was known by another one in the first hour.
        let phone = format!("0{key}{}", minute / 60);
        let (mail, plan) = (format!("k{key}@x.org"), format!("plan {minute}"));
        let row = json!({"id": format!("k{key}"), "at": at, "mail": mail, "phone": phone, "name": name(key), "plan": plan});
        format!("{row}\n")
    };
    let rows: String = (0..KEYS).map(row).collect();
    fs::write(folder.join(format!("in/crm{minute:03}.ndjson")), rows).expect("it is written");
}

const RUN: [&str; 5] = ["run", "crm.yaml", "--data", "data", "--until-end"];
const SMALL: [(&str, &str); 1] = [("SELFSAME_COMPACTED_ROWS", "1")];

/// Runs to the end of what there is; what it says.
fn run(folder: &Path) -> String {
    let ended = Running::start_with(folder, &RUN, &SMALL).end();
    let said = ended.err.clone();
    ended.well();
    said
}

fn state(folder: &Path) -> Holds {
    holds(folder, &ALL)
}

/// What a run without a store comes to.
fn undisturbed(folder: &Path) -> Holds {
    fs::rename(folder.join("out"), folder.join("kept")).expect("it is moved");
    selfsame(folder, &["run", "crm.yaml", "--until-end", "--quiet"]).well();
    let whole = state(folder);
    fs::remove_dir_all(folder.join("out")).expect("it is deleted");
    fs::rename(folder.join("kept"), folder.join("out")).expect("it is moved back");
    whole
}

/// By key, how many versions are stored, and what the newest one says of a column.
fn stored(folder: &Path, column: &str) -> BTreeMap<String, (usize, String)> {
    let mut stored: BTreeMap<String, (usize, i64, String)> = BTreeMap::new();
    for file in fs::read_dir(folder.join("data/rows/crm")).expect("rows are stored") {
        let file = fs::File::open(file.expect("an entry").path()).expect("a file");
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|of| of.build());
        for batch in reader.expect("Parquet") {
            let batch = batch.expect("rows");
            let texts = |name| batch.column_by_name(name).expect("it has one").as_string::<i32>();
            let at = batch.column_by_name("at").expect("it has one");
            let at = at.as_primitive::<arrow::datatypes::TimestampMicrosecondType>();
            for row in 0..batch.num_rows() {
                let (key, at) = (texts("id").value(row).to_owned(), at.value(row));
                let of = stored.entry(key).or_insert((0, i64::MIN, String::new()));
                of.0 += 1;
                if at >= of.1 {
                    (of.1, of.2) = (at, texts(column).value(row).to_owned());
                }
            }
        }
    }
    stored.into_iter().map(|(key, (number, _, value))| (key, (number, value))).collect()
}

#[test]
fn a_record_that_is_told_again_and_again_takes_the_room_of_few_versions() {
    let folder = folder();
    let path = folder.path();
    let mut said = String::new();
    for round in 0..4 {
        for minute in round * 30..(round + 1) * 30 {
            tell(path, minute, |key| format!("n{}", (key + minute) % 7));
        }
        said += &run(path);
        assert_eq!(state(path), undisturbed(path), "round {round}");
    }
    assert!(said.contains("have left the data folder"), "{said}");
    assert!(said.contains("older versions of records, from which nothing followed"), "{said}");
    // With each of two phones the first version and the newest.
    let held = stored(path, "plan");
    assert_eq!(held.len(), KEYS);
    for (key, (number, newest)) in &held {
        assert!(*number <= 4, "{key}: {number}");
        assert_eq!(newest, "plan 119", "{key}");
    }
    // A field that the definition had no use for is there for the next one.
    let text =
        definition(&ALL).replace("  name: {", "  plan: {from: crm, select: last(plan)}\n  name: {");
    fs::write(path.join("crm.yaml"), text).expect("it is written");
    run(path);
    let state_now = state(path);
    assert_eq!(state_now, undisturbed(path));
    assert!(format!("{state_now:?}").contains("plan 119"));
    // And who is forgotten leaves with all versions.
    selfsame(path, &["forget", "mail:k3@x.org", "--data", "data"]).well();
    assert!(!stored(path, "plan").contains_key("k3"));
    let before = state(path);
    run(path);
    let mut without = before;
    without.retain(|_, value| !value.to_string().contains("k3@x.org"));
    let people = state(path);
    assert_eq!(people.values().filter(|value| value.to_string().contains("k3@x.org")).count(), 0);
    assert_eq!(people.len(), without.len());
}

/// An output that a definition tells, the next one does not, and the one behind that does again, was last told of a tick at
/// which nobody knows any more what held.
#[test]
fn an_output_that_was_told_before_versions_left_is_compared() {
    let folder = folder();
    let path = folder.path();
    let long = [("SELFSAME_COMPACTED_ROWS", "1000000")];
    let names = ["a", "b", "a", "a"];
    for (minute, name) in names.iter().enumerate() {
        let (outputs, environment): (&[&str], _) = match minute {
            // Only identities are told; versions leave.
            2 => (&ALL[1..], SMALL),
            _ => (&ALL, long),
        };
        fs::write(path.join("crm.yaml"), definition(outputs)).expect("it is written");
        tell(path, minute, |key| format!("{name}{key}"));
        Running::start_with(path, &RUN, &environment).end().well();
    }
    assert_eq!(state(path), undisturbed(path));
}

/// What is read otherwise by a later definition may follow from versions that have left: that is said, with the way to have
/// it, and of nothing else.
#[test]
fn who_reads_records_otherwise_than_when_versions_left_is_told_what_is_not_known_any_more() {
    let folder = folder();
    let path = folder.path();
    for minute in 0..30 {
        tell(path, minute, |key| format!("n{}", (key + minute) % 7));
    }
    assert!(run(path).contains("have left the data folder"));
    let with = |from: &str, to: &str| {
        let text = definition(&ALL).replace(from, to);
        assert_ne!(text, definition(&ALL));
        fs::write(path.join("crm.yaml"), text).expect("it is written");
        run(path)
    };
    let all_the_same =
        with("attributes:\n", "attributes:\n  plan: {from: crm, select: last(plan)}\n");
    assert!(!all_the_same.contains("otherwise now"), "{all_the_same}");
    for (from, to, what) in [
        (
            "    time: at\n",
            "    time: at\n    where: name <> 'n1'\n",
            "where is stated otherwise now",
        ),
        ("    key: id\n", "    key: phone\n", "key is stated otherwise now"),
        (
            "kind: records\n    key: id",
            "kind: events\n    id: id",
            "id, key, kind are stated otherwise now",
        ),
        (
            "attributes:\n",
            "  plan: {from: {crm: plan}}\nattributes:\n",
            "identity.plan.from.crm is stated otherwise now",
        ),
        (
            "identity:\n",
            "    derive: {called: \"lower(name)\"}\nidentity:\n  called: {from: {crm: called}}\n",
            "derive.called, identity.called.from.crm are stated otherwise now",
        ),
    ] {
        let said = with(from, to);
        assert!(said.contains(what), "{what}: {said}");
        assert!(said.contains("let the source be read from its start"), "{said}");
    }
    // Whoever applies it hears of it before.
    fs::write(path.join("crm.yaml"), definition(&ALL)).expect("it is written");
    let run = ["run", "crm.yaml", "--data", "data", "--follow"];
    let mut running = Running::start_with(path, &run, &SMALL);
    let socket = path.join("data/control.sock");
    running.until("it listens", |_| socket.exists());
    let text = definition(&ALL).replace("    key: id\n", "    key: phone\n");
    fs::write(path.join("next.yaml"), text).expect("it is written");
    let told = selfsame(path, &["apply", "next.yaml", "--data", "data", "--dry-run"]).well();
    assert!(told.contains("key is stated otherwise now"), "{told}");
    running.signal("TERM");
    running.end().well();
}
