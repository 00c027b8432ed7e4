//! `/health/live` and `/health/ready`: whether the process should be started again, and whether it should be asked.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::runtime::{SharedLive, Stop, StopCause};
use crate::sink::Failure;

/// What tells how a run is.
pub struct Health {
    pub live: SharedLive,
    pub stop: Stop,
    pub failure: Failure,
}

pub fn router(health: Health) -> Router {
    let alive = |State(health): State<Arc<Health>>| async move { health.alive() };
    let ready = |State(health): State<Arc<Health>>| async move { health.ready() };
    let router = Router::new().route("/health/live", get(alive)).route("/health/ready", get(ready));
    router.with_state(Arc::new(health))
}

impl Health {
    fn failed(&self) -> Option<Value> {
        let why = self.failure.get()?;
        Some(json!({"code": "failed", "message": format!("the run has failed: {why}")}))
    }

    fn alive(&self) -> Response {
        answer("alive", self.failed().into_iter().collect())
    }

    fn ready(&self) -> Response {
        let mut reasons: Vec<Value> = self.failed().into_iter().collect();
        // While another run takes this one's place it is answered all the same.
        if self.stop.asked().is_some_and(|cause| cause != StopCause::Replaced) {
            reasons.push(json!({"code": "stopping", "message": "the run was asked to stop"}));
        }
        if self.live.is_replaying() {
            let why = "stored rows are being read back: what is known is that of an earlier time";
            reasons.push(json!({"code": "replaying", "message": why}));
        }
        answer("ready", reasons)
    }
}

fn answer(what: &str, reasons: Vec<Value>) -> Response {
    let is_well = reasons.is_empty();
    let status = if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({what: is_well, "reasons": reasons}))).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;
    use crate::runtime::Live;
    use crate::serve::unserved::{SHOP, unserved};
    use crate::sink::UnderWay;
    use crate::wait::wait_for;

    fn answered(answer: Response) -> (u16, Value) {
        let status = answer.status().as_u16();
        let body = wait_for(to_bytes(answer.into_body(), usize::MAX)).expect("a body");
        (status, serde_json::from_slice(&body).expect("JSON"))
    }

    #[test]
    fn a_run_that_has_failed_is_neither_alive_nor_ready_and_says_why() {
        let served = unserved(SHOP);
        let live = Arc::new(Live::new(&served.plan, 1, UnderWay::default()));
        let health = Health { live, stop: served.stop.clone(), failure: served.failure.clone() };
        assert_eq!(answered(health.alive()), (200, json!({"alive": true, "reasons": []})));
        assert_eq!(answered(health.ready()), (200, json!({"ready": true, "reasons": []})));
        served.failure.set("the disk is gone".to_owned());
        let failed = json!({"code": "failed", "message": "the run has failed: the disk is gone"});
        let alive = json!({"alive": false, "reasons": [failed]});
        assert_eq!(answered(health.alive()), (503, alive));
        let ready = json!({"ready": false, "reasons": [failed]});
        assert_eq!(answered(health.ready()), (503, ready));
    }
}
