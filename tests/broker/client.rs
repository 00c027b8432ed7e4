//! An ordinary client: makes topics, produces to them, reads them.

// Each test uses its part of this.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use selfsame::internals::wait::wait_for;

use super::brokers;

const PATIENCE: Duration = Duration::from_secs(60);

/// A name that no other test and no other run on the same brokers uses.
pub fn unique(name: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after the epoch");
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("{name}-{}-{}-{number}", std::process::id(), since.as_millis())
}

fn config() -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers());
    config
}

fn admin() -> AdminClient<DefaultClientContext> {
    config().create().expect("a client")
}

/// Makes a topic with settings such as `cleanup.policy`.
pub fn make_topic(name: &str, partitions: i32, settings: &[(&str, &str)]) {
    let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    let topic = settings.iter().fold(topic, |topic, (setting, value)| topic.set(setting, value));
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    let made = wait_for(admin().create_topics([&topic], &options)).expect("the broker answers");
    made.into_iter().for_each(|topic| drop(topic.expect("a topic")));
}

/// Gives a topic more partitions.
pub fn add_partitions(name: &str, partitions: usize) {
    let more = NewPartitions::new(name, partitions);
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    let made = wait_for(admin().create_partitions([&more], &options)).expect("the broker answers");
    made.into_iter().for_each(|topic| drop(topic.expect("more partitions")));
    wait_until_known(name, |known| known == partitions);
}

/// How many partitions a topic has; 0 if it is not there.
pub fn partitions(name: &str) -> usize {
    let asking: BaseConsumer = config().create().expect("a client");
    let metadata = asking.fetch_metadata(Some(name), PATIENCE).expect("it answers");
    metadata.topics().first().map_or(0, |topic| topic.partitions().len())
}

/// Deletes a topic, and waits until it is gone.
pub fn delete_topic(name: &str) {
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    let gone = wait_for(admin().delete_topics(&[name], &options)).expect("the broker answers");
    gone.into_iter().for_each(|topic| drop(topic.expect("it was there")));
    wait_until_known(name, |known| known == 0);
}

/// Waits until the broker knows so many partitions of a topic.
fn wait_until_known(name: &str, holds: impl Fn(usize) -> bool) {
    let start = Instant::now();
    while !holds(partitions(name)) {
        assert!(start.elapsed() < PATIENCE, "{name} does not change");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Deletes what a partition holds before an offset.
pub fn delete_before(topic: &str, partition: i32, offset: i64) {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(offset)).expect("an offset");
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    drop(wait_for(admin().delete_records(&list, &options)).expect("the broker answers"));
}

/// Changes a topic's setting.
pub fn set(topic: &str, name: &str, value: &str) {
    let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set(name, value);
    let changed = wait_for(admin().alter_configs([&change], &AdminOptions::new()));
    changed.expect("the broker answers").into_iter().for_each(|topic| drop(topic.expect("set")));
}

/// A topic's setting.
pub fn setting(topic: &str, name: &str) -> Option<String> {
    let topic = ResourceSpecifier::Topic(topic);
    let configs = wait_for(admin().describe_configs([&topic], &AdminOptions::new()));
    let configs = configs.expect("the broker answers").remove(0).expect("there is the topic");
    configs.get(name)?.value.clone()
}

/// A message to send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    pub partition: i32,
    pub key: Option<String>,
    /// `None`: a tombstone.
    pub payload: Option<Vec<u8>>,
    /// Milliseconds since the epoch.
    pub timestamp: Option<i64>,
}

/// Sends messages, in order, and waits until the broker has them.
pub fn produce(topic: &str, messages: &[Message]) {
    let producer: BaseProducer = config().create().expect("a producer");
    for message in messages {
        let mut record = BaseRecord::<str, [u8]>::to(topic).partition(message.partition);
        record.key = message.key.as_deref();
        record.payload = message.payload.as_deref();
        record.timestamp = message.timestamp;
        producer.send(record).map_err(|(error, _)| error).expect("room in the queue");
        producer.poll(Duration::ZERO);
    }
    producer.flush(PATIENCE).expect("the broker takes them");
}

