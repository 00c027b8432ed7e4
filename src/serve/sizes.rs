//! How large segments have been, in bounded memory: samples over all the time that is published, so many at most. Time is
//! parted into slots, and of each the last sizes are kept. When there is no more room, slots become twice as long.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::time::Tick;

/// Samples at most.
const MOST: usize = 512;
/// How long a slot is at first, in milliseconds, which is what a tick is a number of.
const SLOT: Tick = 1_000;

/// Sizes of all segments, from time to time.
pub struct SegmentSizes(Mutex<SizeSamples>);

struct SizeSamples {
    slot: Tick,
    /// With the last tick of each slot that said anything.
    samples: Vec<(Tick, Sizes)>,
}

/// By segment; `None`: there was none of that name yet.
type Sizes = Box<[Option<u32>]>;

impl SegmentSizes {
    pub fn new() -> Self {
        SegmentSizes(Mutex::new(SizeSamples { slot: SLOT, samples: Vec::new() }))
    }

    /// A tick is published after which segments have these sizes.
    pub fn note(&self, tick: Tick, sizes: impl Iterator<Item = usize>) {
        let sizes = sizes.map(|size| Some(u32::try_from(size).unwrap_or(u32::MAX)));
        self.lock().note(tick, sizes.collect());
    }

    /// The samples of one segment, oldest first.
    pub fn of(&self, segment: usize) -> Vec<(Tick, u32)> {
        let held = self.lock();
        held.samples.iter().filter_map(|(tick, sizes)| Some((*tick, sizes[segment]?))).collect()
    }

    /// These go on where those of an earlier run end. `known` says which segment of that one each is.
    pub fn go_on(&self, before: &SegmentSizes, known: &[Option<usize>]) {
        let (slot, samples) = {
            let before = before.lock();
            let own = |sizes: &Sizes| known.iter().map(|of| sizes[(*of)?]).collect();
            let samples = before.samples.iter().map(|(tick, sizes)| (*tick, own(sizes)));
            (before.slot, samples.collect())
        };
        let mut held = self.lock();
        let since = std::mem::replace(&mut *held, SizeSamples { slot, samples });
        since.samples.into_iter().for_each(|(tick, sizes)| held.note(tick, sizes));
    }

    fn lock(&self) -> MutexGuard<'_, SizeSamples> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SizeSamples {
    fn note(&mut self, tick: Tick, sizes: Sizes) {
        let SizeSamples { slot, samples } = self;
        match samples.last_mut() {
            // An earlier run has told of it; this one comes to where that ended.
            Some(last) if last.0 > tick => return,
            Some(last) if last.0 / *slot == tick / *slot => *last = (tick, sizes),
            _ => samples.push((tick, sizes)),
        }
        while samples.len() > MOST {
            *slot = slot.saturating_mul(2);
            let ticks: Vec<Tick> = samples.iter().map(|(tick, _)| *tick / *slot).collect();
            let mut number = 0;
            samples.retain(|_| {
                number += 1;
                ticks.get(number) != Some(&ticks[number - 1])
            });
        }
    }
}

impl Default for SegmentSizes {
    fn default() -> Self {
        SegmentSizes::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_the_time_is_covered_in_few_samples_however_long_it_is() {
        let sizes = SegmentSizes::new();
        let (start, end) = (1_700_000_000_000, 1_700_000_000_000 + 3_600_250);
        for tick in (start..=end).step_by(250) {
            sizes.note(tick, [0, tick as usize % 1_000_000].into_iter());
        }
        let kept = sizes.of(1);
        assert!(kept.len() > MOST / 4 && kept.len() <= MOST, "{}", kept.len());
        assert_eq!(kept.last().map(|(tick, _)| *tick), Some(end), "what is now is always there");
        let gaps: Vec<Tick> = kept.windows(2).map(|two| two[1].0 - two[0].0).collect();
        assert!(gaps.iter().all(|gap| *gap <= 16_000), "{gaps:?}");
        assert!(kept[0].0 - start <= 16_000, "{kept:?}");
        assert!(kept.iter().all(|(tick, size)| u64::from(*size) == tick % 1_000_000));
    }

    #[test]
    fn a_run_that_takes_the_place_of_another_goes_on_with_its_sizes() {
        let (before, next) = (SegmentSizes::new(), SegmentSizes::new());
        for (tick, sizes) in [(1_000, [1, 5]), (5_000, [2, 6])] {
            before.note(tick, sizes.into_iter());
        }
        // It reads back what there was, and does not know how that looked then; the last tick is that of both.
        for (tick, sizes) in [(4_000, [9, 0]), (5_000, [6, 3])] {
            next.note(tick, sizes.into_iter());
        }
        next.go_on(&before, &[Some(1), None]);
        next.note(4_500, [9, 0].into_iter());
        next.note(7_000, [7, 4].into_iter());
        assert_eq!(next.of(0), [(1_000, 5), (5_000, 6), (7_000, 7)]);
        assert_eq!(next.of(1), [(5_000, 3), (7_000, 4)]);
    }

    #[test]
    fn after_a_pause_it_is_known_what_there_was_before_it() {
        let sizes = SegmentSizes::new();
        for (tick, size) in [(10_000, 1), (10_100, 41), (90_000_000, 42)] {
            sizes.note(tick, [size].into_iter());
        }
        assert_eq!(sizes.of(0), [(10_100, 41), (90_000_000, 42)]);
    }
}
