//! `GET …/why` and `…/rows` of a person: what they are known by, and the latest rows, of what is stored.
//!
//! Either reads all that is stored, on a thread of its own. So few are computed at once, some wait, and more are sent
//! away; when whoever asked has gone, nobody goes on with it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};

use super::denial::Denial;
use super::handles::SharedHandles;
use super::profile_json::unknown_attribute;
use super::profiles::{
    WaitQuery, at, identifier, in_path, no_cursor, no_person, nobody, page_length, parameters,
    person_id, redirect,
};
use super::segments;
use crate::explain::{self, AllRows, Question, TimelinePage, WhyError, timeline};
use crate::row::IdentifierHash;
use crate::time::Tick;

/// Rows of a page, unless it is said, and at most.
const PAGE: [usize; 2] = [50, 1_000];

pub fn routes() -> Router<SharedHandles> {
    Router::new()
        .route("/v1/persons/{id}/why", get(why_person))
        .route("/v1/persons/{id}/rows", get(rows_of_person))
}

/// Says when dropped that nobody waits any more.
struct AskedFor(Arc<AtomicBool>);

impl Drop for AskedFor {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Computes something of all that is stored, and says of which tick that is.
async fn computed<T: Send + 'static>(
    handles: &SharedHandles,
    compute: impl FnOnce(AllRows) -> Result<T, WhyError> + Send + 'static,
) -> Result<(Tick, T), Denial> {
    let _waiting = handles.answers.waiting.try_acquire().map_err(|_| {
        let message = "as many answers as may be are being computed of the stored rows";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Denial::new(status, "busy", message, "ask again shortly").after(2)
    })?;
    let asked = AskedFor(Arc::default());
    let given_up = Arc::clone(&asked.0);
    let (plan, clock, stored) = (Arc::clone(&handles.plan), handles.clock, handles.stored.clone());
    let room = Arc::clone(&handles.answers.computed);
    let computed = async {
        let place = room.acquire_owned().await.expect("it is never closed");
        let compute = move || {
            // Also when nobody waits any more: until it has ended it takes what it takes.
            let _place = place;
            let held = stored.ok_or(WhyError::NothingStored)?.upgrade().ok_or(WhyError::GivenUp)?;
            let rows = AllRows::of_run(plan, clock, &held)?;
            let rows = rows.unless(move || given_up.load(Ordering::Relaxed));
            drop(held);
            let until = rows.until().unwrap_or_default();
            Ok((until, compute(rows)?))
        };
        tokio::task::spawn_blocking(compute).await.unwrap_or_else(|_| Err(WhyError::GivenUp))
    };
    tokio::select! {
        computed = computed => computed.map_err(denied),
        () = handles.closed() => Err(Denial::shutting_down()),
    }
}

fn denied(error: WhyError) -> Denial {
    let message = error.to_string();
    match error {
        WhyError::NothingStored => {
            let message = "this run stores no rows, so it can't be said of which all follows";
            let remedy = "run it with --data FOLDER, or with `data` in the definition";
            Denial::new(StatusCode::CONFLICT, "nothing_stored", message, remedy)
        }
        WhyError::Nobody { .. } => {
            let remedy = "ask by an identifier, as type:value, or by a person's id";
            Denial::not_found("nobody", message, remedy)
        }
        WhyError::BadCursor(_) => no_cursor(message),
        WhyError::NoName { what, .. } => {
            let code = if what == "segment" { "unknown_segment" } else { "unknown_attribute" };
            Denial::not_found(code, message, "GET /openapi.json tells what can be asked for")
        }
        WhyError::GivenUp => Denial::shutting_down(),
        WhyError::Source(_)
        | WhyError::Store(_)
        | WhyError::Gone { .. }
        | WhyError::Condition { .. } => {
            tracing::warn!("what is stored can't be explained: {message}");
            let remedy = "ask again; if it stays so, look at the run's log";
            Denial::new(StatusCode::SERVICE_UNAVAILABLE, "unreadable", message, remedy).after(5)
        }
    }
}

