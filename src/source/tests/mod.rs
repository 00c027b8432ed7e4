//! Files that others write, move, cut off and delete while they are read: held against what stood in
//! them whenever they were looked at.

mod copies;
mod corrected;
mod folder;
mod moved;
mod resumed;
mod world;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use arrow::datatypes::Schema;
use proptest::prelude::*;

use super::files::Files;
use super::paths::PathPattern;
use super::piece::Patience;
use super::source_files::SourceFiles;
use super::{Payload, SourceOptions, Unread};
use crate::plan::{Field, FieldPath, Format, Kind, Source, TextForm, Type};
use world::{Step, World, step};

fn follow() -> SourceOptions {
    SourceOptions { follow: true, remembers: true, ..SourceOptions::default() }
}

const FOREVER: Patience = Patience {
    unready: Duration::from_secs(9_999),
    gone: Duration::from_secs(9_999),
    copied: Duration::from_millis(1),
};
/// For tests that do something while a copy is held back, however slow they are.
const COPYING: Patience = Patience { copied: Duration::from_millis(500), ..FOREVER };
const NONE: Patience =
    Patience { unready: Duration::ZERO, gone: Duration::ZERO, copied: Duration::ZERO };

fn source(format: &str) -> Source {
    let format = match format {
        "csv" => Format::Csv,
        "parquet" => Format::Parquet,
        _ => Format::Json,
    };
    let (name, path) = ("id".to_owned(), FieldPath::key("id"));
    Source {
        name: "web".to_owned(),
        connector: Arc::new(Files { globs: Vec::new() }),
        format,
        text: TextForm::default(),
        kind: Kind::Events,
        fields: vec![Field {
            name,
            data_type: Type::Text,
            path,
            default: None,
            written: None,
            map: None,
        }],
        unnest: None,
        derived: Vec::new(),
        schema: Arc::new(Schema::empty()),
        joined: None,
        looked_up: Vec::new(),
        key: None,
        time: None,
        deleted: None,
        condition: None,
        max_ahead: 0,
        id_window: 0,
        sessions: None,
        identifiers: Vec::new(),
        inputs: Vec::new(),
    }
}

/// What is read of a folder's `*.log`.
struct Reading {
    source: Source,
    files: SourceFiles,
    patience: Patience,
    /// Each with the place where it stood.
    ids: Vec<(String, u32)>,
    unread: Vec<Unread>,
}

impl Reading {
    fn start(folder: &Path, format: &str, patience: Patience) -> Self {
        let pattern = format!("{}/*.log", glob::Pattern::escape(&folder.to_string_lossy()));
        let patterns = vec![PathPattern::new(&pattern).expect("a pattern")];
        let source = source(format);
        let files = SourceFiles::new(0, &source, patterns, &follow(), patience, None);
        Reading { source, files, patience, ids: Vec::new(), unread: Vec::new() }
    }

    fn read(&mut self) {
        while let Some(chunk) = self.files.next(&self.source).expect("it goes on") {
            match chunk.payload {
                Payload::Lines { bytes, header, .. } => {
                    let text = String::from_utf8(bytes).expect("UTF-8");
                    let column = header.map(|names| {
                        names.iter().position(|name| name == "id").expect("its column")
                    });
                    let ids = text.lines().filter_map(|line| id(line, column));
                    self.ids.extend(ids.map(|id| (id, chunk.part)));
                }
                Payload::Unread { unread, .. } => self.unread.push(unread),
                Payload::Rows { batch, .. } => {
                    let ids = (0..batch.num_rows()).map(|row| (row.to_string(), chunk.part));
                    self.ids.extend(ids);
                }
                Payload::Messages { .. } | Payload::Stored { .. } => {
                    unreachable!("there is no topic")
                }
            }
        }
    }

    /// As the thread does between two times of reading, and then reads.
    fn look(&mut self) {
        self.files.look_again(&self.source);
        self.read();
        // What may be a copy is held back until the next look, at least, and until others are read.
        for _ in 0..4 {
            if self.files.is_settled() {
                return;
            }
            std::thread::sleep(2 * self.patience.copied);
            self.files.look_again(&self.source);
            self.read();
        }
    }

    fn ids(&self) -> Vec<&str> {
        self.ids.iter().map(|(id, _)| id.as_str()).collect()
    }
}

/// The id in a line of JSON, or of CSV where the column is given.
fn id(line: &str, column: Option<usize>) -> Option<String> {
    if let Some(column) = column {
        return Some(line.trim_end().split(',').nth(column)?.to_owned());
    }
    let row: serde_json::Value = serde_json::from_str(line).ok()?;
    Some(row["id"].as_str()?.to_owned())
}

