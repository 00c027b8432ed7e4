//! Whatever the bytes are: nothing panics, and every raw row is a row, a reject, or dropped.

mod input;

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampMillisecondArray};
use input::written::parquet;
use input::{Input, definition};
use proptest::prelude::*;
use selfsame::internals::plan::{CsvMarks, Kind};
use selfsame::internals::source::records::{self, RecordEnd, RecordForm};
use selfsame::internals::source::{self, Chunk, KafkaStart, Message, Next, Payload, SourceOptions};

/// Bytes of any kind, and texts that begin like real ones and then go wrong.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let json = r#"(\{("(id|at|email|amount|score|count|x)":("[a-z@.\\u0-9"]{0,8}|-?[0-9]{1,4}(\.[0-9]{1,3})?([eE][+-]?[0-9]{1,3})?|null|\[\]|\{\}|NaN),?){0,4}\}?\n?){0,6}"#;
    // What is no identifier, what makes much of little, what takes long.
    let guarded = r#"(\{"id":"([a-z]{1,2}|\(\?i\)a|[.]\*b|\\\\w\{[0-9]{1,3}\})","email":"( ?(null|NULL|undefined|0|-1||nan|guest|a@x)){1}","x":"([a-z]{0,3}|dropped)","count":-?[0-9]{1,4}\}\n){0,6}"#;
    let guarded_csv = r#"( ?(null|NULL|undefined|0|-1||"nan"|guest|a@"x|"a@x"y),("?[a-z]{0,3}"?|dropped),([a-z]|[.]\*|\\w\{[0-9]{1,3}\}),-?[0-9]{1,4}\r?\n){0,6}"#;
    let shaped = r#"(\{"id":"[a-c]","at":("?[0-9]{1,10}"?|"0[1-9]\.07\.2025 1[0-9]:[0-9]{2}"),"zone":("Asia/Tokyo"|"nowhere"|null),"email":"[a-c]@x","items":(\[(\{"sku":("[a-c ]{0,3}"|7),"price":\{"net":-?[0-9]{1,3}(\.[0-9]{1,3})?\},"kind":"[abc]"\},?){0,3}\]?|null|7),"extra":(\{"a":\[[0-9]{1,2}\]\}|\[|"x"|null)\}\n){0,6}"#;
    let shaped_csv = r#"(#x\n|[a-c];[0-9]{1,10};(Asia/Tokyo)?;[a-c]@x;('?\[(\{"sku":"[a-c]","price":\{"net":[0-9]{1,3}\},"kind":"[abc]"\}){0,1}\]'?);(\{"a":\[1\]\})?\r?\n){0,6}"#;
    let csv = r#"([ab",]{0,4}(,"?[a-z0-9.\n"]{0,5}"?){0,4}\r?\n?){0,8}"#;
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        json.prop_map(String::into_bytes),
        csv.prop_map(String::into_bytes),
        guarded.prop_map(String::into_bytes),
        guarded_csv.prop_map(String::into_bytes),
        shaped.prop_map(String::into_bytes),
        shaped_csv.prop_map(String::into_bytes),
    ]
}

fn account(input: &Input, chunk: &Chunk) {
    let decoded = input.decode(chunk);
    definition::account_for(input.plan(), chunk.source, &decoded);
    let arrived: u64 = decoded.arrived.iter().map(|(_, rows)| u64::from(*rows)).sum();
    assert_eq!(arrived, decoded.rows_in);
    assert!(decoded.rejects.iter().all(|reject| !reject.reasons.is_empty()));
    assert!(decoded.rows.is_sorted_by_key(|row| row.position));
    let follows = input.plan().sources[usize::from(chunk.source)].has_event_times();
    let dated = follows && !decoded.rows.is_empty();
    assert_eq!(decoded.latest.is_empty(), !dated, "what the event clock follows");
}

fn lines(source: u16, bytes: Vec<u8>, header: Option<Arc<[String]>>) -> Chunk {
    let payload = Payload::Lines { bytes, first_line: 1, header, arrived: 7 };
    Chunk { source, part: 0, origin: "file".into(), payload, reached: None }
}

