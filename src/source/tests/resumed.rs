//! Files that change between two runs, of which the second one reads on where the durable part of the first
//! one ends.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::folder::{Change, Folder, changes};
use super::{FOREVER, append, id, parquet, row, source};
use crate::plan::Source;
use crate::source::paths::PathPattern;
use crate::source::recognized::FoundCounts;
use crate::source::source_files::SourceFiles;
use crate::source::{Payload, Positions, Reached, SourceOptions, Unread};

/// What a chunk holds: where, and whose ids.
pub(super) type Held = (Option<Reached>, Vec<String>);

/// The processes of a run.
pub(super) struct Processes {
    source: Source,
    processes: Vec<SourceFiles>,
}

impl Processes {
    pub(super) fn start(
        folder: &Path,
        format: &str,
        follow: bool,
        count: usize,
        from: Positions,
    ) -> Self {
        let pattern = format!("{}/*.log", glob::Pattern::escape(&folder.to_string_lossy()));
        let patterns = vec![PathPattern::new(&pattern).expect("a pattern")];
        let positions = Arc::new(from);
        let source = source(format);
        let process = |process| {
            let positions = Arc::clone(&positions);
            let options = SourceOptions {
                process,
                processes: count,
                follow,
                remembers: true,
                positions,
                ..SourceOptions::default()
            };
            SourceFiles::new(0, &source, patterns.clone(), &options, FOREVER, None)
        };
        let processes = (0..count).map(process).collect();
        Processes { source, processes }
    }

    fn bytes(&self) -> u64 {
        self.processes.iter().map(SourceFiles::bytes_ahead).sum()
    }

    /// Reads what there is, at most so many chunks.
    pub(super) fn read(&mut self, most: usize) -> Vec<Held> {
        let mut all = Vec::new();
        for files in &mut self.processes {
            while all.len() < most
                && let Some(chunk) = files.next(&self.source).expect("it goes on")
            {
                all.push((chunk.reached, ids(&chunk.payload)));
            }
        }
        all
    }

    pub(super) fn look(&mut self, most: usize) -> Vec<Held> {
        // The others have none to look for.
        self.processes[0].look_again(&self.source);
        let mut held = self.read(most);
        // What may be a copy is held back until the next look, at least, and until what it may be one of is read.
        while held.len() < most && !self.processes.iter().all(SourceFiles::is_settled) {
            std::thread::sleep(2 * FOREVER.copied);
            self.processes[0].look_again(&self.source);
            held.extend(self.read(most - held.len().min(most)));
        }
        held
    }
}

fn ids(payload: &Payload) -> Vec<String> {
    match payload {
        Payload::Lines { bytes, header, .. } => {
            let text = std::str::from_utf8(bytes).expect("UTF-8");
            let column = header.as_ref().map(|_| 1);
            // Where a row of CSV has two lines, the second one has the id.
            text.lines().filter_map(|line| id(line, column)).filter(|id| !id.is_empty()).collect()
        }
        Payload::Rows { batch, first_row, .. } => {
            (*first_row..first_row + batch.num_rows() as u64).map(|row| row.to_string()).collect()
        }
        Payload::Unread { unread: Unread { code: "cut_off", .. }, .. } => Vec::new(),
        other => panic!("{other:?}"),
    }
}

pub(super) fn counted<'a>(ids: impl IntoIterator<Item = &'a String>) -> BTreeMap<&'a str, usize> {
    let mut counted = BTreeMap::new();
    ids.into_iter().for_each(|id| *counted.entry(id.as_str()).or_default() += 1);
    counted
}

/// The positions of some chunks, taken in in any order, and their ids.
pub(super) fn durable(
    held: Vec<Held>,
    which: &[bool],
    backwards: bool,
) -> (Positions, Vec<String>) {
    let (mut positions, mut all) = (Positions::default(), Vec::new());
    let mut kept: Vec<Held> = held
        .into_iter()
        .zip(which.iter().cycle())
        .filter(|(_, kept)| **kept)
        .map(|of| of.0)
        .collect();
    if backwards {
        kept.reverse();
    }
    for (reached, ids) in kept {
        if let Some(reached) = reached {
            positions.add(&reached);
            all.extend(ids);
        }
    }
    (positions, all)
}

