//! Instants and ticks.
//!
//! Two clocks that are never mixed: a *tick* orders what the dataflow does (milliseconds since the
//! epoch, strictly increasing), an *instant* is a point on the users' time line (microseconds since
//! the epoch, UTC), such as a row's `time` or `now()`.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{Datelike, Timelike};

/// An instant: microseconds since the epoch, UTC.
pub type Micros = i64;

/// Logical time of the dataflow: milliseconds since the epoch when the tick was opened.
pub type Tick = u64;

pub const SECOND: Micros = 1_000_000;
pub const MINUTE: Micros = 60 * SECOND;
pub const HOUR: Micros = 60 * MINUTE;
pub const DAY: Micros = 24 * HOUR;

/// The wall clock's reading.
pub fn wall_clock() -> Micros {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_micros() as Micros,
        Err(before) => -(before.duration().as_micros() as Micros),
    }
}

/// An instant as RFC 3339 in UTC, with milliseconds, or microseconds where they are not zero.
pub fn rfc3339(instant: Micros) -> String {
    let mut text = String::with_capacity(27);
    write_rfc3339(instant, &mut text);
    text
}

/// Writes what [`rfc3339`] returns. By hand, because every profile has several, and chrono interprets
/// its pattern each time.
pub fn write_rfc3339(instant: Micros, text: &mut String) {
    let Some(at) = chrono::DateTime::from_timestamp_micros(instant) else {
        return write!(text, "{instant}us").expect("to a string");
    };
    let Ok(year @ 0..=9999) = u32::try_from(at.year()) else {
        let format =
            if instant % 1_000 == 0 { "%Y-%m-%dT%H:%M:%S%.3fZ" } else { "%Y-%m-%dT%H:%M:%S%.6fZ" };
        return write!(text, "{}", at.format(format)).expect("to a string");
    };
    let mut bytes = *b"0000-00-00T00:00:00.000000Z";
    let mut put = |first: usize, last: usize, mut number: u32| {
        for digit in bytes[first..=last].iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
    };
    put(0, 3, year);
    put(5, 6, at.month());
    put(8, 9, at.day());
    put(11, 12, at.hour());
    put(14, 15, at.minute());
    put(17, 18, at.second());
    put(20, 25, at.timestamp_subsec_micros());
    let text_of = |bytes| std::str::from_utf8(bytes).expect("ASCII");
    match instant % 1_000 {
        0 => {
            text.push_str(text_of(&bytes[..23]));
            text.push('Z');
        }
        _ => text.push_str(text_of(&bytes)),
    }
}

/// A duration as users write it, in the longest unit that leaves no rest.
pub fn spoken(duration: Micros) -> String {
    let units =
        [(DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (SECOND, "second"), (1_000, "ms")];
    let whole = |(size, _): &(Micros, &str)| duration >= *size && duration % size == 0;
    let (size, unit) = units.into_iter().find(whole).unwrap_or((SECOND, "second"));
    let count = duration / size;
    let plural = if count == 1 || unit == "ms" { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_instant_is_written_as_chrono_writes_it(
            instant in prop_oneof![
                Just(0), -800_000 * DAY..4_000_000 * DAY,
                any::<i64>(), (0..4_000_000_000_000i64).prop_map(|millis| millis * 1_000),
            ],
        ) {
            let expected = match chrono::DateTime::from_timestamp_micros(instant) {
                Some(at) if instant % 1_000 == 0 => at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
                Some(at) => at.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
                None => format!("{instant}us"),
            };
            prop_assert_eq!(rfc3339(instant), expected);
        }
    }
}
