//! Between Arrow's columns and single values.
//!
//! Expressions speak Arrow, the dataflow speaks [`Datum`]: this is the only place where one becomes
//! the other. A map is the list of its entries. A null is `None` on either side; a list's null items have no `Datum` and are left out.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, GenericListArray, MapArray,
    OffsetSizeTrait, PrimitiveArray, StringArray, StructArray, TimestampMicrosecondArray,
    new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, FieldRef, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};

use crate::row::Datum;

/// The value of a row; `None` for null.
///
/// # Panics
/// If the column has a type that the language does not know: the plan admits none.
pub fn datum(array: &ArrayRef, row: usize) -> Option<Datum> {
    let mut found = None;
    visit(array.as_ref(), &mut std::iter::once(row), &mut |_, value| found = Some(value));
    found
}

/// The given rows' values, those that are not null: what `datum` gives, with the column's type
/// looked at once.
///
/// # Panics
/// As [`datum`].
pub fn for_each(
    array: &ArrayRef,
    rows: impl IntoIterator<Item = usize>,
    mut take: impl FnMut(usize, Datum),
) {
    visit(array.as_ref(), &mut rows.into_iter(), &mut take);
}

type RowIndexes<'a> = dyn Iterator<Item = usize> + 'a;
type Take<'a> = dyn FnMut(usize, Datum) + 'a;

fn visit(array: &dyn Array, rows: &mut RowIndexes<'_>, take: &mut Take<'_>) {
    match array.data_type() {
        DataType::Null => {}
        DataType::Boolean => {
            let values = array.as_boolean();
            for row in rows.filter(|row| values.is_valid(*row)) {
                take(row, Datum::Boolean(values.value(row)));
            }
        }
        DataType::Int64 => primitives::<Int64Type>(array, rows, Datum::Integer, take),
        DataType::Int32 => primitives::<Int32Type>(array, rows, |v| Datum::Integer(v.into()), take),
        DataType::Int16 => primitives::<Int16Type>(array, rows, |v| Datum::Integer(v.into()), take),
        DataType::Int8 => primitives::<Int8Type>(array, rows, |v| Datum::Integer(v.into()), take),
        DataType::UInt64 => primitives::<UInt64Type>(array, rows, unsigned, take),
        DataType::UInt32 => {
            primitives::<UInt32Type>(array, rows, |v| Datum::Integer(v.into()), take)
        }
        DataType::UInt16 => {
            primitives::<UInt16Type>(array, rows, |v| Datum::Integer(v.into()), take)
        }
        DataType::UInt8 => primitives::<UInt8Type>(array, rows, |v| Datum::Integer(v.into()), take),
        // There is one zero: `-0.0` is `0.0`, so that no result depends on which came first.
        DataType::Float64 => {
            primitives::<Float64Type>(array, rows, |v| Datum::Number(v + 0.0), take)
        }
        DataType::Float32 => {
            primitives::<Float32Type>(array, rows, |v| Datum::Number(v.into()), take)
        }
        DataType::Decimal128(..) => {
            primitives::<Decimal128Type>(array, rows, Datum::decimal, take);
        }
        DataType::Date32 => primitives::<Date32Type>(array, rows, Datum::Date, take),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            primitives::<TimestampMicrosecondType>(array, rows, Datum::Timestamp, take);
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            let micros = |nanos: i64| Datum::Timestamp(nanos.div_euclid(1_000));
            primitives::<TimestampNanosecondType>(array, rows, micros, take);
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            let micros = |millis: i64| Datum::Timestamp(millis.saturating_mul(1_000));
            primitives::<TimestampMillisecondType>(array, rows, micros, take);
        }
        DataType::Timestamp(TimeUnit::Second, _) => {
            let micros = |seconds: i64| Datum::Timestamp(seconds.saturating_mul(1_000_000));
            primitives::<TimestampSecondType>(array, rows, micros, take);
        }
        DataType::Utf8 => {
            let values = array.as_string::<i32>();
            for row in rows.filter(|row| values.is_valid(*row)) {
                take(row, Datum::Text(values.value(row).into()));
            }
        }
        DataType::LargeUtf8 => {
            let values = array.as_string::<i64>();
            for row in rows.filter(|row| values.is_valid(*row)) {
                take(row, Datum::Text(values.value(row).into()));
            }
        }
        DataType::Utf8View => {
            let values = array.as_string_view();
            for row in rows.filter(|row| values.is_valid(*row)) {
                take(row, Datum::Text(values.value(row).into()));
            }
        }
        DataType::Struct(_) => structs(array.as_struct(), rows, take),
        DataType::List(_) => lists(array.as_list::<i32>(), rows, take),
        DataType::Map(..) => {
            let maps = array.as_map();
            for row in rows.filter(|row| maps.is_valid(*row)) {
                let entries = maps.value(row);
                let mut list = Vec::with_capacity(entries.len());
                visit(&entries, &mut (0..entries.len()), &mut |_, entry| list.push(entry));
                take(row, Datum::List(list.into()));
            }
        }
        DataType::LargeList(_) => lists(array.as_list::<i64>(), rows, take),
        other => unreachable!("a plan has no column of type {other}"),
    }
}

