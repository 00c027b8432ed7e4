//! When a message happened, by our clock.
//!
//! A device's clock may be wrong, and a message may have waited on it for days. What a device says is when the message
//! happened and when it was sent, both by its own clock: so the message happened as long before it was received as
//! lies between the two. One that was sent before it happened was so by a clock that was put right in between, or by one
//! that says anything: it happened, at the latest, when it was received.

use crate::time::{Micros, in_years, read_rfc3339, rfc3339};
use serde_json::value::RawValue;

/// What a message says of its times.
#[derive(Clone, Copy, Debug, Default)]
pub struct MessageTimes<'a> {
    /// When it happened, by the device's clock: `timestamp`, or else `originalTimestamp`.
    pub original: Option<&'a RawValue>,
    /// When it was sent, by the same clock.
    pub sent: Option<&'a RawValue>,
}

/// Whether a device's clock is corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skew {
    Corrected,
    /// What is imported happened when it says that it did.
    AsStated,
}

/// When a message happened, as JSON; `None` where what it says is no instant, and is to be kept for the source to judge.
pub fn happened(stated: MessageTimes<'_>, received: Micros, skew: Skew) -> Option<String> {
    let Some(original) = stated.original else { return Some(written(received)) };
    let original = instant(original)?;
    let sent = stated.sent.and_then(instant).filter(|_| skew == Skew::Corrected);
    let corrected = match sent {
        Some(sent) => received.saturating_sub(sent.saturating_sub(original).max(0)),
        None => original,
    };
    // A clock that is wrong by thousands of years tells nothing.
    Some(written(if in_years(corrected) { corrected } else { original }))
}

/// An instant, as JSON.
pub fn written(instant: Micros) -> String {
    format!("\"{}\"", rfc3339(instant))
}

/// RFC 3339, or milliseconds since the epoch.
fn instant(stated: &RawValue) -> Option<Micros> {
    let text = stated.get();
    if text.starts_with('"') {
        let text: String = serde_json::from_str(text).ok()?;
        return read_rfc3339(&text).ok();
    }
    let millis: i64 = text.parse().ok()?;
    millis.checked_mul(1_000).filter(|instant| in_years(*instant))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).expect("JSON")
    }

    fn at(text: &str) -> Micros {
        read_rfc3339(text).expect("an instant")
    }

    #[test]
    fn a_clock_that_is_an_hour_fast_is_put_right() {
        let original = raw("\"2025-07-05T13:00:00Z\"");
        let sent = raw("\"2025-07-05T13:00:10Z\"");
        let stated = MessageTimes { original: Some(&original), sent: Some(&sent) };
        let received = at("2025-07-05T12:00:10.500Z");
        let happened = |stated, skew| happened(stated, received, skew);
        let expected = Some("\"2025-07-05T12:00:00.500Z\"".to_owned());
        assert_eq!(happened(stated, Skew::Corrected), expected);
        let expected = Some("\"2025-07-05T13:00:00.000Z\"".to_owned());
        assert_eq!(happened(stated, Skew::AsStated), expected);
        assert_eq!(happened(MessageTimes { sent: None, ..stated }, Skew::Corrected), expected);
        let millis = raw("1751720400000");
        let stated = MessageTimes { original: Some(&millis), sent: None };
        assert_eq!(happened(stated, Skew::Corrected), expected);
        let nothing = happened(MessageTimes::default(), Skew::Corrected);
        assert_eq!(nothing, Some("\"2025-07-05T12:00:10.500Z\"".to_owned()));
        let tuesday = raw("\"last Tuesday\"");
        let stated = MessageTimes { original: Some(&tuesday), sent: Some(&sent) };
        assert_eq!(happened(stated, Skew::Corrected), None);
        let stated = MessageTimes { original: Some(&original), sent: Some(&tuesday) };
        assert_eq!(happened(stated, Skew::Corrected), expected);
        // By a clock that was put right meanwhile, it was sent before it happened.
        let sent = ["0", "\"2024-01-01T00:00:00Z\"", "\"0001-01-01T00:00:00Z\""].map(raw);
        for sent in &sent {
            let stated = MessageTimes { original: Some(&original), sent: Some(sent) };
            assert_eq!(happened(stated, Skew::Corrected), nothing, "{}", sent.get());
            assert_eq!(happened(stated, Skew::AsStated), expected);
        }
    }

    proptest! {
        #[test]
        fn a_message_always_happened_as_long_before_its_receipt_as_before_its_sending(
            happened_at in 0_i64..4_000_000_000_000_000,
            waited in 0_i64..100_000_000_000_000,
            fast in -100_000_000_000_000_i64..100_000_000_000_000,
        ) {
            let device = |instant: Micros| raw(&written(instant + fast));
            let (original, sent) = (device(happened_at), device(happened_at + waited));
            let stated = MessageTimes { original: Some(&original), sent: Some(&sent) };
            let told = happened(stated, happened_at + waited, Skew::Corrected);
            prop_assert_eq!(told, Some(written(happened_at)));
        }
    }
}
