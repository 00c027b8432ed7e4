//! `selfsame init`: a first definition for files or topics that nobody has described yet, each guess with what speaks for it.

mod alike;
mod belongings;
mod columnar;
mod deletions;
mod draft;
mod few;
mod fit;
mod found;
mod guess;
mod hashed;
mod identifying;
mod identity;
mod keys;
mod left_out;
mod letters;
mod moments;
mod names;
mod odd;
mod parties;
mod people;
mod persons;
mod phones;
mod places;
mod preamble;
mod references;
mod roles;
mod rows_of_rows;
mod sample;
mod sampled;
mod shared;
mod source;
mod spoiled;
mod staff;
mod tables;
mod tally;
mod telling;
mod texts;
mod thousands;
mod times;
mod topics;
mod words;

use std::path::{Path, PathBuf};

use clap::Args;
use selfsame::SourceError;
use selfsame::internals::{definition, source as sources};

use super::print::{CommandResult, print};
use left_out::LeftOut;
use sample::Sample;

#[derive(Args, Clone, Debug)]
pub struct InitArgs {
    /// Files of JSON or CSV, compressed or not, of Parquet, or folders of them; with --kafka topics
    #[arg(required_unless_present = "kafka", value_name = "FILES")]
    files: Vec<PathBuf>,
    /// Look at topics of JSON instead: the newest 5,000 messages of each of those that are named, or of all
    #[arg(long, value_name = "BROKERS")]
    kafka: Option<String>,
    /// Write the definition here rather than to standard output; it must not exist yet
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub fn init(args: &InitArgs) -> CommandResult {
    let folder = match &args.out {
        Some(out) => {
            out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
        }
        None => Path::new("."),
    };
    let yaml = match &args.kafka {
        Some(brokers) => {
            let left_out = LeftOut::default();
            let samples = of_topics(brokers, &args.files, &left_out)?;
            draft::draft(&samples, folder, Some(brokers), &left_out.reasons())?
        }
        None => of_files(&args.files, folder)?,
    };
    let Some(out) = &args.out else { return print(&yaml) };
    if out.exists() {
        return Err(format!(
            "'{}' is there already: name another file, or remove it",
            out.display()
        )
        .into());
    }
    let has_time = yaml.lines().any(|line| line.starts_with("    time: "));
    std::fs::write(out, yaml).map_err(|why| format!("'{}': {why}", out.display()))?;
    let clock = if has_time { " --clock event" } else { "" };
    let to_the_end = if args.kafka.is_some() { " --until-end" } else { "" };
    print(&format!(
        "{} is written: look at what is marked with ?, then\n  selfsame check {0}\n  selfsame run {0}{clock}{to_the_end}\n",
        out.display()
    ))
}

/// A definition of all files that a run reads. What a run would refuse it refuses at its start, and is left out here with
/// the same words: so what is drafted runs.
fn of_files(files: &[PathBuf], folder: &Path) -> Result<String, String> {
    let left_out = LeftOut::default();
    let mut paths = found::files(files, &|why| left_out.add(why))?;
    loop {
        let samples = samples(&mut paths, &left_out);
        if samples.is_empty() {
            return Err(
                "none of these files can be read: name files of JSON, CSV or Parquet".to_owned()
            );
        }
        let yaml = draft::draft(&samples, folder, None, &left_out.reasons())?;
        let refused = refused(&yaml, folder)?;
        if refused.is_empty() {
            return Ok(yaml);
        }
        for (path, why) in refused {
            left_out.add(&why.to_string());
            paths.retain(|other| resolved(other) != resolved(&path));
        }
    }
}

fn resolved(path: &Path) -> Option<PathBuf> {
    selfsame::internals::place::resolved(path).ok()
}

/// What a run of a draft would not read.
fn refused(yaml: &str, folder: &Path) -> Result<Vec<(PathBuf, SourceError)>, String> {
    let variable = |name: &str| std::env::var(name).ok();
    let plan = definition::parse(yaml, &folder.join("draft.yaml"), &variable).map_err(|wrong| {
        format!("what was drafted of them is not understood, which is a mistake of this program:\n{wrong}")
    })?;
    Ok(plan.sources.iter().flat_map(sources::refused).collect())
}

/// What files have, less those that have nothing: these are told, and are no longer among the paths.
fn samples(paths: &mut Vec<PathBuf>, left_out: &LeftOut) -> Vec<Sample> {
    let mut samples: Vec<Sample> = Vec::new();
    paths.retain(|path| {
        let sample = match columnar::is_columnar(path) {
            true => columnar::sample(path),
            false => sample::sample(path),
        };
        let sample = sample.and_then(|sample| match sample.is_changelog() {
            true => Err(format!("{}: it is what an output of selfsame wrote", path.display())),
            false => Ok(sample),
        });
        let is_read = sample.is_ok();
        match sample {
            Ok(sample) => alike::add(&mut samples, sample),
            Err(why) => left_out.add(&why),
        }
        is_read
    });
    samples
}

fn of_topics(brokers: &str, topics: &[PathBuf], left_out: &LeftOut) -> Result<Vec<Sample>, String> {
    let names: Vec<String> =
        topics.iter().map(|name| name.to_string_lossy().into_owned()).collect();
    let samples = topics::samples(brokers, &names, left_out)?;
    match samples.is_empty() {
        true => Err(format!("--kafka {brokers}: no topic there has messages of JSON")),
        false => Ok(samples),
    }
}
