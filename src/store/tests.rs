//! The store as a crash leaves it: cut off at any byte, with any subset of a process's logs made columnar.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::TimestampMicrosecondArray;
use arrow::array::{
    ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, UInt32Array, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, UInt64Type};
use crossbeam_channel::unbounded;
use proptest::prelude::*;

use super::*;
use crate::decode::stored::{DELETED, OFFSET, ORIGIN, PART, SENT, TICK, instant};
use crate::plan::DataPlace;
use crate::time::Tick;

/// Rows of a worker in a tick, by their numbers.
type Frame = (Tick, usize, Vec<i64>);

fn rows(numbers: &[i64]) -> RecordBatch {
    let fields = vec![
        Field::new("number", DataType::Int64, true),
        Field::new(PART, DataType::UInt32, false),
        Field::new(OFFSET, DataType::UInt64, false),
        Field::new(ORIGIN, DataType::Utf8, false),
        Field::new(SENT, instant(), true),
        Field::new(DELETED, DataType::Utf8, true),
    ];
    let many = numbers.len();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(numbers.to_vec())),
        Arc::new(UInt32Array::from(vec![0; many])),
        Arc::new(UInt64Array::from_iter_values(numbers.iter().map(|number| *number as u64))),
        Arc::new(StringArray::from(vec!["file"; many])),
        Arc::new(TimestampMicrosecondArray::from(vec![None; many]).with_timezone("UTC")),
        Arc::new(StringArray::from(vec![None::<&str>; many])),
    ];
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("columns of these types")
}

fn header(run: u64, process: usize, processes: usize, workers: usize) -> LogHeader {
    LogHeader { run, process, processes, workers, ..LogHeader::default() }
}

/// Writes what a process's workers took in, each tick durable before the next; returns the log.
fn write(folder: &Path, header: LogHeader, frames: &[Frame]) -> ClosedLog {
    let (folder, _) = Folder::open(folder, None).expect("a folder");
    let (sender, closed) = unbounded();
    let (writer, thread) =
        start(folder, header, sender, Box::new(|why| panic!("{why}"))).expect("it can be written");
    let durable = Arc::new(AtomicUsize::new(0));
    for (written, (tick, worker, numbers)) in (1..).zip(frames) {
        let of_tick = Arc::clone(&durable);
        let rows = (!numbers.is_empty()).then(|| ("web".to_owned(), vec![rows(numbers)]));
        writer.write(StoredTick {
            tick: *tick,
            at: *tick as i64 * 10,
            worker: *worker,
            reached: Vec::new(),
            rejects: Vec::new(),
            rows: rows.into_iter().map(|(of, batches)| (of, batches.into())).collect(),
            durable: Box::new(move || {
                of_tick.fetch_add(1, Ordering::SeqCst);
            }),
        });
        while durable.load(Ordering::SeqCst) < written {
            std::thread::yield_now();
        }
    }
    writer.close();
    thread.join().expect("it ends");
    closed.recv().expect("a log")
}

/// The rows of each tick, as so many workers read them back.
fn read(recovered: &Recovered, workers: usize) -> BTreeMap<Tick, Vec<i64>> {
    let mut all: BTreeMap<Tick, Vec<i64>> = BTreeMap::new();
    for worker in 0..workers {
        let columns = vec![("web".to_owned(), Some(vec!["number".to_owned()]))];
        let mut history = StoredHistory::new(recovered, 0, worker, workers, columns);
        let mut before = 0;
        loop {
            let loaded = history.load().expect("what was written");
            for StoredRows { batch, .. } in history.take(loaded) {
                let column = |name| batch.column_by_name(name).expect("it is read");
                let ticks = column(TICK).as_primitive::<UInt64Type>();
                let numbers = column("number").as_primitive::<Int64Type>();
                for row in 0..batch.num_rows() {
                    assert!(ticks.value(row) > before, "a tick that was taken is given again");
                    all.entry(ticks.value(row)).or_default().push(numbers.value(row));
                }
            }
            if loaded == Tick::MAX {
                break;
            }
            before = loaded;
        }
        assert_eq!(history.loaded(), 0);
    }
    all.values_mut().for_each(|numbers| numbers.sort_unstable());
    all
}

