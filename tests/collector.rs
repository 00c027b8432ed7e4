//! Rows that are posted to the built program: what is acknowledged is kept, however the program ends.

mod http;
mod program;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{address, post};
use program::outputs::{folded, values};
use program::{Running, free_addresses, selfsame};
use serde_json::{Value, json};

const DEFINITION: &str = "
name: web
sources:
  web:
    http: {collector: segment}
    kind: events
    id: messageId
    time: timestamp
    fields:
      messageId: text
      timestamp: timestamp
      type: text
      userId: text
      anonymousId: text
      previousId: text
      event: text
      total: {type: integer, path: properties.total}
identity:
  user: {from: {web: userId}, at_most: 1}
  anonymous: {from: {web: [anonymousId, previousId]}}
attributes:
  orders: {from: web, select: count(*), where: \"event = 'Order'\"}
  spent: {from: web, select: sum(total)}
  messages: {from: web, select: array_agg(distinct messageId)}
outputs:
  profiles: {files: out/profiles.ndjson}
  rejects: {files: out/rejects.ndjson}
";

/// The profiles that an output holds so far.
fn profiles(folder: &Path) -> Vec<Value> {
    folded(values(&folder.join("out/profiles.ndjson"))).into_values().collect()
}

fn total(folder: &Path, attribute: &str) -> i64 {
    let value = |profile: &Value| profile["attributes"][attribute].as_i64().unwrap_or_default();
    profiles(folder).iter().map(value).sum()
}

fn shop() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("web.yaml"), DEFINITION).expect("room on the disk");
    folder
}

fn start(folder: &Path, arguments: &[&str]) -> (Running, String) {
    let all = [&["run", "web.yaml", "--http", "127.0.0.1:0"], arguments].concat();
    let mut running = Running::start(folder, &all);
    let address = address(&mut running);
    (running, address)
}

#[test]
fn a_run_that_nobody_can_post_to_says_what_it_lacks() {
    let folder = shop();
    let said = selfsame(folder.path(), &["run", "web.yaml"]).badly();
    assert!(said.contains("source web takes rows over HTTP") && said.contains("--http"), "{said}");
    let said = selfsame(folder.path(), &["run", "web.yaml", "--http", "0.0.0.0:0"]).badly();
    assert!(said.contains("no keys"), "{said}");
    assert!(said.contains("give the definition http: {keys: {read: …, admin: …}}"), "{said}");
    let said = selfsame(folder.path(), &["run", "web.yaml", "--http", "nowhere"]).badly();
    assert!(said.contains("127.0.0.1:8080"), "{said}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().map(|address| (taken, address.to_string())).expect("an address");
    let said = selfsame(folder.path(), &["run", "web.yaml", "--http", &taken.1]).badly();
    assert!(said.contains("in use") && said.contains(&taken.1), "{said}");
    assert!(!folder.path().join("out").exists(), "nothing is begun");
}

#[test]
fn what_sdks_send_is_refused_where_no_source_is_a_collector() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let without = DEFINITION.replace("http: {collector: segment}", "http: {}");
    assert_ne!(without, DEFINITION);
    fs::write(folder.path().join("web.yaml"), without).expect("room on the disk");
    let (running, address) = start(folder.path(), &[]);
    let one = json!({"messageId": "1", "timestamp": "2025-07-05T12:00:00Z", "userId": "ada", "event": "Order"});
    let batch = json!({"batch": [{"type": "track", "messageId": "1", "userId": "ada"}]});
    for (path, body) in [("track", &one), ("p", &one), ("batch", &batch), ("import", &batch)] {
        let body = body.to_string();
        let (status, told) = post(&address, &format!("/v1/{path}"), &[], body.as_bytes());
        assert_eq!((status, &told["code"]), (404, &json!("no_source")), "{path}: {told}");
        let remedy = told["remedy"].as_str().expect("a text");
        assert!(remedy.contains("http: {collector: segment}"), "{path}: {remedy}");
    }
    // The source takes rows all the same.
    let (status, told) = post(&address, "/v1/sources/web", &[], one.to_string().as_bytes());
    assert_eq!((status, &told["accepted"]), (200, &json!(1)), "{told}");
    running.signal("INT");
    running.end().well();
}