proptest! {
    #[test]
    fn rows_of_files_that_only_grow_are_taken_once_over_two_runs_and_others_at_least_once(
        csv: bool, follows: (bool, bool), processes in (1..3usize, 1..3usize),
        (before, during, between, later) in
            (changes(false), changes(true), changes(true), changes(true)),
        most in prop_oneof![Just(usize::MAX), 0..30usize],
        which in prop_oneof![1 => Just(vec![true]), 3 => prop::collection::vec(any::<bool>(), 1..40)],
        backwards: bool, moved: bool,
    ) {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let mut folder = Folder::new(temporary.path().join("here"), csv);
        let format = if csv { "csv" } else { "json" };
        // A file that has another name in another place is another one.
        let keeps_names = |change: &&Change| !moved || !matches!(change, Change::Rename(_));
        folder.take(&Change::Append(0, 3, 10));
        before.iter().for_each(|change| folder.take(change));
        let mut run = Processes::start(&folder.path, format, follows.0, processes.0, Positions::default());
        let mut held = run.read(most);
        if follows.0 {
            for change in during.iter().filter(keeps_names) {
                folder.take(change);
                let left = most - held.len().min(most);
                held.extend(run.look(left));
            }
        }
        drop(run);
        let (positions, mut taken) = durable(held, &which, backwards);

        if moved {
            folder.take_away(temporary.path().join("there"));
        }
        // What ends half is taken as it is by a run that does not follow.
        let may_be = |change: &&Change| match change {
            Change::Half(_) => follows.1,
            _ => true,
        };
        let between = between.iter().filter(keeps_names).filter(may_be);
        between.for_each(|change| folder.take(change));
        if !follows.1 {
            folder.finish();
        }
        let mut run = Processes::start(&folder.path, format, follows.1, processes.1, positions);
        let bytes = run.bytes();
        let mut held = run.read(usize::MAX);
        if !follows.1 {
            let read: u64 = held.iter().filter_map(|(reached, _)| reached.as_ref()).map(length).sum();
            // No chunk tells of headers alone.
            let headers = 5 * folder.files.len() as u64;
            prop_assert!(read <= bytes && bytes <= read + headers, "{read} of {bytes}");
        }
        if follows.1 {
            for change in &later {
                folder.take(change);
                held.extend(run.look(usize::MAX));
            }
            folder.finish();
            held.extend(run.look(usize::MAX));
        }
        taken.extend(held.into_iter().flat_map(|(_, ids)| ids));

        let taken = counted(&taken);
        let grown = counted(folder.files.iter().filter(|file| file.only_grew).flat_map(|file| &file.ids));
        for (id, times) in &grown {
            let read = taken.get(id).copied().unwrap_or_default();
            let is_loose = folder.loose.contains(*id);
            // Where a file was cut off, it and its copy are taken once.
            let is_right = if is_loose { read >= 1 } else { read == *times };
            prop_assert!(is_right, "{id:.9} was taken {read} times and not {times}");
        }
        for id in folder.files.iter().flat_map(|file| &file.ids) {
            prop_assert!(taken.contains_key(id.as_str()), "{id:.9} was lost");
        }
    }

    #[test]
    fn rows_of_files_that_do_not_grow_are_taken_once_over_two_runs(
        kind in 0..3usize, rows in 0..6_000usize, which in prop_oneof![1 => Just(vec![true]), 3 => prop::collection::vec(any::<bool>(), 1..7)],
        follow: bool, renamed: bool, replaced: bool,
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (path, other) = (folder.path().join("a.log"), folder.path().join("b.log"));
        let format = ["parquet", "json", "json"][kind];
        let written = |rows| [parquet, compressed, list][kind](rows);
        std::fs::write(&path, written(rows)).unwrap();
        let mut run = Processes::start(folder.path(), format, follow, 1, Positions::default());
        let held = run.read(usize::MAX);
        let (positions, mut taken) = durable(held, &which, false);
        let part = 0;
        if renamed {
            std::fs::rename(&path, &other).unwrap();
        }
        if replaced {
            std::fs::write(if renamed { &other } else { &path }, written(rows + 1)).unwrap();
            taken.clear();
        }
        let mut run = Processes::start(folder.path(), format, follow, 1, positions.clone());
        if !replaced && which == [true] && rows > 0 {
            prop_assert_eq!(run.bytes(), 0);
        }
        let held = if follow { run.look(usize::MAX) } else { run.read(usize::MAX) };
        for (reached, _) in &held {
            let is_old = reached.as_ref().unwrap().part == part;
            prop_assert_eq!(is_old, !replaced || positions.is_empty());
        }
        taken.extend(held.into_iter().flat_map(|(_, ids)| ids));
        let taken = counted(&taken);
        prop_assert_eq!(taken.len(), rows + usize::from(replaced));
        prop_assert!(taken.values().all(|times| *times == 1));
    }
}

