//! OwnPartitions: every partition is read by exactly one worker of one process, which follows from its number
//! and its topic's place among all topics of the definition; there is no consumer group that could
//! rebalance.
//!
//! A thread reads for each topic and worker that owns partitions of it. Partitions that are added while a
//! topic is read are found by the threads that read it, and for workers that owned none by one that looks
//! for them. With `until_end` a topic ends where it ended at the start, and has the partitions that it
//! had.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::sync::{Arc, Mutex};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;

use super::client::{self, TopicClient};
use super::committed;
use super::connector::{ConnectorType, ConnectorWords, Inflow, Settings, SettingsFault};
use super::error::nearest;
use super::outlet::{Chunks, Outlet, ReadEnd, SharedState, SourceOptions};
use super::owner::Owner;
use super::partition::{FirstOffset, Partition, TopicSource};
use super::positions::TopicPosition;
use super::topic::{LOOK, PATIENCE, Share, TopicIdentity, TopicReader};
use super::{SourceError, brokers};
use crate::plan::{Connector, Format, Plan, RowPlace};
use crate::row::Position;

/// Bounded memory, and no second of sleep when a queue was full for a moment. What lies outside of a
/// partition is for the reading thread to judge.
const DEFAULTS: &[(&str, &str)] = &[
    ("queued.max.messages.kbytes", "16384"),
    ("fetch.queue.backoff.ms", "10"),
    ("reconnect.backoff.max.ms", "2000"),
    // What tells how far a topic is ahead.
    ("statistics.interval.ms", "1000"),
];

pub(super) const TYPE: ConnectorType = ConnectorType {
    said: Some(ConnectorWords { field: "kafka", example: "kafka: {topic: name}", read }),
    open,
};

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    pub topic: String,
    pub start: KafkaStart,
}

/// Where to start reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KafkaStart {
    Earliest,
    Latest,
}

impl Connector for Topic {
    fn ends(&self, _follow: bool) -> bool {
        false
    }

    /// By the broker's timestamp.
    fn is_dated(&self) -> bool {
        true
    }

    fn refuses(&self, format: Format) -> Option<&'static str> {
        (format != Format::Json).then_some("topics are read as json")
    }

    fn topic(&self) -> Option<&str> {
        Some(&self.topic)
    }

    fn place(&self, topic: Arc<str>, position: Position) -> RowPlace {
        let partition = super::partition(position.part);
        RowPlace::Topic { topic, partition, offset: position.offset }
    }

    fn again(&self) -> Option<Arc<dyn Connector>> {
        Some(Arc::new(Topic { start: KafkaStart::Earliest, ..self.clone() }))
    }
}

impl Display for Topic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "topic {}", self.topic)
    }
}

fn read(settings: &Settings<'_>, _faults: &mut Vec<SettingsFault>) -> Option<Arc<dyn Connector>> {
    let topic = settings.value["topic"].as_str()?.to_owned();
    let start = match settings.value["start"].as_str() {
        Some("latest") => KafkaStart::Latest,
        _ => KafkaStart::Earliest,
    };
    Some(Arc::new(Topic { topic, start }))
}

/// The partitions of this process, found.
struct OwnPartitions {
    options: SourceOptions,
    looking: BaseConsumer<TopicClient>,
    topics: Vec<FoundTopics>,
}

struct FoundTopics {
    /// The share of whichever worker asks.
    share: Share,
    /// By worker of this process, those to be read at first.
    partitions: Vec<Vec<Partition>>,
}

/// Sources that read a topic, and where they start.
type TopicReaders<'a> = Vec<(u16, KafkaStart)>;

/// What other runs have read of a topic, by each source that reads it.
struct KnownTopic<'a> {
    generation: u32,
    sources: Vec<(KafkaStart, Option<&'a TopicPosition>)>,
}

impl<'a> KnownTopic<'a> {
    fn of(plan: &Plan, options: &'a SourceOptions, topic: &str, readers: &TopicReaders) -> Self {
        let of_source = |(source, start): &(u16, KafkaStart)| {
            let name = &plan.sources[usize::from(*source)].name;
            (*start, options.positions.topic(name, topic))
        };
        let sources: Vec<_> = readers.iter().map(of_source).collect();
        let generations = sources.iter().filter_map(|(_, known)| Some(known.as_ref()?.generation));
        KnownTopic { generation: generations.max().unwrap_or_default(), sources }
    }

    fn identity(&self) -> TopicIdentity {
        let generation = self.generation;
        let mut known = self.sources.iter().filter_map(|(_, known)| *known);
        let id = known.find_map(|of| of.id.clone().filter(|_| of.generation == generation));
        TopicIdentity { generation, id }
    }

