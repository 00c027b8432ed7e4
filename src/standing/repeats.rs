//! Events that come again, where each arrives at its own time.
//!
//! Rows with one id are taken in the order of (time, position). The first stands; those no more than the
//! window after it are dropped, and do not renew it; the next one beyond it stands again. That is a
//! function of the rows: one that comes later than one that it stands before takes its place, and those
//! behind it are judged anew.
//!
//! For that, rows are held until the clock has left them two windows behind, and the last `HELD` of them
//! in any case; then only when those stood that did, of `REMEMBERED` ids; then they are forgotten. What
//! is remembered bare stands for good: a row that would stand before it is dropped in its place.
//!
//! Rows of a file without times have no instants, and their window never ends.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::change::RowStatus;
use crate::plan::Source;
use crate::row::{Body, Position, Row, RowArrival};
use crate::state::table::Table;
use crate::time::Micros;

/// Rows that are held whatever the clock says.
const HELD: usize = 1 << 16;
/// Ids that are remembered whatever the clock says.
const REMEMBERED: usize = 1 << 20;
/// Rows of one id that are held, or hardly more. Of more than that the first that do not stand are let
/// go: they would stand only if one came that is earlier still.
const OF_ONE_ID: usize = 1 << 10;

pub struct Repeats {
    source: u16,
    /// `None`: it never ends.
    window: Option<Micros>,
    bounds: MemoryLimits,
    ids: Table<u128, RepeatedId>,
    /// Ids with rows that came in the tick at hand.
    touched: Vec<u128>,
    /// Rows that are held.
    held: usize,
    /// Ids with rows that are held, by an arrival that none of these is before or hardly.
    holding: Oldest,
    /// Ids of which something is remembered bare, by their first arrival.
    bare: Oldest,
}

type Oldest = BinaryHeap<Reverse<(Micros, u128)>>;

#[derive(Clone, Copy)]
struct MemoryLimits {
    held: usize,
    remembered: usize,
}

#[derive(Clone, Default, Serialize, Deserialize)]
pub struct RepeatedId {
    /// When those stood that are no longer held, in order.
    bare: SmallVec<[Micros; 1]>,
    /// In order, but for those that came in the tick at hand.
    rows: Vec<RepeatedRow>,
}

#[derive(Clone, Serialize, Deserialize)]
struct RepeatedRow {
    /// When it arrived, by its own time.
    at: Micros,
    time: Micros,
    position: Position,
    body: Option<Body>,
    /// `None`: it came in the tick at hand.
    stands: Option<bool>,
}

impl Repeats {
    /// The memory for a source with this index in the plan.
    pub fn of(index: u16, source: &Source) -> Self {
        Repeats {
            source: index,
            window: source.has_event_times().then_some(source.id_window),
            bounds: MemoryLimits { held: HELD, remembered: REMEMBERED },
            ids: Table::default(),
            touched: Vec::new(),
            held: 0,
            holding: Oldest::new(),
            bare: Oldest::new(),
        }
    }

    /// Ids that are remembered.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// The bytes of their table, and of the rows that are held but for what these say.
    pub fn room(&self) -> usize {
        self.ids.room() + self.held * size_of::<RepeatedRow>()
    }

    pub fn prefetch(&self, id: &u128) -> usize {
        self.ids.prefetch(id)
    }

    /// What is remembered, between two ticks.
    pub fn ids(&self) -> impl Iterator<Item = (&u128, &RepeatedId)> {
        self.ids.iter()
    }

    /// Has back what was remembered of an id.
    pub fn put_back(&mut self, key: u128, id: RepeatedId) {
        self.held += id.rows.len();
        self.holding.extend(id.rows.first().map(|first| Reverse((first.at, key))));
        self.bare.extend(id.bare.first().map(|first| Reverse((*first, key))));
        self.ids.insert(key, id);
    }

    pub fn add(&mut self, row: Row) {
        let key = row.key.expect("a row of a source with `id` has one");
        let at = if self.window.is_some() { row.time } else { 0 };
        let id = self.ids.entry(key).or_default();
        if id.rows.is_empty() {
            self.holding.push(Reverse((at, key)));
            // Most ids come once.
            id.rows.reserve_exact(1);
        }
        if id.rows.last().is_none_or(|last| last.stands.is_some()) {
            self.touched.push(key);
        }
        self.held += 1;
        let Row { time, position, body, .. } = row;
        id.rows.push(RepeatedRow { at, time, position, body, stands: None });
    }

    /// Says what becomes of the rows that came since the last time, and of others with their ids.
    pub fn flush(&mut self, now: Micros, change: &mut impl FnMut(Row, RowStatus)) {
        let (source, window) = (self.source, self.window.unwrap_or(Micros::MAX));
        for key in std::mem::take(&mut self.touched) {
            let Some(id) = self.ids.get_mut(&key) else { continue };
            let before = id.rows.len();
            id.judge(window, |held, status| {
                let RepeatedRow { time, position, ref body, .. } = *held;
                if body.is_some() {
                    change(
                        Row {
                            source,
                            key: Some(key),
                            time,
                            position,
                            arrived: RowArrival::WITH_ITS_TICK,
                            body: body.clone(),
                        },
                        status,
                    );
                }
            });
            id.thin_out();
            self.held -= before - id.rows.len();
        }
        self.forget(now);
    }

