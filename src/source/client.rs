//! How a Kafka client is set up: the definition's properties, and what the library says of its own
//! accord.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::statistics::{Partition, Statistics};

use super::{SourceError, brokers};
use crate::plan::Kafka;

/// A configuration with the given defaults, then what the definition says.
pub(super) fn config(
    kafka: &Kafka,
    defaults: &[(&str, &str)],
) -> Result<ClientConfig, SourceError> {
    let mut config = ClientConfig::new();
    for (name, value) in defaults {
        config.set(*name, *value);
    }
    config.set("bootstrap.servers", &kafka.brokers);
    for (name, value) in &kafka.properties {
        let encrypted = name == "security.protocol" && value.to_ascii_lowercase().ends_with("ssl");
        if encrypted && !cfg!(feature = "tls") {
            let why = format!(
                "security.protocol is {value}, but this selfsame was built without TLS: build it with `--features tls`"
            );
            return Err(SourceError::Kafka { why });
        }
        config.set(name, value);
    }
    Ok(config)
}

/// The library's own log lines: what they say to somebody, errors say too.
pub fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        // These are errors of a producer, too, which is replaced.
        _ if matches!(facility, "FATAL" | "TXNERR") => {
            tracing::debug!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(target: "librdkafka", facility, "{message}");
        }
        _ => tracing::debug!(target: "librdkafka", facility, "{message}"),
    }
}

/// An error that the library tells of its own accord.
pub fn error(error: &KafkaError, reason: &str) {
    brokers::complain(error.rdkafka_error_code(), &error.to_string(), reason);
}

/// The context of a client that reads one topic, or asks about topics.
#[derive(Default)]
pub(super) struct TopicClient {
    /// The id of the topic that was read before, where it is known.
    expected: Option<Arc<str>>,
    id: OnceLock<Arc<str>>,
    other_topic: AtomicBool,
    /// Where partitions end, as the library last told; taken by who reads.
    ends: Mutex<Vec<(i32, u64)>>,
}

impl TopicClient {
    /// A client that goes on with a topic of this id.
    pub fn expecting(expected: Option<Arc<str>>) -> Self {
        TopicClient { expected, ..TopicClient::default() }
    }

    /// What the brokers call the topic. It is known before the first of its messages comes; brokers before
    /// version 2.8 do not say it.
    pub fn id(&self) -> Option<&Arc<str>> {
        self.id.get()
    }

    /// Where partitions end, if that was told since this was last called.
    pub fn take_ends(&self) -> Vec<(i32, u64)> {
        std::mem::take(&mut self.ends.lock().expect("no one panics with it"))
    }

    /// Sets up what lets it know that its topic became another one.
    pub fn watch_topic(config: &mut ClientConfig) {
        let debug = config.get("debug").map_or("topic".into(), |debug| format!("{debug},topic"));
        config.set("debug", debug).set_log_level(RDKafkaLogLevel::Debug);
    }

    /// Whether another topic of the same name has taken the place of the one that was read: what was
    /// polled before is of the old one, what is polled later is of the new one.
    ///
    /// The library goes on reading where it was, if the new topic has come so far, and says only in its
    /// log that the topic's id is another one; the line comes through the same queue as the messages.
    pub fn has_other_topic(&self) -> bool {
        self.other_topic.load(Ordering::Relaxed)
    }
}

impl ClientContext for TopicClient {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if let Some((old, new)) = told_ids(message) {
            let is_other = match old {
                Some(_) => true,
                None => {
                    let id = self.id.get_or_init(|| new.into());
                    self.expected.as_ref().is_some_and(|expected| expected != id)
                }
            };
            self.other_topic.fetch_or(is_other, Ordering::Relaxed);
        }
        log(level, facility, message);
    }

    fn stats(&self, told: Statistics) {
        let partitions = told.topics.into_values().flat_map(|topic| topic.partitions);
        let end =
            |(number, of): (i32, Partition)| Some((number, u64::try_from(of.hi_offset).ok()?));
        *self.ends.lock().expect("no one panics with it") = partitions.filter_map(end).collect();
    }

    fn error(&self, kafka: KafkaError, reason: &str) {
        // The end of a partition, where somebody waits for it, and what a reading thread is told, too.
        if !matches!(
            kafka.rdkafka_error_code(),
            Some(RDKafkaErrorCode::PartitionEOF | RDKafkaErrorCode::AutoOffsetReset)
        ) {
            error(&kafka, reason);
        }
    }
}

impl ConsumerContext for TopicClient {}

/// The old and the new id of `Topic NAME changed id from ID to ID`; at first there is no old one, which is
/// written as one of zeros: with the letter A alone.
fn told_ids(message: &str) -> Option<(Option<&str>, &str)> {
    let (_, ids) = message.split_once(" changed id from ")?;
    let (old, new) = ids.split_once(" to ")?;
    let is_some = old.trim_end_matches('=').bytes().any(|byte| byte != b'A');
    Some((is_some.then_some(old), new.trim()))
}
