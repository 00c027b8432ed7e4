//! How many requests a key may send: a bucket of tokens each, of which every request takes one.
//!
//! Who sends no key that there is, is told by the address that it comes from. Of addresses so many are remembered that
//! memory is bounded: those that were not seen for longest are forgotten, which gives them a full bucket again.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

use super::denial::Denial;
use super::ingest::write_key;
use super::keys_in_force::{KeyKind, KeysInForce};
use super::server::Client;
use crate::plan::{KeyHash, RateLimit, RateLimits};

/// TokenBuckets that are remembered of late; as many of before are, too.
const REMEMBERED: usize = 65_536;

/// Who is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Sender {
    Key([u8; 32]),
    Address(IpAddr),
}

/// What is limited in a run.
pub struct Limiter {
    keys: Arc<KeysInForce>,
    limits: RateLimits,
    /// Keys have a place of their own: no flood from many addresses makes them be forgotten.
    of_keys: Mutex<TokenBuckets<Sender>>,
    of_addresses: Mutex<TokenBuckets<(KeyKind, Sender)>>,
}

impl Limiter {
    pub fn new(keys: &Arc<KeysInForce>, limits: RateLimits) -> Arc<Self> {
        let keys = Arc::clone(keys);
        Arc::new(Limiter {
            keys,
            limits,
            of_keys: Mutex::default(),
            of_addresses: Mutex::default(),
        })
    }

    fn limit(&self, kind: KeyKind) -> Option<RateLimit> {
        match kind {
            KeyKind::Read => self.limits.read,
            KeyKind::Write => self.limits.write,
            KeyKind::Admin => self.limits.admin,
        }
    }

    /// Counts a request of what wants this kind of key.
    fn count(&self, wanted: KeyKind, key: Option<&str>, address: IpAddr) -> Result<(), Duration> {
        let now = Instant::now();
        let key = key.map(KeyHash::of);
        let known = key.and_then(|key| Some((key, self.keys.kind_of(&key)?)));
        let Some((key, kind)) = known else {
            let Some(limit) = self.limit(wanted) else { return Ok(()) };
            let sender = Sender::Address(network(address));
            let mut buckets = self.of_addresses.lock().unwrap_or_else(PoisonError::into_inner);
            return buckets.take((wanted, sender), limit, now);
        };
        let Some(limit) = self.limit(kind) else { return Ok(()) };
        let mut buckets = self.of_keys.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.take(Sender::Key(key.0), limit, now)
    }
}

/// Routes that want a kind of key, held to its limit.
pub fn limited(router: Router, limiter: &Arc<Limiter>, wanted: KeyKind) -> Router {
    let state = (Arc::clone(limiter), wanted);
    router.route_layer(from_fn_with_state(state, count))
}

async fn count(
    State((limiter, wanted)): State<(Arc<Limiter>, KeyKind)>,
    client: Option<Extension<Client>>,
    request: Request,
    next: Next,
) -> Response {
    let address = client.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |client| client.address.ip());
    let key = write_key(request.headers());
    match limiter.count(wanted, key.as_deref(), address) {
        Ok(()) => next.run(request).await,
        Err(wait) => too_fast(wait).into_response(),
    }
}

fn too_fast(wait: Duration) -> Denial {
    let seconds = wait.as_secs_f64().ceil().clamp(1.0, 3_600.0) as u32;
    let message = "more requests come than `limits` of the definition's `http` allow";
    let remedy = "send fewer, and this one again after Retry-After seconds";
    Denial::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message, remedy).after(seconds)
}

/// What of an address tells a client: of IPv6 whoever has one has all that begin alike.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let kept = u128::from(address) & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from(kept))
        }
        address => address,
    }
}

/// TokenBuckets that were used of late, and before.
struct TokenBuckets<K> {
    late: HashMap<K, TokenBucket>,
    before: HashMap<K, TokenBucket>,
    most: usize,
}

impl<K> Default for TokenBuckets<K> {
    fn default() -> Self {
        TokenBuckets { late: HashMap::new(), before: HashMap::new(), most: REMEMBERED }
    }
}

impl<K: Eq + Hash + Copy> TokenBuckets<K> {
    /// Takes a token, or says after how long there is one.
    fn take(&mut self, key: K, limit: RateLimit, now: Instant) -> Result<(), Duration> {
        if !self.late.contains_key(&key) {
            if self.late.len() >= self.most {
                self.before = std::mem::take(&mut self.late);
            }
            let bucket = self.before.remove(&key).unwrap_or_else(|| TokenBucket::full(limit, now));
            self.late.insert(key, bucket);
        }
        self.late.get_mut(&key).expect("it is there").take(limit, now)
    }
}

/// Tokens, as of an instant.
#[derive(Clone, Copy, Debug)]
struct TokenBucket {
    tokens: f64,
    at: Instant,
}

impl TokenBucket {
    fn full(limit: RateLimit, now: Instant) -> Self {
        TokenBucket { tokens: f64::from(limit.burst), at: now }
    }

    fn take(&mut self, limit: RateLimit, now: Instant) -> Result<(), Duration> {
        let rate = f64::from(limit.rate);
        let grown = now.saturating_duration_since(self.at).as_secs_f64() * rate;
        let tokens = (self.tokens + grown).min(f64::from(limit.burst));
        let is_enough = tokens >= 1.0;
        *self =
            TokenBucket { tokens: tokens - f64::from(u8::from(is_enough)), at: now.max(self.at) };
        if is_enough { Ok(()) } else { Err(Duration::from_secs_f64((1.0 - tokens) / rate)) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn in_no_time_do_more_pass_than_the_burst_and_the_rate_allow_and_who_waits_as_told_passes(
            rate in 1u32..1_000,
            burst in 1u32..100,
            gaps in prop::collection::vec(0u64..20_000, 1..300),
        ) {
            let limit = RateLimit { rate, burst };
            let begun = Instant::now();
            let mut buckets = TokenBuckets::default();
            let mut passed: Vec<u64> = Vec::new();
            let mut micros = 0;
            for gap in gaps {
                micros += gap;
                let at = begun + Duration::from_micros(micros);
                match buckets.take(1, limit, at) {
                    Ok(()) => passed.push(micros),
                    Err(wait) => {
                        let mut later = buckets.late[&1];
                        let soon = Duration::from_micros(1);
                        prop_assert!(later.take(limit, at + wait + soon).is_ok());
                        prop_assert!(wait <= Duration::from_secs(1));
                    }
                }
            }
            for (place, first) in passed.iter().enumerate() {
                for (others, last) in (1u32..).zip(&passed[place..]) {
                    let allowed = f64::from(burst) + (last - first) as f64 / 1e6 * f64::from(rate);
                    prop_assert!(f64::from(others) <= allowed + 1e-3);
                }
            }
        }
    }

    #[test]
    fn a_flood_of_addresses_takes_bounded_memory_and_nothing_from_who_is_there() {
        let limit = RateLimit { rate: 1, burst: 1 };
        let now = Instant::now();
        let mut buckets = TokenBuckets { most: 100, ..TokenBuckets::default() };
        assert!(buckets.take(0, limit, now).is_ok());
        for number in 1..10_000 {
            assert!(buckets.take(number, limit, now).is_ok());
            assert!(buckets.take(0, limit, now).is_err(), "it has sent its one");
            assert!(buckets.late.len() + buckets.before.len() <= 200);
        }
    }

    #[test]
    fn who_has_an_address_of_ipv6_has_all_that_begin_alike() {
        let of = |text: &str| network(text.parse().expect("an address"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::2:3:4"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}
