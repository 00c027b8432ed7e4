//! `any_value(x)`: of all values that it may be the one that is the same on every machine.

use super::function::{AggregateFunction, CallForm, Called, End, Extreme, Kept, Typed};

pub struct AnyValue;

impl AggregateFunction for AnyValue {
    fn called(&self) -> Option<Called> {
        Some(Called {
            names: &["any_value"],
            form: CallForm::Either,
            meaning: "Some value: the least, so that it is the same on every machine.",
            types: Typed::same,
        })
    }

    fn kept(&self) -> Kept {
        Kept::Extreme(Extreme { end: End::Least, by_time: false })
    }
}
