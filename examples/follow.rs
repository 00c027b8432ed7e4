//! Follows a folder: files that somebody writes there are read as they grow, and who enters a segment is told.
//!
//!     cargo run --example follow

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::channel;

use selfsame::{Definition, Engine};

const LOGINS: &str = "
sources:
  logins:
    files: logins-*.ndjson
    kind: events
    id: login
    fields: {login: text, email: text, shop: text}
identity:
  email: {from: {logins: email}, normalize: lower(clean(value))}
attributes:
  logins: {from: logins, select: count(*)}
  shops:  {from: logins, select: count(distinct shop)}
segments:
  regulars: logins >= 3
  everywhere: shops >= 2
outputs:
  segments: {files: segments.ndjson}
";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("selfsame-follow-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    append(&folder.join("logins-berlin.ndjson"), 1, "Ada@example.com", "berlin")?;

    let definition = Definition::parse(LOGINS, folder.join("logins.yaml"))?;
    let (sender, changes) = channel();
    let running = Engine::builder(&definition)
        .follow(true)
        .output("segments", move |record| drop(sender.send(record.json())))
        .start()?;

    // A file that grows, then a new one: both are read as they come, by whoever else they are written.
    append(&folder.join("logins-berlin.ndjson"), 2, "ada@example.com", "berlin")?;
    append(&folder.join("logins-berlin.ndjson"), 3, " ada@example.com ", "berlin")?;
    let change = changes.recv()?;
    println!("{} {}", change["change"].as_str().unwrap_or_default(), change["segment"]);
    append(&folder.join("logins-paris.ndjson"), 4, "ada@example.com", "paris")?;
    let change = changes.recv()?;
    println!("{} {}", change["change"].as_str().unwrap_or_default(), change["segment"]);

    let summary = running.stop()?;
    println!("{} rows of {} person", summary.rows(), summary.people());
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

fn append(file: &Path, login: u32, email: &str, shop: &str) -> std::io::Result<()> {
    let row = serde_json::json!({"login": login.to_string(), "email": email, "shop": shop});
    let mut file = OpenOptions::new().append(true).create(true).open(file)?;
    writeln!(file, "{row}")
}
