//! What columns are by their values: types, and what is said of them where not all values fit one.

use std::collections::{BTreeSet, HashSet};

use selfsame::internals::console::{counted, grouped};
use selfsame::internals::decode::amounts;
use selfsame::internals::definition::sql::parse::name_in_sql;
use selfsame::internals::plan::Format;

use super::fit::{Guess, PartialFit, ValueFit};
use super::names::{is_id, is_of_phone};
use super::people::is_of_person;
use super::persons::without_point;
use super::sample::{SampledCell, SampledColumn, StoredType};
use super::texts::shown;
use super::{spoiled, times, words};

/// Something is told that does not hold of all values where it holds of so many hundredths of them.
const MOST: usize = 90;

pub fn guess(column: &SampledColumn, name: &str, format: Format) -> Guess {
    let present = column.present();
    if let Some(of) = column.stored.as_ref().filter(|of| of.data_type != "text") {
        return as_stored(column, of, name);
    }
    if (is_code(name) || is_of_phone(name)) && spoiled::are_spoiled(column) {
        return Guess::unsure("text", spoiled::told(column));
    }
    let number = |is: fn(&SampledCell) -> bool| {
        column.values.iter().flatten().filter(|cell| is(cell)).count()
    };
    let lists = number(|cell| matches!(cell, SampledCell::List(_)));
    if number(|cell| matches!(cell, SampledCell::Objects)) > 0 {
        return Guess::unsure("json", "a list of objects: `unnest` makes a row of each");
    }
    let others = number(|cell| matches!(cell, SampledCell::Other | SampledCell::Nothing));
    if others > 0 || lists > 0 && lists < present {
        let evidence = "lists or objects in some rows, and something else in others";
        return Guess::unsure("json", evidence);
    }
    if lists > 0 {
        let evidence = format!("lists, in {}", counted(present, "row", "rows"));
        return Guess::new("\"[text]\"", evidence);
    }
    let booleans = number(|cell| matches!(cell, SampledCell::Boolean(_)));
    if booleans > 0 && booleans == present {
        return Guess::new("boolean", format!("{present} true or false"));
    }
    let texts: Vec<&str> = column.texts().collect();
    if texts.is_empty() {
        return Guess::unsure("text", "no value in the rows that were looked at");
    }
    of_texts(column, &texts, name, format, booleans)
}

/// What texts, and numbers as they are written, are beside so many truth values.
fn of_texts(
    column: &SampledColumn,
    texts: &[&str],
    name: &str,
    format: Format,
    booleans: usize,
) -> Guess {
    let is_cell = format == Format::Csv;
    let is_blank = |text: &&str| text.trim().is_empty();
    let told: Vec<&str> =
        texts.iter().copied().filter(|of| !is_blank(of) && !words::is_none(of)).collect();
    // White space alone is no value in a cell that is no text; elsewhere it is a text as others are.
    let is_none = |text: &&str| words::is_none(text) || !is_cell && is_blank(text);
    let without: BTreeSet<&str> = texts.iter().copied().filter(is_none).collect();
    let blank: BTreeSet<&str> =
        texts.iter().copied().filter(|text| is_cell && is_blank(text)).collect();
    let typed = |guess: Guess| {
        if without.is_empty() {
            return guess;
        }
        let shown: Vec<String> = without.iter().map(|of| format!("'{}'", shown(of))).collect();
        let evidence = format!("{}; {} stands for none", guess.evidence, shown.join(" or "));
        let mut words = guess.words.clone();
        words.extend(without.iter().map(|of| ((*of).to_owned(), "null")));
        Guess { words, evidence, is_unsure: true, ..guess }
    };
    let truths = words::truths(&told, is_cell).filter(|_| !told.is_empty() || booleans > 0);
    if let Some(meant) = truths {
        let evidence = format!("{} true or false", grouped(told.len() + booleans));
        let words = meant.into_iter().map(|(of, meant)| (of.to_owned(), meant)).collect();
        return typed(Guess { words, ..Guess::new("boolean", evidence) });
    }
    let distinct: HashSet<&str> = texts.iter().copied().collect();
    let as_text = || {
        let values = counted(texts.len(), "value", "values");
        format!(
            "{} different in {values}, such as {}",
            grouped(distinct.len()),
            shown(told.first().unwrap_or(&texts[0]))
        )
    };
    // In a cell of a text white space alone is a text, which few mean.
    let text = || match blank.is_empty() {
        true => Guess::new("text", as_text()),
        false => Guess {
            words: blank.iter().map(|of| ((*of).to_owned(), "null")).collect(),
            ..Guess::unsure("text", as_text() + "; white space alone stands for none")
        },
    };
    // Beside truth values others are texts.
    if told.is_empty() || booleans > 0 {
        return text();
    }
    // In JSON a text of digits is a text, of which only decimals are read.
    let is_text =
        |cell: &SampledCell| matches!(cell, SampledCell::Text(of) if !is_none(&of.as_str()));
    let is_text = format == Format::Json && column.values.iter().flatten().any(is_text);
    let fits = [times::fit(&told, name), numbers(&told, name, is_text)];
    let mut partly: Option<PartialFit> = None;
    for fit in fits {
        match fit {
            ValueFit::All(guess) => return typed(guess),
            ValueFit::Most(of) if of.held * 100 >= told.len() * MOST => {
                partly = partly.or(Some(of))
            }
            ValueFit::Most(_) | ValueFit::None => {}
        }
    }
    if let Some((example, read)) =
        amounts::read_by(&told, &name_in_sql(name)).filter(|_| !is_code(name))
    {
        let hint = match amounts::is_in_parentheses(example) {
            true => ", of which those in parentheses are negative, as accountants write them",
            false => "",
        };
        let evidence = format!("numbers such as {}{hint}", shown(example));
        // What stands for none is no number.
        let read = match told.len() < texts.len() {
            true => format!("try_{read}"),
            false => read,
        };
        return Guess { read: Some(read), ..Guess::unsure("text", evidence) };
    }
    if let Some(of) = partly {
        let evidence = but_for(&of, told.len(), name);
        return Guess { nearly: of.into_time(told.len()), ..Guess::unsure("text", evidence) };
    }
    if times::says_when(name) && times::seem(&told) {
        let evidence = format!("{}: times, it seems, that no format reads", as_text());
        return Guess::unsure("text", evidence);
    }
    text()
}

