//! `ratio(part, whole)`: how much of one number another is, and null of nothing.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, i256};
use datafusion_common::{Result, ScalarValue, plan_err};
use datafusion_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use super::own::SECTION;

pub fn function() -> ScalarUDF {
    let signature = Signature::user_defined(Volatility::Immutable);
    let about = Documentation::builder(SECTION, "", "ratio(part, whole)").build();
    ScalarUDF::new_from_impl(Ratio { signature, about })
}

/// Division of whole numbers is whole, so that of two counts it is 0 or null; here it is a number. Of whole numbers and
/// decimals it is the one that is nearest to what they come to, so that 0.30 of 3.00 is the 0.1 that somebody writes.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Ratio {
    signature: Signature,
    about: Documentation,
}

impl ScalarUDFImpl for Ratio {
    fn name(&self) -> &str {
        "ratio"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        match given {
            [one, other] => {
                match [one, other].into_iter().find(|of| !of.is_numeric() && !of.is_null()) {
                    Some(found) => plan_err!("ratio takes numbers, found {found}"),
                    None => Ok(taken(one, other)),
                }
            }
            other => {
                plan_err!("ratio is written ratio(part, whole): found {} arguments", other.len())
            }
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, given: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_one = given.args.iter().all(|side| matches!(side, ColumnarValue::Scalar(_)));
        let sides = ColumnarValue::values_to_arrays(&given.args)?;
        let are_exact =
            sides.iter().all(|side| matches!(side.data_type(), DataType::Decimal128(..)));
        let ratios = if are_exact { of_exact(&sides[0], &sides[1]) } else { of_doubles(&sides)? };
        let ratios: ArrayRef = Arc::new(ratios);
        Ok(match is_one {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&ratios, 0)?),
            false => ColumnarValue::Array(ratios),
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.about)
    }
}

/// The types that two numbers are divided in. Whole numbers and decimals stay what they are; beside a double all are one.
fn taken(one: &DataType, other: &DataType) -> Vec<DataType> {
    let exact = |of: &DataType| match of {
        DataType::Decimal32(digits, behind)
        | DataType::Decimal64(digits, behind)
        | DataType::Decimal128(digits, behind) => Some(DataType::Decimal128(*digits, *behind)),
        of if of.is_integer() || of.is_null() => Some(DataType::Decimal128(20, 0)),
        _ => None,
    };
    match (exact(one), exact(other)) {
        (Some(one), Some(other)) => vec![one, other],
        _ => vec![DataType::Float64; 2],
    }
}

fn of_doubles(sides: &[ArrayRef]) -> Result<Float64Array> {
    let double = |side: &ArrayRef| -> Result<Float64Array> {
        Ok(cast(side, &DataType::Float64)?.as_primitive::<Float64Type>().clone())
    };
    let (parts, wholes) = (double(&sides[0])?, double(&sides[1])?);
    let ratio = |(part, whole): (Option<f64>, Option<f64>)| match (part?, whole?) {
        (_, 0.0) => None,
        (part, whole) => Some(part / whole),
    };
    Ok(parts.iter().zip(&wholes).map(ratio).collect())
}

fn of_exact(parts: &ArrayRef, wholes: &ArrayRef) -> Float64Array {
    let parts = parts.as_primitive::<Decimal128Type>();
    let wholes = wholes.as_primitive::<Decimal128Type>();
    let more = i32::from(wholes.scale()) - i32::from(parts.scale());
    let ratio = |(part, whole): (Option<i128>, Option<i128>)| match (part?, whole?) {
        (_, 0) => None,
        (part, whole) => Some(nearest(part, whole, more)),
    };
    parts.iter().zip(wholes).map(ratio).collect()
}

