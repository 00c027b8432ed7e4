//! Records as messages of topics, each looked at before it is sent: one that is larger than its topic takes is
//! refused, and a tombstone takes its place.

use std::collections::BTreeSet;
use std::sync::Arc;

use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Header, Headers, OwnedHeaders, ToBytes};
use rdkafka::producer::BaseRecord;

use super::super::catalog::Catalog;
use super::super::encoder::{EncodedMessage, MessageEncoder};
use super::super::formats::message_encoder;
use super::super::record::Record;
use super::super::refused::{Refused, SizeLimits};
use super::topics::OutputTopic;

/// So many large records are told in the log.
const TOLD: usize = 20;

/// Encodes and judges.
pub struct Examiner {
    pub names: Arc<Catalog>,
    encoder: Box<dyn MessageEncoder>,
    told: BTreeSet<String>,
}

/// What a topic makes of a record.
pub enum Examined {
    Taken,
    /// A tombstone is sent in its place.
    Replaced(Refused),
    /// Nothing is: in a log a tombstone would stand for itself alone.
    Left,
}

impl Examiner {
    pub fn new(names: &Arc<Catalog>) -> Self {
        Examiner {
            names: Arc::clone(names),
            encoder: message_encoder(names),
            told: BTreeSet::new(),
        }
    }

    /// Encodes a record as what is sent of it.
    pub fn examine(
        &mut self,
        topic: &OutputTopic,
        record: &Record,
        message: &mut EncodedMessage,
    ) -> Examined {
        self.encoder.encode(record, &self.names, message);
        if topic.limits.takes(SizeLimits::bytes(message)) {
            return Examined::Taken;
        }
        let refused = Refused::new(record, message, &topic.name, topic.limits);
        // A large one is likely to come again with every change.
        match self.told.len() < TOLD && self.told.insert(refused.position(&topic.name)) {
            true => tracing::warn!("{}", refused.why()),
            false => tracing::debug!("{}", refused.why()),
        }
        if topic.is_log {
            return Examined::Left;
        }
        message.value = None;
        Examined::Replaced(refused)
    }
}

/// A message as the producer takes it, for a topic's partition.
pub fn produced<'a, O: rdkafka::util::IntoOpaque>(
    (topic, partition): (&'a str, i32),
    message: &'a EncodedMessage,
    opaque: O,
) -> BaseRecord<'a, str, [u8], O> {
    let sent = BaseRecord::with_opaque_to(topic, opaque).partition(partition);
    let mut sent = sent.key(message.key.as_str());
    if let Some(value) = &message.value {
        sent = sent.payload(value.to_bytes());
    }
    if let Some(into) = &message.merged_into {
        let header = Header { key: "merged_into", value: Some(into) };
        sent = sent.headers(OwnedHeaders::new().insert(header));
    }
    sent
}

/// A message as it was sent.
pub fn read_message(message: &BorrowedMessage<'_>) -> EncodedMessage {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let merged_into = message.headers().and_then(|headers| {
        headers.iter().find(|header| header.key == "merged_into").and_then(|header| header.value)
    });
    EncodedMessage {
        key: text(message.key().unwrap_or_default()),
        value: message.payload().map(<[u8]>::to_vec),
        merged_into: merged_into.map(text),
    }
}
