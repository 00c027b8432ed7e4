//! Services that are slow or away: they hold back nobody but themselves.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::http::post;
use super::postgres::Postgres;
use super::program::outputs::{folded, undated};
use super::receiver::Receiver;
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
