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

/// Whose end of a partition is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum EndOf {
    /// All that was written, whatever becomes of it.
    All,
    /// What readers of what is committed may see.
    Committed,
}

/// Waits until readers of what is committed may see all that was in each partition when it was looked at first, as
/// long as `wait` allows for one more look.
fn wait_for_transactions<Error>(
    partitions: i32,
    mut end: impl FnMut(EndOf, i32) -> Result<i64, Error>,
    mut wait: impl FnMut() -> bool,
) -> Result<(), Error> {
    for partition in 0..partitions {
        let all = end(EndOf::All, partition)?;
        while end(EndOf::Committed, partition)? < all && wait() {}
    }
    Ok(())
}

/// Allows for another look for so long.
fn patiently(most: Duration, between: Duration) -> impl FnMut() -> bool {
    let started = Instant::now();
    move || {
        let may = started.elapsed() < most;
        if may {
            std::thread::sleep(between);
        }
        may
    }
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
        let end = |of, partition| {
            let consumer = if of == EndOf::All { &asking } else { &consumer };
            consumer.fetch_watermarks(topic, partition, PATIENCE).map(|(_, end)| end)
        };
        wait_for_transactions(partitions as i32, end, patiently(SETTLING, AGAIN))
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Partitions with ten records each, of which readers may see so many, by look: the last of them from then on.
    fn looks_at(seen: &[&[i64]], most: usize) -> Result<(Vec<usize>, usize), &'static str> {
        let mut looks = vec![0; seen.len()];
        let waits = Cell::new(0);
        let end = |of, partition: i32| {
            let partition = partition as usize;
            if of == EndOf::All {
                return Ok(10);
            }
            let of = seen[partition];
            let now = of[looks[partition].min(of.len() - 1)];
            looks[partition] += 1;
            if now < 0 { Err("the broker is gone") } else { Ok(now) }
        };
        let wait = || {
            waits.set(waits.get() + 1);
            waits.get() <= most
        };
        wait_for_transactions(seen.len() as i32, end, wait)?;
        Ok((looks, waits.get()))
    }

    #[test]
    fn reading_begins_once_what_was_written_before_is_committed() {
        assert_eq!(looks_at(&[&[10], &[11]], 9), Ok((vec![1, 1], 0)));
        assert_eq!(looks_at(&[&[10], &[3, 3, 10], &[0, 12]], 9), Ok((vec![1, 3, 2], 3)));
    }

    #[test]
    fn a_transaction_that_stays_open_is_waited_for_once_and_no_longer_than_there_is_patience() {
        assert_eq!(looks_at(&[&[3], &[9], &[10]], 4), Ok((vec![5, 1, 1], 6)));
        assert_eq!(looks_at(&[&[3, -1]], 4), Err("the broker is gone"));
        let mut wait = patiently(Duration::ZERO, Duration::MAX);
        assert!(!wait(), "no patience is left, and nothing is slept");
    }
}
