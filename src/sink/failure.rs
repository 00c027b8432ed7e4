//! What keeps outputs from being written: before a run begins, and while it runs.
#![deny(missing_docs)]

use std::sync::{Arc, OnceLock};

/// What keeps an output from being written.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// A file can't be opened, or written to.
    #[error("output file '{path}' can't be written: {source}")]
    File {
        /// The file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// Another run writes the file.
    #[error(
        "output file '{path}' is being written by another run: end that one first, or give this one \
         another file"
    )]
    Held {
        /// The file.
        path: String,
    },
    /// Two outputs are one file.
    #[error("output files '{path}' and '{other}' are one file: give each output its own")]
    Same {
        /// The file, as one output names it.
        path: String,
        /// The file, as the other output names it.
        other: String,
    },
    /// The run was asked to stop while an output waited for its reader.
    #[error("the run was stopped before its outputs were open")]
    Stopped,
    /// The operating system gives no thread.
    #[error("a thread for output {output} can't start: {source}")]
    Thread {
        /// The output's name.
        output: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A topic, a table, a webhook or the like can't be written to.
    #[error("{target} can't be written to: {message}")]
    Target {
        /// What it is, as messages name it.
        target: String,
        /// Why not.
        message: String,
    },
}

/// Set once, when something happened that no retry mends; every worker stops when it sees it.
#[derive(Clone, Default)]
pub struct Failure(Arc<OnceLock<String>>);

impl Failure {
    /// The first failure stands: others mostly follow from it.
    pub fn set(&self, message: String) {
        let _ = self.0.set(message);
    }

    /// What happened; `None` if nothing did.
    pub fn get(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}
