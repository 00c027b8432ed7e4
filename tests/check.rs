//! What users read is right: what `selfsame check` says of a definition, the reference, the sample.
//!
//! Every `tests/check/NAME.yaml` is broken in its own way; `NAME.txt` beside it is what the command
//! prints, to the letter. After a change of messages, or of the table of fields, look at what changes
//! for users:
//!
//! ```text
//! SELFSAME_BLESS=1 cargo test --test check && git diff tests/check docs
//! ```

mod copied;
mod foreign;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use copied::copy;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn selfsame(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_selfsame"));
    command.args(arguments).current_dir(root()).env_clear();
    command.output().expect("the command starts")
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("text")
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn is_blessing() -> bool {
    std::env::var_os("SELFSAME_BLESS").is_some()
}

fn broken() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(root().join("tests/check")).expect("a folder");
    let files = folder.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|ending| ending == "yaml")).collect();
    files.sort();
    files
}

#[test]
fn what_is_hardly_meant_is_warned_of_and_fails_only_where_that_is_wanted() {
    let name = "tests/check/warnings/hardly_meant.yaml";
    let output = selfsame(&["check", name]);
    assert_eq!(output.status.code(), Some(0));
    let found = text(output.stdout);
    let warnings = found.find("warning: ").expect("warnings behind the explanation");
    let (found, golden) = (&found[warnings..], root().join(name).with_extension("txt"));
    if is_blessing() {
        std::fs::write(&golden, found).expect("it can be written");
    }
    assert_eq!(found, read(&golden));
    assert_eq!(selfsame(&["check", name, "--deny-warnings"]).status.code(), Some(1));
}