/// What is asked for: nothing is what makes them one person.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhyQuery {
    with: Option<String>,
    segment: Option<String>,
    attribute: Option<String>,
    after: Option<Tick>,
    timeout: Option<u64>,
}

impl WhyQuery {
    fn question(self, handles: &SharedHandles) -> Result<Question, Denial> {
        match self {
            WhyQuery { with: None, segment: None, attribute: None, .. } => Ok(Question::Person),
            WhyQuery { with: Some(with), segment: None, attribute: None, .. } => {
                whose(handles, &with)?;
                Ok(Question::With(with))
            }
            WhyQuery { with: None, segment: Some(name), attribute: None, .. } => {
                segments::number(handles, &name)?;
                Ok(Question::Segment(name))
            }
            WhyQuery { with: None, segment: None, attribute: Some(name), .. } => {
                let names = handles.plan.attributes.iter().map(|of| of.name.as_str());
                let names: Vec<&str> = names.collect();
                if !names.contains(&name.as_str()) {
                    return Err(unknown_attribute(&name, &names));
                }
                Ok(Question::Attribute(name))
            }
            _ => {
                let message = "with, segment and attribute are asked for one at a time";
                let remedy = "ask in a request for each";
                Err(Denial::bad_request("bad_parameter", message, remedy))
            }
        }
    }
}

/// Who is known by an identifier or an id.
pub fn whose(handles: &SharedHandles, written: &str) -> Result<IdentifierHash, Denial> {
    match written.starts_with("p_") && !written.contains(':') {
        true => {
            let id = person_id(written)?;
            let known = handles.read(|view| match view.profile(id) {
                Some(_) => Some(id),
                None => view.whose(id),
            })?;
            known.ok_or_else(|| no_person(written))
        }
        false => {
            let hash = identifier(handles, written)?;
            handles.read(|view| view.whose(hash))?.ok_or_else(|| nobody(handles, written))
        }
    }
}

async fn why_person(
    State(handles): State<SharedHandles>,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<WhyQuery>, QueryRejection>,
) -> Result<Response, Denial> {
    let (written, query) = (in_path(path)?, parameters(query)?);
    person_id(&written)?;
    why(handles, written, query).await
}

pub async fn why(
    handles: SharedHandles,
    written: String,
    query: WhyQuery,
) -> Result<Response, Denial> {
    let (after, timeout) = (query.after, query.timeout);
    WaitQuery { after, timeout }.wait(&handles).await?;
    whose(&handles, &written)?;
    let question = query.question(&handles)?;
    let compute = move |rows: AllRows| {
        explain::why(rows, false, &written, &question)
            .map(|answer| serde_json::to_string(&answer).expect("it is JSON"))
    };
    let (tick, answer) = computed(&handles, compute).await?;
    Ok(at(tick, ([(CONTENT_TYPE, "application/json")], answer).into_response()))
}

/// Which rows are asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowsQuery {
    cursor: Option<String>,
    limit: Option<usize>,
    after: Option<Tick>,
    timeout: Option<u64>,
}

impl RowsQuery {
    /// Waits until the tick is published that the answer has to have reached.
    pub async fn wait(&self, handles: &SharedHandles) -> Result<(), Denial> {
        let (after, timeout) = (self.after, self.timeout);
        WaitQuery { after, timeout }.wait(handles).await
    }
}

/// A page of rows, as it is answered.
#[derive(Serialize)]
struct RowsAnswer {
    tick: Tick,
    person: String,
    #[serde(flatten)]
    page: TimelinePage,
}

async fn rows_of_person(
    State(handles): State<SharedHandles>,
    uri: Uri,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<RowsQuery>, QueryRejection>,
) -> Result<Response, Denial> {
    let (written, query) = (in_path(path)?, parameters(query)?);
    let id = person_id(&written)?;
    query.wait(&handles).await?;
    let now = whose(&handles, &written)?;
    if now != id {
        return Ok(redirect(&written, now, "/rows", &uri));
    }
    rows(handles, id, query).await
}

