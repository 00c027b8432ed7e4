//! Changelogs to Kafka and files: what a tick changed, sent once the tick is complete.
//!
//! ```text
//! evaluated people → rendered ┐
//! belongings ─────────────────┼→ changes, by key → published records → written → acknowledged
//! conflicts, rejects ─────────┘
//! ```
//!
//! All changes of a key meet at one worker, so that a key's records leave in the order of their
//! ticks and what ends a tick as it began is not sent. The probe behind this stage passes a tick when
//! everything that it sent has been acknowledged.

mod conflicts;
mod csv;
mod encode;
mod file;
pub mod json;
mod kafka;
mod message;
mod publish;
mod refused;
mod render;
mod write;

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::probe::{Handle, Probe};

use crate::flow::{Collection, Concatenate, Exchange, Map, Pipeline, Stream, keeping, whole_ticks};
use crate::identity::Conflict;
use crate::metrics::SharedCounts;
use crate::plan::{Plan, Target};
use crate::profile::Belonging;
use crate::row::Reject;
use crate::segment::Evaluated;
use crate::state::batch::Batch;
use crate::time::{Micros, Tick};

pub use message::Record;
pub use write::{Failure, Receipt, SinkError, Writer, Writers};

use conflicts::{Conflicts, SingleSources};
use message::{Message, Router};
use publish::Publisher;
use refused::Refused;
use render::Renderer;
use write::Awaited;

/// What reaches this stage, tick by tick.
pub struct Inputs<'scope> {
    pub people: Stream<'scope, Rc<Evaluated>>,
    pub belongings: Collection<'scope, Belonging>,
    pub conflicts: Option<Collection<'scope, Conflict>>,
    pub rejects: Stream<'scope, Reject>,
    pub now: Stream<'scope, Micros>,
}

/// Publishes what a tick changed. The probe's frontier passes a tick when it is acknowledged.
///
/// Files are written by the first process, whose workers are the first `local` ones.
pub fn publish<'scope>(
    plan: &Arc<Plan>,
    inputs: Inputs<'scope>,
    local: usize,
    writers: Writers,
    counts: SharedCounts,
) -> Handle<Tick> {
    let scope = inputs.now.scope();
    let worker = scope.index() as u64;
    let renderer = Renderer::new(Arc::clone(plan), local as u64, counts.clone());
    let router = Router::new(plan, local as u64);
    let conflicts = Conflicts::new(plan, router.clone());
    let router_of_refused = router.clone();
    let single_sources = inputs.conflicts.is_some().then(|| {
        keeping(
            inputs.people.clone(),
            Pipeline,
            "Single sources",
            &counts,
            SingleSources::new(conflicts.clone()),
            |single_sources, batch, messages| {
                batch.iter().for_each(|evaluated| single_sources.apply(evaluated, messages));
            },
        )
    });
    let conflicts = inputs.conflicts.map(|changes| {
        changes.inner.flat_map(move |(conflict, _, diff)| conflicts.messages(&conflict, diff))
    });
    let render = |renderer: &mut Renderer, batch: Batch<_>, messages: &mut Batch<Message>| {
        batch.iter().for_each(|evaluated: &Rc<_>| renderer.render(evaluated, messages));
    };
    let people = keeping(inputs.people, Pipeline, "Render", &counts, renderer, render);
    let belongings = {
        let router = router.clone();
        let belongings = inputs.belongings.inner;
        belongings.flat_map(move |(belonging, _, diff)| {
            message::belonging_messages(&router, belonging, diff)
        })
    };
    let rejects = {
        let plan = Arc::clone(plan);
        inputs.rejects.flat_map(move |reject| message::reject_messages(&plan, &router, &reject))
    };
    let now = inputs.now.map(move |now| Message::Now(worker, now));
    let messages = [people, belongings, rejects, now];
    let messages = scope.concatenate(messages.into_iter().chain(conflicts).chain(single_sources));
    let mut publisher = Publisher::new(Arc::clone(plan), counts.clone());
    let records = whole_ticks(
        messages,
        Exchange::new(Message::route),
        None,
        "Publish",
        move |whole, records| publisher.publish(whole.data, records),
    );
    let mut refused = write(records, writers.clone());
    if plan.outputs.iter().any(|output| matches!(output.target, Target::Kafka { .. })) {
        let told = tell(plan, refused, router_of_refused, counts);
        refused = write(told, writers);
    }
    let (probe, _) = refused.probe();
    probe
}

/// Makes rejects of records that were refused.
fn tell<'scope>(
    plan: &Arc<Plan>,
    refused: Stream<'scope, Refused>,
    router: Router,
    counts: SharedCounts,
) -> Stream<'scope, Record> {
    let (plan, of_refused) = (Arc::clone(plan), counts.clone());
    let told = refused.flat_map(move |refused| {
        of_refused.borrow_mut().too_large += 1;
        refused.told(&plan, &router)
    });
    let route = Exchange::new(|(route, _): &(u64, Record)| *route);
    whole_ticks(told, route, None, "Refused", move |whole, records| {
        for (_, record) in whole.data {
            counts.borrow_mut().outputs[usize::from(record.output)] += 1;
            records.push(record);
        }
    })
}

/// Hands records to writers; what leaves is what they refused, and its frontier follows the receipts.
fn write<'scope>(records: Stream<'scope, Record>, writers: Writers) -> Stream<'scope, Refused> {
    let scope = records.scope();
    records.unary::<CapacityContainerBuilder<Vec<Refused>>, _, _, _>(
        Pipeline,
        "Write",
        |_, info| {
            let mut under_way: VecDeque<(Capability<Tick>, Awaited)> = VecDeque::new();
            let activator = scope.worker().sync_activator_for(info.address.to_vec());
            move |input, output| {
                let mut arrived: BTreeMap<Tick, (Capability<Tick>, Batch<Record>)> =
                    BTreeMap::new();
                input.for_each(|capability, data| {
                    if let Some(capability) = capability.retain_least(output.output_index()) {
                        let tick = arrived.entry(*capability.time());
                        let (_, records) = tick.or_insert_with(|| (capability, Batch::default()));
                        records.append(data);
                    }
                });
                for (tick, (capability, records)) in arrived {
                    let activator = activator.clone();
                    let (receipt, awaited) = Receipt::new(move || {
                        // The worker has ended when it can't be activated: then nobody waits for this.
                        let _ = activator.activate();
                    });
                    writers.send(tick, records, &receipt);
                    under_way.push_back((capability, awaited));
                }
                under_way.retain(|(capability, awaited)| {
                    if awaited.is_held() {
                        return true;
                    }
                    let mut refused = awaited.take_refused();
                    if !refused.is_empty() {
                        output.session(capability).give_container(&mut refused);
                    }
                    false
                });
            }
        },
    )
}
