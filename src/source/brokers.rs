//! Which brokers can't be reached: told once when that begins, and once when it is over.
//!
//! Every client of a process, and each of its threads that talk to a broker, complains of the same
//! broker again and again while it is away, and none of them says when it is back. So complaints only
//! begin a watch over the broker, one for the process, which ends when it takes connections again and
//! nobody has complained for a while.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};

/// How often a broker that is away is looked for, and how long it may take to answer.
const LOOK: Duration = Duration::from_secs(1);
/// A broker that starts takes connections before it serves them.
const QUIET: Duration = Duration::from_secs(2);
const HANGING_UP: Duration = Duration::from_millis(300);
/// How often other complaints are told that are the same.
const AGAIN: Duration = Duration::from_secs(60);
/// For how long what passes by itself is asked again, and how often.
const PASSING: Duration = Duration::from_secs(10);
const ASKING: Duration = Duration::from_millis(50);

#[derive(Default)]
struct BrokerWatch {
    /// By `host:port`: since when it is away, and when somebody last complained.
    away: BTreeMap<String, (Instant, Instant)>,
    /// When each other complaint was last logged.
    told: BTreeMap<String, Instant>,
    is_kept: bool,
}

/// Whether brokers have answered this process: then what listens there is one.
static ANSWERED: AtomicBool = AtomicBool::new(false);

static WATCH: Mutex<BrokerWatch> =
    Mutex::new(BrokerWatch { away: BTreeMap::new(), told: BTreeMap::new(), is_kept: false });

/// Whether an error means that a broker can't be reached, which the library gets over by itself.
pub fn is_away(code: Code) -> bool {
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::Resolve
            | Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::BrokerNotAvailable
    )
}

/// Whether an error means that a topic, or a partition of it, is not there any more.
pub fn is_gone(code: Code) -> bool {
    matches!(code, Code::UnknownTopic | Code::UnknownPartition | Code::UnknownTopicOrPartition)
}

/// Takes in what the library complains of.
pub fn complain(code: Option<Code>, error: &str, reason: &str) {
    let mut watch = WATCH.lock().expect("nobody panics with it");
    let now = Instant::now();
    match (code.filter(|code| is_away(*code)), address(reason)) {
        (Some(_), Some((broker, why))) => {
            if let Some((_, last)) = watch.away.get_mut(broker) {
                *last = now;
                tracing::debug!(target: "librdkafka", "{reason}");
                return;
            }
            watch.away.insert(broker.to_owned(), (now, now));
            tracing::warn!("broker {broker} can't be reached ({why}): it is tried again and again");
            if !std::mem::replace(&mut watch.is_kept, true) {
                let name = "brokers that are away".to_owned();
                let spawned = std::thread::Builder::new().name(name).spawn(keep);
                // Who can't watch does not tell that they are back.
                watch.is_kept = spawned.is_ok();
            }
        }
        (Some(_), None) => tracing::debug!(target: "librdkafka", "{error}: {reason}"),
        // It comes for each partition. Who reads the topic, or writes to it, is told, and tells it once.
        (None, _) if code.is_some_and(is_gone) => {
            tracing::debug!(target: "librdkafka", "{error}: {reason}");
        }
        (None, _) => {
            let text = format!("{error}: {reason}");
            let recent = watch.told.get(&text).is_some_and(|told| told.elapsed() < AGAIN);
            watch.told.retain(|_, told| told.elapsed() < AGAIN);
            if recent {
                tracing::debug!(target: "librdkafka", "{text}");
            } else {
                tracing::warn!("Kafka: {text}");
                watch.told.insert(text, now);
            }
        }
    }
}

/// Brokers have answered, and are known to speak Kafka with us.
pub fn have_answered() {
    ANSWERED.store(true, Ordering::Relaxed);
}

/// Why brokers, as `host:port` and several with commas, don't answer, as far as can be seen from here.
pub fn silence(brokers: &str, error: &KafkaError) -> String {
    let why = |broker: &str| {
        let broker = broker.split_once("://").map_or(broker, |(_, broker)| broker);
        let has_port = broker.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let address = if has_port { broker.to_owned() } else { format!("{broker}:9092") };
        let found = match address.to_socket_addrs() {
            Ok(found) => found,
            Err(error) => return Some(format!("the name in {address} leads nowhere ({error})")),
        };
        let mut refused = None;
        for address in found {
            match TcpStream::connect_timeout(&address, LOOK) {
                Ok(_) => return None,
                Err(error) => refused = Some(format!("{address}: {error}")),
            }
        }
        refused
    };
    let all: Vec<&str> = brokers.split(',').map(str::trim).collect();
    let reasons: Vec<String> = all.iter().filter_map(|broker| why(broker)).collect();
    match reasons.len() < all.len() {
        true if ANSWERED.load(Ordering::Relaxed) => {
            format!("what listens there takes connections and does not answer ({error})")
        }
        true => format!(
            "what listens there does not speak Kafka with us ({error}): is it a broker, and does \
             kafka.properties say the security.protocol that it wants?"
        ),
        false => reasons.join("; "),
    }
}

