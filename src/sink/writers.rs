//! The kinds of targets that there are, and the targets of a process.
//!
//! To add a kind, write a file beside `file.rs` with a function that opens the outputs of a plan that are
//! its own, and a type that implements [`Target`]: it takes a tick's records with their receipt, and closes.
//! [`Opening`] gives it what it needs, such as what is to be done when the run begins to speak, since no
//! target touches what an earlier run left before. What it can't take it tells by `Receipt::refuse`. Give it
//! a row in `KINDS`, and the definition its way of saying it (`plan::Destination`,
//! `definition/read/outputs.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;

use super::ahead::OutputsAhead;
use super::catalog::Catalog;
use super::commit::{Committable, DurableOutputs};
use super::differing::{DifferencePart, UnsentDifference};
use super::failure::{Failure, SinkError};
use super::function::ProgramFunction;
use super::held::HeldRecords;
use super::observer::Observer;
use super::receipt::{AwaitedAcknowledgement, Receipt};
use super::record::Record;
use super::start::LocalStart;
use super::target::{Opened, Opening, Target};
use super::under_way::{OutputTicks, UnderWay};
use super::{file, http, kafka, postgres, program, standard, webhook};
use crate::console::counted;
use crate::plan::Plan;
use crate::time::Tick;

/// A kind of targets: opens those outputs of a plan that are of it and that this process writes, each with its
/// index. Whatever can fail later than at the first record fails here, and nothing of an earlier run is touched.
type OpenKind = fn(&mut Opening<'_>) -> Result<Opened, SinkError>;

/// Every kind of targets. Of the local ones the files come first, as they can be held by another run.
const KINDS: [OpenKind; 7] = [
    kafka::open,
    file::open,
    standard::open,
    program::open,
    http::open,
    webhook::open,
    postgres::open,
];

/// A tick's records go to their target by this many.
const BATCH: usize = 1_024;

/// How often somebody who waits looks whether the run has failed.
const LOOK: Duration = Duration::from_millis(100);

/// How often it is said that a run that ends waits for a service.
const TELL: Duration = Duration::from_secs(10);

/// The targets of one process, by output.
#[derive(Clone)]
pub struct Writers {
    targets: Arc<RwLock<Targets>>,
    /// What has been handed over and is not acknowledged.
    under_way: UnderWay,
    /// Who sees all records, too.
    observer: Option<Arc<dyn Observer>>,
    /// What is found that the outputs differ by: where who sees all records is in the first process, and this is another.
    unsent: Option<UnsentDifference>,
    /// The outputs that are delivered to somebody else's service, which may be slow.
    services: Arc<[usize]>,
}

struct Targets {
    /// `None`: another process writes it.
    by_output: Vec<Option<Box<dyn Target>>>,
    /// The last ticks that outputs have committed, where it is known.
    committed: BTreeSet<Tick>,
    /// Up to this tick nothing is sent to any output.
    held_until: Tick,
    /// Which ticks may be committed, where anything outlives the run.
    committable: Option<Committable>,
    /// What they know of durability, where the run outlives its process.
    durable: Option<DurableOutputs>,
}

impl Writers {
    /// Opens every output that this process writes: topics always, local targets if it is the first one.
    ///
    /// `when_left` is called when who reads standard output has left; a pipe waits for its reader until `stopped`
    /// says that the run is to stop, which is [`SinkError::Stopped`]; `functions` take the records of outputs,
    /// by their numbers, that go to the program. Without `durable`, nothing outlives the run: a record is
    /// acknowledged by itself, and nothing is known of what an earlier run sent; with it comes what was read of outputs before.
    pub fn open(
        plan: &Plan,
        process: usize,
        failure: &Failure,
        when_left: &Arc<dyn Fn() + Send + Sync>,
        stopped: &dyn Fn() -> bool,
        functions: Vec<(usize, ProgramFunction)>,
        durable: Option<(DurableOutputs, OutputsAhead)>,
    ) -> Result<Self, SinkError> {
        let (durable, ahead) = durable.unzip();
        let ahead = ahead.unwrap_or_default();
        let names = Catalog::shared(plan);
        let beginning = LocalStart::default();
        let committable = durable.as_ref().map(|durable| durable.committable.clone());
        let (committed, held) = (BTreeSet::new(), BTreeMap::new());
        let under_way: UnderWay = plan.outputs.iter().map(|_| OutputTicks::default()).collect();
        let mut opening = Opening {
            plan,
            under_way: Arc::clone(&under_way),
            names,
            process,
            failure,
            when_left,
            stopped,
            functions,
            beginning,
            durable,
            ahead,
            committed,
            held,
        };
        let mut by_output: Vec<Option<Box<dyn Target>>> = Vec::new();
        by_output.resize_with(plan.outputs.len(), || None);
        for open in KINDS {
            for (output, target) in open(&mut opening)? {
                by_output[output] = Some(target);
            }
        }
        let mut committed = opening.committed;
        // Nothing is told of earlier ticks, which may not come out as they were.
        if let Some(DurableOutputs { settled, .. }) = &opening.durable {
            committed = committed.split_off(settled);
            committed.insert(*settled);
        }
        let held = plan.outputs.iter().map(|output| opening.held.get(&output.name).copied());
        let held_until = held.map(|held| held.unwrap_or(0)).min().unwrap_or(0);
        let durable = opening.durable;
        let targets = Targets { by_output, committed, held_until, committable, durable };
        Ok(Writers { under_way, ..Writers::of(plan, targets) })
    }

    fn of(plan: &Plan, targets: Targets) -> Self {
        let under_way = plan.outputs.iter().map(|_| OutputTicks::default()).collect();
        let outputs = plan.outputs.iter().enumerate();
        let services = outputs.filter(|(_, output)| output.target.is_service());
        let services = services.map(|(number, _)| number).collect();
        let targets = Arc::new(RwLock::new(targets));
        Writers { targets, under_way, observer: None, unsent: None, services }
    }

    /// Shows all records to an observer, too; where one is in the first process, it is sent what outputs differ by here.
    pub fn observed(self, observer: Option<Arc<dyn Observer>>, is_served: bool) -> Self {
        let unsent = (is_served && observer.is_none()).then(UnsentDifference::default);
        self.targets_mut().show_to(observer.as_ref(), unsent.as_ref(), &self.under_way);
        Writers { observer, unsent, ..self }
    }

    /// By output, what has been handed over and is not acknowledged.
    pub fn under_way(&self) -> UnderWay {
        Arc::clone(&self.under_way)
    }

    /// The outputs of a run that is built beside the one that writes them: what they would hold is held until they are
    /// handed over.
    pub fn holding(plan: &Plan, held: &HeldRecords) -> Self {
        let (by_output, committed) = (held.targets(), BTreeSet::new());
        Writers::of(plan, Targets { by_output, committed, ..Targets::none() })
    }

    /// Outputs are handed over, and what is held for them, as of a tick. What is returned is acknowledged when they
    /// hold it.
    pub fn hand_over(
        &self,
        opened: Writers,
        held: &HeldRecords,
        tick: Tick,
        failure: &Failure,
    ) -> AwaitedAcknowledgement {
        let under_way = opened.under_way();
        let mut opened = std::mem::replace(&mut *opened.targets_mut(), Targets::none());
        self.under_way.iter().zip(under_way.iter()).for_each(|(of, opened)| of.take_over(opened));
        let (told, gone) = bounded(2);
        let (receipt, taking, awaited) = Receipt::new(move || {
            let _ = told.try_send(());
        });
        for (output, target) in opened.by_output.iter().enumerate() {
            let Some(target) = target else { continue };
            let mut records = held.take(output).into_iter();
            loop {
                let batch: Vec<Record> = records.by_ref().take(BATCH).collect();
                if batch.is_empty() {
                    break;
                }
                let (under_way, records) = (self.under_way(), batch.len() as u64);
                under_way[output].add(tick, records);
                let receipt = receipt.part(move || under_way[output].release(tick, records));
                target.send(tick, batch, receipt);
            }
        }
        drop(receipt);
        // Nothing can be committed before all of it is taken.
        while taking.is_held() && failure.get().is_none() {
            let _ = gone.recv_timeout(LOOK);
        }
        let refused = taking.take_refused().len();
        if refused > 0 {
            tracing::warn!(
                "{} larger than the topic takes: a tombstone is in the place of each",
                counted(refused, "record is", "records are")
            );
        }
        opened.show_to(self.observer.as_ref(), self.unsent.as_ref(), &self.under_way);
        *self.targets_mut() = opened;
        awaited
    }

    /// Lets go of the targets, once all is acknowledged: others may write there.
    pub fn close(&self) {
        let targets = std::mem::replace(&mut *self.targets_mut(), Targets::none());
        drop(targets);
    }

    fn targets(&self) -> std::sync::RwLockReadGuard<'_, Targets> {
        self.targets.read().expect("no one panics with it")
    }

    fn targets_mut(&self) -> std::sync::RwLockWriteGuard<'_, Targets> {
        self.targets.write().expect("no one panics with it")
    }

    /// Ticks at which the replay has to end a step: the last committed ticks of the outputs, the earliest first.
    pub fn committed(&self) -> Vec<Tick> {
        self.targets().committed.iter().copied().filter(|tick| *tick > 0).collect()
    }

    /// Up to which tick outputs hold all that there is to be told.
    pub fn held_until(&self) -> Tick {
        self.targets().held_until
    }

    /// Whether somebody else is shown what outputs are told.
    pub fn are_observed(&self) -> bool {
        self.observer.is_some()
    }

    /// The tick as which is told what they differ by: what happens next is behind it.
    pub fn differ_at(&self) -> Tick {
        self.targets().durable.as_ref().map_or(0, |durable| durable.differs_at)
    }

    /// What is to be sent to the first process of what outputs differ by here, once it is known.
    pub fn unsent_difference(&self, plan: &Plan) -> Vec<DifferencePart> {
        let unsent = self.unsent.as_ref();
        unsent.map(|unsent| unsent.take(|| Catalog::of(plan))).unwrap_or_default()
    }

    /// Another process has sent a part of what outputs differ by there.
    pub fn differ_elsewhere(&self, part: DifferencePart) {
        self.observer.iter().for_each(|observer| observer.differ_elsewhere(part.clone()));
    }

    /// Ticks before this one may be committed, since they are durable and handed over whole.
    pub fn allow(&self, before: Tick) {
        self.targets().committable.iter().for_each(|committable| committable.allow(before));
        self.observer.iter().for_each(|observer| observer.allow(before));
    }

    /// Whether ticks may wait for outputs: those that are committed, or delivered to somebody else's service.
    pub fn may_wait(&self) -> bool {
        self.targets().committable.is_some() || self.delivers()
    }

    /// Whether some output is delivered to somebody else's service.
    pub fn delivers(&self) -> bool {
        !self.services.is_empty()
    }

    /// The first tick of which a service has yet to take something, where one lags behind the run.
    pub fn lags_from(&self) -> Option<Tick> {
        self.services.iter().filter_map(|output| self.under_way[*output].oldest()).min()
    }

    /// Waits for services that lag, as long as `goes_on`, and says so every so often.
    pub fn wait_for_services(&self, plan: &Plan, goes_on: &dyn Fn() -> bool) {
        let mut told = Instant::now();
        while self.lags_from().is_some() && goes_on() {
            if told.elapsed() >= TELL {
                told = Instant::now();
                tracing::warn!(
                    "the run ends when {}; a second signal ends it now",
                    self.lagging(plan)
                );
            }
            std::thread::sleep(LOOK);
        }
    }

    /// What services have yet to take.
    pub fn lagging(&self, plan: &Plan) -> String {
        let lagging = self.services.iter().filter_map(|output| {
            let records = self.under_way[*output].records();
            let records = (records > 0).then(|| counted(records, "record", "records"))?;
            Some(format!("output {} has taken {records} more", plan.outputs[*output].name))
        });
        lagging.collect::<Vec<_>>().join(" and ")
    }

    /// The same target for every output, such as one that keeps all in memory.
    pub fn all<T: Target + Clone + 'static>(plan: &Plan, target: &T) -> Self {
        let target = || Some(Box::new(target.clone()) as Box<dyn Target>);
        let by_output = plan.outputs.iter().map(|_| target()).collect();
        Writers::of(plan, Targets { by_output, ..Targets::none() })
    }

    /// Nothing more will be said.
    pub fn finish(&self) {
        self.targets().by_output.iter().flatten().for_each(|target| target.close());
    }

    /// Hands the records of a tick over, by output.
    pub fn send(&self, tick: Tick, records: impl IntoIterator<Item = Record>, receipt: &Receipt) {
        let targets = self.targets();
        if targets.by_output.is_empty() {
            // They are closed, and nobody waits for it.
            return;
        }
        let mut batches: Vec<Vec<Record>> = vec![Vec::new(); targets.by_output.len()];
        let hand_over = |output: usize, batch: Vec<Record>| {
            let target = targets.by_output[output].as_ref();
            let target = target.expect("records are routed to a process that writes the output");
            let (under_way, records) = (self.under_way(), batch.len() as u64);
            under_way[output].add(tick, records);
            if !target.counts_sent() {
                under_way[output].note_sent(records);
            }
            if let Some(observer) = &self.observer {
                observer.observe(tick, &batch, receipt.clone());
            }
            let receipt = receipt.part(move || under_way[output].release(tick, records));
            target.send(tick, batch, receipt);
        };
        for record in records {
            let output = usize::from(record.output);
            let batch = &mut batches[output];
            batch.push(record);
            if batch.len() == BATCH {
                hand_over(output, std::mem::take(batch));
            }
        }
        for (output, batch) in batches.into_iter().enumerate().filter(|(_, of)| !of.is_empty()) {
            hand_over(output, batch);
        }
    }
}

impl Targets {
    fn none() -> Self {
        Targets {
            by_output: Vec::new(),
            committed: BTreeSet::new(),
            held_until: 0,
            committable: None,
            durable: None,
        }
    }

    /// An observer is told that they are open, and what they differ by, once they know; where there is none, that is kept
    /// to be sent.
    fn show_to(
        &mut self,
        observer: Option<&Arc<dyn Observer>>,
        unsent: Option<&UnsentDifference>,
        under_way: &UnderWay,
    ) {
        let Some(durable) = &self.durable else { return };
        let Some(observer) = observer else {
            let unsent = unsent.cloned();
            return unsent.into_iter().for_each(|unsent| {
                durable.difference.is_told_to(move |differing| unsent.find(differing));
            });
        };
        let told = observer.opened(durable, under_way);
        self.committed.extend(told.filter(|told| *told > durable.settled));
        observer.awaits(durable.replayed);
        let (told, tick) = (Arc::clone(observer), durable.differs_at);
        durable.difference.is_told_to(move |differing| told.differ(tick, differing));
    }
}
