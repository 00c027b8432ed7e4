//! A partition that is read: where it is read next, and what was taken of it since the last chunk.

use std::sync::Arc;

use rdkafka::message::{BorrowedMessage, Message as _, Timestamp};

use super::outlet::{Outlet, Stopped};
use super::{Chunk, GENERATION, Message, Payload};
use crate::time::wall_clock;

pub(super) struct Partition {
    pub number: i32,
    /// Where each source begins, in the order of the share's.
    pub first: Vec<u64>,
    /// The offset that is read next, once that is known.
    pub next: Option<u64>,
    /// Where it ends for `until_end`, and whether that is reached.
    pub end: Option<u64>,
    pub ended: bool,
    bytes: Vec<u8>,
    messages: Vec<Message>,
}

impl Partition {
    /// `first`: where each source begins. `until`: its first offset and the one behind its last, where
    /// that is the end.
    pub fn new(number: i32, first: Vec<u64>, until: Option<(i64, i64)>) -> Self {
        let end = until.map(|(_, high)| high.max(0) as u64);
        let ended = until.zip(end).is_some_and(|((low, _), end)| {
            end <= low.max(0) as u64 || first.iter().all(|first| *first >= end)
        });
        let (bytes, messages) = (Vec::new(), Vec::new());
        Partition { number, first, next: None, end, ended, bytes, messages }
    }

    pub fn take(&mut self, message: &BorrowedMessage<'_>) {
        let offset = message.offset() as u64;
        if self.next.is_some_and(|next| offset < next) {
            return;
        }
        self.next = Some(offset + 1);
        if let Some(end) = self.end {
            self.ended |= offset + 1 >= end;
            if offset >= end {
                return;
            }
        }
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

    pub fn send(
        &mut self,
        topic: &Arc<str>,
        sources: &[u16],
        generation: u32,
        outlet: &Outlet,
    ) -> Result<(), Stopped> {
        if self.messages.is_empty() {
            return Ok(());
        }
        let (bytes, messages) =
            (std::mem::take(&mut self.bytes), std::mem::take(&mut self.messages));
        let part = generation * GENERATION + self.number as u32;
        let chunk = |source: u16, bytes: Vec<u8>, messages: Vec<Message>| Chunk {
            source,
            part,
            origin: Arc::clone(topic),
            payload: Payload::Messages { bytes, messages },
        };
        // Nearly always one source alone reads a topic, and it gets the bytes themselves.
        let sources = sources.iter().copied().zip(self.first.iter().copied());
        let mut sources: Vec<(u16, u64)> = sources.collect();
        let (source, first) = sources.pop().expect("a partition is read for a source");
        for (source, first) in sources {
            let messages: Vec<_> = since(&messages, first).cloned().collect();
            if !messages.is_empty() {
                outlet.send(Ok(chunk(source, bytes.clone(), messages)))?;
            }
        }
        let messages = if first <= messages[0].offset {
            messages
        } else {
            since(&messages, first).cloned().collect()
        };
        if messages.is_empty() { Ok(()) } else { outlet.send(Ok(chunk(source, bytes, messages))) }
    }
}

fn since(messages: &[Message], first: u64) -> impl Iterator<Item = &Message> {
    messages.iter().filter(move |message| message.offset >= first)
}