/// Asks again for a while: a partition that has just been made, or whose leader has just changed, has none that
/// answers.
pub fn patiently<T>(mut ask: impl FnMut() -> KafkaResult<T>) -> KafkaResult<T> {
    let is_passing = |error: &KafkaError| {
        error.rdkafka_error_code().is_some_and(|code| {
            is_away(code)
                || matches!(
                    code,
                    Code::NotLeaderForPartition | Code::LeaderNotAvailable | Code::UnknownPartition
                )
        })
    };
    let started = Instant::now();
    loop {
        match ask() {
            Err(error) if is_passing(&error) && started.elapsed() < PASSING => {
                std::thread::sleep(ASKING);
            }
            answer => return answer,
        }
    }
}

/// Looks for the brokers that are away until none is.
fn keep() {
    loop {
        std::thread::sleep(LOOK);
        let away: Vec<String> = {
            let mut watch = WATCH.lock().expect("nobody panics with it");
            watch.is_kept = !watch.away.is_empty();
            if !watch.is_kept {
                return;
            }
            watch.away.keys().cloned().collect()
        };
        for broker in away {
            if !answers(&broker) {
                continue;
            }
            let mut watch = WATCH.lock().expect("nobody panics with it");
            let is_quiet = |(_, last): &(Instant, Instant)| last.elapsed() > QUIET;
            if watch.away.get(&broker).is_some_and(is_quiet) {
                let (since, _) = watch.away.remove(&broker).expect("it was there");
                tracing::info!(
                    "broker {broker} is reached again, after {:.0} s",
                    since.elapsed().as_secs_f64()
                );
            }
        }
    }
}

/// What asks a broker for the versions that it speaks, as every client does first: its length, the request's number (18)
/// and version (0), a number of its own, and no name.
const ASKS: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 0, 255, 255];

/// A broker waits for who connects to say something; what stands before one that is away hangs up. Then it says something
/// to that, if only that it wants TLS; one that stands still takes the connection and says nothing.
fn answers(broker: &str) -> bool {
    let mut addresses = broker.to_socket_addrs().into_iter().flatten();
    addresses.any(|address| {
        let Ok(mut stream) = TcpStream::connect_timeout(&address, LOOK) else { return false };
        let is_silent = |stream: &mut TcpStream, patience| {
            let waits = stream.set_read_timeout(Some(patience));
            let read = stream.read(&mut [0]).map_err(|error| error.kind());
            waits.is_ok() && matches!(read, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut))
        };
        is_silent(&mut stream, HANGING_UP)
            && stream.write_all(&ASKS).is_ok()
            && !is_silent(&mut stream, LOOK)
    })
}

/// Which broker a complaint is about, and the rest of it: `GroupCoordinator: sasl_ssl://b:9092/1: why
/// (after 3ms in state CONNECT)`.
fn address(reason: &str) -> Option<(&str, &str)> {
    let mut rest = reason;
    while let Some((part, behind)) = rest.split_once(": ") {
        let part = part.split_once("://").map_or(part, |(_, part)| part);
        let broker = part.split_once('/').map_or(part, |(broker, _)| broker);
        if broker.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
            return Some((broker, behind.split_once(" (after ").map_or(behind, |(why, _)| why)));
        }
        rest = behind;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_complaint_names_its_broker() {
        let why = "Connect to ipv4#127.0.0.1:9092 failed: Connection refused";
        for name in [
            "127.0.0.1:9092",
            "127.0.0.1:9092/bootstrap",
            "127.0.0.1:9092/1",
            "sasl_ssl://127.0.0.1:9092/1",
            "GroupCoordinator: 127.0.0.1:9092",
        ] {
            let reason = format!("{name}: {why} (after 0ms in state CONNECT)");
            assert_eq!(address(&reason), Some(("127.0.0.1:9092", why)), "{name}");
        }
        assert_eq!(address("[::1]:9092/1: Disconnected"), Some(("[::1]:9092", "Disconnected")));
        assert_eq!(address("1/1 brokers are down"), None);
    }

    #[test]
    fn one_that_takes_connections_and_stands_still_is_away() {
        let listening = |then: fn(TcpStream)| {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let address = listener.local_addr().expect("it is bound").to_string();
            std::thread::spawn(move || listener.incoming().flatten().for_each(then));
            address
        };
        // It asks what it has read: nothing that comes by itself is an answer.
        let broker = listening(|mut of| {
            let mut asked = [0; ASKS.len()];
            let _ = of.read_exact(&mut asked).and_then(|()| of.write_all(&asked[..8]));
        });
        assert!(answers(&broker));
        assert!(!answers(&listening(std::mem::forget)), "it stands still");
        assert!(!answers(&listening(drop)), "what stands before it hangs up");
        // It is not taken for something else that listens there, once it has answered.
        let error = KafkaError::MetadataFetch(Code::BrokerTransportFailure);
        assert!(silence(&broker, &error).contains("does not speak Kafka with us"));
        have_answered();
        let said = silence(&broker, &error);
        assert!(said.contains("takes connections and does not answer"), "{said}");
    }
}
