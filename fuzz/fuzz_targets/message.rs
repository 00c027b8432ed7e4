//! Kafka messages: the first byte says how the others are cut into keys and payloads.
#![no_main]

#[path = "../account.rs"]
mod account;

use account::{account, definition};
use libfuzzer_sys::fuzz_target;
use selfsame::internals::plan::Kind;
use selfsame::internals::source::{KafkaStart, Message, Payload};

fuzz_target!(|bytes: &[u8]| {
    let Some((shape, bytes)) = bytes.split_first() else { return };
    let size = usize::from(shape >> 3) + 1;
    let messages = (0..bytes.len().div_ceil(size))
        .map(|place| {
            let (start, end) = (place * size, ((place + 1) * size).min(bytes.len()));
            let key = start + usize::from(shape & 3).min(end - start);
            Message {
                offset: place as u64,
                timestamp: (shape & 4 == 0).then_some(place as i64),
                arrived: 0,
                key: (shape & 3 != 0).then_some(start..key),
                payload: (key < end).then_some(key..end),
            }
        })
        .collect();
    let kind = if shape & 4 == 0 { Kind::Records } else { Kind::Events };
    let plan = definition::topics("", &[("topic", kind, KafkaStart::Earliest)]);
    account(move |_| plan, Payload::Messages { bytes: bytes.to_vec(), messages });
});
