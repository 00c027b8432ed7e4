//! `recent(x, n)`.

use super::function::{AggregateFunction, CallForm, Called, Kept, Typed, list_of};

pub struct Recent(pub u16);

impl AggregateFunction for Recent {
    fn called(&self) -> Option<Called> {
        Some(Called {
            names: &["recent"],
            form: CallForm::Number,
            meaning: "The newest n values by `time`, newest first; of equal times the greater value first.",
            types: |argument| Typed::as_it_is(argument, list_of(argument.clone())),
        })
    }

    fn kept(&self) -> Kept {
        Kept::Newest(self.0)
    }
}
