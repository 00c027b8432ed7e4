//! The admin key changes what runs: another definition, people who are forgotten, decisions; and nobody else does.

#[path = "serve/client.rs"]
mod client;
mod program;

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::thread::JoinHandle;

use client::{Answer, answer, connect, get, gzipped, post, request};
use selfsame::{Control, Definition, Engine};
use serde_json::{Value, json};

const SHOP: &str = "
sources:
  orders:
    http: {}
    kind: events
    fields: {email: text, phone: text, device: text, amount: integer}
  rulings:
    http: {}
    kind: records
    key: pair
    fields: {pair: text, one: {type: text, path: about.one}, other: {type: text, path: about.other}, verdict: text}
identity:
  email: {from: {orders: email}, normalize: lower(trim(value))}
  phone: {from: {orders: phone}}
  device: {from: {orders: device}}
  decisions: {from: rulings, one: one, other: other, verdict: verdict}
attributes:
  spent: {from: orders, select: sum(amount)}
segments:
  big: spent > 100
outputs:
  profiles: {files: out/profiles.ndjson}
";

/// With keys, of which the admin's is `ROOT`.
const ROOT: &str = "root-root-root-root";
const KEYS: &str = "http: {keys: {read: reading-reading-r, write: {orders: writing-writing-w}, admin: root-root-root-root}}\n";

struct Shop {
    control: Control,
    waiting: Option<JoinHandle<()>>,
    address: SocketAddr,
}

impl Shop {
    fn open(folder: &Path, text: &str, data: bool) -> Self {
        let definition = Definition::parse(text, folder.join("shop.yaml")).expect("it is right");
        let mut builder = Engine::builder(&definition).http("127.0.0.1:0");
        if data {
            builder = builder.data(folder.join("data"));
        }
        let running = builder.start().expect("it starts");
        let (address, control) = (running.http().expect("it is served"), running.control());
        // Changes are made by whoever waits for its end.
        let waiting = std::thread::spawn(move || drop(running.wait().expect("it runs")));
        Shop { control, waiting: Some(waiting), address }
    }

    fn order(&self, rows: Value) {
        let path = "/v1/sources/orders";
        let body = rows.to_string();
        let answer = request(
            self.address,
            "POST",
            path,
            &[("authorization", &format!("Bearer {ROOT}"))],
            body.as_bytes(),
        );
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    }

