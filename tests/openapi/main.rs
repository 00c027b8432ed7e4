//! All that a run answers over HTTP is asked for by schemathesis, by its own document: what it is sent rightly is taken,
//! what it is sent wrongly is refused, and every answer has the shape that the document gives it.
//!
//! `SELFSAME_SCHEMATHESIS_EXAMPLES` and `SELFSAME_SCHEMATHESIS_SEED` say how much it tries, and what.

#[path = "../http/mod.rs"]
mod http;
#[path = "../program/mod.rs"]
mod program;
#[path = "../python/mod.rs"]
mod python;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use program::Running;
use serde_json::{Value, json};

const VERSION: &str = "4.32.5";

/// What is run: every kind of source and output that answers look at, with keys, of which the admin's opens all.
const DEFINITION: &str = "
name: shop
http: {keys: {read: reading-reading-r, write: {orders: writing-writing-w}, admin: admin-admin-admin}}
sources:
  orders:
    http: {}
    kind: events
    id: id
    time: at
    fields: {id: text, at: timestamp, email: text, phone: text, device: text, amount: 'decimal(12,2)'}
  web:
    http: {collector: segment}
    kind: events
    id: messageId
    fields: {messageId: text, type: text, userId: text, anonymousId: text, event: text}
  rulings:
    http: {}
    kind: records
    key: pair
    fields: {pair: text, one: text, other: text, verdict: text}
identity:
  user: {from: {web: userId}}
  email: {from: {orders: email}, normalize: lower(trim(value)), at_most: 1}
  phone: {from: {orders: phone}, shared_after: 2}
  device: {from: {orders: device}}
  anonymous: {from: {web: anonymousId}}
  decisions: {from: rulings, one: one, other: other, verdict: verdict}
attributes:
  spent: {from: orders, select: sum(amount)}
  last: {from: orders, select: max(at)}
  largest: {from: orders, select: 'recent(amount, 3)'}
  score: {sql: 'ntile(spent, 4)'}
segments:
  big: spent > 100
  lately: last > now() - interval '30 days' and not big
outputs:
  profiles: {files: out/profiles.ndjson}
  segments: {files: out/segments.ndjson}
  rejects: {files: out/rejects.ndjson}
";

/// The tool, in a folder that is kept for the next time.
///
/// # Panics
/// Where this must not be left out: in continuous integration.
fn tool() -> Option<PathBuf> {
    let package = format!("schemathesis=={VERSION}");
    let works = |bin: &Path| {
        let said = Command::new(bin.join("schemathesis")).arg("--version").output();
        said.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).contains(VERSION))
    };
    Some(python::programs("schemathesis", &[&package], works)?.join("schemathesis"))
}

fn post(address: &str, path: &str, body: &Value) {
    let key = [("authorization", "Bearer admin-admin-admin")];
    let (status, told) = http::post(address, path, &key, body.to_string().as_bytes());
    assert_eq!((status, &told["rejected"]), (200, &json!(0)), "{told}");
}

/// People with everything that there is to be told of people.
fn fill(address: &str) {
    let order = |id: u64, email: Value, phone: Value, device: &str, amount: &str| {
        let at = format!("2026-05-{:02}T10:00:00Z", id % 27 + 1);
        json!({"id": id.to_string(), "at": at, "email": email, "phone": phone, "device": device, "amount": amount})
    };
    let orders: Vec<Value> = (0..60)
        .map(|id| {
            let email =
                if id % 3 == 0 { Value::Null } else { json!(format!("c{}@example.com", id % 20)) };
            let phone = if id % 4 == 0 { json!(format!("+4930{}", id % 5)) } else { Value::Null };
            order(id, email, phone, &format!("d{}", id % 13), &format!("{}.50", id * 7))
        })
        .chain([order(99, json!("ada@example.com"), json!("+4930123456"), "laptop", "150")])
        // Those whom the document has forgotten, as examples.
        .chain([order(100, json!("grace@example.com"), Value::Null, "tablet", "1")])
        .chain([order(101, json!("heidi@example.com"), Value::Null, "desk", "1")])
        .collect();
    post(address, "/v1/sources/orders", &json!(orders));
    let decided = json!({"left": "email:c1@example.com", "right": "email:c2@example.com", "decision": "different"});
    let key = [("authorization", "Bearer admin-admin-admin")];
    let (status, told) = http::post(address, "/v1/decisions", &key, decided.to_string().as_bytes());
    assert_eq!(status, 200, "{told}");
}

#[test]
fn every_endpoint_is_as_its_document_says() {
    let Some(tool) = tool() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("shop.yaml"), DEFINITION).expect("written");
    let run = ["run", "shop.yaml", "--http", "127.0.0.1:0", "--data", "data"];
    let mut running = Running::start(folder.path(), &run);
    let address = http::address(&mut running);
    fill(&address);
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi/schemathesis.toml");
    let said = |name: &str, unless: &str| std::env::var(name).unwrap_or_else(|_| unless.to_owned());
    let (examples, seed) =
        (said("SELFSAME_SCHEMATHESIS_EXAMPLES", "8"), said("SELFSAME_SCHEMATHESIS_SEED", "1"));
    let document = format!("http://{address}/openapi.json");
    let mut command = Command::new(&tool);
    command.arg("--config-file").arg(config).args(["run", &document]);
    command.args(["--header", "Authorization: Bearer admin-admin-admin", "--checks", "all"]);
    command.args(["--max-examples", &examples, "--seed", &seed, "--continue-on-failure"]);
    // A tick is waited for, for 30 seconds at most.
    command.args(["--request-timeout", "60", "--max-response-time", "35", "--no-color"]);
    command.args(["--suppress-health-check", "all"]);
    let output = command.current_dir(folder.path()).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    // It has asked, and the run goes on.
    assert!(said.contains("Tested:") || said.contains("passed"), "{said}");
    post(
        &address,
        "/v1/sources/orders",
        &json!([{"id": "last", "at": "2026-05-01T00:00:00Z", "device": "last"}]),
    );
    running.signal("INT");
    running.end().well();
}
