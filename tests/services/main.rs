//! Outputs that are other people's services, real ones: a webhook's receiver that fails, is slow or away, and PostgreSQL.

#[path = "../broker/mod.rs"]
mod broker;
#[path = "../http/mod.rs"]
mod http;
mod lagging;
mod postgres;
mod processes;
#[path = "../program/mod.rs"]
mod program;
mod receiver;
mod shapes;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use http::{address, post};
use postgres::Postgres;
use program::outputs::{folded, undated, values};
use program::{Running, selfsame};
use receiver::{Answer, Receiver};
use serde_json::{Value, json};

/// A shop whose people and rejects go to files and elsewhere.
fn definition(outputs: &str) -> String {
    format!(
        "
name: shop
sources:
  web:
    http: {{}}
    kind: events
    id: id
    fields: {{id: text, user: text, cookie: text, amount: integer}}
identity:
  user: {{from: {{web: user}}}}
  cookie: {{from: {{web: cookie}}}}
attributes:
  spent: {{from: web, select: sum(amount)}}
outputs:
  profiles: {{files: out/profiles.ndjson}}
  rejects: {{files: out/rejects.ndjson}}
{outputs}"
    )
}

fn start(folder: &Path, arguments: &[&str]) -> (Running, String) {
    let all = [&["run", "shop.yaml", "--http", "127.0.0.1:0"], arguments].concat();
    let mut running = Running::start(folder, &all);
    let address = address(&mut running);
    (running, address)
}

/// Some rows of a number: people who become one person, one who is someone else, and a row that is rejected.
fn rows(number: usize) -> String {
    let (user, cookie) = (number % 5, number % 11);
    json!([
        {"id": format!("{number}-a"), "cookie": format!("c{cookie}"), "amount": number},
        {"id": format!("{number}-b"), "user": format!("u{user}"), "cookie": format!("c{cookie}"), "amount": 1},
        {"id": format!("{number}-c"), "user": format!("nul \0 {number}"), "amount": 2},
        {"id": format!("{number}-d"), "amount": 3},
        {"id": format!("{number}-e"), "user": format!("nul \u{fffd} {number}"), "amount": 4},
    ])
    .to_string()
}

fn file(folder: &Path, output: &str) -> Vec<Value> {
    values(&folder.join(format!("out/{output}.ndjson")))
}

#[test]
fn a_webhook_gets_every_change_signed_whatever_it_answers_at_first() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let answers = [
        Answer::Nothing,
        Answer::Status(500),
        Answer::Status(404),
        Answer::Later,
        Answer::Status(302),
    ];
    let receiver = Receiver::start(answers.to_vec());
    let hook = format!(
        "  hook: {{webhook: {{url: \"{}\", secret: whsec_c2VjcmV0, batch: 3}}, publish: profiles}}\n",
        receiver.url
    );
    fs::write(folder.path().join("shop.yaml"), definition(&hook)).expect("room on the disk");
    let (running, address) = start(folder.path(), &[]);
    for number in 0..20 {
        assert_eq!(post(&address, "/v1/sources/web", &[], rows(number).as_bytes()).0, 200);
    }
    running.signal("INT");
    let said = running.end();
    assert!(said.err.contains("does not take a post, trying again"), "{}", said.err);
    assert!(!said.err.contains("/secret-path"), "{}", said.err);
    let posts = receiver.taken();
    posts.iter().for_each(|post| assert!(post.records.len() <= 3 && post.is_signed("c2VjcmV0")));
    let records: Vec<Value> = posts.into_iter().flat_map(|post| post.records).collect();
    assert!(records.iter().all(|record| record["output"] == "hook"));
    assert_eq!(folded(records), folded(file(folder.path(), "profiles")));
}

#[test]
fn a_webhook_that_is_away_holds_nobody_back_for_a_while() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let hook = "  hook: {webhook: {url: \"http://127.0.0.1:9/\"}, publish: profiles}\n";
    fs::write(folder.path().join("shop.yaml"), definition(hook)).expect("room on the disk");
    let (running, address) = start(folder.path(), &["--data", "data"]);
    for number in 0..20 {
        assert_eq!(post(&address, "/v1/sources/web", &[], rows(number).as_bytes()).0, 200);
    }
    let mut running = running;
    running.until("the file has all", |_| file(folder.path(), "rejects").len() == 20);
    running.signal("KILL");
    drop(running);
    // It is there by now, and gets what it lacks.
    let receiver = Receiver::start(Vec::new());
    let hook = hook.replace("http://127.0.0.1:9/", &receiver.url);
    fs::write(folder.path().join("shop.yaml"), definition(&hook)).expect("room on the disk");
    let (running, address) = start(folder.path(), &["--data", "data"]);
    assert_eq!(post(&address, "/v1/sources/web", &[], rows(20).as_bytes()).0, 200);
    running.signal("INT");
    running.end().well();
    let records = receiver.taken().into_iter().flat_map(|post| post.records);
    assert!(!folded(records).is_empty());
}

#[test]
fn a_webhook_of_a_run_that_is_killed_gets_each_change_at_least_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let receiver = Receiver::start(Vec::new());
    let hook = format!("  hook: {{webhook: {{url: \"{}\"}}, publish: profiles}}\n", receiver.url);
    fs::write(folder.path().join("shop.yaml"), definition(&hook)).expect("room on the disk");
    for round in 0..4 {
        let (running, address) = start(folder.path(), &["--data", "data"]);
        for number in round * 10..round * 10 + 10 {
            assert_eq!(post(&address, "/v1/sources/web", &[], rows(number).as_bytes()).0, 200);
        }
        running.signal(if round == 3 { "INT" } else { "KILL" });
        drop(running.end());
    }
    let records = receiver.taken().into_iter().flat_map(|post| post.records);
    assert_eq!(undated(folded(records)), undated(folded(file(folder.path(), "profiles"))));
}

