//! Topics in and topics out, through a real broker: what an ordinary client reads of the outputs, held
//! against the oracle.

mod broker;
mod http;
mod oracle;
mod program;
mod shop;
#[path = "watch/tools.rs"]
mod tools;

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use broker::brokers;
use broker::client::{Read, Reader, make_topic, produce, setting, unique};
use program::{Record, Running, State, free_addresses, selfsame};
use shop::expected::Expected;
use shop::{CLOCK, History, Topics};

/// Makes the topics that are read, and the definition over them.
fn lay_out(folder: &Path) -> Topics {
    let topics = Topics::new();
    // The rows are old, by what they say: a broker would soon delete and compact them.
    make_topic(&topics.web, 2, &[("retention.ms", "-1")]);
    let seldom = ("min.cleanable.dirty.ratio", "1");
    make_topic(&topics.crm, 2, &[("cleanup.policy", "compact"), seldom]);
    topics.define(brokers(), &folder.join("shop.yaml"));
    topics
}

fn send(topics: &Topics, history: &History) {
    produce(&topics.web, &history.web);
    produce(&topics.crm, &history.crm);
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

fn reader(topics: &Topics) -> Reader {
    let names: Vec<&str> = topics.outputs.iter().map(|(_, topic)| topic.as_str()).collect();
    Reader::new(&names)
}

fn history() -> History {
    shop::tell(0, 24 * 20)
}

#[test]
fn topics_come_to_what_the_oracle_says_of_their_rows() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let topics = lay_out(folder);
    let history = history();
    send(&topics, &history);
    let mut oracle = Expected::of(&folder.join("shop.yaml"));
    let expected = oracle.after(&history);
    assert!(expected.count("vips") > 3 && expected.count("segments") > 30, "there is much to say");
    assert!(expected.rejects.len() > 30);

    let run = ["run", "shop.yaml", "--until-end", "--clock", CLOCK, "--workers", "2"];
    let summary = selfsame(folder, &run).well();
    let read = reader(&topics).to_end();
    oracle.read(records(&topics, &read)).must_be(&expected, "by two workers");
    let rows = format!("{}", history.web.len() + history.crm.len());
    let [thousands, rest] = [&rows[..rows.len() - 3], &rows[rows.len() - 3..]];
    assert!(summary.contains(&format!("shop: {thousands},{rest} rows in")), "{summary}");

    // Every record is where its key belongs, under the key that the language gives it.
    for of in &read {
        let Some(payload) = &of.payload else { continue };
        let value: serde_json::Value = serde_json::from_str(payload).expect("JSON");
        assert_eq!(value["at"], "2025-08-01T00:00:00.000Z", "the clock is held");
        let text = |name: &str| value[name].as_str().expect("text").to_owned();
        let key = match topics.output_of(&of.topic) {
            "segments" => format!("{}/{}", text("segment"), text("person")),
            "identities" => format!("{}:{}", text("type"), text("value")),
            "rejects" => text("source"),
            _ => text("person"),
        };
        assert_eq!(of.key, key);
    }
    let partitions = |output: &str| {
        let of = read.iter().filter(|read| read.topic == topics.of(output));
        of.map(|read| read.partition).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(partitions("profiles"), [0, 1].into(), "as many as the broker gives by default");
    for (output, topic) in &topics.outputs {
        let policy = if *output == "rejects" { "delete" } else { "compact" };
        assert_eq!(setting(topic, "cleanup.policy").as_deref(), Some(policy), "{output}");
    }

    // Two processes find the same, and send it again: the newest of a key stands.
    std::fs::write(folder.join("hosts"), free_addresses(2).join("\n")).expect("room on the disk");
    let cluster = ["--hosts", "hosts", "--process"];
    let both = ["0", "1"]
        .map(|process| Running::start(folder, &[&run[..], &cluster, &[process]].concat()));
    both.into_iter().for_each(|process| drop(process.end().well()));
    let again = reader(&topics).to_end();
    assert!(again.len() > read.len());
    let state = oracle.read(records(&topics, &again));
    let values_only = |state: State| State { rejects: Vec::new(), ..state };
    values_only(state).must_be(&values_only(expected), "by two processes");
}

#[test]
fn whoever_reads_from_the_start_sees_the_same_whenever_they_begin() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let topics = lay_out(folder);
    let run = ["run", "shop.yaml", "--clock", CLOCK, "--workers", "2"];
    let mut running = Running::start(folder, &run);
    running.until("it has made its topics", |running| {
        topics.outputs.iter().all(|(_, topic)| running.err().contains(&format!("'{topic}'")))
    });
    let early = reader(&topics);

    let before = shop::tell(0, 24 * 8);
    send(&topics, &before);
    let mut oracle = Expected::of(&folder.join("shop.yaml"));
    let expected_before = oracle.after(&before);
    let mut seen = early
        .until("what came first", |read| oracle.read(records(&topics, read)) == expected_before);

    let after = shop::tell(24 * 8, 24 * 12);
    send(&topics, &after);
    let expected_after = oracle.after(&after);
    let state = |read: &[Read]| oracle.read(records(&topics, read));
    let known = seen.clone();
    let all = |read: &[Read]| state(&[&known[..], read].concat());
    seen.extend(early.until("all of it", |read| all(read) == expected_after));

    let late = reader(&topics).to_end();
    state(&late).must_be(&expected_after, "for a late reader");

    // Whoever is gone because of a merge says who has become of them.
    let records = records(&topics, &late);
    let merged: Vec<&Record> = records.iter().filter(|of| of.merged_into.is_some()).collect();
    assert!(merged.len() > 10, "devices turned out to be somebody's");
    let known: std::collections::BTreeSet<&String> =
        records.iter().filter(|of| of.output == "profiles").map(|of| &of.key).collect();
    for of in &merged {
        assert_eq!(of.value, None);
        let into = of.merged_into.as_ref().expect("filtered");
        assert!(known.contains(into) && *into != of.key, "{of:?}");
    }
    // Some came back since: what ties an identifier to another person may go again.
    let is_gone = |of: &&&Record| {
        let key = (of.output.clone(), of.key.clone());
        of.output == "profiles" && !expected_after.values.contains_key(&key)
    };
    let of_some = merged.iter().find(is_gone).expect("a profile");

    // By the front door, from the same topics: a person, one that was merged, the last records.
    let get = |id: &str| selfsame(folder, &["get", id, "--spec", "shop.yaml"]);
    let (key, profile) = expected_after
        .values
        .iter()
        .find(|((output, _), value)| output == "profiles" && value.contains("\"device\":["))
        .expect("a person with a device");
    let found: serde_json::Value = serde_json::from_str(&get(&key.1).well()).expect("JSON");
    assert_eq!(found, serde_json::from_str::<serde_json::Value>(profile).expect("JSON"));
    let device = found["identifiers"]["device"][0].as_str().expect("a device");
    for id in [device.to_owned(), format!("device:{device}")] {
        assert_eq!(get(&id).well(), get(&key.1).well());
    }
    asked_why_it_says_what_the_topics_say(folder, &topics, &history(), &expected_after);
    let led = get(&of_some.key);
    assert!(led.err.contains(&format!("{} was merged into", of_some.key)) || !led.status.success());
    let tail = ["tail", "profiles", "-n", "3", "--spec", "shop.yaml"];
    assert_eq!(selfsame(folder, &tail).well().lines().count(), 3);

    running.signal("INT");
    let summary = running.end().well();
    assert!(summary.contains("acknowledged output"), "{summary}");
}

