//! `ratio(part, whole)`: how much of one number another is, and null of nothing.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
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

/// Division of whole numbers is whole, so that of two counts it is 0 or null; here it is a number.
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
                    None => Ok(vec![DataType::Float64; 2]),
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
        let double = |side: &ArrayRef| -> Result<Float64Array> {
            Ok(cast(side, &DataType::Float64)?.as_primitive::<Float64Type>().clone())
        };
        let (parts, wholes) = (double(&sides[0])?, double(&sides[1])?);
        let ratio = |(part, whole): (Option<f64>, Option<f64>)| match (part?, whole?) {
            (_, 0.0) => None,
            (part, whole) => Some(part / whole),
        };
        let ratios: ArrayRef =
            Arc::new(parts.iter().zip(&wholes).map(ratio).collect::<Float64Array>());
        Ok(match is_one {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&ratios, 0)?),
            false => ColumnarValue::Array(ratios),
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.about)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Decimal128Array, Int64Array, RecordBatch};

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

    #[test]
    fn a_ratio_is_of_numbers_of_any_type_and_of_none_without_room() {
        let decimals = Decimal128Array::from(vec![150]).with_precision_and_scale(5, 2);
        let decimals: ArrayRef = Arc::new(decimals.expect("they fit"));
        let doubles = |of: f64| Arc::new(Float64Array::from(vec![of])) as ArrayRef;
        let three = called(Arc::clone(&decimals), doubles(0.5)).expect("a ratio");
        assert_eq!(three, [Some(Datum::Number(3.0))]);
        let third = called(doubles(0.5), decimals).expect("a ratio");
        assert_eq!(third, [Some(Datum::Number(0.5 / 1.5))]);
        assert_eq!(called(doubles(1.0), doubles(-0.0)).expect("a ratio"), [None]);
        assert!(called(doubles(1e308), doubles(1e-308)).is_err());
    }
}