fn lines(rows: usize) -> impl Iterator<Item = String> {
    (0..rows).map(|number| row(&format!("{number}-{}", "x".repeat(50))))
}

fn compressed(rows: usize) -> Vec<u8> {
    zstd::encode_all(lines(rows).collect::<String>().as_bytes(), 1).expect("memory")
}

pub(super) fn list(rows: usize) -> Vec<u8> {
    format!("[{}]", lines(rows).collect::<Vec<_>>().join(",")).into_bytes()
}

/// In bytes.
fn length(reached: &Reached) -> u64 {
    let crate::source::Span::File { bytes, .. } = &reached.span else {
        unreachable!("files alone")
    };
    bytes.end - bytes.start
}

#[test]
fn a_last_row_that_takes_less_than_a_byte_of_its_file_is_taken() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("a.log"), parquet(4_097)).unwrap();
    let start = |positions| Processes::start(folder.path(), "parquet", false, 1, positions);
    let held = start(Positions::default()).read(usize::MAX);
    let (positions, taken) = durable(held, &[true, true, true, true, false], false);
    assert_eq!(taken.len(), 4_096);
    let left = start(positions).read(usize::MAX);
    assert_eq!(left.into_iter().flat_map(|(_, ids)| ids).count(), 1);
}

#[test]
fn a_row_that_was_taken_without_its_end_is_taken_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = folder.path().join("a.log");
    let too_long = format!("{{\"id\":\"{}\"}}\n", "x".repeat(3 << 20));
    let cases = [
        (row("2").trim_end().to_owned(), "\n".to_owned() + &row("3")),
        (row("2").trim_end().to_owned(), "\r\n".to_owned() + &row("3")),
        (row("2").trim_end().to_owned(), "and more\n".to_owned() + &row("3")),
        (too_long[..2 << 20].to_owned(), too_long[2 << 20..].to_owned() + &row("3")),
        (too_long, row("3")),
    ];
    for (last, later) in cases {
        for follow in [false, true] {
            std::fs::write(&log, row("1") + &last).unwrap();
            let start = |follow, from| Processes::start(folder.path(), "json", follow, 1, from);
            let held = start(false, Positions::default()).read(usize::MAX);
            let (positions, _) = durable(held, &[true], false);
            append(&log, &later);
            let held = start(follow, positions).read(usize::MAX);
            let ids: Vec<String> = held.into_iter().flat_map(|(_, ids)| ids).collect();
            assert_eq!(ids, ["3"]);
        }
    }
}

