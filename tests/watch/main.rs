//! A run is watched: by what it tells Prometheus, and by whether it is well.

#[path = "../broker/mod.rs"]
mod broker;
mod deployed;
#[path = "../http/mod.rs"]
mod http;
#[path = "../program/mod.rs"]
mod program;
#[path = "../services/receiver.rs"]
mod receiver;
mod tools;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use http::{address, get, post};
use program::Running;
use receiver::{Answer, Receiver};
use serde_json::{Value, json};

pub const DEFINITION: &str = "
name: shop
sources:
  web:
    http: {collector: segment}
    kind: events
    id: messageId
    time: timestamp
    fields: {messageId: text, timestamp: timestamp, userId: text, anonymousId: text, event: text}
  quiet: {files: \"none/*.ndjson\", kind: events, fields: {userId: text}}
identity:
  user: {from: {web: userId, quiet: userId}}
  anonymous: {from: {web: anonymousId}}
attributes:
  orders: {from: web, select: count(*), where: \"event = 'Order'\"}
segments:
  customers: orders > 0
  regulars: orders > 1
outputs:
  profiles: {files: out/profiles.ndjson}
  segments: {files: out/segments.ndjson}
  rejects: {files: out/rejects.ndjson}
";

pub fn start(folder: &Path, arguments: &[&str]) -> (Running, String) {
    start_of(folder, DEFINITION, arguments)
}

/// The same with another definition of a shop.
pub fn start_of(folder: &Path, definition: &str, arguments: &[&str]) -> (Running, String) {
    fs::write(folder.join("shop.yaml"), definition).expect("room on the disk");
    fs::create_dir_all(folder.join("none")).expect("room on the disk");
    fs::write(folder.join("none/a.ndjson"), "").expect("room on the disk");
    let all = [&["run", "shop.yaml", "--http", "127.0.0.1:0"], arguments].concat();
    let mut running = Running::start(folder, &all);
    let address = address(&mut running);
    (running, address)
}

/// A sample's value.
fn sample(metrics: &str, name: &str) -> Option<f64> {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    Some(line.parse().expect("a number"))
}

#[test]
fn metrics_tell_what_was_read_who_is_known_and_how_long_it_took() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut running, address) = start(folder.path(), &["--data", "data"]);
    let send = |messages: Value| {
        let batch = json!({"batch": messages}).to_string();
        assert_eq!(post(&address, "/v1/batch", &[], batch.as_bytes()).0, 200);
    };
    let order = |id: &str, user: Value, anonymous: Value| json!({"messageId": id, "event": "Order", "userId": user, "anonymousId": anonymous});
    send(json!([order("1", json!("ada"), json!(null)), order("2", json!("bob"), json!("b"))]));
    send(json!([
        order("1", json!("ada"), json!(null)),
        order("3", json!(null), json!("a")),
        order("4", json!(null), json!(null))
    ]));
    send(
        json!([order("5", json!("ada"), json!("a")), {"messageId": "6", "userId": "eve", "event": 5, "timestamp": "soon"}]),
    );
    running.until("it is told", |_| {
        sample(&get(&address, "/metrics").1, "selfsame_source_rows_total{source=\"web\"}")
            == Some(7.0)
            && sample(
                &get(&address, "/metrics").1,
                "selfsame_segment_entered_total{segment=\"regulars\"}",
            ) == Some(1.0)
            && sample(&get(&address, "/metrics").1, "selfsame_latency_seconds_count") == Some(7.0)
    });
    let (status, metrics) = get(&address, "/metrics");
    assert_eq!(status, 200);
    for (name, expected) in [
        ("selfsame_source_rows_total{source=\"quiet\"}", 0.0),
        ("selfsame_source_rows_duplicate_total{source=\"web\"}", 1.0),
        ("selfsame_source_rows_rejected_total{source=\"web\",reason=\"unidentified\"}", 1.0),
        ("selfsame_source_rows_rejected_total{source=\"web\",reason=\"wrong_type\"}", 1.0),
        ("selfsame_source_rows_rejected_total{source=\"quiet\",reason=\"malformed\"}", 0.0),
        ("selfsame_people", 2.0),
        ("selfsame_identifiers", 4.0),
        ("selfsame_identity_merges_total", 2.0),
        ("selfsame_identity_splits_total", 0.0),
        ("selfsame_segment_people{segment=\"customers\"}", 2.0),
        ("selfsame_segment_people{segment=\"regulars\"}", 1.0),
        ("selfsame_segment_entered_total{segment=\"customers\"}", 3.0),
        ("selfsame_segment_left_total{segment=\"customers\"}", 1.0),
        ("selfsame_output_records_total{output=\"rejects\"}", 2.0),
        ("selfsame_output_pending_records{output=\"profiles\"}", 0.0),
        ("selfsame_output_records_too_large_total{output=\"profiles\"}", 0.0),
        ("selfsame_output_retries_total{output=\"profiles\"}", 0.0),
        ("selfsame_latency_seconds_bucket{le=\"+Inf\"}", 7.0),
        ("selfsame_latency_target_seconds", 0.2),
        ("selfsame_replay_active", 0.0),
    ] {
        assert_eq!(sample(&metrics, name), Some(expected), "{name} in {metrics}");
    }
    let new = |name: &str| {
        let age = sample(&metrics, name).unwrap_or_else(|| panic!("{name} in {metrics}"));
        assert!((0.0..60.0).contains(&age), "{name} {age}");
    };
    new("selfsame_source_freshness_seconds{source=\"web\"}");
    new("selfsame_output_freshness_seconds{output=\"profiles\"}");
    assert!(!metrics.contains("selfsame_source_freshness_seconds{source=\"quiet\"}"));
    assert!(!metrics.contains("=\"\""), "no label is empty: {metrics}");
    for name in [
        "selfsame_store_bytes",
        "selfsame_store_disk_free_bytes",
        "selfsame_store_disk_bytes",
        "selfsame_tick_handed_seconds_count",
        "selfsame_tick_handed_seconds_sum",
        "selfsame_tick_durable_seconds_count",
        "selfsame_tick_durable_seconds_sum",
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
        "selfsame_store_durable_timestamp_seconds",
        "selfsame_tick_duration_seconds_count",
        "selfsame_operator_entries{operator=\"Directory\"}",
        "selfsame_operator_bytes{operator=\"Directory\"}",
        "selfsame_operator_bytes{operator=\"People by id\"}",
    ] {
        assert!(sample(&metrics, name).is_some_and(|value| value > 0.0), "{name} in {metrics}");
    }
    bounds_are_of_this_world(&metrics);
    running.signal("INT");
    running.end().well();
}

