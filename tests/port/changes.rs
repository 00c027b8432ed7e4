//! Whoever follows changes goes on where they left, over either way, however long ago that was.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::Path;

use futures_util::{SinkExt, StreamExt};
use selfsame::{Definition, Engine, Running};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::client::{connect, request};
use super::events::{self, Events, are_in_order};

const LISTENING: &str = "http: {listen: \"127.0.0.1:0\", origins: [\"https://shop.example\"]}\n";

/// A shop that keeps its rows and writes three files, one of which does not say where its ticks begin.
const SHOP: &str = "
data: data
sources:
  orders: {http: {}, kind: events, id: id, fields: {id: text, email: text, amount: integer}}
identity:
  email: {from: {orders: email}}
attributes:
  spent: {from: orders, select: sum(amount)}
segments:
  big: spent > 100
outputs:
  profiles: {files: out/profiles.ndjson}
  segments: {files: out/segments.ndjson}
  flat: {publish: profiles, format: csv, files: out/flat.csv}
http: {listen: \"127.0.0.1:0\", origins: [\"https://shop.example\"]}
";

fn shop(folder: &Path) -> (Running, SocketAddr) {
    shop_of(SHOP, folder)
}

fn shop_of(text: &str, folder: &Path) -> (Running, SocketAddr) {
    let definition = Definition::parse(text, folder.join("shop.yaml")).expect("it is right");
    let running = Engine::builder(&definition).start().expect("it starts");
    let address = running.http().expect("it is served");
    // What earlier runs left is read back first.
    while super::client::get(address, "/v1/segments").status == 503 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    (running, address)
}

fn post(address: SocketAddr, rows: &[Value]) {
    let body = Value::from(rows.to_vec()).to_string();
    let answer = request(address, "POST", "/v1/sources/orders", &[], body.as_bytes());
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
}

fn order(number: usize, amount: i64) -> Value {
    json!({"id": format!("{number}-{amount}"), "email": format!("{number}@x.org"), "amount": amount})
}

/// What is told from now on, or behind an event.
fn follow(
    address: SocketAddr,
    query: &str,
    last: &str,
) -> impl Iterator<Item = (String, Value)> + use<> {
    events::follow(&address.to_string(), query, last)
}

fn refusal(address: SocketAddr, query: &str, last: &str) -> (u16, String) {
    request(address, "GET", &format!("/v1/changes{query}"), &[("last-event-id", last)], b"")
        .refusal()
}

const FILES: &str = "?output=profiles&output=segments";

#[test]
fn who_comes_back_after_a_restart_is_told_the_rest_as_it_was_and_what_is_new() {
    let folder = tempfile::tempdir().expect("a folder");
    let (running, address) = shop(folder.path());
    let mut events = follow(address, FILES, "");
    // What the CSV file and the files whose ticks are known tell: two profiles and two lists of segments each.
    let (mut everything, mut of_all) = (follow(address, "", ""), Events::new());
    let mut told = Events::new();
    // In a tick with several records of both outputs, each has its place.
    for round in 0..6 {
        let amount = 40 + round;
        post(address, &(0..5).map(|number| order(number, amount)).collect::<Vec<_>>());
        let expected = if round == 2 { 10 } else { 5 };
        told.extend(events.by_ref().take(expected));
        of_all.extend(everything.by_ref().take(expected + 5));
    }
    assert_eq!(told.len(), 35);
    let is_flat = |(_, of): &&(String, Value)| of["output"] == "flat";
    let flat: Events = of_all.iter().filter(is_flat).cloned().collect();
    assert_eq!(flat.len(), 30);
    running.stop().expect("it ends");
    drop((events, everything));

    let (running, address) = shop(folder.path());
    // What no file tells is kept in the data folder.
    for place in [0, 4, 5, 11, 30, 63] {
        let rest: Events = follow(address, "", &of_all[place].0).take(64 - place).collect();
        assert_eq!(rest, of_all[place + 1..], "behind {place}");
    }
    for place in [0, 13, 28] {
        let rest: Events =
            follow(address, "?output=flat", &flat[place].0).take(29 - place).collect();
        assert_eq!(rest, flat[place + 1..], "behind {place}");
    }
    for place in [0, 1, 4, 12, 17, 33, 34] {
        let rest: Events = follow(address, FILES, &told[place].0).take(34 - place).collect();
        assert_eq!(rest, told[place + 1..], "behind {place}");
    }
    let of_segments: Events =
        told.iter().filter(|(_, of)| of["output"] == "segments").cloned().collect();
    assert_eq!(of_segments.len(), 5);
    let rest: Events = follow(address, "?output=segments", &told[0].0).take(5).collect();
    assert_eq!(rest, of_segments, "an output that had told nothing by then tells all");
    // What happens now comes behind what was read, once.
    let mut both = follow(address, FILES, &told[30].0);
    let mut news = follow(address, FILES, "");
    assert_eq!(both.by_ref().take(4).collect::<Events>(), told[31..]);
    post(address, &[order(7, 1)]);
    let new = news.next().expect("news");
    assert_eq!(both.next(), Some(new.clone()));
    assert_eq!(new.1["value"]["identifiers"]["email"], json!(["7@x.org"]));
    post(address, &[order(8, 1)]);
    assert_eq!(both.next(), news.next());
    for query in ["", "?output=flat", FILES] {
        assert_eq!(refusal(address, query, "1.0.1"), (410, "too_old".to_owned()), "{query}");
    }
    running.stop().expect("it ends");

    // A run that nobody can follow keeps nothing: what it told is missing, and who comes back is told so.
    let text = SHOP.replace("http: {}", "files: none/*.ndjson").replace(LISTENING, "");
    let definition = Definition::parse(&text, folder.path().join("shop.yaml")).expect("right");
    Engine::builder(&definition).follow(true).start().expect("it starts").stop().expect("it ends");
    let (running, address) = shop(folder.path());
    assert_eq!(refusal(address, "?output=flat", &flat[28].0), (410, "too_old".to_owned()));
    running.stop().expect("it ends");
}

#[test]
fn as_much_is_kept_of_what_was_told_as_the_definition_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = SHOP.replace("http: {listen", "http: {kept_changes_mib: 1, listen");
    let start = || shop_of(&text, folder.path());
    let (running, address) = start();
    let mut events = follow(address, "?output=flat", "");
    let mut told = Events::new();
    for round in 0..10 {
        let orders: Vec<Value> = (0..2_000).map(|number| order(number, round)).collect();
        post(address, &orders);
        // At least one record of each in a tick, and a post is one tick.
        told.extend(events.by_ref().take(2_000));
    }
    running.stop().expect("it ends");
    let files = std::fs::read_dir(folder.path().join("data/changes")).expect("it is there");
    let bytes: u64 = files.map(|file| file.expect("a file").metadata().expect("one").len()).sum();
    assert!((500_000..1_600_000).contains(&bytes), "{bytes}");
    let (running, address) = start();
    assert_eq!(refusal(address, "?output=flat", &told[0].0), (410, "too_old".to_owned()));
    let rest: Events = follow(address, "?output=flat", &told[18_000].0).take(1_999).collect();
    assert_eq!(rest, told[18_001..]);
    running.stop().expect("it ends");
}

