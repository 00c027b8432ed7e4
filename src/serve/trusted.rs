//! Who may change the run: the admin key, and where there are no keys whoever is on this machine, but no page that a
//! browser on it shows from elsewhere.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::denial::Denial;
use super::ingest::write_key;
use super::keys_in_force::{KeyKind, KeysInForce};
use crate::plan::KeyHash;

/// Lets those pass who may change the run.
pub async fn changing(
    State(keys): State<Arc<KeysInForce>>,
    request: Request,
    next: Next,
) -> Response {
    let may = match keys.are_wanted() {
        true => may_change(&keys, write_key(request.headers()).as_deref()),
        false => is_from_here(request.headers()),
    };
    match may {
        Ok(()) => next.run(request).await,
        Err(denial) => denial.into_response(),
    }
}

fn may_change(keys: &KeysInForce, stated: Option<&str>) -> Result<(), Denial> {
    let remedy =
        "send the admin key as a bearer token, or as the user name of basic authentication";
    let Some(stated) = stated.map(KeyHash::of) else {
        let message = "the admin key is wanted, and none came";
        return Err(Denial::new(StatusCode::UNAUTHORIZED, "no_key", message, remedy));
    };
    match keys.kind_of(&stated) {
        Some(KeyKind::Admin) => Ok(()),
        Some(KeyKind::Read | KeyKind::Write) => {
            let message = "this key is for something else";
            Err(Denial::new(StatusCode::FORBIDDEN, "wrong_key", message, remedy))
        }
        None => {
            let message = "there is no such key";
            Err(Denial::new(StatusCode::UNAUTHORIZED, "wrong_key", message, remedy))
        }
    }
}

/// A page from elsewhere may send, by a browser on this machine, what it could not send itself.
fn is_from_here(headers: &HeaderMap) -> Result<(), Denial> {
    let text = |value: Option<&axum::http::HeaderValue>| {
        value.map(|value| value.to_str().unwrap_or_default().to_owned())
    };
    let host = text(headers.get(HOST)).and_then(|host| host.parse::<Authority>().ok());
    // A name that leads here need not be one of this machine's.
    let is_loopback = |host: &Authority| {
        let name = host.host().trim_start_matches('[').trim_end_matches(']');
        let address = name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        address || name.eq_ignore_ascii_case("localhost")
    };
    let is_ours = |origin: String| {
        let origin = origin.parse::<Uri>().ok().and_then(|uri| uri.authority().cloned());
        origin.is_some() && origin == host
    };
    let site = text(headers.get("sec-fetch-site"));
    let is_same_site = site.is_none_or(|site| site == "same-origin" || site == "none");
    let from_ours = text(headers.get(ORIGIN)).is_none_or(is_ours);
    let to_here = headers.get(HOST).is_none() || host.as_ref().is_some_and(is_loopback);
    if to_here && is_same_site && from_ours {
        return Ok(());
    }
    let message = "a page from elsewhere asks for this, and there is no key to tell whether it may";
    let remedy = "give the definition http: {keys: {admin: …}}, and send the key";
    Err(Denial::new(StatusCode::FORBIDDEN, "other_site", message, remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_from_elsewhere_may_change_nothing() {
        let asked = |headers: &[(&'static str, &str)]| {
            let headers = headers.iter().map(|(name, value)| {
                ((*name).parse().expect("a name"), value.parse().expect("a value"))
            });
            is_from_here(&headers.collect()).is_ok()
        };
        assert!(asked(&[]));
        for host in ["localhost:8080", "LOCALHOST", "127.0.0.1:1", "127.3.0.1", "[::1]:8080"] {
            assert!(asked(&[("host", host)]), "{host}");
            assert!(asked(&[("host", host), ("origin", &format!("http://{host}"))]), "{host}");
            assert!(asked(&[("host", host), ("sec-fetch-site", "same-origin")]), "{host}");
            for origin in ["http://evil.example", "null", "http://localhost:81", ""] {
                assert!(!asked(&[("host", host), ("origin", origin)]), "{host} {origin}");
            }
            for site in ["cross-site", "same-site"] {
                assert!(!asked(&[("host", host), ("sec-fetch-site", site)]), "{host} {site}");
            }
        }
        // A name of theirs that leads to this machine.
        for host in ["evil.example:8080", "10.0.0.1", "localhost.evil.example", "not a host"] {
            let origin = format!("http://{host}");
            assert!(!asked(&[("host", host), ("origin", &origin)]), "{host}");
        }
    }
}
