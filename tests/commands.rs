//! The commands, as a newcomer uses them on the sample.

mod copied;
mod program;

use std::io::Write;
use std::path::{Path, PathBuf};

use copied::copy;
use program::{Record, Running, State, records, records_in, selfsame};
use serde_json::Value;

/// A folder with the sample beside its definition.
fn sample() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("dataflows/retail");
    copy(&from, &folder.path().join("dataflows/retail"));
    folder
}

const SPEC: &str = "dataflows/retail/retail.yaml";
/// Where its outputs lie: beside it, wherever it is run from.
const OUT: &str = "dataflows/retail/out";
const RUN: [&str; 5] = ["run", SPEC, "--clock", "event", "--until-end"];

/// The sample, run to its end.
fn ran() -> (tempfile::TempDir, String) {
    let folder = sample();
    let summary = selfsame(folder.path(), &RUN).well();
    (folder, summary)
}

/// The sample, run with what its shop saw first, and once more with the rest: what comes together happens together, and of
/// those who merge within a step nobody was ever told.
fn ran_twice() -> tempfile::TempDir {
    let folder = sample();
    let files =
        std::fs::read_dir(folder.path().join("dataflows/retail/data/web")).expect("a folder");
    let mut rest = Vec::new();
    for file in files {
        let path = file.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a file");
        let half = text[..text.len() / 2].rfind('\n').expect("some lines") + 1;
        std::fs::write(&path, &text[..half]).expect("room on the disk");
        rest.push((path, text[half..].to_owned()));
    }
    let run = [&RUN[..], &["--data", "stored"]].concat();
    selfsame(folder.path(), &run).well();
    rest.iter().for_each(|(path, text)| append(path, text));
    selfsame(folder.path(), &run).well();
    folder
}

fn append(path: &Path, text: &str) {
    let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).expect("room on the disk");
}

#[test]
fn a_run_ends_with_a_summary_that_says_what_its_outputs_hold() {
    let folder = sample();
    let run = [&RUN[..], &["--summary", "summary.json"]].concat();
    let text = selfsame(folder.path(), &run).well();
    let json = std::fs::read_to_string(folder.path().join("summary.json")).expect("asked for");
    let summary: Value = serde_json::from_str(&json).expect("JSON");
    let records = records_in(&folder.path().join(OUT));
    let state = State::of(records.clone());

    assert_eq!(summary["people"], state.count("profiles"));
    assert_eq!(summary["identifiers"], state.count("identities"));
    let rows_in_files: usize = ["web", "orders", "crm"]
        .iter()
        .flat_map(|source| {
            let files = std::fs::read_dir(folder.path().join("dataflows/retail/data").join(source));
            files.expect("a folder").map(|file| file.expect("an entry").path())
        })
        .map(|file| std::fs::read(file).expect("a file").iter().filter(|b| **b == b'\n').count())
        .sum();
    let mut rejected = 0;
    let mut rows = 0;
    for source in ["web", "orders", "crm"] {
        let counts = &summary["sources"][source];
        let count = |name: &str| counts[name].as_u64().expect("a count");
        assert_eq!(
            count("rows"),
            count("accepted") + count("rejected") + count("duplicates") + count("dropped")
        );
        rows += count("rows");
        rejected += count("rejected");
    }
    assert_eq!(rows, rows_in_files as u64);
    assert_eq!(rejected as usize, state.rejects.len());
    for (output, sent) in summary["outputs"].as_object().expect("outputs") {
        assert_eq!(*sent, records.iter().filter(|of| of.output == *output).count(), "{output}");
    }
    for (segment, size) in summary["segments"].as_object().expect("segments") {
        let prefix = format!("{segment}/");
        let keys = state.values.keys();
        let inside = keys.filter(|(of, key)| of == "segments" && key.starts_with(&prefix)).count();
        assert_eq!(*size, inside, "{segment}");
        assert!(text.contains(segment.as_str()), "{segment}");
    }
    let merges = state.count("identities") - state.count("profiles");
    assert_eq!(summary["merges"], merges, "each identifier was a person by itself");
    for word in
        ["retail: ", "rejected", "identifiers", "people", "merges", "p99.9", "within 200 ms"]
    {
        assert!(text.contains(word), "{word}\n{text}");
    }
    assert!(!text.contains("INFO"), "the log goes elsewhere");
}

