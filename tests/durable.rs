//! A run that is killed anywhere, and started again by the same command, comes to what one comes to that is not:
//! at each step of the store, by its name, and at instants that a seed chooses.
//!
//! `SELFSAME_CHAOS_SEED` repeats the instants of a run that failed, and `SELFSAME_CHAOS_ROUNDS` says how often it is
//! killed: 6 unless it is said.

mod http;
mod program;
#[path = "watch/tools.rs"]
mod tools;

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use program::outputs::{Holds, holds};
use program::{Running, selfsame};
use serde_json::{Value, json};

const DEFINITION: &str = "
name: shop
sources:
  web:
    files: in/web*.ndjson
    kind: events
    id: id
    time: at
    fields: {id: text, at: timestamp, user: text, cookie: text, amount: integer}
  crm:
    files: in/crm*.ndjson
    kind: records
    key: user
    time: at
    fields: {user: text, at: timestamp, name: text}
identity:
  user: {from: {crm: user, web: user}, at_most: 1}
  cookie: {from: {web: cookie}}
attributes:
  name: {from: crm, select: last(name)}
  spent: {from: web, select: sum(amount)}
  visits: {from: web, select: count(*)}
  largest: {from: web, select: max(amount)}
segments:
  big: spent > 400
outputs:
  profiles: {files: out/profiles.ndjson}
  segments: {files: out/segments.ndjson}
  identities: {files: out/identities.ndjson}
  rejects: {files: out/rejects.ndjson}
";

/// Numbers that follow from a seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % bound
    }
}

/// Rows of both sources, from the number `first` on.
fn rows(chance: &mut Chance, first: u64, number: u64) -> (String, String) {
    let (mut web, mut crm) = (String::new(), String::new());
    for row in first..first + number {
        let at = format!("2026-03-01T{:02}:{:02}:{:02}Z", row / 3600 % 24, row / 60 % 60, row % 60);
        let user = (chance.below(3) == 0).then(|| format!("u{}", chance.below(60)));
        let cookie = format!("c{}", chance.below(150));
        // Some come twice.
        let id = row - u64::from(chance.below(10) == 0 && row > first);
        let event = json!({"id": id.to_string(), "at": at, "user": user, "cookie": cookie, "amount": chance.below(50)});
        web.push_str(&format!("{event}\n"));
        if chance.below(15) == 0 {
            web.push_str(&format!("row {row} is none\n"));
        }
        if chance.below(5) == 0 {
            let user = format!("u{}", chance.below(60));
            let record = json!({"user": user, "at": at, "name": format!("n{}", chance.below(9))});
            crm.push_str(&format!("{record}\n"));
        }
    }
    (web, crm)
}

fn append(path: &Path, text: &str) {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).expect("it is written");
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("in")).expect("a folder");
    fs::write(folder.path().join("shop.yaml"), DEFINITION).expect("it is written");
    folder
}

fn state(folder: &Path) -> Holds {
    holds(folder, &["profiles", "segments", "identities", "rejects"])
}

const RUN: [&str; 6] = ["run", "shop.yaml", "--data", "data", "--until-end", "--quiet"];

/// What a run without a store comes to.
fn undisturbed(folder: &Path) -> Holds {
    let out = folder.join("out");
    let kept = folder.join("kept");
    if out.exists() {
        fs::rename(&out, &kept).expect("it is moved");
    }
    selfsame(folder, &["run", "shop.yaml", "--until-end", "--quiet"]).well();
    let whole = state(folder);
    fs::remove_dir_all(&out).expect("it is deleted");
    if kept.exists() {
        fs::rename(&kept, &out).expect("it is moved back");
    }
    whole
}

