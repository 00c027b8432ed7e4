//! Changelogs to Kafka and files: what a tick changed, sent once the tick is complete.
//!
//! ```text
//! evaluated people, belongings, conflicts → (subject, (output, key, value)) ± ─→ consolidated → records ┬→ target → acknowledged
//! rejects ────────────────────────────────────────────────────────────────────────────────────→ records ┘
//! ```
//!
//! All changes of a key meet at one worker, so that a key's records leave in the order of their
//! ticks and what ends a tick as it began is not sent. The probe behind this stage passes a tick when
//! everything that it sent has been acknowledged; another one before it, when all of it has been handed over.
//!
//! A target is added as a file beside `file` and a row in `writers::KINDS`; a format as one beside `json` and a row
//! in `formats::FORMATS`.

mod ahead;
mod backlog;
mod catalog;
mod commit;
mod compare;
mod conflicts;
mod csv;
mod delivered;
mod differing;
mod durable;
mod durable_file;
mod encoder;
mod failure;
mod file;
mod formats;
mod function;
mod held;
mod http;
pub mod json;
mod kafka;
mod local_progress;
mod looking;
mod medium;
mod memory;
mod observer;
mod pack;
mod people;
mod postgres;
mod profile;
mod program;
mod publish;
mod queued;
mod receipt;
mod record;
mod refused;
mod rejects;
mod shares;
mod spill;
mod standard;
mod start;
mod storable;
mod stream;
mod target;
#[cfg(test)]
mod tests;
mod tick_index;
mod under_way;
mod update;
mod webhook;
mod writers;

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::probe::{Handle, Probe};

use crate::flow::{
    AsCollection, Collection, Concat, Due, Emit, Exchange, Map, Pipeline, Stream, Update, each,
    each_exchanged, keyed, parted_stream, whole_ticks,
};
use crate::identity::Conflict;
use crate::metrics::SharedCounts;
use crate::plan::{Destination, Plan};
use crate::profile::Belonging;
use crate::row::Reject;
use crate::segment::Evaluated;
use crate::state::batch::Batch;
use crate::time::{Micros, Tick};

pub use ahead::OutputsAhead;
pub use catalog::Catalog;
pub use commit::{Committable, DurableOutputs};
pub use differing::{DifferencePart, DifferingRecords, OutputsDifference, UnsentDifference};
pub use encoder::{EncodedMessage, Encoder, Holding, MessageEncoder, ReadBack, Unreadable};
pub use failure::{Failure, SinkError};
pub use formats::{encoder, message_encoder};
pub use function::{ChangelogRecord, ProgramFunction};
pub use held::HeldRecords;
pub use json::{Json, TextRecord};
pub use kafka::read_message;
pub use local_progress::latest_committed;
pub use looking::read_ahead;
pub use medium::until_it_works;
pub use memory::MemoryTarget;
pub use observer::Observer;
pub use pack::pack_value;
pub use profile::{Bytes as ProfileBytes, Item, PackedProfile, Packer};
pub use publish::Publisher;
pub use receipt::{Acknowledgement, AwaitedAcknowledgement, Receipt, Taking};
pub use record::{
    DisagreementKey, NamedIdentifier, Record, RecordBody, RecordKey, RecordValue, RejectReason,
    RejectedInput, SegmentChange, WithheldLink,
};
pub use target::Target;
pub use tick_index::TickIndex;
pub use under_way::{OutputTicks, UnderWay};
pub use update::{OutputStatement, OutputSubject, Router};
pub use writers::Writers;

use conflicts::{Conflicts, SingleSources};
use people::{PersonChange, PublishedPeople};
use receipt::AwaitedTaking;
use refused::Refused;
use rejects::Rejects;
use update::UndatedRecord;

/// What reaches this stage, tick by tick.
pub struct SinkInputs<'scope> {
    pub people: Stream<'scope, Rc<Evaluated>>,
    pub belongings: Collection<'scope, Belonging>,
    pub conflicts: Option<Collection<'scope, Conflict>>,
    pub rejects: Stream<'scope, Reject>,
    pub now: Stream<'scope, Micros>,
}

