//! How a source begins: whether its first rows are such that all of it is likely misunderstood.
//!
//! One bad row is a reject like any other. When most of the first rows are, or are dated to the days after
//! the epoch, it is mostly one mistake in the definition or one step that is missing before it, and worth a
//! word with what would be right: once a source, while somebody looks.

use std::collections::BTreeMap;

use super::advice;
use super::decoded::Decoded;
use super::early::Early;
use super::path::shown_path;
use super::placeholders::IS_PLACEHOLDER;
use crate::console::{counted, grouped};
use crate::plan::{Field, Format, Plan, Publish, Source, Type};
use crate::row::{RawPosition, Reason};
use crate::source::foreign;

/// How many rows are the beginning.
pub const FIRST_ROWS: u64 = 1_000;

/// A reason that rows were rejected for.
struct ReasonCount {
    number: u64,
    /// The first of them, whichever worker read it: its line or offset, what was said, the row's bytes.
    line: u64,
    message: String,
    raw: Vec<u8>,
}

/// What has been seen of a source's first rows.
#[derive(Default)]
pub struct Beginning {
    rows: u64,
    rejected: u64,
    /// By code and path.
    reasons: BTreeMap<(&'static str, String), ReasonCount>,
    early: Early,
    /// Rows that placeholders alone would have identified, and what was said of the first that was seen.
    placeholders: Option<(u64, String)>,
    is_told: bool,
}

impl Beginning {
    /// Whether more of the source is to be looked at.
    pub fn goes_on(&self) -> bool {
        !self.is_told
    }

    /// Looks at further rows. Returns what there is to say once these are enough.
    pub fn look(&mut self, plan: &Plan, source: &Source, decoded: &Decoded) -> Vec<String> {
        if self.is_told {
            return Vec::new();
        }
        self.rows += decoded.rows_in;
        self.rejected += decoded.rejects.len() as u64;
        for reject in &decoded.rejects {
            let line = match reject.position {
                RawPosition::Line { line, .. } => line.unwrap_or_default(),
                RawPosition::Offset { offset, .. } => offset,
                RawPosition::Key { .. } => 0,
            };
            for Reason { code, path, message } in &reject.reasons {
                if message.contains(IS_PLACEHOLDER) {
                    self.placeholders.get_or_insert_with(|| (0, message.clone())).0 += 1;
                }
                let told = self.reasons.entry((code, path.clone()));
                let told = told.or_insert_with(|| ReasonCount {
                    number: 0,
                    line: u64::MAX,
                    message: String::new(),
                    raw: Vec::new(),
                });
                told.number += 1;
                if line < told.line {
                    (told.line, told.message, told.raw) =
                        (line, message.clone(), reject.raw.clone());
                }
            }
        }
        for (field, (values, early)) in &decoded.early {
            let sum = self.early.entry(*field).or_default();
            *sum = (sum.0 + values, sum.1 + early);
        }
        if self.rows < FIRST_ROWS { Vec::new() } else { self.end(plan, source) }
    }

    /// What there is to say when no more rows come.
    pub fn end(&mut self, plan: &Plan, source: &Source) -> Vec<String> {
        if std::mem::replace(&mut self.is_told, true) {
            return Vec::new();
        }
        let mut said = Vec::new();
        if 2 * self.rejected > self.rows {
            said.push(self.rejects(plan, source));
        } else if let Some((rejected, why)) = &self.placeholders {
            said.push(format!(
                "source {}: {} rejected as unidentified: {why}",
                source.name,
                of_first(*rejected, self.rows)
            ));
        }
        for (field, (values, early)) in &self.early {
            if 2 * early > *values {
                let name = &source.fields[*field].name;
                said.push(format!(
                    "source {}: {early} of the first {values} values of {name} are in January 1970: a \
                     number in a timestamp is milliseconds since the epoch, and these seem to be \
                     seconds. Say so in its field: {name}: {{type: timestamp, format: epoch_s}}",
                    source.name
                ));
            }
        }
        self.reasons.clear();
        said
    }