/// While the engine runs: `why` reads the sources' topics, and agrees with those of the outputs.
fn asked_why_it_says_what_the_topics_say(
    folder: &Path,
    topics: &Topics,
    history: &History,
    expected: &State,
) {
    let why = |question: &[&str]| -> serde_json::Value {
        let asked = ["why", "--spec", "shop.yaml", "--clock", CLOCK, "--json"];
        let answer = selfsame(folder, &[&asked, question].concat()).well();
        serde_json::from_str(&answer).expect("JSON")
    };
    let is_linked =
        |value: &String| value.contains("\"email\":[") && value.contains("\"device\":[");
    let profiles = expected.values.iter().filter(|((output, _), _)| output == "profiles");
    let (mut told, mut rows) = (0, 0);
    for ((_, person), profile) in profiles.filter(|(_, value)| is_linked(value)).take(3) {
        let profile: serde_json::Value = serde_json::from_str(profile).expect("JSON");
        let answer = why(&[person]);
        assert_eq!(&answer["person"], person);
        for identifier in answer["identifiers"].as_array().expect("a list") {
            let (kind, value) = (&identifier["type"], &identifier["value"]);
            let of = &profile["identifiers"][kind.as_str().expect("text")];
            assert!(of.as_array().expect("a list").contains(value), "{answer:#}");
            told += 1;
        }
        // Each link's rows lie where it says they do: so many messages after a partition's first.
        for link in answer["links"].as_array().expect("a list") {
            for row in link["rows"].as_array().expect("a list") {
                let position = &row["position"];
                let sent = match &position["topic"] {
                    topic if *topic == topics.web => &history.web,
                    topic if *topic == topics.crm => &history.crm,
                    other => panic!("{other} is no source's"),
                };
                let mut sent = sent.iter().filter(|of| position["partition"] == of.partition);
                let offset = position["offset"].as_u64().expect("a number");
                let message = sent.nth(offset as usize).expect("it was sent");
                let payload =
                    String::from_utf8(message.payload.clone().expect("a row")).expect("text");
                for end in ["one", "other"] {
                    let (_, value) =
                        link[end].as_str().expect("text").split_once(':').expect("a type");
                    let found = payload.to_lowercase().contains(&format!("{value}\""));
                    assert!(found, "{payload} carries {link:#}");
                }
                rows += 1;
            }
        }
        let value = why(&[person, "--attribute", "spent_20d"])["value"].clone();
        assert_eq!(value, profile["attributes"]["spent_20d"]);
        let lapsed = why(&[person, "--segment", "lapsed"])["is_in"].clone();
        let segments = profile["segments"].as_array().expect("a list");
        assert_eq!(lapsed, segments.contains(&"lapsed".into()));
        let ends = ["device", "email"].map(|kind| &profile["identifiers"][kind][0]);
        let [one, other] = ends.map(|end| end.as_str().expect("text"));
        assert_eq!(why(&[one, other])["same_person"], true);
    }
    assert!(told > 6 && rows > 6, "{told} identifiers, {rows} rows");
}

