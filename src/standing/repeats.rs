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

use super::change::RowStatus;
use super::repeated_id::{RepeatedId, RepeatedRow};
use crate::plan::Source;
use crate::row::{OwnKey, Row, RowArrival};
use crate::state::entries::is_roomy;
use crate::state::table::Table;
use crate::time::Micros;

/// Rows that are held whatever the clock says.
const HELD: usize = 1 << 16;
/// Ids that are remembered whatever the clock says.
const REMEMBERED: usize = 1 << 20;
/// How many places of remembered ids are looked at for each id that comes, and in any tick.
const ROUND: usize = 4;
const ROUND_AT_LEAST: usize = 64;

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
    holding: BinaryHeap<Reverse<HeldSince>>,
    /// The place among `ids` that is looked at next for what is to be forgotten. Going round, a few places for each id
    /// that comes, needs no queue of a million ids by when they are due.
    next: u32,
}

/// An id with an arrival. Its halves are apart, as an aligned whole would take a quarter more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct HeldSince {
    at: Micros,
    high: u64,
    low: u64,
}

impl HeldSince {
    fn new(at: Micros, id: u128) -> Self {
        HeldSince { at, high: (id >> 64) as u64, low: id as u64 }
    }

    fn id(self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }
}

#[derive(Clone, Copy)]
struct MemoryLimits {
    held: usize,
    remembered: usize,
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
            holding: BinaryHeap::new(),
            next: 0,
        }
    }

    /// Ids that are remembered.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// The bytes of their table, and of the rows that are held but for what these say.
    pub fn room(&self) -> usize {
        let waiting = self.holding.capacity() * size_of::<HeldSince>();
        self.ids.room() + self.held * size_of::<RepeatedRow>() + waiting
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
        self.held += id.rows().len();
        self.holding.extend(id.rows().first().map(|row| Reverse(HeldSince::new(row.at, key))));
        self.ids.insert(key, id);
    }

    pub fn add(&mut self, row: Row) {
        let key = row.key.expect("a row of a source with `id` has one").bits();
        let at = if self.window.is_some() { row.time } else { 0 };
        let id = self.ids.entry(key).or_default();
        let (_, rows) = id.open();
        if rows.is_empty() {
            self.holding.push(Reverse(HeldSince::new(at, key)));
            // Most ids come once.
            rows.reserve_exact(1);
        }
        if rows.last().is_none_or(|last| last.stands.is_some()) {
            self.touched.push(key);
        }
        self.held += 1;
        let Row { time, position, body, .. } = row;
        rows.push(RepeatedRow { at, time, position, body, stands: None });
    }

    /// Says what becomes of the rows that came since the last time, and of others with their ids.
    pub fn flush(&mut self, now: Micros, change: &mut impl FnMut(Row, RowStatus)) {
        let (source, window) = (self.source, self.window.unwrap_or(Micros::MAX));
        let touched = std::mem::take(&mut self.touched);
        let places = ROUND_AT_LEAST + ROUND * touched.len();
        for key in touched {
            let Some(id) = self.ids.get_mut(&key) else { continue };
            let before = id.rows().len();
            id.judge(window, |held, status| {
                let RepeatedRow { time, position, ref body, .. } = *held;
                if body.is_some() {
                    change(
                        Row {
                            source,
                            key: Some(OwnKey::new(key)),
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
            self.held -= before - id.rows().len();
        }
        self.forget(now, places);
    }

    fn forget(&mut self, now: Micros, places: usize) {
        let since = match self.window {
            Some(window) => now.saturating_sub(window).saturating_sub(window),
            None => Micros::MAX,
        };
        let is_due = |first: Option<&Reverse<HeldSince>>| first.is_some_and(|of| of.0.at < since);
        while self.held > self.bounds.held && is_due(self.holding.peek()) {
            let Some(Reverse(first)) = self.holding.pop() else { break };
            let key = first.id();
            let Some(id) = self.ids.get_mut(&key) else { continue };
            let before = id.rows().len();
            id.let_go(since);
            self.held -= before - id.rows().len();
            if let Some(first) = id.rows().first() {
                self.holding.push(Reverse(HeldSince::new(first.at, key)));
            } else if id.is_nothing() {
                self.ids.remove(&key);
            }
        }
        if is_roomy(self.holding.capacity(), self.holding.len()) {
            self.holding.shrink_to(2 * self.holding.len());
        }
        self.go_round(since, places);
    }

    /// Looks at a few of the ids that are remembered, and forgets what is due of them.
    fn go_round(&mut self, since: Micros, places: usize) {
        // One that takes the place of another may be looked at twice.
        for _ in 0..places.min(2 * self.ids.len()) {
            if self.ids.len() <= self.bounds.remembered {
                return;
            }
            let place = if (self.next as usize) < self.ids.len() { self.next } else { 0 };
            let id = self.ids.value_mut(place);
            id.forget(since);
            if id.is_nothing() {
                // The last one is at its place now.
                self.ids.remove_at(place);
                self.next = place;
            } else {
                self.next = place + 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::repeated_id::OF_ONE_ID;
    use super::*;
    use crate::row::{Body, Position};

    const WINDOW: Micros = 10;

    fn repeats(window: Option<Micros>, held: usize, remembered: usize) -> Repeats {
        Repeats {
            source: 0,
            window,
            bounds: MemoryLimits { held, remembered },
            ids: Table::default(),
            touched: Vec::new(),
            held: 0,
            holding: BinaryHeap::new(),
            next: 0,
        }
    }

    fn row(id: u128, time: Micros, offset: u64) -> Row {
        let (position, body) = (Position { part: 0, offset }, Some(Body::of(&[], &[])));
        Row {
            source: 0,
            key: Some(OwnKey::new(id)),
            time,
            position,
            arrived: RowArrival::WITH_ITS_TICK,
            body,
        }
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
    fn ids_beyond_the_bound_are_forgotten_as_others_come_and_no_more_of_them() {
        let mut repeats = repeats(Some(WINDOW), 0, 1_000);
        let mut standing_rows = Standing::default();
        for number in 0..10_000i64 {
            let rows = [row(number as u128, number, number as u64 + 1)];
            standing_rows.flush(&mut repeats, &rows, number);
            let most = 1_000 + 2 * WINDOW as usize + 1_000 / ROUND_AT_LEAST;
            assert!(repeats.len() >= 1_000.min(number as usize + 1) && repeats.len() <= most);
        }
        // Those of the last two windows are held, or remembered at least.
        for number in 9_980..10_000i64 {
            let rows = [row(number as u128, number, 20_000)];
            standing_rows.flush(&mut repeats, &rows, 9_999);
            assert_eq!(standing_rows.0.get(&20_000), Some(&0));
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