#[test]
fn a_run_that_ends_at_any_step_of_the_store_is_gone_on_with() {
    let folder = folder();
    let (web, crm) = rows(&mut Chance(1), 0, 900);
    fs::write(folder.path().join("in/web.ndjson"), web).expect("it is written");
    fs::write(folder.path().join("in/crm.ndjson"), crm).expect("it is written");
    let whole = undisturbed(folder.path());
    let mut ended = BTreeMap::new();
    for point in selfsame::internals::fault::POINTS {
        for time in [1, 2] {
            let (data, out) = (folder.path().join("data"), folder.path().join("out"));
            for left in [&data, &out] {
                let _ = fs::remove_dir_all(left);
            }
            let fault = format!("{point}:{time}");
            let environment = [
                ("SELFSAME_FAULT", fault.as_str()),
                ("SELFSAME_LOG_BYTES", "20000"),
                ("SELFSAME_CHECKPOINT_ROWS", "200"),
            ];
            for workers in ["2", "1"] {
                let arguments = [&RUN[..], &["--workers", workers]].concat();
                let run = Running::start_with(folder.path(), &arguments, &environment).end();
                *ended.entry(*point).or_insert(0) += u32::from(!run.status.success());
            }
            selfsame(folder.path(), &[&RUN[..], &["--workers", "3"]].concat()).well();
            assert_eq!(state(folder.path()), whole, "{fault}");
        }
    }
    let never: Vec<_> = ended.iter().filter(|(_, times)| **times == 0).collect();
    assert!(never.is_empty(), "no run came to {never:?}");
}

#[test]
fn a_run_that_is_killed_at_any_instant_is_gone_on_with() {
    let said = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seed = said("SELFSAME_CHAOS_SEED").unwrap_or_else(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.expect("after 1970").as_nanos() as u64
    });
    let rounds = said("SELFSAME_CHAOS_ROUNDS").unwrap_or(6);
    println!("SELFSAME_CHAOS_SEED={seed}");
    let mut chance = Chance(seed);
    let folder = folder();
    let mut written = 0;
    let mut grow = |chance: &mut Chance, number: u64| {
        let (web, crm) = rows(chance, written, number);
        // Mostly what is there grows; sometimes there is a new file.
        let place = chance.below(3).saturating_sub(1);
        append(&folder.path().join(format!("in/web{place}.ndjson")), &web);
        append(&folder.path().join("in/crm.ndjson"), &crm);
        written += number;
    };
    grow(&mut chance, 500);
    for _ in 0..rounds {
        let workers = (1 + chance.below(3)).to_string();
        let arguments = ["run", "shop.yaml", "--data", "data", "--follow", "--workers", &workers];
        let mut run = Running::start_with(
            folder.path(),
            &arguments,
            &[
                ("SELFSAME_LOG_BYTES", "2000"),
                ("SELFSAME_MERGED_FILES", "3"),
                ("SELFSAME_COMPACTED_ROWS", "10"),
                ("SELFSAME_CHECKPOINT_ROWS", "150"),
            ],
        );
        for _ in 0..chance.below(4) {
            let number = chance.below(300);
            grow(&mut chance, number);
            std::thread::sleep(Duration::from_millis(chance.below(150)));
        }
        std::thread::sleep(Duration::from_millis(chance.below(400)));
        run.until("it runs", |_| true);
        run.signal("KILL");
        println!("with {workers} workers\n{}", run.end().err);
    }
    selfsame(folder.path(), &[&RUN[..], &["--workers", "2"]].concat()).well();
    assert_eq!(state(folder.path()), undisturbed(folder.path()), "SELFSAME_CHAOS_SEED={seed}");
}

#[test]
fn a_run_that_ends_while_files_are_merged_or_compacted_is_gone_on_with() {
    let points = selfsame::internals::fault::MERGING.iter();
    for point in points.chain(selfsame::internals::fault::COMPACTING) {
        for time in [1, 3] {
            let folder = folder();
            let mut chance = Chance(time);
            let (data, fault) = (folder.path().join("data"), format!("{point}:{time}"));
            let arguments = ["run", "shop.yaml", "--data", "data", "--follow", "--workers", "2"];
            let environment = [
                ("SELFSAME_FAULT", fault.as_str()),
                // Each write closes a log.
                ("SELFSAME_LOG_BYTES", "1"),
                ("SELFSAME_MERGED_FILES", "2"),
                ("SELFSAME_COMPACTED_ROWS", "1"),
            ];
            fs::write(folder.path().join("in/web.ndjson"), "").expect("it is written");
            fs::write(folder.path().join("in/crm.ndjson"), "").expect("it is written");
            let mut run = Running::start_with(folder.path(), &arguments, &environment);
            let told = || {
                let profiles = fs::metadata(folder.path().join("out/profiles.ndjson"));
                profiles.map_or(0, |found| found.len())
            };
            for part in 0..20 {
                let (web, crm) = rows(&mut chance, part * 50, 50);
                let before = told();
                append(&folder.path().join("in/web.ndjson"), &web);
                append(&folder.path().join("in/crm.ndjson"), &crm);
                run.while_it_runs(|_| told() == before);
            }
            let ended = run.end();
            assert_eq!(ended.status.code(), None, "{fault}: {}", ended.err);
            selfsame(folder.path(), &[&RUN[..], &["--workers", "3"]].concat()).well();
            assert_eq!(state(folder.path()), undisturbed(folder.path()), "{fault}");
            let left = fs::read_dir(data.join("ticks")).expect("a folder").count();
            assert!(left < 20, "some became one: {left}");
        }
    }
}

