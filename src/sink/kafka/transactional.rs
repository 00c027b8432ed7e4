//! Topics of a run that outlives its process: whole ticks in transactions, with the progress that tells of them.
//!
//! One thread encodes records as they come (`ticks`). This one holds what is encoded, by tick, sends what may be
//! committed and commits it every so often. What is sent is kept until it is committed: a producer that fails is
//! replaced, and what the topics do not hold yet is sent again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, after, never, select};
use rdkafka::ClientConfig;

use super::super::backlog::Backlog;
use super::super::commit::DurableOutputs;
use super::super::differing::DifferingRecords;
use super::super::encoder::{EncodedMessage, MessageEncoder};
use super::super::failure::Failure;
use super::super::formats::message_encoder;
use super::super::shares::{CommittedShare, CommittedShares};
use super::super::under_way::UnderWay;
use super::acknowledged::{gone, taken_over};
use super::committed::{CommittedTopics, Isolation};
use super::held_topic::HeldTopic;
use super::pending::{PendingTick, PendingTicks};
use super::producer::{Broken, Committing, CommittingProducer};
use super::progress::{PartitionEnds, ProgressRecord, TopicProgress};
use super::spread::KeySpread;
use super::ticks::{EncodedBatch, SharedComparison, TopicComparisons};
use super::topics::OutputTopic;
use crate::console::counted;
use crate::fault;
use crate::plan::Kafka;
use crate::source::brokers;
use crate::time::Tick;

/// How long until a producer that failed is replaced, at first and at most.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(5)];
/// A commit that takes longer is told of, to whoever has the log tell everything.
const SLOW: Duration = Duration::from_millis(50);
/// How long brokers may take to say which topics there are.
const PATIENCE: Duration = Duration::from_secs(10);

/// What commits, on a thread of its own.
pub struct TickCommitter {
    pub kafka: Kafka,
    pub config: ClientConfig,
    pub committing: Committing,
    /// The `transactional.id`.
    pub id: String,
    pub producer: CommittingProducer,
    pub topics: Vec<Arc<OutputTopic>>,
    /// How the keys of each lie.
    pub spreads: Vec<KeySpread>,
    pub progress_topic: String,
    /// What is told with each commit.
    pub progress: ProgressRecord,
    /// What was known to be committed when this run began.
    pub before: CommittedShares,
    /// `None` once the difference has been made, or there is none.
    pub comparison: Option<SharedComparison>,
    pub durable: DurableOutputs,
    pub backlog: Arc<Backlog>,
    /// By output: where what is committed is counted.
    pub under_way: UnderWay,
    pub failure: Failure,
    pub is_over: Arc<AtomicBool>,
    pub pending: PendingTicks,
    /// Dropped when it is known what the topics hold.
    pub known: Option<Sender<()>>,
}

impl TickCommitter {
    pub fn run(mut self, encoded: &Receiver<EncodedBatch>) {
        brokers::have_answered();
        let allowed = self.durable.committable.watch();
        let mut last = Instant::now().checked_sub(self.kafka.commit_every);
        loop {
            let rest = last.map_or(Duration::ZERO, |last| {
                self.kafka.commit_every.saturating_sub(last.elapsed())
            });
            let due = if self.pending.sent.is_some() { after(rest) } else { never() };
            select! {
                recv(encoded) -> batch => match batch {
                    Ok(batch) => self.pending.add(batch),
                    Err(_) => break,
                },
                recv(allowed) -> _ => {},
                recv(due) -> _ => {},
            }
            // Asked first: whatever is of a tick before this is in the channel by now.
            let before = self.durable.committable.before();
            encoded.try_iter().for_each(|batch| self.pending.add(batch));
            if before > self.durable.replayed
                && let Some(comparison) = self.comparison.take()
            {
                self.take_difference(&comparison);
            }
            let is_due = last.is_none_or(|last| last.elapsed() >= self.kafka.commit_every);
            let now = Instant::now();
            match self.advance_with(before, is_due) {
                Ok(true) => last = Some(now),
                Ok(false) => {}
                Err(why) => {
                    self.failure.set(why);
                    return;
                }
            }
        }
        self.producer.abort();
    }

    /// Advances, with as many producers as it takes.
    fn advance_with(&mut self, before: Tick, is_due: bool) -> Result<bool, String> {
        loop {
            match self.advance(before, is_due) {
                Ok(is_committed) => return Ok(is_committed),
                Err(broken) => self.recover(broken)?,
            }
            // Nobody waits for it any more.
            if self.is_over.load(Ordering::Acquire) || self.failure.get().is_some() {
                return Ok(false);
            }
        }
    }

