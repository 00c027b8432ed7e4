//! Changelogs to a webhook: an HTTP POST for a few records, signed as Standard Webhooks are, tried until it is taken.
//!
//! At least once: what was posted and not told of before a kill is posted again.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::RETRY_AFTER;
use sha2::Sha256;
use uuid::Uuid;

use super::catalog::Catalog;
use super::delivered::{self, Awaiting};
use super::durable::LocalStanding;
use super::durable_file;
use super::encoder::{Encoder, Holding};
use super::failure::SinkError;
use super::formats::encoder;
use super::local_progress::{FilePart, ProgressFile};
use super::medium::{Medium, Readership, until_it_works};
use super::record::Record;
use super::target::{Opened, Opening};
use crate::plan::{Destination, Webhook};
use crate::time::Tick;
use crate::wait::Retry;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The first pause before it is tried again, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(60)];
/// The longest pause that a service may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(3_600);

pub fn open(opening: &mut Opening<'_>) -> Result<Opened, SinkError> {
    let mut opened = Opened::new();
    for (index, output) in opening.plan.outputs.iter().enumerate() {
        let Destination::Webhook(webhook) = &output.target else { continue };
        if opening.process > 0 {
            continue;
        }
        let failed =
            |why: String| SinkError::Target { target: output.target.to_string(), message: why };
        let standing = match &opening.durable {
            None => LocalStanding::Withheld(0),
            Some(durable) => {
                let path = ProgressFile::new(durable, &output.name).path().display().to_string();
                let named = |source| SinkError::File { path, source };
                durable_file::of_stream(durable, &output.name, &mut opening.committed)
                    .map_err(named)?
            }
        };
        let awaiting = Awaiting::of(opening, index);
        let medium = WebhookMedium {
            poster: Poster::new(webhook, &output.name, &awaiting).map_err(failed)?,
            encoder: encoder(output.format, &Holding::of(opening.plan, output), &opening.names),
            waiting: Default::default(),
        };
        let target = delivered::start(opening, &output.name, standing, medium, awaiting)?;
        opened.push((index, target));
    }
    Ok(opened)
}

struct WebhookMedium {
    poster: Poster,
    encoder: Box<dyn Encoder>,
    /// What the next post is to hold, of one tick or several: so many records, each behind a `[` or a comma.
    waiting: (Vec<u8>, usize),
}

impl WebhookMedium {
    fn post(&mut self) -> Readership {
        let (mut body, records) = std::mem::take(&mut self.waiting);
        if records == 0 {
            return Readership::Stays;
        }
        body.push(b']');
        self.poster.post(&body)
    }
}

impl Medium for WebhookMedium {
    fn write(&mut self, records: &[Record], names: &Catalog) -> Readership {
        for record in records {
            let (body, waiting) = &mut self.waiting;
            body.push(if *waiting == 0 { b'[' } else { b',' });
            self.encoder.encode(record, names, body);
            // A record is a line: in a list they are parted.
            body.pop_if(|last| *last == b'\n');
            *waiting += 1;
            if *waiting == self.poster.webhook.batch && self.post() == Readership::Left {
                return Readership::Left;
            }
        }
        Readership::Stays
    }

    fn commit(&mut self, _: Tick) -> (Readership, Option<FilePart>) {
        (self.post(), None)
    }

    fn until_it_works(&self, what: &str, work: &dyn Fn() -> std::io::Result<()>) -> bool {
        until_it_works(what, &self.poster.awaiting.is_abandoned, work).is_some()
    }
}

/// Posts until it is taken.
struct Poster {
    webhook: Webhook,
    output: String,
    /// The webhook as messages call it: what stands in its address may be a secret.
    shown: String,
    client: reqwest::Client,
    /// The runtime of this thread alone.
    runtime: tokio::runtime::Runtime,
    awaiting: Awaiting,
}

