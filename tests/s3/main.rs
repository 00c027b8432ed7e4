//! A data folder that lies in a bucket: real servers, runs that end at any step, machines that are lost, two runs at
//! once, a server that is away, objects that are altered, people who are forgotten.

mod changes;
mod checkpoints;
mod deployed;
#[path = "../http/mod.rs"]
mod http;
mod live;
mod lost;
#[path = "../services/postgres.rs"]
mod postgres;
mod processes;
#[path = "../program/mod.rs"]
mod program;
#[path = "../python/mod.rs"]
mod python;
#[path = "../services/receiver.rs"]
mod receiver;
mod servers;
#[path = "../changing/steps.rs"]
mod steps;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use arrow::util::display::array_value_to_string;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use program::outputs::{Holds, holds};
use program::{Ended, Running, selfsame};
use serde_json::json;
use servers::{Objects, Server};

const DEFINITION: &str = "
sources:
  web:
    files: in/*.ndjson
    kind: events
    id: id
    time: at
    fields: {id: text, at: timestamp, user: text, cookie: text, amount: integer}
identity:
  user: {from: {web: user}, at_most: 1}
  cookie: {from: {web: cookie}}
attributes:
  spent: {from: web, select: sum(amount)}
  visits: {from: web, select: count(*)}
segments:
  big: spent > 400
outputs:
  profiles: {files: out/profiles.ndjson}
  segments: {files: out/segments.ndjson}
  identities: {files: out/identities.ndjson}
  rejects: {files: out/rejects.ndjson}
";

const DATA: &str = "s3://people/some/shop";
const RUN: [&str; 6] = ["run", "shop.yaml", "--data", DATA, "--until-end", "--quiet"];

/// A shop, a server and a place for working folders.
struct Shop {
    folder: tempfile::TempDir,
    server: Server,
    objects: Objects,
    written: u64,
}

impl Shop {
    fn new(server: Server) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("in")).expect("a folder");
        fs::write(folder.path().join("shop.yaml"), DEFINITION).expect("it is written");
        let objects = Objects::of(&server, "people");
        Shop { folder, server, objects, written: 0 }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Adds a file of rows.
    fn grow(&mut self, number: u64) {
        let mut text = String::new();
        for row in self.written..self.written + number {
            let at = format!("2026-03-01T{:02}:{:02}:00Z", row / 60 % 24, row % 60);
            let user = (row % 3 == 0).then(|| format!("user-{}", row * 7 % 60));
            let id = (row - u64::from(row % 10 == 9)).to_string();
            let cookie = format!("cookie-{}", row * 11 % 150);
            let event =
                json!({"id": id, "at": at, "user": user, "cookie": cookie, "amount": row % 50});
            text.push_str(&format!("{event}\n"));
            if row % 15 == 0 {
                text.push_str(&format!("row {row} is none\n"));
            }
        }
        let path = self.path().join(format!("in/{:06}.ndjson", self.written));
        fs::write(path, text).expect("it is written");
        self.written += number;
    }

    fn start(&self, arguments: &[&str], machine: &str, more: &[(&str, &str)]) -> Running {
        let environment = self.server.environment(&self.path().join(machine));
        let environment: Vec<(&str, &str)> = environment
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .chain(more.iter().copied())
            .collect();
        Running::start_with(self.path(), arguments, &environment)
    }

    /// A run to the end on a machine, which is where its working folder lies.
    fn run(&self, machine: &str) -> Ended {
        self.start(&RUN, machine, &[]).end()
    }

    fn lose(&self, machine: &str) {
        fs::remove_dir_all(self.path().join(machine)).expect("it was there");
    }

    /// What a run that stores nothing comes to, of the same rows.
    fn whole(&self) -> Holds {
        let (out, kept) = (self.path().join("out"), self.path().join("kept"));
        fs::rename(&out, &kept).expect("it is moved");
        selfsame(self.path(), &["run", "shop.yaml", "--until-end", "--quiet"]).well();
        let whole = state(self.path());
        fs::remove_dir_all(&out).expect("it is deleted");
        fs::rename(&kept, &out).expect("it is moved back");
        whole
    }

    #[track_caller]
    fn is_whole(&self, what: &str) {
        let (found, whole) = (state(self.path()), self.whole());
        let other: Vec<_> =
            found.iter().filter(|(key, value)| whole.get(key) != Some(value)).collect();
        let missing: Vec<_> = whole.keys().filter(|key| !found.contains_key(*key)).collect();
        let number = other.len() + missing.len();
        assert!(
            number == 0,
            "{what}: {number} differ: {:#?} {:#?}",
            other.first(),
            missing.first()
        );
    }
}

fn state(folder: &Path) -> Holds {
    holds(folder, &["profiles", "segments", "identities", "rejects"])
}

/// All that objects hold, as text: Parquet's values as they are read, and every object's bytes.
fn texts(objects: &Objects) -> String {
    let mut texts = String::new();
    for key in objects.keys() {
        let bytes = objects.get(&key);
        texts.push_str(&format!("{key}\n{}\n", String::from_utf8_lossy(&bytes)));
        if key.ends_with(".parquet") {
            let mut file = tempfile::tempfile().expect("a file");
            file.write_all(&bytes).expect("it is written");
            let reader = ParquetRecordBatchReaderBuilder::try_new(file);
            for batch in reader.and_then(|reader| reader.build()).expect("Parquet") {
                let batch = batch.expect("rows");
                for column in batch.columns() {
                    for row in 0..batch.num_rows() {
                        texts.push_str(&array_value_to_string(column, row).expect("a value"));
                        texts.push('\n');
                    }
                }
            }
        }
    }
    texts
}

fn goes_on_anywhere(server: Server) {
    let mut shop = Shop::new(server);
    shop.grow(300);
    shop.run("here").well();
    let length = |output: &str| {
        fs::metadata(shop.path().join(format!("out/{output}.ndjson"))).expect("it").len()
    };
    let before = ["profiles", "segments", "identities", "rejects"].map(length);
    // On the same machine, and elsewhere: nothing is told twice.
    shop.run("here").well();
    shop.lose("here");
    shop.start(&[&RUN[..], &["--workers", "2"]].concat(), "there", &[]).end().well();
    assert_eq!(["profiles", "segments", "identities", "rejects"].map(length), before);
    shop.grow(200);
    // The folder of a machine that comes back is older.
    shop.run("there").well();
    shop.grow(100);
    shop.run("elsewhere").well();
    shop.grow(100);
    shop.run("there").well();
    shop.is_whole("it went from machine to machine");
}

#[test]
fn a_run_goes_on_on_any_machine_with_versitygw() {
    Server::versitygw().into_iter().for_each(goes_on_anywhere);
}

#[test]
fn a_run_goes_on_on_any_machine_with_moto() {
    Server::moto().into_iter().for_each(goes_on_anywhere);
}

#[test]
fn a_run_that_ends_at_any_step_is_gone_on_with_wherever_it_is_started() {
    let Some(server) = Server::versitygw() else { return };
    let mut shop = Shop::new(server);
    shop.grow(400);
    selfsame(shop.path(), &["run", "shop.yaml", "--until-end", "--quiet"]).well();
    let whole = state(shop.path());
    let points = selfsame::internals::fault::POINTS.iter();
    let mut ended = BTreeMap::new();
    let mut number = 0;
    for point in points.chain(selfsame::internals::fault::IN_A_BUCKET) {
        for (time, is_lost) in [("1", false), ("2", true)] {
            number += 1;
            let data = format!("s3://people/points/{number}");
            let _ = fs::remove_dir_all(shop.path().join("out"));
            let fault = format!("{point}:{time}");
            let environment = [
                ("SELFSAME_FAULT", fault.as_str()),
                ("SELFSAME_LOG_BYTES", "15000"),
                ("SELFSAME_CHECKPOINT_ROWS", "100"),
                ("SELFSAME_LEASE_MS", "300"),
            ];
            let arguments = ["run", "shop.yaml", "--data", &data, "--until-end", "--quiet"];
            for workers in ["2", "1"] {
                let arguments = [&arguments[..], &["--workers", workers]].concat();
                let run = shop.start(&arguments, "here", &environment).end();
                *ended.entry(*point).or_insert(0) += u32::from(!run.status.success());
                if is_lost {
                    let _ = fs::remove_dir_all(shop.path().join("here"));
                }
            }
            let last = shop.start(&arguments, "here", &[("SELFSAME_LEASE_MS", "300")]).end();
            last.well();
            assert_eq!(state(shop.path()), whole, "{fault}");
        }
    }
    let never: Vec<_> = ended.iter().filter(|(_, times)| **times == 0).collect();
    assert!(never.is_empty(), "no run came to {never:?}");
}

/// Lets a run read all that there is, and kills it.
fn killed(shop: &Shop, machine: &str) {
    let arguments = ["run", "shop.yaml", "--data", DATA, "--follow"];
    let people = || fs::metadata(shop.path().join("out/profiles.ndjson")).map_or(0, |of| of.len());
    let before = people();
    let mut run = shop.start(&arguments, machine, &[]);
    run.until("something is sent", |_| people() > before);
    run.signal("KILL");
    drop(run.end());
}

#[test]
fn what_was_durable_is_there_when_the_machine_is_lost_with_its_log() {
    let Some(server) = Server::versitygw() else { return };
    let mut shop = Shop::new(server);
    for round in 0..4 {
        shop.grow(150);
        killed(&shop, "here");
        if round % 2 == 0 {
            shop.lose("here");
        }
    }
    shop.run("there").well();
    shop.is_whole("it was killed and lost");
}

#[test]
fn one_run_at_a_time_has_the_folder_and_one_that_comes_back_ends() {
    let Some(server) = Server::versitygw() else { return };
    let mut shop = Shop::new(server);
    shop.grow(100);
    let follow = ["run", "shop.yaml", "--data", DATA, "--follow"];
    let mut first = shop.start(&follow, "here", &[]);
    let out = shop.path().join("out/profiles.ndjson");
    first.until("it has told something", |_| fs::metadata(&out).is_ok_and(|of| of.len() > 0));
    let said = shop.run("there").badly();
    assert!(said.contains("in use by another run (process"), "{said}");
    let said = shop.run("here").badly();
    assert!(said.contains("in use by another run"), "{said}");
    // One that is not heard of is taken for dead, and ends when it comes back.
    first.signal("STOP");
    fs::rename(shop.path().join("out"), shop.path().join("out-of-first")).expect("it is moved");
    fs::create_dir(shop.path().join("out")).expect("a folder");
    shop.run("there").well();
    let at_end = shop.objects.keys();
    shop.grow(50);
    first.signal("CONT");
    let said = first.end().badly();
    // The one that has ended is named, too.
    let [by, ended] = ["was taken over by process", "which has ended since"];
    assert!(said.contains(by) && said.contains(ended), "{said}");
    let added: Vec<_> =
        shop.objects.keys().into_iter().filter(|key| !at_end.contains(key)).collect();
    assert!(added.iter().all(|key| !key.contains("/log/")), "{added:?}");
    shop.run("elsewhere").well();
    shop.is_whole("one run had the folder, and then another");
}

/// Fences that nobody can come to any more leave, and a run that stood still for as long as that promises nothing either.
#[test]
fn fences_do_not_pile_up_and_whoever_comes_back_when_they_have_gone_ends() {
    let Some(server) = Server::versitygw() else { return };
    let mut shop = Shop::new(server);
    let follow = ["run", "shop.yaml", "--data", DATA, "--follow"];
    let out = shop.path().join("out/profiles.ndjson");
    let length = || fs::metadata(&out).map_or(0, |of| of.len());
    let rows = |shop: &Shop| {
        let row = |key: String| key.split_once("/log/").map(|(_, of)| of[..10].to_owned());
        let rows = shop.objects.keys().into_iter().filter_map(row);
        rows.collect::<std::collections::BTreeSet<_>>().len()
    };
    for _ in 0..4 {
        shop.grow(30);
        killed(&shop, "here");
        // What it had stored becomes columnar.
        shop.run("here").well();
    }
    assert!(rows(&shop) >= 4, "each run that was killed has its fence: {:?}", shop.objects.keys());
    shop.start(&RUN, "here", &[("SELFSAME_FENCE_MS", "0")]).end().well();
    assert!(rows(&shop) <= 1, "{:?}", shop.objects.keys());
    let none = [("SELFSAME_FENCE_MS", "0"), ("SELFSAME_LEASE_MS", "1500")];
    shop.grow(30);
    let before = length();
    let mut still = shop.start(&follow, "there", &none);
    still.until("it has told something", |_| length() > before);
    still.signal("STOP");
    fs::rename(shop.path().join("out"), shop.path().join("out-before")).expect("it is moved");
    fs::create_dir(shop.path().join("out")).expect("a folder");
    for _ in 0..3 {
        shop.start(&RUN, "here", &none).end().well();
    }
    shop.grow(50);
    still.signal("CONT");
    let said = still.end().badly();
    assert!(said.contains("was taken over by") || said.contains("silent for too long"), "{said}");
    shop.start(&RUN, "here", &none).end().well();
    // Rejects that an output had committed are not stored, and the output was taken away.
    let stored = |mut state: Holds| {
        state.retain(|(output, _), _| output != "rejects");
        state
    };
    assert_eq!(stored(state(shop.path())), stored(shop.whole()));
}

#[test]
fn while_the_server_is_away_the_inflow_waits_and_then_all_goes_on() {
    let Some(server) = Server::versitygw() else { return };
    let mut shop = Shop::new(server);
    shop.grow(100);
    let follow = ["run", "shop.yaml", "--data", DATA, "--follow"];
    let mut run = shop.start(&follow, "here", &[]);
    let out = shop.path().join("out/profiles.ndjson");
    let length = || fs::metadata(&out).map_or(0, |of| of.len());
    run.until("it has told something", |_| length() > 0);
    shop.server.stop();
    shop.grow(100);
    run.until("it says so", |run| run.err().contains("can't be used, trying again"));
    let before = length();
    shop.server.start();
    run.until("it goes on", |_| length() > before);
    run.until("it says so", |run| run.err().contains("can be used again"));
    run.signal("INT");
    run.end().well();
    shop.run("there").well();
    shop.is_whole("the server was away");
}

#[test]
fn an_object_that_is_altered_or_missing_is_named() {
    let Some(server) = Server::versitygw() else { return };
    let mut shop = Shop::new(server);
    shop.grow(200);
    killed(&shop, "here");
    shop.lose("here");
    let pieces: Vec<String> =
        shop.objects.keys().into_iter().filter(|key| key.contains("/log/")).collect();
    let look = |key: &str| {
        let whole = shop.objects.get(key);
        let mut altered = whole.clone();
        let middle = altered.len() / 2;
        altered[middle] ^= 1;
        shop.objects.put(key, altered);
        let said = shop.run("there").badly();
        assert!(
            said.contains(&format!("s3://people/{key}")) && said.contains("not what was written"),
            "{said}"
        );
        shop.objects.put(key, whole.clone());
        let _ = fs::remove_dir_all(shop.path().join("there"));
        whole
    };
    look(&pieces[0]);
    shop.run("there").well();
    shop.lose("there");
    let keys = shop.objects.keys();
    let rows = keys.iter().find(|key| key.ends_with(".parquet") && key.contains("/rows/"));
    let rows = rows.expect("rows").clone();
    let whole = look(&rows);
    look("some/shop/manifest-0.json");
    look("some/shop/store.json");
    shop.objects.delete(&rows);
    assert!(shop.run("there").badly().contains(&rows));
    shop.objects.put(&rows, whole);
    shop.run("there").well();
    shop.is_whole("all is as it was");
}

#[test]
fn a_manifest_that_is_missing_or_an_older_one_is_named_and_no_row_is_deleted() {
    let Some(server) = Server::versitygw() else { return };
    let mut shop = Shop::new(server);
    let manifest = "some/shop/manifest-0.json";
    shop.grow(200);
    shop.run("here").well();
    let older = shop.objects.get(manifest);
    shop.grow(200);
    shop.run("here").well();
    let newest = shop.objects.get(manifest);
    let rows = || -> Vec<String> {
        let keys = shop.objects.keys().into_iter();
        keys.filter(|key| key.contains("/rows/") || key.contains("/ticks/")).collect()
    };
    let before = rows();
    for machine in ["there", "here"] {
        for instead in [None, Some(&older)] {
            match instead {
                None => shop.objects.delete(manifest),
                Some(older) => shop.objects.put(manifest, older.clone()),
            }
            let said = shop.run(machine).badly();
            assert!(said.contains(&format!("s3://people/{manifest}")), "{said}");
            assert_eq!(rows(), before, "nothing is deleted");
            shop.objects.put(manifest, newest.clone());
        }
        shop.run(machine).well();
        shop.is_whole("all is as it was");
        assert_eq!(rows(), before);
    }
}

#[test]
fn who_is_forgotten_is_in_no_object() {
    let Some(server) = Server::versitygw() else { return };
    let mut shop = Shop::new(server);
    shop.grow(300);
    shop.run("here").well();
    assert!(texts(&shop.objects).contains("user-21\n"));
    let forget = ["forget", "user:user-21", "--data", DATA, "--spec", "shop.yaml", "--suppress"];
    let said = shop.start(&forget, "there", &[]).end().well();
    assert!(said.contains("stored rows are removed"), "{said}");
    let named = said.lines().next().expect("who it was").split_once(": ").expect("identifiers").1;
    let left = texts(&shop.objects);
    for identifier in named.split(", ") {
        let value = identifier.split_once(':').expect("a type").1;
        let is_there =
            left.lines().any(|line| line == value) || left.contains(&format!("\"{value}\""));
        assert!(!is_there, "{identifier}");
    }
    shop.run("here").well();
    assert!(!state(shop.path()).keys().any(|(_, key)| key == "user:user-21"));
}

#[test]
fn a_definition_says_how_its_bucket_is_reached() {
    let Some(server) = Server::versitygw() else { return };
    let mut shop = Shop::new(server);
    shop.grow(100);
    let written = |secret: &str| {
        format!(
            "{DEFINITION}data:\n  url: s3://people/of/definition\n  endpoint: {}\n  region: us-east-1\n  \
             access_key_id: someone\n  secret_access_key: {secret}\n  working_folder: work\n",
            shop.server.endpoint()
        )
    };
    fs::write(shop.path().join("shop.yaml"), written("${SHOP_SECRET}")).expect("it is written");
    let start = |arguments: &[&str], secret: &str| {
        // What the environment says counts less.
        let environment = [
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
            ("AWS_REGION", "nowhere-1"),
            ("AWS_ACCESS_KEY_ID", "nobody"),
            ("AWS_SECRET_ACCESS_KEY", "nothing"),
            ("AWS_SESSION_TOKEN", "none"),
            ("SHOP_SECRET", secret),
        ];
        Running::start_with(shop.path(), arguments, &environment).end()
    };
    let run = ["run", "shop.yaml", "--until-end"];
    start(&run, "secret12").well();
    let keys = shop.objects.keys();
    assert!(keys.iter().any(|key| key == "of/definition/manifest-0.json"), "{keys:?}");
    assert!(shop.path().join("work/store.json").exists());
    let again = start(&run, "secret12");
    assert!(again.err.contains("read back from 's3://people/of/definition"), "{}", again.err);
    again.well();
    let said = start(&["why", "user-21", "--spec", "shop.yaml"], "secret12").well();
    assert!(said.contains("user:user-21"), "{said}");
    let said = start(&run, "another1").badly();
    assert!(said.contains("access is denied") && !said.contains("another1"), "{said}");
    let said = start(&["forget", "user:user-21", "--spec", "shop.yaml"], "secret12").well();
    assert!(said.contains("stored rows are removed"), "{said}");
}

#[test]
fn what_is_wrong_with_a_bucket_is_told_with_what_to_do() {
    let Some(server) = Server::versitygw() else { return };
    let shop = Shop::new(server);
    let run = |data: &str, more: &[(&str, &str)]| {
        shop.start(&["run", "shop.yaml", "--data", data, "--until-end"], "here", more).end().badly()
    };
    let said = run("s3://nowhere/x", &[]);
    assert!(said.contains("no such bucket"), "{said}");
    let said = run("s3://", &[]);
    assert!(said.contains("no bucket is named"), "{said}");
    let said = run(DATA, &[("AWS_SECRET_ACCESS_KEY", "another1")]);
    assert!(said.contains("access is denied"), "{said}");
    let said = run(DATA, &[("AWS_ACCESS_KEY_ID", "nobody")]);
    assert!(said.contains("access is denied") && said.contains("access_key_id"), "{said}");
    let said = run(DATA, &[("AWS_REGION", "eu-central-1")]);
    assert!(said.contains("region") && said.contains("AWS_REGION"), "{said}");
    let said = run(DATA, &[("AWS_ENDPOINT_URL", "http://127.0.0.1:9")]);
    assert!(said.contains("AWS_ENDPOINT_URL"), "{said}");
    shop.objects.put("taken/note.txt", b"something else".to_vec());
    let said = run("s3://people/taken", &[]);
    assert!(said.contains("it holds something else, such as 'taken/note.txt'"), "{said}");
}
