//! Casts from, to and between instants, what clocks show, days, intervals and text.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, IntervalMonthDayNanoArray, ListArray, StringArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, Date32Type, DurationMicrosecondType, Int64Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, IntervalUnit, TimeUnit, TimestampMicrosecondType,
};
use datafusion_common::{Result, plan_err};
use datafusion_expr::Expr;
use datafusion_expr::expr::ScalarFunction;

use super::function::{
    CalendarCall, CalendarFunction, Instants, LOCAL, Meaning, Parameter, day_in_the_years, each,
    in_the_years, is_day, is_instant, is_local, timestamp,
};
use super::read;
use crate::time::days::date_of;
use crate::time::zone::Zone;
use crate::time::{DAY, HOUR, MINUTE, Micros, SECOND, rfc3339};

pub const INTERVAL: DataType = DataType::Interval(IntervalUnit::MonthDayNano);

/// Nanoseconds of a day, which has 24 hours in an interval.
pub const NANOS_A_DAY: i64 = DAY * 1_000;

/// What a cast leads to, among the types that there are: instants and what clocks show count microseconds.
pub fn led_to(to: &DataType, zone: &Zone) -> DataType {
    match to {
        DataType::Timestamp(_, Some(_)) => timestamp(zone),
        DataType::Timestamp(_, None) => LOCAL,
        DataType::Date64 => DataType::Date32,
        DataType::Interval(_) => INTERVAL,
        other => other.clone(),
    }
}

/// Whether a cast between these looks at a calendar, or might lead out of its years.
pub fn is_of_calendar(from: &DataType, to: &DataType) -> bool {
    use DataType::*;
    match (from, to) {
        (List(from), List(to)) => is_of_calendar(from.data_type(), to.data_type()),
        (Null, _) => false,
        (Timestamp(..), to) => !to.is_numeric(),
        (Date32 | Date64, to) => is_instant(to) || is_local(to),
        (_, Timestamp(..) | Date32 | Date64 | Interval(_)) => true,
        _ => false,
    }
}

pub fn function(zone: &'static Zone, to: DataType, or_null: bool) -> CalendarFunction {
    let meaning = Meaning {
        takes: |_, types| Ok(types.to_vec()),
        gives: |function, _| Ok(target(function).0.clone()),
        does: |function, call| {
            let (to, or_null) = target(function);
            converted(&call.column(0)?, to, function.zone, or_null)
        },
    };
    let to = led_to(&to, zone);
    CalendarFunction::new("cast", zone, meaning, None).to(Parameter::Cast { to, or_null })
}

/// What an interval is made of, if an expression is a cast to one.
pub fn interval_of(expression: &Expr) -> Option<&Expr> {
    let Expr::ScalarFunction(ScalarFunction { func, args }) = expression else { return None };
    match &func.inner().downcast_ref::<CalendarFunction>()?.told {
        Some(Parameter::Cast { to: INTERVAL, .. }) => args.first(),
        _ => None,
    }
}

fn target(function: &CalendarFunction) -> (&DataType, bool) {
    match &function.told {
        Some(Parameter::Cast { to, or_null }) => (to, *or_null),
        _ => unreachable!("it is told when it is made"),
    }
}

