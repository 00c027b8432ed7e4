//! A changelog that goes to a function of the program that the engine runs in.
//!
//! The function is called on a thread of its own, record by record. What it has not yet taken holds the tick open,
//! and with it the inflow, as a slow disk would.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Sender, unbounded};

use super::catalog::Catalog;
use super::commit::DurableOutputs;
use super::durable::{self, LocalStanding};
use super::durable_file;
use super::encoder::{EncodedMessage, MessageEncoder};
use super::failure::{Failure, SinkError};
use super::formats::message_encoder;
use super::function::ProgramFunction;
use super::local_progress::{FilePart, ProgressFile};
use super::medium::{Medium, Readership, until_it_works};
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
        if let Some(durable) = opening.durable.clone() {
            opened.push((number, durable_function(opening, &durable, number, function)?));
            continue;
        }
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

/// In a run that outlives its process, the function gets ticks that may be committed.
fn durable_function(
    opening: &mut Opening<'_>,
    durable: &DurableOutputs,
    number: usize,
    function: ProgramFunction,
) -> Result<Box<dyn Target>, SinkError> {
    let output = &opening.plan.outputs[number];
    let file = ProgressFile::new(durable, &output.name);
    let named = |source| SinkError::File { path: file.path().display().to_string(), source };
    let standing =
        durable_file::of_stream(durable, &output.name, &mut opening.committed).map_err(named)?;
    if let LocalStanding::Withheld(tick) = standing {
        opening.holds(&output.name, tick);
    }
    let is_abandoned: Arc<AtomicBool> = Arc::default();
    let medium = FunctionMedium {
        function,
        encoder: message_encoder(&opening.names),
        failure: opening.failure.clone(),
        name: output.name.clone(),
        is_abandoned: Arc::clone(&is_abandoned),
    };
    let abandon = move || is_abandoned.store(true, Ordering::Relaxed);
    let target =
        durable::start(opening, (durable, number), standing, (medium, None), abandon, || ())?;
    Ok(Box::new(target))
}

/// A function that gets records.
struct FunctionMedium {
    function: ProgramFunction,
    encoder: Box<dyn MessageEncoder>,
    failure: Failure,
    name: String,
    is_abandoned: Arc<AtomicBool>,
}

impl Medium for FunctionMedium {
    fn write(&mut self, records: &[Record], names: &Catalog) -> Readership {
        for record in records {
            let mut message = EncodedMessage::default();
            self.encoder.encode(record, names, &mut message);
            let function = &mut self.function;
            if catch_unwind(AssertUnwindSafe(|| function(message.into()))).is_err() {
                self.failure.set(format!("the function that takes output {} panicked", self.name));
                return Readership::Left;
            }
        }
        Readership::Stays
    }

    fn commit(&mut self, _: Tick) -> (Readership, Option<FilePart>) {
        (Readership::Stays, None)
    }

    fn until_it_works(&self, what: &str, work: &dyn Fn() -> std::io::Result<()>) -> bool {
        until_it_works(what, &self.is_abandoned, work).is_some()
    }
}

impl Target for ProgramTarget {
    fn send(&self, _: Tick, records: Vec<Record>, receipt: Receipt) {
        self.batches.send((records, receipt)).expect("the thread runs while there are senders");
    }
}
