//! Definitions that are applied to a running engine over topics, through a real broker, while rows come: what a reader of
//! committed messages has in the end is what the oracle says of the last one, and no record says what the one before it
//! said of its key.

mod broker;
mod oracle;
mod program;
mod shop;

use std::collections::BTreeMap;

use broker::brokers;
use broker::client::{Read, Reader, make_topic, produce, unique};
use program::{Record, Running, selfsame};
use shop::expected::Expected;
use shop::{CLOCK, Topics};

/// What each definition has in place of what the shop's has.
const CHANGES: [&[(&str, &str)]; 3] = [
    &[("spent > 300", "spent > 150"), ("within: 20 days", "within: 5 days")],
    &[
        ("  views: {from: web, select: count(*), where: event = 'view'}\n", ""),
        ("select: sum(price)", "select: max(price)"),
    ],
    &[
        ("web: user}}", "web: user}, at_most: 1}"),
        ("publish: profiles, where: big", "publish: profiles, where: buyers"),
    ],
];

fn records(topics: &Topics, read: &[Read]) -> Vec<Record> {
    let record = |read: &Read| Record {
        output: topics.output_of(&read.topic).to_owned(),
        key: read.key.clone(),
        value: read.payload.clone(),
        merged_into: read.headers.get("merged_into").cloned(),
    };
    read.iter().map(record).collect()
}

/// A value without its instant.
fn undated(payload: Option<&str>) -> Option<String> {
    let mut value: serde_json::Value = serde_json::from_str(payload?).expect("JSON");
    value.as_object_mut().map(|value| value.remove("at"));
    Some(value.to_string())
}

fn says_nothing_twice(topics: &Topics, read: &[Read]) {
    let mut last: BTreeMap<(&str, &str), Option<String>> = BTreeMap::new();
    for of in read.iter().filter(|of| topics.output_of(&of.topic) != "rejects") {
        let value = undated(of.payload.as_deref());
        let before = last.insert((&of.topic, &of.key), value.clone()).flatten();
        assert_ne!(value, before, "'{}' of {} comes again", of.key, of.topic);
    }
}

#[test]
fn topics_come_to_what_the_oracle_says_of_the_definition_that_was_applied_last() {
    come_to_what_the_oracle_says(&["--workers", "2"], "control.sock");
}

#[test]
fn topics_of_two_processes_come_to_what_the_oracle_says_of_the_definition_that_was_applied_last() {
    come_to_what_the_oracle_says(&["--processes", "2"], "control-1.sock");
}

/// `socket` is the one that is there last.
fn come_to_what_the_oracle_says(more: &[&str], socket: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let topics = Topics::new();
    for topic in [&topics.web, &topics.crm] {
        make_topic(topic, 2, &[("retention.ms", "-1")]);
    }
    let first = folder.join("shop.yaml");
    topics.define(brokers(), &first);
    let text = std::fs::read_to_string(&first).expect("a definition");
    let text = text.replace("name: shop\n", &format!("name: {}\n", unique("apply")));
    std::fs::write(&first, &text).expect("it is written");
    let run = [&["run", "shop.yaml", "--data", "data", "--clock", CLOCK], more].concat();
    let mut running = Running::start_with(folder, &run, &[("SELFSAME_LOG_BYTES", "200000")]);
    let sockets = ["control.sock", socket].map(|name| folder.join("data").join(name));
    running.until("it listens", |_| sockets.iter().all(|socket| socket.exists()));
    let (mut hour, mut told) = (0, Vec::new());
    let mut last = "shop.yaml".to_owned();
    let mut tell = |hours: i64| {
        let history = shop::tell(hour, hours);
        hour += hours;
        produce(&topics.web, &history.web);
        produce(&topics.crm, &history.crm);
        told.push(history);
    };
    for (round, changes) in CHANGES.iter().enumerate() {
        tell(30);
        let mut next = text.clone();
        for (from, to) in *changes {
            assert!(next.contains(from), "{from}");
            next = next.replace(from, to);
        }
        last = format!("next{round}.yaml");
        std::fs::write(folder.join(&last), next).expect("it is written");
        std::thread::scope(|scope| {
            let applied = scope.spawn(|| selfsame(folder, &["apply", &last, "--data", "data"]));
            // While it is built, and taken over.
            (0..4).for_each(|_| tell(2));
            applied.join().expect("it does not panic").well();
        });
        tell(10);
    }
    running.signal("TERM");
    running.end().well();
    let run = ["run", &last, "--data", "data", "--clock", CLOCK, "--until-end"];
    selfsame(folder, &run).well();
    let names: Vec<&str> = topics.outputs.iter().map(|(_, topic)| topic.as_str()).collect();
    let read = Reader::new(&names).to_end();
    let mut oracle = Expected::of(&folder.join(&last));
    let expected = told.iter().map(|history| oracle.after(history)).last().expect("some");
    oracle.read(records(&topics, &read)).must_be(&expected, "in the end");
    says_nothing_twice(&topics, &read);
    selfsame(folder, &run).well();
    assert_eq!(Reader::new(&names).to_end().len(), read.len(), "all was said");
}