#[test]
fn what_is_found_of_a_source_is_said_in_one_line() {
    let said = |done, read_on, new| FoundCounts { done, read_on, new }.to_string();
    assert_eq!(said(1, 0, 0), "its file was read before; nothing new");
    assert_eq!(said(3, 0, 0), "its 3 files were read before; nothing new");
    assert_eq!(
        said(3, 1, 2),
        "of its 6 files 3 were read before and have not changed; 1 is read on and 2 are new"
    );
}

#[test]
fn what_was_read_of_a_file_is_not_read_of_its_copy_after_a_restart() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (log, copy) = (folder.path().join("a.log"), folder.path().join("b.log"));
    append(&log, &(row("1") + &row("2")));
    let mut run = Processes::start(folder.path(), "json", true, 1, Positions::default());
    let (positions, read) = durable(run.read(usize::MAX), &[true], false);
    assert_eq!(read, ["1", "2"]);
    drop(run);
    append(&log, &row("3"));
    std::fs::copy(&log, &copy).unwrap();
    std::fs::write(&log, row("4")).unwrap();
    for follow in [true, false] {
        let mut run = Processes::start(folder.path(), "json", follow, 1, positions.clone());
        let mut ids: Vec<String> =
            run.read(usize::MAX).into_iter().flat_map(|(_, ids)| ids).collect();
        ids.sort_unstable();
        assert_eq!(ids, ["3", "4"]);
    }
}

#[test]
fn after_a_restart_a_copy_is_one_of_that_of_which_it_holds_most() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [log, little, copy] = ["a.log", "b.log", "c.log"].map(|name| folder.path().join(name));
    append(&log, &(row("1") + &row("2")));
    append(&little, &row("1"));
    let mut run = Processes::start(folder.path(), "json", false, 1, Positions::default());
    let (positions, read) = durable(run.read(usize::MAX), &[true], false);
    assert_eq!(read.len(), 3);
    drop(run);
    std::fs::copy(&log, &copy).unwrap();
    std::fs::write(&log, row("4")).unwrap();
    std::fs::write(&little, row("5")).unwrap();
    let mut run = Processes::start(folder.path(), "json", false, 1, positions);
    let mut ids: Vec<String> = run.read(usize::MAX).into_iter().flat_map(|(_, ids)| ids).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["4", "5"]);
}

/// A log that was rotated does not grow any more: how it is called is remembered all the same, and where nothing is where
/// it was, since all was copied or restored, it is known by what it holds.
#[test]
fn what_was_renamed_is_not_read_again_when_all_is_copied() {
    for follow in [false, true] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [log, older, oldest] = ["a.log", "b.log", "c.log"].map(|name| folder.path().join(name));
        let mut positions = Positions::default();
        let mut read = || {
            let from = positions.clone();
            let held = Processes::start(folder.path(), "json", follow, 1, from).read(usize::MAX);
            let (more, ids) = durable(held, &[true], false);
            positions.merge(&more);
            ids
        };
        let copied = |path: &Path| {
            let beside = path.with_extension("copied");
            std::fs::copy(path, &beside).unwrap();
            std::fs::rename(beside, path).unwrap();
        };
        append(&log, &(row("1") + &row("2")));
        append(&older, &row("0"));
        assert_eq!(read(), ["1", "2", "0"]);
        std::fs::rename(&older, &oldest).unwrap();
        std::fs::rename(&log, &older).unwrap();
        append(&log, &row("3"));
        assert_eq!(read(), ["3"]);
        assert!(read().is_empty());
        [&log, &older, &oldest].into_iter().for_each(|path| copied(path));
        assert!(read().is_empty());
        // It goes on under yet another name, though it did not grow since.
        std::fs::rename(&oldest, folder.path().join("d.log")).unwrap();
        assert!(read().is_empty());
        append(&older, &row("4"));
        assert_eq!(read(), ["4"]);
        // One is renamed and all are copied before anybody looks: what it holds tells.
        std::fs::rename(&older, &oldest).unwrap();
        [&log, &oldest].into_iter().for_each(|path| copied(path));
        copied(&folder.path().join("d.log"));
        assert!(read().is_empty());
    }
}
