//! What identifiers bring to their people.

use arcstr::ArcStr;
use serde::{Deserialize, Serialize};

use super::partial::Partial;
use crate::identity::Component;
use crate::row::{Datum, IdentifierHash};
use crate::time::Micros;

/// What an identifier brings to a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Holding {
    pub kind: u8,
    pub text: ArcStr,
    pub first_seen: Micros,
    /// By aggregate, in their order; those without any row are left out.
    pub partials: Vec<(u16, Partial)>,
}

impl Holding {
    /// What is brought to an aggregate.
    pub fn partial(&self, number: u16) -> Option<&Partial> {
        let index = self.partials.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        Some(&self.partials[index].1)
    }

    /// See `look_ahead`.
    pub fn read(&self) -> usize {
        let at =
            |index: usize| self.partials.get(index).map_or(0, |(number, _)| usize::from(*number));
        at(0) + at(self.partials.len() / 3) + at(self.partials.len() * 2 / 3)
    }

    /// Puts a partial in the place of what was brought before.
    pub fn replace(&mut self, number: u16, partial: Option<Partial>) {
        let index = self.partials.binary_search_by_key(&number, |(number, _)| *number);
        match (index, partial) {
            (Ok(index), Some(partial)) => self.partials[index].1 = partial,
            (Ok(index), None) => drop(self.partials.remove(index)),
            (Err(index), Some(partial)) => self.partials.insert(index, (number, partial)),
            (Err(_), None) => {}
        }
    }
}

/// A change of a component, brought about by one of its identifiers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Transfer {
    pub component: Component,
    pub identifier: IdentifierHash,
    pub change: TransferChange,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum TransferChange {
    /// The identifier is in the component and brings this, instead of what it brought before.
    Holds(Box<Holding>),
    /// The identifier stays in the component and brings these partials instead of what it brought
    /// to their aggregates before.
    Brings(Vec<(u16, Option<Partial>)>),
    /// The identifier is no longer in the component.
    Left,
    /// The identifier brings a value to an aggregate so many times more, or less. `time` is 0 where
    /// the aggregate's values travel without.
    Value { aggregate: u16, time: Micros, value: Datum, diff: i64 },
}
