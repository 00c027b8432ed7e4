//! Workers, processes, clock, start and stop.

mod apart;
mod beginnings;
mod dataflow;
mod embedded;
mod inbox;
mod latency;
mod leader;
mod processes;
mod progress;
mod report;
mod requests;
mod run;
mod stepped;
#[cfg(test)]
mod tests;
mod worker;

pub use dataflow::Arrangements;
pub use embedded::EmbeddedRun;
pub use latency::LatencySummary;
pub use progress::Progress;
pub use report::{Report, summary_json, summary_text};
pub use run::{Ended, RunEnd, RunError, RunOptions, Stop, run};
pub use stepped::{Stepped, stepped};

pub use crate::standing::Clock;
