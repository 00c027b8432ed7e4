//! What is posted, over a real connection: where the rows go, the test says.

use std::io::Write as _;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::messages::{BATCH_LIMIT, MESSAGE_LIMIT};
use super::{Ingest, IngestPatience, Writing, open_to_all, router};
use crate::definition::check_text;
use crate::row::Reason;
use crate::serve::handles::ServedProcess;
use crate::source::{Posts, RejectedRow};

const DEFINITION: &str = "
sources:
  shop: {http: {}, kind: events, fields: {email: text}}
  web: {http: {collector: segment}, kind: events, fields: {userId: text}}
  app: {http: {collector: segment}, kind: events, fields: {userId: text}}
  files: {files: x, kind: events, fields: {email: text}}
identity:
  email: {from: {shop: email, files: email}}
  user: {from: {web: userId, app: userId}}
outputs:
  profiles: {files: out}
";

/// What was posted: the source, and each row, with a mark where it is not read.
type Posted = Arc<Mutex<Vec<(u16, String)>>>;

/// A server whose rows are taken until there is one that says `stop`; those that say `reject` are rejected.
struct Server {
    address: String,
    posted: Posted,
}

impl Server {
    async fn start() -> Self {
        Server::with(open_to_all(), IngestPatience::default()).await
    }

    async fn with(writing: Writing, patience: IngestPatience) -> Self {
        let (posts, taken) = Posts::new();
        let posted = Posted::default();
        let noted = Arc::clone(&posted);
        std::thread::spawn(move || take(&taken, &noted));
        Server::over(Some(posts), posted, writing, patience).await
    }

    async fn over(
        posts: Option<Posts>,
        posted: Posted,
        writing: Writing,
        patience: IngestPatience,
    ) -> Self {
        let (plan, _) = check_text(DEFINITION, "shop.yaml".as_ref()).expect("right");
        let process = ServedProcess { of: 2, first: Some("http://first:80".to_owned()) };
        let tick: super::KeptTick = Arc::new(|| Some(7));
        let ingest = Ingest::new(&plan, posts, &process, writing, tick, patience);
        let router = router(&ingest, |routes| routes, |routes| routes, |routes| routes);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Server { address, posted }
    }

    fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
        Client::new().post(format!("http://{}{path}", self.address)).body(body)
    }

    fn posted(&self) -> Vec<(u16, String)> {
        std::mem::take(&mut self.posted.lock().expect("no one panics with it"))
    }
}

fn take(taken: &Receiver<crate::source::Post>, posted: &Posted) {
    for post in taken {
        let (bytes, rows, unread) = post.rows.into_parts(0);
        let mut rejected = Vec::new();
        for (place, range) in rows {
            let row = String::from_utf8_lossy(&bytes[range]).into_owned();
            if row.contains("stop") {
                return;
            }
            if row.contains("reject") {
                let reason =
                    Reason { code: "wrong_type", path: "email".into(), message: "no".into() };
                rejected.push(RejectedRow { source: 0, offset: place, reasons: vec![reason] });
            }
            posted.lock().expect("no one panics with it").push((post.source, row));
        }
        for unread in unread {
            let row = format!("unread: {}", unread.code);
            posted.lock().expect("no one panics with it").push((post.source, row));
        }
        let _ = post.answer.send(rejected);
    }
}

async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.expect("an answer");
    let (status, body) = (response.status(), response.text().await.expect("a body"));
    (status, serde_json::from_str(&body).unwrap_or_else(|_| panic!("{status}: {body}")))
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

fn basic(key: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{key}:")))
}

#[tokio::test]
async fn rows_are_taken_as_an_object_a_list_or_lines_and_rejects_are_told() {
    let server = Server::start().await;
    let all = json!({"accepted": 2, "rejected": 0, "rejects": []});
    for body in ["[{\"email\":\"a\"},{\"email\":\"b\"}]", "{\"email\":\"a\"}\n{\"email\":\"b\"}\n"]
    {
        for body in [body.as_bytes().to_vec(), gzipped(body)] {
            assert_eq!(
                answer(server.post("/v1/sources/shop", body)).await,
                (StatusCode::OK, all.clone())
            );
            let expected =
                ["{\"email\":\"a\"}", "{\"email\":\"b\"}"].map(|row| (0, row.to_owned()));
            assert_eq!(server.posted(), expected);
        }
    }
    let (_, told) = answer(server.post("/v1/sources/web", "[1, {\"reject\": 2}, 3]")).await;
    let reasons = json!([{"code": "wrong_type", "path": "email", "message": "no"}]);
    let expected =
        json!({"accepted": 2, "rejected": 1, "rejects": [{"row": 1, "reasons": reasons}]});
    assert_eq!(told, expected);
    let nothing = json!({"accepted": 0, "rejected": 0, "rejects": []});
    assert_eq!(answer(server.post("/v1/sources/web", "[]")).await, (StatusCode::OK, nothing));
}

