//! What is said of a person by rows that were looked up in indexes is what all stored rows say: on generated histories,
//! stored by runs that were cut off, with indexes that are missing or torn, and once somebody was forgotten.

mod oracle;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use oracle::check::{Case, plan};
use oracle::histories::{Settings, histories};
use oracle::minimal::{config, holds};
use proptest::prelude::*;
use selfsame::internals::decode::Decoder;
use selfsame::internals::explain::{self, AllRows, Question, WhyError};
use selfsame::internals::plan::Plan;
use selfsame::internals::row::{Body, Carried, Identifier, IdentifierHash, Unwanted};
use selfsame::internals::runtime::{GivenTick, Restart, restarted};
use selfsame::internals::store::{self, Indexing, Recovered, all_in_batch};
use serde_json::Value;

/// Where runs are cut off, and what becomes of indexes.
#[derive(Clone, Debug)]
struct Stored {
    cuts: Vec<f64>,
    /// Which indexes are missing, and which are altered where.
    missing: Vec<prop::sample::Index>,
    altered: Vec<(prop::sample::Index, prop::sample::Index)>,
    forgotten: prop::sample::Index,
    /// Where logs end when they are first asked.
    early: f64,
}

fn stored() -> impl Strategy<Value = Stored> {
    let index = any::<prop::sample::Index>;
    let cuts = prop::collection::vec(0.0..1.0, 0..5);
    let missing = prop::collection::vec(index(), 0..3);
    let altered = prop::collection::vec((index(), index()), 0..3);
    let all = (cuts, missing, altered, index(), 0.0..1.0);
    all.prop_map(|(cuts, missing, altered, forgotten, early)| Stored {
        cuts,
        missing,
        altered,
        forgotten,
        early,
    })
}

/// Stores a history by runs one after the other.
fn store(case: &Case, data: &Path, cuts: &[f64]) {
    let ticks = case.script.ticks.iter();
    let all: Vec<GivenTick> = ticks.map(|tick| (tick.reading, tick.chunks(&case.plan))).collect();
    let mut places: Vec<usize> = cuts.iter().map(|cut| (cut * all.len() as f64) as usize).collect();
    places.sort_unstable();
    let mut from = 0;
    for to in places.into_iter().chain([all.len()]) {
        let restart = Restart { workers: 1, ..Restart::default() };
        restarted(&case.plan, case.clock, data, &restart, &Arc::new(all[from..to].to_vec()));
        from = to;
    }
}

/// Identifiers that rows carry, and one that none does.
fn carried(case: &Case) -> Vec<Identifier> {
    let plan = &case.plan;
    let decoders = (0..plan.sources.len()).map(|of| Decoder::new(Arc::clone(plan), of));
    let mut decoders: Vec<Decoder> = decoders.collect();
    let mut all = BTreeSet::new();
    for tick in &case.script.ticks {
        for chunk in tick.chunks(plan) {
            let rows = decoders[usize::from(chunk.source)].decode(&chunk, tick.reading).rows;
            let said = rows.iter().flat_map(|row| row.body.iter().flat_map(Body::said));
            all.extend(said.flat_map(Body::identifiers).map(Carried::to_identifier));
        }
    }
    all.into_iter().collect()
}

fn indexes(data: &Path) -> Vec<PathBuf> {
    let files = |of: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(of).into_iter().flatten();
        entries.map(|entry| entry.expect("an entry").path()).collect()
    };
    let folders = files(&data.join("index")).into_iter().filter(|path| path.is_dir());
    let mut all: Vec<PathBuf> = folders.flat_map(|of| files(&of)).collect();
    all.sort();
    all
}

/// The answer, or why there is none; the clock goes on between two.
fn said(rows: &AllRows, id: &str, question: &Question) -> Value {
    fn without_now(value: &mut Value) {
        if let Value::Object(fields) = value {
            fields.remove("now");
        }
    }
    match explain::why(rows.clone(), false, id, question) {
        Ok(answer) => {
            let mut answer = serde_json::to_value(&answer).expect("it is JSON");
            without_now(&mut answer);
            answer
        }
        Err(error) => Value::from(error.to_string()),
    }
}

/// Where answers differ, if they do.
fn differs(plan: &Arc<Plan>, rows: &AllRows, asked: &[Identifier]) -> Option<String> {
    let whole = rows.clone().all_read();
    for (number, identifier) in asked.iter().enumerate() {
        let id = plan.spoken(identifier);
        let other = plan.spoken(&asked[(number + 1) % asked.len()]);
        let mut questions = vec![Question::Person, Question::With(other)];
        // By turns, since each costs a whole run.
        let segments = plan.segments.iter().skip(number % 3).step_by(3);
        questions.extend(segments.map(|of| Question::Segment(of.name.clone())));
        let attributes = plan.attributes.iter().skip(number % 4).step_by(4);
        questions.extend(attributes.map(|of| Question::Attribute(of.name.clone())));
        for question in &questions {
            let (found, all) = (said(rows, &id, question), said(&whole, &id, question));
            if found != all {
                return Some(format!("{id} {question:?}: {found:#}\nand not\n{all:#}"));
            }
        }
        let about = rows.about(&[identifier.hash], true).expect("rows are read");
        assert!(about.is_some(), "{id} is not looked up");
        let (found, all) = (explain::person(rows, &id), explain::person(&whole, &id));
        let (found, all) = (format!("{found:?}"), format!("{all:?}"));
        if found != all {
            return Some(format!("{id}: {found}\nand not\n{all}"));
        }
    }
    None
}

