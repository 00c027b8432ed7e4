//! Records read back from the rows of a CSV file. Which column is which, its header says.

use std::borrow::Cow;

use arrow::datatypes::DataType;
use serde::de::IgnoredAny;

use super::cells::CellText;
use super::columns::Cell;
use crate::plan::Publish;
use crate::row::IdentifierHash;
use crate::sink::catalog::Catalog;
use crate::sink::encoder::Unreadable;
use crate::sink::json::{instant, pack_json, person, read_position, read_reasons, write_text};
use crate::sink::profile::{Item, PackedProfile, Packer};
use crate::sink::record::{
    NamedIdentifier, Record, RecordBody, RecordKey, RecordValue, RejectedInput, SegmentChange,
};

/// The columns of a file, by their names.
pub fn header(columns: &[(String, Cell)], names: &[CellText<'_>]) -> Result<Vec<Cell>, Unreadable> {
    let column = |name: &CellText<'_>| {
        let name = name.as_deref().unwrap_or_default();
        let column = columns.iter().find(|(of, _)| of == name);
        column.map(|(_, cell)| cell.clone()).ok_or_else(|| {
            Unreadable(format!(
                "the definition has no column '{name}' for it: it was written by an earlier one"
            ))
        })
    };
    names.iter().map(column).collect()
}

pub fn record(
    output: u16,
    publish: Publish,
    columns: &[Cell],
    cells: &[CellText<'_>],
    names: &mut Catalog,
) -> Result<Record, Unreadable> {
    if columns.len() != cells.len() {
        let (found, expected) = (cells.len(), columns.len());
        return Err(Unreadable(format!("{found} cells, the header names {expected}")));
    }
    let row = CellRow { columns, cells };
    let (key, value) = match publish {
        Publish::Profiles => {
            let key =
                RecordKey::Person(row.person(&Cell::Person)?.ok_or_else(|| row.lacks("person"))?);
            (key, row.profile(names)?.map(RecordValue::Profile))
        }
        Publish::Segments => {
            let segment = names.segments.learn(row.text(&Cell::Segment, "segment")?);
            let person = row.person(&Cell::Person)?.ok_or_else(|| row.lacks("person"))?;
            let change = match row.cell(&Cell::Change) {
                None => None,
                Some("entered") => Some(SegmentChange::Entered),
                Some("left") => Some(SegmentChange::Left),
                Some(other) => return Err(Unreadable(format!("there is no change '{other}'"))),
            };
            (RecordKey::Member { segment, person }, change.map(RecordValue::Segment))
        }
        Publish::Identities => {
            let kind = names.identifiers.learn(row.text(&Cell::Type, "type")?);
            let text = row.text(&Cell::Value, "value")?.into();
            let person = row.person(&Cell::Person)?;
            (
                RecordKey::Identifier(NamedIdentifier { kind, text }),
                person.map(RecordValue::Identity),
            )
        }
        Publish::Rejects => {
            let key = match row.cell(&Cell::Source) {
                Some(source) => RecordKey::Source(names.sources.learn(source)),
                None => RecordKey::Output(names.outputs.learn(row.text(&Cell::Output, "source")?)),
            };
            let position = read_position(row.text(&Cell::Position, "position")?)?;
            let reasons = read_reasons(row.text(&Cell::Reasons, "reasons")?)?;
            let raw = row.text(&Cell::Raw, "raw")?.to_owned();
            (key, Some(RecordValue::Reject(Box::new(RejectedInput { position, reasons, raw }))))
        }
        Publish::Conflicts => unreachable!("a definition whose conflicts are CSV is refused"),
    };
    let at = row.cell(&Cell::At).map(instant).transpose()?;
    let body = match (value, at) {
        (Some(value), Some(at)) => RecordBody::Is { value, at },
        _ => RecordBody::Gone { merged_into: row.person(&Cell::MergedInto)? },
    };
    Ok(Record { output, key, body })
}

struct CellRow<'a> {
    columns: &'a [Cell],
    cells: &'a [CellText<'a>],
}

impl CellRow<'_> {
    fn cell(&self, column: &Cell) -> Option<&str> {
        let place = self.columns.iter().position(|of| of == column)?;
        self.cells[place].as_deref()
    }

    fn lacks(&self, column: &str) -> Unreadable {
        Unreadable(format!("its {column} is empty"))
    }

    fn text(&self, column: &Cell, name: &str) -> Result<&str, Unreadable> {
        self.cell(column).ok_or_else(|| self.lacks(name))
    }

    fn person(&self, column: &Cell) -> Result<Option<IdentifierHash>, Unreadable> {
        self.cell(column).map(person).transpose()
    }

    /// What the row says of a person; nothing where the person is gone.
    fn profile(&self, names: &mut Catalog) -> Result<Option<PackedProfile>, Unreadable> {
        if self.cell(&Cell::Deleted) == Some("true") {
            return Ok(None);
        }
        let texts = |cell: &CellText<'_>| -> Result<Vec<String>, Unreadable> {
            Ok(serde_json::from_str(cell.as_deref().unwrap_or("[]"))?)
        };
        let columns = || self.columns.iter().zip(self.cells);
        let mut identifiers = Vec::new();
        for (column, cell) in columns() {
            let Cell::Identifiers(kind) = column else { continue };
            identifiers.extend(texts(cell)?.into_iter().map(|text| (*kind, text)));
        }
        let mut packer = Packer::default();
        packer.length(identifiers.len());
        for (kind, text) in &identifiers {
            packer.name(*kind);
            packer.text(text);
        }
        packer.length(columns().filter(|(of, _)| matches!(of, Cell::Attribute(_))).count());
        for (column, cell) in columns() {
            let Cell::Attribute(attribute) = column else { continue };
            packer.name(*attribute);
            let data_type = names.data_type(*attribute);
            let Some(cell) = cell else {
                packer.item(Item::Null);
                continue;
            };
            pack_json(&as_json(cell, data_type), data_type, &mut packer)?;
        }
        let segments = columns().find(|(column, _)| **column == Cell::Segments);
        let segments = segments.map_or(Ok(Vec::new()), |(_, cell)| texts(cell))?;
        packer.length(segments.len());
        for segment in &segments {
            packer.name(names.segments.learn(segment));
        }
        Ok(Some(packer.profile()))
    }
}

/// How a cell of an attribute stands in JSON: what is neither of a type that is written plainly nor JSON was
/// written when the attribute had another type.
fn as_json<'a>(cell: &'a str, data_type: Option<&DataType>) -> Cow<'a, str> {
    let is_plain = matches!(
        data_type,
        None | Some(DataType::Utf8 | DataType::Timestamp(..) | DataType::Date32)
    );
    if !is_plain && serde_json::from_str::<IgnoredAny>(cell).is_ok() {
        return Cow::Borrowed(cell);
    }
    let mut json = String::new();
    write_text(cell, &mut json);
    Cow::Owned(json)
}
