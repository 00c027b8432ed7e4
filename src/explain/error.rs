//! What is wrong with what was asked.

use crate::source::SourceError;
use crate::store::StoreError;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum WhyError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "nothing is stored that the answer could be computed of: start the run with --data FOLDER"
    )]
    NothingStored,
    #[error("nobody waits for the answer any more")]
    GivenUp,
    #[error("'{0}' is no cursor")]
    BadCursor(String),
    #[error(
        "source {name} is {connector}, which is gone when it has been read: name the data folder of a run by --data, or \
         keep it in a file, and name that by `files`"
    )]
    Gone { name: String, connector: String },
    #[error("nobody is known as '{id}'{hint}")]
    Nobody { id: String, hint: String },
    #[error("no {what} is named '{name}': {hint}")]
    NoName { what: &'static str, name: String, hint: String },
    #[error("the condition of segment '{name}': {why}")]
    Condition { name: String, why: String },
}

pub fn suggested(near: &[String]) -> String {
    match near {
        [] => String::new(),
        near => format!("; did you mean {}?", near.join(" or ")),
    }
}
