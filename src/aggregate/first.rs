//! `first(x)`.

use super::function::{AggregateFunction, CallForm, Called, End, Extreme, Kept, Typed};

pub struct First;

impl AggregateFunction for First {
    fn called(&self) -> Option<Called> {
        Some(Called {
            names: &["first"],
            form: CallForm::Either,
            meaning: "The oldest value by `time`, of equal times the least.",
            types: Typed::same,
        })
    }

    fn kept(&self) -> Kept {
        Kept::Extreme(Extreme { end: End::Least, by_time: true })
    }
}
