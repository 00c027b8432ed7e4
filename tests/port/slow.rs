//! Who is slow is let go, and who waits when the run ends is told so.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::certificate::certificate;
use super::client::{answer, connect, get, request};
use super::{definition, start};

#[test]
fn who_waits_while_the_run_ends_is_told_that_it_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let (running, address) = start(&definition(folder.path(), "")).expect("it starts");
    request(address, "POST", "/v1/sources/orders", &[], b"{\"email\": \"a@b.c\"}");
    let path = format!("/v1/profiles/email:a@b.c?after={}&timeout=30000", u64::MAX);
    let mut waiting = connect(address);
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    waiting.write_all(head.as_bytes()).expect("it is sent");
    // It has been taken up by the time that another one, sent later, was answered.
    assert_eq!(get(address, "/v1/segments").status, 200);
    running.stop().expect("it ends");
    let told = answer(&mut waiting);
    assert_eq!(told.refusal(), (503, "shutting_down".to_owned()));
    assert_eq!(told.header("retry-after"), Some("1"));
    assert!(TcpStream::connect(address).is_err(), "the port is given back");
}

/// It takes the half minute that clients are given.
#[test]
fn whoever_is_slow_with_a_handshake_a_head_or_a_body_is_let_go_and_keeps_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    certificate(folder.path(), "server");
    let tls = "tls: {certificate: server.pem, key: server.key}";
    let (_encrypted, encrypted) = start(&definition(folder.path(), tls)).expect("it starts");
    let (_running, address) = start(&definition(folder.path(), "")).expect("it starts");
    let begin = |address, text: &[u8]| {
        let mut stream = connect(address);
        stream.write_all(text).expect("it is sent");
        stream
    };
    let mut silent = [
        begin(encrypted, b""),
        begin(encrypted, b"\x16\x03\x01\x02"),
        begin(address, b""),
        begin(address, b"GET /v1/segments HTTP/1.1\r\nhost:"),
    ];
    let head = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 90\r\n\r\n{{\"ids\": ["
        )
    };
    let mut posts = ["/v1/profiles:batch", "/v1/sources/orders"]
        .map(|path| begin(address, head(path).as_bytes()));
    assert_eq!(get(address, "/v1/segments").status, 200);
    for post in &mut posts {
        assert_eq!(answer(post).refusal(), (408, "slow_body".to_owned()));
    }
    for stream in &mut silent {
        let mut rest = Vec::new();
        // It ends, by whichever way: a client that is still waited for would run into its own deadline.
        if let Err(error) = stream.read_to_end(&mut rest) {
            assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "{error}");
        }
    }
}
