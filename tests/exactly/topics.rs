//! Topics, through a real broker.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use selfsame::internals::plan::Plan;
use selfsame::internals::row::IdentifierHash;
use selfsame::internals::sink::{
    NamedIdentifier, Receipt, Record, RecordBody, RecordKey, RecordValue,
};
use selfsame::internals::time::Tick;

use crate::broker::brokers;
use crate::broker::client::{
    Message, Read, Reader, add_partitions, delete_topic, make_topic, produce, unique,
};
use crate::history::{self, Cluster, Said, Start, chance, holding, records, said};

/// Topics of a test's own, and the definition over them.
struct Shop {
    plan: Arc<Plan>,
    topics: [String; 3],
    _folder: tempfile::TempDir,
}

impl Shop {
    fn new(kafka: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let topics = ["identities", "segments", "rejects"].map(unique);
        let outputs = topics.each_ref().map(|topic| format!("kafka: {{topic: {topic}}}"));
        let kafka = format!("kafka: {{brokers: '{}'{kafka}}}\n", brokers());
        let outputs = outputs.each_ref().map(String::as_str);
        let mut plan = Plan::clone(&history::plan(folder.path(), &kafka, outputs));
        // Names of progress topics and transactional ids follow from it.
        plan.name = unique("shop");
        Shop { plan: Arc::new(plan), topics, _folder: folder }
    }

    fn start<'a>(folder: &'a Path, of: [usize; 2], replayed: Tick) -> Start<'a> {
        let [processes, workers] = of;
        Start { folder, store: "store", definition: "one", processes, workers, replayed }
    }

    /// All that is committed, by output.
    fn read(&self) -> [Vec<Read>; 3] {
        self.topics.each_ref().map(|topic| Reader::new(&[topic]).to_end())
    }
}

fn said_by(read: &[Read]) -> Said {
    let mut said = Said::new();
    for of in read {
        said.entry(of.key.clone()).or_default().push(of.payload.clone());
    }
    said
}

/// Everything once, in order.
#[track_caller]
fn must_be(shop: &Shop, seed: u64, until: Tick) {
    for (output, read) in shop.read().iter().enumerate() {
        let expected = said(&shop.plan, seed, output as u16, 1..=until);
        assert!(expected.values().map(Vec::len).sum::<usize>() > 5, "there is much to say");
        let found = said_by(read);
        for (key, expected) in &expected {
            assert_eq!(found.get(key), Some(expected), "{key} of output {output}");
        }
        assert_eq!(found.len(), expected.len());
    }
}

/// In each partition, a reader of committed messages sees whole ticks: all up to one, and nothing of a later one.
/// Returns the last tick that it sees anything of. What was seen of ticks up to `before` may be of some processes of an
/// earlier run alone, if this one has not come to commit the rest.
#[track_caller]
fn must_be_whole(shop: &Shop, seed: u64, of: [usize; 2], before: Tick) -> Tick {
    let [processes, workers] = of;
    let read = Reader::new(&[&shop.topics[0]]).to_end();
    let mut by_partition: BTreeMap<i32, Vec<&Read>> = BTreeMap::new();
    read.iter().for_each(|of| by_partition.entry(of.partition).or_default().push(of));
    let partition_of: BTreeMap<&String, i32> =
        read.iter().map(|of| (&of.key, of.partition)).collect();
    let last = 1 + read.iter().filter_map(tick_of).max().unwrap_or(0);
    for (partition, read) in by_partition {
        // Each process has transactions of its own.
        for process in 0..processes {
            let of_process = |(route, record): &&(u64, Record)| {
                record.output == 0 && (*route as usize % (processes * workers)) / workers == process
            };
            let mut expected: Vec<(Tick, String)> = Vec::new();
            for tick in 1..=last {
                let all = records(seed, tick);
                let keys = all.iter().filter(of_process).map(|(_, record)| match &record.key {
                    selfsame::internals::sink::RecordKey::Identifier(of) => {
                        format!("user:{}", of.text)
                    }
                    other => panic!("{other:?}"),
                });
                let here = keys.filter(|key| partition_of.get(key) == Some(&partition));
                expected.extend(here.map(|key| (tick, key)));
            }
            let known: BTreeSet<&String> = expected.iter().map(|(_, key)| key).collect();
            let found: Vec<&&Read> = read.iter().filter(|of| known.contains(&of.key)).collect();
            let Some(end) = found.len().checked_sub(1) else { continue };
            let mut keys: Vec<(usize, &String)> =
                found.iter().map(|of| &of.key).enumerate().collect();
            keys.truncate(end + 1);
            let ticks: Vec<Tick> = expected.iter().map(|(tick, _)| *tick).collect();
            // What is there is a prefix, which ends where a tick does.
            assert!(found.len() <= expected.len());
            if found.len() < expected.len() && ticks[end] > before {
                assert_ne!(ticks[end], ticks[end + 1], "half a tick of partition {partition}");
            }
        }
    }
    last - 1
}

