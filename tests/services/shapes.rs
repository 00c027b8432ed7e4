//! Maps and lists as every output has them: files, CSV, topics, webhooks and PostgreSQL say the same, digit by digit.

use std::collections::BTreeMap;
use std::fs;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::broker::brokers;
use crate::broker::client::{Reader, make_topic, unique};
use crate::postgres::Postgres;
use crate::program::selfsame;
use crate::receiver::Receiver;

/// What people may have for a key.
const KEYS: [&str; 9] = ["EUR", "a.b", "'", "\"", "\\", "", "zoë €", "{\"a\":1}", "1,2;3\t4"];

const DEFINITION: &str = "
sources:
  orders:
    files: orders.ndjson
    kind: records
    key: id
    deleted: kind = 'gone'
    fields:
      id: text
      email: text
      kind: {type: text, map: {G: gone, E: EUR}}
      amount: \"decimal(28,2)\"
      tags: [text]
identity:
  email: {from: {orders: email}}
attributes:
  spent:  {from: orders, select: sum(amount) by kind}
  counts: {from: orders, select: count(*) by kind}
  means:  {from: orders, select: avg(amount) by kind}
  kinds:  {from: orders, select: array_agg(distinct kind)}
  amounts: {from: orders, select: \"recent(amount, 3)\"}
  most:   {from: orders, select: \"top(kind, 2, sum(amount))\"}
  keys:   {sql: map_keys(spent)}
outputs:
  profiles: {files: out/profiles.ndjson}
  table: {publish: profiles, files: out/table.csv, format: csv}
";

fn orders() -> String {
    let order = |number: usize| {
        let kind = KEYS[number % KEYS.len()];
        let amount = format!("1234567890123456789{}.{:02}", number % 7, number % 100);
        json!({"id": number.to_string(), "email": format!("p{}@x.org", number % 4), "kind": kind, "amount": amount})
    };
    let mut lines: Vec<Value> = (0..40).map(order).collect();
    lines.push(json!({"id": "40", "email": "nothing@x.org"}));
    lines.push(json!({"id": "41", "email": "p0@x.org", "kind": "E", "amount": "1"}));
    lines.push(json!({"id": "3", "kind": "G"}));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

type Attributes = BTreeMap<String, Box<RawValue>>;

/// What is said of each person, as it is written but for spaces.
fn said(profile: &str) -> (String, BTreeMap<String, String>) {
    #[derive(serde::Deserialize)]
    struct Profile {
        identifiers: Value,
        attributes: Attributes,
    }
    let profile: Profile = serde_json::from_str(profile).expect("a profile");
    let attributes = profile.attributes.into_iter().map(|(name, raw)| (name, raw.get().to_owned()));
    (profile.identifiers["email"][0].to_string(), attributes.collect())
}

#[test]
fn maps_and_lists_are_the_same_in_every_output() {
    let Some(database) = Postgres::start() else { return };
    let receiver = Receiver::start(Vec::new());
    let topic = unique("shapes");
    make_topic(&topic, 2, &[]);
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let more = format!(
        "  topic: {{publish: profiles, kafka: {{topic: {topic}}}}}\n  hook: {{publish: profiles, webhook: {{url: \"{}\"}}}}\n  \
         rows: {{publish: profiles, postgres: {{connection: \"{}\", table: people}}}}\nkafka: {{brokers: \"{}\"}}\n",
        receiver.url,
        database.connection,
        brokers(),
    );
    fs::write(at.join("shop.yaml"), format!("{DEFINITION}{more}")).expect("room");
    fs::write(at.join("orders.ndjson"), orders()).expect("room");
    selfsame(at, &["run", "shop.yaml"]).well();

    #[derive(serde::Deserialize)]
    struct Record {
        value: Option<Box<RawValue>>,
    }
    let of_file: BTreeMap<_, _> = fs::read_to_string(at.join("out/profiles.ndjson"))
        .expect("an output")
        .lines()
        .filter_map(|line| serde_json::from_str::<Record>(line).expect("a record").value)
        .map(|value| said(value.get()))
        .collect();
    assert_eq!(of_file.len(), 5);
    let one = &of_file["\"p0@x.org\""];
    assert!(one["spent"].starts_with("{\"\":1234567890123456789"), "{one:?}");
    assert_eq!(of_file["\"nothing@x.org\""]["spent"], "null");

    let of_topic: BTreeMap<_, _> = Reader::new(&[&topic])
        .to_end()
        .into_iter()
        .filter_map(|read| read.payload)
        .map(|payload| said(&payload))
        .collect();
    assert_eq!(of_topic, of_file, "the topic");

    // The receiver has read the numbers of posts as doubles.
    let posts = receiver.taken();
    let of_posts = posts.iter().flat_map(|post| &post.records).map(|record| {
        let value = &record["value"];
        (value["identifiers"]["email"][0].to_string(), value["attributes"].clone())
    });
    let as_doubles = of_file.iter().map(|(email, attributes)| {
        let value = |raw: &String| serde_json::from_str::<Value>(raw).expect("JSON");
        (email.clone(), attributes.iter().map(|(name, raw)| (name.clone(), value(raw))).collect())
    });
    let as_doubles: BTreeMap<String, Value> = as_doubles
        .map(|(email, all): (String, serde_json::Map<_, _>)| (email, all.into()))
        .collect();
    assert_eq!(of_posts.collect::<BTreeMap<_, _>>(), as_doubles, "the webhook");

    // In a table numbers keep their digits, and keys are found as they are.
    for (email, attributes) in &of_file {
        let of =
            format!("from people where value -> 'identifiers' -> 'email' -> 0 = '{email}'::jsonb");
        for (name, raw) in attributes {
            let raw = raw.replace('\'', "''");
            let is_same = format!("select value -> 'attributes' -> '{name}' = '{raw}'::jsonb {of}");
            assert_eq!(database.ask(&is_same).trim(), "t", "{email} {name} {raw}");
            let shown = format!(
                "select (value -> 'attributes' -> '{name}')::text = '{raw}'::jsonb::text {of}"
            );
            assert_eq!(database.ask(&shown).trim(), "t", "{email} {name} {raw}");
        }
    }
    // In CSV a map and a list are JSON in a cell.
    let mut table = csv::Reader::from_path(at.join("out/table.csv")).expect("a table");
    let header = table.headers().expect("a header").clone();
    let cell = |row: &csv::StringRecord, name: &str| {
        row.get(header.iter().position(|of| of == name).expect("a column"))
            .expect("a cell")
            .to_owned()
    };
    let mut rows = 0;
    for row in table.records() {
        let row = row.expect("a row");
        let email: Vec<String> = serde_json::from_str(&cell(&row, "email")).expect("a list");
        let attributes = &of_file[&json!(email[0]).to_string()];
        for (name, raw) in attributes {
            let shown = cell(&row, name);
            assert_eq!(if shown.is_empty() { "null" } else { &shown }, raw, "{name}");
        }
        rows += 1;
    }
    assert_eq!(rows, 5);
}
