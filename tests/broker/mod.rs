//! A real Kafka broker for tests: one a test binary, fetched by Maven once and started on free ports.
//!
//! `KAFKA_BROKERS` (brokers that run) or `KAFKA_HOME` (an unpacked distribution) take precedence. The
//! broker ends with the test binary, however that ends: a shell holds it, which waits for the end of
//! a pipe from here.

// Each test uses its part of this.
#![allow(dead_code)]

pub mod client;

use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::program::free_addresses;

const PATIENCE: Duration = Duration::from_secs(120);

/// Ends the broker when nobody holds the pipe's other end any more, and removes what it left. One that ended is started
/// again where that was asked for.
const HOLD: &str = r#"
exec 3<&0
(cat <&3 >/dev/null; kill -KILL $(cat "$FOLDER/broker.pid") 2>/dev/null; rm -rf "$FOLDER") &
while :; do
    "$@" </dev/null >>"$FOLDER/broker.log" 2>&1 &
    echo $! >"$FOLDER/broker.pid"
    wait $!
    status=$?
    rm "$FOLDER/again" 2>/dev/null || exit $status
done
"#;

const WANTED: &str = "the Kafka tests need Java 17 or newer and Maven (Debian: apt-get install \
    openjdk-17-jre-headless maven), or KAFKA_HOME with an unpacked Apache Kafka 4, or KAFKA_BROKERS \
    with the addresses of running brokers";

/// Where the test binary's broker answers.
pub fn brokers() -> &'static str {
    &held().0
}

/// Where a broker answers that nobody had before, whatever brokers there are: for names that others may have, too.
pub fn fresh() -> &'static str {
    static FRESH: OnceLock<(String, Held)> = OnceLock::new();
    &FRESH.get_or_init(|| start(&jars())).0
}

/// Stops the broker where it is, for a while: connections stay, and nothing is answered. Brokers that were there before
/// the tests are left alone.
pub fn pause(how_long: Duration) {
    let Some(held) = &held().1 else { return };
    held.signal("STOP");
    std::thread::sleep(how_long);
    held.signal("CONT");
}

/// Kills the broker, which is started again with what it has on the disk, and waits until it answers.
pub fn restart() {
    let (address, Some(held)) = held() else { return };
    std::fs::write(held.folder.join("again"), "").expect("room on the disk");
    held.signal("KILL");
    answers(address, &mut || None).expect("it comes back");
}

fn held() -> &'static (String, Option<Held>) {
    static BROKERS: OnceLock<(String, Option<Held>)> = OnceLock::new();
    BROKERS.get_or_init(|| match std::env::var("KAFKA_BROKERS") {
        Ok(brokers) => {
            answers(&brokers, &mut || None)
                .unwrap_or_else(|why| panic!("KAFKA_BROKERS: {why}; {WANTED}"));
            (brokers, None)
        }
        Err(_) => {
            let (address, held) = start(&jars());
            (address, Some(held))
        }
    })
}

/// Dropped by the operating system, as statics are.
struct Held {
    _shell: Child,
    _pipe: ChildStdin,
    folder: PathBuf,
}

impl Held {
    fn signal(&self, name: &str) {
        let id = std::fs::read_to_string(self.folder.join("broker.pid")).expect("it runs");
        let sent = Command::new("kill").args([&format!("-{name}"), id.trim()]).status();
        assert!(sent.expect("there is kill").success(), "the broker runs");
    }
}

/// The class path of a broker.
fn jars() -> String {
    if let Ok(home) = std::env::var("KAFKA_HOME") {
        let jars = Path::new(&home).join("libs");
        assert!(jars.is_dir(), "KAFKA_HOME is {home}, where there is no folder libs");
        return jars.join("*").display().to_string();
    }
    let pom = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broker/pom.xml");
    let text = std::fs::read(&pom).expect("the pom lies beside this file");
    let name = format!("kafka-{}", &blake3::hash(&text).to_hex()[..8]);
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = cache.join(name);
    if !folder.is_dir() {
        // Another test binary may fetch it at the same time: it is whole when it has its name.
        let fresh = tempfile::tempdir_in(cache).expect("room in the target folder");
        fetch(&pom, fresh.path());
        let fetched = fresh.keep();
        if std::fs::rename(&fetched, &folder).is_err() {
            assert!(folder.is_dir(), "{folder:?} can't be made");
            let _ = std::fs::remove_dir_all(fetched);
        }
    }
    folder.join("*").display().to_string()
}

