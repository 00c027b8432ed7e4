//! Changelogs in topics: one idempotent producer a process, every record acknowledged by all replicas
//! in sync.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use rdkafka::admin::{
    AdminClient, AdminOptions, NewTopic, OwnedResourceSpecifier, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::metadata::MetadataTopic;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::{ClientConfig, ClientContext};

use super::catalog::Catalog;
use super::encoder::{EncodedMessage, MessageEncoder};
use super::failure::{Failure, SinkError};
use super::formats::message_encoder;
use super::receipt::{Acknowledgement, Receipt};
use super::record::Record;
use super::refused::{Refused, SizeLimits};
use super::target::{Opened, Opening, Target};
use crate::plan::{Destination, Publish};
use crate::source::{brokers, client};
use crate::time::Tick;
use crate::wait::wait_for;

/// How long a broker may take to answer before anything has started.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long until a broker is asked again.
const RETRY: Duration = Duration::from_millis(20);

/// What the library's `message.max.bytes` and `batch.size` are unless set.
const MESSAGE: usize = 1_000_000;
const BATCH: usize = 1_000_000;

/// So many large records are told in the log.
const TOLD: usize = 20;

/// The client library spins through the last millisecond of a poll: polls are long, and an idle
/// engine uses no processor.
const POLL: Duration = Duration::from_secs(1);

/// Hands records of one topic to the thread that feeds the producer.
struct TopicWriter {
    topic: Arc<OutputTopic>,
    batches: Sender<TopicBatch>,
}

impl Target for TopicWriter {
    fn send(&self, _: Tick, records: Vec<Record>, receipt: Receipt) {
        let batch = TopicBatch { topic: Arc::clone(&self.topic), records, receipt };
        self.batches.send(batch).expect("the thread runs while there are senders");
    }
}

struct TopicBatch {
    topic: Arc<OutputTopic>,
    records: Vec<Record>,
    receipt: Receipt,
}

/// A topic as records are sent to it.
struct OutputTopic {
    name: String,
    limits: SizeLimits,
    /// Whether each record stands, as those of a log do; else the newest of a key does.
    is_log: bool,
}

/// Connects the producer that the plan's topics need, if there is any, and creates missing topics.
pub fn open(opening: &mut Opening<'_>) -> Result<Opened, SinkError> {
    let plan = opening.plan;
    let topics: Vec<(usize, &str, Publish)> = plan
        .outputs
        .iter()
        .enumerate()
        .filter_map(|(index, output)| match &output.target {
            Destination::Kafka { topic } => Some((index, topic.as_str(), output.publish)),
            _ => None,
        })
        .collect();
    if topics.is_empty() {
        return Ok(Vec::new());
    }
    let target = format!("Kafka at '{}'", plan.kafka.brokers);
    let named = |message: String| SinkError::Target { target: target.clone(), message };
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &plan.kafka.brokers)
        .set("client.id", format!("selfsame-{}", plan.name))
        .set("compression.type", "lz4")
        .set("linger.ms", "1")
        .set("reconnect.backoff.max.ms", "2000")
        .set("queue.buffering.max.messages", "500000");
    for (property, value) in &plan.kafka.properties {
        config.set(property, value);
    }
    // What makes the changelog whole and in order is not for users to set.
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        // No limit: a broker that is away holds the inflow back.
        .set("message.timeout.ms", "0");
    let admin: AdminClient<Asking> =
        config.create_with_context(Asking).map_err(|error| named(error.to_string()))?;
    if opening.process == 0 {
        create_missing(&plan.kafka.brokers, &admin, &topics).map_err(named)?;
    }
    let limits = limits(&config, &admin, &topics);
    // Else many records together may be more than a topic takes, each of which it takes.
    let least = limits.values().filter_map(|limits| limits.topic).min().unwrap_or(usize::MAX);
    let batch = number(&config, "batch.size").unwrap_or(BATCH).min(least.max(1));
    config.set("batch.size", batch.to_string());
    let producer: BaseProducer<Deliveries> = config
        .create_with_context(Deliveries { failure: opening.failure.clone() })
        .map_err(|error| named(error.to_string()))?;
    for (_, topic, _) in &topics {
        find_leaders(&producer, topic).map_err(named)?;
    }
    let (sender, batches) = unbounded();
    let mut feeder = ProducerFeeder {
        names: Arc::clone(&opening.names),
        encoder: message_encoder(&opening.names),
        message: EncodedMessage::default(),
        failure: opening.failure.clone(),
    };
    let producer = Arc::new(producer);
    let acknowledged = Arc::downgrade(&producer);
    let start = |name: &str, run: Box<dyn FnOnce() + Send>| {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run);
        thread.map_err(|error| named(error.to_string()))
    };
    start("acknowledgements", Box::new(move || take_acknowledgements(&acknowledged)))?;
    start("write topics", Box::new(move || feeder.run(&producer, batches)))?;
    let writer = |(index, topic, publish): (usize, &str, Publish)| {
        let (name, limits) = (topic.to_owned(), limits[topic]);
        let topic = Arc::new(OutputTopic { name, limits, is_log: publish == Publish::Rejects });
        let writer = TopicWriter { topic, batches: sender.clone() };
        (index, Box::new(writer) as Box<dyn Target>)
    };
    Ok(topics.into_iter().map(writer).collect())
}

