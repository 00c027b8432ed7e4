//! Changelogs in topics, of which each process writes what its workers publish.
//!
//! A run that nothing outlives sends records as they come, each acknowledged by all replicas in sync (`acknowledged`).
//! One that outlives its process commits whole ticks in transactions, and knows by the progress that they carry what
//! was sent (`transactional`).

mod acknowledged;
mod batch;
mod committed;
mod held_topic;
mod messages;
mod pending;
mod producer;
mod progress;
pub mod spread;
mod standing;
mod ticks;
mod topics;
mod transactional;
mod transactions;

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use rdkafka::ClientConfig;
use rdkafka::admin::AdminClient;
use rdkafka::producer::{BaseProducer, Producer};

use super::failure::{Failure, SinkError};
use super::receipt::Receipt;
use super::record::Record;
use super::target::{Opened, Opening, Target};
use crate::plan::Publish;
use crate::time::Tick;
use acknowledged::{Acknowledging, ProducerFeeder, take_acknowledgements};
use batch::{TopicBatch, spawn};
pub use held_topic::read_topics_ahead;
use messages::Examiner;
pub use messages::read_message;
use spread::KeySpread;
use topics::{Asking, OutputTopic, WantedTopic};

/// How often somebody who waits looks whether the run has failed.
const LOOK: Duration = Duration::from_millis(100);

/// Hands records of one topic to the thread that takes them on.
struct TopicWriter {
    number: usize,
    topic: Arc<OutputTopic>,
    batches: Sender<TopicBatch>,
    /// Disconnected when it is known what the topics hold, and the difference is committed.
    known: Option<Receiver<()>>,
    /// Whether ticks are committed, and counted then.
    commits: bool,
    failure: Failure,
}

impl Target for TopicWriter {
    fn send(&self, tick: Tick, records: Vec<Record>, receipt: Receipt) {
        let (number, topic) = (self.number, Arc::clone(&self.topic));
        let batch = TopicBatch { tick, number, topic, records, receipt };
        self.batches.send(batch).expect("the thread runs while there are senders");
    }

    fn counts_sent(&self) -> bool {
        self.commits
    }

    /// What was sent is committed, but for a difference that no record may have asked for.
    fn close(&self) {
        let Some(known) = &self.known else { return };
        while known.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout)
            && self.failure.get().is_none()
        {}
    }
}

/// Connects the producer that the plan's topics need, if there is any, and creates missing topics.
pub fn open(opening: &mut Opening<'_>) -> Result<Opened, SinkError> {
    let outputs = topics::outputs(opening.plan);
    if outputs.is_empty() {
        return Ok(Vec::new());
    }
    let target = format!("Kafka at '{}'", opening.plan.kafka.brokers);
    connect(opening, &outputs).map_err(|message| SinkError::Target { target, message })
}

fn connect(opening: &mut Opening<'_>, outputs: &[(u16, &str, Publish)]) -> Result<Opened, String> {
    let plan = opening.plan;
    let mut config = topics::config(plan);
    let admin: AdminClient<Asking> =
        config.create_with_context(Asking).map_err(|error| error.to_string())?;
    if opening.process == 0 {
        let mut wanted: Vec<WantedTopic<'_>> = outputs
            .iter()
            .map(|(_, topic, publish)| WantedTopic::of_output(topic, *publish))
            .collect();
        let progress = progress::topic_of(&plan.name);
        if opening.durable.is_some() {
            wanted.push(progress::wanted(&progress));
        }
        topics::create_missing(&plan.kafka.brokers, &admin, &wanted)?;
    }
    let limits = topics::limits(&config, &admin, outputs);
    topics::bound_batches(&mut config, &limits);
    let topics: Vec<Arc<OutputTopic>> = outputs
        .iter()
        .map(|(output, name, publish)| {
            let (limits, is_log) = (limits[*name], *publish == Publish::Rejects);
            let name = (*name).to_owned();
            Arc::new(OutputTopic { output: *output, name, limits, is_log })
        })
        .collect();
    let (sender, batches) = unbounded();
    let known = match opening.durable.clone() {
        Some(durable) => transactions::start(opening, durable, &config, &admin, &topics, batches)?,
        None => {
            acknowledge(opening, &mut config, &topics, batches)?;
            None
        }
    };
    let commits = opening.durable.is_some();
    let writer = |(number, topic): (usize, Arc<OutputTopic>)| {
        let (output, batches) = (usize::from(topic.output), sender.clone());
        let (known, failure) = (known.clone(), opening.failure.clone());
        let writer = TopicWriter { number, topic, batches, known, commits, failure };
        (output, Box::new(writer) as Box<dyn Target>)
    };
    Ok(topics.into_iter().enumerate().map(writer).collect())
}

/// Starts the threads of a run that nothing outlives.
fn acknowledge(
    opening: &Opening<'_>,
    config: &mut ClientConfig,
    topics: &[Arc<OutputTopic>],
    batches: Receiver<TopicBatch>,
) -> Result<(), String> {
    // No limit: a broker that is away holds the inflow back.
    config.set("message.timeout.ms", "0");
    let failure = opening.failure.clone();
    let producer: BaseProducer<Acknowledging> = config
        .create_with_context(Acknowledging { failure: failure.clone() })
        .map_err(|error| error.to_string())?;
    let producer = Arc::new(producer);
    // As it is now: partitions that are added meanwhile would part the records of a key.
    let spreads = topics.iter().map(|topic| {
        let partitions = topics::find_leaders(producer.client(), &topic.name)?;
        Ok(KeySpread::first(&opening.plan.kafka, partitions))
    });
    let spreads = spreads.collect::<Result<_, String>>()?;
    let acknowledged = Arc::downgrade(&producer);
    let feeder =
        ProducerFeeder { examiner: Examiner::new(&opening.names), failure, producer, spreads };
    spawn("acknowledgements", move || take_acknowledgements(&acknowledged))?;
    spawn("write topics", move || feeder.run(batches))
}
