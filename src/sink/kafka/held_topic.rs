//! What a topic holds of the keys that are a process's, to be compared with what is to hold.

use std::collections::BTreeMap;

use rdkafka::Message;
use rdkafka::message::BorrowedMessage;

use super::super::ahead::{HeldAhead, ReadAhead};
use super::super::catalog::Catalog;
use super::super::commit::DurableOutputs;
use super::super::compare::Comparison;
use super::super::encoder::{EncodedMessage, MessageEncoder};
use super::super::formats::message_encoder;
use super::super::record::{Record, RecordKey};
use super::super::shares::Distribution;
use super::super::update::Router;
use super::committed::{CommittedTopics, Isolation, TopicBounds};
use super::messages::read_message;
use super::progress::{TopicProgress, topic_of};
use super::spread::{KeyPlaces, KeySpread};
use super::topics;
use crate::console::counted;
use crate::plan::{Plan, Publish};

/// What topics of outputs hold by now, whoever writes them.
pub fn read_topics_ahead(
    plan: &Plan,
    names: &Catalog,
    durable: &DurableOutputs,
) -> Vec<(usize, HeldAhead)> {
    let outputs = topics::outputs(plan);
    if outputs.is_empty() {
        return Vec::new();
    }
    let Ok(reader) = CommittedTopics::new(&plan.kafka) else { return Vec::new() };
    let progress = TopicProgress::read(&reader, &topic_of(&plan.name), Isolation::Committed);
    let told = progress.map(|progress| progress.spreads).unwrap_or_default();
    let router = Router::new(plan, durable.workers as u64);
    let look = |(output, name, publish): (u16, &str, Publish)| {
        let topic = (output, name, publish == Publish::Rejects);
        let bounds = reader.bounds(name);
        let held = bounds.and_then(|bounds| {
            let first = KeySpread::first(&plan.kafka, bounds.partitions());
            let places = KeyPlaces::new(told.get(name).copied(), first);
            TopicReading::new(topic, names, &router, durable, places).ahead(&reader)
        });
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
    places: KeyPlaces,
    names: &'a Catalog,
}

/// What a message of a topic says.
enum HeldMessage {
    Record(Record),
    /// Something else of a key of the output, which somebody else has written.
    Another(RecordKey),
}

impl HeldMessage {
    fn key(&self) -> &RecordKey {
        match self {
            HeldMessage::Record(record) => &record.key,
            HeldMessage::Another(key) => key,
        }
    }
}

/// What a topic holds.
pub struct HeldTopic {
    pub comparison: Comparison,
    /// How its keys lie.
    pub spread: KeySpread,
    /// Partitions with keys that do not belong there.
    pub strays: Vec<(i32, String)>,
}

impl<'a> TopicReading<'a> {
    pub fn new(
        (output, name, is_log): (u16, &'a str, bool),
        names: &'a Catalog,
        router: &'a Router,
        durable: &DurableOutputs,
        places: KeyPlaces,
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
            places,
            names,
        }
    }

    /// Begins behind what was read before, if the topic goes as far.
    pub fn go_on(&mut self, ahead: Option<HeldAhead>, now: &TopicBounds) {
        let Some(HeldAhead { comparison, catalog, read: ReadAhead::Topic(next, places) }) = ahead
        else {
            return;
        };
        let ends = now.ends();
        let is_alike = places.spread == self.places.spread;
        if is_alike
            && next
                .iter()
                .all(|(partition, next)| ends.get(partition).is_some_and(|end| end >= next))
        {
            (self.comparison, self.catalog) = (comparison, catalog);
            (self.next, self.places) = (next, places);
        }
    }

    /// Reads to the present end.
    fn read(&mut self, reader: &CommittedTopics<'_>) -> Result<TopicBounds, String> {
        let TopicReading { output, name, is_log, router, process, of, .. } = *self;
        let TopicReading { encoder, comparison, catalog, next, places, .. } = self;
        let (mut foreign, mut replaced, known) = (0, 0, next.clone());
        let take = |message: &BorrowedMessage<'_>| {
            let (partition, offset) = (message.partition(), message.offset());
            next.insert(partition, offset + 1);
            let sent = read_message(message);
            let held = encoder.decode(output, &sent, catalog).map(HeldMessage::Record);
            let held = held.or_else(|why| {
                tracing::debug!("{name}[{partition}]@{offset} is no record: {why}");
                let of_key = EncodedMessage { key: sent.key.clone(), ..EncodedMessage::default() };
                let key = encoder.decode(output, &of_key, catalog).map(|record| record.key);
                key.map(HeldMessage::Another)
            });
            let Ok(held) = held.map_err(|_| foreign += 1) else { return Ok(true) };
            let key = held.key();
            let (route, is_another) =
                (router.route(output, key, catalog), matches!(held, HeldMessage::Another(_)));
            let is_elsewhere = !is_log && !places.see(partition, &sent.key);
            if is_log && is_another {
                foreign += 1;
            } else if !is_log && of.process(route) != process {
                // It is somebody else's.
            } else if is_elsewhere && sent.value.is_some() {
                places.add_stray(partition, sent.key, key.clone());
            } else if is_elsewhere {
                places.is_taken_back(partition, sent.key);
            } else {
                replaced += usize::from(is_another);
                match held {
                    HeldMessage::Record(record) => comparison.hold(record, catalog),
                    HeldMessage::Another(key) => comparison.hold_another(key),
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
        if replaced > 0 {
            tracing::warn!(
                "topic '{name}' holds {} under keys of its output: what holds of these keys is sent again",
                counted(replaced, "message that is no record", "messages that are no records")
            );
        }
        Ok(bounds)
    }

    /// What it holds, now that nobody writes it. It is read once more if its keys are found to lie otherwise than was
    /// told, or was to be supposed.
    pub fn read_back(mut self, reader: &CommittedTopics<'_>) -> Result<HeldTopic, String> {
        loop {
            let bounds = self.read(reader)?;
            let spread = self.places.found();
            if spread != self.places.spread && !self.is_log {
                self.begin_anew(spread);
                continue;
            }
            let TopicReading { name, mut comparison, catalog, places, .. } = self;
            comparison.end(catalog, bounds.0.values().any(|(begin, _)| *begin > 0));
            let mut strays = Vec::new();
            for (place, key) in places.elsewhere() {
                comparison.distrust(&key);
                strays.push(place);
            }
            if !strays.is_empty() {
                let keys = counted(strays.len(), "key", "keys");
                tracing::warn!(
                    "topic '{name}' holds {keys} in other partitions than where keys belong: what lies there is taken back, \
                     and what holds of them is told again"
                );
            }
            return Ok(HeldTopic { comparison, spread, strays });
        }
    }

    fn begin_anew(&mut self, spread: KeySpread) {
        self.places = self.places.anew(spread);
        self.comparison = Comparison::new(self.output, self.is_log, self.names);
        self.catalog = self.names.clone();
        self.next = BTreeMap::new();
    }

    /// What it holds by now, while another run writes it.
    pub fn ahead(mut self, reader: &CommittedTopics<'_>) -> Result<HeldAhead, String> {
        self.read(reader)?;
        let TopicReading { comparison, catalog, next, places, .. } = self;
        Ok(HeldAhead { comparison, catalog, read: ReadAhead::Topic(next, places) })
    }
}
