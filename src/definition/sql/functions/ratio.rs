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
