//! Changelogs in topics: one idempotent producer a process, every record acknowledged by all replicas
//! in sync.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::metadata::MetadataTopic;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use super::message::Record;
use super::write::{Failure, Receipt, SinkError};
use crate::spec::plan::{Plan, Publish, Target};
use crate::wait::wait_for;

/// How long a broker may take to answer before anything has started.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long until a broker is asked again.
const RETRY: Duration = Duration::from_millis(20);

/// The client library spins through the last millisecond of a poll: polls are long, and an idle
/// engine uses no processor.
const POLL: Duration = Duration::from_secs(1);

/// Hands records of one topic to the thread that feeds the producer.
#[derive(Clone)]
pub struct TopicWriter {
    topic: Arc<str>,
    batches: Sender<Batch>,
}

struct Batch {
    topic: Arc<str>,
    records: Vec<Record>,
    receipt: Receipt,
}

/// A process's producer.
pub struct Topics {
    batches: Sender<Batch>,
}

impl Topics {
    pub fn writer(&self, topic: &str) -> TopicWriter {
        TopicWriter { topic: Arc::from(topic), batches: self.batches.clone() }
    }
}

impl TopicWriter {
    pub fn send(&self, records: Vec<Record>, receipt: Receipt) {
        let batch = Batch { topic: Arc::clone(&self.topic), records, receipt };
        self.batches.send(batch).expect("the thread runs while there are senders");
    }
}

/// Connects the producer that the plan's topics need, if there is any, and creates missing topics.
pub fn connect(
    plan: &Plan,
    process: usize,
    failure: &Failure,
) -> Result<Option<Topics>, SinkError> {
    let topics: Vec<(&str, Publish)> = plan
        .outputs
        .iter()
        .filter_map(|output| match &output.target {
            Target::Kafka { topic } => Some((topic.as_str(), output.publish)),
            Target::File { .. } => None,
        })
        .collect();
    if topics.is_empty() {
        return Ok(None);
    }
    let named = |message: String| SinkError::Kafka { brokers: plan.kafka.brokers.clone(), message };
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &plan.kafka.brokers)
        .set("client.id", format!("selfsame-{}", plan.name))
        .set("compression.type", "lz4")
        .set("linger.ms", "1")
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
    let producer: BaseProducer<Deliveries> = config
        .create_with_context(Deliveries { failure: failure.clone() })
        .map_err(|error| named(error.to_string()))?;
    if process == 0 {
        create_missing(&config, &producer, &topics).map_err(named)?;
    }
    for (topic, _) in &topics {
        find_leaders(&producer, topic).map_err(named)?;
    }
    let (sender, batches) = unbounded();
    let failure = failure.clone();
    let producer = Arc::new(producer);
    let acknowledged = Arc::downgrade(&producer);
    let start = |name: &str, run: Box<dyn FnOnce() + Send>| {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run);
        thread.map_err(|error| named(error.to_string()))
    };
    start("acknowledgements", Box::new(move || take_acknowledgements(&acknowledged)))?;
    start("write topics", Box::new(move || run(&producer, batches, failure)))?;
    Ok(Some(Topics { batches: sender }))
}

/// Changelogs are compacted, so that a topic holds every key's newest value and need hold no more;
/// rejects are a log.
fn create_missing(
    config: &ClientConfig,
    producer: &BaseProducer<Deliveries>,
    topics: &[(&str, Publish)],
) -> Result<(), String> {
    let metadata = producer
        .client()
        .fetch_metadata(None, PATIENCE)
        .map_err(|error| format!("no answer within {} s: {error}", PATIENCE.as_secs()))?;
    let known: Vec<&str> = metadata.topics().iter().map(|topic| topic.name()).collect();
    let missing =
        topics.iter().filter(|(topic, _)| !known.contains(topic)).map(|(topic, publish)| {
            let cleanup = if *publish == Publish::Rejects { "delete" } else { "compact" };
            // -1: as many partitions and replicas as the broker gives a topic by default.
            NewTopic::new(topic, -1, TopicReplication::Fixed(-1)).set("cleanup.policy", cleanup)
        });
    let missing: Vec<NewTopic> = missing.collect();
    if missing.is_empty() {
        return Ok(());
    }
    let admin: AdminClient<DefaultClientContext> =
        config.create().map_err(|error: KafkaError| error.to_string())?;
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

fn run(producer: &BaseProducer<Deliveries>, batches: Receiver<Batch>, failure: Failure) {
    for Batch { topic, records, receipt } in batches {
        for record in records {
            send(producer, &topic, record, &receipt, &failure);
        }
    }
    // The workers waited for every receipt before they let go of the senders.
    let _ = producer.flush(Duration::from_secs(1));
}

fn send(
    producer: &BaseProducer<Deliveries>,
    topic: &str,
    record: Record,
    receipt: &Receipt,
    failure: &Failure,
) {
    let mut message: BaseRecord<'_, str, str, Box<Receipt>> =
        BaseRecord::with_opaque_to(topic, Box::new(receipt.clone())).key(&record.key);
    if let Some(value) = &record.value {
        message = message.payload(value);
    }
    if let Some(into) = &record.merged_into {
        let header = Header { key: "merged_into", value: Some(into) };
        message = message.headers(OwnedHeaders::new().insert(header));
    }
    loop {
        match producer.send(message) {
            Ok(()) => return,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                message = back;
                std::thread::sleep(Duration::from_millis(2));
            }
            Err((error, back)) => {
                let key = &record.key;
                failure.set(format!("topic '{topic}' takes no record with key '{key}': {error}"));
                // Never acknowledged: nothing may believe that this tick is complete.
                std::mem::forget(back);
                return;
            }
        }
    }
}

struct Deliveries {
    failure: Failure,
}

impl ClientContext for Deliveries {
    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::Fatal) => {
                self.failure.set(format!("the Kafka producer gave up: {reason}"))
            }
            _ => tracing::warn!("Kafka: {error}: {reason}"),
        }
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Receipt>;

    fn delivery(&self, result: &DeliveryResult<'_>, receipt: Box<Receipt>) {
        if let Err((error, message)) = result {
            use rdkafka::Message;
            self.failure.set(format!("topic '{}' took no record: {error}", message.topic()));
            std::mem::forget(receipt);
        }
    }
}
