//! A thread that reads partitions of one topic.
//!
//! It polls into chunks and hands them over as soon as nothing more is there: under load chunks are
//! large, else a message goes on at once. While a worker's channel is full nothing is polled, and
//! librdkafka's bounded queue stops the fetching. Where each partition is read next is known here, and
//! only here: whatever else happens, no message is taken twice or passed over without a word.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::client::TopicClient;
use super::outlet::{Outlet, ReadEnd};
use super::owner::Owner;
use super::partition::{FirstOffset, Partition, ReadTopic, TopicSource};
use super::{SourceError, brokers};

/// How long a broker may take to answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked whether a topic has more partitions.
pub(super) const LOOK: Duration = Duration::from_secs(10);
/// How long a thread waits for a message before it looks whether it is to stop.
const POLL: Duration = Duration::from_millis(500);
/// The same while it is not known whether the topic is the one that was read before.
const SOON: Duration = Duration::from_millis(20);
/// How long a topic that was deleted may take to be there again before it counts as deleted alone.
const ABSENCE: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_millis(500);

/// A chunk's most: several times what a worker decodes in a tick would only wait.
const MESSAGES: usize = 1_000;
const BYTES: usize = 256 << 10;

/// What a thread reads: those partitions of a topic that one worker owns.
#[derive(Clone)]
pub(super) struct Share {
    pub name: Arc<str>,
    /// The sources that read the topic.
    pub sources: Arc<[TopicSource]>,
    pub identity: Arc<Mutex<TopicIdentity>>,
    /// Whether another run has read of it.
    pub was_read: bool,
    pub owner: Owner,
    pub config: ClientConfig,
    pub until_end: bool,
    pub from_start: bool,
}

/// Which of the topics that have had this name is read: what all of a process that read it go by.
#[derive(Clone, Default)]
pub(super) struct TopicIdentity {
    /// How many topics of this name were read before this one.
    pub generation: u32,
    /// What the brokers call it, as far as that is known.
    pub id: Option<Arc<str>>,
}

pub(super) struct TopicReader {
    share: Share,
    consumer: BaseConsumer<TopicClient>,
    partitions: Vec<Partition>,
    identity: TopicIdentity,
    /// Whether this thread has read anything of it.
    has_read: bool,
}

/// Why a topic is not read on.
enum Gone {
    /// It was deleted, and perhaps created again.
    Deleted,
    /// Another one has taken its place.
    Replaced,
}

impl TopicReader {
    pub fn new(share: Share, partitions: Vec<Partition>) -> Result<Self, KafkaError> {
        let identity = share.identity.lock().expect("no one panics with it").clone();
        let client = TopicClient::expecting(identity.id.clone());
        let consumer = share.config.create_with_context(client)?;
        Ok(TopicReader { share, consumer, partitions, identity, has_read: false })
    }

    pub fn run(mut self, outlet: &Outlet) -> Result<(), ReadEnd> {
        while let Some(gone) = self.read(outlet)? {
            let again = matches!(gone, Gone::Replaced) || self.is_back(outlet, Some(ABSENCE))?;
            let topic = self.share.name.to_string();
            if !self.share.from_start {
                let since = self.share.was_read && !self.has_read;
                return Err(ReadEnd::Failed(SourceError::TopicGone { topic, again, since }));
            }
            tracing::warn!("topic {topic} was deleted: it is read from its start once it is there");
            self.is_back(outlet, None)?;
            self.begin_anew()?;
        }
        Ok(())
    }

    /// Reads until all is read, nobody wants more, or the topic is gone.
    fn read(&mut self, outlet: &Outlet) -> Result<Option<Gone>, ReadEnd> {
        self.assign()?;
        let mut looked = Instant::now();
        let until_end = self.share.until_end;
        let started = Instant::now();
        while !until_end
            || self.partitions.iter().any(Partition::has_more)
            || (!self.is_identified() && started.elapsed() < PATIENCE)
        {
            if outlet.shared.stopped() {
                return Ok(None);
            }
            if !until_end && looked.elapsed() >= LOOK {
                self.look_for_more()?;
                looked = Instant::now();
            }
            let gone = self.poll(outlet)?;
            self.learn_id();
            self.note_lags(outlet);
            let topic = ReadTopic {
                name: &self.share.name,
                id: self.identity.id.clone(),
                generation: self.identity.generation,
                sources: &self.share.sources,
            };
            for partition in &mut self.partitions {
                partition.send(&topic, outlet)?;
            }
            if gone.is_some() {
                return Ok(gone);
            }
        }
        Ok(None)
    }

