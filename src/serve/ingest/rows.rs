//! `POST /v1/sources/NAME`: rows of a source.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::collector::write_key;
use super::fault::IngestFault;
use super::rows_of::rows_of;
use super::{Ingest, body};
use crate::source::RejectedRow;

/// Bytes that a body may have, unpacked.
const BYTES: usize = 16 << 20;
/// Rows that it may have: they happen in one tick.
const ROWS: usize = 10_000;
/// Rejected rows that are told one by one.
const TOLD: usize = 1_000;

pub fn router(ingest: &Arc<Ingest>) -> Router {
    Router::new().route("/v1/sources/{name}", post(take)).with_state(Arc::clone(ingest))
}

async fn take(
    State(ingest): State<Arc<Ingest>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match taken(&ingest, &name, &headers, body).await {
        Ok(answer) => Json(answer).into_response(),
        Err(fault) => fault.plain(),
    }
}

async fn taken(
    ingest: &Ingest,
    name: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Value, IngestFault> {
    let named = ingest.sources.iter().filter(|source| source.name == name).collect::<Vec<_>>();
    if named.is_empty() {
        let names: Vec<&str> = ingest.sources.iter().map(|source| source.name.as_str()).collect();
        let known = match names.is_empty() {
            true => "no source of the definition has `http`".to_owned(),
            false => format!("rows are posted into {}", names.join(", ")),
        };
        let why = format!("no source '{name}' takes rows over HTTP: {known}");
        return Err(IngestFault::new(StatusCode::NOT_FOUND, "no_source", why));
    }
    let source = (ingest.writing)(write_key(headers).as_deref(), &named)?;
    let rows = body::read(ingest, headers, body, ("a body", BYTES), |bytes| {
        let rows = rows_of(bytes).map_err(|why| IngestFault::no_json(why.0))?;
        if rows.len() > ROWS {
            let why = format!(
                "a body may have {ROWS} rows, and this has {}: send it in parts",
                rows.len()
            );
            return Err(IngestFault::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many", why));
        }
        Ok(rows)
    });
    let rows = rows.await?;
    let all = rows.len();
    let rejected = ingest.post(source, rows).await?;
    let told: Vec<Value> = rejected.iter().take(TOLD).map(told).collect();
    Ok(json!({"accepted": all - rejected.len(), "rejected": rejected.len(), "rejects": told}))
}

/// A rejected row by its place in what was posted, from 0.
fn told(row: &RejectedRow) -> Value {
    json!({"row": row.offset, "reasons": row.reasons})
}
