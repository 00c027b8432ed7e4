//! Texts as SQL writes instants and days, and by formats of one's own.

use arrow::compute::kernels::cast_utils::{Parser, string_to_datetime};
use arrow::datatypes::Date32Type;
use chrono::format::{Parsed, StrftimeItems, parse};
use datafusion_common::Result;

use super::function::{day_in_the_years, failed, in_the_years};
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
    let (shown, offset) = parsed(text, format)?;
    let zone_behind = offset.is_none() && format.trim_end().ends_with(" %Z");
    let zone = if zone_behind { zone_at_the_end(text)? } else { zone };
    in_the_years(match offset {
        Some(offset) => shown - offset,
        None => zone.instant(shown),
    })
}

/// The day that a text names by a format, as it is written.
pub fn formatted_day(text: &str, format: &str) -> Result<i32> {
    day_in_the_years(parsed(text, format)?.0.div_euclid(DAY))
}

/// What a text shows, and by how much that is ahead of UTC if it says so.
fn parsed(text: &str, format: &str) -> Result<(Shown, Option<Micros>)> {
    let wrong = |error: chrono::ParseError| {
        failed(format!("'{text}' is not written as '{format}': {error}"))
    };
    let (mut rest, mut items) = (text, format.trim_end());
    if let Some(before) = items.strip_suffix(" %Z") {
        items = before;
        rest = text.trim_end().rsplit_once(' ').map_or(text, |(before, _)| before);
    } else if items.contains("%Z") {
        return Err(failed("%Z stands at the end of a format only, behind a space"));
    }
    let mut parsed = Parsed::new();
    parse(&mut parsed, rest, StrftimeItems::new(items)).map_err(wrong)?;
    // Seconds since the epoch are an instant.
    let at = match parsed.timestamp() {
        Some(_) => parsed.to_datetime_with_timezone(&chrono::Utc).map(|at| at.naive_utc()),
        None => {
            let at = parsed.to_naive_datetime_with_offset(0);
            at.or_else(|_| parsed.to_naive_date().map(|date| date.and_time(chrono::NaiveTime::MIN)))
        }
    };
    let shown = at.map_err(wrong)?.and_utc().timestamp_micros();
    let offset = parsed.offset().map(|seconds| Micros::from(seconds) * crate::time::SECOND);
    let is_instant = parsed.timestamp().is_some();
    Ok((shown, if is_instant { Some(0) } else { offset }))
}

fn zone_at_the_end(text: &str) -> Result<&'static Zone> {
    let name = text.trim_end().rsplit(' ').next().unwrap_or_default();
    Zone::named(name)
        .ok_or_else(|| failed(format!("'{name}' is no time zone of the IANA database")))
}
