//! What changes the run that is served, as its server knows it, and why nothing was changed.

use axum::http::StatusCode;
use serde_json::Value;

use super::denial::Denial;

/// What changes the run that is served.
pub trait Administration: Send + Sync {
    /// The text of the definition that is in force.
    fn definition(&self) -> Result<String, Undone>;

    /// Has another one take its place, or says what that would change.
    fn apply(&self, text: &str, is_dry: bool) -> Result<Value, Undone>;

    /// Forgets a person; `None`: nobody is known by it, and no row carries it.
    fn forget(&self, id: &str, suppress: bool, is_dry: bool) -> Result<Option<Value>, Undone>;
}

/// Why nothing was changed.
#[derive(Clone, Debug)]
pub enum Undone {
    /// The definition is wrong; all that is.
    Wrong {
        why: String,
        mistakes: Value,
    },
    /// Another change is being made.
    Busy(String),
    /// The run ends.
    Ending(String),
    NothingStored(String),
    /// Only a run that is started anew can do it.
    NeedsRestart(String),
    Failed(String),
}

impl From<Undone> for Denial {
    fn from(undone: Undone) -> Self {
        let conflict =
            |code, why: String, remedy: &str| Denial::new(StatusCode::CONFLICT, code, why, remedy);
        match undone {
            Undone::Wrong { why, mistakes } => {
                let remedy = "mend the places that are named; `selfsame check` tells the same";
                Denial {
                    beside: Some(Box::new(("mistakes", mistakes))),
                    ..Denial::bad_request("bad_definition", why, remedy)
                }
            }
            Undone::Busy(why) => {
                conflict("change_under_way", why, "wait for its end, and send it again").after(5)
            }
            Undone::Ending(why) => Denial { message: why, ..Denial::shutting_down() },
            Undone::NothingStored(why) => {
                conflict("nothing_stored", why, "start the run with --data FOLDER")
            }
            Undone::NeedsRestart(why) => {
                conflict("needs_restart", why, "end the run, and start it with what is new")
            }
            Undone::Failed(why) => conflict(
                "not_changed",
                why,
                "all is as it was: mend what is named, and send it again",
            ),
        }
    }
}