#[test]
fn the_summary_counts_the_records_that_the_run_sent() {
    const OUTPUTS: [&str; 4] = ["profiles", "segments", "identities", "conflicts"];
    let folder = folder();
    let path = folder.path();
    let definition = format!("{DEFINITION}  conflicts: {{files: out/conflicts.ndjson}}\n");
    fs::write(path.join("shop.yaml"), definition).expect("it is written");
    let (web, crm) = rows(&mut Chance(11), 0, 300);
    fs::write(path.join("in/web.ndjson"), web).expect("it is written");
    fs::write(path.join("in/crm.ndjson"), crm).expect("it is written");
    let text = |output: &str| {
        fs::read_to_string(path.join(format!("out/{output}.ndjson"))).unwrap_or_default()
    };
    let lines = || OUTPUTS.map(|output| text(output).lines().count() as u64);
    // What a run says that it sent, and how many records the files have more behind it.
    let run = || {
        let before = lines();
        let arguments = [&RUN[..], &["--summary", "summary.json"]].concat();
        let environment = [("SELFSAME_CHECKPOINT_ROWS", "100")];
        let printed = Running::start_with(path, &arguments, &environment).end().well();
        let summary = fs::read(path.join("summary.json")).expect("a summary");
        let summary: Value = serde_json::from_slice(&summary).expect("JSON");
        let sent = OUTPUTS.map(|output| summary["outputs"][output].as_u64().expect("a number"));
        let shown = |output: &str| {
            let mut lines = printed.lines().filter(|line| line.contains("out/"));
            let line = lines.find(|line| line.trim_start().starts_with(output)).expect("a line");
            line.split_whitespace().nth(1).expect("a number").replace(',', "").parse().ok()
        };
        assert_eq!(OUTPUTS.map(shown), sent.map(Some), "{printed}");
        let mut more = lines();
        more.iter_mut().zip(before).for_each(|(more, before)| *more -= before);
        assert_eq!(sent, more, "{printed}");
        (sent, summary["latency"].is_null())
    };
    let (sent, _) = run();
    assert!(sent[0] > 0 && sent[3] > 0, "{sent:?}");
    assert_eq!(run(), ([0; 4], true), "a checkpoint is begun with, and nothing is new");
    fs::remove_dir_all(path.join("data/checkpoints")).expect("they are deleted");
    assert_eq!(run(), ([0; 4], true), "all rows are read back, and outputs know them");
    // An output of which something has gone is compared.
    let profiles = text("profiles");
    let less: Vec<&str> = profiles.lines().collect();
    let less: String = less[..less.len() - 5].iter().map(|line| format!("{line}\n")).collect();
    fs::write(path.join("out/profiles.ndjson"), less).expect("it is written");
    let ([profiles, others @ ..], _) = run();
    assert!((1..=5).contains(&profiles), "{profiles} records differ");
    assert_eq!(others, [0; 3]);
}

/// The checkpoints that there are.
fn checkpoints(folder: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = fs::read_dir(folder.join("data/checkpoints")) else { return Vec::new() };
    let mut found: Vec<_> = entries.map(|entry| entry.expect("a checkpoint").path()).collect();
    found.sort();
    found
}