/// Publishes what a tick changed. Of ticks up to `held_until` outputs hold all that there is of people: it is counted alone.
///
/// Local targets are written by the first process, whose workers are the first `local` ones.
pub fn publish<'scope>(
    plan: &Arc<Plan>,
    inputs: SinkInputs<'scope>,
    local: usize,
    writers: Writers,
    held_until: Tick,
    counts: SharedCounts,
) -> SinkProbes {
    let router = Router::new(plan, local as u64);
    let (of_people, replaced) = people(plan, &inputs.people, &router, held_until, &counts);
    let mut statements = vec![of_people];
    if let Some(conflicts) = inputs.conflicts {
        let of = Conflicts::new(plan, router.clone());
        statements.push(single_sources(&inputs.people, &of, held_until));
        statements.push(conflicts.flat_map(move |conflict| of.statements(&conflict)));
    }
    let of_belongings = router.clone();
    let belongings = inputs.belongings.inner;
    let belongings = each(belongings, "Belongings", move |tick, (of, _, diff), changes| {
        if tick > held_until {
            let told = of_belongings.belonging(&of);
            told.for_each(|statement| changes.push((statement, tick, diff)));
        }
    });
    let statements = belongings.as_collection().concatenate(statements);
    let (now, none) = (inputs.now, Due::default());
    let publisher = Publisher::default();
    let records = keyed(statements, Some(now.clone()), "Publish", &counts, none, publisher);
    let rejects = Rejects::new(plan, router);
    let undated = of_rejects(rejects.clone(), inputs.rejects);
    let records = records.concat(dated(undated, now)).concat(replaced);
    let (mut refused, mut acknowledged) = write(records, writers.clone());
    if plan.outputs.iter().any(|output| matches!(output.target, Destination::Kafka { .. })) {
        let told = rejects_of_refused(refused, rejects, &counts);
        let (refused_too, acknowledged_too) = write(told, writers);
        (refused, acknowledged) = (refused_too, acknowledged.concat(acknowledged_too));
    }
    let ((handed, _), (complete, _)) = (refused.probe(), acknowledged.probe());
    SinkProbes { handed, complete }
}

/// How far the records of ticks are.
pub struct SinkProbes {
    /// Passes a tick when every worker has handed over all of its records: no more will come of it.
    pub handed: Handle<Tick>,
    /// Passes a tick when all of its records are acknowledged.
    pub complete: Handle<Tick>,
}

/// A subject's statements, as they change.
type OutputStatements<'scope> = Collection<'scope, (OutputSubject, update::OutputStatement)>;

/// What people are in outputs: statements, and records of what takes the place of something.
fn people<'scope>(
    plan: &Arc<Plan>,
    people: &Stream<'scope, Rc<Evaluated>>,
    router: &Router,
    held_until: Tick,
    counts: &SharedCounts,
) -> (OutputStatements<'scope>, Collection<'scope, Record>) {
    let (plan, router) = (Arc::clone(plan), router.clone());
    let mut published = PublishedPeople::new(plan, router, held_until, counts.clone());
    let changes = each(people.clone(), "Render", move |tick, evaluated: Rc<Evaluated>, changes| {
        published.apply(tick, &evaluated, changes);
    });
    let (statements, records) = parted_stream(changes, |change| match change {
        PersonChange::Statement(statement) => Ok(statement),
        PersonChange::Record(route, record) => Err((route, record)),
    });
    let by_subject = Exchange::new(|(route, _): &(u64, Record)| *route);
    let records = each_exchanged(records, by_subject, "Route", |tick, (_, record), records| {
        records.push((record, tick, 1));
    });
    (statements.as_collection(), records.as_collection())
}

fn single_sources<'scope>(
    people: &Stream<'scope, Rc<Evaluated>>,
    conflicts: &Conflicts,
    held_until: Tick,
) -> OutputStatements<'scope> {
    let single_sources = SingleSources::new(conflicts.clone());
    each(people.clone(), "Single sources", move |tick, evaluated: Rc<Evaluated>, changes| {
        if tick > held_until {
            single_sources.apply(tick, &evaluated, changes);
        }
    })
    .as_collection()
}

/// What tells of rows that were set aside.
fn of_rejects<'scope>(
    rejects: Rejects,
    rows: Stream<'scope, Reject>,
) -> Stream<'scope, UndatedRecord> {
    rows.flat_map(move |reject| rejects.rejects_of_row(reject)).map(
        |(subject, (output, key, rejected))| {
            (subject, (output, key, RecordValue::Reject(Box::new(rejected))))
        },
    )
}

