//! Fences that can't matter any more leave a bucket, so that it holds a bounded number of them however often runs end
//! without a goodbye.
//!
//! A fence is there for a run that stood still and comes back: it finds it where it would put its next piece. A run that has
//! not been known to have the bucket for longer than its holder may be silent asks again before it promises anything
//! (`Mirror::append`), so that what keeps it from promising is the lease, and the fence only in the meantime. What it
//! signed before it stood still servers take for some minutes only. So of a row in which nothing but a fence is left, that
//! one is needed for no longer than this:

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::bucket_log;
use super::lease::LEASE;
use crate::fault;
use crate::time::Micros;

/// By key, when an object was last put, by the clock of the bucket.
pub type PutTimes = BTreeMap<String, Micros>;

/// How old a fence is that no run can come to any more.
fn patience() -> Duration {
    Duration::from_millis(fault::number("SELFSAME_FENCE_MS", 24 * 60 * 60 * 1_000))
}

/// Those of some fences behind which nothing lies that are old. The lease was put just now, so that no two clocks are
/// compared.
pub fn old_fences(fences: &[String], put: &PutTimes) -> Vec<String> {
    let mut rows: BTreeMap<&str, usize> = BTreeMap::new();
    for row in put.keys().filter_map(|key| bucket_log::row_of(key)) {
        *rows.entry(row).or_default() += 1;
    }
    let alone: BTreeSet<&str> =
        rows.into_iter().filter(|(_, pieces)| *pieces == 1).map(|(row, _)| row).collect();
    let patience = i64::try_from(patience().as_micros()).unwrap_or(Micros::MAX);
    let Some(now) = put.get(LEASE) else { return Vec::new() };
    let is_old = |fence: &&String| {
        let is_alone = bucket_log::row_of(fence).is_some_and(|row| alone.contains(row));
        is_alone && put.get(*fence).is_some_and(|put| now.saturating_sub(*put) >= patience)
    };
    fences.iter().filter(is_old).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_goes_once_it_is_old_and_nothing_else_is_in_its_row() {
        let fence = |epoch, number| format!("log/{epoch:010}/p0/{number:010}");
        let now = 100 * 3_600 * 1_000_000;
        let hours = |hours: i64| now - hours * 3_600 * 1_000_000;
        let fences = [fence(1, 4), fence(2, 9), fence(3, 1)];
        let mut put = PutTimes::from([
            (LEASE.to_owned(), now),
            (fences[0].clone(), hours(24)),
            (fences[1].clone(), hours(90)),
            // A piece of a log that is not columnar yet.
            (fence(2, 8), hours(91)),
            (fences[2].clone(), hours(23)),
            ("rows/web/1.parquet".to_owned(), hours(99)),
        ]);
        assert_eq!(old_fences(&fences, &put), [fences[0].clone()]);
        put.remove(&fence(2, 8));
        assert_eq!(old_fences(&fences, &put), [fences[0].clone(), fences[1].clone()]);
        put.remove(LEASE);
        assert!(old_fences(&fences, &put).is_empty());
    }
}
