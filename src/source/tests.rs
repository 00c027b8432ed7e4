//! Files that others write, move, cut off and delete while they are read: held against what stood in
//! them whenever they were looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::file::Patience;
use super::files::SourceFiles;
use super::paths::Pattern;
use super::{Options, Payload, Unread};
use crate::spec::plan::Plan;

const FOLLOW: Options =
    Options { process: 0, processes: 1, workers: 1, until_end: false, follow: true };

const FOREVER: Patience =
    Patience { unready: Duration::from_secs(9_999), gone: Duration::from_secs(9_999) };
const NONE: Patience = Patience { unready: Duration::ZERO, gone: Duration::ZERO };

fn plan(format: &str) -> Plan {
    let text = format!(
        "sources:\n  web: {{files: '*.log', format: {format}, kind: events, fields: {{id: text}}}}\n\
         identity: {{user: {{from: {{web: id}}}}}}\noutputs: {{profiles: {{files: out}}}}\n"
    );
    crate::spec::parse(&text, Path::new("test.yaml"), &|_| None).expect("a definition")
}

/// What is read of a folder's `*.log`.
struct Reading {
    plan: Plan,
    files: SourceFiles,
    /// Each with the place where it stood.
    ids: Vec<(String, u32)>,
    unread: Vec<Unread>,
}

impl Reading {
    fn start(folder: &Path, format: &str, patience: Patience) -> Self {
        let pattern = format!("{}/*.log", glob::Pattern::escape(&folder.to_string_lossy()));
        let patterns = vec![Pattern::new(&pattern).expect("a pattern")];
        let files = SourceFiles::new(0, patterns, &FOLLOW, patience);
        Reading { plan: plan(format), files, ids: Vec::new(), unread: Vec::new() }
    }

    fn read(&mut self) {
        while let Some(chunk) = self.files.next(&self.plan.sources[0]).expect("it goes on") {
            match chunk.payload {
                Payload::Lines { bytes, header, .. } => {
                    let text = String::from_utf8(bytes).expect("UTF-8");
                    let ids = text.lines().filter_map(|line| match header {
                        None => id(line),
                        Some(_) => Some(line.split(',').next().unwrap_or_default().to_owned()),
                    });
                    self.ids.extend(ids.map(|id| (id, chunk.part)));
                }
                Payload::Unread { unread, .. } => self.unread.push(unread),
                Payload::Rows { batch, .. } => {
                    let ids = (0..batch.num_rows()).map(|row| (row.to_string(), chunk.part));
                    self.ids.extend(ids);
                }
                Payload::Messages { .. } => unreachable!("there is no topic"),
            }
        }
    }

    /// As the thread does between two times of reading, and then reads.
    fn look(&mut self) {
        self.files.look_again(&self.plan.sources[0]);
        self.read();
    }

    fn ids(&self) -> Vec<&str> {
        self.ids.iter().map(|(id, _)| id.as_str()).collect()
    }
}

fn id(line: &str) -> Option<String> {
    let row: serde_json::Value = serde_json::from_str(line).ok()?;
    Some(row["id"].as_str()?.to_owned())
}

/// What a program that writes logs, and one that rotates them, may do.
#[derive(Clone, Debug)]
enum Step {
    /// Rows, of so many bytes each, to the file that this writer has open, or to a new one.
    Append(usize, usize, usize),
    /// The first half of a row.
    Half(usize),
    /// Opens its file anew at the next row.
    Close(usize),
    Rename(usize, usize),
    MoveAway(usize),
    MoveBack(usize),
    Delete(usize),
    /// Copies the file away and empties it.
    CopyAndTruncate(usize),
    /// Empties the file and writes rows at once.
    Rewrite(usize, usize),
    /// Cuts the file off at so many per cent.
    Cut(usize, u64),
    Look,
}

