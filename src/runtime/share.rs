//! What is known of one process's part of a run, as the process tells the first one, which answers for all.

use serde::{Deserialize, Serialize};

use super::buckets::BucketCounts;
use super::row_times::NewestRows;
use crate::metrics::Counts;

/// A process's part, or that of several together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessShare {
    pub counts: Counts,
    pub newest: NewestRows,
    /// From rows' arrival to the acknowledgement of what they caused.
    pub latencies: BucketCounts,
    /// By output: records that are yet to be acknowledged.
    pub pending: Vec<u64>,
    /// Messages of topics that are yet to be read, where any topic is read.
    pub lag: Option<u64>,
}

impl ProcessShare {
    /// Adds what another process of the same run has told.
    pub fn add(&mut self, other: &ProcessShare) {
        self.counts.add(&other.counts);
        self.newest.add(&other.newest);
        self.latencies.add(&other.latencies);
        self.pending.iter_mut().zip(&other.pending).for_each(|(sum, other)| *sum += other);
        self.lag = match (self.lag, other.lag) {
            (Some(one), Some(other)) => Some(one + other),
            (one, other) => one.or(other),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::runtime::buckets::Buckets;

    #[test]
    fn what_processes_tell_adds_up() {
        let share = |rows: u64, newest: Option<i64>, lag: Option<u64>| {
            let mut counts = Counts::new(1, 0, 1);
            counts.sources[0].rows = rows;
            counts.rejects.insert((0, "malformed".to_owned()), rows);
            let latencies = Buckets::with(None);
            latencies.record(Duration::from_millis(rows), rows);
            let newest = NewestRows { sources: vec![newest], outputs: vec![newest] };
            ProcessShare { counts, newest, latencies: latencies.counts(), pending: vec![rows], lag }
        };
        let mut sum = share(2, None, None);
        sum.add(&share(5, Some(7), Some(3)));
        sum.add(&share(1, Some(6), Some(4)));
        assert_eq!(sum.counts.sources[0].rows, 8);
        assert_eq!(sum.counts.rejects[&(0, "malformed".to_owned())], 8);
        assert_eq!((&sum.newest.sources, &sum.newest.outputs), (&vec![Some(7)], &vec![Some(7)]));
        assert_eq!((sum.latencies.count, sum.pending, sum.lag), (8, vec![8], Some(7)));
        assert_eq!(sum.latencies.buckets[0].1, 3, "of 1 and 2 milliseconds");
    }
}
