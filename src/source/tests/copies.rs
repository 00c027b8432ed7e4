//! Files that lie beside others, and begin as they do.

use super::{COPYING, FOREVER, Reading, Unread, append, row};

/// A format, what its files begin with, and a row of it.
type Written = (&'static str, &'static str, fn(&str) -> String);
const FORMATS: [Written; 2] = [("json", "", row), ("csv", "a,id\n", |id| format!("a,{id}\n"))];

#[test]
fn what_was_read_of_a_file_is_not_read_of_the_copy_that_is_left_when_it_is_emptied() {
    for (format, beginning, of) in FORMATS {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (log, copy) = (folder.path().join("a.log"), folder.path().join("b.log"));
        let (half, rest) = (of("3")[..3].to_owned(), of("3")[3..].to_owned());
        append(&log, &(beginning.to_owned() + &of("1") + &of("2") + &half));
        let mut reading = Reading::start(folder.path(), format, COPYING);
        reading.read();
        // The copy is seen while it is made, and is whole before the file is emptied.
        std::fs::copy(&log, &copy).unwrap();
        reading.files.look_again(&reading.source);
        reading.read();
        append(&log, &(rest.clone() + &of("4")));
        append(&copy, &(rest + &of("4")));
        std::fs::write(&log, beginning.to_owned() + &of("5")).unwrap();
        reading.look();
        let mut ids = reading.ids();
        ids.sort_unstable();
        assert_eq!(ids, ["1", "2", "3", "4", "5"], "{format}");
        assert!(reading.unread.is_empty(), "{:?}", reading.unread);
    }
}

#[test]
fn a_file_that_begins_as_another_is_read_by_itself_once_it_stands_still() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (log, other) = (folder.path().join("a.log"), folder.path().join("b.log"));
    append(&log, &row("1"));
    let mut reading = Reading::start(folder.path(), "json", COPYING);
    reading.look();
    append(&other, &(row("1") + &row("2")));
    reading.look();
    assert_eq!(reading.ids(), ["1", "1", "2"]);
    // One that is taken away while it is held back is read, too.
    append(&folder.path().join("c.log"), &(row("1") + &row("3")));
    reading.files.look_again(&reading.source);
    std::fs::remove_file(folder.path().join("c.log")).unwrap();
    reading.look();
    assert_eq!(reading.ids(), ["1", "1", "2", "1", "3"]);
}

#[test]
fn a_file_that_is_copied_and_emptied_before_it_was_read_is_read_once() {
    // Whichever of the two is met first.
    for (log, copy) in [("b.log", "c.log"), ("c.log", "b.log")] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        append(&folder.path().join("a.log"), &row("0"));
        let mut reading = Reading::start(folder.path(), "json", COPYING);
        reading.read();
        let (log, copy) = (folder.path().join(log), folder.path().join(copy));
        append(&log, &(row("1") + &row("2")));
        std::fs::copy(&log, &copy).unwrap();
        reading.files.look_again(&reading.source);
        reading.read();
        std::fs::write(&log, "").unwrap();
        reading.look();
        append(&log, &row("3"));
        reading.look();
        let mut ids = reading.ids();
        ids.sort_unstable();
        assert_eq!(ids, ["0", "1", "2", "3"]);
    }
}

#[test]
fn a_copy_of_a_file_that_had_been_cut_off_is_not_read_again() {
    for (format, beginning, of) in FORMATS {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (log, copy) = (folder.path().join("a.log"), folder.path().join("b.log"));
        let before = beginning.to_owned() + &of("1") + &of("2");
        append(&log, &(before.clone() + &of("3") + &of("4")[..3]));
        let mut reading = Reading::start(folder.path(), format, FOREVER);
        reading.look();
        // It is cut off, written to, copied and emptied between two looks.
        std::fs::write(&log, before + &of("5")).unwrap();
        std::fs::copy(&log, &copy).unwrap();
        std::fs::write(&log, beginning.to_owned() + &of("6")).unwrap();
        // Another one that only has the same header.
        std::fs::write(folder.path().join("c.log"), beginning.to_owned() + &of("7")).unwrap();
        reading.look();
        let mut ids = reading.ids();
        ids.sort_unstable();
        assert_eq!(ids, ["1", "2", "3", "5", "6", "7"], "{format}");
        // What was begun stands in neither.
        let [Unread { line: Some(_), code: "cut_off", .. }] = &reading.unread[..] else {
            panic!("{:?}", reading.unread)
        };
    }
}

#[test]
fn what_takes_a_file_s_place_and_holds_all_of_it_is_read_on() {
    for (format, beginning, of) in FORMATS {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (log, saved) = (folder.path().join("a.log"), folder.path().join("saved"));
        append(&log, &(beginning.to_owned() + &of("1")));
        let mut reading = Reading::start(folder.path(), format, FOREVER);
        reading.look();
        // As editors do: what was not read of it yet is in both.
        append(&log, &(of("2") + &of("3")));
        std::fs::copy(&log, &saved).unwrap();
        append(&saved, &of("4"));
        std::fs::rename(&saved, &log).unwrap();
        reading.look();
        append(&log, &of("5"));
        reading.look();
        assert_eq!(reading.ids(), ["1", "2", "3", "4", "5"], "{format}");
        // Another text is another file's.
        append(&saved, &(beginning.to_owned() + &of("6") + &of("2") + &of("3")));
        std::fs::rename(&saved, &log).unwrap();
        reading.look();
        assert_eq!(reading.ids()[5..], ["6", "2", "3"], "{format}");
    }
}

#[test]
fn a_copy_is_one_of_that_of_which_it_holds_most() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // The first that is met has a byte that every other one begins with, too.
    let (little, log) = (folder.path().join("a.log"), folder.path().join("b.log"));
    append(&little, &row("1")[..1]);
    append(&log, &row("2"));
    let mut reading = Reading::start(folder.path(), "json", FOREVER);
    reading.look();
    std::fs::copy(&log, folder.path().join("c.log")).unwrap();
    std::fs::write(&little, "").unwrap();
    std::fs::write(&log, row("3")).unwrap();
    reading.look();
    assert_eq!(reading.ids(), ["2", "3"]);
}

/// Less than a row of a file that is emptied may be the beginning of any other one.
#[test]
fn what_takes_a_file_s_place_is_no_copy_of_one_of_which_no_row_was_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (half, log) = (folder.path().join("a.log"), folder.path().join("b.log"));
    let beside = folder.path().join("beside");
    std::fs::write(&half, "{").unwrap();
    std::fs::write(&log, row("1")).unwrap();
    let mut reading = Reading::start(folder.path(), "json", FOREVER);
    reading.look();
    std::fs::write(&half, "").unwrap();
    std::fs::write(&log, row("2") + &row("3")).unwrap();
    std::fs::copy(&log, &beside).unwrap();
    std::fs::rename(&beside, &log).unwrap();
    reading.look();
    assert_eq!(reading.ids(), ["1", "2", "3"]);
}