fn step() -> impl Strategy<Value = Step> {
    let writer = 0..3usize;
    let size = prop::sample::select(vec![1usize, 30, 3_000]);
    prop_oneof![
        5 => (writer.clone(), 1..40usize, size).prop_map(|(w, n, s)| Step::Append(w, n, s)),
        2 => writer.clone().prop_map(Step::Half),
        1 => writer.clone().prop_map(Step::Close),
        1 => (writer.clone(), writer.clone()).prop_map(|(w, to)| Step::Rename(w, to)),
        1 => writer.clone().prop_map(Step::MoveAway),
        1 => writer.clone().prop_map(Step::MoveBack),
        1 => writer.clone().prop_map(Step::Delete),
        1 => writer.clone().prop_map(Step::CopyAndTruncate),
        1 => (writer.clone(), 1..40usize).prop_map(|(w, n)| Step::Rewrite(w, n)),
        1 => (writer, 0..100u64).prop_map(|(w, per_cent)| Step::Cut(w, per_cent)),
        6 => Just(Step::Look),
    ]
}

/// The folder as the writers know it.
struct World<'a> {
    folder: &'a Path,
    /// Every file there ever was.
    files: Vec<File>,
    /// Which of them has which name.
    names: BTreeMap<String, usize>,
    /// What each writer has open, and the rest of a row that it has begun.
    writers: [(Option<usize>, String); 3],
    rows: usize,
    /// Files that were looked at.
    followed: BTreeSet<usize>,
    /// Rows that stood in a file whole when it was looked at.
    must: BTreeSet<String>,
}

fn name(writer: usize) -> String {
    format!("{writer}.log")
}

impl World<'_> {
    fn row(&mut self, size: usize) -> String {
        self.rows += 1;
        format!("{{\"id\":\"{}-{}\"}}\n", self.rows, "x".repeat(size))
    }

    fn write(&mut self, writer: usize, text: &str) {
        let file = match (self.writers[writer].0, self.names.get(&name(writer))) {
            (Some(file), _) => file,
            (None, Some(file)) => *file,
            (None, None) => {
                let path = self.folder.join(name(writer));
                let file = OpenOptions::new().append(true).create(true).read(true).open(path);
                self.files.push(file.expect("room"));
                self.names.insert(name(writer), self.files.len() - 1);
                self.files.len() - 1
            }
        };
        self.writers[writer].0 = Some(file);
        (&self.files[file]).write_all(text.as_bytes()).expect("room");
    }

    fn append(&mut self, writer: usize, rows: usize, size: usize) {
        let rest = std::mem::take(&mut self.writers[writer].1);
        let text = rest + &(0..rows).map(|_| self.row(size)).collect::<String>();
        self.write(writer, &text);
    }

    fn rename(&mut self, from: &str, to: &str) {
        if from != to
            && let Some(file) = self.names.remove(from)
        {
            std::fs::rename(self.folder.join(from), self.folder.join(to)).expect("it is there");
            self.names.insert(to.to_owned(), file);
        }
    }

    /// Empties a file, or cuts it off: a row that was begun in it is begun no more.
    fn cut(&mut self, writer: usize, per_cent: u64) -> Option<usize> {
        let file = *self.names.get(&name(writer))?;
        let length = self.files[file].metadata().expect("open").len();
        self.files[file].set_len(length * per_cent / 100).expect("it is open for writing");
        for (open, rest) in &mut self.writers {
            if *open == Some(file) {
                rest.clear();
            }
        }
        Some(file)
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Append(writer, rows, size) => self.append(writer, rows, size),
            Step::Half(writer) => {
                let rest = std::mem::take(&mut self.writers[writer].1);
                let row = self.row(10);
                let (half, other) = row.split_at(row.len() / 2);
                self.write(writer, &format!("{rest}{half}"));
                self.writers[writer].1 = other.to_owned();
            }
            Step::Close(writer) => {
                let rest = std::mem::take(&mut self.writers[writer].1);
                if !rest.is_empty() {
                    self.write(writer, &rest);
                }
                self.writers[writer].0 = None;
            }
            Step::Rename(from, to) => self.rename(&name(from), &name(to)),
            Step::MoveAway(writer) => self.rename(&name(writer), &format!("{writer}.old")),
            Step::MoveBack(writer) => self.rename(&format!("{writer}.old"), &name(writer)),
            Step::Delete(writer) => {
                if self.names.remove(&name(writer)).is_some() {
                    std::fs::remove_file(self.folder.join(name(writer))).expect("it is there");
                }
            }
            Step::CopyAndTruncate(writer) => {
                let path = self.folder.join(name(writer));
                if path.exists() {
                    std::fs::copy(path, self.folder.join("copy")).expect("room");
                }
                self.cut(writer, 0);
            }
            Step::Rewrite(writer, rows) => {
                if let Some(file) = self.cut(writer, 0) {
                    let text: String = (0..rows).map(|_| self.row(20)).collect();
                    (&self.files[file]).write_all(text.as_bytes()).expect("room");
                }
            }
            Step::Cut(writer, per_cent) => drop(self.cut(writer, per_cent)),
            Step::Look => {
                let seen = self.names.iter().filter(|(name, _)| name.ends_with(".log"));
                self.followed.extend(seen.map(|(_, file)| *file));
                for file in &self.followed {
                    let file = &self.files[*file];
                    let mut bytes = vec![0; file.metadata().expect("open").len() as usize];
                    file.read_exact_at(&mut bytes, 0).expect("it is there");
                    let text = String::from_utf8(bytes).expect("UTF-8");
                    let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
                    self.must.extend(lines.filter_map(id));
                }
            }
        }
    }
}