proptest! {
    /// What is written and taken away between two looks, nobody can know.
    #[test]
    fn every_row_that_stood_in_a_file_when_it_was_looked_at_is_read_once(
        format in prop::sample::select(&["json", "csv"][..]),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut world = World::new(folder.path(), format);
        let mut reading = Reading::start(folder.path(), format, FOREVER);
        for step in steps.iter().chain([&Step::Look]) {
            world.take(step);
            if matches!(step, Step::Look) {
                reading.look();
                let mut read: BTreeMap<&str, usize> = BTreeMap::new();
                reading.ids().into_iter().for_each(|id| *read.entry(id).or_default() += 1);
                let lost = world.must.iter().filter(|id| !read.contains_key(id.as_str()));
                let lost: Vec<_> = lost.collect();
                prop_assert!(lost.is_empty(), "lost {lost:?}");
                // A row that another one was written into the middle of may have any id.
                for (id, times) in read.into_iter().filter(|(id, _)| id.contains('-')) {
                    let again = world.again.get(id).copied().unwrap_or_default();
                    prop_assert!(times <= 1 + again, "{id} was read {times} times");
                }
            }
        }
    }
}

fn append(path: &Path, text: &str) {
    let file = OpenOptions::new().append(true).create(true).open(path);
    file.expect("it opens").write_all(text.as_bytes()).expect("room");
}

fn row(id: &str) -> String {
    format!("{{\"id\":\"{id}\"}}\n")
}

#[test]
fn a_file_that_went_and_comes_again_goes_on_where_it_was_read_to() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (log, away) = (folder.path().join("a.log"), folder.path().join("away"));
    append(&log, &(row("1") + &row("2")));
    let mut reading = Reading::start(folder.path(), "json", NONE);
    reading.look();
    std::fs::rename(&log, &away).unwrap();
    reading.look();
    append(&away, &row("3"));
    reading.look();
    std::fs::rename(&away, &log).unwrap();
    reading.look();
    assert_eq!(reading.ids(), ["1", "2", "3"]);
    // Its inode with another text in it is another file.
    std::fs::rename(&log, &away).unwrap();
    reading.look();
    std::fs::write(&away, row("4") + &row("5") + &row("6") + &row("7")).unwrap();
    std::fs::rename(&away, &log).unwrap();
    reading.look();
    assert_eq!(reading.ids()[3..], ["4", "5", "6", "7"]);
}

#[test]
fn rows_of_one_length_that_end_alike_are_told_apart() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = folder.path().join("a.log");
    let long = |id: &str| format!("{{\"id\":\"{id}\",\"x\":\"{}\"}}\n", "x".repeat(3_000));
    append(&log, &(long("1") + &long("2")));
    let mut reading = Reading::start(folder.path(), "json", FOREVER);
    reading.look();
    let file = OpenOptions::new().append(true).open(&log).unwrap();
    file.set_len(long("1").len() as u64).unwrap();
    append(&log, &(long("3") + &long("4")));
    reading.look();
    assert_eq!(reading.ids(), ["1", "2", "3", "4"]);
}

#[test]
fn a_row_that_is_another_in_the_middle_of_a_long_file_is_read_whether_or_not_the_file_grew() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = folder.path().join("a.log");
    let rows: String = (1000..6000).map(|id| row(&format!("{id}"))).collect();
    append(&log, &rows);
    let mut reading = Reading::start(folder.path(), "json", FOREVER);
    reading.look();
    assert_eq!(reading.ids.len(), 5_000);
    for (number, grows) in [(1, false), (2, true)] {
        let file = OpenOptions::new().write(true).open(&log).unwrap();
        let place = 4_000 * row("1000").len() as u64;
        file.write_all_at(row(&format!("new{number}")).as_bytes(), place).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(number)).unwrap();
        if grows {
            append(&log, &row("more"));
        }
        let before = reading.ids.len();
        reading.look();
        assert_eq!(reading.ids()[before], format!("new{number}"));
        assert_eq!(reading.ids.len(), before + 1_000 + usize::from(grows));
    }
}

#[test]
fn half_a_row_of_a_file_that_went_is_a_row_and_of_one_that_was_cut_off_a_reject() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = folder.path().join("a.log");
    append(&log, &(row("1") + &row("2")[..8]));
    let mut reading = Reading::start(folder.path(), "json", NONE);
    reading.look();
    std::fs::write(&log, row("3") + row("4").trim_end()).unwrap();
    reading.look();
    assert_eq!(reading.ids(), ["1", "3"]);
    let [Unread { line: Some(2), code: "cut_off", raw, .. }] = &reading.unread[..] else {
        panic!("{:?}", reading.unread)
    };
    assert_eq!(raw, &row("2").as_bytes()[..8]);
    std::fs::remove_file(&log).unwrap();
    reading.look();
    assert_eq!(reading.ids(), ["1", "3", "4"]);
    let parts: Vec<u32> = reading.ids.iter().map(|(_, part)| *part).collect();
    assert!(parts[0] < parts[1] && parts[1] == parts[2], "what comes anew lies behind: {parts:?}");
}

