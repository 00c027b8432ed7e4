//! How the timestamps and dates of a field are written.

use std::fmt::{Display, Formatter};
use std::sync::Arc;

use crate::time::format::TimeFormat;
use crate::time::zone::Zone;

/// Tried in their order: the first format that fits says what a value is.
#[derive(Clone, Debug)]
pub struct TimeForm {
    pub formats: Vec<TimeWriting>,
    /// By whose clocks times are read that say neither an offset nor a zone.
    pub zone: &'static Zone,
    /// The field whose text names the zone of a row, where it has one.
    pub zone_of: Option<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum TimeWriting {
    Rfc3339,
    /// As SQL reads texts: RFC 3339 with or without seconds, an offset, a zone or a time at all.
    Iso,
    Epoch(EpochUnit),
    Format(Arc<TimeFormat>),
}

/// What is counted since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpochUnit {
    Seconds,
    Millis,
    Micros,
    Nanos,
}

impl EpochUnit {
    /// How a definition names it, how it is spoken of, and the power of ten of its microseconds.
    pub const ALL: [(&str, EpochUnit, &str, i64); 4] = [
        ("epoch_s", EpochUnit::Seconds, "seconds", 6),
        ("epoch_ms", EpochUnit::Millis, "milliseconds", 3),
        ("epoch_us", EpochUnit::Micros, "microseconds", 0),
        ("epoch_ns", EpochUnit::Nanos, "nanoseconds", -3),
    ];

    fn row(self) -> (&'static str, EpochUnit, &'static str, i64) {
        EpochUnit::ALL.into_iter().find(|(_, unit, ..)| *unit == self).expect("all are there")
    }

    pub fn spoken(self) -> &'static str {
        self.row().2
    }

    pub fn power(self) -> i64 {
        self.row().3
    }
}

impl Display for TimeWriting {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            TimeWriting::Rfc3339 => f.write_str("rfc3339"),
            TimeWriting::Iso => f.write_str("iso"),
            TimeWriting::Epoch(unit) => f.write_str(unit.row().0),
            TimeWriting::Format(format) => f.write_str(format.text()),
        }
    }
}

impl Display for TimeForm {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let formats: Vec<String> = self.formats.iter().map(ToString::to_string).collect();
        write!(f, "{} in {}", formats.join(" or "), self.zone.name())
    }
}
