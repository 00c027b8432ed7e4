//! Workers and processes: however many there are, what they find is the same, and they start, stop
//! and fail together.

mod program;
#[path = "input/written.rs"]
mod written;

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use program::{Running, State, free_addresses, records_in, selfsame};
use written::parquet;

const CLOCK: &str = "fixed:2025-08-20T00:00:00Z";

/// A generated history with the definition that comes with it.
fn retail() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let definition = Path::new(env!("CARGO_MANIFEST_DIR")).join("dataflows/retail/retail.yaml");
    std::fs::copy(definition, folder.path().join("retail.yaml")).expect("room on the disk");
    let arguments = ["generate", "--people", "400", "--events", "12000", "--out", "data"];
    selfsame(folder.path(), &arguments).well();
    folder
}

/// A folder in it with the definition and the history, for outputs of its own.
fn place(folder: &Path, name: &str) -> PathBuf {
    let own = folder.join(name);
    if !own.exists() {
        std::fs::create_dir(&own).expect("room on the disk");
        std::fs::copy(folder.join("retail.yaml"), own.join("retail.yaml")).expect("room");
        std::os::unix::fs::symlink("../data", own.join("data")).expect("room on the disk");
    }
    own
}

/// Runs the definition in a folder of its own; returns the summary.
fn run(folder: &Path, name: &str, arguments: &[&str]) -> String {
    let own = place(folder, name);
    selfsame(&own, &[&["run", "retail.yaml", "--until-end"], arguments].concat()).well()
}

/// Processes that are to meet, with their hosts file in the folder.
fn hosts(folder: &Path, processes: usize) -> Vec<String> {
    let addresses = free_addresses(processes);
    std::fs::write(folder.join("hosts"), addresses.join("\n")).expect("room on the disk");
    addresses
}

fn process(folder: &Path, process: usize, arguments: &[&str]) -> Running {
    let own = place(folder, &format!("process-{process}"));
    let process = process.to_string();
    let run = ["run", "retail.yaml", "--hosts", "../hosts", "--process", &process];
    Running::start(&own, &[&run[..], arguments].concat())
}

/// Two processes that follow their files and have sent what there was.
fn two_that_follow(folder: &Path) -> ([Running; 2], Vec<String>) {
    let addresses = hosts(folder, 2);
    // What those before them wrote goes.
    let _ = std::fs::remove_dir_all(folder.join("process-0/out"));
    let mut both = [0, 1].map(|number| process(folder, number, &["--follow", "--clock", CLOCK]));
    let profiles = folder.join("process-0/out/profiles.ndjson");
    both[0].until("profiles are sent", |_| {
        profiles.metadata().is_ok_and(|profiles| profiles.len() > 10_000)
    });
    (both, addresses)
}

#[test]
fn the_final_state_is_the_same_for_any_number_of_workers_and_processes() {
    let retail = retail();
    let folder = retail.path();
    run(folder, "one", &["--clock", CLOCK]);
    let one = State::of(records_in(&folder.join("one/out")));
    assert!(one.count("profiles") > 300 && one.count("segments") > 50, "there is something to say");
    assert!(!one.rejects.is_empty());
    for workers in ["2", "4"] {
        run(folder, workers, &["--clock", CLOCK, "--workers", workers]);
        let several = State::of(records_in(&folder.join(workers).join("out")));
        several.must_be(&one, &format!("{workers} workers"));
    }
    hosts(folder, 2);
    let arguments = ["--until-end", "--workers", "2", "--clock", CLOCK];
    let [first, second] = [0, 1].map(|number| process(folder, number, &arguments));
    let summary = first.end().well();
    assert_eq!(second.end().well(), "", "the first process has the summary of all");
    assert!(summary.contains(&format!("people{:>26}", one.count("profiles"))), "{summary}");
    let several = State::of(records_in(&folder.join("process-0/out")));
    several.must_be(&one, "2 processes of 2 workers");
    assert!(!folder.join("process-1/out").exists(), "files are written by the first process");
}