/// The values of a column, brought to another type; what does not fit is an error, or null.
fn converted(
    from: &ArrayRef,
    to: &DataType,
    zone: &'static Zone,
    or_null: bool,
) -> Result<ArrayRef> {
    use DataType::*;
    let arrow = |values: &ArrayRef, to: &DataType| {
        let options = CastOptions { safe: or_null, ..CastOptions::default() };
        cast_with_options(values, to, &options)
    };
    let mut clocks = zone.clocks();
    let found = from.data_type();
    if found == to && *to != INTERVAL {
        return Ok(Arc::clone(from));
    }
    Ok(match (found, to) {
        (List(_), List(item)) => {
            let lists = from.as_list::<i32>();
            let items = converted(lists.values(), item.data_type(), zone, or_null)?;
            let (offsets, nulls) = (lists.offsets().clone(), lists.nulls().cloned());
            Arc::new(ListArray::new(Arc::clone(item), offsets, items, nulls))
        }
        (Utf8 | LargeUtf8 | Utf8View, to) if is_instant(to) || is_local(to) || is_day(to) => {
            let text = arrow(from, &Utf8)?;
            let text = text.as_string::<i32>();
            match to {
                Date32 => {
                    let read = |text: &str| read::day(text, zone);
                    Arc::new(of_texts::<Date32Type>(text, read, or_null)?)
                }
                to if is_local(to) => {
                    let read = |text: &str| read::shown(text, zone);
                    Arc::new(of_texts::<TimestampMicrosecondType>(text, read, or_null)?)
                }
                _ => {
                    let read = |text: &str| read::instant(text, zone);
                    let read = of_texts::<TimestampMicrosecondType>(text, read, or_null)?;
                    Arc::new(read.with_timezone(zone.name()))
                }
            }
        }
        (Timestamp(..), _) if is_instant(found) && (is_local(to) || is_day(to)) => {
            let shown = shown(&instants(from)?, zone)?;
            if is_local(to) { Arc::new(shown) } else { Arc::new(days(&shown)?) }
        }
        (Timestamp(..), Date32) => Arc::new(days(&instants(from)?)?),
        (Timestamp(..), to) if is_instant(found) && is_instant(to) => {
            Arc::new(instants(from)?.with_timezone(zone.name()))
        }
        (Timestamp(..), to) if is_instant(to) => {
            let at = |shown| in_the_years(clocks.instant(shown));
            Arc::new(
                each::<_, TimestampMicrosecondType>(&instants(from)?, at)?
                    .with_timezone(zone.name()),
            )
        }
        (Date32 | Date64, to) if is_instant(to) || is_local(to) => {
            let days = arrow(from, &Date32)?;
            let days = days.as_primitive::<Date32Type>();
            if is_local(to) {
                return Ok(Arc::new(each::<_, TimestampMicrosecondType>(days, |day| {
                    Ok(i64::from(day_in_the_years(day.into())?) * DAY)
                })?));
            }
            let midnights = each::<_, TimestampMicrosecondType>(days, |day| {
                in_the_years(zone.midnight(day_in_the_years(day.into())?.into()))
            })?;
            Arc::new(midnights.with_timezone(zone.name()))
        }
        (Timestamp(..), Utf8 | LargeUtf8 | Utf8View) if is_instant(found) => {
            let instants = instants(from)?;
            let mut written = |at| text(at, clocks.shown(at));
            let texts: StringArray = instants.iter().map(|at| at.map(&mut written)).collect();
            arrow(&(Arc::new(texts) as ArrayRef), to)?
        }
        (Timestamp(..), to) if is_instant(found) => {
            // Such as a time of the day: what the clocks show.
            arrow(&(Arc::new(shown(&instants(from)?, zone)?) as ArrayRef), to)?
        }
        (from_type, Date32) if from_type.is_integer() => {
            let days = arrow(from, &Int64)?;
            let days = days.as_primitive::<Int64Type>();
            Arc::new(each::<_, Date32Type>(days, day_in_the_years)?)
        }
        (_, to) if (is_instant(to) || is_local(to)) && found.is_numeric() => {
            return plan_err!(
                "a number is no timestamp: say what it counts, as in to_timestamp_millis(x) or \
                 to_timestamp(x), which takes seconds"
            );
        }
        (Duration(_), Interval(_)) => {
            let durations = arrow(from, &Duration(TimeUnit::Microsecond))?;
            let durations = durations.as_primitive::<DurationMicrosecondType>();
            Arc::new(each::<_, IntervalMonthDayNanoType>(durations, |micros| {
                let nanos = micros.rem_euclid(DAY) * 1_000;
                Ok(IntervalMonthDayNano::new(0, micros.div_euclid(DAY) as i32, nanos))
            })?)
        }
        (_, Interval(_)) => {
            let intervals = arrow(from, &INTERVAL)?;
            let intervals = intervals.as_primitive::<IntervalMonthDayNanoType>();
            let whole: IntervalMonthDayNanoArray = intervals.unary(in_whole_days);
            Arc::new(whole)
        }
        _ => arrow(from, to)?,
    })
}

/// The same interval with less than a day behind its days, so that intervals of no months compare by
/// their lengths.
pub fn in_whole_days(interval: IntervalMonthDayNano) -> IntervalMonthDayNano {
    let IntervalMonthDayNano { months, days, nanoseconds } = interval;
    let more = nanoseconds.div_euclid(NANOS_A_DAY) as i32;
    match days.checked_add(more) {
        Some(days) => IntervalMonthDayNano::new(months, days, nanoseconds.rem_euclid(NANOS_A_DAY)),
        None => interval,
    }
}

/// Microseconds of timestamps of any unit.
fn instants(from: &ArrayRef) -> Result<Instants> {
    let DataType::Timestamp(_, zone) = from.data_type() else { unreachable!("just looked at") };
    let micros = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
    let micros =
        cast_with_options(from, &micros, &CastOptions { safe: false, ..Default::default() })?;
    Ok(micros.as_primitive::<TimestampMicrosecondType>().clone())
}

/// What the clocks of a zone show, which may lie outside of the years where the instant does not.
pub fn shown(instants: &Instants, zone: &'static Zone) -> Result<Instants> {
    let mut clocks = zone.clocks();
    each::<_, TimestampMicrosecondType>(instants, |at| Ok(clocks.shown(at)))
}

fn days(shown: &Instants) -> Result<arrow::array::Date32Array> {
    each::<_, Date32Type>(shown, |shown| day_in_the_years(shown.div_euclid(DAY)))
}