/// The tick that an identity's value tells.
fn tick_of(read: &Read) -> Option<Tick> {
    let value: serde_json::Value = serde_json::from_str(read.payload.as_ref()?).expect("JSON");
    let person = value["person"].as_str().expect("text");
    Some(Tick::from_str_radix(&person[2..], 16).expect("a tick"))
}

#[test]
fn a_run_that_is_not_killed_sends_everything_once() {
    let (shop, folder) = (Shop::new(""), tempfile::tempdir().expect("a temporary folder"));
    let mut cluster = Cluster::start(&shop.plan, Shop::start(folder.path(), [1, 2], 0));
    cluster.tell(&shop.plan, 1, 1..=30);
    cluster.finish();
    must_be(&shop, 1, 30);
}

#[test]
fn whatever_is_killed_and_however_many_there_are_each_record_is_committed_once_and_ticks_are_whole()
{
    let (shop, folder) = (Shop::new(""), tempfile::tempdir().expect("a temporary folder"));
    let (seed, mut durable, mut seen) = (7, 0, 0);
    let distributions = [[1, 2], [2, 1], [2, 2], [1, 3], [3, 1], [1, 1], [1, 1]];
    for (run, of) in distributions.into_iter().enumerate() {
        let run = run as u64;
        let mut cluster = Cluster::start(&shop.plan, Shop::start(folder.path(), of, durable));
        let (known, until) = (durable, durable + 3 + chance(&[seed, run]) % 20);
        for tick in 1..=until {
            cluster.hand_over(&shop.plan, tick, &records(seed, tick));
            // What is durable may lag behind.
            if chance(&[seed, run, tick]).is_multiple_of(2) || tick <= known {
                cluster.allow(tick + 1);
                durable = durable.max(tick);
            }
            if tick > known && chance(&[seed, run, tick, 2]).is_multiple_of(3) {
                std::thread::sleep(std::time::Duration::from_millis(chance(&[run, tick]) % 80));
            }
        }
        // As it is: with ticks that are not committed, or in the middle of a commit.
        drop(cluster);
        seen = must_be_whole(&shop, seed, of, seen);
    }
    let start = Shop::start(folder.path(), [2, 2], durable);
    let mut cluster = Cluster::start(&shop.plan, start);
    let committed = cluster.writers[0].committed();
    let are_durable = committed.iter().all(|tick| (1..=durable).contains(tick));
    assert!(are_durable, "{committed:?} of {durable} durable ticks");
    cluster.tell(&shop.plan, seed, 1..=durable + 10);
    cluster.finish();
    must_be(&shop, seed, durable + 10);
}

