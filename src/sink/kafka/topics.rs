//! The topics of a plan's outputs, and what brokers are asked about them before anything is sent.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::admin::{
    AdminClient, AdminOptions, NewTopic, OwnedResourceSpecifier, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::client::Client;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;
use rdkafka::{ClientConfig, ClientContext};

use super::super::refused::SizeLimits;
use crate::plan::{Destination, Plan, Publish};
use crate::source::{brokers, client};
use crate::wait::wait_for;

/// How long a broker may take to answer before anything has started.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How long until a broker is asked again.
const RETRY: Duration = Duration::from_millis(20);

/// What the library's `message.max.bytes` and `batch.size` are unless set.
const MESSAGE: usize = 1_000_000;
const BATCH: usize = 1_000_000;

/// A topic as records are sent to it.
pub struct OutputTopic {
    /// Index into `Plan::outputs`.
    pub output: u16,
    pub name: String,
    pub limits: SizeLimits,
    /// Whether each record stands, as those of a log do; else the newest of a key does.
    pub is_log: bool,
}

/// The outputs that go to topics, with what they publish.
pub fn outputs(plan: &Plan) -> Vec<(u16, &str, Publish)> {
    let outputs = plan.outputs.iter().zip(0u16..);
    let topics = outputs.filter_map(|(output, index)| match &output.target {
        Destination::Kafka { topic } => Some((index, topic.as_str(), output.publish)),
        _ => None,
    });
    topics.collect()
}

/// What every client of the sink is told; who makes a producer of it adds what it promises.
pub fn config(plan: &Plan) -> ClientConfig {
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
    config.set("enable.idempotence", "true").set("acks", "all");
    config
}

/// A topic that is to be there, with settings that it gets if it is made.
pub struct WantedTopic<'a> {
    pub name: &'a str,
    /// -1: as many as the broker gives a topic by default.
    pub partitions: i32,
    pub settings: Vec<(&'static str, &'static str)>,
}

impl<'a> WantedTopic<'a> {
    /// Changelogs are compacted, so that a topic holds every key's newest value and need hold no more;
    /// rejects are a log.
    pub fn of_output(name: &'a str, publish: Publish) -> Self {
        let cleanup = if publish == Publish::Rejects { "delete" } else { "compact" };
        WantedTopic { name, partitions: -1, settings: vec![("cleanup.policy", cleanup)] }
    }
}

/// Makes the topics that are not there.
pub fn create_missing(
    addresses: &str,
    admin: &AdminClient<Asking>,
    wanted: &[WantedTopic<'_>],
) -> Result<(), String> {
    let metadata = admin
        .inner()
        .fetch_metadata(None, PATIENCE)
        .map_err(|error| format!("no broker answers: {}", brokers::silence(addresses, &error)))?;
    let known: Vec<&str> = metadata.topics().iter().map(|topic| topic.name()).collect();
    let missing = wanted.iter().filter(|topic| !known.contains(&topic.name));
    let missing: Vec<NewTopic> = missing
        .map(|WantedTopic { name, partitions, settings }| {
            let topic = NewTopic::new(name, *partitions, TopicReplication::Fixed(-1));
            settings.iter().fold(topic, |topic, (setting, value)| topic.set(setting, value))
        })
        .collect();
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
pub fn limits(
    config: &ClientConfig,
    admin: &AdminClient<Asking>,
    topics: &[(u16, &str, Publish)],
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

/// Else many records together may be more than a topic takes, each of which it takes.
pub fn bound_batches(config: &mut ClientConfig, limits: &BTreeMap<String, SizeLimits>) {
    let least = limits.values().filter_map(|limits| limits.topic).min().unwrap_or(usize::MAX);
    let batch = number(config, "batch.size").unwrap_or(BATCH).min(least.max(1));
    config.set("batch.size", batch.to_string());
}

fn number(config: &ClientConfig, property: &str) -> Option<usize> {
    config.get(property)?.parse().ok()
}

/// Makes the producer know who takes a topic's records: the first ones would otherwise wait for it to
/// ask, and all that comes after them too. Of a topic just created a broker may know no leader yet. Returns how many
/// partitions it has.
pub fn find_leaders<C: ClientContext>(client: &Client<C>, topic: &str) -> Result<i32, String> {
    let started = Instant::now();
    loop {
        let left = PATIENCE.saturating_sub(started.elapsed());
        let found = client.fetch_metadata(Some(topic), left.max(RETRY));
        let found =
            found.map_err(|error| format!("nothing is told of topic '{topic}': {error}"))?;
        let has_leaders = |topic: &MetadataTopic| {
            topic.error().is_none() && topic.partitions().iter().all(|part| part.leader() >= 0)
        };
        let partitions = found.topics().first().map_or(0, |topic| topic.partitions().len()) as i32;
        if partitions > 0 && found.topics().iter().all(has_leaders) {
            return Ok(partitions);
        }
        if left.is_zero() {
            if partitions == 0 {
                return Err(format!(
                    "no partition of topic '{topic}' is told of: it is not there, or may not be described"
                ));
            }
            // It may come back: records wait for it.
            tracing::warn!("topic '{topic}' has no leader yet");
            return Ok(partitions);
        }
        std::thread::sleep(RETRY);
    }
}

/// The context of a client that asks about topics and makes them.
pub struct Asking;

impl ClientContext for Asking {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        client::error(&error, reason);
    }
}
