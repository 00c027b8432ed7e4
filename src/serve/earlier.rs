//! Changes that are kept in memory no longer, read from the files of the outputs that told them, and of outputs that have
//! no such file from the journal.
//!
//! An output's file has its records by tick, and an index where each tick begins (`sink::TickIndex`). What several
//! outputs told is brought together by its place, tick by tick, so that places and their order are those that records had
//! at first.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::journal_reading::{JournalReading, JournalRecord};
use super::recent::RecordPlace;
use crate::sink::{Catalog, Encoder, Json, ReadBack, RecordKey, TickIndex};
use crate::time::Tick;

/// What is read at once of records that are large.
const MOST_BYTES: usize = 1 << 20;

/// The records of some outputs from a place on.
pub struct EarlierRecords {
    files: Vec<EarlierFile>,
    /// The journal of outputs without such a file.
    journal: Option<JournalReading>,
    catalog: Catalog,
    json: Json,
    /// What was told already.
    place: RecordPlace,
    /// What is left of the tick that is being read: the place of each record, by which of the files it lies in.
    waiting: VecDeque<(RecordPlace, usize, Line)>,
}

/// The file of an output.
struct EarlierFile {
    output: u16,
    file: File,
    index: Arc<TickIndex>,
    /// The next pair of the index.
    next: u64,
}

/// Where in a file a record lies.
#[derive(Clone, Copy)]
struct Line {
    from: u64,
    bytes: usize,
}

impl EarlierRecords {
    /// Opens the files of outputs, with their indexes where they have any: what the others told, the journal tells in
    /// this folder. `Err` has an output of which neither tells what came behind the place.
    pub fn open(
        outputs: Vec<(u16, Option<Arc<TickIndex>>)>,
        journal: Option<&Path>,
        place: RecordPlace,
        catalog: &Catalog,
    ) -> Result<Self, u16> {
        let (mut indexed, mut others) = (Vec::new(), Vec::new());
        for (output, index) in outputs {
            match index {
                Some(index) => indexed.push((output, index)),
                None => others.push((catalog.outputs.name(output).to_owned(), output)),
            }
        }
        indexed.sort_unstable_by_key(|(output, _)| *output);
        let open = |(output, index): (u16, Arc<TickIndex>)| {
            let opened = || {
                let next = index.from(place.tick).ok()??;
                let file = File::open(&index.path).ok()?;
                Some(EarlierFile { output, file, index, next })
            };
            opened().ok_or(output)
        };
        let files = indexed.into_iter().map(open).collect::<Result<_, _>>()?;
        let journal = match others.first().map(|(_, output)| *output) {
            None => None,
            Some(output) => {
                let reading = journal
                    .and_then(|folder| JournalReading::begin(folder, others, place).ok().flatten());
                Some(reading.ok_or(output)?)
            }
        };
        Ok(EarlierRecords {
            files,
            journal,
            catalog: catalog.clone(),
            json: Json::new(catalog),
            place,
            waiting: VecDeque::new(),
        })
    }

    /// The next records, so many at most, and fewer where they are large, of ticks up to one whose records all stand there.
    /// None: there are no more.
    pub fn read(&mut self, most: usize, until: Tick) -> io::Result<Vec<JournalRecord>> {
        let (mut found, mut bytes_found): (Vec<JournalRecord>, usize) = (Vec::new(), 0);
        while found.len() < most && bytes_found < MOST_BYTES {
            while self.waiting.is_empty() && self.next_tick(until)? {}
            let in_journal = match &mut self.journal {
                Some(journal) => journal.peek(until)?,
                None => None,
            };
            let in_file = self.waiting.front().map(|(place, ..)| *place);
            let is_next = in_journal.is_some_and(|of| in_file.is_none_or(|in_file| of < in_file));
            if let Some(journal) = self.journal.as_mut().filter(|_| is_next) {
                let next = journal.next();
                bytes_found += next.as_ref().map_or(0, |(.., line)| line.len());
                found.extend(next);
                continue;
            }
            let Some((place, file, line)) = self.waiting.pop_front() else { break };
            let EarlierFile { output, file, .. } = &self.files[file];
            let mut bytes = vec![0; line.bytes];
            file.read_exact_at(&mut bytes, line.from)?;
            self.place = place;
            bytes_found += line.bytes;
            found.push((place, *output, String::from_utf8(bytes).map_err(io::Error::other)?));
        }
        Ok(found)
    }

    /// Finds the records of the next tick; `false`: there is none.
    fn next_tick(&mut self, until: Tick) -> io::Result<bool> {
        let mut next: Option<Tick> = None;
        for file in &self.files {
            if let Some(tick) = file.tick()? {
                next = Some(next.map_or(tick, |other| other.min(tick)));
            }
        }
        let Some(tick) = next.filter(|tick| *tick <= until) else { return Ok(false) };
        for number in 0..self.files.len() {
            let output = self.files[number].output;
            let mut place = RecordPlace::before(tick);
            while self.files[number].tick()? == Some(tick) {
                let range = self.files[number].range()?;
                let mut lines: Vec<(RecordKey, Line)> = Vec::new();
                self.lines(number, range, &mut lines)?;
                self.files[number].next += 1;
                lines.sort_by(|(one, _), (other, _)| one.cmp(other));
                // What was added to the tick later stands behind what was told of it first.
                for (_, line) in lines {
                    place = place.next(output);
                    if place > self.place {
                        self.waiting.push_back((place, number, line));
                    }
                }
            }
        }
        Ok(true)
    }

    /// The records in a part of a file.
    fn lines(
        &mut self,
        number: usize,
        (from, end): (u64, u64),
        lines: &mut Vec<(RecordKey, Line)>,
    ) -> io::Result<()> {
        let mut reader = BufReader::new(&self.files[number].file);
        reader.seek(SeekFrom::Start(from))?;
        let (mut from, mut bytes) = (from, Vec::new());
        while from < end {
            bytes.clear();
            let read = reader.read_until(b'\n', &mut bytes)?;
            if bytes.last() != Some(&b'\n') {
                break;
            }
            let decoded = self.json.decode(&bytes, &mut self.catalog);
            let Ok(ReadBack::Record(record, _)) = decoded else {
                let path = self.files[number].index.path.display().to_string();
                return Err(io::Error::other(format!("'{path}' has no record at byte {from}")));
            };
            lines.push((record.key, Line { from, bytes: read - 1 }));
            from += read as u64;
        }
        Ok(())
    }
}

impl EarlierFile {
    /// The tick of the next pair.
    fn tick(&self) -> io::Result<Option<Tick>> {
        match self.next < self.index.pairs() {
            true => Ok(Some(self.index.pair(self.next)?.0)),
            false => Ok(None),
        }
    }

    /// Where the records of the next pair lie: up to the next one's, or to the end of the file.
    fn range(&self) -> io::Result<(u64, u64)> {
        let from = self.index.pair(self.next)?.1;
        // Looked at first: whatever is written behind it has a pair by then.
        let end = self.file.metadata()?.len();
        let next = self.next + 1;
        let end = match next < self.index.pairs() {
            true => self.index.pair(next)?.1,
            false => end,
        };
        Ok((from, end))
    }
}
