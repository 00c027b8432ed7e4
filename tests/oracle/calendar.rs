//! Where a calendar window begins, by the clocks of its zone.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, TimeZone};
use selfsame::internals::plan::{Since, Unit};
use selfsame::internals::time::{HOUR, MINUTE, Micros, SECOND};

/// `date_trunc(unit, now())` and an interval: months and days by the calendar, then what passes.
///
/// For instants at which no clock is moved over midnight.
pub fn border(since: &Since, now: Micros) -> Micros {
    let utc = DateTime::from_timestamp_micros(now).expect("an instant").naive_utc();
    // Not the database that the engine reads, nor the library.
    let zone: chrono_tz::Tz = since.zone.name().parse().expect("a zone");
    let shown = zone.from_utc_datetime(&utc).naive_local();
    let date = shown.date();
    let first = match since.unit {
        Unit::Second => return now - now.rem_euclid(SECOND) + since.micros,
        Unit::Minute => return now - now.rem_euclid(MINUTE) + since.micros,
        Unit::Hour => {
            let shown = shown.and_utc().timestamp_micros();
            return now - shown.rem_euclid(HOUR) + since.micros;
        }
        Unit::Day => date,
        Unit::Week => date - Days::new(date.weekday().num_days_from_monday().into()),
        Unit::Month => day(date.year(), date.month()),
        Unit::Quarter => day(date.year(), (date.month() - 1) / 3 * 3 + 1),
        Unit::Year => day(date.year(), 1),
    };
    let months = Months::new(since.months.unsigned_abs());
    let moved = if since.months < 0 { first - months } else { first + months };
    let days = Days::new(since.days.unsigned_abs().into());
    let moved = if since.days < 0 { moved - days } else { moved + days };
    let midnight = NaiveDateTime::from(moved);
    let instant = zone.from_local_datetime(&midnight).earliest().expect("there is midnight");
    instant.timestamp_micros() + since.micros
}

fn day(year: i32, month: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, 1).expect("a first day")
}
