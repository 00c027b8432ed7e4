//! Records as CSV: flat, a row each, with the names of the columns first.
//!
//! Text stands as it is, in quotes where RFC 4180 asks for them, and an empty text is `""`; a null is an empty
//! cell; lists and structs are JSON. A tombstone is a row with its key and `deleted`, and all else empty: of all rows
//! with one key the last one holds, as of records.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::encode::Encoder;
use super::message::Record;
use crate::plan::{Output, Plan, Publish};

/// What a column holds.
enum Cell {
    /// A field of the value.
    Field(&'static str),
    /// A field of a field of the value.
    Within(&'static str, String),
    /// A part of the key, which stands in the value too, of a record that has one.
    Key(fn(&str) -> &str),
    Deleted,
    MergedInto,
}

/// The columns of an output, with their names.
pub struct Csv {
    columns: Vec<(String, Cell)>,
}

type Fields<'a> = BTreeMap<String, &'a RawValue>;

impl Csv {
    pub fn new(plan: &Plan, output: &Output) -> Self {
        let plain = |name: &'static str| (name.to_owned(), Cell::Field(name));
        let deleted = ("deleted".to_owned(), Cell::Deleted);
        let columns = match output.publish {
            Publish::Profiles => profiles(plan, output),
            Publish::Segments => ["segment", "person", "change", "at"].map(plain).into(),
            Publish::Identities => vec![
                ("type".to_owned(), Cell::Key(|key| parts(key).0)),
                ("value".to_owned(), Cell::Key(|key| parts(key).1)),
                plain("person"),
                plain("at"),
                deleted,
            ],
            // What an output's topic did not take names the output.
            Publish::Rejects => {
                ["source", "output", "position", "reasons", "raw", "at"].map(plain).into()
            }
            Publish::Conflicts => unreachable!("a definition whose conflicts are CSV is refused"),
        };
        Csv { columns }
    }
}

/// An identifier's type and value: there is no colon in the name of a type.
fn parts(key: &str) -> (&str, &str) {
    key.split_once(':').unwrap_or((key, ""))
}

/// A name that two columns would have is written with where each comes from.
fn profiles(plan: &Plan, output: &Output) -> Vec<(String, Cell)> {
    const OWN: [&str; 5] = ["person", "segments", "at", "deleted", "merged_into"];
    let identifiers: Vec<&str> = plan.identifiers.iter().map(|of| of.name.as_str()).collect();
    let attributes: Vec<&str> =
        output.attributes.iter().map(|index| plan.attributes[*index].name.as_str()).collect();
    let within = |of: &'static str, name: &str, others: &[&str]| {
        let is_taken = OWN.contains(&name) || others.contains(&name);
        let shown = if is_taken { format!("{of}.{name}") } else { name.to_owned() };
        (shown, Cell::Within(of, name.to_owned()))
    };
    let mut columns = vec![("person".to_owned(), Cell::Key(|key| key))];
    columns.extend(identifiers.iter().map(|name| within("identifiers", name, &attributes)));
    columns.extend(attributes.iter().map(|name| within("attributes", name, &identifiers)));
    columns.extend(["segments", "at"].map(|name| (name.to_owned(), Cell::Field(name))));
    columns.push(("deleted".to_owned(), Cell::Deleted));
    columns.push(("merged_into".to_owned(), Cell::MergedInto));
    columns
}

impl Encoder for Csv {
    fn head(&self) -> String {
        let mut row = String::new();
        for (place, (name, _)) in self.columns.iter().enumerate() {
            row.push_str(if place > 0 { "," } else { "" });
            write_text(name, &mut row);
        }
        row.push('\n');
        row
    }

    fn encode(&self, record: &Record, into: &mut String) {
        let fields: Fields = match &record.value {
            Some(value) => serde_json::from_str(value).expect("a record's value is an object"),
            None => Fields::new(),
        };
        let object = |name: &str| -> Fields {
            let within = fields.get(name).map(|within| within.get());
            let within = within.map(|within| serde_json::from_str(within).expect("an object"));
            within.unwrap_or_default()
        };
        let objects = ["identifiers", "attributes"].map(|name| (name, object(name)));
        for (place, (_, cell)) in self.columns.iter().enumerate() {
            into.push_str(if place > 0 { "," } else { "" });
            match cell {
                Cell::Field(name) => write_json(fields.get(*name), into),
                Cell::Within(of, name) => {
                    let object = objects.iter().find(|(name, _)| name == of);
                    write_json(object.and_then(|(_, fields)| fields.get(name)), into);
                }
                Cell::Key(part) => write_text(part(&record.key), into),
                Cell::Deleted => {
                    into.push_str(if record.value.is_none() { "true" } else { "false" });
                }
                Cell::MergedInto => into.push_str(record.merged_into.as_deref().unwrap_or("")),
            }
        }
        into.push('\n');
    }
}

/// A value: text as it is, a null as nothing, all else as JSON writes it.
fn write_json(value: Option<&&RawValue>, row: &mut String) {
    match value.map(|value| value.get()) {
        None | Some("null") => {}
        Some(json) if json.starts_with('"') => {
            let text: String = serde_json::from_str(json).expect("a text");
            write_text(&text, row);
        }
        Some(json) => write_text(json, row),
    }
}

fn write_text(text: &str, row: &mut String) {
    if !text.is_empty() && !text.contains([',', '"', '\r', '\n']) {
        return row.push_str(text);
    }
    row.push('"');
    for (place, part) in text.split('"').enumerate() {
        row.push_str(if place > 0 { "\"\"" } else { "" });
        row.push_str(part);
    }
    row.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::write_text;

    proptest! {
        #[test]
        fn whatever_stands_in_a_cell_is_read_back(
            cells in prop::collection::vec("[a\"',;\r\n é]{0,6}", 1..5),
        ) {
            let mut row = String::new();
            for (place, cell) in cells.iter().enumerate() {
                row.push_str(if place > 0 { "," } else { "" });
                write_text(cell, &mut row);
            }
            row.push('\n');
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(row.as_bytes());
            let found: Vec<csv::StringRecord> = reader.records().map(|row| row.unwrap()).collect();
            prop_assert_eq!(found.len(), 1);
            prop_assert_eq!(found[0].iter().collect::<Vec<_>>(), cells);
        }
    }
}
