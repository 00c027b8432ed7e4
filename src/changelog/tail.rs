//! The last records of an output, and those that follow.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::time::Duration;

use rdkafka::Offset;

use super::reader::{Changelog, ChangelogError, CommittedTopic, Line, ReadRecord};
use crate::console::shown;

/// Prints the last `records` of an output as lines, and with `follow` every later one.
pub fn tail(
    changelogs: &[Changelog],
    output: &str,
    records: usize,
    follow: bool,
    print: &mut dyn Write,
) -> Result<(), ChangelogError> {
    let mut lines = VecDeque::new();
    let mut keep = |entry: ReadRecord<'_>| {
        if entry.output == output {
            lines.push_back(line(&entry));
            if lines.len() > records {
                lines.pop_front();
            }
        }
    };
    let holding: Vec<&Changelog> =
        changelogs.iter().filter(|changelog| changelog.may_hold(output)).collect();
    let mut topic_readers = Vec::new();
    let mut found = false;
    for changelog in &holding {
        match changelog {
            Changelog::File { output: of, .. } => {
                found |= of.is_some();
                changelog.scan(|entry| {
                    found |= entry.output == output;
                    keep(entry);
                })?;
            }
            Changelog::Topic { topic, kafka, .. } => {
                found = true;
                let from = Offset::OffsetTail(records as i64);
                let reader = CommittedTopic::new(topic, kafka, from)?;
                reader.read_to_end(output, &mut keep)?;
                topic_readers.push(reader);
            }
            Changelog::Unread { .. } => changelog.scan(&mut keep)?,
        }
    }
    if !found {
        return Err(no_output(changelogs, output)?);
    }
    for line in lines {
        // A closed pipe ends the reading like any reader's leaving.
        if writeln!(print, "{line}").is_err() {
            return Ok(());
        }
    }
    if !follow {
        return Ok(());
    }
    let mut followed = Vec::new();
    for changelog in &holding {
        if let Changelog::File { path, .. } = changelog {
            followed.push(FollowedFile::at_end(path)?);
        }
    }
    loop {
        let mut open = true;
        let mut show = |entry: ReadRecord<'_>| {
            if entry.output == output {
                open &= writeln!(print, "{}", line(&entry)).is_ok();
            }
        };
        for reader in &topic_readers {
            reader.read(output, Duration::from_millis(100), &mut show)?;
        }
        let mut moved = false;
        for file in &mut followed {
            moved |= file.read(&mut show)?;
        }
        if !open || print.flush().is_err() {
            return Ok(());
        }
        if !moved && topic_readers.is_empty() {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// A file that grows; one that shrinks was begun anew.
struct FollowedFile {
    path: std::path::PathBuf,
    reader: BufReader<File>,
    read: u64,
    partial: String,
}

impl FollowedFile {
    fn at_end(path: &std::path::Path) -> Result<Self, ChangelogError> {
        use std::io::Seek;
        let named = |source| ChangelogError::File { path: path.to_owned(), source };
        let mut reader = BufReader::new(File::open(path).map_err(named)?);
        let read = reader.seek(std::io::SeekFrom::End(0)).map_err(named)?;
        Ok(FollowedFile { path: path.to_owned(), reader, read, partial: String::new() })
    }

    fn read(&mut self, show: &mut dyn FnMut(ReadRecord<'_>)) -> Result<bool, ChangelogError> {
        let named = |source| ChangelogError::File { path: self.path.clone(), source };
        if std::fs::metadata(&self.path).map_err(named)?.len() < self.read {
            self.reader = BufReader::new(File::open(&self.path).map_err(named)?);
            self.read = 0;
            self.partial.clear();
        }
        let mut moved = false;
        loop {
            let bytes = self.reader.read_line(&mut self.partial).map_err(named)?;
            self.read += bytes as u64;
            if bytes == 0 || !self.partial.ends_with('\n') {
                return Ok(moved);
            }
            if let Ok(entry) = Line::parse(&self.partial) {
                show(entry);
            }
            moved = true;
            self.partial.clear();
        }
    }
}

fn line(entry: &ReadRecord<'_>) -> String {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let mut line = format!(
        "{{\"output\":{},\"key\":{},\"value\":{}",
        text(&entry.output),
        text(&entry.key),
        entry.value.unwrap_or("null")
    );
    if let Some(into) = &entry.merged_into {
        write!(line, ",\"merged_into\":{}", text(into)).expect("to a string");
    }
    line.push('}');
    shown(&line).into_owned()
}

fn no_output(changelogs: &[Changelog], found: &str) -> Result<ChangelogError, ChangelogError> {
    let mut known = std::collections::BTreeSet::new();
    for changelog in changelogs {
        match changelog {
            Changelog::File { output: Some(output), .. }
            | Changelog::Topic { output, .. }
            | Changelog::Unread { output, .. } => {
                known.insert(output.name.clone());
            }
            Changelog::File { output: None, .. } => changelog.scan(|entry| {
                known.insert(entry.output.into_owned());
            })?,
        }
    }
    let known = known.into_iter().collect::<Vec<_>>().join(", ");
    Ok(ChangelogError::NoOutput { found: found.to_owned(), known })
}