/// Each histogram has one bucket for whatever is beyond all bounds, and none whose bound no duration comes near: what
/// `histogram_quantile` says of such a one is that bound.
fn bounds_are_of_this_world(metrics: &str) {
    let bounds =
        metrics.lines().filter_map(|line| line.split_once("_bucket{le=\"")?.1.split_once('"'));
    let bounds: Vec<f64> = bounds.map(|(bound, _)| bound.parse().expect("a number")).collect();
    let histograms = metrics.lines().filter(|line| line.ends_with(" histogram")).count();
    assert!(histograms > 1, "{metrics}");
    assert_eq!(bounds.iter().filter(|bound| bound.is_infinite()).count(), histograms, "{metrics}");
    let finite = bounds.iter().filter(|bound| bound.is_finite());
    assert!(finite.clone().count() > histograms, "{metrics}");
    assert!(finite.clone().all(|bound| *bound <= 3_600.0), "{metrics}");
}

#[test]
fn prometheus_finds_nothing_wrong_with_the_metrics() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (running, address) = start(folder.path(), &["--data", "data"]);
    let message = json!({"userId": "a \"quoted\" \\ name\n", "event": "Order"}).to_string();
    assert_eq!(post(&address, "/v1/track", &[], message.as_bytes()).0, 200);
    tools::nothing_is_wrong_with(&get(&address, "/metrics").1);
    running.signal("INT");
    running.end().well();
}

#[test]
fn a_run_says_whether_it_is_well_and_ready() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut running, address) = start(folder.path(), &[]);
    assert_eq!(get(&address, "/health/live"), (200, "{\"alive\":true,\"reasons\":[]}".to_owned()));
    assert_eq!(get(&address, "/health/ready"), (200, "{\"ready\":true,\"reasons\":[]}".to_owned()));
    // Where no terminal has gone away it is what many programs take as a wish to read files anew.
    running.signal("HUP");
    running.until("it says what SIGHUP does", |run| run.err().contains("SIGHUP changes nothing"));
    assert_eq!(get(&address, "/health/ready"), (200, "{\"ready\":true,\"reasons\":[]}".to_owned()));
    running.signal("INT");
    running.end().well();
}

/// A run whose webhook refuses all that is posted to it, until the run has ended.
fn held_back(folder: &Path, hook: &Receiver) -> (Running, String) {
    let hook = format!("  hook: {{webhook: {{url: \"{}\"}}, publish: profiles}}\n", hook.url);
    start_of(folder, &format!("{DEFINITION}{hook}"), &["--data", "data"])
}

