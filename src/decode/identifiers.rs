//! The identifiers that a row carries: normalised, less the placeholders and the ignored, in the
//! identifiers' own order.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray};
use arrow::compute::nullif;
use arrow::datatypes::{DataType, Field, Schema};
use smallvec::SmallVec;

use super::evaluate::{Failures, Room, evaluate_within};
use super::placeholders::is_placeholder;
use crate::definition::sql::limits::all_bytes;
use crate::definition::texts;
use crate::plan::{IdentifierType, Placeholders, Plan};
use crate::row::{Identifier, IdentifierHash};

/// Adds to each row the identifiers of one type that one column holds (text, or lists of text).
/// Rows on which the normalisation fails are returned with its message.
pub(super) fn add(
    plan: &Plan,
    kind: u8,
    column: &ArrayRef,
    rows: &mut [SmallVec<[Identifier; 3]>],
    room: &mut Room,
) -> Option<Failures> {
    let identifier_type = &plan.identifiers[usize::from(kind)];
    if !matches!(column.data_type(), DataType::List(_)) {
        let (texts, failures) = normalise(identifier_type, column, room)?;
        for row in (0..rows.len()).filter(|row| texts.is_valid(*row)) {
            rows[row].extend(identifier(identifier_type, kind, texts.value(row)));
        }
        return Some(failures);
    }
    let lists = column.as_list::<i32>();
    let (texts, failures) = normalise(identifier_type, lists.values(), room)?;
    let item_range = |row: usize| {
        let offsets = lists.value_offsets();
        offsets[row] as usize..offsets[row + 1] as usize
    };
    for row in (0..rows.len()).filter(|row| lists.is_valid(*row)) {
        let items = item_range(row).filter(|item| texts.is_valid(*item));
        rows[row]
            .extend(items.filter_map(|item| identifier(identifier_type, kind, texts.value(item))));
    }
    let row_of = |item: usize| (0..rows.len()).find(|row| item_range(*row).contains(&item));
    Some(failures.into_iter().filter_map(|(item, why)| Some((row_of(item)?, why))).collect())
}

/// A value as it is known once it is normalised; none, where it is no identifier of the type.
pub fn normalised(identifier_type: &IdentifierType, value: &str) -> Option<String> {
    let value: ArrayRef = Arc::new(StringArray::from(vec![value]));
    let (texts, _) = normalise(identifier_type, &value, &mut Room::of(1))?;
    texts.is_valid(0).then(|| texts.value(0).to_owned())
}

/// Brings a row's identifiers into their own order (type, then text byte by byte), each once.
pub(super) fn sort_and_dedup(identifiers: &mut SmallVec<[Identifier; 3]>) {
    identifiers.sort_unstable_by(|a, b| (a.kind, &a.text).cmp(&(b.kind, &b.text)));
    identifiers.dedup_by(|a, b| a.kind == b.kind && a.text == b.text);
}

/// The values once normalised, null where they are no identifiers. A placeholder is none before it is
/// normalised, whatever that would make of it, nor behind.
fn normalise(
    identifier_type: &IdentifierType,
    values: &ArrayRef,
    room: &mut Room,
) -> Option<(StringArray, Failures)> {
    let text = |column: &ArrayRef| texts(column).expect("identifiers are text");
    let ignores = identifier_type.placeholders == Placeholders::Ignore;
    let is_placeholder = |texts: &StringArray, row: usize| {
        ignores && texts.is_valid(row) && is_placeholder(texts.value(row))
    };
    let found = text(values);
    let Some(normalize) = &identifier_type.normalize else {
        room.take(all_bytes(values))?;
        let none = (0..found.len()).map(|row| is_placeholder(&found, row));
        return Some((without(found.clone(), none.collect()), Failures::new()));
    };
    let none: Vec<bool> = (0..found.len()).map(|row| is_placeholder(&found, row)).collect();
    let schema = Schema::new(vec![Field::new("value", DataType::Utf8, true)]);
    let found: ArrayRef = Arc::new(without(found, none.clone()));
    let batch = RecordBatch::try_new(Arc::new(schema), vec![found]).expect("one column of text");
    let (normalised, failures) = evaluate_within(normalize, &batch, room)?;
    let normalised = text(&normalised);
    let none = none.into_iter().enumerate();
    let none = none.map(|(row, none)| none || is_placeholder(&normalised, row)).collect();
    Some((without(normalised, none), failures))
}

/// The texts but for some, which are null.
fn without(texts: StringArray, some: Vec<bool>) -> StringArray {
    if !some.contains(&true) {
        return texts;
    }
    let texts = nullif(&texts, &BooleanArray::from(some)).expect("as many of either");
    texts.as_string::<i32>().clone()
}

fn identifier(identifier_type: &IdentifierType, kind: u8, text: &str) -> Option<Identifier> {
    if !identifier_type.ignore.is_empty() && identifier_type.ignore.is_match(text) {
        return None;
    }
    let hash = IdentifierHash::of(&identifier_type.name, text);
    Some(Identifier { hash, kind, text: text.into() })
}
