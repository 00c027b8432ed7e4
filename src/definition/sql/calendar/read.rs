//! Texts as SQL writes instants and days, and by formats of one's own.

use arrow::compute::kernels::cast_utils::{Parser, string_to_datetime};
use arrow::datatypes::Date32Type;
use datafusion_common::Result;

use super::function::{day_in_the_years, failed, in_the_years};
use crate::time::format::TimeFormat;
use crate::time::zone::{Shown, Zone, ZoneClock};
use crate::time::{DAY, Micros, in_years, read_date, read_rfc3339};

/// The instant that a text names; without an offset or a zone of its own, by the zone's clocks.
pub fn instant(text: &str, zone: &'static Zone) -> Result<Micros> {
    let text = text.trim();
    if let Ok(at) = read_rfc3339(text) {
        return Ok(at);
    }
    if text.len() == 10 {
        return in_the_years(zone.midnight(day_written(text)?));
    }
    let (text, zone) = of_a_zone(text).unwrap_or((text, zone));
    let at = string_to_datetime(&ZoneClock(zone), text);
    let at =
        at.map_err(|error| unreadable(text, "timestamp such as 2025-07-05T12:00:00Z", error))?;
    let at = at.timestamp_micros();
    let beyond = "in UTC it lies outside of the years 1 to 9999";
    if in_years(at) {
        return Ok(at);
    }
    Err(unreadable(text, "timestamp such as 9999-12-31T00:00:00Z", beyond))
}

/// What clocks show, as a text says; of a text with an offset or a zone, the zone's.
pub fn shown(text: &str, zone: &'static Zone) -> Result<Shown> {
    Ok(zone.shown(instant(text, zone)?))
}

/// The day that a text names; of an instant, by the zone's clocks.
pub fn day(text: &str, zone: &'static Zone) -> Result<i32> {
    let text = text.trim();
    if let Ok(day) = read_date(text) {
        return day_in_the_years(day);
    }
    if text.len() > 10 {
        return day_in_the_years(shown(text, zone)?.div_euclid(DAY));
    }
    day_in_the_years(day_written(text)?)
}

fn day_written(text: &str) -> Result<i64> {
    let day = Date32Type::parse(text).map(i64::from);
    day.ok_or_else(|| unreadable(text, "date such as 2025-07-05", "there is no such day"))
}

fn unreadable(
    text: &str,
    wanted: &str,
    why: impl std::fmt::Display,
) -> datafusion_common::DataFusionError {
    let why = why.to_string();
    let why = why.rsplit(": ").next().unwrap_or_default();
    failed(format!("'{text}' is no {wanted}: {why}"))
}

/// A text that ends with the name of a zone, and the zone.
fn of_a_zone(text: &str) -> Option<(&str, &'static Zone)> {
    let behind = text.get(11..)?;
    let at = 11 + behind.find(|character: char| character.is_ascii_alphabetic())?;
    Some((text[..at].trim_end(), Zone::named(&text[at..])?))
}

/// By a format of chrono's; what names neither an offset nor a zone, by the zone's clocks.
pub fn formatted(text: &str, format: &str, zone: &'static Zone) -> Result<Micros> {
    let format = TimeFormat::new(format).map_err(failed)?;
    format.instant(text, zone).map_err(failed)
}

/// The day that a text names by a format, as it is written.
pub fn formatted_day(text: &str, format: &str) -> Result<i32> {
    let format = TimeFormat::new(format).map_err(failed)?;
    day_in_the_years(format.day(text).map_err(failed)?)
}
