//! The thread that keeps what is told: whatever has come by then is written at once, twenty times a second at most, and
//! acknowledged behind it.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::journal::JournalFile;
use super::recent::{RecordPlace, ToldRecord};
use crate::sink::{Acknowledgement, Catalog, Json, OutputTicks, until_it_works};
use crate::time::Tick;

/// How often something is written, at most.
const EVERY: Duration = Duration::from_millis(50);

/// What is known of what is kept.
#[derive(Debug)]
pub struct KeptChanges {
    /// Where the files are.
    pub folder: PathBuf,
    /// By output: whether its records are kept.
    pub outputs: Vec<bool>,
    /// What has yet to be written.
    under_way: OutputTicks,
}

/// What a tick told of the outputs whose records are kept, and what is let go of when it is.
struct ToldTick {
    tick: Tick,
    records: Vec<(RecordPlace, ToldRecord)>,
    _held: Vec<Acknowledgement>,
}

/// Hands what is told to the thread that keeps it, which has ended when this is dropped.
pub struct ChangesKeeper {
    kept: Arc<KeptChanges>,
    /// `None`: no more will come.
    ticks: Option<Sender<ToldTick>>,
    thread: Option<JoinHandle<()>>,
}

impl KeptChanges {
    pub fn new(folder: PathBuf, outputs: Vec<bool>) -> Self {
        KeptChanges { folder, outputs, under_way: OutputTicks::default() }
    }

    /// Whether an output's records are kept.
    pub fn keeps(&self, output: u16) -> bool {
        self.outputs.get(usize::from(output)).is_some_and(|keeps| *keeps)
    }

    /// What is kept of all that a tick told.
    fn chosen(&self, tick: Tick, told: Vec<ToldRecord>) -> Vec<(RecordPlace, ToldRecord)> {
        let placed = RecordPlace::of_all(tick, told);
        placed.filter(|(_, told)| self.keeps(told.record.output)).collect()
    }

    /// The first tick of which something is to be kept, and is not yet.
    pub fn oldest(&self) -> Option<Tick> {
        self.under_way.oldest()
    }
}

impl ChangesKeeper {
    /// Starts the thread. What can't be written is tried again until it is `abandoned`.
    pub fn start(
        file: JournalFile,
        kept: Arc<KeptChanges>,
        names: Arc<Catalog>,
        abandoned: Arc<AtomicBool>,
    ) -> std::io::Result<Self> {
        let (sender, ticks) = unbounded();
        let of_thread = Arc::clone(&kept);
        let thread = std::thread::Builder::new().name("changes".to_owned());
        let thread = thread.spawn(move || keep(file, &of_thread, &names, &abandoned, &ticks))?;
        Ok(ChangesKeeper { kept, ticks: Some(sender), thread: Some(thread) })
    }

    /// What a tick tells comes next: it is told to nobody before it is kept.
    pub fn awaits(&self, tick: Tick) {
        self.kept.under_way.add(tick, 1);
    }

    /// Keeps what a tick told, and holds until then what is let go of when nothing of it can be lost.
    pub fn keep(&self, tick: Tick, told: Vec<ToldRecord>, held: Vec<Acknowledgement>) {
        match self.kept.chosen(tick, told) {
            records if records.is_empty() => self.kept.under_way.release(tick, 1),
            records => self.send(ToldTick { tick, records, _held: held }),
        }
    }

    /// Keeps what outputs differ by, and where that is nothing, that this run tells what comes next.
    pub fn begin(&self, tick: Tick, told: Vec<ToldRecord>) {
        let records = self.kept.chosen(tick, told);
        self.send(ToldTick { tick, records, _held: Vec::new() });
    }

    fn send(&self, told: ToldTick) {
        let ticks = self.ticks.as_ref().expect("it is not dropped");
        ticks.send(told).expect("the thread runs while there are senders");
    }
}

impl Drop for ChangesKeeper {
    fn drop(&mut self) {
        self.ticks = None;
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// The thread's life.
fn keep(
    mut file: JournalFile,
    kept: &KeptChanges,
    names: &Arc<Catalog>,
    abandoned: &AtomicBool,
    ticks: &Receiver<ToldTick>,
) {
    let (mut json, mut lines) = (Json::new(names), Vec::new());
    // Names of outputs that knew others come in a row.
    let mut other: Option<(Arc<Catalog>, Json)> = None;
    while let Ok(first) = ticks.recv() {
        let began = Instant::now();
        let mut all = vec![first];
        all.extend(ticks.try_iter());
        lines.clear();
        for (place, told) in all.iter().flat_map(|told| &told.records) {
            let record = match &told.names {
                None => json.line(&told.record, names),
                Some(own) => {
                    if other.as_ref().is_none_or(|(known, _)| !Arc::ptr_eq(known, own)) {
                        other = Some((Arc::clone(own), Json::new(own)));
                    }
                    let (own, json) = other.as_mut().expect("they are there");
                    json.line(&told.record, own)
                }
            };
            write(*place, names.outputs.name(told.record.output), record, &mut lines);
        }
        let told = all.iter().filter(|told| !told.records.is_empty());
        let until = told.map(|told| told.tick).max().map_or(file.until, |of| of.max(file.until));
        let part = file.part(&lines, until);
        let path = file.path.display().to_string();
        if until_it_works(&path, abandoned, || file.write(&part)).is_none() {
            // What comes yet is taken, so that nothing waits for it.
            drop(all);
            return ticks.iter().for_each(drop);
        }
        file.written(&part, until);
        // Before anything is let go of: then another run may go on here.
        if let Err(error) = file.turn() {
            tracing::warn!("'{path}' can't be followed by another file yet: {error}");
        }
        all.iter().for_each(|told| kept.under_way.release(told.tick, 1));
        drop(all);
        std::thread::sleep(EVERY.saturating_sub(began.elapsed()));
    }
}

fn write(place: RecordPlace, output: &str, record: &str, into: &mut Vec<u8>) {
    let output = serde_json::Value::from(output);
    writeln!(into, "{{\"id\":\"{place}\",\"output\":{output},\"record\":{record}}}")
        .expect("to a vector");
}
