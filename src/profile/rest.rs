//! What a person holds that only some definitions ask for.

use super::gathered::Gathered;
use crate::aggregate::kept::partial::Partial;
use crate::aggregate::{End, Extreme, Kept};
use crate::row::Datum;
use crate::state::few::FewMap;
use crate::time::Micros;

/// By aggregate, what is not in a person's words.
#[derive(Default)]
pub struct Rest {
    /// By aggregate: sums that are not of words.
    pub partials: FewMap<u16, Partial>,
    /// For each other aggregate of which values lead, what the identifiers bring, in order: each value as often as
    /// it is brought.
    pub leading: FewMap<(u16, Micros, Datum), u32>,
    /// By aggregate: those that have to know all values.
    pub gathered: FewMap<u16, Gathered>,
}

impl Rest {
    /// Leaves out what comes to nothing; whether nothing is left.
    pub fn prune(&mut self) -> bool {
        self.partials.retain(|_, partial| !partial.is_nothing());
        self.partials.is_empty() && self.gathered.is_empty() && self.leading.is_empty()
    }

    /// What leads of what identifiers bring to an aggregate; `None` is null.
    pub fn leading(&self, number: u16, kept: &Kept) -> Option<Datum> {
        /// Less than any value that a row brings, or as little.
        const LEAST: Datum = Datum::Boolean(false);
        let mut below = self.leading.below(&(number + 1, Micros::MIN, LEAST));
        let mut newest = below.by_ref().take_while(|((of, _, _), _)| *of == number);
        match kept {
            Kept::Extreme(Extreme { end: End::Least, .. }) => {
                let mut from = self.leading.from(&(number, Micros::MIN, LEAST));
                let least = from.next().filter(|((of, _, _), _)| *of == number);
                least.map(|((_, _, value), _)| value.clone())
            }
            Kept::Extreme(Extreme { end: End::Greatest, .. }) => {
                newest.next().map(|((_, _, value), _)| value.clone())
            }
            Kept::Newest(most) => {
                let each = newest
                    .flat_map(|((_, _, value), count)| (0..*count).map(move |_| value.clone()));
                let mut newest = each.take(usize::from(*most)).peekable();
                newest.peek().is_some().then(|| Datum::List(newest.collect()))
            }
            other => unreachable!("{other:?} have no leading value"),
        }
    }
}
