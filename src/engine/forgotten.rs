//! What forgetting somebody comes to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Who was forgotten, and what of them was there.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Forgotten {
    /// The person's id; `None` where only rows that do not stand carried the identifier.
    pub person: Option<String>,
    /// Their identifiers, as `type:value`.
    pub identifiers: Vec<String>,
    /// The rows that carried any of them, by source.
    pub rows: BTreeMap<String, u64>,
    /// Records that named any of them in files of outputs, by output.
    #[serde(default)]
    pub records: BTreeMap<String, u64>,
}

/// How somebody is forgotten.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Forgetting {
    /// Rows that carry one of their identifiers are dropped from now on, too. Of the identifiers only hashes are kept
    /// for it.
    pub suppress: bool,
    /// Nothing is done: it is only told what would be.
    pub dry_run: bool,
}

impl Forgotten {
    /// What was done, or would be, as it is told in JSON.
    pub fn to_json(&self, how: Forgetting) -> serde_json::Value {
        serde_json::json!({
            "person": self.person,
            "identifiers": self.identifiers,
            "rows": self.rows,
            "records": self.records,
            "suppressed": how.suppress && !how.dry_run,
            "done": !how.dry_run,
        })
    }
}
