//! Messages of the API, alone or in a batch, to rows.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use uuid::Uuid;

use super::clock::{MessageTimes, Skew, happened, written};
use crate::source::PostedRows;
use crate::time::Micros;

/// A message may have this many bytes.
pub const MESSAGE_LIMIT: usize = 32 << 10;
/// A batch may have this many.
pub const BATCH_LIMIT: usize = 500 << 10;
/// Its rows may have this many together, each with what the batch says of all of them.
const ROWS_LIMIT: usize = 16 << 20;

/// What is posted to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// One message of this type.
    One(&'static str),
    /// Messages that say their types.
    Batch,
    /// As a batch, of messages that happened long ago: when, they say.
    Import,
}

/// What a body says.
#[derive(Debug)]
pub struct Collected {
    pub rows: PostedRows,
    /// The write key in the body, as browsers send it.
    pub write_key: Option<String>,
}

/// Why nothing of a body is taken.
#[derive(Debug, PartialEq, Eq)]
pub enum BodyFault {
    NoJson(String),
    /// Neither a message nor a batch.
    Shape(&'static str),
    TooLarge {
        what: &'static str,
        limit: usize,
    },
}

impl Call {
    /// What a body may have at most, in bytes.
    pub fn limit(self) -> (&'static str, usize) {
        match self {
            Call::One(_) => ("a message", MESSAGE_LIMIT),
            Call::Batch | Call::Import => ("a batch", BATCH_LIMIT),
        }
    }
}

/// The fields of an object; of one that it has twice, the last counts.
type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// Reads a body that was received at this instant.
///
/// # Errors
/// If it is too large, or no message or batch.
pub fn collect(call: Call, body: &[u8], received: Micros) -> Result<Collected, BodyFault> {
    let (what, limit) = call.limit();
    if body.len() > limit {
        return Err(BodyFault::TooLarge { what, limit });
    }
    let whole: &RawValue =
        serde_json::from_slice(body).map_err(|error| BodyFault::NoJson(error.to_string()))?;
    let shape = "the body is no JSON object";
    let fields: Fields<'_> =
        serde_json::from_str(whole.get()).map_err(|_| BodyFault::Shape(shape))?;
    let write_key = fields.get("writeKey").and_then(|key| serde_json::from_str(key.get()).ok());
    let mut rows = PostedRows::default();
    match call {
        Call::One(kind) => {
            let message = CollectedMessage { fields: &fields, kind: Some(kind), batch: None };
            rows.push(message.row(received, Skew::Corrected).as_bytes());
        }
        Call::Batch | Call::Import => {
            let shape = BodyFault::Shape("the body has no list of messages, 'batch'");
            let Some(batch) = fields.get("batch") else { return Err(shape) };
            let messages: Vec<&RawValue> = serde_json::from_str(batch.get()).map_err(|_| shape)?;
            let skew = if call == Call::Import { Skew::AsStated } else { Skew::Corrected };
            for message in messages {
                push(&mut rows, message, &fields, received, skew);
                if rows.held() > ROWS_LIMIT {
                    let what = "a batch, with what it says of all messages in each of them,";
                    return Err(BodyFault::TooLarge { what, limit: ROWS_LIMIT });
                }
            }
        }
    }
    Ok(Collected { rows, write_key })
}

/// Adds a message of a batch. What is none is for the source to reject.
fn push(
    rows: &mut PostedRows,
    message: &RawValue,
    batch: &Fields<'_>,
    received: Micros,
    skew: Skew,
) {
    let text = message.get();
    if text.len() > MESSAGE_LIMIT {
        let why =
            format!("a message may have {MESSAGE_LIMIT} bytes, and this one has {}", text.len());
        return rows.push_unread(text.as_bytes(), "too_long", why);
    }
    match serde_json::from_str::<Fields<'_>>(text) {
        Ok(fields) => {
            let message = CollectedMessage { fields: &fields, kind: None, batch: Some(batch) };
            rows.push(message.row(received, skew).as_bytes());
        }
        Err(_) => rows.push(text.as_bytes()),
    }
}

struct CollectedMessage<'a> {
    fields: &'a Fields<'a>,
    /// What the path says that it is.
    kind: Option<&'static str>,
    /// What is said of all messages of a batch.
    batch: Option<&'a Fields<'a>>,
}