#[test]
fn a_person_is_found_by_id_by_identifier_and_by_a_bare_value() {
    let folder = ran_twice();
    let get = |id: &str| selfsame(folder.path(), &["get", id]);
    let records = records_in(&folder.path().join(OUT));
    let state = State::of(records.clone());
    let ((_, person), profile) = state
        .values
        .iter()
        .find(|((output, _), value)| output == "profiles" && value.contains("\"email\":[\""))
        .expect("somebody with an e-mail");
    let printed = get(person).well();
    let parse = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    assert_eq!(parse(&printed), parse(profile));
    assert!(printed.lines().count() > 10, "for people to read");
    let email = parse(profile)["identifiers"]["email"][0].as_str().expect("text").to_owned();
    assert_eq!(get(&format!("email:{email}")).well(), printed);
    assert_eq!(get(&email).well(), printed);
    let by_spec = selfsame(folder.path(), &["get", person, "--spec", SPEC]);
    assert_eq!(by_spec.well(), printed);

    let Record { key: gone, .. } = records
        .iter()
        .find(|of| {
            let into = of.merged_into.as_ref().map(|into| ("profiles".to_owned(), into.clone()));
            of.output == "profiles"
                && into.is_some_and(|into| state.values.contains_key(&into))
                && !state.values.contains_key(&("profiles".to_owned(), of.key.clone()))
        })
        .expect("somebody who was merged into somebody who is there");
    let led = get(gone);
    assert!(led.err.contains(&format!("{gone} was merged into")), "{led:?}");
    led.well();

    assert!(get("nobody@example.org").badly().contains("nobody is known as 'nobody@example.org'"));
    let unknown = format!("p_{}", "0".repeat(32));
    assert!(get(&unknown).badly().contains(&unknown));
}

/// Two accounts with one address, and outputs that are named after nothing that they publish.
const RENAMED: &str = "
sources:
  crm:
    files: crm.ndjson
    kind: records
    key: customer
    fields: {customer: text, email: text, name: text}
identity:
  customer: {from: {crm: customer}, at_most: 1}
  email: {from: {crm: email}}
attributes:
  name: {from: crm, select: last(name)}
  rows: {from: crm, select: count(*)}
outputs:
  adas: {publish: profiles, where: name = 'Ada', files: out/a.ndjson}
  counted: {publish: profiles, attributes: [rows], files: out/b.ndjson}
  everyone: {publish: profiles, files: out/c.ndjson}
  who: {publish: identities, files: out/d.ndjson}
  clashes: {publish: conflicts, files: out/e.ndjson}
";

#[test]
fn outputs_are_found_by_what_they_publish_whatever_their_names() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    let rows = r#"{"customer":"1","email":"we@home.org","name":"Ada"}
{"customer":"2","email":"we@home.org","name":"Ben"}
"#;
    std::fs::write(path.join("crm.ndjson"), rows).expect("room on the disk");
    std::fs::write(path.join("renamed.yaml"), RENAMED).expect("room on the disk");
    selfsame(path, &["run", "renamed.yaml", "--until-end"]).well();

    let report = selfsame(path, &["report", "--spec", "renamed.yaml"]).well();
    assert!(report.starts_with("1 conflict\n"), "{report}");
    assert!(report.contains("customer:2 – email:we@home.org"), "{report}");
    for (id, name) in [("we@home.org", "Ada"), ("customer:2", "Ben")] {
        let profile = selfsame(path, &["get", id, "--spec", "renamed.yaml"]).well();
        let profile: Value = serde_json::from_str(&profile).expect("JSON");
        assert_eq!(profile["attributes"], serde_json::json!({"name": name, "rows": 1}));
    }
    // The definition that was last run from here is the one that is meant.
    assert_eq!(selfsame(path, &["report"]).well(), report);
    let report = selfsame(path, &["report", "--out", "out"]).well();
    assert!(report.starts_with("No output holds conflicts") && report.contains("--spec"));
    std::fs::write(path.join("out/conflicts.ndjson"), "").expect("room on the disk");
    assert_eq!(selfsame(path, &["report", "--out", "out"]).well(), "0 conflicts\n");
}

