//! The first record of a CSV file: the names of its columns.
//!
//! A header that cannot be right is told with what would be: one that is separated by something else
//! than the source says, or whose lines end in another way, would make every row of the file a bad one, or a file of
//! nothing but defaults.

use std::io::Read;
use std::path::Path;

use super::error::{WrongFile, nearest, shown_name};
use super::records::{self, Breach, RecordEnd, RecordForm};
use super::{SourceError, foreign, text_of};
use crate::plan::{CsvMarks, Source};

/// What separates cells elsewhere.
const SEPARATORS: &[u8] = b",;\t|\x01:";

/// So many bytes are looked at for a header below other lines.
const HEAD: u64 = 64 << 10;

/// How a definition names what separates cells.
fn delimiter_word(delimiter: u8) -> String {
    match delimiter {
        b'\t' => "tab".to_owned(),
        1 => "\"\\x01\"".to_owned(),
        other => format!("\"{}\"", char::from(other)),
    }
}

/// The names in a header, checked to be those of the source's fields.
pub(super) fn names(
    source: &Source,
    path: &Path,
    record: &[u8],
) -> Result<Vec<String>, SourceError> {
    let unreadable = |why: String| SourceError::unreadable(&source.name, path, why);
    let text = std::str::from_utf8(record).map_err(|error| {
        let byte = error.valid_up_to() + 1;
        unreadable(match source.text.encoding {
            None => format!(
                "the header is not UTF-8 at its byte {byte}: say how the file is written, as in \
                 `encoding: windows-1252`, or write it in UTF-8"
            ),
            Some(of) => format!(
                "the header has what is no character of {}, at its byte {byte} in UTF-8: say by `encoding` how the file \
                 is written",
                of.name()
            ),
        })
    })?;
    let line = text.trim_end_matches('\n');
    let line = line.strip_suffix('\r').unwrap_or(line);
    if let Some(why) = foreign::line_ends(line, |_| true) {
        return Err(unreadable(why));
    }
    let wanted: Vec<String> =
        source.raw_fields().iter().map(|field| field.path.root().to_owned()).collect();
    if line.trim_start_matches('\u{feff}').to_ascii_lowercase().starts_with("sep=") {
        return Err(unreadable(format!(
            "its first line, {}, is one for spreadsheet programs: leave it out, and say what separates \
             cells, as in `delimiter: \";\"`",
            shown(line)
        )));
    }
    let form = RecordForm { marks: source.text.marks, columns: None };
    if let Some(found) = separated(&wanted, line, form.marks) {
        return Err(unreadable(format!(
            "its columns are separated by {}: say so in the source, `delimiter: {}`",
            CsvMarks { delimiter: found, ..form.marks }.separator(),
            delimiter_word(found)
        )));
    }
    match records::first(record, form, &mut Vec::new()) {
        RecordEnd::Broken(_, Breach::NeverClosed) => {
            return Err(unreadable("a quote in the header is opened and never closed".to_owned()));
        }
        RecordEnd::Broken(_, breach @ Breach::BehindQuote(_)) => {
            return Err(unreadable(format!("the header is not readable: {breach}")));
        }
        _ => {}
    }
    let mut reader = csv::ReaderBuilder::new();
    reader.has_headers(false).delimiter(form.marks.delimiter);
    match form.marks.quote {
        Some(quote) => reader.quote(quote),
        None => reader.quoting(false),
    };
    let mut reader = reader.from_reader(record);
    let names: Vec<String> = match reader.records().next() {
        Some(Ok(names)) => names.iter().map(str::to_owned).collect(),
        Some(Err(error)) => return Err(unreadable(format!("the header is not readable: {error}"))),
        None => {
            return Err(unreadable(
                "the first line is blank: it should name the columns".to_owned(),
            ));
        }
    };
    check(source, path, &names, line)?;
    Ok(names)
}

/// Whether some bytes without a newline are lines that end in another way.
pub(super) fn ends_otherwise(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    foreign::line_ends(&text, |behind| !behind.is_empty()).is_some()
}

