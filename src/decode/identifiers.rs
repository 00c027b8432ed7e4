//! The identifiers that a row carries: normalised, less the ignored, in the identifiers' own order.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use smallvec::SmallVec;

use super::evaluate::{Failures, evaluate};
use crate::row::{Identifier, IdentifierHash};
use crate::spec::plan::{IdentifierType, Plan};

/// Adds to each row the identifiers of one type that one column holds (text, or lists of text).
/// Rows on which the normalisation fails are returned with its message.
pub(super) fn add(
    plan: &Plan,
    kind: u8,
    column: &ArrayRef,
    rows: &mut [SmallVec<[Identifier; 3]>],
) -> Failures {
    let identifier_type = &plan.identifiers[usize::from(kind)];
    if !matches!(column.data_type(), DataType::List(_)) {
        let (texts, failures) = normalise(identifier_type, column);
        for row in (0..rows.len()).filter(|row| texts.is_valid(*row)) {
            rows[row].extend(identifier(identifier_type, kind, texts.value(row)));
        }
        return failures;
    }
    let lists = column.as_list::<i32>();
    let (texts, failures) = normalise(identifier_type, lists.values());
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
    failures.into_iter().filter_map(|(item, why)| Some((row_of(item)?, why))).collect()
}

/// Brings a row's identifiers into their own order (type, then text byte by byte), each once.
pub(super) fn settle(identifiers: &mut SmallVec<[Identifier; 3]>) {
    identifiers.sort_unstable_by(|a, b| (a.kind, &a.text).cmp(&(b.kind, &b.text)));
    identifiers.dedup_by(|a, b| a.kind == b.kind && a.text == b.text);
}

fn normalise(identifier_type: &IdentifierType, values: &ArrayRef) -> (StringArray, Failures) {
    let text = |column: &ArrayRef| {
        cast(column, &DataType::Utf8).expect("identifiers are text").as_string::<i32>().clone()
    };
    let Some(normalize) = &identifier_type.normalize else {
        return (text(values), Failures::new());
    };
    let schema = Schema::new(vec![Field::new("value", DataType::Utf8, true)]);
    let batch = RecordBatch::try_new(Arc::new(schema), vec![Arc::new(text(values))])
        .expect("one column of text");
    let (normalised, failures) = evaluate(normalize, &batch);
    (text(&normalised), failures)
}

fn identifier(identifier_type: &IdentifierType, kind: u8, text: &str) -> Option<Identifier> {
    if !identifier_type.ignore.is_empty() && identifier_type.ignore.is_match(text) {
        return None;
    }
    let hash = IdentifierHash::of(&identifier_type.name, text);
    Some(Identifier { hash, kind, text: text.into() })
}
