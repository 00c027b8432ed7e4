//! `GET /v1/changes`: what outputs are told, as it happens, as server-sent events.
//!
//! Each event has its place as its id, so that a client that comes back (`Last-Event-ID`) goes on behind it. A client
//! that reads slowly is read for slowly: nothing waits for it, and once it is behind by more than is kept it is told so.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream::{self, Stream};

use super::denial::Denial;
use super::handles::SharedHandles;
use super::published::Published;
use super::recent::{RecordPlace, TooOld};
use crate::sink::Record;

/// Records that are taken at once.
const PART: usize = 256;
/// How often a client is told that the connection stands.
const ALIVE: Duration = Duration::from_secs(15);

pub fn routes() -> Router<SharedHandles> {
    Router::new().route("/v1/changes", get(changes))
}

async fn changes(
    State(handles): State<SharedHandles>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Denial> {
    let outputs = outputs(&handles, uri.query().unwrap_or_default())?;
    let published = Arc::clone(handles.recent()?);
    let recent = &published.recent;
    let place = match headers.get("last-event-id") {
        None => recent.last(),
        Some(text) => Some(text.to_str().ok().and_then(RecordPlace::parse).ok_or_else(|| {
            let message = "Last-Event-ID is no id of an event of this stream";
            Denial::bad_request("bad_event_id", message, "send the id of the last event, or none")
        })?),
    };
    // Said before the first event: afterwards there is no status to say it by.
    recent.behind(place, 1).map_err(too_old)?;
    let following =
        Following { handles, published, outputs, place, waiting: Vec::new(), over: false };
    let alive = KeepAlive::new().interval(ALIVE);
    Ok(Sse::new(following.events()).keep_alive(alive).into_response())
}

fn too_old(TooOld { from }: TooOld) -> Denial {
    let message = format!(
        "what was told behind that event is not kept: {from} is the first that can be gone on from"
    );
    let remedy =
        "read the output's file or topic, or the profiles, and follow without Last-Event-ID";
    Denial::new(StatusCode::GONE, "too_old", message, remedy)
}

/// The outputs that are named: all that are told here where none is.
fn outputs(handles: &SharedHandles, query: &str) -> Result<Vec<u16>, Denial> {
    let names = &handles.catalog.outputs;
    let told = || names.iter().filter(|name| *name != super::publishing::ADDED);
    let mut chosen = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let Some(name) = pair.strip_prefix("output=") else {
            let message = format!("there is no parameter '{pair}'");
            return Err(Denial::bad_request("bad_parameter", message, "there is: output=NAME"));
        };
        let bytes = percent_decoded(name);
        let known = told().find(|known| known.as_bytes() == bytes);
        let Some(number) = known.and_then(|known| names.number(known)) else {
            let message = format!("there is no output '{}'", String::from_utf8_lossy(&bytes));
            let remedy = format!("there are: {}", told().collect::<Vec<_>>().join(", "));
            return Err(Denial::not_found("unknown_output", message, remedy));
        };
        chosen.push(number);
    }
    if chosen.is_empty() {
        chosen.extend(told().filter_map(|name| names.number(name)));
    }
    Ok(chosen)
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

/// One client's way along the records.
struct Following {
    handles: SharedHandles,
    published: Arc<Published>,
    outputs: Vec<u16>,
    place: Option<RecordPlace>,
    /// The next ones, the last first.
    waiting: Vec<(RecordPlace, Arc<Record>)>,
    over: bool,
}

impl Following {
    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, |mut following| async move {
            let event = following.next().await?;
            Some((Ok(event), following))
        })
    }

    async fn next(&mut self) -> Option<Event> {
        let published = Arc::clone(&self.published);
        let mut told = published.recent.told();
        while !self.over {
            told.mark_unchanged();
            while let Some((place, record)) = self.waiting.pop() {
                self.place = Some(place);
                if self.outputs.contains(&record.output) {
                    return Some(self.event(place, &record));
                }
            }
            match published.recent.behind(self.place, PART) {
                Ok(records) if records.is_empty() && published.recent.is_closed() => {
                    self.over = true
                }
                Ok(records) if records.is_empty() => {
                    let handles = Arc::clone(&self.handles);
                    tokio::select! {
                        changed = told.changed() => self.over = changed.is_err(),
                        () = handles.closed() => self.over = true,
                    }
                }
                Ok(mut records) => {
                    records.reverse();
                    self.waiting = records;
                }
                Err(old) => {
                    self.over = true;
                    let Denial { code, message, remedy, .. } = too_old(old);
                    let said =
                        serde_json::json!({"code": code, "message": message, "remedy": remedy});
                    return Some(Event::default().event("error").data(said.to_string()));
                }
            }
        }
        None
    }

    fn event(&self, place: RecordPlace, record: &Record) -> Event {
        let catalog = &self.handles.catalog;
        let line = self.handles.write(|json| json.line(record, catalog).to_owned());
        Event::default().id(place.to_string()).event(catalog.outputs.name(record.output)).data(line)
    }
}
