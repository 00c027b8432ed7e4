//! The first rows of a Parquet file: its columns say their types themselves.

use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use selfsame::internals::plan::Format;

use super::sample::{Origin, ROWS, Sample, SampledCell, SampledColumn, TextShape, step};

/// How deep structs are looked into.
const DEPTH: usize = 4;

/// Whether a file begins as Parquet does.
pub fn is_columnar(path: &Path) -> bool {
    let mut head = [0; 4];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head == *b"PAR1"
}

pub fn sample(path: &Path) -> Result<Sample, String> {
    let wrong = |why: String| format!("{}: not readable as Parquet: {why}", path.display());
    // A damaged file can make the library panic.
    let read = catch_unwind(AssertUnwindSafe(|| read(path)));
    let (columns, rows) =
        read.unwrap_or_else(|_| Err("it is damaged".to_owned())).map_err(wrong)?;
    if rows == 0 {
        return Err(format!("{}: it has no rows", path.display()));
    }
    let origin = Origin::Files(vec![path.to_owned()]);
    let form = TextShape { format: Format::Parquet, ..TextShape::default() };
    Ok(Sample { origin, form, columns, rows, bad: 0, passed_over: Vec::new() })
}

fn read(path: &Path) -> Result<(Vec<SampledColumn>, usize), String> {
    let file = File::open(path).map_err(|why| why.to_string())?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|why| why.to_string())?;
    let batches = builder.with_limit(ROWS).build().map_err(|why| why.to_string())?;
    let (mut columns, mut rows) = (Vec::<SampledColumn>::new(), 0);
    for batch in batches {
        let batch = batch.map_err(|why| why.to_string())?;
        let schema = batch.schema();
        let mut at = 0;
        for (field, array) in schema.fields().iter().zip(batch.columns()) {
            let Some(path) = step("", field.name()) else { continue };
            flatten(&path, array, 1, &mut |path, stored, values| {
                if columns.len() == at {
                    columns.push(SampledColumn { path, stored: Some(stored), values: Vec::new() });
                }
                columns[at].values.extend(values);
                at += 1;
            });
        }
        rows += batch.num_rows();
    }
    Ok((columns, rows))
}

type TakeColumn<'a> = dyn FnMut(String, String, Vec<Option<SampledCell>>) + 'a;

fn flatten(path: &str, array: &ArrayRef, depth: usize, take: &mut TakeColumn<'_>) {
    if let DataType::Struct(fields) = array.data_type()
        && depth < DEPTH
    {
        for (field, column) in fields.iter().zip(array.as_struct().columns()) {
            if let Some(path) = step(path, field.name()) {
                flatten(&path, column, depth + 1, take);
            }
        }
        return;
    }
    let all = |cell: SampledCell| {
        (0..array.len()).map(|row| array.is_valid(row).then(|| cell.clone())).collect()
    };
    let of = stored(array.data_type());
    let values = match array.data_type() {
        DataType::Boolean => {
            array.as_boolean().iter().map(|truth| truth.map(SampledCell::Boolean)).collect()
        }
        DataType::List(item) | DataType::LargeList(item) => match item.data_type() {
            DataType::Struct(_) => all(SampledCell::Objects),
            _ => all(SampledCell::List),
        },
        _ if of == "json" => all(SampledCell::List),
        plain => {
            let instants = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
            let shown = match plain {
                DataType::Timestamp(..) => cast(array, &instants),
                _ => Ok(array.clone()),
            };
            let texts = shown.and_then(|array| cast(&array, &DataType::Utf8));
            let is_number = plain.is_numeric();
            let cell = |text: &str| match is_number {
                true => SampledCell::Number(text.to_owned()),
                false => SampledCell::Text(text.to_owned()),
            };
            match texts {
                Ok(texts) => texts.as_string::<i32>().iter().map(|text| text.map(cell)).collect(),
                Err(_) => vec![None; array.len()],
            }
        }
    };
    take(path.to_owned(), of, values);
}

/// The type of the language that a column is read as.
fn stored(of: &DataType) -> String {
    match of {
        DataType::Boolean => "boolean".to_owned(),
        DataType::Decimal32(digits, behind)
        | DataType::Decimal64(digits, behind)
        | DataType::Decimal128(digits, behind)
        | DataType::Decimal256(digits, behind)
            if (0..=38).contains(behind) =>
        {
            format!("\"decimal({},{behind})\"", (*digits).min(38))
        }
        integer if integer.is_integer() => "integer".to_owned(),
        number if number.is_numeric() => "number".to_owned(),
        DataType::Timestamp(..) => "timestamp".to_owned(),
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::List(item) | DataType::LargeList(item) => match stored(item.data_type()) {
            of if of == "json" || of.contains(['[', '(']) => "json".to_owned(),
            of => format!("\"[{of}]\""),
        },
        DataType::Dictionary(_, of) => stored(of),
        text if text.is_string() => "text".to_owned(),
        DataType::Null => "text".to_owned(),
        _ => "json".to_owned(),
    }
}
