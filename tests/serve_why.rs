//! Why, and the latest rows of a person, over HTTP: computed of what is stored, whatever it came from.

#[path = "serve/client.rs"]
mod client;

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use client::{get, post};
use selfsame::{Definition, Engine, Running};
use serde_json::{Value, json};

/// Its rows come over HTTP: nothing can read them again but what is stored.
const SHOP: &str = "
sources:
  orders:
    http: {}
    kind: events
    time: at
    id: id
    fields: {id: text, at: timestamp, email: text, device: text, amount: 'decimal(12,2)'}
  crm:
    http: {}
    kind: records
    key: email
    time: at
    fields: {email: text, at: timestamp, name: text}
identity:
  email: {from: {orders: email, crm: email}, normalize: lower(trim(value)), at_most: 1}
  device: {from: {orders: device}}
attributes:
  spent: {from: orders, select: sum(amount)}
  name: {from: crm, select: last(name)}
  score: {sql: 'ntile(spent, 4)'}
segments:
  big: spent > 100
  top: score = 4
outputs:
  profiles: {files: out/profiles.ndjson}
";

struct Shop {
    running: Running,
    address: SocketAddr,
}

impl Shop {
    fn open(folder: &Path, data: bool) -> Self {
        let definition = Definition::parse(SHOP, folder.join("shop.yaml")).expect("it is right");
        let mut builder = Engine::builder(&definition).http("127.0.0.1:0");
        if data {
            builder = builder.data(folder.join("data"));
        }
        let running = builder.start().expect("it starts");
        let address = running.http().expect("it is served");
        Shop { running, address }
    }

    fn post(&self, source: &str, rows: &Value) {
        let answer = post(self.address, &format!("/v1/sources/{source}"), &rows.to_string());
        assert_eq!((answer.status, answer.json()["rejected"].clone()), (200, json!(0)));
    }

    /// The answer to a GET once everything that was posted is published.
    fn get(&self, path: &str) -> Value {
        let answer = get(self.address, path);
        assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
        assert!(answer.header("selfsame-tick").is_some());
        answer.json()
    }

    fn person(&self, identifier: &str) -> String {
        // What is durable is published soon.
        let found = (0..200).find_map(|_| {
            let answer = get(self.address, &format!("/v1/profiles/{identifier}"));
            std::thread::sleep(std::time::Duration::from_millis(10));
            (answer.status == 200).then(|| answer.json()["profile"]["person"].clone())
        });
        found.expect("somebody").as_str().expect("an id").to_owned()
    }
}

fn order(id: u64, email: Option<&str>, device: &str, amount: &str) -> Value {
    let at = format!("2026-05-{:02}T10:00:00Z", id % 27 + 1);
    json!({"id": id.to_string(), "at": at, "email": email, "device": device, "amount": amount})
}

/// Ada with two devices; Bob, whom a device that she used too is kept from by `at_most`.
fn filled(shop: &Shop) {
    shop.post(
        "orders",
        &json!([order(1, Some("Ada@example.com"), "phone", "60"), order(2, None, "phone", "50.5")]),
    );
    shop.post("orders", &json!([order(3, Some("bob@example.com"), "kiosk", "5")]));
    shop.post(
        "crm",
        &json!([{"email": "ada@example.com", "at": "2026-05-01T00:00:00Z", "name": "Ada"}]),
    );
    shop.post("orders", &json!([order(4, Some("ada@example.com"), "kiosk", "7")]));
    shop.post("orders", &json!([order(4, Some("ada@example.com"), "kiosk", "7")]));
    shop.post("orders", &json!([order(9, None, "phone", "1")]));
}

