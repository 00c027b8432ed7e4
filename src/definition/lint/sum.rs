//! A side of a comparison: a value, or instants and what lies between them.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion_common::{DFSchema, ScalarValue};
use datafusion_expr::expr::Cast;
use datafusion_expr::{BinaryExpr, Expr, ExprSchemable, Operator};

use super::difference_bounds::{BoundedValue, Constant};
use crate::definition::sql::calendar;
use crate::time::DAY;

/// Values, less others, and microseconds.
#[derive(Default)]
pub struct SumTerms {
    pub plus: Vec<BoundedValue>,
    pub minus: Vec<BoundedValue>,
    pub by: i128,
}

impl SumTerms {
    fn of(value: BoundedValue) -> Self {
        SumTerms { plus: vec![value], ..SumTerms::default() }
    }

    fn and(mut self, other: SumTerms) -> Self {
        self.plus.extend(other.plus);
        self.minus.extend(other.minus);
        self.by += other.by;
        self
    }

    pub fn less(self, SumTerms { plus, minus, by }: SumTerms) -> Self {
        self.and(SumTerms { plus: minus, minus: plus, by: -by })
    }

    /// Without what is added and taken off, but for the last of it.
    pub fn short(mut self) -> Self {
        while self.plus.len() > 1
            && let Some(plus) = self.plus.iter().position(|value| self.minus.contains(value))
        {
            let value = self.plus.swap_remove(plus);
            self.minus.remove(self.minus.iter().position(|of| *of == value).expect("it is there"));
        }
        self
    }
}

/// A side of a comparison; `None` for what has no order that is known here.
pub fn sum(schema: &DFSchema, side: &Expr) -> Option<SumTerms> {
    let type_of = |expression: &Expr| expression.get_type(schema).ok();
    match side {
        Expr::Literal(value, _) => return constant(value),
        Expr::Cast(Cast { expr, field }) if is_exact(&type_of(expr)?, field.data_type()) => {
            return sum(schema, expr);
        }
        _ => {}
    }
    if let Some(of) = calendar::interval_of(side)
        && is_of_time(&type_of(of)?)
    {
        return sum(schema, of);
    }
    // A sum of numbers may overflow, or round.
    let operands = match side {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => Some((&**left, *op, &**right)),
        other => calendar::operands(other),
    };
    if let Some((left, op, right)) = operands
        && is_of_time(&type_of(side)?)
    {
        match (op, sum(schema, left), sum(schema, right)) {
            (Operator::Plus, Some(left), Some(right)) => return Some(left.and(right)),
            (Operator::Minus, Some(left), Some(right)) => return Some(left.less(right)),
            _ => {}
        }
    }
    let whole = is_whole(&type_of(side)?);
    Some(SumTerms::of(BoundedValue::Term(side.clone(), whole)))
}

/// Whether a value, brought to another type, stays what it is, or has no room there and fails.
fn is_exact(from: &DataType, to: &DataType) -> bool {
    use DataType::*;
    match (from, to) {
        (Decimal128(_, scale), Decimal128(_, wanted)) => scale <= wanted,
        (Timestamp(TimeUnit::Microsecond, Some(_)), Timestamp(TimeUnit::Microsecond, Some(_))) => {
            true
        }
        (from, to) if from.is_integer() => to.is_integer() || matches!(to, Decimal128(..)),
        (from, to) => from.is_string() && to.is_string(),
    }
}

fn is_whole(data_type: &DataType) -> bool {
    let counted = matches!(data_type, DataType::Timestamp(TimeUnit::Microsecond, _));
    counted || data_type.is_integer() || *data_type == DataType::Date32
}

fn is_of_time(data_type: &DataType) -> bool {
    use DataType::*;
    matches!(data_type, Timestamp(TimeUnit::Microsecond, _) | Duration(_) | Interval(_))
}

fn constant(value: &ScalarValue) -> Option<SumTerms> {
    use ScalarValue::*;
    let constant = match value {
        Utf8(Some(text)) | LargeUtf8(Some(text)) | Utf8View(Some(text)) => {
            Constant::Text(text.clone())
        }
        Boolean(Some(value)) => Constant::Boolean(*value),
        Int32(Some(value)) => Constant::Whole((*value).into()),
        Int64(Some(value)) => Constant::Whole((*value).into()),
        UInt64(Some(value)) => Constant::Whole((*value).into()),
        // To comparisons -0.0 is 0.0.
        Float64(Some(value)) => Constant::Number(*value + 0.0),
        Decimal128(Some(digits), _, scale) => {
            Constant::Decimal(*digits, u8::try_from(*scale).ok()?)
        }
        Date32(Some(day)) => Constant::Whole((*day).into()),
        TimestampMicrosecond(Some(at), _) => Constant::Whole((*at).into()),
        DurationMicrosecond(Some(length)) => {
            return Some(SumTerms { by: (*length).into(), ..SumTerms::default() });
        }
        IntervalMonthDayNano(Some(length))
            if length.months == 0 && length.nanoseconds % 1_000 == 0 =>
        {
            let by =
                i128::from(length.days) * i128::from(DAY) + i128::from(length.nanoseconds / 1_000);
            return Some(SumTerms { by, ..SumTerms::default() });
        }
        _ => return None,
    };
    Some(SumTerms::of(BoundedValue::Constant(constant)))
}
