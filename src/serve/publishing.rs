//! How what is told becomes what is published: an observer takes the records of profiles, and a thread publishes each
//! tick once it is whole and, where anything is, durable.

use std::collections::BTreeMap;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::published::{ProfileChange, Published, PublishedProfile};
use super::server::ServeError;
use crate::plan::{Destination, Format, Output, Plan, Publish};
use crate::sink::{
    Acknowledgement, Committable, DifferingRecords, Observer, Receipt, Record, RecordBody,
    RecordKey, RecordValue,
};
use crate::time::Tick;

/// The output that is added where no other tells all of everybody.
pub const ADDED: &str = "served over HTTP";

/// Sees what outputs are told, and hands it to the thread that publishes.
pub struct PublishingObserver {
    /// The output that tells all of everybody, and the same where it was added for that alone.
    output: u16,
    added: Option<u16>,
    observed: Sender<Observed>,
    whole: Committable,
}

/// What the thread is told.
enum Observed {
    Records(ObservedRecords),
    /// What outputs differ by comes, and is told before what is behind this tick.
    Awaits(Tick),
    Differs(Tick, Vec<DifferingRecords>),
}

struct ObservedRecords {
    tick: Tick,
    changes: Vec<ProfileChange>,
    records: Vec<Record>,
    acknowledgement: Acknowledgement,
}

/// A plan of which some output tells all of everybody to the first process, and the number of that output.
pub fn plan_for(mut plan: Plan, processes: usize) -> (Plan, u16) {
    let tells_all = |output: &Output| {
        let is_whole = output.attributes.iter().copied().eq(0..plan.attributes.len());
        let comes_here = processes <= 1 || output.target.is_local();
        output.publish == Publish::Profiles && output.condition.is_none() && is_whole && comes_here
    };
    let output = plan.outputs.iter().position(tells_all).unwrap_or_else(|| {
        plan.outputs.push(Output {
            name: ADDED.to_owned(),
            publish: Publish::Profiles,
            target: Destination::Http,
            format: Format::Json,
            condition: None,
            attributes: (0..plan.attributes.len()).collect(),
        });
        plan.outputs.len() - 1
    });
    (plan, output as u16)
}

impl PublishingObserver {
    /// Publishes what this output is told.
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub fn start(plan: &Plan, output: u16, published: Arc<Published>) -> Result<Self, ServeError> {
        let (sender, observed) = unbounded();
        let whole = Committable::new();
        let of_thread = whole.clone();
        let run = move || {
            publish(&observed, &of_thread, &published);
            published.recent.close();
        };
        let thread = std::thread::Builder::new().name("published".to_owned());
        thread.spawn(run).map_err(ServeError::Thread)?;
        let is_added = plan.outputs[usize::from(output)].target == Destination::Http;
        let added = is_added.then_some(output);
        Ok(PublishingObserver { output, added, observed: sender, whole })
    }
}

impl Observer for PublishingObserver {
    fn observe(&self, tick: Tick, records: &[Record], receipt: Receipt) {
        let of_profiles = records.iter().filter(|record| record.output == self.output);
        let changes: Vec<ProfileChange> = of_profiles.filter_map(change).collect();
        let told = records.iter().filter(|record| Some(record.output) != self.added);
        let records = told.cloned().collect();
        let (_, acknowledgement) = receipt.taken();
        // The thread ends only when this is gone.
        let observed = ObservedRecords { tick, changes, records, acknowledgement };
        let _ = self.observed.send(Observed::Records(observed));
    }

    fn awaits(&self, replayed: Tick) {
        let _ = self.observed.send(Observed::Awaits(replayed));
    }

    fn differ(&self, tick: Tick, differing: Vec<DifferingRecords>) {
        let _ = self.observed.send(Observed::Differs(tick, differing));
    }

    fn allow(&self, before: Tick) {
        self.whole.allow(before);
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
            Observed::Awaits(replayed) => self.awaits = Some(replayed),
            Observed::Differs(tick, differing) => self.differs = Some((tick, differing)),
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
            published.publish(tick, changes);
            published.tell(tick, records);
            last = tick;
            drop(held);
        }
        // Ticks that tell nothing pass, too. Behind the last one no tick has a number.
        let passed = before.saturating_sub(1);
        if before != Tick::MAX && passed > last {
            published.publish(passed, Vec::new());
            last = passed;
        }
        last
    }

    /// What outputs differ by, once it is known, and all that is replayed is published.
    fn difference(&mut self, last: Tick) -> Option<(Tick, Vec<DifferingRecords>)> {
        let differs = self.differs.take_if(|_| self.awaits.is_none_or(|replayed| replayed <= last));
        differs.inspect(|_| self.awaits = None)
    }
}

/// The thread's life: until the last observer is gone, and all that was observed is published.
fn publish(observed: &Receiver<Observed>, whole: &Committable, published: &Published) {
    let told = whole.told();
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
            if !told.is_empty() {
                last = tick;
                published.publish(tick, Vec::new());
                published.recent.add(tick, told);
            }
            last = waiting.publish(before, published, last);
        }
        if is_over {
            return;
        }
    }
}