pub async fn rows(
    handles: SharedHandles,
    person: IdentifierHash,
    query: RowsQuery,
) -> Result<Response, Denial> {
    let limit = page_length(query.limit, PAGE, "rows")?;
    let types = &handles.catalog.identifiers;
    let identifiers: BTreeSet<IdentifierHash> = handles.read(|view| {
        let known = view.profile(person).map(|known| known.profile.clone());
        let hash = |(kind, text): (u16, &str)| IdentifierHash::of(types.name(kind), text);
        known
            .iter()
            .flat_map(|profile| profile.identifiers().map(hash).collect::<Vec<_>>())
            .collect()
    })?;
    let compute =
        move |rows: AllRows| timeline(&rows, &identifiers, query.cursor.as_deref(), limit);
    let (tick, page) = computed(&handles, compute).await?;
    let answer = RowsAnswer { tick, person: person.person_id(), page };
    let answer = serde_json::to_string(&answer).expect("it is JSON");
    Ok(at(tick, ([(CONTENT_TYPE, "application/json")], answer).into_response()))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpStream};
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;
    use crate::serve::handles::{Handles, Served};
    use crate::serve::server::Bound;
    use crate::serve::unserved::unserved;
    use crate::store;

    const SHOP: &str = "
sources: {orders: {http: {}, kind: events, fields: {email: text}}}
identity: {email: {from: {orders: email}}}
outputs: {profiles: {files: unused}}
";

    #[test]
    fn nothing_is_computed_any_further_once_who_asked_has_gone() {
        let folder = tempfile::tempdir().expect("a folder");
        let recovered = store::open(&folder.path().to_owned().into(), 0, 1).expect("a folder");
        let recovered = Arc::new(recovered);
        let (open, closing) = tokio::sync::watch::channel(false);
        let stored = Some(Arc::downgrade(&recovered));
        let handles = Handles::new(Served { stored, closing, ..unserved(SHOP) });
        let (begun, begins) = channel();
        let (ended, ends) = channel();
        // For as long as somebody waits.
        let ask = async move |State(handles): State<SharedHandles>| {
            let (begun, ended) = (begun.clone(), ended.clone());
            let compute = move |rows: AllRows| {
                begun.send(()).expect("it is waited for");
                while rows.read()?.next().is_ok() {
                    std::thread::sleep(Duration::from_millis(1));
                }
                ended.send(()).expect("it is waited for");
                Err::<(), _>(WhyError::GivenUp)
            };
            computed(&handles, compute).await.map(|_| ())
        };
        let bound = Bound::at("127.0.0.1:0", 0, &handles.plan.http).expect("a port");
        let router = Router::new().route("/", get(ask)).with_state(handles);
        let server = bound.serve(router).expect("threads");
        for way in [None, Some(Shutdown::Both), Some(Shutdown::Write)] {
            let mut stream = TcpStream::connect(server.address).expect("it listens");
            stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").expect("it is sent");
            begins.recv_timeout(Duration::from_secs(60)).expect("it begins");
            match way {
                Some(way) => stream.shutdown(way).expect("it goes"),
                None => drop(stream),
            }
            ends.recv_timeout(Duration::from_secs(60)).expect("it ends");
        }
        // Who waits when the run ends is told so.
        let mut stream = TcpStream::connect(server.address).expect("it listens");
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .expect("it is sent");
        begins.recv_timeout(Duration::from_secs(60)).expect("it begins");
        open.send_replace(true);
        ends.recv_timeout(Duration::from_secs(60)).expect("it ends");
        let mut told = String::new();
        stream.read_to_string(&mut told).expect("an answer");
        assert!(told.starts_with("HTTP/1.1 503") && told.contains("shutting_down"), "{told}");
    }
}
