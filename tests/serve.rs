//! What is asked over HTTP is answered as of one tick, and what can't be answered is told with a remedy.

#[path = "serve/client.rs"]
mod client;

use std::io::Write;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};

use client::{answer, connect, get, gzipped, post, request};
use selfsame::{ChangelogRecord, Definition, Engine, Running};
use serde_json::{Value, json};

const SHOP: &str = "
sources:
  orders: {files: none, kind: events, fields: {email: text, device: text, amount: 'decimal(12,2)'}}
identity:
  email: {from: {orders: email}, normalize: lower(trim(value))}
  device: {from: {orders: device}}
attributes:
  spent: {from: orders, select: sum(amount)}
  orders: {from: orders, select: count(*)}
  last: {from: orders, select: 'recent(amount, 2)'}
segments:
  big: spent > 100
outputs:
  profiles: {files: none}
";

struct Shop {
    running: Running,
    told: Receiver<ChangelogRecord>,
    address: SocketAddr,
}

impl Shop {
    fn open() -> Self {
        let definition = Definition::parse(SHOP, "shop.yaml").expect("it is right");
        let (tell, told) = channel();
        let running = Engine::builder(&definition)
            .http("127.0.0.1:0")
            .empty_source("orders")
            .output("profiles", move |record| drop(tell.send(record)))
            .start()
            .expect("it starts");
        let address = running.http().expect("it is served");
        Shop { running, told, address }
    }

    fn order(&mut self, rows: Value) {
        let rows = rows.as_array().expect("rows").clone();
        self.running.push("orders", rows).expect("rows");
        self.running.tick().expect("a tick");
    }
}

