//! How early the timestamps of a source's first rows are.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::TimestampMicrosecondType;

use crate::plan::{Field, Type};
use crate::time::{DAY, Micros};

/// Instants before this one are hardly meant: as milliseconds since the epoch they are what seconds of
/// today's dates look like.
pub const EARLY: Micros = 31 * DAY;

/// Values of a source's timestamps, by field: how many, and how many are early.
pub type Early = BTreeMap<usize, (u64, u64)>;

/// Counts what rows have in timestamps of which no format is said; early are those that `is_number`, by the field and the
/// row.
pub fn early(
    fields: &[Field],
    columns: &[ArrayRef],
    is_number: impl Fn(&Field, usize) -> bool,
) -> Early {
    let of_instants = fields.iter().zip(columns).enumerate();
    let of_instants = of_instants.filter(|(_, (field, _))| {
        field.data_type == Type::Timestamp
            && field.written.as_ref().is_none_or(|form| form.is_usual())
    });
    let counted = of_instants.map(|(index, (field, column))| {
        let instants = column.as_primitive::<TimestampMicrosecondType>();
        let early = instants.iter().enumerate().filter(|(row, instant)| {
            instant.is_some_and(|instant| (0..EARLY).contains(&instant)) && is_number(field, *row)
        });
        (index, ((instants.len() - instants.null_count()) as u64, early.count() as u64))
    });
    counted.collect()
}

/// Whether a row was written with a number where its timestamp is early: as a text it would have a year.
pub fn has_no_year(row: &[u8]) -> bool {
    let has = |year: &str| memchr::memmem::find(row, year.as_bytes()).is_some();
    !has("1970") && !has("1969")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::TimestampMicrosecondArray;

    use super::*;
    use crate::plan::{EpochUnit, FieldPath, TimeForm, TimeWriting};
    use crate::time::zone::Zone;

    #[test]
    fn numbers_alone_of_which_no_format_is_said_are_early() {
        let counted = |formats: Option<Vec<TimeWriting>>, is_number| {
            let zone = Zone::named("UTC").expect("a zone");
            let written =
                formats.map(|formats| Arc::new(TimeForm { formats, zone, zone_of: None }));
            let field = Field {
                name: "at".into(),
                data_type: Type::Timestamp,
                path: FieldPath::key("at"),
                default: None,
                written,
                map: None,
            };
            let instants = vec![Some(DAY), None, Some(20 * DAY), Some(400 * DAY)];
            let column: ArrayRef = Arc::new(TimestampMicrosecondArray::from(instants));
            early(&[field], &[column], |_, _| is_number).remove(&0)
        };
        assert_eq!(counted(None, true), Some((3, 2)));
        assert_eq!(counted(Some(TimeForm::usual()), true), Some((3, 2)));
        assert_eq!(counted(None, false), Some((3, 0)));
        assert_eq!(counted(Some(vec![TimeWriting::Epoch(EpochUnit::Seconds)]), true), None);
        assert!(has_no_year(b"{\"at\":1751673600}"));
        assert!(!has_no_year(b"{\"at\":\"1970-01-01T00:00:00Z\"}"));
    }
}
