//! `GET /v1/profiles/{type}:{value}` and `GET /v1/persons/{id}`: one profile, as of one tick.

use std::time::Duration;

use axum::Router;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;

use super::denial::{Denial, FORGET, not_allowed};
use super::handles::{Handles, SharedHandles};
use super::profile_json::{chosen, etag, json};
use crate::row::IdentifierHash;
use crate::time::Tick;

/// The header that names the tick of an answer.
pub const TICK: HeaderName = HeaderName::from_static("selfsame-tick");
/// How long a tick is waited for, unless it is said, and at most.
const PATIENCE: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(30)];

pub fn routes() -> Router<SharedHandles> {
    Router::new().route("/v1/persons/{id}", get(by_id))
}

/// What may be asked for beside whom.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(try_from = "Vec<(String, String)>")]
pub struct ReadQuery {
    /// As they were sent, each time.
    pub attributes: Option<Vec<String>>,
    /// A tick that the answer has to have reached.
    pub after: Option<Tick>,
    /// How long to wait for it, in milliseconds.
    pub timeout: Option<u64>,
}

/// By hand, since one of them may be given several times.
impl TryFrom<Vec<(String, String)>> for ReadQuery {
    type Error = String;

    fn try_from(pairs: Vec<(String, String)>) -> Result<Self, String> {
        let mut query = ReadQuery::default();
        for (name, value) in pairs {
            let number = match &*name {
                "attributes" => {
                    query.attributes.get_or_insert_default().push(value);
                    continue;
                }
                "after" => &mut query.after,
                "timeout" => &mut query.timeout,
                _ => {
                    return Err(format!(
                        "there is no '{name}': there are attributes, after, timeout"
                    ));
                }
            };
            let read = value.parse::<u64>().map_err(|error| format!("{name}: {error}"))?;
            if number.replace(read).is_some() {
                return Err(format!("{name} is given twice"));
            }
        }
        Ok(query)
    }
}

/// Parameters as they were sent, or what is wrong with them.
pub fn parameters<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Denial> {
    query.map(|Query(parameters)| parameters).map_err(|rejection| Denial::bad_parameter(&rejection))
}

/// How long a page is to be, of so many unless it is said, and at most; `what` it is of.
pub fn page_length(
    limit: Option<usize>,
    [usual, most]: [usize; 2],
    what: &str,
) -> Result<usize, Denial> {
    let limit = limit.unwrap_or(usual);
    if (1..=most).contains(&limit) {
        return Ok(limit);
    }
    let message = format!("a page can't have {limit} {what}");
    Err(Denial::bad_request("bad_limit", message, format!("limit is a number from 1 to {most}")))
}

/// Says that a cursor is none that a page gave.
pub fn no_cursor(message: String) -> Denial {
    Denial::bad_request("bad_cursor", message, "give the cursor of the page before, or none")
}

/// A part of the path, or what is wrong with it.
pub fn in_path(path: Result<Path<String>, PathRejection>) -> Result<String, Denial> {
    path.map(|Path(part)| part).map_err(|rejection| Denial::bad_path(&rejection))
}

/// Which tick is waited for, where nothing else is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaitQuery {
    pub after: Option<Tick>,
    pub timeout: Option<u64>,
}

impl ReadQuery {
    pub async fn wait(&self, handles: &Handles) -> Result<(), Denial> {
        WaitQuery { after: self.after, timeout: self.timeout }.wait(handles).await
    }
}

impl WaitQuery {
    /// Waits until the tick is published that the answer has to have reached.
    pub async fn wait(&self, handles: &Handles) -> Result<(), Denial> {
        let Some(after) = self.after else { return Ok(()) };
        let patience = self.timeout.map_or(PATIENCE[0], Duration::from_millis).min(PATIENCE[1]);
        let published = handles.source()?;
        if published.tick() >= after {
            return Ok(());
        }
        let _waiting = handles.answers.after.try_acquire().map_err(|_| {
            let message = "as many as may be wait for a tick that is to come";
            let status = StatusCode::SERVICE_UNAVAILABLE;
            Denial::new(status, "busy", message, "ask again shortly").after(1)
        })?;
        let mut ticks = published.ticks();
        let reached = async {
            tokio::select! {
                _ = ticks.wait_for(|tick| *tick >= after) => Ok(()),
                () = handles.closed() => Err(Denial::shutting_down()),
            }
        };
        let waited = tokio::time::timeout(patience, reached).await;
        waited.unwrap_or_else(|_| {
            let tick = published.tick();
            let message = format!("tick {after} was not reached in time: the last one is {tick}");
            let remedy = "ask again, with a longer timeout (in milliseconds, at most 30000)";
            let status = StatusCode::CONFLICT;
            Err(Denial::new(status, "not_reached", message, remedy).after(1))
        })
    }
}

/// An identifier as `type:value`, as the definition normalises it.
pub fn identifier(handles: &Handles, written: &str) -> Result<IdentifierHash, Denial> {
    let (kind, text) = normalised(handles, written)?;
    Ok(IdentifierHash::of(kind, &text))
}