impl<'a> CollectedMessage<'a> {
    fn field(&self, name: &str) -> Option<&'a RawValue> {
        self.fields.get(name).copied().filter(|value| value.get() != "null")
    }

    fn of_batch(&self, name: &str) -> Option<&'a RawValue> {
        self.batch?.get(name).copied().filter(|value| value.get() != "null")
    }

    /// The message with its times made right.
    fn row(&self, received: Micros, skew: Skew) -> String {
        // Who gives a message a time of its own gives it `timestamp`; one SDK says beside it when it was called.
        let original = self.field("timestamp").or_else(|| self.field("originalTimestamp"));
        let sent = self.field("sentAt").or_else(|| self.of_batch("sentAt"));
        let stated = MessageTimes { original, sent };
        let mut row = RowText::default();
        if let Some(kind) = self.kind {
            row.add("type", &format!("\"{kind}\""));
        }
        let happened = happened(stated, received, skew);
        let stays = original.map(RawValue::get);
        row.add("timestamp", happened.as_deref().or(stays).unwrap_or("null"));
        if let Some(original) = stays {
            row.add("originalTimestamp", original);
        }
        if let Some(sent) = sent {
            row.add("sentAt", sent.get());
        }
        row.add("receivedAt", &written(received));
        match self.field("messageId") {
            Some(id) if !is_blank(id.get()) => row.add("messageId", id.get()),
            // What has none can't be known again if it is sent twice.
            _ => row.add("messageId", &format!("\"{}\"", Uuid::new_v4())),
        }
        for name in ["context", "integrations"] {
            if let Some(merged) = merged(self.of_batch(name), self.field(name)) {
                row.add(name, &merged);
            }
        }
        for (name, value) in self.fields {
            // A key is nobody's business but the collector's.
            if name != "writeKey" && !row.has(name) {
                row.add(name, value.get());
            }
        }
        row.end()
    }
}

/// Whether a value is a text with nothing in it.
fn is_blank(json: &str) -> bool {
    serde_json::from_str::<String>(json).is_ok_and(|text| text.trim().is_empty())
}

/// What is said of all messages, under what is said of one.
fn merged(all: Option<&RawValue>, one: Option<&RawValue>) -> Option<String> {
    let (Some(all), Some(one)) = (all, one) else {
        return all.or(one).map(|value| value.get().to_owned());
    };
    let fields = |value: &'_ RawValue| {
        serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(value.get()).ok()
    };
    let (Some(mut merged), Some(own)) = (fields(all), fields(one)) else {
        return Some(one.get().to_owned());
    };
    merged.extend(own);
    Some(serde_json::to_string(&merged).expect("it was read"))
}

/// A JSON object that is being written.
#[derive(Default)]
struct RowText {
    text: String,
    names: Vec<String>,
}

