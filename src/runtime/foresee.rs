//! What some rows come to, now and as time passes: the stages themselves, run beside any run.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use arrow::array::RecordBatch;
use timely::dataflow::operators::Inspect;
use timely::dataflow::operators::probe::Probe;

use super::Clock;
use super::dataflow::Dataflow;
use crate::decode::Decoded;
use crate::identity::Component;
use crate::profile::PersonState;
use crate::row::Row;
use crate::segment::Evaluated;
use crate::spec::plan::Plan;
use crate::time::{Micros, Tick};

/// How often time is let pass: a person with more rows in windows is looked at no further ahead.
const GLIMPSES: usize = 1_000;

/// The people at an instant, each with their columns of `Plan::profile_schema`, in one row.
pub struct Glimpse {
    pub now: Micros,
    pub people: Vec<(PersonState, RecordBatch)>,
}

/// Lets rows arrive together at `now`, and then time pass to each next instant at which it changes
/// something, for as long as `go_on` says so. Returns the first glimpse, and the last if it is
/// another.
pub fn foresee(
    plan: &Arc<Plan>,
    rows: Vec<Row>,
    now: Micros,
    mut go_on: impl FnMut(&Glimpse) -> bool + Send + Sync + 'static,
) -> (Glimpse, Option<Glimpse>) {
    let plan = Arc::clone(plan);
    timely::execute_directly(move |worker| {
        let seen: Rc<RefCell<BTreeMap<Component, (PersonState, RecordBatch)>>> = Rc::default();
        let people = Rc::clone(&seen);
        let mut dataflow = Dataflow::build_up_to(worker, &plan, Clock::Wall, move |inputs, _| {
            let stream =
                inputs.people.inspect(move |evaluated| see(evaluated, &mut people.borrow_mut()));
            let (probe, _) = stream.probe();
            probe
        });
        let decoded = Decoded { rows, ..Decoded::default() };
        dataflow.inbox.borrow_mut().add(0, decoded, &dataflow.counts);
        let mut first = None;
        let mut reading = now;
        for tick in 1..=GLIMPSES as Tick {
            dataflow.open_tick(tick, reading);
            while dataflow.complete.less_equal(&tick) {
                worker.step_or_park(None);
            }
            let people = seen.borrow().values().cloned().collect();
            let glimpse = Glimpse { now: reading, people };
            let wanted = go_on(&glimpse);
            let due = dataflow.next_due().filter(|due| wanted && *due > reading);
            let is_last = due.is_none() || tick == GLIMPSES as Tick;
            match first {
                None => first = Some(glimpse),
                Some(first) if is_last => {
                    dataflow.close();
                    return (first, Some(glimpse));
                }
                Some(_) => {}
            }
            match due {
                Some(due) if !is_last => reading = due,
                _ => break,
            }
        }
        dataflow.close();
        (first.expect("there is a first tick"), None)
    })
}

fn see(evaluated: &Evaluated, people: &mut BTreeMap<Component, (PersonState, RecordBatch)>) {
    for gone in &evaluated.gone {
        people.remove(gone);
    }
    for (row, (component, state)) in evaluated.people.iter().enumerate() {
        people.insert(*component, (state.clone(), evaluated.columns.slice(row, 1)));
    }
}
