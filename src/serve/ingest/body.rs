//! Reading what is posted, in bounded memory and within a bounded time.

use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use futures_util::StreamExt;

use super::Ingest;
use super::fault;
use super::unpack::{Unpackable, unpacked};
use crate::serve::denial::Denial;

/// Bytes of bodies that may be under way at once, as they are sent.
const MOST: usize = 256 << 20;

/// The bytes of a body while it is read and looked at.
struct Reserved<'a> {
    ingest: &'a Ingest,
    bytes: usize,
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.ingest.bodies.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Reserved<'_> {
    fn add(&mut self, bytes: usize) -> Result<(), Denial> {
        self.bytes += bytes;
        let before = self.ingest.bodies.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes > MOST { Err(fault::full()) } else { Ok(()) }
    }
}

/// Reads a body, unpacks it, and makes something of it; `what` it is may have `limit` bytes.
pub async fn read<T: Send + 'static>(
    ingest: &Ingest,
    headers: &HeaderMap,
    body: Body,
    (what, limit): (&str, usize),
    make: impl FnOnce(&[u8]) -> Result<T, Denial> + Send + 'static,
) -> Result<T, Denial> {
    let too_large = || Denial::too_large(what, limit);
    let stated = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if stated.and_then(|length| length.parse::<usize>().ok()).is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut reserved = Reserved { ingest, bytes: 0 };
    let reading = async {
        let (mut stream, mut bytes) = (body.into_data_stream(), Vec::new());
        while let Some(part) = stream.next().await {
            let part = part.map_err(|error| Denial::broken_body(&error))?;
            reserved.add(part.len())?;
            if bytes.len() + part.len() > limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(&part);
        }
        Ok(bytes)
    };
    let patience = ingest.patience.body;
    let read = tokio::time::timeout(patience, reading).await;
    let bytes = read.map_err(|_| Denial::slow_body(patience))??;
    // Others are answered meanwhile.
    let made = tokio::task::spawn_blocking(move || match unpacked(&bytes, limit) {
        Ok(bytes) => Ok(make(&bytes)),
        Err(unpackable) => Err(unpackable),
    });
    match made.await.expect("nothing in it panics") {
        Ok(made) => made,
        Err(Unpackable::TooLarge) => Err(too_large()),
        Err(Unpackable::NoGzip(why)) => Err(Denial::bad_body(
            format!("the body is no whole gzip: {why}"),
            "send it as it is, or gzip all of it",
        )),
    }
}
