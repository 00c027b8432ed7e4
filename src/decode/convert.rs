//! Columns as a columnar file has them to columns of the declared types.
//!
//! What does not fit a type exactly is null and a fault of its row, never a rounded or wrapped value.
//! The exception is a double that is to be a decimal: the last digit is rounded, for nobody can mean all of its
//! digits.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, ListArray, StringArray, new_null_array,
};
use arrow::compute::kernels::cmp;
use arrow::compute::{cast, nullif, or};
use arrow::datatypes::{
    ArrowNativeType, DataType, Date32Type, Float32Type, Float64Type, TimestampMicrosecondType,
};

use arrow::error::ArrowError;

use super::column::Column;
use super::plain::plain;
use super::scalar::ScalarFault;
use super::{documents, moments};
use crate::definition::sql::decimals::decimals;
use crate::plan::Type;
use crate::time::{day_in_years, in_years};

/// Faults of a column, by row.
pub(super) type Faults = Vec<(usize, ScalarFault)>;

pub(super) fn convert(found: &ArrayRef, wanted: &Type, time_zone: &Arc<str>) -> (ArrayRef, Faults) {
    // A text is read as the JSON that it holds; a UUID holds none.
    let is_uuid = matches!(found.data_type(), DataType::FixedSizeBinary(16));
    let is_text = !(is_uuid && *wanted == Type::Json);
    let found = &plain(found);
    match (found.data_type(), wanted) {
        // Such as an empty column of pandas. By Arrow none of its values is null.
        (DataType::Null, _) => {
            (new_null_array(&wanted.arrow(time_zone), found.len()), Faults::new())
        }
        (DataType::LargeUtf8, _) if is_text => {
            let text = found.as_string::<i64>();
            from_texts(text.iter().map(|text| text.map(Ok)), wanted, time_zone)
        }
        (DataType::LargeBinary, _) => {
            let bytes = found.as_binary::<i64>();
            from_texts(bytes.iter().map(|bytes| bytes.map(std::str::from_utf8)), wanted, time_zone)
        }
        (_, Type::Json) => {
            let text = |row| (!found.is_null(row)).then(|| documents::json(found, row));
            let texts = (0..found.len()).map(text);
            (Arc::new(StringArray::from_iter(texts)), Faults::new())
        }
        (DataType::List(_), Type::List(item)) => lists(found.as_list(), item, wanted, time_zone),
        _ => scalars(found, wanted, time_zone),
    }
}

fn from_texts<'a>(
    texts: impl Iterator<Item = Option<Result<&'a str, std::str::Utf8Error>>>,
    wanted: &Type,
    time_zone: &Arc<str>,
) -> (ArrayRef, Faults) {
    let mut column = Column::new(wanted, time_zone);
    let mut faults = Faults::new();
    for (row, text) in texts.enumerate() {
        let pushed = match text {
            None => {
                column.push_null();
                Ok(())
            }
            Some(Ok(text)) => column.push_text(text),
            Some(Err(error)) => {
                column.push_null();
                let message = format!("not UTF-8 at byte {}", error.valid_up_to() + 1);
                Err(ScalarFault::new("not_utf8", message))
            }
        };
        faults.extend(pushed.err().map(|fault| (row, fault)));
    }
    (column.finish(), faults)
}

fn lists(
    found: &ListArray,
    item: &Type,
    wanted: &Type,
    time_zone: &Arc<str>,
) -> (ArrayRef, Faults) {
    let DataType::List(of) = wanted.arrow(time_zone) else {
        unreachable!("a list is a list in Arrow")
    };
    let (items, item_faults) = convert(found.values(), item, time_zone);
    let lists = ListArray::new(of, found.offsets().clone(), items, found.nulls().cloned());
    let mut faults = Faults::new();
    for (item, mut fault) in item_faults {
        // Items that lie in no list, or in one that is null, harm nobody.
        let ends = &found.value_offsets()[1..];
        let row = ends.partition_point(|end| end.as_usize() <= item);
        if row < found.len() && found.is_valid(row) && item >= found.value_offsets()[row].as_usize()
        {
            let place = item - found.value_offsets()[row].as_usize();
            fault.within.insert_str(0, &format!("[{place}]"));
            faults.push((row, fault));
        }
    }
    (without(Arc::new(lists), &faults), faults)
}

