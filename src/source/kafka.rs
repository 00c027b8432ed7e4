//! Topics: every partition is read by exactly one worker of one process, which follows from its
//! place among all partitions of the definition; there is no consumer group that could rebalance.
//!
//! A thread for each topic that a worker has partitions of polls into chunks and hands them over as
//! soon as nothing more is there: under load chunks are large, else a message goes on at once. While
//! a worker's channel is full its topics are not polled, and librdkafka's bounded queue stops the
//! fetching. Partitions that a topic gets while it is read are seen at the next start.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message as _, Timestamp};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::client::{self, Logs};
use super::error::nearest;
use super::feed::{Ending, Options, Outlet, Shared, Stopped};
use super::{Chunk, Message, Payload, SourceError};
use crate::spec::plan::{Connector, KafkaStart, Plan};
use crate::time::wall_clock;

/// How long a broker may take to answer at the start.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a thread waits for a message before it looks whether it is to stop.
const POLL: Duration = Duration::from_millis(500);

/// A chunk's most: several times what a worker decodes in a tick would only wait.
const MESSAGES: usize = 1_000;
const BYTES: usize = 256 << 10;

/// Bounded memory, and no second of sleep when a queue was full for a moment.
const DEFAULTS: &[(&str, &str)] = &[
    ("queued.max.messages.kbytes", "16384"),
    ("fetch.queue.backoff.ms", "10"),
    ("auto.offset.reset", "earliest"),
];

/// The partitions of this process, found and assigned.
pub(super) struct Topics {
    /// By worker.
    workers: Vec<Vec<Topic>>,
}

/// What one worker reads of one topic.
struct Topic {
    consumer: BaseConsumer<Logs>,
    name: Arc<str>,
    partitions: Vec<Partition>,
}

struct Partition {
    number: i32,
    /// The sources that read it, each with its first offset.
    sources: Vec<(u16, u64)>,
    /// Where it ends for `until_end`, and whether that is reached.
    end: Option<u64>,
    ended: bool,
    bytes: Vec<u8>,
    messages: Vec<Message>,
}

/// Finds the partitions of all topics; `None` if no source is a topic.
pub(super) fn open(
    plan: &Arc<Plan>,
    options: &Options,
    wrong: &mut Vec<SourceError>,
) -> Option<Topics> {
    let mut readers: BTreeMap<&str, Vec<(u16, KafkaStart)>> = BTreeMap::new();
    for (source, of) in plan.sources.iter().enumerate() {
        if let Connector::Kafka { topic, start } = &of.connector {
            readers.entry(topic).or_default().push((source as u16, *start));
        }
    }
    if readers.is_empty() {
        return None;
    }
    match find(plan, options, &readers, wrong) {
        Ok(topics) => Some(topics),
        Err(error) => {
            wrong.push(error);
            None
        }
    }
}

