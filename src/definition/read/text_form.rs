//! How a source's texts are written: their encoding, and the marks and columns of CSV.

use std::sync::Arc;

use encoding_rs::Encoding;

use super::object::{Object, ReadContext};
use crate::definition::file::diagnostic::suggest;
use crate::plan::{Connector, CsvMarks, Format, TextForm};

/// Characters of CSV by name.
const NAMED: [(&str, u8); 6] = [
    ("comma", b','),
    ("semicolon", b';'),
    ("tab", b'\t'),
    ("pipe", b'|'),
    ("space", b' '),
    ("\\t", b'\t'),
];

/// Encodings that people ask for most, for suggestions.
const ENCODINGS: [&str; 9] = [
    "utf-8",
    "utf-16",
    "utf-16le",
    "utf-16be",
    "latin1",
    "windows-1252",
    "windows-1251",
    "shift_jis",
    "gbk",
];

/// Whatever is wrong is noted.
pub fn read(
    context: &mut ReadContext,
    object: &Object<'_>,
    format: Option<Format>,
    connector: Option<&dyn Connector>,
) -> TextForm {
    let of_csv = ["delimiter", "quote", "comment", "columns"];
    for name in of_csv.into_iter().filter(|name| object.get(name).is_some()) {
        if format.is_some_and(|format| format != Format::Csv) {
            let message =
                format!("'{name}' of {} is for csv: add format: csv, or leave it out", object.what);
            context.complain(object.place_of(name), message);
        }
    }
    let default = CsvMarks::default();
    let marks = CsvMarks {
        delimiter: character(context, object, "delimiter").unwrap_or(default.delimiter),
        quote: match object.text(context, "quote").as_ref().map(|(text, _)| text.as_str()) {
            Some("none") => None,
            Some(_) => character(context, object, "quote").or(default.quote),
            None => default.quote,
        },
        comment: character(context, object, "comment"),
    };
    let all =
        [("delimiter", Some(marks.delimiter)), ("quote", marks.quote), ("comment", marks.comment)];
    for (at, (name, mark)) in all.iter().enumerate() {
        let twice = all[..at].iter().find(|(_, other)| mark.is_some() && other == mark);
        if let Some((other, _)) = twice {
            let place = [*name, *other].into_iter().find(|name| object.get(name).is_some());
            let place = place.map_or(object.place, |name| object.place_of(name));
            let message = format!(
                "'{other}' and '{name}' of {} are one character: choose another",
                object.what
            );
            context.complain(place, message);
        }
    }
    let encoding = encoding(context, object, format, connector);
    TextForm { encoding, marks, columns: columns(context, object) }
}

/// A character that is one byte, by itself or by its name.
fn character(context: &mut ReadContext, object: &Object<'_>, name: &str) -> Option<u8> {
    let (text, place) = object.text(context, name)?;
    if let Some((_, byte)) = NAMED.iter().find(|(named, _)| *named == text) {
        return Some(*byte);
    }
    if let [byte] = text.as_bytes()
        && byte.is_ascii()
        && !matches!(byte, b'\n' | b'\r')
        && !byte.is_ascii_alphanumeric()
    {
        return Some(*byte);
    }
    let or_none = if name == "quote" { ", or none" } else { "" };
    let message = format!(
        "'{name}' of {} is '{text}': it is one character of ASCII that is no letter, digit or end of line, by itself \
         or as comma, semicolon, tab, pipe or space{or_none}",
        object.what
    );
    context.complain(place, message);
    None
}

fn encoding(
    context: &mut ReadContext,
    object: &Object<'_>,
    format: Option<Format>,
    connector: Option<&dyn Connector>,
) -> Option<&'static Encoding> {
    let (text, place) = object.text(context, "encoding")?;
    let what = &object.what;
    if format == Some(Format::Parquet) {
        let message = format!(
            "'encoding' of {what} is for texts, and Parquet says itself how it is written: leave it out"
        );
        context.complain(place, message);
        return None;
    }
    if connector.is_some_and(|connector| connector.topic().is_some()) {
        let message = format!(
            "'encoding' of {what} is for files and standard input: messages are read as UTF-8"
        );
        context.complain(place, message);
        return None;
    }
    let label = text.to_ascii_lowercase().replace('_', "-");
    let found =
        [text.as_str(), &label].into_iter().find_map(|label| Encoding::for_label(label.as_bytes()));
    match found {
        // It stands for encodings that programs do not read any more.
        Some(encoding) if encoding == encoding_rs::REPLACEMENT => {}
        Some(encoding) => return Some(encoding),
        None => {}
    }
    let name = text.to_ascii_lowercase();
    let is_elsewhere =
        ["utf-7", "utf-32", "ucs-", "cp", "ibm"].iter().any(|of| name.starts_with(of));
    let hint = match suggest(&text, &ENCODINGS) {
        hint if hint.starts_with("did") && !is_elsewhere => hint,
        _ => format!(
            "there are those that browsers know ({} and others): make UTF-8 of such a text, as by iconv -f {text} -t utf-8",
            ENCODINGS.join(", ")
        ),
    };
    context.complain(place, format!("unknown encoding '{text}' in {what}: {hint}"));
    None
}

fn columns(context: &mut ReadContext, object: &Object<'_>) -> Option<Arc<[String]>> {
    let texts = object.texts(context, "columns")?;
    for (at, (text, place)) in texts.iter().enumerate() {
        if texts[..at].iter().any(|(before, _)| before == text) {
            let message = format!(
                "'columns' of {} names '{text}' twice: each column has a name of its own",
                object.what
            );
            context.complain(*place, message);
        }
    }
    Some(texts.into_iter().map(|(text, _)| text).collect())
}

/// Refuses fields that stand in none of the columns that the definition itself names.
pub fn check_columns(
    context: &mut ReadContext,
    object: &Object<'_>,
    form: &TextForm,
    fields: &[crate::plan::Field],
) {
    let Some(columns) = &form.columns else { return };
    for field in fields {
        let wanted = field.path.root();
        if !columns.iter().any(|column| column == wanted) {
            let names: Vec<&str> = columns.iter().map(String::as_str).collect();
            let message = format!(
                "field '{}' of {} is column '{wanted}', which 'columns' does not name: {}",
                field.name,
                object.what,
                suggest(wanted, &names)
            );
            context.complain(object.place_of("columns"), message);
        }
    }
}