/// The column with null where there is a fault.
fn without(column: ArrayRef, faults: &Faults) -> ArrayRef {
    if faults.is_empty() {
        return column;
    }
    let mut bad = vec![false; column.len()];
    faults.iter().for_each(|(row, _)| bad[*row] = true);
    nullif(&column, &BooleanArray::from(bad)).expect("any column takes nulls")
}

fn refuse(found: &ArrayRef, wanted: &Type, time_zone: &Arc<str>, what: &str) -> (ArrayRef, Faults) {
    let fault = || ScalarFault::wrong_type(format!("expected {}, found {what}", wanted.spoken()));
    let faults = (0..found.len()).filter(|row| found.is_valid(*row)).map(|row| (row, fault()));
    (new_null_array(&wanted.arrow(time_zone), found.len()), faults.collect())
}

fn scalars(found: &ArrayRef, wanted: &Type, time_zone: &Arc<str>) -> (ArrayRef, Faults) {
    let converted = match wanted {
        Type::Json | Type::List(_) => {
            let what = found.data_type().to_string();
            return refuse(found, wanted, time_zone, &what);
        }
        // Arrow's cast gives up on all for one that it can't write.
        Type::Text if found.data_type().is_temporal() => {
            let text = |row| found.is_valid(row).then(|| documents::written(found, row)).flatten();
            Ok(Arc::new((0..found.len()).map(text).collect::<StringArray>()) as ArrayRef)
        }
        Type::Decimal(..) if found.data_type().is_floating() => {
            decimals(found, &wanted.arrow(time_zone), true).map_err(ArrowError::from)
        }
        Type::Timestamp => moments::instants(found, time_zone),
        Type::Date => moments::days(found, time_zone),
        _ => cast(found, &wanted.arrow(time_zone)),
    };
    let mut column = match converted {
        Ok(column) => column,
        Err(_) => {
            let what = found.data_type().to_string();
            return refuse(found, wanted, time_zone, &what);
        }
    };
    let mut bad = lost(found, &column);
    match wanted {
        Type::Integer | Type::Decimal(..) if rounds(found.data_type(), wanted) => {
            // What comes back as something else was not whole, or had more digits.
            let back = cast(&column, found.data_type());
            let changed = back.and_then(|back| cmp::distinct(&back, &with_one_zero(found)));
            bad = changed.and_then(|changed| or(&bad, &changed)).unwrap_or(bad);
        }
        Type::Number => {
            let numbers = column.as_primitive::<Float64Type>();
            bad = within(numbers.iter(), bad, |number| number.is_finite());
            // There is one zero.
            column = Arc::new(numbers.unary::<_, Float64Type>(|number| number + 0.0));
        }
        Type::Timestamp => {
            let instants = column.as_primitive::<TimestampMicrosecondType>();
            bad = within(instants.iter(), bad, in_years);
        }
        Type::Date => {
            let days = column.as_primitive::<Date32Type>();
            bad = within(days.iter(), bad, |day| day_in_years(day.into()));
        }
        _ => {}
    }
    let faults: Faults = (0..found.len())
        .filter(|row| bad.value(*row))
        .map(|row| {
            let value = documents::text(found, row);
            (row, ScalarFault::out_of_range(format!("{value} does not fit {}", wanted.spoken())))
        })
        .collect();
    (without(column, &faults), faults)
}

/// A zero with a sign is zero.
fn with_one_zero(found: &ArrayRef) -> ArrayRef {
    match found.data_type() {
        DataType::Float64 => {
            Arc::new(found.as_primitive::<Float64Type>().unary::<_, Float64Type>(|of| of + 0.0))
        }
        DataType::Float32 => {
            Arc::new(found.as_primitive::<Float32Type>().unary::<_, Float32Type>(|of| of + 0.0))
        }
        _ => Arc::clone(found),
    }
}

/// Which values became null.
fn lost(found: &ArrayRef, column: &ArrayRef) -> BooleanArray {
    (0..found.len()).map(|row| Some(found.is_valid(row) && column.is_null(row))).collect()
}

fn within<T>(
    values: impl Iterator<Item = Option<T>>,
    bad: BooleanArray,
    fits: impl Fn(T) -> bool,
) -> BooleanArray {
    let unfit = values.map(|value| value.is_some_and(|value| !fits(value)));
    unfit.zip(bad.iter()).map(|(unfit, bad)| Some(unfit || bad == Some(true))).collect()
}