#[test]
fn every_mistake_is_told_with_its_place_and_what_would_be_right() {
    let files = broken();
    assert!(files.len() >= 30);
    let mut wrong = Vec::new();
    for file in files {
        let name = file.strip_prefix(root()).expect("below it").to_str().expect("a name");
        let output = selfsame(&["check", name]);
        assert_eq!(output.status.code(), Some(1), "{name} is broken");
        assert!(output.stdout.is_empty(), "{name}: nothing is well");
        let found = text(output.stderr);
        assert!(found.starts_with(&format!("{name}:")), "{name}: {found}");
        let golden = file.with_extension("txt");
        if is_blessing() {
            std::fs::write(&golden, &found).expect("it can be written");
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        if found != expected {
            wrong.push(format!("{name}: expected\n{expected}\nfound\n{found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_definition_without_mistakes_is_explained() {
    let output = selfsame(&["check", "dataflows/retail/retail.yaml", "--deny-warnings"]);
    let found = text(output.stdout);
    assert!(output.status.success(), "{}", text(output.stderr));
    assert!(found.starts_with("retail: all is well\n"), "{found}");
    for said in ["web", "lifetime_value", "abandoned_cart", "out/profiles.ndjson"] {
        assert!(found.contains(said), "{said} in {found}");
    }
    assert!(!found.contains("warning:"), "{found}");
}

#[test]
fn a_definition_is_explained_with_its_guards() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("shop.yaml");
    let definition = "
sources:
  web: {files: web.ndjson, kind: events, fields: {account: text, email: text, cookie: text}}
  crm: {files: crm.ndjson, kind: records, key: account, fields: {account: text}}
  rulings:
    {files: rulings.ndjson, kind: records, key: a, fields: {a: text, b: text, ruling: text}}
identity:
  account: {from: {web: account, crm: account}, at_most: 1}
  email: {from: {web: email}, placeholders: keep, at_most: 4, shared_after: 5}
  cookie: {from: {web: cookie}, shared_after: 2}
  decisions: {from: rulings, one: a, other: b, verdict: ruling}
  at_most: 500
attributes:
  visits: {from: web, select: count(*)}
outputs:
  profiles: {files: profiles.ndjson}
";
    std::fs::write(&file, definition).expect("room on the disk");
    let output = selfsame(&["check", file.to_str().expect("a path")]);
    assert!(output.status.success(), "{}", text(output.stderr));
    let found = text(output.stdout);
    let lines = [
        "  account             web.account, crm.account; at most 1 a person",
        "  email               web.email; placeholders are kept; at most 4 a person; shared after 5",
        "  cookie              web.cookie; shared after 2",
        "  a person has at most 500 identifiers in all",
        "  decisions           rulings.a and rulings.b are what rulings.ruling says",
    ];
    for line in lines {
        assert!(found.lines().any(|said| said == line), "{line} in {found}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let output = selfsame(&["check", "nowhere/retail.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    let found = text(output.stderr);
    assert!(found.starts_with("error: 'nowhere/retail.yaml' can't be read:"), "{found}");
}

#[test]
fn a_definition_saved_by_windows_is_the_same_definition() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let check = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, format!("\u{feff}{}", text.replace('\n', "\r\n"))).expect("room");
        selfsame(&["check", file.to_str().expect("a path")])
    };
    let output = check("retail.yaml", &read(&root().join("dataflows/retail/retail.yaml")));
    assert!(output.status.success(), "{}", text(output.stderr));
    let output = check("broken.yaml", &read(&root().join("tests/check/columns_unknown.yaml")));
    let found = text(output.stderr);
    assert!(found.contains("broken.yaml:14:15: in 'select'"), "{found}");

    // To YAML a carriage return alone ends a line too.
    let file = folder.path().join("old.yaml");
    let broken = read(&root().join("tests/check/columns_unknown.yaml")).replace('\n', "\r");
    std::fs::write(&file, &broken).expect("room");
    let found = text(selfsame(&["check", file.to_str().expect("a path")]).stderr);
    assert!(found.contains("old.yaml:14:15: in 'select'"), "{found}");
    let line = broken.split('\r').nth(13).expect("a line");
    assert!(found.contains(&format!("\n 14 | {line}\n")), "{found}");
    std::fs::write(&file, b"name: a\rtime_zone: \xff").expect("room");
    let found = text(selfsame(&["check", file.to_str().expect("a path")]).stderr);
    assert!(found.contains("old.yaml:2:12: this is no text"), "{found}");
}

/// What stands above this line is written by hand, what stands below is printed.
const PRINTED: &str = "<!-- From here on: what `selfsame reference` prints. -->\n\n";

#[test]
fn the_reference_has_every_field_as_the_reader_knows_it() {
    let file = root().join("docs/reference.md");
    let output = selfsame(&["reference"]);
    let printed = text(output.stdout);
    let found = read(&file);
    let (by_hand, below) = found.split_once(PRINTED).expect("the line between");
    if is_blessing() {
        std::fs::write(&file, format!("{by_hand}{PRINTED}{printed}")).expect("it can be written");
        return;
    }
    assert!(
        below == printed,
        "docs/reference.md is not what `selfsame reference` prints: SELFSAME_BLESS=1 mends it"
    );
    let schema: serde_json::Value =
        serde_json::from_slice(&selfsame(&["schema"]).stdout).expect("JSON");
    for field in schema["properties"].as_object().expect("an object").keys() {
        assert!(printed.contains(&format!("`{field}`")), "{field}");
    }
}

#[test]
fn the_sample_is_what_the_command_in_its_readme_makes() {
    let folder = root().join("dataflows/retail");
    let readme = read(&folder.join("README.md"));
    let command = readme.lines().find(|line| line.starts_with("selfsame generate"));
    let mut words: Vec<&str> = command.expect("the command").split(' ').skip(1).collect();
    let out = words.pop().expect("where to");
    assert_eq!(out, "dataflows/retail/data");
    let made = tempfile::tempdir().expect("a temporary folder");
    words.push(made.path().to_str().expect("a path"));
    assert!(selfsame(&words).status.success());
    let files =
        ["web/events-0.ndjson", "orders/orders.ndjson", "crm/customers.ndjson", "products.csv"];
    for file in files {
        let committed = read(&folder.join("data").join(file));
        assert!(read(&made.path().join(file)) == committed, "{file}");
        let rows = committed.lines().count() - usize::from(file.ends_with(".csv"));
        let row = readme.lines().find(|line| line.contains(file)).expect("it is described");
        let rows = match rows {
            1_000.. => format!("{},{:03}", rows / 1_000, rows % 1_000),
            _ => rows.to_string(),
        };
        assert!(row.contains(&format!("| {rows} |")), "{file}: {rows} rows, {row}");
    }
}

/// The first block of the README that begins so.
fn block(readme: &str, beginning: &str) -> String {
    let start = readme.find(beginning).expect("it begins") + beginning.len();
    let length = readme[start..].find("```").expect("it ends");
    readme[start..start + length].to_owned()
}

#[test]
fn the_definition_in_the_readme_is_right() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("shop.yaml");
    std::fs::write(&file, block(&read(&root().join("README.md")), "```yaml\n")).expect("room");
    let output = selfsame(&["check", file.to_str().expect("a path")]);
    assert!(output.status.success(), "{}", text(output.stderr));
}

/// But for what time and batching change: how long it took, and how many records were sent for it.
#[test]
fn the_readme_shows_what_a_run_prints() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    copy(&root().join("dataflows/retail"), &folder.path().join("dataflows/retail"));
    // The commands as they stand there, and in that order.
    let readme = read(&root().join("README.md"));
    let commands =
        block(&readme, "Rust toolchain, a C compiler and make, on a fresh clone:\n\n```\n");
    let mut printed = commands.lines().map(|line| {
        let arguments = line.strip_prefix("cargo run --release -- ").expect("a command");
        let mut command = Command::new(env!("CARGO_BIN_EXE_selfsame"));
        command.args(arguments.split(' ')).env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"));
        let output = command.current_dir(folder.path()).output().expect("the command starts");
        assert!(output.status.success(), "{}", text(output.stderr));
        text(output.stdout)
    });
    let (printed, found) = (printed.next().expect("a run"), printed.next().expect("a look-up"));
    assert!(found.contains("klara.huber.0@example.com"), "{found}");
    let shown = block(&read(&root().join("README.md")), "```\nretail: ");
    let first_words = |text: &str| -> Vec<String> {
        let lines = text.lines().skip(1);
        lines.map(|line| line.split_whitespace().next().unwrap_or_default().to_owned()).collect()
    };
    let named = |text: &str| -> Vec<String> {
        let words = first_words(text).into_iter();
        words.filter(|word| word.chars().all(|c| c.is_alphabetic() || c == '_')).collect()
    };
    assert_eq!(named(&shown), named(&printed), "the same lines");
    let (state, _) = shown.split_once("  output").expect("outputs");
    for line in state.lines().skip(1) {
        assert!(printed.lines().any(|printed| printed == line), "{line}\nin\n{printed}");
    }
}
