//! `GET /v1/persons`, and what it has in common with a segment's members: people page by page, in the order of their ids.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::denial::Denial;
use super::handles::{Handles, SharedHandles};
use super::profiles::{WaitQuery, at, no_cursor, page_length, parameters, person_id};
use crate::row::IdentifierHash;
use crate::time::Tick;

/// People of a page, unless it is said, and at most.
const PAGE: [usize; 2] = [100, 10_000];

pub fn routes() -> Router<SharedHandles> {
    Router::new().route("/v1/persons", get(everybody))
}

/// Which page is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonPageQuery {
    /// The last id of the page before.
    cursor: Option<String>,
    limit: Option<usize>,
    after: Option<u64>,
    timeout: Option<u64>,
}

/// A page that may be had.
#[derive(Clone, Copy)]
pub struct AskedPage {
    pub behind: Option<IdentifierHash>,
    limit: usize,
    /// What it is of.
    what: &'static str,
}

impl PersonPageQuery {
    /// The page, once the tick is published that it has to have reached.
    pub async fn asked(self, handles: &Handles, what: &'static str) -> Result<AskedPage, Denial> {
        let PersonPageQuery { cursor, limit, after, timeout } = self;
        let behind = cursor.map(|cursor| {
            person_id(&cursor).map_err(|_| no_cursor(format!("'{cursor}' is no cursor")))
        });
        let behind = behind.transpose()?;
        let limit = page_length(limit, PAGE, what)?;
        WaitQuery { after, timeout }.wait(handles).await?;
        Ok(AskedPage { behind, limit, what })
    }
}

impl AskedPage {
    /// How many are looked up: one more than it has tells whether there is another page.
    pub fn looked_up(&self) -> usize {
        self.limit + 1
    }

    /// The page, of so many in all.
    pub fn answer(&self, tick: Tick, size: usize, mut found: Vec<IdentifierHash>) -> Response {
        // Whoever comes or goes meanwhile: behind the last id of a page are all who have not been seen.
        let more = found.len() > self.limit;
        found.truncate(self.limit);
        let next = found.last().filter(|_| more).map(|last| last.person_id());
        let ids: Vec<String> = found.iter().map(|person| person.person_id()).collect();
        let body = json!({"tick": tick, "size": size, (self.what): ids, "cursor": next});
        at(tick, Json(body).into_response())
    }
}

async fn everybody(
    State(handles): State<SharedHandles>,
    query: Result<Query<PersonPageQuery>, QueryRejection>,
) -> Result<Response, Denial> {
    let page = parameters(query)?.asked(&handles, "persons").await?;
    let (tick, size, found) = handles
        .read(|view| (view.tick(), view.people(), view.everybody(page.behind, page.looked_up())))?;
    Ok(page.answer(tick, size, found))
}
