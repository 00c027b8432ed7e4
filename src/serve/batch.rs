//! `POST /v1/profiles:batch`: many profiles at once, all of one tick.

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Deserialize;
use serde_json::json;

use super::body;
use super::denial::Denial;
use super::handles::SharedHandles;
use super::profile_json::{chosen, json};
use super::profiles::{ReadQuery, at, identifier, no_person, nobody, parameters, person_id};
use crate::row::IdentifierHash;

/// How many may be asked for at once, and how long the list may be.
const MOST: usize = 1_000;
const MOST_BYTES: usize = 1 << 20;
/// How long an answer may be, about: whoever asks for one person may ask for that one a thousand times.
const MOST_ANSWERED: usize = 32 << 20;
const EXAMPLE: &str = r#"{"ids": ["email:ada@example.com", "p_…"]}"#;

pub fn routes() -> Router<SharedHandles> {
    Router::new().route("/v1/profiles:batch", post(batch))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchBody {
    /// Identifiers as `type:value`, and ids of persons.
    ids: Vec<String>,
}

/// Whom one of the list names.
enum WantedPerson {
    Person(IdentifierHash),
    Identifier(IdentifierHash),
}

async fn batch(
    State(handles): State<SharedHandles>,
    query: Result<Query<ReadQuery>, QueryRejection>,
    body: Body,
) -> Result<Response, Denial> {
    let query = parameters(query)?;
    let attributes = chosen(&handles, query.attributes.as_deref())?;
    let BatchBody { ids } = body::json(body, MOST_BYTES, EXAMPLE).await?;
    if ids.len() > MOST {
        let message = format!("{} are asked for at once, and {MOST} may be", ids.len());
        return Err(Denial::too_many(message));
    }
    query.wait(&handles).await?;
    let wanted = |id: &String| match id.starts_with("p_") && !id.contains(':') {
        true => person_id(id).map(WantedPerson::Person),
        false => identifier(&handles, id).map(WantedPerson::Identifier),
    };
    let wanted: Vec<_> = ids.iter().map(wanted).collect();
    let (tick, found) = handles.read(|view| {
        let find = |wanted: &Result<WantedPerson, Denial>| {
            let person = match wanted.as_ref().ok()? {
                WantedPerson::Person(id) if view.profile(*id).is_some() => *id,
                WantedPerson::Person(id) | WantedPerson::Identifier(id) => view.whose(*id)?,
            };
            Some((person, view.profile(person)?.clone()))
        };
        (view.tick(), wanted.iter().map(find).collect::<Vec<_>>())
    })?;
    let mut text = format!("{{\"tick\":{tick},\"profiles\":[");
    for (place, ((id, wanted), found)) in ids.iter().zip(wanted).zip(found).enumerate() {
        if text.len() > MOST_ANSWERED {
            let message = format!("the answer would have more than {MOST_ANSWERED} bytes");
            let remedy = "ask for fewer at once, or for some of their ?attributes=";
            return Err(Denial::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message, remedy));
        }
        text.push_str(if place > 0 { "," } else { "" });
        text.push_str(&format!("{{\"id\":{},", json!(id)));
        match found {
            Some((person, profile)) => {
                let profile = json(&handles, person, &profile, attributes.as_deref());
                text.push_str(&format!("\"profile\":{profile}}}"));
            }
            None => {
                let denial = match wanted {
                    Err(denial) => denial,
                    Ok(WantedPerson::Person(_)) => no_person(id),
                    Ok(WantedPerson::Identifier(_)) => nobody(&handles, id),
                };
                let Denial { code, message, remedy, .. } = denial;
                let error = json!({"code": code, "message": message, "remedy": remedy});
                text.push_str(&format!("\"error\":{error}}}"));
            }
        }
    }
    text.push_str("]}");
    Ok(at(tick, ([(CONTENT_TYPE, "application/json")], text).into_response()))
}
