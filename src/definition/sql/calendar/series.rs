//! `range` and `generate_series` of days and timestamps: from one to another, by steps of an interval.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, PrimitiveArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{
    DataType, Date32Type, Field, IntervalMonthDayNanoType, TimestampMicrosecondType,
};
use datafusion_common::{Result, ScalarValue, exec_err};

use super::convert::INTERVAL;
use super::function::{CalendarCall, CalendarFunction, LOCAL, Meaning, is_instant, is_local};
use super::moved::Length;
use crate::time::days::date_of;
use crate::time::zone::Zone;
use crate::time::{Micros, day_in_years};

/// The function of a name of DataFusion's for what is no whole number; `None` if there is none.
pub fn function(name: &str, zone: &'static Zone) -> Option<CalendarFunction> {
    let name = ["range", "generate_series"].into_iter().find(|known| *known == name)?;
    let meaning = Meaning {
        takes: |function, types| {
            let [first, _, _] = types else { return function.unfit(types) };
            let of = match first {
                first if is_instant(first) => function.timestamp(),
                first if is_local(first) => LOCAL,
                _ => DataType::Date32,
            };
            Ok(vec![of.clone(), of, INTERVAL])
        },
        gives: |function, args| {
            if let Some(ScalarValue::IntervalMonthDayNano(Some(step))) = args.scalar_arguments[2] {
                let step = Length::of(*step);
                let to = match args.arg_fields[0].data_type() {
                    DataType::Date32 => step.of_day(0),
                    _ => step.of_time(0, &mut None),
                };
                if to == Some(0) {
                    return leads_nowhere(function);
                }
            }
            let item = args.arg_fields[0].data_type().clone();
            Ok(DataType::List(Arc::new(Field::new("item", item, true))))
        },
        does: lists,
    };
    Some(CalendarFunction::new(name, zone, meaning, None))
}

fn leads_nowhere<T>(function: &CalendarFunction) -> Result<T> {
    exec_err!("{} goes by a step that leads nowhere", function.called())
}

fn lists(function: &CalendarFunction, call: &CalendarCall) -> Result<ArrayRef> {
    let (firsts, lasts, steps) = (call.column(0)?, call.column(1)?, call.column(2)?);
    let steps = steps.as_primitive::<IntervalMonthDayNanoType>();
    let (mut values, mut offsets, mut valid) = (Vec::new(), vec![0], Vec::new());
    let mut clocks =
        is_instant(firsts.data_type()).then(|| (function.zone.clocks(), function.zone.clocks()));
    let is_of_days = *firsts.data_type() == DataType::Date32;
    let value = |column: &ArrayRef, row: usize| -> Micros {
        match is_of_days {
            true => column.as_primitive::<Date32Type>().value(row).into(),
            false => column.as_primitive::<TimestampMicrosecondType>().value(row),
        }
    };
    for row in 0..call.rows() {
        let known = firsts.is_valid(row) && lasts.is_valid(row) && steps.is_valid(row);
        valid.push(known);
        if known {
            let step = Length::of(steps.value(row));
            let mut next = |at: Micros| match is_of_days {
                true => step.of_day(at).filter(|day| day_in_years(*day) && date_of(*day).is_some()),
                false => step.of_time(at, &mut clocks),
            };
            let (first, last) = (value(&firsts, row), value(&lasts, row));
            let mut at = first;
            // Which way it goes; beyond the years lies nothing.
            let forward = match next(first) {
                Some(second) if second == first => {
                    return leads_nowhere(function);
                }
                second => second.map_or(first <= last, |second| second > first),
            };
            let is_within = |at: Micros| match (forward, function.called()) {
                (true, "range") => at < last,
                (false, "range") => at > last,
                (true, _) => at <= last,
                (false, _) => at >= last,
            };
            while is_within(at) {
                values.push(at);
                match next(at) {
                    Some(later) if (later > at) == forward && later != at => at = later,
                    _ => break,
                }
            }
        }
        offsets.push(values.len() as i32);
    }
    let items: ArrayRef = match firsts.data_type() {
        DataType::Date32 => {
            let days = values.into_iter().map(|day| day as i32);
            Arc::new(PrimitiveArray::<Date32Type>::from_iter_values(days))
        }
        of => {
            let times = PrimitiveArray::<TimestampMicrosecondType>::from_iter_values(values);
            Arc::new(times.with_data_type(of.clone()))
        }
    };
    let field = Arc::new(Field::new("item", items.data_type().clone(), true));
    let valid = Some(NullBuffer::from(valid));
    Ok(Arc::new(ListArray::try_new(field, OffsetBuffer::new(offsets.into()), items, valid)?))
}
