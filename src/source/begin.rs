//! What comes before the rows of a text: a mark of its encoding, and the header of CSV. What is no text is
//! told by how it begins.

use std::path::Path;

use super::records::{self, RecordEnd, RecordForm};
use super::text::TextEnd;
use super::{ROW_LIMIT, SourceError, encoding, foreign, header};
use crate::plan::{Format, Source};

/// Where the rows of a text begin.
pub(super) struct Begun {
    /// Bytes that come before them.
    pub length: usize,
    /// The line of the first one.
    pub line: u64,
    /// The names of a CSV file's columns.
    pub header: Option<Vec<String>>,
}

/// How many of a text's first bytes are looked at, at most.
pub(super) fn most(format: Format) -> usize {
    if format == Format::Csv { 3 + ROW_LIMIT } else { foreign::LOOKED_AT }
}

/// Looks at a text's first bytes; `end` says whether more may follow them. `None` if they do not say
/// enough yet, or if there are none.
///
/// # Errors
/// If it is no text, or its columns are not those that the source wants.
pub(super) fn begin(
    source: &Source,
    path: &Path,
    bytes: &[u8],
    end: TextEnd,
) -> Result<Option<Begun>, SourceError> {
    let mark = "\u{feff}".as_bytes();
    let marked = if bytes.starts_with(mark) { mark.len() } else { 0 };
    let may_be_marked = bytes.len() < mark.len() && mark.starts_with(bytes);
    if bytes.is_empty() || (end == TextEnd::Open && may_be_marked) {
        return Ok(None);
    }
    let is_json = source.format == Format::Json;
    let ends = || foreign::line_ends_of_json(bytes).filter(|_| is_json);
    let first = &bytes[..bytes.len().min(foreign::LOOKED_AT)];
    let by_name = || foreign::told_by_name(path, first);
    if let Some(why) = foreign::told(first).or_else(by_name).or_else(ends) {
        return Err(SourceError::unreadable(&source.name, path, why));
    }
    if source.format != Format::Csv {
        return Ok(Some(Begun { length: marked, line: 1, header: None }));
    }
    let head = &bytes[marked..];
    if let Some(columns) = &source.text.columns {
        return Ok(Some(Begun { length: marked, line: 1, header: Some(columns.to_vec()) }));
    }
    let Some((length, names)) = names(source, path, head, end)? else { return Ok(None) };
    let lines = memchr::memchr_iter(b'\n', &head[..length]).count() as u64;
    Ok(Some(Begun { length: marked + length, line: 1 + lines, header: Some(names) }))
}

/// The header's length, with that of the comments before it, and names.
fn names(
    source: &Source,
    path: &Path,
    head: &[u8],
    end: TextEnd,
) -> Result<Option<(usize, Vec<String>)>, SourceError> {
    // A header may have any number of columns.
    let form = RecordForm { marks: source.text.marks, columns: None };
    let mut from = 0;
    let length = loop {
        let rest = &head[from..];
        let is_comment = form.marks.is_comment(rest);
        match records::ending(rest, form) {
            RecordEnd::At(length) if is_comment => from += length,
            RecordEnd::At(length) | RecordEnd::Broken(length, _) => break length,
            // No complete line, however its lines end.
            _ if !is_comment && header::ends_otherwise(rest) => break rest.len(),
            _ if head.len() >= ROW_LIMIT => {
                let why = format!("no header ends within {ROW_LIMIT} bytes");
                return Err(SourceError::unreadable(&source.name, path, why));
            }
            _ if rest.is_empty() || is_comment || end == TextEnd::Open => return Ok(None),
            RecordEnd::Open | RecordEnd::Quoted => break rest.len(),
        }
    };
    let record = encoding::rows(&source.text, head[from..from + length].to_vec());
    let names = header::names(source, path, &record)?;
    Ok(Some((from + length, names)))
}
