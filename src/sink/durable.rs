//! Local outputs of a run that outlives its process: whole ticks, once they may be committed, and then their progress.
//!
//! A file holds each record once: after a kill it is cut back to what its progress tells. What can't be
//! cut back, such as standard output or a function, gets what was not told of again (at least once): which ticks that
//! may be is told before they are written, since a replay that passed over one of them would not know of what came and
//! went with it.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, after, never, select, unbounded};

use super::backlog::Backlog;
use super::catalog::Catalog;
use super::commit::DurableOutputs;
use super::compare::{Comparison, LeftOver};
use super::differing::DifferingRecords;
use super::failure::SinkError;
use super::local_progress::{FilePart, LocalProgress, ProgressFile};
use super::receipt::{Acknowledgement, Receipt};
use super::record::Record;
use super::target::{Opening, Target};
use crate::console::counted;
use crate::fault;
use crate::time::Tick;
use crate::wait::Retry;

/// How often what may be committed is.
const COMMIT_EVERY: Duration = Duration::from_millis(50);

/// What a record is counted as while it waits.
pub const RECORD_BYTES: usize = 512;

/// Where records end.
pub trait Medium: Send + 'static {
    /// Records of a tick come next.
    fn begins(&mut self, _: Tick) {}

    /// Writes records; says whether anybody reads them.
    fn write(&mut self, records: &[Record], names: &Catalog) -> Readership;

    /// Whether what was written and is not told of can be taken back.
    fn takes_back(&self) -> bool {
        false
    }

    /// Makes sure that what was written stays, which is all of ticks up to this one. Of a file, what there is of it then.
    fn settle(&mut self, tick: Tick) -> (Readership, Option<FilePart>);

    /// Does something until it works; `false`: it is not waited for any more.
    fn until_it_works(&self, what: &str, work: &dyn Fn() -> std::io::Result<()>) -> bool;
}

/// Whether somebody reads what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readership {
    Stays,
    /// Whoever read it has left, or what can't be written is abandoned.
    Left,
}

/// Between two tries, at first and at most.
const PAUSES: [Duration; 2] = [Duration::from_millis(10), Duration::from_secs(5)];

/// What some work gives in the end, however long the disk refuses; `None` if that is not waited for.
pub fn until_it_works<T>(
    path: &str,
    is_abandoned: &AtomicBool,
    mut work: impl FnMut() -> std::io::Result<T>,
) -> Option<T> {
    let mut retry = Retry::new(PAUSES[0], PAUSES[1]);
    loop {
        match work() {
            Ok(done) => {
                retry.works(&format!("'{path}' can be written"));
                return Some(done);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) if is_abandoned.load(Ordering::Relaxed) => return None,
            Err(error) => {
                std::thread::sleep(retry.failed(&format!("'{path}' can't be written"), &error));
            }
        }
    }
}

/// What is known of what an output holds.
pub enum LocalStanding {
    /// Records of ticks up to this one are not sent.
    Withheld(Tick),
    /// Records of ticks that are replayed are compared with what it holds.
    Compared(Box<Comparison>),
}

type TickBatch = (Tick, Vec<Record>, Acknowledgement);

/// Hands records to the thread that commits them, which has ended when this is dropped.
pub struct DurableTarget {
    /// `None`: no more will come.
    batches: Option<Sender<TickBatch>>,
    backlog: Arc<Backlog>,
    /// Whether the run goes on without it where it takes long.
    may_lag: bool,
    /// Disconnected when it is known what the output holds, and the difference is committed.
    known: Receiver<()>,
    /// What is done when nothing more will be said.
    on_close: Box<dyn Fn() + Send + Sync>,
    abandon: Box<dyn Fn() + Send + Sync>,
    thread: Option<JoinHandle<()>>,
}

