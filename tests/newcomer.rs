//! The first hour: what is said while a run lasts, when there is little to say, and of texts that are
//! not meant well.

mod program;

use std::path::Path;

use program::{Running, selfsame};
use serde_json::Value;

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("room on the disk");
}

const SHOP: &str = "
sources:
  crm: {files: crm.ndjson, kind: records, key: customer, fields: {customer: text, email: text, name: text}}
identity:
  customer: {from: {crm: customer}}
  email: {from: {crm: email}, normalize: lower(trim(value)), at_most: 1}
attributes:
  name: {from: crm, select: last(name)}
segments:
  named: name is not null
outputs:
  profiles: {files: out/profiles.ndjson}
";

#[test]
fn somebody_is_found_without_an_output_of_identities_and_by_another_spelling() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    let rows = "{\"customer\":\"1\",\"email\":\" Ada@Home.org \",\"name\":\"Ada\"}\n\
                {\"customer\":\"2\",\"email\":\"ben@home.org\",\"name\":\"Ben\"}\n";
    write(path, "crm.ndjson", rows);
    let without = SHOP.to_owned();
    let with = format!("{SHOP}  identities: {{files: out/identities.ndjson}}\n");
    for definition in [without, with] {
        write(path, "shop.yaml", &definition);
        let _ = std::fs::remove_dir_all(path.join("out"));
        selfsame(path, &["run", "shop.yaml"]).well();
        let name = |arguments: &[&str]| {
            let profile = selfsame(path, &[&["get"], arguments].concat()).well();
            let profile: Value = serde_json::from_str(&profile).expect("JSON");
            profile["attributes"]["name"].clone()
        };
        for id in ["1", "customer:1", "ada@home.org", "email:ada@home.org"] {
            assert_eq!(name(&[id, "--out", "out"]), "Ada", "{id}");
        }
        for id in ["ADA@home.org ", "email: ADA@home.org", "email:Ada@Home.ORG"] {
            assert_eq!(name(&[id, "--spec", "shop.yaml"]), "Ada", "{id}");
            let complaint = selfsame(path, &["get", id, "--out", "out"]).badly();
            assert!(complaint.contains("did you mean email:ada@home.org?"), "{complaint}");
        }
        let complaint = selfsame(path, &["get", "eve", "--out", "out"]).badly();
        assert!(complaint.contains("nobody is known as 'eve'; with --spec FILE"), "{complaint}");
        let complaint = selfsame(path, &["get", "eve", "--spec", "shop.yaml"]).badly();
        assert_eq!(complaint, "nobody is known as 'eve'\n");
        let complaint = selfsame(path, &["get", "login:eve", "--spec", "shop.yaml"]).badly();
        let types = "the types of identifiers are: customer, email";
        assert_eq!(complaint, format!("nobody is known as 'login:eve'; {types}\n"));
    }
    let only = SHOP.replace("profiles: {", "segments: {");
    write(path, "shop.yaml", &only);
    let complaint = selfsame(path, &["get", "customer:1", "--spec", "shop.yaml"]).badly();
    assert!(complaint.contains("no output publishes profiles"), "{complaint}");
}

#[test]
fn formats_that_are_something_else_are_told_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let check = |format: &str| {
        let shop = SHOP.replace("kind: records", &format!("format: {format}, kind: records"));
        write(folder.path(), "shop.yaml", &shop);
        selfsame(folder.path(), &["check", "shop.yaml"]).badly()
    };
    for (format, remedy) in [("tsv", "`delimiter: tab`"), ("xlsx", "save its sheet as csv")] {
        let said = check(format);
        assert!(said.contains(remedy) && !said.contains("did you mean"), "{said}");
    }
    assert!(check("ndjson").contains("write `format: json`"));
    let said = check("cvs");
    assert!(said.contains("did you mean") && said.contains("csv"), "{said}");
}

#[test]
fn brokers_that_do_not_answer_are_told_with_the_reason() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    write(path, "crm.ndjson", "");
    let listening = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let deaf = listening.local_addr().expect("bound").to_string();
    let ask = |brokers: &str, command: &[&str]| {
        let shop = SHOP.replace("{files: out/profiles.ndjson}", "{kafka: {topic: profiles}}");
        write(path, "shop.yaml", &format!("kafka: {{brokers: '{brokers}'}}\n{shop}"));
        selfsame(path, command).badly()
    };
    for command in [&["run", "shop.yaml"][..], &["get", "1", "--spec", "shop.yaml"]] {
        let said = ask("no.such.host.invalid:9092", command);
        assert!(said.contains("the name in no.such.host.invalid:9092 leads nowhere"), "{said}");
    }
    let said = ask("127.0.0.1:1", &["run", "shop.yaml"]);
    assert!(said.contains("127.0.0.1:1: Connection refused"), "{said}");
    let said = ask(&deaf, &["run", "shop.yaml"]);
    assert!(
        said.contains("does not speak Kafka with us") && said.contains("security.protocol"),
        "{said}"
    );
}

