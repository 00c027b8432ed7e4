//! What the stages come to, as differential collections for dataflows of one's own.
//!
//! The collections are what a batch job would compute from the rows that have been accepted by a tick, and
//! they change as whole ticks do: no half of a merge is ever in them. They name things as the definition
//! does, so that who uses them needs no other table.
#![deny(missing_docs)]

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use differential_dataflow::VecCollection;
use serde::{Deserialize, Serialize};

use crate::columns;
use crate::flow::{AsCollection, Collection, Stream, Update, each, parted};
use crate::identity::{Conflict, Guards};
use crate::plan::Plan;
use crate::row::{Datum, Identifier, IdentifierHash, StandingRow};
use crate::segment::{Evaluated, EvaluatedPeople};
use crate::sink;
use crate::state::batch::Batch;
use crate::time::{Micros, Tick};

/// What a definition comes to, from tick to tick.
///
/// Every worker has a share of each collection; an operator of differential's that works by key (`join`,
/// `reduce`, `arrange_by_key`) brings together what belongs together.
pub struct Collections<'scope> {
    /// The rows that stand: each event once, of each record the newest.
    pub rows: VecCollection<'scope, Tick, KnownRow, isize>,
    /// Whose each identifier is. As people merge and unmerge, identifiers change hands.
    pub people: VecCollection<'scope, Tick, (KnownIdentifier, PersonId), isize>,
    /// What is known of each person: one value an attribute of the definition.
    pub profiles: VecCollection<'scope, Tick, (PersonId, Profile), isize>,
    /// Who is in which segment, by the segment's name.
    pub memberships: VecCollection<'scope, Tick, (Arc<str>, PersonId), isize>,
    /// What does not fit; empty where the definition has no output of conflicts.
    pub conflicts: VecCollection<'scope, Tick, KnownConflict, isize>,
}

/// A person's id, as outputs tell it. It is made of one of the person's identifiers: the most trusted, of
/// these the one that was seen first.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PersonId(IdentifierHash);

impl fmt::Display for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.person_id())
    }
}

/// An identifier.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KnownIdentifier {
    /// The name of its type.
    pub kind: Arc<str>,
    /// Its text, normalised.
    pub value: Arc<str>,
}

/// A row that stands. Its other columns are in it only as far as attributes make something of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KnownRow {
    /// The name of its source.
    pub source: Arc<str>,
    /// The time of the row, in microseconds since the epoch; of a file whose rows have none, its order.
    pub time: Micros,
    /// What it identifies a person by, the most trusted first.
    pub identifiers: Vec<KnownIdentifier>,
}

/// What is known of a person: one value an attribute, in the order of the definition (see
/// `Definition::attributes`). `None` is null.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Profile(Vec<Option<Datum>>);

impl Profile {
    /// The value of the attribute of this index; `None` is null.
    pub fn get(&self, attribute: usize) -> Option<&Datum> {
        self.0.get(attribute)?.as_ref()
    }

    /// All values.
    pub fn values(&self) -> &[Option<Datum>] {
        &self.0
    }
}

/// Something that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KnownConflict {
    /// What it breaks: the name of the guard that withholds a link, `shared_after` or `disagreement`.
    pub rule: Arc<str>,
    /// The identifiers that it is about: the two of a link, or one, and what others say of it.
    pub identifiers: Vec<KnownIdentifier>,
}

impl<'scope> Collections<'scope> {
    pub(super) fn of(
        plan: &Arc<Plan>,
        rows: Collection<'scope, StandingRow>,
        results: &sink::SinkInputs<'scope>,
    ) -> Self {
        let names = KnownNames::new(plan);
        let of_rows = names.clone();
        let rows = rows.map(move |row| of_rows.row(&row));
        let of_people = names.clone();
        let people = results.belongings.clone().map(move |belonging| {
            let identifier = of_people.identifier(belonging.kind, &belonging.text);
            (identifier, PersonId(belonging.person))
        });
        let of_conflicts = names.clone();
        let guards = Guards::new(plan);
        let conflicts = match results.conflicts.clone() {
            Some(conflicts) => {
                conflicts.map(move |conflict| of_conflicts.conflict(&guards, &conflict))
            }
            None => rows.clone().flat_map(|_| None),
        };
        let (profiles, memberships) = evaluated(plan, names, results.people.clone());
        Collections { rows, people, profiles, memberships, conflicts }
    }
}

/// What is said of people, as it changes.
#[derive(Clone)]
enum KnownOfPerson {
    Profile(PersonId, Profile),
    Membership(Arc<str>, PersonId),
}

type PeopleEvaluation<'scope> =
    (Collection<'scope, (PersonId, Profile)>, Collection<'scope, (Arc<str>, PersonId)>);

