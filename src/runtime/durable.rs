//! What a process stores of its workers' ticks, and how a tick is known to be durable.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, unbounded};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::probe::{Handle, Probe};

use super::checkpoint::CheckpointWriter;
use super::inbox::Inbox;
use super::restored::StartingCheckpoint;
use crate::flow::{Pipeline, Stream};
use crate::metrics::SharedCounts;
use crate::plan::Plan;
use crate::source::DurableNews;
use crate::store::{
    self, CheckpointOf, ClosedLog, Folder, LogHeader, Recovered, StoreError, StoreWriter,
    StoredReject, StoredTick,
};
use crate::time::{Micros, Tick};

/// How often it is looked whether a closed log is durable everywhere.
const LOOK: Duration = Duration::from_millis(200);

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
    ) -> Result<(Self, StoreThreads), StoreError> {
        let beginning = recovered.checkpoint.clone().map(StartingCheckpoint::new);
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
        let process = header.process;
        let (writer, thread) = store::start(recovered.folder.clone(), header, sender)?;
        let frontier = Arc::new(AtomicU64::new(0));
        let (is_ending, is_leaving): (Arc<AtomicBool>, Arc<AtomicBool>) = Default::default();
        let making = {
            let (recovered, frontier) = (Arc::clone(&recovered), Arc::clone(&frontier));
            let end = [Arc::clone(&is_ending), Arc::clone(&is_leaving)];
            let plan = Arc::clone(plan);
            let root = recovered.folder.root.clone();
            std::thread::Builder::new()
                .name("columnar files".to_owned())
                .spawn(move || {
                    make_columnar(&recovered, &plan, process, left, &closed, &frontier, &end)
                })
                .map_err(StoreError::io(&root, "written"))?
        };
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
        let threads = StoreThreads { writer: writer.clone(), threads, is_ending, is_leaving };
        let store = ProcessStore { recovered, writer, news, frontier, checkpoints, beginning };
        Ok((store, threads))
    }

    /// All ticks before this one are durable, and outputs have committed them, on all workers.
    pub fn complete(&self, frontier: Tick) {
        self.frontier.fetch_max(frontier, Ordering::Relaxed);
    }
}

impl StoreThreads {
    /// All is durable, and nothing follows: what was written becomes columnar files.
    pub fn close(self) {
        self.is_ending.store(true, Ordering::Relaxed);
        self.join();
    }

    /// Another run takes the place of this one: what was written is for that one to make columnar files of.
    pub fn leave(self) {
        self.is_leaving.store(true, Ordering::Relaxed);
        self.close();
    }

    fn join(self) {
        self.writer.close();
        for thread in self.threads {
            // What went wrong there was told there.
            let _ = thread.join();
        }
    }
}

/// Makes logs columnar files, once all in them is durable and committed: rejects stand in logs alone, and are told again
/// until they are. Those that earlier runs left come when they have been read.
fn make_columnar(
    recovered: &Recovered,
    plan: &Plan,
    process: usize,
    left: Vec<(PathBuf, Tick)>,
    closed: &Receiver<ClosedLog>,
    frontier: &AtomicU64,
    [is_ending, is_leaving]: &[Arc<AtomicBool>; 2],
) {
    let left = left.into_iter().map(|(path, last)| (path, last, recovered.until, true));
    let mut waiting: VecDeque<(PathBuf, Tick, Tick, bool)> = left.collect();
    let (mut more, mut are_new) = (true, true);
    while (more || !waiting.is_empty()) && !is_leaving.load(Ordering::Relaxed) {
        match closed.recv_timeout(LOOK) {
            Ok(ClosedLog { path, last }) => waiting.push_back((path, last, last, false)),
            // There is time now.
            Err(RecvTimeoutError::Timeout) if std::mem::take(&mut are_new) => {
                let is_stopped = || is_ending.load(Ordering::Relaxed);
                are_new = !index(&recovered.folder, plan, process, is_stopped);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => more = false,
        }
        let durable = match more || !is_ending.load(Ordering::Relaxed) {
            true => frontier.load(Ordering::Relaxed),
            false => Tick::MAX,
        };
        let mut are_more = false;
        while !is_leaving.load(Ordering::Relaxed)
            && let Some((path, last, _, may_be_torn)) =
                waiting.pop_front_if(|(_, _, after, _)| *after < durable)
        {
            if let Err(error) = store::make(&recovered.folder, process, &path, last, may_be_torn) {
                tracing::warn!("'{}' stays a log: {error}", path.display());
            }
            are_more = true;
        }
        if are_more {
            merge_small(&recovered.folder, process, is_leaving);
            are_new = true;
        }
    }
}

/// Makes the indexes that are missing. Says whether none is to be made any more.
fn index(folder: &Folder, plan: &Plan, process: usize, is_stopped: impl Fn() -> bool) -> bool {
    let made = store::Indexing::new(folder, plan).and_then(|indexing| {
        indexing.make_missing(folder, Some(process), &is_stopped)?;
        if process == 0 { store::sweep(folder) } else { Ok(()) }
    });
    if let Err(error) = made {
        tracing::warn!("rows are found without an index: {error}");
    }
    !is_stopped()
}

/// Makes small files larger ones, as long as there are enough of them.
fn merge_small(folder: &Folder, process: usize, is_leaving: &AtomicBool) {
    while !is_leaving.load(Ordering::Relaxed) {
        match store::merge_small(folder, process) {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => return tracing::warn!("small files stay as they are: {error}"),
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
                            told.iter().for_each(|reached| news.tell(reached));
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
