//! Instants as SQL reads them from texts: RFC 3339, and without seconds, an offset, a zone or a time at all.

use super::text::calendar_day;
use super::zone::{Shown, Zone};
use super::{DAY, HOUR, MINUTE, Micros, NoInstant, SECOND, in_years};

/// The instant that a text names; without an offset or a zone of its own, by the zone's clocks. What is finer than a
/// microsecond is cut off; the second 60, a leap second, is the first of the next minute.
pub fn read_iso(text: &str, zone: &'static Zone) -> Result<Micros, NoInstant> {
    read_iso_by(text, || zone)
}

/// The same, where a zone is asked for only if the text has neither an offset nor a zone of its own.
pub fn read_iso_by(text: &str, zone: impl FnOnce() -> &'static Zone) -> Result<Micros, NoInstant> {
    let text = text.trim();
    let (day, rest) = text.split_at_checked(10).ok_or(NoInstant::Shape)?;
    let day = day.as_bytes().try_into().expect("ten of them");
    let at = match rest {
        "" => {
            let day = calendar_day(day)?;
            zone().midnight(day)
        }
        rest => {
            let clock = rest.strip_prefix(['T', 't', ' ']).ok_or(NoInstant::Shape)?;
            let (time, rest) = time(clock.as_bytes()).ok_or(NoInstant::Shape)?;
            let rest = std::str::from_utf8(rest).map_err(|_| NoInstant::Shape)?;
            let by = whose(rest.trim_start())?;
            let shown = calendar_day(day)? * DAY + time?;
            match by {
                ClocksOf::Nobody => zone().instant(shown),
                ClocksOf::Zone(zone) => zone.instant(shown),
                ClocksOf::Offset(offset) => shown - offset,
            }
        }
    };
    if in_years(at) { Ok(at) } else { Err(NoInstant::Beyond) }
}

enum ClocksOf {
    /// The text doesn't say.
    Nobody,
    Zone(&'static Zone),
    /// Clocks that are so much ahead of UTC.
    Offset(Micros),
}

/// What clocks show since midnight, as `12:00`, `12:00:00.5` or `120000`, and what stands behind it; `None` where it is
/// not written so.
fn time(text: &[u8]) -> Option<(Result<Shown, NoInstant>, &[u8])> {
    let (hour, rest) = two(text)?;
    let (minute, second, rest) = match rest {
        [b':', rest @ ..] => {
            let (minute, rest) = two(rest)?;
            match rest {
                [b':', rest @ ..] => two(rest).map(|(second, rest)| (minute, second, rest))?,
                rest => (minute, 0, rest),
            }
        }
        rest => {
            let (minute, rest) = two(rest)?;
            two(rest).map(|(second, rest)| (minute, second, rest))?
        }
    };
    let (micros, rest) = match rest {
        [b'.', digits @ ..] => {
            let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let read = digits[..count].iter().chain(std::iter::repeat(&b'0')).take(6);
            let micros = read.fold(0, |sum, digit| sum * 10 + Micros::from(digit - b'0'));
            (micros, (count > 0).then_some(&digits[count..])?)
        }
        rest => (0, rest),
    };
    if hour > 23 || minute > 59 || second > 60 {
        return Some((Err(NoInstant::NoSuchTime), rest));
    }
    Some((Ok(hour * HOUR + minute * MINUTE + second * SECOND + micros), rest))
}

/// By whose clocks a text is meant that ends so.
fn whose(end: &str) -> Result<ClocksOf, NoInstant> {
    let (sign, digits) = match end.as_bytes() {
        [] => return Ok(ClocksOf::Nobody),
        b"Z" | b"z" => return Ok(ClocksOf::Offset(0)),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return Zone::named(end).map(ClocksOf::Zone).ok_or(NoInstant::Shape),
    };
    let (hours, rest) = two(digits).ok_or(NoInstant::Shape)?;
    let (minutes, rest) = match rest {
        [] => (0, rest),
        rest => two(rest.strip_prefix(b":").unwrap_or(rest)).ok_or(NoInstant::Shape)?,
    };
    match rest {
        [] if hours > 23 || minutes > 59 => Err(NoInstant::NoSuchTime),
        [] => Ok(ClocksOf::Offset(sign * (hours * HOUR + minutes * MINUTE))),
        _ => Err(NoInstant::Shape),
    }
}

fn two(text: &[u8]) -> Option<(Micros, &[u8])> {
    let (digits, rest) = text.split_first_chunk::<2>()?;
    let [tens, ones] = digits.map(|digit| digit.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| (Micros::from(tens * 10 + ones), rest))
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, FixedOffset, NaiveDateTime, TimeZone};
    use proptest::prelude::*;

