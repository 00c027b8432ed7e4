//! `percentile_disc(p) within group (order by x)`.

use super::function::{
    AggregateFunction, CallForm, Called, Gather, Kept, KeptValues, Travels, Typed,
};
use super::kept::parts::Parts;
use super::room::{NoRoom, Types};
use super::share::ValueShare;
use crate::row::Datum;
use crate::time::Micros;

pub struct PercentileDisc(pub ValueShare);

impl AggregateFunction for PercentileDisc {
    fn called(&self) -> Option<Called> {
        Some(Called {
            names: &["percentile_disc"],
            form: CallForm::Share,
            meaning: "The least value that at least the share p of the values (from 0 to 1) is not above.",
            types: Typed::same,
        })
    }

    fn kept(&self) -> Kept {
        let share = self.0;
        Kept::Values(KeptValues::gathered(Travels::Rows, move |_| {
            Box::new(FirstUpTo(Parts::new(move |count| share.first(count))))
        }))
    }
}

#[derive(Debug)]
struct FirstUpTo(Parts);

impl Gather for FirstUpTo {
    fn add(&mut self, _: Micros, value: &Datum, diff: i64) {
        self.0.add(value, diff);
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn value(&self, _: Types<'_>) -> Result<Option<Datum>, NoRoom> {
        Ok(self.0.meet().map(|(value, _)| value.clone()))
    }
}
