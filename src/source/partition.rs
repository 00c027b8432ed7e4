//! A partition that is read: where it is read next, and what was taken of it since the last chunk.

use std::ops::Range;
use std::sync::Arc;

use rdkafka::message::{BorrowedMessage, Message as _, Timestamp};

use super::outlet::{Outlet, Stopped};
use super::{Chunk, GENERATION, Message, Payload, Reached, Span};
use crate::time::wall_clock;

/// A source that reads a topic.
#[derive(Clone)]
pub(super) struct TopicSource {
    /// Index into `Plan::sources`.
    pub source: u16,
    pub name: Arc<str>,
}

/// What is read of a topic, and for whom.
pub(super) struct ReadTopic<'a> {
    pub name: &'a Arc<str>,
    pub id: Option<Arc<str>>,
    pub generation: u32,
    pub sources: &'a [TopicSource],
}

/// Where a source begins to read a partition.
#[derive(Clone, Copy)]
pub(super) enum FirstOffset {
    Beginning,
    /// What is there is passed over.
    Latest(u64),
    /// Another run has read what comes before.
    Known(u64),
}

impl FirstOffset {
    pub fn offset(self) -> u64 {
        match self {
            FirstOffset::Beginning => 0,
            FirstOffset::Latest(offset) | FirstOffset::Known(offset) => offset,
        }
    }
}

pub(super) struct Partition {
    pub number: i32,
    /// Where each source begins, in the order of the share's.
    pub first: Vec<FirstOffset>,
    /// The offset that is read next, once that is known.
    pub next: Option<u64>,
    /// The one behind what was handed over.
    handed: u64,
    /// Whether it was said where the sources begin.
    begun: bool,
    /// Where it ends for `until_end`, and whether that is reached.
    pub end: Option<u64>,
    pub ended: bool,
    bytes: Vec<u8>,
    messages: Vec<Message>,
}

impl Partition {
    /// `first`: where each source begins. `until`: its first offset and the one behind its last, where
    /// that is the end.
    pub fn new(number: i32, first: Vec<FirstOffset>, until: Option<(i64, i64)>) -> Self {
        let end = until.map(|(_, high)| high.max(0) as u64);
        let least = first.iter().map(|first| first.offset()).min().unwrap_or_default();
        let ended = until.zip(end).is_some_and(|((low, _), end)| {
            // One that ends before what was read of it is another one, which is for the reader to find.
            let is_shorter = first.iter().any(|first| first.offset() > end);
            (end <= low.max(0) as u64 || least >= end) && !is_shorter
        });
        let is_known = first.iter().all(|first| !matches!(first, FirstOffset::Beginning));
        let (bytes, messages) = (Vec::new(), Vec::new());
        let (next, handed) = (is_known.then_some(least), least);
        Partition { number, first, next, handed, begun: false, end, ended, bytes, messages }
    }

    /// Whether another run has read it to its end.
    pub fn was_read(&self) -> bool {
        self.ended && self.first.iter().all(|first| matches!(first, FirstOffset::Known(_)))
    }

    /// Whether something of it is to be handed over.
    pub fn has_more(&self) -> bool {
        let passes_over = |first: &FirstOffset| matches!(first, FirstOffset::Latest(_));
        !self.ended || (!self.begun && self.first.iter().any(passes_over))
    }

    pub fn take(&mut self, message: &BorrowedMessage<'_>) {
        let offset = message.offset() as u64;
        if self.next.is_some_and(|next| offset < next) {
            return;
        }
        if let Some(end) = self.end {
            self.ended |= offset + 1 >= end;
            if offset >= end {
                return;
            }
        }
        self.next = Some(offset + 1);
        let receipt = wall_clock();
        let timestamp = message.timestamp().to_millis().filter(|millis| *millis >= 0);
        let timestamp = timestamp.map(|millis| millis.saturating_mul(1_000));
        let arrived = match message.timestamp() {
            Timestamp::LogAppendTime(_) => timestamp.unwrap_or(receipt),
            _ => receipt,
        };
        let mut lay = |bytes: &[u8]| {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(bytes);
            start..self.bytes.len()
        };
        let key = message.key().map(&mut lay);
        let payload = message.payload().map(&mut lay);
        self.messages.push(Message { offset, timestamp, arrived, key, payload });
    }

    /// Hands over what was taken, and at first where sources begin that pass over what was there: if nothing
    /// comes before the run ends, the next one begins there, too.
    pub fn send(&mut self, topic: &ReadTopic<'_>, outlet: &Outlet) -> Result<(), Stopped> {
        if !std::mem::replace(&mut self.begun, true) {
            for (of, first) in topic.sources.iter().zip(&self.first) {
                if let FirstOffset::Latest(first) = *first {
                    let nothing = self.chunk(topic, of, first..first, Vec::new(), Vec::new());
                    outlet.send(Ok(nothing))?;
                }
            }
        }
        let next = self.next.unwrap_or_default();
        if next <= self.handed {
            return Ok(());
        }
        let from = std::mem::replace(&mut self.handed, next);
        let (mut bytes, mut messages) =
            (std::mem::take(&mut self.bytes), std::mem::take(&mut self.messages));
        let last = topic.sources.len() - 1;
        for (place, (of, first)) in topic.sources.iter().zip(&self.first).enumerate() {
            let first = first.offset();
            if next <= first {
                continue;
            }
            // Nearly always one source alone reads a topic, and it gets the bytes themselves.
            let (bytes, mut messages) = match place == last {
                true => (std::mem::take(&mut bytes), std::mem::take(&mut messages)),
                false => (bytes.clone(), messages.clone()),
            };
            if from < first {
                messages.retain(|message| message.offset >= first);
            }
            let chunk = self.chunk(topic, of, from.max(first)..next, bytes, messages);
            outlet.send(Ok(chunk))?;
        }
        Ok(())
    }

    fn chunk(
        &self,
        topic: &ReadTopic<'_>,
        of: &TopicSource,
        offsets: Range<u64>,
        bytes: Vec<u8>,
        messages: Vec<Message>,
    ) -> Chunk {
        let generation = topic.generation;
        let part = generation * GENERATION + self.number as u32;
        let span = Span::Topic {
            topic: Arc::clone(topic.name),
            id: topic.id.clone(),
            partition: self.number,
            generation,
            from: offsets.start,
            next: offsets.end,
        };
        Chunk {
            source: of.source,
            part,
            origin: Arc::clone(topic.name),
            payload: Payload::Messages { bytes, messages },
            reached: Some(Reached { source: Arc::clone(&of.name), part, span }),
        }
    }
}
