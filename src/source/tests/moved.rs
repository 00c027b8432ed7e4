//! Files that are moved to other file systems, replaced by ones that hold more, and rotated by copies, while runs follow
//! them, and between two runs: each row lies in one file all the while, and is taken once.

use std::time::Duration;

use proptest::prelude::*;

use super::folder::{Change, Folder, moves};
use super::resumed::{Held, Processes, counted, durable};
use super::{FOREVER, Reading, append, row};
use crate::source::Positions;
use crate::source::piece::Patience;

/// A run, what happens while it goes on, and once it has ended: it may have been killed before all was stored.
#[derive(Clone, Debug)]
struct PastRun {
    follows: bool,
    during: Vec<Change>,
    behind: Vec<Change>,
    /// What was stored of the chunks that hold rows, and of how many chunks there were.
    which: Vec<bool>,
    most: usize,
}

fn past_run() -> impl Strategy<Value = PastRun> {
    let which = prop_oneof![
        2 => Just(vec![true]), 1 => prop::collection::vec(any::<bool>(), 1..20)
    ];
    let most = prop_oneof![3 => Just(usize::MAX), 1 => 0..20usize];
    let run = (any::<bool>(), moves(), moves(), which, most);
    run.prop_map(|(follows, during, behind, which, most)| PastRun {
        follows,
        during,
        behind,
        which,
        most,
    })
}

/// What was stored of a run, and whose rows.
fn stored(held: Vec<Held>, run: &PastRun) -> (Positions, Vec<String>) {
    let mut which = run.which.iter().cycle();
    // What says how a file is known is told at once.
    let is_stored = |of: &Held| of.1.is_empty() || *which.next().expect("a cycle");
    let kept = held.into_iter().take(run.most).filter(is_stored).collect();
    durable(kept, &[true], false)
}

proptest! {
    #[test]
    fn rows_of_files_that_are_moved_replaced_and_rotated_by_copies_are_taken_once(
        csv: bool, before in moves(), runs in prop::collection::vec(past_run(), 1..4), follows: bool,
    ) {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let mut folder = Folder::new(temporary.path().join("here"), csv);
        let format = if csv { "csv" } else { "json" };
        let grows = |change: &&Change| matches!(change, Change::Append(..));
        folder.take(&Change::Append(0, 3, 10));
        before.iter().filter(grows).for_each(|change| folder.take(change));
        let (mut positions, mut taken) = (Positions::default(), Vec::new());
        for run in &runs {
            let mut reading = Processes::start(&folder.path, format, run.follows, 1, positions.clone());
            let mut held = reading.read(usize::MAX);
            folder.is_open = true;
            for change in run.during.iter().filter(|_| run.follows) {
                folder.take(change);
                held.extend(reading.look(usize::MAX));
            }
            drop(reading);
            folder.is_open = false;
            let (more, ids) = stored(held, run);
            positions.merge(&more);
            taken.extend(ids);
            run.behind.iter().for_each(|change| folder.take(change));
        }
        let mut last = Processes::start(&folder.path, format, follows, 1, positions);
        let held = if follows { last.look(usize::MAX) } else { last.read(usize::MAX) };
        taken.extend(held.into_iter().flat_map(|(_, ids)| ids));
        let taken = counted(&taken);
        for id in folder.files.iter().flat_map(|file| &file.ids) {
            let read = taken.get(id.as_str()).copied().unwrap_or_default();
            prop_assert!(read == 1, "{id:.9} was taken {read} times");
        }
    }
}

/// Of a log that is replaced again and again each replacement goes on behind the one before it, and a process that has one
/// of these open still may write to it.
#[test]
fn each_of_many_replacements_goes_on_behind_the_last_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (log, beside) = (folder.path().join("a.log"), folder.path().join("beside"));
    append(&log, &row("0"));
    let mut reading = Reading::start(folder.path(), "json", FOREVER);
    reading.look();
    let mut expected = vec!["0".to_owned()];
    for number in 1..20 {
        let open = std::fs::OpenOptions::new().append(true).open(&log).unwrap();
        std::fs::copy(&log, &beside).unwrap();
        append(&beside, &row(&format!("{number}")));
        std::fs::rename(&beside, &log).unwrap();
        expected.push(format!("{number}"));
        if number % 4 == 1 {
            std::io::Write::write_all(&mut &open, row(&format!("{number} late")).as_bytes())
                .unwrap();
            expected.push(format!("{number} late"));
        }
        if number % 2 == 0 {
            reading.look();
        }
    }
    reading.look();
    let mut ids = reading.ids();
    ids.sort_unstable();
    expected.sort_unstable();
    assert_eq!(ids, expected);
}

