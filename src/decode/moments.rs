//! Columns of timestamps and days of a columnar file to columns of instants and days.
//!
//! What no instant or day can be becomes null, or lies outside of the years, and so is a fault.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Int64Type, TimeUnit, TimestampMicrosecondType as Instant,
};
use arrow::error::ArrowError;

use crate::time::zone::Zone;
use crate::time::{DAY, Micros, SECOND};

/// Timestamps without a zone are UTC, whole numbers are milliseconds since the epoch, and a day begins by
/// the clocks of the definition's time zone.
pub(super) fn instants(found: &ArrayRef, time_zone: &str) -> Result<ArrayRef, ArrowError> {
    let zone = Zone::named(time_zone).expect("the definition's is checked");
    let counted = |of: &DataType| {
        let count = cast(found, of)?;
        cast(&count, &DataType::Int64).map(|count| count.as_primitive::<Int64Type>().clone())
    };
    let times = |counts: PrimitiveArray<Int64Type>, unit: Micros| -> PrimitiveArray<Instant> {
        counts.unary_opt(|count| count.checked_mul(unit))
    };
    let instants: PrimitiveArray<Instant> = match found.data_type() {
        of @ DataType::Timestamp(unit, _) => match unit {
            TimeUnit::Second => times(counted(of)?, SECOND),
            TimeUnit::Millisecond => times(counted(of)?, 1_000),
            TimeUnit::Microsecond => times(counted(of)?, 1),
            TimeUnit::Nanosecond => counted(of)?.unary(|nanos| nanos.div_euclid(1_000)),
        },
        DataType::Date32 | DataType::Date64 => {
            let days = cast(found, &DataType::Date32)?;
            let days = days.as_primitive::<Date32Type>();
            days.unary(|day| zone.midnight(i64::from(day).clamp(-MOST / DAY, MOST / DAY)))
        }
        of if of.is_integer() => times(counted(of)?, 1_000),
        _ => {
            let utc = cast(found, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
            utc.as_primitive::<Instant>().clone()
        }
    };
    Ok(Arc::new(instants.with_timezone(time_zone)))
}

/// The day of a timestamp: by the clocks of the definition's time zone where it has a zone, and as it shows
/// it where it has none.
pub(super) fn days(found: &ArrayRef, time_zone: &str) -> Result<ArrayRef, ArrowError> {
    let DataType::Timestamp(_, zone) = found.data_type() else {
        return cast(found, &DataType::Date32);
    };
    let mut clocks = Zone::named(time_zone).expect("the definition's is checked").clocks();
    let instants = instants(found, time_zone)?;
    let mut days = Vec::with_capacity(instants.len());
    for at in instants.as_primitive::<Instant>() {
        days.push(at.and_then(|at| {
            let at = at.clamp(-MOST, MOST);
            let shown = if zone.is_some() { clocks.shown(at) } else { at };
            i32::try_from(shown.div_euclid(DAY)).ok()
        }));
    }
    Ok(Arc::new(days.into_iter().collect::<PrimitiveArray<Date32Type>>()))
}

/// Beyond any year, and with room for what clocks show.
const MOST: Micros = 10_000_000 * DAY;
