//! Files that outputs wrote are written anew without the records that name somebody. What is left out too much, since
//! somebody else's record names the same text, the next run finds missing when it compares, and tells again; rejects alone
//! are not told again.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use super::recognised::Recognised;
use crate::plan::{Format, Output, Plan, Publish};
use crate::sink::{
    Catalog, DifferingRecords, Encoder, Holding, ReadBack, Record, RecordBody, RecordKey,
    RecordValue, SegmentChange, encoder,
};
use crate::store::beside;

/// What may stand beside a value.
const BESIDE: [char; 7] = ['"', '\\', ',', ';', ' ', '[', ']'];

/// Whether a record says something of somebody.
#[derive(Clone)]
pub struct NamedTexts {
    /// Texts as they stand.
    texts: Vec<String>,
    /// What rejects are held to, which have rows as their sources write them.
    recognised: Recognised,
}

/// What was left out of a file.
pub struct RedactedFile {
    pub output: String,
    pub records: u64,
    /// That nothing holds of keys any more, of which the file held something and has nothing now.
    pub withdrawn: DifferingRecords,
}

/// Writes the files of a plan's outputs anew without the records that have one of the texts as a value. Says what was
/// left out; in a dry run nothing is done.
pub fn redact(plan: &Plan, texts: &NamedTexts, is_dry: bool) -> io::Result<Vec<RedactedFile>> {
    let mut removed = Vec::new();
    for output in &plan.outputs {
        let Some(path) = output.target.file() else { continue };
        if !fs::metadata(path).is_ok_and(|found| found.is_file()) {
            continue;
        }
        let mut keys = FileKeys::new(plan, output);
        let records = redact_file(path, output.format, texts, &mut keys, is_dry)?;
        if records > 0 {
            let (output, withdrawn) = (output.name.clone(), keys.withdrawn());
            removed.push(RedactedFile { output, records, withdrawn });
        }
    }
    Ok(removed)
}

/// What a file's records say of their keys, before some of them leave and behind it.
struct FileKeys {
    output: u16,
    encoder: Box<dyn Encoder>,
    catalog: Catalog,
    /// Records of a log have no key of which anything holds.
    is_log: bool,
    /// By key: whether something holds of it with all records, and without those that leave.
    holds: HashMap<RecordKey, [bool; 2]>,
}

impl FileKeys {
    fn new(plan: &Plan, output: &Output) -> Self {
        let (holding, catalog) = (Holding::of(plan, output), Catalog::of(plan));
        let encoder = encoder(output.format, &holding, &catalog);
        let is_log = output.publish == Publish::Rejects;
        FileKeys { output: holding.output, encoder, catalog, is_log, holds: HashMap::new() }
    }

    /// The next record, and whether it leaves. What is none says nothing.
    fn leaves(&mut self, text: &str, texts: &NamedTexts) -> bool {
        let decoded = self.encoder.decode(text.as_bytes(), &mut self.catalog);
        let Ok(ReadBack::Record(record, _)) = decoded else { return texts.are_said(None, text) };
        let leaves = texts.are_said(Some(&record), text);
        if !self.is_log {
            self.note(record, leaves);
        }
        leaves
    }

    fn note(&mut self, record: Record, leaves: bool) {
        let left = RecordValue::Segment(SegmentChange::Left);
        let is_something = record.value().is_some_and(|value| *value != left);
        let holds = self.holds.entry(record.key).or_default();
        holds[0] = is_something;
        holds[1] = if leaves { holds[1] } else { is_something };
    }

    fn withdrawn(self) -> DifferingRecords {
        let withdrawn = self.holds.into_iter().filter(|(_, holds)| *holds == [true, false]);
        let record = |(key, _): (RecordKey, _)| {
            let body = RecordBody::Gone { merged_into: None };
            Record { output: self.output, key, body }
        };
        let records = withdrawn.map(record).collect();
        DifferingRecords { records, names: Arc::new(self.catalog) }
    }
}

fn redact_file(
    path: &Path,
    format: Format,
    texts: &NamedTexts,
    keys: &mut FileKeys,
    is_dry: bool,
) -> io::Result<u64> {
    let text = String::from_utf8_lossy(&fs::read(path)?).into_owned();
    // The first line of CSV names its columns.
    let head = usize::from(format == Format::Csv);
    let mut stays: Vec<&str> = Vec::new();
    let mut removed = 0;
    for (number, record) in records(&text, format).into_iter().enumerate() {
        // What the columns are the first line says.
        let leaves = keys.leaves(record, texts) && number >= head;
        match leaves {
            true => removed += 1,
            false => stays.push(record),
        }
    }
    if removed == 0 || is_dry {
        return Ok(removed);
    }
    let new = beside(path);
    let mut file = BufWriter::new(File::create(&new)?);
    stays.iter().try_for_each(|record| file.write_all(record.as_bytes()))?;
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    fs::set_permissions(&new, fs::metadata(path)?.permissions())?;
    fs::rename(&new, path)?;
    Ok(removed)
}

/// Records with their ends: lines, and of CSV those that quotes keep together.
fn records(text: &str, format: Format) -> Vec<&str> {
    let (mut records, mut start, mut is_quoted) = (Vec::new(), 0, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' if format == Format::Csv => is_quoted = !is_quoted,
            b'\n' if !is_quoted => {
                records.push(&text[start..=at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if start < text.len() {
        records.push(&text[start..]);
    }
    records
}

impl NamedTexts {
    pub fn of(texts: &[String], recognised: Recognised) -> Self {
        let texts = texts.iter().map(|text| text.to_lowercase()).collect();
        NamedTexts { texts, recognised }
    }

    /// Whether a record has one of the texts as a value, or is a reject whose row has what is one of the identifiers.
    pub fn are_said(&self, record: Option<&Record>, text: &str) -> bool {
        let is_rejected = |record: &Record| match (record.value(), &record.key) {
            (Some(RecordValue::Reject(rejected)), RecordKey::Source(source)) => {
                self.recognised.are_in(Some(usize::from(*source)), &rejected.raw)
            }
            (Some(RecordValue::Reject(rejected)), _) => self.recognised.are_in(None, &rejected.raw),
            _ => false,
        };
        names(&text.to_lowercase(), &self.texts) || record.is_some_and(is_rejected)
    }
}

fn names(record: &str, texts: &[String]) -> bool {
    let is_end = |character: Option<char>| {
        character.is_none_or(|character| BESIDE.contains(&character) || character.is_control())
    };
    texts.iter().filter(|text| !text.is_empty()).any(|text| {
        record.match_indices(text.as_str()).any(|(at, _)| {
            is_end(record[..at].chars().next_back())
                && is_end(record[at + text.len()..].chars().next())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_goes_that_has_the_text_as_a_value_and_no_other() {
        let texts = ["ada@example.com".to_owned(), "u1".to_owned()];
        for gone in [
            r#"{"key":"user:x","value":{"identifiers":{"user":["u1"]}}}"#,
            r#"{"raw":"{\"email\":\"ada@example.com\"}"}"#,
            "1,ada@example.com,x\n",
        ] {
            assert!(names(gone, &texts), "{gone}");
        }
        for stays in
            [r#"{"user":["u11"]}"#, r#"{"email":"xada@example.com"}"#, "1,bada@example.com"]
        {
            assert!(!names(stays, &texts), "{stays}");
        }
        let csv = "a,b\n1,\"two\nlines\"\n3,4\n";
        assert_eq!(records(csv, Format::Csv), ["a,b\n", "1,\"two\nlines\"\n", "3,4\n"]);
    }
}