/// What was read of a file does not stand in it any more when another one takes its place: it is read anew first, and
/// what takes the place of the other one goes on behind that, and not behind it.
#[test]
fn a_file_that_is_edited_replaced_and_moved_to_another_file_system_is_read_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (log, beside) = (folder.path().join("a.log"), folder.path().join("beside"));
    let long = |id: &str| row(&format!("{id}-{}", "x".repeat(3_000)));
    append(&log, &["1", "2", "3"].map(long).concat());
    let mut reading = Reading::start(folder.path(), "json", FOREVER);
    reading.look();
    let read = std::fs::read_to_string(&log).unwrap().replace("2-x", "4-x");
    std::fs::write(&log, &read).unwrap();
    std::fs::write(&beside, read + &row("5")).unwrap();
    std::fs::rename(&beside, &log).unwrap();
    let open = std::fs::OpenOptions::new().append(true).open(&log).unwrap();
    reading.look();
    std::fs::copy(&log, folder.path().join("b.log")).unwrap();
    std::fs::remove_file(&log).unwrap();
    std::io::Write::write_all(&mut &open, b"{\"id\":").unwrap();
    reading.look();
    let ids: Vec<&str> = reading.ids().into_iter().map(|id| &id[..1]).collect();
    assert_eq!(ids, ["1", "2", "3", "4", "3", "5"]);
}

/// A file that does not grow, which is copied to another file system: its original goes when all of it is there.
#[test]
fn a_file_that_does_not_grow_is_read_once_where_it_is_moved_and_its_copy_where_it_stays() {
    let compressed = |rows: &str| {
        let mut bytes = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut bytes, rows.as_bytes()).expect("room");
        bytes.finish().expect("room")
    };
    let rows = ["1", "2", "3"].map(row).concat();
    for (format, whole) in [("parquet", super::parquet(3)), ("json", compressed(&rows))] {
        for (original_goes, looks_between) in [(true, true), (true, false), (false, true)] {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let (log, copy) = (folder.path().join("a.log"), folder.path().join("b.log"));
            std::fs::write(&log, &whole).unwrap();
            let mut reading = Reading::start(folder.path(), format, super::COPYING);
            reading.look();
            std::fs::write(&copy, &whole[..whole.len() / 2]).unwrap();
            reading.look();
            std::fs::write(&copy, &whole).unwrap();
            if looks_between {
                reading.look();
            }
            if original_goes {
                std::fs::remove_file(&log).unwrap();
            }
            std::thread::sleep(2 * super::COPYING.copied);
            reading.look();
            let times = if original_goes { 1 } else { 2 };
            assert_eq!(reading.ids.len(), 3 * times, "{format}, {original_goes}, {looks_between}");
            // Under its new name it is what was read, and has one for itself again.
            std::fs::rename(&copy, folder.path().join("c.log")).unwrap();
            reading.look();
            assert_eq!(reading.ids.len(), 3 * times, "{format}, {original_goes}, {looks_between}");
        }
    }
}

/// A file of which no row was read, but a header, is gone, and another one, which was read under another name, has its
/// inode: it is still what was read.
#[test]
fn a_file_that_has_the_inode_of_one_without_rows_is_known_by_what_it_holds() {
    for follows in [false, true] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [empty, copy, renamed, log, moved] =
            ["a.log", "a-1.log", "a-2.log", "b.log", "c.log"].map(|name| folder.path().join(name));
        append(&empty, "a,id\nx,0\n");
        append(&log, "a,id\nx,1\nx,2\nx,3\n");
        let start = |follows, from| Processes::start(folder.path(), "csv", follows, 1, from);
        let mut run = start(true, Positions::default());
        let mut held = run.read(usize::MAX);
        std::fs::copy(&empty, &copy).unwrap();
        std::fs::write(&empty, "a,id\n").unwrap();
        held.extend(run.look(usize::MAX));
        // What is known of it by now is told.
        std::fs::rename(&empty, &renamed).unwrap();
        held.extend(run.look(usize::MAX));
        drop(run);
        let (positions, mut taken) = durable(held, &[true], false);
        std::fs::copy(&log, &renamed).unwrap();
        std::fs::rename(&renamed, &moved).unwrap();
        std::fs::remove_file(&log).unwrap();
        append(&moved, "x,4\n");
        let held = start(follows, positions).look(usize::MAX);
        taken.extend(held.into_iter().flat_map(|(_, ids)| ids));
        assert_eq!(taken, ["0", "1", "2", "3", "4"], "{follows}");
    }
}

#[test]
fn while_files_are_followed_one_with_the_inode_of_one_without_rows_is_known_by_what_it_holds() {
    let (folder, away) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let [empty, log, moved] = ["a.log", "b.log", "c.log"].map(|name| folder.path().join(name));
    let away = away.path().join("a.log");
    append(&empty, "id\n");
    append(&log, "id\n1\n2\n");
    let soon = Duration::from_millis(200);
    let mut reading = Reading::start(folder.path(), "csv", Patience { gone: soon, ..FOREVER });
    reading.look();
    std::fs::rename(&empty, &away).unwrap();
    reading.look();
    std::thread::sleep(2 * soon);
    reading.look();
    std::fs::copy(&log, &away).unwrap();
    std::fs::remove_file(&log).unwrap();
    std::fs::rename(&away, &moved).unwrap();
    append(&moved, "3\n");
    reading.look();
    assert_eq!(reading.ids(), ["1", "2", "3"]);
}
