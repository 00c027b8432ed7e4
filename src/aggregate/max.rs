//! `max(x)`.

use super::function::{AggregateFunction, Called, End, Extreme, Form, Kept, Typed};

pub struct Max;

impl AggregateFunction for Max {
    fn called(&self) -> Option<Called> {
        Some(Called {
            names: &["max"],
            form: Form::Either,
            meaning: "The greatest value.",
            types: Typed::same,
        })
    }

    fn kept(&self) -> Kept {
        Kept::Extreme(Extreme { end: End::Greatest, by_time: false })
    }
}