#[test]
fn a_person_is_explained_by_what_is_stored_of_rows_that_are_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let shop = Shop::open(folder.path(), true);
    filled(&shop);
    let ada = shop.person("email:ada@example.com");
    let why = shop.get(&format!("/v1/persons/{ada}/why"));
    assert_eq!(why["person"], json!(ada));
    let named: BTreeSet<String> = why["identifiers"]
        .as_array()
        .expect("identifiers")
        .iter()
        .map(|of| {
            format!(
                "{}:{}",
                of["type"].as_str().expect("a type"),
                of["value"].as_str().expect("a value")
            )
        })
        .collect();
    assert_eq!(named, ["device:phone", "email:ada@example.com"].map(str::to_owned).into());
    let first = &why["identifiers"]
        .as_array()
        .expect("some")
        .iter()
        .find(|of| of["type"] == "email")
        .expect("it")["first_seen"];
    assert_eq!(first, "2026-05-01T00:00:00.000Z", "of the record");
    assert_eq!(
        (&why["links"][0]["one"], &why["links"][0]["of"]),
        (&json!("email:ada@example.com"), &json!(1))
    );
    assert_eq!(why["links"][0]["rows"][0]["source"], "orders");
    assert_eq!(why["withheld"][0]["withheld"]["rule"], "at_most", "{why}");
    assert!(why.get("published").is_none(), "it is what is served");
    // By an identifier, as it is written.
    assert_eq!(shop.get("/v1/profiles/email:%20ADA@example.com/why"), why);
    let segment = shop.get(&format!("/v1/persons/{ada}/why?segment=big"));
    assert_eq!(
        (&segment["is_in"], &segment["terms"]["term"]["attributes"][0]["value"]),
        (&json!(true), &json!(118.5))
    );
    let top = shop.get(&format!("/v1/persons/{ada}/why?segment=top"));
    assert_eq!(top["terms"]["term"]["attributes"][0]["ranks"][0]["people"], 2);
    let spent = shop.get(&format!("/v1/persons/{ada}/why?attribute=spent"));
    // The repeated event counts once.
    assert_eq!((&spent["value"], &spent["of_rows"]), (&json!(118.5), &json!(4)));
    let apart = shop.get("/v1/profiles/email:bob@example.com/why?with=email:ada@example.com");
    assert_eq!(apart["same_person"], false);
    // And as the command says it, of the folder alone, by a definition whose rows came over HTTP.
    let program = |arguments: &[&str]| {
        let spec = folder.path().join("shop.yaml");
        fs::write(&spec, SHOP).expect("written");
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_selfsame"));
        command.args(["why", "--data", "data", "--spec", "shop.yaml", "--json"]).args(arguments);
        let output = command.current_dir(folder.path()).output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")
    };
    shop.running.stop().expect("it ends");
    let mut said = program(&["ada@example.com"]);
    let published =
        said.as_object_mut().expect("an object").remove("published").expect("it stands beside");
    assert_eq!(published["differs"], json!([]));
    assert_eq!(said, why);
}

#[test]
fn whoever_posts_reads_why_and_rows_as_of_the_tick_of_the_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let shop = Shop::open(folder.path(), true);
    for number in 1..=5 {
        let (device, row) = (format!("d{number}"), order(number, None, &format!("d{number}"), "1"));
        let answer = post(shop.address, "/v1/sources/orders", &row.to_string());
        let tick: u64 = answer.header("selfsame-tick").expect("a tick").parse().expect("a number");
        // Nobody had the device before, so that whoever does not wait is told that it is nobody's.
        let why = shop.get(&format!("/v1/profiles/device:{device}/why?after={tick}"));
        assert_eq!(why["identifiers"][0]["value"], json!(device));
        let person = why["person"].as_str().expect("an id");
        for whose in [format!("profiles/device:{device}"), format!("persons/{person}")] {
            let rows = shop.get(&format!("/v1/{whose}/rows?after={tick}&timeout=30000"));
            assert_eq!(rows["rows"][0]["fields"]["id"], json!(number.to_string()), "{rows}");
        }
        let why = shop.get(&format!("/v1/persons/{person}/why?attribute=spent&after={tick}"));
        assert_eq!(why["value"].as_f64(), Some(1.0), "{why}");
    }
}

#[test]
fn rows_of_a_person_come_newest_first_page_by_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let shop = Shop::open(folder.path(), true);
    filled(&shop);
    shop.person("email:ada@example.com");
    shop.running.stop().expect("it ends");
    // Positions of posted rows begin anew with each run.
    let shop = Shop::open(folder.path(), true);
    shop.post("orders", &json!([order(5, None, "phone", "2")]));
    shop.post("orders", &json!([order(20, Some("bob@example.com"), "desk", "2")]));
    let ada = shop.person("email:ada@example.com");
    shop.person("device:desk");
    let all = shop.get(&format!("/v1/persons/{ada}/rows"));
    let told = |page: &Value| -> Vec<String> {
        let rows = page["rows"].as_array().expect("rows").iter();
        rows.map(|row| {
            format!("{} {}", row["source"].as_str().expect("a source"), row["fields"]["id"])
        })
        .collect()
    };
    let expected = [
        r#"orders "9""#,
        r#"orders "5""#,
        r#"orders "4""#,
        r#"orders "4""#,
        r#"orders "2""#,
        r#"orders "1""#,
        "crm null",
    ];
    assert_eq!(
        (told(&all), &all["cursor"], &all["person"]),
        (expected.map(str::to_owned).to_vec(), &Value::Null, &json!(ada))
    );
    let first = &all["rows"][4];
    assert_eq!(
        first["fields"],
        json!({"id": "2", "at": "2026-05-03T10:00:00.000Z", "device": "phone", "amount": 50.5})
    );
    assert_eq!(
        (&first["time"], &first["position"]["file"]),
        (&json!("2026-05-03T10:00:00.000Z"), &json!("http"))
    );
    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = shop.get(&format!("/v1/profiles/device:phone/rows?limit=2{cursor}"));
        paged.extend(told(&page));
        let Some(next) = page["cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(paged, expected);
}

