//! Topics that change while they are read, records that are larger than they take, and brokers that go
//! and come back: through a real broker, and through mock brokers where one is to go.

mod broker;
mod http;
mod program;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use broker::brokers;
use broker::client::{
    Message, Reader, add_partitions, delete_before, delete_topic, make_topic, produce, set, unique,
};
use program::{Running, State, records, selfsame};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use serde_json::Value;

/// Counts the rows of users, as a file tells them.
fn define(folder: &Path, brokers: &str, topic: &str, more: &str) {
    let definition = format!(
        "kafka: {{brokers: '{brokers}'}}\n\
         sources:\n  web: {{kafka: {{topic: {topic}{more}}}, kind: events, fields: {{user: text}}}}\n\
         identity:\n  user: {{from: {{web: user}}}}\n\
         attributes:\n  rows: {{from: web, select: count(*)}}\n\
         outputs:\n  profiles: {{files: out/profiles.ndjson}}\n  rejects: {{files: out/rejects.ndjson}}\n"
    );
    std::fs::write(folder.join("shop.yaml"), definition).expect("room on the disk");
}

/// Users with how many rows they have, as the output says.
fn counted(folder: &Path) -> BTreeMap<String, u64> {
    let path = folder.join("out/profiles.ndjson");
    if !path.exists() {
        return BTreeMap::new();
    }
    let state = State::of(records(&path));
    let of = |profile: &String| {
        let profile: Value = serde_json::from_str(profile).expect("JSON");
        let user = profile["identifiers"]["user"][0].as_str().expect("text").to_owned();
        (user, profile["attributes"]["rows"].as_u64().expect("a number"))
    };
    state.values.values().map(of).collect()
}

fn send(topic: &str, partition: i32, users: &[&str]) {
    let message = |user: &&str| Message {
        partition,
        payload: Some(format!("{{\"user\":\"{user}\"}}").into_bytes()),
        ..Message::default()
    };
    produce(topic, &users.iter().map(message).collect::<Vec<_>>());
}

fn expected(users: &[(&str, u64)]) -> BTreeMap<String, u64> {
    users.iter().map(|(user, rows)| ((*user).to_owned(), *rows)).collect()
}

#[test]
fn partitions_that_are_added_are_read_from_their_beginning_each_row_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    let topic = unique("growing");
    make_topic(&topic, 1, &[]);
    send(&topic, 0, &["before"]);
    for (start, workers, partitions) in [("", "1", 3), (", start: latest", "4", 6)] {
        define(path, brokers(), &topic, start);
        let _ = std::fs::remove_dir_all(path.join("out"));
        let mut running = Running::start(path, &["run", "shop.yaml", "--workers", workers]);
        running.until("it runs", |running| running.err().contains("shop runs"));
        if start.is_empty() {
            running.until("what was there is read", |_| counted(path).contains_key("before"));
        } else {
            std::thread::sleep(Duration::from_secs(2));
        }
        let name = |partition: i32| format!("{workers}-{partition}");
        let known = expected(if start.is_empty() { &[("before", 1)] } else { &[] });
        add_partitions(&topic, partitions as usize);
        for partition in 0..partitions {
            send(&topic, partition, &[&name(partition), &name(partition)]);
        }
        let mut all = known.clone();
        all.extend((0..partitions).map(|partition| (name(partition), 2)));
        let begun = Instant::now();
        running.until("all of them are read", |_| counted(path) == all);
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
        for partition in 0..partitions {
            send(&topic, partition, &[&name(partition)]);
        }
        all.extend((0..partitions).map(|partition| (name(partition), 3)));
        running.until("what comes later, too", |_| counted(path) == all);
        std::thread::sleep(Duration::from_secs(12));
        assert_eq!(counted(path), all, "nothing is read again");
        running.signal("INT");
        running.end().well();
    }
}

