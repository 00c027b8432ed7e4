//! Texts as SQL writes instants and days, and by formats of one's own.

use arrow::compute::kernels::cast_utils::Parser;
use arrow::datatypes::Date32Type;
use datafusion_common::{Result, plan_err};

use super::function::{day_in_the_years, failed};
use crate::time::format::TimeFormat;
use crate::time::written_elsewhere;
use crate::time::zone::{Shown, Zone};
use crate::time::{DAY, Micros, NoInstant, day_in_years, read_date, read_iso};

/// The instant that a text names; without an offset or a zone of its own, by the zone's clocks.
pub fn instant(text: &str, zone: &'static Zone) -> Result<Micros> {
    read_iso(text, zone)
        .map_err(|why| unreadable(text, "timestamp such as 2025-07-05T12:00:00Z", why))
}

/// What clocks show, as a text says; of a text with an offset or a zone, the zone's.
pub fn shown(text: &str, zone: &'static Zone) -> Result<Shown> {
    Ok(zone.shown(instant(text, zone)?))
}

/// The day that a text names; of an instant, by the zone's clocks.
pub fn day(text: &str, zone: &'static Zone) -> Result<i32> {
    read_day_by(text, || zone).map_err(|why| unreadable(text, "date such as 2025-07-05", why))
}

/// The same, or why it names none. A zone is asked for only if the text names an instant.
pub fn read_day_by(
    text: &str,
    zone: impl FnOnce() -> &'static Zone,
) -> std::result::Result<i32, NoInstant> {
    let text = text.trim();
    let day = match (read_date(text), Date32Type::parse(text)) {
        (Err(NoInstant::Shape), _) if text.len() > 10 => {
            let zone = zone();
            zone.shown(read_iso(text, zone)?).div_euclid(DAY)
        }
        (Err(NoInstant::Shape), Some(day)) => i64::from(day),
        (day, _) => day?,
    };
    if day_in_years(day) { Ok(day as i32) } else { Err(NoInstant::Beyond) }
}

fn unreadable(text: &str, wanted: &str, why: NoInstant) -> datafusion_common::DataFusionError {
    let why = match why {
        NoInstant::Shape => String::new(),
        why => format!(": {why}"),
    };
    failed(format!("'{}' is no {wanted}{why}", text.trim()))
}

/// What is wrong with formats that are the same for all rows, by none of which a text is read. `None` stands for one that rows
/// say.
pub fn check_formats(function: &str, formats: &[Option<&str>]) -> Result<()> {
    let mut wrong = None;
    for format in formats {
        let Some(text) = format else { return Ok(()) };
        if !text.contains('%') {
            let meant = written_elsewhere::meant(text);
            let meant = meant.unwrap_or_else(|| "%Y-%m-%d %H:%M:%S".to_owned());
            return plan_err!(
                "{function} reads by no '{text}': a format is as in '%d.%m.%Y', and this one is '{meant}'"
            );
        }
        let fault = match TimeFormat::new(text) {
            Ok(format) => format.day_fault().map(|fault| format!("the format '{text}' {fault}")),
            Err(why) => Some(why),
        };
        let Some(fault) = fault else { return Ok(()) };
        wrong.get_or_insert(fault);
    }
    match wrong {
        Some(wrong) => plan_err!("{function} always fails: {wrong}"),
        None => Ok(()),
    }
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