#[tokio::test]
async fn what_is_no_rows_is_refused_with_a_reason() {
    let server = Server::start().await;
    let many = format!("[{}]", vec!["{}"; 10_001].join(","));
    let cases = [
        (
            "/v1/sources/nobody",
            "{}".into(),
            404,
            "no_source",
            "rows are posted into: shop, web, app",
        ),
        ("/v1/sources/files", "{}".into(), 404, "no_source", "no source 'files' takes rows"),
        ("/v1/sources/shop", "hello".into(), 400, "bad_body", "no JSON"),
        ("/v1/sources/shop", "[{},".into(), 400, "bad_body", "no JSON list"),
        ("/v1/sources/shop", "".into(), 400, "bad_body", "empty"),
        ("/v1/sources/shop", gzipped("{}")[..8].to_vec(), 400, "bad_body", "no whole gzip"),
        ("/v1/sources/shop", vec![b' '; (16 << 20) + 1], 413, "too_large", "16777216 bytes"),
        ("/v1/sources/shop", gzipped(&" ".repeat((16 << 20) + 1)), 413, "too_large", "in parts"),
        ("/v1/sources/shop", many.into_bytes(), 413, "too_many", "10000 rows"),
    ];
    for (path, body, status, code, why) in cases {
        let shown = String::from_utf8_lossy(&body[..body.len().min(20)]).into_owned();
        let (answered, told) = answer(server.post(path, body)).await;
        assert_eq!((answered.as_u16(), &told["error"]["code"]), (status, &json!(code)), "{shown}");
        let part = |name: &str| told["error"][name].as_str().expect("a text").to_owned();
        let said = format!("{}: {}", part("message"), part("remedy"));
        assert!(said.contains(why), "{said}");
    }
    assert_eq!(server.posted(), []);
    let get = Client::new().get(format!("http://{}/v1/sources/shop", server.address));
    assert_eq!(get.send().await.expect("an answer").status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn whatever_a_client_calls_its_body_its_bytes_say_what_it_is() {
    let server = Server::start().await;
    let body = json!({"batch": [{"type": "track", "userId": "ada", "messageId": "m"}]}).to_string();
    let types =
        ["application/json", "text/plain", "application/x-www-form-urlencoded", "image/png"];
    for kind in types {
        for body in [body.clone().into_bytes(), gzipped(&body)] {
            let request = server.post("/v1/batch", body).header("content-type", kind);
            let request = request.header("authorization", basic("web"));
            assert_eq!(answer(request).await, (StatusCode::OK, json!({"success": true})));
            let posted = server.posted();
            let row: Value = serde_json::from_str(&posted[0].1).expect("JSON");
            assert_eq!((posted.len(), posted[0].0, &row["userId"]), (1, 1, &json!("ada")));
        }
    }
}

#[tokio::test]
async fn each_call_of_the_collector_is_a_row_of_its_type() {
    let server = Server::start().await;
    for (path, kind) in [
        ("track", "track"),
        ("t", "track"),
        ("identify", "identify"),
        ("i", "identify"),
        ("page", "page"),
        ("p", "page"),
        ("screen", "screen"),
        ("s", "screen"),
        ("group", "group"),
        ("g", "group"),
        ("alias", "alias"),
        ("a", "alias"),
    ] {
        let body = json!({"anonymousId": "x", "writeKey": "app"}).to_string();
        let (status, _) = answer(server.post(&format!("/v1/{path}"), body)).await;
        assert_eq!(status, StatusCode::OK);
        let posted = server.posted();
        let row: Value = serde_json::from_str(&posted[0].1).expect("JSON");
        assert_eq!((posted[0].0, &row["type"], &row["writeKey"]), (2, &json!(kind), &Value::Null));
    }
    for path in ["batch", "b", "import"] {
        let long = "x".repeat(MESSAGE_LIMIT);
        let body = json!({"batch": [{"type": "page"}, {"event": long}], "writeKey": "web"});
        let (status, _) = answer(server.post(&format!("/v1/{path}"), body.to_string())).await;
        assert_eq!(status, StatusCode::OK);
        let posted = server.posted();
        assert_eq!(posted[1], (1, "unread: too_long".to_owned()));
    }
}

/// As `navigator.sendBeacon` does: no header says who sends or what it is.
#[tokio::test]
async fn a_page_that_is_being_left_names_its_key_in_the_address() {
    let server = Server::start().await;
    let body = json!({"batch": [{"type": "page", "messageId": "1"}]}).to_string();
    let of_keys = [("?writeKey=app", 2), ("?writeKey=web", 1), ("?x=%ff&writeKey=web", 1)];
    for (query, source) in of_keys {
        let sent = server.post(&format!("/beacon/v1/batch{query}"), body.clone());
        let (status, told) = answer(sent.header("content-type", "text/plain")).await;
        let said = (status, &told["success"], server.posted()[0].0);
        assert_eq!(said, (StatusCode::OK, &json!(true), source), "{query}: {told}");
    }
    // Where several collect, and none is named.
    let (status, told) = answer(server.post("/beacon/v1/batch", body)).await;
    assert_eq!((status, &told["code"]), (StatusCode::UNAUTHORIZED, &json!("unclear_key")));
}

#[tokio::test]
async fn what_the_collector_refuses_it_says_as_sdks_read_it() {
    let server = Server::start().await;
    let long = |length: usize| json!({"event": "x".repeat(length)}).to_string();
    let cases = [
        ("/v1/track", "nonsense".to_owned(), 400, "bad_body"),
        ("/v1/track", "[]".to_owned(), 400, "bad_body"),
        ("/v1/batch", "{}".to_owned(), 400, "bad_body"),
        ("/v1/track", long(MESSAGE_LIMIT), 400, "large_body"),
        ("/v1/batch", long(BATCH_LIMIT), 400, "large_body"),
        ("/v1/track", "{}".to_owned(), 401, "unclear_key"),
    ];
    for (path, body, status, code) in cases {
        let (answered, told) = answer(server.post(path, body)).await;
        assert_eq!((answered.as_u16(), &told["code"]), (status, &json!(code)), "{told}");
        assert_eq!(told["success"], false);
        assert!(told["message"].is_string());
    }
    assert_eq!(server.posted(), []);
}

#[tokio::test]
async fn who_takes_no_rows_says_who_does_of_none_as_of_some() {
    let patience = IngestPatience::default();
    let server = Server::over(None, Posted::default(), open_to_all(), patience).await;
    for body in ["[]", "[{}]"] {
        let (status, told) = answer(server.post("/v1/sources/shop", body)).await;
        let Value::Object(error) = &told["error"] else { panic!("{told}") };
        assert_eq!((status.as_u16(), &error["code"]), (421, &json!("other_process")), "{body}");
        assert_eq!(error["address"], "http://first:80", "{body}");
    }
    for body in [r#"{"batch":[],"writeKey":"web"}"#, r#"{"batch":[{}],"writeKey":"web"}"#] {
        let (status, told) = answer(server.post("/v1/batch", body)).await;
        assert_eq!((status.as_u16(), &told["code"]), (421, &json!("other_process")), "{body}");
    }
}

#[tokio::test]
async fn keys_are_asked_for_before_a_body_is_read() {
    let writing: Writing = Arc::new(|key, sources| match key {
        None => Err(super::KeyFault::Missing),
        Some("of-shop") => {
            let shop = sources.iter().find(|source| source.name == "shop");
            shop.map(|shop| shop.number).ok_or(super::KeyFault::Elsewhere)
        }
        Some(_) => Err(super::KeyFault::Unknown),
    });
    let server = Server::with(writing, IngestPatience::default()).await;
    for (path, key, status, code) in [
        ("/v1/sources/shop", None, 401, "no_key"),
        ("/v1/sources/shop", Some("guess"), 401, "wrong_key"),
        ("/v1/sources/web", Some("of-shop"), 403, "other_key"),
        ("/v1/track", None, 401, "no_key"),
        ("/v1/track", Some("guess"), 401, "wrong_key"),
        ("/v1/track", Some("of-shop"), 403, "other_key"),
    ] {
        let mut request = server.post(path, "{}");
        if let Some(key) = key {
            request = request.header("authorization", basic(key));
        }
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status().as_u16(), status, "{path} {key:?}");
        assert_eq!(response.headers().contains_key("www-authenticate"), status == 401);
        let told: Value =
            serde_json::from_slice(&response.bytes().await.expect("a body")).expect("JSON");
        assert!(told["code"] == code || told["error"]["code"] == code, "{told}");
    }
    let bearer = server.post("/v1/sources/shop", "{}").header("authorization", "Bearer of-shop");
    assert_eq!(answer(bearer).await.0, StatusCode::OK);
}

#[tokio::test]
async fn while_there_is_no_room_or_the_run_stops_it_is_to_be_sent_again() {
    // Nobody takes them.
    let (posts, _taken) = Posts::new();
    let patience = IngestPatience { kept: Duration::from_millis(50), ..IngestPatience::default() };
    let server = Server::over(Some(posts), Posted::default(), open_to_all(), patience).await;
    let rows = format!("[{}]", vec![format!("\"{}\"", "x".repeat(1_000_000)); 8].join(","));
    let mut codes = Vec::new();
    for _ in 0..5 {
        let response = server.post("/v1/sources/shop", rows.clone()).send().await;
        let response = response.expect("an answer");
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.headers().contains_key("retry-after"));
        let told = response.bytes().await.expect("a body");
        let told: Value = serde_json::from_slice(&told).expect("JSON");
        codes.push(told["error"]["code"].as_str().expect("a code").to_owned());
    }
    codes.dedup();
    assert_eq!(codes, ["not_durable_yet", "busy"]);
    let server = Server::start().await;
    for _ in 0..2 {
        let (status, told) = answer(server.post("/v1/sources/shop", "{\"a\": \"stop\"}")).await;
        assert_eq!((status.as_u16(), &told["error"]["code"]), (503, &json!("shutting_down")));
    }
    let server =
        Server::over(None, Posted::default(), open_to_all(), IngestPatience::default()).await;
    let (status, told) = answer(server.post("/v1/sources/shop", "{}")).await;
    assert_eq!((status.as_u16(), &told["error"]["code"]), (421, &json!("other_process")));
}

