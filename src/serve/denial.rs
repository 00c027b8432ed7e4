//! What is told when something is not done: one body for all, with a code for programs, and a message and a remedy for
//! people.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
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
    /// What is told beside it, by name: `mistakes` of a definition, each with its line, column and message; the `address` at
    /// which it is answered otherwise.
    pub beside: Option<Box<(&'static str, Value)>>,
}

impl Denial {
    pub fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let (message, remedy) = (message.into(), remedy.into());
        Denial { status, code, message, remedy, retry_after: None, beside: None }
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

    /// Parameters can't be read.
    pub fn bad_parameter(rejection: &QueryRejection) -> Self {
        let text = rejection.body_text();
        let why = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
        let remedy = "GET /openapi.json tells which parameters there are";
        let message = format!("the parameters can't be read: {why}");
        Denial::bad_request("bad_parameter", message, remedy)
    }

    /// A path can't be read.
    pub fn bad_path(rejection: &PathRejection) -> Self {
        let remedy = "write it percent-encoded, in UTF-8";
        Denial::bad_request("bad_path", rejection.body_text(), remedy)
    }

    /// A body has more of something than it may.
    pub fn too_many(message: impl Into<String>) -> Self {
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        Denial::new(status, "too_many", message, "send it in parts")
    }

    /// A key is for something else than what is asked.
    pub fn other_key(message: &str, remedy: &str) -> Self {
        Denial::new(StatusCode::FORBIDDEN, "other_key", message, remedy)
    }

    /// A body, or a part of one, has more bytes than it may.
    pub fn too_large(what: &str, limit: usize) -> Self {
        let message = format!("{what} may have {limit} bytes, and this has more");
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        Denial::new(status, "too_large", message, "send it in parts")
    }

    /// A body has not come in time.
    pub fn slow_body(patience: Duration) -> Self {
        let message = format!("the body did not come within {} s", patience.as_secs());
        let remedy = "send it at once, or in parts of their own";
        Denial::new(StatusCode::REQUEST_TIMEOUT, "slow_body", message, remedy)
    }

    /// A body is not what it has to be.
    pub fn bad_body(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Denial::bad_request("bad_body", message, remedy)
    }

    /// A body has not come whole.
    pub fn broken_body(error: &impl std::fmt::Display) -> Self {
        let message = format!("the body broke off: {error}");
        Denial::bad_request("broken_body", message, "send all of it")
    }

    /// As the API of Segment answers, whose SDKs look at `code` and `message`.
    fn of_collector(&self) -> Response {
        let Denial { status, code, message, remedy, retry_after, .. } = self;
        let body = json!({"success": false, "code": code, "message": message, "remedy": remedy});
        answer(*status, body, *retry_after, "Basic realm=\"selfsame\"")
    }

    /// As it is told: `{"code", "message", "remedy"}`.
    pub fn error(&self) -> Value {
        let (code, message, remedy) = (self.code, &self.message, &self.remedy);
        let mut error = json!({"code": code, "message": message, "remedy": remedy});
        if let Some(beside) = &self.beside {
            let (name, value) = &**beside;
            error[*name] = value.clone();
        }
        error
    }

    /// May be tried again in so many seconds.
    pub fn after(self, seconds: u32) -> Self {
        Denial { retry_after: Some(seconds), ..self }
    }
}

/// What answers where a path takes no such request. Layers of a router see it only where it is set before them: so who
/// lets browsers ask sets it first.
pub async fn not_allowed(method: Method, uri: Uri) -> Response {
    let path = uri.path();
    let message = format!("{path} takes no {method}");
    let remedy = "the header Allow names what it takes";
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let mut response = Denial::new(status, "method_not_allowed", message, remedy).into_response();
    // What is done to somebody stands behind who it is, where what is read of them does, too.
    if ["/v1/persons/", "/v1/profiles/"].iter().any(|of| path.starts_with(of)) {
        let takes = if path.ends_with(FORGET) { "POST" } else { "GET,HEAD" };
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(takes));
    }
    response
}

/// What is done to somebody.
pub const FORGET: &str = ":forget";

/// What is not done, whoever says so, as the API of Segment answers.
pub async fn for_sdks(response: Response) -> Response {
    let Some(denial) = response.extensions().get::<Denial>() else { return response };
    let mut told = denial.of_collector();
    for (name, value) in response.headers() {
        told.headers_mut().entry(name).or_insert_with(|| value.clone());
    }
    told
}

impl IntoResponse for Denial {
    fn into_response(self) -> Response {
        let body = json!({"error": self.error()});
        let mut response = answer(self.status, body, self.retry_after, "Bearer realm=\"selfsame\"");
        // For whoever tells it in other words.
        response.extensions_mut().insert(self);
        response
    }
}

/// The answer that tells why something is not done. `asked` is which key is wanted, where none or no right one came.
fn answer(
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