/// Changelogs are compacted, so that a topic holds every key's newest value and need hold no more;
/// rejects are a log.
fn create_missing(
    addresses: &str,
    admin: &AdminClient<Asking>,
    topics: &[(usize, &str, Publish)],
) -> Result<(), String> {
    let metadata = admin
        .inner()
        .fetch_metadata(None, PATIENCE)
        .map_err(|error| format!("no broker answers: {}", brokers::silence(addresses, &error)))?;
    let known: Vec<&str> = metadata.topics().iter().map(|topic| topic.name()).collect();
    let missing =
        topics.iter().filter(|(_, topic, _)| !known.contains(topic)).map(|(_, topic, publish)| {
            let cleanup = if *publish == Publish::Rejects { "delete" } else { "compact" };
            // -1: as many partitions and replicas as the broker gives a topic by default.
            NewTopic::new(topic, -1, TopicReplication::Fixed(-1)).set("cleanup.policy", cleanup)
        });
    let missing: Vec<NewTopic> = missing.collect();
    if missing.is_empty() {
        return Ok(());
    }
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    let created = wait_for(admin.create_topics(&missing, &options)).map_err(|e| e.to_string())?;
    for result in created {
        match result {
            Ok(topic) => tracing::info!("created topic '{topic}'"),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, error)) => {
                return Err(format!("topic '{topic}' can't be created: {error}"));
            }
        }
    }
    Ok(())
}

/// What a record for each topic may have. Who may not ask for a topic's settings sends without knowing.
fn limits(
    config: &ClientConfig,
    admin: &AdminClient<Asking>,
    topics: &[(usize, &str, Publish)],
) -> BTreeMap<String, SizeLimits> {
    let producer = number(config, "message.max.bytes").unwrap_or(MESSAGE);
    let resources: Vec<_> =
        topics.iter().map(|(_, topic, _)| ResourceSpecifier::Topic(topic)).collect();
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    let described =
        wait_for(admin.describe_configs(&resources, &options)).unwrap_or_else(|error| {
            tracing::debug!("the settings of topics are not known: {error}");
            Vec::new()
        });
    let mut limits: BTreeMap<String, SizeLimits> = topics
        .iter()
        .map(|(_, topic, _)| ((*topic).to_owned(), SizeLimits { producer, topic: None }))
        .collect();
    for resource in described.into_iter().flatten() {
        if let OwnedResourceSpecifier::Topic(topic) = &resource.specifier
            && let Some(limits) = limits.get_mut(topic)
        {
            let setting = resource.get("max.message.bytes");
            limits.topic = setting.and_then(|setting| setting.value.as_ref()?.parse().ok());
        }
    }
    limits
}

fn number(config: &ClientConfig, property: &str) -> Option<usize> {
    config.get(property)?.parse().ok()
}

/// Makes the producer know who takes a topic's records: the first ones would otherwise wait for it to
/// ask, and all that comes after them too. Of a topic just created a broker may know no leader yet.
fn find_leaders(producer: &BaseProducer<Deliveries>, topic: &str) -> Result<(), String> {
    let started = Instant::now();
    loop {
        let left = PATIENCE.saturating_sub(started.elapsed());
        let found = producer.client().fetch_metadata(Some(topic), left.max(RETRY));
        let found =
            found.map_err(|error| format!("nothing is told of topic '{topic}': {error}"))?;
        let has_leaders = |topic: &MetadataTopic| {
            topic.error().is_none() && topic.partitions().iter().all(|part| part.leader() >= 0)
        };
        if found.topics().iter().all(has_leaders) {
            return Ok(());
        }
        if left.is_zero() {
            // It may come back: records wait for it.
            tracing::warn!("topic '{topic}' has no leader yet");
            return Ok(());
        }
        std::thread::sleep(RETRY);
    }
}

