//! The SDKs of Segment and RudderStack, as their users have them, send to the collector by changing their host.

#[path = "../browser/mod.rs"]
mod browser;
#[path = "../http/mod.rs"]
mod http;
#[path = "../program/mod.rs"]
mod program;
#[path = "../python/mod.rs"]
mod python;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use program::Running;
use program::outputs::{folded, values};
use serde_json::{Value, json};

const DEFINITION: &str = "
name: web
sources:
  web:
    http: {collector: segment}
    kind: events
    id: messageId
    time: timestamp
    fields:
      messageId: text
      timestamp: timestamp
      originalTimestamp: timestamp
      receivedAt: timestamp
      type: text
      userId: text
      anonymousId: text
      previousId: text
      event: text
      email: {type: text, path: traits.email}
      context_email: {type: text, path: context.traits.email}
      total: {type: \"decimal(12,2)\", path: properties.total}
    derive: {address: \"coalesce(email, context_email)\"}
identity:
  user: {from: {web: userId}, at_most: 1}
  email: {from: {web: address}, normalize: lower(value)}
  anonymous: {from: {web: [anonymousId, previousId]}}
attributes:
  kinds: {from: web, select: array_agg(distinct type)}
  messages: {from: web, select: count(*)}
  spent: {from: web, select: sum(total)}
  earliest: {from: web, select: min(time)}
  latest: {from: web, select: max(receivedAt)}
outputs:
  profiles: {files: out/profiles.ndjson}
  rejects: {files: out/rejects.ndjson}
";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What is installed once and kept for the next time.
///
/// # Panics
/// Where this must not be left out: in continuous integration.
fn have(what: &str, works: impl Fn() -> bool, install: impl Fn() -> std::io::Result<bool>) -> bool {
    /// One of several tests installs, and the others wait: what is there in part is not there.
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _installing = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    if works() {
        return true;
    }
    let got = install();
    if works() {
        return true;
    }
    let why = format!("{what} can't be had: {got:?}");
    assert!(std::env::var_os("CI").is_none(), "{why}");
    eprintln!("SKIPPED: {why}");
    false
}

/// The folder with the packages of Node.
fn node() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sdks");
    let packages =
        [("@segment/analytics-node", "3.1.0"), ("@rudderstack/rudder-sdk-node", "3.0.13")];
    let works = || packages.iter().all(|(name, _)| folder.join("node_modules").join(name).exists());
    let install = || {
        fs::create_dir_all(&folder)?;
        let named = packages.iter().map(|(name, version)| format!("{name}@{version}"));
        let npm = ["install", "--no-audit", "--no-fund", "--no-save", "--silent", "--prefix"];
        let got = Command::new("npm").args(npm).arg(&folder).args(named).status()?;
        Ok(got.success())
    };
    have("the SDKs of Node", works, install).then_some(folder)
}

/// Python with the packages.
fn interpreter() -> Option<PathBuf> {
    let packages = ["segment-analytics-python==2.4.0", "rudder-sdk-python==2.1.9"];
    let works = |bin: &Path| python::imports(bin, "segment.analytics, rudderstack.analytics");
    Some(python::programs("sdks-python", &packages, works)?.join("python"))
}

fn start() -> (tempfile::TempDir, Running, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("web.yaml"), DEFINITION).expect("room on the disk");
    let arguments = ["run", "web.yaml", "--http", "127.0.0.1:0", "--data", "data"];
    let mut running = Running::start(folder.path(), &arguments);
    let address = http::address(&mut running);
    (folder, running, address)
}

/// What the output comes to when the run has ended.
fn profiles(folder: &Path, running: Running) -> Vec<Value> {
    running.signal("INT");
    running.end().well();
    let rejects = fs::read_to_string(folder.join("out/rejects.ndjson")).unwrap_or_default();
    assert_eq!(rejects, "", "nothing is rejected");
    folded(values(&folder.join("out/profiles.ndjson"))).into_values().collect()
}

