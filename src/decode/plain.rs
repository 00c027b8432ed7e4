//! The same values in few of the ways in which a columnar file may hold them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, LargeStringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;

/// The same values where they are not written again and again, in lists of one kind, in texts or bytes of
/// one kind. What Arrow does not know to turn is left as it is.
pub fn plain(column: &ArrayRef) -> ArrayRef {
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
        DataType::Date64 => as_type(&DataType::Date32),
        DataType::FixedSizeBinary(_) => as_type(&DataType::LargeBinary),
        DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => as_type(&DataType::List(Arc::clone(item))),
        _ => Arc::clone(column),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Date64Array;

    #[test]
    fn a_day_has_one_text_however_it_is_stored() {
        let days: ArrayRef = Arc::new(Date64Array::from(vec![86_400_000]));
        let texts = cast(&plain(&days), &DataType::Utf8).expect("text");
        assert_eq!(texts.as_string::<i32>().value(0), "1970-01-02");
    }
}