    /// Tells how many messages there are behind those that were polled.
    fn note_lags(&self, outlet: &Outlet) {
        for (number, end) in self.consumer.context().take_ends() {
            let known = self.partitions.iter().find(|partition| partition.number == number);
            if let Some(next) = known.and_then(|partition| partition.next) {
                outlet.shared.lags.note(&self.share.name, number, end.saturating_sub(next));
            }
        }
    }

    /// Whether the topic is known to be the one that was read before, or there was none.
    fn is_identified(&self) -> bool {
        self.identity.id.is_none() || self.consumer.context().id().is_some()
    }

    fn learn_id(&mut self) {
        if self.identity.id.is_none()
            && let Some(id) = self.consumer.context().id()
        {
            self.identity.id = Some(Arc::clone(id));
            let mut shared = self.share.identity.lock().expect("no one panics with it");
            if shared.generation == self.identity.generation {
                shared.id.get_or_insert_with(|| Arc::clone(id));
            }
        }
    }

    /// Takes what is there, at most a chunk.
    fn poll(&mut self, outlet: &Outlet) -> Result<Option<Gone>, ReadEnd> {
        let mut wait = if self.is_identified() { POLL } else { SOON };
        let (mut messages, mut bytes) = (0, 0);
        while messages < MESSAGES && bytes < BYTES {
            let polled = self.consumer.poll(wait);
            if self.consumer.context().has_other_topic() {
                return Ok(Some(Gone::Replaced));
            }
            let Some(polled) = polled else { break };
            wait = Duration::ZERO;
            let mut partitions = self.partitions.iter_mut();
            match polled {
                Ok(message) => {
                    self.has_read = true;
                    messages += 1;
                    bytes += message.payload_len() + message.key_len();
                    partitions
                        .find(|partition| partition.number == message.partition())
                        .expect("only assigned partitions are fetched")
                        .take(&message);
                }
                Err(KafkaError::PartitionEOF(number)) => {
                    if let Some(partition) = partitions.find(|part| part.number == number) {
                        partition.ended = true;
                    }
                }
                Err(error) => match error.rdkafka_error_code() {
                    Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => {
                        return self.find_place(outlet);
                    }
                    Some(code) if brokers::is_gone(code) => return Ok(Some(Gone::Deleted)),
                    _ => self.consider(error)?,
                },
            }
        }
        Ok(None)
    }

    /// The next message of some partition is not there. Where it was deleted before it was read, that is
    /// told, and reading goes on behind; a partition that is shorter than what was read of it is another.
    fn find_place(&mut self, outlet: &Outlet) -> Result<Option<Gone>, ReadEnd> {
        for partition in &mut self.partitions {
            let Some(next) = partition.next else { continue };
            let number = partition.number;
            let (low, high) = loop {
                match self.consumer.fetch_watermarks(&self.share.name, number, PATIENCE) {
                    Ok((low, high)) => break (low.max(0) as u64, high.max(0) as u64),
                    Err(error) if is_gone(&error) => return Ok(Some(Gone::Deleted)),
                    Err(error) => tracing::debug!("topic {}: {error}", self.share.name),
                }
                outlet.shared.sleep(RETRY)?;
            };
            if next > high {
                return Ok(Some(Gone::Replaced));
            }
            if next < low {
                tracing::warn!(
                    "topic {}, partition {number}: the messages from offset {next} to {}, {} in all, were \
                     deleted before they were read (retention): reading goes on behind them",
                    self.share.name,
                    low - 1,
                    low - next,
                );
                partition.next = Some(low);
            }
        }
        self.assign()?;
        Ok(None)
    }

    /// Partitions that were added since are read from their beginning, whatever a source says of its
    /// start: all that is in them came later.
    fn look_for_more(&mut self) -> Result<(), ReadEnd> {
        let found = self.consumer.fetch_metadata(Some(&self.share.name), PATIENCE);
        let Ok(count) =
            found.map(|found| found.topics().first().map_or(0, |t| t.partitions().len()))
        else {
            return Ok(());
        };
        let known = self.partitions.len();
        for number in self.share.owner.owned(count as i32) {
            if self.partitions.iter().all(|partition| partition.number != number) {
                let topic = &self.share.name;
                tracing::info!("topic {topic} has partition {number} now: it is read, too");
                let first = vec![FirstOffset::Beginning; self.share.sources.len()];
                self.partitions.push(Partition::new(number, first, None));
            }
        }
        if self.partitions.len() > known {
            self.assign()?;
        }
        Ok(())
    }

