//! `selfsame init`: a first definition for files or topics that nobody has described yet, each guess with what speaks for it.

mod columnar;
mod draft;
mod guess;
mod identifying;
mod roles;
mod sample;
mod topics;

use std::path::{Path, PathBuf};

use clap::Args;

use super::print::{CommandResult, print};
use sample::{Origin, Sample};

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
    let samples = match &args.kafka {
        Some(brokers) => of_topics(brokers, &args.files)?,
        None => of_files(&args.files)?,
    };
    let folder = match &args.out {
        Some(out) => {
            out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
        }
        None => Path::new("."),
    };
    let yaml = draft::draft(&samples, folder, args.kafka.as_deref())?;
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

fn of_files(files: &[PathBuf]) -> Result<Vec<Sample>, String> {
    let mut paths = Vec::new();
    for path in files {
        collect(path, &mut paths)?;
    }
    paths.sort();
    paths.dedup();
    let mut samples: Vec<Sample> = Vec::new();
    for path in &paths {
        let sample = match columnar::is_columnar(path) {
            true => columnar::sample(path),
            false => sample::sample(path),
        };
        match sample {
            Ok(sample) => add(&mut samples, sample),
            Err(why) => tracing::warn!("{why}; it is left out"),
        }
    }
    match samples.is_empty() {
        true => {
            Err("none of these files can be read: name files of JSON, CSV or Parquet".to_owned())
        }
        false => Ok(samples),
    }
}

fn of_topics(brokers: &str, topics: &[PathBuf]) -> Result<Vec<Sample>, String> {
    let names: Vec<String> =
        topics.iter().map(|name| name.to_string_lossy().into_owned()).collect();
    let samples = topics::samples(brokers, &names)?;
    match samples.is_empty() {
        true => Err(format!("--kafka {brokers}: no topic there has messages of JSON")),
        false => Ok(samples),
    }
}

fn collect(path: &Path, paths: &mut Vec<PathBuf>) -> Result<(), String> {
    let unreadable = |why: std::io::Error| format!("'{}': {why}", path.display());
    if !std::fs::metadata(path).map_err(unreadable)?.is_dir() {
        paths.push(path.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?.path();
        let name =
            entry.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !name.starts_with('.')
            && (entry.is_dir() || !name.ends_with(".md") && !name.ends_with(".yaml"))
        {
            collect(&entry, paths)?;
        }
    }
    Ok(())
}

/// Files of one folder that are written alike and have the same columns are one source.
fn add(samples: &mut Vec<Sample>, sample: Sample) {
    let folder = |sample: &Sample| match &sample.origin {
        Origin::Files(files) => files[0].parent().map(Path::to_owned),
        Origin::Topic { .. } => None,
    };
    let names = |sample: &Sample| {
        let mut names: Vec<String> =
            sample.columns.iter().map(|column| column.path.clone()).collect();
        names.sort();
        names
    };
    let is_like = |one: &Sample, other: &Sample| {
        let (ours, theirs) = (names(one), names(other));
        let common = ours.iter().filter(|name| theirs.contains(name)).count();
        folder(one) == folder(other)
            && one.form == other.form
            && common * 10 >= ours.len().max(theirs.len()) * 8
    };
    let Some(known) = samples.iter_mut().find(|known| is_like(known, &sample)) else {
        return samples.push(sample);
    };
    if let (Origin::Files(known), Origin::Files(more)) = (&mut known.origin, sample.origin) {
        known.extend(more);
    }
    for column in sample.columns {
        let had = known.rows;
        match known.columns.iter_mut().find(|of| of.path == column.path) {
            Some(of) => of.values.extend(column.values),
            None => {
                let values = vec![None; had].into_iter().chain(column.values).collect();
                known.columns.push(sample::SampledColumn { values, ..column });
            }
        }
    }
    known.rows += sample.rows;
    known.bad += sample.bad;
    let rows = known.rows;
    known.columns.iter_mut().for_each(|column| column.values.resize(rows, None));
}
