//! Times as texts write them by a format of chrono's, such as `%d.%m.%Y %H:%M`.

use std::fmt::{Display, Formatter, Write};
use std::sync::Arc;

use chrono::format::{Fixed, Item, Numeric, ParseErrorKind, Parsed, StrftimeItems, parse};
use chrono::{DateTime, NaiveDateTime, ParseError, Utc};

use super::zone::{Shown, Zone};
use super::{DAY, Micros, SECOND, day_in_years, in_years};

/// A time whose parts are told apart: 2023-11-24T22:13:20.123456Z.
const A_TIME: Micros = 1_700_864_000_123_456;

/// A format, ready to read by.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeFormat {
    text: Arc<str>,
    items: Vec<Item<'static>>,
    /// The text ends with the name of a zone.
    names_zone: bool,
}

/// Why a text is no time by a format.
#[derive(Debug, PartialEq, Eq)]
pub enum FormatFault {
    /// It is not written so.
    Shape(String),
    /// There is no such day, or time, or it lies outside of the years 1 to 9999.
    Range(String),
}

impl Display for FormatFault {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let (FormatFault::Shape(why) | FormatFault::Range(why)) = self;
        f.write_str(why)
    }
}

impl TimeFormat {
    /// # Errors
    /// What is wrong with the format.
    pub fn new(format: &str) -> Result<Self, String> {
        let mut items = format.trim_end();
        let names_zone = items.ends_with(" %Z");
        if let Some(before) = items.strip_suffix(" %Z") {
            items = before;
        } else if items.contains("%Z") {
            return Err("%Z stands at the end of a format only, behind a space".to_owned());
        }
        let parsed = StrftimeItems::new(items).parse_to_owned();
        let items = parsed.map_err(|_| format!("'{format}' is no format of times"))?;
        Ok(TimeFormat { text: format.into(), items, names_zone })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it says a day, or an instant; an hour; a minute.
    pub fn says(&self) -> (bool, bool, bool) {
        let (mut day, mut hour, mut minute) = (false, false, false);
        for item in &self.items {
            match item {
                Item::Numeric(Numeric::Timestamp, _)
                | Item::Fixed(Fixed::RFC2822 | Fixed::RFC3339) => {
                    (day, hour, minute) = (true, true, true);
                }
                Item::Numeric(
                    Numeric::Day
                    | Numeric::Ordinal
                    | Numeric::WeekFromMon
                    | Numeric::WeekFromSun
                    | Numeric::IsoWeek,
                    _,
                ) => {
                    day = true;
                }
                Item::Numeric(Numeric::Hour | Numeric::Hour12, _) => hour = true,
                Item::Numeric(Numeric::Minute, _) => minute = true,
                _ => {}
            }
        }
        (day, hour, minute)
    }

    /// What is missing in every text that is written so, or why no text can be read by it, if that is so. Found by writing
    /// a time and reading it back.
    pub fn fault(&self) -> Option<&'static str> {
        let at = DateTime::from_timestamp_micros(A_TIME).expect("it is within the years");
        let mut text = String::new();
        write!(text, "{}", at.format_with_items(self.items.iter())).ok()?;
        let mut parsed = Parsed::new();
        let read = parse(&mut parsed, &text, self.items.iter()).and_then(|()| shown(&parsed));
        let has = |some: &[Numeric]| {
            let is_one =
                |item: &Item<'_>| matches!(item, Item::Numeric(of, _) if some.contains(of));
            self.items.iter().any(is_one)
        };
        match read.map_err(|error| error.kind()) {
            Err(ParseErrorKind::NotEnough) => {
                use Numeric::{IsoYear, IsoYearMod100, Year, YearMod100};
                let has_year = has(&[Year, YearMod100, IsoYear, IsoYearMod100]);
                Some(if has_year { "says no day" } else { "says no year" })
            }
            Err(ParseErrorKind::BadFormat) => Some("has a part that is written and never read"),
            _ => {
                let halves = [Fixed::LowerAmPm, Fixed::UpperAmPm].map(Item::Fixed);
                let is_half = has(&[Numeric::Hour12]) && !has(&[Numeric::Hour, Numeric::Timestamp]);
                let is_told = self.items.iter().any(|item| halves.contains(item));
                (is_half && !is_told).then_some("says an hour of twelve, and neither am nor pm")
            }
        }
    }