#[test]
fn a_topic_that_is_deleted_and_created_again_is_told_from_one_that_goes_on() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    // The new topic is longer than what was read of the old one, or shorter.
    for (number, (later, from_start)) in
        [(9, false), (1, false), (9, true), (1, true)].into_iter().enumerate()
    {
        let topic = unique("again");
        make_topic(&topic, 2, &[]);
        define(path, brokers(), &topic, "");
        let _ = std::fs::remove_dir_all(path.join("out"));
        send(&topic, 0, &["old"; 5]);
        let run = ["run", "shop.yaml", "--workers", "2", "--from-start"];
        let mut running = Running::start(path, &run[..if from_start { 5 } else { 4 }]);
        running.until("the old one is read", |_| counted(path) == expected(&[("old", 5)]));
        delete_topic(&topic);
        make_topic(&topic, if number % 2 == 0 { 2 } else { 1 }, &[]);
        send(&topic, 0, &vec!["new"; later]);
        if from_start {
            let both = expected(&[("old", 5), ("new", later as u64)]);
            running.until("the new one is read, too", |_| counted(path) == both);
            send(&topic, 0, &["new"]);
            let both = expected(&[("old", 5), ("new", later as u64 + 1)]);
            running.until("and read on", |_| counted(path) == both);
            std::thread::sleep(Duration::from_secs(2));
            assert_eq!(counted(path), both);
            running.signal("INT");
            running.end().well();
        } else {
            let complaint = running.end().badly();
            let told = format!("topic {topic} was deleted and created again while it was read: ");
            assert!(complaint.contains(&told) && complaint.contains("--from-start"), "{complaint}");
            assert!(!counted(path).contains_key("new"), "of another history nothing is taken");
        }
    }
}

#[test]
fn a_topic_that_is_deleted_ends_the_run() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    let topic = unique("gone");
    make_topic(&topic, 1, &[]);
    define(path, brokers(), &topic, "");
    send(&topic, 0, &["old"]);
    let mut running = Running::start(path, &["run", "shop.yaml"]);
    running.until("it is read", |_| counted(path) == expected(&[("old", 1)]));
    delete_topic(&topic);
    let complaint = running.end().badly();
    assert!(
        complaint.contains(&format!("topic {topic} was deleted while it was read")),
        "{complaint}"
    );
}

#[test]
fn a_topic_of_an_output_that_is_deleted_ends_the_run_and_the_next_one_makes_it_whole() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    let (topic, output) = (unique("web"), unique("people"));
    make_topic(&topic, 1, &[]);
    define(path, brokers(), &topic, "");
    let text = std::fs::read_to_string(path.join("shop.yaml")).expect("it was written");
    let text = text
        .replace("'}\n", "', properties: {transaction.timeout.ms: '5000'}}\n")
        .replace("{files: out/profiles.ndjson}", &format!("{{kafka: {{topic: {output}}}}}"));
    std::fs::write(path.join("shop.yaml"), format!("name: {output}\n{text}")).expect("room");
    send(&topic, 0, &["one", "two"]);
    let run = ["run", "shop.yaml", "--data", "data"];
    // What tells how far it is goes the same way.
    let progress = format!("selfsame-{output}-progress");
    for (sent, gone, next) in [(2, &output, "three"), (3, &progress, "four")] {
        let mut running = Running::start(path, &run);
        running.until("it runs", |running| running.err().contains(" runs with "));
        running.until("it is sent", |_| newest(&output).len() == sent);
        delete_topic(gone);
        send(&topic, 0, &[next]);
        let said = running.end().badly();
        let told =
            format!("topic '{gone}' was deleted while the run wrote to it: start the run again");
        assert!(said.contains(&told) && !said.contains("librdkafka"), "{said}");
        let mut running = Running::start(path, &run);
        running.until("it runs", |running| running.err().contains(" runs with "));
        running.until("all is there", |_| newest(&output).len() == sent + 1);
        running.signal("INT");
        running.end().well();
    }
}

