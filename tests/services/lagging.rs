//! Services that are slow or away: they hold back nobody but themselves.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::http::{get, post};
use super::postgres::Postgres;
use super::program::outputs::{folded, undated};
use super::receiver::{Answer, Receiver};
use super::{definition, file, rows, start};

/// More than may be under way at once.
const POSTS: usize = 150;

fn hook(name: &str, url: &str) -> String {
    format!("  {name}: {{webhook: {{url: \"{url}\"}}, publish: profiles}}\n")
}

fn records(receiver: &Receiver) -> Vec<Value> {
    receiver.taken().into_iter().flat_map(|post| post.records).collect()
}

/// Posts rows one by one: each is answered before the next.
fn post_all(address: &str, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let answer = post(address, "/v1/sources/web", &[], rows(number).as_bytes());
        assert_eq!(answer.0, 200, "{number}: {answer:?}");
    }
}

/// Whether a receiver was told what the file of profiles holds.
fn assert_told(folder: &Path, receiver: &Receiver) {
    let all = undated(folded(file(folder, "profiles")));
    assert!(all.len() > 5, "{all:?}");
    assert_eq!(undated(folded(records(receiver))), all);
}

#[test]
fn a_webhook_that_is_away_holds_nobody_back_and_gets_what_it_lacks_from_the_next_run() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let receiver = Receiver::start(Vec::new());
    receiver.is_away(true);
    let yaml = definition(&hook("hook", &receiver.url));
    fs::write(folder.path().join("shop.yaml"), yaml).expect("room on the disk");
    let (mut running, address) = start(folder.path(), &["--data", "data"]);
    post_all(&address, 0..POSTS);
    running.until("the file has all", |_| file(folder.path(), "rejects").len() == POSTS);
    // What it lacks is stored: nobody waits for it.
    running.signal("INT");
    let said = running.end().well();
    assert!(said.contains("  hook has yet to take "), "{said}");
    assert!(receiver.taken().is_empty());
    receiver.is_away(false);
    let (running, address) = start(folder.path(), &["--data", "data"]);
    post_all(&address, POSTS..POSTS + 1);
    running.signal("INT");
    running.end().well();
    assert_told(folder.path(), &receiver);
}

/// A run that nothing outlives answers whoever posts, too, and ends when all is told.
#[test]
fn a_webhook_that_is_away_holds_nobody_back_in_a_run_that_nothing_outlives() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let receiver = Receiver::start(Vec::new());
    receiver.is_away(true);
    let yaml = definition(&hook("hook", &receiver.url));
    fs::write(folder.path().join("shop.yaml"), yaml).expect("room on the disk");
    let (mut running, address) = start(folder.path(), &[]);
    post_all(&address, 0..POSTS);
    running.until("the file has all", |_| file(folder.path(), "rejects").len() == POSTS);
    running.signal("INT");
    receiver.is_away(false);
    running.end().well();
    assert_told(folder.path(), &receiver);
}

#[test]
fn a_slow_webhook_holds_back_no_other_output_and_is_told_all_in_the_end() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (slow, quick) = (Receiver::start(Vec::new()), Receiver::start(Vec::new()));
    slow.takes(Duration::from_secs(2));
    let yaml = definition(&(hook("slow", &slow.url) + &hook("quick", &quick.url)));
    fs::write(folder.path().join("shop.yaml"), yaml).expect("room on the disk");
    let (mut running, address) = start(folder.path(), &["--data", "data"]);
    post_all(&address, 0..POSTS);
    running.until("the quick one has all", |_| {
        file(folder.path(), "rejects").len() == POSTS
            && undated(folded(records(&quick))) == undated(folded(file(folder.path(), "profiles")))
    });
    assert!(records(&slow).len() < records(&quick).len(), "the slow one is behind");
    slow.takes(Duration::ZERO);
    running.until("the slow one has all", |_| {
        undated(folded(records(&slow))) == undated(folded(file(folder.path(), "profiles")))
    });
    running.signal("INT");
    running.end().well();
    assert_told(folder.path(), &slow);
    assert_told(folder.path(), &quick);
}

/// Each post is answered soon, and they are many.
#[test]
fn many_quick_posts_hold_nobody_back() {
    for arguments in [&["--data", "data"][..], &[]] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let receiver = Receiver::start(Vec::new());
        receiver.takes(Duration::from_millis(40));
        let hook = hook("hook", &receiver.url).replace("{url:", "{batch: 1, url:");
        fs::write(folder.path().join("shop.yaml"), definition(&hook)).expect("room on the disk");
        let (mut running, address) = start(folder.path(), arguments);
        let people = 250;
        let rows: Vec<Value> = (0..people)
            .map(|of| json!({"id": format!("{of}"), "user": format!("u{of}")}))
            .collect();
        let rows = json!(rows).to_string();
        assert_eq!(post(&address, "/v1/sources/web", &[], rows.as_bytes()).0, 200);
        let row = json!({"id": "last", "user": "last"}).to_string();
        assert_eq!(post(&address, "/v1/sources/web", &[], row.as_bytes()).0, 200);
        running.until("the file has all", |_| file(folder.path(), "profiles").len() == people + 1);
        assert!(records(&receiver).len() < people, "they take ten seconds");
        receiver.takes(Duration::ZERO);
        running.signal("INT");
        running.end().well();
    }
}

