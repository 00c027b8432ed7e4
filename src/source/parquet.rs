//! The rows of a Parquet file, by the wanted columns.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use arrow::datatypes::{DataType, Fields};

use super::error::{WrongFile, nearest};
use super::feed::said;
use super::{Payload, SourceError};
use crate::spec::plan::{Source, Type};
use crate::time::wall_clock;

/// Rows of a chunk.
const ROWS: usize = 1_024;

pub(super) struct Rows {
    reader: ParquetRecordBatchReader,
    next_row: u64,
    /// The file's, and the rows in it.
    bytes: u64,
    rows: u64,
}

impl Rows {
    /// Opens the file and checks that it has the source's columns.
    pub fn open(source: &Source, path: &Path, file: File) -> Result<Self, SourceError> {
        guarded(&source.name, path, || Rows::open_unguarded(source, path, file))
    }

    fn open_unguarded(source: &Source, path: &Path, file: File) -> Result<Self, SourceError> {
        let unreadable = |why: ::parquet::errors::ParquetError| {
            let why = format!("not readable as Parquet: {why}");
            SourceError::unreadable(&source.name, path, why)
        };
        let bytes = file.metadata().map_or(0, |file| file.len());
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(unreadable)?;
        let schema = std::sync::Arc::clone(builder.schema());
        check(source, path, schema.fields())?;
        let wanted = |name: &String| source.fields.iter().any(|field| field.path[0] == *name);
        let roots = schema.fields().iter().enumerate();
        let roots = roots.filter(|(_, root)| wanted(root.name())).map(|(index, _)| index);
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        let rows = builder.metadata().file_metadata().num_rows().max(0) as u64;
        let reader = builder.with_projection(mask).with_batch_size(ROWS).build();
        Ok(Rows { reader: reader.map_err(unreadable)?, next_row: 1, bytes, rows })
    }

    pub fn next(&mut self, name: &str, path: &Path) -> Result<Option<Payload>, SourceError> {
        let batch = guarded(name, path, || Ok(self.reader.next()))?;
        let Some(batch) = batch else { return Ok(None) };
        let batch = batch.map_err(|why| {
            let why = format!("not readable as Parquet from row {} on: {why}", self.next_row);
            SourceError::unreadable(name, path, why)
        })?;
        let first_row = self.next_row;
        let rows = batch.num_rows() as u64;
        self.next_row += rows;
        let share = u128::from(self.bytes) * u128::from(rows) / u128::from(self.rows.max(1));
        let bytes = u64::try_from(share).unwrap_or(self.bytes);
        Ok(Some(Payload::Rows { batch, first_row, arrived: wall_clock(), bytes }))
    }
}

/// The library checks much, but a damaged file can still make it panic; to the user that is a file
/// like any other that cannot be read.
fn guarded<T>(
    name: &str,
    path: &Path,
    read: impl FnOnce() -> Result<T, SourceError>,
) -> Result<T, SourceError> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|panic| {
        let why = format!("not readable as Parquet: {}", said(panic.as_ref()));
        Err(SourceError::unreadable(name, path, why))
    })
}

/// A default stands in for a column, but not for all of them: then it is another file, whose rows are
/// no more than a number that it states.
fn check(source: &Source, path: &Path, roots: &Fields) -> Result<(), SourceError> {
    let has_any = source.fields.iter().any(|field| roots.find(&field.path[0]).is_some());
    for field in &source.fields {
        let mut columns = roots;
        for (depth, key) in field.path.iter().enumerate() {
            let Some(column) = columns.iter().find(|column| column.name() == key) else {
                if field.default.is_some() && has_any {
                    break;
                }
                let wrong = WrongFile::NoColumn {
                    column: field.path[..=depth].join("."),
                    near: nearest(key, columns.iter().map(|column| column.name().as_str())),
                    columns: columns.iter().map(|column| column.name().clone()).collect(),
                };
                return Err(SourceError::of_file(&source.name, path, wrong));
            };
            let last = depth + 1 == field.path.len();
            match column.data_type() {
                found if last && readable(found, &field.data_type) => {}
                DataType::Struct(fields) if !last => columns = fields,
                found => {
                    let wrong = WrongFile::ColumnType {
                        column: field.path[..=depth].join("."),
                        found: format!("a Parquet {found}"),
                        wanted: if last { field.data_type.spoken() } else { "struct".to_owned() },
                    };
                    return Err(SourceError::of_file(&source.name, path, wrong));
                }
            }
        }
    }
    Ok(())
}

/// Whether values of an Arrow type may be values of ours.
fn readable(found: &DataType, wanted: &Type) -> bool {
    let found = match found {
        DataType::Dictionary(_, values) => values,
        found => found,
    };
    let text = found.is_string()
        || matches!(found, DataType::Binary | DataType::LargeBinary | DataType::BinaryView);
    let list = |found: &DataType| match found {
        DataType::List(item) | DataType::LargeList(item) => Some(item.data_type().clone()),
        _ => None,
    };
    match wanted {
        _ if *found == DataType::Null => true,
        Type::List(item) => text || list(found).is_some_and(|found| readable(&found, item)),
        _ if text => true,
        Type::Text => !found.is_nested(),
        Type::Integer | Type::Number | Type::Decimal(..) => found.is_numeric(),
        Type::Boolean => *found == DataType::Boolean,
        Type::Timestamp => {
            found.is_integer() || matches!(found, DataType::Timestamp(..) | DataType::Date32)
        }
        Type::Date => matches!(found, DataType::Date32 | DataType::Date64),
        Type::Json => false,
    }
}