/// The double that is nearest to `part / whole × 10^more`, where `whole` is not 0.
fn nearest(part: i128, whole: i128, more: i32) -> f64 {
    let scaled = |of: i128, by: i32| {
        let by = i256::from_i128(10).checked_pow(by.max(0).unsigned_abs())?;
        i256::from_i128(of).checked_mul(by)
    };
    let Some((part, whole)) = scaled(part, more).zip(scaled(whole, -more)) else {
        // Only where points stand further apart than decimals have digits.
        return part as f64 / whole as f64 * 10f64.powi(more);
    };
    let is_negative = part.is_negative() != whole.is_negative();
    let (part, whole) = (part.wrapping_abs(), whole.wrapping_abs());
    // Decimals have 38 digits, so that twice a rest has room, which is smaller than 10^76.
    let (two, enough) = (i256::from_i128(2), i256::from_i128(1 << 54));
    let (mut quotient, mut rest) = (part.wrapping_div(whole), part.wrapping_rem(whole));
    let mut places = 0;
    while quotient < enough && rest != i256::ZERO {
        rest = rest.wrapping_mul(two);
        quotient = quotient.wrapping_mul(two);
        if rest >= whole {
            rest = rest.wrapping_sub(whole);
            quotient = quotient.wrapping_add(i256::ONE);
        }
        places += 1;
    }
    // That there is more behind the last digit decides what would be a tie. A reader of numbers rounds to the nearest.
    let more = u8::from(rest != i256::ZERO);
    let size: f64 = format!("{quotient}.{more}").parse().expect("a number");
    let size = size * 2f64.powi(-places);
    if is_negative { -size } else { size }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Decimal128Array, Int64Array, RecordBatch};
    use proptest::prelude::*;

    use super::*;
    use crate::columns;
    use crate::definition::sql::Dialect;
    use crate::row::Datum;

    fn called(part: ArrayRef, whole: ArrayRef) -> Result<Vec<Option<Datum>>, String> {
        let sql = "ratio(part, whole)";
        let batch = RecordBatch::try_from_iter([("part", part), ("whole", whole)]).expect("rows");
        let (dialect, schema) = (Dialect::new("UTC"), batch.schema());
        let planned = dialect.plan(sql, &schema).expect("a call");
        let compiled = dialect.compile(planned, &schema, None, sql).expect("a call");
        let ratios = compiled.evaluate(&batch)?;
        Ok((0..ratios.len()).map(|row| columns::datum(&ratios, row)).collect())
    }

    fn of_whole(parts: &[Option<i64>], wholes: &[Option<i64>]) -> Vec<Option<Datum>> {
        let [parts, wholes] =
            [parts, wholes].map(|of| Arc::new(Int64Array::from(of.to_vec())) as ArrayRef);
        called(parts, wholes).expect("ratios")
    }

    #[test]
    fn a_ratio_is_the_first_by_the_second_and_null_of_nothing() {
        let number = |of: f64| Some(Datum::Number(of));
        assert_eq!(of_whole(&[Some(1), Some(4)], &[Some(4), Some(1)]), [number(0.25), number(4.0)]);
        assert_eq!(of_whole(&[Some(2)], &[Some(3)]), [number(2.0 / 3.0)]);
        assert_eq!(
            of_whole(&[Some(0), Some(4), Some(0)], &[Some(4), Some(0), Some(0)]),
            [number(0.0), None, None]
        );
        assert_eq!(of_whole(&[None, Some(4), None], &[Some(4), None, Some(0)]), [None, None, None]);
        assert_eq!(
            of_whole(&[Some(-1), Some(1), Some(-1)], &[Some(4), Some(-4), Some(-4)]),
            [number(-0.25), number(-0.25), number(0.25)]
        );
    }

    fn decimals(digits: &[i128], behind: i8) -> ArrayRef {
        let decimals = Decimal128Array::from(digits.to_vec()).with_precision_and_scale(38, behind);
        Arc::new(decimals.expect("they fit"))
    }

    #[test]
    fn a_ratio_of_what_is_exact_is_the_number_nearest_to_it() {
        let number = |of: f64| Some(Datum::Number(of));
        let ratios = called(decimals(&[3_000, 679_920, 1], 4), decimals(&[300, 33_996, -7], 2));
        assert_eq!(ratios.expect("ratios"), [number(0.1), number(0.2), number(-1.0 / 700.0)]);
        // Past 2^53 not every whole number is a double.
        let (part, whole) = (9_007_199_254_740_993, 9_007_199_254_740_995);
        assert_eq!(of_whole(&[Some(part)], &[Some(part)]), [number(1.0)]);
        let nearest = 1.0 - f64::EPSILON;
        assert_eq!(of_whole(&[Some(part)], &[Some(whole)]), [number(nearest)]);
        let most = 10_i128.pow(38) - 1;
        let ratios = called(decimals(&[most, 1], 0), decimals(&[1, most], 38));
        assert_eq!(ratios.expect("ratios"), [number(1e76), number(1.0)]);
        let ratios = called(decimals(&[1], 38), decimals(&[most], 0));
        assert_eq!(ratios.expect("ratios"), [number(1e-76)]);
    }

    proptest! {
        #[test]
        fn a_ratio_of_what_is_exact_is_what_a_reader_of_its_digits_reads(
            whole in 1..i64::MAX, ratio in -999_999_i64..=999_999, behind in 0..6_i8
        ) {
            let part = i128::from(whole) * i128::from(ratio);
            let ratios = called(decimals(&[part], behind), decimals(&[whole.into()], 0));
            let read: f64 = format!("{ratio}e-{behind}").parse().expect("a number");
            prop_assert_eq!(ratios.expect("ratios"), [Some(Datum::Number(read))]);
        }
    }

    #[test]
    fn a_ratio_is_of_numbers_of_any_type_and_of_none_without_room() {
        let decimals = decimals(&[150], 2);
        let doubles = |of: f64| Arc::new(Float64Array::from(vec![of])) as ArrayRef;
        let three = called(Arc::clone(&decimals), doubles(0.5)).expect("a ratio");
        assert_eq!(three, [Some(Datum::Number(3.0))]);
        let third = called(doubles(0.5), decimals).expect("a ratio");
        assert_eq!(third, [Some(Datum::Number(0.5 / 1.5))]);
        assert_eq!(called(doubles(1.0), doubles(-0.0)).expect("a ratio"), [None]);
        assert!(called(doubles(1e308), doubles(1e-308)).is_err());
    }
}
