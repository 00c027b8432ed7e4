//! Calendar windows: from where a day, a week, a month … began, by the clocks of a time zone.
//!
//! A day begins at the first instant at which the clocks show it, also where they are set back over
//! midnight or skip it; longer units begin with their first day. An hour that the clocks show twice
//! is two hours. So the border never goes back while time goes on, and a row that has left a window
//! never returns.

use std::fmt;

use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta};
use chrono::{MappedLocalTime, TimeZone};
use chrono_tz::Tz;

use crate::time::{DAY, HOUR, MINUTE, Micros, SECOND};

/// Years 1 to 9999: beyond, a calendar means nothing, and the border stands still.
const FIRST: Micros = -62_135_596_800 * SECOND;
const LAST: Micros = 253_402_300_799 * SECOND;

/// `date_trunc(unit, now())`, plus an interval: months first, then days, both by the calendar, then
/// microseconds that pass. Units within a day have only these: a day is 24 hours there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    pub unit: Unit,
    pub zone: Tz,
    pub months: i32,
    pub days: i32,
    pub micros: Micros,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    /// From Monday.
    Week,
    Month,
    Quarter,
    Year,
}

impl Since {
    /// The border at a reading of `now()`: rows count whose time is not before it.
    pub fn border(&self, now: Micros) -> Micros {
        let now = now.clamp(FIRST, LAST);
        let length = match self.unit {
            Unit::Second => SECOND,
            Unit::Minute => MINUTE,
            Unit::Hour => HOUR,
            _ => {
                let midnight = self.first_day(now).and_time(NaiveTime::MIN);
                return self.moved(midnight).saturating_add(self.micros);
            }
        };
        let shown = local(self.zone, now);
        let passed = shown.and_utc().timestamp_micros().rem_euclid(length);
        let start = shown - TimeDelta::microseconds(passed);
        let start = match self.zone.from_local_datetime(&start) {
            MappedLocalTime::Ambiguous(_, again) if again.timestamp_micros() <= now => {
                again.timestamp_micros()
            }
            _ => instant(self.zone, start),
        };
        start.saturating_add(self.micros)
    }

    /// The first reading of `now()` at which a row of this time does not count any more.
    pub fn until(&self, time: Micros) -> Micros {
        if self.border(LAST) <= time {
            return Micros::MAX;
        }
        // The border lies within a unit and the interval of its reading.
        let months = self.months.unsigned_abs() as Micros * 31 * DAY;
        let days = self.days.unsigned_abs() as Micros * DAY;
        let reach = (400 * DAY + months + days).saturating_add(self.micros.saturating_abs());
        let mut counts = time.saturating_sub(reach).clamp(FIRST - 1, LAST);
        let mut gone = time.saturating_add(reach).clamp(FIRST, LAST);
        while gone - counts > 1 {
            let between = counts + (gone - counts) / 2;
            if self.border(between) > time {
                gone = between;
            } else {
                counts = between;
            }
        }
        gone
    }

    /// The day with which the unit of an instant begins, by the zone's clocks.
    fn first_day(&self, now: Micros) -> NaiveDate {
        let first = self.unit.first_day(local(self.zone, now).date());
        // Clocks that were set back over midnight show the day before once more.
        let next = self.unit.next_day(first);
        if instant(self.zone, next.and_time(NaiveTime::MIN)) <= now { next } else { first }
    }

    /// What the clocks show, moved by the calendar, as an instant.
    fn moved(&self, local: NaiveDateTime) -> Micros {
        let months = Months::new(self.months.unsigned_abs());
        let days = Days::new(self.days.unsigned_abs() as u64);
        let moved = match self.months {
            ..0 => local.checked_sub_months(months),
            _ => local.checked_add_months(months),
        };
        let moved = moved.and_then(|moved| match self.days {
            ..0 => moved.checked_sub_days(days),
            _ => moved.checked_add_days(days),
        });
        let beyond = if self.months < 0 || self.days < 0 { FIRST } else { LAST };
        moved.map_or(beyond, |moved| instant(self.zone, moved))
    }
}

