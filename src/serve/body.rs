//! The body of a request, taken in whole: bounded in bytes and in time.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

use super::denial::Denial;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// All of a body, of so many bytes at most.
pub async fn whole(body: Body, most: usize) -> Result<Bytes, Denial> {
    let slow = || {
        let message = format!("the body had not arrived after {} seconds", PATIENCE.as_secs());
        let remedy = "send it at once, or in parts of their own";
        Denial::new(StatusCode::REQUEST_TIMEOUT, "slow_body", message, remedy)
    };
    match tokio::time::timeout(PATIENCE, to_bytes(body, most)).await.map_err(|_| slow())? {
        Ok(bytes) => Ok(bytes),
        Err(error) if is_too_long(&error) => {
            let message = format!("the body has more than {most} bytes");
            let remedy = "send less at a time";
            Err(Denial::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message, remedy))
        }
        Err(error) => {
            let message = format!("the body can't be read: {error}");
            Err(Denial::bad_request("unreadable_body", message, "send all of it"))
        }
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
        Denial::bad_request("bad_body", message, format!("send {example}"))
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
