//! Records that are larger than their topic takes: each costs itself, and is told among the rejects.
//!
//! A topic holds a tombstone in place of such a record. So what it says of everyone else stands, and who
//! reads it never takes an older value of that key for the present one.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::json::write_text;
use super::message::{Record, Router};
use crate::plan::{Plan, Publish, Target};

/// How much of a record is kept.
const KEPT: usize = 1 << 10;

/// A record that a topic does not take.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refused {
    output: u16,
    key: String,
    why: String,
    /// Its first bytes.
    raw: String,
    /// What `now()` was, as records write it.
    at: String,
}

/// What a record may have, with the key and all that the protocol adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `message.max.bytes` of the producer.
    pub producer: usize,
    /// `max.message.bytes` of the topic, where the brokers say what it is.
    pub topic: Option<usize>,
}

impl Limits {
    /// A batch's own, and at most what a record's lengths, offset and time take.
    const ADDED: usize = 61 + 36;

    /// A record's bytes, at most: the producer may compress them, but how far nobody knows before.
    pub fn bytes(record: &Record) -> usize {
        let header = record.merged_into.as_ref().map_or(0, |into| into.len() + 32);
        record.key.len() + record.value.as_ref().map_or(0, String::len) + header + Self::ADDED
    }

    pub fn takes(self, bytes: usize) -> bool {
        bytes <= self.producer && self.topic.is_none_or(|topic| bytes <= topic)
    }
}

impl Refused {
    pub fn new(record: &Record, topic: &str, limits: Limits) -> Self {
        let (key, bytes) = (record.key.clone(), Limits::bytes(record));
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
        let value = record.value.as_deref().unwrap_or_default();
        let raw = value.chars().scan(0, |bytes, character| {
            *bytes += character.len_utf8();
            (*bytes <= KEPT).then_some(character)
        });
        // Every value ends with its instant.
        let at = value.rfind(",\"at\":").map_or("}", |at| &value[at..]);
        Refused { output: record.output, key, why, raw: raw.collect(), at: at.to_owned() }
    }

    /// Which key of which topic it is.
    pub fn place(&self, topic: &str) -> String {
        format!("{topic}/{}", self.key)
    }

    pub fn why(&self) -> &str {
        &self.why
    }

    /// The records that tell it, one for each output of rejects, with who publishes them.
    pub fn told(&self, plan: &Plan, router: &Router) -> Vec<(u64, Record)> {
        let refusing = &plan.outputs[usize::from(self.output)];
        let mut json = String::from("{\"output\":");
        write_text(&refusing.name, &mut json);
        json.push_str(",\"position\":{");
        if let Target::Kafka { topic } = &refusing.target {
            json.push_str("\"topic\":");
            write_text(topic, &mut json);
            json.push(',');
        }
        json.push_str("\"key\":");
        write_text(&self.key, &mut json);
        json.push_str("},\"reasons\":[{\"code\":\"too_large\",\"path\":\"\",\"message\":");
        write_text(&self.why, &mut json);
        json.push_str("}],\"raw\":");
        write_text(&self.raw, &mut json);
        json.push_str(&self.at);
        let rejects = plan.outputs.iter().zip(0u16..);
        let rejects = rejects.filter(|(output, _)| output.publish == Publish::Rejects);
        let record = |(_, output): (_, u16)| {
            let key = refusing.name.clone();
            let record = Record { output, key, value: Some(json.clone()), merged_into: None };
            (router.route(output, u128::from(self.output)), record)
        };
        rejects.map(record).collect()
    }
}