#[test]
fn a_checkpoint_is_begun_with_where_it_fits_and_passed_over_where_not() {
    let folder = folder();
    let path = folder.path();
    let mut chance = Chance(3);
    let run = |arguments: &[&str]| {
        let arguments = [&RUN[..4], &["--until-end"], arguments].concat();
        let environment = [("SELFSAME_CHECKPOINT_ROWS", "100")];
        let ended = Running::start_with(path, &arguments, &environment).end();
        let said = ended.err.clone();
        ended.well();
        said
    };
    let mut written = 0;
    let mut grow = || {
        let (web, crm) = rows(&mut chance, written, 300);
        append(&path.join("in/web.ndjson"), &web);
        append(&path.join("in/crm.ndjson"), &crm);
        written += 300;
    };
    let is_whole = || assert_eq!(state(path), undisturbed(path));
    let (begins, passed_over) = ("a checkpoint of", "is passed over");
    grow();
    assert!(!run(&[]).contains(begins));
    for workers in ["3", "1", "2"] {
        grow();
        assert!(run(&["--workers", workers]).contains(begins));
        is_whole();
    }
    assert_eq!(checkpoints(path).len(), 2, "the last two are kept");
    // Nothing is told twice, and nothing counted twice.
    let length = |output: &str| {
        fs::metadata(path.join(format!("out/{output}.ndjson"))).expect("an output").len()
    };
    let outputs = ["profiles", "segments", "identities", "rejects"];
    let before = outputs.map(length);
    assert!(run(&["--summary", "with.json"]).contains(begins));
    assert_eq!(outputs.map(length), before);
    let summary = |name: &str| -> Value {
        let json = fs::read(path.join(name)).expect("a summary");
        let mut sources = serde_json::from_slice::<Value>(&json).expect("JSON")["sources"].take();
        // Without a checkpoint nobody knows how many were rejected.
        for (_, counts) in sources.as_object_mut().expect("sources by name") {
            let counts = counts.as_object_mut().expect("counts");
            ["rows", "rejected"].iter().for_each(|name| drop(counts.remove(*name)));
        }
        sources
    };
    fs::remove_dir_all(path.join("data/checkpoints")).expect("they are deleted");
    run(&["--summary", "without.json"]);
    assert_eq!(summary("with.json"), summary("without.json"));
    grow();
    run(&[]);
    grow();
    run(&[]);
    // One that was altered is named, and the one before it taken.
    let last = checkpoints(path).pop().expect("one");
    let part = fs::read_dir(&last).expect("a folder").map(|entry| entry.expect("a file").path());
    let part = part.filter(|path| path.extension().is_none()).max().expect("a worker's part");
    let mut bytes = fs::read(&part).expect("it is read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&part, bytes).expect("it is written");
    grow();
    let said = run(&[]);
    assert!(said.contains(passed_over) && said.contains(begins), "{said}");
    is_whole();
    // So is what says of which parts it is made.
    fs::remove_dir_all(last).expect("it is deleted");
    grow();
    run(&[]);
    let last = checkpoints(path).pop().expect("one");
    let complete = last.join("complete-0.json");
    alter(&complete);
    grow();
    let said = run(&[]);
    assert!(said.contains(passed_over) && said.contains(begins), "{said}");
    is_whole();
    // One that was never completed says nothing.
    fs::remove_dir_all(last).expect("it is deleted");
    let last = checkpoints(path).pop().expect("one");
    fs::remove_file(last.join("complete-0.json")).expect("it is deleted");
    grow();
    assert!(!run(&[]).contains(passed_over));
    is_whole();
    // There is none of another definition.
    let other = DEFINITION.replace("spent > 400", "spent > 300");
    fs::write(path.join("shop.yaml"), &other).expect("it is written");
    grow();
    let said = run(&[]);
    assert!(!said.contains(begins) && !said.contains(passed_over), "{said}");
    is_whole();
    // The former definition comes back, and begins where it was.
    fs::write(path.join("shop.yaml"), DEFINITION).expect("it is written");
    grow();
    let said = run(&[]);
    assert!(said.contains(begins) && !said.contains(passed_over), "{said}");
    is_whole();
    // They may be deleted.
    fs::remove_dir_all(path.join("data/checkpoints")).expect("they are deleted");
    grow();
    assert!(!run(&[]).contains(begins));
    is_whole();
}

/// Changes a digit of what a file with a checksum holds; gives what it was.
fn alter(part: &Path) -> String {
    let whole = fs::read_to_string(part).expect("it is read");
    let content = whole.find("content").expect("it has one");
    let digit = content + whole[content..].find(|of: char| of.is_ascii_digit()).expect("a digit");
    let other = if whole[digit..].starts_with('1') { "2" } else { "1" };
    let altered = [&whole[..digit], other, &whole[digit + 1..]].concat();
    fs::write(part, altered).expect("it is written");
    whole
}

/// What a start says of a folder in which something is amiss.
fn refusal(path: &Path) -> String {
    selfsame(path, &RUN).badly()
}

#[test]
fn a_folder_that_lacks_a_part_is_refused_and_what_was_left_beside_it_goes() {
    let folder = folder();
    let path = folder.path();
    let (web, crm) = rows(&mut Chance(5), 0, 300);
    fs::write(path.join("in/web.ndjson"), web).expect("it is written");
    fs::write(path.join("in/crm.ndjson"), crm).expect("it is written");
    selfsame(path, &RUN).well();
    let rows = path.join("data/rows/web/1-p0-000000.parquet");
    for part in [
        path.join("data/manifest-0.json"),
        path.join("data/store.json"),
        rows.clone(),
        path.join("data/ticks/1-p0-000000.parquet"),
    ] {
        let aside = path.join("aside");
        fs::rename(&part, &aside).expect("it is moved");
        let said = refusal(path);
        let name = part.file_name().expect("a name").to_str().expect("text");
        assert!(said.contains(name), "{name}: {said}");
        fs::rename(&aside, &part).expect("it is moved back");
    }
    for name in ["manifest-0.json", "store.json"] {
        let part = path.join("data").join(name);
        let whole = alter(&part);
        let said = refusal(path);
        assert!(said.contains(name) && said.contains("checksum"), "{name}: {said}");
        fs::write(&part, whole).expect("it is written");
    }
    let whole = fs::read(&rows).expect("it is read");
    fs::write(&rows, &whole[..whole.len() - 1]).expect("it is written");
    assert!(refusal(path).contains("bytes, not"), "a file that is shorter than it was");
    fs::write(&rows, &whole).expect("it is written");
    // What a run or an erasure left that was cut off.
    let left = [
        "rows/web/1-p0-000000~1.parquet",
        "rows/web/1-p0-000000.parquet.77.tmp",
        "manifest-0.json.77.tmp",
        // It would name whoever was being forgotten.
        "forgetting.json.77.tmp",
        "outputs/profiles.json.77.tmp",
    ];
    let left = left.map(|name| path.join("data").join(name));
    left.iter().for_each(|left| fs::write(left, &whole).expect("it is written"));
    selfsame(path, &RUN).well();
    assert!(left.iter().all(|left| !left.exists()));
    assert_eq!(state(path), undisturbed(path));
}

#[test]
fn what_follows_from_other_things_is_made_anew_and_named_once() {
    let folder = folder();
    let path = folder.path();
    let mut chance = Chance(13);
    for part in 0..5 {
        let (web, crm) = rows(&mut chance, part * 60, 60);
        append(&path.join("in/web.ndjson"), &web);
        append(&path.join("in/crm.ndjson"), &crm);
        selfsame(path, &RUN).well();
    }
    let whole = state(path);
    let sizes = || {
        ["profiles", "segments", "identities", "rejects"].map(|output| {
            fs::metadata(path.join(format!("out/{output}.ndjson"))).expect("an output").len()
        })
    };
    let told = sizes();
    let run = || {
        let ended = Running::start(path, &RUN).end();
        let said = ended.err.clone();
        ended.well();
        said
    };
    assert_eq!(run(), "", "nothing is amiss");
    type Change = fn(&[u8]) -> Option<Vec<u8>>;
    let changes: [Change; 4] = [
        |whole| {
            let mut altered = whole.to_vec();
            // In a file of numbers it is the highest byte of one.
            altered[whole.len() / 2 / 16 * 16 + 7] ^= 0x40;
            Some(altered)
        },
        |whole| Some(whole[..whole.len() / 3].to_vec()),
        |_| Some(Vec::new()),
        |_| None,
    ];
    for name in [
        // Where a file was read back, its ticks begin where it ended.
        "outputs/profiles.ticks",
        "outputs/profiles.json",
        "outputs/rejects.json",
        "definition.json",
        "definition.yaml",
    ] {
        for (number, change) in changes.iter().enumerate() {
            let file = path.join("data").join(name);
            match change(&fs::read(&file).expect("it is read")) {
                None => fs::remove_file(&file).expect("it is deleted"),
                Some(bytes) => fs::write(&file, bytes).expect("it is written"),
            }
            let said = run();
            let named = said.lines().filter(|line| line.contains(&format!("data/{name}'"))).count();
            assert_eq!((named, said.lines().count()), (1, 1), "{name}, {number}: {said}");
            assert_eq!((sizes(), state(path)), (told, whole.clone()), "{name}, {number}");
            assert_eq!(run(), "", "{name}, {number}: it is as it was");
        }
    }
}

/// What outputs were told follows from rows that a log had.
#[test]
fn a_log_that_lacks_what_outputs_were_told_is_refused() {
    let folder = folder();
    let path = folder.path();
    let mut chance = Chance(9);
    let mut run =
        Running::start(path, &["run", "shop.yaml", "--data", "data", "--follow", "--quiet"]);
    let profiles = path.join("out/profiles.ndjson");
    for part in 0..6 {
        let before = fs::metadata(&profiles).map_or(0, |found| found.len());
        let (web, crm) = rows(&mut chance, part * 50, 50);
        append(&path.join("in/web.ndjson"), &web);
        append(&path.join("in/crm.ndjson"), &crm);
        run.until("it is told", |_| fs::metadata(&profiles).is_ok_and(|now| now.len() > before));
    }
    run.signal("KILL");
    drop(run);
    let logs = fs::read_dir(path.join("data/log")).expect("logs");
    let logs: Vec<_> = logs.map(|log| log.expect("a log").path()).collect();
    let [log] = &logs[..] else { panic!("{logs:?}") };
    let whole = fs::read(log).expect("it is read");
    let mut altered = whole.clone();
    altered[whole.len() / 3] ^= 1;
    for change in [None, Some(whole[..whole.len() / 2].to_vec()), Some(altered)] {
        match change {
            None => fs::remove_file(log).expect("it is deleted"),
            Some(bytes) => fs::write(log, bytes).expect("it is written"),
        }
        let said = refusal(path);
        assert!(said.contains("a file in `log` was removed, shortened or changed"), "{said}");
    }
    fs::write(log, whole).expect("it is written");
    selfsame(path, &RUN).well();
    assert_eq!(state(path), undisturbed(path));
}

/// Deletes a folder into which a run may put a file at any instant: `rm -rf` has to be said again where it does.
fn delete_in_use(folder: &Path) {
    let end = Instant::now() + Duration::from_secs(60);
    while folder.exists() {
        let deleted = fs::remove_dir_all(folder);
        assert!(Instant::now() < end, "{deleted:?}");
    }
}

#[test]
fn a_run_whose_folder_is_deleted_or_moved_ends_and_says_so() {
    // Whether rows come behind it or not.
    for (is_moved, more) in [(false, true), (true, true), (false, false)] {
        let folder = folder();
        let path = folder.path();
        let mut chance = Chance(13);
        let mut grow = |first| {
            let (web, crm) = rows(&mut chance, first, 50);
            append(&path.join("in/web.ndjson"), &web);
            append(&path.join("in/crm.ndjson"), &crm);
        };
        grow(0);
        let mut run =
            Running::start(path, &["run", "shop.yaml", "--data", "data", "--follow", "--quiet"]);
        let profiles = path.join("out/profiles.ndjson");
        run.until("it is told", |_| fs::metadata(&profiles).is_ok_and(|now| now.len() > 0));
        match is_moved {
            true => fs::rename(path.join("data"), path.join("moved")).expect("it is moved"),
            false => delete_in_use(&path.join("data")),
        }
        if more {
            grow(50);
        }
        let said = run.end().badly();
        assert!(said.contains("the data folder 'data' was deleted or moved"), "{said}");
        if is_moved {
            fs::rename(path.join("moved"), path.join("data")).expect("it is moved back");
        }
        selfsame(path, &RUN).well();
        assert_eq!(state(path), undisturbed(path));
    }
}

#[test]
fn what_is_no_folder_or_may_not_be_written_is_refused_with_what_to_do() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("data"), "a file").expect("it is written");
    let said = refusal(path);
    assert!(said.contains("there is something else"), "{said}");
    fs::remove_file(path.join("data")).expect("it is deleted");
    std::os::unix::fs::symlink("nowhere/at/all", path.join("data")).expect("a link");
    let said = refusal(path);
    assert!(said.contains("a link that leads nowhere"), "{said}");
    fs::remove_file(path.join("data")).expect("it is deleted");
    // A later version made it, which knows another layout.
    fs::create_dir(path.join("data")).expect("a folder");
    let store = r#"{"layout": 99, "store": "00", "more": true}"#;
    fs::write(path.join("data/store.json"), store).expect("it is written");
    let said = refusal(path);
    assert!(said.contains("a later version of selfsame (layout 99"), "{said}");
}

