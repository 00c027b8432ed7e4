//! `GET /v1/status`: how the run does, in numbers: what it reads and sends, how soon, and how many there are.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::denial::Denial;
use super::handles::{Handles, SharedHandles};
use super::profiles::{WaitQuery, at, parameters};
use super::served_plan::is_added;
use crate::metrics::SourceCounts;
use crate::plan::{Kind, Publish};
use crate::runtime::{BucketCounts, ProcessShare};
use crate::time::{Micros, rfc3339, wall_clock};

pub fn routes() -> Router<SharedHandles> {
    Router::new().route("/v1/status", get(status))
}

async fn status(
    State(handles): State<SharedHandles>,
    query: Result<Query<WaitQuery>, QueryRejection>,
) -> Result<Response, Denial> {
    parameters(query)?.wait(&handles).await?;
    let (tick, people) = handles.source()?.read(|view| (view.tick(), view.people()));
    let is_ready = handles.ready().is_ok();
    let plan = &handles.plan;
    let decisions = plan.decisions.as_ref().map(|of| plan.sources[of.source].name.as_str());
    let types: Vec<&str> = plan.identifiers.iter().map(|kind| kind.name.as_str()).collect();
    let mut body = json!({
        "tick": tick,
        "name": plan.name,
        "version": env!("CARGO_PKG_VERSION"),
        "at": rfc3339(wall_clock()),
        "started": rfc3339(handles.started),
        "catching_up": !is_ready,
        "processes": handles.process.of,
        "people": people,
        "stored": handles.stored.is_some(),
        "decisions": decisions,
        "keys": plan.http.keys.are_any(),
        "identifier_types": types,
        "latency_target_ms": plan.target_latency.as_millis() as u64,
    });
    if let Some(live) = &handles.live {
        let body = body.as_object_mut().expect("it is an object");
        let share = live.all_shares();
        let counts = &share.counts;
        body.extend([
            ("counted_since".to_owned(), json!(rfc3339(live.started))),
            ("identifiers".to_owned(), json!(counts.identifiers)),
            ("merges".to_owned(), json!(counts.joined)),
            ("splits".to_owned(), json!(counts.parted)),
            ("latency".to_owned(), latency(&share.latencies)),
            ("sources".to_owned(), sources(&handles, &share)),
            ("outputs".to_owned(), outputs(&handles, &share)),
            ("lag".to_owned(), json!(share.lag)),
        ]);
    }
    Ok(at(tick, Json(body).into_response()))
}

/// How long rows took: how many by the first bound in milliseconds that they kept, which is null beyond all.
fn latency(counts: &BucketCounts) -> Value {
    let bound = |seconds: f64| seconds.is_finite().then(|| (seconds * 1e3).round() as u64);
    let buckets: Vec<Value> = counts
        .buckets
        .iter()
        .map(|(le, rows)| json!({"le_ms": bound(*le), "rows": rows}))
        .collect();
    json!({"rows": counts.count, "buckets": buckets})
}

fn instant(newest: Option<&Option<Micros>>) -> Option<String> {
    newest.copied().flatten().map(rfc3339)
}

fn sources(handles: &Handles, share: &ProcessShare) -> Value {
    let ProcessShare { counts, newest, .. } = share;
    let of = handles.plan.sources.iter().zip(&counts.sources).enumerate();
    let source = of.map(|(number, (source, counted))| {
        let SourceCounts { rows, rejected, duplicates, dropped } = *counted;
        let kind = if source.kind == Kind::Records { "records" } else { "events" };
        json!({
            "name": source.name,
            "kind": kind,
            "rows": rows,
            "accepted": counted.accepted(),
            "rejected": rejected,
            "duplicates": duplicates,
            "dropped": dropped,
            "newest_row": instant(newest.sources.get(number)),
        })
    });
    source.collect()
}

fn outputs(handles: &Handles, share: &ProcessShare) -> Value {
    let ProcessShare { counts, newest, pending, .. } = share;
    let of = handles.plan.outputs.iter().enumerate().filter(|(_, of)| !is_added(of));
    let output = of.map(|(number, output)| {
        json!({
            "name": output.name,
            "publishes": Publish::name(output.publish),
            "records": counts.outputs.get(number),
            "pending": pending.get(number),
            "newest_row": instant(newest.outputs.get(number)),
        })
    });
    output.collect()
}
