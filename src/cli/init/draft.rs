//! The definition as it is written, with what speaks for each guess beside it.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use selfsame::internals::console::counted;
use selfsame::internals::plan::Format;

use super::guess::{Guess, guess};
use super::identifying;
use super::roles::{self, DraftIdentifier, DraftSource, IdentifierKind, snake};
use super::sample::{Origin, Sample, SampledCell};

/// The definition; paths are written as they are from a folder.
///
/// # Errors
/// If nothing says who somebody is.
pub fn draft(samples: &[Sample], folder: &Path, brokers: Option<&str>) -> Result<String, String> {
    let mut names = Taken::new();
    let mut sources: Vec<DraftSource> = samples
        .iter()
        .map(|sample| {
            let name = unlike(&mut names, snake(&stem(sample)));
            let mut taken = Taken::from([("time".to_owned(), 0)]);
            let fields = sample.columns.iter().map(|column| {
                let name = unlike(&mut taken, snake(&column.path));
                let of = guess(column, &name, sample.form.format);
                (name, of)
            });
            roles::source(name, sample, fields.collect())
        })
        .collect();
    let identifiers = identifying::identifiers(samples, &sources);
    // Whatever they are made of, identifiers are texts.
    for (source, column) in identifiers.iter().flat_map(|of| &of.from) {
        sources[*source].fields[*column].1.data_type = "text".to_owned();
    }
    if identifiers.is_empty() {
        let columns = sources.iter().map(|source| {
            let names: Vec<&str> = source.fields.iter().map(|(name, _)| name.as_str()).collect();
            format!("  {}: {}", source.name, names.join(", "))
        });
        let columns: Vec<String> = columns
            .zip(samples)
            .map(|(columns, sample)| {
                let lists = sample.columns.iter().filter(|column| {
                    column.values.iter().flatten().any(|cell| *cell == SampledCell::Objects)
                });
                let lists = lists.map(|column| {
                    let path = &column.path;
                    format!("{path} is a list of objects: jq -c '.{path}[]' makes a row of each")
                });
                let over = lists.chain(sample.passed_over.iter().cloned());
                let over: String = over.map(|why| format!("; {why}")).collect();
                columns + &over
            })
            .collect();
        return Err(format!(
            "no column of them seems to say who somebody is: there should be e-mail addresses, phone numbers, cookies, or \
             numbers of customers or users by such a name. There are\n{}\nIf one of these is somebody's, give it such a \
             name, or write the definition by hand, as docs/guide.md does",
            columns.join("\n")
        ));
    }
    let mut yaml = String::from(
        "# Drafted by `selfsame init` from the rows that there were: a guess has what speaks for it beside it, and one that\n\
         # is not sure is marked with ?. docs/guide.md of selfsame goes on from here.\n\n",
    );
    if let Some(brokers) = brokers {
        writeln!(yaml, "kafka: {{brokers: {}}}\n", quoted(brokers)).expect("to a string");
    }
    yaml.push_str("sources:\n");
    for (number, (sample, source)) in samples.iter().zip(&sources).enumerate() {
        let is_somebodys = source.is_records
            || identifiers.iter().any(|of| of.from.iter().any(|(of, _)| *of == number));
        let mut written = String::new();
        write_source(&mut written, sample, source, folder);
        if !is_somebodys {
            yaml.push_str("  # ? left out: none of its columns seems to say whose its rows are\n");
            written = written.lines().map(|line| format!("  #{line}\n")).collect();
        }
        yaml.push_str(&written);
    }
    write_identity(&mut yaml, &sources, &identifiers);
    write_attributes(&mut yaml, &sources, &identifiers);
    yaml.push_str("\noutputs:\n  profiles:   {files: out/profiles.ndjson}\n  identities: {files: out/identities.ndjson}\n  rejects:    {files: out/rejects.ndjson}\n  conflicts:  {files: out/conflicts.ndjson}\n");
    Ok(yaml)
}

/// The names that are taken, each with the number of the last that is like it.
type Taken = HashMap<String, usize>;