#[test]
fn rows_are_answered_once_they_are_read_and_rejects_are_told_twice() {
    let folder = shop();
    let (running, address) = start(folder.path(), &[]);
    let rows = json!([
        {"messageId": "1", "timestamp": "2025-07-05T12:00:00Z", "userId": "ada", "event": "Order", "properties": {"total": 5}},
        {"messageId": "2", "timestamp": "soon", "userId": "ada"},
        {"messageId": "3", "timestamp": "2025-07-05T12:00:01Z", "userId": "undefined", "anonymousId": "null"},
        "nonsense",
    ]);
    let (status, told) = post(&address, "/v1/sources/web", &[], rows.to_string().as_bytes());
    assert_eq!((status, &told["accepted"], &told["rejected"]), (200, &json!(1), &json!(3)));
    let reasons: Vec<_> = told["rejects"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|reject| {
            (
                reject["row"].as_u64().expect("a number"),
                reject["reasons"][0]["code"].as_str().expect("a code"),
            )
        })
        .collect();
    assert_eq!(reasons, [(1, "wrong_type"), (2, "unidentified"), (3, "wrong_type")]);
    assert_eq!(told["rejects"][0]["reasons"][0]["path"], "$.timestamp");
    // Without a data folder what was answered has been written.
    assert_eq!(total(folder.path(), "spent"), 5);
    let rejects = fs::read_to_string(folder.path().join("out/rejects.ndjson")).expect("rejects");
    assert_eq!(rejects.lines().count(), 3);
    let position = |line: &str| {
        let record: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(record["value"]["position"]["file"], "http");
        record["value"]["position"]["line"].as_u64().expect("a number")
    };
    let positions: Vec<u64> = rejects.lines().map(position).collect();
    // Numbered on as they came, from run to run.
    assert_eq!(positions.iter().map(|of| of - positions[0]).collect::<Vec<_>>(), [0, 1, 2]);
    // It never ends by itself, and well when it is stopped.
    running.signal("INT");
    let said = running.end().well();
    assert!(said.contains("web"), "{said}");
}

#[test]
fn rows_become_parquet_when_their_log_is_old_also_where_nothing_more_comes() {
    let folder = shop();
    let run = ["run", "web.yaml", "--http", "127.0.0.1:0", "--data", "data"];
    let old = [("SELFSAME_LOG_SECONDS", "1")];
    let mut running = Running::start_with(folder.path(), &run, &old);
    let address = address(&mut running);
    let message = br#"{"messageId": "1", "userId": "ada", "event": "Order"}"#;
    assert_eq!(post(&address, "/v1/track", &[], message).0, 200);
    let rows = folder.path().join("data/rows/web");
    running.until("there is a file of rows", |_| {
        let files = fs::read_dir(&rows).into_iter().flatten().flatten();
        files.into_iter().any(|file| file.path().extension().is_some_and(|end| end == "parquet"))
    });
    running.signal("INT");
    running.end().well();
}

#[test]
fn a_message_that_is_sent_again_counts_once() {
    let folder = shop();
    let (running, address) = start(folder.path(), &["--data", "data"]);
    let order =
        json!({"messageId": "1", "userId": "ada", "event": "Order", "properties": {"total": 5}});
    for _ in 0..3 {
        assert_eq!(post(&address, "/v1/track", &[], order.to_string().as_bytes()).0, 200);
    }
    running.signal("KILL");
    drop(running);
    let (running, address) = start(folder.path(), &["--data", "data"]);
    assert_eq!(post(&address, "/v1/track", &[], order.to_string().as_bytes()).0, 200);
    running.signal("INT");
    running.end().well();
    assert_eq!(total(folder.path(), "orders"), 1);
}

#[test]
fn alias_is_a_link_like_any_other_and_a_sign_out_that_resets_the_anonymous_id_parts_nobody() {
    let folder = shop();
    let (running, address) = start(folder.path(), &[]);
    let send = |path: &str, message: Value| {
        assert_eq!(post(&address, path, &[], message.to_string().as_bytes()).0, 200);
    };
    send("/v1/track", json!({"anonymousId": "a1", "event": "Order", "properties": {"total": 1}}));
    send("/v1/alias", json!({"previousId": "a1", "userId": "ada"}));
    send("/v1/track", json!({"anonymousId": "a1", "userId": "ada", "event": "Order"}));
    // Signed out: the SDK begins a new anonymous id, and nobody knows whose it is.
    send("/v1/track", json!({"anonymousId": "a2", "event": "Order", "properties": {"total": 2}}));
    assert_eq!(profiles(folder.path()).len(), 2);
    // Signed in again.
    send("/v1/identify", json!({"anonymousId": "a2", "userId": "ada"}));
    let all = profiles(folder.path());
    assert_eq!(all.len(), 1, "{all:#?}");
    assert_eq!(all[0]["identifiers"], json!({"user": ["ada"], "anonymous": ["a1", "a2"]}));
    assert_eq!(
        (&all[0]["attributes"]["orders"], &all[0]["attributes"]["spent"]),
        (&json!(3), &json!(3))
    );
    running.signal("INT");
    running.end().well();
}

#[test]
fn two_users_of_a_shared_tablet_stay_two_people() {
    let folder = shop();
    let (running, address) = start(folder.path(), &[]);
    for (user, message) in [("ada", "1"), ("bob", "2"), ("ada", "3")] {
        let batch = json!({"batch": [
            {"type": "track", "userId": user, "anonymousId": "tablet", "event": "Order", "messageId": message},
        ]});
        assert_eq!(post(&address, "/v1/batch", &[], batch.to_string().as_bytes()).0, 200);
    }
    let mut orders: Vec<(Value, Value)> = profiles(folder.path())
        .into_iter()
        .map(|profile| {
            (profile["identifiers"]["user"].clone(), profile["attributes"]["orders"].clone())
        })
        .collect();
    orders.sort_by_key(|(user, _)| user.to_string());
    assert_eq!(orders, [(json!(["ada"]), json!(2)), (json!(["bob"]), json!(1))]);
    running.signal("INT");
    running.end().well();
}

