//! What is known about each person: aggregates a row, an identifier, a person; windows.
//!
//! ```text
//! row changes ─┐
//! named       ─┼→ accounts, by identifier → transfers → people, by component → persons, belongings
//! belongs     ─┤
//! now()       ─┘
//! ```

mod accounts;
mod aggregate;
mod exact;
mod funnel;
mod gathered;
mod halves;
mod members;
mod ordered;
mod partial;
mod people;
mod room;
mod sessions;
mod tally;
#[cfg(test)]
mod tests;
mod timeline;
mod totals;
mod transfer;
mod windows;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use accounts::{Accounts, Posting};
use people::{Arrival, People};
pub use people::{Belonging, Change, Person, PersonState};
pub use sessions::{InSession, session_columns};

use crate::decode::admit::RowChange;
use crate::flow::{Concat, Concatenate, Exchange, Map, Stream, keeping};
use crate::identity::{Belongs, Identified};
use crate::metrics::SharedCounts;
use crate::spec::plan::Plan;
use crate::time::Micros;

/// People and whom identifiers belong to, as they change. `next_due` are kept at the next instants
/// at which time alone changes something here.
pub fn assemble<'scope>(
    plan: &Arc<Plan>,
    rows: Stream<'scope, RowChange>,
    identified: &Identified<'scope>,
    now: Stream<'scope, Micros>,
    next_due: [Rc<Cell<Option<Micros>>>; 2],
    counts: SharedCounts,
) -> Stream<'scope, Change> {
    let scope = rows.scope();
    let worker = scope.index() as u64;
    let rows = rows.flat_map(|RowChange { time, diff, body, .. }| {
        let counts = diff != 0 && !body.inputs.is_empty() && !body.identifiers.is_empty();
        counts.then_some(Posting::Row { time, diff, body })
    });
    let postings = scope.concatenate([
        rows,
        identified.belongs.clone().map(Posting::Belongs),
        identified.named.clone().map(Posting::Named),
        now.clone().map(move |now| Posting::Now(worker, now)),
    ]);
    let [accounts_due, people_due] = next_due;
    let transfers = keeping(
        postings,
        Exchange::new(|posting: &Posting| match posting {
            Posting::Named(named) => named.hash.0 as u64,
            Posting::Belongs(Belongs { identifier, .. }) => identifier.0 as u64,
            Posting::Row { body, .. } => body.identifiers[0].hash.0 as u64,
            Posting::Now(worker, _) => *worker,
        }),
        "Accounts",
        &counts,
        Accounts::new(Arc::clone(plan)),
        move |accounts, batch, transfers| {
            accounts.apply(batch, transfers);
            accounts_due.set(accounts.next_due());
        },
    );
    let arrivals =
        transfers.map(Arrival::Transfer).concat(now.map(move |now| Arrival::Now(worker, now)));
    let people = People::new(Arc::clone(plan), SharedCounts::clone(&counts));
    keeping(
        arrivals,
        Exchange::new(|arrival: &Arrival| match arrival {
            Arrival::Transfer(transfer) => transfer.component.route(),
            Arrival::Now(worker, _) => *worker,
        }),
        "People",
        &counts,
        people,
        move |people, batch, changes| {
            people.apply(batch, changes);
            people_due.set(people.next_due());
        },
    )
}
