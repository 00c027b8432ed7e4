//! A disk that is full holds the inflow back: nothing that came is lost, memory stays bounded, the log says why, and all
//! goes on when there is room again.
//!
//! The disk is a small `tmpfs` in a mount namespace of the test's own, for which a user may be root of one (`unshare`).

mod program;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use program::{Running, records, selfsame};

const DEFINITION: &str = "
data: disk/data
sources:
  web:
    files: web.ndjson
    kind: events
    id: id
    fields: {id: text, user: text, note: text}
identity:
  user: {from: {web: user}}
attributes:
  visits: {from: web, select: count(*)}
outputs:
  profiles: {files: disk/out/profiles.ndjson}
";

/// Runs the engine with a disk of 24 MiB, of which a ballast leaves 600 KiB until there is a file `free`. What is on the
/// disk in the end is kept.
const DISK: &str = r#"
mkdir disk kept
mount -t tmpfs -o size=24m none disk || exit 77
head -c 24500000 /dev/zero > disk/ballast
"$@" &
engine=$!
trap 'kill -TERM $engine' TERM
(until [ -e free ]; do sleep 0.05; done; rm disk/ballast) &
wait $engine
status=$?
[ $status -gt 128 ] && { wait $engine; status=$?; }
cp -a disk/data disk/out kept
exit $status
"#;

/// Runs the engine with a disk of 8 MiB, and hands each signal on to it, until it has ended.
const SMALL_DISK: &str = r#"
mkdir disk
mount -t tmpfs -o size=8m none disk || exit 77
"$@" &
engine=$!
trap 'kill -TERM $engine' TERM
while kill -0 $engine 2>/dev/null; do wait $engine; status=$?; done
exit $status
"#;

/// Whether a process can be given a disk of its own.
fn is_there_a_small_disk() -> bool {
    let can =
        Command::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]).status();
    if can.is_ok_and(|can| can.success()) {
        return true;
    }
    assert!(std::env::var_os("CI").is_none(), "unshare gives no small disk here");
    eprintln!("not run: `unshare -rm mount` gives no small disk here");
    false
}

/// Texts that do not become small.
fn rows(from: u32, to: u32) -> String {
    let mut rows = String::new();
    for row in from..to {
        let note: String = (0..4)
            .map(|part| {
                blake3::hash(&[row, part].map(u32::to_le_bytes).concat()).to_hex().to_string()
            })
            .collect();
        let user = row % 50;
        rows += &format!("{{\"id\":\"e{row}\",\"user\":\"u{user}\",\"note\":\"{note}\"}}\n");
    }
    rows
}

fn visits(profiles: &Path) -> (BTreeSet<String>, u64) {
    let mut last = std::collections::BTreeMap::new();
    for record in records(profiles) {
        last.insert(record.key, record.value);
    }
    let of = |value: &String| {
        let value: serde_json::Value = serde_json::from_str(value).expect("JSON");
        value["attributes"]["visits"].as_u64().expect("a count")
    };
    let sum = last.values().flatten().map(of).sum();
    (last.into_keys().collect(), sum)
}

#[test]
fn a_full_disk_holds_the_inflow_back_until_there_is_room() {
    if !is_there_a_small_disk() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    fs::write(folder.join("shop.yaml"), DEFINITION).expect("it is written");
    let web = folder.join("web.ndjson");
    fs::write(&web, rows(0, 500)).expect("it is written");
    let engine = env!("CARGO_BIN_EXE_selfsame");
    let arguments =
        ["-rm", "sh", "-c", DISK, "sh", engine, "run", "shop.yaml", "--follow", "--workers", "2"];
    let mut run = Running::start_of("unshare", folder, &arguments, &[]);
    run.until("it runs", |run| run.err().contains("runs with 2 workers"));
    let mut file = fs::OpenOptions::new().append(true).open(&web).expect("it is there");
    std::io::Write::write_all(&mut file, rows(500, 12_000).as_bytes()).expect("it is written");
    run.until("the disk is full", |run| run.err().contains("can't be written, trying again"));
    std::thread::sleep(std::time::Duration::from_secs(4));
    let told = run.err().matches("No space left").count();
    assert!(told <= 4, "it is said once of each file, not with each try: {told}\n{}", run.err());
    assert!(!folder.join("kept/data").exists());

    fs::write(folder.join("free"), "").expect("it is written");
    run.until("there is room", |run| run.err().contains("can be written again"));
    run.signal("TERM");
    let ended = run.end();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.err);
    let summary = [ended.out, ended.err].concat();
    assert!(summary.contains("  held back by "), "{summary}");

    // What was kept is gone on with, and all rows count once.
    let text = DEFINITION.replace("disk/", "kept/");
    fs::write(folder.join("shop.yaml"), text).expect("it is written");
    selfsame(folder, &["run", "shop.yaml", "--until-end", "--quiet"]).well();
    let (people, sum) = visits(&folder.join("kept/out/profiles.ndjson"));
    assert_eq!((people.len(), sum), (50, 12_000));
}

#[test]
fn a_second_signal_ends_a_run_whose_disk_is_full() {
    if !is_there_a_small_disk() {
        return;
    }
    // All that it writes, what it stores alone, its outputs alone.
    for (data, out) in [("disk/data", "disk/out"), ("disk/data", "out"), ("data", "disk/out")] {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        // Each row is of another person, so that there is much to send.
        let text = DEFINITION.replace("web: user", "web: id");
        let text = text.replace("disk/data", data).replace("disk/out", out);
        fs::write(folder.join("shop.yaml"), text).expect("it is written");
        fs::write(folder.join("web.ndjson"), rows(0, 120_000)).expect("it is written");
        let engine = env!("CARGO_BIN_EXE_selfsame");
        let arguments = ["-rm", "sh", "-c", SMALL_DISK, "sh", engine, "run", "shop.yaml"];
        let mut run = Running::start_of("unshare", folder, &arguments, &[]);
        run.until("the disk is full", |run| run.err().contains("can't be written, trying again"));
        run.signal("TERM");
        run.until("it has heard", |run| run.err().contains("stopping: "));
        run.signal("TERM");
        let ended = run.end();
        assert_eq!(ended.status.code(), Some(143), "{data}, {out}: {}", ended.err);
        assert!(ended.out.is_empty(), "it tells no end that was none: {}", ended.out);
    }
}
