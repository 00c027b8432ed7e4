//! Why a post is not taken, as whoever sent it is told.

use std::time::Duration;

use axum::http::StatusCode;

use super::messages::BodyFault;
use crate::serve::denial::Denial;

/// Why a key does not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// None came.
    Missing,
    /// It is none of those that there are.
    Unknown,
    /// It is for something else.
    Elsewhere,
    /// No source takes what is posted.
    NoSource,
    /// Several do, and the key does not say which.
    Unclear(Vec<String>),
}

fn later(code: &'static str, message: impl Into<String>, remedy: &str, seconds: u32) -> Denial {
    Denial::new(StatusCode::SERVICE_UNAVAILABLE, code, message, remedy).after(seconds)
}

/// There is no room.
pub fn full() -> Denial {
    let why = "rows come faster than they are taken in at present, and nothing of this was taken";
    later("busy", why, "send it again", 1)
}

/// The run ends.
pub fn stopping() -> Denial {
    let why =
        "this run ends, or another one takes its place, and whether this was taken is not known";
    later("shutting_down", why, "send it again, with the same ids", 1)
}

/// Nobody knows whether they will be kept.
pub fn slow_store(patience: Duration) -> Denial {
    let seconds = patience.as_secs();
    let why = format!("the rows were taken, but are not safe after {seconds} s");
    later("not_durable_yet", why, "send them again, with the same ids", 5)
}

impl From<KeyFault> for Denial {
    fn from(fault: KeyFault) -> Self {
        let remedy = "send a write key of the source as the user name of basic authentication, or as a bearer token";
        let (status, code, message) = match fault {
            KeyFault::Missing => (StatusCode::UNAUTHORIZED, "no_key", "a write key is wanted"),
            KeyFault::Unknown => (StatusCode::UNAUTHORIZED, "wrong_key", "there is no such key"),
            KeyFault::Elsewhere => {
                return Denial::other_key("this key is for something else", remedy);
            }
            KeyFault::NoSource => {
                let message = "no source of the definition takes this";
                let remedy = "give a source `http: {collector: segment}`";
                return Denial::not_found("no_source", message, remedy);
            }
            KeyFault::Unclear(sources) => {
                let message = format!("several sources take this: {}", sources.join(", "));
                let remedy = "let the write key be the name of one, or give each a key of its own";
                return Denial::new(StatusCode::UNAUTHORIZED, "unclear_key", message, remedy);
            }
        };
        Denial::new(status, code, message, remedy)
    }
}

impl From<BodyFault> for Denial {
    /// The API of Segment answers all of these with 400: what is too large has a code of its own for it.
    fn from(fault: BodyFault) -> Self {
        let remedy = "send messages as the SDKs of Segment do";
        match fault {
            BodyFault::NoJson(why) => {
                Denial::bad_body(format!("the body is no JSON: {why}"), remedy)
            }
            BodyFault::Shape(why) => Denial::bad_body(why, remedy),
            BodyFault::TooLarge { what, limit } => {
                let Denial { message, remedy, .. } = Denial::too_large(what, limit);
                Denial::bad_request("large_body", message, remedy)
            }
        }
    }
}
