//! A webhook's receiver: it answers as it is told at first, then takes all.

// Each test uses its part of this.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

/// How a post is answered.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// The connection is ended.
    Nothing,
    Status(u16),
    /// Not now, but at once.
    Later,
}

/// A post that was taken.
#[derive(Clone, Debug)]
pub struct Post {
    id: String,
    timestamp: String,
    signature: String,
    body: String,
    pub records: Vec<Value>,
}

impl Post {
    /// Whether Python finds it signed with a secret.
    pub fn is_signed(&self, secret: &str) -> bool {
        let script = "
import base64, hashlib, hmac, sys
secret, told, *parts = sys.argv[1:]
signed = hmac.new(base64.b64decode(secret), '.'.join(parts).encode(), hashlib.sha256).digest()
sys.exit(told != 'v1,' + base64.b64encode(signed).decode())";
        let arguments = [secret, &self.signature, &self.id, &self.timestamp, &self.body];
        let asked = Command::new("python3").args(["-c", script]).args(arguments).status();
        asked.expect("there is Python").success()
    }
}

pub struct Receiver {
    pub url: String,
    taken: Arc<Mutex<Vec<Post>>>,
    /// How the next posts are answered.
    answers: Arc<Mutex<Vec<Answer>>>,
    mood: Arc<Mood>,
}

/// How a receiver is at the moment.
#[derive(Default)]
struct Mood {
    /// It takes nothing.
    is_away: AtomicBool,
    /// How many milliseconds each answer takes.
    pause: AtomicU64,
}

impl Receiver {
    pub fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/secret-path", listener.local_addr().expect("an address"));
        let taken: Arc<Mutex<Vec<Post>>> = Arc::default();
        let answers = Arc::new(Mutex::new(answers));
        let (noted, answered) = (Arc::clone(&taken), Arc::clone(&answers));
        let mood: Arc<Mood> = Arc::default();
        let of_answers = Arc::clone(&mood);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (noted, answers) = (Arc::clone(&noted), Arc::clone(&answered));
                let mood = Arc::clone(&of_answers);
                std::thread::spawn(
                    move || while serve(&stream, &noted, &answers, &mood).is_some() {},
                );
            }
        });
        Receiver { url, taken, answers, mood }
    }

    /// From now on it takes nothing, or what it is given.
    pub fn is_away(&self, is_away: bool) {
        self.mood.is_away.store(is_away, Ordering::Relaxed);
    }

    /// From now on each answer takes so long.
    pub fn takes(&self, pause: Duration) {
        self.mood.pause.store(pause.as_millis() as u64, Ordering::Relaxed);
    }

    /// From now on every post is taken.
    pub fn take_all(&self) {
        self.answers.lock().expect("no panic").clear();
    }

    pub fn taken(&self) -> Vec<Post> {
        self.taken.lock().expect("no panic").clone()
    }
}

fn serve(
    mut stream: &TcpStream,
    taken: &Mutex<Vec<Post>>,
    answers: &Mutex<Vec<Answer>>,
    mood: &Mood,
) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut headers = std::collections::BTreeMap::new();
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    assert!(line.starts_with("POST /secret-path "), "{line}");
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers["content-length"].parse().expect("a number")];
    reader.read_exact(&mut body).ok()?;
    let mut answers = answers.lock().expect("no panic");
    let answer = if answers.is_empty() { Answer::Status(204) } else { answers.remove(0) };
    drop(answers);
    std::thread::sleep(Duration::from_millis(mood.pause.load(Ordering::Relaxed)));
    let answer = if mood.is_away.load(Ordering::Relaxed) { Answer::Status(503) } else { answer };
    let (status, more) = match answer {
        Answer::Nothing => return None,
        Answer::Status(status) => (status, ""),
        Answer::Later => (429, "retry-after: 0\r\n"),
    };
    if status == 204 {
        let body = String::from_utf8(body).expect("text");
        let header = |name: &str| headers.get(name).cloned().unwrap_or_default();
        let records = serde_json::from_str(&body).expect("a list");
        let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
        let post = Post { id, timestamp, signature: header("webhook-signature"), body, records };
        taken.lock().expect("no panic").push(post);
    }
    write!(stream, "HTTP/1.1 {status} x\r\ncontent-length: 0\r\n{more}\r\n").ok()
}