#[test]
fn a_page_of_large_rows_has_fewer_of_them_and_none_is_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let shop = Shop::open(folder.path(), true);
    let mut ids = Vec::new();
    for number in 1..=20 {
        let id = format!("{number:02}{}", "x".repeat(900_000));
        shop.post(
            "orders",
            &json!([{"id": id, "at": format!("2026-05-{number:02}T00:00:00Z"), "device": "d"}]),
        );
        ids.push(id);
    }
    shop.person("device:d");
    let (mut paged, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(shop.address, &format!("/v1/profiles/device:d/rows?after=1{cursor}"));
        assert!(page.body.len() < 9_000_000, "{}", page.body.len());
        let page = page.json();
        let rows = page["rows"].as_array().expect("rows").iter();
        paged.extend(rows.map(|row| row["fields"]["id"].as_str().expect("an id").to_owned()));
        let Some(next) = page["cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    ids.reverse();
    let short = |ids: &[String]| ids.iter().map(|id| id[..2].to_owned()).collect::<Vec<_>>();
    assert_eq!(short(&paged), short(&ids));
    assert!(paged == ids);
}

#[test]
fn what_cannot_be_explained_is_told_with_a_remedy() {
    let folder = tempfile::tempdir().expect("a folder");
    let shop = Shop::open(folder.path(), true);
    filled(&shop);
    let ada = shop.person("email:ada@example.com");
    let nobody = format!("p_{}", "0".repeat(32));
    for (path, status, code) in [
        (format!("/v1/persons/{ada}/why?segment=none"), 404, "unknown_segment"),
        (format!("/v1/persons/{ada}/why?attribute=none"), 404, "unknown_attribute"),
        (format!("/v1/persons/{ada}/why?with=none"), 400, "bad_identifier"),
        (format!("/v1/persons/{ada}/why?with=email:nobody"), 404, "nobody"),
        (format!("/v1/persons/{ada}/why?segment=big&attribute=spent"), 400, "bad_parameter"),
        (format!("/v1/persons/{ada}/why?other=1"), 400, "bad_parameter"),
        (format!("/v1/persons/{nobody}/why"), 404, "no_person"),
        ("/v1/persons/ada/why".to_owned(), 400, "bad_person"),
        ("/v1/profiles/email:nobody/why".to_owned(), 404, "nobody"),
        ("/v1/profiles/phone:1/why".to_owned(), 404, "unknown_type"),
        ("/v1/profiles/email:nobody/rows".to_owned(), 404, "nobody"),
        (format!("/v1/persons/{ada}/rows?limit=0"), 400, "bad_limit"),
        (format!("/v1/persons/{ada}/rows?limit=x"), 400, "bad_parameter"),
        (format!("/v1/persons/{ada}/rows?cursor=1.2"), 400, "bad_cursor"),
        (format!("/v1/persons/{nobody}/rows"), 404, "no_person"),
        // A slash that is the identifier's own.
        ("/v1/profiles/device:phone%2Fwhy".to_owned(), 404, "nobody"),
    ] {
        assert_eq!(get(shop.address, &path).refusal(), (status, code.to_owned()), "{path}");
    }
    drop(shop);
    let folder = tempfile::tempdir().expect("a folder");
    let shop = Shop::open(folder.path(), false);
    filled(&shop);
    let ada = shop.person("email:ada@example.com");
    for path in ["why", "rows"] {
        let answer = get(shop.address, &format!("/v1/persons/{ada}/{path}"));
        assert_eq!(answer.refusal(), (409, "nothing_stored".to_owned()), "{path}");
    }
}

#[test]
fn a_record_of_a_later_run_takes_the_place_of_one_that_has_its_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let record = |name: &str| json!([{"email": "ada@example.com", "at": "2026-05-01T00:00:00Z", "name": name}]);
    for (id, name) in (1..).zip(["Ada", "Ada L.", "Ada Lovelace"]) {
        let shop = Shop::open(folder.path(), true);
        // Several, so that numbers of rows would be greater in the first run.
        let times = if name == "Ada" { 3 } else { 1 };
        (0..times).for_each(|_| shop.post("crm", &record(name)));
        let ada = shop.person("email:ada@example.com");
        shop.post("orders", &json!([order(id, Some("ada@example.com"), name, "5")]));
        shop.person(&format!("device:{}", name.replace(' ', "%20")));
        let said = shop.get(&format!("/v1/persons/{ada}/why?attribute=name"));
        assert_eq!((&said["value"], &said["of_rows"]), (&json!(name), &json!(1)), "{said}");
        shop.running.stop().expect("it ends");
    }
}