fn check(source: &Source, path: &Path, names: &[String], line: &str) -> Result<(), SourceError> {
    let unreadable = |why: String| SourceError::unreadable(&source.name, path, why);
    let wanted = || source.raw_fields().iter().map(|field| field.path.root().to_owned());
    let is_named = |column: &String| names.contains(column);
    for column in wanted() {
        if names.iter().filter(|name| **name == column).count() > 1 {
            return Err(unreadable(format!("two columns are named {}", shown_name(&column))));
        }
    }
    // A default says that a value may be absent, also from all of a file's rows; but not all values.
    let has_any = wanted().any(|column| is_named(&column));
    if !has_any && let Some(above) = lines_above(source, path, &wanted().collect::<Vec<_>>()) {
        let lines = if above == 1 {
            "the line above it".to_owned()
        } else {
            format!("the {above} lines above it")
        };
        return Err(unreadable(format!(
            "its first line, {}, names no column, which line {} does: delete {lines}, as by tail -n +{1} '{}'",
            shown(line),
            above + 1,
            path.display()
        )));
    }
    if !has_any && !source.raw_fields().is_empty() {
        // Blanks beside a name are a part of it, and are hardly seen.
        let with_blanks = source.raw_fields().iter().find_map(|field| {
            Some((field, names.iter().find(|name| name.trim() == field.path.root())?))
        });
        if let Some((field, name)) = with_blanks {
            return Err(unreadable(format!(
                "there is white space around the name of its column '{}': write the header without, or say so in the \
                 source, as in {}: {{type: text, path: '{0}'}}",
                shown(name),
                field.name
            )));
        }
        let column = wanted().next().unwrap_or_default();
        let near = nearest(&column, names.iter().map(String::as_str));
        if near.is_none() {
            let wanted = wanted().collect::<Vec<_>>().join(", ");
            return Err(unreadable(format!(
                "its first line names none of the source's columns: it is {}. Where the file has no \
                 header, name its columns in the source: `columns: [{wanted}]`",
                shown(line)
            )));
        }
    }
    let absent = source.raw_fields().iter().zip(wanted());
    let absent =
        absent.filter(|(field, column)| !is_named(column) && (field.default.is_none() || !has_any));
    match absent.map(|(_, column)| column).next() {
        None => Ok(()),
        Some(column) => {
            let wrong = WrongFile::NoColumn {
                near: nearest(&column, names.iter().map(String::as_str)),
                column,
                columns: names.to_vec(),
            };
            Err(SourceError::of_file(&source.name, path, wrong))
        }
    }
}

/// How many lines there are above the one that names the columns that are wanted, where some are.
fn lines_above(source: &Source, path: &Path, wanted: &[String]) -> Option<usize> {
    let text = text_of(path, source.format, source.text.encoding).ok()?;
    let mut head = Vec::new();
    text.take(HEAD).read_to_end(&mut head).ok()?;
    let text = String::from_utf8_lossy(&head);
    let separator = char::from(source.text.marks.delimiter);
    let is_header = |line: &str| {
        let names: Vec<&str> =
            line.split(separator).map(|name| name.trim().trim_matches('"')).collect();
        !wanted.is_empty()
            && wanted.iter().filter(|of| names.contains(&of.as_str())).count() * 2 >= wanted.len()
    };
    text.lines().position(is_header).filter(|above| *above > 0)
}

/// What separates the header's names, where that is something else: parted by it, it names more of the columns
/// that are wanted.
fn separated(wanted: &[String], line: &str, marks: CsvMarks) -> Option<u8> {
    let plain = |name: &str| name.trim().trim_matches('"').to_owned();
    let named = |separator: u8| {
        let names: Vec<String> = line.split(char::from(separator)).map(plain).collect();
        wanted.iter().filter(|column| names.contains(column)).count()
    };
    let now = named(marks.delimiter);
    let others = SEPARATORS.iter().copied().filter(|other| *other != marks.delimiter);
    let mut better =
        others.filter(|other| line.contains(char::from(*other)) && named(*other) > now);
    better.next()
}

/// The beginning of a line.
fn shown(line: &str) -> String {
    const MOST: usize = 60;
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}
