//! Topics in and topics out through a real broker, while the engine is killed at instants that a seed chooses, with
//! other numbers of workers and processes each time: what a reader of committed messages has in the end is what the
//! oracle says, each record once.
//!
//! `SELFSAME_CHAOS_SEED` repeats a run that failed, as far as instants can be repeated; `SELFSAME_CHAOS_ROUNDS` says how
//! often the engine is killed (10 unless it is said), which may be for hours.

mod broker;
mod oracle;
mod program;
mod shop;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use broker::brokers;
use broker::client::{Read, Reader, make_topic, produce, unique};
use program::{Record, Running, selfsame};
use shop::expected::Expected;
use shop::{CLOCK, Topics};

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

/// No record says again what the one before it said of its key, and none takes back what was never said.
fn says_nothing_twice(topics: &Topics, read: &[Read], seed: u64) {
    let mut last: BTreeMap<(&str, &str), Option<&str>> = BTreeMap::new();
    for of in read.iter().filter(|of| topics.output_of(&of.topic) != "rejects") {
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

#[test]
fn topics_come_to_what_the_oracle_says_however_often_the_engine_is_killed() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seed = said("SELFSAME_CHAOS_SEED").unwrap_or(now.expect("after 1970").as_nanos() as u64);
    let rounds = said("SELFSAME_CHAOS_ROUNDS").unwrap_or(10);
    println!("SELFSAME_CHAOS_SEED={seed}");
    let mut chance = Chance(seed);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let topics = Topics::new();
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
    let mut oracle = Expected::of(&definition);
    let run = ["run", "shop.yaml", "--data", "data", "--clock", CLOCK];
    let mut hour = 0;
    let mut expected = None;
    for round in 0..rounds {
        let hours = 1 + chance.below(24) as i64;
        let history = shop::tell(hour, hours);
        hour += hours;
        produce(&topics.web, &history.web);
        produce(&topics.crm, &history.crm);
        expected = Some(oracle.after(&history));
        let workers = (1 + chance.below(3)).to_string();
        let mut arguments = [&run[..], &["--workers", &workers]].concat();
        if chance.below(3) == 0 {
            arguments.extend(["--processes", "2"]);
        }
        let mut running = Running::start_with(
            folder,
            &arguments,
            &[("SELFSAME_LOG_BYTES", "300000"), ("SELFSAME_CHECKPOINT_ROWS", "500")],
        );
        // Mostly while it reads back, reads on, or commits; seldom when all is done.
        std::thread::sleep(Duration::from_millis(chance.below(if round % 4 == 3 {
            6_000
        } else {
            1_500
        })));
        running.until("it runs", |_| true);
        kill(&running, &mut chance);
        drop(running.end());
    }
    selfsame(folder, &[&run[..], &["--until-end", "--workers", "2"]].concat()).well();
    let read = reader(&topics).to_end();
    let expected = expected.expect("some rounds");
    let what = format!("SELFSAME_CHAOS_SEED={seed}");
    oracle.read(records(&topics, &read)).must_be(&expected, &what);
    says_nothing_twice(&topics, &read, seed);
    // All is said: once more says nothing.
    selfsame(folder, &[&run[..], &["--until-end"]].concat()).well();
    assert_eq!(reader(&topics).to_end().len(), read.len(), "{what}");
}
