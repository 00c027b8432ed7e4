//! The log and requests are exported to a collector of OpenTelemetry: with the feature `otel`, to one that decodes them by
//! OpenTelemetry's own package (`cargo test --features otel --test telemetry`); without it, who asks for it is told.

#[path = "../http/mod.rs"]
mod http;
#[path = "../program/mod.rs"]
mod program;

use std::fs;

#[cfg(feature = "otel")]
#[path = "../python/mod.rs"]
mod python;
#[cfg(feature = "otel")]
mod received;

const SHOP: &str = "
sources:
  orders: {http: {}, kind: events, fields: {email: text}}
identity:
  email: {from: {orders: email}}
attributes:
  orders: {from: orders, select: count(*)}
outputs:
  profiles: {files: out/profiles.ndjson}
";

fn shop() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("shop.yaml"), SHOP).expect("room on the disk");
    folder
}

#[cfg(not(feature = "otel"))]
#[test]
fn a_program_without_the_feature_says_how_to_build_it() {
    let folder = shop();
    let arguments = ["check", "shop.yaml", "--otlp", "http://127.0.0.1:4318"];
    let told = program::selfsame(folder.path(), &arguments).badly();
    assert!(told.contains("cargo build --release --features otel"), "{told}");
    // A variable that is for all programs of a machine keeps none from working.
    let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")];
    program::Running::start_with(folder.path(), &["check", "shop.yaml"], &environment).end().well();
}

#[cfg(feature = "otel")]
#[test]
fn the_log_and_requests_come_to_a_collector_without_whom_they_are_about() {
    let Some(python) = received::interpreter() else { return };
    let folder = shop();
    let mut receiver = received::Receiver::start(&python);
    let endpoint = format!("http://127.0.0.1:{}", receiver.port);
    let arguments = ["run", "shop.yaml", "--http", "127.0.0.1:0", "--otlp", &endpoint];
    let mut running = program::Running::start(folder.path(), &arguments);
    let address = http::address(&mut running);
    let row = br#"{"email": "ada@example.com"}"#;
    assert_eq!(http::post(&address, "/v1/sources/orders", &[], row).0, 200);
    http::get(&address, "/v1/profiles/email:ada@example.com");
    http::get(&address, "/v1/profiles/phone:1");
    running.signal("INT");
    running.end().well();
    let told = receiver.told();
    let text = told.to_string();
    assert!(!text.contains("ada@example.com") && !text.contains("phone:1"), "{text}");
    let messages = received::messages(&told);
    assert!(messages.iter().any(|message| message.contains("listens at")), "{messages:?}");
    let spans = received::spans(&told);
    let is_there = |name: &str, status: &str| {
        spans.iter().any(|(of, attributes)| {
            of == name && attributes.get("http.response.status_code").is_some_and(|of| of == status)
        })
    };
    assert!(is_there("POST /v1/sources/{name}", "200"), "{spans:?}");
    assert!(is_there("GET /v1/profiles/{*identifier}", "404"), "{spans:?}");
    assert!(received::services(&told).iter().all(|name| name == "selfsame"), "{text}");
    // Nobody is there any more, which keeps no run from its work or its end.
    drop(receiver);
    let ended = program::selfsame(folder.path(), &["check", "shop.yaml", "--otlp", &endpoint]);
    ended.well();
}
