//! A topic's changelog, read back.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

use super::defined::{Defined, TakeRecord};
use super::error::ChangelogError;
use crate::plan::Kafka;
use crate::sink::{Catalog, MessageEncoder, message_encoder, read_message};
use crate::source::brokers;

const PATIENCE: Duration = Duration::from_secs(10);

/// For so long transactions are waited for that are open when reading begins. One that was committed just before may
/// take the broker a moment until readers may see it.
const SETTLING: Duration = Duration::from_secs(3);
const AGAIN: Duration = Duration::from_millis(20);

/// A topic read from all partitions, committed records only, without a group.
pub struct ChangelogTopic {
    consumer: BaseConsumer,
    topic: String,
    brokers: String,
    /// Partitions whose end has not been seen. What the last offsets hold may not be for readers, so
    /// it is the broker that says where the end is.
    open: BTreeSet<i32>,
    output: u16,
    encoder: Box<dyn MessageEncoder>,
    catalog: Catalog,
}

/// Waits until readers of what is committed may see all that is in a topic, or no longer.
fn settle(
    committed: &BaseConsumer,
    asking: &BaseConsumer,
    topic: &str,
    partitions: i32,
) -> Result<(), KafkaError> {
    let end = |consumer: &BaseConsumer, partition| {
        consumer.fetch_watermarks(topic, partition, PATIENCE).map(|(_, end)| end)
    };
    let started = Instant::now();
    for partition in 0..partitions {
        let all = end(asking, partition)?;
        while end(committed, partition)? < all && started.elapsed() < SETTLING {
            std::thread::sleep(AGAIN);
        }
    }
    Ok(())
}

impl ChangelogTopic {
    pub fn new(
        output: &Defined,
        topic: &str,
        kafka: &Kafka,
        from: Offset,
    ) -> Result<Self, ChangelogError> {
        let failed = |message: String| ChangelogError::Topic {
            topic: topic.to_owned(),
            brokers: kafka.brokers.clone(),
            message,
        };
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &kafka.brokers).set("group.id", "selfsame-reader");
        for (property, value) in &kafka.properties {
            config.set(property, value);
        }
        config
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("isolation.level", "read_committed");
        let consumer: BaseConsumer = config.create().map_err(|error| failed(error.to_string()))?;
        let metadata = consumer
            .fetch_metadata(Some(topic), PATIENCE)
            .map_err(|error| failed(brokers::silence(&kafka.brokers, &error)))?;
        let partitions = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
        if partitions == 0 {
            return Err(failed("there is no such topic".to_owned()));
        }
        config.set("isolation.level", "read_uncommitted");
        let asking: BaseConsumer = config.create().map_err(|error| failed(error.to_string()))?;
        settle(&consumer, &asking, topic, partitions as i32)
            .map_err(|error| failed(error.to_string()))?;
        let mut assignment = TopicPartitionList::new();
        let mut open = BTreeSet::new();
        for partition in 0..partitions as i32 {
            let (low, high) = consumer
                .fetch_watermarks(topic, partition, PATIENCE)
                .map_err(|error| failed(error.to_string()))?;
            let start = match from {
                Offset::OffsetTail(records) => Offset::Offset((high - records).max(low)),
                other => other,
            };
            assignment
                .add_partition_offset(topic, partition, start)
                .map_err(|error| failed(error.to_string()))?;
            open.insert(partition);
        }
        consumer.assign(&assignment).map_err(|error| failed(error.to_string()))?;
        let (topic, brokers) = (topic.to_owned(), kafka.brokers.clone());
        let catalog = Catalog::clone(&output.catalog);
        let encoder = message_encoder(&catalog);
        let output = output.holding.output;
        Ok(ChangelogTopic { consumer, topic, brokers, open, output, encoder, catalog })
    }

    /// Reads until it has caught up with every partition.
    pub fn read_to_end(&mut self, take: &mut TakeRecord<'_>) -> Result<(), ChangelogError> {
        let mut heard = Instant::now();
        while !self.open.is_empty() {
            if self.read(Duration::from_millis(100), take)? {
                heard = Instant::now();
            } else if heard.elapsed() > PATIENCE {
                return Err(self.failed("no broker answers any more".to_owned()));
            }
        }
        Ok(())
    }

    /// Reads a record if one comes in time; says whether anything came. A broker that is away may come
    /// back.
    pub fn read(
        &mut self,
        patience: Duration,
        take: &mut TakeRecord<'_>,
    ) -> Result<bool, ChangelogError> {
        let is_away = |error: &KafkaError| error.rdkafka_error_code().is_some_and(brokers::is_away);
        let message = match self.consumer.poll(patience) {
            None => return Ok(false),
            Some(Err(error)) if is_away(&error) => return Ok(false),
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                self.open.remove(&partition);
                return Ok(true);
            }
            Some(message) => message.map_err(|error| self.failed(error.to_string()))?,
        };
        let record = self.encoder.decode(self.output, &read_message(&message), &mut self.catalog);
        let record = record.map_err(|source| ChangelogError::Message {
            topic: self.topic.clone(),
            partition: message.partition(),
            offset: message.offset(),
            source,
        })?;
        take(&record, &self.catalog);
        Ok(true)
    }

    /// The names that its records speak of.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    fn failed(&self, message: String) -> ChangelogError {
        let (topic, brokers) = (self.topic.clone(), self.brokers.clone());
        ChangelogError::Topic { topic, brokers, message }
    }
}
