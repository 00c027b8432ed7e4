//! Requests over HTTP, by hand, so that they are what the test says and nothing else.

// Each test uses its part of this.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::program::Running;

/// Where a program says that it listens.
pub fn address(running: &mut Running) -> String {
    let told = |running: &Running| {
        let said = running.err();
        let (_, rest) = said.split_once("listens at http")?;
        let rest = rest.trim_start_matches('s').strip_prefix("://")?;
        let (address, _) = rest.split_once(['\n', '\u{1b}', ' '])?;
        Some(address.trim().to_owned())
    };
    running.until("it listens", |running| told(running).is_some());
    told(running).expect("it listens")
}

/// Posts a body; the answer's status, and what it says.
#[track_caller]
pub fn post(address: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, Value) {
    try_post(address, path, headers, body).expect("it answers")
}

/// The same; `None` if nobody answers.
pub fn try_post(
    address: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<(u16, Value)> {
    let (status, text) = request("POST", address, path, headers, body)?;
    Some((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
}

/// Asks for something.
#[track_caller]
pub fn get(address: &str, path: &str) -> (u16, String) {
    request("GET", address, path, &[], b"").expect("it answers")
}

/// The same; `None` if nobody answers.
pub fn try_get(address: &str, path: &str) -> Option<(u16, String)> {
    request("GET", address, path, &[], b"")
}

pub fn request(
    method: &str,
    address: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    head.push_str(&format!("content-length: {}\r\n", body.len()));
    headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let status = line.split(' ').nth(1)?.parse().ok()?;
    let (mut length, mut is_chunked) = (None, false);
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        is_chunked |= name.eq_ignore_ascii_case("transfer-encoding");
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse::<u64>().ok();
        }
    }
    let mut text = String::new();
    if is_chunked {
        loop {
            line.clear();
            reader.read_line(&mut line).ok()?;
            let mut chunk = vec![0; usize::from_str_radix(line.trim(), 16).ok()? + 2];
            reader.read_exact(&mut chunk).ok()?;
            if chunk.len() == 2 {
                return Some((status, text));
            }
            text.push_str(std::str::from_utf8(&chunk[..chunk.len() - 2]).ok()?);
        }
    }
    match length {
        Some(length) => reader.take(length).read_to_string(&mut text).ok()?,
        None => reader.read_to_string(&mut text).ok()?,
    };
    Some((status, text))
}
