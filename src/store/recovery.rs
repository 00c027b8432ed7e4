//! What a folder holds when a run begins: up to which tick all is there, and how far the sources were read by then.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::brought;
use super::checkpoint::{self, Checkpoint};
use super::error::StoreError;
use super::folder::{Folder, StoreFile, is_there};
use super::frame::LogHeader;
use super::kept::FilesInUse;
use super::log::LogReader;
use super::manifest::{Compacted, Manifest, StoredSegment};
use super::mirror::Mirror;
use super::presence;
use super::restored::restore;
use super::suppressed::{self, suppressed};
use super::working_folder::working_folder_of;
use crate::plan::source_reading::stated_otherwise;
use crate::plan::{DataPlace, Plan};
use crate::row::Unwanted;
use crate::source::{Positions, Reached};
use crate::time::Tick;

/// What earlier runs left.
pub struct Recovered {
    pub folder: Folder,
    pub store: String,
    /// The last tick of which every worker's part is there; 0 if there is none.
    pub until: Tick,
    /// How far sources are read by then.
    pub positions: Positions,
    /// Rows up to then, by the names of their sources.
    pub rows: BTreeMap<String, u64>,
    /// By process, up to where older versions of records have left.
    pub(super) compacted: Vec<Compacted>,
    /// By source, how many those were.
    pub(super) superseded: BTreeMap<String, u64>,
    pub(super) pieces: Vec<HistoryPart>,
    /// Whose rows are dropped.
    pub suppressed: Arc<Unwanted>,
    /// What the run begins with, so that only the rows behind it are read back.
    pub checkpoint: Option<Checkpoint>,
    /// A number for the run that begins, greater than those of all before.
    pub next_run: u64,
    /// Holds the folder.
    lock: Arc<File>,
    /// Holds its files, where another run writes into it meanwhile.
    in_use: Mutex<Option<FilesInUse>>,
}

/// A part of the history: ticks of one process.
#[derive(Clone)]
pub(super) struct HistoryPart {
    pub log: LogHeader,
    pub first: Tick,
    /// The last one that counts.
    pub last: Tick,
    pub held: PartFiles,
}

impl HistoryPart {
    pub fn columnar(segment: StoredSegment) -> Self {
        let StoredSegment { ref log, first, last, .. } = segment;
        HistoryPart { log: log.clone(), first, last, held: PartFiles::Columnar(Arc::new(segment)) }
    }
}

#[derive(Clone)]
pub(super) enum PartFiles {
    Log { path: PathBuf, may_be_torn: bool },
    Columnar(Arc<StoredSegment>),
}

/// A log that an earlier run left.
pub(super) struct LeftLog<'a> {
    pub of: &'a LogHeader,
    pub path: &'a Path,
    /// The last tick in it that counts.
    pub last: Tick,
    pub may_be_torn: bool,
}

/// A log, as far as it is whole.
struct ScannedLog {
    path: PathBuf,
    header: LogHeader,
    ticks: Vec<ScannedTick>,
    may_be_torn: bool,
}

struct ScannedTick {
    tick: Tick,
    worker: usize,
    reached: Vec<Reached>,
    rows: Vec<(String, u64)>,
}

/// The ticks of one run, as far as each worker's are there.
#[derive(Default)]
struct RunExtent {
    workers: usize,
    last: BTreeMap<usize, Tick>,
    /// By process, the numbers of the logs that there are.
    numbers: BTreeMap<usize, BTreeSet<u64>>,
}

impl RunExtent {
    fn add(
        &mut self,
        workers: usize,
        process: usize,
        numbers: RangeInclusive<u64>,
        last: impl IntoIterator<Item = (usize, Tick)>,
    ) {
        self.workers = workers;
        self.numbers.entry(process).or_default().extend(numbers);
        for (worker, tick) in last {
            let known = self.last.entry(worker).or_default();
            *known = tick.max(*known);
        }
    }

