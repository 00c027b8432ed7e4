//! What rows name that do not stand: they say that a record is gone, they do not count, or they are set aside. Nothing is
//! known by it, and yet it stands in them, so that whoever is to be forgotten is looked for there, too.
//!
//! Of a message without a payload its key is known alone: it is looked at as a row that has its key and nothing else.

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray, UInt64Array};
use arrow::compute::kernels::zip::zip;
use arrow::compute::{cast, is_not_null, take};

use super::context::{DecodeContext, RowFate};
use super::derived::{batch_of, derived, with_time};
use super::evaluate::Room;
use super::identifiers::RowIdentifiers;
use super::named_by_row::NamedByRow;
use super::needs::message_key;
use super::raw_row::{RawReading, RawRow};
use super::{decisions, identifiers};
use crate::plan::Kind;
use crate::time::Micros;

/// Of rows with these fates and times, of which `standing` has what those carry that stand.
pub(super) fn named(
    context: &DecodeContext<'_>,
    raw: &[RawRow],
    fields: &[ArrayRef],
    (fates, times): (&[RowFate], &[Option<Micros>]),
    standing: &RowIdentifiers,
    room: &mut Room,
) -> Option<Vec<NamedByRow>> {
    let source = context.source;
    let is_flawed = |place: usize| !raw[place].flaws.reasons.is_empty();
    // Where one element of a row is bad, the row is set aside with all of them.
    let is_element = source.unnest.is_some();
    let is_kept = context.chunk.is_stored() || is_element || source.kind == Kind::Records;
    let (mut named, mut others) = (Vec::new(), Vec::new());
    for (place, fate) in fates.iter().enumerate() {
        match fate {
            RowFate::Stands if is_flawed(place) || is_element => {
                let hashes = standing.hashes(place);
                named.extend(hashes.map(|hash| NamedByRow { place, hash }));
            }
            RowFate::Stands => {}
            RowFate::Dropped if !is_kept && !is_flawed(place) => {}
            RowFate::Dropped | RowFate::Gone => others.push(place),
        }
    }
    if others.is_empty() {
        return Some(named);
    }
    let places = UInt64Array::from_iter_values(others.iter().map(|place| *place as u64));
    let of_others = |column: &ArrayRef| take(column, &places, None).expect("places of its rows");
    let mut fields: Vec<ArrayRef> = fields.iter().map(of_others).collect();
    let times: Vec<Option<Micros>> = others.iter().map(|place| times[*place]).collect();
    let keys: StringArray = others.iter().map(|place| deleted(context, &raw[*place])).collect();
    let key = source.key.filter(|_| keys.null_count() < keys.len());
    if let Some(column) = key.and_then(|key| fields.get_mut(key)) {
        *column = with_keys(column, &keys);
    }
    let (mut batch, _) = derived(context, &fields, others.len(), room)?;
    if let Some(key) = key.filter(|key| *key >= fields.len()) {
        let mut columns = batch.columns().to_vec();
        columns[key] = with_keys(&columns[key], &keys);
        batch = batch_of(&batch.schema(), columns, others.len());
    }
    let batch = with_time(source, batch, &times);
    let found = all(context, &batch, room)?;
    for (row, place) in others.into_iter().enumerate() {
        named.extend(found.hashes(row).map(|hash| NamedByRow { place, hash }));
    }
    Some(named)
}

/// All identifiers of rows. Where one can't be normalised there is none.
fn all(
    context: &DecodeContext<'_>,
    batch: &RecordBatch,
    room: &mut Room,
) -> Option<RowIdentifiers> {
    let mut found = RowIdentifiers::of_rows(vec![true; batch.num_rows()]);
    for (kind, column) in &context.source.identifiers {
        identifiers::add(context.plan, *kind, batch.column(*column), &mut found, room)?;
    }
    if let Some(decisions) = context.decisions() {
        decisions::identifiers(context.plan, decisions, batch, &mut found, room)?;
    }
    Some(found)
}

/// The key of the record that a message without a payload deletes.
fn deleted<'a>(context: &DecodeContext<'a>, row: &RawRow) -> Option<&'a str> {
    match &row.reading {
        RawReading::Tombstone { key } => message_key(context.chunk, key.as_ref()).ok(),
        _ => None,
    }
}

/// A column with keys where there are some.
fn with_keys(column: &ArrayRef, keys: &StringArray) -> ArrayRef {
    let mask = is_not_null(keys).expect("a column has nulls or none");
    let of_type = cast(keys, column.data_type());
    let merged = of_type.and_then(|keys| zip(&mask, &keys, column));
    merged.unwrap_or_else(|_| column.clone())
}
