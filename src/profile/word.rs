//! Values that fit a word of 64 bits, in their own order.

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType};

use crate::row::{Datum, canonical};

/// Whether every value of the type does.
pub fn fits_a_word(data_type: &DataType) -> bool {
    match data_type {
        DataType::Boolean | DataType::Int64 | DataType::Float64 | DataType::Date32 => true,
        DataType::Timestamp(..) => true,
        DataType::Decimal128(precision, _) => *precision < DECIMAL128_MAX_PRECISION / 2,
        _ => false,
    }
}

/// The word of a value, in the order of values: the greater value has the greater word.
pub fn to_word(value: &Datum) -> i64 {
    match value {
        Datum::Boolean(value) => i64::from(*value),
        Datum::Integer(value) | Datum::Timestamp(value) => *value,
        Datum::Date(value) => i64::from(*value),
        Datum::Decimal(value) => value.get() as i64,
        Datum::Number(value) => {
            // As `f64::total_cmp` orders them, with one zero and one NaN.
            let bits = canonical(*value).to_bits() as i64;
            bits ^ (((bits >> 63) as u64) >> 1) as i64
        }
        other => unreachable!("{other:?} fits no word"),
    }
}

/// The value of a word.
pub fn of_word(data_type: &DataType, word: i64) -> Datum {
    match data_type {
        DataType::Boolean => Datum::Boolean(word != 0),
        DataType::Int64 => Datum::Integer(word),
        DataType::Timestamp(..) => Datum::Timestamp(word),
        DataType::Date32 => Datum::Date(word as i32),
        DataType::Decimal128(..) => Datum::decimal(i128::from(word)),
        DataType::Float64 => {
            let bits = word ^ (((word >> 63) as u64) >> 1) as i64;
            Datum::Number(f64::from_bits(bits as u64))
        }
        other => unreachable!("{other} fits no word"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::TimeUnit;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = (DataType, Datum, Datum)> {
        let short = |number: i64| Datum::decimal(i128::from(number % 10i64.pow(18)));
        prop_oneof![
            any::<[f64; 2]>().prop_map(|of| (DataType::Float64, of.map(Datum::Number))),
            any::<[i64; 2]>().prop_map(|of| (DataType::Int64, of.map(Datum::Integer))),
            any::<[bool; 2]>().prop_map(|of| (DataType::Boolean, of.map(Datum::Boolean))),
            any::<[i32; 2]>().prop_map(|of| (DataType::Date32, of.map(Datum::Date))),
            any::<[i64; 2]>().prop_map(|of| {
                (DataType::Timestamp(TimeUnit::Microsecond, None), of.map(Datum::Timestamp))
            }),
            any::<[i64; 2]>().prop_map(move |of| (DataType::Decimal128(18, 2), of.map(short))),
        ]
        .prop_map(|(data_type, [one, other])| (data_type, one, other))
    }

    proptest! {
        #[test]
        fn words_have_the_order_of_their_values_and_give_them_back(
            (data_type, one, other) in value()
        ) {
            prop_assert!(fits_a_word(&data_type));
            prop_assert_eq!(to_word(&one).cmp(&to_word(&other)), one.cmp(&other));
            prop_assert_eq!(of_word(&data_type, to_word(&one)), one);
        }
    }
}