/// The texts of a column's values, as expressions write them.
pub fn texts(column: &ArrayRef) -> Result<StringArray> {
    let zone = match column.data_type() {
        DataType::Timestamp(_, Some(zone)) => Zone::named(zone),
        _ => Zone::named("UTC"),
    };
    let zone = zone.expect("columns have the definition's");
    let texts = converted(column, &DataType::Utf8, zone, false)?;
    Ok(texts.as_string::<i32>().clone())
}

/// In RFC 3339 with the offset by which the clocks show it, or in UTC where that has no such form.
fn text(at: Micros, shown: Micros) -> String {
    let ahead = shown - at;
    let day = date_of(shown.div_euclid(DAY)).map(|date| chrono::Datelike::year(&date));
    if ahead % MINUTE != 0 || !day.is_some_and(|year| (1..=9999).contains(&year)) || ahead == 0 {
        return shortened(at) + "Z";
    }
    let (sign, ahead) = if ahead < 0 { ('-', -ahead) } else { ('+', ahead) };
    format!("{}{sign}{:02}:{:02}", shortened(shown), ahead / HOUR, ahead / MINUTE % 60)
}

/// Without a fraction where there is none, and without an offset.
fn shortened(at: Micros) -> String {
    let mut text = rfc3339(at);
    text.truncate(if at % SECOND == 0 { 19 } else { text.len() - 1 });
    text
}

/// The value that each text names.
fn of_texts<To: arrow::array::ArrowPrimitiveType>(
    texts: &StringArray,
    read: impl Fn(&str) -> Result<To::Native>,
    or_null: bool,
) -> Result<arrow::array::PrimitiveArray<To>> {
    let value = |text: Option<&str>| match text.map(&read) {
        Some(Err(_)) if or_null => Ok(None),
        read => read.transpose(),
    };
    texts.iter().map(value).collect()
}

/// `at time zone`: what the clocks of a zone show at an instant, or the instant at which they show it.
pub fn at_time_zone(zone: &'static Zone) -> CalendarFunction {
    let meaning = Meaning {
        takes: |function, types| match types {
            [from, _] if is_local(from) => Ok(vec![LOCAL, DataType::Utf8]),
            [_, _] => Ok(vec![function.timestamp(), DataType::Utf8]),
            _ => function.unfit(types),
        },
        gives: |function, args| {
            if let Some(Some(name)) = args
                .scalar_arguments
                .get(1)
                .map(|name| name.and_then(|name| name.try_as_str().flatten()))
            {
                zone_named(name)?;
            }
            let from_local = is_local(args.arg_fields[0].data_type());
            Ok(if from_local { function.timestamp() } else { LOCAL })
        },
        does: at_zone,
    };
    CalendarFunction::new("at_time_zone", zone, meaning, None)
}

fn at_zone(function: &CalendarFunction, call: &CalendarCall) -> Result<ArrayRef> {
    let (from, to_instant) = (call.instants(0)?, is_local(&call.type_of(0)));
    let answer = |clocks: &mut crate::time::zone::Clocks, value| match to_instant {
        true => in_the_years(clocks.instant(value)),
        false => Ok(clocks.shown(value)),
    };
    let made: Instants = match call.constant(1) {
        Some(name) => {
            let mut clocks = zone_named(name)?.clocks();
            each::<_, TimestampMicrosecondType>(&from, |value| answer(&mut clocks, value))?
        }
        None => {
            let names = call.texts(1)?;
            let values = from.iter().zip(names.iter()).map(|pair| match pair {
                (Some(value), Some(name)) => {
                    answer(&mut zone_named(name)?.clocks(), value).map(Some)
                }
                _ => Ok(None),
            });
            values.collect::<Result<Instants>>()?
        }
    };
    Ok(match to_instant {
        true => Arc::new(made.with_timezone(function.zone.name())),
        false => Arc::new(made.with_timezone_opt(None::<Arc<str>>)),
    })
}

fn zone_named(name: &str) -> Result<&'static Zone> {
    match Zone::named(name) {
        Some(zone) => Ok(zone),
        None => plan_err!(
            "'{name}' is no time zone of the IANA database: a region and a city, such as \
             'Europe/Berlin', or 'UTC'"
        ),
    }
}

/// What the clocks of the definition show.
pub fn to_local_time(
    zone: &'static Zone,
    of_datafusion: Arc<datafusion_expr::ScalarUDF>,
) -> CalendarFunction {
    let meaning = Meaning {
        takes: |function, types| match types {
            [from] if is_local(from) => Ok(vec![LOCAL]),
            [_] => Ok(vec![function.timestamp()]),
            _ => function.unfit(types),
        },
        gives: |_, _| Ok(LOCAL),
        does: |function, call| converted(&call.column(0)?, &LOCAL, function.zone, false),
    };
    CalendarFunction::new("to_local_time", zone, meaning, Some(of_datafusion))
}