#[tokio::test]
async fn a_slow_or_broken_body_costs_its_own_connection_alone() {
    let patience = IngestPatience { body: Duration::from_millis(50), ..IngestPatience::default() };
    let server = Server::with(open_to_all(), patience).await;
    let head =
        "POST /v1/sources/shop HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{\"email\":";
    let mut slow = TcpStream::connect(&server.address).await.expect("a connection");
    slow.write_all(head.as_bytes()).await.expect("it is taken");
    let mut broken = TcpStream::connect(&server.address).await.expect("a connection");
    broken.write_all(head.as_bytes()).await.expect("it is taken");
    drop(broken);
    let mut garbage = TcpStream::connect(&server.address).await.expect("a connection");
    garbage.write_all(&[0xff; 4096]).await.expect("it is taken");
    let (status, _) = answer(server.post("/v1/sources/shop", "{}")).await;
    assert_eq!(status, StatusCode::OK);
    let mut answered = [0; 12];
    slow.read_exact(&mut answered).await.expect("an answer");
    assert_eq!(&answered, b"HTTP/1.1 408");
    assert_eq!(server.posted(), [(0, "{}".to_owned())]);
}

#[tokio::test]
async fn pages_of_other_hosts_may_send_and_are_told_where_to() {
    let server = Server::start().await;
    let url = format!("http://{}/v1/t", server.address);
    let asked = Client::new().request(reqwest::Method::OPTIONS, url);
    let asked = asked
        .header("origin", "https://shop.example")
        .header("access-control-request-method", "POST");
    let allowed = asked.header("access-control-request-headers", "authorization,anonymousid");
    let allowed = allowed.send().await.expect("an answer");
    assert_eq!(allowed.headers()["access-control-allow-origin"], "*");
    let headers = allowed.headers()["access-control-allow-headers"].to_str().expect("text");
    // The star alone would not mean the key.
    let named: Vec<&str> = headers.split(',').map(str::trim).collect();
    for name in ["authorization", "content-type", "content-encoding", "anonymousid", "*"] {
        assert!(named.contains(&name), "{name}: {headers}");
    }
    let settings = Client::new().get(format!("http://{}/v1/projects/web/settings", server.address));
    let (_, settings) = answer(settings).await;
    let to = &settings["integrations"]["Segment.io"];
    assert_eq!(to["apiHost"], format!("{}/v1", server.address));
    let config = format!("http://{}/sourceConfig/?writeKey=web&p=npm", server.address);
    assert_eq!(answer(Client::new().get(config)).await.1["source"]["writeKey"], "web");
}
