//! What the admin key is for: another definition, and people who are forgotten, as the command line has it.
//!
//! `GET` and `POST /v1/definition`, `POST /v1/persons/{id}:forget`, `POST /v1/profiles/{type}:{value}:forget`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;

use super::administrator::{Administration, Undone};
use super::body;
use super::denial::{Denial, FORGET, not_allowed};
use super::handles::{Handles, SharedHandles};
use super::profiles::{identifier, in_path, parameters, person_id};

/// How long a definition may be.
const MOST_BYTES: usize = 4 << 20;
/// The type that RFC 9512 gives it.
const YAML: HeaderValue = HeaderValue::from_static("application/yaml");

pub fn routes() -> Router<SharedHandles> {
    Router::new()
        .route("/v1/definition", get(definition).post(apply))
        .route("/v1/persons/{id}", post(of_person))
        .route("/v1/profiles/{*identifier}", post(of_identifier))
}

/// Changes what runs, on a thread that may wait; what was begun is brought to its end, whoever waits for it.
async fn changed<T: Send + 'static>(
    handles: &SharedHandles,
    change: impl FnOnce(&dyn Administration) -> Result<T, Undone> + Send + 'static,
) -> Result<T, Denial> {
    let administration = Arc::clone(&handles.administration);
    let changed = tokio::task::spawn_blocking(move || change(&*administration));
    let panicked = |_| Undone::Failed("it has ended with a panic, which the log tells".to_owned());
    Ok(changed.await.unwrap_or_else(|error| Err(panicked(error)))?)
}

async fn definition(State(handles): State<SharedHandles>) -> Result<Response, Denial> {
    let text = handles.administration.definition()?;
    Ok(([(CONTENT_TYPE, YAML)], text).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ApplyQuery {
    #[serde(default)]
    dry_run: bool,
}

async fn apply(
    State(handles): State<SharedHandles>,
    query: Result<Query<ApplyQuery>, QueryRejection>,
    body: Body,
) -> Result<Response, Denial> {
    let ApplyQuery { dry_run } = parameters(query)?;
    let bytes = body::whole(body, MOST_BYTES).await?;
    let text = String::from_utf8(bytes.into()).map_err(|error| {
        Denial::bad_body(format!("the body is no UTF-8: {error}"), "send a definition as YAML")
    })?;
    let applied = changed(&handles, move |of| of.apply(&text, dry_run)).await?;
    Ok(Json(applied).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ForgetQuery {
    #[serde(default)]
    suppress: bool,
    #[serde(default)]
    dry_run: bool,
}

async fn of_person(
    State(handles): State<SharedHandles>,
    method: Method,
    uri: Uri,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Denial> {
    forget(handles, method, uri, path, |_, written| person_id(written).map(drop)).await
}

async fn of_identifier(
    State(handles): State<SharedHandles>,
    method: Method,
    uri: Uri,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Denial> {
    forget(handles, method, uri, path, |handles, written| identifier(handles, written).map(drop))
        .await
}

/// Forgets who is named before `:forget`, which `check` has looked at.
async fn forget(
    handles: SharedHandles,
    method: Method,
    uri: Uri,
    path: Result<Path<String>, PathRejection>,
    check: impl FnOnce(&Handles, &str) -> Result<(), Denial>,
) -> Result<Response, Denial> {
    let path = in_path(path)?;
    let Some(id) = path.strip_suffix(FORGET).map(str::to_owned) else {
        return Ok(not_allowed(method, uri).await);
    };
    check(&handles, &id)?;
    let ForgetQuery { suppress, dry_run } = parameters(Query::try_from_uri(&uri))?;
    let asked = id.clone();
    match changed(&handles, move |of| of.forget(&id, suppress, dry_run)).await? {
        Some(forgotten) => Ok(Json(forgotten).into_response()),
        None => {
            let message = format!("nobody is known as {asked}, and no stored row carries it");
            let remedy = "forget them by an identifier, as type:value, or by their id";
            Err(Denial::not_found("nobody", message, remedy))
        }
    }
}
