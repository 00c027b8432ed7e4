//! Calendar windows: from where a day, a week, a month … began, by the clocks of a time zone.
//!
//! A day begins at the first instant at which the clocks show it, also where they are set back over
//! midnight or skip it; longer units begin with their first day. An hour that the clocks show twice
//! is two hours. So the border never goes back while time goes on, and a row that has left a window
//! never returns.

use super::days::{Unit, add_months};
use super::zone::Zone;
use super::{DAY, FIRST, HOUR, LAST, MINUTE, Micros, SECOND};

/// `date_trunc(unit, now())`, plus an interval: months first, then days, both by the calendar, then
/// microseconds that pass. Units within a day have only these: a day is 24 hours there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    pub unit: Unit,
    pub zone: &'static Zone,
    pub months: i32,
    pub days: i32,
    pub micros: Micros,
}

impl Since {
    /// The border at a reading of `now()`: rows count whose time is not before it. Beyond the years 1 to
    /// 9999 a calendar means nothing, and the border stands still.
    pub fn border(&self, now: Micros) -> Micros {
        let now = now.clamp(FIRST, LAST);
        let length = match self.unit {
            Unit::Second => SECOND,
            Unit::Minute => MINUTE,
            Unit::Hour => HOUR,
            _ => return self.moved(self.first_day(now)).saturating_add(self.micros),
        };
        self.zone.began(now, length).saturating_add(self.micros)
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
    fn first_day(&self, now: Micros) -> i64 {
        let first = self.unit.first_day(self.zone.shown(now).div_euclid(DAY));
        // Clocks that were set back over midnight show the day before once more.
        let next = self.unit.next_day(first);
        if self.zone.midnight(next) <= now { next } else { first }
    }

    /// The instant with which a day begins, moved by the calendar.
    fn moved(&self, day: i64) -> Micros {
        let moved = add_months(day, self.months.into()).map(|day| day + i64::from(self.days));
        let beyond = if self.months < 0 || self.days < 0 { FIRST } else { LAST };
        let moved = moved.filter(|day| day.unsigned_abs() < 10_000_000);
        moved.map_or(beyond, |moved| self.zone.midnight(moved))
    }
}
