//! How what is told becomes what is published: an observer takes the records of profiles, and a thread publishes each
//! tick once it is whole and, where anything is, durable.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::journal::{self, JournalBounds, JournalFile};
use super::keeping::{ChangesKeeper, KeptChanges};
use super::published::{ProfileChange, Published, PublishedProfile};
use super::served_plan::ServedPlan;
use super::server::ServeError;
use crate::plan::Plan;
use crate::sink::{
    Acknowledgement, Catalog, Committable, DifferencePart, DifferingRecords, DurableOutputs,
    Observer, Receipt, Record, RecordBody, RecordKey, RecordValue, UnderWay,
};
use crate::time::Tick;

/// Sees what outputs are told, and hands it to the thread that publishes.
pub struct PublishingObserver {
    plan: Arc<Plan>,
    /// The output that tells all of everybody.
    whole: u16,
    /// By output, as which one its records are told.
    told_as: Vec<Option<u16>>,
    /// How many processes send what outputs differ by there.
    others: usize,
    published: Arc<Published>,
    observed: Sender<Observed>,
    committable: Committable,
    /// Whether what can't be kept is not tried again.
    abandoned: Arc<AtomicBool>,
}

impl Drop for PublishingObserver {
    /// All that was told has been acknowledged, or the run failed: then a disk that is full holds up nobody.
    fn drop(&mut self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }
}

/// What the thread is told.
enum Observed {
    Records(ObservedRecords),
    /// What outputs differ by comes, from so many other processes, too, and is told before what is behind this tick.
    Awaits(Tick, usize),
    Differs(Tick, Vec<DifferingRecords>),
    /// A part of it that is another process's; with its last one `true`.
    DiffersElsewhere(DifferingRecords, bool),
    /// What is told behind this tick is kept.
    IsKept(ChangesKeeper, Tick),
}

struct ObservedRecords {
    tick: Tick,
    changes: Vec<ProfileChange>,
    records: Vec<Record>,
    acknowledgement: Acknowledgement,
}

impl PublishingObserver {
    /// Publishes what the outputs of a plan are told.
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub fn start(served: &ServedPlan, published: Arc<Published>) -> Result<Self, ServeError> {
        let (sender, observed) = unbounded();
        let committable = Committable::new();
        let (whole, of_thread) = (committable.clone(), Arc::clone(&published));
        let run = move || {
            publish(&observed, &whole, &of_thread);
            of_thread.recent.close();
        };
        let thread = std::thread::Builder::new().name("published".to_owned());
        thread.spawn(run).map_err(ServeError::Thread)?;
        Ok(PublishingObserver {
            plan: Arc::clone(&served.plan),
            whole: served.whole,
            told_as: served.told_as.clone(),
            others: served.others,
            published,
            observed: sender,
            committable,
            abandoned: Arc::default(),
        })
    }

    /// Begins to keep the changes of outputs of which no file tells them later.
    fn keep(&self, durable: &DurableOutputs, outputs: &UnderWay) -> std::io::Result<Option<Tick>> {
        let mut keeps = vec![false; self.told_as.len()];
        for output in self.told_as.iter().flatten().map(|output| usize::from(*output)) {
            keeps[output] = outputs[output].index().is_none();
        }
        let named = self.plan.outputs.iter().zip(&keeps);
        let names: Vec<String> =
            named.filter(|(_, keeps)| **keeps).map(|(output, _)| output.name.clone()).collect();
        if names.is_empty() {
            journal::delete(&durable.folder.root)?;
            return Ok(None);
        }
        let bounds = JournalBounds::new(self.plan.http.kept_changes());
        let (file, told) = JournalFile::open(durable, names, bounds)?;
        let kept = Arc::new(KeptChanges::new(journal::folder(&durable.folder.root), keeps));
        let (names, abandoned) = (Catalog::shared(&self.plan), Arc::clone(&self.abandoned));
        let keeper = ChangesKeeper::start(file, Arc::clone(&kept), names, abandoned)?;
        // It is said once.
        let _ = self.published.kept.set(kept);
        let _ = self.observed.send(Observed::IsKept(keeper, told));
        Ok(Some(told))
    }
}

impl Observer for PublishingObserver {
    fn observe(&self, tick: Tick, records: &[Record], receipt: Receipt) {
        let of_profiles = records.iter().filter(|record| record.output == self.whole);
        let changes: Vec<ProfileChange> = of_profiles.filter_map(change).collect();
        let told = records.iter().filter_map(|record| {
            let output = self.told_as[usize::from(record.output)]?;
            Some(Record { output, ..record.clone() })
        });
        let records = told.collect();
        let (_, acknowledgement) = receipt.taken();
        // The thread ends only when this is gone.
        let observed = ObservedRecords { tick, changes, records, acknowledgement };
        let _ = self.observed.send(Observed::Records(observed));
    }

    fn opened(&self, durable: &DurableOutputs, outputs: &UnderWay) -> Option<Tick> {
        self.keep(durable, outputs).unwrap_or_else(|error| {
            let folder = journal::folder(&durable.folder.root);
            tracing::warn!(
                "who follows changes can't go on behind what memory has, since '{}' can't be used: {error}",
                folder.display()
            );
            None
        })
    }

    fn awaits(&self, replayed: Tick) {
        let _ = self.observed.send(Observed::Awaits(replayed, self.others));
    }

    fn differ(&self, tick: Tick, differing: Vec<DifferingRecords>) {
        let _ = self.observed.send(Observed::Differs(tick, differing));
    }

