//! How an engine that runs is asked for changes: by requests and answers that are plain values, over a socket in its data
//! folder. A server that speaks something else calls the same [`answer`].
//!
//! ```text
//! request = {"apply": {"path": …, "text": …, "dry_run": false}}
//! answer  = {"told": …} … {"applied": {…}} | {"failed": …}       each a line of JSON
//! ```

mod client;
mod socket;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::engine::{Applied, Control, Definition, Forgetting, Forgotten};
use crate::explain::Question;

pub use client::{AskError, ask};
pub use socket::ControlSocket;

/// What an engine is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlRequest {
    /// To run another definition from now on, or to say what that would change. Variables of the environment are the
    /// engine's, and paths relative to the folder of `path`.
    Apply { path: PathBuf, text: String, dry_run: bool },
    /// To forget a person, by their id or an identifier.
    Forget { id: String, how: Forgetting },
    /// To say why something is known of a person, by what is stored.
    Why { id: String, question: Question },
}

/// What it says: how far it is, any number of times, and then what became of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlAnswer {
    Told(String),
    Applied(Applied),
    /// `None`: nobody is known by it, and no row carries it.
    Forgotten(Option<Forgotten>),
    /// The answer as text for people, and as JSON.
    Why {
        text: String,
        json: String,
    },
    /// Everything is as it was.
    Failed(String),
}

/// Does what is asked for. `told` is told how far it is; what is returned comes last.
pub fn answer(control: &Control, request: ControlRequest, told: &dyn Fn(&str)) -> ControlAnswer {
    let failed = |error: &dyn std::fmt::Display| ControlAnswer::Failed(error.to_string());
    match request {
        ControlRequest::Apply { path, text, dry_run } => {
            let definition = match Definition::parse(&text, control.beside(&path)) {
                Ok(definition) => definition,
                Err(error) => return failed(&error),
            };
            let applied = match dry_run {
                true => control.preview(&definition, told),
                false => control.apply(&definition, told),
            };
            applied.map_or_else(|error| failed(&error), ControlAnswer::Applied)
        }
        ControlRequest::Forget { id, how } => {
            let forgotten = control.forget(&id, how, told);
            forgotten.map_or_else(|error| failed(&error), ControlAnswer::Forgotten)
        }
        ControlRequest::Why { id, question } => control.why(&id, &question).map_or_else(
            |error| failed(&error),
            |answer| {
                let json = serde_json::to_string_pretty(&answer).expect("it is JSON");
                ControlAnswer::Why { text: answer.to_string(), json }
            },
        ),
    }
}
