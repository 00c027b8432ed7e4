//! `to_timestamp` and its like, `from_unixtime`, `to_unixtime`, `to_date`, `make_date`, and `try_to_date` and
//! `try_to_timestamp`, which are null where nothing is read: instants and days
//! from numbers and texts, and back.

use std::sync::Arc;

use arrow::array::{Array, AsArray, PrimitiveArray, StringArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Float64Type, Int64Type,
    TimestampMicrosecondType,
};
use datafusion_common::{Result, plan_err};
use datafusion_expr::{ReturnFieldArgs, ScalarUDF};

use super::function::{
    CalendarCall, CalendarFunction, Instants, Meaning, beyond, day_in_the_years, each,
    in_the_years, is_day, is_instant, is_local,
};
use super::read;
use crate::time::format::TimeFormat;
use crate::time::zone::Zone;
use crate::time::{Micros, SECOND};

/// The functions that make an instant of a number, how many nanoseconds one counts, and what an instant
/// is cut off to.
const UNITS: [(&str, i128, Micros); 5] = [
    ("to_timestamp", 1_000_000_000, 1),
    ("to_timestamp_seconds", 1_000_000_000, SECOND),
    ("to_timestamp_millis", 1_000_000, 1_000),
    ("to_timestamp_micros", 1_000, 1),
    ("to_timestamp_nanos", 1, 1),
];

pub fn to_timestamp(name: &'static str, zone: &'static Zone) -> CalendarFunction {
    let meaning = Meaning {
        takes: |function, types| {
            let [from, formats @ ..] = types else { return function.unfit(types) };
            let mut takes = vec![match from {
                from if is_instant(from) || is_day(from) || from.is_null() => function.timestamp(),
                from if is_local(from) => function.timestamp(),
                from => number_or_text(function, types, from)?,
            }];
            takes.resize(formats.len() + 1, DataType::Utf8);
            Ok(takes)
        },
        gives: |function, args| {
            check_formats(function, args)?;
            check_times(function, args)?;
            Ok(function.timestamp())
        },
        does: |function, call| {
            let unit = UNITS.iter().find(|(name, ..)| *name == function.called());
            let (_, nanos, cut) = unit.expect("it is one of these");
            let instants = counted(function, call, *nanos)?;
            let cut = each::<_, TimestampMicrosecondType>(&instants, |at| {
                in_the_years(at - at.rem_euclid(*cut))
            })?;
            Ok(Arc::new(cut.with_timezone(function.zone.name())))
        },
    };
    CalendarFunction::new(name, zone, meaning, None)
}

/// Text, or a number of a type that holds it.
fn number_or_text(
    function: &CalendarFunction,
    types: &[DataType],
    from: &DataType,
) -> Result<DataType> {
    Ok(match from {
        from if from.is_string() => DataType::Utf8,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        from if from.is_integer() => DataType::Int64,
        from if from.is_floating() => DataType::Float64,
        DataType::Decimal128(..) => from.clone(),
        DataType::Decimal32(digits, scale) | DataType::Decimal64(digits, scale) => {
            DataType::Decimal128(*digits, *scale)
        }
        _ => return function.unfit(types),
    })
}

fn counted(function: &CalendarFunction, call: &CalendarCall, nanos: i128) -> Result<Instants> {
    let (of, zone) = (call.type_of(0), function.zone);
    let micros =
        |nanos: Option<i128>| match nanos.map(|nanos| i64::try_from(nanos.div_euclid(1_000))) {
            Some(Ok(micros)) => in_the_years(micros),
            _ => beyond(),
        };
    match of {
        DataType::Int64 => each(call.column(0)?.as_primitive::<Int64Type>(), |count| {
            micros(i128::from(count).checked_mul(nanos))
        }),
        DataType::Decimal128(_, scale) => {
            let unit = 10i128.pow(scale.unsigned_abs().into());
            each(call.column(0)?.as_primitive::<Decimal128Type>(), |digits| {
                // What is before the point, and what is behind it: together they might overflow.
                let (whole, rest) = match scale {
                    ..0 => (digits.checked_mul(unit), 0),
                    _ => (Some(digits.div_euclid(unit)), digits.rem_euclid(unit)),
                };
                let rest = (rest / (unit / 1_000_000_000_000).max(1)) * nanos
                    / unit.min(1_000_000_000_000);
                micros(whole.and_then(|whole| whole.checked_mul(nanos)?.checked_add(rest)))
            })
        }
        DataType::Float64 => each(call.column(0)?.as_primitive::<Float64Type>(), |count| {
            let count = (count * nanos as f64 / 1_000.0).floor();
            // Beyond what a double tells apart lies no year.
            if count.abs() < 1e18 { in_the_years(count as i64) } else { beyond() }
        }),
        DataType::Utf8 => {
            let texts = call.texts(0)?;
            let plain = |text: &str| read::instant(text, zone).map(Some);
            let formatted = |text: &str, of: &str| read::formatted(text, of, zone).map(Some);
            by_formats(&texts, call, plain, formatted)
        }
        _ => call.instants(0),
    }
}

