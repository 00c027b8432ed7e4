//! What DataFusion would do with instants, days and intervals by Arrow's kernels, put into the hands of the
//! functions here: casts, sums and differences.
//!
//! The kernels count in nanoseconds, in which no year after 2262 has room, know no summer time from 2100 on
//! and fail at a local time that comes twice or never. What they are left with looks at no calendar: the
//! difference of two instants, and comparisons of values of one type.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_common::{DFSchema, Result, ScalarValue, plan_err};
use datafusion_expr::expr::{Cast, ScalarFunction, TryCast};
use datafusion_expr::{BinaryExpr, Expr, ExprSchemable, Operator, ScalarUDF};

use super::convert::{self, INTERVAL, in_whole_days, interval_of, is_of_calendar, led_to};
use super::function::{CalendarFunction, Parameter, call, is_instant, is_local, timestamp};
use super::{length, moved, series, unix};
use crate::definition::sql::instant::is_comparison;
use crate::time::zone::Zone;

/// An expression whose types have been brought together.
pub fn fitted(expression: Expr, schema: &DFSchema, zone: &'static Zone) -> Result<Expr> {
    let fit = Fit { schema, zone };
    Ok(expression.transform_up(|part| fit.part(part))?.data)
}

/// Whether it is a list whose innermost elements are timestamps.
fn is_list_of_them(of: &DataType) -> bool {
    match of {
        DataType::List(of) | DataType::LargeList(of) | DataType::FixedSizeList(of, _) => {
            matches!(of.data_type(), DataType::Timestamp(..)) || is_list_of_them(of.data_type())
        }
        _ => false,
    }
}

/// What a cast to a timestamp means as it is written: one of microseconds, by the clocks of the zone.
pub fn meant(part: Expr, zone: &'static Zone) -> Result<Transformed<Expr>> {
    let is_one = |field: &Arc<Field>| matches!(field.data_type(), DataType::Timestamp(..));
    Ok(match part {
        Expr::Cast(Cast { field, .. }) | Expr::TryCast(TryCast { field, .. })
            if is_list_of_them(field.data_type()) =>
        {
            return plan_err!(
                "a list is not cast to timestamps: declare its field as a list of them, as in \
                 fields: {{seen: [timestamp]}}"
            );
        }
        Expr::Cast(cast) if is_one(&cast.field) => {
            Transformed::yes(Expr::Cast(Cast::new(cast.expr, timestamp(zone))))
        }
        Expr::TryCast(cast) if is_one(&cast.field) => {
            Transformed::yes(Expr::TryCast(TryCast::new(cast.expr, timestamp(zone))))
        }
        Expr::ScalarFunction(ScalarFunction { func, mut args })
            if ["arrow_cast", "arrow_try_cast"].contains(&func.name()) && args.len() == 2 =>
        {
            let named = match &args[1] {
                Expr::Literal(name, _) => name.try_as_str().flatten().unwrap_or_default(),
                _ => "",
            };
            match named.split_once('(') {
                // Where it is a number, it says what that counts.
                Some(("Timestamp", unit)) => {
                    let of = |name| unix::to_timestamp(name, zone);
                    let counts = [
                        (["s", "second"], "to_timestamp_seconds"),
                        (["ms", "millisecond"], "to_timestamp_millis"),
                        (["µs", "microsecond"], "to_timestamp_micros"),
                        (["us", "microsecond"], "to_timestamp_micros"),
                        (["ns", "nanosecond"], "to_timestamp_nanos"),
                    ];
                    let unit =
                        unit.split([',', ')']).next().unwrap_or_default().trim().to_lowercase();
                    let known = counts.iter().find(|(units, _)| units.contains(&unit.as_str()));
                    match known {
                        Some((_, name)) => {
                            args.truncate(1);
                            Transformed::yes(call(of(name), args))
                        }
                        None => {
                            Transformed::no(Expr::ScalarFunction(ScalarFunction { func, args }))
                        }
                    }
                }
                _ => Transformed::no(Expr::ScalarFunction(ScalarFunction { func, args })),
            }
        }
        other => Transformed::no(other),
    })
}

struct Fit<'a> {
    schema: &'a DFSchema,
    zone: &'static Zone,
}

