//! What is asked over HTTP is answered as of one tick, and what can't be answered is told with a remedy.

#[path = "serve/client.rs"]
mod client;

use std::io::Write;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};

use client::{answer, connect, get, post, request};
use selfsame::{ChangelogRecord, Definition, Engine, Running};
use serde_json::{Value, json};

const SHOP: &str = "
sources:
  orders: {files: none, kind: events, fields: {email: text, device: text, amount: 'decimal(12,2)'}}
identity:
  email: {from: {orders: email}, normalize: lower(trim(value))}
  device: {from: {orders: device}}
attributes:
  spent: {from: orders, select: sum(amount)}
  orders: {from: orders, select: count(*)}
  last: {from: orders, select: 'recent(amount, 2)'}
segments:
  big: spent > 100
outputs:
  profiles: {files: none}
";

struct Shop {
    running: Running,
    told: Receiver<ChangelogRecord>,
    address: SocketAddr,
}

impl Shop {
    fn open() -> Self {
        let definition = Definition::parse(SHOP, "shop.yaml").expect("it is right");
        let (tell, told) = channel();
        let running = Engine::builder(&definition)
            .http("127.0.0.1:0")
            .empty_source("orders")
            .output("profiles", move |record| drop(tell.send(record)))
            .start()
            .expect("it starts");
        let address = running.http().expect("it is served");
        Shop { running, told, address }
    }

    fn order(&mut self, rows: Value) {
        let rows = rows.as_array().expect("rows").clone();
        self.running.push("orders", rows).expect("rows");
        self.running.tick().expect("a tick");
    }
}

