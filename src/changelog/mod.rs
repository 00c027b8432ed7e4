//! Reads what sink publishes: a person by any identifier, an output as it grows.

mod indent;
mod last;
mod lookup;
mod reader;
mod report;
mod tail;

pub use indent::indented;
pub use last::{last_run, remember_run};
pub use lookup::{LookupResult, lookup};
pub use reader::{Changelog, ChangelogError, ReadRecord, changelogs_in, changelogs_of};
pub use report::report;
pub use tail::tail;
