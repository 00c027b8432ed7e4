//! Rows of the table of decisions: two identifiers, each as `type:value`, and a verdict.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};

use super::evaluate::{Failures, Room};
use super::identifiers::{self, RowIdentifiers};
use super::raw_row::RawRow;
use crate::plan::{Decisions, Plan};
use crate::row::Verdict;

/// Adds to each row the two identifiers that it names. Rows on which a normalisation fails are
/// returned by type, with its message.
pub(super) fn identifiers(
    plan: &Plan,
    decisions: &Decisions,
    batch: &RecordBatch,
    rows: &mut RowIdentifiers,
    room: &mut Room,
) -> Option<Vec<(u8, Failures)>> {
    let mut failures = Vec::new();
    for column in decisions.identifiers {
        let texts = batch.column(column).as_string::<i32>();
        for (kind, of) in plan.identifiers.iter().enumerate() {
            let values = texts.iter().map(|text| value_of(&of.name, text?));
            let values: StringArray = values.collect();
            if values.null_count() < values.len() {
                let values: ArrayRef = std::sync::Arc::new(values);
                let failed = identifiers::add(plan, kind as u8, &values, rows, room)?;
                failures.push((kind as u8, failed));
            }
        }
    }
    Some(failures)
}

/// The value of an identifier of this type.
fn value_of<'a>(name: &str, text: &'a str) -> Option<&'a str> {
    text.strip_prefix(name)?.strip_prefix(':')
}

/// Each row's verdict. A row that counts but does not say one gets its reason.
pub(super) fn verdicts(
    plan: &Plan,
    decisions: &Decisions,
    batch: &RecordBatch,
    raw: &mut [RawRow],
    counts: impl Fn(usize) -> bool,
) -> Vec<Verdict> {
    let texts = batch.column(decisions.verdict).as_string::<i32>();
    let path = plan.sources[decisions.source].schema.field(decisions.verdict).name();
    raw.iter_mut()
        .enumerate()
        .map(|(row, raw)| match texts.is_valid(row).then(|| texts.value(row)) {
            Some("same") => Verdict::Same,
            Some("different") => Verdict::Different,
            found => {
                if counts(row) && !raw.flaws.columns.contains(&decisions.verdict) {
                    let found = found.map_or("none".to_owned(), |found| format!("'{found}'"));
                    let message = format!("expected the verdict same or different, found {found}");
                    raw.flaws.add("wrong_type", path.as_str(), message);
                }
                Verdict::Together
            }
        })
        .collect()
}
