//! Rejects, as logs keep them until outputs have committed what is told of them: their rows are never read again.

use std::collections::BTreeSet;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::plan::Plan;
use crate::row::{RawPosition, Reason, Reject};

/// A row that was set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredReject {
    source: String,
    position: RawPosition,
    /// Code, path and message of each.
    reasons: Vec<(String, String, String)>,
    /// Its bytes, in hex digits.
    raw: String,
}

impl StoredReject {
    pub fn of(plan: &Plan, reject: Reject) -> Self {
        let reasons = reject.reasons.into_iter();
        StoredReject {
            source: plan.sources[usize::from(reject.source)].name.clone(),
            position: reject.position,
            reasons: reasons.map(|of| (of.code.to_owned(), of.path, of.message)).collect(),
            raw: const_hex::encode(reject.raw),
        }
    }

    /// The index of its source, and the reject; `None` if the definition has no such source any more.
    pub fn again(self, plan: &Plan) -> Option<(usize, Reject)> {
        let source = plan.sources.iter().position(|of| of.name == self.source)?;
        let reasons = self.reasons.into_iter();
        let reason =
            |(code, path, message): (String, _, _)| Reason { code: known(&code), path, message };
        let reject = Reject {
            source: source as u16,
            position: self.position,
            reasons: reasons.map(reason).collect(),
            raw: const_hex::decode(self.raw).ok()?,
        };
        Some((source, reject))
    }
}

/// A code for as long as the program runs. There are about a dozen of them.
fn known(code: &str) -> &'static str {
    static KNOWN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut known = KNOWN.lock().expect("no one panics with it");
    if let Some(code) = known.get(code) {
        return code;
    }
    let code: &'static str = Box::leak(code.to_owned().into_boxed_str());
    known.insert(code);
    code
}
