//! Rows of a columnar file whose columns are all text, told as objects of these texts: so that they
//! can be told in a line, and a reject shows the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray};
use arrow::datatypes::{DataType, Field, Schema};

pub type Texts = BTreeMap<String, Option<String>>;

/// A row's texts by its columns, all of which it names.
pub fn texts(payload: &str) -> Texts {
    serde_json::from_str(payload).expect("the script has objects of texts")
}

/// Rows with the same columns.
pub fn batch(payloads: &[&str]) -> RecordBatch {
    let rows: Vec<Texts> = payloads.iter().map(|payload| texts(payload)).collect();
    let names: Vec<&String> = rows[0].keys().collect();
    let fields = names.iter().map(|name| Field::new(name.as_str(), DataType::Utf8, true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let column = |name: &&String| {
        let texts: Vec<Option<&str>> = rows.iter().map(|row| row[*name].as_deref()).collect();
        Arc::new(StringArray::from(texts)) as ArrayRef
    };
    let columns = names.iter().map(column).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(schema, columns, &options).expect("columns of text")
}
