//! A producer that commits: whole transactions, or, without them, what was acknowledged.
//!
//! What fails leaves it as it is: librdkafka can't leave every state, and of a commit that timed out nobody knows
//! what became of it. So one that has failed is always replaced by another of the same `transactional.id`, which ends
//! what the first one began, and the progress topic tells what was committed.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};
use rdkafka::util::Timeout;
use rdkafka::{ClientConfig, ClientContext, Message};

use super::super::encoder::EncodedMessage;
use super::super::failure::Failure;
use super::acknowledged::{not_taken, take_acknowledgements};
use super::messages::produced;
use super::progress::PartitionEnds;
use crate::source::client;

/// How long a coordinator may take to hand out an id: while it waits for a transaction to end, it says so again and
/// again.
const INITIALISING: Duration = Duration::from_secs(60);

/// How often somebody who waits for acknowledgements looks whether they are still wanted.
const LOOK: Duration = Duration::from_millis(200);

/// How messages are committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committing {
    Transactions,
    /// Messages first, then the progress: what was sent but not told of is sent again.
    AtLeastOnce,
}

/// Why a producer is no good any more.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Broken(pub String);

/// A producer and what is under way.
pub struct CommittingProducer {
    producer: Arc<BaseProducer<Deliveries>>,
    deliveries: Arc<DeliveryState>,
    committing: Committing,
    is_in_transaction: bool,
}

/// What became of messages.
#[derive(Default)]
pub struct DeliveryState {
    state: Mutex<Delivered>,
    changed: Condvar,
}

#[derive(Default)]
struct Delivered {
    under_way: usize,
    /// By topic, as the producer's user numbers them.
    ends: BTreeMap<usize, PartitionEnds>,
    failed: Option<String>,
}

impl CommittingProducer {
    /// Connects, and takes the id from whoever had it: their transaction ends with this.
    pub fn open(
        config: &ClientConfig,
        id: &str,
        committing: Committing,
        failure: &Failure,
    ) -> Result<Self, KafkaError> {
        let mut config = config.clone();
        match committing {
            Committing::Transactions => config.set("transactional.id", id),
            // No limit: a broker that is away holds the inflow back.
            Committing::AtLeastOnce => config.set("message.timeout.ms", "0"),
        };
        let deliveries: Arc<DeliveryState> = Arc::default();
        let context = Deliveries { failure: failure.clone(), state: Arc::clone(&deliveries) };
        let producer: BaseProducer<Deliveries> = config.create_with_context(context)?;
        let producer = Arc::new(producer);
        let polled = Arc::downgrade(&producer);
        let thread = std::thread::Builder::new().name("acknowledgements".to_owned());
        let started = thread.spawn(move || take_acknowledgements(&polled));
        started.map_err(|error| KafkaError::ClientCreation(error.to_string()))?;
        if committing == Committing::Transactions {
            until_done(|| producer.init_transactions(INITIALISING), 5)?;
        }
        Ok(CommittingProducer { producer, deliveries, committing, is_in_transaction: false })
    }

    pub fn client(&self) -> &rdkafka::client::Client<impl ClientContext> {
        self.producer.client()
    }