/// What each SDK sends comes to this.
#[track_caller]
fn check(profiles: &[Value], folder: &Path) {
    assert_eq!(profiles.len(), 1, "{profiles:#?}");
    let (identifiers, attributes) = (&profiles[0]["identifiers"], &profiles[0]["attributes"]);
    let expected =
        json!({"user": ["ada"], "email": ["ada@example.com"], "anonymous": ["a0", "a1"]});
    let anonymous = identifiers["anonymous"].as_array().expect("a list");
    assert!(anonymous.contains(&json!("a0")) && anonymous.contains(&json!("a1")), "{identifiers}");
    assert_eq!(
        (&identifiers["user"], &identifiers["email"]),
        (&expected["user"], &expected["email"])
    );
    let kinds = json!(["alias", "group", "identify", "page", "screen", "track"]);
    assert_eq!(attributes["kinds"], kinds);
    assert_eq!((&attributes["messages"], &attributes["spent"]), (&json!(8), &json!(13.75)));
    // What happened yesterday did so, though it is sent today.
    let instant = |name: &str| {
        let text = attributes[name]
            .as_str()
            .unwrap_or_else(|| panic!("{attributes} in {}", folder.display()));
        text[..10].to_owned()
    };
    assert!(instant("earliest") < instant("latest"), "{attributes}");
}

fn send(program: &Path, arguments: &[&str], modules: Option<&Path>, address: &str) {
    let mut command = Command::new(program);
    command.args(arguments).env("HOST", format!("http://{address}"));
    if let Some(modules) = modules {
        command.env("NODE_PATH", modules.join("node_modules"));
    }
    let ended = command.output().expect("it starts");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success(), "{said}{}", String::from_utf8_lossy(&ended.stdout));
}

fn script(name: &str) -> String {
    root().join("tests/sdks").join(name).display().to_string()
}

#[test]
fn analytics_node_of_segment_sends_by_changing_its_host() {
    let Some(modules) = node() else { return };
    let (folder, running, address) = start();
    send(Path::new("node"), &[&script("segment.cjs")], Some(&modules), &address);
    check(&profiles(folder.path(), running), folder.path());
}

#[test]
fn rudder_sdk_node_sends_gzipped_json_that_it_calls_a_form() {
    let Some(modules) = node() else { return };
    let (folder, running, address) = start();
    send(Path::new("node"), &[&script("rudder.cjs")], Some(&modules), &address);
    check(&profiles(folder.path(), running), folder.path());
}

#[test]
fn segment_analytics_python_sends_by_changing_its_host() {
    let Some(python) = interpreter() else { return };
    let (folder, running, address) = start();
    send(&python, &[&script("send.py"), "segment"], None, &address);
    check(&profiles(folder.path(), running), folder.path());
}

#[test]
fn rudder_sdk_python_sends_by_changing_its_host() {
    let Some(python) = interpreter() else { return };
    let (folder, running, address) = start();
    send(&python, &[&script("send.py"), "rudder"], None, &address);
    check(&profiles(folder.path(), running), folder.path());
}

/// A page with the SDK, in a browser: somebody signs in and out again, and another one comes.
fn visit(arguments: &[&str]) {
    let Some(browser) = browser::browser() else { return };
    let (folder, running, address) = start();
    let mut command =
        browser.command("sdks/browser.cjs", &[("HOST", &format!("http://{address}"))]);
    let ended = command.args(arguments).output().expect("there is node");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(
        ended.status.success(),
        "{said}{}\n{}",
        String::from_utf8_lossy(&ended.stdout),
        running.err()
    );
    assert_eq!(profiles(folder.path(), running).len(), 2, "who signed out is somebody else");
}

#[test]
fn analytics_next_of_segment_sends_from_a_page_by_changing_its_host() {
    visit(&["segment"]);
}

#[test]
fn analytics_js_of_rudderstack_sends_from_a_page_by_changing_its_host() {
    visit(&["rudder"]);
}

#[test]
fn analytics_js_of_rudderstack_sends_by_beacons_which_have_no_headers() {
    visit(&["rudder", "beacon"]);
}
