//! Records as JSON: `{"output","key","value","merged_into"?}`, one a line; as messages the value alone.

mod read;
mod text;
mod values;
mod write;

use std::fmt::Write;

use memchr::memchr;

use super::catalog::Catalog;
use super::encoder::{EncodedMessage, Encoder, MessageEncoder, ReadBack, Unreadable};
use super::record::{Record, RecordBody};
use read::JsonLine;
pub use read::{instant, person, read_position, read_reasons};
pub use text::{value_of_column, write_text, write_texts, write_value};
pub use values::pack_json;
pub use write::{write_position, write_reasons};

pub struct Json {
    writer: write::Writer,
    text: String,
}

/// A record as text, as whoever embeds the engine or tests it likes to have it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TextRecord {
    /// Index into `Plan::outputs`.
    pub output: u16,
    pub key: String,
    /// JSON; `None` is a tombstone.
    pub value: Option<String>,
    /// In a tombstone, the person who has become of this one.
    pub merged_into: Option<String>,
}

impl Json {
    pub fn new(names: &Catalog) -> Self {
        Json { writer: write::Writer::new(names), text: String::new() }
    }

    /// A record's value; `None` of a tombstone.
    pub fn value(&mut self, record: &Record, names: &Catalog) -> Option<&str> {
        self.text.clear();
        let RecordBody::Is { value, at } = &record.body else { return None };
        self.writer.write(&record.key, value, *at, names, &mut self.text);
        Some(&self.text)
    }

    /// A record as a line, without its end.
    pub fn line(&mut self, record: &Record, names: &Catalog) -> &str {
        let line = &mut self.text;
        line.clear();
        line.push_str("{\"output\":");
        write_text(names.outputs.name(record.output), line);
        line.push_str(",\"key\":");
        // The key of everyone's profile has nothing in it that would have to be escaped.
        match record.key.person() {
            Some(_) if matches!(record.key, super::RecordKey::Person(_)) => {
                line.push('"');
                names.write_key(&record.key, line);
                line.push('"');
            }
            _ => write_text(&names.key(&record.key), line),
        }
        line.push_str(",\"value\":");
        match &record.body {
            RecordBody::Is { value, at } => self.writer.write(&record.key, value, *at, names, line),
            RecordBody::Gone { merged_into: None } => line.push_str("null"),
            RecordBody::Gone { merged_into: Some(into) } => {
                let into = into.person_id();
                write!(line, "null,\"merged_into\":\"{into}\"").expect("to a string");
            }
        }
        line.push('}');
        line
    }

    pub fn text_record(&mut self, record: &Record, names: &Catalog) -> TextRecord {
        let merged_into = match record.body {
            RecordBody::Gone { merged_into } => merged_into.map(|into| into.person_id()),
            RecordBody::Is { .. } => None,
        };
        let (output, key) = (record.output, names.key(&record.key));
        let value = self.value(record, names).map(str::to_owned);
        TextRecord { output, key, value, merged_into }
    }
}

impl Encoder for Json {
    fn encode(&mut self, record: &Record, names: &Catalog, into: &mut Vec<u8>) {
        into.extend_from_slice(self.line(record, names).as_bytes());
        into.push(b'\n');
    }

    fn decode(&mut self, bytes: &[u8], names: &mut Catalog) -> Result<ReadBack, Unreadable> {
        let Some(end) = memchr(b'\n', bytes) else { return Ok(ReadBack::Unfinished) };
        let line = str::from_utf8(&bytes[..end]).map_err(|error| Unreadable(error.to_string()))?;
        Ok(ReadBack::Record(JsonLine::parse(line)?.record(names)?, end + 1))
    }
}

impl MessageEncoder for Json {
    fn encode(&mut self, record: &Record, names: &Catalog, into: &mut EncodedMessage) {
        into.key.clear();
        names.write_key(&record.key, &mut into.key);
        let mut room = into.value.take().unwrap_or_default();
        into.merged_into = match record.body {
            RecordBody::Gone { merged_into } => merged_into.map(|of| of.person_id()),
            RecordBody::Is { .. } => None,
        };
        if let Some(value) = self.value(record, names) {
            room.clear();
            room.extend_from_slice(value.as_bytes());
            into.value = Some(room);
        }
    }

    fn decode(
        &mut self,
        output: u16,
        message: &EncodedMessage,
        names: &mut Catalog,
    ) -> Result<Record, Unreadable> {
        let EncodedMessage { key, value, merged_into } = message;
        let value = value.as_deref().map(str::from_utf8).transpose();
        let value = value.map_err(|error| Unreadable(error.to_string()))?;
        let record = read::record(output, key, value, merged_into.as_deref(), names)?;
        let mut own = String::new();
        names.write_key(&record.key, &mut own);
        match own == *key {
            true => Ok(record),
            false => Err(Unreadable(format!("its key is not that of its value, '{own}'"))),
        }
    }
}
