//! The clocks of a time zone: what they show at an instant, and at which instant they show something.
//!
//! One rule for both directions, in the years 1 to 9999: a time that the clocks show twice is the first
//! of the two, and one that they never show is as much later as the clocks jump (so do java.time and
//! PostgreSQL). What clocks show is counted in microseconds, as an instant is, as if it were UTC.
//!
//! jiff reads the IANA database, its own copy of it, so that a definition means the same on every
//! machine. It is asked once for all the periods of a zone: its instants end a day before the year 9999
//! does, and a table is several times faster. Behind the last year of the table the rules of summer time
//! repeat every 400 years, as the calendar does.

use std::collections::HashMap;
use std::fmt;
use std::sync::{LazyLock, Mutex};

use chrono::{FixedOffset, MappedLocalTime, NaiveDate, NaiveDateTime};
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::{DAY, Micros, SECOND};

/// What clocks show: microseconds since they showed 1970-01-01T00:00:00.
pub type Shown = i64;

/// 400 years, after which days of the week and of the month are the same again.
const CYCLE: Micros = 146_097 * DAY;

/// 2500-01-01, where the table ends. No clock is changed near it or 400 years before.
const END: Micros = 193_579 * DAY;

pub struct Zone {
    name: String,
    /// In which the clocks stand by the same offset, from the beginning of time.
    periods: Vec<Period>,
    /// What the clocks show when each ends.
    ends: Vec<Shown>,
}

#[derive(Clone, Copy, Debug)]
struct Period {
    from: Micros,
    offset: Micros,
    abbreviation: &'static str,
}

static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

impl Zone {
    /// The zone of a name of the IANA database, such as `Europe/Berlin`; `None` if there is none.
    pub fn named(name: &str) -> Option<&'static Zone> {
        static ZONES: LazyLock<Mutex<HashMap<String, &'static Zone>>> =
            LazyLock::new(Mutex::default);
        let mut zones = ZONES.lock().expect("nothing fails while it is held");
        if let Some(zone) = zones.get(name) {
            return Some(zone);
        }
        let found = DATABASE.get(name).ok()?;
        // Letters may be small or large: a zone is kept by the name that the database has for it.
        let name = found.iana_name()?;
        if let Some(zone) = zones.get(name) {
            return Some(zone);
        }
        // A zone is never given back: there are some hundreds, and every expression names one.
        let zone: &'static Zone = Box::leak(Box::new(Zone::read(name, &found)));
        zones.insert(name.to_owned(), zone);
        Some(zone)
    }

    /// All names there are, sorted.
    pub fn names() -> Vec<String> {
        let mut names: Vec<String> = DATABASE.available().map(|name| name.to_string()).collect();
        names.sort_unstable();
        names
    }

    fn read(name: &str, zone: &TimeZone) -> Zone {
        let offset = |offset: jiff::tz::Offset| Micros::from(offset.seconds()) * SECOND;
        let first = zone.to_offset_info(Timestamp::MIN);
        let mut periods = vec![Period {
            from: Micros::MIN,
            offset: offset(first.offset()),
            abbreviation: String::leak(first.abbreviation().to_owned()),
        }];
        for change in zone.following(Timestamp::MIN) {
            let from = change.timestamp().as_microsecond();
            if from >= END {
                break;
            }
            periods.push(Period {
                from,
                offset: offset(change.offset()),
                abbreviation: String::leak(change.abbreviation().to_owned()),
            });
        }
        let mut ends: Vec<Shown> =
            periods.windows(2).map(|pair| pair[1].from + pair[0].offset).collect();
        ends.push(Shown::MAX);
        Zone { name: name.to_owned(), periods, ends }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    fn period(&self, at: Micros) -> usize {
        let at = at - shift(at);
        self.periods.partition_point(|period| period.from <= at) - 1
    }

    /// By how much the clocks are ahead of UTC at an instant.
    pub fn offset(&self, at: Micros) -> Micros {
        self.periods[self.period(at)].offset
    }

    /// What the clocks show at an instant.
    pub fn shown(&self, at: Micros) -> Shown {
        at + self.offset(at)
    }

    /// By how much the clocks are ahead of UTC at the instant at which they show something: of a time
    /// that comes twice the first, of one that never comes as before the jump.
    fn offset_of(&self, shown: Shown) -> Micros {
        let shown = shown - shift(shown);
        let until = self.ends.partition_point(|end| *end <= shown);
        let period = self.periods[until];
        if until > 0 && period.from + period.offset > shown {
            return self.periods[until - 1].offset;
        }
        period.offset
    }

    /// The instant at which the clocks show something, by the rule above.
    pub fn instant(&self, shown: Shown) -> Micros {
        shown - self.offset_of(shown)
    }

    /// The first instant at which the clocks show something, or more where they jump over it.
    fn reached(&self, shown: Shown) -> Micros {
        let at = self.instant(shown);
        if self.shown(at) == shown {
            return at;
        }
        self.periods[self.period(at)].from + shift(at)
    }

    /// The instant with which a day begins: the first at which the clocks show it, or a later day.
    pub fn midnight(&self, day: i64) -> Micros {
        self.reached(day * DAY)
    }

    /// The instant with which the hour or less around an instant began, by what the clocks show. An hour
    /// that they show twice is two hours.
    pub fn began(&self, at: Micros, length: Micros) -> Micros {
        let shown = self.shown(at);
        let start = shown - shown.rem_euclid(length);
        let same = at - (shown - start);
        if self.shown(same) == start { same } else { self.reached(start) }
    }

    /// Where the clocks go back over a midnight, so that they show it twice: the instant at which they
    /// are set back, and the one at which they show it again.
    pub fn midnight_again(&self, day: i64) -> Option<(Micros, Micros)> {
        let shown = day * DAY;
        let first = self.instant(shown);
        let next = self.periods.get(self.period(first) + 1)?;
        let (back, again) = (next.from + shift(first), shown - next.offset);
        (back > first && again >= back).then_some((back, again))
    }

    /// Whether there is such a midnight since 1970, before which no clock of a run stands.
    pub fn repeats_midnights(&self) -> bool {
        let since = self.period(0);
        self.periods[since..].windows(2).any(|pair| {
            let [ahead, behind] = [0, 1].map(|each: usize| pair[1].from + pair[each].offset);
            behind < ahead && (behind - 1).div_euclid(DAY) != (ahead - 1).div_euclid(DAY)
        })
    }

    /// A cursor for many instants that lie close together, such as those of a column.
    pub fn clocks(&'static self) -> Clocks {
        Clocks { zone: self, instants: (0, 0), instants_offset: 0, shown: (0, 0), shown_offset: 0 }
    }
}

