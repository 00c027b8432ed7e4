//! What is remembered of the run that was last started from a folder, and what is said of rows that did not count in it.

mod program;

use std::fs;
use std::path::Path;
use std::process::Command;

use program::outputs::{Holds, holds};
use program::{Ended, selfsame};

const DEFINITION: &str = "
name: shop
sources:
  web:
    files: web.ndjson
    kind: events
    id: id
    time: at
    fields: {id: text, at: timestamp, email: text, customer: text, amount: integer}
identity:
  email: {from: {web: email}}
attributes:
  spent: {from: web, select: sum(amount), within: 30 days}
segments:
  buyers: spent > 0
outputs:
  profiles: {files: out/profiles.ndjson}
";

/// The second one carries no e-mail address.
const ROWS: &str = r#"{"id":"1","at":"2026-03-01T10:00:00Z","email":"ada@x.org","amount":5}
{"id":"2","at":"2026-03-02T10:00:00Z","customer":"7","amount":6}
{"id":"3","at":"2026-03-02T11:00:00Z","email":"ben@x.org","amount":7}
"#;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("shop.yaml"), DEFINITION).expect("it is written");
    fs::write(folder.path().join("web.ndjson"), ROWS).expect("it is written");
    folder
}

fn run(folder: &Path, data: &str) -> Ended {
    selfsame(folder, &["run", "shop.yaml", "--data", data, "--clock", "event", "--until-end"])
}

#[test]
fn why_forget_and_apply_ask_of_the_folder_and_the_clock_of_the_last_run() {
    let folder = folder();
    let path = folder.path();
    run(path, "kept").well();
    // By the wall clock it was long ago; and the file of the source is not there any more.
    fs::write(path.join("web.ndjson"), "").expect("it is written");
    let ask = ["why", "ada@x.org", "--segment", "buyers"];
    let told = selfsame(path, &ask).well();
    assert!(told.contains("is in buyers"), "{told}");
    let told = selfsame(path, &[&ask[..], &["--spec", "./shop.yaml"]].concat()).well();
    assert!(told.contains("is in buyers"), "{told}");
    let told = selfsame(path, &[&ask[..], &["--clock", "2027-01-01"]].concat()).badly();
    assert!(told.contains("a clock is"), "{told}");
    let told =
        selfsame(path, &[&ask[..], &["--clock", "fixed:2027-01-01T00:00:00Z"]].concat()).well();
    assert!(told.contains("is not in buyers"), "{told}");
    // Nothing is remembered of another definition.
    fs::copy(path.join("shop.yaml"), path.join("other.yaml")).expect("it is copied");
    let told = selfsame(path, &["forget", "ada@x.org", "--spec", "other.yaml"]).badly();
    assert!(told.contains("name the data folder of the run with --data FOLDER"), "{told}");
    let told = selfsame(path, &["apply", "other.yaml"]).badly();
    assert!(told.contains("kept") && !told.contains("--data FOLDER"), "{told}");
    let told = selfsame(path, &["forget", "ada@x.org"]).well();
    assert!(told.contains("1 stored row is removed"), "{told}");
}

#[test]
fn a_data_folder_that_was_copied_is_asked_by_the_definition_that_is_in_force_in_it() {
    let folder = folder();
    let path = folder.path();
    run(path, "kept").well();
    let copied = |what: &str| {
        let copy = tempfile::tempdir().expect("a folder");
        let from = path.join(what);
        let copies = Command::new("cp").arg("-r").arg(from).arg(copy.path()).status();
        assert!(copies.expect("it is copied").success());
        copy
    };
    let why = ["why", "ada@x.org", "--segment", "buyers", "--data", "kept"];
    let forget = ["forget", "ada@x.org", "--data", "kept"];
    let profiles = |path: &Path| fs::read_to_string(path.join("out/profiles.ndjson"));
    // With its definition: by the clock that it had, and of the outputs beside it.
    let copy = copied(".");
    let copy = copy.path();
    let told = selfsame(copy, &why).well();
    assert!(told.contains("is in buyers"), "{told}");
    let told = selfsame(copy, &forget).well();
    assert!(told.contains("1 stored row is removed"), "{told}");
    assert!(!profiles(copy).expect("an output").contains("ada@x.org"));
    assert!(profiles(path).expect("an output").contains("ada@x.org"), "that is another one's");
    // Without it the outputs are another folder's.
    let copy = copied("kept");
    let copy = copy.path();
    let told = selfsame(copy, &forget).badly();
    assert!(told.contains("shop.yaml', which lies elsewhere") && told.contains("--spec"), "{told}");
    fs::remove_file(path.join("shop.yaml")).expect("it is deleted");
    assert!(selfsame(copy, &why).well().contains("is in buyers"));
    // Of a definition that was run from here another folder's is not asked.
    fs::write(copy.join("other.yaml"), DEFINITION.replace("buyers: spent > 0", "rich: spent > 5"))
        .expect("it is written");
    fs::write(copy.join("web.ndjson"), ROWS).expect("it is written");
    let other = ["run", "other.yaml", "--data", "other", "--clock", "event", "--until-end"];
    selfsame(copy, &other).well();
    assert!(selfsame(copy, &why).well().contains("is in buyers"));
    let rich = ["why", "ada@x.org", "--segment", "rich"];
    assert!(selfsame(copy, &rich).well().contains("is not in rich"));
}

#[test]
fn rows_that_did_not_count_are_not_read_again_and_that_is_said() {
    let folder = folder();
    let path = folder.path();
    let people = |holds: &Holds| holds.len();
    run(path, "kept").well();
    assert_eq!(people(&holds(path, &["profiles"])), 2);
    let again = run(path, "kept").err;
    assert!(!again.contains("otherwise now"), "{again}");
    let with_customers = DEFINITION.replace(
        "  email: {from: {web: email}}\n",
        "  customer: {from: {web: customer}}\n  email: {from: {web: email}}\n",
    );
    fs::write(path.join("shop.yaml"), with_customers).expect("it is written");
    let said = run(path, "kept").err;
    assert!(
        said.contains(
            "identity.customer.from.web is stated otherwise now. Rows that did not count"
        ),
        "{said}"
    );
    assert!(said.contains("a data folder that is new"), "{said}");
    assert_eq!(people(&holds(path, &["profiles"])), 2);
    fs::remove_dir_all(path.join("out")).expect("it is there");
    let said = run(path, "new").err;
    assert!(!said.contains("otherwise now"), "{said}");
    assert_eq!(people(&holds(path, &["profiles"])), 3);
}
