//! A flood of connections, of garbage and of slow clients keeps nobody out who has something to say.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::client::{answer, connect, get, request};
use super::http::address;
use super::program::Running;

const SHOP: &str = "
sources:
  orders: {http: {}, kind: events, id: id, fields: {id: text, email: text}}
  clicks: {files: 'clicks/*.ndjson', kind: events, id: id, fields: {id: text, email: text}}
identity:
  email: {from: {orders: email, clicks: email}}
outputs:
  profiles: {files: out/profiles.ndjson}
";

/// A run in a process of its own, so that connections are counted there alone.
fn start(folder: &Path, most_open: Option<u32>) -> (Running, std::net::SocketAddr) {
    fs::write(folder.join("shop.yaml"), SHOP).expect("room on the disk");
    fs::create_dir_all(folder.join("clicks")).expect("room on the disk");
    fs::write(folder.join("clicks/0.ndjson"), "").expect("room on the disk");
    let run = "run shop.yaml --follow --data data --http 127.0.0.1:0";
    let mut running = match most_open {
        None => Running::start(folder, &run.split(' ').collect::<Vec<_>>()),
        Some(most) => {
            let program = env!("CARGO_BIN_EXE_selfsame");
            let limited = format!("ulimit -n {most}; exec {program} {run}");
            Running::start_of("bash", folder, &["-c", &limited], &[])
        }
    };
    let address = address(&mut running).parse().expect("an address");
    (running, address)
}

fn post(address: std::net::SocketAddr, id: &str) {
    let row = format!("{{\"id\": \"{id}\", \"email\": \"{id}@example.com\"}}");
    let answer = request(address, "POST", "/v1/sources/orders", &[], row.as_bytes());
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
}

#[test]
fn a_flood_of_connections_and_of_garbage_does_not_stop_ingestion() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut running, address) = start(folder.path(), None);
    let begun = |text: &[u8]| {
        let mut stream = connect(address);
        // Whoever had to make room before may have said so.
        let _ = stream.write_all(text);
        stream
    };
    let said: [&[u8]; 6] = [
        b"",
        b"GET / HTTP/1.1\r\nhost",
        b"\0\xff\xfe\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"POST /v1/sources/orders HTTP/1.1\r\n",
    ];
    let is_over = Arc::new(AtomicBool::new(false));
    let posting = {
        let is_over = Arc::clone(&is_over);
        std::thread::spawn(move || {
            let mut sent = 0;
            while !is_over.load(Ordering::Relaxed) {
                post(address, &format!("o{sent}"));
                sent += 1;
            }
            sent
        })
    };
    // More than are served at once, and all of them stay.
    let flood: Vec<TcpStream> = (0..2_500).map(|number| begun(said[number % said.len()])).collect();
    post(address, "behind");
    let clicks: String = (0..10)
        .map(|of| format!("{{\"id\":\"c{of}\",\"email\":\"c{of}@example.com\"}}\n"))
        .collect();
    fs::write(folder.path().join("clicks/1.ndjson"), clicks).expect("room on the disk");
    running.until("files are read on", |_| {
        get(address, "/v1/profiles/email:c9@example.com").status == 200
    });
    is_over.store(true, Ordering::Relaxed);
    let sent = posting.join().expect("each was answered");
    drop(flood);
    running.until("all are known", |_| {
        let told = get(address, "/v1/segments").json();
        told["people"] == sent + 11
    });
    running.signal("INT");
    running.end().well();
}

#[test]
fn who_is_being_answered_stays_while_others_flood() {
    let folder = tempfile::tempdir().expect("a folder");
    let (running, address) = start(folder.path(), None);
    let mut follows = connect(address);
    follows.write_all(b"GET /v1/changes HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("it is sent");
    assert!(follows.read(&mut [0; 16]).expect("an answer") > 0);
    let mut waits = connect(address);
    let path = "/v1/segments?after=18000000000000&timeout=30000";
    let text = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    waits.write_all(text.as_bytes()).expect("it is sent");
    let mut slow = connect(address);
    let row = "{\"id\": \"slow\", \"email\": \"slow@example.com\"}";
    let head = format!(
        "POST /v1/sources/orders HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        row.len()
    );
    slow.write_all(head.as_bytes()).expect("it is sent");
    assert_eq!(get(address, "/v1/segments").status, 200);
    let flood: Vec<TcpStream> = (0..1_500).map(|_| connect(address)).collect();
    assert_eq!(get(address, "/v1/segments").status, 200);
    slow.write_all(row.as_bytes()).expect("it is sent");
    assert_eq!(answer(&mut slow).status, 200);
    let mut told = [0; 1];
    let mut all = Vec::new();
    while !String::from_utf8_lossy(&all).contains("slow@example.com") {
        follows.read_exact(&mut told).expect("it goes on");
        all.push(told[0]);
    }
    assert_eq!(answer(&mut waits).status, 409, "it has waited to its end");
    drop(flood);
    running.signal("INT");
    running.end().well();
}

/// More than the connections that are served at once.
const TIMES: usize = 1_100;

/// Each of these holds a place for as long as the server waits for it.
fn floods() -> [(&'static str, String); 5] {
    let body = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 30000\r\n\r\n{{\"ids\": ["
        )
    };
    let read = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    [
        ("a slow body of rows", body("/v1/sources/orders")),
        ("a slow body of a batch", body("/v1/profiles:batch")),
        ("who follows", read("/v1/changes")),
        ("who waits for a tick", read("/v1/segments?after=18000000000000&timeout=30000")),
        // So many answers that they don't all fit where they wait to be taken.
        ("who takes nothing", read("/openapi.json").repeat(200)),
    ]
}

#[test]
fn a_flood_of_whatever_lasts_keeps_nobody_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut running, address) = start(folder.path(), None);
    let mut sent = 0;
    for (what, text) in floods() {
        let mut flood = Vec::new();
        for number in 0..TIMES {
            let mut stream = connect(address);
            stream.set_nonblocking(true).expect("it is set");
            // Whoever takes nothing is not taken from, either.
            let _ = stream.write(text.as_bytes());
            flood.push(stream);
            if number % 100 == 99 {
                post(address, &format!("o{sent}"));
                sent += 1;
            }
        }
        for _ in 0..20 {
            post(address, &format!("o{sent}"));
            sent += 1;
            assert_eq!(get(address, "/v1/segments").status, 200, "beside {what}");
        }
    }
    running.until("all are known", |_| get(address, "/v1/segments").json()["people"] == sent);
    running.signal("INT");
    running.end().well();
}

#[test]
fn who_sends_more_than_is_read_is_told_why_before_the_connection_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let (running, address) = start(folder.path(), None);
    let long = "x".repeat(40 << 20);
    for path in ["/v1/sources/orders", "/v1/sources/none", "/v1/profiles:batch", "/v1/none"] {
        let mut stream = connect(address);
        let length = long.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("it is sent");
        stream.write_all(long.as_bytes()).expect("all of it is sent, and then the answer read");
        let (status, _) = answer(&mut stream).refusal();
        assert!([404, 413].contains(&status), "{path}: {status}");
    }
    running.signal("INT");
    running.end().well();
}

#[test]
fn where_few_files_may_be_open_connections_leave_enough_for_those_of_the_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let (running, address) = start(folder.path(), Some(128));
    let flood: Vec<TcpStream> = (0..400).map(|_| connect(address)).collect();
    for number in 0..20 {
        post(address, &format!("o{number}"));
    }
    drop(flood);
    running.signal("INT");
    running.end().well();
}