const KEPT: &str = "
data: data
sources:
  orders: {http: {}, kind: events, id: id, fields: {id: text, user: text, email: text, amount: integer}}
identity:
  user: {from: {orders: user}}
  email: {from: {orders: email}}
attributes:
  spent: {from: orders, select: sum(amount)}
segments:
  big: spent > 100
outputs:
  profiles: {files: out/profiles.ndjson}
  segments: {files: out/segments.ndjson}
  rejects: {files: out/rejects.ndjson}
  flat: {publish: profiles, format: csv, files: out/flat.csv}
http: {listen: \"127.0.0.1:0\"}
";

/// Two people come, are one by the third row, and go on so until nobody answers.
fn post_until_it_is_killed(address: &str, who: &str) {
    for number in 0.. {
        let (user, email) = (format!("{who}-{number}"), format!("{who}-{number}@x.org"));
        for row in [
            json!({"id": format!("{user}-a"), "user": user, "amount": 150}),
            json!({"id": format!("{user}-b"), "email": email, "amount": -100}),
            json!({"id": format!("{user}-c"), "user": user, "email": email, "amount": 0}),
        ] {
            let body = row.to_string();
            let answer = super::http::try_post(address, "/v1/sources/orders", &[], body.as_bytes());
            if answer.is_none() {
                return;
            }
        }
    }
}

/// A restart brings what no output had committed in other ticks: nobody may have been told of it before. And what never
/// told anything keeps nobody from coming back.
#[test]
fn who_follows_over_kills_is_told_what_files_hold_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("shop.yaml"), KEPT).expect("room on the disk");
    let start = || {
        let mut running = super::program::Running::start(folder.path(), &["run", "shop.yaml"]);
        let address = super::http::address(&mut running);
        let is_ready =
            |of: &str| super::http::try_get(of, "/v1/segments").map(|(status, _)| status);
        running.until("it is ready", |_| is_ready(&address) == Some(200));
        (running, address)
    };
    let mut told = Events::new();
    for round in 0..4u64 {
        let (running, address) = start();
        let last = told.last().map(|(id, _)| id.clone()).unwrap_or_default();
        let events = follow(address.parse().expect("an address"), "", &last);
        let (hears, heard) = std::sync::mpsc::channel();
        let events = events.inspect(move |_| {
            // Nobody waits for it once the first was heard.
            let _ = hears.send(());
        });
        let listening = std::thread::spawn(move || events.collect::<Events>());
        let posting: Vec<_> = (0..4)
            .map(|of| {
                let (address, who) = (address.clone(), format!("{round}-{of}"));
                std::thread::spawn(move || post_until_it_is_killed(&address, &who))
            })
            .collect();
        // So that there is a last event to come back with.
        heard.recv_timeout(std::time::Duration::from_secs(60)).expect("something is told");
        std::thread::sleep(std::time::Duration::from_millis(170 * (1 + round)));
        running.signal("KILL");
        drop(running);
        posting.into_iter().for_each(|posting| posting.join().expect("it ends"));
        told.extend(listening.join().expect("it ends"));
    }
    let (running, address) = start();
    // Whoever comes back hears of all up to this row.
    let mut up_to = |user: &str| {
        let last = told.last().map(|(id, _)| id.clone()).expect("something was told");
        let mut events = follow(address.parse().expect("an address"), "", &last);
        let row = json!({"id": user, "user": user, "amount": 1}).to_string();
        let answer = super::http::post(&address, "/v1/sources/orders", &[], row.as_bytes());
        assert_eq!(answer.0, 200, "{}", answer.1);
        loop {
            let (id, record) = events.next().expect("it goes on");
            // This output is the last of all that tells it.
            let ends = record["output"] == "flat"
                && record["value"]["identifiers"]["user"] == json!([user]);
            told.push((id, record));
            if ends {
                break;
            }
        }
    };
    up_to("the last");
    let definition = KEPT.replace("spent > 100", "spent > 10");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let socket = open(address.parse().expect("an address"), "", &[]);
    let mut socket = runtime.block_on(socket).expect("it opens");
    let answer = super::http::post(&address, "/v1/definition", &[], definition.as_bytes());
    assert_eq!(answer.0, 200, "{}", answer.1);
    // Who follows stays, and is told what differs.
    runtime.block_on(async {
        while next(&mut socket).await["record"]["value"]["change"] != "entered" {}
    });
    drop(socket);
    up_to("the very last");
    let of_segments = told.iter().filter(|(_, record)| record["output"] == "segments");
    let mut latest = of_segments.rev().take(50);
    assert!(latest.any(|(_, of)| of["value"]["change"] == "entered"), "what differs is told");
    running.signal("INT");
    running.end().well();
    for output in ["profiles", "segments", "rejects"] {
        let path = folder.path().join(format!("out/{output}.ndjson"));
        let mut files: Vec<String> =
            super::program::outputs::values(&path).iter().map(Value::to_string).collect();
        let of_output = told.iter().filter(|(_, record)| record["output"] == output);
        let mut heard: Vec<String> = of_output.map(|(_, record)| record.to_string()).collect();
        files.sort();
        heard.sort();
        assert!(output == "rejects" || files.len() > 10, "{output}: {}", files.len());
        let more = heard.iter().find(|record| files.binary_search(record).is_err());
        assert_eq!(more, None, "{output}: told, and in no file");
        let less = files.iter().find(|record| heard.binary_search(record).is_err());
        assert_eq!(less, None, "{output}: in a file, and never told");
        assert_eq!(heard.len(), files.len(), "{output}: each once");
    }
    // What no file tells is told over kills as well: each place once, and in the end what there is.
    let of_flat = || told.iter().filter(|(_, record)| record["output"] == "flat");
    let places: Vec<Vec<u64>> = of_flat()
        .map(|(id, _)| id.split('.').map(|part| part.parse().expect("a number")).collect())
        .collect();
    assert!(places.is_sorted_by(|one, other| one < other), "each behind the one before");
    // Ticks are others over a kill, so that the same may be known as of another instant.
    let without_instant = |mut record: Value| {
        record["value"].as_object_mut().map(|value| value.remove("at"));
        record
    };
    let path = folder.path().join("out/profiles.ndjson");
    let profiles = super::program::outputs::values(&path).into_iter().map(without_instant);
    let profiles = super::program::outputs::folded(profiles);
    assert!(profiles.len() > 10, "{}", profiles.len());
    let flat = of_flat().map(|(_, record)| without_instant(record.clone()));
    assert_eq!(super::program::outputs::folded(flat), profiles);
}