/// The type of an identifier that is written as `type:value`, and its value as the definition normalises it.
pub fn normalised<'a>(handles: &'a Handles, written: &str) -> Result<(&'a str, String), Denial> {
    let types = &handles.plan.identifiers;
    let of = |name: &str| written.strip_prefix(name)?.strip_prefix(':');
    let mut known = types.iter().zip(&handles.normalisers);
    let found = known.find_map(|(kind, normaliser)| Some((kind, normaliser, of(&kind.name)?)));
    let Some((kind, normaliser, value)) = found else {
        let names: Vec<&str> = types.iter().map(|kind| kind.name.as_str()).collect();
        let remedy =
            format!("write type:value; the types of identifiers are: {}", names.join(", "));
        return Err(match written.split_once(':') {
            Some((name, _)) => {
                let message = format!("there are no identifiers of type '{name}'");
                Denial::not_found("unknown_type", message, remedy)
            }
            None => {
                let message = format!("'{written}' is no identifier");
                Denial::bad_request("bad_identifier", message, remedy)
            }
        });
    };
    let Some(text) = normaliser.normalised(value) else {
        let message = format!("'{value}' is no {} once it is normalised", kind.name);
        let remedy = "the definition's normalize, placeholders and ignore say what is one";
        return Err(Denial::bad_request("bad_identifier", message, remedy));
    };
    Ok((&kind.name, text))
}

/// A person's id as it is written.
pub fn person_id(written: &str) -> Result<IdentifierHash, Denial> {
    IdentifierHash::of_person_id(written).ok_or_else(|| {
        let message = format!("'{written}' is no person's id");
        Denial::bad_request(
            "bad_person",
            message,
            "an id is p_ and 32 hexadecimal digits, in small letters",
        )
    })
}

/// That nobody has an identifier.
pub fn nobody(handles: &Handles, identifier: &str) -> Denial {
    let types = handles.plan.identifiers.iter().map(|kind| kind.name.as_str());
    let types: Vec<&str> = types.collect();
    let message = format!("nobody has the identifier {identifier}");
    let remedy = format!("the types of identifiers are: {}", types.join(", "));
    Denial::not_found("nobody", message, remedy)
}

/// The profile of who has an identifier.
pub async fn by_identifier(
    handles: &Handles,
    written: &str,
    query: ReadQuery,
    headers: &HeaderMap,
) -> Result<Response, Denial> {
    let hash = identifier(handles, written)?;
    let attributes = chosen(handles, query.attributes.as_deref())?;
    query.wait(handles).await?;
    let (tick, found) = handles.read(|view| {
        let person = view.whose(hash);
        (view.tick(), person.and_then(|person| Some((person, view.profile(person)?.clone()))))
    })?;
    let Some((person, profile)) = found else {
        return Ok(at(tick, nobody(handles, written).into_response()));
    };
    let profile = json(handles, person, &profile, attributes.as_deref());
    Ok(at(tick, answer(tick, &profile, headers)))
}

async fn by_id(
    State(handles): State<SharedHandles>,
    (method, uri): (Method, Uri),
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<ReadQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Denial> {
    let written = in_path(path)?;
    if written.ends_with(FORGET) {
        return Ok(not_allowed(method, uri).await);
    }
    let query = parameters(query)?;
    let id = person_id(&written)?;
    let attributes = chosen(&handles, query.attributes.as_deref())?;
    query.wait(&handles).await?;
    let (tick, known, now) =
        handles.read(|view| (view.tick(), view.profile(id).cloned(), view.whose(id)))?;
    let response = match (known, now) {
        (Some(profile), _) => {
            let profile = json(&handles, id, &profile, attributes.as_deref());
            answer(tick, &profile, &headers)
        }
        (None, Some(now)) => redirect(&written, now, "", &uri),
        (None, None) => no_person(&written).into_response(),
    };
    Ok(at(tick, response))
}

/// That an id is nobody's.
pub fn no_person(written: &str) -> Denial {
    let message = format!("there is no person {written}");
    let remedy = "GET /v1/profiles/{type}:{value} finds a person by an identifier";
    Denial::not_found("no_person", message, remedy)
}

/// That a person is now another one, of whom the same is to be asked: `rest` of the path, and what `asked` has behind it.
pub fn redirect(written: &str, now: IdentifierHash, rest: &str, asked: &Uri) -> Response {
    let now = now.person_id();
    let query = asked.query().map(|query| format!("?{}", plain(query)));
    let location = format!("/v1/persons/{now}{rest}{}", query.unwrap_or_default());
    let message = format!("{written} has become {now}");
    let remedy = format!("GET {location}");
    let moved = Denial::new(StatusCode::TEMPORARY_REDIRECT, "merged", message, remedy);
    let mut response = moved.into_response();
    let location = HeaderValue::from_str(&location).expect("it is plain");
    response.headers_mut().insert(LOCATION, location);
    response
}

/// A query as a header may have it: what is no plain letter is percent-encoded.
fn plain(query: &str) -> String {
    let letter = |byte: u8| match byte.is_ascii_graphic() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    query.bytes().map(letter).collect()
}

/// An answer as of a tick.
pub fn at(tick: Tick, mut response: Response) -> Response {
    response.headers_mut().insert(TICK, HeaderValue::from(tick));
    response
}

/// A profile with its tick, or that it is still the one that the client has.
fn answer(tick: Tick, profile: &str, headers: &HeaderMap) -> Response {
    let tag = etag(profile);
    let is_known = headers.get_all(IF_NONE_MATCH).iter().any(|known| {
        let known = known.to_str().unwrap_or_default();
        known.split(',').map(str::trim).any(|known| known == "*" || is_same(known, &tag))
    });
    if is_known {
        return (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response();
    }
    let body = format!("{{\"tick\":{tick},\"profile\":{profile}}}");
    let json = HeaderValue::from_static("application/json");
    ([(CONTENT_TYPE, json), (ETAG, tag)], body).into_response()
}

/// Tags are compared as weak ones.
fn is_same(known: &str, tag: &HeaderValue) -> bool {
    let opaque = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
    tag.to_str().is_ok_and(|tag| opaque(tag) == opaque(known))
}