#[test]
fn what_is_not_there_to_be_read_back_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    for command in [&["get", "1"][..], &["tail", "profiles"], &["report"]] {
        let said = selfsame(path, &[command, &["--out", "out"]].concat()).badly();
        assert!(said.contains("no changelogs (*.ndjson) in 'out': run a definition"), "{said}");
    }
    write(path, "shop.yaml", SHOP);
    write(path, "crm.ndjson", "{\"customer\":7}\n{\"customer\":\n");
    let summary = selfsame(path, &["run", "shop.yaml"]).well();
    assert!(summary.contains("no output says why rows were rejected: add one"), "{summary}");
    write(path, "shop.yaml", &format!("{SHOP}  rejects: {{files: out/rejects.ndjson}}\n"));
    assert!(!selfsame(path, &["run", "shop.yaml"]).well().contains("says why"));
}

#[test]
fn where_nothing_is_sent_there_is_no_latency() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    write(path, "shop.yaml", SHOP);
    let summary = |rows: &str| {
        write(path, "crm.ndjson", rows);
        let text = selfsame(path, &["run", "shop.yaml", "--summary", "summary.json"]).well();
        let json = std::fs::read_to_string(path.join("summary.json")).expect("asked for");
        let json: Value = serde_json::from_str(&json).expect("JSON");
        (text, json["latency"].clone())
    };
    let (text, latency) = summary("");
    assert!(text.contains("no latency: no row was read"), "{text}");
    assert_eq!(latency, Value::Null);
    let (text, latency) = summary("{\"customer\":\"\n");
    assert!(text.contains("no latency: no record was sent to any output"), "{text}");
    assert!(!text.contains("within 200 ms"), "{text}");
    assert_eq!(latency, Value::Null);
    let (text, latency) = summary("{\"customer\":\"1\"}\n");
    assert!(text.contains("within 200 ms"), "{text}");
    assert_eq!(latency["count"], 1);
}

#[test]
fn progress_over_files_is_logged_with_what_is_left_and_not_when_it_is_not_wanted() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    write(path, "shop.yaml", SHOP);
    let rows = |number: usize| -> String {
        let row = |row| format!("{{\"customer\":\"{row}\",\"email\":\"{row}@x.org\"}}\n");
        (0..number).map(row).collect()
    };
    // More than a tick takes, however fast they are read: some are left while the first ones pass.
    write(path, "crm.ndjson", &rows(1_200_000));
    let told = |line: &str| line.contains(" a second") && line.contains(" MB read, about ");
    let mut running = Running::start(path, &["run", "shop.yaml"]);
    running.until("progress", |running| running.err().lines().any(told));
    running.signal("KILL");
    write(path, "crm.ndjson", &rows(300_000));
    let mut quiet = Running::start(path, &["run", "shop.yaml", "--quiet"]);
    std::thread::sleep(std::time::Duration::from_secs(4));
    assert_eq!(quiet.err(), "");
    quiet.signal("INT");
    quiet.until("it ends", |quiet| quiet.out().contains("identifiers"));
    assert_eq!(quiet.end().err, "");
}

/// Moves the cursor, colours, turns round, and begins lines of its own.
const HOSTILE: &str = "x\u{1b}[2J\u{9b}31m\r\n\u{202e}all is well\u{7}\u{2028}\u{7f}";

