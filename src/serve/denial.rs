//! What is told when something is not done: one body for all, with a code for programs, and a message and a remedy for
//! people.

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a request is not answered otherwise: `{"error": {"code", "message", "remedy"}}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    pub status: StatusCode,
    /// For programs: it stays the same when the message is put in better words.
    pub code: &'static str,
    pub message: String,
    pub remedy: String,
    /// In seconds, when it may be tried again.
    pub retry_after: Option<u32>,
}

impl Denial {
    pub fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Denial { status, code, message: message.into(), remedy: remedy.into(), retry_after: None }
    }

    pub fn bad_request(
        code: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Denial::new(StatusCode::BAD_REQUEST, code, message, remedy)
    }

    pub fn not_found(
        code: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Denial::new(StatusCode::NOT_FOUND, code, message, remedy)
    }

    /// The run ends.
    pub fn shutting_down() -> Self {
        let remedy = "send it again to the run that takes this one's place";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Denial::new(status, "shutting_down", "the run comes to its end", remedy).after(1)
    }

    /// May be tried again in so many seconds.
    pub fn after(self, seconds: u32) -> Self {
        Denial { retry_after: Some(seconds), ..self }
    }
}

impl IntoResponse for Denial {
    fn into_response(self) -> Response {
        let Denial { status, code, message, remedy, retry_after } = self;
        let body = json!({"error": {"code": code, "message": message, "remedy": remedy}});
        let mut response = (status, Json(body)).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            let asked = HeaderValue::from_static("Bearer realm=\"selfsame\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, asked);
        }
        response
    }
}
