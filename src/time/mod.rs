//! Instants and ticks.
//!
//! Two clocks that are never mixed: a *tick* orders what the dataflow does (milliseconds since the
//! epoch, strictly increasing), an *instant* is a point on the users' time line (microseconds since
//! the epoch, UTC), such as a row's `time` or `now()`. Instants lie within the years 1 to 9999, which
//! RFC 3339 can write. What clocks show at an instant is a [`zone`]'s to say, and nobody else's.

pub mod days;
pub mod format;
mod iso;
mod names;
mod of_day;
pub mod since;
mod text;
pub mod written_elsewhere;
pub mod zone;

use std::time::{SystemTime, UNIX_EPOCH};

use crate::fault;

pub use iso::{read_iso, read_iso_by};
pub use text::{NoInstant, date, read_date, read_rfc3339, rfc3339, write_rfc3339};

/// An instant: microseconds since the epoch, UTC.
pub type Micros = i64;

/// Logical time of the dataflow: milliseconds since the epoch when the tick was opened.
pub type Tick = u64;

pub const SECOND: Micros = 1_000_000;
pub const MINUTE: Micros = 60 * SECOND;
pub const HOUR: Micros = 60 * MINUTE;
pub const DAY: Micros = 24 * HOUR;

/// The first instant of the year 1, and the last of the year 9999.
pub const FIRST: Micros = -719_162 * DAY;
pub const LAST: Micros = 2_932_897 * DAY - 1;

/// Whether an instant lies within the years 1 to 9999.
pub fn in_years(instant: Micros) -> bool {
    (FIRST..=LAST).contains(&instant)
}

/// Whether a day, counted from 1970-01-01, lies within the years 1 to 9999.
pub fn day_in_years(day: i64) -> bool {
    (FIRST / DAY..=LAST / DAY).contains(&day)
}

/// The wall clock's reading.
pub fn wall_clock() -> Micros {
    let reading = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_micros() as Micros,
        Err(before) => -(before.duration().as_micros() as Micros),
    };
    reading + fault::number("SELFSAME_CLOCK_AHEAD", 0) as Micros
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
