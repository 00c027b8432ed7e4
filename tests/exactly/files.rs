//! Files and functions: cut back to what was committed, or compared.

use std::path::Path;
use std::sync::{Arc, Mutex};

use selfsame::internals::plan::Plan;
use selfsame::internals::time::Tick;
use serde_json::Value;

use crate::history::{self, Cluster, Said, Start, chance, holding, records, said};

const FILES: [&str; 3] = ["identities.ndjson", "segments.ndjson", "rejects.ndjson"];

fn plan(folder: &Path, format: &str) -> Arc<Plan> {
    let outputs = FILES.map(|file| format!("files: {file}{format}"));
    history::plan(folder, "", outputs.each_ref().map(String::as_str))
}

fn start(folder: &Path, replayed: Tick) -> Start<'_> {
    Start { folder, store: "store", definition: "one", processes: 1, workers: 2, replayed }
}

/// What the lines of a file say, each of which is whole.
fn said_by(folder: &Path, file: &str) -> Said {
    let text = std::fs::read_to_string(folder.join(file)).expect("there is the file");
    assert!(text.is_empty() || text.ends_with('\n'), "a torn line");
    let mut said = Said::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("torn: {line}"));
        let value = Some(&line["value"]).filter(|value| !value.is_null());
        let key = line["key"].as_str().expect("text").to_owned();
        said.entry(key).or_default().push(value.map(Value::to_string));
    }
    said
}

/// The same text for values that are equal.
fn plainly(said: Said) -> Said {
    let plain = |text: String| serde_json::from_str::<Value>(&text).expect("JSON").to_string();
    said.into_iter()
        .map(|(key, said)| (key, said.into_iter().map(|of| of.map(plain)).collect()))
        .collect()
}

fn append(path: &Path, text: &str) {
    use std::io::Write;
    let mut file = std::fs::OpenOptions::new().append(true).open(path).expect("there it is");
    file.write_all(text.as_bytes()).expect("room on the disk");
}

#[test]
fn a_file_that_is_killed_at_any_time_has_each_record_once_and_whole() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (folder, seed, mut durable) = (folder.path(), 11, 0);
    let plan = plan(folder, "");
    for run in 0..8 {
        let mut cluster = Cluster::start(
            &plan,
            Start { workers: 1 + run as usize % 3, ..start(folder, durable) },
        );
        let (known, until) = (durable, durable + 3 + chance(&[seed, run]) % 20);
        for tick in 1..=until {
            cluster.hand_over(&plan, tick, &records(seed, tick));
            if chance(&[seed, run, tick]).is_multiple_of(2) || tick <= known {
                cluster.allow(tick + 1);
                durable = durable.max(tick);
            }
            if chance(&[seed, run, tick, 2]).is_multiple_of(4) {
                std::thread::sleep(std::time::Duration::from_millis(chance(&[run, tick]) % 80));
            }
        }
        drop(cluster);
        // What a kill leaves in the middle of a write.
        let torn =
            "{\"output\":\"identities\",\"key\":\"user:u1\",\"value\":null}\n{\"output\":\"ident";
        FILES.iter().for_each(|file| append(&folder.join(file), torn));
    }
    let mut cluster = Cluster::start(&plan, start(folder, durable));
    cluster.tell(&plan, seed, 1..=durable + 10);
    cluster.finish();
    for (output, file) in FILES.into_iter().enumerate() {
        let expected = plainly(said(&plan, seed, output as u16, 1..=durable + 10));
        assert_eq!(said_by(folder, file), expected, "{file}");
    }
}

