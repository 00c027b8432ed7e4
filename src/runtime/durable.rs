//! What a process stores of its workers' ticks, and how a tick is known to be durable.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use crossbeam_channel::unbounded;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::probe::{Handle, Probe};

use super::checkpoint::CheckpointWriter;
use super::inbox::Inbox;
use super::restored::StartingCheckpoint;
use super::stored_files::StoredFiles;
use crate::flow::{Pipeline, Stream};
use crate::metrics::SharedCounts;
use crate::plan::Plan;
use crate::priority;
use crate::source::DurableNews;
use crate::store::{
    self, CheckpointOf, Compaction, LogHeader, Recovered, StoreError, StoreWriter, StoredReject,
    StoredTick, WhenGone,
};
use crate::time::{Micros, Tick};

/// The store of a process.
#[derive(Clone)]
pub struct ProcessStore {
    pub recovered: Arc<Recovered>,
    writer: StoreWriter,
    news: DurableNews,
    /// The first tick that may not be durable, or of which an output may not have committed all.
    frontier: Arc<AtomicU64>,
    pub checkpoints: CheckpointWriter,
    /// What the run begins with.
    pub beginning: Option<StartingCheckpoint>,
}

/// Where the store of a process is found, which may come when the dataflow is built already.
#[derive(Clone, Default)]
pub struct StorePlace(Arc<OnceLock<ProcessStore>>);

impl StorePlace {
    pub fn of(store: ProcessStore) -> Self {
        let place = StorePlace::default();
        place.set(store);
        place
    }

    pub fn set(&self, store: ProcessStore) {
        assert!(self.0.set(store).is_ok(), "it comes once");
    }

    pub fn get(&self) -> Option<&ProcessStore> {
        self.0.get()
    }
}

/// The threads behind it.
pub struct StoreThreads {
    writer: StoreWriter,
    threads: [JoinHandle<()>; 3],
    frontier: Arc<AtomicU64>,
    is_ending: Arc<AtomicBool>,
    is_leaving: Arc<AtomicBool>,
}

impl ProcessStore {
    /// Starts to write the log of a run of a definition, of which this is a hash.
    pub fn start(
        header: LogHeader,
        definition: String,
        plan: &Arc<Plan>,
        recovered: Arc<Recovered>,
        news: DurableNews,
        when_gone: WhenGone,
    ) -> Result<(Self, StoreThreads), StoreError> {
        let beginning = recovered.checkpoint.clone().map(StartingCheckpoint::new);
        let compaction = Compaction::new(plan, &definition);
        let process = header.process;
        let of = CheckpointOf {
            store: recovered.store.clone(),
            tick: 0,
            at: 0,
            definition,
            processes: header.processes,
        };
        let which = (header.process, header.workers, header.run);
        let (sender, closed) = unbounded();
        let left = recovered.logs_of(header.process, header.processes);
        let (writer, thread) = store::start(recovered.folder.clone(), header, sender, when_gone)?;
        let frontier = Arc::new(AtomicU64::new(0));
        let (is_ending, is_leaving): (Arc<AtomicBool>, Arc<AtomicBool>) = Default::default();
        let files = StoredFiles {
            recovered: Arc::clone(&recovered),
            plan: Arc::clone(plan),
            compaction,
            process,
            frontier: Arc::clone(&frontier),
            is_ending: Arc::clone(&is_ending),
            is_leaving: Arc::clone(&is_leaving),
        };
        let making = std::thread::Builder::new()
            .name("columnar files".to_owned())
            .spawn(move || {
                priority::give_way();
                files.make(left, &closed);
            })
            .map_err(StoreError::io(&recovered.folder.root, "written"))?;
        let folder = recovered.folder.clone();
        let root = folder.root.clone();
        let (checkpoints, completing) = CheckpointWriter::start(
            folder,
            of,
            which,
            Arc::clone(&frontier),
            Arc::clone(&is_ending),
        )
        .map_err(StoreError::io(&root, "written"))?;
        let threads = [thread, making, completing];
        let threads = StoreThreads {
            writer: writer.clone(),
            threads,
            frontier: Arc::clone(&frontier),
            is_ending,
            is_leaving,
        };
        let store = ProcessStore { recovered, writer, news, frontier, checkpoints, beginning };
        Ok((store, threads))
    }

