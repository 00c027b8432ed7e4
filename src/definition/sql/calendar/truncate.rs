//! `date_trunc` and `date_bin`: the beginning of the day, the month, the quarter of an hour … around.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, IntervalMonthDayNano, IntervalMonthDayNanoType, TimestampMicrosecondType,
};
use datafusion_common::{Result, ScalarValue, exec_err, plan_err};
use datafusion_expr::ScalarUDF;

use super::convert::{INTERVAL, NANOS_A_DAY};
use super::function::{
    CalendarCall, CalendarFunction, Instants, LOCAL, Meaning, beyond, each, in_the_years, is_day,
    is_local,
};
use super::moved::by_months;
use crate::definition::file::diagnostic::suggest;
use crate::time::days::Unit;
use crate::time::zone::Zone;
use crate::time::{DAY, HOUR, MINUTE, Micros, SECOND};

/// What an instant is cut off to.
#[derive(Clone, Copy)]
enum Truncation {
    /// Parts of a second are the same by all clocks.
    Length(Micros),
    /// By what the clocks show.
    Shown(Micros),
    Days(Unit),
}

impl Truncation {
    fn named(name: &str) -> Result<Truncation> {
        let lower = name.to_lowercase();
        let unit = Unit::ALL.iter().find(|(known, _)| *known == lower);
        Ok(match (unit, lower.as_str()) {
            (_, "microsecond") => Truncation::Length(1),
            (_, "millisecond") => Truncation::Length(1_000),
            (Some((_, Unit::Second)), _) => Truncation::Length(SECOND),
            (Some((_, Unit::Minute)), _) => Truncation::Shown(MINUTE),
            (Some((_, Unit::Hour)), _) => Truncation::Shown(HOUR),
            (Some((_, unit)), _) => Truncation::Days(*unit),
            (None, _) => {
                let mut names: Vec<&str> = Unit::ALL.iter().map(|(name, _)| *name).collect();
                names.extend(["millisecond", "microsecond"]);
                return plan_err!("date_trunc knows no '{name}': {}", suggest(name, &names));
            }
        })
    }
}

fn is_time(of: &DataType) -> bool {
    matches!(of, DataType::Time32(_) | DataType::Time64(_))
}

pub fn date_trunc(zone: &'static Zone, of_datafusion: Arc<ScalarUDF>) -> CalendarFunction {
    let meaning = Meaning {
        takes: |function, types| match types {
            [_, of] if is_time(of) => Ok(vec![DataType::Utf8, of.clone()]),
            [_, of] if is_local(of) => Ok(vec![DataType::Utf8, LOCAL]),
            [_, of] if of.is_numeric() => function.unfit(types),
            [_, _] => Ok(vec![DataType::Utf8, function.timestamp()]),
            _ => function.unfit(types),
        },
        gives: |_, args| {
            let name = args.scalar_arguments[0].and_then(|name| name.try_as_str().flatten());
            match name {
                Some(name) => Truncation::named(name)?,
                None => {
                    return plan_err!("date_trunc is told a unit, such as 'month', as a constant");
                }
            };
            Ok(args.arg_fields[1].data_type().clone())
        },
        does: truncated,
    };
    CalendarFunction::new("date_trunc", zone, meaning, Some(of_datafusion))
}

fn truncated(function: &CalendarFunction, call: &CalendarCall) -> Result<ArrayRef> {
    if is_time(&call.type_of(1)) {
        return call.of_datafusion(function, None);
    }
    let Some(name) = call.constant(0) else { return exec_err!("date_trunc is told a unit") };
    let (cut, times) = (Truncation::named(name)?, call.instants(1)?);
    let zone = times.timezone().map(|_| function.zone);
    let made = match (cut, zone) {
        (Truncation::Length(length), _) | (Truncation::Shown(length), None) => {
            each::<_, TimestampMicrosecondType>(&times, |at| Ok(at - at.rem_euclid(length)))?
        }
        (Truncation::Days(unit), None) => each::<_, TimestampMicrosecondType>(&times, |shown| {
            Ok(unit.first_day(shown.div_euclid(DAY)) * DAY)
        })?,
        (Truncation::Shown(length), Some(zone)) => {
            let mut clocks = zone.clocks();
            each::<_, TimestampMicrosecondType>(&times, |at| {
                let start = at - clocks.shown(at).rem_euclid(length);
                // The same clocks show its beginning, but for an hour in which they change.
                in_the_years(if clocks.is_steady(start, at) {
                    start
                } else {
                    zone.began(at, length)
                })
            })?
        }
        (Truncation::Days(unit), Some(zone)) => {
            let mut clocks = zone.clocks();
            // Instants that follow one another are mostly of the same day.
            let (mut last, mut begun) = (i64::MIN, 0);
            each::<_, TimestampMicrosecondType>(&times, |at| {
                let first = unit.first_day(clocks.shown(at).div_euclid(DAY));
                if first != last {
                    (last, begun) = (first, in_the_years(zone.midnight(first))?);
                }
                Ok(begun)
            })?
        }
    };
    Ok(Arc::new(made.with_timezone_opt(zone.map(|zone| Arc::<str>::from(zone.name())))))
}