#[test]
fn a_profile_is_found_by_any_identifier_and_is_the_one_that_was_published() {
    let mut shop = Shop::open();
    shop.order(json!([
        {"email": "Ada@Example.com ", "device": "a/b:c", "amount": "120.50"},
        {"email": "bob@example.com", "amount": 1},
    ]));
    let told: Vec<ChangelogRecord> = shop.told.try_iter().collect();
    let ada = told
        .iter()
        .find(|record| {
            record.json()["attributes"]["orders"] == 1
                && record.json()["segments"] == json!(["big"])
        })
        .expect("she is told");
    for path in [
        "/v1/profiles/email:ada@example.com".to_owned(),
        "/v1/profiles/email:%20ADA@example.com".to_owned(),
        "/v1/profiles/device:a/b:c".to_owned(),
        "/v1/profiles/device:a%2Fb%3Ac".to_owned(),
        format!("/v1/persons/{}", ada.key),
    ] {
        let answer = get(shop.address, &path);
        assert_eq!(answer.status, 200, "{path}");
        let body = std::str::from_utf8(&answer.body).expect("JSON");
        let tick = answer.header("selfsame-tick").expect("a tick");
        let value = ada.value.as_ref().expect("a profile");
        assert_eq!(body, format!("{{\"tick\":{tick},\"profile\":{value}}}"), "{path}");
    }
    let some = get(shop.address, "/v1/profiles/email:ada@example.com?attributes=last,spent,last");
    assert_eq!(
        some.json()["profile"]["attributes"].to_string(),
        r#"{"last":[120.5],"spent":120.5}"#
    );
    assert!(String::from_utf8_lossy(&some.body).contains(r#""spent":120.50}"#), "digits are kept");
    assert_eq!(some.json()["profile"]["segments"], json!(["big"]));
}

#[test]
fn a_merged_id_leads_to_who_it_has_become() {
    let mut shop = Shop::open();
    shop.order(json!([{"device": "d1", "amount": 1}]));
    let before = get(shop.address, "/v1/profiles/device:d1").json();
    let old = before["profile"]["person"].as_str().expect("an id").to_owned();
    shop.order(json!([{"email": "ada@example.com", "device": "d1", "amount": 2}]));
    let now = get(shop.address, "/v1/profiles/device:d1").json();
    let new = now["profile"]["person"].as_str().expect("an id").to_owned();
    assert_ne!(old, new);
    let moved = get(shop.address, &format!("/v1/persons/{old}"));
    assert_eq!(moved.refusal(), (307, "merged".to_owned()));
    assert_eq!(moved.header("location"), Some(&*format!("/v1/persons/{new}")));
    // What was asked of the one is asked of the other.
    for rest in ["?attributes=spent", "/segments?after=1&timeout=%35"] {
        let moved = get(shop.address, &format!("/v1/persons/{old}{rest}"));
        assert_eq!(moved.refusal(), (307, "merged".to_owned()), "{rest}");
        let location = format!("/v1/persons/{new}{rest}");
        assert_eq!(moved.header("location"), Some(&*location));
        assert_eq!(moved.json()["error"]["remedy"], format!("GET {location}"));
        assert_eq!(get(shop.address, &location).status, 200, "{rest}");
    }
    assert_eq!(get(shop.address, &format!("/v1/persons/{new}")).json()["profile"], now["profile"]);
}

#[test]
fn who_has_the_profile_already_is_told_only_that() {
    let mut shop = Shop::open();
    shop.order(json!([{"email": "ada@example.com", "amount": 1}]));
    let path = "/v1/profiles/email:ada@example.com";
    let first = get(shop.address, path);
    let tag = first.header("etag").expect("a tag").to_owned();
    let person = first.json()["profile"]["person"].as_str().expect("an id").to_owned();
    let paths = [path.to_owned(), format!("/v1/persons/{person}")];
    // A tick that changes nothing of her changes nothing of the tag.
    shop.order(json!([{"email": "bob@example.com", "amount": 1}]));
    let address = shop.address;
    let asked =
        |path: &str, tag: &str| request(address, "GET", path, &[("if-none-match", tag)], b"");
    for path in &paths {
        for known in [&*tag, &format!("\"other\", {tag}"), "*", tag.trim_start_matches("W/")] {
            let answer = asked(path, known);
            assert_eq!((answer.status, answer.body.len()), (304, 0), "{path} {known}");
            assert_eq!(answer.header("etag"), Some(&*tag), "{path}");
        }
        assert_eq!(asked(path, "\"other\"").status, 200, "{path}");
    }
    shop.order(json!([{"email": "ada@example.com", "amount": 1}]));
    for path in &paths {
        let answer = asked(path, &tag);
        assert_eq!(
            (answer.status, answer.json()["profile"]["attributes"]["orders"].clone()),
            (200, json!(2)),
            "{path}"
        );
        assert_ne!(answer.header("etag"), Some(&*tag), "{path}");
    }
}

#[test]
fn an_answer_waits_for_a_tick_but_not_for_ever() {
    let mut shop = Shop::open();
    shop.order(json!([{"email": "ada@example.com", "amount": 1}]));
    let tick = get(shop.address, "/v1/profiles/email:ada@example.com").json()["tick"].as_u64();
    let tick = tick.expect("a tick");
    let address = shop.address;
    let wait = move |after: u64, timeout: u64| {
        get(address, &format!("/v1/profiles/email:ada@example.com?after={after}&timeout={timeout}"))
    };
    assert_eq!(wait(tick, 0).status, 200);
    assert_eq!(wait(tick + 1, 20).refusal(), (409, "not_reached".to_owned()));
    let waiting = std::thread::spawn(move || wait(tick + 1, 30_000));
    shop.order(json!([{"email": "ada@example.com", "amount": 1}]));
    let answer = waiting.join().expect("an answer").json();
    assert!(answer["tick"].as_u64() > Some(tick), "{answer}");
    // What is complete is published: who wrote reads it.
    let answer = wait(tick + 1, 0).json();
    assert_eq!(answer["profile"]["attributes"]["orders"], 2);
}

#[test]
fn whoever_waits_for_a_tick_finds_its_rejects_and_what_is_counted_of_it() {
    let definition =
        format!("{SHOP}  rejects: {{files: rejects}}\n  conflicts: {{files: conflicts}}\n");
    let text = definition.replace("{files: none, kind", "{http: {}, kind");
    let definition = Definition::parse(&text, "shop.yaml").expect("it is right");
    let mut builder = Engine::builder(&definition).http("127.0.0.1:0").workers(2);
    for output in ["profiles", "rejects", "conflicts"] {
        builder = builder.output(output, drop);
    }
    let running = builder.start().expect("it starts");
    let address = running.http().expect("it is served");
    for round in 1..=20 {
        let rows = "{\"email\": \"ada@example.com\", \"amount\": 1}\n{\"email\": \"b@example.com\", \"amount\": \"many\"}\n";
        let posted = post(address, "/v1/sources/orders", rows);
        let tick = posted.header("selfsame-tick").expect("a tick").to_owned();
        let asked = |path: &str| {
            let answer = get(address, &format!("{path}?after={tick}&timeout=30000"));
            assert_eq!(answer.status, 200, "{path}");
            answer.json()
        };
        let reasons = &asked("/v1/rejects")["reasons"];
        assert_eq!(reasons.as_array().map(Vec::len), Some(1), "{reasons}");
        assert_eq!(reasons[0]["rows"], round, "{reasons}");
        let examples = reasons[0]["examples"].as_array().map(Vec::len);
        assert_eq!(examples, Some(5.min(round)), "{reasons}");
        let status = asked("/v1/status");
        let source = &status["sources"][0];
        assert_eq!((&source["rows"], &source["rejected"]), (&json!(2 * round), &json!(round)));
        assert_eq!(asked("/v1/conflicts")["conflicts"], json!([]));
    }
    for path in ["/v1/status", "/v1/rejects", "/v1/conflicts"] {
        let refused = |query: &str| get(address, &format!("{path}?{query}")).refusal();
        let late = Some(&(409, "not_reached".to_owned()));
        assert_eq!(Some(&refused("after=9999999999999&timeout=1")), late, "{path}");
        assert_eq!(refused("befor=1"), (400, "bad_parameter".to_owned()), "{path}");
    }
}

#[test]
fn large_profiles_are_answered_few_at_once() {
    let mut shop = Shop::open();
    let long = format!("{}@example.com", "a".repeat(400_000));
    shop.order(json!([{"email": long, "device": "d", "amount": 1}]));
    let asked = |number: usize, query: &str| {
        let ids = json!({"ids": vec!["device:d"; number]});
        post(shop.address, &format!("/v1/profiles:batch{query}"), &ids.to_string())
    };
    assert_eq!(asked(50, "").json()["profiles"].as_array().map(Vec::len), Some(50));
    assert_eq!(asked(1_000, "").refusal(), (413, "too_large".to_owned()));
}

#[test]
fn many_are_answered_at_once_each_for_itself() {
    let mut shop = Shop::open();
    shop.order(json!([{"email": "ada@example.com", "device": "d", "amount": 1}]));
    let one = get(shop.address, "/v1/profiles/device:d").json();
    let person = one["profile"]["person"].as_str().expect("an id");
    let ids =
        json!({"ids": ["email:ADA@example.com", person, "device:unseen", "phone:1", "p_1", "x"]});
    let answer = post(shop.address, "/v1/profiles:batch", &ids.to_string()).json();
    let profiles = answer["profiles"].as_array().expect("a list");
    assert_eq!(answer["tick"], one["tick"]);
    for found in &profiles[..2] {
        assert_eq!(found["profile"], one["profile"]);
    }
    let codes: Vec<&str> =
        profiles[2..].iter().map(|of| of["error"]["code"].as_str().expect("a code")).collect();
    assert_eq!(codes, ["nobody", "unknown_type", "bad_person", "bad_identifier"]);
    let refused = |body: &str| post(shop.address, "/v1/profiles:batch", body).refusal();
    assert_eq!(refused("no json"), (400, "bad_body".to_owned()));
    assert_eq!(refused("{\"ids\": 1}"), (400, "bad_body".to_owned()));
    assert_eq!(refused("{\"ids\": [], \"more\": 1}"), (400, "bad_body".to_owned()));
    let many = json!({"ids": vec!["email:x"; 1001]}).to_string();
    assert_eq!(refused(&many), (413, "too_many".to_owned()));
    assert_eq!(refused(&" ".repeat(2 << 20)), (413, "too_large".to_owned()));
    // Gzipped it is the same, within the same bounds, whatever else is said of it.
    for headers in [&[][..], &[("content-encoding", "gzip")]] {
        let sent = |body: &[u8]| request(shop.address, "POST", "/v1/profiles:batch", headers, body);
        assert_eq!(sent(&gzipped(ids.to_string().as_bytes())).json(), answer);
        let large = gzipped(&vec![b' '; 200 << 20]);
        assert!(large.len() < 1 << 20, "it may be sent: {}", large.len());
        assert_eq!(sent(&large).refusal(), (413, "too_large".to_owned()));
        let broken = &gzipped(ids.to_string().as_bytes())[..20];
        assert_eq!(sent(broken).refusal(), (400, "bad_body".to_owned()));
        assert_eq!(sent(&gzipped(b"no json")).refusal(), (400, "bad_body".to_owned()));
    }
}

#[test]
fn what_can_not_be_answered_is_told_with_a_code_and_a_remedy() {
    let mut shop = Shop::open();
    shop.order(json!([{"email": "ada@example.com", "amount": 1}]));
    let nobody = format!("/v1/persons/p_{}", "0".repeat(32));
    for (path, status, code) in [
        ("/v1/people", 404, "unknown_path"),
        ("/v1/profiles/email:eve@example.com", 404, "nobody"),
        ("/v1/profiles/phone:1", 404, "unknown_type"),
        ("/v1/profiles/ada@example.com", 400, "bad_identifier"),
        ("/v1/profiles/email:", 400, "bad_identifier"),
        ("/v1/profiles/email:%ff", 400, "bad_path"),
        ("/v1/profiles/email:ada@example.com?attributes=age", 404, "unknown_attribute"),
        ("/v1/profiles/email:ada@example.com?after=x", 400, "bad_parameter"),
        ("/v1/profiles/email:ada@example.com?befor=1", 400, "bad_parameter"),
        ("/v1/persons/1", 400, "bad_person"),
        (&nobody, 404, "no_person"),
    ] {
        assert_eq!(get(shop.address, path).refusal(), (status, code.to_owned()), "{path}");
    }
    let types = get(shop.address, "/v1/profiles/phone:1").json();
    assert!(
        types["error"]["remedy"].as_str().is_some_and(|text| text.ends_with("email, device")),
        "{types}"
    );
    let deleted = request(shop.address, "DELETE", "/v1/persons/p_1", &[], b"");
    assert_eq!(deleted.refusal(), (405, "method_not_allowed".to_owned()));
}

#[test]
fn garbage_and_silence_stop_nobody() {
    let mut shop = Shop::open();
    let mut silent: Vec<_> = (0..100).map(|_| connect(shop.address)).collect();
    for (number, stream) in silent.iter_mut().enumerate() {
        let sent: [&[u8]; 4] =
            [b"\0\xff\xfe\r\n\r\n", b"GET / HTTP/1.1\r\nhost", b"POST /v1/pr", b""];
        stream.write_all(sent[number % 4]).expect("it is sent");
    }
    let long = format!("/{}", "x".repeat(100_000));
    assert!(matches!(get(shop.address, &long).status, 400..500));
    shop.order(json!([{"email": "ada@example.com", "amount": 1}]));
    assert_eq!(get(shop.address, "/v1/profiles/email:ada@example.com").status, 200);
    assert_eq!(answer(&mut silent[0]).status, 400);
    // The run ends though they are still there.
    assert_eq!(shop.running.stop().expect("it ends").people(), 1);
}

#[test]
fn whoever_speaks_another_http_is_told_so() {
    let shop = Shop::open();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let settings = [&preface[..], b"\0\0\0\x04\0\0\0\0\0"].concat();
    for part in [settings.len(), preface.len(), 23, 18, 14, 3, 1] {
        let mut stream = connect(shop.address);
        for sent in settings.chunks(part) {
            // It may have been refused by then.
            let _ = stream.write_all(sent);
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        let refused = answer(&mut stream).refusal();
        assert_eq!(refused, (400, "bad_request".to_owned()), "{part} bytes at a time");
    }
    // What only begins like it is no request, either.
    let mut stream = connect(shop.address);
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nXX").expect("it is sent");
    assert_eq!(answer(&mut stream).refusal(), (400, "bad_request".to_owned()));
}

#[test]
fn an_address_that_is_taken_or_open_to_others_is_told_before_anything_starts() {
    let shop = Shop::open();
    let definition = Definition::parse(SHOP, "shop.yaml").expect("it is right");
    let start = |address: &str| {
        let builder = Engine::builder(&definition).http(address).empty_source("orders");
        builder.output("profiles", |_| ()).start().map(drop).expect_err("it can't").to_string()
    };
    let taken = start(&shop.address.to_string());
    assert!(taken.contains(&shop.address.to_string()) && taken.contains("in use"), "{taken}");
    for open in ["0.0.0.0:0", "[::]:0"] {
        let said = start(open);
        let wanted = ["there are no keys", "http: {keys: {read: …, admin: …}}", "127.0.0.1"];
        assert!(wanted.iter().all(|wanted| said.contains(wanted)), "{said}");
    }
    assert!(start("nonsense").contains("127.0.0.1:8080"));
}

#[test]
fn members_are_paged_in_the_order_of_their_ids_while_people_come_and_go() {
    let mut shop = Shop::open();
    let order = |number: usize, amount: i64| json!({"email": format!("{number}@example.com"), "amount": amount});
    shop.order((0..700).map(|number| order(number, 101)).collect());
    let sizes = get(shop.address, "/v1/segments").json();
    assert_eq!(
        (&sizes["people"], &sizes["segments"]),
        (&json!(700), &json!([{"name": "big", "size": 700}]))
    );
    let mut seen: Vec<String> = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = get(shop.address, &format!("/v1/segments/big/members?limit=100{cursor}")).json();
        let members = page["members"].as_array().expect("a list");
        seen.extend(members.iter().map(|id| id.as_str().expect("an id").to_owned()));
        let Some(next) = page["cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
        // Some go, by what is given back, and others come: nobody who stays is missed or told twice.
        let at = seen.len();
        shop.order((at - 100..at - 50).map(|number| order(number, -50)).collect());
        shop.order((0..10).map(|number| order(1_000 + at + number, 500)).collect());
    }
    assert!(seen.is_sorted() && seen.windows(2).all(|two| two[0] != two[1]));
    for number in 600..700 {
        let path = format!("/v1/profiles/email:{number}@example.com");
        let person = get(shop.address, &path).json()["profile"]["person"].clone();
        assert!(seen.iter().any(|of| *of == person), "{number} stays");
        let of =
            get(shop.address, &format!("/v1/persons/{}/segments", person.as_str().expect("an id")));
        assert_eq!(of.json()["segments"], json!(["big"]));
    }
    // So it is with everybody, whom nothing takes out of a segment.
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(shop.address, &format!("/v1/persons?limit=77{cursor}")).json();
        let persons = page["persons"].as_array().expect("a list");
        assert!(persons.len() <= 77);
        all.extend(persons.iter().map(|id| id.as_str().expect("an id").to_owned()));
        if page["cursor"].is_null() {
            assert_eq!(page["size"], all.len());
            break;
        }
        cursor = format!("&cursor={}", page["cursor"].as_str().expect("an id"));
    }
    assert!(all.is_sorted() && all.windows(2).all(|two| two[0] != two[1]));
    assert!(seen.iter().all(|one| all.binary_search(one).is_ok()));
    assert_eq!(get(shop.address, "/v1/segments").json()["people"], all.len());
    let size = get(shop.address, "/v1/segments").json()["segments"][0]["size"].as_u64();
    let all = get(shop.address, "/v1/segments/big/members?limit=10000").json();
    assert_eq!(size, all["members"].as_array().map(|members| members.len() as u64));
    for (path, status, code) in [
        ("/v1/segments/small/members", 404, "unknown_segment"),
        ("/v1/segments/big/members?limit=0", 400, "bad_limit"),
        ("/v1/segments/big/members?limit=10001", 400, "bad_limit"),
        ("/v1/segments/big/members?cursor=x", 400, "bad_cursor"),
        ("/v1/segments/big/members?page=2", 400, "bad_parameter"),
        ("/v1/persons/x/segments", 400, "bad_person"),
    ] {
        assert_eq!(get(shop.address, path).refusal(), (status, code.to_owned()), "{path}");
    }
}

#[test]
fn a_segment_tells_how_large_it_has_been() {
    let mut shop = Shop::open();
    let told = |shop: &Shop| {
        let answer = get(shop.address, "/v1/segments/big").json();
        let sizes: Vec<(u64, u64)> =
            serde_json::from_value(answer["sizes"].clone()).expect("pairs of a tick and a size");
        (answer["size"].as_u64().expect("a size"), sizes)
    };
    shop.order(json!([{"email": "ada@example.com", "amount": 150}]));
    let (size, sizes) = told(&shop);
    let (tick, last) = *sizes.last().expect("it has been of a size");
    assert_eq!((size, last), (1, 1));
    // The last size of each second is kept.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    shop.order(json!([
        {"email": "ben@example.com", "amount": 150},
        {"email": "cleo@example.com", "amount": 150},
    ]));
    let (size, sizes) = told(&shop);
    assert!(sizes.contains(&(tick, 1)), "{sizes:?} has no 1 at {tick}");
    assert_eq!((size, sizes.last().map(|(_, size)| *size)), (3, Some(3)), "{sizes:?}");
    assert!(sizes.is_sorted_by(|one, next| one.0 < next.0), "oldest first: {sizes:?}");
}

