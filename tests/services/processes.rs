//! Services of a run of several processes, which are killed by turns: the first one writes for all.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use super::http::{address, post};
use super::postgres::Postgres;
use super::program::{Running, free_addresses};
use super::receiver::Receiver;
use super::{definition, file, folded, rows, undated};

fn start(folder: &Path) -> ([Running; 2], String) {
    fs::write(folder.join("hosts"), free_addresses(2).join("\n")).expect("room on the disk");
    let process = |number| {
        let run = "run shop.yaml --data data --http 127.0.0.1:0 --hosts hosts --process";
        let all: Vec<&str> = run.split(' ').chain([number]).collect();
        Running::start(folder, &all)
    };
    let mut running = ["0", "1"].map(process);
    let address = address(&mut running[0]);
    (running, address)
}

#[test]
fn services_have_what_they_promise_whichever_process_is_killed() {
    let Some(database) = Postgres::start() else { return };
    let receiver = Receiver::start(Vec::new());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let outputs = format!(
        "  people: {{postgres: {{connection: \"{0}\", table: people}}, publish: profiles}}\n  \
           wrong: {{postgres: {{connection: \"{0}\", table: wrong}}, publish: rejects}}\n  \
           hook: {{webhook: {{url: \"{1}\"}}, publish: profiles}}\n",
        database.connection, receiver.url
    );
    fs::write(folder.path().join("shop.yaml"), definition(&outputs)).expect("room on the disk");
    for round in 0..5 {
        let (running, address) = start(folder.path());
        for number in round * 10..round * 10 + 10 {
            assert_eq!(post(&address, "/v1/sources/web", &[], rows(number).as_bytes()).0, 200);
        }
        if round == 4 {
            running.iter().for_each(|process| process.signal("INT"));
            running.into_iter().for_each(|process| drop(process.end().well()));
            break;
        }
        // The other one ends by itself, or is killed as well.
        let [first, second] = running;
        let (killed, other) = if round % 2 == 0 { (first, second) } else { (second, first) };
        killed.signal("KILL");
        drop(killed.end());
        if round > 1 {
            other.signal("KILL");
        }
        drop(other.end());
    }
    let expected = undated(folded(file(folder.path(), "profiles")));
    assert!(expected.len() > 50, "{}", expected.len());
    let posted = receiver.taken().into_iter().flat_map(|post| post.records);
    assert_eq!(undated(folded(posted)), expected, "what was posted");
    let held =
        database.ask("select json_agg(json_build_object('key', key, 'value', value)) from people");
    let held: Vec<Value> = serde_json::from_str(&held).expect("JSON");
    let stored = |value: Value| {
        let text = value.to_string().replace("\\u0000", "\u{fffd}");
        serde_json::from_str(&text).expect("JSON")
    };
    let expected = expected.into_iter().map(|(key, value)| (key, stored(value)));
    assert_eq!(undated(folded(held)), expected.collect(), "what the table has");
    let rejects = "select count(*), count(distinct value ->> 'raw') from wrong";
    assert_eq!(database.ask(rejects).trim(), "50|50", "each once");
    let named: Map<String, Value> = file(folder.path(), "rejects")
        .into_iter()
        .map(|record| (record["value"]["raw"].to_string(), Value::Null))
        .collect();
    assert_eq!(named.len(), 50);
}
