//! Windows: at which readings of `now()` a row of a given time counts.
//!
//! A window is seen from either side: the readings at which a row counts, and the times of the rows
//! that count at a reading. Both are intervals, and they agree.

use std::ops::{Range, RangeInclusive};

use crate::time::Micros;
use crate::time::since::Since;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// While `time > now() - length`.
    Within(Micros),
    /// While `now() - far < time <= now() - near`: a row enters by time alone, and leaves by it.
    Between { near: Micros, far: Micros },
    /// While `time >= date_trunc(…, now())`.
    Since(Since),
}

impl Window {
    /// From the first reading of `now()` at which a row of this time counts, `Micros::MIN` where
    /// that is any, to the first at which it does no longer, `Micros::MAX` where it always will.
    pub fn readings(&self, time: Micros) -> Range<Micros> {
        match self {
            Window::Within(length) => Micros::MIN..time.saturating_add(*length),
            Window::Between { near, far } => time.saturating_add(*near)..time.saturating_add(*far),
            Window::Since(since) => Micros::MIN..since.until(time),
        }
    }

    /// The times of the rows that count at a reading of `now()`.
    pub fn times(&self, now: Micros) -> RangeInclusive<Micros> {
        let after = |border: Micros| border.saturating_add(1);
        match self {
            Window::Within(length) => after(now.saturating_sub(*length))..=Micros::MAX,
            Window::Between { near, far } => {
                after(now.saturating_sub(*far))..=now.saturating_sub(*near)
            }
            Window::Since(since) => since.border(now)..=Micros::MAX,
        }
    }
}
