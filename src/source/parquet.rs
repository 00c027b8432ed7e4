//! The rows of a Parquet file, by the wanted columns.

use std::collections::VecDeque;
use std::fs::File;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
};
use ::parquet::basic::Compression;
use ::parquet::errors::ParquetError;
use arrow::compute::can_cast_types;
use arrow::datatypes::{DataType, Fields};

use super::error::{WrongFile, nearest};
use super::outlet::said;
use super::{Payload, SourceError};
use crate::plan::{Field, PathStep, Source, Type, item_type};
use crate::time::wall_clock;

/// Rows of a chunk.
const ROWS: usize = 1_024;

pub(super) struct ParquetRows {
    file: File,
    metadata: ArrowReaderMetadata,
    wanted: ProjectionMask,
    /// Rows that are to be read, by their numbers from 1, and those of them that are being read.
    ranges: VecDeque<Range<u64>>,
    reader: Option<ParquetRecordBatchReader>,
    /// By their numbers, those that were taken last.
    taken: Range<u64>,
    /// The file's, and the rows in it.
    bytes: u64,
    pub rows: u64,
}

impl ParquetRows {
    /// Opens the file and checks that it has the source's columns.
    pub fn open(source: &Source, path: &Path, file: File) -> Result<Self, SourceError> {
        guarded(&source.name, path, || ParquetRows::open_unguarded(source, path, file))
    }

    fn open_unguarded(source: &Source, path: &Path, file: File) -> Result<Self, SourceError> {
        let bytes = file.metadata().map_or(0, |file| file.len());
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::default())
            .map_err(|why| unreadable(&source.name, path, why))?;
        let schema = metadata.schema();
        check(source, path, schema.fields())?;
        let groups = metadata.metadata().row_groups().iter();
        let mut columns = groups.flat_map(|group| group.columns());
        if let Some(column) = columns.find(|column| is_unread(column.compression())) {
            let by = column.compression().to_string();
            let by = by.split('(').next().unwrap_or_default().to_lowercase();
            let why = format!(
                "its columns are compressed by {by}, which is not read: write it with snappy, zstd, gzip or lz4"
            );
            return Err(SourceError::unreadable(&source.name, path, why));
        }
        let is_wanted =
            |name: &String| source.raw_fields().iter().any(|field| field.path.root() == name);
        let roots = schema.fields().iter().enumerate();
        let roots = roots.filter(|(_, root)| is_wanted(root.name())).map(|(index, _)| index);
        let wanted = ProjectionMask::roots(metadata.parquet_schema(), roots);
        let rows = metadata.metadata().file_metadata().num_rows().max(0) as u64;
        let ranges = std::iter::once(1..rows + 1).collect();
        Ok(ParquetRows { file, metadata, wanted, ranges, reader: None, taken: 1..1, bytes, rows })
    }

    /// Reads these rows alone, by their numbers from 1.
    pub fn only(&mut self, ranges: Vec<Range<u64>>) {
        self.ranges = ranges.into();
    }

    /// The byte that a row begins with, if all took as many.
    pub fn byte(&self, row: u64) -> u64 {
        let share = u128::from(self.bytes) * u128::from(row - 1) / u128::from(self.rows.max(1));
        u64::try_from(share).unwrap_or(self.bytes)
    }

    pub fn taken(&self) -> Range<u64> {
        self.taken.clone()
    }

    pub fn next(&mut self, name: &str, path: &Path) -> Result<Option<Payload>, SourceError> {
        loop {
            let Some(reader) = &mut self.reader else {
                let Some(range) = self.ranges.pop_front() else { return Ok(None) };
                self.taken = range.start..range.start;
                let reader = guarded(name, path, || self.begin(range, name, path))?;
                self.reader = Some(reader);
                continue;
            };
            let Some(batch) = guarded(name, path, || Ok(reader.next()))? else {
                self.reader = None;
                continue;
            };
            let batch = batch.map_err(|why| {
                let why = format!("not readable as Parquet from row {} on: {why}", self.taken.end);
                SourceError::unreadable(name, path, why)
            })?;
            let first_row = self.taken.end;
            self.taken = first_row..first_row + batch.num_rows() as u64;
            let bytes = self.byte(self.taken.end) - self.byte(first_row);
            return Ok(Some(Payload::Rows { batch, first_row, arrived: wall_clock(), bytes }));
        }
    }

    fn begin(
        &self,
        range: Range<u64>,
        name: &str,
        path: &Path,
    ) -> Result<ParquetRecordBatchReader, SourceError> {
        let unreadable_here = |why| unreadable(name, path, why);
        let file = self.file.try_clone().map_err(|why| SourceError::unreadable(name, path, why))?;
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
        let builder = builder.with_projection(self.wanted.clone()).with_batch_size(ROWS);
        if range == (1..self.rows + 1) {
            return builder.build().map_err(unreadable_here);
        }
        let count = |rows: u64| usize::try_from(rows).unwrap_or(usize::MAX);
        let selection = RowSelection::from(vec![
            RowSelector::skip(count(range.start - 1)),
            RowSelector::select(count(range.end - range.start)),
        ]);
        builder.with_row_selection(selection).build().map_err(unreadable_here)
    }
}

/// Whether the library is built without a way to read it.
fn is_unread(compression: Compression) -> bool {
    matches!(compression, Compression::BROTLI(_) | Compression::LZO)
}

