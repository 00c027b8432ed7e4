//! Topics, read from the mock brokers that come with librdkafka.

mod input;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use input::{Input, definition};
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use selfsame::internals::decode::key_hash;
use selfsame::internals::plan::Kind;
use selfsame::internals::row::RawPosition;
use selfsame::internals::source::{KafkaStart, Next, SourceOptions};

struct Broker {
    cluster: MockCluster<'static, DefaultProducerContext>,
    producer: BaseProducer,
}

impl Broker {
    fn new(topic: &str, partitions: i32) -> Self {
        let cluster = MockCluster::new(1).expect("a mock cluster");
        cluster.create_topic(topic, partitions, 1).expect("a topic");
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", cluster.bootstrap_servers());
        Broker { producer: config.create().expect("a producer"), cluster }
    }

    fn send(&self, topic: &str, partition: i32, key: &str, payload: Option<&[u8]>) {
        let mut record = BaseRecord::to(topic).partition(partition).key(key).timestamp(1_000);
        record.payload = payload;
        self.producer.send(record).map_err(|(error, _)| error).expect("room in the queue");
        self.producer.flush(Duration::from_secs(10)).expect("the broker takes it");
    }

    fn input(&self, topics: &[(&str, Kind, KafkaStart)]) -> Input {
        Input::of(definition::topics(&self.cluster.bootstrap_servers(), topics))
    }
}

fn alone() -> SourceOptions {
    SourceOptions { until_end: true, ..SourceOptions::default() }
}

fn event(id: &str) -> Vec<u8> {
    format!(r#"{{"id":"{id}","email":"{id}@x.org"}}"#).into_bytes()
}

#[test]
fn a_topic_is_read_to_the_end_that_it_had_by_all_workers_once() {
    let broker = Broker::new("events", 3);
    let ids: Vec<String> = (0..60).map(|id| id.to_string()).collect();
    for (place, id) in ids.iter().enumerate() {
        broker.send("events", (place % 3) as i32, id, Some(&event(id)));
    }
    let input = broker.input(&[("events", Kind::Events, KafkaStart::Earliest)]);
    let mut seen = BTreeSet::new();
    let mut total = 0;
    for process in 0..2 {
        let read = input.read_with(&SourceOptions { process, processes: 2, workers: 2, ..alone() });
        total += read.rows.len();
        seen.extend(read.keys());
        // Three partitions over four workers: the second process has one, the third.
        let parts: BTreeSet<u32> = read.rows.iter().map(|row| row.position.part).collect();
        assert_eq!(parts, [[0, 1].into(), [2].into()][process]);
    }
    assert_eq!(total, 60);
    assert_eq!(seen, ids.iter().map(|id| key_hash(id)).collect());
}

#[test]
fn a_null_payload_deletes_the_record_of_its_key() {
    let broker = Broker::new("crm", 1);
    broker.send("crm", 0, "a", Some(&event("a")));
    broker.send("crm", 0, "a", None);
    broker.send("crm", 0, "b", Some(b"{\"id\":"));
    broker.send("crm", 0, "", Some(b""));
    broker.send("crm", 0, "c", Some(&event("c")));
    let read = broker.input(&[("crm", Kind::Records, KafkaStart::Earliest)]).read();
    assert_eq!(read.keys(), ["a", "a", "c"].map(key_hash));
    let gone: Vec<bool> = read.rows.iter().map(|row| row.body.is_none()).collect();
    assert_eq!(gone, [false, true, false]);
    assert_eq!(read.rows[1].time, 1_000_000, "the message's timestamp");
    assert_eq!({ read.rows[1].position.offset }, 1);
    let positions: Vec<RawPosition> =
        read.rejects.iter().map(|reject| reject.position.clone()).collect();
    let at = |offset| RawPosition::Offset { topic: "crm".to_owned(), partition: 0, offset };
    assert_eq!(positions, [2, 3].map(at));
    assert!(read.rejects.iter().all(|reject| reject.reasons[0].code == "malformed"));
}

#[test]
fn events_have_no_null_payloads() {
    let broker = Broker::new("events", 1);
    broker.send("events", 0, "a", None);
    let read = broker.input(&[("events", Kind::Events, KafkaStart::Earliest)]).read();
    assert_eq!(read.rejects.len(), 1);
    assert_eq!(read.rejects[0].reasons[0].code, "malformed");
}

#[test]
fn what_comes_later_is_read_soon_and_a_latest_start_passes_over_what_was_there() {
    let broker = Broker::new("events", 1);
    broker.send("events", 0, "old", Some(&event("old")));
    // Two sources read one topic, from different places.
    let input = broker.input(&[
        ("events", Kind::Events, KafkaStart::Latest),
        ("events", Kind::Records, KafkaStart::Earliest),
    ]);
    let mut feeds = input.start(&SourceOptions { until_end: false, ..alone() });
    let mut rows = |wanted: usize| {
        let mut found = Vec::new();
        let start = Instant::now();
        while found.len() < wanted {
            assert!(start.elapsed() < Duration::from_secs(20), "{found:?}");
            match feeds.workers[0].try_next() {
                Next::Chunk(chunk) => found.extend(
                    input.decode(&chunk).rows.iter().map(|row| (row.source, row.position.offset)),
                ),
                Next::Empty | Next::Together(..) => std::thread::sleep(Duration::from_millis(1)),
                other => panic!("{other:?}"),
            }
        }
        found
    };
    assert_eq!(rows(1), [(1, 0)]);
    broker.send("events", 0, "new", Some(&event("new")));
    assert_eq!(rows(2), [(0, 1), (1, 1)]);
}

#[test]
fn a_topic_that_does_not_exist_and_brokers_that_are_away_are_named() {
    let broker = Broker::new("web.events", 1);
    // The mock brokers make up topics when asked for one by name, but not when asked for all.
    let wrong = broker.input(&[("web.event", Kind::Events, KafkaStart::Earliest)]).fails();
    assert!(wrong.starts_with("source source0: the brokers at 127.0.0.1:"), "{wrong}");
    assert!(wrong.ends_with("have no topic web.event; did you mean web.events?"), "{wrong}");

    let topics = [("events", Kind::Events, KafkaStart::Earliest)];
    let wrong = Input::of(definition::topics("127.0.0.1:1", &topics)).fails();
    assert!(wrong.starts_with("no broker answers at 127.0.0.1:1: "), "{wrong}");
}

#[test]
fn unknown_properties_and_missing_tls_are_told() {
    let with = |name: &str, value: &str| {
        let topics = [("events", Kind::Events, KafkaStart::Earliest)];
        let mut plan = definition::topics("127.0.0.1:1", &topics);
        plan.kafka.properties.push((name.into(), value.into()));
        Input::of(plan).fails()
    };
    let wrong = with("fetch.wait.max.sm", "10");
    assert!(wrong.contains("fetch.wait.max.sm"), "{wrong}");
    if cfg!(not(feature = "tls")) {
        let wrong = with("security.protocol", "SASL_SSL");
        assert!(wrong.contains("--features tls"), "{wrong}");
    }
}
