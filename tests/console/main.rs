//! The console in a browser that is not ours, against runs with real data: by mouse, by keyboard, on a phone, with
//! texts that are not meant well, with keys, and while the run is gone. Pictures of each view are left in the target
//! folder, `tmp/pictures`.

#[path = "../browser/mod.rs"]
mod browser;
#[path = "../http/certificate.rs"]
mod certificate;
#[path = "../http/mod.rs"]
mod http;
#[path = "../program/mod.rs"]
mod program;
mod served;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use browser::browser;
use http::{address, get, post};
use program::Running;
use tempfile::TempDir;

/// The retail sample, which is run in a folder of its own.
fn retail() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("dataflows/retail");
    for part in ["retail.yaml", "data"] {
        let (from, into) = (sample.join(part), folder.path());
        let copied = Command::new("cp").arg("-r").args([from.as_path(), into]).status();
        assert!(copied.expect("there is cp").success());
    }
    folder
}

const RETAIL: [&str; 6] = ["run", "retail.yaml", "--clock", "event", "--data", "stored"];

/// A run of a definition, and where it answers.
fn start(folder: &Path, arguments: &[&str], listen: &str) -> (Running, String) {
    let all = [arguments, &["--http", listen]].concat();
    let mut running = Running::start(folder, &all);
    let address = address(&mut running);
    (running, address)
}

/// Waits until the answer at a path has this in it.
#[track_caller]
fn until(address: &str, path: &str, has: &str) {
    let mut said = String::new();
    for _ in 0..6_000 {
        said = get(address, path).1;
        if said.contains(has) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{path} never has {has}: {said}");
}

fn host(address: &str) -> String {
    format!("http://{address}")
}

#[test]
fn each_view_says_what_it_is_for_wide_and_narrow_and_axe_finds_nothing_wrong() {
    let Some(browser) = browser() else { return };
    let folder = retail();
    let (_running, address) = start(folder.path(), &RETAIL, "127.0.0.1:0");
    until(&address, "/v1/status", "\"people\":254");
    browser.run("console/views.cjs", &[("HOST", &host(&address))]);
}

#[test]
fn all_of_it_is_reached_by_keyboard_alone() {
    let Some(browser) = browser() else { return };
    let folder = retail();
    let (_running, address) = start(folder.path(), &RETAIL, "127.0.0.1:0");
    until(&address, "/v1/status", "\"people\":254");
    browser.run("console/keyboard.cjs", &[("HOST", &host(&address))]);
}

const SHOP: &str = "
name: shop
sources:
  shop:
    http: {}
    kind: events
    fields: {id: text, email: text, device: text, note: text}
    id: id
  verdicts:
    http: {}
    kind: records
    key: pair
    fields: {pair: text, left: text, right: text, decision: text}
identity:
  email: {from: {shop: email}}
  device: {from: {shop: device}}
  decisions: {from: verdicts, one: left, other: right, verdict: decision}
attributes:
  note: {from: shop, select: last(note)}
  rows: {from: shop, select: count(*)}
segments:
  active: rows > 0
outputs:
  profiles: {files: out/profiles.ndjson}
  rejects: {files: out/rejects.ndjson}
  conflicts: {files: out/conflicts.ndjson}
";

fn shop(more: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("shop.yaml"), format!("{SHOP}{more}")).expect("room on the disk");
    folder
}

const STORED: [&str; 4] = ["run", "shop.yaml", "--data", "stored"];

fn send(address: &str, key: &str, rows: &str) {
    let authorization = format!("Bearer {key}");
    let headers = [("content-type", "application/x-ndjson"), ("authorization", &authorization)];
    let (status, said) = post(address, "/v1/sources/shop", &headers, rows.as_bytes());
    assert!(status == 200, "{status} {said}");
}

