//! Timestamps and dates that are written as their field says: by formats, as numbers since the epoch, by the
//! clocks of a zone.

use std::sync::Arc;

use arrow::array::{ArrayBuilder, ArrayRef, Date32Builder, TimestampMicrosecondBuilder};

use super::instant;
use super::scalar::{ScalarFault, shown};
use crate::definition::sql::calendar::read_day;
use crate::plan::{TimeForm, TimeWriting, Type};
use crate::row::Datum;
use crate::time::format::FormatFault;
use crate::time::zone::Zone;
use crate::time::{DAY, Micros, NoInstant, read_iso};

/// A column of timestamps or dates, of which each value is read from its text.
pub(super) struct WrittenTimes {
    values: TimeValues,
    form: Arc<TimeForm>,
    /// Of the row whose value comes next.
    zone: &'static Zone,
}

enum TimeValues {
    Instants(TimestampMicrosecondBuilder),
    Days(Date32Builder),
}

impl WrittenTimes {
    pub fn new(data_type: &Type, time_zone: &Arc<str>, form: &Arc<TimeForm>) -> Self {
        let values = match data_type {
            Type::Date => TimeValues::Days(Date32Builder::new()),
            of => TimeValues::Instants(
                TimestampMicrosecondBuilder::new().with_data_type(of.arrow(time_zone)),
            ),
        };
        WrittenTimes { values, form: Arc::clone(form), zone: form.zone }
    }

    fn is_date(&self) -> bool {
        matches!(self.values, TimeValues::Days(_))
    }

    /// A value that is known, or none.
    pub fn push_datum(&mut self, datum: Option<&Datum>) {
        match (&mut self.values, datum) {
            (TimeValues::Instants(values), Some(Datum::Timestamp(at))) => values.append_value(*at),
            (TimeValues::Days(values), Some(Datum::Date(day))) => values.append_value(*day),
            (TimeValues::Instants(values), _) => values.append_null(),
            (TimeValues::Days(values), _) => values.append_null(),
        }
    }

    pub fn len(&self) -> usize {
        match &self.values {
            TimeValues::Instants(values) => values.len(),
            TimeValues::Days(values) => values.len(),
        }
    }

    pub fn finish(&mut self) -> ArrayRef {
        match &mut self.values {
            TimeValues::Instants(values) => Arc::new(values.finish()),
            TimeValues::Days(values) => Arc::new(values.finish()),
        }
    }

    pub fn spoken(&self) -> &'static str {
        if self.is_date() { "a date" } else { "a timestamp" }
    }

    /// Which field names the zone of a row.
    pub fn zone_of(&self) -> Option<usize> {
        self.form.zone_of
    }

    /// By whose clocks the next value is read: by those of the named zone, if the row names one.
    pub fn set_zone(&mut self, name: Option<&str>) -> Result<(), ScalarFault> {
        self.zone = self.form.zone;
        let Some(name) = name.map(str::trim).filter(|name| !name.is_empty()) else { return Ok(()) };
        if name != self.zone.name() {
            let unknown = || {
                let message = format!(
                    "its zone is {}, which is no time zone of the IANA database",
                    shown(name)
                );
                ScalarFault::wrong_type(message)
            };
            self.zone = Zone::named(name).ok_or_else(unknown)?;
        }
        Ok(())
    }

    /// What the first format that fits says; nothing is added where none does.
    pub fn push(&mut self, given: &str) -> Result<(), ScalarFault> {
        let text = given.trim();
        let mut range = None;
        let form = Arc::clone(&self.form);
        for format in &form.formats {
            match self.read(format, text) {
                Ok(value) if self.is_date() => {
                    self.push_datum(Some(&Datum::Date(value as i32)));
                    return Ok(());
                }
                Ok(value) => {
                    self.push_datum(Some(&Datum::Timestamp(value)));
                    return Ok(());
                }
                Err(fault) if fault.code == "out_of_range" => drop(range.get_or_insert(fault)),
                Err(_) => {}
            }
        }
        Err(range.unwrap_or_else(|| {
            let formats: Vec<String> = self.form.formats.iter().map(spoken).collect();
            let found = shown(given);
            ScalarFault::wrong_type(format!(
                "expected {} as {}, found {found}",
                self.spoken(),
                formats.join(" or ")
            ))
        }))
    }

    /// The instant, or the day.
    fn read(&self, format: &TimeWriting, text: &str) -> Result<Micros, ScalarFault> {
        match (format, self.is_date()) {
            (TimeWriting::Rfc3339, false) => instant::rfc3339(text),
            (TimeWriting::Rfc3339, true) => instant::date(text).map(Micros::from),
            (TimeWriting::Iso, false) => {
                read_iso(text, self.zone).map_err(|why| loose(text, self.spoken(), why))
            }
            (TimeWriting::Iso, true) => {
                let day = read_day(text, self.zone);
                day.map(Micros::from).map_err(|why| loose(text, self.spoken(), why))
            }
            (TimeWriting::Epoch(unit), false) => instant::epoch(text, *unit),
            (TimeWriting::Epoch(unit), true) => {
                let at = instant::epoch(text, *unit)?;
                Ok(self.zone.shown(at).div_euclid(DAY))
            }
            (TimeWriting::Format(format), false) => format.instant(text, self.zone).map_err(fault),
            (TimeWriting::Format(format), true) => format.day(text).map_err(fault),
        }
    }
}

fn fault(why: FormatFault) -> ScalarFault {
    match why {
        FormatFault::Shape(why) => ScalarFault::wrong_type(why),
        FormatFault::Range(why) => ScalarFault::out_of_range(why),
    }
}

/// Why a text is none as SQL reads it.
fn loose(text: &str, wanted: &str, why: NoInstant) -> ScalarFault {
    let message = format!("{} is not {wanted}: {why}", shown(text));
    match why {
        NoInstant::Shape => ScalarFault::wrong_type(message),
        _ => ScalarFault::out_of_range(message),
    }
}

fn spoken(format: &TimeWriting) -> String {
    match format {
        TimeWriting::Rfc3339 => "2025-07-05T12:00:00Z".to_owned(),
        TimeWriting::Iso => "2025-07-05 12:00:00".to_owned(),
        TimeWriting::Epoch(unit) => format!("{} since the epoch", unit.spoken()),
        TimeWriting::Format(format) => format!("'{}'", format.text()),
    }
}