    /// Whether a source passes over what is there.
    fn passes_over(&self) -> bool {
        let passes_over = |(start, known): &(KafkaStart, Option<_>)| {
            *start == KafkaStart::Latest && known.is_none()
        };
        self.sources.iter().any(passes_over)
    }

    /// Where each source begins to read a partition, which ends there now. Where others of the topic's
    /// partitions are known, one that is not was added since, and all that is in it came later.
    fn first(&self, partition: i32, end: Option<u64>) -> Vec<FirstOffset> {
        let first = |(start, known): &(KafkaStart, Option<&TopicPosition>)| match (start, known) {
            (_, Some(known)) => match known.next.get(&partition) {
                Some(next) if known.generation == self.generation => FirstOffset::Known(*next),
                _ => FirstOffset::Beginning,
            },
            (KafkaStart::Latest, None) => end.map_or(FirstOffset::Beginning, FirstOffset::Latest),
            (KafkaStart::Earliest, None) => FirstOffset::Beginning,
        };
        self.sources.iter().map(first).collect()
    }
}

/// Finds the partitions of all topics; `None` if no source is a topic.
fn open(
    plan: &Arc<Plan>,
    options: &SourceOptions,
    wrong: &mut Vec<SourceError>,
) -> Option<Box<dyn Inflow>> {
    let mut readers: BTreeMap<&str, TopicReaders> = BTreeMap::new();
    for (source, of) in plan.sources.iter().enumerate() {
        if let Some(Topic { topic, start }) = (&*of.connector as &dyn Any).downcast_ref() {
            readers.entry(topic).or_default().push((source as u16, *start));
        }
    }
    if readers.is_empty() {
        return None;
    }
    match find(plan, options, &readers, wrong) {
        Ok(topics) => Some(Box::new(topics)),
        Err(error) => {
            wrong.push(error);
            None
        }
    }
}

fn find(
    plan: &Plan,
    options: &SourceOptions,
    readers: &BTreeMap<&str, TopicReaders>,
    wrong: &mut Vec<SourceError>,
) -> Result<OwnPartitions, SourceError> {
    let addresses = &plan.kafka.brokers;
    let kafka = |error: KafkaError| SourceError::Kafka { why: error.to_string() };
    let silent = |error: KafkaError| SourceError::NoBroker {
        brokers: addresses.clone(),
        why: brokers::silence(addresses, &error),
    };
    let config = configured(plan, options)?;
    let looking: BaseConsumer<TopicClient> =
        config.create_with_context(TopicClient::default()).map_err(kafka)?;
    let metadata = looking.fetch_metadata(None, PATIENCE).map_err(silent)?;
    let mut topics = Vec::new();
    for (place, (name, sources)) in readers.iter().enumerate() {
        let found = metadata.topics().iter().find(|topic| topic.name() == *name);
        let Some(found) = found.filter(|topic| !topic.partitions().is_empty()) else {
            let names = metadata.topics().iter().map(|topic| topic.name());
            wrong.push(SourceError::NoTopic {
                name: plan.sources[usize::from(sources[0].0)].name.clone(),
                brokers: addresses.clone(),
                topic: (*name).to_owned(),
                near: nearest(name, names.filter(|name| !name.starts_with("__"))),
            });
            continue;
        };
        let workers = options.processes * options.workers;
        let known = KnownTopic::of(plan, options, name, sources);
        let share = Share {
            name: (*name).into(),
            sources: sources
                .iter()
                .map(|(source, _)| {
                    let name = plan.sources[usize::from(*source)].name.as_str().into();
                    TopicSource { source: *source, name }
                })
                .collect(),
            identity: Arc::new(Mutex::new(known.identity())),
            was_read: known.sources.iter().any(|(_, known)| known.is_some()),
            owner: Owner { worker: 0, workers, place },
            config: config.clone(),
            until_end: options.until_end,
            from_start: options.from_start,
        };
        let mut partitions = Vec::new();
        for worker in 0..options.workers {
            let mut of_worker = Vec::new();
            for number in share.of(options, worker).owner.owned(found.partitions().len() as i32) {
                let marks = if options.until_end || known.passes_over() {
                    let marks = || looking.fetch_watermarks(name, number, PATIENCE);
                    Some(brokers::patiently(marks).map_err(silent)?)
                } else {
                    None
                };
                let first = known.first(number, marks.map(|(_, high)| high.max(0) as u64));
                let until = marks.filter(|_| options.until_end);
                of_worker.push(Partition::new(number, first, until));
            }
            partitions.push(of_worker);
        }
        let mut own = partitions.iter().flatten().peekable();
        if options.until_end && own.peek().is_some() && own.all(Partition::was_read) {
            tracing::info!("topic {name}: all of it was read before; nothing new");
        }
        topics.push(FoundTopics { share, partitions });
    }
    Ok(OwnPartitions { options: options.clone(), looking, topics })
}