fn fetch(pom: &Path, into: &Path) {
    eprintln!("fetching Apache Kafka by Maven (once)");
    let fetched = Command::new("mvn")
        .args(["--quiet", "--batch-mode", "--file"])
        .arg(pom)
        .arg("org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies")
        .arg("-DincludeScope=runtime")
        .arg(format!("-DoutputDirectory={}", into.display()))
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|why| panic!("mvn does not start ({why}): {WANTED}"));
    let said = String::from_utf8_lossy(&fetched.stdout);
    assert!(fetched.status.success(), "Maven fetches no Kafka: {said}\n{WANTED}");
}

fn java() -> Command {
    let home = std::env::var("JAVA_HOME").map(|home| PathBuf::from(home).join("bin/java"));
    Command::new(home.ok().filter(|java| java.is_file()).unwrap_or_else(|| "java".into()))
}

/// Starts a broker. A port that was free a moment ago may be taken by now: then on others.
fn start(jars: &str) -> (String, Held) {
    let mut said = String::new();
    for _ in 0..3 {
        match try_start(jars) {
            Ok(started) => return started,
            Err(log) => said = log,
        }
    }
    panic!("the broker does not start: {said}\n{WANTED}");
}

fn try_start(jars: &str) -> Result<(String, Held), String> {
    let folder = tempfile::Builder::new().prefix("selfsame-kafka-").tempdir();
    // The shell removes it, when the broker has ended.
    let folder = folder.expect("a temporary folder").keep();
    let addresses = free_addresses(2);
    let properties = include_str!("server.properties")
        .replace("://BROKER", &format!("://{}", addresses[0]))
        .replace("://CONTROLLER", &format!("://{}", addresses[1]))
        .replace("@CONTROLLER", &format!("@{}", addresses[1]))
        .replace("FOLDER", &folder.display().to_string());
    let file = folder.join("server.properties");
    std::fs::write(&file, properties).expect("room on the disk");

    let formatted = java()
        .args(["-Xmx128m", "-cp", jars, "kafka.tools.StorageTool", "format"])
        .args(["--cluster-id", "c2VsZnNhbWUtYnJva2VyMA", "--config"])
        .arg(&file)
        .output()
        .unwrap_or_else(|why| panic!("java does not start ({why}): {WANTED}"));
    if !formatted.status.success() {
        return Err(String::from_utf8_lossy(&formatted.stderr).into_owned());
    }

    let java = java();
    let mut shell = Command::new("sh")
        .args(["-c", HOLD, "sh"])
        .arg(java.get_program())
        .args(["-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
        .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
        .args(["-cp", jars, "kafka.Kafka"])
        .arg(&file)
        .env("FOLDER", &folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("there is a shell");
    let pipe = shell.stdin.take().expect("piped");
    let log = folder.join("broker.log");
    let mut ended = || {
        let status = shell.try_wait().expect("it is our child")?;
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        Some(format!("it ended ({status}):\n{said}"))
    };
    answers(&addresses[0], &mut ended)?;
    Ok((addresses[0].clone(), Held { _shell: shell, _pipe: pipe, folder }))
}

/// Waits until a broker answers.
fn answers(brokers: &str, ended: &mut dyn FnMut() -> Option<String>) -> Result<(), String> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("log_level", "0");
    config.set("reconnect.backoff.max.ms", "200");
    let asking: BaseConsumer = config.create().expect("a client");
    let start = Instant::now();
    loop {
        let why = match asking.fetch_metadata(None, Duration::from_secs(1)) {
            Ok(metadata) if !metadata.brokers().is_empty() => return Ok(()),
            Ok(_) => "it knows of no broker".to_owned(),
            Err(why) => why.to_string(),
        };
        if let Some(ended) = ended() {
            return Err(ended);
        }
        if start.elapsed() > PATIENCE {
            return Err(format!("{brokers} does not answer: {why}"));
        }
    }
}
