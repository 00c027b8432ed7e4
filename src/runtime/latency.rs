//! How long rows took from their arrival to the acknowledgement of what they caused.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::time::Micros;

/// Microseconds, from 1 µs to an hour, to three digits.
pub struct Latencies {
    own: Histogram<u64>,
    /// Since this worker last shared them with its process.
    recent: Histogram<u64>,
}

/// The latencies of a process's workers since they were last read.
pub type SharedLatencies = Arc<Mutex<Histogram<u64>>>;

pub fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("bounds that the crate documents")
}

impl Default for Latencies {
    fn default() -> Self {
        Latencies { own: new_histogram(), recent: new_histogram() }
    }
}

impl Latencies {
    /// Records rows that arrived at the given instants and are done at another.
    pub fn record(&mut self, arrivals: &[(Micros, u32)], done: Micros) {
        for (arrived, rows) in arrivals {
            let took = done.saturating_sub(*arrived).max(1) as u64;
            self.recent.saturating_record_n(took, *rows as u64);
        }
    }

    pub fn share(&mut self, shared: &SharedLatencies) {
        self.own.add(&self.recent).expect("of the same bounds");
        shared.lock().expect("no one panics with it").add(&self.recent).expect("same bounds");
        self.recent.reset();
    }

    /// Everything recorded, as values in microseconds with numbers of rows.
    pub fn recorded(&mut self) -> Vec<(u64, u64)> {
        self.own.add(&self.recent).expect("of the same bounds");
        self.recent.reset();
        self.own.iter_recorded().map(|v| (v.value_iterated_to(), v.count_at_value())).collect()
    }
}

/// A histogram as people read it; milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct LatencySummary {
    pub count: u64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
    /// The share of rows within the target, from 0 to 1.
    pub within_target: f64,
    pub target_ms: f64,
}

impl LatencySummary {
    /// Nothing, where no row's consequences have been acknowledged.
    pub fn of(histogram: &Histogram<u64>, target: Duration) -> Option<Self> {
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1_000.0;
        let target_micros = target.as_micros() as u64;
        let within = histogram.percentile_below(target_micros) / 100.0;
        let summary = LatencySummary {
            count: histogram.len(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: histogram.max() as f64 / 1_000.0,
            within_target: within,
            target_ms: target_micros as f64 / 1_000.0,
        };
        (!histogram.is_empty()).then_some(summary)
    }
}

impl std::fmt::Display for LatencySummary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let LatencySummary { p50, p90, p99, p999, max, within_target, target_ms, .. } = self;
        write!(
            f,
            "p50 {p50:.1}  p90 {p90:.1}  p99 {p99:.1}  p99.9 {p999:.1}  max {max:.1} ms; \
             {:.2} % within {target_ms:.0} ms",
            within_target * 100.0
        )
    }
}
