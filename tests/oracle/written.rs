//! Times that are written as their field says: by the digits of one pattern, as seconds since the epoch, by the clocks
//! of a zone. Neither the engine's formats nor its zones are asked.

use chrono::{NaiveDate, NaiveDateTime, TimeDelta, TimeZone};
use selfsame::internals::plan::{EpochUnit, TimeForm, TimeWriting};
use selfsame::internals::row::Datum;

use super::values::{self, Code};

/// The instant of a field whose times are written so; `zone` is what the row says of its zone.
pub fn instant(form: &TimeForm, zone: Option<&str>, text: &str) -> Result<Datum, Code> {
    let zone = zone.map(str::trim).filter(|zone| !zone.is_empty()).unwrap_or(form.zone.name());
    let zone: chrono_tz::Tz = zone.parse().map_err(|_| "wrong_type")?;
    let read = form.formats.iter().map(|format| match format {
        TimeWriting::Rfc3339 => values::written_instant(text),
        TimeWriting::Epoch(EpochUnit::Seconds) => values::counted(text, 6),
        TimeWriting::Epoch(EpochUnit::Micros) => values::counted(text, 0),
        TimeWriting::Format(format) if format.text() == "%d.%m.%Y %H:%M:%S" => shown(zone, text),
        other => unreachable!("{other:?} is not generated"),
    });
    let read: Vec<Result<Datum, Code>> = read.collect();
    if let Some(Ok(first)) = read.iter().find(|read| read.is_ok()) {
        return Ok(first.clone());
    }
    let is_out = read.iter().any(|read| *read == Err("out_of_range"));
    Err(if is_out { "out_of_range" } else { "wrong_type" })
}

/// What clocks of a zone show, as `05.07.2025 14:00:00`.
fn shown(zone: chrono_tz::Tz, text: &str) -> Result<Datum, Code> {
    let shape: String = text.chars().map(|of| if of.is_ascii_digit() { '0' } else { of }).collect();
    if shape != "00.00.0000 00:00:00" {
        return Err("wrong_type");
    }
    let number = |from: usize, to: usize| text[from..to].parse::<u32>().expect("digits");
    let day = NaiveDate::from_ymd_opt(number(6, 10) as i32, number(3, 5), number(0, 2));
    let at = day.and_then(|day| day.and_hms_opt(number(11, 13), number(14, 16), number(17, 19)));
    let at = at.ok_or("out_of_range")?;
    // Of a time that comes twice the first; one that never comes is as much later as the clocks jump.
    let instant = |at: &NaiveDateTime| zone.from_local_datetime(at).earliest();
    let before = TimeDelta::hours(26);
    let instant = instant(&at).or_else(|| Some(instant(&(at - before))? + before));
    Ok(Datum::Timestamp(instant.ok_or("out_of_range")?.timestamp_micros()))
}