/// How often it is looked whether an answer is still waited for: at the first look by which it is not, there is an end.
fn goes_on(rows: &AllRows, ask: impl Fn(AllRows) -> Result<(), WhyError>) -> Option<String> {
    let asked = |waited: usize| {
        let looks = Arc::new(AtomicUsize::new(0));
        let look = Arc::clone(&looks);
        let rows = rows.clone().unless(move || look.fetch_add(1, Ordering::Relaxed) >= waited);
        (ask(rows), looks.load(Ordering::Relaxed))
    };
    let looks = asked(usize::MAX).1;
    let mut waited = vec![0, looks / 2, looks.saturating_sub(1)];
    waited.retain(|waited| looks == 0 || *waited < looks);
    waited.into_iter().find_map(|waited| {
        let (answer, looks) = asked(waited);
        let is_over = matches!(answer, Err(WhyError::GivenUp)) && looks == waited + 1;
        (!is_over).then(|| format!("after {waited} looks: {answer:?}, after {looks}"))
    })
}

/// Where something is read for nobody, if it is.
fn reads_for_nobody(plan: &Plan, rows: &AllRows, of: &Identifier) -> Option<String> {
    let id = plan.spoken(of);
    let mut questions = vec![Question::Person, Question::With(id.clone())];
    questions.extend(plan.segments.first().map(|of| Question::Segment(of.name.clone())));
    questions.extend(plan.attributes.first().map(|of| Question::Attribute(of.name.clone())));
    for question in questions {
        let why = |rows| explain::why(rows, false, &id, &question).map(drop);
        if let Some(found) = goes_on(rows, why) {
            return Some(format!("{id} {question:?}: {found}"));
        }
    }
    let carried = BTreeSet::from([of.hash]);
    goes_on(rows, |rows| explain::timeline(&rows, &carried, None, 1).map(drop))
}

/// The rows that carry an identifier, by source, as a look through all of them has it.
fn counted(rows: &AllRows, of: &BTreeSet<IdentifierHash>) -> BTreeMap<usize, usize> {
    let mut counted = BTreeMap::new();
    let each = |source, _: &_, _| *counted.entry(source).or_default() += 1;
    rows.carrying(of, each).expect("rows are read");
    counted
}

/// Asks logs that end earlier, so that their indexes are read on when they are as they were.
fn ask_early(case: &Case, recovered: &Arc<Recovered>, asked: &[Identifier], early: f64) {
    let logs = fs::read_dir(recovered.folder.root.join("log")).expect("a folder").flatten();
    let logs: Vec<_> = logs.map(|log| log.path()).collect();
    let whole: Vec<Vec<u8>> = logs.iter().map(|log| fs::read(log).expect("it is there")).collect();
    for (log, whole) in logs.iter().zip(&whole) {
        let length = (whole.len() as f64 * early) as usize;
        fs::write(log, &whole[..length]).expect("it is written");
    }
    // Where logs end within a frame nothing may be there but what comes before it.
    if let Ok(early) = recovered.again() {
        let of: Vec<_> = asked.iter().map(|of| of.hash).collect();
        let rows = all_rows(case, &Arc::new(early));
        let _ = rows.about(&of, true);
    }
    for (log, whole) in logs.iter().zip(&whole) {
        fs::write(log, whole).expect("it is written");
    }
}

fn all_rows(case: &Case, recovered: &Arc<Recovered>) -> AllRows {
    AllRows::of_folder(Arc::clone(&case.plan), case.clock, Arc::clone(recovered))
}

