//! Timestamps and dates that are written as their field says: by formats, as numbers since the epoch, by the
//! clocks of a zone.

use std::cell::Cell;
use std::sync::Arc;

use arrow::array::{ArrayBuilder, ArrayRef, Date32Builder, TimestampMicrosecondBuilder};

use super::instant;
use super::scalar::{ScalarFault, shown};
use crate::definition::sql::calendar::read_day_by;
use crate::plan::{TimeForm, TimeWriting, Type};
use crate::row::Datum;
use crate::time::format::FormatFault;
use crate::time::zone::{Shown, Zone};
use crate::time::{DAY, Micros, NoInstant, read_iso_by};

/// A column of timestamps or dates, of which each value is read from its text.
pub(super) struct WrittenTimes {
    values: TimeValues,
    form: Arc<TimeForm>,
    /// The zone of the row whose value comes next.
    zone: &'static Zone,
    /// What that row names as its zone, where that is none.
    unknown: Option<String>,
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
        WrittenTimes { values, form: Arc::clone(form), zone: form.zone, unknown: None }
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
        self.form.zone_of.as_ref().map(|of| of.field)
    }

    /// By whose clocks the next value is read: by those of the zone that the row names by this text, if it names one. That
    /// it names none that there is matters to a value alone that needs one.
    pub fn set_zone(&mut self, text: Option<&str>) {
        self.unknown = None;
        let name = self.form.zone_of.as_ref().and_then(|of| of.value(text));
        match name.map(str::trim).filter(|name| !name.is_empty()) {
            None => self.zone = self.form.zone,
            Some(name) if name == self.zone.name() => {}
            Some(name) => match Zone::named(name) {
                Some(zone) => self.zone = zone,
                None => (self.zone, self.unknown) = (self.form.zone, Some(name.to_owned())),
            },
        }
    }

    /// What is wrong with the row's zone, which a value needs.
    fn checked_zone(&self) -> Result<(), ScalarFault> {
        let unknown = |name: &String| {
            let name = shown(name);
            ScalarFault::wrong_type(format!(
                "its zone is {name}, which is no time zone of the IANA database"
            ))
        };
        self.unknown.as_ref().map_or(Ok(()), |name| Err(unknown(name)))
    }

    /// What the clocks of the row's zone show.
    pub fn push_shown(&mut self, clocks: Shown) -> Result<(), ScalarFault> {
        let zone = self.checked_zone();
        let at = zone.is_ok().then(|| Datum::Timestamp(self.zone.instant(clocks)));
        self.push_datum(at.as_ref());
        zone
    }

    /// What the first format that fits says; nothing is added where none does.
    pub fn push(&mut self, given: &str) -> Result<(), ScalarFault> {
        let text = given.trim();
        let mut range = None;
        let form = Arc::clone(&self.form);
        for format in &form.formats {
            let asked = Cell::new(false);
            let zone = || {
                asked.set(true);
                self.zone
            };
            match self.read(format, text, zone) {
                Ok(_) if asked.get() && self.unknown.is_some() => return self.checked_zone(),
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
            let hint = self.form.formats.iter().find_map(|format| match format {
                TimeWriting::Format(format) => format.hint(text),
                _ => None,
            });
            let hint = hint.map(|hint| format!(": {hint}")).unwrap_or_default();
            ScalarFault::wrong_type(format!(
                "expected {} as {}, found {found}{hint}",
                self.spoken(),
                formats.join(" or ")
            ))
        }))
    }

    /// The instant, or the day; the row's zone is asked for if the text doesn't do without.
    fn read(
        &self,
        format: &TimeWriting,
        text: &str,
        zone: impl FnOnce() -> &'static Zone,
    ) -> Result<Micros, ScalarFault> {
        match (format, self.is_date()) {
            (TimeWriting::Rfc3339, false) => instant::rfc3339(text),
            (TimeWriting::Rfc3339, true) => instant::date(text).map(Micros::from),
            (TimeWriting::Iso, false) => {
                read_iso_by(text, zone).map_err(|why| loose(text, self.spoken(), why))
            }
            (TimeWriting::Iso, true) => {
                let day = read_day_by(text, zone);
                day.map(Micros::from).map_err(|why| loose(text, self.spoken(), why))
            }
            (TimeWriting::Epoch(unit), false) => instant::epoch(text, *unit),
            (TimeWriting::Epoch(unit), true) => {
                let at = instant::epoch(text, *unit)?;
                Ok(zone().shown(at).div_euclid(DAY))
            }
            (TimeWriting::Format(format), false) => format.instant_by(text, zone).map_err(fault),
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