const FORGETTING: &str = "
data: data
sources:
  orders: {http: {}, kind: events, id: id, fields: {id: text, email: text, phone: text, amount: integer}}
identity:
  email: {from: {orders: email}}
  phone: {from: {orders: phone}}
attributes:
  spent: {from: orders, select: sum(amount)}
segments:
  big: spent > 100
outputs:
  segments: {files: out/segments.ndjson}
  profiles: {files: out/profiles.ndjson}
  identities: {files: out/identities.ndjson}
  flat: {publish: profiles, format: csv, files: out/flat.csv}
http: {listen: \"127.0.0.1:0\"}
";

#[test]
fn who_follows_while_somebody_is_forgotten_is_told_tombstones_and_nothing_else_of_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let start = || {
        let definition = Definition::parse(FORGETTING, folder.path().join("shop.yaml"));
        let running = Engine::builder(&definition.expect("it is right")).start();
        let running = running.expect("it starts");
        let (address, control) = (running.http().expect("it is served"), running.control());
        // Whoever waits for it has it forget.
        let waiting = std::thread::spawn(move || drop(running.wait().expect("it ends")));
        while super::client::get(address, "/v1/segments").status == 503 {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        (control, waiting, address)
    };
    let (control, waiting, address) = start();
    let mut events = follow(address, "", "");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let mut socket = runtime.block_on(open(address, "", &[])).expect("it opens");
    let order = |who: &str, amount: i64| json!({"id": format!("{who}{amount}"), "email": format!("{who}@x.org"), "phone": format!("{who}-1"), "amount": amount});
    let forget = |who: &str| {
        let path = format!("/v1/profiles/email:{who}@x.org:forget");
        let answer = request(address, "POST", &path, &[], b"");
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    };
    post(address, &[order("ada", 500), order("bob", 500), order("cid", 1)]);
    // Each has a profile, twice, and two identifiers; and two are in the segment.
    let mut told: Events = events.by_ref().take(14).collect();
    post(address, &[order("cid", 2)]);
    told.extend(events.by_ref().take(2));
    for who in ["ada", "bob"] {
        forget(who);
        let gone: Events = events.by_ref().take(5).collect();
        let of = |output: &str| -> Vec<&Value> {
            let of_output = gone.iter().filter(|(_, of)| of["output"] == output);
            of_output.map(|(_, of)| of).collect()
        };
        assert_eq!(of("segments")[0]["value"]["change"], "left", "{gone:?}");
        for (output, keys) in [("profiles", 1), ("identities", 2), ("flat", 1)] {
            assert_eq!(of(output).len(), keys, "{gone:?}");
            assert!(of(output).iter().all(|of| of["value"].is_null()), "{gone:?}");
        }
        let keys: Vec<&Value> = of("identities").iter().map(|of| &of["key"]).collect();
        assert_eq!(keys, [&format!("email:{who}@x.org"), &format!("phone:{who}-1")]);
        told.extend(gone);
    }
    // The connections go on.
    post(address, &[order("dan", 3)]);
    told.extend(events.by_ref().take(4));
    for (id, record) in &told {
        let heard = runtime.block_on(next(&mut socket));
        assert_eq!(heard, json!({"id": id, "record": record}));
    }
    let places: Vec<Vec<u64>> = told
        .iter()
        .map(|(id, _)| id.split('.').map(|part| part.parse().expect("a number")).collect())
        .collect();
    assert!(
        places.is_sorted_by(|one, other| one < other),
        "each is behind the one before: {told:?}"
    );
    // Who comes back is told of them that they are gone, from wherever that is.
    let is_erased = |(_, of): &(String, Value)| {
        let text = of["value"].to_string();
        ["ada", "bob"].iter().any(|who| text.contains(&format!("{who}@x.org")))
            || ["ada", "bob"].iter().any(|who| text.contains(&format!("{who}-1")))
    };
    for place in [0, 3, 13, 14, 16, 18, 21, 25] {
        let rest: Events = told[place + 1..].iter().filter(|of| !is_erased(of)).cloned().collect();
        let heard: Events = follow(address, "", &told[place].0).take(rest.len()).collect();
        assert_eq!(heard, rest, "behind {place}");
    }
    let forgotten = told[20].0.clone();
    let last = told.last().expect("the last").0.clone();
    drop(events);
    control.stop();
    waiting.join().expect("it ends well");
    // Memory has gone with the run, and no file tells of who is no longer in it.
    let (control, waiting, address) = start();
    assert_eq!(refusal(address, "?output=identities", &forgotten), (410, "too_old".to_owned()));
    let mut events = follow(address, FILES, &last);
    post(address, &[order("eve", 3)]);
    assert_eq!(
        events.next().expect("news").1["value"]["identifiers"]["email"],
        json!(["eve@x.org"])
    );
    control.stop();
    waiting.join().expect("it ends well");
    for entry in std::fs::read_dir(folder.path().join("out")).expect("a folder") {
        let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("a text");
        assert!(!text.contains("ada@x.org") && !text.contains("bob-1"), "{text}");
    }
}

#[test]
fn who_posts_reads_what_follows_as_of_the_tick_of_the_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let (running, address) = shop(folder.path());
    let reading: Vec<_> = (0..4)
        .map(|of| {
            std::thread::spawn(move || {
                for number in 0..40 {
                    let row = Value::from(vec![order(of * 1_000 + number, 7)]).to_string();
                    let posted =
                        request(address, "POST", "/v1/sources/orders", &[], row.as_bytes());
                    let tick = posted.header("selfsame-tick").expect("a tick").to_owned();
                    let email = format!("{}@x.org", of * 1_000 + number);
                    let path = format!("/v1/profiles/email:{email}?after={tick}&timeout=30000");
                    let answer = super::client::get(address, &path);
                    assert_eq!(answer.status, 200, "{tick} {}", answer.json());
                    assert_eq!(answer.json()["profile"]["attributes"]["spent"], 7);
                }
            })
        })
        .collect();
    reading.into_iter().for_each(|reading| reading.join().expect("all of it was read"));
    running.stop().expect("it ends");
}

