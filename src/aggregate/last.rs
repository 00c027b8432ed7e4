//! `last(x)`.

use super::function::{AggregateFunction, CallForm, Called, End, Extreme, Kept, Typed};

pub struct Last;

impl AggregateFunction for Last {
    fn called(&self) -> Option<Called> {
        Some(Called {
            names: &["last"],
            form: CallForm::Either,
            meaning: "The newest value by `time`, of equal times the greatest.",
            types: Typed::same,
        })
    }

    fn kept(&self) -> Kept {
        Kept::Extreme(Extreme { end: End::Greatest, by_time: true })
    }
}
