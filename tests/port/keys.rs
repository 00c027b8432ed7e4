//! Keys in files are given and taken back while a run goes on.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use selfsame::Running;

use super::client::{Answer, connect, request};
use super::program::{Running as Program, selfsame};
use super::{definition, http, start};

const KEYS: &str = "keys: {read: [file:read.txt, read-of-definition], write: {orders: file:write.txt}, admin: file:admin.txt}";
/// Longer than it takes to look at files twice.
const LOOKED: Duration = Duration::from_millis(3_500);

fn shop(folder: &Path) -> (Running, SocketAddr) {
    fs::write(folder.join("read.txt"), "first-of-readers\nsecond-of-readers\n").expect("a file");
    fs::write(folder.join("write.txt"), "first-of-writers\n").expect("a file");
    fs::write(folder.join("admin.txt"), "first-of-admins-\n").expect("a file");
    start(&definition(folder, KEYS)).expect("it starts")
}

fn read(address: SocketAddr, key: &str) -> Answer {
    request(address, "GET", "/v1/segments", &[("authorization", &format!("Bearer {key}"))], b"")
}

fn write(address: SocketAddr, key: &str) -> u16 {
    let authorization = format!("Bearer {key}");
    let row = b"{\"email\": \"a@b.c\", \"amount\": 1}";
    request(address, "POST", "/v1/sources/orders", &[("authorization", &authorization)], row).status
}

/// Until something holds; that it never does is found out at last.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(120);
    while !holds() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn keys_in_files_are_given_and_taken_back_and_what_is_no_key_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let (running, address) = shop(folder);
    for key in ["first-of-readers", "second-of-readers", "read-of-definition", "first-of-admins-"] {
        assert_eq!(read(address, key).status, 200, "{key}");
    }
    assert_eq!(read(address, "third-of-readers").refusal(), (401, "wrong_key".to_owned()));
    fs::write(folder.join("read.txt"), "second-of-readers\nthird-of-readers\n").expect("a file");
    until("the third reads", || read(address, "third-of-readers").status == 200);
    assert_eq!(read(address, "first-of-readers").refusal(), (401, "wrong_key".to_owned()));
    assert_eq!(read(address, "second-of-readers").status, 200);
    // Writers' keys and the admin's change likewise.
    fs::write(folder.join("write.txt"), "second-of-writers\n").expect("a file");
    until("the second writes", || write(address, "second-of-writers") == 200);
    assert_eq!(write(address, "first-of-writers"), 401);
    assert_eq!(read(address, "second-of-writers").refusal(), (403, "other_key".to_owned()));
    let defined = |key: &str| {
        let authorization = format!("Bearer {key}");
        request(address, "GET", "/v1/definition", &[("authorization", &authorization)], b"").status
    };
    assert_eq!(defined("first-of-admins-"), 200);
    fs::write(folder.join("admin.txt"), "other-of-admins-\n").expect("a file");
    until("the other one is the admin", || defined("other-of-admins-") == 200);
    assert_eq!(defined("first-of-admins-"), 401);
    // What does not do, and what is gone, changes nothing.
    fs::write(folder.join("read.txt"), "fourth-of-readers\nshort\n").expect("a file");
    std::thread::sleep(LOOKED);
    assert_eq!(read(address, "fourth-of-readers").status, 401);
    fs::remove_file(folder.join("read.txt")).expect("a file");
    std::thread::sleep(LOOKED);
    assert_eq!(read(address, "third-of-readers").status, 200);
    // Whoever takes all keys back opens nothing.
    for name in ["read.txt", "write.txt", "admin.txt"] {
        fs::write(folder.join(name), "\n").expect("a file");
    }
    until("nobody else reads", || read(address, "third-of-readers").status == 401);
    assert_eq!(read(address, "read-of-definition").status, 200);
    assert_eq!(write(address, "second-of-writers"), 401);
    running.stop().expect("it ends");
}

