//! What a run has of the runs before it: stored rows, where its sources are read on, what its outputs were told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::options::{RunError, RunOptions};
use crate::console::counted;
use crate::decode::stored;
use crate::plan::source_reading::source_reading;
use crate::plan::{DataPlace, Field, Plan, Source, Unnest};
use crate::sink::{self, Committable, DurableOutputs, OutputsDifference};
use crate::store::{self, CompactedUntil, LogHeader, Recovered, StoreError};
use crate::time::{Micros, Tick, rfc3339, wall_clock};

/// Where nothing is stored, nothing outlives the run.
const FLEETING: &str = "nothing outlives this run: say where its rows are stored by --data FOLDER, or by `data` in \
                        the definition, and the next one goes on where it ends";

/// How long a run that uses the data folder is waited for, which may be about to end, and how often it is looked.
const LEAVING: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(100);

/// Opens the data folder, if there is one. The first process brings to its end what an earlier run had begun: `finish` does
/// so, and says whether there was anything.
pub fn recover(
    plan: &Plan,
    options: &RunOptions,
    finish: impl FnOnce(&Recovered) -> Result<bool, StoreError>,
) -> Result<Option<Recovered>, RunError> {
    let Some(data) = options.data.as_ref().or(plan.data.as_ref()) else { return Ok(None) };
    check(plan)?;
    let mut recovered = open_when_free(data, options.process, options.hosts.len().max(1))?;
    if options.process == 0 && finish(&recovered)? {
        recovered = recovered.again()?;
        recovered.release();
    }
    recovered.gather()?;
    hold_what_was_told(&recovered)?;
    begin(&mut recovered, plan, options);
    Ok(Some(recovered))
}

/// Opens the data folder. Processes whose supervisor was killed hold it until they have noticed.
fn open_when_free(
    data: &DataPlace,
    process: usize,
    processes: usize,
) -> Result<Recovered, StoreError> {
    let begun = Instant::now();
    loop {
        match store::open(data, process, processes) {
            Err(StoreError::Held { .. }) if begun.elapsed() < LEAVING => std::thread::sleep(LOOK),
            opened => return opened,
        }
    }
}

/// What outputs were told follows from rows that were durable: where these are not there, something was taken away.
fn hold_what_was_told(recovered: &Recovered) -> Result<(), StoreError> {
    let root = &recovered.folder.root;
    let told = sink::latest_committed(&recovered.folder, &recovered.store);
    let told = told.map_err(StoreError::io(root, "read"))?;
    match told.filter(|(tick, _)| *tick > recovered.until) {
        None => Ok(()),
        Some((tick, of)) => {
            let at = |tick: Tick| rfc3339((tick as Micros).saturating_mul(1_000));
            let (of, has) = (of.display(), at(recovered.until));
            Err(StoreError::altered(
                root,
                format!(
                    "a file in `log` was removed, shortened or changed, since '{of}' says that rows up to {} were stored, \
                     and those after {has} are not there (without `outputs` a run goes on with what is left)",
                    at(tick)
                ),
            ))
        }
    }
}

/// Has a run begin with the latest checkpoint that fits, if there is one.
pub fn begin(recovered: &mut Recovered, plan: &Plan, options: &RunOptions) {
    recovered.begin_with_checkpoint(&meaning(plan, options));
}

/// Whether all that it reads can be stored.
pub fn check(plan: &Plan) -> Result<(), RunError> {
    for source in &plan.sources {
        let is_taken = |field: &&Field| {
            stored::NAMES.contains(&field.name.as_str()) || field.name == Unnest::LIST
        };
        if let Some(field) = source.fields.iter().find(is_taken) {
            let (source_name, field) = (source.name.clone(), field.name.clone());
            return Err(StoreError::FieldName { source_name, field }.into());
        }
    }
    Ok(())
}

/// Says what there is of earlier runs, or that nothing will be of this one.
pub fn announce(plan: &Plan, options: &RunOptions, recovered: Option<&Recovered>) {
    match recovered {
        None if !options.ends(plan) => tracing::info!("{FLEETING}"),
        Some(recovered) if recovered.until > 0 && options.process == 0 => {
            read_back(plan, recovered)
        }
        _ => {}
    }
}

fn read_back(plan: &Plan, recovered: &Recovered) {
    let rows: u64 = recovered.rows.values().sum();
    let folder = recovered.folder.shown();
    match &recovered.checkpoint {
        None => tracing::info!(
            "{} read back from '{folder}'",
            counted(rows, "stored row of earlier runs is", "stored rows of earlier runs are")
        ),
        Some(checkpoint) => tracing::info!(
            "a checkpoint of {} is put back, and what was stored after it of {} of earlier runs is read back \
             from '{folder}'",
            rfc3339(checkpoint.of.at),
            counted(rows, "row", "rows")
        ),
    }
    let superseded = recovered.superseded();
    if superseded > 0 {
        tracing::info!(
            "{} of records, from which nothing followed any more: they have left '{folder}'",
            counted(superseded, "more was an older version", "more were older versions")
        );
    }
    for (source, rows) in &recovered.rows {
        if plan.sources.iter().all(|of| of.name != *source) {
            tracing::warn!(
                "{} of source {source}, which the definition does not have: they stay stored",
                counted(*rows, "stored row is", "stored rows are")
            );
        }
    }
    changed_fields(plan, recovered).iter().for_each(|told| tracing::warn!("{told}"));
}