#[test]
fn csv_that_is_cut_off_keeps_its_header_and_a_quoted_row_that_goes_over_lines() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = folder.path().join("a.log");
    append(&log, "\u{feff}id,x\n1,a\n2,\"b\nb\"\n3,c\n");
    let mut reading = Reading::start(folder.path(), "csv", FOREVER);
    reading.look();
    assert_eq!(reading.ids(), ["1", "2", "b\"", "3"]);
    let file = OpenOptions::new().append(true).open(&log).unwrap();
    // In the middle of the quoted row.
    file.set_len(17).unwrap();
    append(&log, "d\"\n4,d\n");
    reading.look();
    assert_eq!(reading.ids()[4..], ["2", "d\"", "4"]);
    file.set_len(3 + 5).unwrap();
    append(&log, "5,e\n");
    reading.look();
    assert_eq!(reading.ids().last(), Some(&"5"));
    assert_eq!(reading.unread.len(), 0);
}

#[test]
fn a_quote_that_nobody_closes_holds_back_what_is_below_it_for_a_while_only() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = folder.path().join("a.log");
    append(&log, "id,x\n1,a\n2,\"b\n3,c\n4,");
    let mut reading = Reading::start(folder.path(), "csv", FOREVER);
    reading.look();
    reading.look();
    assert_eq!(reading.ids(), ["1"]);
    let soon = Patience { unready: Duration::from_millis(1), ..FOREVER };
    let mut reading = Reading::start(folder.path(), "csv", soon);
    reading.look();
    std::thread::sleep(2 * soon.unready);
    reading.look();
    assert_eq!(reading.ids(), ["1", "2", "3"]);
    append(&log, "d\n5,\"e\ne\"\n");
    reading.look();
    assert_eq!(reading.ids(), ["1", "2", "3", "4", "5", "e\""]);
}

fn parquet(rows: usize) -> Vec<u8> {
    use arrow::array::{ArrayRef, RecordBatch, StringArray};
    let ids: ArrayRef = std::sync::Arc::new(StringArray::from(vec!["x"; rows]));
    let batch = RecordBatch::try_from_iter([("id", ids)]).expect("a batch");
    let mut bytes = Vec::new();
    let mut writer =
        ::parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("it writes");
    writer.close().expect("it closes");
    bytes
}

#[test]
fn a_columnar_file_is_read_again_only_when_it_is_another() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (log, other) = (folder.path().join("a.log"), folder.path().join("b.log"));
    std::fs::write(&log, parquet(3)).unwrap();
    let mut reading = Reading::start(folder.path(), "parquet", FOREVER);
    reading.look();
    std::fs::rename(&log, &other).unwrap();
    reading.look();
    let touched = OpenOptions::new().append(true).open(&other).unwrap();
    touched.set_modified(std::time::SystemTime::now() + Duration::from_secs(9)).unwrap();
    reading.look();
    assert_eq!(reading.ids.len(), 3);
    std::fs::write(&other, parquet(4)).unwrap();
    reading.look();
    assert_eq!(reading.ids.len(), 3 + 4);
}

#[test]
fn a_file_that_cannot_be_read_as_it_is_waits_then_is_rejected_and_may_come_anew() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = folder.path().join("a.log");
    let rows = 7;
    let parquet = parquet(rows);
    /// The format, the file as it is at first and as it is in the end, what is said, and its rows.
    type Case<'a> = (&'a str, &'a [u8], &'a [u8], &'a str, usize);
    let cases: [Case; 4] = [
        ("parquet", &parquet[..20], &parquet, "not readable as Parquet", rows),
        ("csv", b"name\n1\n", b"id\n1\n2\n", "its first line names none", 2),
        ("csv", b"\n1\n", b"id\n1\n", "the first line is blank", 1),
        ("csv", b"id,id\n", b"id\n1\n", "two columns are named id", 1),
    ];
    for (format, half, whole, why, rows) in cases {
        std::fs::write(&log, half).unwrap();
        let mut reading = Reading::start(folder.path(), format, FOREVER);
        reading.look();
        reading.look();
        assert!(reading.unread.is_empty() && reading.ids.is_empty());
        std::fs::write(&log, whole).unwrap();
        reading.look();
        assert_eq!(reading.ids.len(), rows, "{why}");

        std::fs::write(&log, half).unwrap();
        let mut reading = Reading::start(folder.path(), format, NONE);
        reading.look();
        let [Unread { line: None, code: "unreadable", why: found, .. }] = &reading.unread[..]
        else {
            panic!("{:?}", reading.unread)
        };
        assert!(found.starts_with(why), "{found}");
        reading.look();
        assert_eq!(reading.unread.len(), 1, "it is rejected once");
        std::fs::write(&log, whole).unwrap();
        reading.look();
        assert_eq!(reading.ids.len(), rows, "mended");
    }
}

#[test]
fn a_mark_of_byte_order_that_comes_later_is_none_of_the_first_row() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = folder.path().join("a.log");
    append(&log, "");
    let mut reading = Reading::start(folder.path(), "json", FOREVER);
    reading.look();
    append(&log, &("\u{feff}".to_owned() + &row("1")));
    reading.look();
    assert_eq!(reading.ids(), ["1"]);
}
