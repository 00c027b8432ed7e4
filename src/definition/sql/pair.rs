//! `"#by"(k, x)` and `"#weighted"(x, y)`: what aggregates that add up by key are planned over.
//!
//! No definition writes them: they are put where `sum(x) by k` and `top(x, 3, sum(y))` stand.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use datafusion_common::{Result, plan_err};
use datafusion_expr::expr::ScalarFunction;
use datafusion_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::describe::describe;
use crate::aggregate::{pair_of, parts_of_pair};

/// The pair of `f(x) by k`: the key is a text.
pub const BY: &str = "#by";
/// The pair of `f(x, sum(y))`.
pub const WEIGHTED: &str = "#weighted";

/// The function of this name.
pub fn function(name: &'static str) -> Arc<ScalarUDF> {
    let signature = Signature::user_defined(Volatility::Immutable);
    Arc::new(ScalarUDF::new_from_impl(PairFunction { name, signature }))
}

/// A value with what it weighs.
pub fn weighted(value: Expr, weight: Expr) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(function(WEIGHTED), vec![value, weight]))
}

/// Whether it is what `f(x) by k` looks at.
pub fn is_by(expression: &Expr) -> bool {
    matches!(expression, Expr::ScalarFunction(function) if function.func.name() == BY)
}

/// A key with a value; null where one of them is.
#[derive(Debug, PartialEq, Eq, Hash)]
struct PairFunction {
    name: &'static str,
    signature: Signature,
}

impl ScalarUDFImpl for PairFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let [key, value] = given else {
            return plan_err!(
                "what stands before 'by' takes one value, as in sum(amount) by currency: found {}",
                given.len().saturating_sub(1)
            );
        };
        let is_name = |of: &DataType| {
            let plain = matches!(of, DataType::Null | DataType::Boolean | DataType::Date32);
            plain || of.is_string() || of.is_integer()
        };
        if self.name == BY && parts_of_pair(value).is_some() {
            return plan_err!(
                "one 'by' stands behind a call: of two keys make one, as in by (concat(one, '/', other))"
            );
        }
        match key {
            key if self.name == WEIGHTED => Ok(vec![key.clone(), value.clone()]),
            key if is_name(key) => Ok(vec![DataType::Utf8, value.clone()]),
            other => plan_err!(
                "'by' takes text, a whole number, a boolean or a date, found {}: make text of it, as in by (cast(x as \
                 text))",
                describe(other)
            ),
        }
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        Ok(match given {
            [key, value] => pair_of(key.clone(), value.clone()),
            _ => DataType::Null,
        })
    }

    fn invoke_with_args(&self, given: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let sides: Vec<ArrayRef> = ColumnarValue::values_to_arrays(&given.args)?;
        let nulls =
            NullBuffer::union(sides[0].logical_nulls().as_ref(), sides[1].logical_nulls().as_ref());
        let DataType::Struct(fields) = given.return_field.data_type() else {
            return plan_err!("a pair has a key and a value");
        };
        Ok(ColumnarValue::Array(Arc::new(StructArray::try_new(fields.clone(), sides, nulls)?)))
    }
}