fn find(
    plan: &Plan,
    options: &Options,
    readers: &BTreeMap<&str, Vec<(u16, KafkaStart)>>,
    wrong: &mut Vec<SourceError>,
) -> Result<Topics, SourceError> {
    let brokers = &plan.kafka.brokers;
    let kafka = |error: KafkaError| SourceError::Kafka { why: error.to_string() };
    let silent = |error: KafkaError| SourceError::NoBroker {
        brokers: brokers.clone(),
        why: error.to_string(),
    };
    let group = format!("selfsame-{}", plan.name);
    let mut config = client::config(&plan.kafka, &[DEFAULTS, &[("group.id", &group)]].concat())?;
    // Positions are the engine's own business; the end is told where somebody waits for it.
    config.set("enable.auto.commit", "false").set("enable.auto.offset.store", "false");
    config.set("enable.partition.eof", if options.until_end { "true" } else { "false" });

    let looking: BaseConsumer<Logs> = config.create_with_context(Logs).map_err(kafka)?;
    let metadata = looking.fetch_metadata(None, PATIENCE).map_err(silent)?;
    let mut workers: Vec<Vec<Topic>> = (0..options.workers).map(|_| Vec::new()).collect();
    let mut place = 0;
    for (name, sources) in readers {
        let found = metadata.topics().iter().find(|topic| topic.name() == *name);
        let Some(found) = found.filter(|topic| !topic.partitions().is_empty()) else {
            let names = metadata.topics().iter().map(|topic| topic.name());
            wrong.push(SourceError::NoTopic {
                name: plan.sources[usize::from(sources[0].0)].name.clone(),
                brokers: brokers.clone(),
                topic: (*name).to_owned(),
                near: nearest(name, names.filter(|name| !name.starts_with("__"))),
            });
            continue;
        };
        let mut of_worker: Vec<Vec<Partition>> = (0..options.workers).map(|_| Vec::new()).collect();
        let mut numbers: Vec<i32> = found.partitions().iter().map(|part| part.id()).collect();
        numbers.sort_unstable();
        for number in numbers {
            let worker = place % (options.processes * options.workers);
            place += 1;
            if worker / options.workers == options.process {
                let latest = sources.iter().any(|(_, start)| *start == KafkaStart::Latest);
                let marks = if options.until_end || latest {
                    Some(looking.fetch_watermarks(name, number, PATIENCE).map_err(silent)?)
                } else {
                    None
                };
                let partition = Partition::new(number, sources, marks, options.until_end);
                of_worker[worker % options.workers].push(partition);
            }
        }
        for (worker, partitions) in of_worker.into_iter().enumerate() {
            if partitions.iter().any(|partition| !partition.ended) {
                let consumer = config.create_with_context(Logs).map_err(kafka)?;
                workers[worker].push(Topic { consumer, name: (*name).into(), partitions });
            }
        }
    }
    Ok(Topics { workers })
}

impl Topics {
    /// Starts the threads that read; gives each worker that has partitions its chunks.
    pub fn start(self, shared: &Shared) -> Vec<Option<Receiver<Result<Chunk, SourceError>>>> {
        let start = |topics: Vec<Topic>| {
            let (outlet, receiver) = shared.channel();
            let any = !topics.is_empty();
            for topic in topics {
                let thread = format!("topic {}", topic.name);
                shared.spawn(&thread, outlet.clone(), move |outlet| topic.run(outlet));
            }
            any.then_some(receiver)
        };
        self.workers.into_iter().map(start).collect()
    }
}

impl Topic {
    fn run(mut self, outlet: &Outlet) -> Result<(), Ending> {
        let failed = |error: KafkaError| {
            Ending::Failed(SourceError::Kafka { why: format!("topic {}: {error}", self.name) })
        };
        self.consumer.assign(&self.assignment().map_err(failed)?).map_err(failed)?;
        while !self.partitions.iter().all(|partition| partition.ended) {
            if outlet.shared.stopped() {
                return Ok(());
            }
            let mut wait = POLL;
            let (mut messages, mut bytes) = (0, 0);
            while messages < MESSAGES && bytes < BYTES {
                let Some(polled) = self.consumer.poll(wait) else { break };
                wait = Duration::ZERO;
                match polled {
                    Ok(message) => {
                        messages += 1;
                        bytes += message.payload_len() + message.key_len();
                        self.partitions
                            .iter_mut()
                            .find(|partition| partition.number == message.partition())
                            .expect("only assigned partitions are fetched")
                            .take(&message);
                    }
                    Err(KafkaError::PartitionEOF(number)) => {
                        let mut partitions = self.partitions.iter_mut();
                        if let Some(partition) = partitions.find(|part| part.number == number) {
                            partition.ended = true;
                        }
                    }
                    Err(error) => self.consider(error)?,
                }
            }
            for partition in &mut self.partitions {
                partition.send(&self.name, outlet)?;
            }
        }
        Ok(())
    }

    fn assignment(&self) -> Result<TopicPartitionList, KafkaError> {
        let mut list = TopicPartitionList::new();
        for partition in self.partitions.iter().filter(|partition| !partition.ended) {
            let first = partition.sources.iter().map(|(_, first)| *first).min().unwrap_or(0);
            let offset = if first == 0 { Offset::Beginning } else { Offset::Offset(first as i64) };
            list.add_partition_offset(&self.name, partition.number, offset)?;
        }
        Ok(list)
    }

