//! Workers, processes, clock, start and stop.

mod beginnings;
mod buckets;
mod checkpoint;
mod collections;
mod dataflow;
mod durable;
mod embedded;
mod inbox;
mod latency;
mod leader;
mod live;
mod options;
mod overlap;
mod processes;
mod progress;
mod recovery;
mod replay;
mod report;
mod requests;
mod restarted;
mod restored;
mod row_times;
mod run;
mod stepped;
mod stop;
mod stored_people;
#[cfg(test)]
mod tests;
mod worker;

pub use buckets::{BucketCounts, Buckets};
pub use collections::{Collections, KnownConflict, KnownIdentifier, KnownRow, PersonId, Profile};
pub use dataflow::Arrangements;
pub use dataflow::{Attached, Beside, StageInputs, Ticks, collections_of, fed, put_in};
pub use embedded::EmbeddedRun;
pub use inbox::Inbox;
pub use latency::LatencySummary;
pub use live::{Frontiers, Live, SharedLive};
pub use options::{RunError, RunOptions};
pub use progress::Progress;
pub use report::{Report, summary_json, summary_text};
pub use restarted::{GivenTick, restarted};
pub use row_times::NewestRows;
pub use run::{Ended, Run};
pub use stepped::{Stepped, stepped};
pub use stop::{RunEnd, Stop, StopCause};
pub use stored_people::StoredPeople;

pub use crate::standing::Clock;