    fn until(&self, path: &str, holds: impl Fn(&Answer) -> bool) -> Answer {
        for _ in 0..1_000 {
            let answer = request(
                self.address,
                "GET",
                path,
                &[("authorization", &format!("Bearer {ROOT}"))],
                b"",
            );
            if holds(&answer) {
                return answer;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("never: {path}");
    }

    fn person(&self, identifier: &str) -> String {
        let answer =
            self.until(&format!("/v1/profiles/{identifier}"), |answer| answer.status == 200);
        answer.json()["profile"]["person"].as_str().expect("an id").to_owned()
    }

    /// What outlives a change of what runs: when the program was started, and how large a segment was, but for its last size.
    fn history(&self) -> (Value, Vec<Value>) {
        let started =
            self.until("/v1/status", |answer| answer.status == 200).json()["started"].clone();
        let segment = self.until("/v1/segments/big", |answer| answer.status == 200).json();
        let mut sizes = segment["sizes"].as_array().expect("a list").clone();
        sizes.pop();
        (started, sizes)
    }

    /// Another row, in another second than what was before.
    fn goes_on(&self) {
        std::thread::sleep(std::time::Duration::from_millis(1_100));
        self.order(json!([{"email": "dan@example.com", "amount": 1}]));
        self.until("/v1/segments/big", |answer| {
            answer.json()["sizes"].as_array().is_some_and(|of| of.len() > 1)
        });
    }

    /// What was known of it before a change is known yet, and all that counts has begun anew.
    #[track_caller]
    fn goes_on_from(&self, (started, sizes): (Value, Vec<Value>)) {
        let now = self.history();
        assert_eq!(now.0, started);
        assert!(!sizes.is_empty() && now.1.starts_with(&sizes), "{sizes:?}, and then {:?}", now.1);
        let status = get(self.address, "/v1/status").json();
        assert!(status["counted_since"].as_str() > status["started"].as_str(), "{status}");
    }

    fn sizes(&self) -> Value {
        get(self.address, "/v1/segments").json()["segments"].clone()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.control.stop();
        let ended = self.waiting.take().expect("once").join();
        if !std::thread::panicking() {
            ended.expect("it ends");
        }
    }
}

fn bearer(address: SocketAddr, method: &str, path: &str, key: &str, body: &str) -> Answer {
    let authorization = format!("Bearer {key}");
    let headers = [("authorization", &*authorization)];
    request(address, method, path, if key.is_empty() { &[] } else { &headers }, body.as_bytes())
}

#[test]
fn a_definition_is_looked_at_and_then_takes_the_place_of_the_one_that_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let shop = Shop::open(folder.path(), SHOP, true);
    shop.order(json!([{"email": "ada@example.com", "amount": 150}, {"email": "bob@example.com", "amount": 50}]));
    shop.until("/v1/profiles/email:bob@example.com", |answer| answer.status == 200);
    let before = get(shop.address, "/v1/definition");
    assert_eq!((before.status, before.header("content-type")), (200, Some("application/yaml")));
    assert_eq!(String::from_utf8_lossy(&before.body), SHOP);
    let next = SHOP.replace("spent > 100", "spent > 40");
    let would = post(shop.address, "/v1/definition?dry_run=true", &next);
    assert_eq!(would.status, 200, "{}", String::from_utf8_lossy(&would.body));
    let would = would.json();
    let path = "/v1/definition?dry_run=true";
    let packed = request(shop.address, "POST", path, &[], &gzipped(next.as_bytes()));
    assert_eq!(packed.json()["changes"], would["changes"]);
    assert_eq!(would["changes"], json!([{"of": "segment", "name": "big", "change": "changed"}]));
    let difference = &would["difference"]["segments"][0];
    assert_eq!(
        (&difference["before"], &difference["after"], &difference["enter"]),
        (&json!(1), &json!(2), &json!(1))
    );
    assert_eq!(shop.sizes(), json!([{"name": "big", "size": 1}]), "nothing was done");
    shop.goes_on();
    let before = shop.history();
    let done = post(shop.address, "/v1/definition", &next).json();
    assert_eq!((&done["changes"], &done["rows"]), (&would["changes"], &json!(3)));
    shop.goes_on_from(before);
    shop.until("/v1/segments", |answer| {
        answer.status == 200 && answer.json()["segments"][0]["size"] == 2
    });
    assert_eq!(String::from_utf8_lossy(&get(shop.address, "/v1/definition").body), next);
    // Rows that come go into it.
    shop.order(json!([{"email": "cid@example.com", "amount": 41}]));
    shop.until("/v1/segments", |answer| answer.json()["segments"][0]["size"] == 3);
}

#[test]
fn a_person_is_forgotten_by_id_or_identifier() {
    let folder = tempfile::tempdir().expect("a folder");
    let shop = Shop::open(folder.path(), SHOP, true);
    let rows = json!([
        {"email": "ada@example.com", "device": "a:b/c", "amount": 150}, {"device": "a:b/c", "amount": 1},
        {"email": "bob@example.com", "amount": 50},
    ]);
    shop.order(rows.clone());
    let (ada, _) = (shop.person("email:ada@example.com"), shop.person("email:bob@example.com"));
    let would = post(shop.address, &format!("/v1/persons/{ada}:forget?dry_run=true"), "");
    assert_eq!(would.status, 200, "{}", String::from_utf8_lossy(&would.body));
    assert_eq!(
        (&would.json()["rows"], &would.json()["done"]),
        (&json!({"orders": 2}), &json!(false))
    );
    assert_eq!(shop.person("email:ada@example.com"), ada, "nothing was done");
    shop.goes_on();
    let before = shop.history();
    let done = post(shop.address, "/v1/profiles/device:a:b%2Fc:forget?suppress=true", "").json();
    assert_eq!(done["person"], json!(ada));
    assert_eq!(
        (&done["done"], &done["suppressed"], &done["rows"]),
        (&json!(true), &json!(true), &json!({"orders": 2}))
    );
    assert_eq!(get(shop.address, "/v1/profiles/email:ada@example.com").status, 404);
    shop.goes_on_from(before);
    // Who is kept from coming back does not, and the others are there.
    shop.order(json!([{"email": "ada@example.com", "amount": 1}, {"email": "cid@example.com", "amount": 1}]));
    shop.person("email:cid@example.com");
    assert_eq!(get(shop.address, "/v1/profiles/email:ada@example.com").status, 404);
    shop.person("email:bob@example.com");
    let again = post(shop.address, &format!("/v1/persons/{ada}:forget"), "");
    assert_eq!(again.refusal(), (404, "nobody".to_owned()));
}

#[test]
fn a_decision_is_a_row_of_the_source_that_decisions_are_taken_from() {
    let folder = tempfile::tempdir().expect("a folder");
    let shop = Shop::open(folder.path(), SHOP, true);
    shop.order(
        json!([{"email": "ada@example.com", "amount": 150}, {"phone": "+49", "amount": 50}]),
    );
    let (ada, phone) = (shop.person("email:ada@example.com"), shop.person("phone:+49"));
    assert_ne!(ada, phone);
    let decide = |left: &str, right: &str, decision: &str| {
        let body = json!({"left": left, "right": right, "decision": decision});
        let body = body.to_string();
        for body in [gzipped(body.as_bytes()), body.into_bytes()] {
            let answer = request(shop.address, "POST", "/v1/decisions", &[], &body);
            let expected = (200, json!({"accepted": 1, "source": "rulings"}));
            assert_eq!((answer.status, answer.json()), expected);
        }
    };
    let is_one = |yes: bool| {
        shop.until("/v1/segments", |answer| answer.json()["people"] == if yes { 1 } else { 2 });
        assert_eq!(shop.person("email:ada@example.com") == shop.person("phone:+49"), yes);
    };
    decide("email:ADA@example.com", "phone:+49", "same");
    is_one(true);
    // Whichever is named first, the later one counts.
    decide("phone:+49", "email:ADA@example.com", "different");
    is_one(false);
    decide("email:ADA@example.com", "phone:+49", "same");
    is_one(true);
    let why = get(shop.address, &format!("/v1/persons/{ada}/why")).json();
    assert_eq!(
        (&why["decisions"][0]["verdict"], &why["links"][0]["decided"]),
        (&json!("same"), &json!(true))
    );
}

/// A decision is about two identifiers as they are known: however they are spelt, and whatever spaces they have.
#[test]
fn a_decision_takes_the_place_of_one_about_the_same_two_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = SHOP.replace(
        "  device: {from",
        "  name: {from: {orders: name}, normalize: lower(value)}\n  device: {from",
    );
    let text = text.replace("email: text, phone", "email: text, name: text, phone");
    let shop = Shop::open(folder.path(), &text, true);
    let names = ["a", "b name:c", "a name:b", "c", "eve", "100% b", "100%20b"];
    shop.order(names.iter().map(|name| json!({"name": name, "amount": 1})).collect());
    let decide = |left: &str, right: &str, decision: &str| {
        let body = json!({"left": left, "right": right, "decision": decision});
        assert_eq!(post(shop.address, "/v1/decisions", &body.to_string()).status, 200, "{body}");
    };
    let people = |number: u32| {
        shop.until("/v1/segments", |answer| answer.json()["people"] == number);
    };
    people(7);
    // The two of each begin and end alike.
    decide("name:a", "name:b name:c", "same");
    people(6);
    decide("name:a name:b", "name:c", "same");
    people(5);
    decide("name:eve", "name:100% b", "same");
    people(4);
    decide("name:eve", "name:100%20b", "same");
    people(3);
    // Spelt otherwise, it is about the same two.
    decide("name:EVE", "name:100% B", "different");
    people(4);
    decide("name:B name:C", "name:A", "different");
    people(5);
}

