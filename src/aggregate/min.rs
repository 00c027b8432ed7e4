//! `min(x)`.

use super::function::{AggregateFunction, CallForm, Called, End, Extreme, Kept, Typed};

pub struct Min;

impl AggregateFunction for Min {
    fn called(&self) -> Option<Called> {
        Some(Called {
            names: &["min"],
            form: CallForm::Either,
            meaning: "The least value.",
            types: Typed::same,
        })
    }

    fn kept(&self) -> Kept {
        Kept::Extreme(Extreme { end: End::Least, by_time: false })
    }
}