/// How all that reads topics is set up.
fn configured(plan: &Plan, options: &SourceOptions) -> Result<ClientConfig, SourceError> {
    let group = format!("selfsame-{}", plan.name);
    let mut config = client::config(&plan.kafka, &[DEFAULTS, &[("group.id", &group)]].concat())?;
    // Positions are the engine's own business, and so is what lies outside of a partition; the end is
    // told where somebody waits for it.
    config.set("enable.auto.commit", "false").set("enable.auto.offset.store", "false");
    config.set("auto.offset.reset", "error");
    config.set("enable.partition.eof", if options.until_end { "true" } else { "false" });
    TopicClient::watch_topic(&mut config);
    Ok(config)
}

impl Share {
    /// The share of a worker of this process.
    fn of(&self, options: &SourceOptions, worker: usize) -> Share {
        let worker = options.process * options.workers + worker;
        Share { owner: Owner { worker, ..self.owner }, ..self.clone() }
    }
}

impl Inflow for OwnPartitions {
    /// Starts the threads that read; gives each worker that has partitions, or may get some, its chunks.
    fn start(self: Box<Self>, shared: &SharedState) -> Result<Vec<Option<Chunks>>, SourceError> {
        let OwnPartitions { options, looking, topics } = *self;
        if let (Some(durable), Some(topic)) = (shared.take_durable(), topics.first()) {
            let of_topic = |found: &FoundTopics| {
                let name = Arc::clone(&found.share.name);
                let own = found.partitions.iter().flatten();
                own.map(|of| (Arc::clone(&name), of.number)).collect::<Vec<_>>()
            };
            let own: Vec<_> = topics.iter().flat_map(of_topic).collect();
            let config = topic.share.config.clone();
            committed::commit(config, &options.positions, &own, durable);
        }
        let (outlets, mut receivers): (Vec<Outlet>, Vec<_>) = (0..options.workers)
            .map(|_| shared.channel())
            .map(|(outlet, receiver)| (outlet, Some(receiver)))
            .unzip();
        let mut is_read = BTreeSet::new();
        let mut shares = Vec::new();
        for (topic, FoundTopics { share, partitions }) in topics.into_iter().enumerate() {
            for (worker, partitions) in partitions.into_iter().enumerate() {
                let is_known = share.identity.lock().expect("no one panics").id.is_some();
                // Also of one that is read to its end it is seen whether it is the one that was read.
                let is_to_be_read = is_known && !partitions.is_empty();
                if is_to_be_read || partitions.iter().any(Partition::has_more) {
                    begin(shared, &outlets[worker], share.of(&options, worker), partitions)?;
                    is_read.insert((topic, worker));
                }
            }
            shares.push(share);
        }
        if options.until_end {
            let has_any = |worker| is_read.iter().any(|(_, of)| *of == worker);
            for (worker, receiver) in receivers.iter_mut().enumerate() {
                receiver.take_if(|_| !has_any(worker));
            }
        } else {
            let outlet = outlets[0].clone();
            shared.spawn("partitions", outlet, move |outlet| {
                loop {
                    outlet.shared.sleep(LOOK)?;
                    for (topic, share) in shares.iter().enumerate() {
                        let found = looking.fetch_metadata(Some(&share.name), PATIENCE);
                        let Ok(found) = found else { continue };
                        let count =
                            found.topics().first().map_or(0, |t| t.partitions().len()) as i32;
                        for (worker, outlet) in outlets.iter().enumerate() {
                            let share = share.of(&options, worker);
                            let first = || vec![FirstOffset::Beginning; share.sources.len()];
                            let owned = share.owner.owned(count);
                            let owned: Vec<_> =
                                owned.map(|number| Partition::new(number, first(), None)).collect();
                            if !owned.is_empty() && is_read.insert((topic, worker)) {
                                tracing::info!("topic {} has more partitions now", share.name);
                                begin(&outlet.shared, outlet, share, owned)
                                    .map_err(ReadEnd::Failed)?;
                            }
                        }
                    }
                }
            });
        }
        Ok(receivers)
    }
}

/// Starts a thread that reads.
fn begin(
    shared: &SharedState,
    outlet: &Outlet,
    share: Share,
    partitions: Vec<Partition>,
) -> Result<(), SourceError> {
    let thread = format!("topic {}", share.name);
    let topic = TopicReader::new(share, partitions)
        .map_err(|error| SourceError::Kafka { why: error.to_string() })?;
    shared.spawn(&thread, outlet.clone(), move |outlet| topic.run(outlet));
    Ok(())
}
