//! `max(x)`.

use super::function::{AggregateFunction, CallForm, Called, End, Extreme, Kept, Typed};

pub struct Max;

impl AggregateFunction for Max {
    fn called(&self) -> Option<Called> {
        Some(Called {
            names: &["max"],
            form: CallForm::Either,
            meaning: "The greatest value.",
            types: Typed::same,
        })
    }

    fn kept(&self) -> Kept {
        Kept::Extreme(Extreme { end: End::Greatest, by_time: false })
    }
}
