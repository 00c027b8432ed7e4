//! Files that outputs wrote are written anew without the records that name somebody. What is left out too much, since
//! somebody else's record names the same text, the next run finds missing when it compares, and tells again; rejects alone
//! are not told again.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::plan::{Destination, Format, Plan};
use crate::store::beside;

/// What may stand beside a value.
const BESIDE: [char; 7] = ['"', '\\', ',', ';', ' ', '[', ']'];

/// Writes the files of a plan's outputs anew without the records that have one of the texts as a value. Says how many
/// were left out, by output; in a dry run nothing is done.
pub fn redact(plan: &Plan, texts: &[String], is_dry: bool) -> io::Result<Vec<(String, u64)>> {
    let texts: Vec<String> = texts.iter().map(|text| text.to_lowercase()).collect();
    let mut removed = Vec::new();
    for output in &plan.outputs {
        let Destination::File { path } = &output.target else { continue };
        if !fs::metadata(path).is_ok_and(|found| found.is_file()) {
            continue;
        }
        let number = redact_file(path, output.format, &texts, is_dry)?;
        if number > 0 {
            removed.push((output.name.clone(), number));
        }
    }
    Ok(removed)
}

fn redact_file(path: &Path, format: Format, texts: &[String], is_dry: bool) -> io::Result<u64> {
    let text = String::from_utf8_lossy(&fs::read(path)?).into_owned();
    // The first line of CSV names its columns.
    let head = usize::from(format == Format::Csv);
    let mut stays: Vec<&str> = Vec::new();
    let mut removed = 0;
    for (number, record) in records(&text, format).into_iter().enumerate() {
        match number >= head && names(&record.to_lowercase(), texts) {
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

/// Whether a record has one of the texts as a value.
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
