//! `POST /v1/decisions`: what somebody decided about two identifiers becomes a row of the source that the definition
//! takes decisions from. It is answered when the row can't be lost.

use std::any::Any;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::body;
use super::denial::Denial;
use super::handles::SharedHandles;
use super::ingest::Ingest;
use super::profiles::normalised;
use crate::plan::{PathStep, Plan, Source, Type};
use crate::source::{Http, PostedRows};
use crate::time::{rfc3339, wall_clock};

const MOST_BYTES: usize = 64 << 10;
const EXAMPLE: &str =
    r#"{"left": "email:ada@example.com", "right": "phone:+49301234", "decision": "same"}"#;

pub fn routes(ingest: &Arc<Ingest>) -> Router<SharedHandles> {
    let ingest = Arc::clone(ingest);
    let decide = move |State(handles): State<SharedHandles>, body: Body| {
        let ingest = Arc::clone(&ingest);
        async move { decide(&handles, &ingest, body).await }
    };
    Router::new().route("/v1/decisions", post(decide))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DecisionBody {
    /// Identifiers as `type:value`.
    left: String,
    right: String,
    decision: Decision,
}

/// Read from a text alone: an enum by itself would also be read from an object such as `{"same": null}`.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
enum Decision {
    Same,
    Different,
}

impl TryFrom<String> for Decision {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match &*text {
            "same" => Ok(Decision::Same),
            "different" => Ok(Decision::Different),
            _ => Err(format!("`decision` is \"same\" or \"different\", and not {}", json!(text))),
        }
    }
}

async fn decide(handles: &SharedHandles, ingest: &Ingest, body: Body) -> Result<Response, Denial> {
    let DecisionBody { left, right, decision } = body::json(body, MOST_BYTES, EXAMPLE).await?;
    let side = |name: &str, of: &str| {
        normalised(handles, of).map_err(|denial| {
            let message = format!("`{name}`: {}", denial.message);
            Denial { message, ..denial }
        })
    };
    let named = [side("left", &left)?, side("right", &right)?];
    if named[0] == named[1] {
        let message = format!("{left} and {right} are one identifier");
        let status = StatusCode::CONFLICT;
        return Err(Denial::new(status, "one_identifier", message, "a decision is about two"));
    }
    let (source, row) = row(&handles.plan, [&left, &right], &key(named), decision)?;
    let mut rows = PostedRows::default();
    rows.push(row.to_string().as_bytes());
    let taken = ingest.post(source as u16, rows, None).await?;
    let name = &handles.plan.sources[source].name;
    if let Some(rejected) = taken.rejected.first() {
        let why = rejected.reasons.iter().map(|reason| reason.message.as_str());
        let why = why.collect::<Vec<_>>().join("; ");
        return Err(unfit(name, &format!("its row is rejected: {why}")));
    }
    Ok(taken.answer(Json(json!({"accepted": 1, "source": name}))))
}

fn unfit(source: &str, why: &str) -> Denial {
    let message = format!("source {source} can't take a decision: {why}");
    let remedy = "post rows of your own into the source, or give it `key`, `one`, `other` and \
                  `verdict` as fields of text";
    Denial::new(StatusCode::CONFLICT, "no_decisions", message, remedy)
}

/// The key of a decision about two identifiers, whichever is named first and however they are spelt: both as they are
/// known, parted by a space, which their own spaces are not taken for.
fn key(identifiers: [(&str, String); 2]) -> String {
    let mut sides = identifiers
        .map(|(kind, text)| format!("{kind}:{text}").replace('%', "%25").replace(' ', "%20"));
    sides.sort_unstable();
    sides.join(" ")
}

/// The row that says it, and its source.
fn row(
    plan: &Plan,
    sides: [&str; 2],
    key: &str,
    decision: Decision,
) -> Result<(usize, Value), Denial> {
    let Some(decisions) = &plan.decisions else {
        let message = "the definition takes no decisions";
        let remedy = "give `identity` of the definition `decisions`, from a source with `http: {}`";
        return Err(Denial::new(StatusCode::CONFLICT, "no_decisions", message, remedy));
    };
    let source = &plan.sources[decisions.source];
    if !(&*source.connector as &dyn Any).is::<Http>() {
        let why = format!("it reads {}", source.connector);
        return Err(unfit(&source.name, &why));
    }
    let verdict = match decision {
        Decision::Same => "same",
        Decision::Different => "different",
    };
    let mut row = RowInWriting { source, columns: Vec::new(), row: json!({}) };
    row.set(decisions.identifiers[0], "one", &Type::Text, sides[0].into())?;
    row.set(decisions.identifiers[1], "other", &Type::Text, sides[1].into())?;
    row.set(decisions.verdict, "verdict", &Type::Text, verdict.into())?;
    // A later decision about the two takes the place of an earlier one, whichever is named first. What is derived follows.
    if let Some(column) = source.key.filter(|column| *column < source.fields.len()) {
        row.set(column, "key", &Type::Text, key.into())?;
    }
    if let Some(time) = source.time.filter(|time| *time < source.fields.len()) {
        row.set(time, "time", &Type::Timestamp, rfc3339(wall_clock()).into())?;
    }
    Ok((decisions.source, row.row))
}

struct RowInWriting<'a> {
    source: &'a Source,
    /// Those that have a value.
    columns: Vec<usize>,
    row: Value,
}

impl RowInWriting<'_> {
    /// Gives a column its value, unless it has one.
    fn set(&mut self, column: usize, what: &str, of: &Type, value: Value) -> Result<(), Denial> {
        if self.columns.contains(&column) {
            return Ok(());
        }
        let unfit = |why: String| Err(unfit(&self.source.name, &why));
        let Some(field) = self.source.fields.get(column) else {
            return unfit(format!("its `{what}` is no field of a row, but derived"));
        };
        if field.data_type != *of || field.written.is_some() {
            let wanted = of.spoken();
            return unfit(format!("its field {} is not plainly of type {wanted}", field.name));
        }
        let mut place = &mut self.row;
        for step in field.path.steps() {
            let PathStep::Key(key) = step else {
                return unfit(format!("its field {} stands in a list", field.name));
            };
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            place =
                place.as_object_mut().expect("just made").entry(key.clone()).or_insert(Value::Null);
        }
        *place = value;
        self.columns.push(column);
        Ok(())
    }
}
