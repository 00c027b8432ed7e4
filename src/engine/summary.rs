//! What a run came to.

use std::fmt;
use std::sync::Arc;

use crate::plan::Plan;
use crate::runtime::{Ended, RunEnd, summary_json, summary_text};

/// What a run came to. It is shown as the command line prints it.
#[derive(Clone, Debug)]
pub struct Summary {
    plan: Arc<Plan>,
    ended: Ended,
}

impl Summary {
    pub(super) fn new(plan: Arc<Plan>, ended: Ended) -> Self {
        Summary { plan, ended }
    }

    /// Whether all that there was has been read and sent. Otherwise it was asked to stop before.
    pub fn reached_the_end(&self) -> bool {
        self.ended.end == RunEnd::Reached
    }

    /// Raw rows that were read, from all sources.
    pub fn rows(&self) -> u64 {
        let report = self.ended.report.iter();
        report.flat_map(|report| &report.counts.sources).map(|source| source.rows).sum()
    }

    /// Rows among them that were set aside, which the output `rejects` tells.
    pub fn rejected(&self) -> u64 {
        let report = self.ended.report.iter();
        report.flat_map(|report| &report.counts.sources).map(|source| source.rejected).sum()
    }

    /// How many people there are in the end.
    pub fn people(&self) -> u64 {
        let report = self.ended.report.as_ref();
        report.map_or(0, |report| report.counts.people.max(0) as u64)
    }

    /// All of it, as `selfsame run --summary` writes it.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.ended.report {
            Some(report) => summary_json(&self.plan, self.ended.end, report),
            None => serde_json::Value::Null,
        }
    }

    #[doc(hidden)]
    pub fn end(&self) -> RunEnd {
        self.ended.end
    }

    /// Whether this process has it: of several, the first one does.
    #[doc(hidden)]
    pub fn is_known(&self) -> bool {
        self.ended.report.is_some()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.ended.report {
            Some(report) => f.write_str(&summary_text(&self.plan, self.ended.end, report)),
            None => Ok(()),
        }
    }
}
