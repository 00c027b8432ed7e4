//! `bool_or(x)`.

use super::function::{AggregateFunction, CallForm, Called, Kept, Typed};

pub struct BoolOr;

impl AggregateFunction for BoolOr {
    fn called(&self) -> Option<Called> {
        Some(Called {
            names: &["bool_or"],
            form: CallForm::Either,
            meaning: "Whether any value is true.",
            types: Typed::of_boolean,
        })
    }

    fn kept(&self) -> Kept {
        Kept::Truths(|yes, _| yes > 0)
    }
}
