//! Whose pages may read in a browser, which asks before it sends (CORS): who is named in the definition.

use std::time::Duration;

use axum::Router;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, Method};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::denial::not_allowed;
use super::profiles::TICK;

/// How long a browser need not ask again.
const KNOWN: Duration = Duration::from_secs(3_600);

/// Whether a page's origin is one of these.
pub fn is_named(origins: &[String], origin: &str) -> bool {
    origins.iter().any(|of| of == "*" || of == origin)
}

/// Routes that pages of these origins may read from. Without any, browsers let none.
pub fn read_from(router: Router, origins: &[String]) -> Router {
    if origins.is_empty() {
        return router;
    }
    let origin = match origins.iter().any(|origin| origin == "*") {
        true => AllowOrigin::any(),
        false => AllowOrigin::list(origins.iter().filter_map(|of| HeaderValue::from_str(of).ok())),
    };
    let pages = CorsLayer::new()
        .allow_origin(origin)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            AUTHORIZATION,
            CONTENT_TYPE,
            IF_NONE_MATCH,
            HeaderName::from_static("last-event-id"),
        ])
        .expose_headers([ETAG, LOCATION, RETRY_AFTER, TICK])
        .max_age(KNOWN);
    router.method_not_allowed_fallback(not_allowed).layer(pages)
}
