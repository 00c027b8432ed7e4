//! `/metrics`: what a process of a run counts, in Prometheus's text format. Each process tells its own share, and what
//! all of them come to is their sum: as of the last half second, since no worker is asked.

mod families;
mod process;
mod run;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::encoding::prometheus_text::encode;
use prometheus_client::registry::Registry;

use crate::plan::Plan;
use crate::runtime::SharedLive;
use crate::time::Micros;
use run::RunMetrics;

/// The version is that of the format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub fn router(plan: &Arc<Plan>, live: &SharedLive, started: Micros) -> Router {
    let mut registry = Registry::default();
    let run = RunMetrics::new(Arc::clone(plan), Arc::clone(live), started);
    registry.register_collector(Box::new(run));
    Router::new().route("/metrics", get(metrics)).with_state(Arc::new(registry))
}

async fn metrics(State(registry): State<Arc<Registry>>) -> impl IntoResponse {
    // Files are looked at.
    let text = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        encode(&mut text, &registry).expect("memory takes text");
        text
    });
    ([(CONTENT_TYPE, TEXT)], text.await.expect("nothing in it panics"))
}
