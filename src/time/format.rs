//! Times as texts write them by a format of chrono's, such as `%d.%m.%Y %H:%M`.

use std::fmt::{Display, Formatter, Write};
use std::sync::Arc;

use chrono::format::{
    Fixed, Item, Numeric, ParseErrorKind, Parsed, StrftimeItems, parse, parse_and_remainder,
};
use chrono::{DateTime, NaiveDateTime, ParseError, Utc};

use super::zone::{Shown, Zone};
use super::{DAY, Micros, SECOND, day_in_years, in_years};
use super::{names, of_day};

/// A time whose parts are told apart: 2023-11-24T22:13:20.123456Z.
const A_TIME: Micros = 1_700_864_000_123_456;

/// A format, ready to read by.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeFormat {
    text: Arc<str>,
    items: Vec<Item<'static>>,
    /// The text ends with the name of a zone.
    names_zone: bool,
    /// What is wrong with what it says of the time of the day.
    fault: Option<&'static str>,
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
        let fault = of_day::fault(&items);
        Ok(TimeFormat { text: format.into(), items, names_zone, fault })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it says a day, or an instant.
    pub fn says_day(&self) -> bool {
        self.items.iter().any(|item| match item {
            Item::Numeric(of, _) => matches!(
                of,
                Numeric::Timestamp
                    | Numeric::Day
                    | Numeric::Ordinal
                    | Numeric::WeekFromMon
                    | Numeric::WeekFromSun
                    | Numeric::IsoWeek
            ),
            Item::Fixed(of) => matches!(of, Fixed::RFC2822 | Fixed::RFC3339),
            _ => false,
        })
    }

    /// Why no instant is to be read by it, where it says a time of the day: one that is ambiguous, or would be read as
    /// another one than is written.
    pub fn time_fault(&self) -> Option<String> {
        self.fault.map(|fault| format!("the format '{}' {fault}", self.text))
    }

    /// What it is to be instead for a text that it doesn't fit, where that is known.
    pub fn hint(&self, text: &str) -> Option<String> {
        let is_z = text.trim_end().ends_with(['Z', 'z']) && of_day::reads_no_z(&self.items);
        let hint = is_z.then(|| "%#z reads Z as well, which %z and %:z don't".to_owned());
        hint.or_else(|| {
            let has_number = text.contains(|of: char| of.is_ascii_digit());
            let is_date = has_number && names::are_in(&self.items);
            let word = names::foreign(text).filter(|_| is_date)?;
            Some(format!(
                "names of months and days are read in English alone, as Mar or March, and '{word}' is none: read it as a \
                 text, and take such names away, or put numbers in their place, by `derive`, as in \
                 to_timestamp(replace(x, '{word}', '…'), '…')"
            ))
        })
    }

    /// What is missing in every text that is written so, or why no text can be read by it, if that is so. Found by writing
    /// a time and reading it back.
    pub fn day_fault(&self) -> Option<&'static str> {
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
            _ => None,
        }
    }

    /// The instant that a text names; where it names neither an offset nor a zone, by the zone's clocks.
    pub fn instant(&self, text: &str, zone: &'static Zone) -> Result<Micros, FormatFault> {
        self.instant_by(text, || zone)
    }

    /// The same, where a zone is asked for only if the text names neither an offset nor a zone.
    pub fn instant_by(
        &self,
        text: &str,
        zone: impl FnOnce() -> &'static Zone,
    ) -> Result<Micros, FormatFault> {
        if let Some(fault) = self.time_fault() {
            return Err(FormatFault::Shape(fault));
        }
        let at = match self.read(text)? {
            (shown, Some(offset)) => shown - offset,
            (shown, None) if self.names_zone => zone_at_the_end(text)?.instant(shown),
            (shown, None) => zone().instant(shown),
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
    /// it is looked at. Each part is read by itself, since parts that contradict each other are found as early.
    fn fits(&self, text: &str) -> bool {
        let ones = text.replace(|character: char| character.is_ascii_digit(), "1");
        let read = self.items.iter().try_fold(ones.as_str(), |text, item| {
            let rest = parse_and_remainder(&mut Parsed::new(), text, std::iter::once(item));
            rest.or_else(|error| match error.kind() {
                // Of ones alone, none but a number that may have any length: a year with a sign, or seconds.
                ParseErrorKind::OutOfRange => Ok(behind_number(text)),
                _ => Err(error),
            })
        });
        read == Ok("")
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
            false => {
                let hint = self.hint(text).map(|hint| format!(": {hint}")).unwrap_or_default();
                FormatFault::Shape(format!("'{text}' is not written as '{}'{hint}", self.text))
            }
        })?;
        let shown = shown(&parsed).map_err(wrong)?.and_utc().timestamp_micros();
        let offset = parsed.offset().map(|seconds| Micros::from(seconds) * SECOND);
        if offset.is_some_and(|offset| offset.abs() >= DAY) {
            let why = "it has an offset from UTC of a day or more, which no clock has";
            return Err(FormatFault::Range(format!("'{text}' is no time: {why}")));
        }
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

/// What stands behind the number that a text begins with.
fn behind_number(text: &str) -> &str {
    let number = text.trim_start().trim_start_matches(['+', '-']);
    number.trim_start_matches(|character: char| character.is_ascii_digit())
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
        let fault = |format: &str| TimeFormat::new(format).expect("a format").day_fault();
        for (format, why) in [
            ("%m/%d", "says no year"),
            ("%H:%M", "says no year"),
            ("%d %B", "says no year"),
            ("%Y", "says no day"),
            ("%Y-%m", "says no day"),
            ("%Y-W%W", "says no day"),
            ("%G-W%V", "says no day"),
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

    #[test]
    fn a_time_is_said_from_its_hour_on_or_not_at_all() {
        let fault = |format: &str| TimeFormat::new(format).expect("a format").time_fault();
        for (time, part) in [
            ("%I:%M:%S", "neither am nor pm"),
            ("%l:%M", "neither am nor pm"),
            ("%p", "no hour"),
            ("%P", "no hour"),
            ("%M", "a minute and no hour"),
            ("%M:%S", "a minute and no hour"),
            ("%S", "a second and no minute"),
            ("%H:%S", "an hour and no minute"),
            ("%H", "an hour and no minute"),
            ("%I %p", "an hour and no minute"),
            ("%.f", "a fraction of a second and no second"),
            ("%3f", "a fraction of a second and no second"),
            ("%H:%M%.f", "a fraction of a second and no second"),
            ("%H:%M%.3f", "a fraction of a second and no second"),
            ("%H:%M:%S.%f", "write %.f"),
            ("%H:%M:%S%f", "write %.f"),
            ("%s.%f", "write %.f"),
        ] {
            let fault = fault(&format!("%Y-%m-%d {time}")).unwrap_or_default();
            assert!(fault.contains(part), "{time}: {fault}");
            let format = TimeFormat::new(&format!("%Y-%m-%d {time}")).expect("a format");
            let utc = Zone::named("UTC").expect("a zone");
            let read = format.instant("2025-07-05 11:30:15", utc);
            assert!(matches!(read, Err(FormatFault::Shape(_))), "{time}: {read:?}");
        }
        for time in [
            "",
            "%H:%M",
            "%k:%M",
            "%H:%M:%S",
            "%T",
            "%R",
            "%X",
            "%r",
            "%I:%M %p",
            "%l:%M%P",
            "%H:%M %p",
            "%H:%M:%S%.f",
            "%H:%M:%S%.3f",
            "%H%M%S%3f",
            "%H:%M:%S,%6f",
            "%s%.f",
        ] {
            assert_eq!(fault(&format!("%Y-%m-%d {time}")), None, "{time}");
        }
        for format in ["%c", "%+", "%s", "%Y-%m-%dT%H:%M:%S%.f%#z", "%a, %d %b %Y %T %z"] {
            assert_eq!(fault(format), None, "{format}");
        }
    }

    #[test]
    fn names_of_other_languages_are_told_to_be_none() {
        let utc = Zone::named("UTC").expect("a zone");
        let said = |format: &str, text: &str| {
            let format = TimeFormat::new(format).expect("a format");
            format.instant(text, utc).map_err(|fault| fault.to_string())
        };
        for (format, text, word) in [
            ("%d. %B %Y", "5. März 2025", "'März' is none"),
            ("%d %b %Y", "05 Okt 2025", "'Okt' is none"),
            ("%d %b %Y", "05 Sept 2025", "'Sept' is none"),
            ("%A, %d.%m.%Y", "Mittwoch, 05.03.2025", "'Mittwoch' is none"),
            ("%d %B %Y", "5 janvier 2025", "'janvier' is none"),
        ] {
            let said = said(format, text);
            assert!(said.as_ref().is_err_and(|why| why.contains(word)), "{said:?}");
        }
        for (format, text) in [("%d. %B %Y", "5. March"), ("%d.%m.%Y", "5. März 2025")] {
            let said = said(format, text);
            assert!(said.as_ref().is_err_and(|why| !why.contains("English")), "{said:?}");
        }
        assert_eq!(said("%a, %d %B %Y", "wed, 5 MARCH 2025"), said("%d.%m.%Y", "05.03.2025"));
    }

    #[test]
    fn a_number_is_too_large_only_in_a_text_that_is_written_so() {
        let utc = Zone::named("UTC").expect("a zone");
        let read = |format: &str, text: &str| {
            let format = TimeFormat::new(format).expect("a format");
            format.instant(text, utc).expect_err("no time")
        };
        for (format, text) in [
            ("%Y/%m/%d", "-62135596800001"),
            ("%Y/%m/%d", "+99999999999999999999999"),
            ("%G-W%V-%u", "-62135596800001-W"),
            ("%s and more", "99999999999999999999999"),
            ("%s", "99999999999999999999999 and more"),
            ("%Y-%m-%d %H:%M %p", "2025-07-05 13:00 PM and more"),
            ("%Y-%m-%d %H:%M %p", "2025-13-05 13:00"),
        ] {
            let fault = read(format, text);
            assert!(matches!(fault, FormatFault::Shape(_)), "{format} {text}: {fault:?}");
        }
        for (format, text) in [
            ("%Y/%m/%d", "-62135596800001/07/05"),
            ("%Y/%m/%d", "+99999999999999999999999/07/05"),
            ("%G-W%V-%u", "-62135596800001-W27-6"),
            ("%s", "99999999999999999999999"),
            ("%Y-%m-%d %H:%M %p", "2025-07-05 13:00 AM"),
            ("%Y-%m-%d %H:%M %p", "2025-13-05 13:00 PM"),
            ("%+", "2025-13-05T13:00:00+00:00"),
        ] {
            let fault = read(format, text);
            assert!(matches!(fault, FormatFault::Range(_)), "{format} {text}: {fault:?}");
        }
    }

    #[test]
    fn an_offset_is_one_that_a_clock_has() {
        let utc = Zone::named("UTC").expect("a zone");
        for form in ["%z", "%:z", "%#z"] {
            let format = TimeFormat::new(&format!("%Y-%m-%d %H:%M {form}")).expect("a format");
            for offset in ["+2500", "-9959", "+2400"] {
                let read = format.instant(&format!("2025-07-05 12:00 {offset}"), utc);
                assert!(matches!(read, Err(FormatFault::Range(_))), "{form} {offset}: {read:?}");
            }
            for offset in ["+2359", "-2359", "+0000"] {
                assert!(format.instant(&format!("2025-07-05 12:00 {offset}"), utc).is_ok());
            }
        }
        let told = |format: &str| {
            let format = TimeFormat::new(format).expect("a format");
            format.instant("2025-07-05 12:00Z", utc).map_err(|fault| fault.to_string())
        };
        assert_eq!(told("%Y-%m-%d %H:%M%#z"), Ok(1_751_716_800_000_000));
        assert!(told("%Y-%m-%d %H:%M%z").is_err_and(|why| why.contains("%#z reads Z")));
    }
}