fn unsigned(value: u64) -> Datum {
    Datum::Integer(i64::try_from(value).unwrap_or(i64::MAX))
}

fn primitives<T: ArrowPrimitiveType>(
    array: &dyn Array,
    rows: &mut RowIndexes<'_>,
    make: impl Fn(T::Native) -> Datum,
    take: &mut Take<'_>,
) {
    let values = array.as_primitive::<T>();
    for row in rows.filter(|row| values.is_valid(*row)) {
        take(row, make(values.value(row)));
    }
}

fn lists<O: OffsetSizeTrait>(
    lists: &GenericListArray<O>,
    rows: &mut RowIndexes<'_>,
    take: &mut Take<'_>,
) {
    for row in rows.filter(|row| lists.is_valid(*row)) {
        let items = lists.value(row);
        let mut list = Vec::with_capacity(items.len());
        visit(items.as_ref(), &mut (0..items.len()), &mut |_, item| list.push(item));
        take(row, Datum::List(list.into()));
    }
}

fn structs(structs: &StructArray, rows: &mut RowIndexes<'_>, take: &mut Take<'_>) {
    for row in rows.filter(|row| structs.is_valid(*row)) {
        let fields = structs.columns().iter().map(|field| datum(field, row));
        take(row, Datum::Struct(fields.collect()));
    }
}

/// A column of the given type, one row a value.
///
/// # Panics
/// If a value is not of that type, or the language does not know the type: the plan says which.
pub fn array<'a>(
    data_type: &DataType,
    values: impl IntoIterator<Item = Option<&'a Datum>>,
) -> ArrayRef {
    // One instance of the code for all of the callers' iterators.
    build(data_type, &mut values.into_iter())
}

