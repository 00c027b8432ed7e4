//! What a topic holds of the keys that are a process's, to be compared with what is to hold.

use std::collections::BTreeMap;

use rdkafka::Message;
use rdkafka::message::BorrowedMessage;

use super::super::ahead::{HeldAhead, ReadAhead};
use super::super::catalog::Catalog;
use super::super::commit::DurableOutputs;
use super::super::compare::Comparison;
use super::super::encoder::MessageEncoder;
use super::super::formats::message_encoder;
use super::super::shares::Distribution;
use super::super::update::Router;
use super::committed::{CommittedTopics, Isolation, TopicBounds};
use super::messages::read_message;
use super::topics;
use crate::console::counted;
use crate::plan::{Plan, Publish};

/// What topics of outputs hold by now, whoever writes them.
pub fn look_ahead(
    plan: &Plan,
    names: &Catalog,
    durable: &DurableOutputs,
) -> Vec<(usize, HeldAhead)> {
    let outputs = topics::outputs(plan);
    if outputs.is_empty() {
        return Vec::new();
    }
    let Ok(reader) = CommittedTopics::new(&plan.kafka) else { return Vec::new() };
    let router = Router::new(plan, durable.workers as u64);
    let look = |(output, name, publish): (u16, &str, Publish)| {
        let topic = (output, name, publish == Publish::Rejects);
        let held = TopicReading::new(topic, names, &router, durable).ahead(&reader);
        let held = held.inspect_err(|why| tracing::debug!("topic '{name}' is read later: {why}"));
        Some((usize::from(output), held.ok()?))
    };
    outputs.into_iter().filter_map(look).collect()
}

/// A topic that is read.
pub struct TopicReading<'a> {
    output: u16,
    name: &'a str,
    /// Whether each record stands.
    is_log: bool,
    router: &'a Router,
    process: usize,
    of: Distribution,
    encoder: Box<dyn MessageEncoder>,
    comparison: Comparison,
    catalog: Catalog,
    /// By partition, the offset of the next message.
    next: BTreeMap<i32, i64>,
}

impl<'a> TopicReading<'a> {
    pub fn new(
        (output, name, is_log): (u16, &'a str, bool),
        names: &Catalog,
        router: &'a Router,
        durable: &DurableOutputs,
    ) -> Self {
        let DurableOutputs { process, processes, workers, .. } = *durable;
        TopicReading {
            output,
            name,
            is_log,
            router,
            process,
            of: Distribution { processes, workers },
            encoder: message_encoder(names),
            comparison: Comparison::new(output, is_log, names),
            catalog: names.clone(),
            next: BTreeMap::new(),
        }
    }

    /// Begins behind what was read before, if the topic goes as far.
    pub fn go_on(&mut self, ahead: Option<HeldAhead>, now: &TopicBounds) {
        let Some(HeldAhead { comparison, catalog, read: ReadAhead::Topic(next) }) = ahead else {
            return;
        };
        let ends = now.ends();
        if next.iter().all(|(partition, next)| ends.get(partition).is_some_and(|end| end >= next)) {
            (self.comparison, self.catalog, self.next) = (comparison, catalog, next);
        }
    }

    /// Reads to the present end.
    fn read(&mut self, reader: &CommittedTopics<'_>) -> Result<TopicBounds, String> {
        let TopicReading { output, name, is_log, router, process, of, .. } = *self;
        let TopicReading { encoder, comparison, catalog, next, .. } = self;
        let (mut foreign, known) = (0, next.clone());
        let take = |message: &BorrowedMessage<'_>| {
            let (partition, offset) = (message.partition(), message.offset());
            next.insert(partition, offset + 1);
            match encoder.decode(output, &read_message(message), catalog) {
                Ok(record) => {
                    let route = router.route(output, &record.key, catalog);
                    if is_log || of.process(route) == process {
                        comparison.hold(record, catalog);
                    }
                }
                Err(why) => {
                    tracing::debug!("{name}[{partition}]@{offset} is no record: {why}");
                    foreign += 1;
                }
            }
            Ok(true)
        };
        let from = |partition: i32| known.get(&partition).copied().unwrap_or(0);
        let read = reader.read(name, Isolation::Committed, from, take);
        let bounds = read.map_err(|why| format!("topic '{name}' can't be read: {why}"))?;
        if foreign > 0 {
            tracing::warn!(
                "topic '{name}' holds {} of its output: they stay",
                counted(foreign, "message that is no record", "messages that are no records")
            );
        }
        Ok(bounds)
    }

    /// What it holds, now that nobody writes it.
    pub fn read_back(mut self, reader: &CommittedTopics<'_>) -> Result<Comparison, String> {
        let bounds = self.read(reader)?;
        let TopicReading { mut comparison, catalog, .. } = self;
        comparison.end(catalog, bounds.0.values().any(|(begin, _)| *begin > 0));
        Ok(comparison)
    }

    /// What it holds by now, while another run writes it.
    pub fn ahead(mut self, reader: &CommittedTopics<'_>) -> Result<HeldAhead, String> {
        self.read(reader)?;
        let TopicReading { comparison, catalog, next, .. } = self;
        Ok(HeldAhead { comparison, catalog, read: ReadAhead::Topic(next) })
    }
}