/// How much later than in the table.
fn shift(at: i64) -> i64 {
    if at < END { 0 } else { ((at - END) / CYCLE + 1) * CYCLE }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Zone) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl std::hash::Hash for Zone {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Answers as its [`Zone`] does, and keeps in mind the period in which the last answer lay.
pub struct Clocks {
    zone: &'static Zone,
    /// Between these instants the clocks stand by an offset.
    instants: (Micros, Micros),
    instants_offset: Micros,
    /// What they show between these is shown by an offset.
    shown: (Shown, Shown),
    shown_offset: Micros,
}

impl Clocks {
    #[inline]
    pub fn shown(&mut self, at: Micros) -> Shown {
        if at < self.instants.0 || at >= self.instants.1 {
            self.look_up(at);
        }
        at + self.instants_offset
    }

    /// Whether the clocks stand by the same offset from one instant to the last that was asked for.
    #[inline]
    pub fn is_steady(&self, from: Micros, last: Micros) -> bool {
        from >= self.instants.0 && last < self.instants.1
    }

    #[inline]
    pub fn instant(&mut self, shown: Shown) -> Micros {
        if shown < self.shown.0 || shown >= self.shown.1 {
            self.look_up_shown(shown);
        }
        shown - self.shown_offset
    }

    #[cold]
    fn look_up(&mut self, at: Micros) {
        let (zone, shift) = (self.zone, shift(at));
        let period = zone.period(at);
        let until = zone.periods.get(period + 1).map_or(END, |next| next.from);
        let from = zone.periods[period].from;
        self.instants = (moved(from, shift), moved(until, shift));
        self.instants_offset = zone.periods[period].offset;
    }

    #[cold]
    fn look_up_shown(&mut self, shown: Shown) {
        let (zone, shift) = (self.zone, shift(shown));
        let until = zone.ends.partition_point(|end| *end <= shown - shift);
        let Period { from, offset, .. } = zone.periods[until];
        let from = from.saturating_add(offset);
        let before = until.checked_sub(1).map_or(Shown::MIN, |before| zone.ends[before]);
        let end = zone.ends[until].min(END);
        self.shown_offset = zone.offset_of(shown);
        self.shown = if shown - shift < from {
            // Between two periods: what the clocks jump over.
            (moved(before, shift), moved(from, shift))
        } else {
            (moved(from.max(before), shift), moved(end, shift))
        };
    }
}

/// A border of a period, later by some cycles; the table's first period has none, and in a later cycle
/// that is where the cycle begins.
fn moved(border: i64, shift: i64) -> i64 {
    match shift {
        0 => border,
        _ => border.max(END - CYCLE) + shift,
    }
}

/// A zone for what reads and writes times by chrono's traits, by the same rule.
#[derive(Clone, Copy, Debug)]
pub struct ZoneClock(pub &'static Zone);

/// What a [`ZoneClock`] is ahead of UTC at an instant, and the zone's name for it, such as CEST.
#[derive(Clone, Copy, Debug)]
pub struct UtcOffset {
    zone: &'static Zone,
    by: Micros,
    abbreviation: &'static str,
}

impl fmt::Display for UtcOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.abbreviation)
    }
}

impl chrono::Offset for UtcOffset {
    fn fix(&self) -> FixedOffset {
        FixedOffset::east_opt((self.by / SECOND) as i32).expect("less than a day")
    }
}

impl chrono::TimeZone for ZoneClock {
    type Offset = UtcOffset;

    fn from_offset(offset: &UtcOffset) -> Self {
        ZoneClock(offset.zone)
    }

    fn offset_from_local_date(&self, local: &NaiveDate) -> MappedLocalTime<UtcOffset> {
        self.offset_from_local_datetime(&local.and_time(chrono::NaiveTime::MIN))
    }

    fn offset_from_local_datetime(&self, local: &NaiveDateTime) -> MappedLocalTime<UtcOffset> {
        let by = self.0.offset_of(local.and_utc().timestamp_micros());
        MappedLocalTime::Single(UtcOffset { zone: self.0, by, abbreviation: "" })
    }

    fn offset_from_utc_date(&self, utc: &NaiveDate) -> UtcOffset {
        self.offset_from_utc_datetime(&utc.and_time(chrono::NaiveTime::MIN))
    }

    fn offset_from_utc_datetime(&self, utc: &NaiveDateTime) -> UtcOffset {
        let Period { offset, abbreviation, .. } =
            self.0.periods[self.0.period(utc.and_utc().timestamp_micros())];
        UtcOffset { zone: self.0, by: offset, abbreviation }
    }
}

#[cfg(test)]
mod tests;
