//! Whoever follows changes over HTTP is told what two processes write into topics, over kills, through a real broker.

mod broker;
mod events;
mod http;
mod program;

use std::collections::BTreeMap;
use std::path::Path;

use broker::brokers;
use broker::client::{Reader, make_topic, unique};
use events::{Events, are_in_order, follow, undated};
use program::outputs::folded;
use program::{Running, free_addresses};
use serde_json::{Value, json};

/// A shop of two processes, each of which writes a share of two topics.
struct TwoProcesses<'a> {
    folder: &'a Path,
    running: Vec<Running>,
    /// Where the first one answers.
    address: String,
}

impl<'a> TwoProcesses<'a> {
    fn start(folder: &'a Path) -> Self {
        let process = |number: &str| {
            let run = ["run", "shop.yaml", "--hosts", "hosts", "--process", number];
            Running::start(folder, &run)
        };
        let mut running = vec![process("0"), process("1")];
        let address = http::address(&mut running[0]);
        let ready =
            |address: &str| http::try_get(address, "/v1/segments").map(|(status, _)| status);
        running[0].until("it is ready", |_| ready(&address) == Some(200));
        TwoProcesses { folder, running, address }
    }

    fn post(&self, rows: &[Value]) {
        let body = Value::from(rows.to_vec()).to_string();
        let (status, told) = http::post(&self.address, "/v1/sources/orders", &[], body.as_bytes());
        assert_eq!(status, 200, "{told}");
    }

    /// Told to stop, or killed; begun again.
    fn again(mut self, signal: &str) -> Self {
        for running in self.running.drain(..) {
            running.signal(signal);
            drop(running.end());
        }
        TwoProcesses::start(self.folder)
    }
}

fn order(number: usize, amount: i64) -> Value {
    json!({"id": format!("{number}-{amount}"), "email": format!("{number}@x.org"), "amount": amount})
}

/// What a topic holds, as files would have it.
fn held(topic: &str) -> BTreeMap<String, Value> {
    let records = Reader::new(&[topic]).to_end().into_iter().map(|read| {
        let value =
            read.payload.map_or(Value::Null, |text| serde_json::from_str(&text).expect("JSON"));
        undated(json!({"key": read.key, "value": value}))
    });
    folded(records)
}

/// Reads on until somebody new is told of.
fn read_until(
    shop: &TwoProcesses<'_>,
    events: &mut dyn Iterator<Item = (String, Value)>,
    (number, amount): (usize, i64),
    told: &mut Events,
) {
    shop.post(&[order(number, amount)]);
    let email = json!([format!("{number}@x.org")]);
    loop {
        let (id, record) = events.next().expect("it goes on");
        let is_last = record["value"]["identifiers"]["email"] == email;
        told.push((id, record));
        if is_last {
            return;
        }
    }
}

/// That what was told is what topics hold, each once and in its order.
fn are_held(told: &Events, profiles: &str, segments: &str) {
    assert!(are_in_order(told), "each is told once, in its order");
    for (output, topic) in [("profiles", profiles), ("segments", segments)] {
        let of_output = told.iter().filter(|(_, record)| record["output"] == output);
        let folded = folded(of_output.map(|(_, record)| undated(record.clone())));
        assert!(folded.len() >= 40, "{output}: {}", folded.len());
        // Each process commits its own part of a topic: what was told last may be on its way in another one.
        let is_held = (0..100).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(100));
            held(topic) == folded
        });
        assert!(is_held, "{output}: {folded:?}, where the topic has {:?}", held(topic));
    }
}

#[test]
fn the_first_process_tells_what_all_of_them_write_into_topics_and_goes_on_with_it_over_kills() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    let (profiles, segments) = (unique("followed-profiles"), unique("followed-segments"));
    for topic in [&profiles, &segments] {
        make_topic(topic, 3, &[]);
    }
    let definition = format!(
        "
name: {}
kafka: {{brokers: '{}'}}
data: data
sources:
  orders: {{http: {{}}, kind: events, id: id, fields: {{id: text, email: text, amount: integer}}}}
identity:
  email: {{from: {{orders: email}}}}
attributes:
  spent: {{from: orders, select: sum(amount)}}
segments:
  big: spent > 100
outputs:
  profiles: {{kafka: {{topic: {profiles}}}}}
  segments: {{kafka: {{topic: {segments}}}}}
  rejects: {{files: out/rejects.ndjson}}
http: {{listen: \"127.0.0.1:0\"}}
",
        unique("followed"),
        brokers(),
    );
    std::fs::write(path.join("shop.yaml"), &definition).expect("room on the disk");
    std::fs::write(path.join("hosts"), free_addresses(2).join("\n")).expect("room on the disk");
    let mut shop = TwoProcesses::start(path);
    let mut told = Events::new();
    for (round, signal) in ["KILL", "INT", "KILL"].into_iter().enumerate() {
        let last = told.last().map(|(id, _)| id.clone()).unwrap_or_default();
        let events = follow(&shop.address, "", &last);
        let listening = std::thread::spawn(move || events.collect::<Events>());
        // Whoever follows is there by now, or comes back for what it missed.
        for part in 0..5 {
            let rows = (0..40).map(|number| order(number, (round * 100 + part) as i64));
            shop.post(&rows.collect::<Vec<_>>());
        }
        if round == 0 {
            shop.post(&[json!({"id": "bad", "email": "x@x.org", "amount": "many"})]);
            let (status, text) = http::get(&shop.address, "/v1/rejects");
            assert_eq!(status, 200, "{text}");
            let (status, text) = http::get(&shop.address, "/v1/conflicts");
            assert_eq!(status, 200, "{text}");
            // So that there is something to come back behind.
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
        shop = shop.again(signal);
        told.extend(listening.join().expect("it ends"));
        assert!(!told.is_empty(), "something was told");
    }
    // Behind the last event that was seen all comes that was not.
    let last = told.last().expect("the last").0.clone();
    let mut events = follow(&shop.address, "", &last);
    read_until(&shop, &mut events, (1_000, 7), &mut told);
    are_held(&told, &profiles, &segments);
    let of_rejects = told.iter().filter(|(_, record)| record["output"] == "rejects");
    assert_eq!(of_rejects.count(), 1);

    // What topics differ by each process knows of its share: who follows is told all of it.
    let before = told.len();
    let next = definition.replace("spent > 100", "spent > 5");
    let (status, answer) = http::post(&shop.address, "/v1/definition", &[], next.as_bytes());
    assert_eq!(status, 200, "{answer}");
    read_until(&shop, &mut events, (2_000, 1), &mut told);
    are_held(&told, &profiles, &segments);
    let tick = |id: &str| id.split('.').next().expect("a tick").to_owned();
    let last = tick(&told.last().expect("the last").0);
    let mut since = told[before..].iter().filter(|(id, _)| tick(id) != last);
    let has_entered = since.any(|(_, record)| record["value"]["change"] == "entered");
    assert!(has_entered, "who spent 7: {:?}", &told[before..]);
    let forgotten = "/v1/profiles/email:1000@x.org:forget";
    let (status, answer) = http::post(&shop.address, forgotten, &[], b"");
    assert_eq!(status, 200, "{answer}");
    read_until(&shop, &mut events, (3_000, 1), &mut told);
    are_held(&told, &profiles, &segments);
    // Who comes back goes on behind what it has seen of that.
    for behind in [before, told.len() - 2] {
        let rest: Events = follow(&shop.address, "", &told[behind].0).take(1).collect();
        assert_eq!(rest, told[behind + 1..][..1]);
    }
    for running in shop.running {
        running.signal("INT");
        running.end().well();
    }
}