fn unreadable(name: &str, path: &Path, why: ParquetError) -> SourceError {
    SourceError::unreadable(name, path, format!("not readable as Parquet: {why}"))
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
fn check(source: &Source, file: &Path, roots: &Fields) -> Result<(), SourceError> {
    for field in source.raw_fields() {
        let root = field.path.root();
        if roots.iter().filter(|column| column.name() == root).count() > 1 {
            let why = format!("two columns are named {root}");
            return Err(SourceError::unreadable(&source.name, file, why));
        }
    }
    let has_any = source.raw_fields().iter().any(|field| roots.find(field.path.root()).is_some());
    for field in source.raw_fields() {
        let may_be_absent = field.default.is_some() && has_any;
        match check_field(field, roots) {
            Err(WrongFile::NoColumn { .. }) if may_be_absent => {}
            Err(wrong) => return Err(SourceError::of_file(&source.name, file, wrong)),
            Ok(()) => {}
        }
    }
    Ok(())
}

/// Goes down a field's path.
fn check_field(field: &Field, roots: &Fields) -> Result<(), WrongFile> {
    let wrong_type = |steps: usize, found: &DataType, wanted: String| WrongFile::ColumnType {
        column: field.path.up_to(steps).to_string(),
        found: spoken(found),
        wanted,
        remedy: remedy(found),
    };
    let mut at: Option<&DataType> = None;
    for (depth, step) in field.path.steps().iter().enumerate() {
        at = Some(match (step, at) {
            // Nothing but nulls: so is all that might be below.
            (_, Some(DataType::Null)) => return Ok(()),
            (PathStep::Item(_), Some(found)) => {
                item_type(found).ok_or_else(|| wrong_type(depth, found, "list".to_owned()))?
            }
            (PathStep::Key(_), Some(DataType::Map(entries, _))) => match entries.data_type() {
                DataType::Struct(entry) => entry[1].data_type(),
                _ => return Ok(()),
            },
            (PathStep::Key(key), found) => {
                let columns = match found {
                    None => roots,
                    Some(DataType::Struct(fields)) => fields,
                    Some(found) => return Err(wrong_type(depth, found, "struct".to_owned())),
                };
                let column = columns.iter().find(|column| column.name() == key);
                let column = column.ok_or_else(|| WrongFile::NoColumn {
                    column: field.path.up_to(depth + 1).to_string(),
                    near: nearest(key, columns.iter().map(|column| column.name().as_str())),
                    columns: columns.iter().map(|column| column.name().clone()).collect(),
                })?;
                column.data_type()
            }
            (PathStep::Item(_) | PathStep::Position, _) => unreachable!("a path begins with a key"),
        });
    }
    let found = at.expect("a path has a step");
    // What the field says how to read is read as texts.
    let is_number = field.written.is_some() && found.is_numeric();
    let is_looked_up = field.map.is_some() && !found.is_nested();
    match readable(found, &field.data_type) || is_number || is_looked_up {
        true => Ok(()),
        false => Err(wrong_type(field.path.steps().len(), found, field.data_type.spoken())),
    }
}

/// Whether values of an Arrow type may be values of ours.
fn readable(found: &DataType, wanted: &Type) -> bool {
    let found = decoded(found);
    match wanted {
        _ if *found == DataType::Null || is_text(found) => true,
        Type::Json => !matches!(found, DataType::Union(..)),
        Type::List(item) => item_type(found).is_some_and(|found| readable(found, item)),
        Type::Text => !found.is_nested() && can_cast_types(found, &DataType::Utf8),
        Type::Integer | Type::Number | Type::Decimal(..) => found.is_numeric(),
        Type::Boolean => *found == DataType::Boolean,
        Type::Timestamp => found.is_integer() || is_dated(found),
        Type::Date => is_dated(found),
    }
}

/// What the values are, where they are written as numbers of a list of them.
fn decoded(found: &DataType) -> &DataType {
    match found {
        DataType::Dictionary(_, values) => decoded(values),
        DataType::RunEndEncoded(_, values) => decoded(values.data_type()),
        found => found,
    }
}

fn is_text(found: &DataType) -> bool {
    found.is_string() || found.is_binary() || matches!(found, DataType::FixedSizeBinary(_))
}

fn is_date(found: &DataType) -> bool {
    matches!(found, DataType::Date32 | DataType::Date64)
}

fn is_dated(found: &DataType) -> bool {
    matches!(found, DataType::Timestamp(..)) || is_date(found)
}

/// A type in few words, whatever is nested in it.
fn spoken(found: &DataType) -> String {
    match decoded(found) {
        DataType::Struct(_) => "a Parquet struct".to_owned(),
        DataType::Map(..) => "a Parquet map".to_owned(),
        found => match item_type(found) {
            Some(item) if item.is_nested() => "a Parquet list of lists or structs".to_owned(),
            Some(item) => format!("a Parquet list of {item}"),
            None => format!("a Parquet {found}"),
        },
    }
}

/// What to write in the definition for a column of this type.
fn remedy(found: &DataType) -> String {
    let declare = |of: String| format!("declare it as {of}");
    match decoded(found) {
        DataType::Struct(_) => "name one of its fields by path, or declare it as json".to_owned(),
        DataType::Map(..) => "name one of its keys by path, or declare it as json".to_owned(),
        found => match item_type(found).map(ours) {
            Some(Some(item)) => declare(format!("[{item}]")),
            Some(None) => declare("json".to_owned()),
            None => declare(ours(found).unwrap_or("text").to_owned()),
        },
    }
}

/// The type of ours that takes a type's values as they are.
fn ours(found: &DataType) -> Option<&'static str> {
    match decoded(found) {
        found if found.is_nested() => None,
        found if found.is_decimal() => Some("decimal(p,s)"),
        found if found.is_integer() => Some("integer"),
        found if found.is_numeric() => Some("number"),
        found if is_date(found) => Some("date"),
        DataType::Boolean => Some("boolean"),
        DataType::Timestamp(..) => Some("timestamp"),
        _ => Some("text"),
    }
}
