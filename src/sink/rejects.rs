//! Rows that were set aside, as outputs of rejects have them: a log, of which every record stands for itself.

use super::record::{RecordKey, RejectReason, RejectedInput};
use super::update::{OutputSubject, Router};
use crate::plan::{Plan, Publish};
use crate::row::{IdentifierHash, Reject};

/// A record less its instant, with who publishes it.
pub type UndatedReject = (OutputSubject, (u16, RecordKey, RejectedInput));

/// The outputs of rejects, and how their keys are routed.
#[derive(Clone)]
pub struct Rejects {
    router: Router,
    outputs: Vec<u16>,
}

impl Rejects {
    pub fn new(plan: &Plan, router: Router) -> Self {
        let outputs = plan.outputs.iter().zip(0u16..);
        let outputs = outputs.filter(|(output, _)| output.publish == Publish::Rejects);
        Rejects { router, outputs: outputs.map(|(_, index)| index).collect() }
    }

    /// What is rejected, for each output, where the records of a source, or of another output, keep their
    /// order.
    pub fn rejects_of(&self, key: &RecordKey, rejected: &RejectedInput) -> Vec<UndatedReject> {
        let number = match key {
            RecordKey::Source(number) | RecordKey::Output(number) => u128::from(*number),
            other => unreachable!("nothing of {other:?} is rejected"),
        };
        let told = |output: &u16| {
            let subject = self.router.subject(*output, IdentifierHash(number));
            (subject, (*output, key.clone(), rejected.clone()))
        };
        self.outputs.iter().map(told).collect()
    }

    /// What is told of a row.
    pub fn rejects_of_row(&self, reject: Reject) -> Vec<UndatedReject> {
        self.rejects_of(&RecordKey::Source(reject.source), &rejected(reject))
    }
}

fn rejected(reject: Reject) -> RejectedInput {
    let Reject { position, reasons, raw, .. } = reject;
    let reason = |of: crate::row::Reason| RejectReason {
        code: of.code.to_owned(),
        path: of.path,
        message: of.message,
    };
    RejectedInput {
        position,
        reasons: reasons.into_iter().map(reason).collect(),
        raw: String::from_utf8_lossy(&raw).into_owned(),
    }
}