    /// The last tick that all workers have; 0 if there is none.
    fn until(&self) -> Tick {
        match self.last.len() == self.workers {
            true => self.last.values().copied().min().unwrap_or_default(),
            false => 0,
        }
    }
}

/// Opens the folder for a process of so many, which holds it from now on.
pub fn open(data: &DataPlace, process: usize, processes: usize) -> Result<Recovered, StoreError> {
    let root = working_folder_of(data, process)?;
    let DataPlace::Bucket(place) = data else {
        let (folder, store) = Folder::open(&root, None)?;
        let lock = Arc::new(folder.lock(process)?);
        return read(folder, store, lock, Some(process));
    };
    fs::create_dir_all(&root).map_err(StoreError::io(&root, "made"))?;
    let lock = Folder::lock_at(&root, process).map_err(|error| match error {
        StoreError::Held { .. } => StoreError::HeldElsewhere {
            url: place.url(),
            holder: format!("of this machine, in '{}'", root.display()),
        },
        error => error,
    });
    let lock = Arc::new(lock?);
    let mirror = match process {
        0 => Mirror::take(place, &root, processes)?,
        _ => Mirror::join(place, &root, (process, processes))?,
    };
    mirror.begin(restore(&mirror, &root)?)?;
    let (folder, store) = Folder::open(&root, Some(mirror))?;
    read(folder, store, lock, Some(process))
}

/// As [`open`], of a folder that has to be there, for a single process.
pub fn open_existing(data: &DataPlace) -> Result<Recovered, StoreError> {
    let recovered = match data {
        DataPlace::Folder(root) if !is_there(root) => None,
        DataPlace::Folder(_) => Some(open(data, 0, 1)?),
        // Only who holds it knows.
        DataPlace::Bucket(_) => Some(open(data, 0, 1)?).filter(|of| of.next_run > 1),
    };
    match recovered {
        Some(recovered) => Ok(recovered),
        None => Err(StoreError::NotThere { data: data.to_string() }),
    }
}

impl Recovered {
    /// What the run begins with is there: where it is in a bucket, the other processes are waited for, which begin with it.
    pub fn gather(&self) -> Result<(), StoreError> {
        self.folder.mirror().map_or(Ok(()), |mirror| mirror.gather())
    }

    /// What the folder holds by now, for the run that holds it and writes into it meanwhile, or the one that takes its
    /// place.
    ///
    /// Where several processes share a bucket, each has on its machine what it stores itself: what the others have is
    /// brought.
    pub fn again(&self) -> Result<Recovered, StoreError> {
        let in_use = self.folder.reading();
        if let Some(mirror) = self.folder.mirror().filter(|mirror| mirror.is_shared()) {
            brought::bring(mirror, &self.folder)?;
        }
        let store = self.folder.store()?;
        let again = read(self.folder.clone(), store, Arc::clone(&self.lock), None)?;
        Ok(Recovered { in_use: Mutex::new(Some(in_use)), ..again })
    }

    /// All that is wanted of it has been read: the files that it is of need not stay.
    pub fn release(&self) {
        drop(self.in_use.lock().expect("no one panics with it").take());
    }
}

