//! What is known about each person: aggregates a row, an identifier, a person; windows, sessions.
//!
//! ```text
//! rows ─┬────────────────────────┐
//!       └→ in window (now) ──────┼→ sums, by identifier ─→ contributions, by component ─┬→ people
//! belongs ───────────────────────┘                          └→ rows in sessions (now) ───────┘
//! ```
//!
//! Sums are kept in [`identifiers`] for each identifier and in [`people`] for each person, in blocks of words
//! whose meaning is [`sums`]'.

mod aggregate;
mod changed;
mod contribution;
mod extremes;
mod gathered;
mod identifier_state;
mod identifiers;
mod input;
mod led_list;
mod ordered;
mod ownership;
mod packed;
mod people;
mod place;
mod recent_texts;
mod rest;
mod save;
mod sessions;
mod sums;
#[cfg(test)]
mod tests;
mod timeline;
mod told;
mod windows;
mod word;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::flow::{
    AsCollection, Collection, Due, Emit, Index, KeyedState, PackedList, Pieces, Pipeline, Saving,
    Stream, WholeTick, arranged, during, keyed, keyed_in, parted, whole_ticks,
};
use crate::identity::{Identified, Sighting, seen};
use crate::metrics::SharedCounts;
use crate::plan::{Function, Plan};
use crate::row::{IdentifierHash, StandingRow};
use crate::standing::StandingRows;
use crate::time::{Micros, Tick};

use contribution::Contribution;
use identifiers::Identifiers;
use input::{IdentifierInput, SavedIdentifier};
use people::{Known, People};
use sessions::{OverSessions, Parting};
use sums::Layout;
use windows::Windows;

pub use contribution::Member;
pub use identifiers::IDENTIFIERS;
pub use input::saved_names;
pub use packed::PersonRow;
pub use people::Belonging;
pub use sessions::{InSession, session_columns};

/// What comes out of this stage.
pub struct Assembled<'scope> {
    /// Whose each identifier is.
    pub belongings: Collection<'scope, Belonging>,
    /// People by id, each one's value a [`PersonRow`].
    pub people: PersonRows<'scope>,
    /// The same as `belongings`, by identifier: the id of the person whose it is.
    pub whose: Whose<'scope>,
}

/// Person → row of attributes.
pub type PersonRows<'scope> = Index<'scope, IdentifierHash, PackedList>;

/// Identifier → person.
pub type Whose<'scope> = Index<'scope, IdentifierHash, Pieces<IdentifierHash>>;

/// What people's profiles have to do with time.
pub struct ProfileTimes<'scope> {
    pub now: Stream<'scope, Micros>,
    /// Every tick, whatever happens in it.
    pub ticks: Stream<'scope, Micros>,
    /// Nothing is told of people before this tick, and with it all that there is by then.
    pub told_from: Tick,
    /// Kept at the next instants at which time alone changes something here: windows, and sessions.
    pub due: [Due; 2],
}

/// Puts together what is known about each person.
pub fn assemble<'scope>(
    plan: &Arc<Plan>,
    StandingRows { rows, seen_only }: StandingRows<'scope>,
    identified: &Identified<'scope>,
    times: ProfileTimes<'scope>,
    counts: &SharedCounts,
    saving: &Saving<'scope>,
) -> Assembled<'scope> {
    let ProfileTimes { now, ticks, told_from, due: [windows_due, sessions_due] } = times;
    let layout = Arc::new(Layout::new(plan));
    let belongs = identified.belongs.clone();
    let mut inputs =
        vec![belongs.map(|(identifier, of)| (identifier, IdentifierInput::Belongs(of)))];
    inputs.push(seen_only.flat_map(|row| sightings(row, false)));
    if plan.aggregates.iter().any(|aggregate| aggregate.window.is_some()) {
        let in_window = in_window(plan, rows.clone());
        inputs.push(during(in_window, now.clone(), "Windows", counts, windows_due, saving));
    }
    let name = IDENTIFIERS;
    inputs.extend(saving.put_back(name, |saved: SavedIdentifier| vec![(saved.input(), 1)]));
    let inputs = rows.flat_map(|row| sightings(row, true)).concatenate(inputs);
    let identifiers = Identifiers::new(Arc::clone(plan), Arc::clone(&layout), told_from);
    let identifiers = Rc::new(RefCell::new(KeyedState::new(identifiers)));
    let kept = Rc::clone(&identifiers);
    saving.keep(name, move |entries| save::save(&kept.borrow(), entries));
    // Where nothing is told before a tick, it is to be told with it, whatever comes.
    let ticks = (told_from > 0).then_some(ticks);
    let contributions = keyed_in(inputs, ticks, name, counts, Due::default(), identifiers);
    let contributions = over_sessions(plan, contributions, now, sessions_due, counts);
    let people = People::new(Arc::clone(plan), layout, SharedCounts::clone(counts));
    let known = keyed(contributions, None, "People", counts, Due::default(), people);
    let (people, belongings) = parted(known, |known| match known {
        Known::Person(id, row) => Ok((id, row)),
        Known::Belonging(belonging) => Err(belonging),
    });
    let people = arranged(people, "People by id", counts);
    let pairs = belongings.clone().map(|belonging| (belonging.identifier, belonging.person));
    let whose = arranged(pairs, "People by identifier", counts);
    Assembled { belongings, people, whose }
}

