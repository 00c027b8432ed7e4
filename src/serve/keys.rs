//! Who may read and write: a key opens what it is for.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;

use super::denial::Denial;
use super::ingest::{KeyFault, Writing, open_to_all, write_key};
use super::keys_in_force::{KeyKind, KeysInForce, is_among};
use super::trusted::passed;
use crate::plan::KeyHash;

/// Lets those pass who may read.
pub async fn reading(
    State(keys): State<Arc<KeysInForce>>,
    request: Request,
    next: Next,
) -> Response {
    let may = may_read(&keys, write_key(request.headers()).as_deref());
    passed(may, request, next).await
}

fn may_read(keys: &KeysInForce, stated: Option<&str>) -> Result<(), Denial> {
    if !keys.are_wanted() {
        return Ok(());
    }
    let remedy = "send a read key as a bearer token, or as the user name of basic authentication";
    let Some(stated) = stated.map(KeyHash::of) else {
        let message = "a key is wanted, and none came";
        return Err(Denial::new(StatusCode::UNAUTHORIZED, "no_key", message, remedy));
    };
    match keys.kind_of(&stated) {
        Some(KeyKind::Read | KeyKind::Admin) => Ok(()),
        Some(KeyKind::Write) => {
            let message = "this key is for writing alone";
            Err(Denial::other_key(message, remedy))
        }
        None => {
            let message = "there is no such key";
            Err(Denial::new(StatusCode::UNAUTHORIZED, "wrong_key", message, remedy))
        }
    }
}

/// Who may write into which source.
pub fn writing(keys: &Arc<KeysInForce>) -> Writing {
    if !keys.are_wanted() {
        return open_to_all();
    }
    let keys = Arc::clone(keys);
    Arc::new(move |stated, sources| {
        let (keys, stated) = (keys.now(), stated.map(KeyHash::of).ok_or(KeyFault::Missing)?);
        let opens = |source: &str| {
            let of_source = keys.write.iter().filter(|(name, _)| name == source);
            bool::from(is_among(&stated, of_source.map(|(_, key)| key)))
        };
        let is_admin = bool::from(is_among(&stated, keys.admin.iter()));
        let open: Vec<_> =
            sources.iter().filter(|source| is_admin || opens(&source.name)).collect();
        match open[..] {
            [source] => Ok(source.number),
            [] if sources.is_empty() => Err(KeyFault::NoSource),
            [] => {
                let all = keys.read.iter().chain(keys.write.iter().map(|(_, key)| key));
                match bool::from(is_among(&stated, all)) {
                    true => Err(KeyFault::Elsewhere),
                    false => Err(KeyFault::Unknown),
                }
            }
            [..] => Err(KeyFault::Unclear(open.iter().map(|source| source.name.clone()).collect())),
        }
    })
}