    /// Sends what may be committed, and commits it if it is due. Says whether something was committed.
    fn advance(&mut self, before: Tick, is_due: bool) -> Result<bool, Broken> {
        let after = self.pending.sent.map_or(0, |sent| sent + 1);
        if after < before {
            for (tick, pending) in self.pending.ticks.range(after..before) {
                for (topic, partition, key) in &pending.strays {
                    let taken_back = EncodedMessage { key: key.clone(), ..Default::default() };
                    let place = (self.topics[*topic].name.as_str(), *partition);
                    self.producer.send(*topic, place, &taken_back)?;
                }
                for (topic, messages) in &pending.batches {
                    let (name, spread) = (self.topics[*topic].name.as_str(), self.spreads[*topic]);
                    for message in messages {
                        let place = (name, spread.partition(&message.key));
                        self.producer.send(*topic, place, message)?;
                    }
                }
                self.pending.sent = Some(*tick);
            }
        }
        let Some(tick) = self.pending.sent.filter(|_| is_due) else { return Ok(false) };
        let began = Instant::now();
        self.wait_for_deliveries()?;
        fault::point("records sent");
        let settled = began.elapsed();
        for (topic, ends) in self.producer.ends() {
            // The progress topic has the number behind all others.
            if let Some(topic) = self.topics.get(topic) {
                let known = self.progress.ends.entry(topic.name.clone()).or_default();
                for (partition, end) in ends {
                    let known = known.entry(partition).or_default();
                    *known = (*known).max(end);
                }
            }
        }
        let told = ProgressRecord {
            tick: Some(tick),
            before: self.before.beyond(tick),
            ..self.progress.clone()
        };
        self.write_progress(&told)?;
        fault::point("progress sent");
        let has_told = began.elapsed();
        self.producer.commit()?;
        fault::point("committed");
        let took = began.elapsed();
        if took > SLOW {
            tracing::debug!(
                "the commit of tick {tick} took {} ms: its records were acknowledged after {}, its progress after {}",
                took.as_millis(),
                settled.as_millis(),
                has_told.as_millis()
            );
        }
        self.committed(told);
        Ok(true)
    }

    fn wait_for_deliveries(&self) -> Result<(), Broken> {
        self.producer.wait_for_deliveries(|| !self.is_over.load(Ordering::Acquire))
    }

    /// Tells a progress, in the transaction that is open.
    fn write_progress(&mut self, progress: &ProgressRecord) -> Result<(), Broken> {
        let message = EncodedMessage {
            key: progress.process.to_string(),
            value: Some(serde_json::to_vec(progress).expect("it is plain")),
            merged_into: None,
        };
        self.producer.send(self.topics.len(), (&self.progress_topic, 0), &message)?;
        self.wait_for_deliveries()
    }

    /// A progress has been committed, and all that it tells of with it.
    fn committed(&mut self, told: ProgressRecord) {
        let tick = told.tick.expect("something was committed");
        let later = self.pending.ticks.split_off(&(tick + 1));
        let committed = std::mem::replace(&mut self.pending.ticks, later);
        for (topic, records) in committed.values().flat_map(PendingTick::records) {
            self.under_way[usize::from(self.topics[topic].output)].note_sent(records);
        }
        // With them go the acknowledgements.
        drop(committed);
        self.pending.sent = None;
        self.backlog.release(tick);
        self.progress = told;
        if self.comparison.is_none() {
            self.known = None;
        }
    }

    /// What the topics lack, or have too much, is sent as of the last tick that is replayed.
    fn take_difference(&mut self, comparison: &SharedComparison) {
        let comparisons = comparison.lock().expect("no one panics with it").take();
        let TopicComparisons { by_topic, acknowledgements } = comparisons.expect("taken once");
        let mut pending = PendingTick { acknowledgements, ..PendingTick::default() };
        let mut differing = Vec::new();
        for (topic, HeldTopic { mut comparison, strays, .. }) in by_topic {
            let output = self.topics[topic].output;
            self.pending.leave_out(topic, output, comparison.left_over());
            let strays = strays.into_iter().map(|(partition, key)| (topic, partition, key));
            pending.strays.extend(strays);
            let (records, catalog) = comparison.difference();
            let mut encoder: Box<dyn MessageEncoder> = message_encoder(&catalog);
            let encode = |record| {
                let mut message = EncodedMessage::default();
                encoder.encode(record, &catalog, &mut message);
                message
            };
            let messages: Vec<EncodedMessage> = records.iter().map(encode).collect();
            let name = &self.topics[topic].name;
            let differ = counted(messages.len(), "record differs", "records differ");
            tracing::info!("topic '{name}' was compared: {differ}");
            pending.batches.push((topic, messages));
            differing.push(DifferingRecords { records, names: Arc::new(catalog) });
        }
        self.durable.difference.found(|| differing);
        self.pending.ticks.insert(self.durable.replayed, pending);
    }