impl Unit {
    pub const ALL: [(&'static str, Unit); 8] = [
        ("second", Unit::Second),
        ("minute", Unit::Minute),
        ("hour", Unit::Hour),
        ("day", Unit::Day),
        ("week", Unit::Week),
        ("month", Unit::Month),
        ("quarter", Unit::Quarter),
        ("year", Unit::Year),
    ];

    pub fn is_within_a_day(self) -> bool {
        matches!(self, Unit::Second | Unit::Minute | Unit::Hour)
    }

    fn first_day(self, date: NaiveDate) -> NaiveDate {
        let day = match self {
            Unit::Week => {
                let monday = Days::new(date.weekday().num_days_from_monday() as u64);
                return date.checked_sub_days(monday).unwrap_or(date);
            }
            Unit::Month => date.with_day(1),
            Unit::Quarter => {
                date.with_day(1).and_then(|date| date.with_month0(date.month0() / 3 * 3))
            }
            Unit::Year => date.with_ordinal(1),
            _ => Some(date),
        };
        day.unwrap_or(date)
    }

    fn next_day(self, first: NaiveDate) -> NaiveDate {
        let next = match self {
            Unit::Week => first.checked_add_days(Days::new(7)),
            Unit::Month => first.checked_add_months(Months::new(1)),
            Unit::Quarter => first.checked_add_months(Months::new(3)),
            Unit::Year => first.checked_add_months(Months::new(12)),
            _ => first.checked_add_days(Days::new(1)),
        };
        next.unwrap_or(NaiveDate::MAX)
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, _) = Unit::ALL.iter().find(|(_, unit)| unit == self).expect("all are there");
        f.write_str(name)
    }
}

fn offset(zone: Tz, at: Micros) -> Micros {
    let utc = chrono::DateTime::from_timestamp_micros(at).unwrap_or_default().naive_utc();
    let offset = zone.offset_from_utc_datetime(&utc).fix();
    offset.local_minus_utc() as Micros * SECOND
}

/// What the zone's clocks show.
fn local(zone: Tz, at: Micros) -> NaiveDateTime {
    let utc = chrono::DateTime::from_timestamp_micros(at).unwrap_or_default().naive_utc();
    utc + TimeDelta::microseconds(offset(zone, at))
}