#[test]
fn the_final_state_is_the_same_for_any_order_of_files_and_any_pace_of_the_clock() {
    let retail = retail();
    let folder = retail.path();
    // Changes come at other instants, so what is compared is what they say.
    let state = |name: &str| {
        let state = State::of(records_in(&folder.join(name).join("out")));
        state.map(|value| value.rsplit_once(",\"at\":").expect("an instant").0.to_owned())
    };
    run(folder, "one", &["--clock", "event"]);
    let one = state("one");
    run(folder, "four", &["--clock", "event", "--workers", "4"]);
    state("four").must_be(&one, "4 workers");

    let web = folder.join("data/web");
    let [first, second] = ["events-0.ndjson", "events-1.ndjson"].map(|name| web.join(name));
    let swap =
        [(&first, web.join("swap")), (&second, first.clone()), (&web.join("swap"), second.clone())];
    swap.iter().for_each(|(from, to)| std::fs::rename(from, to).expect("it is there"));
    run(folder, "swapped", &["--clock", "event"]);
    // Rejects say where they were found.
    let without_rejects = |state: State| State { rejects: Vec::new(), ..state };
    without_rejects(state("swapped")).must_be(&without_rejects(one), "files the other way round");
}

#[test]
fn when_a_process_is_lost_the_others_stop_and_name_it() {
    let retail = retail();
    for lost in [1, 0] {
        let (both, addresses) = two_that_follow(retail.path());
        both[lost].signal("KILL");
        let [first, second] = both;
        let stays = if lost == 0 { second } else { first };
        let complaint = stays.end().badly();
        let expected = format!("error: process {lost} at {} is lost (", addresses[lost]);
        assert!(
            complaint.lines().last().is_some_and(|line| line.starts_with(&expected)),
            "{complaint}"
        );
        assert!(!complaint.contains("panicked"), "{complaint}");
    }
}

#[test]
fn a_process_that_fails_takes_the_others_with_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let definition = "sources:\n  web: {files: data/*.parquet, format: parquet, kind: events, \
                      fields: {user: text}}\nidentity:\n  user: {from: {web: user}}\n\
                      outputs:\n  profiles: {files: out/profiles.ndjson}\n";
    std::fs::write(folder.join("retail.yaml"), definition).expect("room on the disk");
    std::fs::create_dir(folder.join("data")).expect("room on the disk");
    let users: Vec<String> = (0..20_000).map(|number| format!("user {number}")).collect();
    let users: ArrayRef = Arc::new(StringArray::from(users));
    let batch = RecordBatch::try_from_iter([("user", users)]).expect("a batch");
    let mut bytes = parquet(&[batch]);
    std::fs::write(folder.join("data/1.parquet"), &bytes).expect("room on the disk");
    // Its end, which says what is in it, is as it was.
    let half = bytes.len() / 2;
    bytes[4..half].fill(0xff);
    std::fs::write(folder.join("data/2.parquet"), &bytes).expect("room on the disk");
    let addresses = hosts(folder, 2);
    let [first, second] = [0, 1].map(|number| process(folder, number, &[]));
    let complaint = second.end().badly();
    assert!(complaint.contains("data/2.parquet: not readable as Parquet"), "{complaint}");
    let complaint = first.end().badly();
    let failed = format!("error: process 1 at {} failed (source web: ", addresses[1]);
    let says_why = complaint.contains(&failed) && complaint.contains("not readable as Parquet");
    assert!(says_why, "{complaint}");
}

#[test]
fn a_signal_to_one_process_ends_all_of_them_with_everything_sent() {
    let retail = retail();
    let folder = retail.path();
    run(folder, "one", &["--clock", CLOCK]);
    let one = State::of(records_in(&folder.join("one/out")));
    for signalled in [0, 1] {
        let (mut both, _) = two_that_follow(folder);
        let out = folder.join("process-0/out");
        both[0].until("all is read", |_| State::of(records_in(&out)) == one);
        both[signalled].signal("TERM");
        let [first, second] = both.map(Running::end);
        assert!(first.out.contains("identifiers"), "{first:?}");
        first.well();
        second.well();
        State::of(records_in(&out)).must_be(&one, "after a signal");
    }
}

#[test]
fn a_signal_before_the_end_is_told_by_the_exit_code_of_every_process() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    long(folder);
    hosts(folder, 2);
    for (interrupted, signal, code) in [(0, "INT", 130), (1, "TERM", 143)] {
        let mut both = [0, 1].map(|number| process(folder, number, &[]));
        both.iter_mut().for_each(|of| of.until("it runs", |of| of.err().contains("retail runs")));
        both[interrupted].signal(signal);
        let [first, second] = both.map(Running::end);
        assert_eq!([&first, &second].map(|of| of.status.code()), [Some(code); 2], "{first:?}");
        let told = format!("retail: interrupted by SIG{signal}, before all that there is was read");
        assert!(first.out.starts_with(&told), "{first:?}");
    }
}

