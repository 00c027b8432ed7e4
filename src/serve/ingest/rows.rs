//! `POST /v1/sources/NAME`: rows of a source.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::collector::write_key;
use super::rows_of::{NoRows, rows_of};
use super::{Ingest, body};
use crate::serve::denial::Denial;
use crate::source::RejectedRow;

/// Bytes that a body may have, unpacked.
const BYTES: usize = 16 << 20;
/// Rows that it may have: they happen in one tick.
const ROWS: usize = 10_000;
const ROWS_EXAMPLE: &str = "send a JSON object, a list of them, or a line for each";
/// Rejected rows that are told one by one.
const TOLD: usize = 1_000;

pub fn router(ingest: &Arc<Ingest>) -> Router {
    Router::new().route("/v1/sources/{name}", post(take)).with_state(Arc::clone(ingest))
}

async fn take(
    State(ingest): State<Arc<Ingest>>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let name = match path {
        Ok(Path(name)) => name,
        Err(rejection) => return Denial::bad_path(&rejection).into_response(),
    };
    match taken(&ingest, &name, &headers, body).await {
        Ok(answer) => answer,
        Err(denial) => denial.into_response(),
    }
}

async fn taken(
    ingest: &Ingest,
    name: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Denial> {
    let named = ingest.sources.iter().filter(|source| source.name == name).collect::<Vec<_>>();
    if named.is_empty() {
        let names: Vec<&str> = ingest.sources.iter().map(|source| source.name.as_str()).collect();
        let known = match names.is_empty() {
            true => "give a source of the definition `http: {}`".to_owned(),
            false => format!("rows are posted into: {}", names.join(", ")),
        };
        let why = format!("no source '{name}' takes rows over HTTP");
        return Err(Denial::not_found("no_source", why, known));
    }
    let source = (ingest.writing)(write_key(headers).as_deref(), &named)?;
    let rows = body::read(ingest, headers, body, ("a body", BYTES), |bytes| {
        rows_of(bytes, ROWS).map_err(|why| match why {
            NoRows::Unreadable(why) => Denial::bad_body(why, ROWS_EXAMPLE),
            NoRows::TooMany(rows) => {
                Denial::too_many(format!("a body may have {ROWS} rows, and this has {rows}"))
            }
        })
    });
    let (rows, turn) = rows.await?;
    let all = rows.len();
    let taken = ingest.post(source, rows, Some(turn)).await?;
    let told: Vec<Value> = taken.rejected.iter().take(TOLD).map(rejection).collect();
    let rejected = taken.rejected.len();
    let answer = json!({"accepted": all - rejected, "rejected": rejected, "rejects": told});
    Ok(taken.answer(Json(answer)))
}

/// A rejected row by its place in what was posted, from 0.
fn rejection(row: &RejectedRow) -> Value {
    json!({"row": row.offset, "reasons": row.reasons})
}