/// The codes of the reasons for which a run is not ready.
fn unready(address: &str) -> (u16, Vec<String>) {
    let (status, told) = get(address, "/health/ready");
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["ready"], status == 200, "{told}");
    let reasons = told["reasons"].as_array().expect("reasons").iter();
    let code = |reason: &Value| {
        assert!(reason["message"].as_str().is_some_and(|message| message.len() > 20), "{reason}");
        reason["code"].as_str().expect("a code").to_owned()
    };
    (status, reasons.map(code).collect())
}

#[test]
fn a_run_that_is_asked_to_stop_is_not_ready_and_says_so_for_as_long_as_an_output_waits() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let hook = Receiver::start(vec![Answer::Status(500); 1_000]);
    let (mut running, address) = held_back(folder.path(), &hook);
    let message = json!({"messageId": "1", "userId": "ada", "event": "Order"}).to_string();
    assert_eq!(post(&address, "/v1/track", &[], message.as_bytes()).0, 200);
    assert_eq!(unready(&address), (200, vec![]));
    running.signal("INT");
    running.until("it stops", |run| run.err().contains("stopping: what has been read"));
    assert_eq!(unready(&address), (503, vec!["stopping".to_owned()]));
    assert_eq!(get(&address, "/health/live").0, 200);
}

#[test]
fn a_run_that_reads_back_what_is_stored_is_not_ready_and_says_so() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let hook = Receiver::start(vec![Answer::Status(500); 1_000]);
    let (running, address) = held_back(folder.path(), &hook);
    let message = json!({"messageId": "1", "userId": "ada", "event": "Order"}).to_string();
    assert_eq!(post(&address, "/v1/track", &[], message.as_bytes()).0, 200);
    // It is killed.
    drop(running);
    let (mut running, address) = held_back(folder.path(), &hook);
    assert_eq!(unready(&address), (503, vec!["replaying".to_owned()]));
    assert_eq!(get(&address, "/health/live"), (200, "{\"alive\":true,\"reasons\":[]}".to_owned()));
    let metrics = get(&address, "/metrics").1;
    assert_eq!(sample(&metrics, "selfsame_replay_active"), Some(1.0));
    // The row has been read back, and what follows from it is not taken.
    let replayed = |address: &str| {
        let metrics = get(address, "/metrics").1;
        let of = |name: &str| sample(&metrics, name);
        let end = of("selfsame_replay_end_timestamp_seconds").expect("there are stored rows");
        let at = of("selfsame_replay_timestamp_seconds");
        // It may be read back in steps.
        assert!(end > 1e9 && at.is_none_or(|at| at <= end), "{at:?} of {end}");
        at == Some(end)
    };
    running.until("it tells how far it is", |_| replayed(&address));
    hook.take_all();
    running.until("it is ready", |_| unready(&address) == (200, vec![]));
    assert_eq!(sample(&get(&address, "/metrics").1, "selfsame_replay_active"), Some(0.0));
    running.signal("INT");
    running.end().well();
}

#[test]
fn metrics_tell_of_an_output_that_refuses_and_of_what_waits_for_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let hook = Receiver::start(vec![Answer::Status(500); 1_000]);
    let (mut running, address) = held_back(folder.path(), &hook);
    let message = json!({"messageId": "1", "userId": "ada", "event": "Order"}).to_string();
    assert_eq!(post(&address, "/v1/track", &[], message.as_bytes()).0, 200);
    let told = |of: &str| {
        let metrics = get(&address, "/metrics").1;
        sample(&metrics, of).unwrap_or_else(|| panic!("{of} in {metrics}"))
    };
    let refused = "selfsame_output_retries_total{output=\"hook\"}";
    let waiting = "selfsame_output_pending_records{output=\"hook\"}";
    running.until("it was refused twice", |_| told(refused) >= 2.0);
    assert_eq!(told(waiting), 1.0);
    assert_eq!(told("selfsame_output_retries_total{output=\"profiles\"}"), 0.0);
    tools::nothing_is_wrong_with(&get(&address, "/metrics").1);
    hook.take_all();
    running.until("it is taken", |_| told(waiting) == 0.0);
    let before = told(refused);
    running.until("the post came", |_| hook.taken().len() == 1);
    assert_eq!(told(refused), before);
    running.signal("INT");
    running.end().well();
}

#[test]
fn metrics_tell_of_people_that_come_apart() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let definition = "
sources:
  crm: {http: {}, kind: records, key: id, fields: {id: text, email: text, phone: text}}
