//! What a topic holds for those who read committed messages, from given offsets to its end.
//!
//! The end is where the topic ended when reading began, and everything before it is settled: a transaction that is
//! open, as of a process that was killed, is waited for. Its producer's successor ends it, or else the broker, once
//! it has timed out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::plan::Kafka;
use crate::source::brokers;

const PATIENCE: Duration = Duration::from_secs(10);

/// How long until a broker is asked again.
const AGAIN: Duration = Duration::from_millis(20);

/// How long a transaction may stay open that nobody ends: brokers allow 15 minutes unless told otherwise.
const SETTLING: Duration = Duration::from_secs(16 * 60);

/// When it is told that a transaction is waited for.
const TOLD: Duration = Duration::from_secs(3);

/// Which messages are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    Committed,
    /// Those of transactions that are open or were aborted, too.
    Uncommitted,
}

/// The present end of a topic's partitions, and where each begins.
pub struct TopicBounds(pub BTreeMap<i32, (i64, i64)>);

impl TopicBounds {
    /// How many there are.
    pub fn partitions(&self) -> i32 {
        self.0.len() as i32
    }

    /// Where each partition ends.
    pub fn ends(&self) -> BTreeMap<i32, i64> {
        self.0.iter().map(|(partition, (_, end))| (*partition, *end)).collect()
    }
}

/// Reads topics of a definition's brokers.
pub struct CommittedTopics<'a> {
    kafka: &'a Kafka,
    /// Asks where partitions really end.
    asking: BaseConsumer,
}

impl<'a> CommittedTopics<'a> {
    pub fn new(kafka: &'a Kafka) -> Result<Self, String> {
        let asking = consumer(kafka, Isolation::Uncommitted)?;
        Ok(CommittedTopics { kafka, asking })
    }

    /// Where a topic's partitions begin and end.
    pub fn bounds(&self, topic: &str) -> Result<TopicBounds, String> {
        bounds(&self.asking, self.kafka, topic)
    }

    /// Reads every message from the given offsets on, or from where there are any, to the end. `take` says whether
    /// more is wanted.
    pub fn read(
        &self,
        topic: &str,
        isolation: Isolation,
        from: impl Fn(i32) -> i64,
        mut take: impl FnMut(&BorrowedMessage<'_>) -> Result<bool, String>,
    ) -> Result<TopicBounds, String> {
        let found = self.bounds(topic)?;
        let reading = consumer(self.kafka, isolation)?;
        if isolation == Isolation::Committed {
            wait_for_transactions(&reading, self.kafka, topic, &found)?;
        }
        let mut assignment = TopicPartitionList::new();
        let mut open = BTreeSet::new();
        for (partition, (begin, end)) in &found.0 {
            let from = from(*partition).max(*begin);
            if from < *end {
                let offset = Offset::Offset(from);
                let added = assignment.add_partition_offset(topic, *partition, offset);
                added.map_err(|error| error.to_string())?;
                open.insert(*partition);
            }
        }
        if open.is_empty() {
            return Ok(found);
        }
        reading.assign(&assignment).map_err(|error| error.to_string())?;
        let is_away = |error: &KafkaError| error.rdkafka_error_code().is_some_and(brokers::is_away);
        let mut heard = Instant::now();
        while !open.is_empty() {
            match reading.poll(Duration::from_millis(100)) {
                // What the last offsets hold may not be for readers: the broker says where the end is.
                Some(Err(KafkaError::PartitionEOF(partition))) => drop(open.remove(&partition)),
                Some(Ok(message)) => {
                    heard = Instant::now();
                    if !take(&message)? {
                        break;
                    }
                }
                Some(Err(error)) if !is_away(&error) => return Err(error.to_string()),
                _ if heard.elapsed() > PATIENCE => {
                    return Err("no broker answers any more".to_owned());
                }
                _ => {}
            }
        }
        Ok(found)
    }
}

fn consumer(kafka: &Kafka, isolation: Isolation) -> Result<BaseConsumer, String> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &kafka.brokers).set("group.id", "selfsame-reader");
    for (property, value) in &kafka.properties {
        config.set(property, value);
    }
    let isolation = match isolation {
        Isolation::Committed => "read_committed",
        Isolation::Uncommitted => "read_uncommitted",
    };
    config
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        // The end is told when nothing has come for so long.
        .set("fetch.wait.max.ms", "10")
        .set("isolation.level", isolation);
    config.create().map_err(|error| error.to_string())
}

fn bounds(asking: &BaseConsumer, kafka: &Kafka, topic: &str) -> Result<TopicBounds, String> {
    let metadata = asking
        .fetch_metadata(Some(topic), PATIENCE)
        .map_err(|error| brokers::silence(&kafka.brokers, &error))?;
    let partitions = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
    if partitions == 0 {
        return Err("there is no such topic".to_owned());
    }
    let bounds = (0..partitions as i32).map(|partition| {
        let bounds = brokers::patiently(|| asking.fetch_watermarks(topic, partition, PATIENCE));
        Ok((partition, bounds.map_err(|error| error.to_string())?))
    });
    Ok(TopicBounds(bounds.collect::<Result<_, String>>()?))
}

/// Waits until no transaction is open before an end that was found.
fn wait_for_transactions(
    committed: &BaseConsumer,
    kafka: &Kafka,
    topic: &str,
    found: &TopicBounds,
) -> Result<(), String> {
    let started = Instant::now();
    let mut is_told = false;
    loop {
        let settled = bounds(committed, kafka, topic)?;
        let is_settled = |(partition, end): (i32, i64)| {
            settled.0.get(&partition).is_some_and(|(_, stable)| *stable >= end)
        };
        if found.ends().into_iter().all(is_settled) {
            return Ok(());
        }
        if started.elapsed() > SETTLING {
            return Err("a transaction of somebody else stays open".to_owned());
        }
        if started.elapsed() > TOLD && !std::mem::replace(&mut is_told, true) {
            tracing::warn!(
                "topic '{topic}' holds a transaction that is not ended: it is waited for, until its \
                 producer or the broker ends it"
            );
        }
        std::thread::sleep(AGAIN);
    }
}