/// Who is asked not to wait at all waits as long as where nothing is asked.
#[test]
fn a_webhook_that_asks_to_be_tried_at_once_holds_nobody_back_and_is_not_flooded() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let receiver = Receiver::start(vec![Answer::Later; 1_000_000]);
    let yaml = definition(&hook("hook", &receiver.url));
    fs::write(folder.path().join("shop.yaml"), yaml).expect("room on the disk");
    let (mut running, address) = start(folder.path(), &[]);
    post_all(&address, 0..10);
    running.until("the file has all", |_| file(folder.path(), "rejects").len() == 10);
    let tries = told(&address, "selfsame_output_retries_total");
    assert!((1.0..1_000.0).contains(&tries), "{tries}");
    receiver.take_all();
    running.signal("INT");
    running.end().well();
    assert_told(folder.path(), &receiver);
}

/// What metrics tell of the webhook.
fn told(address: &str, of: &str) -> f64 {
    let metrics = get(address, "/metrics").1;
    let of = format!("{of}{{output=\"hook\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&of));
    line.expect("it is told").parse().expect("a number")
}

/// Texts of people, which are changed all at once again and again.
const WRITERS: usize = 50;
const CHANGES: usize = 400;

fn text(writer: usize, change: usize) -> String {
    format!("{writer} {change} {}", "x".repeat(8_000))
}

/// What memory does not hold of it waits on the disk: more than it may hold goes by without anybody waiting.
fn a_webhook_lags_by_more_than_memory_holds(arguments: &[&str]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let receiver = Receiver::start(Vec::new());
    receiver.is_away(true);
    let definition = format!(
        "
name: shop
sources:
  web: {{http: {{}}, kind: events, time: at, fields: {{at: timestamp, user: text, text: text}}}}
identity:
  user: {{from: {{web: user}}}}
attributes:
  text: {{from: web, select: last(text)}}
outputs:
  hook: {{webhook: {{url: \"{}\"}}, publish: profiles}}
",
        receiver.url
    );
    fs::write(folder.path().join("shop.yaml"), definition).expect("room on the disk");
    let (mut running, address) = start(folder.path(), arguments);
    for change in 0..CHANGES {
        let at = 1_700_000_000 + change;
        let rows: Vec<Value> = (0..WRITERS)
            .map(|of| json!({"at": at, "user": format!("u{of}"), "text": text(of, change)}))
            .collect();
        let rows = json!(rows).to_string();
        assert_eq!(post(&address, "/v1/sources/web", &[], rows.as_bytes()).0, 200, "{change}");
    }
    let (waiting, on_disk) =
        ("selfsame_output_pending_records", "selfsame_output_pending_disk_bytes");
    running.until("all is handed over", |_| told(&address, waiting) == (WRITERS * CHANGES) as f64);
    assert!(told(&address, on_disk) > 10e6, "{}", told(&address, on_disk));
    receiver.is_away(false);
    running.until("it has taken all", |_| told(&address, waiting) == 0.0);
    assert_eq!(told(&address, on_disk), 0.0);
    running.signal("INT");
    let said = running.end();
    assert!(!said.err.contains("can't be kept"), "{}", said.err);
    said.well();
    let mut texts: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for record in records(&receiver) {
        let profile = &record["value"]["attributes"]["text"];
        texts.entry(record["key"].to_string()).or_default().push(profile.clone());
    }
    assert_eq!(texts.len(), WRITERS);
    let expected = |of| -> Vec<Value> { (0..CHANGES).map(|at| json!(text(of, at))).collect() };
    let mut expected: Vec<Vec<Value>> = (0..WRITERS).map(expected).collect();
    let mut texts: Vec<Vec<Value>> = texts.into_values().collect();
    let first = |texts: &Vec<Value>| texts[0].to_string();
    expected.sort_by_key(first);
    texts.sort_by_key(first);
    assert!(texts == expected, "each person's texts come in their order, once");
}

#[test]
fn a_webhook_lags_by_more_than_memory_holds_in_a_durable_run() {
    a_webhook_lags_by_more_than_memory_holds(&["--data", "data"]);
}

#[test]
fn a_webhook_lags_by_more_than_memory_holds_in_a_run_that_nothing_outlives() {
    a_webhook_lags_by_more_than_memory_holds(&[]);
}

/// A transaction that somebody else holds up is waited for by nobody else.
#[test]
fn a_table_that_is_locked_holds_back_no_other_output() {
    let Some(database) = Postgres::start() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let table = format!(
        "  people: {{postgres: {{connection: \"{}\", table: people}}, publish: profiles}}\n",
        database.connection
    );
    fs::write(folder.path().join("shop.yaml"), definition(&table)).expect("room on the disk");
    let (mut running, address) = start(folder.path(), &["--data", "data"]);
    post_all(&address, 0..1);
    let lock = "begin; lock table people; select pg_sleep(600)";
    let held = database.begin(lock);
    let waiting = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'";
    running.until("somebody holds the table", |_| database.ask(waiting).trim() == "1");
    post_all(&address, 1..POSTS);
    running.until("the file has all", |_| file(folder.path(), "rejects").len() == POSTS);
    database
        .ask("select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'");
    held.wait_with_output().expect("it has ended");
    running.signal("INT");
    running.end().well();
    let (running, _) = start(folder.path(), &["--data", "data"]);
    running.signal("INT");
    running.end().well();
    let told = database.ask("select json_object_agg(key, value) from people");
    let told: BTreeMap<String, Value> = serde_json::from_str(&told).expect("an object");
    // There is no character of the number 0 in it.
    let file = file(folder.path(), "profiles").into_iter().map(|record| {
        let text = record.to_string().replace("\\u0000", "\u{fffd}");
        serde_json::from_str(&text).expect("a record")
    });
    assert_eq!(undated(told), undated(folded(file)));
}
