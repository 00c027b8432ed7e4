//! Clients that go without a word, in the middle of whatever they have asked for: nothing of theirs stays behind, so that
//! others are answered however often it happens.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;

use selfsame::{Definition, Engine, Running};

use super::client::{answer, connect, get, request};

/// More than the connections that are served at once.
const TIMES: usize = 1_030;

fn shop(folder: &Path) -> (Running, SocketAddr) {
    let text = "
data: data
sources:
  orders: {http: {}, kind: events, id: id, fields: {id: text, email: text}}
  web: {http: {collector: segment}, kind: events, id: messageId, fields: {messageId: text, userId: text}}
identity:
  email: {from: {orders: email}}
  user: {from: {web: userId}}
outputs:
  profiles: {files: out/profiles.ndjson}
http: {listen: \"127.0.0.1:0\"}
";
    let definition = Definition::parse(text, folder.join("shop.yaml")).expect("it is right");
    let running = Engine::builder(&definition).start().expect("it starts");
    let address = running.http().expect("it is served");
    let row = b"{\"id\": \"1\", \"email\": \"ada@example.com\"}";
    assert_eq!(request(address, "POST", "/v1/sources/orders", &[], row).status, 200);
    while get(address, "/v1/profiles/email:ada@example.com").status != 200 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    (running, address)
}

/// Goes at once: what it was sent, and was yet to be sent, is dropped by the system.
fn vanish(stream: &TcpStream) {
    socket2::SockRef::from(stream).set_linger(Some(std::time::Duration::ZERO)).expect("it is set");
}

fn sent(address: SocketAddr, text: &str) -> TcpStream {
    let mut stream = connect(address);
    stream.write_all(text.as_bytes()).expect("it is sent");
    stream
}

fn asked(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{more}\r\n")
}

fn posted(path: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 30000\r\n\r\n{{\"batch\": ["
    )
}

#[test]
fn however_many_go_in_the_middle_of_what_they_asked_for_others_are_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    let (running, address) = shop(folder.path());
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let of_ada = "/v1/profiles/email:ada@example.com";
    let never = format!("{of_ada}?after=18000000000000&timeout=30000");
    // What is sent, and whether the beginning of an answer is waited for before they go.
    let kinds = [
        (asked("/v1/changes", ""), true),
        (asked("/v1/changes", upgrade), true),
        (asked(&never, ""), false),
        (asked(&format!("{of_ada}/why"), ""), false),
        (asked(&format!("{of_ada}/rows"), ""), false),
        (posted("/v1/profiles:batch"), false),
        (posted("/v1/sources/orders"), false),
        (posted("/v1/batch"), false),
        (posted("/v1/definition"), false),
        ("GET /v1/segm".to_owned(), false),
    ];
    for (text, is_begun) in kinds {
        for number in 0..TIMES {
            let mut stream = sent(address, &text);
            if is_begun {
                assert!(stream.read(&mut [0; 16]).expect("an answer") > 0);
            }
            match number % 3 {
                0 => vanish(&stream),
                1 => drop(stream.shutdown(Shutdown::Both)),
                _ => {}
            }
        }
        assert_eq!(get(address, of_ada).status, 200, "behind {text}");
    }
    // Neither are places taken by them of which there are fewer.
    for what in ["why", "rows"] {
        let path = format!("{of_ada}/{what}");
        while get(address, &path).status == 503 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert_eq!(get(address, &path).status, 200);
    }
    let row = b"{\"id\": \"2\", \"email\": \"ben@example.com\"}";
    assert_eq!(request(address, "POST", "/v1/sources/orders", &[], row).status, 200);
    running.stop().expect("it ends");
}

#[test]
fn who_has_said_all_and_closes_that_side_alone_goes() {
    let folder = tempfile::tempdir().expect("a folder");
    let (running, address) = shop(folder.path());
    // Many requests at once, and no more of them: all are answered that came.
    let text = asked("/v1/segments", "").repeat(50) + &asked("/v1/status", "connection: close\r\n");
    let mut stream = sent(address, &text);
    let mut told = Vec::new();
    stream.read_to_end(&mut told).expect("it ends");
    assert_eq!(String::from_utf8_lossy(&told).matches("HTTP/1.1 200").count(), 51);
    // One that never reads what it has asked for, and sends on: it holds nobody.
    let mut silent = connect(address);
    silent.set_write_timeout(Some(std::time::Duration::from_millis(200))).expect("it is set");
    let many = asked("/openapi.json", "").repeat(100);
    while silent.write_all(many.as_bytes()).is_ok() {}
    assert_eq!(get(address, "/v1/segments").status, 200);
    // Garbage is answered, or not, and that is all.
    for garbage in
        ["\r\n\r\n", "\0\0\0\0", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET", "💥 / HTTP/1.1\r\n\r\n"]
    {
        let mut stream = sent(address, garbage);
        let _ = stream.shutdown(Shutdown::Write);
        let mut told = Vec::new();
        let _ = stream.read_to_end(&mut told);
        let told = String::from_utf8_lossy(&told);
        assert!(told.is_empty() || told.starts_with("HTTP/1.1 400"), "{garbage:?}: {told}");
    }
    let mut closing = sent(address, &asked("/v1/segments", "connection: close\r\n"));
    assert_eq!(answer(&mut closing).status, 200);
    running.stop().expect("it ends");
}