    /// The instant that a text names; where it names neither an offset nor a zone, by the zone's clocks.
    pub fn instant(&self, text: &str, zone: &'static Zone) -> Result<Micros, FormatFault> {
        let (shown, offset) = self.read(text)?;
        let zone = match self.names_zone && offset.is_none() {
            true => zone_at_the_end(text)?,
            false => zone,
        };
        let at = match offset {
            Some(offset) => shown - offset,
            None => zone.instant(shown),
        };
        let range = || FormatFault::Range(format!("'{text}' lies outside of the years 1 to 9999"));
        Some(at).filter(|at| in_years(*at)).ok_or_else(range)
    }

    /// The day that a text names, as it is written.
    pub fn day(&self, text: &str) -> Result<i64, FormatFault> {
        let day = self.read(text)?.0.div_euclid(DAY);
        let range = || FormatFault::Range(format!("'{text}' lies outside of the years 1 to 9999"));
        Some(day).filter(|day| day_in_years(*day)).ok_or_else(range)
    }

    /// Whether a text is written so, whatever numbers it has: a number is found to be too large before what stands behind
    /// it is looked at.
    fn fits(&self, text: &str) -> bool {
        let ones = text.replace(|character: char| character.is_ascii_digit(), "1");
        let fault = parse(&mut Parsed::new(), &ones, self.items.iter()).err();
        let kind = fault.map(|error| error.kind());
        matches!(kind, None | Some(ParseErrorKind::OutOfRange | ParseErrorKind::Impossible))
    }

    /// What a text shows, and by how much that is ahead of UTC if it says so.
    fn read(&self, text: &str) -> Result<(Shown, Option<Micros>), FormatFault> {
        let wrong = |error: chrono::ParseError| {
            let why = format!("'{text}' is not written as '{}': {error}", self.text);
            match error.kind() {
                ParseErrorKind::OutOfRange | ParseErrorKind::Impossible => FormatFault::Range(why),
                _ => FormatFault::Shape(why),
            }
        };
        let mut rest = text;
        if self.names_zone {
            rest = text.trim_end().rsplit_once(' ').map_or(text, |(before, _)| before);
        }
        let mut parsed = Parsed::new();
        parse(&mut parsed, rest, self.items.iter()).map_err(|error| match self.fits(rest) {
            true => wrong(error),
            false => FormatFault::Shape(format!("'{text}' is not written as '{}'", self.text)),
        })?;
        let shown = shown(&parsed).map_err(wrong)?.and_utc().timestamp_micros();
        let offset = parsed.offset().map(|seconds| Micros::from(seconds) * SECOND);
        let is_instant = parsed.timestamp().is_some();
        Ok((shown, if is_instant { Some(0) } else { offset }))
    }
}

/// What clocks show by what was read: where no time of the day was, midnight. Seconds since the epoch are an instant, as
/// UTC's clocks show it.
fn shown(parsed: &Parsed) -> Result<NaiveDateTime, ParseError> {
    if parsed.timestamp().is_some() {
        return parsed.to_datetime_with_timezone(&Utc).map(|at| at.naive_utc());
    }
    let at = parsed.to_naive_datetime_with_offset(0);
    let midnight = chrono::NaiveTime::MIN;
    at.or_else(|_| parsed.to_naive_date().map(|date| date.and_time(midnight)))
}

fn zone_at_the_end(text: &str) -> Result<&'static Zone, FormatFault> {
    let name = text.trim_end().rsplit(' ').next().unwrap_or_default();
    let none = || FormatFault::Shape(format!("'{name}' is no time zone of the IANA database"));
    Zone::named(name).ok_or_else(none)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_by_which_nothing_can_be_read_is_known() {
        let fault = |format: &str| TimeFormat::new(format).expect("a format").fault();
        for (format, why) in [
            ("%m/%d", "says no year"),
            ("%H:%M", "says no year"),
            ("%d %B", "says no year"),
            ("%Y", "says no day"),
            ("%Y-%m", "says no day"),
            ("%Y-W%W", "says no day"),
            ("%G-W%V", "says no day"),
            ("%d.%m.%Y %I:%M", "says an hour of twelve, and neither am nor pm"),
        ] {
            assert_eq!(fault(format), Some(why), "{format}");
        }
        for format in [
            "%Y-%m-%d",
            "%d.%m.%y",
            "%Y%m%d%H%M%S",
            "%Y-%j",
            "%G-W%V-%u",
            "%Y-%m-%dT%H:%M:%S%.f%:z",
            "%d.%m.%Y %H:%M:%S %Z",
            "%d.%m.%Y %I:%M %p",
            "%s",
            "%s%.3f",
            "%+",
            "%c",
            "%D",
            "%F %T",
            "%a, %d %b %Y %H:%M:%S %z",
            "%e. %B %Y",
        ] {
            assert_eq!(fault(format), None, "{format}");
        }
    }
}