#[test]
fn a_table_of_postgresql_holds_what_holds_and_each_reject_once_however_often_the_run_is_killed() {
    let Some(database) = Postgres::start() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let tables = format!(
        "  people: {{postgres: {{connection: \"{0}\", table: people}}, publish: profiles}}\n  \
           wrong: {{postgres: {{connection: \"{0}\", table: public.wrong}}, publish: rejects}}\n",
        database.connection
    );
    fs::write(folder.path().join("shop.yaml"), definition(&tables)).expect("room on the disk");
    // What another program left is not ours to keep.
    database.ask("create table people (key text primary key, value jsonb not null)");
    database.ask("insert into people values ('somebody', '{}')");
    for round in 0..5 {
        let (running, address) = start(folder.path(), &["--data", "data"]);
        for number in round * 10..round * 10 + 10 {
            assert_eq!(post(&address, "/v1/sources/web", &[], rows(number).as_bytes()).0, 200);
            if round == 2 && number % 4 == 0 {
                // The database ends every connection, in the midst of whatever it was.
                database.ask("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'selfsame'");
            }
        }
        if round == 1 {
            let twice = selfsame(
                folder.path(),
                &["run", "shop.yaml", "--http", "127.0.0.1:0", "--data", "other"],
            );
            assert!(twice.badly().contains("another run"));
        }
        running.signal(if round == 4 { "INT" } else { "KILL" });
        drop(running.end());
        if round == 2 {
            // One that is made anew is to have all that holds.
            database.ask("drop table people");
        }
    }
    let people =
        database.ask("select json_agg(json_build_object('key', key, 'value', value)) from people");
    let people: Vec<Value> = serde_json::from_str(&people).expect("JSON");
    let expected = folded(file(folder.path(), "profiles"));
    let expected: BTreeMap<String, Value> = expected
        .into_iter()
        .map(|(key, value)| {
            let text = value.to_string().replace("\\u0000", "\u{fffd}");
            (key, serde_json::from_str(&text).expect("JSON"))
        })
        .collect();
    assert!(expected.len() > 50, "{}", expected.len());
    assert_eq!(undated(folded(people)), undated(expected));
    let rejects = "select count(*), count(distinct value ->> 'raw') from public.wrong";
    assert_eq!(database.ask(rejects).trim(), "50|50");
}

#[test]
fn a_table_follows_a_run_that_nothing_outlives() {
    let Some(database) = Postgres::start() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let table = format!(
        "  people: {{postgres: {{connection: \"{0}\", table: people}}, publish: profiles}}\n  \
           ids: {{postgres: {{connection: \"{0}\", table: ids}}, publish: identities}}\n  \
           identities: {{files: out/identities.ndjson}}\n",
        database.connection
    );
    fs::write(folder.path().join("shop.yaml"), definition(&table)).expect("room on the disk");
    for round in 0..2 {
        let (running, address) = start(folder.path(), &[]);
        for number in 0..5 {
            assert_eq!(
                post(&address, "/v1/sources/web", &[], rows(number + round).as_bytes()).0,
                200
            );
        }
        running.signal("INT");
        running.end().well();
        // Also of identifiers that differ in what the database does not hold.
        for (table, output) in [("people", "profiles"), ("ids", "identities")] {
            let held = database.ask(&format!("select count(*) from {table}"));
            assert_eq!(held.trim(), folded(file(folder.path(), output)).len().to_string());
        }
    }
}

#[test]
fn a_table_has_one_output_whatever_each_calls_it() {
    let Some(database) = Postgres::start() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let table = |name: &str, table: &str| {
        let connection = &database.connection;
        format!(
            "  {name}: {{postgres: {{connection: \"{connection}\", table: {table}}}, publish: profiles}}\n"
        )
    };
    let tables = table("people", "people") + &table("more", "public.people");
    fs::write(folder.path().join("shop.yaml"), definition(&tables)).expect("room on the disk");
    let run = ["run", "shop.yaml", "--http", "127.0.0.1:0"];
    let said = selfsame(folder.path(), &run).badly();
    assert!(said.contains("another output of this one"), "{said}");
    // One of that name elsewhere is another.
    database.ask("create schema elsewhere");
    let tables = table("people", "people") + &table("more", "elsewhere.people");
    fs::write(folder.path().join("shop.yaml"), definition(&tables)).expect("room on the disk");
    let (running, _) = start(folder.path(), &[]);
    running.signal("INT");
    running.end().well();
}

#[test]
fn what_can_not_be_reached_is_told_before_anything_is_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let table = "  people: {postgres: {connection: \"host=127.0.0.1 port=9 user=x password=hush\", table: t}, publish: profiles}\n";
    fs::write(folder.path().join("shop.yaml"), definition(table)).expect("room on the disk");
    let said = selfsame(folder.path(), &["run", "shop.yaml", "--http", "127.0.0.1:0"]).badly();
    assert!(
        said.contains("table t in PostgreSQL can't be written to") && !said.contains("hush"),
        "{said}"
    );
    let wrong = "  hook: {webhook: {url: nowhere}, publish: profiles}\n  \
        table: {postgres: {connection: \"what=ever\", table: t}, publish: profiles}\n  \
        both: {webhook: {url: \"http://x/\"}, files: out/x.ndjson, publish: profiles}\n";
    fs::write(folder.path().join("shop.yaml"), definition(wrong)).expect("room on the disk");
    let said = selfsame(folder.path(), &["check", "shop.yaml"]).badly();
    for told in ["'url' of", "'connection' of", "two places to go"] {
        assert!(said.contains(told), "{said}");
    }
}
