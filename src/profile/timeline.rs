//! A person's rows of one source in the order of time, and the sessions that they are parted into.
//!
//! A session begins with a row that comes more than the gap after the one before. What changes tells
//! only of the sessions that it touches: what their rows were to the aggregates, and what they are.
//! Where sessions come or go, those behind them are counted anew.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::plan::Window;
use crate::row::Datum;
use crate::time::{Micros, SECOND};

/// What the aggregates over a source's sessions look at.
#[derive(Clone, Debug, Default)]
pub struct Looks {
    pub gap: Micros,
    /// A row's own time.
    pub time: bool,
    pub number: bool,
    pub start: bool,
    pub seconds: bool,
    pub events: bool,
    /// The first and the last of rows that are alike in all else.
    pub ends: bool,
    /// Each once.
    pub windows: Vec<Window>,
    /// Whether an aggregate looks at rows outside of all windows.
    pub all: bool,
}

/// Rows of a session that are alike in all that aggregates look at; what these do not look at is 0.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Alike {
    pub number: i64,
    pub start: Micros,
    pub seconds: i64,
    pub events: i64,
    pub brought: Datum,
    pub time: Micros,
    /// A bit for each window: whether they are in it.
    pub windows: u64,
    /// The times of the first and the last of them.
    pub first: Micros,
    pub last: Micros,
}

/// How many rows more, or less, are alike.
pub type TimelineChanges = HashMap<Alike, i64>;

#[derive(Debug)]
pub struct PersonTimeline {
    rows: BTreeMap<(Micros, Datum), u32>,
    sessions: Vec<TimelineSession>,
    /// The reading of `now()` at which its rows were last told of.
    emitted_at: Micros,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TimelineSession {
    start: Micros,
    end: Micros,
    events: i64,
}

/// Sessions that follow each other and what comes between them, to be parted anew.
struct Stretch {
    sessions: Range<usize>,
    times: RangeInclusive<Micros>,
}

/// Less than any value that a row brings.
const LEAST: Datum = Datum::Boolean(false);

impl Default for PersonTimeline {
    fn default() -> Self {
        PersonTimeline { rows: BTreeMap::new(), sessions: Vec::new(), emitted_at: Micros::MIN }
    }
}

impl PersonTimeline {
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Takes rows in and back, in the order of time and each once, and tells what changed by that and
    /// by the time that has passed.
    pub fn change(
        &mut self,
        looks: &Looks,
        rows: &[(Micros, Datum, i64)],
        now: Micros,
        changes: &mut TimelineChanges,
    ) {
        let times = |reading| looks.windows.iter().map(move |window| window.times(reading));
        let before: Vec<_> = times(self.emitted_at).collect();
        let after: Vec<_> = times(now).collect();
        self.emitted_at = now;
        let mut stretches = self.stretches(looks.gap, rows, &before, &after);
        for stretch in &stretches {
            for index in stretch.sessions.clone() {
                self.emit(looks, index, index, &before, -1, changes);
            }
        }
        for (time, row, diff) in rows {
            self.count(*time, row, *diff);
        }
        let mut shift = 0;
        let mut behind: Vec<(usize, isize)> = Vec::new();
        for stretch in &mut stretches {
            let parted = self.part(looks.gap, stretch.times.clone());
            let Range { start, end } = stretch.sessions;
            let old = start.wrapping_add_signed(shift)..end.wrapping_add_signed(shift);
            stretch.sessions = old.start..old.start + parted.len();
            shift += parted.len() as isize - old.len() as isize;
            self.sessions.splice(old, parted);
            behind.push((stretch.sessions.end, shift));
        }
        for stretch in &stretches {
            for index in stretch.sessions.clone() {
                self.emit(looks, index, index, &after, 1, changes);
            }
        }
        if !looks.number {
            return;
        }
        let next = stretches.iter().skip(1).map(|stretch| stretch.sessions.start);
        let next = next.chain([self.sessions.len()]);
        for ((first, shift), next) in behind.into_iter().zip(next).filter(|((_, s), _)| *s != 0) {
            for index in first..next {
                let number_before = index.wrapping_add_signed(-shift);
                self.emit(looks, index, number_before, &after, -1, changes);
                self.emit(looks, index, index, &after, 1, changes);
            }
        }
    }

    /// The next reading of `now()` after this one at which a row enters or leaves a window.
    pub fn next_turn(&self, looks: &Looks, now: Micros) -> Option<Micros> {
        let turn = |window: &Window| {
            let times = window.times(now);
            let first_from = |time| self.rows.range((time, LEAST)..).next().map(|((t, _), _)| *t);
            let leaves = first_from(*times.start()).map(|time| window.readings(time).end);
            let after = times.end().checked_add(1);
            let enters = after.and_then(first_from).map(|time| window.readings(time).start);
            let turns = leaves.into_iter().chain(enters);
            turns.filter(|turn| *turn > now && *turn < Micros::MAX).min()
        };
        looks.windows.iter().filter_map(turn).min()
    }