#[test]
fn a_key_opens_what_it_is_for() {
    let keys = "{read: read-key-read-key, write: {orders: \"sha256:HASH\"}, admin: file:keys.txt}";
    // printf %s write-key-write-key | sha256sum
    let hash = "b9f2911a12613cf661cead0e8d46df0f43daef1a8ec38c2f41f2337ad8e4437e";
    let folder = std::env::temp_dir().join(format!("selfsame-keys-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("keys.txt"), "admin-key-admin-key\n\n").expect("keys");
    let text = SHOP.replace("files: none, kind", "http: {}, kind");
    let text =
        format!("{text}http: {{listen: \"0.0.0.0:0\", keys: {}}}\n", keys.replace("HASH", hash));
    let definition = Definition::parse(&text, folder.join("shop.yaml")).expect("it is right");
    let builder = Engine::builder(&definition).output("profiles", |_| ());
    let running = builder.start().expect("with keys others may be listened to");
    let port = running.http().expect("it is served").port();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let bearer = |key: &str| format!("Bearer {key}");
    let read = |key: Option<&str>| {
        let stated = key.map(bearer).unwrap_or_default();
        let headers = [("authorization", &*stated)];
        request(address, "GET", "/v1/segments", &headers[..usize::from(key.is_some())], b"")
    };
    let write = |key: &str| {
        let headers = [("authorization", &*bearer(key))];
        request(
            address,
            "POST",
            "/v1/sources/orders",
            &headers,
            b"{\"email\": \"a@b.c\", \"amount\": 1}",
        )
        .status
    };
    let without = read(None);
    assert_eq!(without.refusal(), (401, "no_key".to_owned()));
    assert!(without.header("www-authenticate").is_some_and(|asked| asked.starts_with("Bearer")));
    assert_eq!(read(Some("read-key-read-kez")).refusal(), (401, "wrong_key".to_owned()));
    assert_eq!(read(Some("write-key-write-key")).refusal(), (403, "other_key".to_owned()));
    assert_eq!(read(Some("read-key-read-key")).status, 200);
    assert_eq!(read(Some("admin-key-admin-key")).status, 200);
    assert_eq!(write("read-key-read-key"), 403);
    assert_eq!(write("orders"), 401);
    assert_eq!(write("write-key-write-key"), 200);
    assert_eq!(write("admin-key-admin-key"), 200);
    assert_eq!(get(address, "/health/live").status, 200, "who looks after it needs no key");
    assert_eq!(get(address, "/metrics").status, 401);
    drop(running);
    std::fs::remove_dir_all(folder).expect("it is ours");
}

#[test]
fn changes_are_followed_and_gone_on_with_behind_the_last_one_that_was_seen() {
    use std::io::{BufRead, BufReader};
    let mut shop = Shop::open();
    let address = shop.address;
    let follow = |query: &str, last: &str| {
        let mut stream = connect(address);
        let last =
            if last.is_empty() { String::new() } else { format!("last-event-id: {last}\r\n") };
        let head = format!("GET /v1/changes{query} HTTP/1.1\r\nhost: localhost\r\n{last}\r\n");
        stream.write_all(head.as_bytes()).expect("it is sent");
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        assert!(lines.next().is_some_and(|line| line.contains("200")));
        assert!(lines.by_ref().any(|line| line.is_empty()), "a head has an end");
        lines
    };
    // Each event has an id and a line as files have it.
    let events = |lines: &mut dyn Iterator<Item = String>, number: usize| -> Vec<(String, Value)> {
        let mut found = Vec::new();
        let mut id = String::new();
        for line in lines {
            if let Some(text) = line.strip_prefix("id: ") {
                id = text.to_owned();
            } else if let Some(text) = line.strip_prefix("data: ") {
                found.push((id.clone(), serde_json::from_str(text).expect("JSON")));
                if found.len() == number {
                    break;
                }
            }
        }
        found
    };
    let mut lines = follow("?output=profiles", "");
    shop.order(json!([{"email": "ada@example.com", "amount": 1}, {"email": "bob@example.com", "amount": 1}]));
    shop.order(json!([{"email": "ada@example.com", "amount": 2}]));
    let seen = events(&mut lines, 3);
    let told: Vec<ChangelogRecord> = shop.told.try_iter().collect();
    let mut keys: Vec<&str> = told.iter().map(|record| &*record.key).collect();
    let mut seen_keys: Vec<&str> =
        seen.iter().map(|(_, event)| event["key"].as_str().expect("a key")).collect();
    assert_eq!(seen_keys[2], keys[2]);
    keys.sort_unstable();
    seen_keys.sort_unstable();
    assert_eq!(seen_keys, keys);
    assert_eq!(seen[2].1["value"]["attributes"]["orders"], 2);
    assert_eq!(seen[2].1["output"], "profiles");
    let again = events(&mut follow("", &seen[0].0), 2);
    assert_eq!(again, seen[1..]);
    let refused = |path: &str, id: &str| {
        request(address, "GET", path, &[("last-event-id", id)], b"").refusal()
    };
    assert_eq!(refused("/v1/changes", "x"), (400, "bad_event_id".to_owned()));
    assert_eq!(refused("/v1/changes", "1.0.1"), (410, "too_old".to_owned()));
    assert_eq!(refused("/v1/changes?output=none", "1.0.1"), (404, "unknown_output".to_owned()));
    assert_eq!(refused("/v1/changes?x=1", "1.0.1"), (400, "bad_parameter".to_owned()));
    // Streams end with the run.
    shop.running.stop().expect("it ends");
    assert!(lines.all(|line| !line.starts_with("data")));
}

#[test]
fn the_page_is_in_the_binary_and_asks_nobody_else() {
    let shop = Shop::open();
    let page = get(shop.address, "/");
    let policy = page.header("content-security-policy").expect("a policy").to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    let text = String::from_utf8(page.body).expect("text");
    let parts = |text: &str| text.split(['"', '\'']).map(str::to_owned).collect::<Vec<_>>();
    let is_file = |part: &String| part.starts_with('/') && part.contains('.');
    let mut loaded: Vec<String> = parts(&text).into_iter().filter(is_file).collect();
    assert_eq!(loaded, ["/console/console.css", "/console/console.js"]);
    // What a script imports is loaded, too.
    let mut next = 0;
    while let Some(path) = loaded.get(next).cloned() {
        next += 1;
        let file = get(shop.address, &path);
        assert_eq!(file.status, 200, "{path}");
        let text = String::from_utf8(file.body).expect("text");
        for import in parts(&text).iter().filter_map(|part| part.strip_prefix("./")) {
            let path = format!("/console/{import}");
            if !loaded.contains(&path) {
                loaded.push(path);
            }
        }
        let text = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!text.contains("://") && !text.contains("innerHTML"), "{path}");
    }
    assert!(loaded.len() > 10, "{loaded:?}");
    assert!(!text.contains("://"));
}

/// As a program has it that has yet to wait for the run: the run has failed, and answers for itself until then.
#[test]
fn a_run_that_has_failed_is_neither_alive_nor_ready_and_takes_no_rows() {
    let text = SHOP.replace("{files: none, kind", "{http: {}, kind");
    let definition = Definition::parse(&text, "shop.yaml").expect("it is right");
    let running = Engine::builder(&definition)
        .http("127.0.0.1:0")
        .output("profiles", |record| {
            let is_bad = record.value.as_ref().is_some_and(|value| value.contains("bad@x.org"));
            assert!(!is_bad, "no room");
        })
        .start()
        .expect("it starts");
    let address = running.http().expect("it is served");
    let row = |email: &str| json!({"email": email, "amount": 1}).to_string();
    assert_eq!(post(address, "/v1/sources/orders", &row("good@x.org")).status, 200);
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(get(address, path).status, 200, "{path}");
    }
    // Whoever sent what it failed of is not told that it is safe.
    assert_eq!(post(address, "/v1/sources/orders", &row("bad@x.org")).refusal().0, 503);
    let why = "the run has failed: the function that takes output profiles panicked";
    for (path, what) in [("/health/live", "alive"), ("/health/ready", "ready")] {
        let answer = get(address, path);
        let told = json!({what: false, "reasons": [{"code": "failed", "message": why}]});
        assert_eq!((answer.status, answer.json()), (503, told), "{path}");
    }
    assert_eq!(post(address, "/v1/sources/orders", &row("good@x.org")).refusal().0, 503);
    let error = running.stop().expect_err("it failed").to_string();
    assert_eq!(error, "the function that takes output profiles panicked");
}
