//! A history as it is told to the engine and to the oracle: ticks, and what arrives with each.
//!
//! It has a text form, so that a failure can be read, and kept as an ordinary test:
//!
//! ```text
//! tick 2025-07-05T00:00:00.000Z
//! web 0:1 {"id":"1","at":"2025-07-04T00:00:00Z","mail":"a@x.org"}
//! + web 0:2 {"id":"2", …}                   + : in one chunk with the row before
//! crm 1:7 @1751673600000000 key=c1 null     partition:offset, broker's time, message key, payload
//! app 0:1 header=id,mail 7,a@x.org          CSV
//! pos 0:1 {"id":"7","mail":null}            Parquet: all columns, in the order of their names, and lists with all members
//! ```

use std::fmt::{Display, Formatter, Result};
use std::sync::Arc;

use selfsame::internals::plan::{Format, Plan};
use selfsame::internals::source::{Chunk, Message, Payload};
use selfsame::internals::time::{Micros, rfc3339};

use super::columnar;

#[derive(Clone, Debug)]
pub struct Script {
    pub ticks: Vec<Tick>,
}

#[derive(Clone, Debug)]
pub struct Tick {
    /// The wall clock's.
    pub reading: Micros,
    pub rows: Vec<Delivery>,
}

/// A raw row, and how it arrives.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Index into `Plan::sources`.
    pub source: usize,
    /// A file's place in the order of names, or a partition.
    pub part: u32,
    /// A line, or an offset.
    pub offset: u64,
    /// What a message has.
    pub timestamp: Option<Micros>,
    /// What a message has.
    pub key: Option<String>,
    /// What a line of CSV has.
    pub header: Option<String>,
    /// `None`: a message without one.
    pub payload: Option<String>,
    /// In one chunk with the row before. Lines follow each other in a chunk, messages may leave
    /// offsets out.
    pub joined: bool,
}

impl Delivery {
    /// What users see of where it came from: the file's path, or the topic.
    pub fn origin(&self, plan: &Plan) -> String {
        let connector = &plan.sources[self.source].connector;
        match connector.topic() {
            Some(topic) => topic.to_owned(),
            None if connector.to_string() == "standard input" => "-".to_owned(),
            None => format!("part-{}.ndjson", self.part),
        }
    }

    /// Whether it is a line of CSV that is no row.
    pub fn is_comment(&self, plan: &Plan) -> bool {
        let comment = plan.sources[self.source].text.marks.comment.map(char::from);
        let payload = self.payload.as_ref().filter(|_| self.header.is_some());
        comment.zip(payload).is_some_and(|(comment, payload)| payload.starts_with(comment))
    }

    /// Whether it can be in one chunk with another that comes before it.
    pub fn can_join(&self, before: &Delivery, plan: &Plan) -> bool {
        let is_topic = plan.sources[self.source].connector.topic().is_some();
        let names = |row: &Delivery| {
            let is_columnar = plan.sources[row.source].format == Format::Parquet;
            let payload = row.payload.as_ref().filter(|_| is_columnar);
            payload.map(|payload| columnar::texts(payload).into_keys().collect::<Vec<_>>())
        };
        (before.source, before.part) == (self.source, self.part)
            && (is_topic || before.offset + 1 == self.offset)
            && names(before) == names(self)
    }
}

impl Tick {
    pub fn chunks(&self, plan: &Plan) -> Vec<Chunk> {
        let mut chunks: Vec<Vec<&Delivery>> = Vec::new();
        for row in &self.rows {
            match chunks.last_mut() {
                Some(chunk) if row.joined => chunk.push(row),
                _ => chunks.push(vec![row]),
            }
        }
        chunks.into_iter().map(|rows| chunk(plan, &rows)).collect()
    }
}

