//! Columns of a columnar file as they are found: by their paths, and in few of the ways in which a file may
//! hold the same values.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, LargeStringArray, RecordBatch};
use arrow::compute::{cast, is_null, nullif};
use arrow::datatypes::DataType;

use super::documents;

/// The column at a path, of structs and maps; null where one of those around it is.
pub(super) fn find(batch: &RecordBatch, path: &[String]) -> Option<ArrayRef> {
    let (root, inner) = path.split_first()?;
    let mut column = plain(batch.column_by_name(root)?);
    for key in inner {
        if let Some(map) = column.as_map_opt() {
            column = plain(&documents::under(map, key));
            continue;
        }
        let parent = column.as_struct_opt()?;
        let child = parent.column_by_name(key)?;
        column = plain(&nullif(child, &is_null(parent).ok()?).ok()?);
    }
    Some(column)
}

/// The same values where they are not written again and again, in lists of one kind, in texts or bytes of
/// one kind. What Arrow does not know to turn is left as it is.
pub(super) fn plain(column: &ArrayRef) -> ArrayRef {
    let as_type = |wanted: &DataType| cast(column, wanted).unwrap_or_else(|_| Arc::clone(column));
    match column.data_type() {
        DataType::Dictionary(_, values) => plain(&as_type(values)),
        DataType::RunEndEncoded(_, values) => plain(&as_type(values.data_type())),
        DataType::Utf8 | DataType::Utf8View => as_type(&DataType::LargeUtf8),
        DataType::Binary | DataType::BinaryView => as_type(&DataType::LargeBinary),
        // Parquet's UUIDs.
        DataType::FixedSizeBinary(16) => {
            let uuids = column.as_fixed_size_binary();
            let uuid = |bytes: &[u8]| {
                let hex = const_hex::encode(bytes);
                [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
            };
            Arc::new(LargeStringArray::from_iter(uuids.iter().map(|bytes| bytes.map(uuid))))
        }
        DataType::FixedSizeBinary(_) => as_type(&DataType::LargeBinary),
        DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => as_type(&DataType::List(Arc::clone(item))),
        _ => Arc::clone(column),
    }
}
