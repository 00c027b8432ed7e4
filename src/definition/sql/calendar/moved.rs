//! Instants, what clocks show, and days, moved by an interval: months by the calendar, then days of 24
//! hours, then the rest. What is finer than a microsecond is cut off.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{
    DataType, Date32Type, DurationMicrosecondType, Int64Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, TimeUnit, TimestampMicrosecondType,
};
use datafusion_common::Result;
use datafusion_expr::expr::ScalarFunction;
use datafusion_expr::{Expr, Operator};

use super::convert::{INTERVAL, NANOS_A_DAY};
use super::function::{
    CalendarCall, CalendarFunction, LOCAL, Meaning, Parameter, beyond, is_instant, is_local,
};
use crate::time::days::add_months;
use crate::time::zone::{Clocks, Zone};
use crate::time::{DAY, FIRST, LAST, Micros, day_in_years};

const NAMES: [&str; 2] = ["plus", "minus"];

/// The sum, or the difference, of a moment and what it is moved by; beyond the years an error, or null.
pub fn function(zone: &'static Zone, back: bool, or_null: bool) -> CalendarFunction {
    let meaning = Meaning {
        takes: |function, types| {
            let [moment, by] = types else { return function.unfit(types) };
            let moment = match moment {
                at if is_instant(at) => function.timestamp(),
                at if is_local(at) => LOCAL,
                DataType::Date32 => DataType::Date32,
                _ => return function.unfit(types),
            };
            let by = match by {
                DataType::Interval(_) => INTERVAL,
                DataType::Duration(_) => DataType::Duration(TimeUnit::Microsecond),
                by if by.is_integer() => DataType::Int64,
                _ => return function.unfit(types),
            };
            Ok(vec![moment, by])
        },
        gives: |_, args| Ok(args.arg_fields[0].data_type().clone()),
        does,
    };
    let told = Parameter::Moved { back, or_null };
    CalendarFunction::new(NAMES[usize::from(back)], zone, meaning, None).to(told)
}

/// The operands, if an expression is a moment that is moved.
pub fn operands(expression: &Expr) -> Option<(&Expr, Operator, &Expr)> {
    let Expr::ScalarFunction(ScalarFunction { func, args }) = expression else { return None };
    let function = func.inner().downcast_ref::<CalendarFunction>()?;
    match (&function.told, args.as_slice()) {
        (Some(Parameter::Moved { back, .. }), [moment, by]) => {
            Some((moment, if *back { Operator::Minus } else { Operator::Plus }, by))
        }
        _ => None,
    }
}

fn does(function: &CalendarFunction, call: &CalendarCall) -> Result<ArrayRef> {
    let Some(Parameter::Moved { back, or_null }) = function.told else {
        unreachable!("it is told when it is made")
    };
    let sign = if back { -1 } else { 1 };
    let (moments, by) = (call.column(0)?, call.column(1)?);
    let by = Lengths::of(&by);
    let kept = |moved: Option<i64>| match moved {
        None if !or_null => beyond(),
        moved => Ok(moved),
    };
    let by = |row: usize| by.at(row, sign);
    let rows = 0..moments.len();
    if let Some(days) = moments.as_primitive_opt::<Date32Type>() {
        let moved = rows.map(|row| match by(row) {
            Some(by) if days.is_valid(row) => {
                let moved = by.of_day(days.value(row).into()).filter(|day| day_in_years(*day));
                Ok(kept(moved)?.map(|day| day as i32))
            }
            _ => Ok(None),
        });
        return Ok(Arc::new(moved.collect::<Result<PrimitiveArray<Date32Type>>>()?));
    }
    let times = moments.as_primitive::<TimestampMicrosecondType>();
    let mut zone = times.timezone().map(|_| (function.zone.clocks(), function.zone.clocks()));
    let mut moved = Vec::with_capacity(times.len());
    for row in rows {
        moved.push(match by(row) {
            Some(by) if times.is_valid(row) => kept(by.of_time(times.value(row), &mut zone))?,
            _ => None,
        });
    }
    let moved: PrimitiveArray<TimestampMicrosecondType> = moved.into_iter().collect();
    Ok(Arc::new(moved.with_timezone_opt(times.timezone().map(Arc::<str>::from))))
}

/// How far each is moved.
enum Lengths<'a> {
    Intervals(&'a PrimitiveArray<IntervalMonthDayNanoType>),
    Durations(&'a PrimitiveArray<DurationMicrosecondType>),
    Days(&'a PrimitiveArray<Int64Type>),
}

impl Lengths<'_> {
    fn of(column: &ArrayRef) -> Lengths<'_> {
        if let Some(intervals) = column.as_primitive_opt() {
            return Lengths::Intervals(intervals);
        }
        match column.as_primitive_opt() {
            Some(durations) => Lengths::Durations(durations),
            None => Lengths::Days(column.as_primitive()),
        }
    }

    fn at(&self, row: usize, sign: i64) -> Option<Length> {
        match self {
            Lengths::Intervals(of) => of.is_valid(row).then(|| {
                let Length { months, days, nanos } = Length::of(of.value(row));
                Length { months: sign * months, days: sign * days, nanos: i128::from(sign) * nanos }
            }),
            Lengths::Durations(of) => of.is_valid(row).then(|| {
                let nanos = i128::from(sign) * i128::from(of.value(row)) * 1_000;
                Length { months: 0, days: 0, nanos }
            }),
            Lengths::Days(of) => of.is_valid(row).then(|| {
                let days = of.value(row).saturating_mul(sign);
                Length { months: 0, days, nanos: 0 }
            }),
        }
    }
}

/// How far a moment is moved.
pub struct Length {
    months: i64,
    days: i64,
    nanos: i128,
}

impl Length {
    pub fn of(interval: IntervalMonthDayNano) -> Self {
        let IntervalMonthDayNano { months, days, nanoseconds } = interval;
        Length { months: months.into(), days: days.into(), nanos: nanoseconds.into() }
    }

    /// A day is moved by whole days; what is left of an interval is cut off.
    pub fn of_day(&self, day: i64) -> Option<i64> {
        let nanos = i128::from(self.days) * i128::from(NANOS_A_DAY) + self.nanos;
        let days = i64::try_from(nanos / i128::from(NANOS_A_DAY)).ok()?;
        add_months(day, self.months)?.checked_add(days)
    }

    /// An instant, by clocks that show it and others that show what it is moved to, or what clocks show.
    pub fn of_time(&self, at: Micros, zone: &mut Option<(Clocks, Clocks)>) -> Option<Micros> {
        let moved = match (self.months, zone) {
            (0, _) => at,
            (_, None) => by_months(at, self.months)?,
            (_, Some((from, to))) => to.instant(by_months(from.shown(at), self.months)?),
        };
        let micros = i128::from(self.days) * i128::from(DAY) + self.nanos.div_euclid(1_000);
        let moved = i64::try_from(i128::from(moved) + micros).ok()?;
        (FIRST..=LAST).contains(&moved).then_some(moved)
    }
}

pub fn by_months(shown: Micros, months: i64) -> Option<Micros> {
    let day = add_months(shown.div_euclid(DAY), months)?;
    day.checked_mul(DAY)?.checked_add(shown.rem_euclid(DAY))
}