    /// What the rows that come and go touch, and the rows that enter and leave windows, in order and
    /// apart from each other.
    fn stretches(
        &self,
        gap: Micros,
        rows: &[(Micros, Datum, i64)],
        before: &[RangeInclusive<Micros>],
        after: &[RangeInclusive<Micros>],
    ) -> Vec<Stretch> {
        let mut touched: Vec<RangeInclusive<Micros>> =
            rows.iter().map(|(time, ..)| *time..=*time).collect();
        for (before, after) in before.iter().zip(after) {
            let left = *before.start()..=after.start().saturating_sub(1);
            let entered = before.end().saturating_add(1)..=*after.end();
            let moved = [left, entered].into_iter().filter_map(|times| self.in_sessions(times));
            touched.extend(moved);
        }
        touched.sort_unstable_by_key(|times| *times.start());
        let mut stretches: Vec<Stretch> = Vec::new();
        for times in touched {
            let (first, last) = times.into_inner();
            let from = self.sessions.partition_point(|s| s.end.saturating_add(gap) < first);
            let until = self.sessions.partition_point(|s| s.start <= last.saturating_add(gap));
            let sessions = from..until;
            let within = &self.sessions[sessions.clone()];
            let first = within.first().map_or(first, |session| session.start.min(first));
            let last = within.last().map_or(last, |session| session.end.max(last));
            match stretches.last_mut() {
                Some(open) if open.times.end().saturating_add(gap) >= first => {
                    open.sessions.end = open.sessions.end.max(sessions.end);
                    open.times = *open.times.start()..=last.max(*open.times.end());
                }
                _ => stretches.push(Stretch { sessions, times: first..=last }),
            }
        }
        stretches
    }

    /// From the first to the last session that has a part in a range of times.
    fn in_sessions(&self, times: RangeInclusive<Micros>) -> Option<RangeInclusive<Micros>> {
        let from = self.sessions.partition_point(|session| session.end < *times.start());
        let until = self.sessions.partition_point(|session| session.start <= *times.end());
        let sessions = self.sessions.get(from..until)?;
        Some(sessions.first()?.start..=sessions.last()?.end)
    }

    fn count(&mut self, time: Micros, row: &Datum, diff: i64) {
        let rows = self.rows.entry((time, row.clone())).or_insert(0);
        *rows = rows.wrapping_add_signed(diff as i32);
        if *rows == 0 {
            self.rows.remove(&(time, row.clone()));
        }
    }

    fn rows(&self, times: RangeInclusive<Micros>) -> impl Iterator<Item = (Micros, &Datum, i64)> {
        let (first, last) = times.into_inner();
        let rows = self.rows.range((first, LEAST)..);
        let rows = rows.map(|((time, row), count)| (*time, row, *count as i64));
        rows.take_while(move |(time, ..)| *time <= last)
    }

    /// The sessions that the rows of a stretch make.
    fn part(&self, gap: Micros, times: RangeInclusive<Micros>) -> Vec<TimelineSession> {
        let mut sessions: Vec<TimelineSession> = Vec::new();
        for (time, _, events) in self.rows(times) {
            match sessions.last_mut() {
                Some(open) if time <= open.end.saturating_add(gap) => {
                    open.end = time;
                    open.events += events;
                }
                _ => sessions.push(TimelineSession { start: time, end: time, events }),
            }
        }
        sessions
    }

    /// Tells of a session's rows, once (`sign` 1) or of what was told before (-1).
    fn emit(
        &self,
        looks: &Looks,
        index: usize,
        number: usize,
        windows: &[RangeInclusive<Micros>],
        sign: i64,
        changes: &mut TimelineChanges,
    ) {
        let TimelineSession { start, end, events } = self.sessions[index];
        let mut groups: HashMap<(&Datum, Micros, u64), (i64, Micros, Micros)> = HashMap::new();
        for (time, row, count) in self.rows(start..=end) {
            let bits = windows.iter().enumerate().filter(|(_, times)| times.contains(&time));
            let bits = bits.fold(0, |bits, (index, _)| bits | 1 << index);
            if bits == 0 && !looks.all {
                continue;
            }
            let own_time = if looks.time { time } else { 0 };
            let group = groups.entry((row, own_time, bits)).or_insert((0, time, time));
            group.0 += count;
            group.2 = time;
        }
        for ((brought, time, windows), (count, first, last)) in groups {
            let alike = Alike {
                number: if looks.number { number as i64 + 1 } else { 0 },
                start: if looks.start { start } else { 0 },
                seconds: if looks.seconds { end.saturating_sub(start) / SECOND } else { 0 },
                events: if looks.events { events } else { 0 },
                brought: brought.clone(),
                time,
                windows,
                first: if looks.ends { first } else { 0 },
                last: if looks.ends { last } else { 0 },
            };
            let count_before = changes.entry(alike.clone()).or_insert(0);
            *count_before += sign * count;
            if *count_before == 0 {
                changes.remove(&alike);
            }
        }
    }
}