proptest! {
    /// What is written and taken away between two looks, nobody can know.
    #[test]
    fn every_row_that_stood_in_a_file_when_it_was_looked_at_is_read_once(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut world = World {
            folder: folder.path(),
            files: Vec::new(),
            names: BTreeMap::new(),
            writers: Default::default(),
            rows: 0,
            followed: BTreeSet::new(),
            must: BTreeSet::new(),
        };
        let mut reading = Reading::start(folder.path(), "json", FOREVER);
        for step in steps.iter().chain([&Step::Look]) {
            world.take(step);
            if matches!(step, Step::Look) {
                reading.look();
                let read: BTreeSet<String> = reading.ids.iter().map(|(id, _)| id.clone()).collect();
                let lost: Vec<_> = world.must.difference(&read).collect();
                prop_assert!(lost.is_empty(), "lost {lost:?}");
                prop_assert_eq!(read.len(), reading.ids.len(), "some were read twice");
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
    assert_eq!(raw, row("2")[..8].as_bytes());
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
fn a_file_that_cannot_be_read_as_it_is_waits_then_is_rejected_and_may_come_anew() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = folder.path().join("a.log");
    let rows = 7;
    let parquet = {
        use arrow::array::{ArrayRef, RecordBatch, StringArray};
        let ids: ArrayRef = std::sync::Arc::new(StringArray::from(vec!["x"; rows]));
        let batch = RecordBatch::try_from_iter([("id", ids)]).expect("a batch");
        let mut bytes = Vec::new();
        let mut writer =
            ::parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
        writer.write(&batch).expect("it writes");
        writer.close().expect("it closes");
        bytes
    };
    let cases: [(&str, Vec<&[u8]>, &[u8], &str, usize); 4] = [
        ("parquet", vec![&parquet[..20]], &parquet, "not readable as Parquet", rows),
        ("csv", vec![b"name\n1\n"], b"id\n1\n2\n", "no column id", 2),
        ("csv", vec![b"\n1\n"], b"id\n1\n", "the first line is blank", 1),
        ("csv", vec![b"id,id\n"], b"id\n1\n", "two columns are named id", 1),
    ];
    for (format, halves, whole, why, rows) in cases {
        for half in halves {
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
