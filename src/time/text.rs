//! Instants and days as text: RFC 3339 and nothing else, exactly; no instant passes through a double.

use std::fmt;

use chrono::{Datelike, NaiveDate};

use super::days::{date_of, day_of};
use super::{DAY, FIRST, HOUR, LAST, MINUTE, Micros, SECOND, day_in_years, in_years};

/// Why a text is no instant, or no day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoInstant {
    /// It is not written as one.
    Shape,
    /// The calendar has no such day.
    NoSuchDay,
    /// No clock shows such a time, or stands so far from UTC.
    NoSuchTime,
    /// It lies outside of the years 1 to 9999.
    Beyond,
}

impl fmt::Display for NoInstant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NoInstant::Shape => "it is not written as in RFC 3339, such as 2025-07-05T12:00:00Z",
            NoInstant::NoSuchDay => "the calendar has no such day",
            NoInstant::NoSuchTime => "no clock shows such a time",
            NoInstant::Beyond => "it lies outside of the years 1 to 9999",
        })
    }
}

/// The instant that a text names in RFC 3339. `T` may be a space, `T` and `Z` small. What is finer than
/// a microsecond is cut off; the second 60, a leap second, is the first of the next minute.
pub fn read_rfc3339(text: &str) -> Result<Micros, NoInstant> {
    let text = text.as_bytes();
    let (head, mut rest) = text.split_at_checked(19).ok_or(NoInstant::Shape)?;
    let day = head.first_chunk().and_then(fields).ok_or(NoInstant::Shape)?;
    let between = matches!(head[10], b'T' | b't' | b' ');
    let time = head[11..].as_array().and_then(time_fields);
    let [hour, minute, second] = time.filter(|_| between).ok_or(NoInstant::Shape)?;
    let mut micros = 0;
    if let [b'.', digits @ ..] = rest {
        let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return Err(NoInstant::Shape);
        }
        let zeros = std::iter::repeat(&b'0');
        for digit in digits[..count].iter().chain(zeros).take(6) {
            micros = micros * 10 + Micros::from(digit - b'0');
        }
        rest = &digits[count..];
    }
    let offset = match rest {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), of @ ..] => {
            let of: &[u8; 5] = of.try_into().map_err(|_| NoInstant::Shape)?;
            let (hours, minutes) =
                two(of[0], of[1]).zip(two(of[3], of[4])).ok_or(NoInstant::Shape)?;
            if of[2] != b':' {
                return Err(NoInstant::Shape);
            }
            if hours > 23 || minutes > 59 {
                return Err(NoInstant::NoSuchTime);
            }
            let offset = Micros::from(hours) * HOUR + Micros::from(minutes) * MINUTE;
            if *sign == b'-' { -offset } else { offset }
        }
        _ => return Err(NoInstant::Shape),
    };
    let day = known(day)?;
    if hour > 23 || minute > 59 || second > 60 {
        return Err(NoInstant::NoSuchTime);
    }
    let time = Micros::from(hour * 3_600 + minute * 60 + second) * SECOND + micros;
    let instant = day * DAY + time - offset;
    if in_years(instant) { Ok(instant) } else { Err(NoInstant::Beyond) }
}

/// The day that `YYYY-MM-DD` names, counted from 1970-01-01.
pub fn read_date(text: &str) -> Result<i64, NoInstant> {
    let text: Option<&[u8; 10]> = text.as_bytes().try_into().ok();
    let day = known(text.and_then(fields).ok_or(NoInstant::Shape)?)?;
    if day_in_years(day) { Ok(day) } else { Err(NoInstant::Beyond) }
}

/// The day that `YYYY-MM-DD` names, of the year 0, too: with an offset it may lie within the years.
pub(super) fn calendar_day(text: &[u8; 10]) -> Result<i64, NoInstant> {
    known(fields(text).ok_or(NoInstant::Shape)?)
}

fn known([year, month, day]: [u32; 3]) -> Result<i64, NoInstant> {
    NaiveDate::from_ymd_opt(year as i32, month, day).map(day_of).ok_or(NoInstant::NoSuchDay)
}

/// Year, month and day of `YYYY-MM-DD`.
fn fields(text: &[u8; 10]) -> Option<[u32; 3]> {
    if text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let year = two(text[0], text[1])? * 100 + two(text[2], text[3])?;
    Some([year, two(text[5], text[6])?, two(text[8], text[9])?])
}

/// Hour, minute and second of `HH:MM:SS`.
fn time_fields(text: &[u8; 8]) -> Option<[u32; 3]> {
    if text[2] != b':' || text[5] != b':' {
        return None;
    }
    Some([two(text[0], text[1])?, two(text[3], text[4])?, two(text[6], text[7])?])
}

fn two(tens: u8, ones: u8) -> Option<u32> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| u32::from(tens) * 10 + u32::from(ones))
}

/// An instant as RFC 3339 in UTC, with milliseconds, or microseconds where they are not zero.
pub fn rfc3339(instant: Micros) -> String {
    let mut text = String::with_capacity(27);
    write_rfc3339(instant, &mut text);
    text
}

