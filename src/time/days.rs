//! The calendar's days, counted from 1970-01-01: which month they are of, and where weeks, months,
//! quarters and years begin. It is the Gregorian calendar for all years, as in RFC 3339.

use std::fmt;

use chrono::{Datelike, Months, NaiveDate};

/// 1970-01-01, counted as chrono does.
const EPOCH: i32 = 719_163;

/// What instants are counted, grouped and cut off by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

/// The day as a date; `None` some hundred thousand years away.
pub fn date_of(day: i64) -> Option<NaiveDate> {
    NaiveDate::from_num_days_from_ce_opt(i32::try_from(day).ok()?.checked_add(EPOCH)?)
}

pub fn day_of(date: NaiveDate) -> i64 {
    i64::from(date.num_days_from_ce()) - i64::from(EPOCH)
}

/// The same day so many months later, or the month's last where it has no such day.
pub fn add_months(day: i64, months: i64) -> Option<i64> {
    let count = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
    let date = date_of(day)?;
    let moved = match months {
        ..0 => date.checked_sub_months(count),
        _ => date.checked_add_months(count),
    };
    moved.map(day_of)
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

    /// The day with which the unit around a day begins.
    pub fn first_day(self, day: i64) -> i64 {
        let Some(date) = date_of(day) else { return day };
        let first = match self {
            Unit::Week => return day - i64::from(date.weekday().num_days_from_monday()),
            Unit::Month => date.with_day(1),
            Unit::Quarter => {
                date.with_day(1).and_then(|date| date.with_month0(date.month0() / 3 * 3))
            }
            Unit::Year => date.with_ordinal(1),
            _ => return day,
        };
        first.map_or(day, day_of)
    }

    /// The day with which the next unit begins, behind one that begins with a day.
    pub fn next_day(self, first: i64) -> i64 {
        let months = match self {
            Unit::Week => return first + 7,
            Unit::Month => 1,
            Unit::Quarter => 3,
            Unit::Year => 12,
            _ => return first + 1,
        };
        add_months(first, months).unwrap_or(first)
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, _) = Unit::ALL.iter().find(|(_, unit)| unit == self).expect("all are there");
        f.write_str(name)
    }
}
