//! Times that are written as their field says: by the digits of one pattern, as SQL reads them, counted since the epoch,
//! by the clocks of a zone. Neither the engine's formats nor its zones are asked.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Tz;
use selfsame::internals::plan::{EpochUnit, Field, TimeForm, TimeWriting, Type};
use selfsame::internals::row::Datum;
use selfsame::internals::time::Micros;

use super::values::{self, Code};

/// What a text says of what clocks show: by whose, or by how much these are ahead of UTC.
struct Shown {
    at: NaiveDateTime,
    ahead: Option<TimeDelta>,
    zone: Option<Tz>,
}

/// The value of a field whose times are written so; `zone` is what the row says of its zone.
pub fn value(
    field: &Field,
    form: &TimeForm,
    zone: Option<&str>,
    text: &str,
) -> Result<Datum, Code> {
    let zone = zone.map(str::trim).filter(|zone| !zone.is_empty()).unwrap_or(form.zone.name());
    // One that there is not matters to a text that needs one.
    let known = zone.parse::<Tz>();
    let is_known = known.is_ok();
    let zone: Tz = known.unwrap_or_else(|_| form.zone.name().parse().expect("a zone"));
    let is_date = field.data_type == Type::Date;
    let read = form.formats.iter().map(|format| match format {
        TimeWriting::Rfc3339 if is_date => values::date(text),
        TimeWriting::Rfc3339 => values::written_instant(text),
        TimeWriting::Epoch(unit) => {
            let power = match unit {
                EpochUnit::Seconds => 6,
                EpochUnit::Millis => 3,
                EpochUnit::Micros => 0,
                EpochUnit::Nanos => -3,
            };
            let Datum::Timestamp(at) = values::counted(text, power)? else { unreachable!() };
            if is_date { day(shown_at(at, zone)) } else { Ok(Datum::Timestamp(at)) }
        }
        TimeWriting::Format(format) => {
            let shown = by_pattern(format.text(), text)?;
            if is_date {
                day(shown)
            } else {
                instant(Shown { at: shown, ahead: None, zone: None }, zone)
            }
        }
        // A day may do without dashes.
        TimeWriting::Iso if is_date && shape(text) == "00000000" => {
            day(date([&text[..4], &text[4..6], &text[6..]])?.and_time(NaiveTime::MIN))
        }
        TimeWriting::Iso => {
            let shown = iso(text)?;
            let has_clock = text.len() > 10;
            match instant(shown, zone)? {
                // A day alone is that day, and an instant is the day that clocks show.
                Datum::Timestamp(_) if is_date && !has_clock => day(iso(text)?.at),
                Datum::Timestamp(at) if is_date => day(shown_at(at, zone)),
                at => Ok(at),
            }
        }
    });
    let read: Vec<Result<Datum, Code>> = read.collect();
    if let Some((Ok(first), format)) = read.iter().zip(&form.formats).find(|(read, _)| read.is_ok())
    {
        let needs_zone = match format {
            TimeWriting::Epoch(_) => is_date,
            TimeWriting::Format(_) => !is_date,
            TimeWriting::Iso if is_date => text.len() > 10,
            TimeWriting::Iso => {
                let shown = iso(text)?;
                shown.ahead.is_none() && shown.zone.is_none()
            }
            TimeWriting::Rfc3339 => false,
        };
        return if needs_zone && !is_known { Err("wrong_type") } else { Ok(first.clone()) };
    }
    let is_out = read.iter().any(|read| *read == Err("out_of_range"));
    Err(if is_out { "out_of_range" } else { "wrong_type" })
}

fn day(shown: NaiveDateTime) -> Result<Datum, Code> {
    let days = shown.date().signed_duration_since(NaiveDate::default()).num_days();
    let in_years = (1..=9999).contains(&shown.year());
    in_years.then_some(Datum::Date(days as i32)).ok_or("out_of_range")
}

fn shown_at(at: Micros, zone: Tz) -> NaiveDateTime {
    let utc = chrono::DateTime::from_timestamp_micros(at).expect("an instant").naive_utc();
    zone.from_utc_datetime(&utc).naive_local()
}