const MOVED: &str = "
sources:
  web: {files: rows.ndjson, kind: events, fields: {email: text, device: text}}
identity:
  email: {from: {web: email}}
  device: {from: {web: device}}
outputs:
  profiles: {files: out/profiles.ndjson}
";

/// Records of one tick stand in no order: the tombstone of whom an identifier belonged to may come last.
#[test]
fn an_identifier_that_moved_is_found_in_whatever_order_the_records_of_a_tick_stand() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    std::fs::write(path.join("moved.yaml"), MOVED).expect("room on the disk");
    let ran = |rows: &str| {
        std::fs::write(path.join("rows.ndjson"), rows).expect("room on the disk");
        selfsame(path, &["run", "moved.yaml", "--until-end"]).well();
        std::fs::read_to_string(path.join("out/profiles.ndjson")).expect("it was written")
    };
    let two =
        "{\"email\":\"a@x.org\",\"device\":\"d1\"}\n{\"email\":\"b@x.org\",\"device\":\"d2\"}\n";
    let parted = ran(two);
    let one = ran(&format!("{two}{{\"email\":\"a@x.org\",\"device\":\"d2\"}}\n"));
    let key = |line: &str| {
        let record: Value = serde_json::from_str(line).expect("JSON");
        record["key"].as_str().expect("a person's id").to_owned()
    };
    let (into, profile) = one.lines().map(|line| (key(line), line)).next_back().expect("a record");
    let from = parted.lines().map(key).find(|person| *person != into).expect("another person");
    let gone = format!(
        "{{\"output\":\"profiles\",\"key\":\"{from}\",\"value\":null,\"merged_into\":\"{into}\"}}"
    );
    for last in [[profile, &gone], [&gone, profile]] {
        let text = format!("{parted}{}\n", last.join("\n"));
        std::fs::write(path.join("out/profiles.ndjson"), text).expect("room on the disk");
        for id in ["d1", "d2", "b@x.org", &from] {
            let found = selfsame(path, &["get", id, "--spec", "moved.yaml"]).well();
            let found: Value = serde_json::from_str(&found).expect("JSON");
            assert_eq!(found["person"], into.as_str(), "{id}");
        }
    }
}

/// Whatever folder a definition is run from, its files lie where it says.
#[test]
fn paths_mean_the_same_wherever_a_run_is_started() {
    let folder = sample();
    let inside = folder.path().join("dataflows/retail");
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let absolute = inside.join("retail.yaml");
    let from = [
        (folder.path(), SPEC),
        (&inside, "retail.yaml"),
        (&inside.join("data"), "../retail.yaml"),
        (elsewhere.path(), absolute.to_str().expect("UTF-8")),
    ];
    let mut states = Vec::new();
    for (working, definition) in from {
        let _ = std::fs::remove_dir_all(inside.join("out"));
        selfsame(working, &["run", definition, "--clock", "event", "--until-end"]).well();
        // Changes come at other instants, and rejects say where they were found from here.
        let state = State::of(records_in(&inside.join("out")));
        let state =
            state.map(|value| value.rsplit_once(",\"at\":").expect("an instant").0.to_owned());
        states.push(State { rejects: Vec::new(), ..state });
        // What was run from here is what is asked.
        let found = selfsame(working, &["get", "klara.huber.0@example.com"]).well();
        assert!(found.contains("klara.huber.0@example.com"), "{found}");
    }
    assert!(states[0].count("profiles") > 100);
    assert!(states.iter().all(|state| *state == states[0]));
    assert!(!inside.join("data/out").exists() && !folder.path().join("out").exists());
    assert_eq!(std::fs::read_dir(elsewhere.path()).expect("a folder").count(), 0);
}