#[test]
fn who_is_behind_by_more_than_memory_has_is_told_all_of_it_from_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let (running, address) = shop(folder.path());
    let mut events = follow(address, "?output=profiles", "");
    post(address, &[order(0, 1)]);
    let first = events.next().expect("an event");
    drop(events);
    const POSTS: usize = 8;
    const ROWS: usize = 10_000;
    for part in 0..POSTS {
        let rows: Vec<Value> = (1..=ROWS).map(|number| order(part * ROWS + number, 1)).collect();
        post(address, &rows);
    }
    // What no such file tells comes from the data folder.
    let flat = follow(address, "?output=flat", &first.0).take(POSTS * ROWS);
    let emails = flat.map(|(_, of)| of["value"]["identifiers"]["email"][0].to_string());
    assert_eq!(emails.collect::<std::collections::BTreeSet<_>>().len(), POSTS * ROWS, "each once");
    let all: Events = follow(address, "?output=profiles", &first.0).take(POSTS * ROWS).collect();
    assert!(are_in_order(&all));
    let mut emails: Vec<String> =
        all.iter().map(|(_, of)| of["value"]["identifiers"]["email"][0].to_string()).collect();
    emails.sort();
    emails.dedup();
    assert_eq!(emails.len(), POSTS * ROWS, "each once");
    // From within, where memory still has it and where it does not.
    for from in [10, 20_000, POSTS * ROWS - 10] {
        let some: Events = follow(address, "?output=profiles", &all[from].0).take(9).collect();
        assert_eq!(some, all[from + 1..from + 10]);
    }
    running.stop().expect("it ends");
}

