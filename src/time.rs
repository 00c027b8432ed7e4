//! Instants and ticks.
//!
//! Two clocks that are never mixed: a *tick* orders what the dataflow does (milliseconds since the
//! epoch, strictly increasing), an *instant* is a point on the users' time line (microseconds since
//! the epoch, UTC), such as a row's `time` or `now()`.

use std::time::{SystemTime, UNIX_EPOCH};

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
    match chrono::DateTime::from_timestamp_micros(instant) {
        Some(at) if instant % 1_000 == 0 => at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        Some(at) => at.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
        None => format!("{instant}us"),
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
