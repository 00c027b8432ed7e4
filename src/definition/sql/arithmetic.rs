//! Arithmetic that never tells another number: what has no room is an error.
//!
//! A decimal has 38 digits. What is done with two that are wide may need more on the way, so it is done
//! once more, with as many as it takes, where these were too few.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Datum, Decimal128Array, Float64Array, Int64Array};
use arrow::compute::cast;
use arrow::compute::kernels::numeric::{add, mul, neg, rem, sub};
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};
use arrow::error::ArrowError;
use datafusion_common::tree_node::Transformed;
use datafusion_common::{DFSchema, Result, ScalarValue, exec_err, plan_err};
use datafusion_expr::expr::{Cast, ScalarFunction};
use datafusion_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, Operator, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use num_bigint::BigInt;

use crate::aggregate::digits::{DIGITS, digits_behind};

/// The type of a quotient: it has four digits more behind the point than what is divided, where there is
/// room for them.
fn quotient_type((digits, behind): (u8, i8), (_, behind_other): (u8, i8)) -> DataType {
    let before = i16::from(digits) - i16::from(behind) + i16::from(behind_other);
    let behind = digits_behind(before, behind, behind + 4);
    let digits = (before + i16::from(behind)).clamp(1, i16::from(DIGITS)) as u8;
    DataType::Decimal128(digits.max(behind as u8), behind)
}

pub fn is_zero(value: &ScalarValue) -> bool {
    match value {
        ScalarValue::Int64(value) => *value == Some(0),
        ScalarValue::Int32(value) => *value == Some(0),
        ScalarValue::Decimal128(value, ..) => *value == Some(0),
        ScalarValue::Float64(value) => *value == Some(0.0),
        _ => false,
    }
}

/// What an expression divides by, if it is a division.
pub fn divisor(expression: &Expr) -> Option<&Expr> {
    match expression {
        Expr::BinaryExpr(BinaryExpr { op: Operator::Divide | Operator::Modulo, right, .. }) => {
            Some(right)
        }
        Expr::ScalarFunction(function) if function.func.name() == QUOTIENT => function.args.get(1),
        _ => None,
    }
}

/// A division of decimals as the function that does it.
pub fn with_quotient(part: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Divide, right }) = &part else {
        return Ok(Transformed::no(part));
    };
    // What is wrong with other operands the planner says.
    let (Ok(one), Ok(other)) = (left.get_type(schema), right.get_type(schema)) else {
        return Ok(Transformed::no(part));
    };
    let (Some(of), Some(by)) = (as_decimal(&one), as_decimal(&other)) else {
        return Ok(Transformed::no(part));
    };
    if one.is_integer() && other.is_integer() {
        return Ok(Transformed::no(part));
    }
    let decimal = |side: &Expr, found: &DataType, wanted: &DataType| match found == wanted {
        true => side.clone(),
        false => Expr::Cast(Cast::new(Box::new(side.clone()), wanted.clone())),
    };
    let args = vec![decimal(left, &one, &of), decimal(right, &other, &by)];
    let function = Arc::new(ScalarUDF::new_from_impl(Quotient::default()));
    Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(function, args))))
}

fn as_decimal(found: &DataType) -> Option<DataType> {
    match found {
        DataType::Decimal128(..) => Some(found.clone()),
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => {
            Some(DataType::Decimal128(20, 0))
        }
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => {
            Some(DataType::Decimal128(20, 0))
        }
        _ => None,
    }
}

/// The name of the function that divides decimals.
pub const QUOTIENT: &str = "quotient";

/// The quotient of two decimals; what is behind its digits is cut off.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Quotient {
    signature: Signature,
}

