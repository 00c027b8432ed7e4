//! Local outputs of a run that outlives its process: whole ticks, once they may be committed, and then their progress.
//!
//! A file holds each record once: after a kill it is cut back to what its progress tells. What can't be
//! cut back, such as standard output or a function, gets what was not told of again (at least once): which ticks that
//! may be is told before they are written, since a replay that passed over one of them would not know of what came and
//! went with it.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, after, never, select, unbounded};

use super::backlog::Backlog;
use super::catalog::Catalog;
use super::commit::DurableOutputs;
use super::compare::{Comparison, LeftOver};
use super::differing::DifferingRecords;
use super::failure::SinkError;
use super::local_progress::{LocalProgress, ProgressFile};
use super::medium::{Medium, Readership};
use super::queued::{QueuedRecords, QueuedTick, QueuedTicks};
use super::receipt::{Acknowledgement, Receipt};
use super::record::Record;
use super::target::{Opening, Target};
use super::under_way::UnderWay;
use crate::console::counted;
use crate::fault;
use crate::time::Tick;

/// How often what may be committed is.
const COMMIT_EVERY: Duration = Duration::from_millis(50);

/// What is known of what an output holds.
pub enum LocalStanding {
    /// Records of ticks up to this one are not sent.
    Withheld(Tick),
    /// Records of ticks that are replayed are compared with what it holds.
    Compared(Box<Comparison>),
}

/// Records of a tick that wait.
pub type TickBatch = (Tick, QueuedRecords, Acknowledgement);

/// Hands records to the thread that commits them, which has ended when this is dropped.
pub struct DurableTarget {
    /// `None`: no more will come.
    batches: Option<Sender<TickBatch>>,
    backlog: Arc<Backlog>,
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
        let (taking, mut acknowledgement) = receipt.taken();
        let records = self.backlog.keep(tick, records);
        self.backlog.hold(tick, &mut acknowledgement);
        let sent = batches.send((tick, records, acknowledgement));
        sent.expect("the thread runs while there are senders");
        // Nothing is refused here. What comes after it waits if too much is held.
        self.backlog.take(tick, taking);
    }

    fn counts_sent(&self) -> bool {
        true
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
    /// Where what is sent is counted: the output's place is the number.
    counted: (UnderWay, usize),
    pending: QueuedTicks,
    /// What is acknowledged once it has been compared.
    compared: Vec<Acknowledgement>,
    /// What a log that was compared has left over.
    left_over: Option<LeftOver>,
    known: Option<Sender<()>>,
}

/// Starts the thread of an output. `abandon` lets go of what can't be written; `on_close` is called when
/// nothing more will be said, after all is committed. Of an output that may lag behind the run its backlog is given.
pub fn start<M: Medium>(
    opening: &Opening<'_>,
    (durable, index_of): (&DurableOutputs, usize),
    standing: LocalStanding,
    (medium, lagging): (M, Option<Arc<Backlog>>),
    abandon: impl Fn() + Send + Sync + 'static,
    on_close: impl Fn() + Send + Sync + 'static,
) -> Result<DurableTarget, SinkError> {
    let output = opening.plan.outputs[index_of].name.as_str();
    let (sender, batches) = unbounded();
    let (telling, known) = unbounded();
    let backlog = lagging.unwrap_or_default();
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
        counted: (UnderWay::clone(&opening.under_way), index_of),
        pending: QueuedTicks::default(),
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
        known,
        on_close: Box::new(on_close),
        abandon: Box::new(abandon),
        thread: Some(thread),
    })
}

impl<M: Medium> LocalCommitter<M> {
    fn run(mut self, batches: &Receiver<TickBatch>) {
        let allowed = self.durable.committable.watch();
        let mut last = Instant::now().checked_sub(COMMIT_EVERY);
        loop {
            let before = self.durable.committable.before();
            let waits = self.pending.first().is_some_and(|tick| tick < before);
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
        if let (Some(left_over), Some(records)) = (&mut self.left_over, records.in_memory_mut()) {
            records.retain_mut(|record| !left_over.has(record));
        }
        match &mut self.standing {
            LocalStanding::Withheld(until) if tick <= *until => self.backlog.release(tick),
            LocalStanding::Compared(comparison) if tick <= self.durable.replayed => {
                let QueuedRecords::Held(records) = records else {
                    unreachable!("what is spilled is a service's, which is not compared");
                };
                records.into_iter().for_each(|record| comparison.replay(record));
                self.compared.push(acknowledgement);
                self.backlog.release(tick);
            }
            _ => self.pending.add(tick, records, acknowledgement),
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
        let pending = self.pending.0.values_mut().flat_map(|waiting| &mut waiting.records);
        for records in pending.filter_map(QueuedRecords::in_memory_mut) {
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
        let (records, acknowledgements) =
            (vec![QueuedRecords::Held(records)], std::mem::take(&mut self.compared));
        self.pending.0.insert(self.durable.replayed, QueuedTick { records, acknowledgements });
    }

    /// Tells a progress, however long the disk refuses; `false`: that is not waited for.
    fn write_progress(&self, progress: &LocalProgress) -> bool {
        let path = self.file.path().display().to_string();
        self.medium.until_it_works(&path, &|| self.file.write(progress))
    }

    /// Writes what may be committed, and tells its progress.
    fn commit(&mut self, before: Tick) -> Readership {
        let ready = self.pending.take_before(before);
        let Some((&tick, _)) = ready.last_key_value() else { return Readership::Stays };
        self.backlog.deliver();
        if !self.medium.takes_back() {
            let sending = ready.keys().copied().collect();
            let begun = LocalProgress { sending, ..self.progress.clone() };
            if !self.write_progress(&begun) {
                return Readership::Left;
            }
        }
        let mut sent = 0;
        for (tick, waiting) in &ready {
            let is_difference = self.left_over.is_some() && *tick == self.durable.replayed;
            self.medium.begins(if is_difference { self.durable.differs_at } else { *tick });
            let Some(written) = waiting.write(&mut self.medium, &self.names) else {
                return Readership::Left;
            };
            sent += written;
        }
        fault::point("records written");
        let (reading, file) = self.medium.commit(tick);
        fault::point("records synced");
        if reading == Readership::Left {
            return Readership::Left;
        }
        let told = LocalProgress { tick, file, ..self.progress.clone() };
        if !self.write_progress(&told) {
            return Readership::Left;
        }
        fault::point("records told");
        self.progress = told;
        let (outputs, number) = &self.counted;
        outputs[*number].note_sent(sent);
        // The acknowledgements go first: who waits for room waits for them.
        drop(ready);
        self.backlog.release(tick);
        if let LocalStanding::Withheld(_) = self.standing {
            self.known = None;
        }
        Readership::Stays
    }
}