impl Target for DurableTarget {
    fn send(&self, tick: Tick, records: Vec<Record>, receipt: Receipt) {
        let batches = self.batches.as_ref().expect("it is not dropped");
        let (bytes, (taking, mut acknowledgement)) =
            (records.len() * RECORD_BYTES, receipt.taken());
        self.backlog.add(tick, bytes);
        if self.may_lag
            && let Some(hold) = acknowledgement.take_hold()
        {
            self.backlog.hold(tick, hold);
        }
        let sent = batches.send((tick, records, acknowledgement));
        sent.expect("the thread runs while there are senders");
        // Nothing is refused here. What comes after it waits if too much is held.
        self.backlog.take(tick, taking);
    }

    fn close(&self) {
        let _ = self.known.recv();
        (self.on_close)();
    }
}

impl Drop for DurableTarget {
    /// What was acknowledged is written, or the run failed: then a disk that is full holds up nobody.
    fn drop(&mut self) {
        self.batches = None;
        (self.abandon)();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// The thread's work.
struct LocalCommitter<M> {
    medium: M,
    names: Arc<Catalog>,
    standing: LocalStanding,
    durable: DurableOutputs,
    progress: LocalProgress,
    file: ProgressFile,
    backlog: Arc<Backlog>,
    pending: BTreeMap<Tick, (Vec<Record>, Vec<Acknowledgement>)>,
    /// Of what is compared.
    compared: Vec<Acknowledgement>,
    /// Of a log that was compared.
    left_over: Option<LeftOver>,
    known: Option<Sender<()>>,
}

/// Starts the thread of an output. `abandon` lets go of what can't be written; `on_close` is called when
/// nothing more will be said, after all is committed. Of an output that may lag behind the run its backlog is given.
pub fn start<M: Medium>(
    opening: &Opening<'_>,
    (durable, output): (&DurableOutputs, &str),
    standing: LocalStanding,
    (medium, lagging): (M, Option<Arc<Backlog>>),
    abandon: impl Fn() + Send + Sync + 'static,
    on_close: impl Fn() + Send + Sync + 'static,
) -> Result<DurableTarget, SinkError> {
    let (sender, batches) = unbounded();
    let (telling, known) = unbounded();
    let (backlog, may_lag) = match lagging {
        Some(backlog) => (backlog, true),
        None => (Arc::default(), false),
    };
    let progress = LocalProgress::of(durable, 0, None);
    let committer = LocalCommitter {
        medium,
        names: Arc::clone(&opening.names),
        known: matches!(standing, LocalStanding::Compared(_)).then_some(telling),
        standing,
        durable: durable.clone(),
        progress,
        file: ProgressFile::new(durable, output),
        backlog: Arc::clone(&backlog),
        pending: BTreeMap::new(),
        compared: Vec::new(),
        left_over: None,
    };
    let thread = std::thread::Builder::new()
        .name(format!("write {output}"))
        .spawn(move || committer.run(&batches))
        .map_err(|source| SinkError::Thread { output: output.to_owned(), source })?;
    Ok(DurableTarget {
        batches: Some(sender),
        backlog,
        may_lag,
        known,
        on_close: Box::new(on_close),
        abandon: Box::new(abandon),
        thread: Some(thread),
    })
}

impl<M: Medium> LocalCommitter<M> {
    fn run(mut self, batches: &Receiver<TickBatch>) {
        let allowed = self.durable.committable.told();
        let mut last = Instant::now().checked_sub(COMMIT_EVERY);
        loop {
            let before = self.durable.committable.before();
            let waits = self.pending.first_key_value().is_some_and(|(tick, _)| *tick < before);
            let rest =
                last.map_or(Duration::ZERO, |last| COMMIT_EVERY.saturating_sub(last.elapsed()));
            let due = if waits { after(rest) } else { never() };
            select! {
                recv(batches) -> batch => match batch {
                    Ok(batch) => self.take(batch),
                    Err(_) => return,
                },
                recv(allowed) -> _ => {},
                recv(due) -> _ => {},
            }
            // Asked first: whatever is of a tick before this is in the channel by now.
            let before = self.durable.committable.before();
            batches.try_iter().for_each(|batch| self.take(batch));
            if before > self.durable.replayed {
                self.take_difference();
            }
            if last.is_none_or(|last| last.elapsed() >= COMMIT_EVERY) {
                let now = Instant::now();
                match self.commit(before) {
                    Readership::Left => {
                        // What comes yet is taken, so that nothing waits for it.
                        let LocalCommitter { pending, compared, known, backlog, .. } = self;
                        drop((pending, compared, known));
                        backlog.release(Tick::MAX - 1);
                        batches.iter().for_each(|(tick, _, acknowledgement)| {
                            backlog.release(tick);
                            drop(acknowledgement);
                        });
                        return;
                    }
                    Readership::Stays => last = Some(now),
                }
            }
        }
    }

    fn take(&mut self, (tick, mut records, acknowledgement): TickBatch) {
        if let Some(left_over) = &mut self.left_over {
            records.retain_mut(|record| !left_over.has(record));
        }
        match &mut self.standing {
            LocalStanding::Withheld(until) if tick <= *until => self.backlog.release(tick),
            LocalStanding::Compared(comparison) if tick <= self.durable.replayed => {
                records.into_iter().for_each(|record| comparison.replay(record));
                self.compared.push(acknowledgement);
                self.backlog.release(tick);
            }
            _ => {
                let (pending, acknowledgements) = self.pending.entry(tick).or_default();
                pending.extend(records);
                acknowledgements.push(acknowledgement);
            }
        }
    }

    /// What the output lacks, or has too much, is written as of the last tick that is replayed.
    fn take_difference(&mut self) {
        let LocalStanding::Compared(_) = self.standing else { return };
        let withheld = LocalStanding::Withheld(self.durable.replayed);
        let LocalStanding::Compared(mut comparison) =
            std::mem::replace(&mut self.standing, withheld)
        else {
            return;
        };
        let mut left_over = comparison.left_over();
        for (records, _) in self.pending.values_mut() {
            records.retain_mut(|record| !left_over.has(record));
        }
        self.left_over = Some(left_over);
        let (records, catalog) = comparison.difference();
        tracing::info!(
            "output {} was compared: {}",
            self.file.output,
            counted(records.len(), "record differs", "records differ")
        );
        // Names that only the output knew are for these alone: others have the same numbers.
        self.names = Arc::new(catalog);
        let names = Arc::clone(&self.names);
        let differing = || vec![DifferingRecords { records: records.clone(), names }];
        self.durable.difference.found(differing);
        let compared = std::mem::take(&mut self.compared);
        self.pending.insert(self.durable.replayed, (records, compared));
    }

    /// Tells a progress, however long the disk refuses; `false`: that is not waited for.
    fn told(&self, progress: &LocalProgress) -> bool {
        let path = self.file.path().display().to_string();
        self.medium.until_it_works(&path, &|| self.file.write(progress))
    }

    /// Writes what may be committed, and tells its progress.
    fn commit(&mut self, before: Tick) -> Readership {
        let later = self.pending.split_off(&before);
        let ready = std::mem::replace(&mut self.pending, later);
        let Some((&tick, _)) = ready.last_key_value() else { return Readership::Stays };
        self.backlog.deliver();
        if !self.medium.takes_back() {
            let sending = ready.keys().copied().collect();
            let begun = LocalProgress { sending, ..self.progress.clone() };
            if !self.told(&begun) {
                return Readership::Left;
            }
        }
        for (tick, (records, _)) in &ready {
            let is_difference = self.left_over.is_some() && *tick == self.durable.replayed;
            self.medium.begins(if is_difference { self.durable.differs_at } else { *tick });
            if self.medium.write(records, &self.names) == Readership::Left {
                return Readership::Left;
            }
        }
        fault::point("records written");
        let (reading, file) = self.medium.settle(tick);
        fault::point("records synced");
        if reading == Readership::Left {
            return Readership::Left;
        }
        let told = LocalProgress { tick, file, ..self.progress.clone() };
        if !self.told(&told) {
            return Readership::Left;
        }
        fault::point("records told");
        self.progress = told;
        // The acknowledgements go first: who waits for room waits for them.
        drop(ready);
        self.backlog.release(tick);
        if let LocalStanding::Withheld(_) = self.standing {
            self.known = None;
        }
        Readership::Stays
    }
}
