//! Text to instants and dates, exactly: no instant passes through a double.

use chrono::{DateTime, Datelike, NaiveDate};

use super::scalar::{Fault, scaled, shown, written};
use crate::time::Micros;

/// An instant in RFC 3339. What is finer than a microsecond is cut off.
pub(super) fn rfc3339(text: &str) -> Result<Micros, Fault> {
    if let Some(instant) = plain_utc(text.as_bytes()) {
        return Ok(instant);
    }
    match DateTime::parse_from_rfc3339(text) {
        Ok(at) => Ok(at.timestamp_micros()),
        Err(_) => Err(Fault::wrong_type(format!(
            "expected a timestamp such as 2025-07-05T12:00:00Z, found {}",
            shown(text)
        ))),
    }
}

/// `YYYY-MM-DDTHH:MM:SS[.fraction]Z`, the form that nearly every row has, several times faster than
/// the general parser; `None` leaves the decision to that.
fn plain_utc(text: &[u8]) -> Option<Micros> {
    let (head, tail) = text.split_at_checked(19)?;
    let two = |at: usize| -> Option<u32> {
        let (tens, ones) = (head[at].wrapping_sub(b'0'), head[at + 1].wrapping_sub(b'0'));
        (tens < 10 && ones < 10).then(|| u32::from(tens) * 10 + u32::from(ones))
    };
    let marks = head[4] == b'-' && head[7] == b'-' && head[10] == b'T';
    if !marks || head[13] != b':' || head[16] != b':' {
        return None;
    }
    let (year, month, day) = (two(0)? * 100 + two(2)?, two(5)?, two(8)?);
    let (hour, minute, second) = (two(11)?, two(14)?, two(17)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let fraction = match tail {
        b"Z" => 0,
        [b'.', digits @ .., b'Z'] if (1..=6).contains(&digits.len()) => {
            let mut micros = 0;
            for place in 0..6 {
                let digit = digits.get(place).map_or(0, |byte| byte.wrapping_sub(b'0'));
                if digit > 9 {
                    return None;
                }
                micros = micros * 10 + i64::from(digit);
            }
            micros
        }
        _ => return None,
    };
    let days = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    let seconds =
        i64::from(days_since_epoch(days)) * 86_400 + i64::from(hour * 3_600 + minute * 60 + second);
    Some(seconds * 1_000_000 + fraction)
}

/// An instant in milliseconds since the epoch. What is finer than a microsecond is cut off.
pub(super) fn epoch_millis(text: &str) -> Result<Micros, Fault> {
    let written = written(text).ok_or_else(|| {
        Fault::wrong_type(format!(
            "expected a timestamp (RFC 3339, or milliseconds since the epoch), found {}",
            shown(text)
        ))
    })?;
    let power = written.exponent.saturating_add(3);
    let micros = if power >= 0 {
        scaled(&written, power)
    } else {
        let divisor = u32::try_from(-power).ok().and_then(|power| 10i128.checked_pow(power));
        match divisor {
            Some(divisor) => scaled(&written, 0).map(|digits| digits.div_euclid(divisor)),
            None => Some(if written.negative { -1 } else { 0 }),
        }
    };
    micros
        .and_then(|micros| Micros::try_from(micros).ok())
        .filter(|micros| in_years(*micros))
        .ok_or_else(|| {
            Fault::out_of_range(format!(
                "{} milliseconds since the epoch lie outside of the years 1 to 9999",
                shown(text)
            ))
        })
}

/// Whether an instant lies in the years that RFC 3339 can write.
pub(super) fn in_years(instant: Micros) -> bool {
    DateTime::from_timestamp_micros(instant).is_some_and(|at| (1..=9999).contains(&at.year()))
}

/// `YYYY-MM-DD`, as days since the epoch.
pub(super) fn date(text: &str) -> Result<i32, Fault> {
    let shape = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !shape {
        let message = format!("expected a date such as 2025-07-05, found {}", shown(text));
        return Err(Fault::wrong_type(message));
    }
    let parts = (text[..4].parse(), text[5..7].parse(), text[8..].parse());
    let (Ok(year), Ok(month), Ok(day)) = parts else { unreachable!("digits, as just seen") };
    NaiveDate::from_ymd_opt(year, month, day)
        .map(days_since_epoch)
        .ok_or_else(|| Fault::out_of_range(format!("there is no day {text} in the calendar")))
}

fn days_since_epoch(date: NaiveDate) -> i32 {
    const EPOCH: i32 = 719_163;
    date.num_days_from_ce() - EPOCH
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code<T: std::fmt::Debug>(result: Result<T, Fault>) -> &'static str {
        result.expect_err("a fault").code
    }

    #[test]
    fn instants_are_microseconds() {
        for (text, value) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2025-07-05T00:00:00Z", 1_751_673_600_000_000),
            ("2025-07-05T00:00:00.5Z", 1_751_673_600_500_000),
            ("2025-07-05T02:00:00.123456+02:00", 1_751_673_600_123_456),
            ("2025-07-05T00:00:00.123456789Z", 1_751_673_600_123_456),
            ("1969-12-31T23:59:59.999999Z", -1),
        ] {
            assert_eq!(rfc3339(text), Ok(value), "{text}");
        }
        for text in
            ["2025-07-05", "2025-07-05T00:00:00", "2025-02-30T00:00:00Z", "yesterday", "", "20é5"]
        {
            assert_eq!(code(rfc3339(text)), "wrong_type", "{text}");
        }
        for (text, value) in [
            ("1751673600000", 1_751_673_600_000_000),
            ("1751673600000.5", 1_751_673_600_000_500),
            ("1751673600000.0005", 1_751_673_600_000_000),
            ("1.7516736e12", 1_751_673_600_000_000),
            ("-0.0001", -1),
            ("0", 0),
        ] {
            assert_eq!(epoch_millis(text), Ok(value), "{text}");
        }
        assert_eq!(code(epoch_millis("1751673600000000")), "out_of_range");
        assert_eq!(code(epoch_millis("1e300")), "out_of_range");
    }

    #[test]
    fn dates_are_days_of_the_calendar() {
        assert_eq!(date("1970-01-02"), Ok(1));
        assert_eq!(date("2024-02-29"), Ok(19_782));
        assert_eq!(code(date("2025-02-29")), "out_of_range");
        for text in ["2025-7-5", "20250705", "2025-07-05T00:00:00Z", "2025-0é-05"] {
            assert_eq!(code(date(text)), "wrong_type", "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_fast_way_to_read_an_instant_agrees_with_the_general_one(
            micros in -62_135_596_800_000_000i64..253_402_300_799_999_999,
            digits in 0usize..=6,
        ) {
            let at = DateTime::from_timestamp_micros(micros).expect("in range");
            let text = match digits {
                0 => at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
                _ => {
                    let long = at.format("%Y-%m-%dT%H:%M:%S%.6f").to_string();
                    format!("{}Z", &long[..20 + digits])
                }
            };
            let general = DateTime::parse_from_rfc3339(&text).expect("RFC 3339").timestamp_micros();
            prop_assert_eq!(plain_utc(text.as_bytes()), Some(general));
        }

        #[test]
        fn no_text_makes_a_reader_panic(text in "\\PC*|[-+0-9.:TZeE]{0,60}") {
            let _ = (rfc3339(&text), epoch_millis(&text), date(&text));
        }
    }
}