identity: {email: {from: {crm: email}}, phone: {from: {crm: phone}}}
outputs: {profiles: {files: out/profiles.ndjson}}
";
    fs::write(folder.path().join("crm.yaml"), definition).expect("room on the disk");
    let run = ["run", "crm.yaml", "--http", "127.0.0.1:0"];
    let mut running = Running::start(folder.path(), &run);
    let address = address(&mut running);
    let mut tell = |row: Value, people: f64, merges: f64, splits: f64| {
        let answer = post(&address, "/v1/sources/crm", &[], row.to_string().as_bytes());
        assert_eq!(answer.0, 200);
        running.until("it is counted", |_| {
            let metrics = get(&address, "/metrics").1;
            sample(&metrics, "selfsame_people") == Some(people)
                && sample(&metrics, "selfsame_identity_merges_total") == Some(merges)
                && sample(&metrics, "selfsame_identity_splits_total") == Some(splits)
        });
    };
    tell(json!({"id": "1", "email": "ada@x", "phone": "1"}), 1.0, 1.0, 0.0);
    tell(json!({"id": "2", "email": "ben@x", "phone": "1"}), 1.0, 2.0, 0.0);
    // His number was another.
    tell(json!({"id": "2", "email": "ben@x", "phone": "2"}), 2.0, 3.0, 1.0);
    running.signal("INT");
    running.end().well();
}

#[test]
fn a_log_for_programs_is_an_object_a_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("shop.yaml"), DEFINITION).expect("room on the disk");
    fs::create_dir_all(folder.path().join("none")).expect("room on the disk");
    fs::write(folder.path().join("none/a.ndjson"), "\n{\"userId\": \"\"}\n")
        .expect("room on the disk");
    let arguments =
        ["--log-format", "json", "run", "shop.yaml", "--http", "127.0.0.1:0", "--until-end"];
    let ended = program::selfsame(folder.path(), &arguments);
    let lines: Vec<Value> =
        ended.err.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let messages: Vec<&str> = lines.iter().filter_map(|line| line["message"].as_str()).collect();
    assert!(
        messages.iter().any(|message| message.contains("shop runs with 1 worker")),
        "{messages:?}"
    );
    assert!(lines.iter().all(|line| line["level"].is_string() && line["timestamp"].is_string()));
    ended.well();
}

#[test]
fn top_shows_how_a_run_does_and_says_where_nobody_answers() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut running, address) = start(folder.path(), &[]);
    let message = json!({"userId": "ada", "event": "Order"}).to_string();
    assert_eq!(post(&address, "/v1/track", &[], message.as_bytes()).0, 200);
    running.until("it is told", |_| {
        sample(&get(&address, "/metrics").1, "selfsame_people") == Some(1.0)
    });
    let shown = program::selfsame(folder.path(), &["top", &address, "--once"]).well();
    for line in [
        "1 people, 1 identifiers",
        "(target 200 ms)",
        "web ",
        "1 rows",
        "customers ",
        "1 people   +",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    running.signal("INT");
    running.end().well();
    let said = program::selfsame(folder.path(), &["top", &address, "--once"]).badly();
    assert!(said.contains("does not answer"), "{said}");
}

#[test]
fn top_tells_once_of_lag_and_freshness_as_the_engine_does() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    // As of an engine that reads a topic, and has some of it yet to read.
    let engine = std::thread::spawn(move || {
        for rows in [100, 400] {
            let metrics = format!(
                "selfsame_source_rows_total{{source=\"visits\"}} {rows}\n\
                 selfsame_source_freshness_seconds{{source=\"visits\"}} 42\n\
                 selfsame_source_lag_messages{{topic=\"visits\",partition=\"3\"}} 1500\n\
                 selfsame_output_records_total{{output=\"profiles\"}} 7\n\
                 selfsame_output_freshness_seconds{{output=\"profiles\"}} 0.05\n"
            );
            let (mut stream, _) = listener.accept().expect("it asks");
            let mut head = String::new();
            let mut lines = BufReader::new(&stream);
            while !head.ends_with("\r\n\r\n") {
                assert!(lines.read_line(&mut head).expect("a request") > 0, "{head}");
            }
            assert!(head.starts_with("GET /metrics "), "{head}");
            let length = metrics.len();
            let head =
                format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
            stream.write_all((head + &metrics).as_bytes()).expect("it reads");
        }
    });
    let folder = tempfile::tempdir().expect("a temporary folder");
    let shown = program::selfsame(folder.path(), &["top", &address, "--once"]).well();
    engine.join().expect("it is asked twice");
    let line = |begin: &str| {
        let found = shown.lines().find(|line| line.trim_start().starts_with(begin));
        found.unwrap_or_else(|| panic!("{begin}: {shown}")).to_owned()
    };
    assert!(line("visits  ").contains(" 400 rows") && line("visits  ").ends_with("fresh 42.0 s"));
    assert!(!line("visits  ").contains(" 0/s"), "300 rows came meanwhile: {shown}");
    assert!(line("visits 3").contains("1500 messages to read"), "{shown}");
    assert!(line("profiles").ends_with("fresh 50 ms"), "{shown}");
}