    fn forget(&mut self, now: Micros) {
        let since = match self.window {
            Some(window) => now.saturating_sub(window).saturating_sub(window),
            None => Micros::MAX,
        };
        let is_due = |oldest: &Oldest| oldest.peek().is_some_and(|Reverse((at, _))| *at < since);
        while self.held > self.bounds.held && is_due(&self.holding) {
            let Some(Reverse((_, key))) = self.holding.pop() else { break };
            let Some(id) = self.ids.get_mut(&key) else { continue };
            let gone = id.rows.partition_point(|row| row.at < since);
            self.held -= gone;
            let was_bare = !id.bare.is_empty();
            let stood = id.rows.drain(..gone).filter(|row| row.stands == Some(true));
            id.bare.extend(stood.map(|row| row.at));
            id.bare.sort_unstable();
            if let Some(first) = id.rows.first() {
                self.holding.push(Reverse((first.at, key)));
            } else {
                id.rows = Vec::new();
            }
            match id.bare.first() {
                Some(first) if !was_bare => self.bare.push(Reverse((*first, key))),
                None if id.rows.is_empty() => drop(self.ids.remove(&key)),
                _ => {}
            }
        }
        while self.ids.len() > self.bounds.remembered && is_due(&self.bare) {
            let Some(Reverse((_, key))) = self.bare.pop() else { break };
            let Some(id) = self.ids.get_mut(&key) else { continue };
            id.bare.retain(|at| *at >= since);
            match id.bare.first() {
                Some(first) => self.bare.push(Reverse((*first, key))),
                None if id.rows.is_empty() => drop(self.ids.remove(&key)),
                None => {}
            }
        }
    }
}

impl RepeatedId {
    /// Judges the rows that came, and those behind them as far as that changes what they are.
    fn judge(&mut self, window: Micros, mut change: impl FnMut(&RepeatedRow, RowStatus)) {
        self.rows.sort_by_key(|row| (row.at, row.position));
        let came = |row: &RepeatedRow| row.stands.is_none();
        let Some(first) = self.rows.iter().position(came) else { return };
        let last = self.rows.iter().rposition(came).unwrap_or(first);
        let within = |one: Micros, other: Micros| other.saturating_sub(one) <= window;
        let stood = self.rows[..first].iter().rev().find(|row| row.stands == Some(true));
        let mut before = stood.map(|row| row.at);
        for (place, row) in self.rows.iter_mut().enumerate().skip(first) {
            let bare = self.bare.partition_point(|at| *at <= row.at);
            let bare_before = bare.checked_sub(1).map(|last| self.bare[last]);
            let bare_after = self.bare.get(bare);
            let repeats = [before, bare_before].into_iter().flatten().any(|at| within(at, row.at))
                || bare_after.is_some_and(|at| within(row.at, *at));
            let stands = !repeats;
            let was = row.stands.replace(stands);
            match (was, stands) {
                (None, true) => change(row, RowStatus::Stands),
                (None, false) => change(row, RowStatus::SeenOnly),
                (Some(false), true) => change(row, RowStatus::Stands),
                (Some(true), false) => change(row, RowStatus::Gone),
                // From here on all is as it was.
                (Some(true), true) if place > last => break,
                _ => {}
            }
            if stands {
                before = Some(row.at);
            }
        }
        // What comes at the very time of another one, behind it, can never stand.
        let mut at = None;
        self.rows.retain(|row| at.replace(row.at) != Some(row.at));
    }