#[test]
fn whoever_lacks_the_admin_key_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let shop = Shop::open(folder.path(), &format!("{KEYS}{SHOP}"), true);
    shop.order(json!([{"email": "ada@example.com", "amount": 150}]));
    let ada = shop.person("email:ada@example.com");
    let decision = r#"{"left": "email:a", "right": "email:b", "decision": "same"}"#;
    let next = format!("{KEYS}{}", SHOP.replace("> 100", "> 10"));
    let asked = [
        ("GET", "/v1/definition".to_owned(), ""),
        ("POST", "/v1/definition".to_owned(), &*next),
        ("POST", "/v1/definition?dry_run=true".to_owned(), &*next),
        ("POST", format!("/v1/persons/{ada}:forget"), ""),
        ("POST", "/v1/profiles/email:ada@example.com:forget".to_owned(), ""),
        ("POST", "/v1/decisions".to_owned(), decision),
    ];
    for (method, path, body) in &asked {
        for (key, status, code) in [
            ("", 401, "no_key"),
            ("none", 401, "wrong_key"),
            ("reading-reading-r", 403, "other_key"),
            ("writing-writing-w", 403, "other_key"),
        ] {
            let answer = bearer(shop.address, method, path, key, body);
            assert_eq!(answer.refusal(), (status, code.to_owned()), "{method} {path} {key}");
            assert_eq!(answer.header("www-authenticate").is_some(), status == 401);
        }
    }
    shop.person("email:ada@example.com");
    for (method, path, body) in &asked {
        let answer = bearer(shop.address, method, path, ROOT, body);
        // The person is forgotten once.
        assert!([200, 404].contains(&answer.status), "{method} {path}: {answer:?}");
    }
}