#[test]
fn a_second_run_fences_the_first_which_ends_with_a_clear_message() {
    let (shop, folder) = (Shop::new(""), tempfile::tempdir().expect("a temporary folder"));
    let start = Shop::start(folder.path(), [1, 1], 0);
    let mut first = Cluster::start(&shop.plan, start);
    first.tell(&shop.plan, 3, 1..=5);
    first.settle();
    let mut second = Cluster::start(&shop.plan, Start { replayed: 5, ..start });
    assert_eq!(second.writers[0].committed(), [5]);
    first.hand_over(&shop.plan, 6, &records(3, 6));
    first.allow(7);
    let begun = std::time::Instant::now();
    let why = loop {
        match first.failures[0].get() {
            Some(why) => break why.to_owned(),
            None => assert!(begun.elapsed() < history::PATIENCE, "it does not end"),
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    assert!(why.contains("another run of 'shop-") && why.contains("transactional.id"), "{why}");
    second.tell(&shop.plan, 3, 1..=8);
    second.finish();
    must_be(&shop, 3, 8);
}

#[test]
fn what_is_not_known_is_compared_and_only_what_differs_is_sent() {
    let reasons = ["definition", "store", "somebody", "gone"];
    for (number, reason) in reasons.into_iter().enumerate() {
        let (shop, folder) = (Shop::new(""), tempfile::tempdir().expect("a temporary folder"));
        let start = Shop::start(folder.path(), [1, 2], 0);
        let mut cluster = Cluster::start(&shop.plan, start);
        cluster.tell(&shop.plan, 5, 1..=20);
        cluster.finish();
        let before = shop.read();
        let stale = |key: &str, value: &str| Message {
            key: Some(key.to_owned()),
            payload: Some(value.as_bytes().to_vec()),
            ..Message::default()
        };
        // Somebody who is not there any more, by another definition, and who was in a segment.
        let person = format!("p_{:032x}", 99);
        let value = format!(
            "{{\"type\":\"phone\",\"value\":\"1\",\"person\":\"{person}\",\"at\":\"2025-01-01T00:00:00.000Z\"}}"
        );
        produce(&shop.topics[0], &[stale("phone:1", &value)]);
        let value = format!(
            "{{\"segment\":\"few\",\"person\":\"{person}\",\"change\":\"entered\",\"at\":\"2025-01-01T00:00:00.000Z\"}}"
        );
        produce(&shop.topics[1], &[stale(&format!("few/{person}"), &value)]);
        let mut plan = Plan::clone(&shop.plan);
        let start = Start { replayed: 21, ..start };
        let start = match reason {
            "definition" => Start { definition: "two", ..start },
            "store" => Start { store: "another", ..start },
            "gone" => {
                plan.name = unique("shop");
                start
            }
            _ => start,
        };
        // Several ticks in one, as a replay may have them, and by another distribution.
        let start = Start { processes: 1 + number % 2, workers: 1 + number, ..start };
        let mut cluster = Cluster::start(&plan, start);
        assert!(cluster.writers.iter().all(|of| of.committed().is_empty()), "{reason}");
        cluster.tell(&plan, 5, 1..=25);
        cluster.finish();
        let after = shop.read();
        for output in 0..2 {
            let expected = holding(&said(&plan, 5, output as u16, 1..=25));
            assert_eq!(holding(&said_by(&after[output])), expected, "{reason}, output {output}");
            // Less than all again: tick 21, those after it, and what was to be taken back.
            let several = said(&plan, 5, output as u16, 21..=25);
            let several: usize = several.values().map(Vec::len).sum();
            let more = after[output].len() - before[output].len() - 1;
            assert!(more <= several + 1, "{reason}, output {output}: {more} > {several} + 1");
        }
        assert_eq!(said_by(&after[2]), said(&plan, 5, 2, 1..=25), "{reason}: a log has each once");
        let tombstone = after[0].iter().rev().find(|of| of.key == "phone:1").expect("it is there");
        assert_eq!(tombstone.payload, None, "{reason}");
    }
}

/// The partitions that hold something.
fn partitions(read: &[Read]) -> BTreeSet<i32> {
    read.iter().map(|of| of.partition).collect()
}

#[test]
fn keys_stay_in_their_partitions_when_others_are_added_while_a_run_goes_on_and_between_runs() {
    let kafka = ", properties: {topic.metadata.refresh.interval.ms: 50}";
    let (shop, folder) = (Shop::new(kafka), tempfile::tempdir().expect("a temporary folder"));
    let start = Shop::start(folder.path(), [1, 2], 0);
    let mut cluster = Cluster::start(&shop.plan, start);
    cluster.tell(&shop.plan, 13, 1..=10);
    cluster.settle();
    add_partitions(&shop.topics[0], 5);
    std::thread::sleep(std::time::Duration::from_millis(500));
    cluster.tell(&shop.plan, 13, 11..=20);
    cluster.finish();
    add_partitions(&shop.topics[1], 3);
    let start = Shop::start(folder.path(), [2, 1], 20);
    let mut cluster = Cluster::start(&shop.plan, start);
    assert_eq!(cluster.writers[0].committed().last(), Some(&20), "nothing is read back");
    cluster.tell(&shop.plan, 13, 1..=30);
    cluster.finish();
    must_be(&shop, 13, 30);
    shop.read()[..2].iter().for_each(|read| assert_eq!(partitions(read), BTreeSet::from([0, 1])));
}

#[test]
fn keys_stay_in_their_partitions_where_it_is_not_known_what_was_committed() {
    // Where the progress is gone, the keys themselves tell it.
    for reason in ["definition", "store", "gone"] {
        let (shop, folder) = (Shop::new(""), tempfile::tempdir().expect("a temporary folder"));
        let start = Shop::start(folder.path(), [1, 2], 0);
        let mut cluster = Cluster::start(&shop.plan, start);
        cluster.tell(&shop.plan, 17, 1..=20);
        cluster.finish();
        add_partitions(&shop.topics[0], 7);
        let before = shop.read()[0].len();
        let mut plan = Plan::clone(&shop.plan);
        let start = Start { replayed: 20, processes: 2, ..start };
        let start = match reason {
            "definition" => Start { definition: "two", ..start },
            "store" => Start { store: "another", ..start },
            _ => {
                plan.name = unique("shop");
                start
            }
        };
        let mut cluster = Cluster::start(&plan, start);
        cluster.tell(&plan, 17, 1..=20);
        cluster.settle();
        assert_eq!(shop.read()[0].len(), before, "{reason}: nothing differs");
        cluster.tell(&plan, 17, 21..=30);
        cluster.finish();
        must_be(&shop, 17, 30);
        assert_eq!(partitions(&shop.read()[0]), BTreeSet::from([0, 1]), "{reason}");
    }
}

#[test]
fn keys_that_somebody_wrote_into_another_partition_are_taken_back_there() {
    let (shop, folder) = (Shop::new(""), tempfile::tempdir().expect("a temporary folder"));
    let start = Shop::start(folder.path(), [1, 2], 0);
    let mut cluster = Cluster::start(&shop.plan, start);
    cluster.tell(&shop.plan, 19, 1..=20);
    cluster.finish();
    // All that it holds, in each key's other partition, as a client with another hash may have it.
    let before = shop.read();
    let elsewhere: Vec<Message> = before[0]
        .iter()
        .map(|read| Message {
            partition: 1 - read.partition,
            key: Some(read.key.clone()),
            payload: read.payload.clone().map(String::into_bytes),
            timestamp: None,
        })
        .collect();
    produce(&shop.topics[0], &elsewhere);
    let mut cluster = Cluster::start(&shop.plan, Start { replayed: 20, processes: 2, ..start });
    cluster.tell(&shop.plan, 19, 1..=25);
    cluster.finish();
    let expected = holding(&said(&shop.plan, 19, 0, 1..=25));
    let belongs: BTreeMap<&str, i32> =
        before[0].iter().map(|of| (of.key.as_str(), of.partition)).collect();
    let after = shop.read();
    for partition in [0, 1] {
        // As a compacted topic has it.
        let of_partition: Vec<Read> =
            after[0].iter().filter(|of| of.partition == partition).cloned().collect();
        let mut expected = expected.clone();
        expected.retain(|key, _| belongs.get(key.as_str()).is_none_or(|of| *of == partition));
        assert_eq!(holding(&said_by(&of_partition)), expected, "partition {partition}");
    }
}

#[test]
fn what_is_no_record_gives_way_under_keys_of_an_output_to_what_holds_of_them() {
    let (shop, folder) = (Shop::new(""), tempfile::tempdir().expect("a temporary folder"));
    let start = Shop::start(folder.path(), [1, 2], 0);
    let mut cluster = Cluster::start(&shop.plan, start);
    cluster.tell(&shop.plan, 29, 1..=20);
    cluster.finish();
    let before = shop.read();
    for (topic, read) in shop.topics.iter().zip(&before).take(2) {
        let holding = holding(&said_by(read));
        let mut keys = holding.iter();
        let mut next = || keys.next().expect("much holds");
        let [(json, _), (text, _), (swapped, _), (other, _)] = [next(), next(), next(), next()];
        let of_other = read.iter().rev().find(|of| of.key == *other).expect("it holds");
        let of_other = of_other.payload.clone().expect("something holds of it");
        let stranger = json.rsplit_once(['/', ':']).expect("a key of two parts").0;
        let stranger = match topic.starts_with("segments") {
            true => format!("{stranger}/p_{:032x}", 77),
            false => format!("{stranger}:stranger"),
        };
        let written = [
            (json.clone(), br#"{"x":1}"#.to_vec()),
            (text.clone(), b"no JSON".to_vec()),
            (swapped.clone(), of_other.into_bytes()),
            (stranger, br#"{"x":1}"#.to_vec()),
        ];
        let written = written.map(|(key, value)| {
            let partition = read.iter().find(|of| of.key == key).map(|of| of.partition);
            let (key, payload) = (Some(key), Some(value));
            Message { partition: partition.unwrap_or(0), key, payload, timestamp: None }
        });
        produce(topic, &written);
    }
    let mut cluster = Cluster::start(&shop.plan, Start { replayed: 20, ..start });
    cluster.tell(&shop.plan, 29, 1..=25);
    cluster.finish();
    for (output, read) in shop.read().iter().enumerate().take(2) {
        let expected = holding(&said(&shop.plan, 29, output as u16, 1..=25));
        assert_eq!(holding(&said_by(read)), expected, "output {output}");
    }
}

#[test]
fn rejects_that_a_topic_has_are_not_told_again_when_an_older_copy_of_the_data_folder_is_put_back() {
    for processes in [1, 2] {
        let (shop, folder) = (Shop::new(""), tempfile::tempdir().expect("a temporary folder"));
        let start = Shop::start(folder.path(), [1, 2], 0);
        let mut cluster = Cluster::start(&shop.plan, start);
        cluster.tell(&shop.plan, 23, 1..=20);
        cluster.finish();
        let before = shop.read()[2].len();
        // What came behind tick 10 is read again, in other ticks.
        let mut cluster = Cluster::start(&shop.plan, Start { replayed: 10, processes, ..start });
        cluster.tell(&shop.plan, 23, 1..=10);
        for tick in 11..=25 {
            cluster.hand_over(&shop.plan, tick + 20, &records(23, tick));
            cluster.allow(tick + 21);
        }
        cluster.finish();
        let after = shop.read();
        assert_eq!(said_by(&after[2]), said(&shop.plan, 23, 2, 1..=25), "each once");
        assert_eq!(after[2].len(), before + 5);
        for (output, read) in after.iter().enumerate().take(2) {
            let expected = holding(&said(&shop.plan, 23, output as u16, 1..=25));
            assert_eq!(holding(&said_by(read)), expected);
        }
    }
}

#[test]
fn a_topic_that_was_deleted_meanwhile_gets_all_that_holds() {
    let (shop, folder) = (Shop::new(""), tempfile::tempdir().expect("a temporary folder"));
    let start = Shop::start(folder.path(), [1, 2], 0);
    let mut cluster = Cluster::start(&shop.plan, start);
    cluster.tell(&shop.plan, 11, 1..=20);
    cluster.finish();
    let kept = shop.read()[1].len();
    delete_topic(&shop.topics[0]);
    let start = Start { replayed: 20, ..start };
    let mut cluster = Cluster::start(&shop.plan, start);
    cluster.tell(&shop.plan, 11, 1..=20);
    cluster.finish();
    let after = shop.read();
    let expected = holding(&said(&shop.plan, 11, 0, 1..=20));
    assert!(!expected.is_empty());
    assert_eq!(holding(&said_by(&after[0])), expected);
    assert_eq!(after[1].len(), kept, "the others have it all");
}

#[test]
fn a_producer_whose_transaction_the_broker_has_ended_is_replaced_and_nothing_is_missing_or_twice() {
    // Brokers look for transactions that have timed out every 10 seconds.
    let kafka = ", commit_every: 13 s, properties: {transaction.timeout.ms: 1000}";
    let (shop, folder) = (Shop::new(kafka), tempfile::tempdir().expect("a temporary folder"));
    let start = Shop::start(folder.path(), [1, 2], 0);
    let mut cluster = Cluster::start(&shop.plan, start);
    // The first commit is at once; the second transaction stays open until it is due.
    cluster.tell(&shop.plan, 21, 1..=3);
    cluster.settle();
    cluster.tell(&shop.plan, 21, 4..=9);
    cluster.finish();
    must_be(&shop, 21, 9);
}

#[test]
fn a_record_that_is_too_large_is_refused_in_its_tick_and_a_tombstone_is_committed() {
    let (shop, folder) = (Shop::new(""), tempfile::tempdir().expect("a temporary folder"));
    make_topic(&shop.topics[0], 1, &[("cleanup.policy", "compact"), ("max.message.bytes", "2000")]);
    let start = Shop::start(folder.path(), [1, 1], 0);
    let cluster = Cluster::start(&shop.plan, start);
    let text: String = "x".repeat(5_000);
    let named = |text: &str| NamedIdentifier { kind: 0, text: text.into() };
    let record = |text: &str| Record {
        output: 0,
        key: RecordKey::Identifier(named(text)),
        body: RecordBody::Is { value: RecordValue::Identity(IdentifierHash(1)), at: 1 },
    };
    let (receipt, taking, acknowledged) = Receipt::new(|| ());
    // The key fits, and the value, which has it again, does not.
    let (small, large) = (record("small"), record(&text[..950]));
    cluster.writers[0].send(1, [small, large], &receipt);
    drop(receipt);
    let begun = std::time::Instant::now();
    while taking.is_held() {
        assert!(begun.elapsed() < history::PATIENCE, "it is not taken");
        std::thread::yield_now();
    }
    assert_eq!(taking.take_refused().len(), 1, "before anything is committed");
    assert!(acknowledged.is_held());
    cluster.allow(2);
    while acknowledged.is_held() {
        assert!(begun.elapsed() < history::PATIENCE, "it is not acknowledged");
        std::thread::yield_now();
    }
    let read = Reader::new(&[&shop.topics[0]]).to_end();
    let found: Vec<(usize, bool)> =
        read.iter().map(|of| (of.key.len(), of.payload.is_some())).collect();
    assert_eq!(found, [("user:small".len(), true), ("user:".len() + 950, false)]);
}

#[test]
fn without_transactions_records_are_sent_at_least_once() {
    let (shop, folder) =
        (Shop::new(", transactions: off"), tempfile::tempdir().expect("a temporary folder"));
    let start = Shop::start(folder.path(), [1, 2], 0);
    let mut cluster = Cluster::start(&shop.plan, start);
    cluster.tell(&shop.plan, 9, 1..=10);
    drop(cluster);
    let mut cluster = Cluster::start(&shop.plan, Start { replayed: 10, ..start });
    cluster.tell(&shop.plan, 9, 1..=20);
    cluster.finish();
    for (output, read) in shop.read().iter().enumerate() {
        let (found, expected) = (said_by(read), said(&shop.plan, 9, output as u16, 1..=20));
        assert_eq!(holding(&found), holding(&expected));
        for (key, expected) in expected {
            let found = &found[&key];
            assert!(expected.iter().all(|value| found.contains(value)), "{key}");
        }
    }
}
