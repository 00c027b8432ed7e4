//! Records as CSV: flat, a row each, with the names of the columns first.
//!
//! Text stands as it is, in quotes where RFC 4180 asks for them, and an empty text is `""`; a null is an empty
//! cell; lists and structs are JSON. A tombstone is a row with its key and `deleted`, and all else empty: of all rows
//! with one key the last one holds, as of records.

mod cells;
mod columns;
mod read;

use super::catalog::Catalog;
use super::encoder::{Encoder, Holding, ReadBack, Unreadable};
use super::json::{write_position, write_reasons, write_texts, write_value};
use super::profile::{Bytes, Item};
use super::record::{Record, RecordBody, RecordKey, RecordValue, SegmentChange};
use crate::plan::Publish;
use crate::row::IdentifierHash;
use crate::time::write_rfc3339;

use cells::{cells, write_cell};
use columns::{Cell, columns};

/// The columns of an output, with their names.
pub struct Csv {
    output: u16,
    publish: Publish,
    columns: Vec<(String, Cell)>,
    /// The cells of the file that is read back, in their order there; none before its header is read.
    found: Option<Vec<Cell>>,
    row: String,
}

impl Csv {
    pub fn new(names: &Catalog, holding: &Holding) -> Self {
        let columns = columns(names, holding);
        let Holding { output, publish, .. } = *holding;
        Csv { output, publish, columns, found: None, row: String::new() }
    }
}

impl Encoder for Csv {
    fn head(&self, _: &Catalog, into: &mut Vec<u8>) {
        let mut row = String::new();
        for (place, (name, _)) in self.columns.iter().enumerate() {
            row.push_str(if place > 0 { "," } else { "" });
            write_cell(name, &mut row);
        }
        row.push('\n');
        into.extend_from_slice(row.as_bytes());
    }

    fn encode(&mut self, record: &Record, names: &Catalog, into: &mut Vec<u8>) {
        let row = &mut self.row;
        row.clear();
        let values = values(record);
        for (place, (_, cell)) in self.columns.iter().enumerate() {
            row.push_str(if place > 0 { "," } else { "" });
            write(cell, record, &values, names, row);
        }
        row.push('\n');
        into.extend_from_slice(row.as_bytes());
    }

    fn decode(&mut self, bytes: &[u8], names: &mut Catalog) -> Result<ReadBack, Unreadable> {
        let Some((row, length)) = cells(bytes)? else { return Ok(ReadBack::Unfinished) };
        match &self.found {
            Some(found) => {
                let record = read::record(self.output, self.publish, found, &row, names)?;
                Ok(ReadBack::Record(record, length))
            }
            None => {
                self.found = Some(read::header(&self.columns, &row)?);
                Ok(ReadBack::Nothing(length))
            }
        }
    }
}

/// The values of a profile's attributes, and where each is.
fn values(record: &Record) -> Vec<(u16, Bytes<'_>)> {
    let Some(RecordValue::Profile(profile)) = record.value() else { return Vec::new() };
    let (mut values, mut attributes) = (Vec::new(), profile.attributes());
    while let Some((attribute, bytes)) = attributes.next() {
        values.push((attribute, *bytes));
        bytes.skip();
    }
    values
}

fn write(
    cell: &Cell,
    record: &Record,
    values: &[(u16, Bytes<'_>)],
    names: &Catalog,
    row: &mut String,
) {
    let json = |write: &dyn Fn(&mut String), row: &mut String| {
        let mut json = String::new();
        write(&mut json);
        write_cell(&json, row);
    };
    let person = |person: Option<IdentifierHash>, row: &mut String| {
        person.inspect(|person| person.write_person_id(row));
    };
    let (key, value) = (&record.key, record.value());
    match (cell, key, value) {
        (Cell::Person, RecordKey::Identifier(_), Some(RecordValue::Identity(of))) => {
            person(Some(*of), row)
        }
        (Cell::Person, key, _) => person(key.person(), row),
        (Cell::Identifiers(kind), _, Some(RecordValue::Profile(profile))) => {
            let of_kind = || profile.identifiers().filter(|(of, _)| of == kind);
            if of_kind().next().is_some() {
                json(&|out| write_texts(of_kind().map(|(_, text)| text), out), row);
            }
        }
        (Cell::Attribute(wanted), _, _) => {
            if let Some((_, bytes)) = values.iter().find(|(attribute, _)| attribute == wanted) {
                write_attribute(*bytes, row);
            }
        }
        (Cell::Segments, _, Some(RecordValue::Profile(profile))) => {
            let segments = || profile.segments().map(|segment| names.segments.name(segment));
            json(&|out| write_texts(segments(), out), row);
        }
        (Cell::Segment, RecordKey::Member { segment, .. }, _) => {
            write_cell(names.segments.name(*segment), row);
        }
        (Cell::Change, _, Some(RecordValue::Segment(change))) => row.push_str(match change {
            SegmentChange::Entered => "entered",
            SegmentChange::Left => "left",
        }),
        (Cell::Type, RecordKey::Identifier(of), _) => {
            write_cell(names.identifiers.name(of.kind), row);
        }
        (Cell::Value, RecordKey::Identifier(of), _) => write_cell(&of.text, row),
        (Cell::Source, RecordKey::Source(source), _) => {
            write_cell(names.sources.name(*source), row)
        }
        (Cell::Output, RecordKey::Output(output), _) => {
            write_cell(names.outputs.name(*output), row)
        }
        (Cell::Position, _, Some(RecordValue::Reject(of))) => {
            json(&|out| write_position(&of.position, out), row);
        }
        (Cell::Reasons, _, Some(RecordValue::Reject(of))) => {
            json(&|out| write_reasons(of, out), row)
        }
        (Cell::Raw, _, Some(RecordValue::Reject(of))) => write_cell(&of.raw, row),
        (Cell::At, _, _) => {
            if let RecordBody::Is { at, .. } = record.body {
                write_rfc3339(at, row);
            }
        }
        (Cell::Deleted, _, value) => row.push_str(if value.is_none() { "true" } else { "false" }),
        (Cell::MergedInto, _, _) => {
            if let RecordBody::Gone { merged_into } = record.body {
                person(merged_into, row);
            }
        }
        _ => {}
    }
}

/// A value: text as it is, a null as nothing, all else as JSON writes it.
fn write_attribute(mut bytes: Bytes<'_>, row: &mut String) {
    let mut again = bytes;
    match again.item() {
        Item::Null => {}
        Item::Text(text) => write_cell(text, row),
        Item::Timestamp(instant) => write_rfc3339(instant, row),
        item => {
            let mut json = String::new();
            write_value(&mut bytes, &mut json);
            let plain = match item {
                Item::Date(_) => json.trim_matches('"'),
                _ => &json,
            };
            write_cell(plain, row);
        }
    }
}