#[test]
fn what_cannot_be_changed_is_told_with_a_remedy_and_stays_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let shop = Shop::open(folder.path(), SHOP, true);
    shop.order(json!([{"email": "ada@example.com", "amount": 150}]));
    let ada = shop.person("email:ada@example.com");
    let refused = |path: &str, body: &str| post(shop.address, path, body).refusal();
    let definition = |body: &str| refused("/v1/definition", body);
    for wrong in [
        "",
        "{",
        "- 1",
        "sources: 5",
        "\u{0}",
        "a: &a [*a]",
        &SHOP.replace("sum(amount)", "sum(amout)"),
    ] {
        assert_eq!(definition(wrong), (400, "bad_definition".to_owned()), "{wrong}");
    }
    let wrong = post(shop.address, "/v1/definition", &SHOP.replace("sum(amount)", "sum(amout)"));
    let mistake = &wrong.json()["error"]["mistakes"][0];
    let line = SHOP.lines().position(|line| line.contains("spent:")).expect("a line") + 1;
    assert_eq!(
        (mistake["line"].as_u64(), mistake["message"].as_str().map(|of| of.contains("amount"))),
        (Some(line as u64), Some(true))
    );
    let bytes = request(shop.address, "POST", "/v1/definition", &[], b"a: \xff");
    assert_eq!(bytes.refusal(), (400, "bad_body".to_owned()));
    assert_eq!(definition(&"#".repeat(5 << 20)), (413, "too_large".to_owned()));
    assert_eq!(refused("/v1/definition?dry_run=2", SHOP), (400, "bad_parameter".to_owned()));
    assert_eq!(refused("/v1/definition?dry=1", SHOP), (400, "bad_parameter".to_owned()));
    let restart = format!("{KEYS}{SHOP}");
    assert_eq!(definition(&restart), (409, "needs_restart".to_owned()));
    let absent = SHOP.replacen("http: {}", "files: none/*.ndjson", 1);
    assert_eq!(definition(&absent), (409, "not_changed".to_owned()));
    for (path, status, code) in [
        ("/v1/persons/ada:forget".to_owned(), 400, "bad_person"),
        (format!("/v1/persons/p_{}:forget", "0".repeat(32)), 404, "nobody"),
        (format!("/v1/persons/{ada}:forget?all=true"), 400, "bad_parameter"),
        (format!("/v1/persons/{ada}"), 405, "method_not_allowed"),
        ("/v1/profiles/email:ada@example.com".to_owned(), 405, "method_not_allowed"),
        ("/v1/profiles/mail:ada:forget".to_owned(), 404, "unknown_type"),
        ("/v1/profiles/ada:forget".to_owned(), 400, "bad_identifier"),
        ("/v1/profiles/email:nobody@example.com:forget".to_owned(), 404, "nobody"),
    ] {
        assert_eq!(refused(&path, ""), (status, code.to_owned()), "{path}");
    }
    let decision = |left: &str, right: &str, decision: &str| {
        json!({"left": left, "right": right, "decision": decision}).to_string()
    };
    for (body, status, code) in [
        (String::new(), 400, "bad_body"),
        ("[]".to_owned(), 400, "bad_body"),
        (decision("email:a", "email:b", "perhaps"), 400, "bad_body"),
        (decision("email:a", "email: A", "same"), 409, "one_identifier"),
        (decision("mail:a", "email:b", "same"), 404, "unknown_type"),
        (decision("email:a", "b", "same"), 400, "bad_identifier"),
        (decision("email:a", "email:null", "same"), 400, "bad_identifier"),
        (" ".repeat(70 << 10), 413, "too_large"),
    ] {
        assert_eq!(refused("/v1/decisions", &body), (status, code.to_owned()), "{body:.60}");
    }
    let told = |body: &str| {
        let error = post(shop.address, "/v1/decisions", body).json();
        error["error"]["message"].as_str().expect("a message").to_owned()
    };
    assert!(told(&decision("email:a", "mail:b", "same")).starts_with("`right`: "), "which of both");
    let perhaps = told(&decision("email:a", "email:b", "perhaps"));
    assert!(perhaps.contains("`decision` is \"same\" or \"different\""), "{perhaps}");
    // A page from elsewhere.
    for headers in [[("origin", "http://evil.example")], [("sec-fetch-site", "cross-site")]] {
        let answer = request(shop.address, "POST", "/v1/definition", &headers, SHOP.as_bytes());
        assert_eq!(answer.refusal(), (403, "other_site".to_owned()));
    }
    assert_eq!(shop.sizes(), json!([{"name": "big", "size": 1}]));
    assert_eq!(String::from_utf8_lossy(&get(shop.address, "/v1/definition").body), SHOP);
    // A body that never comes whole costs its own connection.
    let mut slow = connect(shop.address);
    write!(
        slow,
        "POST /v1/decisions HTTP/1.1\r\nhost: {}\r\ncontent-length: 10\r\n\r\n{{",
        shop.address
    )
    .expect("sent");
    slow.shutdown(std::net::Shutdown::Write).expect("it ends");
    drop(slow);
    shop.person("email:ada@example.com");
}