#[test]
fn latency_counts_from_the_append_where_the_log_says_when_that_was() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let summary = |appended: bool| {
        let topics = Topics::new();
        let kind = if appended { "LogAppendTime" } else { "CreateTime" };
        make_topic(&topics.web, 2, &[("message.timestamp.type", kind)]);
        make_topic(&topics.crm, 2, &[("message.timestamp.type", kind)]);
        topics.define(brokers(), &folder.join("shop.yaml"));
        let history = shop::tell(0, 24);
        let begun = now();
        send(&topics, &history);
        let sent = now();
        let run = ["run", "shop.yaml", "--until-end", "--clock", CLOCK, "--summary", "summary"];
        let started = now();
        selfsame(folder, &run).well();
        let text = std::fs::read_to_string(folder.join("summary")).expect("it was asked for");
        let summary: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let rows = (history.web.len() + history.crm.len()) as u64;
        assert_eq!(summary["latency"]["count"], rows, "every row has a latency");
        (summary, started - sent, now() - begun)
    };
    let milliseconds = |of: &serde_json::Value| of.as_f64().expect("a number");
    let took = |summary: &serde_json::Value| milliseconds(&summary["seconds"]) * 1_000.0;

    // All lay in the log before the program began: none took less than that, none more than until now.
    let (appended, before, until_end) = summary(true);
    let [median, longest] = ["p50", "max"].map(|at| milliseconds(&appended["latency"][at]));
    assert!(median >= before.as_secs_f64() * 1_000.0, "{appended:#}");
    // The histogram keeps three digits.
    assert!(longest <= until_end.as_secs_f64() * 1_000.0 * 1.001, "{appended:#}");

    // Messages of weeks ago, by what their producer says: what counts is when they were received.
    let (created, ..) = summary(false);
    assert!(milliseconds(&created["latency"]["max"]) <= took(&created), "{created:#}");
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after the epoch")
}

#[test]
fn metrics_tell_how_far_each_partition_is_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let topics = lay_out(folder);
    let all = shop::tell(0, 24 * 8);
    send(&topics, &all);
    let mut running = Running::start(folder, &["run", "shop.yaml", "--http", "127.0.0.1:0"]);
    let address = http::address(&mut running);
    // By topic and partition, what is yet to be read; nothing of a partition of which that is not known yet.
    let lags = |_: &Running| -> Vec<(String, u64)> {
        let metrics = http::get(&address, "/metrics").1;
        let lines = metrics.lines().filter_map(|line| {
            let (labels, lag) =
                line.strip_prefix("selfsame_source_lag_messages{")?.split_once("} ")?;
            Some((labels.to_owned(), lag.parse::<f64>().expect("a number") as u64))
        });
        lines.collect()
    };
    let partitions: Vec<String> = [&topics.crm, &topics.web]
        .into_iter()
        .flat_map(|topic| {
            [0, 1].map(|partition| format!("topic=\"{topic}\",partition=\"{partition}\""))
        })
        .collect();
    let most = (all.web.len() + all.crm.len()) as u64;
    running.until("all is read", |running| {
        let lags = lags(running);
        assert!(lags.iter().all(|(labels, lag)| partitions.contains(labels) && *lag <= most));
        let rows = http::get(&address, "/metrics").1;
        let rows = rows.lines().filter_map(|line| {
            line.strip_prefix("selfsame_source_rows_total{")?
                .split_once("} ")?
                .1
                .parse::<u64>()
                .ok()
        });
        lags.len() == 4 && lags.iter().all(|(_, lag)| *lag == 0) && rows.sum::<u64>() == most
    });
    // What comes later is read, too.
    let more = shop::tell(24 * 8, 24 * 9);
    send(&topics, &more);
    let rows = format!("{{source=\"web\"}} {}", all.web.len() + more.web.len());
    running.until("what came later is read", |running| {
        http::get(&address, "/metrics").1.contains(&rows)
            && lags(running).iter().all(|(_, lag)| *lag == 0)
    });
    let metrics = http::get(&address, "/metrics").1;
    assert!(metrics.contains("# TYPE selfsame_source_lag_messages gauge"));
    tools::nothing_is_wrong_with(&metrics);
}

