//! The rows that a person's sessions are made of: nothing that a definition could call.

use super::function::{AggregateFunction, Called, Kept};

pub struct Timeline;

impl AggregateFunction for Timeline {
    fn called(&self) -> Option<Called> {
        None
    }

    fn kept(&self) -> Kept {
        Kept::Rows
    }
}
