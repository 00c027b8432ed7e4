//! Reads what sink publishes: a person by any identifier, an output as it grows.

mod changelog;
mod indent;
mod last;
mod lookup;
mod report;
mod tail;

pub use changelog::{Changelog, ChangelogError, Entry, changelogs_in, changelogs_of};
pub use indent::indented;
pub use last::{last_run, remember_run};
pub use lookup::{Found, lookup};
pub use report::report;
pub use tail::tail;