/// What a row says of the identifiers that it carries; with its most trusted one goes the row itself.
fn sightings(
    row: StandingRow,
    stands: bool,
) -> impl Iterator<Item = (IdentifierHash, IdentifierInput)> {
    let StandingRow { time, body, .. } = row;
    let inputs = body.identifiers().enumerate().map(|(index, identifier)| {
        let input = if index == 0 && stands {
            IdentifierInput::Row { time, body: body.clone() }
        } else {
            let (of, seen) = (body.mentioned([identifier]), seen(&body, time));
            IdentifierInput::Sighting(Sighting { identifier: of, seen, stands })
        };
        (identifier.hash, input)
    });
    inputs.collect::<SmallVec<[_; 3]>>().into_iter()
}

/// What rows give to the aggregates of windows, with the readings of `now()` at which they are in them.
fn in_window<'scope>(
    plan: &Arc<Plan>,
    rows: Collection<'scope, StandingRow>,
) -> Collection<'scope, ((IdentifierHash, IdentifierInput), std::ops::Range<Micros>)> {
    let mut windows = Windows::new(plan);
    rows.flat_map(move |row| {
        let identifier = row.body.identifiers().next().map(|identifier| identifier.hash);
        let of_windows = identifier.map(|of| (of, windows.inputs(&row)));
        of_windows.into_iter().flat_map(|(of, inputs)| {
            inputs.into_iter().map(move |(input, readings)| ((of, input), readings))
        })
    })
}

/// Puts what rows give in their sessions in the place of the rows that people's sessions are made of.
fn over_sessions<'scope>(
    plan: &Arc<Plan>,
    contributions: Collection<'scope, (crate::identity::Component, Contribution)>,
    now: Stream<'scope, Micros>,
    due: Due,
    counts: &SharedCounts,
) -> Collection<'scope, (crate::identity::Component, Contribution)> {
    if plan.sessions.is_empty() {
        return contributions;
    }
    let timelines: Vec<u16> = plan.sessions.iter().map(|of| of.timeline).collect();
    let is_timeline =
        |aggregate: u16| plan.aggregates[usize::from(aggregate)].function == Function::Timeline;
    assert!(timelines.iter().all(|timeline| is_timeline(*timeline)));
    let (contributions, rows) = parted(contributions, move |(component, contribution)| {
        if let Contribution::Value { aggregate, time, value } = &contribution
            && let Some(index) = timelines.iter().position(|timeline| timeline == aggregate)
        {
            return Err((component, (index as u16, *time, value.clone())));
        }
        Ok((component, contribution))
    });
    let over = (0..plan.sessions.len()).map(|index| OverSessions::new(plan, index, counts));
    let over: Vec<OverSessions> = over.collect();
    let parting = Parting::new(over.iter().map(|over| over.looks.clone()).collect());
    let in_sessions = keyed(rows, Some(now), "Sessions", counts, due, parting);
    let given = whole_ticks(
        in_sessions.inner,
        Pipeline,
        None,
        "Over sessions",
        move |WholeTick { tick, data, .. }, updates| {
            let mut out = Emit::at(tick);
            sessions::contributions(&over, data, &mut out);
            *updates = out.into_updates();
        },
    );
    contributions.concat(given.as_collection())
}