/// What there is to be said of fields that stored rows do not have, or have otherwise, and of versions of records that are
/// not stored any more.
pub fn changed_fields(plan: &Plan, recovered: &Recovered) -> Vec<String> {
    let made = fields(plan);
    let told = |(source, field, was): (&str, &str, Option<String>)| match was {
        None => format!(
            "source {source}: rows that were stored before its field {field} was defined have its default, or null, in \
             its place. To have it of them too, let the source be read from its start with a data folder that is new"
        ),
        Some(was) => format!(
            "source {source}: field {field} of rows that are stored was {was}, and is now {}: they keep what they have. \
             To read it anew, and rows that were rejected for what it was, let the source be read from its start with a \
             data folder that is new",
            made[source][field]
        ),
    };
    let stated = |names: BTreeSet<String>| {
        let are = if names.len() == 1 { "is stated" } else { "are stated" };
        format!("{} {are} otherwise", Vec::from_iter(names).join(", "))
    };
    let taken = recovered.taken_otherwise(plan).into_iter().map(|(source, names)| {
        format!(
            "source {source}: its {} now. Rows that did not count when they were read, or were rejected, are not stored, \
             and are not read again. To have those that count by now, let the source be read from its start with a data \
             folder that is new",
            stated(names)
        )
    });
    let versions = recovered.read_otherwise(plan).into_iter().map(|(source, number, names)| {
        let versions = counted(number, "older version", "older versions");
        format!(
            "source {source}: {versions} of its records left the data folder while nothing followed from them, but its \
             {} now: what follows from them by that is not known. To know it, let the source be read from \
             its start with a data folder that is new",
            stated(names)
        )
    });
    recovered.changed_fields(&made).into_iter().map(told).chain(versions).chain(taken).collect()
}

/// By source, what each field is made of.
fn fields(plan: &Plan) -> BTreeMap<String, BTreeMap<String, String>> {
    let fields = |source: &Source| {
        let made = |field: &Field| {
            let written = field.written.as_ref().map(|form| format!(", written as {form}"));
            let written = written.unwrap_or_default();
            let map = field.map.as_ref().map(|map| format!(", mapped by {map}"));
            let map = map.unwrap_or_default();
            format!("{} from {}{written}{map}", field.data_type.spoken(), field.path)
        };
        source.raw_fields().iter().map(|field| (field.name.clone(), made(field))).collect()
    };
    plan.sources.iter().map(|source| (source.name.clone(), fields(source))).collect()
}

/// What the log of this run begins with.
pub fn header(plan: &Plan, options: &RunOptions, recovered: &Recovered) -> LogHeader {
    LogHeader {
        run: recovered.next_run,
        process: options.process,
        processes: options.hosts.len().max(1),
        workers: options.workers,
        number: 0,
        fields: fields(plan),
        read_as: plan
            .sources
            .iter()
            .map(|source| (source.name.clone(), source_reading(plan, &source.name)))
            .collect(),
    }
}

/// What outputs know of durability.
pub fn outputs(
    plan: &Plan,
    options: &RunOptions,
    recovered: &Recovered,
    comes_at_once: bool,
) -> DurableOutputs {
    let definition = meaning(plan, options);
    let CompactedUntil { told, untold } = recovered.compacted_until(&definition);
    let checkpoint = recovered.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.of.tick);
    DurableOutputs {
        folder: recovered.folder.clone(),
        store: recovered.store.clone(),
        definition,
        run: recovered.next_run,
        replayed: recovered.until,
        comes_at_once,
        settled: checkpoint.max(told),
        known_from: untold,
        process: options.process,
        processes: options.hosts.len().max(1),
        workers: options.workers,
        committable: Committable::new(),
        difference: OutputsDifference::default(),
        differs_at: (wall_clock() as Tick / 1_000).max(recovered.until + 1),
    }
}

/// A hash of all that decides what outputs are told of the same rows: under another one, what was told says nothing.
pub fn meaning(plan: &Plan, options: &RunOptions) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
    hasher.update(format!("{:?}", options.clock).as_bytes());
    for stated in &plan.stated {
        let beside = ["http", "kafka", "data", "target_latency", "name"];
        if !beside.contains(&stated.path.first().map_or("", String::as_str)) {
            stated.add_to(&mut hasher);
        }
    }
    hasher.finalize().to_hex()[..32].to_owned()
}
