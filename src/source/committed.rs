//! How far topics are read, committed to the consumer group now and then: for people and their tools, which
//! see there how far a reader lags behind. Nothing is read from there: where reading goes on, the durable rows
//! say.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::client::TopicClient;
use super::outlet::Durable;
use super::{Positions, Reached, Span};

/// How often positions are committed that have changed.
const EVERY: Duration = Duration::from_secs(5);

/// Starts the thread that commits what becomes durable, in the group of the configuration, until there is no
/// more of it. How far the process's `own` partitions are known to be durable is committed as well: a run that was killed may
/// not have come to it.
pub(super) fn commit(
    config: ClientConfig,
    known: &Positions,
    own: &[(Arc<str>, i32)],
    durable: Durable,
) {
    let positions = known.of_topics();
    let of_own = |(topic, partition): &(Arc<str>, i32)| {
        let next = positions.read_by_all(topic, *partition)?;
        Some(((Arc::clone(topic), *partition), next))
    };
    let changed = own.iter().filter_map(of_own).collect();
    let durable_offsets = DurableOffsets { positions, changed };
    let commit = move || run(&config, durable_offsets, &durable);
    let thread = std::thread::Builder::new().name("committed positions".to_owned());
    thread.spawn(commit).expect("the operating system gives a thread");
}

fn run(config: &ClientConfig, mut offsets: DurableOffsets, durable: &Durable) {
    let mut group = ConsumerGroup { config, consumer: None, complained: false };
    let mut next = Instant::now() + EVERY;
    loop {
        match durable.reached.recv_deadline(next) {
            Ok(reached) => offsets.add(&reached),
            Err(RecvTimeoutError::Timeout) => {
                next = Instant::now() + EVERY;
                group.commit(&mut offsets);
            }
            Err(RecvTimeoutError::Disconnected) => return group.commit(&mut offsets),
        }
    }
}

/// What is durable of topics, and what of that is not committed.
struct DurableOffsets {
    positions: Positions,
    changed: BTreeMap<(Arc<str>, i32), u64>,
}

impl DurableOffsets {
    fn add(&mut self, reached: &Reached) {
        self.positions.add(reached);
        if let Span::Topic { topic, partition, .. } = &reached.span
            && let Some(next) = self.positions.read_by_all(topic, *partition)
        {
            self.changed.insert((Arc::clone(topic), *partition), next);
        }
    }
}

struct ConsumerGroup<'a> {
    config: &'a ClientConfig,
    consumer: Option<BaseConsumer<TopicClient>>,
    complained: bool,
}

impl ConsumerGroup<'_> {
    fn commit(&mut self, offsets: &mut DurableOffsets) {
        if offsets.changed.is_empty() {
            return;
        }
        match self.try_commit(&offsets.changed) {
            Ok(()) => {
                offsets.changed.clear();
                self.complained = false;
            }
            // They are tried again with the next ones.
            Err(error) if self.complained => {
                tracing::debug!("positions are not committed: {error}")
            }
            Err(error) => {
                self.complained = true;
                let group = self.config.get("group.id").unwrap_or_default();
                tracing::warn!(
                    "the positions of topics can't be committed to the consumer group {group}, where others \
                     see them: {error}. Nothing else depends on them"
                );
            }
        }
    }

    fn try_commit(&mut self, offsets: &BTreeMap<(Arc<str>, i32), u64>) -> Result<(), KafkaError> {
        let consumer = match &self.consumer {
            Some(consumer) => consumer,
            None => {
                let consumer = self.config.create_with_context(TopicClient::default())?;
                self.consumer.insert(consumer)
            }
        };
        let mut list = TopicPartitionList::new();
        for ((topic, partition), next) in offsets {
            let next = Offset::Offset(i64::try_from(*next).unwrap_or(i64::MAX));
            list.add_partition_offset(topic, *partition, next)?;
        }
        consumer.commit(&list, CommitMode::Sync)
    }
}