impl RowText {
    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|of| of == name)
    }

    fn add(&mut self, name: &str, value: &str) {
        self.text.push(if self.names.is_empty() { '{' } else { ',' });
        self.text.push_str(&serde_json::to_string(name).expect("a text"));
        self.text.push(':');
        self.text.push_str(value);
        self.names.push(name.to_owned());
    }

    fn end(mut self) -> String {
        self.text.push('}');
        self.text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::time::read_rfc3339;

    const RECEIVED: &str = "2025-07-05T12:00:00Z";

    fn rows(call: Call, body: &Value) -> Vec<Value> {
        let received = read_rfc3339(RECEIVED).expect("an instant");
        let collected = collect(call, body.to_string().as_bytes(), received).expect("messages");
        let (bytes, rows, unread) = collected.rows.into_parts(0);
        assert!(unread.is_empty());
        let row = |range: std::ops::Range<usize>| {
            serde_json::from_slice(&bytes[range]).expect("a JSON object")
        };
        rows.into_iter().map(|(_, range)| row(range)).collect()
    }

    #[test]
    fn a_message_is_a_row_with_its_times_made_right() {
        let body = json!({"userId": "ada", "event": "Order", "properties": {"total": 1.10},
            "messageId": "m1", "type": "page", "writeKey": "secret", "context": {"ip": "1.1.1.1"},
            "timestamp": "2025-07-05T11:00:00Z", "sentAt": "2025-07-05T11:00:05Z"});
        let expected = json!({"type": "track", "userId": "ada", "event": "Order",
            "properties": {"total": 1.10}, "messageId": "m1", "context": {"ip": "1.1.1.1"},
            "timestamp": "2025-07-05T11:59:55.000Z", "originalTimestamp": "2025-07-05T11:00:00Z",
            "sentAt": "2025-07-05T11:00:05Z", "receivedAt": "2025-07-05T12:00:00.000Z"});
        assert_eq!(rows(Call::One("track"), &body), [expected]);
    }

    #[test]
    fn what_is_said_of_a_batch_is_said_of_each_message_that_says_nothing_else() {
        let body = json!({
            "batch": [
                {"type": "identify", "userId": 7, "traits": {}, "messageId": "m1",
                 "timestamp": "2025-07-05T10:00:00Z", "originalTimestamp": "2025-07-05T10:59:59Z",
                 "context": {"app": "till"}},
                {"type": "alias", "previousId": "a", "userId": "b", "messageId": "m2",
                 "timestamp": "soon", "sentAt": null},
                "no message",
            ],
            "context": {"app": "shop", "locale": "de"},
            "sentAt": "2025-07-05T11:00:00Z",
            "writeKey": "secret",
        });
        let received = "2025-07-05T12:00:00.000Z";
        let sent = "2025-07-05T11:00:00Z";
        let expected = |happened: &str| {
            [
                json!({"type": "identify", "userId": 7, "traits": {}, "messageId": "m1",
                    "context": {"app": "till", "locale": "de"}, "timestamp": happened,
                    "originalTimestamp": "2025-07-05T10:00:00Z", "sentAt": sent, "receivedAt": received}),
                json!({"type": "alias", "previousId": "a", "userId": "b", "messageId": "m2",
                    "context": {"app": "shop", "locale": "de"}, "timestamp": "soon",
                    "originalTimestamp": "soon", "sentAt": sent, "receivedAt": received}),
                json!("no message"),
            ]
        };
        assert_eq!(rows(Call::Batch, &body), expected("2025-07-05T11:00:00.000Z"));
        assert_eq!(rows(Call::Import, &body), expected("2025-07-05T10:00:00.000Z"));
    }

    #[test]
    fn a_message_without_an_id_gets_one_of_its_own() {
        let body = json!({"batch": [{"type": "track"}, {"type": "track", "messageId": null},
            {"type": "track", "messageId": ""}, {"type": "track", "messageId": " "}]});
        let rows = rows(Call::Batch, &body);
        let ids: Vec<_> =
            rows.iter().map(|row| row["messageId"].as_str().expect("an id")).collect();
        assert_ne!(ids[0], ids[1]);
        assert!(ids.iter().all(|id| id.len() == 36), "{ids:?}");
        assert_eq!(rows[0]["timestamp"], "2025-07-05T12:00:00.000Z");
    }

    #[test]
    fn the_write_key_may_stand_in_the_body() {
        let collected =
            collect(Call::Batch, b"{\"batch\": [], \"writeKey\": \"k\"}", 0).expect("it");
        assert_eq!((collected.rows.len(), collected.write_key.as_deref()), (0, Some("k")));
    }

    #[test]
    fn a_message_that_is_too_long_is_rejected_and_its_neighbours_are_taken() {
        let long = "x".repeat(MESSAGE_LIMIT);
        let body = json!({"batch": [{"type": "track"}, {"event": long}, {"type": "page"}]});
        let rows = collect(Call::Batch, body.to_string().as_bytes(), 0).expect("messages").rows;
        let (_, rows, unread) = rows.into_parts(0);
        assert_eq!(rows.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [0, 2]);
        assert_eq!((unread[0].line, unread[0].code), (Some(1), "too_long"));
    }

    #[test]
    fn what_a_batch_says_of_all_its_messages_does_not_make_it_many_times_larger() {
        let batch = |context: usize, messages: usize| {
            let said = "x".repeat(context);
            let messages = vec!["{}"; messages].join(",");
            let body = format!("{{\"context\":{{\"said\":\"{said}\"}},\"batch\":[{messages}]}}");
            collect(Call::Batch, body.as_bytes(), 0).map(|of| of.rows.len())
        };
        assert_eq!(batch(1_000, 2_000), Ok(2_000));
        assert_eq!(batch(300_000, 20), Ok(20));
        for (context, messages) in [(300_000, 60_000), (30_000, 100_000), (10, 150_000)] {
            let fault = batch(context, messages).expect_err("it would be too large");
            assert!(matches!(fault, BodyFault::TooLarge { limit: ROWS_LIMIT, .. }), "{fault:?}");
        }
    }

    #[test]
    fn what_is_no_message_or_batch_is_refused_whole() {
        let fault = |call, body: &str| collect(call, body.as_bytes(), 0).expect_err("a fault");
        for body in ["", "nonsense", "{\"a\":", "{} {}"] {
            assert!(matches!(fault(Call::One("track"), body), BodyFault::NoJson(_)), "{body}");
        }
        for body in ["[]", "5", "null"] {
            assert!(matches!(fault(Call::One("track"), body), BodyFault::Shape(_)), "{body}");
        }
        for body in ["{}", "{\"batch\": {}}", "{\"batch\": null}", "[]"] {
            assert!(matches!(fault(Call::Batch, body), BodyFault::Shape(_)), "{body}");
        }
        let long = format!("{{\"event\":\"{}\"}}", "x".repeat(MESSAGE_LIMIT));
        let expected = BodyFault::TooLarge { what: "a message", limit: MESSAGE_LIMIT };
        assert_eq!(fault(Call::One("track"), &long), expected);
        let long = format!("{{\"batch\":[\"{}\"]}}", "x".repeat(BATCH_LIMIT));
        let expected = BodyFault::TooLarge { what: "a batch", limit: BATCH_LIMIT };
        assert_eq!(fault(Call::Batch, &long), expected);
    }
}
