//! Records of ticks, looked at as they come: those that an earlier run has committed are passed over, those that are to
//! be compared are kept for that, and the others are encoded, for who commits them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crossbeam_channel::{Receiver, Sender};

use super::super::backlog::Backlog;
use super::super::encoder::EncodedMessage;
use super::super::receipt::Acknowledgement;
use super::super::record::RecordBody;
use super::super::shares::CommittedShares;
use super::super::update::Router;
use super::batch::TopicBatch;
use super::held_topic::HeldTopic;
use super::messages::{Examined, Examiner};
use crate::time::Tick;

/// What is done with records of ticks that are replayed.
pub enum Replayed {
    /// They are sent.
    Sent,
    /// Those that were committed are not.
    Withheld(CommittedShares),
    /// They are compared with what the topics hold.
    Compared(SharedComparison),
}

/// By topic's number, and what is acknowledged when the difference is committed. Taken when it is.
pub type SharedComparison = Arc<Mutex<Option<TopicComparisons>>>;

pub struct TopicComparisons {
    pub by_topic: BTreeMap<usize, HeldTopic>,
    pub acknowledgements: Vec<Acknowledgement>,
}

impl TopicComparisons {
    pub fn new(by_topic: BTreeMap<usize, HeldTopic>) -> Self {
        TopicComparisons { by_topic, acknowledgements: Vec::new() }
    }
}

/// Encoded records of a tick.
pub struct EncodedBatch {
    pub tick: Tick,
    pub topic: usize,
    pub messages: Vec<EncodedMessage>,
    pub acknowledgement: Acknowledgement,
}

/// What looks at records, on a thread of its own.
pub struct TickEncoder {
    pub examiner: Examiner,
    pub replayed: Replayed,
    /// The last tick that is replayed.
    pub until: Tick,
    /// Up to this one all was committed.
    pub settled: Tick,
    pub router: Router,
    pub backlog: Arc<Backlog>,
    /// Set when nobody waits for anything any more.
    pub is_over: Arc<AtomicBool>,
}

impl TickEncoder {
    pub fn run(mut self, batches: Receiver<TopicBatch>, encoded: Sender<EncodedBatch>) {
        for batch in batches {
            match &self.replayed {
                Replayed::Compared(comparison) if batch.tick <= self.until => {
                    let comparison = Arc::clone(comparison);
                    self.compare(batch, &comparison);
                }
                _ => self.encode(batch, &encoded),
            }
        }
        self.is_over.store(true, Ordering::Release);
    }

    fn encode(&mut self, batch: TopicBatch, encoded: &Sender<EncodedBatch>) {
        let TopicBatch { tick, number, topic, records, receipt } = batch;
        let shares = match &self.replayed {
            Replayed::Withheld(shares) if tick <= shares.least().max(self.settled) => return,
            Replayed::Withheld(shares) if tick <= shares.greatest() => Some(shares),
            _ => None,
        };
        let (mut messages, mut bytes) = (Vec::with_capacity(records.len()), 0);
        for record in &records {
            let is_withheld = shares.is_some_and(|shares| {
                let route = self.router.route(record.output, &record.key, &self.examiner.names);
                tick <= shares.tick(route)
            });
            let mut message = EncodedMessage::default();
            // What is told of a refusal may not be committed, though what was refused is.
            match self.examiner.examine(&topic, record, &mut message) {
                Examined::Taken => {}
                Examined::Replaced(refused) => receipt.refuse(refused),
                Examined::Left => continue,
            }
            if !is_withheld {
                bytes += held(&message);
                messages.push(message);
            }
        }
        let (taking, acknowledgement) = receipt.taken();
        if messages.is_empty() {
            return;
        }
        let batch = EncodedBatch { tick, topic: number, messages, acknowledgement };
        self.backlog.add(tick, bytes);
        // Before it is taken: when a tick may be committed, all of it is there.
        if encoded.send(batch).is_ok() {
            self.backlog.take(tick, taking);
        }
    }

    fn compare(&mut self, batch: TopicBatch, comparison: &SharedComparison) {
        let TopicBatch { number, topic, records, receipt, .. } = batch;
        let mut comparison = comparison.lock().expect("no one panics with it");
        // It is taken when its ticks can be committed: then no more of them comes.
        let Some(comparison) = comparison.as_mut() else { return };
        let of_topic = comparison.by_topic.get_mut(&number).expect("every topic is compared");
        let mut message = EncodedMessage::default();
        for mut record in records {
            match self.examiner.examine(&topic, &record, &mut message) {
                Examined::Taken => {}
                Examined::Replaced(refused) => {
                    receipt.refuse(refused);
                    record.body = RecordBody::Gone { merged_into: None };
                }
                Examined::Left => continue,
            }
            of_topic.comparison.replay(record);
        }
        comparison.acknowledgements.push(receipt.acknowledgement());
    }
}

/// What a message takes in memory, nearly.
fn held(message: &EncodedMessage) -> usize {
    size_of::<EncodedMessage>() + message.key.len() + message.value.as_ref().map_or(0, Vec::len)
}