#[test]
fn what_retention_deletes_before_it_is_read_is_told_and_nothing_is_read_twice() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    let topic = unique("short");
    make_topic(&topic, 1, &[]);
    define(path, brokers(), &topic, "");
    send(&topic, 0, &["early"; 5]);
    let mut running = Running::start(path, &["run", "shop.yaml"]);
    running.until("it is read", |_| counted(path) == expected(&[("early", 5)]));
    running.signal("STOP");
    // What the broker had sent already is one batch at most: the first.
    send(&topic, 0, &["sent"]);
    std::thread::sleep(Duration::from_secs(2));
    send(&topic, 0, &["deleted"; 20]);
    delete_before(&topic, 0, 26);
    send(&topic, 0, &["late"; 3]);
    running.signal("CONT");
    running.until("what is left is read", |_| counted(path).get("late") == Some(&3));
    assert_eq!(counted(path).get("early"), Some(&5));
    assert_eq!(counted(path).get("deleted"), None);
    let told = " in all, were deleted before they were read (retention)";
    running.until("it is told", |running| running.err().contains(told));
    send(&topic, 0, &["late"]);
    running.until("it is read on", |_| counted(path).get("late") == Some(&4));
    running.signal("INT");
    running.end().well();
}

/// Customers and their devices, to topics.
fn devices(folder: &Path, profiles: &str, properties: &str) {
    let definition = format!(
        "kafka: {{brokers: '{}'{properties}}}\n\
         sources:\n  crm: {{files: crm.ndjson, kind: records, key: customer, \
         fields: {{customer: text, devices: '[text]'}}}}\n\
         identity:\n  customer: {{from: {{crm: customer}}}}\n  device: {{from: {{crm: devices}}}}\n\
         outputs:\n  profiles: {{kafka: {{topic: {profiles}}}}}\n  rejects: {{files: out/rejects.ndjson}}\n",
        brokers()
    );
    std::fs::write(folder.join("shop.yaml"), definition).expect("room on the disk");
}

fn customer(name: &str, key: &str, devices: std::ops::Range<u32>) -> String {
    let devices: Vec<String> = devices.map(|device| format!("device-{key}-{device:06}")).collect();
    format!("{}\n", serde_json::json!({"customer": name, "devices": devices}))
}

/// By topic's key the newest value.
fn newest(topic: &str) -> BTreeMap<String, String> {
    let mut newest = BTreeMap::new();
    for read in Reader::new(&[topic]).to_end() {
        match read.payload {
            Some(payload) => drop(newest.insert(read.key, payload)),
            None => drop(newest.remove(&read.key)),
        }
    }
    newest
}

#[test]
fn a_record_that_is_larger_than_its_topic_takes_costs_itself_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    let profiles = unique("profiles");
    make_topic(&profiles, 2, &[("cleanup.policy", "compact"), ("max.message.bytes", "20000")]);
    devices(path, &profiles, "");
    let crm = path.join("crm.ndjson");
    let many: String =
        (0..300).map(|n| customer(&format!("c{n}"), &n.to_string(), 0..20)).collect();
    std::fs::write(&crm, &many).expect("room on the disk");
    let run = ["run", "shop.yaml", "--follow", "--http", "127.0.0.1:0"];
    let mut running = Running::start(path, &run);
    let address = http::address(&mut running);
    let of_large =
        |topic: &str| newest(topic).into_iter().find(|(_, value)| value.contains("\"c7\""));
    running.until("everyone is there", |_| newest(&profiles).len() == 300);
    let (key, _) = of_large(&profiles).expect("somebody");

    // It grows beyond what the topic takes, and is small again.
    append(&crm, &customer("c7", "7", 0..2_000));
    running.until("it is gone", |_| newest(&profiles).len() == 299);
    assert_eq!(
        of_large(&profiles),
        None,
        "no old value is left that could pass for the present one"
    );
    let rejects = path.join("out/rejects.ndjson");
    running.until("it is told", |_| !records(&rejects).is_empty());
    let reject = &records(&rejects)[0];
    assert_eq!(reject.key, "profiles");
    let reject: Value =
        serde_json::from_str(reject.value.as_ref().expect("a value")).expect("JSON");
    assert_eq!(reject["output"], "profiles");
    assert_eq!(reject["position"], serde_json::json!({"topic": profiles, "key": key}));
    assert_eq!(reject["reasons"][0]["code"], "too_large");
    let message = reject["reasons"][0]["message"].as_str().expect("text");
    assert!(message.contains("max.message.bytes") && message.contains("20000"), "{message}");
    assert!(running.err().contains(&key), "{}", running.err());
    let counted =
        |output: &str| format!("selfsame_output_records_too_large_total{{output=\"{output}\"}}");
    let told = [("profiles", 1), ("rejects", 0)]
        .map(|(output, of)| format!("\n{} {of}\n", counted(output)));
    running.until("it is counted", |_| {
        let metrics = http::get(&address, "/metrics").1;
        told.iter().all(|line| metrics.contains(line))
    });
    append(&crm, &customer("c7", "7", 0..3));
    running.until("it is back", |_| newest(&profiles).len() == 300);
    running.signal("INT");
    let summary = running.end().well();
    assert!(summary.contains("1 record was larger than its topic takes"), "{summary}");
}

