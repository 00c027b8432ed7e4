//! The newest messages of topics.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use selfsame::internals::plan::Format;
use selfsame::internals::source::brokers::silence;
use serde_json::Value;

use super::left_out::LeftOut;
use super::sample::{Origin, Sample, TextShape, of_objects};

/// Messages of a topic that are looked at, over all of its partitions.
const MESSAGES: i64 = 5_000;
/// For so long brokers may not answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// The newest messages of some topics, or of all. Topics that have none of JSON are told, and left out.
pub fn samples(
    brokers: &str,
    wanted: &[String],
    left_out: &LeftOut,
) -> Result<Vec<Sample>, String> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "selfsame-init")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()
        .map_err(|why| format!("--kafka {brokers}: {why}"))?;
    let metadata = consumer
        .fetch_metadata(None, PATIENCE)
        .map_err(|why| {
            let why = silence(brokers, &why);
            format!(
                "--kafka {brokers}: no broker answers there: {why}. Start it, or name one that runs, as in --kafka \
                 localhost:9092"
            )
        })?;
    let partitions = |name: &str| -> Option<Vec<i32>> {
        let topic = metadata.topics().iter().find(|topic| topic.name() == name)?;
        Some(topic.partitions().iter().map(|partition| partition.id()).collect())
    };
    // What brokers and this program keep for themselves is nobody's data.
    let is_own = |name: &str| name.starts_with("__") || name.starts_with("selfsame-");
    let mut names: Vec<String> = match wanted {
        [] => metadata.topics().iter().map(|topic| topic.name().to_owned()).collect(),
        some => some.to_vec(),
    };
    if wanted.is_empty() {
        names.retain(|name| !is_own(name));
    }
    names.sort();
    names.dedup();
    let mut samples = Vec::new();
    for name in names {
        let Some(partitions) = partitions(&name).filter(|all| !all.is_empty()) else {
            return Err(format!("--kafka {brokers}: there is no topic '{name}'"));
        };
        match sample(&consumer, &name, &partitions) {
            Ok(sample) => samples.push(sample),
            Err(why) => left_out.add(&format!("topic {name}: {why}")),
        }
    }
    Ok(samples)
}

fn sample(consumer: &BaseConsumer, name: &str, partitions: &[i32]) -> Result<Sample, String> {
    let failed = |why: KafkaError| why.to_string();
    let each = (MESSAGES / partitions.len() as i64).max(1);
    let mut from = TopicPartitionList::new();
    let mut unread = HashSet::new();
    for partition in partitions {
        let (low, high) = consumer.fetch_watermarks(name, *partition, PATIENCE).map_err(failed)?;
        if low < high {
            let start = Offset::Offset(low.max(high - each));
            from.add_partition_offset(name, *partition, start).map_err(failed)?;
            unread.insert(*partition);
        }
    }
    consumer.assign(&from).map_err(failed)?;
    let (mut rows, mut nulls, mut heard) = (Vec::new(), 0, Instant::now());
    while !unread.is_empty() && (rows.len() as i64) < MESSAGES {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Err(KafkaError::PartitionEOF(partition))) => drop(unread.remove(&partition)),
            Some(Err(why)) => return Err(failed(why)),
            Some(Ok(message)) => {
                heard = Instant::now();
                match message.payload() {
                    Some(payload) => rows.push(match serde_json::from_slice(payload) {
                        Ok(Value::Object(object)) => Some(object),
                        _ => None,
                    }),
                    None => nulls += 1,
                }
            }
            None if heard.elapsed() > PATIENCE => break,
            None => {}
        }
    }
    consumer.unassign().map_err(failed)?;
    if rows.is_empty() {
        return Err("it has no messages".to_owned());
    }
    let (columns, count, bad) = of_objects(rows.into_iter());
    if count == 0 {
        return Err("no message in it is an object of JSON".to_owned());
    }
    let origin = Origin::Topic { name: name.to_owned(), nulls };
    let form = TextShape { format: Format::Json, ..TextShape::default() };
    Ok(Sample { origin, form, columns, rows: count, bad, passed_over: Vec::new() })
}
