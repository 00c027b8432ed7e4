//! `date_part`, `extract` and `to_char`: what the clocks show of an instant.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, PrimitiveArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Field, Float64Type, TimestampMicrosecondType};
use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, TimeZone, Utc};
use datafusion_common::{Result, plan_err};
use datafusion_expr::expr::ScalarFunction;
use datafusion_expr::planner::{ExprPlanner, PlannerResult};
use datafusion_expr::{Expr, ReturnFieldArgs, ScalarUDF};

use super::convert::shown;
use super::function::{
    CalendarCall, CalendarFunction, LOCAL, Meaning, each, failed, in_the_years, is_day, is_instant,
    is_local,
};
use crate::time::written_elsewhere;
use crate::time::zone::{Zone, ZoneClock};
use crate::time::{Micros, SECOND};

/// The type to which an argument is brought of which something is shown: a text is an instant, and a number is
/// nothing that clocks show.
fn taken(function: &CalendarFunction, of: &DataType, types: &[DataType]) -> Result<DataType> {
    Ok(match of {
        of if is_local(of) => LOCAL,
        of if is_day(of) => DataType::Date32,
        of if is_instant(of) || of.is_string() || of.is_null() => function.timestamp(),
        of if of.is_numeric() => return function.unfit(types),
        of => of.clone(),
    })
}

pub fn date_part(zone: &'static Zone, of_datafusion: Arc<ScalarUDF>) -> CalendarFunction {
    let meaning = Meaning {
        takes: |function, types| {
            let [_, of] = types else { return function.unfit(types) };
            Ok(vec![DataType::Utf8, taken(function, of, types)?])
        },
        gives: |function, args| {
            // As of what the clocks show.
            let mut fields = args.arg_fields.to_vec();
            if is_instant(fields[1].data_type()) {
                fields[1] = Arc::new(Field::new("value", LOCAL, true));
            }
            let scalar_arguments = args.scalar_arguments;
            let shown = ReturnFieldArgs { arg_fields: &fields, scalar_arguments };
            Ok(function.of_datafusion().return_field_from_args(shown)?.data_type().clone())
        },
        does: part,
    };
    CalendarFunction::new("date_part", zone, meaning, Some(of_datafusion))
}

/// Plans `extract(… from …)`.
#[derive(Debug)]
pub struct Extract(pub Arc<ScalarUDF>);

impl ExprPlanner for Extract {
    fn plan_extract(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        Ok(PlannerResult::Planned(Expr::ScalarFunction(ScalarFunction::new_udf(
            Arc::clone(&self.0),
            args,
        ))))
    }
}

fn part(function: &CalendarFunction, call: &CalendarCall) -> Result<ArrayRef> {
    let of = call.type_of(1);
    let is_epoch = call.constant(0).is_some_and(|part| part.eq_ignore_ascii_case("epoch"));
    if is_epoch && is_day(&of) {
        let days = call.column(1)?;
        let seconds = each::<_, Float64Type>(days.as_primitive::<Date32Type>(), |day| {
            Ok(function.zone.midnight(day.into()) as f64 / SECOND as f64)
        })?;
        return Ok(Arc::new(seconds));
    }
    if !is_instant(&of) {
        return call.of_datafusion(function, None);
    }
    let instants = call.instants(1)?;
    if is_epoch {
        let seconds: Float64Array = instants.unary(|at| at as f64 / SECOND as f64);
        return Ok(Arc::new(seconds));
    }
    call.of_datafusion(function, Some((1, Arc::new(shown(&instants, function.zone)?))))
}

pub fn to_char(zone: &'static Zone, of_datafusion: Arc<ScalarUDF>) -> CalendarFunction {
    let meaning = Meaning {
        takes: |function, types| {
            let [of, _] = types else { return function.unfit(types) };
            Ok(vec![taken(function, of, types)?, DataType::Utf8])
        },
        gives: |_, args| {
            let format = args.scalar_arguments[1].and_then(|format| format.try_as_str().flatten());
            if let Some(format) = format.filter(|format| !format.contains('%')) {
                let meant = written_elsewhere::meant(format);
                let meant = meant.map(|meant| format!(", and this one is '{meant}'"));
                return plan_err!(
                    "to_char would write '{format}' of every time: a format is as in '%Y-%m-%d'{}",
                    meant.unwrap_or_default()
                );
            }
            if let Some(format) = format
                && StrftimeItems::new(format).any(|item| item == Item::Error)
            {
                return plan_err!(
                    "to_char understands no '{format}': a format is as in '%Y-%m-%d'"
                );
            }
            Ok(DataType::Utf8)
        },
        does: written,
    };
    CalendarFunction::new("to_char", zone, meaning, Some(of_datafusion))
}

fn written(function: &CalendarFunction, call: &CalendarCall) -> Result<ArrayRef> {
    let of = call.type_of(0);
    if is_instant(&of) {
        let clock = ZoneClock(function.zone);
        let mut clocks = function.zone.clocks();
        return formatted(&call.instants(0)?, call, |at| {
            in_the_years(clocks.shown(at))?;
            Ok(clock.from_utc_datetime(&utc(at)?.naive_utc()))
        });
    }
    if is_day(&of) || is_local(&of) {
        let times = cast(&call.column(0)?, &LOCAL)?;
        let times = times.as_primitive::<TimestampMicrosecondType>();
        // No offset is known: as UTC's.
        return formatted(times, call, |shown| utc(in_the_years(shown)?));
    }
    call.of_datafusion(function, None)
}

fn utc(at: Micros) -> Result<DateTime<Utc>> {
    DateTime::from_timestamp_micros(at).ok_or_else(|| failed("it lies beyond all years"))
}

fn formatted<Zone: TimeZone<Offset: std::fmt::Display>>(
    times: &PrimitiveArray<TimestampMicrosecondType>,
    call: &CalendarCall,
    mut time: impl FnMut(Micros) -> Result<DateTime<Zone>>,
) -> Result<ArrayRef> {
    let constant: Option<Vec<Item<'_>>> =
        call.constant(1).map(|of| StrftimeItems::new(of).collect());
    let formats = if constant.is_some() { None } else { Some(call.texts(1)?) };
    let mut texts = StringBuilder::with_capacity(times.len(), times.len() * 20);
    let mut text = String::new();
    for (row, at) in times.iter().enumerate() {
        let Some(at) = at else {
            texts.append_null();
            continue;
        };
        let own: Vec<Item<'_>>;
        let items = match (&constant, &formats) {
            (Some(items), _) => items,
            (None, Some(formats)) if formats.is_valid(row) => {
                own = StrftimeItems::new(formats.value(row)).collect();
                &own
            }
            _ => {
                texts.append_null();
                continue;
            }
        };
        text.clear();
        let time = time(at)?;
        write!(text, "{}", time.format_with_items(items.iter()))
            .map_err(|_| failed("its format is none: one is as in '%Y-%m-%d'"))?;
        texts.append_value(&text);
    }
    Ok(Arc::new(texts.finish()))
}
