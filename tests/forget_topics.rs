//! Who is forgotten is named by no message without a payload any more, through a real broker: such a message deletes the
//! record of its key, and the key may be what a person is known by.

mod broker;
mod held;
mod program;

use std::fs;
use std::path::Path;

use broker::brokers;
use broker::client::{Message, make_topic, produce, unique};
use held::texts;
use program::{Running, selfsame};

const RUN: [&str; 4] = ["run", "shop.yaml", "--until-end", "--quiet"];

/// Records by customer, and cards that are somebody's and have numbers of their own.
fn define(folder: &Path, [crm, cards]: &[String; 2]) {
    let definition = format!(
        "
data: data
kafka: {{brokers: '{}'}}
sources:
  crm: {{kafka: {{topic: {crm}}}, kind: records, key: customer, fields: {{customer: text, email: text}}}}
  cards: {{kafka: {{topic: {cards}}}, kind: records, key: card, fields: {{card: text, customer: text}}}}
identity:
  customer: {{from: {{crm: customer, cards: customer}}, normalize: upper(value)}}
  email: {{from: {{crm: email}}}}
attributes:
  cards: {{from: cards, select: count(*)}}
outputs:
  profiles: {{files: out/profiles.ndjson}}
",
        brokers()
    );
    fs::write(folder.join("shop.yaml"), definition).expect("room on the disk");
}

fn send(topic: &str, messages: &[(&str, Option<&str>)]) {
    let message = |(key, payload): &(&str, Option<&str>)| Message {
        key: Some((*key).to_owned()),
        payload: payload.map(|payload| payload.as_bytes().to_vec()),
        ..Message::default()
    };
    produce(topic, &messages.iter().map(message).collect::<Vec<_>>());
}

fn customer(topic: &str, id: &str) {
    let row = format!("{{\"customer\":\"{id}\",\"email\":\"{id}@x.org\"}}");
    send(topic, &[(id, Some(&row))]);
}

fn card(topic: &str, card: &str, of: &str) {
    send(topic, &[(card, Some(&format!("{{\"card\":\"{card}\",\"customer\":\"{of}\"}}")))]);
}

#[test]
fn the_key_that_a_message_without_a_payload_deletes_is_forgotten_too() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let topics = ["crm", "cards"].map(unique);
    topics.iter().for_each(|topic| make_topic(topic, 1, &[]));
    define(folder, &topics);
    let [crm, cards] = &topics;
    for id in ["cust-aaaa1", "cust-bbbb2", "cust-cccc3"] {
        customer(crm, id);
    }
    card(cards, "card-1111", "cust-aaaa1");
    // One that was given on, and is nobody's now.
    card(cards, "card-2222", "cust-aaaa1");
    selfsame(folder, &RUN).well();
    card(cards, "card-2222", "cust-cccc3");
    send(cards, &[("card-1111", None), ("card-2222", None), ("card-3333", None)]);
    send(crm, &[("cust-aaaa1", None), ("cust-bbbb2", None)]);
    selfsame(folder, &RUN).well();

    let ask = |id: &str, more: &[&str]| {
        selfsame(folder, &[&["forget", id, "--data", "data"], more].concat())
    };
    let stored = || texts(&folder.join("data"));
    let dry = ask("customer:CUST-AAAA1", &["--dry-run"]).well();
    assert!(dry.contains("5 stored rows would be removed\n  cards: 3\n  crm: 2\n"), "{dry}");
    let told = ask("customer:CUST-AAAA1", &[]).well();
    assert!(told.contains("5 stored rows are removed\n  cards: 3\n  crm: 2\n"), "{told}");
    let left = stored();
    ["cust-aaaa1", "card-1111"].iter().for_each(|mark| assert!(!left.contains(mark), "{mark}"));
    ["cust-bbbb2", "card-2222", "card-3333"]
        .iter()
        .for_each(|mark| assert!(left.contains(mark), "{mark}"));
    selfsame(folder, &RUN).well();
    assert!(ask("customer:CUST-AAAA1", &[]).badly().contains("nobody is known by it"));

    // A message that comes later is stored, unless its key is suppressed, and can be forgotten once more.
    let told = ask("customer:CUST-CCCC3", &["--suppress"]).well();
    assert!(told.contains("3 stored rows are removed\n  cards: 2\n  crm: 1\n"), "{told}");
    send(crm, &[("cust-aaaa1", None), ("Cust-Cccc3", None)]);
    selfsame(folder, &RUN).well();
    let left = stored();
    assert!(left.contains("cust-aaaa1") && !left.contains("cust-cccc3"));
    let told = ask("CUST-AAAA1", &[]).well();
    assert!(told.contains("1 stored row is removed\n  crm: 1\n"), "{told}");
    assert!(!stored().contains("cust-aaaa1"));

    // An engine that runs does so, too.
    let mut run = Running::start(folder, &["run", "shop.yaml", "--quiet"]);
    run.until("it listens", |_| folder.join("data/control.sock").exists());
    let told = ask("customer:CUST-BBBB2", &["--suppress"]).well();
    assert!(told.contains("2 stored rows are removed\n  crm: 2\n"), "{told}");
    send(crm, &[("cust-bbbb2", None)]);
    customer(crm, "cust-dddd4");
    let profiles = folder.join("out/profiles.ndjson");
    run.until("it has read on", |_| {
        fs::read_to_string(&profiles).is_ok_and(|text| text.contains("DDDD4"))
    });
    run.signal("TERM");
    run.end().well();
    assert!(!stored().contains("cust-bbbb2"));
}