/// Ticks of a run with so many workers: each worker has a frame of each.
fn ticks(workers: usize) -> impl Strategy<Value = Vec<Vec<Vec<i64>>>> {
    let numbers = prop::collection::vec(any::<i64>(), 0..4);
    prop::collection::vec(prop::collection::vec(numbers, workers), 1..8)
}

fn frames(ticks: &[Vec<Vec<i64>>], first: Tick) -> Vec<Frame> {
    let of_tick = |(tick, workers): (Tick, &Vec<Vec<i64>>)| {
        let frames =
            (0..).zip(workers).map(move |(worker, numbers)| (tick, worker, numbers.clone()));
        frames.collect::<Vec<_>>()
    };
    (first..).zip(ticks).flat_map(of_tick).collect()
}

/// The same, as workers that are at different ticks write them: `turns` say who goes on.
fn interleaved(frames: Vec<Frame>, turns: &[usize]) -> Vec<Frame> {
    let mut by_worker: BTreeMap<usize, std::collections::VecDeque<Frame>> = BTreeMap::new();
    frames.into_iter().for_each(|frame| by_worker.entry(frame.1).or_default().push_back(frame));
    let (mut written, mut turns) = (Vec::new(), turns.iter().cycle());
    while !by_worker.is_empty() {
        let turn = turns.next().expect("endless") % by_worker.len();
        let worker = *by_worker.keys().nth(turn).expect("fewer than there are");
        let left = by_worker.get_mut(&worker).expect("just found");
        written.extend(left.pop_front());
        if left.is_empty() {
            by_worker.remove(&worker);
        }
    }
    written
}

