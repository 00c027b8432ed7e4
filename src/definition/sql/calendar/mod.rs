//! What expressions make of instants, days and intervals: all that looks at the calendar does so by the
//! clocks of the definition's time zone, as [`crate::time::zone`] reads them, in the years 1 to 9999.
//!
//! There are two types of time: an instant, which every timestamp of the language is, and what clocks
//! show, which expressions have in passing (`at time zone`). Where the two meet, clocks are those of the
//! definition.

mod convert;
mod fit;
mod function;
mod length;
mod midnight;
mod moved;
mod parts;
mod read;
mod series;
#[cfg(test)]
mod tests;
mod truncate;
mod unix;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion_expr::ScalarUDF;
use datafusion_sql::sqlparser::ast::{
    Expr, Function as Call, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments,
    Ident, ObjectName, visit_expressions_mut,
};

pub use super::calendar::convert::{interval_of, texts};
pub use super::calendar::fit::{fitted, meant};
pub use super::calendar::function::timestamp;
pub use super::calendar::length::multiplied;
pub use super::calendar::midnight::beginnings;
pub use super::calendar::moved::operands;
pub use super::calendar::parts::Extract;
pub use super::calendar::read::read_day_by;

use crate::time::zone::Zone;

/// Puts our functions in the place of DataFusion's of the same names.
pub fn replace(functions: &mut HashMap<String, Arc<ScalarUDF>>, zone: &'static Zone) {
    type Make = fn(&'static Zone, Arc<ScalarUDF>) -> function::CalendarFunction;
    let made: [(&str, Make); 14] = [
        ("date_trunc", truncate::date_trunc),
        ("date_bin", truncate::date_bin),
        ("date_part", parts::date_part),
        ("to_char", parts::to_char),
        ("to_local_time", convert::to_local_time),
        ("from_unixtime", unix::from_unixtime),
        ("to_unixtime", unix::to_unixtime),
        ("to_date", unix::to_date),
        ("make_date", unix::make_date),
        ("to_timestamp", |zone, of| unix::to_timestamp("to_timestamp", zone).about(of)),
        ("to_timestamp_seconds", |zone, of| {
            unix::to_timestamp("to_timestamp_seconds", zone).about(of)
        }),
        ("to_timestamp_millis", |zone, of| {
            unix::to_timestamp("to_timestamp_millis", zone).about(of)
        }),
        ("to_timestamp_micros", |zone, of| {
            unix::to_timestamp("to_timestamp_micros", zone).about(of)
        }),
        ("to_timestamp_nanos", |zone, of| unix::to_timestamp("to_timestamp_nanos", zone).about(of)),
    ];
    for (name, make) in made {
        let of_datafusion = functions.get(name).expect("DataFusion has it");
        let ours = make(zone, Arc::clone(of_datafusion)).udf();
        for alias in ours.aliases() {
            functions.insert(alias.clone(), Arc::clone(&ours));
        }
        functions.insert(name.to_owned(), ours);
    }
    for (name, like) in [(unix::TRY_TO_DATE, "to_date"), (unix::TRY_TO_TIMESTAMP, "to_timestamp")] {
        let like = Arc::clone(functions.get(like).expect("it is one of ours"));
        functions.insert(name.to_owned(), unix::try_to(name, zone, like).udf());
    }
    functions.insert(AT_TIME_ZONE.to_owned(), convert::at_time_zone(zone).udf());
}

/// The function that stands for `at time zone`.
pub const AT_TIME_ZONE: &str = "at_time_zone";

/// `x at time zone 'Asia/Tokyo'` as a call of a function: the planner makes a cast of it, from which nobody
/// can tell what was meant.
pub fn name_zones(expression: &mut Expr) {
    let walked = visit_expressions_mut(expression, |part| {
        if let Expr::AtTimeZone { timestamp, time_zone } = part {
            let argument = |of: &Expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(of.clone()));
            let args = FunctionArgumentList {
                duplicate_treatment: None,
                args: vec![argument(timestamp), argument(time_zone)],
                clauses: Vec::new(),
            };
            *part = Expr::Function(Call {
                name: ObjectName::from(vec![Ident::new(AT_TIME_ZONE)]),
                uses_odbc_syntax: false,
                parameters: FunctionArguments::None,
                args: FunctionArguments::List(args),
                filter: None,
                null_treatment: None,
                over: None,
                within_group: Vec::new(),
            });
        }
        ControlFlow::<()>::Continue(())
    });
    debug_assert!(walked.is_continue());
}
