//! An interval as often as a whole number says, as in `days * interval '1 day'`; and whether one has a length
//! that can be compared.

use std::sync::Arc;

use arrow::array::{AsArray, PrimitiveArray};
use arrow::datatypes::{DataType, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType};
use datafusion_common::tree_node::Transformed;
use datafusion_common::{DFSchema, Result, exec_err, plan_err};
use datafusion_expr::{BinaryExpr, Expr, ExprSchemable, Operator};

use super::convert::{INTERVAL, NANOS_A_DAY};
use super::function::{CalendarFunction, Meaning, beyond, call};
use crate::time::zone::Zone;

/// Such a product as the function that makes it: DataFusion has none.
pub fn multiplied(part: Expr, schema: &DFSchema, zone: &'static Zone) -> Result<Transformed<Expr>> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Multiply, right }) = part else {
        return Ok(Transformed::no(part));
    };
    let is_interval = |of: &Expr| matches!(of.get_type(schema), Ok(DataType::Interval(_)));
    let (interval, count) = match (is_interval(&left), is_interval(&right)) {
        (true, false) => (left, right),
        (false, true) => (right, left),
        _ => {
            let same = BinaryExpr { left, op: Operator::Multiply, right };
            return Ok(Transformed::no(Expr::BinaryExpr(same)));
        }
    };
    Ok(Transformed::yes(call(times(zone), vec![*interval, *count])))
}

fn times(zone: &'static Zone) -> CalendarFunction {
    let meaning = Meaning {
        takes: |_, types| match types {
            [_, count] if count.is_integer() || count.is_null() => {
                Ok(vec![INTERVAL, DataType::Int64])
            }
            _ => plan_err!("an interval is multiplied by whole numbers alone"),
        },
        gives: |_, _| Ok(INTERVAL),
        does: |_, call| {
            let (intervals, counts) = (call.column(0)?, call.column(1)?);
            let intervals = intervals.as_primitive::<IntervalMonthDayNanoType>();
            let pairs = intervals.iter().zip(counts.as_primitive::<Int64Type>().iter());
            let product = |(interval, count)| match (interval, count) {
                (Some(interval), Some(count)) => {
                    product(interval, count).map_or_else(beyond, |it| Ok(Some(it)))
                }
                _ => Ok(None),
            };
            let products = pairs.map(product);
            Ok(Arc::new(products.collect::<Result<PrimitiveArray<IntervalMonthDayNanoType>>>()?))
        },
    };
    CalendarFunction::new("times", zone, meaning, None)
}

fn product(of: IntervalMonthDayNano, count: i64) -> Option<IntervalMonthDayNano> {
    let (count, day) = (i128::from(count), i128::from(NANOS_A_DAY));
    let months = i128::from(of.months).checked_mul(count)?;
    let nanos = (i128::from(of.days) * day + i128::from(of.nanoseconds)).checked_mul(count)?;
    let days = i32::try_from(nanos.div_euclid(day)).ok()?;
    let months = i32::try_from(months).ok()?;
    Some(IntervalMonthDayNano::new(months, days, nanos.rem_euclid(day) as i64))
}

/// Intervals as they are; one with months is an error.
pub fn of_fixed_length(zone: &'static Zone) -> CalendarFunction {
    let meaning = Meaning {
        takes: |_, _| Ok(vec![INTERVAL]),
        gives: |_, _| Ok(INTERVAL),
        does: |_, call| {
            let intervals = call.column(0)?;
            let all = intervals.as_primitive::<IntervalMonthDayNanoType>().iter();
            all.flatten().try_for_each(fixed)?;
            Ok(intervals)
        },
    };
    CalendarFunction::new("of_fixed_length", zone, meaning, None)
}

/// Months are compared with nothing: they are 28 days or 31.
pub fn fixed(interval: IntervalMonthDayNano) -> Result<()> {
    if interval.months != 0 {
        return exec_err!(
            "an interval of months or years has no fixed length to compare with: say it in days, or move \
             the earlier of the two, as in born + interval '18 years' <= at"
        );
    }
    Ok(())
}