#[test]
fn an_engine_that_has_nothing_to_do_uses_hardly_any_processor() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let topics = lay_out(folder);
    send(&topics, &shop::tell(0, 24));
    let run = ["run", "shop.yaml"];
    let idle = |mut processes: Vec<Running>, what: &str| {
        processes[0].until("it runs", |running| running.err().contains("shop runs"));
        reader(&topics).until("what there was is sent", |read| !read.is_empty());
        // What there was may still echo: what is bounded is a second's use in the end.
        let mut shares = Vec::new();
        for _ in 0..5 {
            let used = || processes.iter().map(Running::processor_time).max().expect("some");
            let (before, start) = (used(), now());
            std::thread::sleep(Duration::from_secs(2));
            let share = (used() - before).as_secs_f64() / (now() - start).as_secs_f64();
            shares.push(share);
            if share < 0.01 {
                return;
            }
        }
        panic!("{what}: each of these shares of a core is too much: {shares:?}");
    };
    idle(vec![Running::start(folder, &run)], "one worker");
    idle(vec![Running::start(folder, &[&run[..], &["--workers", "2"]].concat())], "two workers");
    std::fs::write(folder.join("hosts"), free_addresses(2).join("\n")).expect("room on the disk");
    let cluster = ["--workers", "2", "--hosts", "hosts", "--process"];
    let start = |process| Running::start(folder, &[&run[..], &cluster, &[process]].concat());
    idle(vec![start("0"), start("1")], "two processes of two workers");
}

#[test]
fn what_is_wrong_with_topics_and_brokers_is_told_before_anything_starts() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let mut topics = Topics::new();
    make_topic(&topics.web, 2, &[]);
    topics.crm = unique("crm.customers");
    topics.define(brokers(), &folder.join("shop.yaml"));
    let complaint = selfsame(folder, &["run", "shop.yaml"]).badly();
    let expected = format!("source crm: the brokers at {} have no topic {}", brokers(), topics.crm);
    assert!(complaint.contains(&expected), "{complaint}");
    // Nothing was made for a run that did not begin.
    assert_eq!(setting(topics.of("profiles"), "cleanup.policy"), None);

    let nobody = &free_addresses(1)[0];
    topics.define(nobody, &folder.join("shop.yaml"));
    let complaint = selfsame(folder, &["run", "shop.yaml"]).badly();
    assert!(complaint.contains(&format!("no broker answers at {nobody}: ")), "{complaint}");
    let complaint = selfsame(folder, &["get", "c1", "--spec", "shop.yaml"]).badly();
    assert!(complaint.contains(nobody.as_str()), "{complaint}");
    let generate = ["generate", "--kafka", nobody, "--people", "1", "--events", "1"];
    let complaint = selfsame(folder, &generate).badly();
    assert!(complaint.contains(nobody.as_str()), "{complaint}");
}

#[test]
fn a_generated_history_goes_to_topics_as_it_goes_to_files() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let size = ["generate", "--people", "50", "--events", "500", "--seed", "7"];
    let into = [&size[..], &["--kafka", brokers(), "--partitions", "2"]].concat();
    let said = selfsame(folder, &into).well();
    assert!(said.contains("web events"), "{said}");
    selfsame(folder, &[&size[..], &["--out", "data"]].concat()).well();
    // These names are its own; on brokers that are used for more, it may have been there before.
    let read = Reader::new(&["web.events", "crm.customers"]).to_end();
    let lines = std::fs::read_to_string(folder.join("data/web/events-0.ndjson")).expect("a file");
    let payloads: std::collections::BTreeSet<&str> =
        read.iter().filter_map(|of| of.payload.as_deref()).collect();
    for line in lines.lines() {
        assert!(payloads.contains(line), "{line}");
    }
    assert!(read.iter().any(|of| of.topic == "crm.customers" && !of.key.is_empty()));
}
