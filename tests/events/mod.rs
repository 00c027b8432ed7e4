//! Server-sent events of `/v1/changes`, read by hand.

// Each test uses its part of this.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// Events: their ids and data.
pub type Events = Vec<(String, Value)>;

/// What is told from now on, or behind an event: until nobody tells more.
pub fn follow(
    address: &str,
    query: &str,
    last: &str,
) -> impl Iterator<Item = (String, Value)> + use<> {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    let last = match last {
        "" => String::new(),
        last => format!("last-event-id: {last}\r\n"),
    };
    let head = format!("GET /v1/changes{query} HTTP/1.1\r\nhost: {address}\r\n{last}\r\n");
    stream.write_all(head.as_bytes()).expect("it is sent");
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let status = lines.next().expect("a status");
    assert!(status.contains("200"), "{status}");
    let (mut id, mut data) = (String::new(), None);
    lines.filter_map(move |line| {
        if let Some(text) = line.strip_prefix("id: ") {
            id = text.to_owned();
        }
        if let Some(text) = line.strip_prefix("data: ") {
            data = Some(text.to_owned());
        }
        // An event is whole with the empty line behind it.
        let text = data.take_if(|_| line.is_empty())?;
        Some((id.clone(), serde_json::from_str(&text).expect("JSON")))
    })
}

/// Whether each place is behind the one before.
pub fn are_in_order(events: &Events) -> bool {
    let place = |(id, _): &(String, Value)| -> Vec<u64> {
        id.split('.').map(|part| part.parse().expect("a number")).collect()
    };
    events.windows(2).all(|two| place(&two[0]) < place(&two[1]))
}

/// A record without its instant: over a restart ticks may be others.
pub fn undated(mut record: Value) -> Value {
    record["value"].as_object_mut().map(|value| value.remove("at"));
    record
}
