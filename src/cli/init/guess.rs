//! What columns are by their values: types, times and their formats.

use std::collections::HashSet;

use selfsame::internals::console::{counted, grouped};
use selfsame::internals::plan::Format;
use selfsame::internals::time::format::TimeFormat;

use super::amounts;
use super::sample::{SampledCell, SampledColumn};

/// Of so many hundredths of the values something has to hold to be guessed; the rest would be rejected, and is told.
const MOST: usize = 90;

/// What a column seems to be.
#[derive(Clone, Debug)]
pub struct Guess {
    /// As a definition writes it: `text`, or `{type: timestamp, …}` less the path.
    pub data_type: String,
    pub format: Option<String>,
    pub evidence: String,
    pub is_unsure: bool,
}

/// Formats of times, each with how sure it is.
const FORMATS: [(&str, bool); 12] = [
    ("%Y-%m-%d %H:%M:%S", true),
    ("%Y-%m-%dT%H:%M:%S", true),
    ("%Y-%m-%d %H:%M", true),
    ("%d.%m.%Y %H:%M:%S", true),
    ("%d.%m.%Y %H:%M", true),
    ("%d/%m/%Y %H:%M:%S", false),
    ("%d/%m/%Y %H:%M", false),
    ("%m/%d/%Y %H:%M:%S", false),
    ("%m/%d/%Y %H:%M", false),
    ("%Y/%m/%d %H:%M:%S", true),
    ("%b %d, %Y %I:%M %p", true),
    ("%d %b %Y %H:%M", true),
];

const DAYS: [(&str, bool); 5] = [
    ("%Y-%m-%d", true),
    ("%d.%m.%Y", true),
    ("%d/%m/%Y", false),
    ("%m/%d/%Y", false),
    ("%Y%m%d", false),
];

pub fn guess(column: &SampledColumn, name: &str, format: Format) -> Guess {
    let present = column.present();
    if let Some(of) = column.stored.as_ref().filter(|of| *of != "text") {
        return as_stored(column, of, name);
    }
    let lists =
        column.values.iter().flatten().filter(|cell| matches!(cell, SampledCell::List)).count();
    let objects =
        column.values.iter().flatten().filter(|cell| matches!(cell, SampledCell::Objects)).count();
    let booleans = column
        .values
        .iter()
        .flatten()
        .filter(|cell| matches!(cell, SampledCell::Boolean(_)))
        .count();
    if objects > 0 {
        let evidence = "a list of objects: `unnest` makes a row of each".to_owned();
        return Guess { data_type: "json".into(), format: None, evidence, is_unsure: true };
    }
    let others =
        column.values.iter().flatten().filter(|cell| matches!(cell, SampledCell::Other)).count();
    if others > 0 || lists > 0 && lists < present {
        let evidence = "lists or objects in some rows, and something else in others".to_owned();
        return Guess { data_type: "json".into(), format: None, evidence, is_unsure: true };
    }
    if lists > 0 {
        return plain("\"[text]\"", format!("lists, in {}", counted(present, "row", "rows")));
    }
    if booleans > 0 && booleans == present {
        return plain("boolean", format!("{present} true or false"));
    }
    let texts: Vec<&str> = column.texts().collect();
    if texts.is_empty() {
        let evidence = "no value in the rows that were looked at".to_owned();
        return Guess { data_type: "text".into(), format: None, evidence, is_unsure: true };
    }
    // Beside truth values others are texts.
    let of_values =
        || times(&texts, name).or_else(|| numbers(column, &texts, name, format == Format::Json));
    let as_amounts = || {
        let (example, read) = amounts::told(&texts, name).filter(|_| !is_code(name))?;
        let example = shown(example);
        let told = format!(
            "numbers such as {example}: `derive: {{{name}_number: \"{read}\"}}` reads them"
        );
        Some(Guess { is_unsure: true, ..plain("text", told) })
    };
    (booleans == 0).then(of_values).flatten().or_else(as_amounts).unwrap_or_else(|| {
        let distinct: HashSet<&str> = texts.iter().copied().collect();
        plain(
            "text",
            format!(
                "{} different in {}, such as {}",
                grouped(distinct.len()),
                counted(texts.len(), "value", "values"),
                shown(texts[0])
            ),
        )
    })
}

/// A column that has a type.
fn as_stored(column: &SampledColumn, of: &str, name: &str) -> Guess {
    let texts: Vec<&str> = column.texts().collect();
    let distinct: HashSet<&str> = texts.iter().copied().collect();
    let evidence = match texts.first() {
        Some(first) => {
            let (all, present) = (distinct.len(), texts.len());
            let values = counted(present, "value", "values");
            format!("stored so: {} different in {values}, such as {}", grouped(all), shown(first))
        }
        None => format!("stored so, in {}", counted(column.present(), "row", "rows")),
    };
    // Names of people and things are texts, which is what identifiers are made of.
    if matches!(of, "integer" | "number") && is_code(name) {
        return plain("text", evidence);
    }
    let is_unsure = of == "json";
    Guess { is_unsure, ..plain(of, evidence) }
}