fn whole(frames: &[Frame], until: Tick) -> BTreeMap<Tick, Vec<i64>> {
    let mut all: BTreeMap<Tick, Vec<i64>> = BTreeMap::new();
    for (tick, _, numbers) in
        frames.iter().filter(|(tick, _, numbers)| *tick <= until && !numbers.is_empty())
    {
        all.entry(*tick).or_default().extend(numbers);
    }
    all.values_mut().for_each(|numbers| numbers.sort_unstable());
    all
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..crate::property::cases(24) })]

    /// Whatever byte a crash cuts the log off at, the ticks that are whole are there, and no others; and they are
    /// the same once they are columnar, however many workers read them.
    #[test]
    fn a_log_that_is_cut_off_has_its_whole_ticks(
        ticks in ticks(2), cut in 0.0..1.1f64, workers in 1usize..4, more in ticks(3),
        turns in prop::collection::vec(0usize..3, 1..9),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let written = interleaved(frames(&ticks, 1), &turns);
        let log = write(folder.path(), header(1, 0, 1, 2), &written);
        let length = fs::metadata(&log.path).expect("a log").len();
        let kept = (length as f64 * cut) as u64;
        if kept < length {
            let file = fs::OpenOptions::new().write(true).open(&log.path).expect("a log");
            file.set_len(kept).expect("it is cut");
        }
        let recovered = open(&DataPlace::of(folder.path()), 0, 1).expect("a store");
        let until = recovered.until;
        prop_assert!(kept < length || until == ticks.len() as Tick);
        prop_assert_eq!(read(&recovered, workers), whole(&written, until));
        let mut readings = Readings::new(&recovered, 0);
        for tick in 1..=until {
            prop_assert_eq!(readings.at(tick).expect("a reading"), tick as i64 * 10);
        }
        // The next run follows it, and what was cut off is not in between.
        let run = recovered.next_run;
        let left = recovered.logs_of(0, 1);
        drop(recovered);
        let next = interleaved(frames(&more, until + 1), &turns);
        let log = write(folder.path(), header(run, 0, 1, 3), &next);
        let (place, _) = Folder::open(folder.path(), None).expect("a folder");
        for (path, last) in left {
            make(&place, 0, &path, last, true).expect("columnar files");
        }
        let mut both = whole(&written, until);
        both.extend(whole(&next, Tick::MAX));
        let recovered = open(&DataPlace::of(folder.path()), 0, 1).expect("a store");
        prop_assert_eq!(recovered.until, until + more.len() as Tick);
        prop_assert_eq!(read(&recovered, workers), both.clone());
        drop(recovered);
        make(&place, 0, &log.path, log.last, false).expect("columnar files");
        let recovered = open(&DataPlace::of(folder.path()), 0, 1).expect("a store");
        prop_assert_eq!(read(&recovered, workers), both);
    }

    /// Where the ticks of some of a run's logs do not count, since a worker was behind when it ended, none is missed: wherever
    /// whoever makes columnar files of them is cut off, and whoever goes on with that.
    #[test]
    fn logs_in_which_nothing_counts_go_without_a_gap(
        ticks in ticks(2), turns in prop::collection::vec(0usize..2, 1..9), each in 1usize..3,
        ended in 0.0..1.0f64, made in prop::collection::vec(0usize..4, 1..4), workers in 1usize..3,
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let written = interleaved(frames(&ticks, 1), &turns);
        let written = &written[..(written.len() as f64 * ended) as usize];
        for (number, frames) in (0..).zip(written.chunks(each)) {
            write(folder.path(), LogHeader { number, ..header(1, 0, 1, 2) }, frames);
        }
        let (place, _) = Folder::open(folder.path(), None).expect("a folder");
        let until = open(&DataPlace::of(folder.path()), 0, 1).expect("a store").until;
        for number in made.into_iter().chain([usize::MAX]) {
            let recovered = open(&DataPlace::of(folder.path()), 0, 1).expect("nothing is missed");
            prop_assert_eq!(recovered.until, until);
            prop_assert_eq!(read(&recovered, workers), whole(written, until));
            let left = recovered.logs_of(0, 1);
            drop(recovered);
            for (path, last) in left.into_iter().take(number) {
                make(&place, 0, &path, last, true).expect("columnar files");
            }
        }
        let recovered = open(&DataPlace::of(folder.path()), 0, 1).expect("nothing is missed");
        prop_assert_eq!((recovered.until, recovered.logs_of(0, 1).len()), (until, 0));
        prop_assert_eq!(read(&recovered, workers), whole(written, until));
    }

    /// Small files that become larger ones hold the same rows, wherever one log ends and the next begins, and however few
    /// logs each of some runs has.
    #[test]
    fn files_that_are_merged_hold_what_they_held(
        ticks in prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<i64>(), 0..4), 2), 12..40),
        turns in prop::collection::vec(0usize..2, 1..9), each in 1usize..4, of_run in 1u64..50, workers in 1usize..4,
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let written = interleaved(frames(&ticks, 1), &turns);
        let (place, _) = Folder::open(folder.path(), None).expect("a folder");
        let mut logs = 0;
        for (number, frames) in (0..).zip(written.chunks(each)) {
            let header = header(1 + number / of_run, 0, 1, 2);
            let log = write(folder.path(), LogHeader { number: number % of_run, ..header }, frames);
            make(&place, 0, &log.path, log.last, false).expect("columnar files");
            logs += 1;
        }
        let before = open(&DataPlace::of(folder.path()), 0, 1).expect("a store");
        let (until, next_run, known) = (before.until, before.next_run, before.positions.clone());
        let rows = read(&before, workers);
        drop(before);
        prop_assert_eq!(&rows, &whole(&written, Tick::MAX));
        prop_assert!(until == ticks.len() as Tick || logs as u64 > of_run);
        let mut merged = 0;
        while merge_small(&place, 0).expect("larger files") {
            merged += 1;
        }
        prop_assert_eq!(merged > 0, logs >= 8);
        let recovered = open(&DataPlace::of(folder.path()), 0, 1).expect("a store");
        prop_assert_eq!((recovered.until, recovered.next_run), (until, next_run));
        prop_assert_eq!(&recovered.positions, &known);
        prop_assert_eq!(read(&recovered, workers), rows);
        let mut readings = Readings::new(&recovered, 0);
        for tick in 1..=recovered.until {
            prop_assert_eq!(readings.at(tick).expect("a reading"), tick as i64 * 10);
        }
        let left = fs::read_dir(folder.path().join("ticks")).expect("a folder").count();
        prop_assert_eq!(left, logs - merged * 7);
    }

    /// A byte that is not as it was written is told, and with it the file that has it.
    #[test]
    fn a_file_that_is_altered_is_named(ticks in ticks(1), at in 0.0..1.0f64, flip in 1u8..=255) {
        prop_assume!(ticks.iter().any(|tick| !tick[0].is_empty()));
        let folder = tempfile::tempdir().expect("a folder");
        let log = write(folder.path(), header(1, 0, 1, 1), &frames(&ticks, 1));
        let (place, _) = Folder::open(folder.path(), None).expect("a folder");
        make(&place, 0, &log.path, log.last, false).expect("columnar files");
        let rows = folder.path().join("rows/web/1-p0-000000.parquet");
        let mut bytes = fs::read(&rows).expect("a file");
        let at = (bytes.len() as f64 * at) as usize;
        bytes[at] ^= flip;
        fs::write(&rows, bytes).expect("it is written");
        let recovered = open(&DataPlace::of(folder.path()), 0, 1).expect("a store");
        let mut history = StoredHistory::new(&recovered, 0, 0, 1, vec![("web".to_owned(), Some(Vec::new()))]);
        let error = history.load().expect_err("it is altered").to_string();
        prop_assert!(error.contains("1-p0-000000.parquet"), "{}", error);
    }
}

