//! Bad input is set aside with its reason, and its neighbours never notice.

mod input;

use input::{Input, definition};
use selfsame::internals::source::SourceOptions;

const NOON: &str = "2025-07-05T12:00:00Z";

fn event(id: &str) -> String {
    format!(r#"{{"id":"{id}","at":"{NOON}","email":"{id}@x.org","amount":1.50,"score":2.5}}"#)
}

/// Reads lines of events in JSON, with a good one before and behind them; returns the reasons of
/// those that were rejected, as `line code path: message`.
fn events(lines: &[&[u8]]) -> Vec<String> {
    let mut bytes = event("first").into_bytes();
    for line in lines {
        bytes.push(b'\n');
        bytes.extend_from_slice(line);
    }
    bytes.push(b'\n');
    bytes.extend(event("last").into_bytes());
    let input = Input::new(definition::EVENTS, &[("events.ndjson", &bytes)]);
    let read = input.read();
    assert_eq!(
        read.keys(),
        ["first", "last"].map(selfsame::internals::decode::key_hash),
        "neighbours"
    );
    assert_eq!(read.rows_in, 2 + lines.len() as u64);
    read.reasons()
}

#[test]
fn truncated_json_is_malformed() {
    assert_eq!(
        events(&[br#"{"id":"x","at":"2025-07-05T12:00:00Z","em"#]),
        ["2 malformed : not JSON: EOF while parsing a string at column 41"]
    );
}

#[test]
fn wrong_types_are_told_by_their_paths_all_of_them() {
    assert_eq!(
        events(&[br#"{"id":{"a":1},"at":"noon","email":["x@x.org"],"amount":"much","score":"9"}"#]),
        [
            "2 wrong_type $.id: expected text, found the object {\"a\":1}",
            "2 wrong_type $.at: expected a timestamp such as 2025-07-05T12:00:00Z, found noon",
            "2 wrong_type $.email: expected text, found the list [\"x@x.org\"]",
            "2 wrong_type $.amount: expected a decimal(12,2): much is not a number",
            "2 wrong_type $.score: expected a number, found the text \"9\"",
        ]
    );
}

#[test]
fn what_a_row_lacks_is_told_all_at_once() {
    assert_eq!(
        events(&[b"{}", br#"{"amount":1}"#]),
        [
            "2 missing_time $.at: the row has no time",
            "2 missing_id $.id: the row has no id",
            "2 unidentified : none of the row's columns gives an identifier",
            "3 missing_time $.at: the row has no time",
            "3 missing_id $.id: the row has no id",
            "3 unidentified : none of the row's columns gives an identifier",
        ]
    );
}

/// Else strangers' events would be repeats of each other.
#[test]
fn an_id_that_is_an_empty_text_is_none() {
    let row =
        |id: &str| format!(r#"{{"id":"{id}","at":"2025-07-05T12:00:00Z","email":"x@x.org"}}"#);
    let rows = ["", " \\t"].map(row);
    assert_eq!(
        events(&rows.each_ref().map(|row| row.as_bytes())),
        [
            "2 missing_id $.id: the row has no id: it is an empty text",
            "3 missing_id $.id: the row has no id: it is an empty text",
        ]
    );
}

#[test]
fn a_line_of_ten_megabytes_is_too_long() {
    let long = format!(r#"{{"id":"x","pad":"{}"}}"#, "x".repeat(10 << 20));
    let told = events(&[long.as_bytes()]);
    assert_eq!(told, ["2 too_long : a row of more than 1048576 bytes"]);
}

#[test]
fn a_rejected_row_keeps_no_more_than_64_kib() {
    let long = format!("[{}", "x".repeat(100_000));
    let input = Input::new(definition::EVENTS, &[("events.ndjson", long.as_bytes())]);
    let rejects = input.read().rejects;
    assert_eq!(rejects[0].raw, long.as_bytes()[..64 << 10]);
}

#[test]
fn invalid_utf_8_is_told_with_its_place() {
    let mut bad = event("x").into_bytes();
    bad[8] = 0xff;
    assert_eq!(
        events(&[&bad, &bad]),
        ["2", "3"].map(|line| format!("{line} not_utf8 : not UTF-8 at byte 9"))
    );
}

#[test]
fn numbers_are_finite_and_within_their_range() {
    let row = |rest: &str| format!(r#"{{"id":"x","at":"{NOON}","email":"x@x.org",{rest}}}"#);
    let rows = [
        row(r#""score":NaN"#),
        row(r#""score":1e999"#),
        row(r#""amount":12345678901.00"#),
        row(r#""amount":0.001"#),
        row(r#""count":9223372036854775808"#),
        row(r#""count":1.5"#),
    ];
    assert_eq!(
        events(&rows.each_ref().map(|row| row.as_bytes())),
        [
            "2 malformed : NaN at column 65 is not JSON: numbers are finite",
            "3 out_of_range $.score: 1e999 is beyond the range of doubles (about ±1.8e308)",
            "4 out_of_range $.amount: 12345678901.00 is too large: decimal(12,2) has room for 10 digits before the point",
            "5 out_of_range $.amount: 0.001 has 3 fraction digits, decimal(12,2) has room for 2",
            "6 out_of_range $.count: 9223372036854775808 is beyond the range of 64-bit integers",
            "7 wrong_type $.count: expected an integer, found 1.5, which has a fraction",
        ]
    );
}

#[test]
fn a_date_in_the_far_future_is_ahead_of_time() {
    let at = |time: &str| format!(r#"{{"id":"x","at":{time},"email":"x@x.org"}}"#);
    assert_eq!(
        events(&[at(r#""9000-01-01T00:00:00Z""#).as_bytes(), at("1e17").as_bytes()]),
        [
            "2 time_ahead $.at: 9000-01-01T00:00:00.000Z is more than 1 day ahead of the wall clock",
            "3 out_of_range $.at: 1e17 milliseconds since the epoch lie outside of the years 1 to 9999",
        ]
    );
}

#[test]
fn ahead_is_counted_from_max_ahead_on() {
    let at = |time: &str| format!("{{\"id\":\"x\",\"at\":\"{time}\",\"email\":\"x@x.org\"}}\n");
    let text = [at("2025-07-07T00:00:00Z"), at("2025-07-07T00:00:00.000001Z")].concat();
    let read = Input::new(definition::EVENTS, &[("events.ndjson", text.as_bytes())]).read();
    assert_eq!((read.rows.len(), read.rejects.len()), (1, 1));
}

#[test]
fn an_empty_file_has_no_rows() {
    for text in ["", "\n", "\r\n  \n", "\u{feff}"] {
        let read = Input::new(definition::EVENTS, &[("events.ndjson", text.as_bytes())]).read();
        assert_eq!((read.rows_in, read.rejects.len()), (0, 0), "{text:?}");
    }
    for text in ["", "sku,title,price\n", "\u{feff}sku,title,price"] {
        let read = Input::new(definition::PRODUCTS, &[("products.csv", text.as_bytes())]).read();
        assert_eq!((read.rows_in, read.rejects.len()), (0, 0), "{text:?}");
    }
}

#[test]
fn csv_rows_stand_or_fall_alone() {
    let text = "\u{feff}sku,title,price\r\n\
        a,\"Two\nlines\",1.50\r\n\
        b,too,many,1\r\n\
        c,few\r\n\
        \r\n\
        ,no key,1\r\n\
        d,\"never closed,1\r\n\
        e,,\r\n\
        f,x,1.005\r\n\
        g,last,2";
    let read = Input::new(definition::PRODUCTS, &[("products.csv", text.as_bytes())]).read();
    assert_eq!(
        read.reasons(),
        [
            "4 too_many_columns : 4 cells, the header names 3",
            "5 too_few_columns : 2 cells, the header names 3",
            "7 missing_key sku: the row has no key",
            "8 malformed : a quote is opened and not closed where a cell ends",
            "10 out_of_range price: 1.005 has 3 fraction digits, decimal(12,2) has room for 2",
        ]
    );
    assert_eq!(read.keys(), ["a", "e", "g"].map(selfsame::internals::decode::key_hash));
    let lines: Vec<_> = read.rows.iter().map(|row| row.position.offset).collect();
    assert_eq!(lines, [2, 9, 11]);
    assert_eq!(read.rejects[1].raw, b"c,few");
}

#[test]
fn what_does_not_exist_is_told_before_anything_starts() {
    let wrong = Input::new(definition::BOTH, &[("products.csv", b"sku,titel,price\n")]).fails();
    let told: Vec<&str> = wrong.lines().collect();
    assert_eq!(
        told,
        [
            "source events: no file matches <folder>/events*.ndjson",
            "source products: <folder>/products.csv: no column title; did you mean titel?",
        ]
    );
}

#[test]
fn every_worker_takes_from_the_same_files_and_every_process_has_its_own() {
    let files: Vec<(String, String)> = (0..5)
        .map(|file| {
            let lines = (0..2_000).map(|line| event(&format!("{file}-{line}")) + "\n");
            (format!("events-{file}.ndjson"), lines.collect())
        })
        .collect();
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
    let input = Input::new(definition::EVENTS, &files);
    let mut all = input.read().keys();
    assert_eq!(all.len(), 10_000);
    let mut spread = Vec::new();
    for process in 0..2 {
        let options = SourceOptions {
            process,
            processes: 2,
            workers: 2,
            until_end: true,
            ..SourceOptions::default()
        };
        let read = input.read_with(&options);
        assert!(read.rows.iter().all(|row| row.position.part % 2 == process as u32));
        spread.extend(read.keys());
    }
    all.sort_unstable();
    spread.sort_unstable();
    assert_eq!(all, spread);
}
