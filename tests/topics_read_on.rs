//! Topics that a run reads on where the durable part of another one ends, through a real broker.

mod broker;
mod input;
mod program;
#[path = "../src/property.rs"]
mod property;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use broker::brokers;
use broker::client::{
    Message, add_partitions, committed, delete_before, delete_topic, make_topic, produce, unique,
};
use input::{Input, definition};
use proptest::prelude::*;
use selfsame::internals::plan::{Kind, Plan};
use selfsame::internals::source::{
    self, Chunk, KafkaStart, Next, Payload, Positions, SourceError, SourceOptions, Span,
};

fn send(topic: &str, partition: i32, payloads: &[Option<&str>]) {
    let message = |payload: &Option<&str>| Message {
        partition,
        payload: payload.map(|payload| payload.as_bytes().to_vec()),
        ..Message::default()
    };
    produce(topic, &payloads.iter().map(message).collect::<Vec<_>>());
}

fn send_rows(topic: &str, partition: i32, rows: usize) {
    send(topic, partition, &vec![Some(r#"{"id":"a","email":"a@x.org"}"#); rows]);
}

fn reads(topic: &str, starts: &[KafkaStart]) -> Input {
    let topics: Vec<_> = starts.iter().map(|start| (topic, Kind::Events, *start)).collect();
    Input::of(definition::topics(brokers(), &topics))
}

/// By so many processes of two workers, to the ends of topics.
fn to_end(input: &Input, processes: usize, from: &Positions) -> Result<Vec<Chunk>, SourceError> {
    let mut chunks = Vec::new();
    for process in 0..processes {
        let options = SourceOptions {
            process,
            processes,
            workers: 2,
            until_end: true,
            positions: Arc::new(from.clone()),
            ..SourceOptions::default()
        };
        chunks.extend(read(input, &options, |_| false)?);
    }
    Ok(chunks)
}

/// Reads to the end, or until something holds of what was read.
fn read(
    input: &Input,
    options: &SourceOptions,
    until: impl Fn(&[Chunk]) -> bool,
) -> Result<Vec<Chunk>, SourceError> {
    let mut feeds = source::start(input.plan(), options, Arc::new(|| ()))?;
    let (mut chunks, start) = (Vec::new(), Instant::now());
    while !feeds.workers.is_empty() && !until(&chunks) {
        assert!(start.elapsed() < Duration::from_secs(120), "it goes on and on: {chunks:?}");
        let mut failed = None;
        feeds.workers.retain_mut(|feed| match feed.try_next() {
            Next::Chunk(chunk) => {
                chunks.push(chunk);
                true
            }
            Next::Together(..) => unreachable!("nobody pushes"),
            Next::Empty => {
                std::thread::sleep(Duration::from_millis(1));
                true
            }
            Next::Ended => false,
            Next::Failed(error) => {
                failed = Some(error);
                false
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
    }
    Ok(chunks)
}

/// Every message: source, part, offset.
fn messages(chunks: &[Chunk]) -> Vec<(u16, u32, u64)> {
    let of_chunk = |chunk: &Chunk| {
        let Payload::Messages { messages, .. } = &chunk.payload else { panic!("{chunk:?}") };
        let (source, part) = (chunk.source, chunk.part);
        messages.iter().map(move |message| (source, part, message.offset)).collect::<Vec<_>>()
    };
    chunks.iter().flat_map(of_chunk).collect()
}

fn positions<'a>(chunks: impl IntoIterator<Item = &'a Chunk>) -> Positions {
    let mut positions = Positions::default();
    for chunk in chunks {
        positions.add(chunk.reached.as_ref().expect("a topic says how far it is read"));
    }
    positions
}

proptest! {
    #![proptest_config(property::cases(6))]

    /// So many chunks of the first run are durable in each partition.
    #[test]
    fn every_message_is_taken_once_over_two_runs_of_any_shape(
        counts in prop::collection::vec((0..2_500usize, 0..300usize), 1..4),
        durable in prop::collection::vec(0..4usize, 4), added in 0..2usize,
        processes in (1..3usize, 1..3usize), sources in 1..3usize, backwards: bool,
    ) {
        let topic = unique("on");
        make_topic(&topic, counts.len() as i32, &[]);
        for (partition, (before, _)) in counts.iter().enumerate() {
            send_rows(&topic, partition as i32, *before);
            // No row, and no row that is accepted: they are read, too.
            send(&topic, partition as i32, &[None, Some("{"), Some("")]);
        }
        let input = reads(&topic, &vec![KafkaStart::Earliest; sources]);
        let first = to_end(&input, processes.0, &Positions::default()).expect("it is read");
        let mut seen: BTreeMap<(u16, u32), usize> = BTreeMap::new();
        let mut kept: Vec<Chunk> = first.into_iter().filter(|chunk| {
            let number = seen.entry((chunk.source, chunk.part)).or_default();
            *number += 1;
            *number <= durable[chunk.part as usize]
        }).collect();
        let mut read = messages(&kept);
        if backwards {
            kept.reverse();
        }
        let at = positions(&kept);

        let all = counts.len() + added;
        if added > 0 {
            add_partitions(&topic, all);
        }
        for partition in 0..all {
            send_rows(&topic, partition as i32, counts.get(partition).map_or(7, |(_, more)| *more));
        }
        read.extend(messages(&to_end(&input, processes.1, &at).expect("it is read on")));
        let distinct: BTreeSet<_> = read.iter().collect();
        prop_assert_eq!(distinct.len(), read.len(), "nothing twice");
        let sent: usize = counts.iter().map(|(before, more)| before + 3 + more).sum::<usize>() + added * 7;
        prop_assert_eq!(read.len(), sources * sent);
    }
}

#[test]
fn a_latest_start_counts_once_and_what_came_between_two_runs_is_read() {
    let topic = unique("latest");
    make_topic(&topic, 2, &[]);
    send_rows(&topic, 0, 5);
    let input = reads(&topic, &[KafkaStart::Latest, KafkaStart::Earliest]);
    let first = to_end(&input, 1, &Positions::default()).expect("it is read");
    assert_eq!(messages(&first).len(), 5, "of the second source");
    let at = positions(&first);
    send_rows(&topic, 0, 2);
    send_rows(&topic, 1, 1);
    add_partitions(&topic, 3);
    send_rows(&topic, 2, 3);
    let second = to_end(&input, 1, &at).expect("it is read on");
    let mut of_latest = messages(&second);
    of_latest.retain(|(source, ..)| *source == 0);
    of_latest.sort_unstable();
    assert_eq!(of_latest, [(0, 0, 5), (0, 0, 6), (0, 1, 0), (0, 2, 0), (0, 2, 1), (0, 2, 2)]);
}

#[test]
fn a_topic_whose_end_was_reached_gives_nothing_and_ends() {
    let topic = unique("done");
    make_topic(&topic, 2, &[]);
    send_rows(&topic, 0, 5);
    let input = reads(&topic, &[KafkaStart::Earliest]);
    let first = to_end(&input, 1, &Positions::default()).expect("it is read");
    let second = to_end(&input, 1, &positions(&first)).expect("it ends");
    assert!(second.is_empty(), "{second:?}");
}

#[test]
fn messages_that_retention_deleted_between_two_runs_are_passed_over() {
    let topic = unique("short");
    make_topic(&topic, 1, &[]);
    send_rows(&topic, 0, 5);
    let input = reads(&topic, &[KafkaStart::Earliest]);
    let first = to_end(&input, 1, &Positions::default()).expect("it is read");
    send_rows(&topic, 0, 9);
    delete_before(&topic, 0, 11);
    let second = to_end(&input, 1, &positions(&first)).expect("it is read on");
    let offsets: Vec<u64> = messages(&second).iter().map(|(.., offset)| *offset).collect();
    assert_eq!(offsets, [11, 12, 13]);
}

#[test]
fn a_topic_that_was_created_again_between_two_runs_is_told_from_one_that_goes_on() {
    // Shorter than what was read of the old one, as long, or longer.
    for later in [0, 2, 5, 9] {
        let topic = unique("again");
        make_topic(&topic, 2, &[]);
        send_rows(&topic, 0, 5);
        let input = reads(&topic, &[KafkaStart::Earliest]);
        let first = to_end(&input, 1, &Positions::default()).expect("it is read");
        let at = positions(&first);
        delete_topic(&topic);
        make_topic(&topic, 3, &[]);
        send_rows(&topic, 0, later);
        let told = to_end(&input, 1, &at).expect_err("another topic").to_string();
        let wanted = format!("topic {topic} was deleted and created again since it was read: ");
        assert!(told.starts_with(&wanted) && told.contains("--from-start"), "{later}: {told}");

        send_rows(&topic, 2, 1);
        let options = SourceOptions {
            until_end: true,
            from_start: true,
            positions: Arc::new(at),
            ..SourceOptions::default()
        };
        let second = read(&input, &options, |_| false).expect("it is read from its start");
        let (parts, of) = (messages(&second), messages(&first)[0].1);
        assert_eq!(parts.len(), later + 1);
        assert!(parts.iter().all(|(_, part, _)| *part > of), "{parts:?}");

        // And on from there.
        let at = positions(first.iter().chain(&second));
        send_rows(&topic, 0, 2);
        let third = messages(&to_end(&input, 2, &at).expect("it goes on"));
        let offsets: Vec<u64> = third.iter().map(|(.., offset)| *offset).collect();
        assert_eq!(offsets, [later as u64, later as u64 + 1]);
        assert!(third.iter().all(|(_, part, _)| *part > of), "{third:?}");
    }
}

#[test]
fn positions_are_committed_to_the_consumer_group_once_they_are_durable() {
    let topic = unique("lag");
    make_topic(&topic, 2, &[]);
    send_rows(&topic, 0, 5);
    send_rows(&topic, 1, 3);
    let plan = definition::topics(
        brokers(),
        &[
            (&topic, Kind::Events, KafkaStart::Earliest),
            (&topic, Kind::Events, KafkaStart::Earliest),
        ],
    );
    let input = Input::of(Plan { name: topic.clone(), ..plan });
    let group = format!("selfsame-{topic}");
    let chunks = to_end(&input, 1, &Positions::default()).expect("it is read");
    assert_eq!(committed(&group, &topic, 0), None, "nothing is durable");
    let options = SourceOptions { until_end: true, ..SourceOptions::default() };
    let feeds = source::start(input.plan(), &options, Arc::new(|| ())).expect("it starts");
    for chunk in &chunks {
        let reached = chunk.reached.as_ref().expect("a topic says how far it is read");
        let Span::Topic { partition, .. } = reached.span else { panic!("{reached:?}") };
        if partition == 0 || chunk.source == 0 {
            feeds.readers.durable().note(reached);
        }
    }
    drop(feeds);
    assert_eq!(committed(&group, &topic, 0), Some(5));
    assert_eq!(committed(&group, &topic, 1), Some(3), "as far as it is known");

    // The one that has read less counts.
    let mut positions = Positions::default();
    chunks.iter().for_each(|chunk| positions.add(chunk.reached.as_ref().unwrap()));
    send_rows(&topic, 0, 4);
    let more = to_end(&input, 1, &positions).expect("it is read on");
    let options = SourceOptions { positions: Arc::new(positions), ..options };
    for sources in [1, 2] {
        let feeds = source::start(input.plan(), &options, Arc::new(|| ())).expect("it starts");
        for chunk in more.iter().filter(|chunk| chunk.source < sources) {
            feeds.readers.durable().note(chunk.reached.as_ref().unwrap());
        }
        drop(feeds);
        assert_eq!(committed(&group, &topic, 0), Some(if sources == 1 { 5 } else { 9 }));
    }

    // What a run before has made durable, though it was killed before it told.
    let another =
        Input::of(Plan { name: format!("{topic}-again"), ..input.plan().as_ref().clone() });
    let feeds = source::start(another.plan(), &options, Arc::new(|| ())).expect("it starts");
    let _ = feeds.readers.durable();
    drop(feeds);
    let of_partition = |partition| committed(&format!("{group}-again"), &topic, partition);
    assert_eq!([of_partition(0), of_partition(1)], [Some(5), Some(3)]);
}

#[test]
fn a_durable_run_commits_how_far_it_has_stored_and_says_when_nothing_is_new() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let topic = unique("stored");
    make_topic(&topic, 1, &[]);
    let definition = format!(
        "kafka: {{brokers: '{}'}}\n\
         sources:\n  web: {{kafka: {{topic: {topic}}}, kind: events, fields: {{email: text}}}}\n  \
           old: {{files: old.ndjson, kind: events, fields: {{email: text}}}}\n\
         identity:\n  email: {{from: {{web: email, old: email}}}}\n\
         outputs:\n  profiles: {{files: profiles.ndjson}}\n",
        brokers()
    );
    let (file, group) = (format!("{topic}.yaml"), format!("selfsame-{topic}"));
    std::fs::write(folder.path().join(&file), definition).expect("room on the disk");
    let row = "{\"email\":\"old@x.org\"}\n";
    std::fs::write(folder.path().join("old.ndjson"), row).expect("room on the disk");
    for stored in [3, 5, 5] {
        let before = committed(&group, &topic, 0).unwrap_or_default();
        send_rows(&topic, 0, stored - before as usize);
        let run = ["run", &file, "--until-end", "--data", "data"];
        let ended = program::selfsame(folder.path(), &run);
        let said = ended.err.clone();
        ended.well();
        assert_eq!(committed(&group, &topic, 0), Some(stored as i64), "{said}");
        let nothing = |of: &str| said.contains(&format!("{of} was read before; nothing new"));
        assert_eq!(nothing("source old: its file"), before > 0, "{said}");
        assert_eq!(nothing(&format!("topic {topic}: all of it")), before == 5, "{said}");
    }
}
