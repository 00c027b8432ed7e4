//! Reading what is posted, in bounded memory and within a bounded time.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use futures_util::StreamExt;
use tokio::sync::OwnedSemaphorePermit;

use super::Ingest;
use crate::serve::denial::Denial;
use crate::serve::unpack::unpacked;

/// Bodies that are unpacked and looked at at once, each of which may come to many times what was sent.
pub const TURNS: usize = 8;

/// Held by who looks at a body, for as long as what it came to is not handed over.
pub type BodyTurn = OwnedSemaphorePermit;

/// Reads a body, unpacks it, and makes something of it; `what` it is may have `limit` bytes. With that comes whose turn it
/// is: until it is let go of, no more than a few others are looked at.
pub async fn read<T: Send + 'static>(
    ingest: &Ingest,
    headers: &HeaderMap,
    body: Body,
    (what, limit): (&str, usize),
    make: impl FnOnce(&[u8]) -> Result<T, Denial> + Send + 'static,
) -> Result<(T, BodyTurn), Denial> {
    let too_large = || Denial::too_large(what, limit);
    let stated = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if stated.and_then(|length| length.parse::<usize>().ok()).is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let (coming, mut goes) = ingest.bodies.begin();
    let reading = async {
        let (mut stream, mut bytes) = (body.into_data_stream(), Vec::new());
        while let Some(part) = stream.next().await {
            let part = part.map_err(|error| Denial::broken_body(&error))?;
            coming.add(part.len())?;
            if bytes.len() + part.len() > limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(&part);
        }
        Ok(bytes)
    };
    let patience = ingest.patience.body;
    let whole = async {
        let read = tokio::time::timeout(patience, reading).await;
        let bytes = read.map_err(|_| Denial::slow_body(patience))??;
        let turn = Arc::clone(&ingest.turns).acquire_owned().await;
        Ok::<_, Denial>((bytes, turn.expect("it is never closed")))
    };
    let (bytes, turn) = tokio::select! {
        biased;
        denial = goes.wait() => return Err(denial),
        whole = whole => whole?,
    };
    // Others are answered meanwhile. The turn lasts until it is done, whether or not anybody waits for that.
    let made = tokio::task::spawn_blocking(move || match unpacked(&bytes, limit) {
        Ok(bytes) => Ok(make(&bytes).map(|made| (made, turn))),
        Err(unpackable) => Err(unpackable),
    });
    match made.await.expect("nothing in it panics") {
        Ok(made) => made,
        Err(unpackable) => Err(unpackable.denial(what, limit)),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::serve::handles::ServedProcess;
    use crate::serve::ingest::{IngestPatience, open_to_all};
    use crate::serve::unserved::{SHOP, unserved};
    use crate::source::{PostedRows, Posts};

    #[test]
    fn a_body_is_looked_at_in_its_turn_which_lasts_until_its_rows_are_posted() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build();
        runtime.expect("a runtime").block_on(async {
            let (posts, _posted) = Posts::new();
            let process = ServedProcess { of: 1, first: None };
            let (tick, patience) = (Arc::new(|| None), IngestPatience::default());
            let plan = unserved(SHOP).plan;
            let ingest = Ingest::new(&plan, Some(posts), &process, open_to_all(), tick, patience);
            let headers = HeaderMap::new();
            let looked_at = || {
                let rows = |bytes: &[u8]| {
                    let mut rows = PostedRows::default();
                    rows.push(bytes);
                    Ok(rows)
                };
                read(&ingest, &headers, Body::from("{}"), ("a body", 10), rows)
                    .map(|read| read.expect("it is read"))
            };
            let mut all = Vec::new();
            for left in (0..TURNS).rev() {
                all.push(looked_at().await);
                assert_eq!(ingest.turns.available_permits(), left);
            }
            // No body that nobody has taken in keeps another one from being looked at.
            let posted: Vec<_> = all
                .into_iter()
                .map(|(rows, turn)| Box::pin(ingest.post(0, rows, Some(turn))))
                .map(|mut post| (post.as_mut().now_or_never().is_none(), post))
                .collect();
            assert!(posted.iter().all(|(waits, _)| *waits));
            assert_eq!(ingest.turns.available_permits(), TURNS);
            drop(looked_at().await);
            assert_eq!(ingest.turns.available_permits(), TURNS);
        });
    }
}
