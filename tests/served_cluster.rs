//! What processes of one run answer: the first one for all people and all posts, each for itself how it does.

mod events;
#[path = "http/mod.rs"]
mod http;
mod program;

use std::fs;
use std::path::Path;

use events::{Events, follow, undated};
use http::{address, get, post, request};
use program::{Running, free_addresses};
use serde_json::{Value, json};

const SHOP: &str = "
name: shop
sources:
  orders: {http: {}, kind: events, id: id, fields: {id: text, email: text, amount: integer}}
  read: {files: 'rows/*.ndjson', kind: events, fields: {email: text, amount: integer}}
identity:
  email: {from: {orders: email, read: email}}
attributes:
  spent: {from: [orders, read], select: sum(amount)}
segments:
  big: spent > 100
outputs:
  profiles: {files: out/profiles.ndjson}
  flat: {publish: profiles, format: csv, files: out/flat.csv}
  rejects: {files: out/rejects.ndjson}
";

fn start(folder: &Path, more: &[&str]) -> [(Running, String); 2] {
    fs::write(folder.join("shop.yaml"), SHOP).expect("room on the disk");
    fs::create_dir_all(folder.join("rows")).expect("room on the disk");
    for file in 0..4 {
        let rows =
            (0..50).map(|row| format!("{{\"email\":\"{}@x\",\"amount\":1}}\n", file * 50 + row));
        fs::write(folder.join(format!("rows/{file}.ndjson")), rows.collect::<String>())
            .expect("room on the disk");
    }
    fs::write(folder.join("hosts"), free_addresses(2).join("\n")).expect("room on the disk");
    let process = |number| {
        let run =
            ["run", "shop.yaml", "--hosts", "hosts", "--http", "127.0.0.1:0", "--process", number];
        Running::start(folder, &[&run[..], more].concat())
    };
    [process("0"), process("1")].map(|mut running| {
        let address = address(&mut running);
        (running, address)
    })
}

fn code(text: &str) -> String {
    let told: Value = serde_json::from_str(text).expect("JSON");
    told["error"]["code"].as_str().unwrap_or_else(|| panic!("no code: {text}")).to_owned()
}

/// The sum of a metric's samples.
fn sum(metrics: &str, name: &str) -> f64 {
    let of = |line: &str| {
        let rest = line.strip_prefix(name)?;
        rest.starts_with(['{', ' ']).then(|| rest.rsplit(' ').next()?.parse::<f64>().ok())?
    };
    metrics.lines().filter_map(of).sum()
}

