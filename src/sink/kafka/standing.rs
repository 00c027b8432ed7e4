//! What is known of what the topics hold when a run begins.
//!
//! The ordinary case is that the progress says it. Else what the topics hold is compared with what holds, as soon as
//! the rows that are durable have been replayed; where none is durable there is nothing to compare with.

use std::collections::BTreeMap;

use super::super::commit::DurableOutputs;
use super::super::shares::CommittedShares;
use super::committed::{CommittedTopics, Isolation};
use super::progress::{PartitionEnds, TopicProgress};
use super::topics::OutputTopic;

/// What the topics hold.
pub enum TopicsStanding {
    /// Nothing that matters: all is sent.
    Fresh { is_empty: bool },
    /// What these shares say.
    Known(CommittedShares),
    /// It can't be known, for this reason.
    Unknown(String),
}

/// What is known, and where the topics end as far as that goes.
pub fn found(
    progress: &TopicProgress,
    durable: &DurableOutputs,
    reader: &CommittedTopics<'_>,
    topics: &[&OutputTopic],
    are_exact: bool,
) -> Result<(TopicsStanding, BTreeMap<String, PartitionEnds>), String> {
    let mut ends = BTreeMap::new();
    let mut holding = None;
    for topic in topics {
        let bounds = reader.bounds(&topic.name).map_err(|why| of_topic(topic, &why))?;
        if bounds.0.values().any(|(begin, end)| begin < end) {
            holding.get_or_insert(&topic.name);
        }
        ends.insert(topic.name.clone(), bounds.ends());
    }
    let shares = progress.shares(durable);
    let standing = if durable.comes_at_once && durable.replayed > 0 {
        TopicsStanding::Unknown("another run takes over".to_owned())
    } else if shares.cover_all() {
        match topics.iter().find(|topic| is_shorter(&ends[&topic.name], progress, durable, topic)) {
            Some(OutputTopic { name, .. }) => TopicsStanding::Unknown(format!(
                "topic '{name}' holds less than was written to it: it was deleted and made anew"
            )),
            None => match topics.iter().find(|topic| !progress.spreads.contains_key(&topic.name)) {
                Some(OutputTopic { name, .. }) => TopicsStanding::Unknown(format!(
                    "it is not told in which partitions the keys of topic '{name}' lie"
                )),
                None => known(progress, durable, reader, topics, shares, are_exact)?,
            },
        }
    } else {
        match holding {
            None => TopicsStanding::Fresh { is_empty: true },
            Some(topic) if durable.replayed == 0 => {
                tracing::warn!(
                    "topic '{topic}' holds records of which the data folder knows nothing: they stay \
                     until a newer record of their key comes"
                );
                TopicsStanding::Fresh { is_empty: false }
            }
            Some(topic) => TopicsStanding::Unknown(why_unknown(progress, durable, topic)),
        }
    };
    Ok((standing, ends))
}

/// Whether a topic ends before what our progress tells of.
fn is_shorter(
    ends: &PartitionEnds,
    progress: &TopicProgress,
    durable: &DurableOutputs,
    topic: &OutputTopic,
) -> bool {
    let told = progress.ends(durable, &topic.name);
    told.iter().any(|(partition, end)| ends.get(partition).is_none_or(|found| found < end))
}

/// Whether the topics are as our progress says.
fn known(
    progress: &TopicProgress,
    durable: &DurableOutputs,
    reader: &CommittedTopics<'_>,
    topics: &[&OutputTopic],
    shares: CommittedShares,
    are_exact: bool,
) -> Result<TopicsStanding, String> {
    if shares.greatest() > durable.replayed {
        return Ok(TopicsStanding::Unknown(format!(
            "they hold tick {}, of which the data folder knows nothing: its last one is {}",
            shares.greatest(),
            durable.replayed
        )));
    }
    if !durable.can_compute(shares.least()) {
        return Ok(TopicsStanding::Unknown(
            "since then older versions of records have left the data folder, with another definition".to_owned(),
        ));
    }
    // At least once, records may stand there of which no progress tells.
    for topic in topics.iter().filter(|_| are_exact) {
        let ends = progress.ends(durable, &topic.name);
        let mut is_foreign = false;
        let from = |partition: i32| ends.get(&partition).copied().unwrap_or(0);
        let read = reader.read(&topic.name, Isolation::Committed, from, |_| {
            is_foreign = true;
            Ok(false)
        });
        read.map_err(|why| of_topic(topic, &why))?;
        if is_foreign && durable.replayed > 0 {
            let name = &topic.name;
            return Ok(TopicsStanding::Unknown(format!("somebody else wrote into topic '{name}'")));
        }
    }
    Ok(TopicsStanding::Known(shares))
}

fn why_unknown(progress: &TopicProgress, durable: &DurableOutputs, topic: &str) -> String {
    let is_of = |matches: &dyn Fn(&super::progress::ProgressRecord) -> bool| {
        progress.by_process.values().any(matches)
    };
    if is_of(&|record| record.is_of(durable)) {
        "an earlier run had not yet found out what they hold".to_owned()
    } else if is_of(&|record| record.store == durable.store) {
        "they were written with another definition, or another clock".to_owned()
    } else if !progress.by_process.is_empty() {
        "they were written from another data folder, or before somebody was forgotten".to_owned()
    } else {
        format!("topic '{topic}' holds records, and no progress tells of which ticks")
    }
}

fn of_topic(topic: &OutputTopic, why: &str) -> String {
    format!("topic '{}' can't be read: {why}", topic.name)
}