#[test]
fn markup_and_controls_in_what_people_wrote_are_shown_as_text() {
    let Some(browser) = browser() else { return };
    let folder = shop("");
    let (_running, address) = start(folder.path(), &STORED, "127.0.0.1:0");
    let hostile = serde_json::json!({
        "id": "<script>alert(1)</script>",
        "email": "\"><img src=x onerror=alert(2)>@evil.example",
        "device": "a/b?c#d%2F\u{202e}gnp.exe",
        "note": "<script>alert(3)</script>\u{1b}[31mred\u{7} </td><b>bold</b>",
    });
    send(&address, "", &hostile.to_string());
    let rejected = serde_json::json!({"id": "9", "note": "<script>alert(4)</script>\u{202e}"});
    send(&address, "", &rejected.to_string());
    // One with more identifiers than anybody reads at once.
    let crowd: String = (0..60)
        .map(|row| {
            let device = format!("kiosk-{row}");
            let id = format!("k{row}");
            let row = serde_json::json!({"id": id, "email": "crowd@example.com", "device": device});
            format!("{row}\n")
        })
        .collect();
    send(&address, "", &crowd);
    browser.run("console/hostile.cjs", &[("HOST", &host(&address))]);
}

#[test]
fn what_is_false_or_large_or_long_is_shown_as_it_is_and_what_differs_is_bold() {
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let more = "attributes:\n  price: {from: shop, select: last(price)}\n  big: {from: shop, select: max(big)}\n  \
                vip: {from: shop, select: last(vip)}\n  large: {from: shop, select: last(large)}\n  \
                small: {from: shop, select: last(small)}\n  \
                prices: {from: shop, select: array_agg(distinct price)}\n  twice: {sql: price + price}\n";
    let values = SHOP
        .replace("note: text}", "note: text, vip: boolean, large: number, small: number, price: 'decimal(12,2)', big: integer}")
        .replace("attributes:\n", more)
        .replace("segments:\n", "segments:\n  chosen: vip\n  dear: price > 12.40\n")
        .replace("{from: {shop: email}}", "{from: {shop: email}, at_most: 1}");
    fs::write(folder.path().join("shop.yaml"), values).expect("room on the disk");
    let (_running, address) = start(folder.path(), &STORED, "127.0.0.1:0");
    let row = |id: &str, email: &str, vip: bool| {
        serde_json::json!({
            "id": id, "email": email, "vip": vip, "large": 1e300, "small": 1e-9,
            "note": "x".repeat(30_000), "price": "12.50", "big": 9_007_199_254_740_993i64,
        })
    };
    let rows = [row("1", "ada@example.com", false), row("2", "ben@example.com", true)];
    send(&address, "", &serde_json::json!(rows).to_string());
    // Two devices that two people share: those of the one lead to the other.
    for (id, email) in [("c", "cleo"), ("d", "dora")] {
        let row = |device: &str| {
            let id = format!("{id}{device}");
            let email = format!("{email}@example.com");
            serde_json::json!({"id": id, "email": email, "device": device})
        };
        send(&address, "", &serde_json::json!([row("1"), row("2")]).to_string());
    }
    browser.run("console/values.cjs", &[("HOST", &host(&address))]);
}

#[test]
fn what_is_not_there_is_said_to_be_missing_with_what_would_bring_it() {
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bare = "name: bare\nsources: {a: {http: {}, kind: events, fields: {email: text}}}\n\
                identity: {email: {from: {a: email}}}\noutputs: {identities: {files: out/i.ndjson}}\n";
    fs::write(folder.path().join("bare.yaml"), bare).expect("room on the disk");
    let (_running, address) = start(folder.path(), &["run", "bare.yaml"], "127.0.0.1:0");
    let (status, said) = post(&address, "/v1/sources/a", &[], b"{\"email\":\"ada@example.com\"}");
    assert_eq!(status, 200, "{said}");
    browser.run("console/bare.cjs", &[("HOST", &host(&address))]);
}

