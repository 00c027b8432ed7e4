//! The guide: every definition, every file and every command in it, as a reader would take them, chapter by chapter.
//!
//! A block says what it is: `file=NAME` is written there, `topic=NAME` is sent, a message a line, `sh` is run, and `text`
//! is what that printed.

mod broker;
mod program;
mod python;

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use program::free_addresses;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use selfsame::internals::wait::wait_for;

/// What takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// A block between fences: its words behind the fence, and what it holds.
struct Block<'a> {
    words: Vec<&'a str>,
    text: &'a str,
    /// The lines of the document that hold the text.
    from: usize,
    to: usize,
}

/// The chapters of a document, each with its blocks.
fn chapters(document: &str) -> Vec<(String, Vec<Block<'_>>)> {
    let mut chapters = vec![(String::new(), Vec::new())];
    let mut rest = document;
    loop {
        let line = rest.find("\n```").map(|at| at + 1);
        let heading = rest.find("\n## ").map(|at| at + 1);
        match (line, heading) {
            (Some(fence), heading) if heading.is_none_or(|heading| fence < heading) => {
                let (words, behind) = rest[fence + 3..].split_once('\n').expect("a line");
                let text = &behind[..behind.find("```").expect("a fence closes")];
                let from = text.as_ptr() as usize - document.as_ptr() as usize;
                let words = words.split_whitespace().collect();
                let block = Block { words, text, from, to: from + text.len() };
                chapters.last_mut().expect("one at least").1.push(block);
                rest = &behind[text.len() + 2..];
            }
            (_, Some(heading)) => {
                let title = rest[heading + 3..].lines().next().unwrap_or_default();
                chapters.push((title.to_owned(), Vec::new()));
                rest = &rest[heading + 3..];
            }
            _ => return chapters,
        }
    }
}

/// What a chapter wants beside the program.
struct Means<'a> {
    python: Option<&'a Path>,
    brokers: Option<&'static str>,
}

/// Makes a topic, and sends each line as a message.
fn send(brokers: &str, topic: &str, lines: &str) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    let admin: AdminClient<DefaultClientContext> = config.create().expect("a client");
    let fresh = NewTopic::new(topic, 2, TopicReplication::Fixed(1));
    let made = wait_for(admin.create_topics([&fresh], &AdminOptions::new()));
    made.expect("the broker answers").remove(0).expect("a topic");
    let producer: BaseProducer = config.create().expect("a producer");
    for line in lines.lines() {
        let record = BaseRecord::<str, str>::to(topic).payload(line);
        producer.send(record).map_err(|(error, _)| error).expect("room in the queue");
    }
    producer.flush(PATIENCE).expect("the broker takes them");
}

/// The same with ports that nobody has, where it names some of this machine.
fn with_free_ports(text: &str) -> String {
    let here = |line: &str| line.starts_with("localhost:");
    let mut free = free_addresses(text.lines().filter(|line| here(line)).count()).into_iter();
    let line = |line: &str| match here(line) {
        true => free.next().expect("as many as there are") + "\n",
        false => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// Takes a chapter's commands in its folder; says what they print.
fn take(folder: &Path, means: &Means<'_>, commands: &str) -> Result<String, String> {
    let program = Path::new(env!("CARGO_BIN_EXE_selfsame")).parent().expect("a folder");
    let own = [Some(program), means.python.and_then(Path::parent)];
    let mut path: Vec<String> =
        own.into_iter().flatten().map(|folder| folder.display().to_string()).collect();
    path.extend(std::env::var("PATH"));
    let mut shell = Command::new("timeout");
    if let Some(brokers) = means.brokers {
        shell.env("BROKERS", brokers);
    }
    let ended = shell
        .arg(PATIENCE.as_secs().to_string())
        .args(["sh", "-e", "-c", commands])
        .env("PATH", path.join(":"))
        .env("SELFSAME_LOG", "error")
        .env("XDG_STATE_HOME", folder.join(".state"))
        .current_dir(folder)
        .output()
        .expect("there is a shell");
    let (out, err) =
        (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    match ended.status.success() {
        true => Ok(out.into_owned()),
        false => Err(format!("{commands}\n{out}\n{err}")),
    }
}

#[test]
fn what_the_guide_shows_is_what_happens() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = root.join("docs/guide.md");
    let document = std::fs::read_to_string(&file).expect("the guide");
    let blesses = std::env::var_os("SELFSAME_BLESS").is_some();
    let (mut changes, mut failed, mut taken, mut left_out) = (Vec::new(), Vec::new(), 0, 0);
    for (title, blocks) in chapters(&document) {
        let wants = |what: &str| blocks.iter().any(|block| block.text.contains(what));
        let found = wants("python3 ")
            .then(|| python::with("guide", &["confluent_kafka", "duckdb", "pandas", "pyarrow"]));
        if found == Some(None) {
            // Past what the test's runner keeps of tests that pass; in continuous integration it has failed by now.
            let said = format!("SKIPPED: the chapter '{title}', which wants packages of Python\n");
            std::io::stderr().write_all(said.as_bytes()).expect("somebody reads");
            left_out += 1;
            continue;
        }
        let found = found.flatten();
        let means =
            Means { python: found.as_deref(), brokers: wants("$BROKERS").then(broker::fresh) };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut printed = String::new();
        for block in blocks {
            let named = |what| block.words.iter().find_map(|word| word.strip_prefix(what));
            match (named("file="), block.words.first()) {
                _ if let Some(topic) = named("topic=") => {
                    send(means.brokers.expect("commands name BROKERS"), topic, block.text);
                    taken += 1;
                }
                (Some(name), _) => {
                    let path = folder.path().join(name);
                    std::fs::create_dir_all(path.parent().expect("a folder")).expect("room");
                    std::fs::write(&path, with_free_ports(block.text)).expect("room");
                    taken += 1;
                }
                (None, Some(&"sh")) => {
                    taken += 1;
                    match take(folder.path(), &means, block.text) {
                        Ok(shown) => printed = shown,
                        Err(why) => {
                            failed.push(format!("{title}: {why}"));
                            break;
                        }
                    }
                }
                (None, Some(&"text")) if blesses => {
                    changes.push((block.from, block.to, printed.clone()))
                }
                (None, Some(&"text")) if block.text.trim() == printed.trim() => {}
                (None, Some(&"text")) => {
                    failed.push(format!("{title} shows\n{}\nand prints\n{printed}", block.text));
                }
                _ => {}
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(taken > 80, "{taken}");
    assert!(left_out == 0 || std::env::var_os("CI").is_none(), "{left_out}");
    let mut mended = document.clone();
    for (from, to, printed) in changes.into_iter().rev() {
        mended.replace_range(from..to, &format!("{}\n", printed.trim_end()));
    }
    if blesses {
        std::fs::write(&file, mended).expect("room");
    }
}