    fn differ_elsewhere(&self, part: DifferencePart) {
        let is_last = part.is_last;
        let differing = part.received(&Catalog::of(&self.plan));
        let _ = self.observed.send(Observed::DiffersElsewhere(differing, is_last));
    }

    fn allow(&self, before: Tick) {
        self.committable.allow(before);
    }
}

fn change(record: &Record) -> Option<ProfileChange> {
    let RecordKey::Person(person) = record.key else { return None };
    Some(match &record.body {
        RecordBody::Is { value: RecordValue::Profile(profile), at } => {
            (person, Some(PublishedProfile { profile: profile.clone(), at: *at }))
        }
        _ => (person, None),
    })
}

/// What was observed of a tick.
#[derive(Default)]
struct ObservedTick {
    changes: Vec<ProfileChange>,
    records: Vec<Record>,
    held: Vec<Acknowledgement>,
}

/// What waits to be published.
#[derive(Default)]
struct WaitingTicks {
    ticks: BTreeMap<Tick, ObservedTick>,
    /// Behind this tick it is told first what outputs differ by.
    awaits: Option<Tick>,
    /// As which tick that is told, and what it is, once it is known.
    differs: Option<(Tick, Vec<DifferingRecords>)>,
    /// The same of other processes, as far as it has come; from how many it comes, and from how many all of it has.
    elsewhere: Vec<DifferingRecords>,
    others: usize,
    known_of: usize,
    /// Where what is told behind a tick is kept.
    keeper: Option<(ChangesKeeper, Tick)>,
}

impl WaitingTicks {
    fn take(&mut self, observed: Observed) {
        match observed {
            Observed::Records(of) => {
                let tick = self.ticks.entry(of.tick).or_default();
                tick.changes.extend(of.changes);
                tick.records.extend(of.records);
                tick.held.push(of.acknowledgement);
            }
            Observed::Awaits(replayed, others) => {
                (self.awaits, self.others) = (Some(replayed), others);
            }
            Observed::Differs(tick, differing) => self.differs = Some((tick, differing)),
            Observed::DiffersElsewhere(differing, is_last) => {
                self.elsewhere.push(differing);
                self.known_of += usize::from(is_last);
            }
            Observed::IsKept(keeper, behind) => self.keeper = Some((keeper, behind)),
        }
    }

    /// The tick before which all may be published.
    fn before(&self, whole: Tick) -> Tick {
        self.awaits.map_or(whole, |replayed| whole.min(replayed + 1))
    }

    /// Publishes what is before a tick. Says which tick was the last one.
    fn publish(&mut self, before: Tick, published: &Published, mut last: Tick) -> Tick {
        while let Some(next) = self.ticks.first_entry().filter(|next| *next.key() < before) {
            let (tick, ObservedTick { changes, mut records, held }) = next.remove_entry();
            // However workers came together: a record's place is the same after a restart.
            records.sort_by(|one, other| (one.output, &one.key).cmp(&(other.output, &other.key)));
            let keeper = self.keeper(tick);
            // Whoever waits for the tick finds what was noted of it.
            let told = published.note(records);
            published.publish(tick, changes);
            let kept = keeper.map(|keeper| (keeper, told.clone()));
            published.recent.add(tick, told);
            last = tick;
            if let Some((keeper, told)) = kept {
                keeper.keep(tick, told, held);
            }
        }
        // Ticks that tell nothing pass, too. Behind the last one no tick has a number.
        let passed = before.saturating_sub(1);
        if before != Tick::MAX && passed > last {
            published.publish(passed, Vec::new());
            last = passed;
        }
        last
    }

    /// What keeps a tick that is told next, if it is to be kept. Who follows waits for that from now on.
    fn keeper(&self, tick: Tick) -> Option<&ChangesKeeper> {
        let (keeper, _) = self.keeper.as_ref().filter(|(_, behind)| tick > *behind)?;
        keeper.awaits(tick);
        Some(keeper)
    }

    /// What outputs differ by, once it is known, and all that is replayed is published.
    fn difference(&mut self, last: Tick) -> Option<(Tick, Vec<DifferingRecords>)> {
        let is_known = self.known_of >= self.others;
        let is_reached = self.awaits.is_none_or(|replayed| replayed <= last);
        let (tick, mut differing) = self.differs.take_if(|_| is_known && is_reached)?;
        differing.append(&mut self.elsewhere);
        self.awaits = None;
        Some((tick, differing))
    }
}

/// The thread's life: until the last observer is gone, and all that was observed is published.
fn publish(observed: &Receiver<Observed>, whole: &Committable, published: &Published) {
    let told = whole.watch();
    let mut waiting = WaitingTicks::default();
    let mut last = 0;
    loop {
        let is_over = crossbeam_channel::select! {
            recv(observed) -> records => match records {
                Ok(records) => {
                    waiting.take(records);
                    false
                }
                Err(_) => true,
            },
            recv(told) -> _ => false,
        };
        // Read first: what is before it has been observed by then.
        let before = whole.before();
        observed.try_iter().for_each(|records| waiting.take(records));
        last = waiting.publish(waiting.before(before), published, last);
        if let Some((tick, differing)) = waiting.difference(last) {
            let told = published.differing(differing);
            let keeper = waiting.keeper(tick);
            if !told.is_empty() {
                last = tick;
                published.publish(tick, Vec::new());
                published.recent.add(tick, told.clone());
            }
            keeper.inspect(|keeper| keeper.begin(tick, told));
            last = waiting.publish(before, published, last);
        }
        if is_over {
            return;
        }
    }
}