    /// Replaces the producer, unless another run has taken the place of this one. What the topics do not hold is sent
    /// again.
    fn recover(&mut self, broken: Broken) -> Result<(), String> {
        let (began, [mut pause, most]) = (Instant::now(), PAUSES);
        // What is in its way is told once, and not each time that it is tried.
        let mut in_its_way = String::new();
        while !self.is_over.load(Ordering::Acquire) && self.failure.get().is_none() {
            let replaced = self.replace();
            let is_replaced = replaced.is_ok();
            match replaced {
                Ok(()) if in_its_way.is_empty() => {
                    tracing::warn!("the Kafka producer was replaced: {broken}");
                }
                Ok(()) => tracing::info!(
                    "Kafka takes records again, after {:.0} s: the producer was replaced",
                    began.elapsed().as_secs_f64()
                ),
                Err(ReplaceError::Replaced) => {
                    return Err(taken_over(&self.id, self.progress.process));
                }
                Err(ReplaceError::Lost) => return Err(gone(&self.progress_topic)),
                Err(ReplaceError::Failed(why)) if why == in_its_way => {}
                Err(ReplaceError::Failed(why)) => {
                    tracing::warn!(
                        "Kafka takes no records, which wait until it does ({broken}): the producer can't be replaced \
                         yet: {why}"
                    );
                    in_its_way = why;
                }
            }
            // What is sent to a topic that is not there, or read from it, fails again and again.
            if let Some(topic) = self.gone_topic() {
                return Err(gone(topic));
            }
            if is_replaced {
                return Ok(());
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(most);
        }
        Ok(())
    }

    /// A topic that the brokers know no longer, as far as they answer: they say so twice, since one that has just been
    /// started may not know all yet.
    fn gone_topic(&self) -> Option<&str> {
        let topics = self.topics.iter().map(|topic| topic.name.as_str());
        let mut missing: Vec<&str> = topics.chain([self.progress_topic.as_str()]).collect();
        for pause in [Duration::ZERO, PAUSES[1]] {
            if missing.is_empty() {
                break;
            }
            std::thread::sleep(pause);
            let metadata = self.producer.client().fetch_metadata(None, PATIENCE).ok()?;
            missing.retain(|name| metadata.topics().iter().all(|topic| topic.name() != *name));
        }
        missing.first().copied()
    }

    fn replace(&mut self) -> Result<(), ReplaceError> {
        let reader = CommittedTopics::new(&self.kafka).map_err(ReplaceError::Failed)?;
        // Whoever came after us has told so, though perhaps in a transaction that is open.
        self.newest(&reader, Isolation::Uncommitted)?;
        self.producer.abort();
        let opened =
            CommittingProducer::open(&self.config, &self.id, self.committing, &self.failure);
        self.producer = opened.map_err(|error| ReplaceError::Failed(error.to_string()))?;
        let told = self.newest(&reader, Isolation::Committed)?;
        self.pending.sent = None;
        if told.tick > self.progress.tick {
            self.committed(told);
        }
        Ok(())
    }

    /// What this run told last.
    fn newest(
        &self,
        reader: &CommittedTopics<'_>,
        isolation: Isolation,
    ) -> Result<ProgressRecord, ReplaceError> {
        let progress = TopicProgress::read(reader, &self.progress_topic, isolation);
        let progress = progress.map_err(ReplaceError::Failed)?;
        match progress.by_process.get(&self.progress.process) {
            Some(newest) if newest.run != self.progress.run => Err(ReplaceError::Replaced),
            Some(newest) => Ok(newest.clone()),
            None => Err(ReplaceError::Lost),
        }
    }

    /// Tells that this run has come, with what it knows: before anything else is sent.
    pub fn claim(&mut self, gone: &[usize]) -> Result<(), Broken> {
        for process in gone {
            let message = EncodedMessage { key: process.to_string(), ..EncodedMessage::default() };
            self.producer.send(self.topics.len(), (&self.progress_topic, 0), &message)?;
        }
        self.write_progress(&self.progress.clone())?;
        self.producer.commit()?;
        fault::point("claimed");
        Ok(())
    }
}

/// Why a producer was not replaced.
enum ReplaceError {
    /// Another run has taken the place of this one.
    Replaced,
    /// The progress topic does not say any more what this run has told: it was deleted, and made anew.
    Lost,
    Failed(String),
}

/// What this process says at its start.
pub fn first_progress(
    durable: &DurableOutputs,
    run: String,
    tick: Option<Tick>,
    before: Vec<CommittedShare>,
    ends: BTreeMap<String, PartitionEnds>,
    spreads: BTreeMap<String, KeySpread>,
) -> ProgressRecord {
    ProgressRecord {
        store: durable.store.clone(),
        definition: durable.definition.clone(),
        run,
        process: durable.process,
        processes: durable.processes,
        workers: durable.workers,
        tick,
        before,
        ends,
        spreads,
    }
}