impl Poster {
    fn new(webhook: &Webhook, output: &str, awaiting: &Awaiting) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
            .user_agent(concat!("selfsame/", env!("CARGO_PKG_VERSION")))
            // Who is told of a move is to be told in the definition.
            .redirect(reqwest::redirect::Policy::none())
            .build();
        Ok(Poster {
            webhook: webhook.clone(),
            output: output.to_owned(),
            shown: Destination::Webhook(webhook.clone()).to_string(),
            client: client.map_err(|error| error.to_string())?,
            runtime: runtime.map_err(|error| error.to_string())?,
            awaiting: awaiting.clone(),
        })
    }

    fn post(&self, body: &[u8]) -> Readership {
        // The same however often it is tried, so that who gets it twice can know.
        let id = format!("msg_{}", Uuid::new_v4().simple());
        let mut retry = Retry::new(PAUSES[0], PAUSES[1]);
        loop {
            let answer = self.awaiting.wait(&self.runtime, self.try_to_post(&id, body));
            let (why, wait) = match answer {
                None => return Readership::Left,
                Some(Ok(())) => {
                    retry.works(&format!("output {}: {} takes posts", self.output, self.shown));
                    return Readership::Stays;
                }
                Some(Err(refusal)) => refusal,
            };
            self.awaiting.note_retry();
            let what = format!("output {}: {} does not take a post", self.output, self.shown);
            let pause = retry.failed(&what, &why);
            let asked = wait.map_or(Duration::ZERO, |asked| asked.min(LONGEST_ASKED));
            if !self.awaiting.rest(asked.max(pause)) {
                return Readership::Left;
            }
        }
    }

    /// Why it was not taken, and how long to wait where the service says so.
    async fn try_to_post(&self, id: &str, body: &[u8]) -> Result<(), (String, Option<Duration>)> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut request = self
            .client
            .post(&self.webhook.url)
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", now);
        if let Some(secret) = &self.webhook.secret {
            request = request.header("webhook-signature", signature(secret, id, now, body));
        }
        let answer = request.body(body.to_vec()).send().await;
        let answer = answer.map_err(|error| {
            // The address may have a password in it.
            (error.without_url().to_string(), None)
        })?;
        if answer.status().is_success() {
            return Ok(());
        }
        let after = answer.headers().get(RETRY_AFTER).and_then(|after| after.to_str().ok());
        let after = after.and_then(|after| asked_pause(after, Timestamp::now()));
        Err((format!("it answers {}", answer.status()), after))
    }
}

/// How long `Retry-After` says to wait: a number of seconds, or until an instant.
fn asked_pause(after: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = after.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = DateTimeParser::new().parse_timestamp(after).ok()?;
    Some(Duration::try_from(until.duration_since(now)).unwrap_or_default())
}

/// As Standard Webhooks have it: over the id, the time and the body, by HMAC-SHA256. A secret that begins with `whsec_`
/// is base64, as they write secrets; any other is taken as it is.
fn signature(secret: &str, id: &str, now: u64, body: &[u8]) -> String {
    let key = secret.strip_prefix("whsec_").and_then(|key| STANDARD.decode(key).ok());
    let key = key.unwrap_or_else(|| secret.as_bytes().to_vec());
    let mut hmac = Hmac::<Sha256>::new_from_slice(&key).expect("a key of any length");
    hmac.update(format!("{id}.{now}.").as_bytes());
    hmac.update(body);
    format!("v1,{}", STANDARD.encode(hmac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_says_how_long_to_wait_in_seconds_or_by_an_instant() {
        let now: Timestamp = "2026-11-06T08:49:37Z".parse().expect("an instant");
        let pause = |after| asked_pause(after, now);
        assert_eq!(pause("120"), Some(Duration::from_secs(120)));
        assert_eq!(pause("0"), Some(Duration::ZERO));
        assert_eq!(pause("Fri, 06 Nov 2026 08:51:07 GMT"), Some(Duration::from_secs(90)));
        assert_eq!(pause("Fri, 06 Nov 2026 08:00:00 GMT"), Some(Duration::ZERO), "it is over");
        assert_eq!(pause("soon"), None);
    }

    #[test]
    fn a_post_is_signed_as_standard_webhooks_are() {
        // The example of the specification, svix's.
        let (id, now) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330);
        let signed =
            signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", id, now, b"{\"test\": 2432232314}");
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