#[test]
fn a_profile_is_found_by_any_identifier_and_is_the_one_that_was_published() {
    let mut shop = Shop::open();
    shop.order(json!([
        {"email": "Ada@Example.com ", "device": "a/b:c", "amount": "120.50"},
        {"email": "bob@example.com", "amount": 1},
    ]));
    let told: Vec<ChangelogRecord> = shop.told.try_iter().collect();
    let ada = told
        .iter()
        .find(|record| {
            record.json()["attributes"]["orders"] == 1
                && record.json()["segments"] == json!(["big"])
        })
        .expect("she is told");
    for path in [
        "/v1/profiles/email:ada@example.com".to_owned(),
        "/v1/profiles/email:%20ADA@example.com".to_owned(),
        "/v1/profiles/device:a/b:c".to_owned(),
        "/v1/profiles/device:a%2Fb%3Ac".to_owned(),
        format!("/v1/persons/{}", ada.key),
    ] {
        let answer = get(shop.address, &path);
        assert_eq!(answer.status, 200, "{path}");
        let body = std::str::from_utf8(&answer.body).expect("JSON");
        let tick = answer.header("selfsame-tick").expect("a tick");
        let value = ada.value.as_ref().expect("a profile");
        assert_eq!(body, format!("{{\"tick\":{tick},\"profile\":{value}}}"), "{path}");
    }
    let some = get(shop.address, "/v1/profiles/email:ada@example.com?attributes=last,spent");
    assert_eq!(
        some.json()["profile"]["attributes"].to_string(),
        r#"{"last":[120.5],"spent":120.5}"#
    );
    assert!(String::from_utf8_lossy(&some.body).contains(r#""spent":120.50}"#), "digits are kept");
    assert_eq!(some.json()["profile"]["segments"], json!(["big"]));
}

#[test]
fn a_merged_id_leads_to_who_it_has_become() {
    let mut shop = Shop::open();
    shop.order(json!([{"device": "d1", "amount": 1}]));
    let before = get(shop.address, "/v1/profiles/device:d1").json();
    let old = before["profile"]["person"].as_str().expect("an id").to_owned();
    shop.order(json!([{"email": "ada@example.com", "device": "d1", "amount": 2}]));
    let now = get(shop.address, "/v1/profiles/device:d1").json();
    let new = now["profile"]["person"].as_str().expect("an id").to_owned();
    assert_ne!(old, new);
    let moved = get(shop.address, &format!("/v1/persons/{old}"));
    assert_eq!(moved.refusal(), (307, "merged".to_owned()));
    assert_eq!(moved.header("location"), Some(&*format!("/v1/persons/{new}")));
    assert_eq!(get(shop.address, &format!("/v1/persons/{new}")).json()["profile"], now["profile"]);
}

#[test]
fn who_has_the_profile_already_is_told_only_that() {
    let mut shop = Shop::open();
    shop.order(json!([{"email": "ada@example.com", "amount": 1}]));
    let path = "/v1/profiles/email:ada@example.com";
    let tag = get(shop.address, path).header("etag").expect("a tag").to_owned();
    // A tick that changes nothing of her changes nothing of the tag.
    shop.order(json!([{"email": "bob@example.com", "amount": 1}]));
    let asked = |tag: &str| request(shop.address, "GET", path, &[("if-none-match", tag)], b"");
    for known in [&*tag, &format!("\"other\", {tag}"), "*", tag.trim_start_matches("W/")] {
        let answer = asked(known);
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{known}");
        assert_eq!(answer.header("etag"), Some(&*tag));
    }
    shop.order(json!([{"email": "ada@example.com", "amount": 1}]));
    let answer = request(shop.address, "GET", path, &[("if-none-match", &tag)], b"");
    assert_eq!(
        (answer.status, answer.json()["profile"]["attributes"]["orders"].clone()),
        (200, json!(2))
    );
}

#[test]
fn an_answer_waits_for_a_tick_but_not_for_ever() {
    let mut shop = Shop::open();
    shop.order(json!([{"email": "ada@example.com", "amount": 1}]));
    let tick = get(shop.address, "/v1/profiles/email:ada@example.com").json()["tick"].as_u64();
    let tick = tick.expect("a tick");
    let address = shop.address;
    let wait = move |after: u64, timeout: u64| {
        get(address, &format!("/v1/profiles/email:ada@example.com?after={after}&timeout={timeout}"))
    };
    assert_eq!(wait(tick, 0).status, 200);
    assert_eq!(wait(tick + 1, 20).refusal(), (504, "not_reached".to_owned()));
    let waiting = std::thread::spawn(move || wait(tick + 1, 30_000));
    shop.order(json!([{"email": "ada@example.com", "amount": 1}]));
    let answer = waiting.join().expect("an answer").json();
    assert!(answer["tick"].as_u64() > Some(tick), "{answer}");
    // What is complete is published: who wrote reads it.
    let answer = wait(tick + 1, 0).json();
    assert_eq!(answer["profile"]["attributes"]["orders"], 2);
}

#[test]
fn many_are_answered_at_once_each_for_itself() {
    let mut shop = Shop::open();
    shop.order(json!([{"email": "ada@example.com", "device": "d", "amount": 1}]));
    let one = get(shop.address, "/v1/profiles/device:d").json();
    let person = one["profile"]["person"].as_str().expect("an id");
    let ids =
        json!({"ids": ["email:ADA@example.com", person, "device:unseen", "phone:1", "p_1", "x"]});
    let answer = post(shop.address, "/v1/profiles:batch", &ids.to_string()).json();
    let profiles = answer["profiles"].as_array().expect("a list");
    assert_eq!(answer["tick"], one["tick"]);
    for found in &profiles[..2] {
        assert_eq!(found["profile"], one["profile"]);
    }
    let codes: Vec<&str> =
        profiles[2..].iter().map(|of| of["error"]["code"].as_str().expect("a code")).collect();
    assert_eq!(codes, ["nobody", "unknown_type", "bad_person", "bad_identifier"]);
    let refused = |body: &str| post(shop.address, "/v1/profiles:batch", body).refusal();
    assert_eq!(refused("no json"), (400, "bad_body".to_owned()));
    assert_eq!(refused("{\"ids\": 1}"), (400, "bad_body".to_owned()));
    assert_eq!(refused("{\"ids\": [], \"more\": 1}"), (400, "bad_body".to_owned()));
    let many = json!({"ids": vec!["email:x"; 1001]}).to_string();
    assert_eq!(refused(&many), (400, "too_many".to_owned()));
    assert_eq!(refused(&" ".repeat(2 << 20)), (413, "too_large".to_owned()));
}

#[test]
fn what_can_not_be_answered_is_told_with_a_code_and_a_remedy() {
    let mut shop = Shop::open();
    shop.order(json!([{"email": "ada@example.com", "amount": 1}]));
    let nobody = format!("/v1/persons/p_{}", "0".repeat(32));
    for (path, status, code) in [
        ("/", 404, "unknown_path"),
        ("/v1/profiles/email:eve@example.com", 404, "nobody"),
        ("/v1/profiles/phone:1", 404, "unknown_type"),
        ("/v1/profiles/ada@example.com", 400, "bad_identifier"),
        ("/v1/profiles/email:", 400, "bad_identifier"),
        ("/v1/profiles/email:%ff", 400, "bad_path"),
        ("/v1/profiles/email:ada@example.com?attributes=age", 400, "unknown_attribute"),
        ("/v1/profiles/email:ada@example.com?after=x", 400, "bad_parameter"),
        ("/v1/profiles/email:ada@example.com?befor=1", 400, "bad_parameter"),
        ("/v1/persons/1", 400, "bad_person"),
        (&nobody, 404, "no_person"),
    ] {
        assert_eq!(get(shop.address, path).refusal(), (status, code.to_owned()), "{path}");
    }
    let types = get(shop.address, "/v1/profiles/phone:1").json();
    assert!(
        types["error"]["remedy"].as_str().is_some_and(|text| text.ends_with("email, device")),
        "{types}"
    );
    let deleted = request(shop.address, "DELETE", "/v1/persons/p_1", &[], b"");
    assert_eq!(deleted.refusal(), (405, "method_not_allowed".to_owned()));
}

#[test]
fn garbage_and_silence_stop_nobody() {
    let mut shop = Shop::open();
    let mut silent: Vec<_> = (0..100).map(|_| connect(shop.address)).collect();
    for (number, stream) in silent.iter_mut().enumerate() {
        let sent: [&[u8]; 4] =
            [b"\0\xff\xfe\r\n\r\n", b"GET / HTTP/1.1\r\nhost", b"POST /v1/pr", b""];
        stream.write_all(sent[number % 4]).expect("it is sent");
    }
    let long = format!("/{}", "x".repeat(100_000));
    assert!(matches!(get(shop.address, &long).status, 400..500));
    shop.order(json!([{"email": "ada@example.com", "amount": 1}]));
    assert_eq!(get(shop.address, "/v1/profiles/email:ada@example.com").status, 200);
    assert_eq!(answer(&mut silent[0]).status, 400);
    // The run ends though they are still there.
    assert_eq!(shop.running.stop().expect("it ends").people(), 1);
}

#[test]
fn an_address_that_is_taken_or_open_to_others_is_told_before_anything_starts() {
    let shop = Shop::open();
    let definition = Definition::parse(SHOP, "shop.yaml").expect("it is right");
    let start = |address: &str| {
        let builder = Engine::builder(&definition).http(address).empty_source("orders");
        builder.output("profiles", |_| ()).start().map(drop).expect_err("it can't").to_string()
    };
    let taken = start(&shop.address.to_string());
    assert!(taken.contains(&shop.address.to_string()) && taken.contains("in use"), "{taken}");
    assert!(start("0.0.0.0:0").contains("127.0.0.1"));
    assert!(start("nonsense").contains("127.0.0.1:8080"));
}
