//! The library, as a program uses it that has the engine in it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use selfsame::{ChangelogRecord, Clock, Definition, Engine, EngineBuilder, EngineError};
use serde::Serialize;
use serde_json::{Value, json};

const SHOP: &str = "
sources:
  web:
    files: web/*.ndjson
    kind: events
    fields: {device: text, user: text, pages: {type: integer, path: seen.pages}}
  crm:
    files: crm/*.ndjson
    kind: records
    key: user
    deleted: gone
    fields: {user: text, name: text, gone: boolean}
identity:
  user:   {from: {web: user, crm: user}, at_most: 1}
  device: {from: {web: device}}
attributes:
  pages: {from: web, select: sum(pages)}
  name:  {from: crm, select: max(name)}
segments:
  readers: pages >= 10
outputs:
  profiles:   {files: out/profiles.ndjson}
  segments:   {files: out/segments.ndjson}
  identities: {files: out/identities.ndjson}
  rejects:    {files: out/rejects.ndjson}
  conflicts:  {files: out/conflicts.ndjson}
";

fn shop(folder: &Path) -> Definition {
    Definition::parse(SHOP, folder.join("shop.yaml")).expect("a definition")
}

/// All sources in memory, and outputs that are not looked at go nowhere.
fn in_memory(definition: &Definition) -> EngineBuilder {
    let mut builder = Engine::builder(definition).clock(Clock::Fixed(0));
    for source in definition.sources() {
        builder = builder.empty_source(source);
    }
    definition.outputs().fold(builder, |builder, output| builder.output(output, drop))
}

fn told(builder: EngineBuilder, output: &str) -> (EngineBuilder, Receiver<ChangelogRecord>) {
    let (sender, records) = channel();
    let send = move |record| drop(sender.send(record));
    (builder.output(output, send), records)
}

#[derive(Serialize)]
struct Visit<'a> {
    device: &'a str,
    user: Option<&'a str>,
    seen: Seen,
}

#[derive(Serialize)]
struct Seen {
    pages: i64,
}

fn visit<'a>(device: &'a str, user: Option<&'a str>, pages: i64) -> Visit<'a> {
    Visit { device, user, seen: Seen { pages } }
}

#[test]
fn what_is_pushed_happens_in_one_tick_and_is_told_when_that_is_complete() {
    let definition = shop(Path::new("/nowhere"));
    for workers in [1, 3] {
        let (builder, profiles) = told(in_memory(&definition).workers(workers), "profiles");
        let mut running = builder.start().expect("it starts");
        running.push("web", [visit("phone", None, 3), visit("laptop", None, 4)]).expect("rows");
        assert_eq!(profiles.try_recv().ok(), None, "nothing happens before the tick");
        running.tick().expect("it runs");
        let pages = |record: &ChangelogRecord| record.json()["attributes"]["pages"].clone();
        let mut alone: Vec<Value> = profiles.try_iter().map(|record| pages(&record)).collect();
        alone.sort_by_key(Value::as_i64);
        assert_eq!(alone, [json!(3), json!(4)]);

        // A merge of both, and a name: at no instant are there others than these.
        let logins = [visit("phone", Some("ada"), 0), visit("laptop", Some("ada"), 0)];
        running.push("web", logins).expect("rows");
        running.push("crm", [json!({"user": "ada", "name": "Ada"})]).expect("rows");
        running.tick().expect("it runs");
        let records: Vec<ChangelogRecord> = profiles.try_iter().collect();
        let (whole, gone): (Vec<_>, Vec<_>) =
            records.iter().partition(|record| record.value.is_some());
        assert_eq!(whole.len(), 1, "{records:?}");
        assert_eq!(whole[0].json()["attributes"], json!({"pages": 7, "name": "Ada"}));
        assert_eq!(gone.len(), 2);
        assert!(gone.iter().all(|of| of.merged_into.as_ref() == Some(&whole[0].key)), "{gone:?}");

        // Nothing that was pushed is a tick all the same.
        running.tick().expect("it runs");
        let summary = running.stop().expect("it ends");
        assert_eq!(profiles.iter().count(), 0);
        assert!(summary.reached_the_end());
        assert_eq!((summary.rows(), summary.rejected(), summary.people()), (5, 0, 1));
        assert_eq!(summary.to_json()["sources"]["crm"]["accepted"], 1);
        assert!(summary.to_string().contains("identifiers"));
    }
}

#[test]
fn rows_to_begin_with_and_rows_that_nobody_ticked_happen_before_the_end() {
    let definition = shop(Path::new("/nowhere"));
    let builder = in_memory(&definition).source("web", [visit("phone", Some("ada"), 12)]);
    let (builder, segments) = told(builder, "segments");
    let mut running = builder.start().expect("it starts");
    running.push("crm", [json!({"user": "bob", "name": "Bob"})]).expect("rows");
    let summary = running.wait().expect("it ends");
    assert_eq!((summary.rows(), summary.people()), (2, 2));
    let entered = segments.iter().next().expect("somebody entered");
    assert_eq!(entered.json()["segment"], "readers");
}

#[test]
fn a_row_that_is_not_as_the_definition_wants_is_rejected_with_its_place() {
    let definition = shop(Path::new("/nowhere"));
    let (builder, rejects) = told(in_memory(&definition), "rejects");
    let mut running = builder.start().expect("it starts");
    let rows = [json!({"device": "phone"}), json!({"device": "phone", "seen": {"pages": "many"}})];
    running.push("web", rows).expect("objects");
    running.tick().expect("it runs");
    let reject = rejects.try_recv().expect("a reject").json();
    assert_eq!(reject["position"], json!({"file": "pushed", "line": 2}));
    assert_eq!(reject["reasons"][0]["code"], "wrong_type");
}

#[test]
fn sources_and_outputs_that_nobody_replaces_are_those_of_the_definition() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("web")).expect("a folder");
    let line = json!({"device": "phone", "user": "ada", "seen": {"pages": 5}}).to_string();
    std::fs::write(folder.path().join("web/1.ndjson"), line).expect("room");
    let definition = shop(folder.path());
    let crm = [json!({"user": "ada", "name": "Ada"})];
    let running = Engine::builder(&definition).source("crm", crm).start().expect("it starts");
    let summary = running.wait().expect("it ends");
    assert_eq!((summary.rows(), summary.people()), (2, 1));
    let profiles = std::fs::read_to_string(folder.path().join("out/profiles.ndjson"));
    let profiles = profiles.expect("the output of the definition");
    assert!(
        profiles.contains("\"name\":\"Ada\"") && profiles.contains("\"pages\":5"),
        "{profiles}"
    );
}

#[test]
fn a_run_without_an_end_is_stopped_also_by_dropping_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["web", "crm"] {
        std::fs::create_dir(folder.path().join(name)).expect("a folder");
        std::fs::write(folder.path().join(name).join("1.ndjson"), "").expect("room");
    }
    let definition = shop(folder.path());
    let start = || Engine::builder(&definition).follow(true).workers(2).start().expect("it starts");
    let summary = start().stop().expect("it ends");
    assert!(!summary.reached_the_end());
    assert_eq!(summary.to_json()["ended"], "stopped");
    // Its files are held until it has ended.
    drop(start());
    drop(start());
}

#[test]
fn what_is_wrong_is_an_error_that_says_what_would_be_right() {
    let missing = Definition::load("no/such.yaml").expect_err("there is no such file");
    assert!(missing.to_string().starts_with("'no/such.yaml' can't be read"), "{missing}");
    let wrong = Definition::parse("sources: 7\n", "wrong.yaml").expect_err("no definition");
    assert!(wrong.to_string().contains("wrong.yaml:1:10: 'sources'"), "{wrong}");

    let definition = shop(Path::new("/nowhere"));
    let started = Engine::builder(&definition).empty_source("wed").start();
    let error = started.err().expect("no such source").to_string();
    assert_eq!(error, "the definition has no source 'wed': did you mean 'web'?");
    let started = Engine::builder(&definition).output("profile", drop).start();
    let error = started.err().expect("no such output").to_string();
    assert!(error.contains("no output 'profile': did you mean 'profiles'"), "{error}");
    let started = Engine::builder(&definition).empty_source("crm").start();
    let error = started.err().expect("no such files");
    assert!(matches!(error, EngineError::Source(_)), "{error}");
    let builder = in_memory(&definition).source("web", [json!([1])]);
    let error = builder.start().err().expect("no object").to_string();
    assert!(error.starts_with("row 1 that was pushed into source 'web' can't be a row"), "{error}");

    let mut running = in_memory(&definition).start().expect("it starts");
    let error = running.push("wed", [json!({})]).expect_err("no such source").to_string();
    assert!(error.contains("no source 'wed'"), "{error}");
    let rows = [json!({"device": "a"}), json!("b"), json!({"device": "c"})];
    let error = running.push("web", rows).expect_err("no object").to_string();
    assert!(error.starts_with("row 2 "), "{error}");
    running.tick().expect("it runs on");
    assert_eq!(running.stop().expect("it ends").rows(), 1, "those before the wrong one");

    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["web", "crm"] {
        std::fs::create_dir(folder.path().join(name)).expect("a folder");
        std::fs::write(folder.path().join(name).join("1.ndjson"), "").expect("room");
    }
    let mut running =
        Engine::builder(&shop(folder.path())).follow(true).start().expect("it starts");
    let error = running.push("web", [json!({})]).expect_err("it reads files").to_string();
    assert!(error.contains("web/*.ndjson") && error.contains("`EngineBuilder::source`"), "{error}");
    assert!(matches!(running.tick(), Err(EngineError::NothingPushed)));
}

#[test]
fn a_function_that_panics_ends_the_run_and_says_so() {
    let definition = shop(Path::new("/nowhere"));
    for workers in [1, 2] {
        let builder = in_memory(&definition).workers(workers);
        let builder = builder.output("identities", |_| panic!("no room"));
        let mut running = builder.start().expect("it starts");
        running.push("web", [visit("phone", None, 1)]).expect("rows");
        let error = running.tick().expect_err("it fails").to_string();
        assert_eq!(error, "the function that takes output identities panicked");
        let error = running.stop().expect_err("it failed").to_string();
        assert_eq!(error, "the function that takes output identities panicked");
    }
}

/// What is in a collection, with how many times.
type Held = Arc<Mutex<BTreeMap<String, isize>>>;

fn hold(held: &Held, data: String, diff: isize) {
    let mut held = held.lock().expect("no one panics with it");
    let count = held.entry(data.clone()).or_default();
    *count += diff;
    if *count == 0 {
        held.remove(&data);
    }
}

/// What a changelog's records come to.
fn fold(records: &Receiver<ChangelogRecord>, into: &mut BTreeMap<String, Value>) {
    for record in records.try_iter() {
        match record.value {
            Some(_) => drop(into.insert(record.key.clone(), record.json())),
            None => drop(into.remove(&record.key)),
        }
    }
}

proptest! {
    /// After each tick the collections hold what the outputs say, whatever merges and is taken back.
    #[test]
    fn collections_hold_what_outputs_tell(
        workers in 1usize..3,
        ticks in prop::collection::vec(
            prop::collection::vec((0u8..5, prop::option::of(0u8..4), 0i64..9, any::<bool>()), 0..5),
            1..6,
        ),
    ) {
        let definition = shop(Path::new("/nowhere"));
        let [people, profiles, members, rows]: [Held; 4] = Default::default();
        let held = [&people, &profiles, &members, &rows].map(Arc::clone);
        let builder = in_memory(&definition).workers(workers).attach(move |collections| {
            let [people, profiles, members, rows] = held.each_ref().map(Arc::clone);
            let people = collections.people.inspect(move |((identifier, person), _, diff)| {
                let data = format!("{}:{} {person}", identifier.kind, identifier.value);
                hold(&people, data, *diff);
            });
            let profiles = collections.profiles.inspect(move |((person, profile), _, diff)| {
                hold(&profiles, format!("{person} {:?}", profile.get(0)), *diff);
            });
            let members = collections.memberships.inspect(move |((segment, person), _, diff)| {
                hold(&members, format!("{segment} {person}"), *diff);
            });
            let rows = collections.rows.inspect(move |(row, _, diff)| {
                hold(&rows, row.source.to_string(), *diff);
            });
            let ends = people.map(drop).concatenate([
                profiles.map(drop), members.map(drop), rows.map(drop), collections.conflicts.map(drop),
            ]);
            ends.probe().0
        });
        let (builder, told_profiles) = told(builder, "profiles");
        let (builder, told_identities) = told(builder, "identities");
        let (builder, told_segments) = told(builder, "segments");
        let mut running = builder.start().expect("it starts");
        let (mut of_profiles, mut of_identities) = (BTreeMap::new(), BTreeMap::new());
        let mut of_segments = BTreeMap::new();
        let (mut visits, mut records) = (0, BTreeMap::new());
        for tick in ticks {
            for (device, user, pages, is_visit) in tick {
                let (device, user) = (format!("d{device}"), user.map(|user| format!("u{user}")));
                match (is_visit, user) {
                    (false, Some(user)) => {
                        let gone = pages > 4;
                        running.push("crm", [json!({"user": user, "name": "x", "gone": gone})]).expect("rows");
                        records.insert(user, !gone);
                    }
                    (_, user) => {
                        running.push("web", [visit(&device, user.as_deref(), pages)]).expect("rows");
                        visits += 1;
                    }
                }
            }
            running.tick().expect("it runs");
            fold(&told_profiles, &mut of_profiles);
            fold(&told_identities, &mut of_identities);
            fold(&told_segments, &mut of_segments);
            let said = |held: &Held| held.lock().unwrap().keys().cloned().collect::<Vec<_>>();
            let is_set = |held: &Held| held.lock().unwrap().values().all(|count| *count == 1);
            prop_assert!(is_set(&people) && is_set(&profiles) && is_set(&members));
            let of = |(key, value): (&String, &Value)| format!("{key} {}", value["person"].as_str().unwrap());
            prop_assert_eq!(said(&people), of_identities.iter().map(of).collect::<Vec<_>>());
            let pages = |value: &Value| match value["attributes"]["pages"].as_i64() {
                Some(pages) => format!("Some(Integer({pages}))"),
                None => "None".to_owned(),
            };
            let of = |(key, value): (&String, &Value)| format!("{key} {}", pages(value));
            prop_assert_eq!(said(&profiles), of_profiles.iter().map(of).collect::<Vec<_>>());
            prop_assert_eq!(said(&members).len(), of_segments.values().filter(|of| of["change"] != "left").count());
            let rows = rows.lock().unwrap();
            prop_assert_eq!(rows.get("web").copied().unwrap_or(0), visits);
            let records = records.values().filter(|stands| **stands).count() as isize;
            prop_assert_eq!(rows.get("crm").copied().unwrap_or(0), records);
        }
        running.stop().expect("it ends");
    }
}

#[test]
fn rows_that_are_pushed_in_a_later_run_come_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let definition = shop(folder.path());
    let start = || {
        let (builder, profiles) = told(in_memory(&definition), "profiles");
        (builder.data(folder.path().join("data")).start().expect("it starts"), profiles)
    };
    let record = |user: &str, name: &str| json!({"user": user, "name": name, "gone": false});
    let (mut running, profiles) = start();
    let names = ["ada", "bob", "eve"].map(|user| record(user, "the first"));
    running.push("crm", names).expect("rows");
    running.tick().expect("a tick");
    assert_eq!(profiles.iter().take(3).count(), 3);
    running.stop().expect("it stops");
    let (mut running, profiles) = start();
    running.push("crm", [record("eve", "another")]).expect("a row");
    running.tick().expect("a tick");
    let told = profiles.try_recv().expect("a profile").json();
    assert_eq!(told["attributes"]["name"], "another", "{told}");
    assert_eq!(running.stop().expect("it stops").people(), 3);
}
