//! The definition as it is written, with what speaks for each guess beside it.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

use super::guess::guess;
use super::identity::write_identity;
use super::names::{self, entities, longer, snake};
use super::phones::take_phones;
use super::references::take_references;
use super::roles::{self, DraftSource};
use super::rows_of_rows::rows_of_rows;
use super::sample::{Origin, Sample, SampledCell};
use super::source::write_source;
use super::staff::Staff;
use super::telling::write_attributes;
use super::texts::{on_one_line, quoted, shown};
use super::thousands::take_thousands;
use super::{alike, identifying, places};

/// So many of what is left out are named.
const LEFT_OUT: usize = 20;

/// The definition; paths are written as they are from a folder. `left_out` says of what is not in it why.
///
/// # Errors
/// If nothing says who somebody is.
pub fn draft(
    samples: &[Sample],
    folder: &Path,
    brokers: Option<&str>,
    left_out: &[String],
) -> Result<String, String> {
    let names = names(samples);
    let mut sources: Vec<DraftSource> = samples
        .iter()
        .zip(names.iter().zip(entities(&names)))
        .map(|(sample, (name, entity))| {
            let fields = columns(sample).into_iter().zip(&sample.columns).map(|(name, column)| {
                let of = guess(column, &name, sample.form.format);
                (name, of)
            });
            let mut fields: Vec<_> = fields.collect();
            take_thousands(sample, &mut fields);
            roles::source(name.clone(), entity, sample, fields)
        })
        .collect();
    for (number, source) in sources.iter_mut().enumerate() {
        source.unlike = (0..number).find_map(|before| {
            let differ = alike::nearly(&samples[before], &samples[number])?;
            Some(differ.told(&names[before]))
        });
    }
    let staff = Staff::find(samples, &sources);
    let (mut identifiers, mut doubted) = identifying::identifiers(samples, &sources, &staff);
    doubted.extend(take_references(samples, &sources, &mut identifiers));
    let mut nobodys = take_phones(samples, &sources, &mut identifiers);
    rows_of_rows(samples, &sources, &staff, &mut identifiers);
    nobodys.extend(staff.tables);
    // Whatever they are made of, identifiers are texts, or lists of texts.
    for (source, column) in identifiers.iter().flat_map(|of| &of.from) {
        let guess = &mut sources[*source].fields[*column].1;
        if !guess.data_type.starts_with("\"[") {
            guess.become_text();
        }
    }
    if identifiers.is_empty() {
        return Err(nobody(samples, &sources, &doubted));
    }
    let mut yaml = String::from(
        "# Drafted by `selfsame init` from the rows that there were: a guess has what speaks for it beside it, and one that\n\
         # is not sure is marked with ?. docs/guide.md of selfsame goes on from here.\n\n",
    );
    if let Some(brokers) = brokers {
        writeln!(yaml, "kafka: {{brokers: {}}}\n", quoted(brokers)).expect("to a string");
    }
    for why in left_out.iter().take(LEFT_OUT) {
        writeln!(yaml, "# ? left out: {}", on_one_line(why)).expect("to a string");
    }
    if let Some(more) = left_out.len().checked_sub(LEFT_OUT).filter(|more| *more > 0) {
        writeln!(yaml, "# ? left out: {more} more").expect("to a string");
    }
    yaml.push_str(if left_out.is_empty() { "sources:\n" } else { "\nsources:\n" });
    for (number, (sample, source)) in samples.iter().zip(&sources).enumerate() {
        let is_somebodys = source.is_records && !nobodys.contains_key(&number)
            || identifiers.iter().any(|of| of.from.iter().any(|(of, _)| *of == number));
        let mut written = String::new();
        write_source(&mut written, sample, source, folder);
        if !is_somebodys {
            let why = "none of its columns seems to say whose its rows are";
            let why = nobodys.get(&number).map_or(why, String::as_str);
            writeln!(yaml, "  # ? left out: {why}").expect("to a string");
            written = written.lines().map(|line| format!("  #{line}\n")).collect();
        }
        yaml.push_str(&written);
    }
    write_identity(&mut yaml, &sources, &identifiers);
    for of in &doubted {
        writeln!(yaml, "  # ? left out: {of}").expect("to a string");
    }
    write_attributes(&mut yaml, samples, &sources, &identifiers);
    yaml.push_str("\noutputs:\n  profiles:   {files: out/profiles.ndjson}\n  identities: {files: out/identities.ndjson}\n  rejects:    {files: out/rejects.ndjson}\n  conflicts:  {files: out/conflicts.ndjson}\n");
    Ok(yaml)
}

