//! `first(x)`.

use super::function::{AggregateFunction, Called, End, Extreme, Form, Kept, Typed};

pub struct First;

impl AggregateFunction for First {
    fn called(&self) -> Option<Called> {
        Some(Called {
            names: &["first"],
            form: Form::Either,
            meaning: "The oldest value by `time`, of equal times the least.",
            types: Typed::same,
        })
    }

    fn kept(&self) -> Kept {
        Kept::Extreme(Extreme { end: End::Least, by_time: true })
    }
}
