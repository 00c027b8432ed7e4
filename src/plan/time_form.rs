//! How the timestamps and dates of a field are written.

use std::fmt::{Display, Formatter};
use std::sync::Arc;

use super::{Meant, ValueMap};
use crate::row::Datum;
use crate::time::format::TimeFormat;
use crate::time::zone::Zone;

/// Tried in their order: the first format that fits says what a value is.
#[derive(Clone, Debug)]
pub struct TimeForm {
    pub formats: Vec<TimeWriting>,
    /// By whose clocks times are read that say neither an offset nor a zone.
    pub zone: &'static Zone,
    /// The field whose text names the zone of a row, where it has one.
    pub zone_of: Option<ZoneField>,
}

impl TimeForm {
    /// The formats of a field that says none.
    pub fn usual() -> Vec<TimeWriting> {
        vec![TimeWriting::Rfc3339, TimeWriting::Iso, TimeWriting::Epoch(EpochUnit::Millis)]
    }

    /// Whether its formats are those of a field that says none.
    pub fn is_usual(&self) -> bool {
        self.formats == TimeForm::usual()
    }
}

/// A text field that names the zone of its row.
#[derive(Clone, Debug)]
pub struct ZoneField {
    /// Its place among the fields.
    pub field: usize,
    /// What its codes mean, where the definition says so.
    pub map: Option<Arc<ValueMap>>,
    /// Stands in for a value that is absent or null.
    pub default: Option<Datum>,
}

impl ZoneField {
    /// The field's value in a row that has this text there, or nothing.
    pub fn value<'a>(&'a self, text: Option<&'a str>) -> Option<&'a str> {
        let of = |datum: Option<&'a Datum>| match datum.or(self.default.as_ref()) {
            Some(Datum::Text(text)) => Some(&**text),
            _ => None,
        };
        let Some(text) = text else { return of(None) };
        match self.map.as_ref().map_or(Meant::Itself, |map| map.meant(text)) {
            Meant::Itself => Some(text),
            Meant::Other(word) => of(word),
            // White space alone is none; whatever else it is, the row is rejected for it.
            Meant::Unknown => of(None),
        }
    }
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
