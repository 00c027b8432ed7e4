//! A changelog that goes to a function of the program that the engine runs in.
//!
//! The function is called on a thread of its own, record by record. What it has not yet taken holds the tick open,
//! and with it the inflow, as a slow disk would.
#![deny(missing_docs)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crossbeam_channel::{Sender, unbounded};

use super::encoder::{EncodedMessage, message_encoder};
use super::receipt::Receipt;
use super::record::Record;
use super::target::{Opened, Opening, SinkError, Target};
use crate::plan::Destination;
use crate::time::Tick;

/// One record of an output, as a program gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangelogRecord {
    /// What it is about: a person's id, an identifier, a segment and a person. It is what a message of a
    /// topic has as its key.
    pub key: String,
    /// What holds of the key from now on, as JSON; `None` is a tombstone: nothing does any more.
    pub value: Option<String>,
    /// In the tombstone of a profile, the person who has become of this one.
    pub merged_into: Option<String>,
}

impl ChangelogRecord {
    /// The value, parsed; null for a tombstone.
    pub fn json(&self) -> serde_json::Value {
        let value = self.value.as_deref().map(serde_json::from_str);
        value.map_or(serde_json::Value::Null, |value| value.expect("what is sent is JSON"))
    }
}

impl From<EncodedMessage> for ChangelogRecord {
    fn from(EncodedMessage { key, value, merged_into }: EncodedMessage) -> Self {
        let text = |value| String::from_utf8(value).expect("JSON is UTF-8");
        ChangelogRecord { key, value: value.map(text), merged_into }
    }
}

/// What takes the records of an output.
pub type ProgramFunction = Box<dyn FnMut(ChangelogRecord) + Send>;

/// Hands records to the thread that calls the function.
struct ProgramTarget {
    batches: Sender<(Vec<Record>, Receipt)>,
}

pub(super) fn open(opening: &mut Opening<'_>) -> Result<Opened, SinkError> {
    let mut opened = Opened::new();
    for (number, mut function) in std::mem::take(&mut opening.functions) {
        let output = &opening.plan.outputs[number];
        debug_assert!(output.target == Destination::Program, "or two would write it");
        let (name, names) = (output.name.clone(), Arc::clone(&opening.names));
        let failure = opening.failure.clone();
        let (sender, batches) = unbounded::<(Vec<Record>, Receipt)>();
        let run = move || {
            let mut encoder = message_encoder(&names);
            for (records, receipt) in &batches {
                for record in &records {
                    let mut message = EncodedMessage::default();
                    encoder.encode(record, &names, &mut message);
                    let called = catch_unwind(AssertUnwindSafe(|| function(message.into())));
                    if called.is_err() {
                        failure.set(format!("the function that takes output {name} panicked"));
                        // What comes yet is taken, so that nothing waits for it.
                        batches.iter().for_each(drop);
                        return;
                    }
                }
                drop(receipt);
            }
        };
        let thread = std::thread::Builder::new().name(format!("output {}", output.name));
        let failed = |source| SinkError::Thread { output: output.name.clone(), source };
        thread.spawn(run).map_err(failed)?;
        opened.push((number, Box::new(ProgramTarget { batches: sender }) as Box<dyn Target>));
    }
    Ok(opened)
}

impl Target for ProgramTarget {
    fn send(&self, _: Tick, records: Vec<Record>, receipt: Receipt) {
        self.batches.send((records, receipt)).expect("the thread runs while there are senders");
    }
}
