//! `bool_and(x)`.

use super::function::{AggregateFunction, CallForm, Called, Kept, Typed};

pub struct BoolAnd;

impl AggregateFunction for BoolAnd {
    fn called(&self) -> Option<Called> {
        Some(Called {
            names: &["bool_and"],
            form: CallForm::Either,
            meaning: "Whether all values are true.",
            types: Typed::of_boolean,
        })
    }

    fn kept(&self) -> Kept {
        Kept::Truths(|_, no| no == 0)
    }
}
