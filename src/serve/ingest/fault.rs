//! Why a post is not taken, as whoever sent it is told.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::messages::BodyFault;
use crate::serve::denial::told;

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

/// Why a post is not taken.
#[derive(Debug)]
pub struct IngestFault {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
    /// After how many seconds it may be sent again; `None`: never as it is.
    pub retry_after: Option<u32>,
}

impl IngestFault {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        IngestFault { status, code, message: message.into(), retry_after: None }
    }

    fn later(code: &'static str, message: impl Into<String>, seconds: u32) -> Self {
        let of = IngestFault::new(StatusCode::SERVICE_UNAVAILABLE, code, message);
        IngestFault { retry_after: Some(seconds), ..of }
    }

    pub fn full() -> Self {
        let why = "rows come faster than they are taken in at present: nothing of this was taken, send it again";
        IngestFault::later("busy", why, 1)
    }

    pub fn stopping() -> Self {
        let why = "this run is stopping: whether this was taken is not known, send it again";
        IngestFault::later("stopping", why, 5)
    }

    pub fn slow_store(patience: Duration) -> Self {
        let why = format!(
            "the rows were taken, but are not safe after {} s: send them again, with the same ids",
            patience.as_secs()
        );
        IngestFault::later("not_durable_yet", why, 5)
    }

    pub fn elsewhere() -> Self {
        let why = "this process takes no rows: the first one of the run does";
        IngestFault::new(StatusCode::MISDIRECTED_REQUEST, "other_process", why)
    }

    pub fn too_large(what: &str, limit: usize) -> Self {
        let why = format!("{what} may have {limit} bytes, and this has more: send it in parts");
        IngestFault::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", why)
    }

    pub fn slow_body(patience: Duration) -> Self {
        let why = format!("the body did not come within {} s", patience.as_secs());
        IngestFault::new(StatusCode::REQUEST_TIMEOUT, "slow_body", why)
    }

    pub fn no_json(message: impl Into<String>) -> Self {
        IngestFault::new(StatusCode::BAD_REQUEST, "invalid_body", message)
    }

    /// As an answer whose body is an `error`.
    pub fn plain(self) -> Response {
        let body = json!({"error": {"code": self.code, "message": self.message}});
        self.with(body)
    }

    /// As the API of Segment answers, whose SDKs look at `code` and `message`.
    pub fn of_collector(self) -> Response {
        let body = json!({"success": false, "code": self.code, "message": self.message});
        self.with(body)
    }

    fn with(self, body: serde_json::Value) -> Response {
        told(self.status, body, self.retry_after, "Basic realm=\"selfsame\"")
    }
}

impl From<KeyFault> for IngestFault {
    fn from(fault: KeyFault) -> Self {
        let (status, code, message) = match fault {
            KeyFault::Missing => {
                let why = "a write key is wanted: the user name of basic authentication, or a bearer token";
                (StatusCode::UNAUTHORIZED, "no_key", why.to_owned())
            }
            KeyFault::Unknown => {
                (StatusCode::UNAUTHORIZED, "wrong_key", "there is no such key".to_owned())
            }
            KeyFault::Elsewhere => {
                let why = "this key is for something else: a write key of the source is wanted";
                (StatusCode::FORBIDDEN, "wrong_key", why.to_owned())
            }
            KeyFault::NoSource => {
                let why =
                    "no source of the definition takes this: give one `http: {collector: segment}`";
                (StatusCode::NOT_FOUND, "no_source", why.to_owned())
            }
            KeyFault::Unclear(sources) => {
                let sources = sources.join(", ");
                let why = format!(
                    "several sources take this: let the write key be a name of theirs ({sources})"
                );
                (StatusCode::UNAUTHORIZED, "unclear_key", why)
            }
        };
        IngestFault::new(status, code, message)
    }
}

impl From<BodyFault> for IngestFault {
    /// The API of Segment answers all of these with 400.
    fn from(fault: BodyFault) -> Self {
        match fault {
            BodyFault::NoJson(why) => IngestFault::no_json(format!("the body is no JSON: {why}")),
            BodyFault::Shape(why) => IngestFault::no_json(why),
            BodyFault::TooLarge { what, limit } => {
                let fault = IngestFault::too_large(what, limit);
                IngestFault { status: StatusCode::BAD_REQUEST, ..fault }
            }
        }
    }
}