/// What is read again says what a log of rejects has already.
#[test]
fn nothing_is_told_twice_where_an_older_folder_is_put_back() {
    let folder = folder();
    let path = folder.path();
    let mut chance = Chance(11);
    let mut grow = |first| {
        let (web, crm) = rows(&mut chance, first, 200);
        append(&path.join("in/web.ndjson"), &web);
        append(&path.join("in/crm.ndjson"), &crm);
    };
    grow(0);
    selfsame(path, &RUN).well();
    let copy = |from: &str, to: &str| {
        let mut copied = std::process::Command::new("cp");
        let copied = copied.args(["-r", from, to]).current_dir(path);
        assert!(copied.status().expect("cp").success());
    };
    copy("data", "older");
    grow(200);
    selfsame(path, &RUN).well();
    fs::remove_dir_all(path.join("data")).expect("it is deleted");
    copy("older", "data");
    selfsame(path, &RUN).well();
    assert_eq!(state(path), undisturbed(path));
    grow(400);
    selfsame(path, &RUN).well();
    assert_eq!(state(path), undisturbed(path));
}

#[test]
fn who_is_asked_for_is_known_to_a_run_that_begins_with_a_checkpoint() {
    let folder = folder();
    let path = folder.path();
    let mut chance = Chance(11);
    let (web, crm) = rows(&mut chance, 0, 400);
    append(&path.join("in/web.ndjson"), &web);
    append(&path.join("in/crm.ndjson"), &crm);
    let environment = [("SELFSAME_CHECKPOINT_ROWS", "100")];
    Running::start_with(path, &RUN, &environment).end().well();
    assert!(!checkpoints(path).is_empty());
    let (web, _) = rows(&mut chance, 400, 50);
    append(&path.join("in/web.ndjson"), &web);
    let serving = ["run", "shop.yaml", "--data", "data", "--http", "127.0.0.1:0"];
    let mut run = Running::start_with(path, &serving, &environment);
    let address = http::address(&mut run);
    run.until("it is ready", |_| http::get(&address, "/health/ready").0 == 200);
    assert!(run.err().contains("a checkpoint of"), "{}", run.err());
    let whole = undisturbed(path);
    let profiles = || whole.iter().filter(|((output, _), _)| output == "profiles");
    let answer = |person: &str| -> Value {
        let (_, text) = http::get(&address, &format!("/v1/persons/{person}"));
        let mut profile = serde_json::from_str::<Value>(&text).expect("JSON")["profile"].take();
        profile.as_object_mut().map(|profile| profile.remove("at"));
        profile
    };
    for ((_, person), profile) in profiles() {
        run.until("all is read", |_| answer(person) == *profile);
    }
}

