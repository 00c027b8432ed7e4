//! Topics in and topics out through a real broker, while the engine is killed at instants that a seed chooses, with
//! other numbers of workers and processes each time, definitions come and go between starts and while it runs, and the
//! broker stands still or is killed, topics get more partitions, and the disk fills, too: what a reader of committed messages has in the end is what the oracle says, each
//! record once.
//!
//! `SELFSAME_CHAOS_SEED` repeats a run that failed, as far as instants can be repeated; `SELFSAME_CHAOS_ROUNDS` says how
//! often the engine is killed (10 unless it is said), which may be for hours.

mod broker;
mod oracle;
mod program;
mod shop;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::{UInt32Type, UInt64Type};
use broker::brokers;
use broker::client::{
    Message, Read, Reader, add_partitions, make_topic, partitions, produce, unique,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use program::{Record, Running, selfsame};
use shop::expected::Expected;
use shop::{CLOCK, History, Topics};

/// A topic of an output gets no more than so many.
const MOST_PARTITIONS: usize = 6;

/// Numbers that follow from a seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % bound
    }
}

fn said(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn reader(topics: &Topics) -> Reader {
    let names: Vec<&str> = topics.outputs.iter().map(|(_, topic)| topic.as_str()).collect();
    Reader::new(&names)
}

fn records(topics: &Topics, read: &[Read]) -> Vec<Record> {
    let record = |read: &Read| Record {
        output: topics.output_of(&read.topic).to_owned(),
        key: read.key.clone(),
        value: read.payload.clone(),
        merged_into: read.headers.get("merged_into").cloned(),
    };
    read.iter().map(record).collect()
}

/// No record says again what the one before it said of its key, none takes back what was never said, and none lies in
/// another partition than the others of its key.
fn says_nothing_twice(topics: &Topics, read: &[Read], seed: u64) {
    let mut last: BTreeMap<(&str, &str), Option<&str>> = BTreeMap::new();
    let mut partitions: BTreeMap<(&str, &str), i32> = BTreeMap::new();
    for of in read.iter().filter(|of| topics.output_of(&of.topic) != "rejects") {
        let partition = *partitions.entry((&of.topic, &of.key)).or_insert(of.partition);
        assert_eq!(
            of.partition, partition,
            "SELFSAME_CHAOS_SEED={seed}: '{}' of {} moves",
            of.key, of.topic
        );
        let value = of.payload.as_deref();
        let before = last.insert((&of.topic, &of.key), value).flatten();
        assert_ne!(
            value, before,
            "SELFSAME_CHAOS_SEED={seed}: '{}' of {} comes again",
            of.key, of.topic
        );
    }
}

/// Kills the engine, or one of its processes.
fn kill(run: &Running, chance: &mut Chance) {
    let children = Command::new("pgrep").args(["-P", &run.id().to_string()]).output();
    let children = children.map(|found| String::from_utf8_lossy(&found.stdout).into_owned());
    let children: Vec<String> = children.unwrap_or_default().lines().map(str::to_owned).collect();
    if children.is_empty() {
        return run.signal("KILL");
    }
    // Who supervises is killed first, so that nobody starts them again; of the processes one, which ends the others.
    run.signal("KILL");
    let one = &children[chance.below(children.len() as u64) as usize];
    let killed = Command::new("kill").args(["-KILL", one]).status();
    assert!(killed.is_ok_and(|killed| killed.success()), "{one} is there");
    for child in &children {
        while Path::new("/proc")
            .join(child)
            .join("fd")
            .read_dir()
            .is_ok_and(|mut open| open.next().is_some())
        {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Which messages of a source are stored, by partition and offset; each is there once.
fn stored(folder: &Path, source: &str, seed: u64) -> BTreeSet<(u32, u64)> {
    let mut stored = BTreeSet::new();
    for entry in folder.join("data/rows").join(source).read_dir().expect("rows are stored") {
        let file = File::open(entry.expect("an entry").path()).expect("a file");
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|of| of.build());
        for batch in reader.expect("Parquet") {
            let batch = batch.expect("rows");
            let column = |name: &str| batch.column_by_name(name).expect("it has one").clone();
            let (parts, offsets) = (column("__part"), column("__offset"));
            let parts = parts.as_primitive::<UInt32Type>().values().iter();
            let offsets = offsets.as_primitive::<UInt64Type>().values().iter();
            for place in parts.copied().zip(offsets.copied()) {
                assert!(stored.insert(place), "SELFSAME_CHAOS_SEED={seed}: {place:?} comes twice");
            }
        }
    }
    stored
}

/// The store has as many rows as were accepted: of all messages those that were not rejected, and that count.
fn holds_what_was_accepted(folder: &Path, sent: &History, records: &[Record], seed: u64) {
    let rejects = |source: &str| {
        let of = |record: &&Record| {
            let value = record.value.as_deref().filter(|_| record.output == "rejects");
            value.is_some_and(|value| {
                let value: serde_json::Value = serde_json::from_str(value).expect("JSON");
                value["source"] == source
            })
        };
        records.iter().filter(of).count()
    };
    let is_heartbeat = |message: &&Message| {
        let row = message.payload.as_deref().map(serde_json::from_slice::<serde_json::Value>);
        row.is_some_and(|row| row.is_ok_and(|row| row["event"] == "heartbeat"))
    };
    let uncounted = sent.web.iter().filter(is_heartbeat).count();
    let what = format!("SELFSAME_CHAOS_SEED={seed}");
    let web = sent.web.len() - rejects("web") - uncounted;
    assert_eq!(stored(folder, "web", seed).len(), web, "{what}: rows of web");
    let crm = sent.crm.len() - rejects("crm");
    assert_eq!(stored(folder, "crm", seed).len(), crm, "{what}: rows of crm");
}

/// A small disk at the data folder, where the test may have one.
struct SmallDisk(Option<PathBuf>);

impl SmallDisk {
    fn at(path: PathBuf) -> Self {
        std::fs::create_dir(&path).expect("a folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=256m", "none"])
            .arg(&path)
            .output();
        let is_there = mounted.is_ok_and(|mounted| mounted.status.success());
        if !is_there {
            assert!(std::env::var_os("CI").is_none(), "no disk can be mounted here");
            eprintln!("no disk fills: `mount -t tmpfs` is not for this user");
        }
        SmallDisk(is_there.then_some(path))
    }

    /// Leaves no room for a while.
    fn fill(&self, how_long: Duration) {
        let Some(path) = &self.0 else { return };
        let ballast = path.join("ballast");
        let filled = File::create(&ballast)
            .and_then(|mut file| std::io::copy(&mut std::io::repeat(0), &mut file));
        filled.expect_err("there is an end to it");
        std::thread::sleep(how_long);
        std::fs::remove_file(ballast).expect("it is there");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = Command::new("umount").arg("--lazy").arg(path).status();
        }
    }
}

/// Makes the topics of the sources, and writes the definition.
fn define(topics: &Topics, folder: &Path) -> PathBuf {
    make_topic(&topics.web, 2, &[("retention.ms", "-1")]);
    make_topic(
        &topics.crm,
        2,
        &[("cleanup.policy", "compact"), ("min.cleanable.dirty.ratio", "1")],
    );
    let definition = folder.join("shop.yaml");
    topics.define(brokers(), &definition);
    let text = std::fs::read_to_string(&definition).expect("a definition");
    let name = unique("chaos");
    let text: String = text
        .lines()
        .filter(|line| !line.starts_with("name:"))
        .map(|line| format!("{line}\n"))
        .collect();
    std::fs::write(&definition, format!("name: {name}\n{text}")).expect("it is written");
    definition
}

/// What else goes wrong while the engine runs, for as long as that takes.
fn trouble(folder: &Path, disk: &SmallDisk, topics: &Topics, chance: &mut Chance) {
    match chance.below(8) {
        0 => broker::pause(Duration::from_millis(chance.below(2_000))),
        1 => broker::restart(),
        2 => disk.fill(Duration::from_millis(chance.below(2_000))),
        3 => {
            let file = if chance.below(2) == 0 { "other.yaml" } else { "shop.yaml" };
            // It may come too early, and the engine may be killed meanwhile.
            let apply = Running::start(folder, &["apply", file, "--data", "data"]);
            std::thread::sleep(Duration::from_millis(chance.below(1_500)));
            drop(apply);
        }
        4 => {
            let number = chance.below(topics.outputs.len() as u64) as usize;
            let (_, topic) = &topics.outputs[number];
            let partitions = partitions(topic);
            // It may not be there yet.
            if (1..MOST_PARTITIONS).contains(&partitions) {
                add_partitions(topic, partitions + 1);
            }
        }
        _ => {}
    }
}

#[test]
fn topics_come_to_what_the_oracle_says_however_often_the_engine_is_killed() {
    let _broker = BROKER.lock().unwrap_or_else(PoisonError::into_inner);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seed = said("SELFSAME_CHAOS_SEED").unwrap_or(now.expect("after 1970").as_nanos() as u64);
    let rounds = said("SELFSAME_CHAOS_ROUNDS").unwrap_or(10);
    println!("SELFSAME_CHAOS_SEED={seed}");
    let mut chance = Chance(seed);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let disk = SmallDisk::at(folder.join("data"));
    let topics = Topics::new();
    let definition = define(&topics, folder);
    // Another one, whose people, values and segments are others.
    let other = std::fs::read_to_string(&definition).expect("a definition");
    let other = other.replace("{web: device}}", "{web: device}, at_most: 2}");
    let other = other.replace("spent > 300", "spent > 150").replace("20 days", "2 days");
    std::fs::write(folder.join("other.yaml"), other).expect("it is written");
    let mut oracle = Expected::of(&definition);
    let run = ["run", "shop.yaml", "--data", "data", "--clock", CLOCK];
    let run_other = ["run", "other.yaml", "--data", "data", "--clock", CLOCK];
    let (mut hour, mut sent) = (0, History::default());
    let mut expected = None;
    for round in 0..rounds {
        let hours = 1 + chance.below(24) as i64;
        let history = shop::tell(hour, hours);
        hour += hours;
        produce(&topics.web, &history.web);
        produce(&topics.crm, &history.crm);
        expected = Some(oracle.after(&history));
        sent.web.extend(history.web);
        sent.crm.extend(history.crm);
        let workers = (1 + chance.below(3)).to_string();
        let run = if chance.below(4) == 0 { &run_other } else { &run };
        let mut arguments = [&run[..], &["--workers", &workers]].concat();
        if chance.below(3) == 0 {
            arguments.extend(["--processes", "2"]);
        }
        let mut running = Running::start_with(
            folder,
            &arguments,
            &[
                ("SELFSAME_LOG_BYTES", "30000"),
                ("SELFSAME_MERGED_FILES", "3"),
                ("SELFSAME_CHECKPOINT_ROWS", "500"),
            ],
        );
        // Mostly while it reads back, reads on, or commits; seldom when all is done.
        std::thread::sleep(Duration::from_millis(chance.below(if round % 4 == 3 {
            6_000
        } else {
            1_500
        })));
        running.until("it runs", |_| true);
        trouble(folder, &disk, &topics, &mut chance);
        kill(&running, &mut chance);
        drop(running.end());
    }
    selfsame(folder, &[&run[..], &["--until-end", "--workers", "2"]].concat()).well();
    let read = reader(&topics).to_end();
    let expected = expected.expect("some rounds");
    let what = format!("SELFSAME_CHAOS_SEED={seed}");
    oracle.read(records(&topics, &read)).must_be(&expected, &what);
    holds_what_was_accepted(folder, &sent, &records(&topics, &read), seed);
    says_nothing_twice(&topics, &read, seed);
    // All is said: once more says nothing.
    selfsame(folder, &[&run[..], &["--until-end"]].concat()).well();
    assert_eq!(reader(&topics).to_end().len(), read.len(), "{what}");
}

/// Held by who has the broker paused and restarted, and by who needs it all along.
static BROKER: Mutex<()> = Mutex::new(());

#[test]
fn a_run_that_ends_at_any_step_of_a_commit_to_topics_is_gone_on_with() {
    let _broker = BROKER.lock().unwrap_or_else(PoisonError::into_inner);
    for point in selfsame::internals::fault::COMMITTING {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let folder = folder.path();
        let topics = Topics::new();
        let mut oracle = Expected::of(&define(&topics, folder));
        let run = ["run", "shop.yaml", "--data", "data", "--clock", CLOCK, "--until-end"];
        let (mut ended, mut expected) = (0, None);
        for time in [1, 2] {
            let history = shop::tell((time - 1) * 24, 24);
            produce(&topics.web, &history.web);
            produce(&topics.crm, &history.crm);
            expected = Some(oracle.after(&history));
            let fault = [("SELFSAME_FAULT", format!("{point}:{time}"))];
            let fault = fault.each_ref().map(|(name, value)| (*name, value.as_str()));
            let run = Running::start_with(folder, &run, &fault).end();
            ended += u32::from(run.status.code().is_none());
        }
        assert!(ended > 0, "no run came to '{point}'");
        selfsame(folder, &run).well();
        let read = reader(&topics).to_end();
        let expected = expected.expect("it was told");
        oracle.read(records(&topics, &read)).must_be(&expected, point);
        says_nothing_twice(&topics, &read, 0);
    }
}
