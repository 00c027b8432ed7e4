//! How a run that outlives its process takes over the topics: who had them is fenced, what they hold is found out, and
//! that this run has come is told before anything else is sent.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use crossbeam_channel::{Receiver, Sender, unbounded};
use rdkafka::ClientConfig;
use rdkafka::admin::AdminClient;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::super::backlog::Backlog;
use super::super::commit::DurableOutputs;
use super::super::failure::Failure;
use super::super::shares::CommittedShares;
use super::super::target::Opening;
use super::super::update::Router;
use super::batch::{TopicBatch, spawn};
use super::committed::{CommittedTopics, Isolation};
use super::held_topic::TopicReading;
use super::messages::Examiner;
use super::pending::PendingTicks;
use super::producer::{Committing, CommittingProducer};
use super::progress::{self, TopicProgress};
use super::spread::{KeyPlaces, KeySpread, tell_spread};
use super::standing::{self, TopicsStanding};
use super::ticks::{Replayed, TickEncoder, TopicComparisons};
use super::topics::{self, Asking, OutputTopic};
use super::transactional::{TickCommitter, first_progress};

/// Starts the threads. What is returned is disconnected when it is known what the topics hold.
pub fn start(
    opening: &mut Opening<'_>,
    durable: DurableOutputs,
    config: &ClientConfig,
    admin: &AdminClient<Asking>,
    topics: &[Arc<OutputTopic>],
    batches: Receiver<TopicBatch>,
) -> Result<Option<Receiver<()>>, String> {
    let (plan, kafka) = (opening.plan, opening.plan.kafka.clone());
    let committing = match kafka.transactions {
        true => Committing::Transactions,
        false => {
            tracing::warn!(
                "transactions are off: after a kill, records may be in the topics twice (at least once)"
            );
            Committing::AtLeastOnce
        }
    };
    let progress_topic = progress::topic_of(&plan.name);
    let names = topics.iter().map(|topic| topic.name.as_str()).chain([progress_topic.as_str()]);
    for topic in names {
        topics::find_leaders(admin.inner(), topic)?;
    }

    let id = |process: usize| format!("selfsame-{}-{process}", plan.name);
    let open = |process, failure: &Failure| {
        let opened = CommittingProducer::open(config, &id(process), committing, failure);
        opened.map_err(|error| why_closed(&id(process), &error))
    };
    let reader = CommittedTopics::new(&kafka)?;
    let producer = open(durable.process, opening.failure)?;
    let known = TopicProgress::read(&reader, &progress_topic, Isolation::Uncommitted)?;
    let beyond: Vec<usize> = known.by_process.into_keys().collect();
    let beyond: Vec<usize> =
        beyond.into_iter().filter(|process| *process >= durable.processes).collect();
    if durable.process == 0 && committing == Committing::Transactions {
        // Processes that there are no more may have left transactions open, for which readers wait.
        for process in &beyond {
            drop(open(*process, &Failure::default())?);
        }
    }
    let progress = TopicProgress::read(&reader, &progress_topic, Isolation::Committed)?;
    if progress.has_unreadable {
        return Err(format!(
            "topic '{progress_topic}' holds what this version does not understand: it is for the \
             progress of '{}' alone",
            plan.name
        ));
    }
    let all: Vec<&OutputTopic> = topics.iter().map(Arc::as_ref).collect();
    let are_exact = committing == Committing::Transactions;
    let (standing, ends) = standing::found(&progress, &durable, &reader, &all, are_exact)?;
    // Progress of a former definition would be taken for true when that one comes back.
    let is_foreign = |process: &usize| {
        progress.by_process.get(process).is_some_and(|record| !record.is_of(&durable))
    };
    let gone: Vec<usize> = match durable.process {
        0 => beyond.into_iter().filter(is_foreign).collect(),
        _ => Vec::new(),
    };
    // How the keys of each would lie if it were written for the first time.
    let firsts = topics.iter().map(|topic| {
        let partitions = topics::find_leaders(producer.client(), &topic.name)?;
        Ok(KeySpread::first(&kafka, partitions))
    });
    let firsts = firsts.collect::<Result<Vec<_>, String>>()?;
    let told = |topic: &OutputTopic| progress.spreads.get(&topic.name).copied();
    let mut spreads = firsts.clone();

    let router = Router::new(plan, durable.workers as u64);
    let mut before = CommittedShares::default();
    let (mut comparison, mut tick) = (None, Some(0));
    let replayed = match standing {
        TopicsStanding::Fresh { is_empty: true } => Replayed::Sent,
        TopicsStanding::Fresh { is_empty: false } => {
            spreads = lying(topics, &firsts, told);
            Replayed::Sent
        }
        TopicsStanding::Known(shares) => {
            spreads = lying(topics, &firsts, told);
            opening.committed.extend(shares.ticks());
            // Later ticks of some keys may be held, too.
            let least = shares.least();
            topics.iter().for_each(|topic| {
                opening.holds(&plan.outputs[usize::from(topic.output)].name, least)
            });
            before = shares.clone();
            Replayed::Withheld(shares)
        }
        TopicsStanding::Unknown(why) => {
            if !durable.comes_at_once {
                tracing::warn!(
                    "it is not known of which ticks the topics hold records ({why}): they are read back once, \
                     and only what differs is sent"
                );
            }
            let compared = topics.iter().enumerate().map(|(number, topic)| {
                let ahead = opening.ahead.take(usize::from(topic.output));
                let of = (topic.output, topic.name.as_str(), topic.is_log);
                let places = KeyPlaces::new(told(topic), firsts[number]);
                let mut reading = TopicReading::new(of, &opening.names, &router, &durable, places);
                reading.go_on(ahead, &reader.bounds(&topic.name)?);
                Ok((number, reading.read_back(&reader)?))
            });
            let compared = compared.collect::<Result<BTreeMap<_, _>, String>>()?;
            spreads = compared.values().map(|held| held.spread).collect();
            let shared = Arc::new(Mutex::new(Some(TopicComparisons::new(compared))));
            (comparison, tick) = (Some(Arc::clone(&shared)), None);
            durable.difference.is_awaited();
            Replayed::Compared(shared)
        }
    };
    let mut told = progress.spreads;
    for ((topic, spread), first) in topics.iter().zip(&spreads).zip(&firsts) {
        if durable.process == 0 && !durable.comes_at_once {
            tell_spread(&topic.name, *spread, *first);
        }
        told.insert(topic.name.clone(), *spread);
    }
    let (run, before_all) = (random_text()?, before.all().to_vec());
    let progress = first_progress(&durable, run, tick, before_all, ends, told);
    let (known, is_known): (Sender<()>, Receiver<()>) = unbounded();
    let is_known = comparison.is_some().then_some(is_known);
    let (backlog, is_over): (Arc<Backlog>, Arc<AtomicBool>) = Default::default();
    let encoder = TickEncoder {
        examiner: Examiner::new(&opening.names),
        replayed,
        until: durable.replayed,
        settled: durable.settled,
        router,
        backlog: Arc::clone(&backlog),
        is_over: Arc::clone(&is_over),
    };
    let mut committer = TickCommitter {
        kafka,
        config: config.clone(),
        committing,
        id: id(durable.process),
        producer,
        topics: topics.to_vec(),
        spreads,
        progress_topic,
        progress,
        before,
        comparison,
        durable,
        backlog,
        under_way: Arc::clone(&opening.under_way),
        failure: opening.failure.clone(),
        is_over,
        pending: PendingTicks::default(),
        known: Some(known),
    };
    committer.claim(&gone).map_err(|broken| broken.to_string())?;
    let (sender, encoded) = unbounded();
    spawn("encode topics", move || encoder.run(batches, sender))?;
    spawn("commit topics", move || committer.run(&encoded))?;
    Ok(is_known)
}

/// How keys lie where it is told, else as if nothing were there yet.
fn lying(
    topics: &[Arc<OutputTopic>],
    firsts: &[KeySpread],
    told: impl Fn(&OutputTopic) -> Option<KeySpread>,
) -> Vec<KeySpread> {
    let lying = |(topic, first): (&Arc<OutputTopic>, &KeySpread)| {
        KeyPlaces::new(told(topic), *first).spread
    };
    topics.iter().zip(firsts).map(lying).collect()
}

fn why_closed(id: &str, error: &KafkaError) -> String {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::UnsupportedFeature | RDKafkaErrorCode::UnsupportedVersion) => {
            format!(
                "the brokers know no transactions ({error}): write kafka: {{transactions: off}}, then records are \
             sent at least once"
            )
        }
        _ => format!("no transactions under the transactional.id {id}: {error}"),
    }
}

/// A text that no other run has.
fn random_text() -> Result<String, String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| error.to_string())?;
    Ok(const_hex::encode(bytes))
}