type Socket = WebSocketStream<tokio::net::TcpStream>;

async fn open(
    address: SocketAddr,
    query: &str,
    headers: &[(&'static str, &str)],
) -> Result<Socket, Error> {
    let mut request = format!("ws://{address}/v1/changes{query}").into_client_request()?;
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().expect("a header"));
    }
    let stream = tokio::net::TcpStream::connect(address).await?;
    Ok(client_async(request, stream).await?.0)
}

async fn next(socket: &mut Socket) -> Value {
    loop {
        match socket.next().await.expect("it goes on").expect("a message") {
            Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_websocket_tells_the_same_and_says_why_it_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let (running, address) = shop(folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(async {
        let mut socket = open(address, FILES, &[]).await.expect("it opens");
        let mut events = follow(address, FILES, "");
        post(address, &[order(0, 500), order(1, 1)]);
        let told: Events = events.by_ref().take(3).collect();
        for (id, record) in &told {
            assert_eq!(next(&mut socket).await, json!({"id": id, "record": record}));
        }
        // What is sent is answered where it asks for an answer, and means nothing else.
        socket.send(Message::Text("hello".into())).await.expect("it is sent");
        socket.send(Message::Ping("are you there".into())).await.expect("it is sent");
        loop {
            match socket.next().await.expect("it goes on").expect("a message") {
                Message::Pong(said) => break assert_eq!(&said[..], b"are you there"),
                other => assert!(matches!(other, Message::Ping(_)), "{other:?}"),
            }
        }
        // It is gone on with by the parameter, as browsers have no headers for it, and by the header.
        for (query, headers) in [
            (format!("{FILES}&last_event_id={}", told[0].0), vec![]),
            (FILES.to_owned(), vec![("last-event-id", &*told[0].0)]),
        ] {
            let mut again = open(address, &query, &headers).await.expect("it opens");
            assert_eq!(next(&mut again).await["id"], told[1].0);
        }
        for (query, headers, status) in [
            ("?output=none", vec![], 404),
            ("?x=1", vec![], 400),
            ("?last_event_id=x", vec![], 400),
            ("?last_event_id=1.0.1", vec![], 410),
            (FILES, vec![("origin", "https://evil.example")], 403),
            (FILES, vec![("origin", "null")], 403),
        ] {
            match open(address, query, &headers).await {
                Err(Error::Http(answer)) => {
                    assert_eq!(answer.status(), status, "{query} {headers:?}")
                }
                other => panic!("{query} {headers:?}: {other:?}"),
            }
        }
        let own = format!("http://{address}");
        for origin in ["https://shop.example", &own] {
            open(address, FILES, &[("origin", origin)]).await.expect("its pages may");
        }
        // The run ends, and those who follow are told.
        let ending = std::thread::spawn(move || running.stop().expect("it ends"));
        let end = loop {
            match socket.next().await.expect("it says so").expect("a message") {
                Message::Close(frame) => break frame.expect("a reason"),
                Message::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        };
        assert_eq!((end.code, &*end.reason), (CloseCode::Away, "the run has ended"));
        assert!(matches!(socket.next().await, None | Some(Err(_))));
        ending.join().expect("it ends");
    });
}

#[test]
fn what_asks_for_a_websocket_wrongly_is_told_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_running, address) = shop(folder.path());
    let asked =
        |headers: &[(&str, &str)]| request(address, "GET", "/v1/changes", headers, b"").refusal();
    // No key, no version, and a connection that is to be closed.
    assert_eq!(asked(&[("upgrade", "websocket")]), (400, "bad_upgrade".to_owned()));
    let headers = [("upgrade", "websocket"), ("sec-websocket-version", "8")];
    let other = request(address, "GET", "/v1/changes", &headers, b"");
    assert_eq!(other.refusal(), (426, "bad_upgrade".to_owned()));
    assert_eq!(other.header("sec-websocket-version"), Some("13"));
    assert_eq!(other.header("upgrade"), Some("websocket"));
}

/// What is sent behind the upgrade, masked by zeros, and what comes back: a closing frame's code, if it is one.
fn closed(address: SocketAddr, frames: &[u8]) -> Option<u16> {
    let mut stream = connect(address);
    let head = format!(
        "GET /v1/changes{FILES} HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("it is sent");
    let mut reader = BufReader::new(stream.try_clone().expect("the same stream"));
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        assert!(reader.read_line(&mut line).expect("a line") > 0, "a head has an end");
    }
    stream.write_all(frames).expect("it is sent");
    let mut rest = Vec::new();
    // However it ends, what was told before is there.
    let _ = reader.read_to_end(&mut rest);
    // It is asked first whether it is there.
    let frames = rest.strip_prefix(&[0x89, 0]).unwrap_or(&rest);
    let [0x88, length, first, second, ..] = frames else { return None };
    (usize::from(*length) + 2 == frames.len()).then(|| u16::from_be_bytes([*first, *second]))
}

#[test]
fn who_sends_what_is_no_websocket_is_told_why_the_connection_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_running, address) = shop(folder.path());
    let masked = |head: &[u8], payload: &[u8]| [head, &[0; 4], payload].concat();
    let long = masked(&[0x82, 0xfe, 0x27, 0x10], &[b'x'; 10_000]);
    let wrong = [
        ("a frame that is not masked", vec![0x81, 2, b'h', b'i'], 1002),
        ("reserved bits", masked(&[0xf1, 0x80], b""), 1002),
        ("a kind that there is not", masked(&[0x83, 0x80], b""), 1002),
        ("the rest of nothing", masked(&[0x80, 0x80], b""), 1002),
        ("a ping in parts", masked(&[0x09, 0x80], b""), 1002),
        ("a text that is none", masked(&[0x81, 0x82], b"\xff\xfe"), 1007),
        ("more than is read", long, 1009),
        // What is in order is closed as the client says.
        ("a goodbye", masked(&[0x88, 0x82], &1000_u16.to_be_bytes()), 1000),
    ];
    // Each is given a while to close, too.
    std::thread::scope(|scope| {
        for (what, frames, code) in wrong {
            scope.spawn(move || assert_eq!(closed(address, &frames), Some(code), "{what}"));
        }
    });
}