/// Reads what a folder holds. The first that does, when it opens the folder for a process, clears what crashes leave.
fn read(
    folder: Folder,
    store: StoreFile,
    lock: Arc<File>,
    opened_by: Option<usize>,
) -> Result<Recovered, StoreError> {
    let _reading = folder.reading();
    if opened_by == Some(0) {
        suppressed::renew(&folder)?;
    }
    // Logs become other files, and not the other way round.
    let scanned = scan(&folder, opened_by.is_some())?;
    let (segments, compacted): (Vec<_>, Vec<Compacted>) =
        Manifest::all(&folder)?.into_iter().map(|of| (of.segments, of.compacted)).unzip();
    let segments: Vec<StoredSegment> = segments.into_iter().flatten().collect();
    if let Some(process) = opened_by {
        presence::check(&folder, process, &segments, &folder.logs()?)?;
    }
    let (made, logs): (Vec<_>, Vec<_>) = scanned
        .into_iter()
        .partition(|log| segments.iter().any(|segment| segment.has(log.header.id())));
    for log in made.iter().filter(|log| Some(log.header.process) == opened_by) {
        folder.delete(&log.path)?;
    }
    let root = &folder.root;
    let StoreFile { store, .. } = store;
    let mut runs: BTreeMap<u64, RunExtent> = BTreeMap::new();
    for segment in &segments {
        for of in segment.runs() {
            let (workers, (first, last)) = (of.processes * of.workers, of.numbers);
            let extent = runs.entry(of.run).or_default();
            extent.add(workers, segment.log.process, first..=last, of.complete);
        }
    }
    for ScannedLog { header, ticks, .. } in &logs {
        let last = ticks.iter().map(|tick| (tick.worker, tick.tick));
        let workers = header.processes * header.workers;
        let extent = runs.entry(header.run).or_default();
        extent.add(workers, header.process, header.number..=header.number, last);
    }
    for (run, end) in &runs {
        for (process, numbers) in &end.numbers {
            if let Some(missing) = (0..).zip(numbers).find(|(place, number)| place != *number) {
                let name = format!("{run}-p{process}-{:06}", missing.0);
                return Err(StoreError::altered(
                    root,
                    format!("the log or the files '{name}' are missing"),
                ));
            }
        }
    }
    let until = |run: u64| runs[&run].until();
    let (mut positions, mut rows, mut pieces) = (Positions::default(), BTreeMap::new(), Vec::new());
    let mut superseded = BTreeMap::new();
    for segment in segments {
        positions.merge(&segment.positions);
        for file in &segment.rows {
            *rows.entry(file.source.clone()).or_default() += file.rows;
        }
        for (source, number) in &segment.superseded {
            *superseded.entry(source.clone()).or_default() += number;
        }
        pieces.push(HistoryPart::columnar(segment));
    }
    for ScannedLog { path, header, ticks, may_be_torn } in logs {
        let last = until(header.run);
        let counting = || ticks.iter().filter(|of| of.tick <= last);
        for of in counting() {
            of.reached.iter().for_each(|reached| positions.add(reached));
            for (source, number) in &of.rows {
                *rows.entry(source.clone()).or_default() += number;
            }
        }
        let first = counting().map(|of| of.tick).min().unwrap_or(Tick::MAX);
        let held = PartFiles::Log { path, may_be_torn };
        pieces.push(HistoryPart { log: header, first, last, held });
    }
    pieces.sort_by_key(|piece| (piece.first, piece.log.process));
    Ok(Recovered {
        until: runs.values().map(RunExtent::until).max().unwrap_or_default(),
        next_run: runs.keys().max().map_or(1, |last| last + 1),
        suppressed: Arc::new(Unwanted { suppressed: suppressed(&folder)?, ..Unwanted::default() }),
        checkpoint: None,
        folder,
        store,
        positions,
        rows,
        compacted,
        superseded,
        pieces,
        lock,
        in_use: Mutex::default(),
    })
}

