//! Who may change the run: the admin key. Where there are no keys whoever is on this machine may do all, but no page that
//! a browser on it shows from elsewhere: it may neither change anything, nor post rows but to a collector, nor read by a
//! name of its own that leads to this machine.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::denial::Denial;
use super::ingest::write_key;
use super::keys_in_force::{KeyKind, KeysInForce};
use super::origins::is_named;
use crate::plan::KeyHash;

/// Lets those pass who may change the run.
pub async fn changing(
    State(keys): State<Arc<KeysInForce>>,
    request: Request,
    next: Next,
) -> Response {
    let may = match keys.are_wanted() {
        true => may_change(&keys, write_key(request.headers()).as_deref()),
        false => {
            let headers = request.headers();
            from_here(is_to_here(headers, &[]) && is_of_here(headers, &[]))
        }
    };
    passed(may, request, next).await
}

/// Lets a request pass that may, and refuses another one.
pub async fn passed(may: Result<(), Denial>, request: Request, next: Next) -> Response {
    match may {
        Ok(()) => next.run(request).await,
        Err(denial) => denial.into_response(),
    }
}

/// What is open where there are no keys.
pub struct OpenHere {
    pub keys: Arc<KeysInForce>,
    /// Pages that may ask, too.
    pub origins: Vec<String>,
}

/// Lets those read who ask this machine by a name of its own.
pub async fn reading(State(open): State<Arc<OpenHere>>, request: Request, next: Next) -> Response {
    let may = from_here(open.keys.are_wanted() || is_to_here(request.headers(), &open.origins));
    passed(may, request, next).await
}

/// Lets those post rows who are no page from elsewhere.
pub async fn posting(State(open): State<Arc<OpenHere>>, request: Request, next: Next) -> Response {
    let (headers, origins) = (request.headers(), &open.origins);
    let is_from_here = is_to_here(headers, origins) && is_of_here(headers, origins);
    passed(from_here(open.keys.are_wanted() || is_from_here), request, next).await
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
            Err(Denial::other_key(message, remedy))
        }
        None => {
            let message = "there is no such key";
            Err(Denial::new(StatusCode::UNAUTHORIZED, "wrong_key", message, remedy))
        }
    }
}

fn from_here(may: bool) -> Result<(), Denial> {
    if may {
        return Ok(());
    }
    let message = "a page from elsewhere asks for this, and there is no key to tell whether it may";
    let remedy = "give the definition http: {keys: {admin: …}}, and send the key; rows, and what is read, are open to \
                  pages that `origins` names, too";
    Err(Denial::new(StatusCode::FORBIDDEN, "other_site", message, remedy))
}

fn text(value: Option<&HeaderValue>) -> Option<String> {
    value.map(|value| value.to_str().unwrap_or_default().to_owned())
}

fn host(headers: &HeaderMap) -> Option<Authority> {
    text(headers.get(HOST)).and_then(|host| host.parse().ok())
}

fn authority(origin: &str) -> Option<Authority> {
    origin.parse::<Uri>().ok().and_then(|uri| uri.authority().cloned())
}

/// Whether this machine is asked by a name of its own, or one of these pages'. Another name that leads here may be one
/// that a page from elsewhere has, whose scripts the browser lets read what it answers.
fn is_to_here(headers: &HeaderMap, origins: &[String]) -> bool {
    if headers.get(HOST).is_none() {
        return true;
    }
    let Some(host) = host(headers) else { return false };
    let name = host.host().trim_start_matches('[').trim_end_matches(']');
    let is_loopback = name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        || name.eq_ignore_ascii_case("localhost");
    is_loopback || origins.iter().any(|of| of == "*" || authority(of).is_some_and(|of| of == host))
}

/// Whether no page from elsewhere asks but these: it may send, by a browser on this machine, what it could not send
/// itself.
fn is_of_here(headers: &HeaderMap, origins: &[String]) -> bool {
    let origin = text(headers.get(ORIGIN));
    if origin.as_ref().is_some_and(|origin| is_named(origins, origin)) {
        return true;
    }
    let site = text(headers.get("sec-fetch-site"));
    let is_same_site = site.is_none_or(|site| site == "same-origin" || site == "none");
    let is_ours = |origin: String| {
        let origin = authority(&origin);
        origin.is_some() && origin == host(headers)
    };
    is_same_site && origin.is_none_or(is_ours)
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
            let headers = headers.collect();
            is_to_here(&headers, &[]) && is_of_here(&headers, &[])
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

    #[test]
    fn pages_that_are_named_may_read_and_post_and_others_may_not() {
        let named = ["https://shop.example".to_owned()];
        let headers = |host: &str, origin: &str| {
            let host = (HOST, host.parse().expect("a host"));
            [host, (ORIGIN, origin.parse().expect("an origin"))].into_iter().collect::<HeaderMap>()
        };
        let theirs = headers("localhost:8080", "https://shop.example");
        assert!(is_to_here(&theirs, &named) && is_of_here(&theirs, &named));
        assert!(!is_of_here(&theirs, &[]));
        let others = headers("127.0.0.1:8080", "https://evil.example");
        assert!(is_to_here(&others, &named) && !is_of_here(&others, &named));
        assert!(is_of_here(&others, &["*".to_owned()]));
        // A name that a page gave this machine.
        let bound = headers("evil.example:8080", "http://evil.example:8080");
        assert!(!is_to_here(&bound, &named) && is_to_here(&bound, &["*".to_owned()]));
        assert!(is_to_here(&headers("shop.example", "https://shop.example"), &named));
    }
}
