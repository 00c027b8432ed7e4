//! What `--clock event` follows: the greatest event time that does not stand alone.
//!
//! The two latest of all rows are known. The clock follows the latest one unless it is dated more than
//! `max_ahead` past the other: then it follows the other, until a third row confirms the latest. So one
//! bad date moves nobody out of a window, and a gap in the data passes with the second row behind it.
//! The same row again, with the same id or key and time, confirms nothing. All this is a function of the
//! rows, whatever their order, and rises as rows come.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::row::Position;
use crate::time::Micros;

/// The two latest of some rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latest(SmallVec<[Dated; 2]>);

/// A row that says when something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dated {
    pub time: Micros,
    /// Index into `Plan::sources`.
    pub source: u16,
    /// The source's `max_ahead`.
    pub max_ahead: Micros,
    pub which: Which,
}

/// Which of a source's rows of one time it is: those with one id or key are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Which {
    Keyed(u128),
    At(Position),
}

impl Latest {
    pub fn add(&mut self, row: Dated) {
        let place = self.0.iter().position(|known| known.time <= row.time);
        let place = place.unwrap_or(self.0.len());
        if place < 2 && !self.0.contains(&row) {
            self.0.insert(place, row);
            self.0.truncate(2);
        }
    }

    pub fn add_all(&mut self, other: &Latest) {
        other.0.iter().for_each(|row| self.add(*row));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a row of this key and time, of a source, is one of the two.
    pub fn has(&self, source: u16, key: u128, time: Micros) -> bool {
        let is_it =
            |of: &Dated| (of.source, of.time, of.which) == (source, time, Which::Keyed(key));
        self.0.iter().any(is_it)
    }

    /// What the clock follows; `None` while no row is confirmed by another.
    pub fn followed(&self) -> Option<Micros> {
        match self.ahead() {
            Some(_) => self.0.get(1).map(|other| other.time),
            None => self.0.first().map(|latest| latest.time),
        }
    }

    /// The latest row, where it is dated more than its `max_ahead` past all others.
    pub fn ahead(&self) -> Option<&Dated> {
        let latest = self.0.first()?;
        let alone = |other: &Dated| latest.time.saturating_sub(other.time) > latest.max_ahead;
        self.0.get(1).is_none_or(alone).then_some(latest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const AHEAD: Micros = 10;

    fn dated((time, key): (Micros, u128)) -> Dated {
        Dated { time, source: 0, max_ahead: AHEAD, which: Which::Keyed(key) }
    }

    fn latest(rows: &[(Micros, u128)]) -> Latest {
        let mut latest = Latest::default();
        rows.iter().for_each(|row| latest.add(dated(*row)));
        latest
    }

    #[test]
    fn one_row_alone_moves_no_clock_and_a_gap_passes_with_the_second() {
        let followed = |rows: &[_]| latest(rows).followed();
        assert_eq!(followed(&[]), None);
        assert_eq!(followed(&[(5, 1)]), None);
        assert_eq!(followed(&[(5, 1), (15, 2)]), Some(15));
        assert_eq!(followed(&[(5, 1), (16, 2)]), Some(5));
        assert_eq!(followed(&[(5, 1), (900, 2), (900, 2)]), Some(5), "the same row twice");
        assert_eq!(followed(&[(5, 1), (900, 2), (905, 3)]), Some(905));
    }

    proptest! {
        /// A row is confirmed by another that is dated no more than `max_ahead` before it, or after it.
        #[test]
        fn it_follows_the_latest_confirmed_row_in_any_order_and_any_parts(
            rows in prop::collection::vec((0i64..60, 0u128..4), 0..12), split in 0usize..12,
        ) {
            let confirms = |one: &(Micros, u128), other: &(Micros, u128)| {
                one != other && other.0 >= one.0 - AHEAD
            };
            let confirmed = rows.iter().filter(|one| rows.iter().any(|other| confirms(one, other)));
            let expected = confirmed.map(|(time, _)| *time).max();
            prop_assert_eq!(latest(&rows).followed(), expected);
            let (one, other) = rows.split_at(split.min(rows.len()));
            let mut parts = latest(other);
            parts.add_all(&latest(one));
            prop_assert_eq!(parts.followed(), expected);
            prop_assert!(latest(one).followed() <= expected, "it never goes back");
        }
    }
}
