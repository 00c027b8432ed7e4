//! Files that others replace, move and copy while the program follows them, and between two runs.

mod program;

use std::fs::{copy, remove_file, rename, write};
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
