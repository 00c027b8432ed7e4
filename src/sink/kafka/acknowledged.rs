//! Topics of a run that nothing outlives: one idempotent producer a process, every record acknowledged by all
//! replicas in sync.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crossbeam_channel::Receiver;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};

use super::super::encoder::EncodedMessage;
use super::super::failure::Failure;
use super::super::receipt::{Acknowledgement, Receipt};
use super::super::record::Record;
use super::batch::TopicBatch;
use super::messages::{Examined, Examiner, produced};
use super::spread::KeySpread;
use super::topics::OutputTopic;
use crate::source::{brokers, client};

/// The client library spins through the last millisecond of a poll: polls are long, and an idle
/// engine uses no processor.
const POLL: Duration = Duration::from_secs(1);

/// Hands over what the brokers say, at once, for as long as there is the producer.
pub fn take_acknowledgements<C: ProducerContext>(producer: &Weak<BaseProducer<C>>) {
    while let Some(producer) = producer.upgrade() {
        producer.poll(POLL);
    }
}

/// What feeds the producer.
pub struct ProducerFeeder {
    pub examiner: Examiner,
    pub failure: Failure,
    pub producer: Arc<BaseProducer<Acknowledging>>,
    /// By topic's number.
    pub spreads: Vec<KeySpread>,
}

impl ProducerFeeder {
    pub fn run(mut self, batches: Receiver<TopicBatch>) {
        // Kept for the room that it has.
        let mut message = EncodedMessage::default();
        for TopicBatch { number, topic, records, receipt, .. } in batches {
            for record in records {
                self.send((&topic, self.spreads[number]), &record, &receipt, &mut message);
            }
        }
        // The workers waited for every receipt before they let go of the senders.
        let _ = self.producer.flush(Duration::from_secs(1));
    }

    /// Hands a record to the producer.
    fn send(
        &mut self,
        (topic, spread): (&OutputTopic, KeySpread),
        record: &Record,
        receipt: &Receipt,
        message: &mut EncodedMessage,
    ) {
        match self.examiner.examine(topic, record, message) {
            Examined::Taken => {}
            Examined::Replaced(refused) => receipt.refuse(refused),
            Examined::Left => return,
        }
        let place = (topic.name.as_str(), spread.partition(&message.key));
        let mut sent = produced(place, message, Box::new(receipt.acknowledgement()));
        loop {
            match self.producer.send(sent) {
                Ok(()) => return,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    sent = back;
                    std::thread::sleep(Duration::from_millis(2));
                }
                Err((error, back)) => {
                    let (topic, key) = (&topic.name, &message.key);
                    self.failure
                        .set(format!("topic '{topic}' takes no record with key '{key}': {error}"));
                    // Never acknowledged: nothing may believe that this tick is complete.
                    std::mem::forget(back);
                    return;
                }
            }
        }
    }
}

/// What is done with acknowledgements.
pub struct Acknowledging {
    pub failure: Failure,
}

impl ClientContext for Acknowledging {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::Fatal) => {
                self.failure.set(format!("the Kafka producer gave up: {reason}"))
            }
            _ => client::error(&error, reason),
        }
    }
}

impl ProducerContext for Acknowledging {
    type DeliveryOpaque = Box<Acknowledgement>;

    fn delivery(&self, result: &DeliveryResult<'_>, receipt: Box<Acknowledgement>) {
        if let Err((error, message)) = result {
            use rdkafka::Message;
            self.failure.set(not_taken(message.topic(), error));
            std::mem::forget(receipt);
        }
    }
}

/// Why a topic took no record, and what may be done about it.
pub fn not_taken(topic: &str, error: &KafkaError) -> String {
    let remedy = match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => {
            "; it takes less than when the run began, or does not say how much \
             (max.message.bytes): start the run again, with a smaller batch.size in \
             kafka.properties if that is not enough"
        }
        Some(code) if brokers::is_gone(code) => return gone(topic),
        _ => "",
    };
    format!("topic '{topic}' took no record: {error}{remedy}")
}

/// What is to be done about a topic that is not there any more.
pub fn gone(topic: &str) -> String {
    format!(
        "topic '{topic}' was deleted while the run wrote to it: start the run again, which makes the topic anew and sends \
         all that it lacks"
    )
}

/// What is told where a later run has the `transactional.id`.
pub fn taken_over(id: &str, process: usize) -> String {
    let name = id.strip_prefix("selfsame-").unwrap_or(id);
    let name = name.strip_suffix(&format!("-{process}")).unwrap_or(name);
    format!(
        "another run of '{name}' has taken the place of this one, process {process}: only one may write into its \
         topics (transactional.id {id}); end one of them for good"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_was_taken_over_is_called_by_its_name() {
        for (id, process, name) in [
            ("selfsame-shop-0", 0, "'shop'"),
            ("selfsame-shop-1-1", 1, "'shop-1'"),
            ("selfsame-selfsame-2-12", 12, "'selfsame-2'"),
        ] {
            let said = taken_over(id, process);
            assert!(said.contains(&format!("another run of {name} has taken")), "{said}");
        }
    }
}
