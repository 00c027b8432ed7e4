//! Records that are larger than their topic takes: each costs itself, and is told among the rejects.
//!
//! A topic holds a tombstone in place of such a record. So what it says of everyone else stands, and who
//! reads it never takes an older value of that key for the present one.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::encoder::EncodedMessage;
use super::record::{Record, RecordBody, RecordKey, RecordValue, RejectReason, RejectedInput};
use super::rejects::Rejects;
use super::update::OutputSubject;
use crate::row::RawPosition;
use crate::time::Micros;

/// How much of a record is kept.
const KEPT: usize = 1 << 10;

/// A record that a topic does not take.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refused {
    output: u16,
    topic: String,
    key: String,
    why: String,
    /// Its first bytes.
    raw: String,
    at: Micros,
}

/// What a record may have, with the key and all that the protocol adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeLimits {
    /// `message.max.bytes` of the producer.
    pub producer: usize,
    /// `max.message.bytes` of the topic, where the brokers say what it is.
    pub topic: Option<usize>,
}

impl SizeLimits {
    /// A batch's own, and at most what a record's lengths, offset and time take.
    const ADDED: usize = 61 + 36;

    /// A record's bytes, at most: the producer may compress them, but how far nobody knows before.
    pub fn bytes(message: &EncodedMessage) -> usize {
        let header = message.merged_into.as_ref().map_or(0, |into| into.len() + 32);
        message.key.len() + message.value.as_ref().map_or(0, Vec::len) + header + Self::ADDED
    }

    pub fn takes(self, bytes: usize) -> bool {
        bytes <= self.producer && self.topic.is_none_or(|topic| bytes <= topic)
    }
}

impl Refused {
    pub fn new(record: &Record, message: &EncodedMessage, topic: &str, limits: SizeLimits) -> Self {
        let (key, bytes) = (message.key.clone(), SizeLimits::bytes(message));
        let mut why = format!(
            "the record with the key {key} has {bytes} bytes, which topic {topic} does not take: "
        );
        // What has grown so far grows on.
        let room = (2 * bytes).next_multiple_of(1 << 16);
        let mut wants = Vec::new();
        if room > limits.producer {
            let now = limits.producer;
            wants.push(format!(
                "kafka: {{properties: {{message.max.bytes: {room}}}}} in the definition (it is {now})"
            ));
        }
        if let Some(now) = limits.topic.filter(|topic| room > *topic) {
            wants.push(format!("the topic's max.message.bytes: {room} (it is {now})"));
        }
        write!(why, "set {}; until then it has a tombstone", wants.join(" and "))
            .expect("to a string");
        let raw = message.value.as_deref().unwrap_or_default();
        // One byte more than is kept may be part of a character.
        let raw = String::from_utf8_lossy(&raw[..raw.len().min(KEPT + 4)]);
        let raw = raw[..raw.floor_char_boundary(KEPT)].to_owned();
        let at = match record.body {
            RecordBody::Is { at, .. } => at,
            // Not for its size.
            RecordBody::Gone { .. } => 0,
        };
        Refused { output: record.output, topic: topic.to_owned(), key, why, raw, at }
    }

    /// Which key of which topic it is.
    pub fn position(&self, topic: &str) -> String {
        format!("{topic}/{}", self.key)
    }

    /// The number of the output whose record it is.
    pub fn output(&self) -> usize {
        usize::from(self.output)
    }

    pub fn why(&self) -> &str {
        &self.why
    }

    /// The records that tell it, one for each output of rejects, with who publishes them.
    pub fn into_rejects(self, rejects: &Rejects) -> Vec<(OutputSubject, Record)> {
        let Refused { output, topic, key, why, raw, at } = self;
        let rejected = RejectedInput {
            position: RawPosition::Key { topic: Some(topic), key },
            reasons: vec![RejectReason {
                code: "too_large".into(),
                path: String::new(),
                message: why,
            }],
            raw,
        };
        let told = rejects.rejects_of(&RecordKey::Output(output), &rejected).into_iter();
        let record = |(subject, (output, key, rejected)): (
            OutputSubject,
            (u16, RecordKey, RejectedInput),
        )| {
            let value = RecordValue::Reject(Box::new(rejected));
            (subject, Record { output, key, body: RecordBody::Is { value, at } })
        };
        told.map(record).collect()
    }
}