fn unlike(taken: &mut Taken, name: String) -> String {
    let mut number = taken.get(&name).copied().unwrap_or(0);
    let mut unlike = name.clone();
    while taken.contains_key(&unlike) {
        number += 1;
        unlike = format!("{name}_{}", number + 1);
    }
    taken.insert(name, number);
    taken.entry(unlike.clone()).or_insert(0);
    unlike
}

/// A file's name without its ending, and without what numbers it; or a topic's.
fn stem(sample: &Sample) -> String {
    let name = match &sample.origin {
        Origin::Files(files) => {
            let name = files[0].file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.split('.').next().unwrap_or_default().to_owned()
        }
        Origin::Topic { name, .. } => name.clone(),
    };
    let stem = name.trim_end_matches(|of: char| of.is_ascii_digit() || of == '-' || of == '_');
    if stem.is_empty() { "rows".to_owned() } else { stem.to_owned() }
}

/// Where its files are: one, or all of their folder that end alike.
fn files(files: &[PathBuf], folder: &Path) -> String {
    let absolute = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = absolute(folder);
    let shown = |path: &Path| {
        let path = absolute(path);
        path.strip_prefix(&folder).unwrap_or(&path).display().to_string()
    };
    let all: Vec<String> = files.iter().map(|path| shown(path)).collect();
    let escaped = |path: &String| quoted(&glob::Pattern::escape(path));
    match &all[..] {
        [one] => escaped(one),
        several => format!("[{}]", several.iter().map(escaped).collect::<Vec<_>>().join(", ")),
    }
}

