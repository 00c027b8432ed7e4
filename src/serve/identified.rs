//! `GET /v1/profiles/{type}:{value}`, and what is asked behind it: an identifier may have any characters, so its end is
//! looked for.

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::get;

use super::denial::Denial;
use super::handles::SharedHandles;
use super::profiles::{self, in_path, parameters};
use super::why::{self, RowsQuery};

pub fn routes() -> Router<SharedHandles> {
    Router::new().route("/v1/profiles/{*identifier}", get(by_identifier))
}

/// A slash that belongs to the identifier itself is percent-encoded where it would look like one of these.
async fn by_identifier(
    State(handles): State<SharedHandles>,
    uri: Uri,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Denial> {
    let written = in_path(path)?;
    let behind = |name: &str| written.strip_suffix(name).filter(|_| uri.path().ends_with(name));
    if let Some(identifier) = behind("/why") {
        let query = parameters(Query::try_from_uri(&uri))?;
        return why::why(handles, identifier.to_owned(), query).await;
    }
    if let Some(identifier) = behind("/rows") {
        let query: RowsQuery = parameters(Query::try_from_uri(&uri))?;
        query.wait(&handles).await?;
        let person = why::whose(&handles, identifier)?;
        return why::rows(handles, person, query).await;
    }
    let query = parameters(Query::try_from_uri(&uri))?;
    profiles::by_identifier(&handles, &written, query, &headers).await
}
