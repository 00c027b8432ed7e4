//! A changelog in a file: NDJSON, one thread a file, each batch written as soon as it comes.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::json::write_text;
use super::message::Record;
use super::write::{Receipt, SinkError};

/// Hands records to the thread that writes a file.
#[derive(Clone)]
pub struct FileWriter {
    batches: Option<Sender<(Vec<Record>, Receipt)>>,
}

impl FileWriter {
    /// Creates the file and its folders, or empties the file.
    pub fn create(path: &Path, output: &str) -> Result<Self, SinkError> {
        let named = |source| SinkError::File { path: path.display().to_string(), source };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(named)?;
        }
        let file = File::create(path).map_err(named)?;
        let (sender, batches) = unbounded();
        let (path, output) = (path.to_owned(), output.to_owned());
        std::thread::Builder::new()
            .name(format!("write {output}"))
            .spawn(move || run(file, path, output, batches))
            .map_err(|source| SinkError::File { path: "thread".to_owned(), source })?;
        Ok(FileWriter { batches: Some(sender) })
    }

    /// For processes that do not write the file: no record of it reaches them.
    pub fn elsewhere() -> Self {
        FileWriter { batches: None }
    }

    pub fn send(&self, records: Vec<Record>, receipt: Receipt) {
        let batches = self.batches.as_ref().expect("files are written by the first process");
        batches.send((records, receipt)).expect("the thread runs while there are senders");
    }
}

/// Bytes that are written at once, so many that they are still in the processor's cache.
const CHUNK: usize = 1 << 17;

fn run(mut file: File, path: PathBuf, output: String, batches: Receiver<(Vec<Record>, Receipt)>) {
    let mut lines = String::new();
    for (records, receipt) in batches {
        for record in &records {
            write_line(&output, record, &mut lines);
            if lines.len() >= CHUNK {
                write_all(&mut file, &path, lines.as_bytes());
                lines.clear();
            }
        }
        write_all(&mut file, &path, lines.as_bytes());
        lines.clear();
        drop(receipt);
    }
}

/// `{"output","key","value","merged_into"?}`
fn write_line(output: &str, record: &Record, line: &mut String) {
    line.push_str("{\"output\":");
    write_text(output, line);
    line.push_str(",\"key\":");
    write_text(&record.key, line);
    write!(line, ",\"value\":{}", record.value.as_deref().unwrap_or("null")).expect("to a string");
    if let Some(into) = &record.merged_into {
        write!(line, ",\"merged_into\":\"{into}\"").expect("to a string");
    }
    line.push_str("}\n");
}

/// Writes everything, however long the disk refuses: the receipt is held meanwhile, and with it the
/// inflow.
fn write_all(file: &mut File, path: &Path, mut bytes: &[u8]) {
    let mut pause = Duration::from_millis(10);
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => {
                tracing::warn!("'{}' can't be written, trying again: {error}", path.display());
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_secs(5));
            }
        }
    }
}