/// A message as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    pub topic: String,
    pub partition: i32,
    pub key: String,
    pub payload: Option<String>,
    pub headers: BTreeMap<String, String>,
}

/// Reads topics from their beginning, committed messages only.
pub struct Reader {
    consumer: BaseConsumer,
    topics: Vec<String>,
}

impl Reader {
    pub fn new(topics: &[&str]) -> Self {
        let mut config = config();
        config
            .set("group.id", "an-ordinary-reader")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("isolation.level", "read_committed");
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let topics: Vec<String> = topics.iter().map(|topic| (*topic).to_owned()).collect();
        let mut assignment = TopicPartitionList::new();
        for topic in &topics {
            let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).expect("it answers");
            for partition in metadata.topics()[0].partitions() {
                assignment
                    .add_partition_offset(topic, partition.id(), Offset::Beginning)
                    .expect("an offset");
            }
        }
        assert!(assignment.count() > 0, "{topics:?} are no topics");
        consumer.assign(&assignment).expect("partitions");
        Reader { consumer, topics }
    }

    /// Reads whatever comes, until something holds of all that was read by this call.
    #[track_caller]
    pub fn until(&self, what: &str, holds: impl Fn(&[Read]) -> bool) -> Vec<Read> {
        let start = Instant::now();
        let mut read = Vec::new();
        while !holds(&read) {
            assert!(start.elapsed() < PATIENCE, "never in {:?}: {what}\n{read:#?}", self.topics);
            read.extend(self.next().flatten());
        }
        read
    }

    /// Reads to the end of every partition.
    pub fn to_end(&self) -> Vec<Read> {
        let mut read = Vec::new();
        let mut open = self.consumer.assignment().expect("assigned").count();
        let start = Instant::now();
        while open > 0 {
            assert!(start.elapsed() < PATIENCE, "no end of {:?}", self.topics);
            match self.next() {
                Some(Some(message)) => read.push(message),
                Some(None) => open -= 1,
                None => {}
            }
        }
        read
    }

    /// A message, or that a partition ends here; `None` if neither comes for a while.
    fn next(&self) -> Option<Option<Read>> {
        let message = match self.consumer.poll(Duration::from_millis(100))? {
            Ok(message) => message,
            Err(KafkaError::PartitionEOF(_)) => return Some(None),
            Err(error) => panic!("{:?}: {error}", self.topics),
        };
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        let headers = message.headers().map(|headers| {
            let header = |header: rdkafka::message::Header<'_, &[u8]>| {
                (header.key.to_owned(), text(header.value.unwrap_or_default()))
            };
            headers.iter().map(header).collect()
        });
        Some(Some(Read {
            topic: message.topic().to_owned(),
            partition: message.partition(),
            key: text(message.key().unwrap_or_default()),
            payload: message.payload().map(text),
            headers: headers.unwrap_or_default(),
        }))
    }
}

/// The offset that a consumer group has committed for a partition.
pub fn committed(group: &str, topic: &str, partition: i32) -> Option<i64> {
    let mut config = config();
    let consumer: BaseConsumer = config.set("group.id", group).create().expect("a consumer");
    let mut list = TopicPartitionList::new();
    list.add_partition(topic, partition);
    // Which broker keeps a group's offsets may not be settled yet.
    let began = Instant::now();
    let found = loop {
        match consumer.committed_offsets(list.clone(), PATIENCE) {
            Ok(found) => break found,
            Err(KafkaError::MetadataFetch(RDKafkaErrorCode::NotCoordinator))
                if began.elapsed() < PATIENCE =>
            {
                std::thread::sleep(Duration::from_millis(100));
            }
            Err(why) => panic!("the broker answers: {why:?}"),
        }
    };
    match found.find_partition(topic, partition).expect("it was asked for").offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    }
}