fn evaluated<'scope>(
    plan: &Arc<Plan>,
    names: KnownNames,
    people: Stream<'scope, Rc<Evaluated>>,
) -> PeopleEvaluation<'scope> {
    let known = NamedPeople { plan: Arc::clone(plan), names };
    let updates = each(people, "Profiles", move |tick, evaluated: Rc<Evaluated>, updates| {
        known.compare(&evaluated, tick, updates);
    });
    parted(updates.as_collection(), |known| match known {
        KnownOfPerson::Profile(person, profile) => Ok((person, profile)),
        KnownOfPerson::Membership(segment, person) => Err((segment, person)),
    })
}

/// People by the names of the definition.
struct NamedPeople {
    plan: Arc<Plan>,
    names: KnownNames,
}

#[derive(PartialEq, Eq)]
struct KnownPerson {
    id: PersonId,
    profile: Profile,
    /// By segment.
    is_in: Vec<bool>,
}

impl NamedPeople {
    fn compare(
        &self,
        evaluated: &Evaluated,
        tick: Tick,
        updates: &mut Batch<Update<KnownOfPerson>>,
    ) {
        for (id, of_was, of_is) in evaluated.people() {
            let before = of_was.map(|row| self.person(id, &evaluated.was, row));
            let now = of_is.map(|row| self.person(id, &evaluated.is, row));
            if before != now {
                before.iter().for_each(|before| self.emit(before, tick, -1, updates));
                now.iter().for_each(|now| self.emit(now, tick, 1, updates));
            }
        }
    }

    fn person(&self, id: IdentifierHash, people: &EvaluatedPeople, row: usize) -> KnownPerson {
        let value = |column: usize| columns::datum(people.columns.column(column), row);
        let is_in = |column| value(column) == Some(Datum::Boolean(true));
        let attributes = self.plan.attributes.iter();
        KnownPerson {
            id: PersonId(id),
            profile: Profile(attributes.map(|attribute| value(attribute.column)).collect()),
            is_in: self.plan.segments.iter().map(|segment| is_in(segment.column)).collect(),
        }
    }

    fn emit(
        &self,
        person: &KnownPerson,
        tick: Tick,
        diff: isize,
        updates: &mut Batch<Update<KnownOfPerson>>,
    ) {
        let profile = KnownOfPerson::Profile(person.id, person.profile.clone());
        updates.push((profile, tick, diff));
        let segments = self.names.segments.iter().zip(&person.is_in).filter(|(_, is_in)| **is_in);
        updates.extend(segments.map(|(segment, _)| {
            (KnownOfPerson::Membership(Arc::clone(segment), person.id), tick, diff)
        }));
    }
}

/// The names that a plan gives to what is numbered.
#[derive(Clone)]
struct KnownNames {
    sources: Rc<[Arc<str>]>,
    kinds: Rc<[Arc<str>]>,
    segments: Rc<[Arc<str>]>,
}

impl KnownNames {
    fn new(plan: &Plan) -> Self {
        KnownNames {
            sources: plan.sources.iter().map(|of| of.name.as_str().into()).collect(),
            kinds: plan.identifiers.iter().map(|of| of.name.as_str().into()).collect(),
            segments: plan.segments.iter().map(|of| of.name.as_str().into()).collect(),
        }
    }

    fn identifier(&self, kind: u8, text: &str) -> KnownIdentifier {
        KnownIdentifier { kind: Arc::clone(&self.kinds[usize::from(kind)]), value: text.into() }
    }

    fn row(&self, row: &StandingRow) -> KnownRow {
        let identifiers = row.body.identifiers();
        KnownRow {
            source: Arc::clone(&self.sources[usize::from(row.source)]),
            time: row.time,
            identifiers: identifiers.map(|of| self.identifier(of.kind, of.text())).collect(),
        }
    }

    fn conflict(&self, guards: &Guards, conflict: &Conflict) -> KnownConflict {
        let named = |of: &Identifier| self.identifier(of.kind, &of.text);
        match conflict {
            Conflict::Withheld { one, other, refusal } => KnownConflict {
                rule: guards.refusing(refusal).name().into(),
                identifiers: vec![named(one), named(other)],
            },
            Conflict::Shared(shared) => KnownConflict {
                rule: "shared_after".into(),
                identifiers: vec![named(&shared.identifier)],
            },
            Conflict::Disagreement { identifier, says, other_says, .. } => KnownConflict {
                rule: "disagreement".into(),
                identifiers: [identifier]
                    .into_iter()
                    .chain(says)
                    .chain(other_says)
                    .map(named)
                    .collect(),
            },
        }
    }
}
