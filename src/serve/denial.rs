//! What is told when something is not done: one body for all, with a code for programs, and a message and a remedy for
//! people.

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

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

/// What answers where a path takes no such request. Layers of a router see it only where it is set before them: so who
/// lets browsers ask sets it first.
pub async fn not_allowed(method: Method, uri: Uri) -> Denial {
    let message = format!("{} takes no {method}", uri.path());
    let remedy = "the header Allow names what it takes";
    Denial::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message, remedy)
}

impl IntoResponse for Denial {
    fn into_response(self) -> Response {
        let Denial { status, code, message, remedy, retry_after } = self;
        let body = json!({"error": {"code": code, "message": message, "remedy": remedy}});
        told(status, body, retry_after, "Bearer realm=\"selfsame\"")
    }
}

/// The answer that tells why something is not done. `asked` is which key is wanted, where none or no right one came.
pub fn told(
    status: StatusCode,
    body: Value,
    retry_after: Option<u32>,
    asked: &'static str,
) -> Response {
    let mut response = (status, Json(body)).into_response();
    let headers = response.headers_mut();
    if let Some(seconds) = retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(asked));
    }
    response
}
