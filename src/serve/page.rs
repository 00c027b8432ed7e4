//! The console: a page that shows people, segments and how the run does in a browser. It is in the binary, holds nothing
//! that a key would have to guard, and asks nobody but the run that it came from. Its files are served as they are
//! written: nothing builds them.

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Paths, types and texts.
const FILES: [(&str, &str, &str); 17] = [
    ("/", HTML, include_str!("console/index.html")),
    ("/console/console.css", CSS, include_str!("console/console.css")),
    ("/console/console.js", SCRIPT, include_str!("console/console.js")),
    ("/console/ask.js", SCRIPT, include_str!("console/ask.js")),
    ("/console/chart.js", SCRIPT, include_str!("console/chart.js")),
    ("/console/compare.js", SCRIPT, include_str!("console/compare.js")),
    ("/console/digits.js", SCRIPT, include_str!("console/digits.js")),
    ("/console/dom.js", SCRIPT, include_str!("console/dom.js")),
    ("/console/graph.js", SCRIPT, include_str!("console/graph.js")),
    ("/console/links.js", SCRIPT, include_str!("console/links.js")),
    ("/console/live.js", SCRIPT, include_str!("console/live.js")),
    ("/console/noted.js", SCRIPT, include_str!("console/noted.js")),
    ("/console/overview.js", SCRIPT, include_str!("console/overview.js")),
    ("/console/person.js", SCRIPT, include_str!("console/person.js")),
    ("/console/person_list.js", SCRIPT, include_str!("console/person_list.js")),
    ("/console/segments.js", SCRIPT, include_str!("console/segments.js")),
    ("/console/why.js", SCRIPT, include_str!("console/why.js")),
];
/// What the page may load, and from where: only from here. Nobody else's page may show it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
     frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    FILES.into_iter().fold(Router::new(), |router, (path, kind, text)| {
        router.route(path, get(move || async move { file(kind, text) }))
    })
}

fn file(kind: &'static str, text: &'static str) -> Response {
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
