//! `GET /v1/rejects` and `GET /v1/conflicts`: what is wrong, of what outputs were told in this run.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::denial::Denial;
use super::handles::{Handles, SharedHandles};
use super::profiles::{WaitQuery, at, no_cursor, page_length, parameters};
use super::reject_examples::{NotedRejects, RejectGroup};
use crate::plan::Publish;
use crate::sink::{Record, RecordKey};
use crate::time::Tick;

/// Conflicts of a page, unless it is said, and at most.
const PAGE: [usize; 2] = [100, 1_000];
/// What is beyond it is not exact in all programs that read JSON.
const LAST_CURSOR: u64 = (1 << 53) - 1;
/// The kinds of conflicts, as their records name them.
const KINDS: [&str; 4] = ["withheld", "shared", "disagreement", "single_source"];

pub fn routes() -> Router<SharedHandles> {
    Router::new().route("/v1/rejects", get(rejects)).route("/v1/conflicts", get(conflicts))
}

/// Rejects of a group: how many, and examples.
type ToldRejects = (RejectGroup, u64, Vec<Box<RawValue>>);

/// The value of a record, as outputs have it.
fn value(handles: &Handles, record: &Record) -> Box<RawValue> {
    let text = handles.write(|json| json.value(record, &handles.catalog).map(str::to_owned));
    let text = text.unwrap_or_else(|| "null".to_owned());
    RawValue::from_string(text).expect("outputs are told JSON")
}

/// The first output that publishes this, by name.
fn output(handles: &Handles, publish: Publish) -> Option<&str> {
    let outputs = &handles.plan.outputs;
    outputs.iter().find(|output| output.publish == publish).map(|output| output.name.as_str())
}

async fn rejects(
    State(handles): State<SharedHandles>,
    query: Result<Query<WaitQuery>, QueryRejection>,
) -> Result<Response, Denial> {
    parameters(query)?.wait(&handles).await?;
    let published = handles.source()?;
    // What follows is of this tick at least.
    let tick = published.tick();
    let live = handles.live.as_ref();
    let counts = live.map(|live| live.all_shares().counts.rejects).unwrap_or_default();
    let mut groups: Vec<ToldRejects> = Vec::new();
    for ((source, code), rows) in counts {
        groups.push(((RecordKey::Source(source), code), rows, Vec::new()));
    }
    for NotedRejects { group, told, examples } in published.rejects.all() {
        let values = examples.iter().map(|record| value(&handles, record)).collect();
        match groups.iter_mut().find(|(known, ..)| *known == group) {
            // What another process has counted comes a little later than what it rejected.
            Some((_, rows, held)) => (*rows, *held) = (told.max(*rows), values),
            None => groups.push((group, told, values)),
        }
    }
    let groups: Vec<Value> = groups
        .into_iter()
        .map(|((key, code), rows, examples)| {
            let name = handles.catalog.key(&key);
            json!({"source": name, "code": code, "rows": rows, "examples": examples})
        })
        .collect();
    let output = output(&handles, Publish::Rejects);
    Ok(at(tick, Json(json!({"tick": tick, "output": output, "reasons": groups})).into_response()))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConflictQuery {
    kind: Option<String>,
    /// The number of the last conflict of the page before.
    cursor: Option<u64>,
    limit: Option<usize>,
    after: Option<Tick>,
    timeout: Option<u64>,
}

fn kind(key: &RecordKey) -> &'static str {
    match key {
        RecordKey::Withheld(_) => KINDS[0],
        RecordKey::Shared(_) => KINDS[1],
        RecordKey::Disagreement(_) => KINDS[2],
        _ => KINDS[3],
    }
}

async fn conflicts(
    State(handles): State<SharedHandles>,
    query: Result<Query<ConflictQuery>, QueryRejection>,
) -> Result<Response, Denial> {
    let ConflictQuery { kind: wanted, cursor, limit, after, timeout } = parameters(query)?;
    if let Some(other) = wanted.as_deref().filter(|wanted| !KINDS.contains(wanted)) {
        let message = format!("there is no kind of conflicts '{other}'");
        let remedy = format!("there are: {}", KINDS.join(", "));
        return Err(Denial::bad_request("bad_parameter", message, remedy));
    }
    let limit = page_length(limit, PAGE, "conflicts")?;
    if let Some(cursor) = cursor.filter(|cursor| *cursor > LAST_CURSOR) {
        return Err(no_cursor(format!("{cursor} is no cursor")));
    }
    WaitQuery { after, timeout }.wait(&handles).await?;
    let published = handles.source()?;
    let tick = published.tick();
    let page = published
        .conflicts
        .page(cursor, limit, |key| wanted.as_deref().is_none_or(|wanted| wanted == kind(key)));
    let conflicts: Vec<Value> = page
        .conflicts
        .iter()
        .map(|(_, record)| {
            let key = handles.catalog.key(&record.key);
            json!({"key": key, "value": value(&handles, record)})
        })
        .collect();
    let next = page.conflicts.last().filter(|_| page.more).map(|(number, _)| number);
    let output = output(&handles, Publish::Conflicts);
    let body = json!({
        "tick": tick, "output": output, "held": page.held, "are_all": page.are_all,
        "conflicts": conflicts, "cursor": next,
    });
    Ok(at(tick, Json(body).into_response()))
}