pub fn date_bin(zone: &'static Zone, of_datafusion: Arc<ScalarUDF>) -> CalendarFunction {
    let meaning = Meaning {
        takes: |function, types| {
            let of = match types {
                [_, of] | [_, of, _] if is_time(of) => of.clone(),
                [_, of] | [_, of, _] if is_local(of) => LOCAL,
                [_, of] | [_, of, _] if !of.is_numeric() || is_day(of) => function.timestamp(),
                _ => return function.unfit(types),
            };
            let mut takes = vec![INTERVAL];
            takes.resize(types.len(), of);
            Ok(takes)
        },
        gives: |_, args| {
            if let Some(ScalarValue::IntervalMonthDayNano(Some(stride))) = args.scalar_arguments[0]
                && !is_time(args.arg_fields[1].data_type())
            {
                Stride::of(*stride)?;
            }
            Ok(args.arg_fields[1].data_type().clone())
        },
        does: binned,
    };
    CalendarFunction::new("date_bin", zone, meaning, Some(of_datafusion))
}

/// What is counted from the origin.
enum Stride {
    /// A length of time, from 1970-01-01T00:00:00Z where there is no other origin.
    Length(Micros),
    /// By the calendar, from what the clocks showed at the origin, or from the beginning of a month.
    Months(i64),
}

impl Stride {
    fn of(interval: IntervalMonthDayNano) -> Result<Self> {
        let IntervalMonthDayNano { months, days, nanoseconds } = interval;
        let nanos = i128::from(days) * i128::from(NANOS_A_DAY) + i128::from(nanoseconds);
        match (months, i64::try_from(nanos / 1_000)) {
            (0, Ok(length @ 1..)) => Ok(Stride::Length(length)),
            (0, _) => exec_err!(
                "date_bin counts in an interval of a microsecond or more, and of the years"
            ),
            (1.., Ok(0)) if nanos == 0 => Ok(Stride::Months(months.into())),
            _ => {
                exec_err!("date_bin counts in months, or in days and less: greater than nothing")
            }
        }
    }
}

fn binned(function: &CalendarFunction, call: &CalendarCall) -> Result<ArrayRef> {
    if is_time(&call.type_of(1)) {
        return call.of_datafusion(function, None);
    }
    let strides = call.column(0)?;
    let strides = strides.as_primitive::<IntervalMonthDayNanoType>();
    let times = call.instants(1)?;
    let origins = if call.count() > 2 { Some(call.instants(2)?) } else { None };
    let zone = times.timezone().map(|_| function.zone);
    let bin = |row: usize| -> Result<Option<Micros>> {
        let origin = match &origins {
            Some(origins) if origins.is_null(row) => return Ok(None),
            Some(origins) => Some(origins.value(row)),
            None => None,
        };
        if strides.is_null(row) || times.is_null(row) {
            return Ok(None);
        }
        let at = times.value(row);
        let made = match Stride::of(strides.value(row))? {
            Stride::Length(stride) => at - (at - origin.unwrap_or(0)).rem_euclid(stride),
            Stride::Months(stride) => in_months(at, stride, origin, zone)?,
        };
        in_the_years(made).map(Some)
    };
    let made = (0..times.len()).map(bin).collect::<Result<Instants>>()?;
    Ok(Arc::new(made.with_timezone_opt(zone.map(|zone| Arc::<str>::from(zone.name())))))
}

fn in_months(
    at: Micros,
    stride: i64,
    origin: Option<Micros>,
    zone: Option<&'static Zone>,
) -> Result<Micros> {
    let shown = |at: Micros| zone.map_or(at, |zone| zone.shown(at));
    let origin = origin.map_or(0, shown);
    let month = |shown: Micros| {
        let date = crate::time::days::date_of(shown.div_euclid(DAY));
        date.map(|date| {
            i64::from(chrono::Datelike::year(&date)) * 12
                + i64::from(chrono::Datelike::month0(&date))
        })
    };
    let Some((now, from)) = month(shown(at)).zip(month(origin)) else { return beyond() };
    let mut count = (now - from).div_euclid(stride);
    loop {
        let Some(begins) = by_months(origin, count * stride) else { return beyond() };
        let begins = zone.map_or(begins, |zone| zone.instant(begins));
        if begins <= at {
            return Ok(begins);
        }
        // The origin lies later in its month.
        count -= 1;
    }
}
