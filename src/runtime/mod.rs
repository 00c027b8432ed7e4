//! Workers, processes, clock, start and stop.

mod dataflow;
mod inbox;
mod latency;
mod leader;
mod processes;
mod report;
mod run;
mod stepped;
#[cfg(test)]
mod tests;
mod worker;

pub use latency::LatencySummary;
pub use report::{Report, summary_json, summary_text};
pub use run::{Options, RunError, run};
pub use stepped::stepped;

use crate::time::Micros;

/// What `now()` follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The wall clock, read by the leader for each tick.
    Wall,
    /// The greatest time of any row that has been read.
    Event,
    Fixed(Micros),
}
