//! Files that others replace, move and copy while the program follows them, and between two runs.

mod program;

use std::fs::{File, OpenOptions, copy, remove_file, rename, write};
use std::io::Write;
use std::path::Path;

use program::{Running, State, records, selfsame};

const DEFINITION: &str = "
sources:
  web: {files: \"in/app*\", kind: events, fields: {user: text}}
identity:
  user: {from: {web: user}}
attributes:
  rows: {from: web, select: count(*)}
outputs:
  profiles: {files: out.ndjson}
";

fn rows(users: std::ops::Range<u32>) -> String {
    users.map(|user| format!("{{\"user\":\"u{user}\"}}\n")).collect()
}

/// How many people there are, each of one row.
#[track_caller]
fn people(folder: &Path) -> usize {
    let out = folder.join("out.ndjson");
    if !out.exists() {
        return 0;
    }
    let state = State::of(records(&out));
    for value in state.values.values() {
        assert!(value.contains("\"rows\":1"), "{value}");
    }
    state.values.len()
}

#[test]
fn rows_of_files_that_are_replaced_and_moved_while_they_are_followed_and_between_runs_count_once() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let folder = temporary.path();
    let at = |name: &str| folder.join(name);
    std::fs::create_dir(at("in")).unwrap();
    write(at("s.yaml"), DEFINITION).unwrap();
    write(at("in/app.log"), rows(0..3)).unwrap();
    // One worker takes what is read in its order.
    let arguments = ["run", "s.yaml", "--data", "data", "--follow", "--workers", "1"];
    let mut run = Running::start(folder, &arguments);
    run.until("its first rows", |_| people(folder) == 3);
    // As editors and `rsync` write a file anew.
    for user in 4..14 {
        write(at("beside"), rows(0..user)).unwrap();
        rename(at("beside"), at("in/app.log")).unwrap();
        run.until("the new row", |_| people(folder) == user as usize);
    }
    // To another file system; nothing more comes.
    copy(at("in/app.log"), at("in/app2.log")).unwrap();
    remove_file(at("in/app.log")).unwrap();
    run.until("the move", |run| run.err().matches("was replaced by").count() == 11);
    write(at("in/app.log"), rows(13..16)).unwrap();
    run.until("a new file", |_| people(folder) == 16);
    // As "copy and truncate" does; nothing more comes.
    copy(at("in/app.log"), at("in/app3.log")).unwrap();
    write(at("in/app.log"), "").unwrap();
    run.until("the copy", |run| run.err().contains("is a copy of it"));
    write(at("in/app0.log"), rows(16..18)).unwrap();
    run.until("what comes behind that", |_| people(folder) == 18);
    run.signal("INT");
    run.end().well();

    let next = || selfsame(folder, &["run", "s.yaml", "--data", "data", "--until-end"]);
    // What was recognized is known, though nothing came of these files since, and the original is gone.
    remove_file(at("in/app.log")).unwrap();
    let ended = next();
    assert!(ended.err.contains("its 3 files were read before; nothing new"), "{}", ended.err);
    // The same while no run is up: a move to another file system, and a rotation by copies.
    copy(at("in/app2.log"), at("in/app4.log")).unwrap();
    remove_file(at("in/app2.log")).unwrap();
    copy(at("in/app3.log"), at("in/app5.log")).unwrap();
    write(at("beside"), rows(18..20)).unwrap();
    rename(at("beside"), at("in/app3.log")).unwrap();
    let ended = next();
    assert!(ended.status.success(), "{}", ended.err);
    assert_eq!(people(folder), 20);
    // A copy beside a file that lies there untouched is a file of its own.
    copy(at("in/app3.log"), at("in/app6.log")).unwrap();
    let ended = next();
    assert!(ended.err.contains("of its 5 files 4 were read before"), "{}", ended.err);
    let state = State::of(records(&at("out.ndjson")));
    assert_eq!(state.values.values().filter(|value| value.contains("\"rows\":2")).count(), 2);
}

/// What a run reads of files that no name leads to any more is read on by the run that takes its place, and what it knows of
/// files that took others' places is known to that.
#[test]
fn rows_of_files_that_are_gone_are_read_on_after_a_change_while_the_run_goes_on() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let folder = temporary.path();
    let at = |name: &str| folder.join(name);
    std::fs::create_dir(at("in")).unwrap();
    write(at("s.yaml"), DEFINITION).unwrap();
    let more = DEFINITION.replace("outputs:", "  most: {from: web, select: max(user)}\noutputs:");
    write(at("s2.yaml"), more).unwrap();
    let names = ["in/app1.log", "in/app2.log", "in/app3.log"];
    for (number, name) in (0..).zip(names) {
        write(at(name), rows(3 * number..3 * number + 3)).unwrap();
    }
    let open = |name: &str| OpenOptions::new().append(true).open(at(name)).expect("it is there");
    let files: Vec<File> = names.iter().map(|name| open(name)).collect();
    let mut run = Running::start(folder, &["run", "s.yaml", "--data", "data", "--follow"]);
    run.until("its first rows", |_| people(folder) == 9);
    rename(at(names[0]), at("away")).unwrap();
    remove_file(at(names[1])).unwrap();
    // The copy takes the place of the third one, and whoever has that open writes on to it.
    copy(at(names[2]), at("in/app4.log")).unwrap();
    remove_file(at(names[2])).unwrap();
    run.until("the move", |run| run.err().contains("was replaced by"));
    let (mut next, mut there) = (9, 9);
    let mut write_on = |forgotten: usize| {
        for mut file in files.iter().chain([&open("in/app4.log")]) {
            file.write_all(rows(next..next + 1).as_bytes()).unwrap();
            next += 1;
        }
        there += 4;
        there -= forgotten;
        run.until("the new rows", |_| people(folder) == there);
    };
    write_on(0);
    let changes: [(&[&str], usize); 4] = [
        (&["apply", "s2.yaml", "--data", "data"], 0),
        (&["forget", "u1", "--data", "data"], 1),
        (&["forget", "u9", "--data", "data"], 1),
        (&["apply", "s.yaml", "--data", "data"], 0),
    ];
    for (arguments, forgotten) in changes {
        let changed = selfsame(folder, arguments);
        assert!(changed.status.success(), "{}", changed.err);
        write_on(forgotten);
    }
    run.signal("INT");
    run.end().well();
}