#[test]
fn metrics_tell_of_the_latest_checkpoint() {
    let folder = folder();
    let path = folder.path();
    let mut chance = Chance(5);
    let (web, crm) = rows(&mut chance, 0, 300);
    append(&path.join("in/web.ndjson"), &web);
    append(&path.join("in/crm.ndjson"), &crm);
    let arguments = [&RUN[..4], &["--follow", "--http", "127.0.0.1:0"]].concat();
    let environment = [("SELFSAME_CHECKPOINT_ROWS", "100")];
    let mut running = Running::start_with(path, &arguments, &environment);
    let address = http::address(&mut running);
    let told = |name: &str| -> Option<f64> {
        let metrics = http::get(&address, "/metrics").1;
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        Some(line.parse().expect("a number"))
    };
    // It is written beside the run, which may take a while.
    running
        .until("one is told of", |_| told("selfsame_store_checkpoint_timestamp_seconds").is_some());
    let at = told("selfsame_store_checkpoint_timestamp_seconds").expect("one");
    let ticks = checkpoints(path);
    let ticks = ticks.iter().filter_map(|of| of.file_name()?.to_str()?.parse::<u64>().ok());
    assert!(ticks.into_iter().any(|tick| (tick as f64 / 1e3 - at).abs() < 1e-3), "{at}");
    assert!(told("selfsame_store_checkpoint_bytes").is_some_and(|bytes| bytes > 100.0));
    running.signal("INT");
    running.end().well();
    // The next run begins with it, and tells from the first moment how far it is.
    let mut running = Running::start_with(path, &arguments, &environment);
    let address = http::address(&mut running);
    let metrics = || http::get(&address, "/metrics").1;
    let told = |name: &str, metrics: &str| -> f64 {
        let sample = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        sample.unwrap_or_else(|| panic!("{name} in {metrics}")).parse().expect("a number")
    };
    running.until("all is read back", |_| {
        let metrics = metrics();
        let replayed = told("selfsame_replay_timestamp_seconds", &metrics);
        let end = told("selfsame_replay_end_timestamp_seconds", &metrics);
        assert!((at..=end).contains(&replayed), "{replayed} between {at} and {end}");
        told("selfsame_replay_active", &metrics) == 0.0
    });
    assert!(running.err().contains("a checkpoint of"), "{}", running.err());
    let metrics = metrics();
    assert!(metrics.contains("# TYPE selfsame_store_checkpoint_bytes gauge"));
    tools::nothing_is_wrong_with(&metrics);
    running.signal("INT");
    running.end().well();
}