#[test]
fn a_customer_with_forty_thousand_devices_passes_once_the_limits_are_what_the_message_says() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    let profiles = unique("profiles");
    devices(path, &profiles, "");
    let mut rows: String =
        (0..4).map(|n| customer("many", "many", n * 12_000..(n + 1) * 12_000)).collect();
    rows += &customer("few", "few", 0..2);
    // Records of one key would replace each other.
    let definition = std::fs::read_to_string(path.join("shop.yaml")).expect("it was written");
    let events = definition.replace("kind: records, key: customer", "kind: events");
    std::fs::write(path.join("shop.yaml"), &events).expect("room on the disk");
    std::fs::write(path.join("crm.ndjson"), rows).expect("room on the disk");
    let run = ["run", "shop.yaml", "--until-end"];
    selfsame(path, &run).well();
    assert_eq!(newest(&profiles).len(), 1, "the other one");
    let reject = &records(&path.join("out/rejects.ndjson"))[0];
    let reject: Value =
        serde_json::from_str(reject.value.as_ref().expect("a value")).expect("JSON");
    let message = reject["reasons"][0]["message"].as_str().expect("text");
    let wanted = message.split_once("message.max.bytes: ").expect("the setting").1;
    let wanted: String = wanted.chars().take_while(char::is_ascii_digit).collect();
    assert!(message.contains(&format!("the topic's max.message.bytes: {wanted} ")), "{message}");

    let properties = format!(", properties: {{message.max.bytes: {wanted}}}");
    let raised = events.replace("'}\nsources", &format!("'{properties}}}\nsources"));
    assert_ne!(raised, events);
    std::fs::write(path.join("shop.yaml"), raised).expect("room on the disk");
    set(&profiles, "max.message.bytes", &wanted);
    selfsame(path, &run).well();
    let all = newest(&profiles);
    assert_eq!(all.len(), 2);
    assert!(all.values().any(|profile| profile.len() > 1_000_000));
    assert_eq!(records(&path.join("out/rejects.ndjson")), []);
}

fn append(path: &Path, text: &str) {
    use std::io::Write;
    let file = std::fs::OpenOptions::new().append(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).expect("room on the disk");
}

#[test]
fn a_broker_that_goes_is_told_once_and_once_that_it_is_back() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    let cluster: MockCluster<'static, DefaultProducerContext> =
        MockCluster::new(1).expect("a mock cluster");
    for topic in ["web", "profiles"] {
        cluster.create_topic(topic, 2, 1).expect("a topic");
    }
    define(path, &cluster.bootstrap_servers(), "web", "");
    let text = std::fs::read_to_string(path.join("shop.yaml")).expect("it was written");
    let text = text.replace("{files: out/profiles.ndjson}", "{kafka: {topic: profiles}}");
    std::fs::write(path.join("shop.yaml"), text).expect("room on the disk");
    let mut running = Running::start(path, &["run", "shop.yaml", "--workers", "2"]);
    running.until("it runs", |running| running.err().contains("shop runs"));
    std::thread::sleep(Duration::from_secs(1));
    cluster.broker_down(1).expect("it is up");
    running.until("it is missed", |running| running.err().contains("can't be reached"));
    std::thread::sleep(Duration::from_secs(15));
    cluster.broker_up(1).expect("it is down");
    running.until("it is found", |running| running.err().contains("is reached again, after"));
    std::thread::sleep(Duration::from_secs(3));
    let said = running.err();
    let ordinary = |line: &&str| !line.contains("shop runs") && !line.contains("outlives this run");
    let lines: Vec<&str> = said.lines().filter(ordinary).collect();
    assert_eq!(lines.len(), 2, "{said}");
    running.signal("INT");
    running.end().well();
}
