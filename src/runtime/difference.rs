//! In what people differ by two definitions: each is run over what is stored by now, on workers of its own, and tells
//! nobody.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::options::RunError;
use super::run_view::RunView;
use super::stored_people::StoredPeople;
use crate::plan::{Plan, Publish};
use crate::row::IdentifierHash;
use crate::segment::{Evaluated, EvaluatedPeople};
use crate::sink::{Packer, pack_value};
use crate::store::Recovered;
use crate::time::rfc3339;

/// Examples that are told of each change.
const EXAMPLES: usize = 5;

/// In what people differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// What `now()` is for both.
    pub at: String,
    /// How many people there are, before and after.
    pub people: [u64; 2],
    /// In the order of the new definition, then those that it has not.
    pub segments: Vec<SegmentDifference>,
    pub attributes: Vec<AttributeDifference>,
}

/// Who is in a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentDifference {
    pub segment: String,
    /// How many, before and after; none, where a definition has no such segment.
    pub before: Option<u64>,
    pub after: Option<u64>,
    pub enter: u64,
    pub leave: u64,
    /// Some of them: the person's id, and an identifier.
    pub entering: Vec<String>,
    pub leaving: Vec<String>,
}

/// How many people's value of an attribute becomes another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributeDifference {
    pub attribute: String,
    pub changed: u64,
}

/// Who there is by one definition.
#[derive(Default)]
struct ComparedPeople {
    people: BTreeMap<IdentifierHash, ComparedPerson>,
}

struct ComparedPerson {
    identifier: Box<str>,
    /// By attribute, a hash of the value.
    attributes: Box<[u64]>,
    /// By segment.
    segments: Box<[bool]>,
}

/// In what people differ, of whom a run has stored rows by now, if another definition took the place of its own.
pub fn difference(of: &RunView, new: &Arc<Plan>) -> Result<Difference, RunError> {
    let recovered = of.recovered.as_ref().expect("only what is stored is read back").again()?;
    super::recovery::check(new)?;
    let (before, at) = known(of, &of.plan, &recovered)?;
    let (after, _) = known(of, new, &recovered)?;
    Ok(compared(&of.plan, &before, new, &after, at))
}

fn known(
    of: &RunView,
    plan: &Arc<Plan>,
    recovered: &Recovered,
) -> Result<(ComparedPeople, String), RunError> {
    let known: Rc<RefCell<ComparedPeople>> = Rc::default();
    let (seen, of_plan) = (Rc::clone(&known), Arc::clone(plan));
    let see = move |evaluated: &Evaluated| seen.borrow_mut().see(&of_plan, evaluated);
    let stop = || of.stop.asked().is_some();
    let read = StoredPeople::read(&all_looked_at(plan), of.options.clock, recovered, see, stop)?;
    let at = read.now();
    drop(read);
    let known = std::mem::take(&mut *known.borrow_mut());
    Ok((known, at.map_or_else(|| "no row is stored".to_owned(), rfc3339)))
}

/// The same with an output that holds all attributes, so that all of them are computed.
fn all_looked_at(plan: &Plan) -> Arc<Plan> {
    let mut plan = plan.clone();
    let all = (0..plan.attributes.len()).collect();
    if let Some(output) = plan.outputs.first_mut() {
        (output.publish, output.condition, output.attributes) = (Publish::Profiles, None, all);
    }
    Arc::new(plan)
}

impl ComparedPeople {
    fn see(&mut self, plan: &Plan, evaluated: &Evaluated) {
        let Evaluated { was, is, .. } = evaluated;
        was.people.ids().iter().for_each(|id| drop(self.people.remove(id)));
        let mut packer = Packer::default();
        for (row, id) in is.people.ids().iter().enumerate() {
            self.people.insert(*id, ComparedPerson::of(plan, is, row, &mut packer));
        }
    }
}

impl ComparedPerson {
    fn of(plan: &Plan, of: &EvaluatedPeople, row: usize, packer: &mut Packer) -> Self {
        let first = of.people.row(row).identifiers().next();
        let identifier = first.map_or_else(String::new, |(kind, text)| {
            format!("{}:{text}", plan.identifiers[usize::from(kind)].name)
        });
        let mut hash = |column: usize| {
            packer.clear();
            pack_value(of.columns.column(column), row, packer);
            xxh3_64(packer.bytes())
        };
        let attributes = plan.attributes.iter().map(|attribute| hash(attribute.column)).collect();
        let is_in = |column: usize| {
            let column = of.columns.column(column).as_boolean();
            column.is_valid(row) && column.value(row)
        };
        let segments = plan.segments.iter().map(|segment| is_in(segment.column)).collect();
        ComparedPerson { identifier: identifier.into(), attributes, segments }
    }
}

fn compared(
    old: &Plan,
    before: &ComparedPeople,
    new: &Plan,
    after: &ComparedPeople,
    at: String,
) -> Difference {
    let gone = old.segments.iter().filter(|of| new.segments.iter().all(|new| new.name != of.name));
    let all = new.segments.iter().chain(gone);
    let segments = all.map(|of| {
        let place = |plan: &Plan| plan.segments.iter().position(|other| other.name == of.name);
        segment_difference(&of.name, (before, place(old)), (after, place(new)))
    });
    let attributes = new.attributes.iter().enumerate().filter_map(|(is, attribute)| {
        let was = old.attributes.iter().position(|of| of.name == attribute.name)?;
        let differs = |(id, of): &(&IdentifierHash, &ComparedPerson)| {
            let now = after.people.get(*id);
            now.is_some_and(|now| now.attributes[is] != of.attributes[was])
        };
        let changed = before.people.iter().filter(differs).count() as u64;
        (changed > 0).then(|| AttributeDifference { attribute: attribute.name.clone(), changed })
    });
    Difference {
        at,
        people: [before, after].map(|of| of.people.len() as u64),
        segments: segments.collect(),
        attributes: attributes.collect(),
    }
}

/// Who enters and leaves a segment, which either side has at a place or not at all.
fn segment_difference(
    name: &str,
    before: (&ComparedPeople, Option<usize>),
    after: (&ComparedPeople, Option<usize>),
) -> SegmentDifference {
    let members = |(known, place): (&ComparedPeople, Option<usize>)| {
        let is_in = |of: &ComparedPerson| place.is_some_and(|place| of.segments[place]);
        let members = known.people.iter().filter(|(_, of)| is_in(of));
        members.map(|(id, _)| *id).collect::<BTreeSet<IdentifierHash>>()
    };
    let (was, is) = (members(before), members(after));
    let (entering, leaving): (Vec<_>, Vec<_>) =
        (is.difference(&was).collect(), was.difference(&is).collect());
    let examples = |people: &[&IdentifierHash], known: &ComparedPeople| {
        let told =
            |id: &&IdentifierHash| format!("{} ({})", id.person_id(), known.people[*id].identifier);
        people.iter().take(EXAMPLES).map(told).collect()
    };
    SegmentDifference {
        segment: name.to_owned(),
        before: before.1.map(|_| was.len() as u64),
        after: after.1.map(|_| is.len() as u64),
        enter: entering.len() as u64,
        leave: leaving.len() as u64,
        entering: examples(&entering, after.0),
        leaving: examples(&leaving, before.0),
    }
}
