//! Changes over a WebSocket: a message each, `{"id", "record"}`.
//!
//! Who is silent is asked whether they are there, and let go if they don't answer; whoever can't be told more, or sends
//! what is no WebSocket, is told why by the code and the reason of the closing frame.

use std::pin::pin;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::header::{CONNECTION, HOST, ORIGIN, SEC_WEBSOCKET_VERSION, UPGRADE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde_json::json;

use super::denial::Denial;
use super::following::{FollowedChange, Following};
use super::origins::is_named;
use super::server::Client;

/// How often a client that is told nothing is asked whether it is there; it has as long to answer.
const ALIVE: Duration = Duration::from_secs(15);
/// Bytes of a message that comes: nothing is wanted of what they say.
const HEARD: usize = 4 << 10;
/// How long the other side may take to close, too.
const GOODBYE: Duration = Duration::from_secs(1);
/// The version of the protocol that is spoken, of RFC 6455.
const VERSION: HeaderValue = HeaderValue::from_static("13");

/// Whether a page may ask: browsers let any page open a WebSocket to any host, and leave it to the host to look.
pub fn may_ask(origins: &[String], headers: &HeaderMap) -> Result<(), Denial> {
    let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let is_own = origin.split_once("://").map(|(_, of)| of).is_some_and(|of| Some(of) == host);
    if is_own || is_named(origins, origin) {
        return Ok(());
    }
    let message = format!("pages of '{origin}' may not follow what outputs are told");
    let remedy = "name the page's origin in `origins` of the definition's `http`";
    Err(Denial::new(StatusCode::FORBIDDEN, "wrong_origin", message, remedy))
}

/// What is told to who asks for another version of the protocol, as RFC 6455 (section 4.4) has it.
pub fn other_version(headers: &HeaderMap) -> Option<Response> {
    let version = headers.get(SEC_WEBSOCKET_VERSION).filter(|version| *version != VERSION)?;
    let version = String::from_utf8_lossy(version.as_bytes());
    let message = format!("version {version} of the WebSocket protocol is not spoken here");
    let remedy = "ask as RFC 6455 has it, with version 13";
    let status = StatusCode::UPGRADE_REQUIRED;
    let mut response = Denial::new(status, "bad_upgrade", message, remedy).into_response();
    let headers = response.headers_mut();
    headers.insert(SEC_WEBSOCKET_VERSION, VERSION);
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    Some(response)
}

/// Goes on over the WebSocket.
pub fn answer(socket: WebSocketUpgrade, following: Following, client: Option<Client>) -> Response {
    // Its place among the connections stays its own.
    let place = client.map(|client| client.place);
    let socket = socket.max_message_size(HEARD).max_frame_size(HEARD);
    socket.on_upgrade(async move |socket| {
        let dismissed = async {
            match &place {
                Some(place) => {
                    place.follows();
                    place.dismissed().await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = follow(socket, following) => {}
            () = dismissed => {}
        }
    })
}

async fn follow(mut socket: WebSocket, following: Following) {
    let mut changes = pin!(following.changes());
    let mut alive = tokio::time::interval(ALIVE);
    let mut is_heard = true;
    let (code, reason) = loop {
        tokio::select! {
            change = changes.next() => match change {
                Some(FollowedChange::Told { place, line, .. }) => {
                    let text = format!("{{\"id\":\"{place}\",\"record\":{line}}}");
                    if socket.send(Message::Text(text.into())).await.is_err() {
                        return;
                    }
                    is_heard = true;
                }
                Some(FollowedChange::Fault(denial)) => {
                    let text = json!({"error": denial.error()}).to_string();
                    if socket.send(Message::Text(text.into())).await.is_err() {
                        return;
                    }
                    let code = match denial.status {
                        StatusCode::UNAUTHORIZED => close_code::POLICY,
                        _ => close_code::AGAIN,
                    };
                    break (code, denial.code);
                }
                None => break (close_code::AWAY, "the run has ended"),
            },
            message = socket.recv() => match message {
                // A closing frame is answered with its own while what comes is read.
                Some(Ok(Message::Close(_))) => return hear_out(&mut socket).await,
                // What was asked is answered below.
                Some(Ok(_)) => is_heard = true,
                Some(Err(error)) => return fail(socket, &error).await,
                None => return,
            },
            _ = alive.tick() => {
                if !is_heard {
                    break (close_code::POLICY, "nothing was heard of you");
                }
                is_heard = false;
                if socket.send(Message::Ping(Vec::new().into())).await.is_err() {
                    return;
                }
            }
        }
    };
    let frame = CloseFrame { code, reason: reason.into() };
    if socket.send(Message::Close(Some(frame))).await.is_ok() {
        hear_out(&mut socket).await;
    }
}

/// Reads on until the other side has closed, too, for a while.
async fn hear_out(socket: &mut WebSocket) {
    let end = async { while let Some(Ok(_)) = socket.recv().await {} };
    let _ = tokio::time::timeout(GOODBYE, end).await;
}

/// Tells a client what it has sent that is no WebSocket, where it is still there.
async fn fail(mut socket: WebSocket, error: &axum::Error) {
    let Some((code, reason)) = close_code_of(&error.to_string()) else { return };
    let frame = CloseFrame { code, reason: reason.into() };
    if socket.send(Message::Close(Some(frame))).await.is_ok() {
        // Nothing more is read. A connection that is closed with something unread takes along what was said last: it is
        // left to the client to close, for a while.
        tokio::time::sleep(GOODBYE).await;
    }
}

/// By what the library says that is wrong: the code of RFC 6455 (section 7.4.1), and why. None: the connection has failed.
fn close_code_of(error: &str) -> Option<(u16, &'static str)> {
    let known = [
        ("WebSocket protocol error: ", close_code::PROTOCOL, "this is against RFC 6455"),
        ("UTF-8 encoding error: ", close_code::INVALID, "a text is UTF-8"),
        ("Space limit exceeded: ", close_code::SIZE, "a message may have 4 KiB"),
    ];
    let found = known.into_iter().find(|(begin, ..)| error.starts_with(begin));
    found.map(|(_, code, reason)| (code, reason))
}
