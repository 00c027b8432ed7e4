//! A shop whose definition is changed while it runs, at random.

// Each test uses its part of this.
#![allow(dead_code)]

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use serde_json::json;

use crate::program::outputs::{Holds, lines, said_of};
use crate::program::{self, Running, selfsame};

/// Numbers that follow from a seed.
pub struct Chance(pub u64);

impl Chance {
    pub fn new() -> Self {
        let seed = said("SELFSAME_CHAOS_SEED").unwrap_or_else(|| {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            since.expect("after 1970").as_nanos() as u64
        });
        println!("SELFSAME_CHAOS_SEED={seed}");
        Chance(seed)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % bound
    }

    pub fn is(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }
}

pub fn said(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Some definition of the shop.
pub fn definition(chance: &mut Chance) -> String {
    let mut text = "name: shop\nsources:\n".to_owned();
    // Rows that a `where` does not count are not stored, and would be missing ever after.
    text += "  web:\n    files: in/web*.ndjson\n    kind: events\n    id: id\n    time: at\n    \
             fields: {id: text, at: timestamp, user: text, cookie: text, amount: integer}\n";
    let has_crm = !chance.is(4);
    if has_crm {
        text += "  crm:\n    files: in/crm*.ndjson\n    kind: records\n    key: user\n    time: at\n    \
                 fields: {user: text, at: timestamp, name: text, cookie: text}\n";
    }
    let crm = if has_crm { "crm: user, " } else { "" };
    let at_most = if chance.is(2) { ", at_most: 1" } else { "" };
    text += &format!("identity:\n  user: {{from: {{{crm}web: user}}{at_most}}}\n");
    let crm = if has_crm && chance.is(2) { "crm: cookie, " } else { "" };
    let shared = if chance.is(3) { ", shared_after: 2" } else { "" };
    text += &format!("  cookie: {{from: {{{crm}web: cookie}}{shared}}}\n");
    text += "attributes:\n  spent: {from: web, select: sum(amount)}\n";
    let mut attributes = vec![
        "  visits: {from: web, select: count(*)}\n",
        "  largest: {from: web, select: max(amount)}\n",
        "  cookies: {from: web, select: count(distinct cookie)}\n",
        "  mean: {sql: spent / 3}\n",
    ];
    if has_crm {
        attributes.push("  name: {from: crm, select: last(name)}\n");
    }
    for attribute in attributes {
        if chance.is(2) {
            text += attribute;
        }
    }
    text += &format!("segments:\n  big: spent > {}\n", 100 * (1 + chance.below(4)));
    if chance.is(2) {
        text += "  small: spent < 60\n";
    }
    text += "outputs:\n  profiles: {files: out/profiles.ndjson}\n  rejects: {files: out/rejects.ndjson}\n";
    if !chance.is(4) {
        text += "  segments: {files: out/segments.ndjson}\n";
    }
    if !chance.is(4) {
        text += "  identities: {files: out/identities.ndjson}\n";
    }
    text
}

/// Rows of both sources, from the number `first` on.
pub fn rows(chance: &mut Chance, first: u64, number: u64) -> (String, String) {
    let (mut web, mut crm) = (String::new(), String::new());
    for row in first..first + number {
        let at =
            format!("2026-03-{:02}T{:02}:{:02}:00Z", 1 + row / 1440 % 28, row / 60 % 24, row % 60);
        let user = chance.is(3).then(|| format!("u{}", chance.below(60)));
        let cookie = format!("c{}", chance.below(150));
        let event = json!({"id": row.to_string(), "at": at, "user": user, "cookie": cookie, "amount": chance.below(50)});
        web.push_str(&format!("{event}\n"));
        if chance.is(30) {
            web.push_str(&format!("row {row} is none\n"));
        }
        if chance.is(5) {
            let (user, cookie) =
                (format!("u{}", chance.below(60)), format!("c{}", chance.below(150)));
            let name = format!("n{}", chance.below(9));
            crm.push_str(&format!(
                "{}\n",
                json!({"user": user, "at": at, "name": name, "cookie": cookie})
            ));
        }
    }
    (web, crm)
}

pub struct Shop {
    folder: tempfile::TempDir,
    written: u64,
}

impl Shop {
    pub fn new(definition: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("in")).expect("a folder");
        for name in ["web", "crm"] {
            fs::write(folder.path().join(format!("in/{name}.ndjson")), "").expect("it is written");
        }
        let shop = Shop { folder, written: 0 };
        shop.define("shop.yaml", definition);
        shop
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn define(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).expect("it is written");
    }

    /// Rows come.
    pub fn write(&mut self, chance: &mut Chance, number: u64) {
        let (web, crm) = rows(chance, self.written, number);
        self.written += number;
        for (name, text) in [("web", web), ("crm", crm)] {
            let path = self.path().join(format!("in/{name}.ndjson"));
            let file = OpenOptions::new().append(true).open(path);
            file.and_then(|mut file| file.write_all(text.as_bytes())).expect("it is written");
        }
    }

    pub fn start(&self, name: &str, workers: u64) -> Running {
        let socket = self.path().join("data/control.sock");
        // One that was killed left it.
        let _ = fs::remove_file(&socket);
        let workers = workers.to_string();
        let run = ["run", name, "--data", "data", "--follow", "--workers", &workers];
        let mut running =
            Running::start_with(self.path(), &run, &[("SELFSAME_LOG_BYTES", "60000")]);
        running.until("it listens", |_| socket.exists());
        running
    }

    pub fn apply(&self, name: &str, more: &[&str]) -> program::Ended {
        selfsame(self.path(), &[&["apply", name, "--data", "data"][..], more].concat())
    }

    /// What outputs hold, less the instants. No record says what the one before it said of its key, none takes back
    /// what was never said, and each reject is there once.
    pub fn state(&self, out: &str) -> Holds {
        let mut state = Holds::new();
        for output in ["profiles", "segments", "identities", "rejects"] {
            let path = self.path().join(out).join(format!("{output}.ndjson"));
            let lines = lines(&path);
            for line in &lines {
                let (key, value) = said_of(output, line);
                let says_it_again = match value {
                    None => state.remove(&key).is_none(),
                    Some(value) => state.insert(key.clone(), value.clone()) == Some(value),
                };
                if says_it_again {
                    let of_key: Vec<_> = lines.iter().filter(|of| of.contains(&key.1)).collect();
                    panic!("{key:?} says again what was said: {line}\n{of_key:#?}");
                }
            }
        }
        state
    }

    /// What a run from the start comes to. Of outputs that the definition has not, nothing is known.
    pub fn expected(&self, name: &str) -> Holds {
        let text = fs::read_to_string(self.path().join(name)).expect("a definition");
        self.define("fresh.yaml", &text.replace("files: out/", "files: fresh/"));
        let _ = fs::remove_dir_all(self.path().join("fresh"));
        selfsame(self.path(), &["run", "fresh.yaml", "--until-end", "--quiet"]).well();
        self.state("fresh")
    }

    /// Whether outputs hold what a run from the start comes to, as far as the definition has them. Rejects are a log,
    /// in which those of former definitions stay.
    #[track_caller]
    pub fn must_hold(&self, name: &str, what: &str) {
        let (mut state, expected) = (self.state("out"), self.expected(name));
        let text = fs::read_to_string(self.path().join(name)).expect("a definition");
        state.retain(|(output, _), _| {
            text.contains(&format!("out/{output}.")) && output != "rejects"
        });
        let expected = expected.into_iter().filter(|((output, _), _)| output != "rejects");
        pretty_assert(&state, &expected.collect(), what);
    }
}

#[track_caller]
pub fn pretty_assert(found: &Holds, expected: &Holds, what: &str) {
    let keys = found.keys().chain(expected.keys());
    let differing: Vec<_> = keys.filter(|key| found.get(*key) != expected.get(*key)).collect();
    if let Some(key) = differing.first() {
        panic!(
            "{what}: {} keys differ, such as {key:?}: {:.500}, and not {:.500}",
            differing.len(),
            format!("{:?}", found.get(*key)),
            format!("{:?}", expected.get(*key))
        );
    }
}

/// A definition that is easily changed.
pub const PLAIN: &str = "
name: shop
sources:
  web:
    files: in/web*.ndjson
    kind: events
    id: id
    time: at
    fields: {id: text, at: timestamp, user: text, cookie: text, amount: integer}
identity:
  user: {from: {web: user}, at_most: 1}
  cookie: {from: {web: cookie}, shared_after: 5}
attributes:
  spent: {from: web, select: sum(amount)}
  visits: {from: web, select: count(*)}
segments:
  big: spent > 400
outputs:
  profiles: {files: out/profiles.ndjson}
  segments: {files: out/segments.ndjson}
";
