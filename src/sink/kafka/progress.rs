//! The progress of a definition's topics: what each process has committed, told in a topic of its own, in the same
//! transactions.
//!
//! The topic has one partition, so that its records have one order, and is compacted by process: the newest record of
//! a process is never deleted, however long nothing is sent, and a start reads little. (Retention would
//! delete the newest record of a definition that pauses.) A record tells what its process committed, what was known
//! of earlier runs that says more, where the topics ended (what lies behind that, somebody else wrote), and how their keys
//! lie in partitions, which stays as it is whoever writes them.

use std::collections::BTreeMap;

use rdkafka::Message;
use serde::{Deserialize, Serialize};

use super::super::commit::DurableOutputs;
use super::super::shares::{CommittedShare, CommittedShares, Distribution};
use super::committed::{CommittedTopics, Isolation};
use super::spread::KeySpread;
use super::topics::WantedTopic;
use crate::time::Tick;

/// By partition, the offset behind the last message that is accounted for.
pub type PartitionEnds = BTreeMap<i32, i64>;

/// What a process says of what it has committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressRecord {
    pub store: String,
    pub definition: String,
    /// The run of the process that says it, by a random text: whoever finds another one has been replaced.
    pub run: String,
    pub process: usize,
    pub processes: usize,
    /// How many workers each process has.
    pub workers: usize,
    /// All of ticks up to this one is committed, and of no later one; null while it is not known what the topics
    /// hold.
    pub tick: Option<Tick>,
    /// What earlier runs committed, where that is more.
    pub before: Vec<CommittedShare>,
    /// By topic.
    pub ends: BTreeMap<String, PartitionEnds>,
    /// By topic; earlier versions did not tell it.
    #[serde(default)]
    pub spreads: BTreeMap<String, KeySpread>,
}

impl ProgressRecord {
    /// Whether it is of this store, and of the definition as it is now.
    pub fn is_of(&self, durable: &DurableOutputs) -> bool {
        self.store == durable.store && self.definition == durable.definition
    }

    fn shares(&self) -> impl Iterator<Item = CommittedShare> {
        let of = Distribution { processes: self.processes, workers: self.workers };
        let own = self.tick.map(|tick| CommittedShare { process: self.process, of, tick });
        own.into_iter().chain(self.before.iter().copied())
    }
}

/// The name of a definition's topic.
pub fn topic_of(definition: &str) -> String {
    format!("selfsame-{definition}-progress")
}

/// The topic, as it is made.
pub fn wanted(topic: &str) -> WantedTopic<'_> {
    let settings = vec![
        ("cleanup.policy", "compact"),
        // Small segments are soon closed, and only closed ones are compacted.
        ("segment.bytes", "1048576"),
        ("min.cleanable.dirty.ratio", "0.01"),
    ];
    WantedTopic { name: topic, partitions: 1, settings }
}

/// The newest record of each process.
#[derive(Default)]
pub struct TopicProgress {
    pub by_process: BTreeMap<usize, ProgressRecord>,
    /// By topic, how its keys lie, as was told last, by any definition and of any data folder.
    pub spreads: BTreeMap<String, KeySpread>,
    /// Whether some record is none of ours, or of a later version.
    pub has_unreadable: bool,
}

impl TopicProgress {
    pub fn read(
        topics: &CommittedTopics<'_>,
        topic: &str,
        isolation: Isolation,
    ) -> Result<Self, String> {
        let mut progress = TopicProgress::default();
        let read = topics.read(
            topic,
            isolation,
            |_| 0,
            |message| {
                let key = message.key().and_then(|key| std::str::from_utf8(key).ok()?.parse().ok());
                let record = message.payload().map(serde_json::from_slice::<ProgressRecord>);
                match (key, record) {
                    (Some(process), Some(Ok(record))) => {
                        progress.spreads.extend(record.spreads.clone());
                        progress.by_process.insert(process, record);
                    }
                    (Some(process), None) => {
                        progress.by_process.remove(&process);
                    }
                    _ => progress.has_unreadable = true,
                }
                Ok(true)
            },
        );
        read.map_err(|why| format!("topic '{topic}' can't be read: {why}"))?;
        Ok(progress)
    }

    /// What is known to be committed.
    pub fn shares(&self, durable: &DurableOutputs) -> CommittedShares {
        let mut shares = CommittedShares::default();
        let ours = self.by_process.values().filter(|record| record.is_of(durable));
        ours.flat_map(ProgressRecord::shares).for_each(|share| shares.add(share));
        shares
    }

    /// Where a topic's partitions ended, as far as our runs know.
    pub fn ends(&self, durable: &DurableOutputs, topic: &str) -> PartitionEnds {
        let mut ends = PartitionEnds::new();
        let ours = self.by_process.values().filter(|record| record.is_of(durable));
        for (partition, end) in ours.filter_map(|record| record.ends.get(topic)).flatten() {
            let known = ends.entry(*partition).or_default();
            *known = (*known).max(*end);
        }
        ends
    }
}
