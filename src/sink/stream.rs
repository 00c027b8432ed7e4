//! A stream of records on a thread of its own: each batch is written as soon as it comes.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::catalog::Catalog;
use super::encoder::{Encoder, Holding};
use super::failure::SinkError;
use super::formats::encoder;
use super::local_progress::FilePart;
use super::medium::{Medium, Readership, until_it_works};
use super::receipt::Receipt;
use super::record::Record;
use super::start::LocalStart;
use super::target::{Opening, Target};
use super::tick_index::TickIndex;
use crate::plan::Output;
use crate::time::Tick;

/// Hands records to the thread that writes them, which has ended when this is dropped.
pub struct StreamTarget {
    /// `None`: no more will come.
    batches: Option<Sender<(Vec<Record>, Receipt)>>,
    beginning: LocalStart,
    sink: Arc<StreamSink>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for StreamTarget {
    /// All that was sent has been acknowledged, or the run failed: then a disk that is full holds up nobody.
    fn drop(&mut self) {
        self.batches = None;
        self.sink.abandon();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// What a stream is written to.
pub struct StreamSink {
    /// For messages.
    pub path: String,
    pub file: File,
    /// What is called when nobody reads it any more, of what can be left.
    pub when_left: Option<Arc<dyn Fn() + Send + Sync>>,
    /// Whether what can't be written is not tried again.
    abandoned: AtomicBool,
}

impl StreamTarget {
    /// Starts the thread. `clear` is called, with what the format begins with to follow, when the run begins.
    pub fn start(
        opening: &Opening<'_>,
        output: &Output,
        sink: StreamSink,
        clear: impl FnOnce(&StreamSink) + Send + 'static,
    ) -> Result<Self, SinkError> {
        let (names, beginning) = (Arc::clone(&opening.names), opening.beginning.clone());
        let encoder = encoder(output.format, &Holding::of(opening.plan, output), &names);
        let mut head = Vec::new();
        encoder.head(&names, &mut head);
        let sink = Arc::new(sink);
        let cleared = Arc::clone(&sink);
        beginning.then(move || {
            clear(&cleared);
            cleared.write_head(&head);
        });
        let (sender, batches) = unbounded();
        let (of_thread, written) = (beginning.clone(), Arc::clone(&sink));
        let thread = std::thread::Builder::new()
            .name(format!("write {}", output.name))
            .spawn(move || {
                if run(&of_thread, &written, encoder, &names, &batches) == Readership::Left {
                    written.when_left.iter().for_each(|when_left| when_left());
                    // What comes yet is taken, so that nothing waits for it.
                    batches.iter().for_each(drop);
                }
            })
            .map_err(|source| SinkError::Thread { output: output.name.clone(), source })?;
        Ok(StreamTarget { batches: Some(sender), beginning, sink, thread: Some(thread) })
    }
}

impl Target for StreamTarget {
    fn send(&self, _: Tick, records: Vec<Record>, receipt: Receipt) {
        let batches = self.batches.as_ref().expect("it is not dropped");
        batches.send((records, receipt)).expect("the thread runs while there are senders");
    }

    /// Streams that were not spoken to hold nothing of an earlier run either.
    fn close(&self) {
        self.beginning.begin();
    }
}

/// Bytes that are written at once, so many that they are still in the processor's cache.
const CHUNK: usize = 1 << 17;

fn run(
    beginning: &LocalStart,
    sink: &StreamSink,
    mut encoder: Box<dyn Encoder>,
    names: &Catalog,
    batches: &Receiver<(Vec<Record>, Receipt)>,
) -> Readership {
    let mut bytes = Vec::new();
    for (records, receipt) in batches {
        beginning.begin();
        if encode(sink, &mut *encoder, &records, names, &mut bytes) == Readership::Left {
            return Readership::Left;
        }
        drop(receipt);
    }
    Readership::Stays
}

/// What a run that outlives its process writes to.
pub struct StreamMedium {
    pub sink: Arc<StreamSink>,
    pub encoder: Box<dyn Encoder>,
    pub beginning: LocalStart,
    /// Whether it is a file, which can be read back and cut.
    pub is_file: bool,
    /// Where its ticks are told to begin.
    pub index: Option<Arc<TickIndex>>,
}

impl Medium for StreamMedium {
    fn begins(&mut self, tick: Tick) {
        let Some(index) = &self.index else { return };
        self.beginning.begin();
        if let Some(byte) = self.sink.until_it_works(|file| Ok(file.metadata()?.len())) {
            index.add(tick, byte);
        }
    }

    fn write(&mut self, records: &[Record], names: &Catalog) -> Readership {
        self.beginning.begin();
        let reading = encode(&self.sink, &mut *self.encoder, records, names, &mut Vec::new());
        if let (Readership::Left, Some(when_left)) = (reading, &self.sink.when_left) {
            when_left();
        }
        reading
    }

    fn takes_back(&self) -> bool {
        self.is_file
    }

    fn commit(&mut self, _: Tick) -> (Readership, Option<FilePart>) {
        if !self.is_file {
            return (Readership::Stays, None);
        }
        let part = self.sink.until_it_works(|file| {
            file.sync_data()?;
            FilePart::of(file, file.metadata()?.len())
        });
        (if part.is_some() { Readership::Stays } else { Readership::Left }, part)
    }

    fn until_it_works(&self, what: &str, work: &dyn Fn() -> std::io::Result<()>) -> bool {
        until_it_works(what, &self.sink.abandoned, work).is_some()
    }
}

/// Encodes records and writes them.
fn encode(
    sink: &StreamSink,
    encoder: &mut dyn Encoder,
    records: &[Record],
    names: &Catalog,
    bytes: &mut Vec<u8>,
) -> Readership {
    for record in records {
        encoder.encode(record, names, bytes);
        if bytes.len() >= CHUNK {
            if sink.write_all(bytes) == Readership::Left {
                return Readership::Left;
            }
            bytes.clear();
        }
    }
    let reading = sink.write_all(bytes);
    bytes.clear();
    reading
}

impl StreamSink {
    /// Lets go of what can't be written.
    pub fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }

    pub fn new(path: String, file: File, when_left: Option<Arc<dyn Fn() + Send + Sync>>) -> Self {
        StreamSink { path, file, when_left, abandoned: AtomicBool::new(false) }
    }

    /// Writes what the format begins with, unless this is a file that holds something already, to which the shell appends:
    /// what stands there has it.
    pub fn write_head(&self, head: &[u8]) {
        let holds = |of: Metadata| of.is_file() && of.len() > 0;
        if !self.file.metadata().is_ok_and(holds) {
            // Whether anybody reads it, the first record tells.
            let _ = self.write_all(head);
        }
    }

    /// Writes everything, however long the disk refuses: the receipt is held meanwhile, and with it the
    /// inflow.
    pub fn write_all(&self, mut bytes: &[u8]) -> Readership {
        while !bytes.is_empty() {
            let written = self.until_it_works(|mut file| match file.write(bytes) {
                Err(error) if error.kind() == ErrorKind::BrokenPipe && self.when_left.is_some() => {
                    Ok(None)
                }
                written => written.map(Some),
            });
            match written.flatten() {
                Some(written) => bytes = &bytes[written..],
                None => return Readership::Left,
            }
        }
        Readership::Stays
    }

    /// What the work gives in the end; `None` if that is not waited for.
    pub fn until_it_works<T>(
        &self,
        mut work: impl FnMut(&File) -> std::io::Result<T>,
    ) -> Option<T> {
        until_it_works(&self.path, &self.abandoned, || work(&self.file))
    }
}