#[test]
fn texts_from_data_do_nothing_to_a_terminal() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    let shop = format!(
        "{SHOP}  identities: {{files: out/identities.ndjson}}\n  rejects: {{files: out/rejects.ndjson}}\n  \
         conflicts: {{files: out/conflicts.ndjson}}\n"
    )
    .replace("lower(trim(value))", "value");
    write(path, "shop.yaml", &shop);
    let hostile = serde_json::Value::from(HOSTILE);
    let other = serde_json::Value::from(format!("{HOSTILE}2"));
    let rows = format!(
        "{{\"customer\":{hostile},\"email\":{hostile},\"name\":{hostile}}}\n\
         {{\"customer\":{hostile}}}\n{{\"customer\":{other},\"email\":{other},\"name\":{hostile}}}\n\
         {{\"customer\":\"1\",\"email\":{other}}}\n{{\"customer\":\"{}\"}}\n",
        "\u{9b}2J"
    );
    let rows = rows.replacen("\"name\":\"", "\"name\":\"\u{9b}2J", 1);
    write(path, "crm.ndjson", &rows);
    let ids = [HOSTILE.to_owned(), format!("{HOSTILE}2"), format!("customer:{HOSTILE}")];
    let run = selfsame(path, &["run", "shop.yaml"]);
    let mut said = vec![run.out.clone(), run.err.clone()];
    run.well();
    let mut ask = |arguments: &[&str]| {
        let ended = selfsame(path, arguments);
        said.extend([ended.out.clone(), ended.err.clone()]);
        ended
    };
    for id in &ids {
        let json = ask(&["get", id, "--spec", "shop.yaml"]).well();
        let profile: Value = serde_json::from_str(&json).expect("it stays JSON");
        let customers = profile["identifiers"]["customer"].as_array().expect("a list");
        let is_hostile = |of: &Value| of.as_str().is_some_and(|of| of.starts_with(HOSTILE));
        assert!(customers.iter().any(is_hostile), "{customers:?}");
        ask(&["why", id, "--spec", "shop.yaml"]).well();
        ask(&["why", id, "1", "--spec", "shop.yaml"]).well();
        ask(&["why", id, "--spec", "shop.yaml", "--segment", "named"]).well();
        ask(&["why", id, "--spec", "shop.yaml", "--attribute", "name"]).well();
        ask(&["get", &format!("{id}{id}"), "--spec", "shop.yaml"]).badly();
        ask(&["why", &format!("{id}{id}"), "--spec", "shop.yaml"]).badly();
    }
    for output in ["profiles", "identities", "rejects", "conflicts"] {
        let tail = ask(&["tail", output, "--spec", "shop.yaml"]).well();
        tail.lines().for_each(|line| drop(serde_json::from_str::<Value>(line).expect("JSON")));
    }
    ask(&["report", "--spec", "shop.yaml"]).well();
    ask(&["tail", HOSTILE, "--spec", "shop.yaml"]).badly();
    ask(&["run", HOSTILE]).badly();
    for text in &said {
        let bad = text
            .chars()
            .find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}' || *c == '\u{2028}');
        assert_eq!(bad, None, "{text:?}");
        assert!(
            !text.contains("\n\u{202e}all is well")
                && !text.lines().any(|line| line.starts_with("all is well"))
        );
    }
    assert!(said.iter().any(|text| text.contains("\\u001b[2J")), "it is shown");
}

#[test]
fn what_can_not_be_written_at_the_end_is_told_before_the_run_and_only_a_run_is_remembered() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    write(path, "crm.ndjson", "{\"customer\":\"1\",\"email\":\"ada@home.org\",\"name\":\"Ada\"}\n");
    write(path, "shop.yaml", SHOP);
    write(path, "file", "");
    for (summary, why) in [("file/summary.json", "file/summary.json"), (".", "directory")] {
        let told = selfsame(path, &["run", "shop.yaml", "--summary", summary]).badly();
        assert!(told.contains("can't be written") && told.contains(why), "{told}");
        assert!(!path.join("out").exists(), "nothing ran");
    }
    selfsame(path, &["run", "shop.yaml", "--summary", "new/folder/summary.json"]).well();
    assert!(path.join("new/folder/summary.json").is_file());
    // One that can't start is not the last one that ran.
    write(path, "other.yaml", &SHOP.replace("crm.ndjson", "nothing.ndjson"));
    selfsame(path, &["run", "other.yaml"]).badly();
    assert!(selfsame(path, &["get", "ada@home.org"]).well().contains("\"Ada\""));
}

#[test]
fn an_empty_file_of_csv_is_told_by_its_name() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    write(path, "crm1.csv", "");
    write(path, "crm2.csv", "customer,email,name\n1,ada@home.org,Ada\n");
    write(path, "crm3.csv", "\u{feff}");
    let csv = SHOP.replace("files: crm.ndjson", "files: \"crm*.csv\", format: csv");
    write(path, "shop.yaml", &csv);
    let log = selfsame(path, &["run", "shop.yaml"]).err;
    for (name, is_told) in [("crm1.csv", true), ("crm2.csv", false), ("crm3.csv", true)] {
        assert_eq!(log.contains(&format!("'{name}' is empty")), is_told, "{log}");
    }
}
