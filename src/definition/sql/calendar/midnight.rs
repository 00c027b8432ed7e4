//! The instants at which a day begins by the clocks of a zone, for conditions that turn there.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Date32Type};
use datafusion_expr::Expr;
use datafusion_expr::expr::Cast;

use super::function::{CalendarFunction, Instants, Meaning, call, timestamp};
use crate::time::zone::Zone;
use crate::time::{Micros, day_in_years};

/// Where a day begins: its midnight, and in a zone in which clocks are set back over midnight, the instant at
/// which they are and the one at which it comes again, null of nearly every day.
pub fn beginnings(day: Expr, zone: &'static Zone) -> Vec<Expr> {
    let mut instants = vec![Expr::Cast(Cast::new(Box::new(day.clone()), timestamp(zone)))];
    if zone.repeats_midnights() {
        instants.push(call(again("set_back", zone), vec![day.clone()]));
        instants.push(call(again("midnight_again", zone), vec![day]));
    }
    instants
}

fn again(name: &'static str, zone: &'static Zone) -> CalendarFunction {
    let meaning = Meaning {
        takes: |_, _| Ok(vec![DataType::Date32]),
        gives: |function, _| Ok(function.timestamp()),
        does: |function, call| {
            let days = call.column(0)?;
            let of = |day: i32| -> Option<Micros> {
                let day = Some(i64::from(day)).filter(|day| day_in_years(*day))?;
                let (back, again) = function.zone.midnight_again(day)?;
                Some(if function.called() == "set_back" { back } else { again })
            };
            let days = days.as_primitive::<Date32Type>();
            let instants: Instants = days.iter().map(|day| day.and_then(of)).collect();
            Ok(Arc::new(instants.with_timezone(function.zone.name())))
        },
    };
    CalendarFunction::new(name, zone, meaning, None)
}
