//! A changelog that goes to a function of the program that the engine runs in.
//!
//! The function is called on a thread of its own, record by record. What it has not yet taken holds the tick open,
//! and with it the inflow, as a slow disk would.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crossbeam_channel::{Sender, unbounded};

use super::encoder::EncodedMessage;
use super::failure::SinkError;
use super::formats::message_encoder;
use super::receipt::Receipt;
use super::record::Record;
use super::target::{Opened, Opening, Target};
use crate::plan::Destination;
use crate::time::Tick;

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