#[test]
fn one_change_is_made_at_a_time_and_none_where_nothing_is_stored_or_the_run_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let shop = Shop::open(folder.path(), SHOP, true);
    shop.order(json!([{"email": "ada@example.com", "amount": 150}]));
    shop.person("email:ada@example.com");
    let next = Definition::parse(&SHOP.replace("> 100", "> 10"), folder.path().join("shop.yaml"))
        .expect("right");
    let refused = std::cell::RefCell::new(Vec::new());
    let told = |_: &str| {
        refused.borrow_mut().push(post(shop.address, "/v1/definition?dry_run=true", SHOP));
        refused.borrow_mut().push(post(
            shop.address,
            "/v1/profiles/email:ada@example.com:forget",
            "",
        ));
    };
    shop.control.apply(&next, &told).expect("it is applied");
    let refused = refused.into_inner();
    assert!(!refused.is_empty());
    for answer in refused {
        assert_eq!(answer.refusal(), (409, "change_under_way".to_owned()));
        assert!(answer.header("retry-after").is_some());
    }
    // The body comes when the run has been asked to stop.
    let body = SHOP.as_bytes();
    let mut late = connect(shop.address);
    write!(late, "POST /v1/definition HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", shop.address, body.len()).expect("sent");
    get(shop.address, "/health/live");
    shop.control.stop();
    late.write_all(body).expect("sent");
    assert_eq!(answer(&mut late).refusal(), (503, "shutting_down".to_owned()));
    drop(shop);
    let folder = tempfile::tempdir().expect("a folder");
    let shop = Shop::open(folder.path(), SHOP, false);
    for (path, body) in
        [("/v1/definition", SHOP), ("/v1/profiles/email:ada@example.com:forget", "")]
    {
        assert_eq!(
            post(shop.address, path, body).refusal(),
            (409, "nothing_stored".to_owned()),
            "{path}"
        );
    }
    assert_eq!(get(shop.address, "/v1/definition").status, 200);
}