#[test]
fn a_file_of_which_it_is_not_known_what_it_holds_is_compared_and_only_what_differs_is_added() {
    let reasons = ["definition", "store", "shorter", "other", "gone", "torn"];
    for reason in reasons {
        for format in ["", ", format: csv"] {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let (folder, seed) = (folder.path(), 13);
            let plan = plan(folder, format);
            let mut cluster = Cluster::start(&plan, start(folder, 0));
            cluster.tell(&plan, seed, 1..=20);
            cluster.finish();
            let first = folder.join(FILES[0]);
            let text = std::fs::read_to_string(&first).expect("there is the file");
            let lines: Vec<&str> = text.lines().collect();
            let mut start = start(folder, 20);
            match reason {
                "definition" => start.definition = "two",
                "store" => start.store = "another",
                "shorter" => {
                    let kept = lines[..lines.len() - 7].join("\n") + "\n";
                    std::fs::write(&first, kept).expect("room on the disk");
                }
                // A stale key, and others that are missing.
                "other" => {
                    let stale = text.replace("u7\"", "nobody\"").replace("u7,", "nobody,");
                    assert_ne!(stale, text);
                    std::fs::write(&first, stale).expect("room on the disk");
                }
                "gone" => std::fs::remove_dir_all(folder.join("outputs")).expect("it was there"),
                _ => {
                    start.definition = "two";
                    append(&first, &lines[lines.len() - 1][..9]);
                }
            }
            let mut cluster = Cluster::start(&plan, start);
            cluster.tell(&plan, seed, 1..=20);
            cluster.finish();
            // Read back as `get` and its like do.
            let after = std::fs::read_to_string(&first).expect("there is the file");
            let found = changelog(&plan, 0);
            assert_eq!(holding(&found), holding(&said(&plan, seed, 0, 1..=20)), "{reason}{format}");
            let added = after.lines().count() as i64 - text.lines().count() as i64;
            let most = match reason {
                "other" => 2,
                _ => 0,
            };
            assert!(added <= most, "{reason}{format}: {added} lines more");
            let rejects = changelog(&plan, 2);
            assert_eq!(rejects["web"].len(), 20, "{reason}{format}: each once");
        }
    }
}

/// A file's records, as changelogs are read back.
fn changelog(plan: &Plan, output: usize) -> Said {
    let changelogs = selfsame::internals::changelog::changelogs_of(plan);
    let mut said = Said::new();
    let mut texts =
        selfsame::internals::sink::Json::new(&selfsame::internals::sink::Catalog::of(plan));
    let read = changelogs[output].scan(&mut |record, catalog| {
        let value = texts.value(record, catalog).map(str::to_owned);
        said.entry(catalog.key(&record.key)).or_default().push(value);
    });
    read.unwrap_or_else(|why| panic!("{why}"));
    said
}

#[test]
fn without_a_durable_row_a_file_is_begun_anew_with_the_first_record() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (folder, seed) = (folder.path(), 17);
    let plan = plan(folder, "");
    std::fs::write(folder.join(FILES[0]), "what was there\n").expect("room on the disk");
    let mut cluster = Cluster::start(&plan, start(folder, 0));
    let kept = std::fs::read_to_string(folder.join(FILES[0])).expect("there is the file");
    assert_eq!(kept, "what was there\n", "nothing has been said yet");
    cluster.tell(&plan, seed, 1..=3);
    cluster.finish();
    assert_eq!(said_by(folder, FILES[0]), plainly(said(&plan, seed, 0, 1..=3)));
}

#[test]
fn a_function_gets_each_record_at_least_once_and_after_an_orderly_end_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (folder, seed) = (folder.path(), 19);
    let mut plan = Plan::clone(&plan(folder, ""));
    plan.outputs[0].target = selfsame::internals::plan::Destination::Program;
    let got: Arc<Mutex<Said>> = Arc::default();
    let function = || {
        let got = Arc::clone(&got);
        Box::new(move |record: selfsame::internals::sink::ChangelogRecord| {
            got.lock().expect("no one panics").entry(record.key).or_default().push(record.value);
        })
    };
    let mut cluster = Cluster::with(&plan, start(folder, 0), vec![(0, function())]);
    cluster.tell(&plan, seed, 1..=9);
    cluster.finish();
    let mut cluster = Cluster::with(&plan, start(folder, 9), vec![(0, function())]);
    cluster.tell(&plan, seed, 1..=14);
    // Not waited for: some may be told again.
    drop(cluster);
    let told = |said: &Said| said.values().map(Vec::len).sum::<usize>();
    let known = told(&got.lock().expect("no one panics"));
    assert!(known >= told(&said(&plan, seed, 0, 1..=9)));
    let mut cluster = Cluster::with(&plan, start(folder, 14), vec![(0, function())]);
    cluster.tell(&plan, seed, 1..=20);
    cluster.finish();
    let got = got.lock().expect("no one panics").clone();
    let expected = said(&plan, seed, 0, 1..=20);
    for (key, expected) in &expected {
        let mut left = got[key].iter();
        assert!(expected.iter().all(|value| left.any(|got| got == value)), "{key}: in order");
    }
}
