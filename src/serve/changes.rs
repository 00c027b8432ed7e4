//! `GET /v1/changes`: what outputs are told, as it happens, as server-sent events or over a WebSocket.
//!
//! Each event has its place as its id, so that a client that comes back (`Last-Event-ID`) goes on behind it.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Extension, State};
use axum::http::header::UPGRADE;
use axum::http::{HeaderMap, Uri};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::StreamExt;

use super::denial::Denial;
use super::following::{FollowedChange, Following};
use super::handles::SharedHandles;
use super::ingest::write_key;
use super::recent::RecordPlace;
use super::served_plan::is_added;
use super::server::Client;
use super::websocket;
use crate::plan::KeyHash;

/// How often a client is told that the connection stands.
const ALIVE: Duration = Duration::from_secs(15);

pub fn routes() -> Router<SharedHandles> {
    Router::new().route("/v1/changes", get(changes))
}

async fn changes(
    State(handles): State<SharedHandles>,
    uri: Uri,
    client: Option<Extension<Client>>,
    socket: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    headers: HeaderMap,
) -> Result<Response, Denial> {
    let ChangesQuery { outputs, last } = query(&handles, uri.query().unwrap_or_default())?;
    let last = match headers.get("last-event-id") {
        Some(id) => Some(id.to_str().unwrap_or_default().to_owned()),
        None => last,
    };
    let place = last.map(|id| {
        RecordPlace::parse(&id).ok_or_else(|| {
            let message = "Last-Event-ID is no id of an event of this stream";
            Denial::bad_request("bad_event_id", message, "send the id of the last event, or none")
        })
    });
    let place = place.transpose()?;
    let key = write_key(&headers).as_deref().map(KeyHash::of);
    let is_socket = headers.get(UPGRADE).is_some_and(|to| {
        to.to_str().is_ok_and(|to| to.to_ascii_lowercase().contains("websocket"))
    });
    if is_socket {
        websocket::may_ask(&handles.plan.http.origins, &headers)?;
        if let Some(other) = websocket::other_version(&headers) {
            return Ok(other);
        }
        let socket = socket.map_err(|rejection| {
            let remedy = "ask as RFC 6455 has it, with version 13";
            Denial::bad_request("bad_upgrade", rejection.body_text(), remedy)
        })?;
        let following = Following::begin(handles.clone(), key, outputs, place)?;
        let client = client.map(|Extension(client)| client);
        return Ok(websocket::answer(socket, following, client));
    }
    let following = Following::begin(handles.clone(), key, outputs, place)?;
    if let Some(Extension(client)) = &client {
        client.place.follows();
    }
    let events = following.changes().map(move |change| {
        Ok::<_, Infallible>(match change {
            FollowedChange::Told { place, output, line } => {
                Event::default().id(place.to_string()).event(output).data(line)
            }
            FollowedChange::Fault(denial) => {
                Event::default().event("error").data(denial.error().to_string())
            }
        })
    });
    let alive = KeepAlive::new().interval(ALIVE);
    Ok(Sse::new(events).keep_alive(alive).into_response())
}

/// What is asked for.
struct ChangesQuery {
    outputs: Vec<u16>,
    /// The id of the last event that was seen.
    last: Option<String>,
}

/// The outputs that are named, all that are told here where none is, and the last event.
fn query(handles: &SharedHandles, query: &str) -> Result<ChangesQuery, Denial> {
    let names = &handles.catalog.outputs;
    let outputs = || handles.plan.outputs.iter().filter(|output| !is_added(output));
    let told = || outputs().map(|output| output.name.as_str());
    let mut chosen = Vec::new();
    let mut last = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        if let Some(id) = pair.strip_prefix("last_event_id=") {
            last = Some(String::from_utf8_lossy(&percent_decoded(id)).into_owned());
            continue;
        }
        let Some(name) = pair.strip_prefix("output=") else {
            let message = format!("there is no parameter '{pair}'");
            let remedy = "there are: output=NAME, last_event_id=ID";
            return Err(Denial::bad_request("bad_parameter", message, remedy));
        };
        let bytes = percent_decoded(name);
        let known = told().find(|known| known.as_bytes() == bytes);
        let Some(number) = known.and_then(|known| names.number(known)) else {
            let message = format!("there is no output '{}'", String::from_utf8_lossy(&bytes));
            let remedy = format!("there are: {}", told().collect::<Vec<_>>().join(", "));
            return Err(Denial::not_found("unknown_output", message, remedy));
        };
        if !chosen.contains(&number) {
            chosen.push(number);
        }
    }
    if chosen.is_empty() {
        chosen.extend(told().filter_map(|name| names.number(name)));
    }
    Ok(ChangesQuery { outputs: chosen, last })
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        let hex = behind.get(..2).and_then(|two| const_hex::decode_to_array::<_, 1>(two).ok());
        match (first, hex) {
            (b'%', Some([byte])) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            (b'+', _) => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
    }
    bytes
}