/// Why there is no draft: what columns there are, and what is said of those that could say who somebody is.
fn nobody(samples: &[Sample], sources: &[DraftSource], doubted: &[String]) -> String {
    let columns = sources.iter().zip(samples).map(|(source, sample)| {
        // A name that was made up says nothing.
        let is_made_up = sample.form.columns.is_some();
        let called = source.fields.iter().zip(&sample.columns).map(|((name, _), column)| {
            match column.texts().next().filter(|_| is_made_up) {
                Some(text) => format!("{name} ('{}')", shown(text)),
                None => name.clone(),
            }
        });
        let names: Vec<String> = called.collect();
        let lists = sample.columns.iter().filter(|column| {
            column.values.iter().flatten().any(|cell| *cell == SampledCell::Objects)
        });
        let lists = lists.map(|column| {
            let path = &column.path;
            format!("{path} is a list of objects: jq -c '.{path}[]' makes a row of each")
        });
        let headless = sample.form.columns.as_ref().map(|columns| {
            format!(
                "its first line seems to be no header: write one above it that names its columns, or name them in the \
                 definition, by `columns: [{}]`",
                columns.join(", ")
            )
        });
        let over = headless.into_iter().chain(lists).chain(sample.passed_over.iter().cloned());
        let over: String = over.map(|why| format!("; {why}")).collect();
        format!("  {}: {}{over}", source.name, names.join(", "))
    });
    let columns: Vec<String> = columns.collect();
    let doubted: String =
        doubted.iter().map(|why| format!("\n  left out: {}", on_one_line(why))).collect();
    format!(
        "no column of them seems to say who somebody is: there should be e-mail addresses, phone numbers, cookies, or \
         numbers of customers or users by such a name. There are\n{}{doubted}\nIf one of these is somebody's, give it such \
         a name, or write the definition by hand, as docs/guide.md does",
        columns.join("\n")
    )
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

/// By column, the name of its field. What stands in the row itself keeps its name, also behind what stands in an object. Of
/// several in objects that would have one name, each says what it stands in.
fn columns(sample: &Sample) -> Vec<String> {
    let mut taken = Taken::from([("time".to_owned(), 0)]);
    let mut names = vec![String::new(); sample.columns.len()];
    let is_nested = |at: &usize| sample.columns[*at].path.contains('.');
    let all = 0..names.len();
    let (nested, own): (Vec<usize>, Vec<usize>) = all.partition(is_nested);
    for at in own {
        names[at] = unlike(&mut taken, snake(&sample.columns[at].path));
    }
    let paths = || nested.iter().map(|at| sample.columns[*at].path.as_str());
    let is_one = |called: fn(&str) -> String, name: &str| {
        paths().filter(|path| called(path) == name).count() == 1
    };
    let own = taken.clone();
    for at in &nested {
        let path = &sample.columns[*at].path;
        let called: [fn(&str) -> String; 3] = [snake, longer, names::whole];
        let name = called.into_iter().find_map(|called| {
            let name = called(path);
            (is_one(called, &name) && !own.contains_key(&name)).then_some(name)
        });
        names[*at] = unlike(&mut taken, name.unwrap_or_else(|| names::whole(path)));
    }
    names
}

/// By sample: the name of its source.
fn names(samples: &[Sample]) -> Vec<String> {
    let short: Vec<String> = samples.iter().map(|sample| snake(stem(&whole(sample)))).collect();
    let mut taken = Taken::new();
    let name = |(number, sample): (usize, &Sample)| {
        // What numbers it tells it from others.
        let is_one_of_several = short.iter().filter(|of| **of == short[number]).count() > 1;
        let whole = whole(sample);
        let is_name = whole.starts_with(char::is_alphabetic);
        let name = if is_one_of_several && is_name { snake(&whole) } else { short[number].clone() };
        unlike(&mut taken, name)
    };
    samples.iter().enumerate().map(name).collect()
}

/// A file's name without its ending; or a topic's.
fn whole(sample: &Sample) -> String {
    match &sample.origin {
        Origin::Files(files) => {
            // What is in a folder such as `month=01` is called as the folder above.
            let above = places::root(&files[0]).filter(|_| places::is_in_partition(&files[0]));
            let above = above.and_then(Path::file_name);
            if let Some(name) = above {
                return name.to_string_lossy().into_owned();
            }
            let name = files[0].file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.split('.').next().unwrap_or_default().to_owned()
        }
        Origin::Topic { name, .. } => name.clone(),
    }
}

/// A name without what numbers it.
fn stem(name: &str) -> &str {
    let stem = name.trim_end_matches(|of: char| of.is_ascii_digit() || of == '-' || of == '_');
    if stem.is_empty() { "rows" } else { stem }
}