fn build(data_type: &DataType, values: &mut dyn Iterator<Item = Option<&Datum>>) -> ArrayRef {
    let other =
        |found: &Datum| -> ! { unreachable!("a column of {data_type} was given {found:?}") };
    match data_type {
        DataType::Null => new_null_array(data_type, values.count()),
        DataType::Boolean => Arc::new(BooleanArray::from_iter(values.map(|value| {
            value.map(|value| match value {
                Datum::Boolean(value) => *value,
                found => other(found),
            })
        }))),
        DataType::Int64 => Arc::new(PrimitiveArray::<Int64Type>::from_iter(values.map(|value| {
            value.map(|value| match value {
                Datum::Integer(value) => *value,
                found => other(found),
            })
        }))),
        DataType::Float64 => {
            Arc::new(PrimitiveArray::<Float64Type>::from_iter(values.map(|value| {
                value.map(|value| match value {
                    Datum::Number(value) => *value,
                    found => other(found),
                })
            })))
        }
        DataType::Decimal128(precision, scale) => Arc::new(
            Decimal128Array::from_iter(values.map(|value| {
                value.map(|value| match value {
                    Datum::Decimal(value) => value.get(),
                    found => other(found),
                })
            }))
            .with_precision_and_scale(*precision, *scale)
            .expect("a plan's precision and scale are valid"),
        ),
        DataType::Date32 => {
            Arc::new(PrimitiveArray::<Date32Type>::from_iter(values.map(|value| {
                value.map(|value| match value {
                    Datum::Date(value) => *value,
                    found => other(found),
                })
            })))
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => Arc::new(
            TimestampMicrosecondArray::from_iter(values.map(|value| {
                value.map(|value| match value {
                    Datum::Timestamp(value) => *value,
                    found => other(found),
                })
            }))
            .with_timezone_opt(zone.clone()),
        ),
        DataType::Utf8 => Arc::new(StringArray::from_iter(values.map(|value| {
            value.map(|value| match value {
                Datum::Text(value) => value.as_str(),
                found => other(found),
            })
        }))),
        DataType::List(item) | DataType::Map(item, _) => {
            let lists: Vec<Option<&[Datum]>> = values
                .map(|value| {
                    value.map(|value| match value {
                        Datum::List(items) => items.as_ref(),
                        found => other(found),
                    })
                })
                .collect();
            let items = lists.iter().flatten().flat_map(|list| list.iter()).map(Some);
            let items = build(item.data_type(), &mut { items });
            let lengths = lists.iter().map(|list| list.map_or(0, <[Datum]>::len));
            let offsets = OffsetBuffer::from_lengths(lengths);
            let nulls = Some(NullBuffer::from_iter(lists.iter().map(Option::is_some)));
            match data_type {
                DataType::Map(_, sorted) => {
                    // An entry is there, and so is its key.
                    let (fields, columns, _) = items.as_struct().clone().into_parts();
                    let entries = StructArray::new(fields, columns, None);
                    Arc::new(MapArray::new(Arc::clone(item), offsets, entries, nulls, *sorted))
                }
                _ => {
                    Arc::new(GenericListArray::<i32>::new(Arc::clone(item), offsets, items, nulls))
                }
            }
        }
        DataType::Struct(fields) => {
            let structs: Vec<Option<&[Option<Datum>]>> = values
                .map(|value| {
                    value.map(|value| match value {
                        Datum::Struct(values) => values.as_ref(),
                        found => other(found),
                    })
                })
                .collect();
            let column = |(index, field): (usize, &FieldRef)| {
                let values = structs.iter().map(|values| values.and_then(|v| v[index].as_ref()));
                build(field.data_type(), &mut { values })
            };
            Arc::new(StructArray::new(
                fields.clone(),
                fields.iter().enumerate().map(column).collect(),
                Some(NullBuffer::from_iter(structs.iter().map(Option::is_some))),
            ))
        }
        narrower => match wider(narrower) {
            Some(wide) => cast(&build(&wide, values), narrower)
                .expect("Arrow narrows integers, numbers, text and instants"),
            None => unreachable!("a plan has no column of type {narrower}"),
        },
    }
}

/// The type that a `Datum` of this Arrow type has of itself.
fn wider(data_type: &DataType) -> Option<DataType> {
    match data_type {
        integer if integer.is_integer() => Some(DataType::Int64),
        DataType::Float32 => Some(DataType::Float64),
        DataType::LargeUtf8 | DataType::Utf8View => Some(DataType::Utf8),
        DataType::Timestamp(_, zone) => {
            Some(DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))
        }
        DataType::LargeList(item) => Some(DataType::List(Arc::clone(item))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::map_of;
    use arrow::datatypes::{Field, Fields};

    fn zone() -> Option<Arc<str>> {
        Some(Arc::from("Europe/Berlin"))
    }

    fn list_of(item: DataType) -> DataType {
        DataType::List(Arc::new(Field::new("item", item, true)))
    }

    #[test]
    fn what_goes_into_a_column_comes_out_of_it() {
        let text = |value: &str| Datum::Text(value.into());
        let cases: Vec<(DataType, Vec<Datum>)> = vec![
            (DataType::Boolean, vec![Datum::Boolean(true), Datum::Boolean(false)]),
            (DataType::Int64, vec![Datum::Integer(i64::MIN), Datum::Integer(7)]),
            (DataType::Int32, vec![Datum::Integer(-5), Datum::Integer(7)]),
            (DataType::UInt64, vec![Datum::Integer(0), Datum::Integer(i64::MAX)]),
            (DataType::Float64, vec![Datum::Number(0.1), Datum::Number(-1e300)]),
            (DataType::Decimal128(12, 2), vec![Datum::decimal(12345), Datum::decimal(-1)]),
            (DataType::Utf8, vec![text(""), text("zoë")]),
            (DataType::Utf8View, vec![text("a text longer than twelve bytes"), text("x")]),
            (DataType::LargeUtf8, vec![text("x")]),
            (
                DataType::Timestamp(TimeUnit::Microsecond, zone()),
                vec![Datum::Timestamp(1_720_137_600_000_001), Datum::Timestamp(-1)],
            ),
            (
                DataType::Timestamp(TimeUnit::Nanosecond, None),
                vec![Datum::Timestamp(1_720_137_600_000_001), Datum::Timestamp(-1)],
            ),
            (DataType::Date32, vec![Datum::Date(20_000), Datum::Date(-1)]),
            (
                list_of(DataType::Utf8),
                vec![Datum::List([text("a"), text("b")].into()), Datum::List([].into())],
            ),
            (
                list_of(list_of(DataType::Int64)),
                vec![Datum::List([Datum::List([Datum::Integer(1)].into())].into())],
            ),
            (
                list_of(DataType::Struct(Fields::from(vec![
                    Field::new("value", DataType::Utf8, true),
                    Field::new("count", DataType::Int64, true),
                ]))),
                vec![Datum::List(
                    [
                        Datum::Struct([Some(text("a")), Some(Datum::Integer(2))].into()),
                        Datum::Struct([None, Some(Datum::Integer(1))].into()),
                    ]
                    .into(),
                )],
            ),
            (
                map_of(DataType::Decimal128(12, 2)),
                vec![
                    Datum::List(
                        [
                            Datum::Struct([Some(text("EUR")), Some(Datum::decimal(-5))].into()),
                            Datum::Struct([Some(text("USD")), None].into()),
                        ]
                        .into(),
                    ),
                    Datum::List([].into()),
                ],
            ),
        ];
        for (data_type, values) in cases {
            let mut given: Vec<Option<&Datum>> = vec![None];
            given.extend(values.iter().map(Some));
            given.push(None);
            let column = array(&data_type, given.iter().copied());
            assert_eq!(column.data_type(), &data_type);
            let back: Vec<_> = (0..column.len()).map(|row| datum(&column, row)).collect();
            assert_eq!(back.iter().map(Option::as_ref).collect::<Vec<_>>(), given, "{data_type}");

            let mut seen = Vec::new();
            let middle = column.slice(1, values.len());
            for_each(&middle, 0..values.len(), |row, value| seen.push((row, value)));
            assert_eq!(seen, values.into_iter().enumerate().collect::<Vec<_>>(), "{data_type}");
        }
    }

    #[test]
    fn the_null_type_has_no_values() {
        assert_eq!(datum(&array(&DataType::Null, [None, None]), 1), None);
    }
}