    fn thin_out(&mut self) {
        if self.rows.len() <= 2 * OF_ONE_ID {
            return;
        }
        let mut over = self.rows.len() - OF_ONE_ID;
        self.rows.retain(|row| {
            let goes = over > 0 && row.stands == Some(false);
            over -= usize::from(goes);
            !goes
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const WINDOW: Micros = 10;

    fn repeats(window: Option<Micros>, held: usize, remembered: usize) -> Repeats {
        Repeats {
            source: 0,
            window,
            bounds: MemoryLimits { held, remembered },
            ids: Table::default(),
            touched: Vec::new(),
            held: 0,
            holding: Oldest::new(),
            bare: Oldest::new(),
        }
    }

    fn row(id: u128, time: Micros, offset: u64) -> Row {
        let (position, body) = (Position { part: 0, offset }, Some(Body::of(&[], &[])));
        Row { source: 0, key: Some(id), time, position, arrived: RowArrival::WITH_ITS_TICK, body }
    }

    /// The rows that stand, by their offsets, as far as changes have told.
    #[derive(Default)]
    struct Standing(BTreeMap<u64, i64>);

    impl Standing {
        fn flush(&mut self, repeats: &mut Repeats, rows: &[Row], now: Micros) {
            rows.iter().for_each(|row| repeats.add(row.clone()));
            repeats.flush(now, &mut |row, status| {
                *self.0.entry(row.position.offset).or_default() += match status {
                    RowStatus::Stands => 1,
                    RowStatus::Gone => -1,
                    RowStatus::SeenOnly => 0,
                };
            });
            assert!(self.0.values().all(|count| (0..=1).contains(count)), "{:?}", self.0);
        }

        fn offsets(&self) -> Vec<u64> {
            self.0.iter().filter(|(_, count)| **count == 1).map(|(offset, _)| *offset).collect()
        }
    }

    /// The offsets of the rows that stand, as the rule says it.
    fn standing(rows: &[Row], window: Micros) -> Vec<u64> {
        let mut rows: Vec<&Row> = rows.iter().collect();
        rows.sort_by_key(|row| (row.key, row.time, row.position));
        let mut standing: Vec<&Row> = Vec::new();
        for row in rows {
            let repeats = standing.last().is_some_and(|last| {
                last.key == row.key && row.time.saturating_sub(last.time) <= window
            });
            if !repeats {
                standing.push(row);
            }
        }
        let mut offsets: Vec<u64> = standing.iter().map(|row| row.position.offset).collect();
        offsets.sort_unstable();
        offsets
    }

    proptest! {
        #[test]
        fn what_stands_is_a_function_of_the_rows_in_whatever_order_and_ticks_they_come(
            rows in prop::collection::vec((0u128..3, 0i64..80), 1..40).prop_map(|rows| {
                let rows = rows.into_iter().zip(1..);
                rows.map(|((id, time), offset)| row(id, time, offset)).collect::<Vec<_>>()
            }).prop_shuffle(),
            ticks in 1usize..8,
            dated: bool,
        ) {
            let window = if dated { WINDOW } else { Micros::MAX };
            let mut repeats = repeats(dated.then_some(WINDOW), HELD, REMEMBERED);
            let mut standing_rows = Standing::default();
            for rows in rows.chunks(rows.len().div_ceil(ticks)) {
                standing_rows.flush(&mut repeats, rows, 1_000);
            }
            let of_order: Vec<Row> = rows.iter().map(|row| Row { time: 0, ..row.clone() }).collect();
            let expected = standing(if dated { &rows } else { &of_order }, window);
            prop_assert_eq!(standing_rows.offsets(), expected);
        }

        /// In the order of their times, as the clock passes, nothing is missed that is forgotten.
        #[test]
        fn little_is_held_of_rows_that_come_in_order(
            rows in prop::collection::vec((0u128..5, 0i64..6), 1..80),
        ) {
            let mut repeats = repeats(Some(WINDOW), 0, 0);
            let (mut standing_rows, mut time, mut all) = (Standing::default(), 0, Vec::new());
            for ((id, step), offset) in rows.into_iter().zip(1..) {
                time += step;
                all.push(row(id, time, offset));
                standing_rows.flush(&mut repeats, &all[all.len() - 1..], time);
                let lately = all.iter().filter(|row| row.time >= time - 2 * WINDOW).count();
                prop_assert!(repeats.held <= lately, "{} of {lately}", repeats.held);
            }
            prop_assert_eq!(standing_rows.offsets(), standing(&all, WINDOW));
            standing_rows.flush(&mut repeats, &[row(9, time + 1_000, 0)], time + 1_000);
            prop_assert_eq!((repeats.held, repeats.len()), (1, 1));
        }
    }

    #[test]
    fn what_is_remembered_bare_stands_for_good() {
        let mut repeats = repeats(Some(WINDOW), 0, REMEMBERED);
        let mut standing_rows = Standing::default();
        standing_rows.flush(&mut repeats, &[row(1, 100, 1), row(1, 105, 2), row(2, 100, 3)], 500);
        assert_eq!((repeats.held, repeats.len()), (0, 2));
        // Before it and within its window, within it, and beyond it.
        standing_rows.flush(&mut repeats, &[row(1, 95, 4), row(1, 110, 5), row(1, 111, 6)], 500);
        assert_eq!(standing_rows.offsets(), [1, 3, 6]);
    }

    #[test]
    fn of_one_id_that_comes_all_the_time_little_is_held() {
        let mut repeats = repeats(Some(Micros::MAX), HELD, REMEMBERED);
        let mut standing_rows = Standing::default();
        for tick in 0..20 {
            let rows: Vec<Row> =
                (0..500).map(|at| row(1, tick * 500 + at, at as u64 + 1)).collect();
            standing_rows.flush(&mut repeats, &rows, 0);
            assert!(repeats.held <= 2 * OF_ONE_ID);
        }
        standing_rows.flush(&mut repeats, &vec![row(2, 7, 7_000); 5_000], 0);
        assert!(repeats.held <= 2 * OF_ONE_ID + 1, "those of one instant are not held at all");
    }
}