/// Records whose values follow from nothing else, each dated by `now`.
fn dated<'scope>(
    undated: Stream<'scope, UndatedRecord>,
    now: Stream<'scope, Micros>,
) -> Collection<'scope, Record> {
    let by_subject = Exchange::new(|(subject, _): &UndatedRecord| subject.route);
    let mut at = 0;
    whole_ticks(undated, by_subject, Some(now), "Date", move |whole, records| {
        at = whole.now.map_or(at, |now| at.max(now));
        let mut emit = Emit::at(whole.tick);
        for (_, (output, key, value)) in whole.data {
            emit.push(Record { output, key, body: RecordBody::Is { value, at } }, 1);
        }
        *records = emit.into_updates();
    })
    .as_collection()
}

/// Makes rejects of records that were refused.
fn rejects_of_refused<'scope>(
    refused: Stream<'scope, Refused>,
    rejects: Rejects,
    counts: &SharedCounts,
) -> Collection<'scope, Record> {
    let counts = SharedCounts::clone(counts);
    let told = refused.flat_map(move |refused| {
        counts.borrow_mut().too_large[refused.output()] += 1;
        refused.into_rejects(&rejects)
    });
    let by_subject = Exchange::new(|(subject, _): &(OutputSubject, Record)| subject.route);
    whole_ticks(told, by_subject, None, "Refused", |whole, records| {
        let mut emit = Emit::at(whole.tick);
        whole.data.into_iter().for_each(|(_, record)| emit.push(record, 1));
        *records = emit.into_updates();
    })
    .as_collection()
}

/// What leaves the last operator: what writers refused, whose frontier passes a tick when all of it is taken, and
/// nothing, whose frontier passes a tick when all of it is acknowledged.
type WrittenRecords<'scope> = (Stream<'scope, Refused>, Stream<'scope, ()>);

/// Hands records to writers.
fn write<'scope>(records: Collection<'scope, Record>, writers: Writers) -> WrittenRecords<'scope> {
    let scope = records.inner.scope();
    let mut builder = OperatorBuilder::new("Write".to_owned(), scope);
    let activator = scope.worker().sync_activator_for(builder.operator_info().address.to_vec());
    let activator = Arc::new(activator);
    let mut input = builder.new_input(records.inner, Pipeline);
    let (refused, of_refused) = builder.new_output::<Vec<Refused>>();
    let (acknowledged, of_acknowledged) = builder.new_output::<Vec<()>>();
    let mut refused = OutputBuilder::<_, CapacityContainerBuilder<Vec<Refused>>>::from(refused);
    builder.build(move |_| {
        // Nothing is sent there.
        let _acknowledged = acknowledged;
        let mut taking: VecDeque<(Capability<Tick>, AwaitedTaking)> = VecDeque::new();
        let mut under_way: VecDeque<(Capability<Tick>, AwaitedAcknowledgement)> = VecDeque::new();
        let mut arrived: BTreeMap<Tick, ArrivedRecords> = BTreeMap::new();
        move |frontiers| {
            input.for_each(|capability, data| {
                if let Some(tick) = capability.least().copied() {
                    let arrived = arrived.entry(tick).or_insert_with(|| ArrivedRecords {
                        until_taken: capability.delayed(&tick, 0),
                        until_acknowledged: capability.delayed(&tick, 1),
                        records: Batch::default(),
                    });
                    arrived.records.append(data);
                }
            });
            // Records of a tick may come in portions, and those of a key leave in the order of ticks.
            while let Some(earliest) = arrived.first_entry() {
                let tick = *earliest.key();
                if frontiers[0].less_than(&tick) {
                    break;
                }
                let arrived = earliest.remove();
                let activator = Arc::clone(&activator);
                let (receipt, awaited_taking, awaited) = Receipt::new(move || {
                    // The worker has ended when it can't be activated: then nobody waits for this.
                    let _ = activator.activate();
                });
                let records = arrived.records.into_iter().map(|(record, _, _)| record);
                writers.send(tick, records, &receipt);
                taking.push_back((arrived.until_taken, awaited_taking));
                under_way.push_back((arrived.until_acknowledged, awaited));
            }
            let mut output = refused.activate();
            taking.retain(|(capability, awaited)| {
                if awaited.is_held() {
                    return true;
                }
                let mut refused = awaited.take_refused();
                if !refused.is_empty() {
                    output.session(capability).give_container(&mut refused);
                }
                false
            });
            under_way.retain(|(_, awaited)| awaited.is_held());
        }
    });
    (of_refused, of_acknowledged)
}

/// The records of a tick that have come to be written.
struct ArrivedRecords {
    until_taken: Capability<Tick>,
    until_acknowledged: Capability<Tick>,
    records: Batch<Update<Record>>,
}