#[test]
fn an_id_that_is_null_or_undefined_makes_nobody_one_person_with_others() {
    let folder = shop();
    let (running, address) = start(folder.path(), &[]);
    for (user, anonymous) in [
        (json!("null"), "a"),
        (json!("undefined"), "b"),
        (json!(null), "c"),
        (json!(""), "d"),
        (json!("0"), "e"),
    ] {
        let message = json!({"userId": user, "anonymousId": anonymous, "event": "Order"});
        assert_eq!(post(&address, "/v1/track", &[], message.to_string().as_bytes()).0, 200);
        let message =
            json!({"userId": format!("user-{anonymous}"), "anonymousId": user, "event": "Order"});
        assert_eq!(post(&address, "/v1/track", &[], message.to_string().as_bytes()).0, 200);
    }
    assert_eq!(profiles(folder.path()).len(), 10);
    running.signal("INT");
    running.end().well();
}

#[test]
fn no_acknowledged_event_is_lost_by_kills_under_load() {
    kills_under_load(|folder| {
        let (running, address) = start(folder, &["--data", "data"]);
        (vec![running], address)
    });
}

#[test]
fn no_acknowledged_event_is_lost_by_kills_of_several_processes_under_load() {
    kills_under_load(|folder| {
        fs::write(folder.join("hosts"), free_addresses(2).join("\n")).expect("room on the disk");
        // The first takes what is posted, whoever works at it; both answer.
        let process = |number| {
            let which = [
                "--hosts",
                "hosts",
                "--process",
                number,
                "--data",
                "data",
                "--http",
                "127.0.0.1:0",
            ];
            Running::start(folder, &[&["run", "web.yaml"][..], &which].concat())
        };
        let [mut first, second] = ["0", "1"].map(process);
        let address = address(&mut first);
        (vec![first, second], address)
    });
}

/// Posts without end, and kills all that takes them, one after the other, again and again; what is started are the processes
/// of one run.
fn kills_under_load(start: impl Fn(&Path) -> (Vec<Running>, String)) {
    let folder = shop();
    let acknowledged: Arc<Mutex<Vec<String>>> = Arc::default();
    let sent = Arc::new(AtomicUsize::new(0));
    for round in 0..4 {
        let (mut running, address) = start(folder.path());
        let is_over = Arc::new(AtomicBool::new(false));
        let sender = |number: usize| {
            let (acknowledged, sent) = (Arc::clone(&acknowledged), Arc::clone(&sent));
            let (address, is_over) = (address.clone(), Arc::clone(&is_over));
            std::thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let first = sent.fetch_add(1, Ordering::Relaxed);
                    let ids: Vec<String> = (0..5).map(|of| format!("{first}-{of}")).collect();
                    let message = |id: &String| {
                        json!({"type": "track", "messageId": id, "userId": format!("u{}-{number}", first % 7),
                            "event": "Order"})
                    };
                    let batch =
                        json!({"batch": ids.iter().map(message).collect::<Vec<_>>()}).to_string();
                    match http::try_post(&address, "/v1/batch", &[], batch.as_bytes()) {
                        Some((200, _)) => acknowledged.lock().expect("no panic").extend(ids),
                        Some((503, _)) => {}
                        None => return,
                        other => panic!("{other:?}"),
                    }
                }
            })
        };
        let senders: Vec<_> = (0..4).map(sender).collect();
        let enough = (round + 1) * 100;
        while acknowledged.lock().expect("no panic").len() < enough {
            std::thread::sleep(Duration::from_millis(5));
        }
        // One of several goes first by turns, and the others see it, or do not.
        let turns = round % running.len();
        running.rotate_left(turns);
        for process in running {
            process.signal("KILL");
            drop(process);
        }
        is_over.store(true, Ordering::Relaxed);
        senders.into_iter().for_each(|sender| sender.join().expect("no panic"));
    }
    let (running, address) = start(folder.path());
    // What was acknowledged is known, and does not count again.
    let acknowledged = acknowledged.lock().expect("no panic").clone();
    for ids in acknowledged.chunks(50) {
        let message = |id: &String| json!({"type": "track", "messageId": id, "userId": "again", "event": "Order"});
        let batch = json!({"batch": ids.iter().map(message).collect::<Vec<_>>()}).to_string();
        assert_eq!(post(&address, "/v1/batch", &[], batch.as_bytes()).0, 200);
    }
    running.iter().for_each(|process| process.signal("INT"));
    running.into_iter().for_each(|process| drop(process.end().well()));
    let mut known: Vec<String> = Vec::new();
    for profile in profiles(folder.path()) {
        let messages = profile["attributes"]["messages"].as_array().expect("a list").clone();
        known.extend(messages.iter().map(|id| id.as_str().expect("a text").to_owned()));
    }
    let orders = total(folder.path(), "orders");
    assert_eq!(orders, known.len() as i64, "none counts twice");
    let lost: Vec<_> = acknowledged.iter().filter(|id| !known.contains(id)).collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), acknowledged.len());
}
