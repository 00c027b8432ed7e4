//! The first rows of a Parquet file: its columns say their types themselves, and each is tried as a run reads by it.

use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, TimeUnit};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use selfsame::internals::decode::tried::read_as;
use selfsame::internals::plan::{Format, Type, item_type};

use super::sample::{
    BYTES, Origin, ROWS, SHOWN, Sample, SampledCell, SampledColumn, StoredType, TextShape, step,
};

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
    let ColumnarTable { columns, rows, passed_over } =
        read.unwrap_or_else(|_| Err("it is damaged".to_owned())).map_err(wrong)?;
    if rows == 0 {
        return Err(format!("{}: it has no rows", path.display()));
    }
    let origin = Origin::Files(vec![path.to_owned()]);
    let form = TextShape { format: Format::Parquet, ..TextShape::default() };
    Ok(Sample { origin, form, columns, rows, bad: 0, passed_over })
}

/// What a file has.
struct ColumnarTable {
    columns: Vec<SampledColumn>,
    rows: usize,
    /// What no field can be made of, and why.
    passed_over: Vec<String>,
}

fn read(path: &Path) -> Result<ColumnarTable, String> {
    let file = File::open(path).map_err(|why| why.to_string())?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|why| why.to_string())?;
    let schema = builder.schema().clone();
    let batches = builder.with_limit(ROWS).build().map_err(|why| why.to_string())?;
    let (mut some, mut bytes) = (Vec::new(), 0);
    for batch in batches {
        let batch = batch.map_err(|why| why.to_string())?;
        bytes += batch.get_array_memory_size() as u64;
        some.push(batch);
        if bytes >= BYTES {
            break;
        }
    }
    let all = concat_batches(&schema, &some).map_err(|why| why.to_string())?;
    let mut table =
        ColumnarTable { columns: Vec::new(), rows: all.num_rows(), passed_over: Vec::new() };
    for (field, array) in schema.fields().iter().zip(all.columns()) {
        let Some(path) = step("", field.name()) else { continue };
        flatten(&path, array, 1, &mut table);
    }
    Ok(table)
}

fn flatten(path: &str, array: &ArrayRef, depth: usize, table: &mut ColumnarTable) {
    if let DataType::Struct(fields) = array.data_type()
        && depth < DEPTH
    {
        for (field, column) in fields.iter().zip(array.as_struct().columns()) {
            if let Some(path) = step(path, field.name()) {
                flatten(&path, column, depth + 1, table);
            }
        }
        return;
    }
    match stored(array) {
        Some((of, stored)) => {
            let values = values(array, &of);
            table.columns.push(SampledColumn {
                path: path.to_owned(),
                stored: Some(stored),
                values,
            });
        }
        None => table
            .passed_over
            .push(format!("{path} has values that no field holds, such as bytes that are no text")),
    }
}

/// The type that a column is read as, and of which values it has no room; `None` where no field reads all of them.
fn stored(array: &ArrayRef) -> Option<(Type, StoredType)> {
    let mut of = typed(array.data_type());
    let mut misfits = read_as(array, &of).1;
    if of == Type::Integer && !misfits.is_empty() {
        // As many digits as 64 bits without a sign have.
        let wider = Type::Decimal(20, 0);
        let of_wider = read_as(array, &wider).1;
        if of_wider.is_empty() {
            (of, misfits) = (wider, of_wider);
        }
    }
    let mut unfit = Vec::new();
    if !misfits.is_empty() {
        if matches!(of, Type::Text | Type::Json | Type::List(_)) {
            return None;
        }
        let (texts, unreadable) = read_as(array, &Type::Text);
        if !unreadable.is_empty() {
            return None;
        }
        let texts = texts.as_string::<i32>();
        unfit.extend(misfits.iter().take(SHOWN).map(|row| texts.value(*row).to_owned()));
    }
    let data_type = written(&of);
    Some((of, StoredType { data_type, unfit, misfits: misfits.len() }))
}

/// What is in a column, by row.
fn values(array: &ArrayRef, of: &Type) -> Vec<Option<SampledCell>> {
    let all = |cell: SampledCell| {
        (0..array.len()).map(|row| array.is_valid(row).then(|| cell.clone())).collect()
    };
    let texts = |array: &ArrayRef| {
        let texts = read_as(array, &Type::Text).0;
        let texts = texts.as_string::<i32>().iter().map(|text| text.map(str::to_owned));
        texts.collect::<Vec<_>>().into_iter()
    };
    match of {
        Type::Boolean => {
            let truths = read_as(array, of).0;
            truths.as_boolean().iter().map(|truth| truth.map(SampledCell::Boolean)).collect()
        }
        Type::Json if is_list_of_structs(array.data_type()) => all(SampledCell::Objects),
        Type::List(item) if **item == Type::Text => {
            let lists = read_as(array, of).0;
            let list = |items: ArrayRef| {
                let items = items.as_string::<i32>().iter().flatten().map(str::to_owned);
                SampledCell::List(items.collect())
            };
            lists.as_list::<i32>().iter().map(|items| items.map(list)).collect()
        }
        Type::Json | Type::List(_) => all(SampledCell::List(Vec::new())),
        Type::Timestamp => {
            let instants = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
            let shown = cast(array, &instants).unwrap_or_else(|_| ArrayRef::clone(array));
            texts(&shown).map(|text| text.map(SampledCell::Text)).collect()
        }
        Type::Integer | Type::Number | Type::Decimal(..) => {
            texts(array).map(|text| text.map(SampledCell::Number)).collect()
        }
        Type::Text | Type::Date => texts(array).map(|text| text.map(SampledCell::Text)).collect(),
    }
}

fn is_list_of_structs(of: &DataType) -> bool {
    item_type(of).is_some_and(|item| matches!(item, DataType::Struct(_)))
}

/// The type of the language that a column is read as, if its values fit. What has a text and no type of its own is text: times of
/// day, lengths of time, UUIDs, and bytes, as some programs store texts.
fn typed(of: &DataType) -> Type {
    match of {
        DataType::Boolean => Type::Boolean,
        DataType::Decimal32(digits, behind)
        | DataType::Decimal64(digits, behind)
        | DataType::Decimal128(digits, behind)
        | DataType::Decimal256(digits, behind)
            if (0..=38).contains(behind) =>
        {
            Type::Decimal((*digits).min(38), *behind)
        }
        integer if integer.is_integer() => Type::Integer,
        number if number.is_numeric() => Type::Number,
        DataType::Timestamp(..) => Type::Timestamp,
        DataType::Date32 | DataType::Date64 => Type::Date,
        DataType::Dictionary(_, of) => typed(of),
        DataType::RunEndEncoded(_, of) => typed(of.data_type()),
        DataType::Struct(_) | DataType::Map(..) | DataType::Union(..) => Type::Json,
        of => match item_type(of).map(typed) {
            None => Type::Text,
            Some(Type::Json | Type::List(_) | Type::Decimal(..)) => Type::Json,
            Some(item) => Type::List(Box::new(item)),
        },
    }
}

/// A type as a definition writes it.
fn written(of: &Type) -> String {
    match of {
        Type::Text => "text".to_owned(),
        Type::Integer => "integer".to_owned(),
        Type::Number => "number".to_owned(),
        Type::Decimal(digits, behind) => format!("\"decimal({digits},{behind})\""),
        Type::Boolean => "boolean".to_owned(),
        Type::Timestamp => "timestamp".to_owned(),
        Type::Date => "date".to_owned(),
        Type::Json => "json".to_owned(),
        Type::List(item) => format!("\"[{}]\"", written(item)),
    }
}