#[test]
fn a_definition_whose_decisions_come_from_elsewhere_takes_none_over_http() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("rulings.ndjson"), "").expect("written");
    let without =
        SHOP.lines().filter(|line| !line.contains("decisions:")).collect::<Vec<_>>().join("\n");
    let at = SHOP.rfind("http: {}").expect("a source");
    let files = format!("{}files: rulings.ndjson{}", &SHOP[..at], &SHOP[at + 8..]);
    let derived =
        SHOP.replace("verdict: text}\n", "said: text}\n    derive: {verdict: lower(said)}\n");
    let number = SHOP.replace("fields: {pair: text", "fields: {pair: integer");
    for text in [without, files, derived, number] {
        let shop = Shop::open(folder.path(), &text, false);
        let body = r#"{"left": "email:a", "right": "email:b", "decision": "same"}"#;
        let answer = post(shop.address, "/v1/decisions", body);
        assert_eq!(answer.refusal(), (409, "no_decisions".to_owned()), "{text}");
    }
}

#[test]
fn an_engine_that_runs_says_why_to_the_command() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("shop.yaml"), SHOP).expect("written");
    let run = ["run", "shop.yaml", "--data", "data", "--http", "127.0.0.1:0"];
    let mut running = program::Running::start(folder.path(), &run);
    running.until("it listens", |running| running.err().contains("http://127.0.0.1:"));
    let said = running.err();
    let at = said.split("http://").nth(1).expect("an address");
    let address: SocketAddr = at
        .split(['/', ' ', '\n', '\'', ','])
        .next()
        .expect("it")
        .trim()
        .parse()
        .expect("an address");
    let rows = json!([{"email": "ada@example.com", "phone": "+49", "amount": 1}]).to_string();
    assert_eq!(post(address, "/v1/sources/orders", &rows).status, 200);
    let why = ["why", "phone:+49", "--data", "data", "--spec", "shop.yaml"];
    let json = program::selfsame(folder.path(), &[&why[..], &["--json"]].concat()).well();
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["links"][0]["rows"][0]["source"], "orders");
    assert!(program::selfsame(folder.path(), &why).well().contains("phone"));
    let none = program::selfsame(
        folder.path(),
        &["why", "phone:+50", "--data", "data", "--spec", "shop.yaml"],
    );
    assert!(none.badly().contains("nobody is known as 'phone:+50'"));
    let none = program::selfsame(
        folder.path(),
        &["why", "phone:+49", "--data", "none", "--spec", "shop.yaml"],
    );
    assert!(none.badly().contains("'none' is no data folder"));
    running.signal("TERM");
}

/// What `http` says holds until the run ends, whatever of it is another one.
#[test]
fn no_part_of_http_is_changed_by_applying_a_definition() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let shop = Shop::open(folder.path(), &format!("{KEYS}{SHOP}"), true);
    let apply = |text: &str| bearer(shop.address, "POST", "/v1/definition", ROOT, text);
    let changed = SHOP.replace("> 100", "> 10");
    for (of, other) in [
        (ROOT, "another-root-another"),
        ("reading-reading-r", "[reading-reading-r, reading-reading-2]"),
        ("{orders: writing-writing-w}", "{}"),
        ("{keys:", "{limits: {read: {rate: 5}}, keys:"),
        ("{keys:", "{origins: [\"https://shop.example\"], keys:"),
        ("{keys:", "{kept_changes_mib: 5, keys:"),
        ("{keys:", "{listen: \"127.0.0.1:1\", keys:"),
        (KEYS, ""),
    ] {
        let refused = apply(&format!("{}{changed}", KEYS.replace(of, other)));
        assert_eq!(refused.refusal(), (409, "needs_restart".to_owned()), "{other}");
    }
    // A key may be written as its hash.
    let in_force = fs::read_to_string(folder.path().join("data/definition.yaml"));
    let in_force = in_force.expect("it is noted");
    assert!(in_force.contains("admin: sha256:"), "{in_force}");
    assert_eq!(apply(&in_force.replace("> 100", "> 10")).status, 200);
}

/// What stands in a definition and is secret is nobody else's to read.
#[test]
fn a_data_folder_has_no_key_and_shows_the_definition_to_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let shop = Shop::open(folder.path(), &format!("{KEYS}{SHOP}"), true);
    let told = post(shop.address, "/v1/sources/orders", "{}");
    assert_eq!(told.status, 401);
    for name in ["definition.yaml", "definition.json"] {
        let path = folder.path().join("data").join(name);
        let text = fs::read_to_string(&path).expect("it is noted");
        for key in [ROOT, "reading-reading-r", "writing-writing-w"] {
            assert!(!text.contains(key), "{text}");
        }
        let mode = fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
