//! What the SDKs of browsers ask for before they send anything: where to send it, which is here.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Extension, Path, Query};
use axum::http::HeaderMap;
use axum::http::header::HOST;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::serve::denial::Denial;
use crate::serve::server::Client;

/// The settings of `@segment/analytics-next`, whose `cdnURL` is this host. Without settings of its own it sends where
/// its `integrations` say: a page that is served over TLS sends over TLS.
pub async fn of_segment(
    key: Result<Path<String>, PathRejection>,
    client: Option<Extension<Client>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Denial> {
    let Path(key) = key.map_err(|rejection| Denial::bad_path(&rejection))?;
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let is_encrypted = client.is_some_and(|client| client.is_encrypted);
    let protocol = match headers.get("x-forwarded-proto").map(|of| of.as_bytes()) {
        Some(b"https") => "https",
        _ if is_encrypted => "https",
        _ => "http",
    };
    Ok(Json(json!({
        "integrations": {
            "Segment.io": {
                "apiKey": key, "apiHost": format!("{host}/v1"), "protocol": protocol,
                "unbundledIntegrations": [], "addBundledMetadata": true,
            },
        },
        "plan": {"track": {"__default": {"enabled": true, "integrations": {}}}},
        "edgeFunction": {}, "analyticsNextEnabled": true, "middlewareSettings": {},
        "enabledMiddleware": {}, "metrics": {"sampleRate": 0}, "legacyVideoPluginsEnabled": false,
        "remotePlugins": [],
    })))
}

/// What a browser says of itself.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default, rename = "writeKey")]
    write_key: String,
}

/// The settings of `@rudderstack/analytics-js`, whose `configUrl` is this host.
pub async fn of_rudderstack(
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Value>, Denial> {
    let Query(asked) = asked.map_err(|rejection| Denial::bad_parameter(&rejection))?;
    let key = asked.write_key;
    Ok(Json(json!({
        "source": {
            "id": key, "name": key, "writeKey": key, "enabled": true, "workspaceId": "selfsame",
            "config": {"statsCollection": {"errors": {"enabled": false}, "metrics": {"enabled": false}}},
            "connections": [], "destinations": [],
        },
        "updatedAt": "2025-01-01T00:00:00.000Z",
    })))
}
