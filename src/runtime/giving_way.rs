//! A run that is built beside another one lets that one come first: it reads stored rows back in small steps, and waits
//! before the next one while a tick of the other is late. Its threads can't have a lower priority, since nothing could raise it
//! again when they have taken the other's place.

use std::time::{Duration, Instant};

use super::live::Live;
use crate::time::{Micros, wall_clock};

/// Rows that a worker reads back in a step beside another run.
pub const ROWS: usize = 16_384;
/// How long until it is looked again whether the other one is late.
const LOOK: Duration = Duration::from_millis(5);
/// A step is put off for no longer: where the other one is always late, the change is to come to an end.
const MOST: Duration = Duration::from_secs(1);

/// Since when the next step is put off.
#[derive(Default)]
pub struct GivingWay(Option<Instant>);

impl GivingWay {
    /// How long the next step is to be put off, if it is, for a run whose outputs are to have everything within a time.
    pub fn rest(&mut self, beside: &Live, target: Duration) -> Option<Duration> {
        // A tick is a number of milliseconds.
        let opened = |tick| (tick as Micros).saturating_mul(1_000);
        let late = beside.oldest_tick().is_some_and(|tick| {
            let under_way = wall_clock().saturating_sub(opened(tick));
            u128::try_from(under_way).unwrap_or(0) > (target / 4).as_micros()
        });
        if !late {
            self.0 = None;
            return None;
        }
        let since = *self.0.get_or_insert_with(Instant::now);
        (since.elapsed() < MOST).then_some(LOOK)
    }

    /// A step was taken.
    pub fn stepped(&mut self) {
        self.0 = None;
    }
}