    /// librdkafka tries again whatever may heal, and tells it; the rest ends the reading.
    fn consider(&self, error: KafkaError) -> Result<(), Ending> {
        use RDKafkaErrorCode as Code;
        let hopeless = match &error {
            KafkaError::MessageConsumptionFatal(_) => true,
            KafkaError::MessageConsumption(code) => matches!(
                code,
                Code::Fatal
                    | Code::UnknownTopic
                    | Code::UnknownPartition
                    | Code::UnknownTopicOrPartition
                    | Code::TopicAuthorizationFailed
                    | Code::ClusterAuthorizationFailed
                    | Code::SaslAuthenticationFailed
                    | Code::Authentication
            ),
            _ => false,
        };
        if hopeless {
            let why = format!("topic {}: {error}", self.name);
            return Err(Ending::Failed(SourceError::Kafka { why }));
        }
        tracing::warn!(topic = &*self.name, "{error}");
        Ok(())
    }
}

impl Partition {
    /// `marks`: its first offset and the one behind its last.
    fn new(
        number: i32,
        sources: &[(u16, KafkaStart)],
        marks: Option<(i64, i64)>,
        until_end: bool,
    ) -> Self {
        let high = marks.map(|(_, high)| high.max(0) as u64);
        let first = |start: KafkaStart| match start {
            KafkaStart::Earliest => 0,
            KafkaStart::Latest => high.expect("asked for where a source starts at the end"),
        };
        let sources: Vec<_> =
            sources.iter().map(|(source, start)| (*source, first(*start))).collect();
        let end = high.filter(|_| until_end);
        let low = marks.map_or(0, |(low, _)| low.max(0) as u64);
        let ended =
            end.is_some_and(|end| end <= low || sources.iter().all(|(_, first)| *first >= end));
        Partition { number, sources, end, ended, bytes: Vec::new(), messages: Vec::new() }
    }

    fn take(&mut self, message: &BorrowedMessage<'_>) {
        let offset = message.offset() as u64;
        if let Some(end) = self.end {
            self.ended |= offset + 1 >= end;
            if offset >= end {
                return;
            }
        }
        let receipt = wall_clock();
        let timestamp = message.timestamp().to_millis().filter(|millis| *millis >= 0);
        let timestamp = timestamp.map(|millis| millis.saturating_mul(1_000));
        let arrived = match message.timestamp() {
            Timestamp::LogAppendTime(_) => timestamp.unwrap_or(receipt),
            _ => receipt,
        };
        let mut lay = |bytes: &[u8]| {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(bytes);
            start..self.bytes.len()
        };
        let key = message.key().map(&mut lay);
        let payload = message.payload().map(&mut lay);
        self.messages.push(Message { offset, timestamp, arrived, key, payload });
    }

    fn send(&mut self, topic: &Arc<str>, outlet: &Outlet) -> Result<(), Stopped> {
        if self.messages.is_empty() {
            return Ok(());
        }
        let (bytes, messages) =
            (std::mem::take(&mut self.bytes), std::mem::take(&mut self.messages));
        let chunk = |source: u16, bytes: Vec<u8>, messages: Vec<Message>| Chunk {
            source,
            part: self.number as u32,
            origin: Arc::clone(topic),
            payload: Payload::Messages { bytes, messages },
        };
        // Nearly always one source alone reads a topic, and it gets the bytes themselves.
        let (last, others) = self.sources.split_last().expect("a partition is read for a source");
        for (source, first) in others {
            let messages: Vec<_> = since(&messages, *first).cloned().collect();
            if !messages.is_empty() {
                outlet.send(Ok(chunk(*source, bytes.clone(), messages)))?;
            }
        }
        let (source, first) = *last;
        let messages = if first <= messages[0].offset {
            messages
        } else {
            since(&messages, first).cloned().collect()
        };
        if messages.is_empty() { Ok(()) } else { outlet.send(Ok(chunk(source, bytes, messages))) }
    }
}

fn since(messages: &[Message], first: u64) -> impl Iterator<Item = &Message> {
    messages.iter().filter(move |message| message.offset >= first)
}