/// The first instant at which the zone's clocks show this, or more.
fn instant(zone: Tz, shown: NaiveDateTime) -> Micros {
    match zone.from_local_datetime(&shown) {
        MappedLocalTime::Single(at) | MappedLocalTime::Ambiguous(at, _) => at.timestamp_micros(),
        MappedLocalTime::None => {
            // The clocks skip it. No zone is further from UTC than a day.
            let utc = shown.and_utc().timestamp_micros();
            let (mut before, mut after) = (utc - DAY, utc + DAY);
            while after - before > 1 {
                let between = before + (after - before) / 2;
                if local(zone, between) < shown {
                    before = between;
                } else {
                    after = between;
                }
            }
            after
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{AsArray, RecordBatch, TimestampMicrosecondArray};
    use arrow::datatypes::{Field, Schema, TimestampMicrosecondType};
    use proptest::prelude::*;

    use super::super::sql::{Dialect, NOW};
    use super::*;

    const ZONES: [Tz; 7] = [
        Tz::UTC,
        Tz::Europe__Berlin,
        Tz::America__New_York,
        Tz::Australia__Lord_Howe,
        Tz::Asia__Kathmandu,
        Tz::America__Sao_Paulo,
        Tz::Pacific__Apia,
    ];

    fn at(text: &str) -> Micros {
        chrono::DateTime::parse_from_rfc3339(text).expect("an instant").timestamp_micros()
    }

    fn since(zone: Tz, unit: Unit) -> Since {
        Since { unit, zone, months: 0, days: 0, micros: 0 }
    }

    /// What DataFusion makes of `date_trunc(…, now())` and an interval of months.
    fn by_sql(zone: Tz, unit: Unit, months: i32, now: Micros) -> Option<Micros> {
        let dialect = Dialect::new(&Arc::from(zone.name()));
        let schema = Arc::new(Schema::new(vec![Field::new(NOW, dialect.timestamp(), true)]));
        let text = match months {
            0 => format!("date_trunc('{unit}', now())"),
            _ => format!("date_trunc('{unit}', now()) + interval '{months} months'"),
        };
        let planned = dialect.plan(&text, &schema).expect("SQL");
        let timestamp = dialect.timestamp();
        let compiled = dialect.compile(planned, &schema, Some(&timestamp), &text).expect("SQL");
        let now = TimestampMicrosecondArray::from_value(now, 1).with_timezone(zone.name());
        let batch = RecordBatch::try_new(schema, vec![Arc::new(now)]).expect("one column");
        let border = compiled.evaluate(&batch).ok()?;
        Some(border.as_primitive::<TimestampMicrosecondType>().value(0))
    }

    #[test]
    fn a_day_is_as_long_as_the_clocks_make_it() {
        let spring = since(Tz::America__New_York, Unit::Day);
        assert_eq!(spring.border(at("2025-03-09T12:00:00Z")), at("2025-03-09T05:00:00Z"));
        assert_eq!(spring.until(at("2025-03-09T05:00:00Z")), at("2025-03-10T04:00:00Z"));
        assert_eq!(spring.until(at("2025-03-09T04:59:59Z")), at("2025-03-09T05:00:00Z"));
        // In Havana midnight comes twice: the day begins with the first one.
        let autumn = since(Tz::America__Havana, Unit::Day);
        assert_eq!(autumn.border(at("2024-11-03T12:00:00Z")), at("2024-11-03T04:00:00Z"));
        assert_eq!(autumn.until(at("2024-11-03T04:30:00Z")), at("2024-11-04T05:00:00Z"));
        // In São Paulo it did not come at all.
        let skipped = since(Tz::America__Sao_Paulo, Unit::Day);
        assert_eq!(skipped.border(at("2018-11-04T12:00:00Z")), at("2018-11-04T03:00:00Z"));
        let (first, second) = (at("2025-11-02T05:30:00Z"), at("2025-11-02T06:30:00Z"));
        let hour = since(Tz::America__New_York, Unit::Hour);
        assert_eq!(
            [first, second].map(|now| hour.border(now)),
            [first, second].map(|t| t - HOUR / 2)
        );
        // In St. John's the clocks went back over midnight, a minute after it: the day had begun.
        let back = since(Tz::America__St_Johns, Unit::Day);
        assert_eq!(back.border(at("2010-11-07T02:45:00Z")), at("2010-11-07T02:30:00Z"));
    }

    #[test]
    fn an_interval_is_counted_by_the_calendar() {
        let week = Since { days: -7, ..since(Tz::Europe__Berlin, Unit::Week) };
        // Clocks went forward on Sunday the 30th.
        assert_eq!(week.border(at("2025-04-02T10:00:00Z")), at("2025-03-23T23:00:00Z"));
        let year = Since { months: -12, ..since(Tz::UTC, Unit::Year) };
        assert_eq!(year.until(at("2024-02-29T00:00:00Z")), at("2026-01-01T00:00:00Z"));
        let tax = Since { months: 3, days: 5, ..since(Tz::Europe__London, Unit::Year) };
        assert_eq!(tax.border(at("2025-07-01T00:00:00Z")), at("2025-04-05T23:00:00Z"));
        let hours = Since { micros: -6 * HOUR, ..since(Tz::Europe__Berlin, Unit::Day) };
        assert_eq!(hours.border(at("2025-03-30T12:00:00Z")), at("2025-03-29T17:00:00Z"));
    }

    #[test]
    fn beyond_the_calendar_the_border_stands_still() {
        for (_, unit) in Unit::ALL.into_iter().skip(3) {
            let since = Since { months: -12, days: 1, micros: 1, ..since(Tz::UTC, unit) };
            assert_eq!(since.border(Micros::MIN), since.border(FIRST));
            assert_eq!(since.until(Micros::MAX), Micros::MAX);
            assert!(since.until(Micros::MIN) <= at("0003-01-01T00:00:00Z"));
        }
    }

    fn instants() -> impl Strategy<Value = Micros> {
        // Around a border of Berlin's and New York's summer time, and any time.
        prop_oneof![
            (at("2025-03-28T00:00:00Z")..at("2025-04-02T00:00:00Z")),
            (at("2025-10-24T00:00:00Z")..at("2025-11-04T00:00:00Z")),
            // Lord Howe's half an hour back, and Kathmandu's quarter forward.
            (at("2025-04-05T12:00:00Z")..at("2025-04-05T18:00:00Z")),
            (at("1985-12-31T12:00:00Z")..at("1986-01-01T00:00:00Z")),
            (at("1975-01-01T00:00:00Z")..at("2037-01-01T00:00:00Z")),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn a_border_is_what_sql_says(
            zone in prop::sample::select(&ZONES[..]),
            unit in prop::sample::select(&Unit::ALL[..]),
            months in prop_oneof![Just(0), -30..30i32],
            now in instants(),
        ) {
            let (_, unit) = unit;
            let months = if unit.is_within_a_day() { 0 } else { months };
            let border = Since { months, ..since(zone, unit) }.border(now);
            let unmoved = local(zone, since(zone, unit).border(now)).time();
            // Arrow moves no instant by months to where clocks show a time twice or not at all, and
            // a midnight that they skip by the time at which they do.
            if (months == 0 || unmoved == NaiveTime::MIN)
                && let Some(sql) = by_sql(zone, unit, months, now) {
                prop_assert_eq!(border, sql);
            }
        }

        #[test]
        fn a_row_counts_until_the_border_has_passed_it(
            zone in prop::sample::select(&ZONES[..]),
            unit in prop::sample::select(&Unit::ALL[..]),
            (months, days, micros) in (-14..14i32, -40..40i32, -3 * HOUR..3 * HOUR),
            time in instants(),
            later in prop_oneof![-DAY..DAY, -400 * DAY..400 * DAY, -SECOND..SECOND],
        ) {
            let (_, unit) = unit;
            let (months, days) = if unit.is_within_a_day() { (0, 0) } else { (months, days) };
            let since = Since { months, days, micros, ..since(zone, unit) };
            let until = since.until(time);
            prop_assert!(since.border(until) > time && since.border(until - 1) <= time);
            for now in [time + later, until + later] {
                prop_assert_eq!(time >= since.border(now), now < until, "{}", now);
            }
        }
    }
}