/// A definition whose file takes a while to read.
fn long(folder: &Path) {
    let definition = "sources:\n  web: {files: [data/one.ndjson, data/two.ndjson], kind: events, \
                      fields: {user: text}}\nidentity:\n  user: {from: {web: user}}\n\
                      outputs:\n  profiles: {files: out/profiles.ndjson}\n";
    std::fs::create_dir(folder.join("data")).expect("room on the disk");
    std::fs::write(folder.join("retail.yaml"), definition).expect("room on the disk");
    let rows: String = (0..400_000).map(|row| format!("{{\"user\":\"u{row}\"}}\n")).collect();
    for name in ["one", "two"] {
        std::fs::write(folder.join(format!("data/{name}.ndjson")), &rows).expect("room");
    }
}

#[test]
fn a_second_signal_ends_a_process_at_once_whatever_it_waits_for() {
    let ends_at_once = |mut running: Running, what: &str| {
        running.signal("INT");
        running.until("it has heard", |running| running.err().contains("stopping: "));
        std::thread::sleep(Duration::from_millis(300));
        let start = Instant::now();
        running.signal("INT");
        let ended = running.end();
        assert_eq!(ended.status.code(), Some(130), "{what}: {ended:?}");
        assert!(start.elapsed() < Duration::from_secs(2), "{what}");
    };
    let retail = retail();
    let folder = retail.path();
    // A disk that is full.
    let definition = std::fs::read_to_string(folder.join("retail.yaml")).expect("it was written");
    let full = definition.replace("out/profiles.ndjson", "/dev/full");
    std::fs::write(folder.join("full.yaml"), full).expect("room on the disk");
    let mut running = Running::start(folder, &["run", "full.yaml", "--until-end"]);
    running.until("nothing is written", |running| running.err().contains("trying again"));
    ends_at_once(running, "a full disk");
    // A process that stands still.
    let (both, _) = two_that_follow(folder);
    both[1].signal("STOP");
    let [first, second] = both;
    ends_at_once(first, "a process that stands still");
    drop(second);
}

#[test]
fn a_second_signal_ends_all_processes_of_a_machine_though_one_stands_still() {
    let retail = retail();
    for more in [&[][..], &["--data", "kept"]] {
        let run = ["run", "retail.yaml", "--follow", "--processes", "2"];
        let mut all = Running::start(retail.path(), &[&run[..], more].concat());
        all.until("they run", |all| all.err().contains("runs with 1 worker in process 0"));
        let children = children(&all);
        let stopped = Command::new("kill").args(["-STOP", &children[1]]).status();
        assert!(stopped.expect("there is kill").success());
        all.signal("INT");
        all.until("it has heard", |all| all.err().contains("stopping: "));
        all.signal("INT");
        assert_eq!(all.end().status.code(), Some(130), "{more:?}");
        assert!(!is_there(&children[1]), "one is left");
    }
}

/// At whichever instant of their start.
#[test]
fn the_first_signal_ends_all_processes_of_a_machine_however_early_it_comes() {
    let retail = retail();
    for wait in [0, 2, 5, 10, 15, 20, 30, 40, 60, 80, 120, 200] {
        let run = ["run", "retail.yaml", "--follow", "--processes", "2"];
        let all = Running::start(retail.path(), &run);
        std::thread::sleep(Duration::from_millis(wait));
        all.signal("TERM");
        let status = all.end().status;
        // It has not begun to hear of signals itself; it did, but no process; or they ended as they should.
        let is_ended = status.signal() == Some(15) || matches!(status.code(), Some(143 | 0));
        assert!(is_ended, "after {wait} ms: {status:?}");
    }
}

/// The two processes that `--processes 2` starts.
fn children(all: &Running) -> Vec<String> {
    let children = Command::new("pgrep").args(["-P", &all.id().to_string()]).output();
    let children = String::from_utf8(children.expect("there is pgrep").stdout).expect("numbers");
    let children: Vec<String> = children.lines().map(str::to_owned).collect();
    assert_eq!(children.len(), 2, "{children:?}");
    children
}