/// Hands over what the brokers say, at once, for as long as there is the producer.
fn take_acknowledgements(producer: &Weak<BaseProducer<Deliveries>>) {
    while let Some(producer) = producer.upgrade() {
        producer.poll(POLL);
    }
}

/// What feeds the producer.
struct ProducerFeeder {
    names: Arc<Catalog>,
    encoder: Box<dyn MessageEncoder>,
    /// The record at hand; kept for the room that it has.
    message: EncodedMessage,
    failure: Failure,
}

impl ProducerFeeder {
    fn run(&mut self, producer: &BaseProducer<Deliveries>, batches: Receiver<TopicBatch>) {
        let mut told = BTreeSet::new();
        for TopicBatch { topic, records, receipt } in batches {
            for record in records {
                let Some(refused) = self.send(producer, &topic, &record, &receipt) else {
                    continue;
                };
                // A large one is likely to come again with every change.
                match told.len() < TOLD && told.insert(refused.position(&topic.name)) {
                    true => tracing::warn!("{}", refused.why()),
                    false => tracing::debug!("{}", refused.why()),
                }
                if !topic.is_log {
                    receipt.refuse(refused);
                }
            }
        }
        // The workers waited for every receipt before they let go of the senders.
        let _ = producer.flush(Duration::from_secs(1));
    }

    /// Hands a record to the producer; returns what is to be told of one that is too large. A tombstone
    /// takes its place, unless it would stand for itself alone.
    fn send(
        &mut self,
        producer: &BaseProducer<Deliveries>,
        topic: &OutputTopic,
        record: &Record,
        receipt: &Receipt,
    ) -> Option<Refused> {
        let message = &mut self.message;
        self.encoder.encode(record, &self.names, message);
        let mut refused = None;
        if !topic.limits.takes(SizeLimits::bytes(message)) {
            refused = Some(Refused::new(record, message, &topic.name, topic.limits));
            if topic.is_log {
                return refused;
            }
            message.value = None;
        }
        let mut sent: BaseRecord<'_, str, [u8], Box<Acknowledgement>> =
            BaseRecord::with_opaque_to(&topic.name, Box::new(receipt.acknowledgement()))
                .key(&message.key);
        if let Some(value) = &message.value {
            sent = sent.payload(value.as_slice());
        }
        if let Some(into) = &message.merged_into {
            let header = Header { key: "merged_into", value: Some(into) };
            sent = sent.headers(OwnedHeaders::new().insert(header));
        }
        loop {
            match producer.send(sent) {
                Ok(()) => return refused,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    sent = back;
                    std::thread::sleep(Duration::from_millis(2));
                }
                Err((error, back)) => {
                    let (topic, key) = (&topic.name, &message.key);
                    self.failure
                        .set(format!("topic '{topic}' takes no record with key '{key}': {error}"));
                    // Never acknowledged: nothing may believe that this tick is complete.
                    std::mem::forget(back);
                    return refused;
                }
            }
        }
    }
}

struct Deliveries {
    failure: Failure,
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::Fatal) => {
                self.failure.set(format!("the Kafka producer gave up: {reason}"))
            }
            _ => client::error(&error, reason),
        }
    }
}

/// The context of a client that asks about topics and makes them.
struct Asking;

impl ClientContext for Asking {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        client::error(&error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Acknowledgement>;

    fn delivery(&self, result: &DeliveryResult<'_>, receipt: Box<Acknowledgement>) {
        if let Err((error, message)) = result {
            use rdkafka::Message;
            let topic = message.topic();
            let remedy = match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::MessageSizeTooLarge) => {
                    "; it takes less than when the run began, or does not say how much \
                     (max.message.bytes): start the run again, with a smaller batch.size in \
                     kafka.properties if that is not enough"
                }
                _ => "",
            };
            self.failure.set(format!("topic '{topic}' took no record: {error}{remedy}"));
            std::mem::forget(receipt);
        }
    }
}