#[test]
fn the_first_process_answers_for_all_and_each_tells_its_own_share() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [(mut one, first), (_other, second)] = start(folder.path(), &[]);
    let rows: Vec<Value> = (0..300)
        .map(|number| json!({"id": number, "email": format!("{}@x", number % 250), "amount": 101}))
        .collect();
    let (status, told) =
        post(&first, "/v1/sources/orders", &[], Value::from(rows).to_string().as_bytes());
    assert_eq!((status, told["accepted"].as_u64()), (200, Some(300)));

    // All people, whichever process has them.
    one.until("all are known", |_| get(&first, "/v1/segments").1.contains("\"people\":250"));
    for number in [0, 7, 123, 249] {
        let (status, text) = get(&first, &format!("/v1/profiles/email:{number}@x"));
        let profile: Value = serde_json::from_str(&text).expect("JSON");
        let expected = 101 * (1 + u64::from(number < 50)) + u64::from(number < 200);
        assert_eq!(
            (status, profile["profile"]["attributes"]["spent"].as_u64()),
            (200, Some(expected))
        );
    }
    // The second process is asked: what is only known or taken by the first is told so.
    for path in
        ["/v1/profiles/email:0@x", "/v1/segments", "/v1/segments/big/members", "/v1/changes"]
    {
        let (status, text) = get(&second, path);
        assert_eq!((status, &*code(&text)), (421, "other_process"), "{path}");
    }
    for rows in ["{\"email\":\"x@x\"}", "[]"] {
        let (status, told) = post(&second, "/v1/sources/orders", &[], rows.as_bytes());
        assert_eq!(
            (status, told["error"]["code"].as_str()),
            (421, Some("other_process")),
            "{rows}"
        );
    }
    let (status, told) = post(&second, "/v1/profiles:batch", &[], b"{\"ids\":[\"email:0@x\"]}");
    assert_eq!((status, told["error"]["code"].as_str()), (421, Some("other_process")));
    for path in ["/v1/rejects", "/v1/conflicts"] {
        assert_eq!(get(&first, path).0, 200, "{path}");
        assert_eq!(code(&get(&second, path).1), "other_process", "{path}");
    }
    for address in [&first, &second] {
        assert_eq!(get(address, "/health/live").0, 200);
        assert_eq!(get(address, "/health/ready").0, 200);
        assert_eq!(get(address, "/").0, 200);
    }

    // What both tell comes to the whole.
    one.until("both have told", |_| {
        let both = [&first, &second].map(|address| get(address, "/metrics").1);
        let all = |name: &str| both.iter().map(|metrics| sum(metrics, name)).sum::<f64>();
        all("selfsame_people") == 250.0
            && all("selfsame_source_rows_total") == 500.0
            && all("selfsame_segment_people") == 250.0
            && all("selfsame_identifiers") == 250.0
    });
    let both = [&first, &second].map(|address| get(address, "/metrics").1);
    for metrics in &both {
        let people = sum(metrics, "selfsame_people");
        assert!(0.0 < people && people < 250.0, "each has a share: {people}");
        for name in [
            "selfsame_operator_entries",
            "selfsame_tick_duration_seconds_count",
            "selfsame_replay_active",
        ] {
            assert!(metrics.contains(&format!("\n{name}")), "{name}");
        }
        assert!(sum(metrics, "selfsame_operator_entries") > 0.0);
        assert!(sum(metrics, "process_start_time_seconds") > 1e9);
    }
    // Ticks are opened by the first one.
    assert!(sum(&both[0], "selfsame_tick_duration_seconds_count") > 0.0);

    // Nothing is stored of which anything could be changed.
    for address in [&first, &second] {
        let (status, told) = post(address, "/v1/definition", &[], SHOP.as_bytes());
        assert_eq!((status, told["error"]["code"].as_str()), (409, Some("nothing_stored")));
    }

    one.signal("INT");
    let ended = one.end().well();
    assert!(ended.contains("250"), "{ended}");
    assert!(request("GET", &first, "/health/live", &[], b"").is_none(), "its port is given back");
}

/// Files and whatever else the first process alone writes, it knows all of, whichever process has the people.
#[test]
fn the_first_process_tells_who_follows_what_all_of_them_change_and_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let start = || start(folder.path(), &["--data", "data"]);
    let [(mut one, first), (two, _second)] = start();
    one.until("all are known", |_| get(&first, "/v1/segments").1.contains("\"people\":200"));
    let mut events = follow(&first, "", "");
    let rows: Vec<Value> = (0..100)
        .map(|number| json!({"id": number, "email": format!("{number}@x"), "amount": 101}))
        .collect();
    let body = Value::from(rows).to_string();
    assert_eq!(post(&first, "/v1/sources/orders", &[], body.as_bytes()).0, 200);
    let told: Events = events.by_ref().take(200).collect();
    for output in ["profiles", "flat"] {
        let of_output = told.iter().filter(|(_, record)| record["output"] == output);
        let mut emails: Vec<String> = of_output
            .map(|(_, record)| record["value"]["identifiers"]["email"][0].to_string())
            .collect();
        emails.sort();
        emails.dedup();
        assert_eq!(emails.len(), 100, "{output}: everybody, once");
    }
    one.signal("INT");
    one.end().well();
    two.signal("INT");
    two.end().well();
    let [(mut one, first), _two] = start();
    one.until("all are known", |_| get(&first, "/v1/segments").1.contains("\"people\":200"));
    for place in [0, 70, 150] {
        let rest: Events = follow(&first, "", &told[place].0).take(199 - place).collect();
        assert_eq!(rest, told[place + 1..], "behind {place}");
    }
    // What differs by another definition is told to who follows, of all people.
    let mut events = follow(&first, "?output=flat", &told[199].0);
    let next = SHOP.replace("spent > 100", "spent > 0");
    let (status, answer) = post(&first, "/v1/definition", &[], next.as_bytes());
    assert_eq!(status, 200, "{answer}");
    let differs: Events = events.by_ref().take(100).collect();
    let is_big = |(_, record): &(String, Value)| record["value"]["segments"] == json!(["big"]);
    assert!(differs.iter().all(is_big), "{:?}", undated(differs[0].1.clone()));
    one.signal("INT");
    one.end().well();
}