fn write_source(yaml: &mut String, sample: &Sample, source: &DraftSource, folder: &Path) {
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
        Origin::Files(paths) => say(format!("    files: {}", files(paths, folder))),
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
            _ => "? it is no UTF-8, and this is what is most often meant",
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
    let why = match (source.is_records, &source.time) {
        _ if roles::nulls(sample) > 0 => "a table: messages without a payload delete",
        (true, Some(_)) => "a table: rows say when they were updated",
        (true, None) => "a table: rows have a key and no time",
        (false, _) => "facts: each row happened",
    };
    say(format!("    kind: {kind}    # ? {why}"));
    if let Some((column, evidence)) = &source.key {
        let word = if source.is_records { "key" } else { "id" };
        say(format!("    {word}: {}    # {evidence}", source.fields[*column].0));
    }
    if let Some((column, evidence)) = &source.time {
        say(format!("    time: {}    # {evidence}", source.fields[*column].0));
    }
    if let Some((column, word)) = &source.deleted {
        let name = &source.fields[*column].0;
        say(format!("    deleted: {name} = '{word}'    # ? rows say so"));
    }
    if let Some(of) = &source.kinds {
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
    for why in &sample.passed_over {
        say(format!("    # ? {why}: there is no field of it"));
    }
    let zone = roles::zone(sample, &source.fields);
    say("    fields:".to_owned());
    for ((name, guess), column) in source.fields.iter().zip(&sample.columns) {
        let is_in_doubt = is_local(guess) && zone.is_none();
        let mark = if guess.is_unsure || is_in_doubt { "? " } else { "" };
        let clocks =
            if is_in_doubt { "; by UTC's clocks, unless `time_zone` names others" } else { "" };
        say(format!(
            "      {name}: {}    # {mark}{}{clocks}",
            field(name, &column.path, guess, zone.as_deref()),
            guess.evidence
        ));
    }
}

/// Whether values have no offset, so that they are what clocks show.
fn is_local(guess: &Guess) -> bool {
    let has_hours = |format: &String| format.contains("%H") || format.contains("%I");
    guess.data_type == "timestamp" && guess.format.as_ref().is_some_and(has_hours)
}

fn field(name: &str, path: &str, guess: &Guess, zone: Option<&str>) -> String {
    let is_plain = name == path;
    if is_plain && guess.format.is_none() {
        return guess.data_type.clone();
    }
    let mut all = vec![format!("type: {}", guess.data_type)];
    if !is_plain {
        all.push(format!("path: {}", quoted(path)));
    }
    if let Some(format) = &guess.format {
        all.push(format!(
            "format: {}",
            if format.contains('%') { format!("'{format}'") } else { format.clone() }
        ));
    }
    if let Some(zone) = zone.filter(|_| is_local(guess)) {
        all.push(format!("time_zone_from: {zone}"));
    }
    format!("{{{}}}", all.join(", "))
}

fn write_identity(yaml: &mut String, sources: &[DraftSource], identifiers: &[DraftIdentifier]) {
    yaml.push_str("\nidentity:    # most trusted first\n");
    for of in identifiers {
        let mut by_source: Vec<(usize, Vec<&str>)> = Vec::new();
        for (source, column) in &of.from {
            let name = sources[*source].fields[*column].0.as_str();
            match by_source.iter_mut().find(|(known, _)| known == source) {
                Some((_, names)) => names.push(name),
                None => by_source.push((*source, vec![name])),
            }
        }
        let from = by_source.iter().map(|(source, names)| {
            let names = if names.len() == 1 {
                names[0].to_owned()
            } else {
                format!("[{}]", names.join(", "))
            };
            format!("{}: {names}", sources[*source].name)
        });
        writeln!(yaml, "  {}:", of.name).expect("to a string");
        for evidence in &of.evidence {
            writeln!(yaml, "    # {evidence}").expect("to a string");
        }
        writeln!(yaml, "    from: {{{}}}", from.collect::<Vec<_>>().join(", "))
            .expect("to a string");
        let has_person = identifiers.iter().any(|of| of.kind == IdentifierKind::Person);
        let is_most_trusted = std::ptr::eq(of, &identifiers[0]);
        match of.kind {
            IdentifierKind::Person => {
                let clean = if of.has_space { "clean(value)" } else { "value" };
                if of.has_points {
                    writeln!(
                        yaml,
                        "    normalize: regexp_replace({clean}, '[.]0$', '')    # 17850.0 is 17850"
                    )
                    .expect("to a string");
                } else if of.has_space {
                    yaml.push_str(
                        "    normalize: clean(value)    # some have white space at an end\n",
                    );
                }
                if of.counts_from_0 {
                    yaml.push_str(
                        "    placeholders: keep    # ? they count from 0, which is somebody then\n",
                    );
                }
                if is_most_trusted {
                    yaml.push_str("    at_most: 1    # ? a person has one\n");
                }
            }
            IdentifierKind::Email => {
                yaml.push_str("    normalize: lower(clean(value))\n    ignore: [\"test@test.com\", \"noreply@*\", \"no-reply@*\"]\n");
            }
            IdentifierKind::Phone => yaml
                .push_str("    normalize: nullif(regexp_replace(value, '[^0-9+]', '', 'g'), '')\n"),
            IdentifierKind::Device | IdentifierKind::Row => {}
        }
        let shared = match of.kind {
            IdentifierKind::Email | IdentifierKind::Phone => Some(5),
            IdentifierKind::Device => Some(10),
            IdentifierKind::Person | IdentifierKind::Row => None,
        };
        if let Some(shared) = shared.filter(|_| has_person && !is_most_trusted) {
            writeln!(
                yaml,
                "    shared_after: {shared}    # ? what more people share says who nobody is"
            )
            .expect("to a string");
        }
    }
}

fn write_attributes(yaml: &mut String, sources: &[DraftSource], identifiers: &[DraftIdentifier]) {
    let mut lines = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        if !identifiers.iter().any(|of| of.from.iter().any(|(of, _)| *of == number)) {
            continue;
        }
        let name = &source.name;
        lines.push(format!("  {name}_rows: {{from: {name}, select: count(*)}}"));
        if source.time.is_some() && !source.is_records {
            lines.push(format!("  {name}_last: {{from: {name}, select: max(time)}}"));
        }
    }
    if !lines.is_empty() {
        writeln!(yaml, "\nattributes:\n{}", lines.join("\n")).expect("to a string");
    }
}

/// In quotes, as YAML and JSON both have them; what would be a variable is none.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text.replace("${", "${:-$}{")).to_string()
}
