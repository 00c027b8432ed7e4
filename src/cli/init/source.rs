//! Sources as they are written, with what speaks for each guess beside it.

use std::fmt::Write;
use std::path::Path;

use selfsame::internals::console::counted;
use selfsame::internals::plan::Format;

use super::fit::Guess;
use super::places;
use super::roles::{self, DraftSource};
use super::sample::{Origin, Sample, SampledColumn};
use super::texts::quoted;

pub fn write_source(yaml: &mut String, sample: &Sample, source: &DraftSource, folder: &Path) {
    let mut say = |text: String| writeln!(yaml, "{text}").expect("to a string");
    say(format!(
        "  {}:    # {} looked at{}",
        source.name,
        counted(sample.rows, "row was", "rows were"),
        if sample.bad > 0 {
            format!(", and {}", counted(sample.bad, "line that is none", "lines that are none"))
        } else {
            String::new()
        }
    ));
    match &sample.origin {
        Origin::Files(paths) => say(format!("    files: {}", places::written(paths, folder))),
        Origin::Topic { name, .. } => say(format!("    kafka: {{topic: {}}}", quoted(name))),
    }
    if sample.form.format == Format::Parquet {
        say("    format: parquet".to_owned());
    }
    if sample.form.format == Format::Csv {
        say("    format: csv".to_owned());
        match sample.form.delimiter {
            b',' => {}
            b'\t' => say("    delimiter: tab".to_owned()),
            other => say(format!("    delimiter: \"{}\"", char::from(other))),
        }
    }
    if sample.form.comment.is_some() {
        say("    comment: \"#\"    # its first line is one".to_owned());
    }
    if let Some(encoding) = sample.form.encoding {
        let doubt = match encoding {
            "utf-16" => "by its mark of byte order",
            "utf-16le" | "utf-16be" => "every other byte is zero",
            "windows-1252" => "? it is no UTF-8, and this is what is most often meant",
            _ => "? it is no UTF-8, and by this all of it is read",
        };
        say(format!("    encoding: {encoding}    # {doubt}"));
    }
    if let Some(columns) = &sample.form.columns {
        say(format!(
            "    columns: [{}]    # ? its first line seems to be no header: name its columns",
            columns.join(", ")
        ));
    }
    let kind = if source.is_records { "records" } else { "events" };
    let has_times = source.fields.iter().any(|(_, of)| of.data_type == "timestamp");
    let why = match (source.is_records, &source.time) {
        _ if roles::nulls(sample) > 0 => "a table: messages without a payload delete",
        (true, Some(_)) => "a table: rows say when they were updated",
        (true, None) if has_times => "a table: of rows with one key the last that is read stands",
        (true, None) => "a table: rows have a key and no time",
        (false, _) => "facts: each row happened",
    };
    say(format!("    kind: {kind}    # ? {why}"));
    if let Some((column, evidence)) = &source.key {
        let word = if source.is_records { "key" } else { "id" };
        say(format!("    {word}: {}    # {evidence}", source.fields[*column].0));
    }
    if let Some(why) = &source.no_key {
        let word = if source.is_records { "key" } else { "id" };
        say(format!("    # ? no {word}: {why}"));
    }
    if let Some((column, evidence)) = &source.time {
        say(format!("    time: {}    # {evidence}", source.fields[*column].0));
    }
    if let Some(condition) = &source.deleted {
        say(format!("    deleted: {condition}    # ? rows say so"));
    }
    if are_changes(sample) {
        say("    # ? changes of a table, it seems: docs/guide.md of selfsame reads such as records (Changes of a database)".to_owned());
    } else if let Some(of) = &source.kinds {
        let column = &source.fields[of.column].0;
        let some: Vec<&str> = of.values.iter().take(3).map(String::as_str).collect();
        let more = if of.values.len() > some.len() { ", …" } else { "" };
        let condition = quoted(&format!("{column} = '{}'", of.values[0].replace('\'', "''")));
        say(format!(
            "    # ? rows of {} kinds, which {column} tells apart ({}{more}): better a source of each, with `where: {condition}`",
            of.values.len(),
            some.join(", ")
        ));
    }
    if let Some(unlike) = &source.unlike {
        say(format!("    # ? {unlike}"));
    }
    for why in &sample.passed_over {
        say(format!("    # ? {why}: there is no field of it"));
    }
    let zone = roles::zone(sample, &source.fields);
    say("    fields:".to_owned());
    for ((name, guess), column) in source.fields.iter().zip(&sample.columns) {
        let mark = if guess.is_unsure || is_local(guess) { "? " } else { "" };
        let clocks = match &zone {
            _ if !is_local(guess) => String::new(),
            None => "; by UTC's clocks, unless `time_zone` names others".to_owned(),
            Some(zone) => format!("; by the clocks that {zone} names"),
        };
        say(format!(
            "      {name}: {}    # {mark}{}{clocks}",
            field(name, &column.path, guess, zone.as_deref()),
            guess.evidence
        ));
    }
    let mut derived = source.derived().peekable();
    if derived.peek().is_some() {
        say("    derive:".to_owned());
    }
    for (_, name, read) in derived {
        say(format!("      {name}: {}", quoted(read)));
    }
}

/// Whether rows say what a row of a table was before a change of it and is after, as Debezium's do.
fn are_changes(sample: &Sample) -> bool {
    let has = |part: &str| sample.columns.iter().any(|column| column.path.starts_with(part));
    ["", "payload."].iter().any(|above| {
        let is_op = |column: &SampledColumn| column.path == format!("{above}op");
        sample.columns.iter().any(is_op)
            && ["before.", "after."].iter().all(|part| has(&format!("{above}{part}")))
    })
}

/// Whether values have no offset, so that they are what clocks show.
fn is_local(guess: &Guess) -> bool {
    guess.data_type == "timestamp" && guess.is_local
}

fn field(name: &str, path: &str, guess: &Guess, zone: Option<&str>) -> String {
    let is_plain = name == path;
    if is_plain && guess.formats.is_empty() && guess.words.is_empty() {
        return guess.data_type.clone();
    }
    let mut all = vec![format!("type: {}", guess.data_type)];
    if !is_plain {
        all.push(format!("path: {}", quoted(path)));
    }
    let format = |of: &String| if of.contains('%') { format!("'{of}'") } else { of.clone() };
    match &guess.formats[..] {
        [] => {}
        [one] => all.push(format!("format: {}", format(one))),
        several => {
            let several: Vec<String> = several.iter().map(format).collect();
            all.push(format!("format: [{}]", several.join(", ")));
        }
    }
    if let Some(zone) = zone.filter(|_| is_local(guess)) {
        all.push(format!("time_zone_from: {zone}"));
    }
    if !guess.words.is_empty() {
        let words = guess.words.iter().map(|(word, meant)| format!("{}: {meant}", quoted(word)));
        all.push(format!("map: {{{}}}", words.collect::<Vec<_>>().join(", ")));
    }
    format!("{{{}}}", all.join(", "))
}