proptest! {
    #[test]
    fn json_lines(bytes in bytes()) {
        account(&Input::new(definition::EVENTS, &[]), &lines(0, bytes.clone(), None));
        account(&Input::new(definition::GUARDED_EVENTS, &[]), &lines(0, bytes.clone(), None));
        account(&Input::new(definition::SHAPED_EVENTS, &[]), &lines(0, bytes, None));
    }

    #[test]
    fn csv_lines(bytes in bytes()) {
        let header = ["title", "x", "sku", "price"].map(str::to_owned);
        let input = Input::new(definition::PRODUCTS, &[]);
        account(&input, &lines(0, bytes.clone(), Some(header.into())));
        let header = ["email", "x", "id", "count"].map(str::to_owned);
        let input = Input::new(definition::GUARDED_PRODUCTS, &[]);
        account(&input, &lines(0, bytes.clone(), Some(header.into())));
        let header = ["id", "at", "zone", "email", "items", "extra"].map(str::to_owned);
        let input = Input::new(definition::SHAPED_CELLS, &[]);
        account(&input, &lines(0, bytes, Some(header.into())));
    }

    /// A chunk may end wherever a record does: what is read is the same.
    #[test]
    fn csv_lines_are_the_same_in_chunks_of_any_size(
        bytes in bytes(), ends in prop::collection::vec(any::<bool>(), 30),
    ) {
        let header: Arc<[String]> = ["title", "x", "sku", "price"].map(str::to_owned).into();
        let input = Input::new(definition::PRODUCTS, &[]);
        let read = |first_line, bytes: &[u8]| {
            let bytes = bytes.to_vec();
            let payload =
                Payload::Lines { bytes, first_line, header: Some(Arc::clone(&header)), arrived: 7 };
            let chunk = Chunk { source: 0, part: 0, origin: "file".into(), payload, reached: None };
            let decoded = input.decode(&chunk);
            let rows = decoded.rows.iter().map(|row| (row.position, row.key, row.time));
            let rejects = decoded.rejects.into_iter();
            let rejects = rejects.map(|reject| (format!("{:?}", reject.position), reject.reasons, reject.raw));
            (rows.collect::<Vec<_>>(), rejects.collect::<Vec<_>>())
        };
        let form = RecordForm { marks: CsvMarks::default(), columns: Some(header.len()) };
        let whole = read(1, &bytes);
        let (mut rows, mut rejects, mut start, mut at) = (Vec::new(), Vec::new(), 0, 0);
        let mut ends = ends.into_iter();
        while at < bytes.len() {
            at += match records::first(&bytes[at..], form, &mut Vec::new()) {
                RecordEnd::At(length) | RecordEnd::Broken(length, _) => length,
                open => panic!("{open:?}"),
            };
            if at == bytes.len() || ends.next().unwrap_or_default() {
                let line = 1 + bytes[..start].iter().filter(|byte| **byte == b'\n').count() as u64;
                let (more_rows, more_rejects) = read(line, &bytes[start..at]);
                rows.extend(more_rows);
                rejects.extend(more_rejects);
                start = at;
            }
        }
        prop_assert_eq!((rows, rejects), whole);
    }

    #[test]
    fn messages(parts in prop::collection::vec((bytes(), any::<Option<u8>>(), any::<Option<i64>>()), 0..8), kind: bool) {
        let mut all = Vec::new();
        let messages = parts
            .into_iter()
            .zip(0..)
            .map(|((bytes, key, timestamp), offset)| {
                let start = all.len();
                all.extend(bytes);
                let end = all.len();
                let key = key.map(|key| {
                    all.push(key);
                    end..all.len()
                });
                let payload = (offset % 3 != 2).then_some(start..end);
                Message { offset, timestamp, arrived: offset as i64 / 2, key, payload }
            })
            .collect();
        let kind = if kind { Kind::Records } else { Kind::Events };
        let input = Input::of(definition::topics("", &[("t", kind, KafkaStart::Earliest)]));
        let payload = Payload::Messages { bytes: all, messages };
        account(&input, &Chunk { source: 0, part: 0, origin: "t".into(), payload, reached: None });
    }

    /// Either it is no Parquet file, or its rows are accounted for.
    #[test]
    fn parquet_files(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6)) {
        let texts = |text: &str| Arc::new(StringArray::from(vec![text; 20])) as ArrayRef;
        let columns = [
            ("id", texts("a")),
            ("at", Arc::new(TimestampMillisecondArray::from(vec![1_000; 20]))),
            ("amount", texts("1.50")),
            ("customer", texts("x")),
        ];
        let batch = RecordBatch::try_from_iter(columns).expect("columns of one length");
        let mut bytes = parquet(&[batch]);
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let input = Input::new(definition::FLAT_ORDERS, &[("orders.parquet", &bytes)]);
        let options = SourceOptions { until_end: true, ..SourceOptions::default() };
        read(&input, &options);
    }

    /// Whatever a file is: compressed or not, in an encoding or in none, whole or damaged.
    #[test]
    fn files_that_are_unfolded(
        bytes in bytes(),
        which in 0..definition::UNFOLDED.len(),
        is_compressed in any::<bool>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let mut bytes = match is_compressed {
            true => zstd::encode_all(&bytes[..], 1).expect("compressed"),
            false => bytes,
        };
        for (place, byte) in damage.into_iter().take(bytes.len()) {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let input = Input::new(definition::UNFOLDED[which], &[("rows.txt", &bytes)]);
        read(&input, &SourceOptions { until_end: true, ..SourceOptions::default() });
    }
}

/// Reads the only source's files to their end, or to what is wrong with them.
fn read(input: &Input, options: &SourceOptions) {
    let Ok(mut feeds) = source::start(input.plan(), options, Arc::new(|| ())) else { return };
    loop {
        match feeds.workers[0].try_next() {
            Next::Chunk(chunk) => account(input, &chunk),
            Next::Empty | Next::Together(..) => std::thread::yield_now(),
            Next::Ended | Next::Failed(_) => break,
        }
    }
}