    /// Sends a message to a partition of the topic with this number.
    pub fn send(
        &mut self,
        number: usize,
        place: (&str, i32),
        message: &EncodedMessage,
    ) -> Result<(), Broken> {
        if self.committing == Committing::Transactions && !self.is_in_transaction {
            self.producer.begin_transaction().map_err(broken)?;
            self.is_in_transaction = true;
        }
        self.deliveries.state.lock().expect("no one panics with it").under_way += 1;
        let mut sent = produced(place, message, number);
        loop {
            match self.producer.send(sent) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    sent = back;
                    std::thread::sleep(Duration::from_millis(2));
                }
                Err((error, _)) => return Err(broken(error)),
            }
        }
    }

    /// Waits until all that was sent is acknowledged, or until nobody wants it any more.
    pub fn wait_for_deliveries(&self, is_wanted: impl Fn() -> bool) -> Result<(), Broken> {
        let mut state = self.deliveries.state.lock().expect("no one panics with it");
        while state.under_way > 0 && state.failed.is_none() {
            if !is_wanted() {
                return Err(Broken("it is not wanted any more".to_owned()));
            }
            let waited = self.deliveries.changed.wait_timeout(state, LOOK);
            (state, _) = waited.expect("no one panics with it");
        }
        state.failed.clone().map_or(Ok(()), |why| Err(Broken(why)))
    }

    /// Where topics end, as far as messages of this producer are acknowledged.
    pub fn ends(&self) -> BTreeMap<usize, PartitionEnds> {
        self.deliveries.state.lock().expect("no one panics with it").ends.clone()
    }

    /// Commits what was sent and settled.
    pub fn commit(&mut self) -> Result<(), Broken> {
        if !std::mem::take(&mut self.is_in_transaction) {
            return Ok(());
        }
        // Else the library would poll, for long, for what has been taken already.
        while self.producer.in_flight_count() > 0 {
            std::thread::yield_now();
        }
        // With another timeout than the transaction's own, the library may lose track of it.
        until_done(|| self.producer.commit_transaction(Timeout::Never), usize::MAX).map_err(broken)
    }

    /// Ends a transaction that is to come to nothing, so that readers do not wait for it.
    pub fn abort(&mut self) {
        if std::mem::take(&mut self.is_in_transaction) {
            let _ = self.producer.abort_transaction(Duration::from_secs(2));
        }
    }
}

/// Does what may be tried again, at most so often.
fn until_done(
    mut work: impl FnMut() -> Result<(), KafkaError>,
    most: usize,
) -> Result<(), KafkaError> {
    let mut times = 1;
    loop {
        match work() {
            Err(KafkaError::Transaction(error)) if error.is_retriable() && times < most => {
                tracing::debug!("a transaction is tried again: {error}");
                std::thread::sleep(Duration::from_millis(20));
                times += 1;
            }
            done => return done,
        }
    }
}

fn broken(error: KafkaError) -> Broken {
    Broken(error.to_string())
}

/// What is done with what becomes of messages.
struct Deliveries {
    failure: Failure,
    state: Arc<DeliveryState>,
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::Fatal) => {
                // It is replaced, or the run ends, which is told then.
                tracing::debug!(target: "librdkafka", "the producer gave up: {reason}");
                let mut state = self.state.state.lock().expect("no one panics with it");
                state.failed.get_or_insert_with(|| reason.to_owned());
                self.state.changed.notify_all();
            }
            // Whoever sends or commits next is told, and tells it.
            Some(RDKafkaErrorCode::InvalidTransactionalState) => {
                tracing::debug!(target: "librdkafka", "{error}: {reason}");
            }
            _ => client::error(&error, reason),
        }
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, topic: usize) {
        let mut state = self.state.state.lock().expect("no one panics with it");
        state.under_way -= 1;
        match result {
            Ok(message) => {
                let ends = state.ends.entry(topic).or_default();
                let end = ends.entry(message.partition()).or_default();
                *end = (*end).max(message.offset() + 1);
            }
            Err((error, message)) => {
                let why = not_taken(message.topic(), error);
                if is_refusal(error) {
                    self.failure.set(why.clone());
                }
                state.failed.get_or_insert(why);
            }
        }
        if state.under_way == 0 || state.failed.is_some() {
            self.state.changed.notify_all();
        }
    }
}

/// Whether a message would be refused again and again.
fn is_refusal(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    let code = error.rdkafka_error_code();
    code.is_some_and(|code| {
        matches!(
            code,
            Code::MessageSizeTooLarge
                | Code::InvalidMessageSize
                | Code::InvalidRecord
                | Code::InvalidTopic
                | Code::UnknownTopic
                | Code::UnknownPartition
                | Code::TopicAuthorizationFailed
                | Code::ClusterAuthorizationFailed
                | Code::PolicyViolation
        )
    })
}