/// The formats that a call is given, each where all rows have the same.
fn constant_formats<'a>(args: &'a ReturnFieldArgs<'_>) -> Vec<Option<&'a str>> {
    let formats = args.scalar_arguments.get(1..).unwrap_or_default().iter();
    formats.map(|format| format.and_then(|format| format.try_as_str().flatten())).collect()
}

/// Fails where no text can be read by the formats, if all rows have the same.
fn check_formats(function: &CalendarFunction, args: &ReturnFieldArgs<'_>) -> Result<()> {
    let is_text = args.arg_fields.first().is_some_and(|of| of.data_type().is_string());
    if is_text { read::check_formats(function.called(), &constant_formats(args)) } else { Ok(()) }
}

/// Refuses a format that is the same for all rows and says a time of the day that is not to be read.
fn check_times(function: &CalendarFunction, args: &ReturnFieldArgs<'_>) -> Result<()> {
    for format in constant_formats(args).into_iter().flatten() {
        if let Some(why) = TimeFormat::new(format).ok().and_then(|format| format.time_fault()) {
            return plan_err!("{}: {why}", function.called());
        }
    }
    Ok(())
}

/// What the first of the formats that fits makes of each text; null where all formats are null.
fn by_formats<To: ArrowPrimitiveType>(
    texts: &StringArray,
    call: &CalendarCall,
    plain: impl Fn(&str) -> Result<Option<To::Native>>,
    formatted: impl Fn(&str, &str) -> Result<Option<To::Native>>,
) -> Result<PrimitiveArray<To>> {
    let formats = (1..call.count()).map(|place| call.texts(place)).collect::<Result<Vec<_>>>()?;
    let read = |row: usize| -> Result<Option<To::Native>> {
        if texts.is_null(row) {
            return Ok(None);
        }
        let text = texts.value(row);
        if formats.is_empty() {
            return plain(text);
        }
        let mut failure = None;
        for format in formats.iter().filter(|format| format.is_valid(row)) {
            match formatted(text, format.value(row)) {
                Ok(None) => {}
                Ok(read) => return Ok(read),
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(None), Err)
    };
    (0..texts.len()).map(read).collect()
}

pub fn from_unixtime(zone: &'static Zone, of_datafusion: Arc<ScalarUDF>) -> CalendarFunction {
    let meaning = Meaning {
        takes: |function, types| match types {
            [from] if from.is_integer() || from.is_null() => Ok(vec![DataType::Int64]),
            [_, _] => plan_err!(
                "from_unixtime takes no time zone, for an instant has none: what clocks elsewhere \
                 show is from_unixtime(x) at time zone 'America/New_York'"
            ),
            _ => function.unfit(types),
        },
        gives: |function, _| Ok(function.timestamp()),
        does: |function, call| {
            let instants = counted(function, call, 1_000_000_000)?;
            Ok(Arc::new(instants.with_timezone(function.zone.name())))
        },
    };
    CalendarFunction::new("from_unixtime", zone, meaning, Some(of_datafusion))
}

pub fn to_unixtime(zone: &'static Zone, of_datafusion: Arc<ScalarUDF>) -> CalendarFunction {
    let meaning = Meaning {
        takes: |function, types| {
            let [from, formats @ ..] = types else { return function.unfit(types) };
            let mut takes = vec![match from {
                from if from.is_string() && !formats.is_empty() => DataType::Utf8,
                from if from.is_numeric() => DataType::Int64,
                _ if !formats.is_empty() => return function.unfit(types),
                _ => function.timestamp(),
            }];
            takes.resize(formats.len() + 1, DataType::Utf8);
            Ok(takes)
        },
        gives: |function, args| {
            check_formats(function, args)?;
            check_times(function, args)?;
            Ok(DataType::Int64)
        },
        does: |function, call| {
            let seconds = |at: Micros| Ok(at.div_euclid(SECOND));
            Ok(match call.type_of(0) {
                DataType::Int64 => call.column(0)?,
                _ => Arc::new(each::<_, Int64Type>(&counted(function, call, 1)?, seconds)?),
            })
        },
    };
    CalendarFunction::new("to_unixtime", zone, meaning, Some(of_datafusion))
}

pub fn to_date(zone: &'static Zone, of_datafusion: Arc<ScalarUDF>) -> CalendarFunction {
    let meaning = Meaning {
        takes: |function, types| {
            let [from, formats @ ..] = types else { return function.unfit(types) };
            let mut takes = vec![match from {
                from if from.is_string() => DataType::Utf8,
                from if from.is_numeric() => DataType::Int64,
                _ => DataType::Date32,
            }];
            takes.resize(formats.len() + 1, DataType::Utf8);
            Ok(takes)
        },
        gives: |function, args| {
            check_formats(function, args)?;
            Ok(DataType::Date32)
        },
        does: |function, call| {
            Ok(match call.type_of(0) {
                DataType::Utf8 => {
                    let plain = |text: &str| read::day(text, function.zone).map(Some);
                    let formatted = |text: &str, of: &str| read::formatted_day(text, of).map(Some);
                    let texts = call.texts(0)?;
                    Arc::new(by_formats::<Date32Type>(&texts, call, plain, formatted)?)
                }
                DataType::Int64 => {
                    let days = call.column(0)?;
                    Arc::new(each::<_, Date32Type>(
                        days.as_primitive::<Int64Type>(),
                        day_in_the_years,
                    )?)
                }
                _ => call.column(0)?,
            })
        },
    };
    CalendarFunction::new("to_date", zone, meaning, Some(of_datafusion))
}

/// What `to_date` or `to_timestamp` reads of a text, and null where that reads nothing.
pub fn try_to(
    name: &'static str,
    zone: &'static Zone,
    of_datafusion: Arc<ScalarUDF>,
) -> CalendarFunction {
    let meaning = Meaning {
        takes: |function, types| {
            let [from, formats @ ..] = types else { return function.unfit(types) };
            if !(from.is_string() || from.is_null()) {
                return plan_err!(
                    "{} takes text, found {from}: make text of it, as in cast(x as text)",
                    function.called()
                );
            }
            Ok(vec![DataType::Utf8; formats.len() + 1])
        },
        gives: |function, args| {
            check_formats(function, args)?;
            if function.called() == TRY_TO_DATE {
                return Ok(DataType::Date32);
            }
            check_times(function, args)?;
            Ok(function.timestamp())
        },
        does: |function, call| {
            let (texts, zone) = (call.texts(0)?, function.zone);
            if function.called() == TRY_TO_DATE {
                let plain = |text: &str| Ok(read::day(text, zone).ok());
                let formatted = |text: &str, of: &str| Ok(read::formatted_day(text, of).ok());
                return Ok(Arc::new(by_formats::<Date32Type>(&texts, call, plain, formatted)?));
            }
            let plain = |text: &str| Ok(read::instant(text, zone).ok());
            let formatted = |text: &str, of: &str| Ok(read::formatted(text, of, zone).ok());
            let read = by_formats::<TimestampMicrosecondType>(&texts, call, plain, formatted)?;
            Ok(Arc::new(read.with_timezone(zone.name())))
        },
    };
    CalendarFunction::new(name, zone, meaning, Some(of_datafusion))
}

pub const TRY_TO_DATE: &str = "try_to_date";
pub const TRY_TO_TIMESTAMP: &str = "try_to_timestamp";

pub fn make_date(zone: &'static Zone, of_datafusion: Arc<ScalarUDF>) -> CalendarFunction {
    let meaning = Meaning {
        takes: |function, types| match types {
            [_, _, _] => Ok(vec![DataType::Int32; 3]),
            _ => function.unfit(types),
        },
        gives: |_, _| Ok(DataType::Date32),
        does: |function, call| {
            let days = call.of_datafusion(function, None)?;
            let days = days.as_primitive::<Date32Type>();
            Ok(Arc::new(each::<_, Date32Type>(days, |day| day_in_the_years(day.into()))?))
        },
    };
    CalendarFunction::new("make_date", zone, meaning, Some(of_datafusion))
}
