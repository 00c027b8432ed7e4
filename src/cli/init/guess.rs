//! What columns are by their values: types, times and their formats.

use std::collections::HashSet;

use selfsame::internals::time::format::TimeFormat;

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

pub fn guess(column: &SampledColumn, name: &str) -> Guess {
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
    if lists > 0 && lists == present {
        return plain("\"[text]\"", format!("lists, in {present} rows"));
    }
    if booleans > 0 && booleans == present {
        return plain("boolean", format!("{present} true or false"));
    }
    let texts: Vec<&str> = column.texts().collect();
    if texts.is_empty() {
        let evidence = "no value in the rows that were looked at".to_owned();
        return Guess { data_type: "text".into(), format: None, evidence, is_unsure: true };
    }
    times(&texts, name).or_else(|| numbers(column, &texts, name)).unwrap_or_else(|| {
        let distinct: HashSet<&str> = texts.iter().copied().collect();
        plain(
            "text",
            format!(
                "{} different in {} values, such as {}",
                distinct.len(),
                texts.len(),
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
            format!("stored so: {all} different in {present} values, such as {}", shown(first))
        }
        None => format!("stored so, in {} rows", column.present()),
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
    let short: String = short.chars().map(|of| if of.is_control() { ' ' } else { of }).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

/// How many values something holds of, in words.
fn most(texts: &[&str], holds: impl Fn(&str) -> bool) -> Option<String> {
    let held = texts.iter().filter(|text| holds(text)).count();
    let all = texts.len();
    match held * 100 >= all * MOST && held > 0 {
        false => None,
        true if held == all => Some(format!("all {all} values")),
        true => Some(format!("{held} of {all} values; the others are rejected")),
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

fn numbers(column: &SampledColumn, texts: &[&str], name: &str) -> Option<Guess> {
    // What only looks like a number is no amount of anything.
    let has_zeros =
        texts.iter().any(|text| text.len() > 1 && text.starts_with('0') && !text.starts_with("0."));
    if is_code(name) || has_zeros {
        return None;
    }
    let is_text = column.values.iter().flatten().any(|cell| matches!(cell, SampledCell::Text(_)))
        && column.values.iter().flatten().any(|cell| matches!(cell, SampledCell::Number(_)));
    if let Some(held) = most(texts, |text| text.parse::<i64>().is_ok()) {
        let guess = plain("integer", format!("whole numbers, {held}"));
        return Some(Guess { is_unsure: is_text, ..guess });
    }
    let is_decimal =
        |text: &str| text.parse::<f64>().is_ok() && !text.contains(['e', 'E', 'n', 'N']);
    let held = most(texts, is_decimal)?;
    let scale =
        texts.iter().filter(|text| is_decimal(text)).filter_map(|text| text.split_once('.'));
    let scale = scale.map(|(_, fraction)| fraction.len()).max().unwrap_or(0).max(2);
    if scale > 9 {
        return Some(plain("number", format!("numbers, {held}")));
    }
    Some(plain(
        &format!("\"decimal(18,{scale})\""),
        format!("numbers with up to {scale} digits behind the point, {held}"),
    ))
}
