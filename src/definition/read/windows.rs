//! `within`, `since` and `between` of attributes: at most one of them.

use std::time::Duration;

use datafusion_common::ScalarValue;
use datafusion_expr::{BinaryExpr, Expr, Operator};

use super::duration::parse_duration;
use super::object::{Object, ReadContext, SqlText, texts};
use super::sources::time_of;
use crate::definition::sql::SqlError;
use crate::plan::{Source, Window};
use crate::time::days::Unit;
use crate::time::since::Since;
use crate::time::{DAY, Micros};

const FIELDS: [&str; 3] = ["within", "since", "between"];

/// The window of an attribute over these sources, and how it reads.
pub fn window(
    context: &mut ReadContext,
    object: &Object<'_>,
    sources: &[Source],
    from: &[usize],
) -> Option<(Window, String)> {
    let mut given = FIELDS.into_iter().filter(|field| object.get(field).is_some());
    let field = given.next()?;
    if let Some(other) = given.next() {
        let message = format!("{} has both '{field}' and '{other}': leave one", object.what);
        context.complain(object.place_of(other), message);
        return None;
    }
    needs_time(context, object, field, sources, from);
    match field {
        "within" => {
            let length = micros(object.length(context, field)?);
            let (text, _) = object.text(context, field)?;
            Some((Window::Within(length), format!("within {text}")))
        }
        "between" => between(context, object),
        _ => {
            let text = object.sql(context, field)?;
            let since = since(context, &text);
            let since = context.check(&text, since)?;
            Some((Window::Since(since), format!("since {}", text.text.trim())))
        }
    }
}

/// Notes where rows have no time that a field could go by.
pub fn needs_time(
    context: &mut ReadContext,
    object: &Object<'_>,
    field: &str,
    sources: &[Source],
    from: &[usize],
) {
    for source in from.iter().map(|source| &sources[*source]) {
        if !source.is_dated() && !context.is_broken(&time_of(&source.name)) {
            let message = format!(
                "'{field}' of {} needs the time of rows, and source '{}' has no 'time': name the column \
                 that holds it there, as in time: ordered_at",
                object.what, source.name
            );
            context.complain(object.place_of(field), message);
        }
    }
}

fn between(context: &mut ReadContext, object: &Object<'_>) -> Option<(Window, String)> {
    let node = object.get("between")?;
    let what = format!("'between' of {}", object.what);
    let given = texts(context, &what, node)?;
    let durations: Vec<Option<Duration>> =
        given.iter().map(|(text, _)| parse_duration(text).ok()).collect();
    match durations.as_slice() {
        [Some(near), Some(far)] if near < far => {
            let window = Window::Between { near: micros(*near), far: micros(*far) };
            Some((window, format!("between {} and {} ago", given[0].0, given[1].0)))
        }
        _ => {
            let given: Vec<&str> = given.iter().map(|(text, _)| text.as_str()).collect();
            let message = format!(
                "{what} is two durations, the shorter first, as in [30 days, 60 days] ago: found \
                 [{}]",
                given.join(", ")
            );
            context.complain(node.place, message);
            None
        }
    }
}

fn micros(duration: Duration) -> Micros {
    duration.as_micros() as Micros
}

const FORMS: &str = "since is date_trunc of now(), and an interval if you like, as in \
                     date_trunc('month', now()), date_trunc('year', now()) - interval '1 year'";

/// Where a calendar window begins.
fn since(context: &ReadContext, text: &SqlText) -> Result<Since, SqlError> {
    let parsed = context.dialect.parse(&text.text, &arrow::datatypes::Schema::empty());
    let (start, interval, sign) = match parsed?.unalias() {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Plus, right }) => {
            (*left, Some(*right), 1)
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Minus, right }) => {
            (*left, Some(*right), -1)
        }
        start => (start, None, 1),
    };
    let (months, days, nanos) = match interval {
        None => (0, 0, 0),
        Some(Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(interval)), _)) => {
            (interval.months, interval.days, interval.nanoseconds)
        }
        Some(_) => return Err(SqlError::new(FORMS)),
    };
    let unit = unit(start)?;
    if unit.is_within_a_day() && months != 0 {
        return Err(SqlError::new(format!(
            "months are of different lengths: beside date_trunc('{unit}', now()) the interval is \
             one of days, hours or less"
        )));
    }
    let zone = context.dialect.zone();
    let (months, days, micros) = (sign * months, sign * days, i64::from(sign) * (nanos / 1_000));
    Ok(match unit.is_within_a_day() {
        true => Since { unit, zone, months: 0, days: 0, micros: micros + i64::from(days) * DAY },
        false => Since { unit, zone, months, days, micros },
    })
}

fn unit(start: Expr) -> Result<Unit, SqlError> {
    let forms = || SqlError::new(FORMS);
    let Expr::ScalarFunction(truncated) = start else { return Err(forms()) };
    let [Expr::Literal(ScalarValue::Utf8(Some(name)), _), Expr::ScalarFunction(now)] =
        truncated.args.as_slice()
    else {
        return Err(forms());
    };
    if truncated.func.name() != "date_trunc" || now.func.name() != "now" {
        return Err(forms());
    }
    let known = Unit::ALL.iter().find(|(unit, _)| unit.eq_ignore_ascii_case(name));
    known.map(|(_, unit)| *unit).ok_or_else(|| {
        let names: Vec<&str> = Unit::ALL.iter().map(|(name, _)| *name).collect();
        let hint = crate::definition::file::diagnostic::suggest(name, &names);
        SqlError::new(format!("date_trunc knows no '{name}': {hint}"))
    })
}