    use super::super::{FIRST, LAST};
    use super::*;

    fn berlin() -> &'static Zone {
        Zone::named("Europe/Berlin").expect("a zone")
    }

    #[test]
    fn what_is_no_instant_is_told_apart() {
        let at_noon = 1_751_673_600 * SECOND + 12 * HOUR;
        let noon = Ok(at_noon);
        for (text, expected) in [
            ("2025-07-05T12:00:00Z", noon),
            (" 2025-07-05 12:00z ", noon),
            ("2025-07-05 14:00", noon),
            ("2025-07-05t14:00:00.0000009", noon),
            ("2025-07-05 140000", noon),
            ("2025-07-05 14:00:00+02", noon),
            ("2025-07-05 14:00 +0200", noon),
            ("2025-07-05 17:30:00 +05:30", noon),
            ("2025-07-05 04:00:00 America/Los_Angeles", Ok(at_noon - HOUR)),
            ("2025-07-05 21:00 Asia/Tokyo", noon),
            ("2025-07-05", Ok(at_noon - 14 * HOUR)),
            ("2025-07-05 13:59:60", noon),
            ("0000-12-31T23:00:00-01:00", Ok(FIRST)),
            ("2025-02-29", Err(NoInstant::NoSuchDay)),
            ("2025-02-29 12:00", Err(NoInstant::NoSuchDay)),
            ("2025-07-05 24:00", Err(NoInstant::NoSuchTime)),
            ("2025-07-05 12:60:00", Err(NoInstant::NoSuchTime)),
            ("2025-07-05 12:00+24:00", Err(NoInstant::NoSuchTime)),
            ("2025-07-05 12:00+02:60", Err(NoInstant::NoSuchTime)),
            ("2025-07-05 12:00:00 -0260", Err(NoInstant::NoSuchTime)),
            ("9999-12-31T23:59:59-12:00", Err(NoInstant::Beyond)),
            ("0000-01-01", Err(NoInstant::Beyond)),
            ("1751673600", Err(NoInstant::Shape)),
            ("2025-7-5", Err(NoInstant::Shape)),
            ("2025-07-05 12", Err(NoInstant::Shape)),
            ("2025-07-05 1200", Err(NoInstant::Shape)),
            ("2025-07-05 12:00:", Err(NoInstant::Shape)),
            ("2025-07-05 12:00:00.", Err(NoInstant::Shape)),
            ("2025-07-05 12:00 PST8", Err(NoInstant::Shape)),
            ("2025-07-05 12:00 +2", Err(NoInstant::Shape)),
            ("2025-07-05 12:00 +02:00:00", Err(NoInstant::Shape)),
            ("2025-07-05X12:00", Err(NoInstant::Shape)),
            ("2025-07-0é 12:00", Err(NoInstant::Shape)),
        ] {
            assert_eq!(read_iso(text, berlin()), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_instant_is_read_as_chrono_does(
            at in FIRST + DAY..LAST - DAY,
            offset in prop::option::of(-1_439..1_440i32),
            form in prop::sample::select(vec!["%Y-%m-%dT%H:%M:%S%.6f", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H%M%S"]),
            end in prop::sample::select(vec!["%:z", "%z", " %:z"]),
        ) {
            let there = FixedOffset::east_opt(offset.unwrap_or_default() * 60).expect("one");
            let shown = there.timestamp_micros(at).single().expect("an instant");
            let text = shown.format(form).to_string();
            let naive = NaiveDateTime::parse_from_str(&text, form).expect("as it is written");
            match offset {
                Some(_) => {
                    let text = format!("{text}{}", shown.format(end));
                    let expected: DateTime<FixedOffset> = there.from_local_datetime(&naive).single().expect("one");
                    prop_assert_eq!(read_iso(&text, berlin()), Ok(expected.timestamp_micros()), "{}", text);
                }
                None => {
                    let expected = berlin().instant(naive.and_utc().timestamp_micros());
                    prop_assert_eq!(read_iso(&text, berlin()), Ok(expected), "{}", text);
                }
            }
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC*|2025-07-05[-+0-9.:TZ aé]{0,20}|[-+0-9.:TZeE ]{0,60}") {
            let _ = read_iso(&text, berlin());
        }
    }
}
