//! Durations by how long they were, for whoever looks while they are counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How many durations were no longer than each bound, less those of the bounds before.
#[derive(Debug)]
pub struct Buckets {
    bounds: Vec<Duration>,
    /// One more than there are bounds: the last has those beyond all.
    counts: Vec<AtomicU64>,
    /// In microseconds.
    sum: AtomicU64,
}

/// What buckets held when they were looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BucketCounts {
    /// Each bound in seconds, and how many lie between it and the one before; the last is infinite.
    pub buckets: Vec<(f64, u64)>,
    pub count: u64,
    /// In seconds.
    pub sum: f64,
}

/// In milliseconds: fine where ticks and latencies lie, coarse where something is wrong.
const BOUNDS: [u64; 15] =
    [2, 5, 10, 20, 35, 50, 75, 100, 150, 200, 500, 1_000, 2_000, 5_000, 30_000];

impl Buckets {
    /// Buckets with a bound at the target, too, so that it is known exactly how many keep it.
    pub fn with(target: Option<Duration>) -> Self {
        let bounds = BOUNDS.into_iter().map(Duration::from_millis).chain(target);
        let mut bounds: Vec<Duration> = bounds.collect();
        bounds.sort_unstable();
        bounds.dedup();
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Buckets { bounds, counts, sum: AtomicU64::new(0) }
    }

    /// Counts so many durations of this length.
    pub fn record(&self, duration: Duration, times: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < duration);
        self.counts[bucket].fetch_add(times, Ordering::Relaxed);
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.sum.fetch_add(micros.saturating_mul(times), Ordering::Relaxed);
    }

    pub fn counts(&self) -> BucketCounts {
        let bounds = self.bounds.iter().map(Duration::as_secs_f64).chain([f64::INFINITY]);
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        BucketCounts { buckets, count, sum: self.sum.load(Ordering::Relaxed) as f64 / 1e6 }
    }
}

impl BucketCounts {
    /// Adds what other buckets of the same bounds held.
    pub fn add(&mut self, other: &BucketCounts) {
        let pairs = self.buckets.iter_mut().zip(&other.buckets);
        pairs.for_each(|((_, sum), (_, other))| *sum += other);
        self.count += other.count;
        self.sum += other.sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_counted_by_the_first_bound_that_it_keeps() {
        let buckets = Buckets::with(Some(Duration::from_millis(120)));
        buckets.record(Duration::from_millis(120), 3);
        buckets.record(Duration::from_micros(120_001), 1);
        buckets.record(Duration::from_secs(3_600), 2);
        let counted = buckets.counts();
        let counts: Vec<_> = counted.buckets.into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counts, [(0.12, 3), (0.15, 1), (f64::INFINITY, 2)]);
        assert_eq!((counted.count, counted.sum), (6, 7_200.480_001));
    }
}
