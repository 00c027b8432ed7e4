//! From the collection of what outputs hold to the records of changelogs: was ≠ is.
//!
//! All statements about a subject in a tick are consolidated. Of a key at most one value is left that held before
//! the tick and holds no longer, and at most one that holds now and did not: the record tells the latter, or it is
//! a tombstone. What ends a tick as it began cancels, whoever said it. What one worker knows both sides of comes as a
//! record and not by here (`people`).
//!
//! In differential's terms, but that whom a person was merged into is looked up beside:
//!
//! ```text
//! is   = statements.map(|of| (of.key, of.value)).consolidate(), of which the additions
//! gone = statements.map(|of| of.key).consolidate(), of which the retractions
//! ```
//!
//! It is an operator of ours because no batch has to be sorted as a whole for it: of most subjects there are one or
//! two statements.

use super::record::{Record, RecordBody, RecordKey, RecordValue};
use super::update::{OutputStatement, OutputSubject};
use crate::flow::{Diff, Emit, Keep, Keyed};
use crate::row::IdentifierHash;
use crate::time::Micros;

/// One worker's share of the subjects. Nothing is kept of them from tick to tick.
#[derive(Default)]
pub struct Publisher {
    now: Micros,
    /// The tick's statements about the subject at hand.
    said: Vec<(OutputStatement, Diff)>,
}

impl Keyed for Publisher {
    type Key = OutputSubject;
    type Value = OutputStatement;
    type State = ();
    type Face = ();
    type Output = Record;

    fn route(subject: &OutputSubject) -> u64 {
        subject.route
    }

    fn face(&self, _: &OutputSubject, (): &()) {}

    fn apply(
        &mut self,
        _: &OutputSubject,
        (): &mut (),
        statement: &mut OutputStatement,
        diff: Diff,
    ) {
        self.said.push((statement.take(), diff));
    }

    fn flush(
        &mut self,
        _: &OutputSubject,
        (): &mut (),
        (): (),
        records: &mut Emit<Record>,
    ) -> Keep {
        let mut said = std::mem::take(&mut self.said);
        let namesake = holder(&said);
        said.sort_unstable_by(|(one, _), (other, _)| {
            (one.output, &one.key).cmp(&(other.output, &other.key))
        });
        let is_same = |one: &(OutputStatement, Diff), other: &(OutputStatement, Diff)| {
            one.0.output == other.0.output && one.0.key == other.0.key
        };
        for of_key in said.chunk_by_mut(is_same) {
            let Some(output) = of_key[0].0.output else { continue };
            consolidate(of_key);
            let Some(left) = of_key.iter().position(|(_, diff)| *diff != 0) else { continue };
            let now = of_key.iter().position(|(_, diff)| *diff > 0);
            let OutputStatement { key, value, .. } = of_key[now.unwrap_or(left)].0.take();
            let body = match now {
                Some(_) => RecordBody::Is { value, at: self.now },
                None => gone(&key, namesake),
            };
            records.push(Record { output, key, body }, 1);
        }
        said.clear();
        self.said = said;
        Keep::No
    }

    fn pass_time(&mut self, now: Micros, _: &mut Vec<OutputSubject>) {
        self.now = self.now.max(now);
    }
}

/// What is said of a key of which nothing holds any more.
fn gone(key: &RecordKey, namesake: Option<IdentifierHash>) -> RecordBody {
    match key {
        // A person who is still there, but no longer in this output, is not merged into anyone.
        RecordKey::Person(person) => {
            RecordBody::Gone { merged_into: namesake.filter(|into| into != person) }
        }
        RecordKey::Member { .. } => unreachable!("of segments it is said where it is known"),
        _ => RecordBody::Gone { merged_into: None },
    }
}

/// Whose the identifier is, from this tick on, that a person of the same bits was named after.
fn holder(said: &[(OutputStatement, Diff)]) -> Option<IdentifierHash> {
    let holder = |(statement, diff): &(OutputStatement, Diff)| match (&statement.key, diff) {
        (RecordKey::Identifier(_), 1..) => match &statement.value {
            RecordValue::Identity(person) => Some(*person),
            _ => None,
        },
        _ => None,
    };
    said.iter().find_map(holder)
}

/// Adds up the differences of equal values of one key, of which there are few.
fn consolidate(said: &mut [(OutputStatement, Diff)]) {
    for index in 1..said.len() {
        let (before, rest) = said.split_at_mut(index);
        let (statement, diff) = &mut rest[0];
        if let Some((_, sum)) = before.iter_mut().find(|(of, _)| of.value == statement.value) {
            *sum += std::mem::take(diff);
        }
    }
}

#[cfg(test)]
mod tests;
