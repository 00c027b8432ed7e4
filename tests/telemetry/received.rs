//! A collector, and what it was told.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::python;

/// OpenTelemetry's own messages.
const PACKAGE: &str = "opentelemetry-proto==1.45.2";

/// A Python that has them, kept for the next time.
///
/// # Panics
/// Where this must not be left out: in continuous integration.
pub fn interpreter() -> Option<PathBuf> {
    let works = |bin: &Path| python::imports(bin, "opentelemetry.proto.logs.v1.logs_pb2");
    Some(python::programs("opentelemetry", &[PACKAGE], works)?.join("python"))
}

pub struct Receiver {
    child: Child,
    pub port: u64,
    lines: Arc<Mutex<Vec<Value>>>,
}

impl Receiver {
    pub fn start(python: &Path) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/telemetry/receiver.py");
        let child = Command::new(python).arg(script).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("it starts");
        let mut said = BufReader::new(child.stdout.take().expect("piped")).lines();
        let first = said.next().expect("a line").expect("a line");
        let first: Value = serde_json::from_str(&first).expect("JSON");
        let lines: Arc<Mutex<Vec<Value>>> = Arc::default();
        let into = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in said.map_while(Result::ok) {
                let line = serde_json::from_str(&line).expect("JSON");
                into.lock().expect("no one panics with it").push(line);
            }
        });
        Receiver { child, port: first["port"].as_u64().expect("a port"), lines }
    }

    /// All that it was told. It is ended.
    pub fn told(&mut self) -> Value {
        let _ = self.child.kill();
        let _ = self.child.wait();
        Value::from(self.lines.lock().expect("no one panics with it").clone())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.told();
    }
}

/// What is in the lists of these names, one within the other.
fn within<'a>(of: &'a Value, names: &[&str]) -> Vec<&'a Value> {
    let Some((name, rest)) = names.split_first() else { return vec![of] };
    let items = of[name].as_array().into_iter().flatten();
    items.flat_map(|item| within(item, rest)).collect()
}

fn all<'a>(told: &'a Value, names: &[&str]) -> Vec<&'a Value> {
    let lines = told.as_array().expect("lines");
    lines.iter().flat_map(|line| within(&line["told"], names)).collect()
}

fn attributes(of: &Value) -> BTreeMap<String, String> {
    let pairs = of["attributes"].as_array().into_iter().flatten();
    let pairs = pairs.filter_map(|pair| {
        let value = pair["value"].as_object()?.values().next()?;
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some((pair["key"].as_str()?.to_owned(), value))
    });
    pairs.collect()
}

pub fn messages(told: &Value) -> Vec<String> {
    let logs = all(told, &["resourceLogs", "scopeLogs", "logRecords"]);
    let message = |log: &&Value| log["body"]["stringValue"].as_str().map(str::to_owned);
    logs.iter().filter_map(message).collect()
}

/// By name, with what they say.
pub fn spans(told: &Value) -> Vec<(String, BTreeMap<String, String>)> {
    let spans = all(told, &["resourceSpans", "scopeSpans", "spans"]).into_iter();
    spans
        .map(|span| (span["name"].as_str().unwrap_or_default().to_owned(), attributes(span)))
        .collect()
}

/// Who says it.
pub fn services(told: &Value) -> Vec<String> {
    let of = ["resourceLogs", "resourceSpans"].into_iter().flat_map(|name| all(told, &[name]));
    of.filter_map(|of| attributes(&of["resource"]).remove("service.name")).collect()
}