#[test]
fn keys_come_from_the_environment_as_the_definition_names_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let text = "
http:
  keys: {read: '${SHOP_READ_KEY}', write: {orders: '${SHOP_WRITE_KEY}'}, admin: '${SHOP_ADMIN_KEY}'}
sources:
  orders: {http: {}, kind: events, fields: {email: text, amount: integer}}
identity: {email: {from: {orders: email}}}
attributes: {spent: {from: orders, select: sum(amount)}}
outputs: {profiles: {files: out/profiles.ndjson}}
";
    fs::write(folder.join("shop.yaml"), text).expect("a definition");
    let run = ["run", "shop.yaml", "--http", "127.0.0.1:0"];
    let said = selfsame(folder, &run).badly();
    for name in ["SHOP_READ_KEY", "SHOP_WRITE_KEY", "SHOP_ADMIN_KEY"] {
        assert!(said.contains(&format!("the environment has no '{name}'")), "{said}");
    }
    let environment = [
        ("SHOP_READ_KEY", "reader-of-the-environment"),
        ("SHOP_WRITE_KEY", "writer-of-the-environment"),
        ("SHOP_ADMIN_KEY", "admin-of-the-environment"),
    ];
    let mut running = Program::start_with(folder, &run, &environment);
    let address: SocketAddr = http::address(&mut running).parse().expect("an address");
    assert_eq!(read(address, "reader-of-the-environment").status, 200);
    assert_eq!(read(address, "admin-of-the-environment").status, 200);
    assert_eq!(read(address, "${SHOP_READ_KEY}").refusal(), (401, "wrong_key".to_owned()));
    assert_eq!(read(address, "writer-of-the-environment").status, 403);
    assert_eq!(write(address, "writer-of-the-environment"), 200);
    assert_eq!(write(address, "reader-of-the-environment"), 403);
    running.signal("INT");
    let ended = running.end();
    assert!(environment.iter().all(|(_, key)| !ended.err.contains(key)), "{}", ended.err);
    ended.well();
}

#[test]
fn a_file_without_a_key_opens_nothing_from_the_start_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    fs::write(folder.join("none.txt"), "\n").expect("a file");
    let (_running, address) =
        start(&definition(folder, "keys: {admin: file:none.txt}")).expect("it starts");
    let without = request(address, "GET", "/v1/segments", &[], b"");
    assert_eq!(without.refusal(), (401, "no_key".to_owned()));
    assert_eq!(write(address, "orders"), 401);
    fs::write(folder.join("none.txt"), "first-of-admins-\n").expect("a file");
    until("there is one", || read(address, "first-of-admins-").status == 200);
}

#[test]
fn who_follows_changes_by_a_key_that_is_taken_back_is_told_so_and_let_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let (_running, address) = shop(folder);
    let follow = |key: &str| {
        let mut stream = connect(address);
        let head = format!(
            "GET /v1/changes HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("it is sent");
        BufReader::new(stream).lines().map_while(Result::ok)
    };
    let (mut gone, mut stays) = (follow("first-of-readers"), follow("second-of-readers"));
    for lines in [&mut gone, &mut stays] {
        assert!(lines.next().is_some_and(|status| status.contains("200")));
    }
    let socket = |key: &str| {
        let mut stream = connect(address);
        let head = format!(
            "GET /v1/changes HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\nconnection: upgrade\r\n\
             upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("it is sent");
        stream
    };
    let mut socket = socket("first-of-readers");
    fs::write(folder.join("read.txt"), "second-of-readers\n").expect("a file");
    let rest: Vec<String> = gone.collect();
    assert!(rest.iter().any(|line| line == "event: error"), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("wrong_key")), "{rest:?}");
    let mut told = Vec::new();
    std::io::Read::read_to_end(&mut socket, &mut told).expect("it ends");
    let told = String::from_utf8_lossy(&told);
    assert!(told.contains("101 Switching") && told.contains("taken back"), "{told}");
    // The other one goes on.
    assert_eq!(write(address, "first-of-writers"), 200);
    assert!(stays.any(|line| line.contains("a@b.c")));
}