#[test]
fn a_decision_is_made_between_two_people_side_by_side_and_rates_are_seen_while_rows_come() {
    let Some(browser) = browser() else { return };
    let folder = shop("");
    let (_running, address) = start(folder.path(), &STORED, "127.0.0.1:0");
    let rows = "{\"id\":\"1\",\"email\":\"ada@example.com\",\"device\":\"d1\",\"note\":\"hers\"}\n\
                {\"id\":\"2\",\"email\":\"ben@example.com\",\"device\":\"d2\"}\n";
    send(&address, "", rows);
    browser.run("console/decide.cjs", &[("HOST", &host(&address))]);
    let verdicts: Vec<String> = program::records(&folder.path().join("out/profiles.ndjson"))
        .into_iter()
        .filter_map(|record| record.merged_into)
        .collect();
    assert_eq!(verdicts.len(), 1, "the decision made one of two people");
}

#[test]
fn a_key_is_asked_for_and_a_wrong_one_is_told_and_the_right_one_opens() {
    let Some(browser) = browser() else { return };
    let folder = shop(
        "http: {keys: {read: reading-key-of-shop, write: {shop: writing-key-of-shop}, admin: deciding-key-of-shop}}\n",
    );
    let (_running, address) = start(folder.path(), &STORED, "127.0.0.1:0");
    send(
        &address,
        "writing-key-of-shop",
        "{\"id\":\"1\",\"email\":\"ada@example.com\",\"device\":\"d1\"}",
    );
    browser.run("console/keys.cjs", &[("HOST", &host(&address))]);
}

#[test]
fn the_page_says_that_the_run_is_gone_and_goes_on_when_it_is_back() {
    let Some(browser) = browser() else { return };
    let folder = retail();
    let (mut running, address) = start(folder.path(), &RETAIL, "127.0.0.1:0");
    until(&address, "/v1/status", "\"people\":254");
    let mut script = browser.command("console/gone.cjs", &[("HOST", &host(&address))]);
    let mut script = script.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("node");
    let mut lines = BufReader::new(script.stdout.take().expect("piped")).lines();
    let mut next = || lines.next().and_then(Result::ok).unwrap_or_default();
    let mut steps = vec![next()];
    if steps[0] == "seen" {
        drop(running);
        steps.push(next());
        (running, _) = start(folder.path(), &RETAIL, &address);
        steps.push(next());
    }
    let ended = script.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{steps:?} {said} {}", running.err());
    assert_eq!(steps, ["seen", "gone", "back"]);
}

#[test]
fn the_readme_leads_from_files_to_a_page_with_the_people_in_them() {
    let Some(browser) = browser() else { return };
    let readme = include_str!("../../README.md");
    let (_, section) = readme.split_once("## Your own people, in a browser").expect("it is there");
    let (_, block) = section.split_once("```sh\n").expect("commands");
    let (block, _) = block.split_once("\n```").expect("their end");
    let commands: Vec<Vec<&str>> = block.lines().map(|line| line.split(' ').collect()).collect();
    let [install, init, run] = &commands[..] else { panic!("three commands: {block}") };
    let built = "cargo install --locked --profile quick --path .";
    assert_eq!(install.join(" "), built, "the tests have built it");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let exports = folder.path().join("exports");
    fs::create_dir(&exports).expect("room on the disk");
    let customers = "customer_no,email,name\nK-1,Ada@Home.example,Ada\nK-2,ben@home.example,Ben\n";
    fs::write(exports.join("customers.csv"), customers).expect("room on the disk");
    let orders =
        "order_no,ordered_at,email,amount\n7,2026-07-01T10:00:00Z,ada@home.example,19.90\n";
    fs::write(exports.join("orders.csv"), orders).expect("room on the disk");
    program::selfsame(folder.path(), &init[1..]).well();
    let (at, address) = run.split_last().map(|(at, run)| (*at, run)).expect("an address");
    assert_eq!(at, "127.0.0.1:8080");
    let mut running = Running::start(folder.path(), &[&address[1..], &["127.0.0.1:0"]].concat());
    let address = http::address(&mut running);
    browser.run("console/own.cjs", &[("HOST", &host(&address))]);
}
