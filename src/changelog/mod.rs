//! Reads what sink publishes: a person by any identifier, an output as it grows.

mod defined;
mod error;
mod file;
mod indent;
mod last;
mod lookup;
mod profile;
mod reader;
mod report;
mod tail;
mod topic;

pub use error::ChangelogError;
pub use indent::indented;
pub use last::LastRun;
pub use lookup::{LookupResult, lookup};
pub use profile::ReadProfile;
pub use reader::{Changelog, changelogs_in, changelogs_of};
pub use report::report;
pub use tail::tail;
