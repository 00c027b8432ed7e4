//! `count(*)` and `count(x)`.

use arrow::datatypes::DataType;

use super::function::{AggregateFunction, CallForm, Called, Kept, Typed};

pub struct Count;

impl AggregateFunction for Count {
    fn called(&self) -> Option<Called> {
        Some(Called {
            names: &["count"],
            form: CallForm::EachOrRows,
            meaning: "How many rows there are, or how many that have a value; 0 for none.",
            types: |argument| Typed::as_it_is(argument, DataType::Int64),
        })
    }

    fn kept(&self) -> Kept {
        Kept::Count
    }
}
