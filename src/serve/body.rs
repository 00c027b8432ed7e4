//! The body of a request, taken in whole: bounded in bytes and in time.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use serde::de::DeserializeOwned;

use super::denial::Denial;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// All of a body, of so many bytes at most.
pub async fn whole(body: Body, most: usize) -> Result<Bytes, Denial> {
    let read = tokio::time::timeout(PATIENCE, to_bytes(body, most)).await;
    match read.map_err(|_| Denial::slow_body(PATIENCE))? {
        Ok(bytes) => Ok(bytes),
        Err(error) if is_too_long(&error) => Err(Denial::too_large("a body", most)),
        Err(error) => Err(Denial::broken_body(&error)),
    }
}

/// A body that is JSON of a known shape, whatever its content type says.
pub async fn json<T: DeserializeOwned>(
    body: Body,
    most: usize,
    example: &str,
) -> Result<T, Denial> {
    let bytes = whole(body, most).await?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let message = format!("the body is not the JSON that is wanted: {error}");
        Denial::bad_body(message, format!("send {example}"))
    })
}

/// Whether it is the bound that was met.
fn is_too_long(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.to_string() == "length limit exceeded" {
            return true;
        }
        cause = error.source();
    }
    false
}