fn instant(Shown { at, ahead, zone }: Shown, of_row: Tz) -> Result<Datum, Code> {
    let utc = match ahead {
        Some(ahead) => (at - ahead).and_utc(),
        None => {
            // A time that comes twice is the first; one that never comes is as much later as the clocks jump.
            let zone = zone.unwrap_or(of_row);
            let instant = |at: &NaiveDateTime| zone.from_local_datetime(at).earliest();
            let before = TimeDelta::hours(26);
            let instant = instant(&at).or_else(|| Some(instant(&(at - before))? + before));
            instant.ok_or("out_of_range")?.to_utc()
        }
    };
    let in_years = (1..=9999).contains(&utc.year());
    in_years.then_some(Datum::Timestamp(utc.timestamp_micros())).ok_or("out_of_range")
}

/// Digits by their places: a year, a month and a day.
fn date(digits: [&str; 3]) -> Result<NaiveDate, Code> {
    let [year, month, day] = digits.map(|digits| digits.parse::<u32>().expect("digits"));
    NaiveDate::from_ymd_opt(year as i32, month, day).ok_or("out_of_range")
}

fn time(clock: &str) -> Result<NaiveTime, Code> {
    let mut numbers = clock.split(':').map(|digits| digits.parse::<u32>().expect("digits"));
    let mut next = || numbers.next().unwrap_or(0);
    NaiveTime::from_hms_opt(next(), next(), next()).ok_or("out_of_range")
}

fn shape(text: &str) -> String {
    text.chars().map(|of| if of.is_ascii_digit() { '0' } else { of }).collect()
}

/// What clocks show, as `05.07.2025 14:00:00` or `2025/07/05 14:00`.
fn by_pattern(pattern: &str, text: &str) -> Result<NaiveDateTime, Code> {
    let (form, year, month, day) = match pattern {
        "%d.%m.%Y %H:%M:%S" => ("00.00.0000 00:00:00", 6..10, 3..5, 0..2),
        "%Y/%m/%d %H:%M" => ("0000/00/00 00:00", 0..4, 5..7, 8..10),
        other => unreachable!("{other} is not generated"),
    };
    if shape(text) != form {
        return Err("wrong_type");
    }
    Ok(date([&text[year], &text[month], &text[day]])?.and_time(time(&text[11..])?))
}

/// A day, and maybe minutes, seconds and their parts, and an offset or a zone.
fn iso(text: &str) -> Result<Shown, Code> {
    let form = shape(text);
    let whole = form.strip_prefix("0000-00-00").ok_or("wrong_type")?;
    let day = date([&text[..4], &text[5..7], &text[8..10]])?;
    if whole.is_empty() {
        return Ok(Shown { at: day.and_time(NaiveTime::MIN), ahead: None, zone: None });
    }
    let rest = whole.strip_prefix(['T', ' ']).ok_or("wrong_type")?;
    let length = ["00:00:00", "00:00"].into_iter().find(|of| rest.starts_with(of)).map(str::len);
    let (clock, mut end) = text[11..].split_at(length.ok_or("wrong_type")?);
    let mut at = day.and_time(time(clock)?);
    if let Some(digits) = end.strip_prefix('.') {
        let count = digits.bytes().take_while(u8::is_ascii_digit).count();
        let micros = format!("{:0<6.6}", &digits[..count]);
        at += TimeDelta::microseconds(micros.parse().expect("digits"));
        end = &digits[count..];
    }
    let (ahead, zone) = match end {
        "" => (None, None),
        "Z" => (Some(TimeDelta::zero()), None),
        "-08" => (Some(TimeDelta::hours(-8)), None),
        offset if ["+00:00", "-00:00"].contains(&shape(offset).as_str()) => {
            let hours: i64 = offset[..3].parse().expect("digits");
            let minutes: i64 = format!("{}{}", &offset[..1], &offset[4..]).parse().expect("digits");
            (Some(TimeDelta::minutes(60 * hours + minutes)), None)
        }
        " Asia/Tokyo" => (None, Some(chrono_tz::Asia::Tokyo)),
        _ => return Err("wrong_type"),
    };
    Ok(Shown { at, ahead, zone })
}