#[test]
fn the_first_process_counts_what_all_of_them_read_and_reject() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    fs::create_dir_all(path.join("rows")).expect("room on the disk");
    // Names that do not begin alike: each process reads some of the files.
    for file in 4..20 {
        let rows =
            "{\"email\":\"a@x\",\"amount\":1}\n{\"email\":\"b@x\",\"amount\":\"many\"}\nnothing\n";
        fs::write(path.join(format!("rows/{file}.ndjson")), rows).expect("room on the disk");
    }
    let count = |address: &str| {
        let told: Value = serde_json::from_str(&get(address, "/v1/rejects").1).expect("JSON");
        let reasons = told["reasons"].as_array().expect("a list").iter();
        reasons.map(|of| (of["code"].to_string(), of["rows"].as_u64())).collect::<Vec<_>>()
    };
    let all = [("\"malformed\"".to_owned(), Some(16)), ("\"wrong_type\"".to_owned(), Some(16))];
    let [(mut one, first), (two, second)] = start(path, &["--data", "data"]);
    one.until("all are counted", |_| count(&first) == all);
    let own = [&first, &second]
        .map(|address| sum(&get(address, "/metrics").1, "selfsame_source_rows_rejected_total"));
    assert!(own.iter().all(|rows| (1.0..32.0).contains(rows)), "each has a share: {own:?}");
    // What is rejected is known by its examples, too; how many rows the other process has read it says a little later.
    one.until("all have told what they counted", |_| {
        let said = get(&first, "/v1/status").1;
        ["\"rejected\":32,\"rows\":248", "\"identifiers\":201,"].iter().all(|of| said.contains(of))
    });
    let (status, text) = get(&first, "/v1/status");
    let told: Value = serde_json::from_str(&text).expect("JSON");
    let read = &told["sources"][1];
    assert_eq!((status, &read["name"]), (200, &json!("read")));
    let counts = ["rows", "accepted", "rejected"].map(|name| read[name].as_u64());
    assert_eq!(counts, [Some(248), Some(216), Some(32)], "{text}");
    assert_eq!(told["identifiers"], 201, "{text}");
    one.until("all are acknowledged", |_| {
        get(&first, "/v1/status").1.contains("\"rows\":248},\"latency_target_ms\"")
    });
    for running in [one, two] {
        running.signal("INT");
        running.end().well();
    }
}

#[test]
fn each_process_changes_what_all_of_them_run() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [(mut one, first), (_other, second)] = start(folder.path(), &["--data", "data"]);
    one.until("all are known", |_| get(&first, "/v1/segments").1.contains("\"people\":200"));
    let next = SHOP.replace("spent > 100", "spent > 0");
    let (status, told) = post(&second, "/v1/definition?dry_run=true", &[], next.as_bytes());
    assert_eq!((status, told["difference"]["segments"][0]["enter"].as_u64()), (200, Some(200)));
    let wrong = SHOP.replace("spent > 100", "spend > 100");
    let (status, told) = post(&second, "/v1/definition", &[], wrong.as_bytes());
    assert_eq!((status, told["error"]["code"].as_str()), (400, Some("bad_definition")));
    assert_eq!(told["error"]["mistakes"][0]["column"], 8, "{told}");
    let (status, told) = post(&second, "/v1/definition", &[], next.as_bytes());
    assert_eq!((status, told["rows"].as_u64()), (200, Some(200)), "{told}");
    for address in [&first, &second] {
        assert_eq!(get(address, "/v1/definition").1, next);
    }
    let members = get(&first, "/v1/segments/big/members").1;
    assert!(members.contains("p_"), "{members}");
    let (status, told) = post(&second, "/v1/profiles/email:7@x:forget", &[], b"");
    assert_eq!((status, told["rows"]["read"].as_u64()), (200, Some(1)), "{told}");
    assert_eq!(get(&first, "/v1/profiles/email:7@x").0, 404);
    assert_eq!(get(&first, "/v1/profiles/email:8@x").0, 200);
    let (status, told) = post(&second, "/v1/profiles/email:nobody@x:forget", &[], b"");
    assert_eq!((status, told["error"]["code"].as_str()), (404, Some("nobody")));
    // Rows are taken as before.
    let (status, told) =
        post(&first, "/v1/sources/orders", &[], b"[{\"id\":1,\"email\":\"new@x\",\"amount\":5}]");
    assert_eq!((status, told["accepted"].as_u64()), (200, Some(1)));
    one.until("it is known", |_| get(&first, "/v1/profiles/email:new@x").0 == 200);
    one.signal("INT");
    one.end().well();
}
