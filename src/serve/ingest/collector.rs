//! The collector: what the SDKs of Segment and RudderStack send, by the paths that they send it to.
//!
//! A row is the message as it came, under the names that the API gives to its fields, with its times made right
//! (`clock`). Who it is about, and whether that is anybody, is for the definition to say. No parser is chosen by what a
//! client calls its body: what it is, its bytes say (`unpack`).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, Method, header};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;
use tower_http::cors::{Any, CorsLayer};

use super::messages::{BodyFault, Call, Collected, collect};
use super::{Ingest, PostedSource, body, settings};
use crate::serve::denial::{Denial, for_sdks, not_allowed};
use crate::time::wall_clock;

/// What is posted to each path: browsers use the short ones.
const CALLS: [(&str, Call); 15] = [
    ("/v1/track", Call::One("track")),
    ("/v1/t", Call::One("track")),
    ("/v1/identify", Call::One("identify")),
    ("/v1/i", Call::One("identify")),
    ("/v1/page", Call::One("page")),
    ("/v1/p", Call::One("page")),
    ("/v1/screen", Call::One("screen")),
    ("/v1/s", Call::One("screen")),
    ("/v1/group", Call::One("group")),
    ("/v1/g", Call::One("group")),
    ("/v1/alias", Call::One("alias")),
    ("/v1/a", Call::One("alias")),
    ("/v1/batch", Call::Batch),
    ("/v1/b", Call::Batch),
    ("/v1/import", Call::Import),
];

/// Where the SDK of RudderStack has a page send that is being left (`useBeacon`): browsers let it set no header then.
const BEACON: &str = "/beacon/v1/batch";

/// Headers that pages of other hosts may send: all of them, and by name those that SDKs send. A star does not mean the one
/// with the key, by the Fetch standard.
const ALLOWED_HEADERS: [HeaderName; 5] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    HeaderName::from_static("anonymousid"),
    HeaderName::from_static("*"),
];

pub fn router(ingest: &Arc<Ingest>) -> Router {
    let mut router = Router::new();
    for (path, call) in CALLS {
        let take = move |State(ingest): State<Arc<Ingest>>, headers: HeaderMap, body: Body| async move {
            take(&ingest, call, write_key(&headers), &headers, body).await
        };
        router = router.route(path, post(take));
    }
    router
        .route(BEACON, post(take_beacon))
        .route("/v1/projects/{key}/settings", get(settings::of_segment))
        .route("/sourceConfig", get(settings::of_rudderstack))
        .route("/sourceConfig/", get(settings::of_rudderstack))
        .with_state(Arc::clone(ingest))
}

/// What is told on these routes, whoever tells it: in the words of Segment's API, and to pages from anywhere. A shop's are
/// served from elsewhere; what they send is no secret, and nothing is read here.
pub fn in_words_of_segment(router: Router) -> Router {
    let pages = CorsLayer::new()
        .allow_origin(Any)
        .allow_headers(ALLOWED_HEADERS)
        .allow_methods([Method::POST, Method::GET])
        .expose_headers([header::RETRY_AFTER]);
    router.method_not_allowed_fallback(not_allowed).layer(map_response(for_sdks)).layer(pages)
}

#[derive(Deserialize)]
struct BeaconQuery {
    #[serde(rename = "writeKey")]
    write_key: Option<String>,
}

async fn take_beacon(
    State(ingest): State<Arc<Ingest>>,
    query: Result<Query<BeaconQuery>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Denial> {
    let in_query = || query.ok().and_then(|Query(query)| query.write_key);
    let stated = write_key(&headers).or_else(in_query);
    take(&ingest, Call::Batch, stated, &headers, body).await
}

async fn take(
    ingest: &Ingest,
    call: Call,
    stated: Option<String>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Denial> {
    let collectors: Vec<&PostedSource> =
        ingest.sources.iter().filter(|source| source.collector).collect();
    // A key that is wrong costs nobody the reading of what comes with it.
    if stated.is_some() {
        (ingest.writing)(stated.as_deref(), &collectors)?;
    }
    let received = wall_clock();
    let read = body::read(ingest, headers, body, call.limit(), move |bytes| {
        Ok(collect(call, bytes, received)?)
    });
    // A message that is too large is one, however that was found.
    let (what, limit) = call.limit();
    let (Collected { rows, write_key }, turn) = read.await.map_err(|fault| match fault.code {
        "too_large" => BodyFault::TooLarge { what, limit }.into(),
        _ => fault,
    })?;
    let key = stated.or(write_key);
    let source = (ingest.writing)(key.as_deref(), &collectors)?;
    // Rows that are rejected are told where all rejects are: to send them again would not help.
    let taken = ingest.post(source, rows, Some(turn)).await?;
    Ok(taken.answer(Json(json!({"success": true}))))
}

/// The key that a request brings: the user name of basic authentication, whose password is empty or counts for nothing,
/// or a bearer token.
pub fn write_key(headers: &HeaderMap) -> Option<String> {
    let stated = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, stated) = stated.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(stated.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(stated.trim()).ok()?).ok()?;
    let key = pair.split_once(':').map_or(pair.as_str(), |(key, _)| key);
    (!key.is_empty()).then(|| key.to_owned())
}
