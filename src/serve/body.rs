//! The body of a request, taken in whole and unpacked: bounded in bytes and in time.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::denial::Denial;
use super::unpack::unpacked;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// All of a body, gzipped or not: of so many bytes at most, as it comes and unpacked.
pub async fn whole(body: Body, most: usize) -> Result<Bytes, Denial> {
    let read = tokio::time::timeout(PATIENCE, to_bytes(body, most)).await;
    match read.map_err(|_| Denial::slow_body(PATIENCE))? {
        Ok(bytes) => match unpacked(&bytes, most) {
            Ok(Cow::Borrowed(_)) => Ok(bytes),
            Ok(Cow::Owned(unpacked)) => Ok(unpacked.into()),
            Err(unpackable) => Err(unpackable.denial("a body", most)),
        },
        Err(error) if is_too_long(&error) => Err(Denial::too_large("a body", most)),
        Err(error) => Err(Denial::broken_body(&error)),
    }
}

/// A body that is a JSON object of a known shape, whatever its content type says. A list is none, though what reads JSON
/// would take its items for the fields in their order.
pub async fn json<T: DeserializeOwned>(
    body: Body,
    most: usize,
    example: &str,
) -> Result<T, Denial> {
    let bytes = whole(body, most).await?;
    object(&bytes).map_err(|message| Denial::bad_body(message, format!("send {example}")))
}

/// What an object has, or what is wrong with it.
fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let read = |error| format!("the body is not the JSON that is wanted: {error}");
    let whole: &RawValue = serde_json::from_slice(bytes).map_err(read)?;
    let is = match whole.get().as_bytes().first() {
        Some(b'{') => return serde_json::from_str(whole.get()).map_err(read),
        Some(b'[') => "a list",
        Some(b'"') => "a text",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') | None => "null",
        Some(_) => "a number",
    };
    Err(format!("the body is no JSON object, but {is}"))
}

/// Whether it is the bound that was met.
fn is_too_long(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.to_string() == "length limit exceeded" {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Pair {
        one: String,
        other: String,
    }

    #[test]
    fn only_an_object_is_taken_and_what_else_comes_is_named() {
        let pair: Pair = object(b" {\"one\": \"a\", \"other\": \"b\"}\n").expect("an object");
        assert_eq!((&*pair.one, &*pair.other), ("a", "b"));
        for (body, is) in [
            ("[\"a\", \"b\"]", "a list"),
            ("[]", "a list"),
            (" \"a\"", "a text"),
            ("true", "a boolean"),
            ("null", "null"),
            ("-1", "a number"),
        ] {
            let wrong = object::<Pair>(body.as_bytes()).expect_err(body);
            assert_eq!(wrong, format!("the body is no JSON object, but {is}"), "{body}");
        }
        for body in ["", "{", "{}", "{\"one\": 1}", "{\"one\": \"a\", \"third\": 1}", "{} {}", "no"]
        {
            let wrong = object::<Pair>(body.as_bytes()).expect_err(body);
            assert!(!wrong.contains("struct"), "{body}: {wrong}");
        }
    }
}