/// Looks through the logs. What a crash left of one is told, where it is one that did.
fn scan(folder: &Folder, is_told: bool) -> Result<Vec<ScannedLog>, StoreError> {
    let paths = folder.logs()?;
    let mut scanned = Vec::new();
    for (place, path) in paths.iter().enumerate() {
        // Their names sort by run, process and number: a process's last one alone may end in the middle.
        let stem = |path: &PathBuf| {
            let name = path.file_stem()?.to_str()?;
            Some(name.rsplit_once('-')?.0.to_owned())
        };
        let may_be_torn = paths.get(place + 1).is_none_or(|next| stem(next) != stem(path));
        let Some(mut log) = LogReader::open(path, may_be_torn)? else {
            continue;
        };
        let header = log.header.clone();
        let mut ticks = Vec::new();
        while let Some(frame) = log.next()? {
            let of = frame.header;
            let rows = of.rows.into_iter().map(|(source, rows, _)| (source, rows)).collect();
            ticks.push(ScannedTick { tick: of.tick, worker: of.worker, reached: of.reached, rows });
        }
        let path_shown = path.display();
        match log.torn_at().filter(|_| is_told) {
            None => {}
            Some((byte, 0)) => tracing::info!(
                "'{path_shown}' ends in the middle of a frame at byte {byte}, as a crash leaves it: what it would hold \
                 is read from the sources again"
            ),
            Some((byte, behind)) => tracing::warn!(
                "'{path_shown}' is damaged at byte {byte}, and what lies in the {behind} bytes behind it is lost: a crash \
                 of the machine leaves that where nothing had been promised of it, or the file was altered. It is read \
                 again as far as the sources still have it"
            ),
        }
        scanned.push(ScannedLog { path: path.clone(), header, ticks, may_be_torn });
    }
    Ok(scanned)
}

impl Recovered {
    /// Has the run begin with the latest checkpoint of a definition, if there is one.
    pub fn begin_with_checkpoint(&mut self, definition: &str) {
        self.checkpoint = checkpoint::latest(&self.folder, &self.store, definition, self.until);
    }

    /// The logs that a process is to make columnar files of, each with the last tick in it that counts: its own, and
    /// the first process's those of processes that are no more.
    pub fn logs_of(&self, process: usize, processes: usize) -> Vec<(PathBuf, Tick)> {
        let is_own = |of: usize| of == process || (process == 0 && of >= processes);
        let own = self.logs().into_iter().filter(|log| is_own(log.of.process));
        own.map(|log| (log.path.to_owned(), log.last)).collect()
    }

    /// The logs in the order in which they are made columnar files. Those in which nothing counts come behind the others, and
    /// a run's last one first: wherever that is cut off, none is missed before one that is there.
    pub(super) fn logs(&self) -> Vec<LeftLog<'_>> {
        let logs = self.pieces.iter().filter_map(|piece| match &piece.held {
            PartFiles::Log { path, may_be_torn } => {
                let (of, last) = (&piece.log, piece.last);
                Some((piece.first, LeftLog { of, path, last, may_be_torn: *may_be_torn }))
            }
            PartFiles::Columnar(_) => None,
        });
        let (counting, nothing): (Vec<_>, Vec<_>) = logs.partition(|(first, _)| *first < Tick::MAX);
        counting.into_iter().chain(nothing.into_iter().rev()).map(|(_, log)| log).collect()
    }

    /// The sources that were read before and of which other rows count by now, and what is stated otherwise.
    pub fn taken_otherwise<'a>(&self, plan: &'a Plan) -> Vec<(&'a str, BTreeSet<String>)> {
        stated_otherwise(plan, |source| {
            self.pieces.iter().filter_map(move |piece| piece.log.read_as.get(source))
        })
    }

    /// The fields of sources that there are still which some stored row has otherwise, with what it was made of; `None`
    /// if it has none.
    pub fn changed_fields<'a>(
        &self,
        made: &'a BTreeMap<String, BTreeMap<String, String>>,
    ) -> Vec<(&'a str, &'a str, Option<String>)> {
        let mut changed = BTreeMap::new();
        for piece in &self.pieces {
            for (source, fields) in made {
                let Some(before) = piece.log.fields.get(source) else { continue };
                let other = fields.iter().filter(|(field, made)| before.get(*field) != Some(made));
                for (field, _) in other {
                    changed.insert((source.as_str(), field.as_str()), before.get(field).cloned());
                }
            }
        }
        changed.into_iter().map(|((source, field), was)| (source, field, was)).collect()
    }
}
