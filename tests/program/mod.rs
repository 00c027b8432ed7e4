//! The built program, started as a user starts it, and what it leaves behind.

// Each test uses its part of this.
#![allow(dead_code)]

pub mod outputs;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
/// How long anything may take that is waited for: what takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a program said and how it ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
}

impl Ended {
    /// What it wrote, having ended well.
    #[track_caller]
    pub fn well(self) -> String {
        assert!(self.status.success(), "{:?}\n{}\n{}", self.status, self.out, self.err);
        self.out
    }

    /// What it complained of, having ended as it does when something is wrong.
    #[track_caller]
    pub fn badly(self) -> String {
        let ended_by_itself = self.status.code().is_some_and(|code| code != 0);
        assert!(ended_by_itself, "{:?}\n{}\n{}", self.status, self.out, self.err);
        self.err
    }
}

/// Runs the program in a folder to its end.
pub fn selfsame<A: AsRef<OsStr>>(folder: &Path, arguments: &[A]) -> Ended {
    Running::start(folder, arguments).end()
}

/// A running program; it is ended when this is dropped.
pub struct Running {
    child: Child,
    out: Arc<Mutex<String>>,
    err: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Running {
    pub fn start<A: AsRef<OsStr>>(folder: &Path, arguments: &[A]) -> Self {
        Running::start_with(folder, arguments, &[])
    }

    pub fn start_with<A: AsRef<OsStr>>(
        folder: &Path,
        arguments: &[A],
        environment: &[(&str, &str)],
    ) -> Self {
        let program = env!("CARGO_BIN_EXE_selfsame");
        Running::start_of(program, folder, arguments, environment)
    }

    /// Starts another program, which may start this one.
    pub fn start_of<A: AsRef<OsStr>>(
        program: &str,
        folder: &Path,
        arguments: &[A],
        environment: &[(&str, &str)],
    ) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            // Where the program remembers what was run: not in the home of whoever runs the tests.
            .env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"))
            .envs(environment.iter().copied())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let (out, err) = (Arc::default(), Arc::default());
        let readers = vec![
            collect(child.stdout.take().expect("piped"), Arc::clone(&out)),
            collect(child.stderr.take().expect("piped"), Arc::clone(&err)),
        ];
        Running { child, out, err, readers }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written so far.
    pub fn out(&self) -> String {
        self.out.lock().expect("readers do not panic").clone()
    }

    pub fn err(&self) -> String {
        self.err.lock().expect("readers do not panic").clone()
    }

    /// Waits until something holds; the program must be running all the while.
    #[track_caller]
    pub fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !holds(self) {
            let status = self.child.try_wait().expect("it is our child");
            // What it did last may have made it hold, and what it said last may be on its way.
            if status.is_some() && !(0..500).any(|_| holds(self) || pause()) {
                panic!("ended ({status:?}) before {what}\n{}\n{}", self.out(), self.err());
            }
            assert!(start.elapsed() < PATIENCE, "never: {what}\n{}\n{}", self.out(), self.err());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for as long as it runs and something holds.
    pub fn while_it_runs(&mut self, holds: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while self.child.try_wait().expect("it is our child").is_none() && holds(self) {
            assert!(start.elapsed() < PATIENCE, "for ever\n{}\n{}", self.out(), self.err());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal such as `INT`.
    pub fn signal(&self, name: &str) {
        let kill =
            Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status();
        assert!(kill.expect("there is kill").success());
    }

    /// Waits for its end.
    #[track_caller]
    pub fn end(mut self) -> Ended {
        let start = Instant::now();
        let status = loop {
            match self.child.try_wait().expect("it is our child") {
                Some(status) => break status,
                None if start.elapsed() > PATIENCE => {
                    panic!("it does not end\n{}\n{}", self.out(), self.err())
                }
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        self.readers.drain(..).for_each(|reader| reader.join().expect("readers do not panic"));
        Ended { status, out: self.out(), err: self.err() }
    }

    /// Processor time of all its threads.
    pub fn processor_time(&self) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.id())).expect("it runs");
        let of_task = |task: std::io::Result<std::fs::DirEntry>| {
            let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        };
        Duration::from_nanos(tasks.filter_map(of_task).sum())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lets some time go by.
fn pause() -> bool {
    std::thread::sleep(Duration::from_millis(10));
    false
}

fn collect(pipe: impl Read + Send + 'static, into: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            into.lock().expect("nobody panics with it").push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    })
}

/// Ports of this machine where nobody listens. They lie below those that connections, and whoever asks for any port, are
/// given: nobody is given one of them before it is used.
pub fn free_ports(number: usize) -> Vec<u16> {
    let mut listeners: Vec<TcpListener> = Vec::new();
    while listeners.len() < number {
        let random = RandomState::new().build_hasher().finish();
        let port = 10_000 + (random % 20_000) as u16;
        listeners.extend(TcpListener::bind(("127.0.0.1", port)));
    }
    let port = |listener: &TcpListener| listener.local_addr().expect("bound").port();
    listeners.iter().map(port).collect()
}

/// Addresses on this machine where nobody listens.
pub fn free_addresses(number: usize) -> Vec<String> {
    free_ports(number).into_iter().map(|port| format!("127.0.0.1:{port}")).collect()
}

/// A record of a changelog.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    pub output: String,
    pub key: String,
    pub value: Option<String>,
    pub merged_into: Option<String>,
}

/// The records that a changelog in a file has so far, in order.
pub fn records(path: &Path) -> Vec<Record> {
    #[derive(serde::Deserialize)]
    struct Line {
        output: String,
        key: String,
        value: Option<Box<serde_json::value::RawValue>>,
        merged_into: Option<String>,
    }
    assert!(path.exists(), "{path:?} is not there");
    let record = |line: &String| {
        let Line { output, key, value, merged_into } =
            serde_json::from_str(line).expect("a record");
        Record { output, key, value: value.map(|value| value.get().to_owned()), merged_into }
    };
    outputs::lines(path).iter().map(record).collect()
}

/// The records of all changelogs in a folder.
pub fn records_in(folder: &Path) -> Vec<Record> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.iter().flat_map(|path| records(path)).collect()
}

/// What changelogs say: by output and key the newest value. Who has left a segment, and what is gone,
/// is as what never was. Rejects are a log: each stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub values: BTreeMap<(String, String), String>,
    pub rejects: Vec<String>,
}

impl State {
    pub fn of(records: impl IntoIterator<Item = Record>) -> Self {
        let mut state = State::default();
        for Record { output, key, value, .. } in records {
            match value {
                Some(value) if output == "rejects" => state.rejects.push(value),
                Some(value) if !(output == "segments" && value.contains("\"change\":\"left\"")) => {
                    state.values.insert((output, key), value);
                }
                _ => drop(state.values.remove(&(output, key))),
            }
        }
        state.rejects.sort();
        state
    }

    /// With every value changed.
    pub fn map(self, change: impl Fn(&str) -> String) -> Self {
        let values = self.values.into_iter().map(|(key, value)| (key, change(&value))).collect();
        let mut rejects: Vec<String> = self.rejects.iter().map(|value| change(value)).collect();
        rejects.sort();
        State { values, rejects }
    }

    /// How many keys an output has.
    pub fn count(&self, output: &str) -> usize {
        self.values.keys().filter(|(of, _)| of == output).count()
    }

    /// Says where two states differ, rather than all that they are.
    #[track_caller]
    pub fn must_be(&self, expected: &State, what: &str) {
        for (key, value) in &expected.values {
            let found = self.values.get(key);
            assert_eq!(found, Some(value), "{what}: {key:?}");
        }
        let more = self.values.iter().find(|(key, _)| !expected.values.contains_key(*key));
        assert_eq!(more, None, "{what}: more than expected");
        assert_eq!(self.rejects, expected.rejects, "{what}: rejects");
    }
}