    fn rejects(&self, plan: &Plan, source: &Source) -> String {
        let most = self.reasons.iter().max_by_key(|(_, told)| told.number);
        let why = most.map(|((code, path), ReasonCount { number, message, raw, .. })| {
            let at = if path.is_empty() { String::new() } else { format!(" {path}") };
            let remedy = remedy(source, code, (path, message), raw);
            format!(", {number} of them as {code}{at} ({message}). {remedy}")
        });
        let shown = match plan.publishes(Publish::Rejects) {
            true => "",
            false => ". An output of rejects shows them: rejects: {files: out/rejects.ndjson}",
        };
        let why = why.unwrap_or_default();
        format!(
            "source {}: {} rejected{why}{shown}",
            source.name,
            of_first(self.rejected, self.rows)
        )
    }
}

/// That so many of the first rows are …
fn of_first(rejected: u64, rows: u64) -> String {
    match rows {
        1 => "its first row is".to_owned(),
        rows => {
            let of = format!("of the first {} rows", grouped(rows));
            counted(rejected, &format!("{of} is"), &format!("{of} are"))
        }
    }
}

/// A path of a reason as the definition's fields have it: without the place of the element in a list that is unnested.
fn in_fields(source: &Source, path: &str) -> String {
    let of_element = || {
        let list = shown_path(&source.unnest.as_ref()?.path);
        let (_, below) = path.strip_prefix(&list)?.strip_prefix('[')?.split_once(']')?;
        Some(format!("{list}{below}"))
    };
    of_element().unwrap_or_else(|| path.to_owned())
}

/// What would be right where a list that is unnested is not where it is looked for, or its elements are no objects.
fn of_list(source: &Source, path: &str) -> Option<String> {
    let unnest = &source.unnest.as_ref()?.path;
    let list = shown_path(unnest);
    if let Some(below) = list.strip_prefix(path).filter(|below| below.starts_with(['.', '['])) {
        let above = path.strip_prefix("$.").unwrap_or(path);
        return Some(format!(
            "`unnest: {unnest}` goes down objects to one list, and {path} on its way is none: where that is a list itself, \
             say `unnest: {above}`, and name what is in its elements by place, as in path: {above}{below}[0]"
        ));
    }
    if path == list {
        return Some(format!(
            "`unnest: {unnest}` takes a list: leave it out where rows have one value there"
        ));
    }
    let place = path.strip_prefix(&list)?.strip_prefix('[')?.strip_suffix(']')?;
    place.parse::<u32>().is_ok().then(|| {
        format!("Elements that are no objects have no parts: a field with path: {unnest} is the element itself")
    })
}

/// The field of a source that is a timestamp or a date and stands at a path, as reasons tell it.
fn of_time<'a>(source: &'a Source, path: &str) -> Option<&'a Field> {
    let path = in_fields(source, path);
    let path = path.strip_prefix("$.").unwrap_or(&path);
    let field = source.fields.iter().find(|field| field.path.to_string() == path)?;
    matches!(field.data_type, Type::Timestamp | Type::Date).then_some(field)
}

/// What is likely meant, and what would be right.
fn remedy(source: &Source, code: &str, (path, message): (&str, &str), raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    let text = text.trim();
    let is_json = source.format == Format::Json;
    match code {
        "malformed" | "wrong_type" if is_json && text.starts_with('[') => {
            "A row is an object, and this is a list: write an object a line (jq -c '.[]')".to_owned()
        }
        "malformed" if is_json && (text.starts_with(['{', '}', '"', ']'])) => {
            "Its objects seem to take several lines: write an object a line (jq -c .)".to_owned()
        }
        "malformed" if is_json && text.starts_with('\u{1e}') => {
            "It is a sequence of JSON texts, each behind the character U+001E: leave that out, as by tr -d '\\036'"
                .to_owned()
        }
        "malformed" if is_json && text.contains([',', ';', '\t']) => {
            "It seems to be CSV: say `format: csv`".to_owned()
        }
        "malformed" if is_json => "A row is one JSON object a line".to_owned(),
        "wrong_type" if is_json && path == "$" => {
            "A row is one JSON object a line, whose keys are the columns; `format: csv` reads lines of cells".to_owned()
        }
        "malformed" => "Where quotes are characters as others are, as in logs, say so in the source: `quote: none`".to_owned(),
        // In what it is read as, its first bytes are no other file's.
        "not_utf8" => match foreign::told(raw).filter(|_| source.text.encoding.is_none()) {
            Some(told) => format!("By its first bytes {told}"),
            None => match source.connector.topic().is_some() {
                true => "Messages are read as UTF-8".to_owned(),
                false => match source.text.encoding {
                    Some(encoding) => format!(
                        "It is read as {}: say by `encoding` how it is written, or mend it where it comes from",
                        encoding.name()
                    ),
                    None => "Say how it is written, as in `encoding: windows-1252`".to_owned(),
                },
            },
        },
        "too_many_columns" | "too_few_columns" => {
            format!(
                "Cells are separated by {}, and one that has such a character stands in quotes: \
                 `delimiter` and `quote` say otherwise",
                source.text.marks.separator()
            )
        }
        "wrong_type" if let Some(remedy) = of_list(source, path) => remedy,
        "wrong_type" => advice::of_wrong_type(source, path, message),
        "out_of_range" if let Some(field) = of_time(source, path) => {
            advice::of_time_out_of_range(field)
        }
        "too_long" => {
            "A row has at most 1 MiB, and 64 MiB with a copy of its own values for each element".to_owned()
        }
        "out_of_range" => {
            format!("Declare {} with more room", in_fields(source, path))
        }
        "missing_id" | "missing_key" | "missing_time" => {
            format!("Say by `path` where {path} stands in a row, or name another column")
        }
        "time_ahead" => {
            "In a timestamp a number is milliseconds since the epoch; where such dates are \
                         meant, say `max_ahead`"
                .to_owned()
        }
        "unidentified" => {
            "Say by `path` where the columns of `identity` stand in a row, or leave such \
                           rows out by `where`"
                .to_owned()
        }
        "unreadable" => "Write the file anew once it is mended: it is read then".to_owned(),
        "cut_off" => "Append rows to a file that is followed, and write others under a new name".to_owned(),
        "unmapped" => {
            format!("Say in the `map` of {path} what it means, or by `else` what becomes of others")
        }
        _ => "Mend the expression, or leave such rows out by `where`".to_owned(),
    }
}