/// What is said of a column of which some values do not fit: as a text it costs no row.
fn but_for(fit: &PartialFit, all: usize, name: &str) -> String {
    let data_type = fit.guess.data_type.trim_matches('"');
    let formats: Vec<String> = fit.guess.formats.iter().map(|of| format!("'{of}'")).collect();
    let by = match &formats[..] {
        [] => String::new(),
        all => format!(" by {}", all.join(" or ")),
    };
    let others: Vec<String> = fit.others.iter().map(|of| format!("'{of}'")).collect();
    let sql = match data_type {
        "integer" => "bigint",
        "number" => "double",
        other => other,
    };
    let read = match fit.guess.formats.is_empty() {
        true => format!(
            "; `derive: {{{name}_read: \"try_cast({name} as {sql})\"}}` reads those, and null for the others"
        ),
        false => String::new(),
    };
    format!(
        "{} of {} fit {data_type}{by}, and others, such as {}, would cost their rows{read}",
        grouped(fit.held),
        counted(all, "value", "values"),
        others.join(" and ")
    )
}

/// A column that has a type.
fn as_stored(column: &SampledColumn, stored: &StoredType, name: &str) -> Guess {
    let of = stored.data_type.as_str();
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
    // Names of people and things are texts, which is what identifiers are made of. Some databases have decimals for all numbers.
    let is_whole =
        || texts.iter().all(|text| without_point(text).bytes().all(|of| of.is_ascii_digit()));
    let is_number = matches!(of, "integer" | "number") || of.contains("decimal") && is_whole();
    if is_number && !of.contains('[') && is_code(name) {
        return Guess::new("text", evidence);
    }
    // Numbers that count from 1970.
    if let ValueFit::All(guess) = times::fit(&texts, name)
        && of == "integer"
    {
        return guess;
    }
    if stored.misfits > 0 {
        let held = column.present().saturating_sub(stored.misfits);
        let guess = Guess::new(of, evidence);
        let fit = PartialFit { held, guess, others: stored.unfit.clone() };
        let evidence = but_for(&fit, column.present(), name);
        return Guess {
            nearly: fit.into_time(column.present()),
            ..Guess::unsure("text", evidence)
        };
    }
    let is_unsure = of == "json";
    Guess { is_unsure, ..Guess::new(of, evidence) }
}

/// Whether a name is one of what is no amount of anything.
pub fn is_code(name: &str) -> bool {
    let lower = name.to_lowercase();
    let is_part = |part: &&str| {
        lower == **part
            || lower.ends_with(&format!("_{part}"))
            || lower.starts_with(&format!("{part}_"))
    };
    let is_count = lower.starts_with("number_of_");
    let is_code =
        ["id", "code", "zip", "phone", "number", "sku", "postal", "plz"].iter().any(is_part);
    !is_count && (is_code || is_id(&lower) || is_of_person(&lower) || is_of_phone(&lower))
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

/// `is_text`: they are texts of JSON.
fn numbers(texts: &[&str], name: &str, is_text: bool) -> ValueFit {
    // What only looks like a number is no amount of anything.
    let has_zeros =
        texts.iter().any(|text| text.len() > 1 && text.starts_with('0') && !text.starts_with("0."));
    if is_code(name) || has_zeros {
        return ValueFit::None;
    }
    let digits: Vec<Option<(usize, usize)>> = texts.iter().map(|text| written(text)).collect();
    let is_number = |at: usize| digits[at].is_some();
    let is_whole = texts
        .iter()
        .zip(&digits)
        .all(|(text, of)| of.is_none_or(|(_, behind)| behind == 0 && text.parse::<i64>().is_ok()));
    if is_whole {
        let longest = digits.iter().flatten().map(|(before, _)| *before).max().unwrap_or(0).max(18);
        let guess = match is_text {
            true => Guess::new(
                &format!("\"decimal({longest},0)\""),
                "whole numbers, written as texts".to_owned(),
            ),
            false => Guess::new("integer", "whole numbers".to_owned()),
        };
        return ValueFit::of(texts, is_number, guess);
    }
    let (whole, scale) = digits
        .iter()
        .flatten()
        .fold((0, 2), |(whole, scale), (before, behind)| (whole.max(*before), scale.max(*behind)));
    let precision = (whole + scale).max(18);
    let guess = match scale > 9 || precision > 38 {
        // No double is read from texts.
        true if is_text => return ValueFit::None,
        true => Guess::new("number", "numbers".to_owned()),
        false => Guess::new(
            &format!("\"decimal({precision},{scale})\""),
            format!("numbers with up to {scale} digits behind the point"),
        ),
    };
    ValueFit::of(texts, is_number, guess)
}