impl Fit<'_> {
    fn part(&self, part: Expr) -> Result<Transformed<Expr>> {
        match part {
            Expr::Cast(Cast { expr, field }) => self.cast(*expr, field.data_type(), false),
            Expr::TryCast(TryCast { expr, field }) => self.cast(*expr, field.data_type(), true),
            Expr::BinaryExpr(BinaryExpr {
                left,
                op: op @ (Operator::Plus | Operator::Minus),
                right,
            }) => self.sum(*left, op, *right),
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(op) => {
                self.compared(Expr::BinaryExpr(BinaryExpr { left, op, right }))
            }
            part @ (Expr::Between(_) | Expr::InList(_)) => self.compared(part),
            Expr::Case(case) if case.expr.as_ref().is_some_and(|of| self.is_interval(of)) => {
                plan_err!("'case' compares no intervals: say 'case when x = y then …'")
            }
            Expr::Negative(inner) if self.is_interval(&inner) => {
                Ok(Transformed::yes(self.in_whole_days(Expr::Negative(inner))))
            }
            Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(interval)), metadata) => {
                let whole = ScalarValue::IntervalMonthDayNano(Some(in_whole_days(interval)));
                Ok(Transformed::yes(Expr::Literal(whole, metadata)))
            }
            Expr::ScalarFunction(ScalarFunction { func, args })
                if ["greatest", "least", "nullif"].contains(&func.name()) =>
            {
                self.compared(Expr::ScalarFunction(ScalarFunction { func, args }))
            }
            Expr::ScalarFunction(ScalarFunction { func, args }) => Ok(self.call(func, args)),
            other => Ok(Transformed::no(other)),
        }
    }

    /// A call of a function of DataFusion's that would look at the calendar itself.
    fn call(&self, func: Arc<ScalarUDF>, mut args: Vec<Expr>) -> Transformed<Expr> {
        if args.first().is_some_and(|first| self.is_moment(first))
            && let Some(series) = series::function(func.name(), self.zone)
        {
            return Transformed::yes(call(series, args));
        }
        if func.name() == "array_to_string"
            && let Some(DataType::List(item)) =
                args.first().and_then(|list| list.get_type(self.schema).ok())
            && is_instant(item.data_type())
        {
            let texts = DataType::List(Arc::new(Field::new("item", DataType::Utf8, true)));
            args[0] = self.converted(std::mem::take(&mut args[0]), texts, false);
        }
        Transformed::yes(Expr::ScalarFunction(ScalarFunction { func, args }))
    }

    fn cast(&self, inner: Expr, to: &DataType, or_null: bool) -> Result<Transformed<Expr>> {
        let from = inner.get_type(self.schema)?;
        let inner = if or_null { moved_or_null(inner, self.zone) } else { inner };
        if is_of_calendar(&from, to) {
            let led = led_to(to, self.zone);
            return Ok(Transformed::yes(match from == led && led != INTERVAL {
                true => inner,
                false => self.converted(inner, led, or_null),
            }));
        }
        Ok(Transformed::no(match or_null {
            true => Expr::TryCast(TryCast::new(Box::new(inner), to.clone())),
            false => Expr::Cast(Cast::new(Box::new(inner), to.clone())),
        }))
    }

    fn converted(&self, inner: Expr, to: DataType, or_null: bool) -> Expr {
        call(convert::function(self.zone, to, or_null), vec![inner])
    }

    fn sum(&self, left: Expr, op: Operator, right: Expr) -> Result<Transformed<Expr>> {
        let (is_moved, moves) = (self.is_moment(&left), self.is_moment(&right));
        let (moment, by) = match (op, is_moved, moves) {
            (_, true, false) => (left, right),
            (Operator::Plus, false, true) => (right, left),
            _ => {
                let sum = binary(left, op, right);
                return Ok(match self.is_interval(&sum) {
                    true => Transformed::yes(self.in_whole_days(sum)),
                    false => Transformed::no(sum),
                });
            }
        };
        // A number that is added to a day has been made an interval.
        let by = match by {
            Expr::ScalarFunction(ScalarFunction { func, mut args })
                if func
                    .inner()
                    .downcast_ref::<CalendarFunction>()
                    .is_some_and(CalendarFunction::is_cast)
                    && args[0].get_type(self.schema).is_ok_and(|of| of.is_integer()) =>
            {
                args.swap_remove(0)
            }
            by => by,
        };
        let function = moved::function(self.zone, op == Operator::Minus, false);
        Ok(Transformed::yes(call(function, vec![moment, by])))
    }

    fn in_whole_days(&self, interval: Expr) -> Expr {
        self.converted(interval, INTERVAL, false)
    }

    /// A comparison of intervals, none of which may have months: these have no fixed length.
    fn compared(&self, comparison: Expr) -> Result<Transformed<Expr>> {
        comparison.map_children(|side| {
            // What lies between two instants is so many days, hours and less.
            let is_between =
                |of: &Expr| matches!(of.get_type(self.schema), Ok(DataType::Duration(_)));
            Ok(match &side {
                Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(interval)), _) => {
                    length::fixed(*interval)?;
                    Transformed::no(side)
                }
                Expr::Literal(..) => Transformed::no(side),
                _ if !self.is_interval(&side) => Transformed::no(side),
                _ if interval_of(&side).is_some_and(is_between) => Transformed::no(side),
                _ => Transformed::yes(call(length::of_fixed_length(self.zone), vec![side])),
            })
        })
    }

    fn is_interval(&self, of: &Expr) -> bool {
        matches!(of.get_type(self.schema), Ok(DataType::Interval(_)))
    }

    /// Whether it is an instant, what clocks show, or a day.
    fn is_moment(&self, of: &Expr) -> bool {
        let is_one = |of: &DataType| is_instant(of) || is_local(of) || *of == DataType::Date32;
        of.get_type(self.schema).is_ok_and(|of| is_one(&of))
    }
}

/// A sum that leads beyond the years is null to `try_cast`: so are the instants at which a condition turns,
/// where it never does.
fn moved_or_null(expression: Expr, zone: &'static Zone) -> Expr {
    let is_ours = |function: &ScalarFunction| {
        function.func.inner().downcast_ref::<CalendarFunction>().is_some_and(|of| of.told.is_some())
    };
    match expression {
        Expr::ScalarFunction(function) if is_ours(&function) => {
            let ScalarFunction { func, mut args } = function;
            args[0] = moved_or_null(std::mem::take(&mut args[0]), zone);
            match func.inner().downcast_ref::<CalendarFunction>().and_then(|of| of.told.as_ref()) {
                Some(Parameter::Moved { back, .. }) => {
                    call(moved::function(zone, *back, true), args)
                }
                _ => Expr::ScalarFunction(ScalarFunction { func, args }),
            }
        }
        other => other,
    }
}

fn binary(left: Expr, op: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
}
