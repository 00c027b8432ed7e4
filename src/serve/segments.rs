//! `GET /v1/segments`, `/v1/segments/{name}/members` and `/v1/persons/{id}/segments`: who is in which segment.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::denial::Denial;
use super::handles::{Handles, SharedHandles};
use super::person_pages::PersonPageQuery;
use super::profiles::{WaitQuery, at, in_path, no_person, parameters, person_id, redirect};
use crate::definition::sql::predicate_terms;

pub fn routes() -> Router<SharedHandles> {
    Router::new()
        .route("/v1/segments", get(all))
        .route("/v1/segments/{name}", get(one))
        .route("/v1/segments/{name}/members", get(members))
        .route("/v1/persons/{id}/segments", get(of_person))
}

async fn all(
    State(handles): State<SharedHandles>,
    query: Result<Query<WaitQuery>, QueryRejection>,
) -> Result<Response, Denial> {
    parameters(query)?.wait(&handles).await?;
    let segments = &handles.plan.segments;
    let (tick, people, sizes) = handles.read(|view| {
        let sizes: Vec<usize> = (0..segments.len()).map(|segment| view.size(segment)).collect();
        (view.tick(), view.people(), sizes)
    })?;
    let segments = segments.iter().zip(sizes);
    let segments: Vec<Value> =
        segments.map(|(segment, size)| json!({"name": segment.name, "size": size})).collect();
    let body = json!({"tick": tick, "people": people, "segments": segments});
    Ok(at(tick, Json(body).into_response()))
}

/// A segment by its name.
pub fn number(handles: &Handles, name: &str) -> Result<usize, Denial> {
    let segments = &handles.plan.segments;
    segments.iter().position(|segment| segment.name == name).ok_or_else(|| {
        let known: Vec<&str> = segments.iter().map(|segment| segment.name.as_str()).collect();
        let message = format!("there is no segment '{name}'");
        let remedy = format!("there are: {}", known.join(", "));
        Denial::not_found("unknown_segment", message, remedy)
    })
}

/// What a segment means, and how large it has been.
async fn one(
    State(handles): State<SharedHandles>,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<WaitQuery>, QueryRejection>,
) -> Result<Response, Denial> {
    let (name, query) = (in_path(path)?, parameters(query)?);
    let number = number(&handles, &name)?;
    query.wait(&handles).await?;
    let segment = &handles.plan.segments[number];
    let (tick, size) = handles.read(|view| (view.tick(), view.size(number)))?;
    let sizes = handles.source()?.sizes.of(number);
    let body = json!({
        "tick": tick,
        "name": name,
        "description": segment.description,
        "condition": &*predicate_terms::expression(&handles.plan, segment.column).text,
        "size": size,
        "sizes": sizes,
    });
    Ok(at(tick, Json(body).into_response()))
}

async fn members(
    State(handles): State<SharedHandles>,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<PersonPageQuery>, QueryRejection>,
) -> Result<Response, Denial> {
    let (name, query) = (in_path(path)?, parameters(query)?);
    let segment = number(&handles, &name)?;
    let page = query.asked(&handles, "members").await?;
    let (tick, size, found) = handles.read(|view| {
        let found = view.members(segment, page.behind, page.looked_up());
        (view.tick(), view.size(segment), found)
    })?;
    Ok(page.answer(tick, size, found))
}

async fn of_person(
    State(handles): State<SharedHandles>,
    uri: Uri,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<WaitQuery>, QueryRejection>,
) -> Result<Response, Denial> {
    let (written, query) = (in_path(path)?, parameters(query)?);
    let id = person_id(&written)?;
    query.wait(&handles).await?;
    let (tick, known, now) =
        handles.read(|view| (view.tick(), view.profile(id).cloned(), view.whose(id)))?;
    let response = match (known, now) {
        (Some(known), _) => {
            let names = &handles.catalog.segments;
            let segments: Vec<&str> = known.profile.segments().map(|of| names.name(of)).collect();
            let body = json!({"tick": tick, "person": written, "segments": segments});
            (StatusCode::OK, Json(body)).into_response()
        }
        (None, Some(now)) => redirect(&written, now, "/segments", &uri),
        (None, None) => no_person(&written).into_response(),
    };
    Ok(at(tick, response))
}
