//! The sample data, read from its files by the engine as users run it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use selfsame::internals::plan::{Destination, Format, Plan};
use selfsame::internals::runtime::{self, Clock};
use selfsame::internals::sink::TextRecord as Record;
use selfsame::internals::source::Files;

use crate::oracle::check::folded;
use crate::oracle::script::{Delivery, Tick};
use crate::oracle::{Oracle, SetAside};

/// A day after the last of its rows: 2025-08-31T00:00:00Z.
const END: i64 = 1_756_598_400_000_000;

#[test]
fn the_sample_data_comes_to_what_the_oracle_says_whoever_reads_how_much_of_it() {
    let definition = Path::new(env!("CARGO_MANIFEST_DIR")).join("dataflows/retail/retail.yaml");
    let load = || {
        selfsame::internals::definition::load(&definition).expect("the sample definition is right")
    };
    let plan = Arc::new(load());
    let mut oracle = Oracle::new(&plan, Clock::Fixed(END));
    let rows = rows(&plan);
    assert!(rows.len() > 2_000, "{} rows", rows.len());
    let set_aside = oracle.tick(&Tick { reading: END, rows }).set_aside;
    for workers in [1, 2, 4] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut plan = load();
        for output in &mut plan.outputs {
            output.target = Destination::File { path: folder.path().join(&output.name) };
        }
        let plan = Arc::new(plan);
        let options = runtime::RunOptions {
            clock: Clock::Fixed(END),
            workers,
            until_end: true,
            ..runtime::RunOptions::default()
        };
        let run = runtime::Run::start(
            Arc::clone(&plan),
            options,
            |_| Ok(false),
            |_| Ok(()),
            None,
            Vec::new(),
            None,
        );
        run.expect("it starts").wait().expect("it runs");
        let (state, rejects) = folded(&plan, &sent(&plan));
        let differing = state.iter().filter(|(key, value)| oracle.state().get(key) != Some(value));
        assert_eq!(differing.collect::<BTreeMap<_, _>>(), BTreeMap::new(), "{workers} workers");
        assert_eq!(state.len(), oracle.state().len(), "{workers} workers");
        assert_eq!(said(rejects.iter().map(|(_, reject)| reject)), said(&set_aside));
    }
}

/// Rejects, less the files' full names.
fn said<'a>(rejects: impl IntoIterator<Item = &'a SetAside>) -> BTreeSet<(&'a str, String)> {
    rejects.into_iter().map(|of| (&*of.raw, format!("{} {:?}", of.source, of.codes))).collect()
}

/// All rows of a definition's files, as arrived at once.
fn rows(plan: &Plan) -> Vec<Delivery> {
    let mut rows = Vec::new();
    for (number, source) in plan.sources.iter().enumerate() {
        let connector = &*source.connector as &dyn std::any::Any;
        let Files { globs } = connector.downcast_ref().expect("of files");
        let paths = globs.iter().flat_map(|of| glob::glob(of).expect("a pattern"));
        let mut paths: Vec<PathBuf> = paths.map(|path| path.expect("a path")).collect();
        paths.sort();
        for (part, path) in (0..).zip(&paths) {
            let text = std::fs::read_to_string(path).expect("text");
            let mut lines = (1..).zip(text.lines());
            let header = (source.format == Format::Csv).then(|| lines.next().expect("a header").1);
            for (offset, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
                rows.push(Delivery {
                    source: number,
                    part,
                    offset,
                    timestamp: None,
                    key: None,
                    header: header.map(str::to_owned),
                    payload: Some(line.to_owned()),
                    joined: false,
                });
            }
        }
    }
    rows
}

/// The records in a definition's output files.
fn sent(plan: &Plan) -> Vec<Record> {
    #[derive(serde::Deserialize)]
    struct Line {
        key: String,
        value: Option<Box<serde_json::value::RawValue>>,
        merged_into: Option<String>,
    }
    let mut records = Vec::new();
    for (output, of) in plan.outputs.iter().enumerate() {
        let Destination::File { path } = &of.target else { unreachable!("a file") };
        for line in std::fs::read_to_string(path).expect("text").lines() {
            let Line { key, value, merged_into } = serde_json::from_str(line).expect("a record");
            let value = value.map(|value| value.get().to_owned());
            records.push(Record { output: output as u16, key, value, merged_into });
        }
    }
    records
}