/// A machine's clock that was 20 days ahead is set right between two runs: what was told by then stays told, and nothing is
/// told twice once time has come so far.
#[test]
fn now_does_not_go_back_where_the_clock_of_the_machine_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let definition = "
sources:
  web: {files: web.ndjson, kind: events, id: id, time: at, fields: {id: text, at: timestamp, user: text}}
identity:
  user: {from: {web: user}}
attributes:
  recent: {from: web, select: count(*), within: 10 days}
segments:
  active: recent > 0
outputs:
  profiles: {files: out/profiles.ndjson}
  segments: {files: out/segments.ndjson}
";
    fs::write(path.join("s.yaml"), definition).expect("it is written");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("behind the epoch").as_millis();
    let row =
        |id: &str, user: &str| format!("{}\n", json!({"id": id, "at": now as u64, "user": user}));
    let run = |ahead: &str| {
        let arguments =
            ["run", "s.yaml", "--data", "data", "--until-end", "--quiet", "--summary", "s.json"];
        let clock = [("SELFSAME_CLOCK_AHEAD", ahead)];
        Running::start_with(path, &arguments, &clock).end().well();
        let summary = fs::read_to_string(path.join("s.json")).expect("it is there");
        let summary: Value = serde_json::from_str(&summary).expect("JSON");
        let told = fs::read_to_string(path.join("out/profiles.ndjson")).expect("it is there");
        (summary["segments"]["active"].as_u64(), told.lines().count())
    };
    append(&path.join("web.ndjson"), &row("1", "ann"));
    assert_eq!(run("1728000000000"), (Some(0), 1));
    assert_eq!(run("0"), (Some(0), 1));
    append(&path.join("web.ndjson"), &row("2", "bob"));
    assert_eq!(run("0"), (Some(0), 2));
    assert_eq!(run("1728000000000"), (Some(0), 2));
}

/// As where a run is started every so often and ends with its files.
#[test]
fn small_files_of_short_runs_become_few() {
    let folder = folder();
    let path = folder.path();
    let mut chance = Chance(29);
    for run in 0..20 {
        let (web, crm) = rows(&mut chance, run * 3, 3);
        append(&path.join("in/web.ndjson"), &web);
        append(&path.join("in/crm.ndjson"), &crm);
        selfsame(path, &RUN).well();
    }
    let files = fs::read_dir(path.join("data/rows/web")).expect("a folder").count();
    assert!(files <= 8, "{files} files");
    assert_eq!(state(path), undisturbed(path));
    fs::remove_dir_all(path.join("data/checkpoints")).ok();
    selfsame(path, &RUN).well();
    assert_eq!(state(path), undisturbed(path));
}