#[test]
fn a_reading_is_that_of_its_tick_however_far_a_worker_is_ahead() {
    let folder = tempfile::tempdir().expect("a folder");
    let ticks = vec![vec![Vec::new(); 2]; 18];
    // One of the logs has ticks of the one alone that is ahead, behind one with earlier ticks of the other and later ones.
    let written = interleaved(frames(&ticks, 1), &[1, 1, 0, 0, 1]);
    for (number, frames) in (0..).zip(written.chunks(3)) {
        write(folder.path(), LogHeader { number, ..header(1, 0, 1, 2) }, frames);
    }
    let recovered = open(&DataPlace::of(folder.path()), 0, 1).expect("a store");
    let mut readings = Readings::new(&recovered, 0);
    let all: Vec<i64> = (1..=18).map(|tick| readings.at(tick).expect("a reading")).collect();
    assert_eq!(all, (1..=18).map(|tick| tick * 10).collect::<Vec<_>>());
}

#[test]
fn a_tick_counts_once_every_process_has_it() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), header(7, 0, 2, 1), &[(1, 0, vec![1]), (2, 0, vec![2]), (3, 0, vec![3])]);
    assert_eq!(open(&DataPlace::of(folder.path()), 0, 1).expect("a store").until, 0);
    write(folder.path(), header(7, 1, 2, 1), &[(1, 1, vec![10]), (2, 1, vec![])]);
    let recovered = open(&DataPlace::of(folder.path()), 0, 1).expect("a store");
    assert_eq!(recovered.until, 2);
    assert_eq!(read(&recovered, 1), BTreeMap::from([(1, vec![1, 10]), (2, vec![2])]));
    assert_eq!(recovered.rows, BTreeMap::from([("web".to_owned(), 3)]));
}

#[test]
fn a_log_that_is_missing_is_told_and_a_folder_is_held_by_one_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let next = LogHeader { number: 1, ..header(1, 0, 1, 1) };
    write(folder.path(), header(1, 0, 1, 1), &[(1, 0, vec![1])]);
    let log = write(folder.path(), next, &[(2, 0, vec![2])]);
    let held = open(&DataPlace::of(folder.path()), 0, 1).expect("a store");
    assert!(matches!(open(&DataPlace::of(folder.path()), 0, 1), Err(StoreError::Held { .. })));
    drop(held);
    let first = log.path.with_file_name("1-p0-000000.log");
    fs::remove_file(first).expect("it is deleted");
    let error =
        open(&DataPlace::of(folder.path()), 0, 1).err().expect("a log is missing").to_string();
    assert!(error.contains("1-p0-000000"), "{error}");
}
