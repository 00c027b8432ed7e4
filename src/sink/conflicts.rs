//! What does not fit, as outputs have it: by key, so that repairing the data empties the output.
//!
//! | conflict | key |
//! |---|---|
//! | a link withheld | `withheld/type:value/type:value` |
//! | an identifier shared | `shared/type:value` |
//! | sources that disagree | `disagreement/source/type:value/type/source` |
//! | a person known to one source alone | `single_source/person` |

use std::sync::Arc;

use arcstr::ArcStr;

use super::record::{DisagreementKey, NamedIdentifier, RecordKey, RecordValue, WithheldLink};
use super::update::{OutputStatement, OutputSubject, Router, StatementChange};
use crate::flow::Diff;
use crate::identity::{Conflict, Guards, SharedIdentifier};
use crate::plan::{Plan, Publish};
use crate::profile::PersonRow;
use crate::row::{Datum, Identifier, IdentifierHash};
use crate::segment::{Evaluated, EvaluatedPeople};
use crate::state::batch::Batch;
use crate::time::Tick;

/// The outputs of conflicts, and how their keys are routed.
#[derive(Clone)]
pub struct Conflicts {
    plan: Arc<Plan>,
    guards: Guards,
    router: Router,
    outputs: Vec<u16>,
}

impl Conflicts {
    pub fn new(plan: &Arc<Plan>, router: Router) -> Self {
        let outputs = plan.outputs.iter().zip(0u16..);
        let outputs = outputs.filter(|(output, _)| output.publish == Publish::Conflicts);
        let outputs = outputs.map(|(_, index)| index).collect();
        Conflicts { plan: Arc::clone(plan), guards: Guards::new(plan), router, outputs }
    }

    /// That a conflict stands, for each output.
    pub fn statements(&self, conflict: &Conflict) -> Vec<(OutputSubject, OutputStatement)> {
        let (subject, key, value) = self.describe(conflict);
        let statement = |output: &u16| {
            let subject = self.router.subject(*output, subject);
            let (key, value) = (key.clone(), value.clone());
            (subject, OutputStatement { output: Some(*output), key, value })
        };
        self.outputs.iter().map(statement).collect()
    }

    fn describe(&self, conflict: &Conflict) -> (IdentifierHash, RecordKey, RecordValue) {
        match conflict {
            Conflict::Withheld { one, other, refusal } => {
                let guard = self.guards.refusing(refusal);
                let details = guard.fields(&self.plan, refusal).into_iter();
                let details = details.map(|(name, detail)| (name.into(), detail)).collect();
                let why = WithheldLink { rule: guard.name().into(), details };
                let ends = Box::new([named(one), named(other)]);
                (one.hash, RecordKey::Withheld(ends), RecordValue::Withheld(Box::new(why)))
            }
            Conflict::Shared(SharedIdentifier { identifier, by, count }) => {
                let value = RecordValue::Shared { by: u16::from(*by), count: *count };
                (identifier.hash, RecordKey::Shared(named(identifier)), value)
            }
            Conflict::Disagreement { identifier, kind, source, says, other_source, other_says } => {
                let of = DisagreementKey {
                    identifier: named(identifier),
                    kind: u16::from(*kind),
                    source: *source,
                    other_source: *other_source,
                };
                let says = [texts(says), texts(other_says)];
                let value = RecordValue::Disagreement(Box::new(says));
                (identifier.hash, RecordKey::Disagreement(Box::new(of)), value)
            }
        }
    }
}

fn named(identifier: &Identifier) -> NamedIdentifier {
    NamedIdentifier { kind: u16::from(identifier.kind), text: identifier.text.clone() }
}

fn texts(identifiers: &[Identifier]) -> Vec<ArcStr> {
    let mut texts: Vec<ArcStr> =
        identifiers.iter().map(|identifier| identifier.text.clone()).collect();
    texts.sort_unstable();
    texts
}

/// A person, and the source that knows them.
type KnownTo = (IdentifierHash, u16);

/// Which people one source alone knows.
pub struct SingleSources {
    conflicts: Conflicts,
    /// By aggregate, whether it tells that a source knows a person.
    presence: Vec<bool>,
}

impl SingleSources {
    pub fn new(conflicts: Conflicts) -> Self {
        let plan = &conflicts.plan;
        let mut presence = vec![false; plan.aggregates.len()];
        plan.presence.iter().for_each(|(_, of)| presence[usize::from(*of)] = true);
        SingleSources { conflicts, presence }
    }

    pub fn apply(&self, tick: Tick, evaluated: &Evaluated, out: &mut Batch<StatementChange>) {
        let mut room = Vec::new();
        for (id, of_was, of_is) in evaluated.people() {
            let mut known = |side: &EvaluatedPeople, row: Option<usize>| {
                let source = self.only_source(side.people.row(row?), &mut room)?;
                Some((id, source))
            };
            let before = known(&evaluated.was, of_was);
            let now = known(&evaluated.is, of_is);
            self.say(tick, before, now, out);
        }
    }

    /// The source that all of a person's rows are of, where there are several that it could be.
    fn only_source(&self, row: PersonRow<'_>, room: &mut Vec<Option<Datum>>) -> Option<u16> {
        let presence = &self.conflicts.plan.presence;
        room.clear();
        row.read_aggregates(&self.presence, room);
        let has_rows = |(_, aggregate): &&(u16, u16)| {
            !matches!(room[usize::from(*aggregate)], None | Some(Datum::Integer(0)))
        };
        let mut sources = presence.iter().filter(has_rows);
        let (source, _) = sources.next().filter(|_| presence.len() > 1)?;
        sources.next().is_none().then_some(*source)
    }

    /// Says whom one source alone knew and knows, where that differs.
    fn say(
        &self,
        tick: Tick,
        before: Option<KnownTo>,
        now: Option<KnownTo>,
        out: &mut Batch<StatementChange>,
    ) {
        if before == now {
            return;
        }
        let Conflicts { outputs, router, .. } = &self.conflicts;
        for output in outputs {
            let mut say = |(person, source): KnownTo, diff: Diff| {
                let key = RecordKey::SingleSource(person);
                let value = RecordValue::SingleSource(source);
                let statement = OutputStatement { output: Some(*output), key, value };
                out.push(((router.subject(*output, person), statement), tick, diff));
            };
            before.inspect(|before| say(*before, -1));
            now.inspect(|now| say(*now, 1));
        }
    }
}
