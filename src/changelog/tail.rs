//! The last records of an output, and those that follow.

use std::collections::{BTreeSet, VecDeque};
use std::io::Write;
use std::time::Duration;

use rdkafka::Offset;

use super::error::ChangelogError;
use super::file::FileReader;
use super::reader::Changelog;
use super::topic::ChangelogTopic;
use crate::console::shown;
use crate::sink::{Catalog, Json, Record};

/// Prints the last `records` of an output as lines, and with `follow` every later one.
pub fn tail(
    changelogs: &[Changelog],
    output: &str,
    records: usize,
    follow: bool,
    print: &mut dyn Write,
) -> Result<(), ChangelogError> {
    let mut shown = OutputLines { output, json: Json::new(&Catalog::default()) };
    let mut lines = VecDeque::new();
    let mut keep = |line: String| {
        lines.push_back(line);
        if lines.len() > records {
            lines.pop_front();
        }
    };
    let holding: Vec<&Changelog> =
        changelogs.iter().filter(|changelog| changelog.may_hold(output)).collect();
    let (mut files, mut topics) = (Vec::new(), Vec::new());
    let mut found = false;
    for changelog in &holding {
        match changelog {
            Changelog::File { output: of, path } => {
                found |= of.is_some();
                let mut reader = FileReader::new(path, of.as_ref())?;
                reader.read(&mut |record, catalog| {
                    if let Some(line) = shown.line(record, catalog) {
                        found = true;
                        keep(line);
                    }
                })?;
                files.push(reader);
            }
            Changelog::Topic { output, topic, kafka } => {
                found = true;
                let from = Offset::OffsetTail(records as i64);
                let mut reader = ChangelogTopic::new(output, topic, kafka, from)?;
                reader.read_to_end(&mut |record, catalog| {
                    shown.line(record, catalog).into_iter().for_each(&mut keep);
                })?;
                topics.push(reader);
            }
            Changelog::Unread { .. } => drop(changelog.scan(&mut |_, _| ())?),
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
    loop {
        let mut open = true;
        let mut show = |record: &Record, catalog: &Catalog| {
            if let Some(line) = shown.line(record, catalog) {
                open &= writeln!(print, "{line}").is_ok();
            }
        };
        for reader in &mut topics {
            reader.read(Duration::from_millis(100), &mut show)?;
        }
        let mut moved = false;
        for file in &mut files {
            moved |= file.follow(&mut show)?;
        }
        if !open || print.flush().is_err() {
            return Ok(());
        }
        if !moved && topics.is_empty() {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Records of one output as lines for people to read.
struct OutputLines<'a> {
    output: &'a str,
    json: Json,
}

impl OutputLines<'_> {
    fn line(&mut self, record: &Record, catalog: &Catalog) -> Option<String> {
        let is_wanted = catalog.outputs.name(record.output) == self.output;
        is_wanted.then(|| shown(self.json.line(record, catalog)).into_owned())
    }
}

fn no_output(changelogs: &[Changelog], found: &str) -> Result<ChangelogError, ChangelogError> {
    let mut known = BTreeSet::new();
    for changelog in changelogs {
        match changelog {
            Changelog::File { output: Some(output), .. }
            | Changelog::Topic { output, .. }
            | Changelog::Unread { output, .. } => {
                known.insert(output.name.clone());
            }
            Changelog::File { output: None, .. } => {
                changelog.scan(&mut |record, catalog| {
                    known.insert(catalog.outputs.name(record.output).to_owned());
                })?;
            }
        }
    }
    let known = known.into_iter().collect::<Vec<_>>().join(", ");
    Ok(ChangelogError::NoOutput { found: found.to_owned(), known })
}