    /// All ticks before this one are durable, and outputs have committed them, on all workers.
    pub fn complete(&self, frontier: Tick) {
        self.frontier.fetch_max(frontier, Ordering::Relaxed);
    }
}

impl StoreThreads {
    /// All is durable, and nothing follows: what was written becomes columnar files, as far as outputs have committed all
    /// ticks before this one.
    pub fn close(self, committed: Tick) {
        self.frontier.fetch_max(committed, Ordering::Relaxed);
        self.is_ending.store(true, Ordering::Relaxed);
        self.join();
    }

    /// Another run takes the place of this one: what was written is for that one to make columnar files of.
    pub fn leave(self) {
        self.is_leaving.store(true, Ordering::Relaxed);
        self.close(Tick::MAX);
    }

    fn join(self) {
        self.writer.close();
        for thread in self.threads {
            // What went wrong there was told there.
            let _ = thread.join();
        }
    }
}

/// Stores what this worker takes in with each tick that is not one of the history. The probe passes a tick when it
/// is durable.
pub fn store_ticks<'scope>(
    ticks: Stream<'scope, Micros>,
    inbox: &Rc<RefCell<Inbox>>,
    plan: &Arc<Plan>,
    place: &StorePlace,
    counts: &SharedCounts,
) -> Handle<Tick> {
    let (scope, inbox) = (ticks.scope(), Rc::clone(inbox));
    let (plan, place, counts) = (Arc::clone(plan), place.clone(), Rc::clone(counts));
    let worker = scope.index();
    let stored =
        ticks.unary::<CapacityContainerBuilder<Vec<()>>, _, _, _>(Pipeline, "Store", |_, info| {
            let mut under_way: VecDeque<(Capability<Tick>, Arc<AtomicBool>)> = VecDeque::new();
            let activator = scope.worker().sync_activator_for(info.address.to_vec());
            move |input, output| {
                let mut arrived: BTreeMap<Tick, (Capability<Tick>, Micros)> = BTreeMap::new();
                input.for_each(|capability, readings| {
                    if let Some(capability) = capability.retain_least(output.output_index()) {
                        let at = readings.drain(..).max().unwrap_or_default();
                        arrived.insert(*capability.time(), (capability, at));
                    }
                });
                for (tick, (capability, at)) in arrived {
                    let mut inbox = inbox.borrow_mut();
                    // Also where nothing is to be stored: what is read back goes into the first tick that asks for
                    // it, and a later one may be here, too.
                    let batch = inbox.batch(tick, &counts);
                    // What is read back is stored.
                    let Some(store) = place.get().filter(|store| tick > store.recovered.until)
                    else {
                        continue;
                    };
                    let rows = std::mem::take(&mut batch.stored).into_iter();
                    let rejects = std::mem::take(&mut batch.stored_rejects).into_iter();
                    let is_durable = Arc::new(AtomicBool::new(false));
                    let (durable, activator) = (Arc::clone(&is_durable), activator.clone());
                    let (news, reached) = (store.news.clone(), std::mem::take(&mut batch.reached));
                    let told = reached.clone();
                    store.writer.write(StoredTick {
                        tick,
                        at,
                        worker,
                        reached,
                        rejects: rejects.map(|of| StoredReject::of(&plan, of)).collect(),
                        rows: rows
                            .map(|(of, rows)| (plan.sources[of].name.clone(), rows))
                            .collect(),
                        durable: Box::new(move || {
                            durable.store(true, Ordering::Release);
                            told.iter().for_each(|reached| news.note(reached));
                            // A worker that has ended waits for nothing.
                            let _ = activator.activate();
                        }),
                    });
                    under_way.push_back((capability, is_durable));
                }
                while under_way
                    .pop_front_if(|(_, durable)| durable.load(Ordering::Acquire))
                    .is_some()
                {}
            }
        });
    let (probe, _) = stored.probe();
    probe
}