impl Default for Quotient {
    fn default() -> Self {
        Quotient { signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Quotient {
    fn name(&self) -> &str {
        QUOTIENT
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [DataType::Decimal128(p, s), DataType::Decimal128(q, t)] => {
                Ok(quotient_type((*p, *s), (*q, *t)))
            }
            other => plan_err!("no quotient of {other:?}"),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let output = arguments.return_field.data_type().clone();
        let all_scalars =
            arguments.args.iter().all(|side| matches!(side, ColumnarValue::Scalar(_)));
        let sides = ColumnarValue::values_to_arrays(&arguments.args)?;
        let quotients = quotients(sides[0].as_primitive(), sides[1].as_primitive(), &output)?;
        Ok(match all_scalars {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&quotients, 0)?),
            false => ColumnarValue::Array(quotients),
        })
    }
}

fn quotients(of: &Decimal128Array, by: &Decimal128Array, output: &DataType) -> Result<ArrayRef> {
    let DataType::Decimal128(digits, behind) = *output else {
        unreachable!("a quotient of decimals is one")
    };
    let shift = u32::try_from(behind - of.scale() + by.scale()).expect("none of its digits go");
    let scale = 10i128.checked_pow(shift);
    let most = 10i128.pow(u32::from(digits));
    let quotient = |of: i128, by: i128| -> Result<i128, ArrowError> {
        if by == 0 {
            return Err(ArrowError::DivideByZero);
        }
        let quotient = match scale.and_then(|scale| of.checked_mul(scale)) {
            Some(scaled) => scaled.checked_div(by),
            None => i128::try_from(BigInt::from(of) * BigInt::from(10).pow(shift) / by).ok(),
        };
        quotient.filter(|quotient| quotient.abs() < most).ok_or_else(|| {
            ArrowError::ArithmeticOverflow(format!("a quotient has no room in {digits} digits"))
        })
    };
    let quotients: Decimal128Array = arrow::compute::try_binary(of, by, quotient)?;
    Ok(Arc::new(quotients.with_precision_and_scale(digits, behind)?))
}

/// Sum, difference, product or rest of two decimals.
pub fn of_decimals(
    op: Operator,
    left: &ColumnarValue,
    right: &ColumnarValue,
    output: &DataType,
) -> Result<ColumnarValue> {
    let kernel = match op {
        Operator::Plus => add,
        Operator::Minus => sub,
        Operator::Multiply => mul,
        _ => rem,
    };
    let narrow = |value: ColumnarValue| match value.data_type() == *output {
        true => Ok(value),
        false => value.cast_to(output, None),
    };
    // With twice as many digits, where these do not do.
    let wide = |value: &ColumnarValue| match value.data_type() {
        DataType::Decimal128(_, behind) => {
            value.cast_to(&DataType::Decimal256(2 * DIGITS, behind), None)
        }
        _ => Ok(value.clone()),
    };
    match apply(left, right, kernel) {
        Ok(value) if has_room(&value)? => narrow(value),
        _ => narrow(apply(&wide(left)?, &wide(right)?, kernel)?),
    }
}

/// Whether all of it has no more digits than its type says.
fn has_room(value: &ColumnarValue) -> Result<bool> {
    let values = value.to_array(1)?;
    let Some(values) = values.as_primitive_opt::<Decimal128Type>() else { return Ok(true) };
    Ok(values.validate_decimal_precision(values.precision()).is_ok())
}

const MINUS_ZERO: u64 = (-0.0f64).to_bits();

/// Doubles, of which none is infinite or no number: so what is divided by zero, or has no room. There is one
/// zero among them: kernels take that below it for another number.
pub fn finite(value: ColumnarValue) -> Result<ColumnarValue> {
    let of = |values: &dyn Array| -> Result<Option<ArrayRef>> {
        let items = match values.data_type() {
            DataType::List(_) => values.as_list::<i32>().values().as_ref(),
            _ => values,
        };
        let Some(numbers) = items.as_primitive_opt::<Float64Type>() else { return Ok(None) };
        // Mostly there is nothing to do, which is seen soonest by looking at all of them.
        let is_plain = |number: &f64| number.is_finite() & (number.to_bits() != MINUS_ZERO);
        if numbers.values().iter().fold(true, |all, number| all & is_plain(number)) {
            return Ok(None);
        }
        if let Some(number) = numbers.iter().flatten().find(|number| !number.is_finite()) {
            return exec_err!("what comes of it is no finite number ({number})");
        }
        let is_below = |number: &f64| number.to_bits() == MINUS_ZERO;
        let has_two = numbers.values().iter().any(is_below) && !values.data_type().is_nested();
        let one = || Arc::new(numbers.unary::<_, Float64Type>(|number| number + 0.0)) as ArrayRef;
        Ok(has_two.then(one))
    };
    Ok(match &value {
        ColumnarValue::Array(values) => of(values)?.map_or(value, ColumnarValue::Array),
        ColumnarValue::Scalar(one) => match of(&one.to_array()?)? {
            Some(one) => ColumnarValue::Scalar(ScalarValue::try_from_array(&one, 0)?),
            None => value,
        },
    })
}

/// Doubles, null where they are infinite or no number.
pub fn finite_or_null(values: &ArrayRef) -> Result<ColumnarValue> {
    let values = values.as_primitive::<Float64Type>().iter();
    let finite =
        values.map(|value| value.filter(|value| value.is_finite()).map(|value| value + 0.0));
    Ok(ColumnarValue::Array(Arc::new(finite.collect::<Float64Array>())))
}

/// `-x`
pub fn negated(value: ColumnarValue) -> Result<ColumnarValue> {
    Ok(match value {
        ColumnarValue::Array(values) => ColumnarValue::Array(neg(&values)?),
        ColumnarValue::Scalar(value) => {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&neg(&value.to_array()?)?, 0)?)
        }
    })
}

/// `x << n` and `x >> n`, for 0 to 63 bits; no bit that counts is lost on the left.
pub fn shifted(op: Operator, values: &ArrayRef, bits: &ArrayRef) -> Result<ColumnarValue> {
    let (values, bits) = (cast(values, &DataType::Int64)?, cast(bits, &DataType::Int64)?);
    let left = op == Operator::BitwiseShiftLeft;
    let shifted = |value: i64, bits: i64| -> Result<i64, ArrowError> {
        let shifted = u32::try_from(bits).ok().filter(|bits| *bits < 64).and_then(|bits| {
            let shifted = if left { value << bits } else { value >> bits };
            (!left || shifted >> bits == value).then_some(shifted)
        });
        shifted.ok_or_else(|| {
            ArrowError::ArithmeticOverflow(format!("Overflow happened on: {value} {op} {bits}"))
        })
    };
    let (values, bits) = (values.as_primitive::<Int64Type>(), bits.as_primitive::<Int64Type>());
    let shifted: Int64Array = arrow::compute::try_binary(values, bits, shifted)?;
    Ok(ColumnarValue::Array(Arc::new(shifted)))
}

/// A kernel on two sides, each an array or one value.
fn apply(
    left: &ColumnarValue,
    right: &ColumnarValue,
    kernel: fn(&dyn Datum, &dyn Datum) -> Result<ArrayRef, ArrowError>,
) -> Result<ColumnarValue> {
    use ColumnarValue::*;
    Ok(match (left, right) {
        (Array(left), Array(right)) => Array(kernel(left, right)?),
        (Scalar(left), Array(right)) => Array(kernel(&left.to_scalar()?, right)?),
        (Array(left), Scalar(right)) => Array(kernel(left, &right.to_scalar()?)?),
        (Scalar(left), Scalar(right)) => {
            let values = kernel(&left.to_scalar()?, &right.to_scalar()?)?;
            Scalar(ScalarValue::try_from_array(&values, 0)?)
        }
    })
}