fn chunk(plan: &Plan, rows: &[&Delivery]) -> Chunk {
    let first = rows[0];
    let mut bytes = Vec::new();
    let mut add = |text: &String| {
        let start = bytes.len();
        bytes.extend_from_slice(text.as_bytes());
        start..bytes.len()
    };
    let source = &plan.sources[first.source];
    let payload = match source.connector.topic() {
        None if source.format == Format::Parquet => {
            let payloads = rows.iter().map(|row| row.payload.as_deref());
            let payloads: Option<Vec<&str>> = payloads.collect();
            let batch = columnar::batch(source, &payloads.expect("a row is never null"));
            Payload::Rows { batch, first_row: first.offset, arrived: 0, bytes: 0 }
        }
        None => {
            for row in rows {
                add(row.payload.as_ref().expect("a line is never null"));
                add(&"\n".to_owned());
            }
            let names = |header: &String| header.split(',').map(str::to_owned).collect();
            let header = first.header.as_ref().map(names);
            Payload::Lines { bytes, first_line: first.offset, header, arrived: 0 }
        }
        Some(_) => {
            let messages = rows.iter().map(|row| Message {
                offset: row.offset,
                timestamp: row.timestamp,
                arrived: 0,
                key: row.key.as_ref().map(&mut add),
                payload: row.payload.as_ref().map(&mut add),
            });
            let messages = messages.collect();
            Payload::Messages { bytes, messages }
        }
    };
    Chunk {
        source: first.source as u16,
        part: first.part,
        origin: Arc::from(first.origin(plan)),
        payload,
        reached: None,
    }
}

/// A script in its text form, with the sources' names.
pub struct Told<'a>(pub &'a Script, pub &'a Plan);

impl Display for Told<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Told(script, plan) = self;
        for tick in &script.ticks {
            writeln!(f, "tick {}", rfc3339(tick.reading))?;
            for row in &tick.rows {
                let joined = if row.joined { "+ " } else { "" };
                let source = &plan.sources[row.source].name;
                write!(f, "{joined}{source} {}:{}", row.part, row.offset)?;
                if let Some(timestamp) = row.timestamp {
                    write!(f, " @{timestamp}")?;
                }
                if let Some(key) = &row.key {
                    write!(f, " key={key}")?;
                }
                if let Some(header) = &row.header {
                    write!(f, " header={header}")?;
                }
                writeln!(f, " {}", row.payload.as_deref().unwrap_or("null"))?;
            }
        }
        Ok(())
    }
}

impl Script {
    /// Reads the text form; `None` if it is none.
    pub fn parse(text: &str, plan: &Plan) -> Option<Self> {
        let mut ticks: Vec<Tick> = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(instant) = line.strip_prefix("tick ") {
                let reading = chrono::DateTime::parse_from_rfc3339(instant).ok()?;
                ticks.push(Tick { reading: reading.timestamp_micros(), rows: Vec::new() });
                continue;
            }
            let mut row = delivery(line, plan)?;
            let rows = &mut ticks.last_mut()?.rows;
            row.joined &= rows.last().is_some_and(|last| row.can_join(last, plan));
            rows.push(row);
        }
        Some(Script { ticks })
    }
}

fn delivery(line: &str, plan: &Plan) -> Option<Delivery> {
    let joined = line.starts_with("+ ");
    let (name, rest) = line.strip_prefix("+ ").unwrap_or(line).split_once(' ')?;
    let source = plan.sources.iter().position(|source| source.name == name)?;
    let (place, mut rest) = rest.split_once(' ')?;
    let (part, offset) = place.split_once(':')?;
    let (mut timestamp, mut key, mut header) = (None, None, None);
    if let Some((instant, more)) = rest.strip_prefix('@').and_then(|rest| rest.split_once(' ')) {
        (timestamp, rest) = (Some(instant.parse().ok()?), more);
    }
    if let Some((text, more)) = rest.strip_prefix("key=").and_then(|rest| rest.split_once(' ')) {
        (key, rest) = (Some(text.to_owned()), more);
    }
    if let Some((text, more)) = rest.strip_prefix("header=").and_then(|rest| rest.split_once(' ')) {
        (header, rest) = (Some(text.to_owned()), more);
    }
    let payload = (rest != "null").then(|| rest.to_owned());
    let (part, offset) = (part.parse().ok()?, offset.parse().ok()?);
    Some(Delivery { source, part, offset, timestamp, key, header, payload, joined })
}