#[test]
fn the_last_records_of_an_output_are_printed_as_they_lie_in_the_file() {
    let (folder, _) = ran();
    let text =
        std::fs::read_to_string(folder.path().join(OUT).join("segments.ndjson")).expect("a file");
    let lines: Vec<&str> = text.lines().collect();
    for (number, wanted) in [("1", 1), ("7", 7), ("0", 0), ("100000", lines.len())] {
        let tail = selfsame(folder.path(), &["tail", "segments", "-n", number]).well();
        assert_eq!(tail.lines().collect::<Vec<_>>(), lines[lines.len() - wanted..], "{number}");
    }
    let ten = selfsame(folder.path(), &["tail", "segments", "--spec", SPEC]).well();
    assert_eq!(ten.lines().count(), 10);
    let wrong = selfsame(folder.path(), &["tail", "segmnets"]).badly();
    assert!(wrong.contains("no output 'segmnets'; there are: ") && wrong.contains("profiles"));
    let wrong = selfsame(folder.path(), &["tail", "segments", "--out", "nowhere"]).badly();
    assert!(wrong.contains("'nowhere'"), "{wrong}");
}

#[test]
fn a_followed_output_is_printed_as_it_grows() {
    let (folder, _) = ran();
    let mut tail = Running::start(folder.path(), &["tail", "profiles", "-n", "2", "--follow"]);
    tail.until("the last two", |tail| tail.out().lines().count() == 2);
    let [one, other] = ["0", "1"].map(|digit| format!("p_{}", digit.repeat(32)));
    let line =
        format!(r#"{{"output":"profiles","key":"{one}","value":null,"merged_into":"{other}"}}"#);
    append(&folder.path().join(OUT).join("profiles.ndjson"), &format!("{line}\n"));
    tail.until("the new one", |tail| tail.out().lines().last() == Some(&*line));
}

#[test]
fn what_is_appended_to_files_is_followed_until_a_signal_and_all_of_it_is_sent() {
    let folder = sample();
    let path = folder.path();
    let clock = "fixed:2025-10-01T00:00:00Z";
    let run = ["run", SPEC, "--clock", clock, "--summary", "summary.json"];
    let web = path.join("dataflows/retail/data/web/events-0.ndjson");
    let more: String = (0..500)
        .map(|n| {
            let at = "2025-08-01T00:00:00Z";
            let row = format!(r#"{{"messageId":"n{n}","timestamp":"{at}","anonymousId":"new-{n}""#);
            row + ",\"event\":\"Page Viewed\"}\n"
        })
        .collect();

    let mut running = Running::start(path, &[&run[..], &["--follow"]].concat());
    let known = |path: &Path| State::of(records(&path.join(OUT).join("identities.ndjson")));
    let is_there = |state: &State, key: &str| {
        state.values.contains_key(&("identities".to_owned(), format!("anonymous_id:{key}")))
    };
    running.until("it runs", |_| path.join(OUT).join("identities.ndjson").exists());
    append(&web, &more[..more.len() / 2]);
    append(&web, &more[more.len() / 2..]);
    running.until("the last row has come through", |_| is_there(&known(path), "new-499"));
    // A new file, too.
    let other =
        r#"{"messageId":"o","timestamp":"2025-08-01T00:00:00Z","anonymousId":"other","event":"x"}"#;
    append(&web.with_file_name("events-1.ndjson"), &format!("{other}\n"));
    running.until("the new file is read", |_| is_there(&known(path), "other"));
    // Two who had been sent as people of their own turn out to be one.
    let both = ["new-0", "other"].map(|device| {
        let row = other.replace("other", device);
        let id = format!(r#""messageId":"both {device}","userId":"C9999999""#);
        row.replace(r#""messageId":"o""#, &id) + "\n"
    });
    append(&web.with_file_name("events-1.ndjson"), &both.concat());
    let one = |state: &State| {
        let of = |kind: &str| {
            let key = ("identities".to_owned(), kind.to_owned());
            let value: Value = serde_json::from_str(state.values.get(&key)?).ok()?;
            Some(value["person"].clone())
        };
        let customer = of("customer_id:C9999999");
        customer.is_some() && customer == of("anonymous_id:other")
    };
    running.until("they are one", |_| one(&known(path)));
    running.signal("INT");
    let ended = running.end();
    assert!(ended.err.contains("stopping"), "{ended:?}");
    assert!(ended.well().contains("acknowledged output"));
    let ended = || {
        let json = std::fs::read_to_string(path.join("summary.json")).expect("asked for");
        let summary: Value = serde_json::from_str(&json).expect("JSON");
        [summary["ended"].clone(), summary["signal"].clone()]
    };
    assert_eq!(ended(), [Value::from("stopped"), "SIGINT".into()], "it had no end of its own");

    let followed = State::of(records_in(&path.join(OUT)));
    let counts = || {
        let json = std::fs::read_to_string(path.join("summary.json")).expect("asked for");
        let summary: Value = serde_json::from_str(&json).expect("JSON");
        ["identifiers", "people", "merges"].map(|name| summary[name].clone())
    };
    let counted = counts();
    selfsame(path, &[&run[..], &["--until-end"]].concat()).well();
    assert_eq!(ended(), [Value::from("reached"), Value::Null]);
    let at_once = State::of(records_in(&path.join(OUT)));
    followed.must_be(&at_once, "as if all had been there from the start");
    assert_eq!(counted, counts(), "whatever came together in a tick");
}

#[test]
fn the_same_seed_makes_the_same_history_of_the_size_asked_for() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let generate = |out: &str, seed: &str, more: &[&str]| {
        let size =
            ["generate", "--people", "200", "--events", "12345", "--seed", seed, "--out", out];
        selfsame(folder.path(), &[&size[..], more].concat()).well()
    };
    let read = |out: &str| -> Vec<(PathBuf, Vec<u8>)> {
        let mut paths: Vec<PathBuf> =
            glob::glob(&format!("{}/{out}/**/*.*", folder.path().display()))
                .expect("a pattern")
                .map(|path| path.expect("a path"))
                .collect();
        paths.sort();
        let name = |path: &PathBuf| path.strip_prefix(folder.path().join(out)).unwrap().to_owned();
        paths.iter().map(|path| (name(path), std::fs::read(path).expect("a file"))).collect()
    };
    let said = generate("one", "5", &[]);
    generate("same", "5", &[]);
    generate("other", "6", &[]);
    assert!(read("one") == read("same"));
    assert!(read("one") != read("other"));

    let lines = |source: &str| -> usize {
        let of = read("one").into_iter().filter(|(path, _)| path.starts_with(source));
        of.map(|(_, bytes)| bytes.iter().filter(|byte| **byte == b'\n').count()).sum()
    };
    // Some are sent twice.
    assert!((12_345..12_345 + 200).contains(&lines("web")), "{}", lines("web"));
    assert!(said.starts_with(&format!("{} web events, {} orders", lines("web"), lines("orders"))));
    let text = String::from_utf8(read("one").into_iter().flat_map(|(_, bytes)| bytes).collect());
    let customers: std::collections::BTreeSet<&str> = text
        .as_ref()
        .expect("UTF-8")
        .lines()
        .filter_map(|line| line.split("\"customer_id\":\"").nth(1)?.split('"').next())
        .collect();
    assert!((100..=200).contains(&customers.len()), "most of 200 people are customers");

    generate("clean", "5", &["--clean", "--days", "30"]);
    std::fs::copy(
        Path::new(env!("CARGO_MANIFEST_DIR")).join(SPEC),
        folder.path().join("retail.yaml"),
    )
    .expect("room on the disk");
    std::fs::rename(folder.path().join("clean"), folder.path().join("data")).expect("it is there");
    let run = ["run", "retail.yaml", "--until-end", "--clock", "event"];
    selfsame(folder.path(), &run).well();
    let state = State::of(records_in(&folder.path().join("out")));
    assert_eq!(state.rejects, Vec::<String>::new());
    let last = (state.values.iter())
        .filter(|((output, _), _)| output == "profiles")
        .filter_map(|(_, profile)| profile.split("\"last_seen\":\"").nth(1)?.split('"').next())
        .max();
    let last = last.expect("somebody was seen");
    assert!(("2025-06-30".."2025-07-02").contains(&last), "30 days from 2025-06-01 on: {last}");
}

#[test]
fn help_teaches() {
    let help = |command: &[&str]| selfsame(Path::new("."), &[command, &["--help"]].concat()).well();
    let all = help(&[]);
    for word in ["run", "check", "schema", "generate", "get", "tail", "Start here", SPEC] {
        assert!(all.contains(word), "{word}");
    }
    for (command, words) in [
        (
            "run",
            &["--clock", "fixed:", "--until-end", "--follow", "--workers", "--hosts", "host:port"]
                [..],
        ),
        ("check", &["<SPEC>"]),
        ("schema", &["JSON Schema"]),
        (
            "generate",
            &["--people", "--events", "--seed", "--days", "--rate", "web.events", "default: 1"],
        ),
        ("get", &["type:value", "p_", "--spec", "--out"]),
        ("tail", &["--follow", "-n", "profiles, segments, identities"]),
    ] {
        let text = help(&[command]).split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(text.contains(word), "{command}: {word}\n{text}");
        }
    }
}

#[test]
fn what_is_not_there_is_named_before_anything_starts() {
    let folder = sample();
    let path = folder.path();
    let complaint = |arguments: &[&str]| selfsame(path, arguments).badly();
    assert!(complaint(&["run", "nope.yaml"]).contains("'nope.yaml' can't be read"));
    assert!(complaint(&["check", "nope.yaml"]).contains("'nope.yaml' can't be read"));
    let hosts = complaint(&["run", SPEC, "--hosts", "nope"]);
    assert!(hosts.contains("hosts file 'nope' can't be read"), "{hosts}");
    let clock = complaint(&["run", SPEC, "--clock", "fixed:noon"]);
    assert!(clock.contains("'noon'"), "{clock}");
    let timeless = "sources:\n  web: {files: web.ndjson, kind: events, fields: {user: text}}\n\
                    identity:\n  user: {from: {web: user}}\noutputs:\n  profiles: {files: out/p}\n";
    std::fs::write(path.join("timeless.yaml"), timeless).expect("room on the disk");
    let clock = complaint(&["run", "timeless.yaml", "--clock", "event"]);
    assert!(clock.contains("the rows of no source have any: name the column"), "{clock}");
    std::fs::write(path.join("hosts"), "127.0.0.1:1\nlocalhost\n").expect("room on the disk");
    let hosts = complaint(&["run", SPEC, "--hosts", "hosts"]);
    assert!(hosts.contains("'localhost' is not host:port"), "{hosts}");

    std::fs::remove_dir_all(path.join("dataflows/retail/data/crm")).expect("it was there");
    std::fs::remove_file(path.join("dataflows/retail/data/products.csv")).expect("it was there");
    let all = complaint(&["run", SPEC]);
    assert!(
        all.contains("source crm: no file matches dataflows/retail/data/crm/*.ndjson"),
        "{all}"
    );
    assert!(all.contains("source products: no file matches"), "{all}");
    assert!(!path.join(OUT).exists(), "nothing was begun");
    assert!(
        complaint(&["get", "x", "--spec", SPEC]).contains(&format!("'{OUT}/identities.ndjson'"))
    );
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    assert!(selfsame(elsewhere.path(), &["get", "x"]).badly().contains("'out'"));
    let why = selfsame(elsewhere.path(), &["why", "x"]).badly();
    assert!(why.contains("no definition was run from this folder"), "{why}");
}

/// Paragraphs fill their lines, whatever the width: no line ends before its next word would not fit.
#[test]
fn help_is_wrapped_by_width_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let all = selfsame(folder.path(), &["--help"]).well();
    let commands = all.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands = commands.take_while(|line| !line.is_empty());
    let names: Vec<&str> =
        commands.filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).collect();
    assert!(names.contains(&"forget"), "{names:?}");
    let names = names.into_iter().filter(|name| !name.is_empty() && *name != "help");
    for name in names.map(Some).chain([None]) {
        let help = selfsame(folder.path(), &[name.as_slice(), &["--help"]].concat()).well();
        let lines: Vec<&str> = help.lines().collect();
        for pair in lines.windows(2) {
            let is_prose = |line: &str| !line.is_empty() && !line.starts_with(' ');
            if is_prose(pair[0]) && is_prose(pair[1]) {
                let word = pair[1].split(' ').next().unwrap_or_default();
                let length = pair[0].chars().count() + 1 + word.chars().count();
                assert!(length > 100, "{name:?}: '{}' ends before '{word}'", pair[0]);
            }
        }
    }
}