fn fails(case: &Case, stored: &Stored) -> Option<String> {
    let data = tempfile::tempdir().expect("a folder");
    let data = data.path();
    store(case, data, &stored.cuts);
    let asked = carried(case);
    let open = || Arc::new(store::open(&data.to_owned().into(), 0, 1).expect("a data folder"));
    let recovered = open();
    let folder = recovered.folder.clone();
    let indexing = || Indexing::new(&folder, &case.plan).expect("a key").of_any_size();
    indexing().make_missing(&folder, None, || false).expect("indexes");
    drop(recovered);
    for missing in &stored.missing {
        let all = indexes(data);
        if !all.is_empty() {
            fs::remove_file(missing.get(&all)).expect("it is there");
        }
    }
    for (altered, at) in &stored.altered {
        let all = indexes(data);
        if all.is_empty() {
            continue;
        }
        let path = altered.get(&all);
        let mut bytes = fs::read(path).expect("it is there");
        let at = at.index(bytes.len());
        bytes[at] ^= 1;
        fs::write(path, bytes).expect("it is written");
    }
    let recovered = {
        let opened = open();
        ask_early(case, &opened, &asked, stored.early);
        Arc::new(opened.again().expect("it is as it was"))
    };
    let sample: Vec<Identifier> = asked.iter().step_by(asked.len() / 4 + 1).cloned().collect();
    if let Some(why) = differs(&case.plan, &all_rows(case, &recovered), &sample) {
        return Some(why);
    }
    let first = asked.first()?;
    let found = all_rows(case, &recovered);
    // By turns, since each costs a whole run.
    let rows = if asked.len().is_multiple_of(2) { found } else { found.all_read() };
    if let Some(why) = reads_for_nobody(&case.plan, &rows, first) {
        return Some(why);
    }
    drop(rows);
    indexing().make_missing(&folder, None, || false).expect("indexes");
    let forgotten = BTreeSet::from([stored.forgotten.get(&asked).hash]);
    let rows = all_rows(case, &recovered);
    let there: usize = counted(&rows, &forgotten).values().sum();
    drop(rows);
    let unwanted = Unwanted::of(forgotten.clone());
    let mut standing = 0;
    let mut leaves = |source: &str, batch: &arrow::array::RecordBatch| {
        let place = case.plan.sources.iter().position(|of| of.name == source).expect("it is one");
        let mut decoder = Decoder::new(Arc::clone(&case.plan), place).naming_all();
        let (rows, named) = all_in_batch(&mut decoder, place, batch);
        let mut leaves = vec![false; batch.num_rows()];
        let rows = rows.iter().filter(|of| of.row.carries(&forgotten));
        rows.for_each(|of| leaves[of.place] = true);
        standing += leaves.iter().filter(|leaves| **leaves).count();
        // What says of somebody's record that it is gone names them, too.
        let named = named.iter().filter(|of| unwanted.has(of.hash));
        named.for_each(|of| leaves[of.place] = true);
        leaves.into()
    };
    recovered.remove(&case.plan, &unwanted, &mut leaves).expect("rows are removed");
    drop(recovered);
    // Without indexes every row is looked at: those had told of all.
    fs::remove_dir_all(data.join("index")).expect("it may be deleted");
    let recovered = open();
    let again = recovered.remove(&case.plan, &unwanted, &mut leaves).expect("rows are removed");
    drop(recovered);
    let recovered = open();
    let rows = all_rows(case, &recovered);
    let left: usize = counted(&rows, &forgotten).values().sum();
    if (standing, left) != (there, 0) || !again.is_empty() {
        return Some(format!("{standing} rows of {there} left, {left} stay, {again:?} later"));
    }
    indexing().make_missing(&folder, None, || false).expect("indexes");
    differs(&case.plan, &rows, &sample)
}

proptest! {
    #![proptest_config(config(32))]

    #[test]
    fn what_is_looked_up_says_what_all_rows_say(
        history in histories(Settings::default()), stored in stored(),
    ) {
        holds(&history.case, |case| {
            fails(case, &stored).map(|failure| format!("{stored:#?}\n{failure}"))
        })?;
    }
}

const TWO_SOURCES: &str = "
sources:
  web: {files: web.ndjson, kind: events, fields: {email: text, device: text}}
  crm: {files: crm.ndjson, kind: records, key: email, fields: {email: text, name: text}}
identity:
  email: {from: {web: email, crm: email}}
  device: {from: {web: device}}
attributes:
  seen: {from: web, select: count(*)}
outputs:
  profiles: {files: out/profiles.ndjson}
";

#[test]
fn an_index_is_of_what_the_definition_says_of_identifiers_and_of_its_source() {
    let before = plan(TWO_SOURCES);
    let data = tempfile::tempdir().expect("a folder");
    let recovered = store::open(&data.path().to_owned().into(), 0, 1).expect("a data folder");
    let hasher = store::KeyHasher::of(&recovered.folder).expect("a key");
    let of = |plan: &Plan| ["web", "crm"].map(|source| hasher.meaning(plan, source));
    let changed = |from: &str, to: &str| {
        let text = TWO_SOURCES.replace(from, to);
        assert_ne!(text, TWO_SOURCES, "{from}");
        let (before, after) = (of(&before), of(&plan(&text)));
        [before[0] != after[0], before[1] != after[1]]
    };
    assert_eq!(changed("count(*)", "count(device)"), [false, false]);
    assert_eq!(changed("out/profiles", "out/people"), [false, false]);
    assert_eq!(changed("name: text", "name: text, city: text"), [false, true]);
    assert_eq!(
        changed(
            "device: {from: {web: device}}",
            "device: {from: {web: device}, placeholders: keep}"
        ),
        [true, true]
    );
    let other = tempfile::tempdir().expect("a folder");
    let recovered = store::open(&other.path().to_owned().into(), 0, 1).expect("a data folder");
    let another = store::KeyHasher::of(&recovered.folder).expect("a key");
    assert_ne!(another.meaning(&before, "web"), of(&before)[0], "each folder has its own key");
}