/// Whether Arrow's cast may lose digits that count.
fn rounds(found: &DataType, wanted: &Type) -> bool {
    match wanted {
        Type::Integer => found.is_floating() || found.is_decimal(),
        Type::Decimal(..) => found.is_decimal(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns;
    use crate::row::Datum;
    use arrow::array::{
        BinaryArray, Date32Array, Decimal128Array, FixedSizeBinaryArray, Float64Array, Int64Array,
        StringArray, TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray,
        UInt64Array,
    };
    use arrow::datatypes::Int64Type;

    /// What the values of a column are read as.
    fn read(found: impl Array + 'static, wanted: Type) -> (Vec<Option<Datum>>, Vec<String>) {
        let found: ArrayRef = Arc::new(found);
        let zone: Arc<str> = "Europe/Berlin".into();
        let (column, faults) = convert(&found, &wanted, &zone);
        assert_eq!(column.data_type(), &wanted.arrow(&zone));
        let values = (0..column.len()).map(|row| columns::datum(&column, row)).collect();
        let faults = faults
            .iter()
            .map(|(row, fault)| format!("{row} {} {}{}", fault.code, fault.within, fault.message));
        (values, faults.collect())
    }

    #[test]
    fn a_zero_with_a_sign_is_a_whole_number() {
        let (values, faults) = read(Float64Array::from(vec![-0.0, -1.0]), Type::Integer);
        assert_eq!(values, [Some(Datum::Integer(0)), Some(Datum::Integer(-1))]);
        assert!(faults.is_empty(), "{faults:?}");
    }

    #[test]
    fn what_fits_a_type_is_kept_and_what_does_not_is_told() {
        let (values, faults) =
            read(Float64Array::from(vec![Some(12.0), None, Some(12.5), Some(1e30)]), Type::Integer);
        assert_eq!(values, [Some(Datum::Integer(12)), None, None, None]);
        assert_eq!(
            faults,
            [
                "2 out_of_range 12.5 does not fit integer",
                "3 out_of_range 1e30 does not fit integer"
            ]
        );

        let cents = Decimal128Array::from(vec![1_500, 1_505, 99_999_999]);
        let cents = cents.with_precision_and_scale(12, 3).unwrap();
        let (values, faults) = read(cents, Type::Decimal(6, 2));
        assert_eq!(values, [Some(Datum::decimal(150)), None, None]);
        assert_eq!(faults.len(), 2);

        // By the digits that it is written with, of which 0.285 * 100 or 4503599627370498 * 100 has others.
        let doubles = vec![0.1, 0.125, 0.285, -1.005, 4_503_599_627_370_498.0, 1e19, f64::NAN];
        let (values, faults) = read(Float64Array::from(doubles), Type::Decimal(20, 2));
        let mut wanted: Vec<_> = [10, 13, 29, -101, 450_359_962_737_049_800]
            .map(|cents| Some(Datum::decimal(cents)))
            .into();
        wanted.extend([None, None]);
        assert_eq!(values, wanted);
        assert_eq!(
            faults,
            [
                "5 out_of_range 1e19 does not fit decimal(20,2)",
                "6 out_of_range NaN does not fit decimal(20,2)"
            ]
        );

        let (values, faults) = read(Float64Array::from(vec![f64::NAN, 1.5]), Type::Number);
        assert_eq!(values, [None, Some(Datum::Number(1.5))]);
        assert_eq!(faults, ["0 out_of_range NaN does not fit number"]);

        let (values, faults) = read(UInt64Array::from(vec![u64::MAX, 1]), Type::Integer);
        assert_eq!(values, [None, Some(Datum::Integer(1))]);
        assert_eq!(faults, ["0 out_of_range 18446744073709551615 does not fit integer"]);

        let (values, faults) = read(StringArray::from(vec!["0.29", "x"]), Type::Decimal(12, 2));
        assert_eq!(values, [Some(Datum::decimal(29)), None]);
        assert_eq!(faults, ["1 wrong_type expected a decimal(12,2): x is not a number"]);

        let uuid = FixedSizeBinaryArray::try_from_iter([[0x1f_u8; 16]].iter()).expect("16 bytes");
        let (values, faults) = read(uuid, Type::Json);
        let text = "\"1f1f1f1f-1f1f-1f1f-1f1f-1f1f1f1f1f1f\"";
        assert_eq!((values, faults.len()), (vec![Some(Datum::Text(text.into()))], 0));

        let (values, faults) = read(BinaryArray::from(vec![&b"ok"[..], b"\xff"]), Type::Text);
        assert_eq!(values, [Some(Datum::Text("ok".into())), None]);
        assert_eq!(faults, ["1 not_utf8 not UTF-8 at byte 1"]);
    }

    #[test]
    fn instants_are_utc_whatever_the_zone_of_the_definition() {
        let noon = Some(Datum::Timestamp(1_751_673_600_000_000));
        let millis = 1_751_673_600_000;
        let naive = TimestampMillisecondArray::from(vec![millis]);
        assert_eq!(read(naive.clone(), Type::Timestamp).0, std::slice::from_ref(&noon));
        assert_eq!(
            read(naive.with_timezone("+05:00"), Type::Timestamp).0,
            std::slice::from_ref(&noon)
        );
        let (values, faults) = read(Int64Array::from(vec![millis, i64::MAX]), Type::Timestamp);
        assert_eq!(values, [noon.clone(), None]);
        assert_eq!(faults, ["1 out_of_range 9223372036854775807 does not fit timestamp"]);
        // What is finer than a microsecond is cut off, before the epoch too.
        let finer = TimestampNanosecondArray::from(vec![-1, 1_999]);
        let (values, _) = read(finer, Type::Timestamp);
        assert_eq!(values, [-1, 1].map(|micros| Some(Datum::Timestamp(micros))));
    }

    #[test]
    fn a_day_begins_and_ends_by_the_clocks_of_the_definition() {
        let midnight = 1_751_666_400;
        let (values, faults) = read(Date32Array::from(vec![20_274, 2_932_898]), Type::Timestamp);
        assert_eq!(values, [Some(Datum::Timestamp(midnight * 1_000_000)), None]);
        assert_eq!(faults, ["1 out_of_range +10000-01-02 does not fit timestamp"]);
        let late = TimestampSecondArray::from(vec![midnight - 1, midnight]).with_timezone("UTC");
        let days = [20_273, 20_274].map(|day| Some(Datum::Date(day)));
        assert_eq!(read(late, Type::Date).0, days);
        let far = TimestampSecondArray::from(vec![i64::MAX, -62_135_596_801, 253_402_300_799]);
        let (values, faults) = read(far, Type::Timestamp);
        assert_eq!(values, [None, None, Some(Datum::Timestamp(253_402_300_799_000_000))]);
        assert_eq!(faults.len(), 2);
        let (values, faults) = read(Date32Array::from(vec![-719_163, i32::MAX]), Type::Date);
        assert_eq!((values, faults.len()), (vec![None, None], 2));
    }

    #[test]
    fn what_has_no_text_costs_its_row_alone() {
        let text = |text: &str| Some(Datum::Text(text.into()));
        let days = Date32Array::from(vec![Some(0), Some(i32::MAX), None]);
        let (values, faults) = read(days.clone(), Type::Text);
        assert_eq!(values, [text("1970-01-01"), None, None]);
        assert_eq!(faults, ["1 out_of_range 2147483647 does not fit text"]);
        // A json takes what is stored, never what went wrong.
        let (values, faults) = read(days, Type::Json);
        assert_eq!(values, [text("\"1970-01-01\""), text("\"2147483647\""), None]);
        assert!(faults.is_empty());
        let far = TimestampSecondArray::from(vec![i64::MAX, 0]);
        assert_eq!(read(far.clone(), Type::Text).0, [None, text("1970-01-01T00:00:00")]);
        assert_eq!(read(far, Type::Json).0[0], text("\"9223372036854775807\""));
    }

    #[test]
    fn a_bad_item_spoils_its_list_alone() {
        let lists = ListArray::from_iter_primitive::<Int64Type, _, _>(vec![
            Some(vec![Some(1), None]),
            None,
            Some(vec![]),
            Some(vec![Some(2), Some(3)]),
        ]);
        let text = |text: &str| Datum::Text(text.into());
        let (values, faults) = read(lists, Type::List(Box::new(Type::Text)));
        assert_eq!(
            values,
            [
                Some(Datum::List([text("1")].into())),
                None,
                Some(Datum::List([].into())),
                Some(Datum::List([text("2"), text("3")].into())),
            ]
        );
        assert!(faults.is_empty());
        let lists = ListArray::from_iter_primitive::<Float64Type, _, _>(vec![
            Some(vec![Some(1.0)]),
            Some(vec![Some(2.0), Some(2.5)]),
        ]);
        let (values, faults) = read(lists.slice(1, 1), Type::List(Box::new(Type::Integer)));
        assert_eq!(values, [None]);
        assert_eq!(faults, ["0 out_of_range [1]2.5 does not fit integer"]);
    }
}