/// Whether a process runs; one that has ended may still be waited for by nobody.
fn is_there(process: &str) -> bool {
    let found = std::fs::read_to_string(format!("/proc/{process}/stat"));
    found.is_ok_and(|found| !found.contains(") Z "))
}

#[test]
fn nothing_is_left_of_processes_whose_supervisor_is_killed() {
    let retail = retail();
    let temporary = tempfile::tempdir().expect("a folder");
    let at = temporary.path().to_str().expect("text");
    let run = ["run", "retail.yaml", "--follow", "--processes", "2"];
    let mut all = Running::start_with(retail.path(), &run, &[("TMPDIR", at)]);
    all.until("they run", |all| all.err().contains("runs with 1 worker in process 0"));
    let children = children(&all);
    all.signal("KILL");
    all.end();
    let began = Instant::now();
    while children.iter().any(|child| is_there(child)) {
        assert!(began.elapsed() < Duration::from_secs(60), "one is left");
        std::thread::sleep(Duration::from_millis(50));
    }
    let left: Vec<_> = std::fs::read_dir(at).expect("a folder").collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_second_signal_ends_a_process_whose_log_nobody_reads() {
    let retail = retail();
    let (nobody_reads, mut full) = std::io::pipe().expect("a pipe");
    let stderr = full.try_clone().expect("a pipe");
    // However much room it has: from here on nobody can write to it.
    std::thread::spawn(move || while full.write_all(&[b' '; 512]).is_ok() {});
    std::thread::sleep(Duration::from_millis(500));
    let mut child = Command::new(env!("CARGO_BIN_EXE_selfsame"))
        .args(["run", "retail.yaml", "--follow"])
        .current_dir(retail.path())
        .stdout(Stdio::null())
        .stderr(stderr)
        .spawn()
        .expect("the program starts");
    std::thread::sleep(Duration::from_secs(2));
    for _ in 0..2 {
        let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(kill.expect("there is kill").success());
        std::thread::sleep(Duration::from_millis(500));
    }
    let ended = child.try_wait().expect("it is our child");
    let _ = child.kill();
    assert_eq!(ended.and_then(|status| status.code()), Some(130));
    drop(nobody_reads);
}

#[test]
fn processes_that_do_not_belong_together_say_why() {
    let retail = retail();
    let folder = retail.path();
    let addresses = hosts(folder, 2);
    let both = |first: Running, second: Running| [first.end().badly(), second.end().badly()];

    let stored = process(folder, 0, &["--data", "../kept"]);
    let [first, second] = both(stored, process(folder, 1, &[]));
    let has_none = format!("process 1 at {} has no data folder, and this one has", addresses[1]);
    assert!(first.contains(&has_none), "{first}");
    let has_one = format!("process 0 at {} has a data folder, and this one has none", addresses[0]);
    assert!(second.contains(&has_one), "{second}");

    let complaints = both(process(folder, 0, &["--workers", "2"]), process(folder, 1, &[]));
    let [first, second] = &complaints;
    assert!(
        first.contains(&format!("process 1 at {} has --workers 1, this one", addresses[1])),
        "{first}"
    );
    assert!(
        second.contains(&format!("process 0 at {} has --workers 2, this one", addresses[0])),
        "{second}"
    );

    let fixed = process(folder, 1, &["--clock", "fixed:2025-07-05T00:00:00Z"]);
    for complaint in both(process(folder, 0, &[]), fixed) {
        assert!(complaint.contains("was started with --clock "), "{complaint}");
        assert!(complaint.contains("this one with --clock "), "{complaint}");
    }

    // What is served would lack the people of a process that serves nothing.
    let served = process(folder, 1, &["--http", "127.0.0.1:0"]);
    for complaint in both(process(folder, 0, &[]), served) {
        assert!(complaint.contains("--http"), "{complaint}");
    }

    let definition = folder.join("retail.yaml");
    let text = std::fs::read_to_string(&definition).expect("it was written");
    let first = process(folder, 0, &[]);
    std::fs::write(folder.join("other.yaml"), text.replace("orders > 0", "orders > 1"))
        .expect("room");
    let run = ["run", "../other.yaml", "--hosts", "../hosts", "--process", "1"];
    let second = Running::start(&folder.join("process-1"), &run);
    for complaint in both(first, second) {
        assert!(complaint.contains("runs another definition: give all the same"), "{complaint}");
        assert!(
            complaint.contains("orders > 1' ") && complaint.contains("orders > 0' "),
            "{complaint}"
        );
    }

    std::fs::write(folder.join("three"), format!("{}\n127.0.0.1:1", addresses.join("\n")))
        .expect("room");
    let run = ["run", "../retail.yaml", "--hosts", "../three", "--process", "1"];
    let complaints = both(process(folder, 0, &[]), Running::start(&folder.join("process-1"), &run));
    assert!(
        complaints[0].contains("has a hosts file with 3 processes, this one 2"),
        "{complaints:?}"
    );
}

#[test]
fn a_process_tells_whom_it_waits_for_and_can_be_ended_meanwhile() {
    let retail = retail();
    let folder = retail.path();
    let addresses = hosts(folder, 2);
    for (alone, missing) in [(0, 1), (1, 0)] {
        let mut running = process(folder, alone, &[]);
        let waiting = format!("waiting for process {missing} at {}", addresses[missing]);
        running.until("it waits", |running| running.err().contains(&waiting));
        running.signal("INT");
        assert_eq!(running.end().status.code(), Some(130), "it never began");
    }
    // Somebody else listens there.
    let taken = std::net::TcpListener::bind(&addresses[0]).expect("it was free");
    let complaint = process(folder, 0, &[]).end().badly();
    let expected = format!("error: process 0 can't listen at {}: ", addresses[0]);
    assert!(complaint.contains(&expected), "{complaint}");
    drop(taken);
}

#[test]
fn a_process_that_can_not_start_is_waited_for_by_nobody() {
    let retail = retail();
    let folder = retail.path();
    let right = std::fs::read_to_string(folder.join("retail.yaml")).expect("the definition");
    // Whichever of three it is, and whatever is wrong with it; of the last one somebody else has the port.
    let cases = [
        (0, "data/products.csv", "data/absent.csv", "absent.csv"),
        (2, "kind: events", "kind: things", "things"),
        (1, "", "", "can't listen at"),
    ];
    for (failing, from, to, why) in cases {
        let addresses = hosts(folder, 3);
        let taken = (failing == 1).then(|| std::net::TcpListener::bind(&addresses[1]));
        let others = [0, 1, 2].into_iter().filter(|number| *number != failing);
        let mut waiting: Vec<Running> = others.map(|other| process(folder, other, &[])).collect();
        waiting.iter_mut().for_each(|running| {
            running.until("it waits", |running| running.err().contains("waiting for"));
        });
        let own = place(folder, &format!("process-{failing}"));
        assert!(right.contains(from), "{from}");
        std::fs::write(own.join("wrong.yaml"), right.replacen(from, to, 1)).expect("room");
        let number = failing.to_string();
        let run = ["run", "wrong.yaml", "--hosts", "../hosts", "--process", &number];
        let said = selfsame(&own, &run).badly();
        assert!(said.contains(why), "{said}");
        for running in waiting {
            let said = running.end().badly();
            let first = format!("process {failing} at {} could not start (", addresses[failing]);
            assert!(said.contains(&first) && said.contains(why), "{said}");
        }
        drop(taken);
    }
}

/// What runs has met the others by then, and no worker is there yet.
#[test]
fn processes_whose_broker_does_not_answer_end_with_a_word() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    // It takes connections, and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let broker = silent.local_addr().expect("an address");
    let definition = format!(
        "kafka: {{brokers: \"{broker}\"}}\nsources: {{web: {{files: web.ndjson, kind: events, fields: {{user: text}}}}}}\n\
         identity: {{user: {{from: {{web: user}}}}}}\noutputs: {{profiles: {{kafka: {{topic: profiles}}}}}}\n"
    );
    std::fs::write(path.join("shop.yaml"), definition).expect("room on the disk");
    std::fs::write(path.join("web.ndjson"), "{\"user\":\"ada\"}\n").expect("room on the disk");
    hosts(path, 2);
    let start = |number: &str| {
        let run = ["run", "shop.yaml", "--data", "data", "--hosts", "hosts", "--process", number];
        Running::start(path, &run)
    };
    for running in [start("0"), start("1")] {
        let said = running.end();
        assert_eq!(said.status.code(), Some(1), "{said:?}");
        assert!(said.err.contains("error: ") && !said.err.contains("panicked"), "{}", said.err);
    }
}