/// Writes what [`rfc3339`] returns. By hand, because every profile has several, and chrono interprets
/// its pattern each time.
///
/// Nothing that is read or worked out lies outside of the years that can be written; a border that does,
/// as of a window, is written as the last instant that can.
pub fn write_rfc3339(instant: Micros, text: &mut String) {
    let instant = instant.clamp(FIRST, LAST);
    let mut bytes = *b"0000-00-00T00:00:00.000000Z";
    write_date(instant.div_euclid(DAY), bytes.first_chunk_mut().expect("ten of them"));
    let time = instant.rem_euclid(DAY);
    put(&mut bytes[11..13], (time / HOUR) as u32);
    put(&mut bytes[14..16], (time / MINUTE % 60) as u32);
    put(&mut bytes[17..19], (time / SECOND % 60) as u32);
    put(&mut bytes[20..26], (time % SECOND) as u32);
    let text_of = |bytes| std::str::from_utf8(bytes).expect("ASCII");
    match instant % 1_000 {
        0 => {
            text.push_str(text_of(&bytes[..23]));
            text.push('Z');
        }
        _ => text.push_str(text_of(&bytes)),
    }
}

/// A day, counted from 1970-01-01, as `YYYY-MM-DD`.
pub fn date(day: i64) -> String {
    let mut bytes = *b"0000-00-00";
    write_date(day.clamp(FIRST.div_euclid(DAY), LAST.div_euclid(DAY)), &mut bytes);
    String::from_utf8(bytes.to_vec()).expect("ASCII")
}

fn write_date(day: i64, bytes: &mut [u8; 10]) {
    let date = date_of(day).expect("within the years 1 to 9999");
    put(&mut bytes[..4], date.year() as u32);
    put(&mut bytes[5..7], date.month());
    put(&mut bytes[8..], date.day());
}

fn put(digits: &mut [u8], mut number: u32) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_instant_is_told_apart() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Ok(0)),
            ("1970-01-01t00:00:00z", Ok(0)),
            ("1970-01-01 00:00:00.5-00:00", Ok(SECOND / 2)),
            ("2016-12-31T23:59:60Z", Ok(1_483_228_800 * SECOND)),
            ("2016-12-31T23:59:60.25Z", Ok(1_483_228_800 * SECOND + SECOND / 4)),
            ("9999-12-31T23:59:59.9999999Z", Ok(LAST)),
            ("0001-01-01T00:00:00Z", Ok(FIRST)),
            ("0000-12-31T23:00:00-01:00", Ok(FIRST)),
            ("9999-12-31T23:59:60Z", Err(NoInstant::Beyond)),
            ("9999-12-31T23:59:59-12:00", Err(NoInstant::Beyond)),
            ("0001-01-01T00:00:00+14:00", Err(NoInstant::Beyond)),
            ("0000-01-01T00:00:00Z", Err(NoInstant::Beyond)),
            ("2025-02-29T00:00:00Z", Err(NoInstant::NoSuchDay)),
            ("2025-13-01T00:00:00Z", Err(NoInstant::NoSuchDay)),
            ("2025-07-05T24:00:00Z", Err(NoInstant::NoSuchTime)),
            ("2025-07-05T12:00:61Z", Err(NoInstant::NoSuchTime)),
            ("2025-07-05T12:00:00+24:00", Err(NoInstant::NoSuchTime)),
            // A minus sign is ASCII's.
            ("2025-07-05T12:00:00\u{2212}02:00", Err(NoInstant::Shape)),
            ("2025-07-05T12:00:00", Err(NoInstant::Shape)),
            ("2025-07-05T12:00:00.Z", Err(NoInstant::Shape)),
            ("2025-07-05T12:00:00+0200", Err(NoInstant::Shape)),
            ("2025-07-05T12:00Z", Err(NoInstant::Shape)),
            ("+2025-07-05T12:00:00Z", Err(NoInstant::Shape)),
            ("12025-07-05T12:00:00Z", Err(NoInstant::Shape)),
            ("2025-07-05", Err(NoInstant::Shape)),
        ] {
            assert_eq!(read_rfc3339(text), expected, "{text}");
        }
        for (text, expected) in [
            ("1970-01-02", Ok(1)),
            ("0000-12-31", Err(NoInstant::Beyond)),
            ("2025-02-29", Err(NoInstant::NoSuchDay)),
            ("2025-7-5", Err(NoInstant::Shape)),
        ] {
            assert_eq!(read_date(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_instant_is_written_and_read_as_chrono_does(
            instant in FIRST..=LAST,
            offset in -1_439..1_440i32,
            digits in 1usize..12,
        ) {
            let at = DateTime::from_timestamp_micros(instant).expect("an instant");
            let format =
                if instant % 1_000 == 0 { "%Y-%m-%dT%H:%M:%S%.3fZ" } else { "%Y-%m-%dT%H:%M:%S%.6fZ" };
            prop_assert_eq!(rfc3339(instant), at.format(format).to_string());
            prop_assert_eq!(read_rfc3339(&rfc3339(instant)), Ok(instant));
            let there = at.with_timezone(&chrono::FixedOffset::east_opt(offset * 60).expect("one"));
            if (0..=9999).contains(&there.year()) {
                let text = there.format("%Y-%m-%dT%H:%M:%S%.9f").to_string();
                let text = format!("{:0<31}", text);
                let text = format!("{}{}", &text[..20 + digits], there.format("%:z"));
                let expected = DateTime::parse_from_rfc3339(&text).expect("RFC 3339");
                prop_assert_eq!(read_rfc3339(&text), Ok(expected.timestamp_micros()), "{}", text);
            }
        }

        #[test]
        fn no_text_makes_a_reader_panic(text in "\\PC*|[-+0-9.:TZeE]{0,60}") {
            let _ = (read_rfc3339(&text), read_date(&text));
        }

        #[test]
        fn beyond_the_years_what_is_written_is_still_rfc_3339(instant: i64) {
            let text = rfc3339(instant);
            prop_assert!(DateTime::parse_from_rfc3339(&text).is_ok(), "{}", text);
        }
    }
}