/// Whether a name is one of what is no amount of anything.
fn is_code(name: &str) -> bool {
    let lower = name.to_lowercase();
    let is_part = |part: &&str| {
        lower == **part
            || lower.ends_with(&format!("_{part}"))
            || lower.starts_with(&format!("{part}_"))
    };
    let is_count = lower.starts_with("number_of_");
    !is_count && ["id", "code", "zip", "phone", "number", "sku", "postal"].iter().any(is_part)
}

fn plain(data_type: &str, evidence: String) -> Guess {
    Guess { data_type: data_type.to_owned(), format: None, evidence, is_unsure: false }
}

pub fn shown(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    // What ends a line anywhere would end the comment.
    let is_plain =
        |of: &char| !of.is_control() && !['\u{2028}', '\u{2029}', '\u{feff}'].contains(of);
    let short: String = short.chars().map(|of| if is_plain(&of) { of } else { ' ' }).collect();
    if text.chars().nth(40).is_some() { format!("{short}…") } else { short }
}

/// How many values something holds of, in words.
fn most(texts: &[&str], holds: impl Fn(&str) -> bool) -> Option<String> {
    let held = texts.iter().filter(|text| holds(text)).count();
    let all = texts.len();
    match held * 100 >= all * MOST && held > 0 {
        false => None,
        true if all == 1 => Some("its value".to_owned()),
        true if held == all => Some(format!("all {} values", grouped(all))),
        true => {
            Some(format!("{} of {} values; the others are rejected", grouped(held), grouped(all)))
        }
    }
}

fn times(texts: &[&str], name: &str) -> Option<Guess> {
    let guess = |data_type: &str, format: Option<&str>, evidence: String, is_unsure| {
        Some(Guess {
            data_type: data_type.to_owned(),
            format: format.map(str::to_owned),
            evidence,
            is_unsure,
        })
    };
    let rfc3339 = |text: &str| chrono::DateTime::parse_from_rfc3339(text).is_ok();
    if let Some(held) = most(texts, rfc3339) {
        return guess("timestamp", None, format!("RFC 3339, {held}"), false);
    }
    let lower = name.to_lowercase();
    let is_named = ["time", "date", "_at", "ts", "when", "created", "updated"]
        .iter()
        .any(|part| lower.contains(part));
    let counts = |low: f64, high: f64| {
        move |text: &str| text.parse::<f64>().is_ok_and(|number| (low..high).contains(&number))
    };
    for (format, low) in
        [("epoch_s", 6e8), ("epoch_ms", 6e11), ("epoch_us", 6e14), ("epoch_ns", 6e17)]
    {
        // From 1989 to 2100.
        if is_named && let Some(held) = most(texts, counts(low, low * 7.0)) {
            return guess("timestamp", Some(format), format!("numbers since 1970, {held}"), false);
        }
    }
    for (formats, data_type) in [(&FORMATS[..], "timestamp"), (&DAYS[..], "date")] {
        for (format, is_sure) in formats {
            let of = TimeFormat::new(format).expect("a format");
            let holds = |text: &str| {
                text.len() >= 8
                    && of.day(text).is_ok()
                    && (is_named || text.contains(['-', '/', '.', ' ']))
            };
            if let Some(held) = most(texts, holds) {
                let what = format!("such as {}, {held}", shown(texts[0]));
                let format = (*format != "%Y-%m-%d").then_some(*format);
                return guess(data_type, format, what, !is_sure);
            }
        }
    }
    None
}

/// A number as it is written out, without an exponent: its digits before the point, and behind it.
fn written(text: &str) -> Option<(usize, usize)> {
    let (whole, fraction) = match text.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (text, ""),
    };
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    let is_digits = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    (!whole.is_empty() && is_digits(whole) && is_digits(fraction))
        .then_some((whole.len(), fraction.len()))
}

/// `is_json`: a text of digits is a text there, of which only decimals are read.
fn numbers(column: &SampledColumn, texts: &[&str], name: &str, is_json: bool) -> Option<Guess> {
    // What only looks like a number is no amount of anything.
    let has_zeros =
        texts.iter().any(|text| text.len() > 1 && text.starts_with('0') && !text.starts_with("0."));
    if is_code(name) || has_zeros {
        return None;
    }
    let is_text =
        is_json && column.values.iter().flatten().any(|cell| matches!(cell, SampledCell::Text(_)));
    let is_whole = |text: &str| {
        written(text).is_some_and(|(_, behind)| behind == 0) && text.parse::<i64>().is_ok()
    };
    if let Some(held) = most(texts, is_whole) {
        return Some(match is_text {
            true => plain("\"decimal(18,0)\"", format!("whole numbers, written as texts, {held}")),
            false => plain("integer", format!("whole numbers, {held}")),
        });
    }
    let held = most(texts, |text| written(text).is_some())?;
    let digits = texts.iter().filter_map(|text| written(text));
    let (whole, scale) = digits
        .fold((0, 2), |(whole, scale), (before, behind)| (whole.max(before), scale.max(behind)));
    let precision = (whole + scale).max(18);
    match scale > 9 || precision > 38 {
        // Of texts no double is read.
        true if is_text => None,
        true => Some(plain("number", format!("numbers, {held}"))),
        false => Some(plain(
            &format!("\"decimal({precision},{scale})\""),
            format!("numbers with up to {scale} digits behind the point, {held}"),
        )),
    }
}