    /// Waits until the topic is there, for a while or for as long as it takes; says whether it is.
    fn is_back(&self, outlet: &Outlet, patience: Option<Duration>) -> Result<bool, ReadEnd> {
        let started = Instant::now();
        loop {
            let found = self.consumer.fetch_metadata(Some(&self.share.name), PATIENCE);
            let topics = found.as_ref().map(|found| found.topics()).unwrap_or_default();
            let has_leaders = |part: &rdkafka::metadata::MetadataPartition| {
                part.error().is_none() && part.leader() >= 0
            };
            let is_there = |topic: &rdkafka::metadata::MetadataTopic| {
                topic.error().is_none()
                    && !topic.partitions().is_empty()
                    && topic.partitions().iter().all(has_leaders)
            };
            if topics.first().is_some_and(is_there) {
                return Ok(true);
            }
            if patience.is_some_and(|patience| started.elapsed() > patience) {
                return Ok(false);
            }
            outlet.shared.sleep(RETRY)?;
        }
    }

    /// Turns to the topic that has taken the place of the one that was read.
    fn begin_anew(&mut self) -> Result<(), ReadEnd> {
        self.identity = TopicIdentity { generation: self.identity.generation + 1, id: None };
        let mut shared = self.share.identity.lock().expect("no one panics with it");
        if shared.generation < self.identity.generation {
            *shared = self.identity.clone();
        }
        drop(shared);
        let (name, consumer) = (&self.share.name, &mut self.consumer);
        let failed = |error: KafkaError| failed(name, &error);
        *consumer =
            self.share.config.create_with_context(TopicClient::default()).map_err(failed)?;
        let found = consumer.fetch_metadata(Some(name), PATIENCE).map_err(failed)?;
        let count = found.topics().first().map_or(0, |topic| topic.partitions().len()) as i32;
        self.partitions.clear();
        for number in self.share.owner.owned(count) {
            let end = match self.share.until_end {
                true => {
                    let marks = || consumer.fetch_watermarks(name, number, PATIENCE);
                    Some(brokers::patiently(marks).map_err(failed)?)
                }
                false => None,
            };
            let first = vec![FirstOffset::Beginning; self.share.sources.len()];
            self.partitions.push(Partition::new(number, first, end));
        }
        Ok(())
    }

    /// Has all partitions fetched from where they are read next.
    fn assign(&self) -> Result<(), ReadEnd> {
        let failed = |error: KafkaError| failed(&self.share.name, &error);
        let mut list = TopicPartitionList::new();
        // The id of a topic that is not assigned is not learned.
        let is_read = |partition: &&Partition| !partition.ended || !self.is_identified();
        for partition in self.partitions.iter().filter(is_read) {
            let offset = match partition.next {
                None => Offset::Beginning,
                Some(next) => Offset::Offset(next as i64),
            };
            list.add_partition_offset(&self.share.name, partition.number, offset)
                .map_err(failed)?;
        }
        self.consumer.assign(&list).map_err(failed)
    }

    /// librdkafka tries again whatever may heal, and tells it; the rest ends the reading.
    fn consider(&self, error: KafkaError) -> Result<(), ReadEnd> {
        let hopeless = match &error {
            KafkaError::MessageConsumptionFatal(_) => true,
            KafkaError::MessageConsumption(code) => matches!(
                code,
                Code::Fatal
                    | Code::TopicAuthorizationFailed
                    | Code::ClusterAuthorizationFailed
                    | Code::SaslAuthenticationFailed
                    | Code::Authentication
            ),
            _ => false,
        };
        if hopeless {
            return Err(failed(&self.share.name, &error));
        }
        match error.rdkafka_error_code().is_some_and(brokers::is_away) {
            true => tracing::debug!(topic = &*self.share.name, "{error}"),
            false => tracing::warn!(topic = &*self.share.name, "{error}"),
        }
        Ok(())
    }
}

fn failed(topic: &str, error: &KafkaError) -> ReadEnd {
    ReadEnd::Failed(SourceError::Kafka { why: format!("topic {topic}: {error}") })
}

fn is_gone(error: &KafkaError) -> bool {
    error.rdkafka_error_code().is_some_and(brokers::is_gone)
}
